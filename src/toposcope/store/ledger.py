"""The ledger of a place where tasks are done: what is done, and what could not be.

One small object per finished task, `ledger/<key>.json`, beside its part, `parts/<key>.<suffix>`. A
part is put first and its tick last; a part without its tick is garbage. Where every put is a
request that is paid (`Objects.joins`) both are one object, `ledger/<key>.task`: the length of the
tick in 8 bytes, the tick, the part. Either form is read in any place, so that folders and buckets
can be copied into each other. How tasks are run is no business of this file:
toposcope.execution.workbook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from toposcope.errors import DamagedError
from toposcope.store import checked_json
from toposcope.store.objects import Objects, content_hash, find_json, get_checked, put_json_at
from toposcope.store.shapes import expect

DONE, FAILED = "done", "failed"
LEDGER, PARTS = "ledger/", "parts/"
SHAPES = {
    DONE: {"part": str, "note?": dict},
    FAILED: {"task": str, "reason": str, "traceback": str, "kind?": str},
}
AGAIN = "Delete it and run the command again: its task alone is repeated."
FIRST = 4096
"""Bytes of a joined object that hold the tick of a task that is done."""
AT_ONCE = 16
"""Requests in flight where each waits for a network."""

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """A task that could not be done.

    Parameters
    ----------
    task
        Its title.
    reason
        What went wrong, in one line.
    traceback
        Where; the end of what its worker wrote to stderr when it died.
    kind
        "error" for one that it raised itself, else "timeout", "memory" or "died".
    """

    task: str
    reason: str
    traceback: str = ""
    kind: str = "error"


@dataclass(frozen=True)
class Noted:
    """A part, and what is noted beside it in its tick: of no digest, since it differs by call.

    Parameters
    ----------
    data
        The part.
    note
        Numbers by name, as processor seconds.
    """

    data: bytes
    note: Mapping[str, float]


class Ledger:
    """Ticks of tasks below `ledger/`: done, or failed with the reason.

    Examples
    --------
    >>> import tempfile
    >>> from toposcope.store.objects import objects_in
    >>> ledger = Ledger(objects_in(tempfile.mkdtemp()))
    >>> ledger.fail("4f2a", Failure("layer2.0, replicate 3", "MemoryError"))
    >>> ledger.done("4f2a"), ledger.failure("4f2a").reason
    (False, 'MemoryError')
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    def entry(self, key: str) -> dict[str, Any] | None:
        """What is recorded of a task, or None."""
        entry, name = self._found(key)
        if entry is not None:
            where = self.objects.where(name)
            expect(entry, {"status": str}, where=where, again=AGAIN)
            shape = SHAPES.get(entry["status"])
            if shape is None:
                msg = f"{where} is damaged: its status is {entry['status'][:40]!r}. {AGAIN}"
                raise DamagedError(msg)
            expect(entry, shape, where=where, again=AGAIN)
        return entry

    def tried(self) -> list[str]:
        """Keys of all tasks that were tried."""
        names = (name.removeprefix(LEDGER) for name in self.objects.list(LEDGER))
        return sorted({name.removesuffix(".json").removesuffix(".task") for name in names})

    def each(self, look: Callable[[str], T], keys: Iterable[str]) -> list[T]:
        """What a look at each of some tasks gives, many at once where a look is a request."""
        if not self.objects.joins:
            return [look(key) for key in keys]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(look, keys))

    def done(self, key: str) -> bool:
        """Whether the task was finished with a result."""
        entry = self.entry(key)
        return entry is not None and entry["status"] == DONE

    def publish(self, key: str, part: bytes | Noted, suffix: str) -> None:
        """Put the part of a task, then its tick; with one request where that counts."""
        data, note = (part.data, part.note) if isinstance(part, Noted) else (part, None)
        if self.objects.joins:
            self._join(_done(content_hash(data), note), key, data)
        else:
            self.objects.put(part_name(key, suffix), data)
            self.tick(key, part=content_hash(data), note=note)

    def part(self, key: str, entry: dict[str, Any], suffix: str, *, again: str) -> bytes:
        """The part of a task that is done, held against the hash in its entry.

        Raises
        ------
        DamagedError
            When it is missing, or its bytes are others.
        """
        if entry.get("joined"):
            data = self.objects.get(joined_name(key))
            data = data[8 + int.from_bytes(data[:8], "little") :]
            if content_hash(data) != entry["part"]:
                where = self.objects.where(joined_name(key))
                msg = f"the part in {where} does not match its recorded hash. {again}"
                raise DamagedError(msg)
            return data
        return get_checked(self.objects, part_name(key, suffix), entry["part"], again=again)

    def tick(self, key: str, *, part: str, note: Mapping[str, float] | None = None) -> None:
        """Record a finished task with the hash of its part, which must be in place already."""
        put_json_at(self.objects, tick_name(key), _done(part, note))

    def note(self, key: str) -> Mapping[str, float]:
        """What was noted of a finished task; empty where nothing was."""
        entry = self.entry(key) or {}
        where = f"the tick of {key} in {self.objects.where()}"
        note: Mapping[str, float] = expect(
            entry.get("note", {}), {str: (float, int)}, where=where, again=AGAIN
        )
        return note

    def fail(self, key: str, failure: Failure) -> None:
        """Record a task that could not be done."""
        record = {"status": FAILED, **asdict(failure)}
        if self.objects.joins:
            self._join(record, key, b"")
        else:
            put_json_at(self.objects, tick_name(key), record)

    def failure(self, key: str) -> Failure | None:
        """Why a task could not be done; None when it was, or was not tried yet."""
        return failure_in(self.entry(key))

    def _join(self, record: dict[str, Any], key: str, data: bytes) -> None:
        name = joined_name(key)
        tick = checked_json.pack(name, record)
        self.objects.put(name, len(tick).to_bytes(8, "little"), tick, data)

    def _found(self, key: str) -> tuple[dict[str, Any] | None, str]:
        """The record of a task in the form it has here, and the name of its object."""
        looks = [(self._apart, tick_name(key)), (self._joined, joined_name(key))]
        for look, name in reversed(looks) if self.objects.joins else looks:
            entry = look(name)
            if entry is not None:
                return entry, name
        return None, ""

    def _apart(self, name: str) -> dict[str, Any] | None:
        entry: dict[str, Any] | None = find_json(self.objects, name)
        return entry

    def _joined(self, name: str) -> dict[str, Any] | None:
        try:
            data = self.objects.get(name, first=FIRST)
            end = 8 + int.from_bytes(data[:8], "little")
            if end > len(data) and len(data) == FIRST:
                data = self.objects.get(name)
        except FileNotFoundError:
            return None
        where = self.objects.where(name)
        entry = checked_json.unpack(name, data[8:end], where=where, again=AGAIN)
        return {**expect(entry, {}, where=where, again=AGAIN), "joined": True}


def failure_in(entry: Mapping[str, Any] | None) -> Failure | None:
    """The failure that an entry of a ledger records; None where it is of something else."""
    if entry is None or entry["status"] != FAILED:
        return None
    return Failure(entry["task"], entry["reason"], entry["traceback"], entry.get("kind", "error"))


def _done(part: str, note: Mapping[str, float] | None) -> dict[str, Any]:
    return {"status": DONE, "part": part} | ({} if note is None else {"note": dict(note)})


def tick_name(key: str) -> str:
    """Name of the tick of a task."""
    return f"{LEDGER}{key}.json"


def joined_name(key: str) -> str:
    """Name of the object that holds the tick and the part of a task.

    >>> joined_name("4f2a")
    'ledger/4f2a.task'
    """
    return f"{LEDGER}{key}.task"


def part_name(key: str, suffix: str) -> str:
    """Name of the part of a task."""
    return f"{PARTS}{key}{suffix}"
