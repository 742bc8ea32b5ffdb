"""The ledger of a place where tasks are done: what is done, and what could not be.

One small object per finished task, `ledger/<key>.json`, beside its part, `parts/<key>.<suffix>`. A
part is put first and its tick last; a part without its tick is garbage. How tasks are run is no
business of this file: toposcope.execution.workbook.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from toposcope.errors import DamagedError
from toposcope.store.objects import Objects, find_json, put_json_at
from toposcope.store.shapes import expect

DONE, FAILED = "done", "failed"
LEDGER, PARTS = "ledger/", "parts/"
SHAPES = {DONE: {"part": str}, FAILED: {"task": str, "reason": str, "traceback": str, "kind?": str}}
AGAIN = "Delete it and run the command again: its task alone is repeated."


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
        entry: dict[str, Any] | None = find_json(self.objects, tick_name(key))
        if entry is not None:
            where = self.objects.where(tick_name(key))
            expect(entry, {"status": str}, where=where, again=AGAIN)
            shape = SHAPES.get(entry["status"])
            if shape is None:
                msg = f"{where} is damaged: its status is {entry['status'][:40]!r}. {AGAIN}"
                raise DamagedError(msg)
            expect(entry, shape, where=where, again=AGAIN)
        return entry

    def tried(self) -> list[str]:
        """Keys of all tasks that were tried."""
        names = self.objects.list(LEDGER)
        return [name.removeprefix(LEDGER).removesuffix(".json") for name in names]

    def done(self, key: str) -> bool:
        """Whether the task was finished with a result."""
        entry = self.entry(key)
        return entry is not None and entry["status"] == DONE

    def tick(self, key: str, *, part: str) -> None:
        """Record a finished task with the hash of its part, which must be in place already."""
        put_json_at(self.objects, tick_name(key), {"status": DONE, "part": part})

    def fail(self, key: str, failure: Failure) -> None:
        """Record a task that could not be done."""
        put_json_at(self.objects, tick_name(key), {"status": FAILED, **asdict(failure)})

    def failure(self, key: str) -> Failure | None:
        """Why a task could not be done; None when it was, or was not tried yet."""
        entry = self.entry(key)
        if entry is None or entry["status"] != FAILED:
            return None
        return Failure(
            entry["task"], entry["reason"], entry["traceback"], entry.get("kind", "error")
        )


def tick_name(key: str) -> str:
    """Name of the tick of a task."""
    return f"{LEDGER}{key}.json"


def part_name(key: str, suffix: str) -> str:
    """Name of the part of a task."""
    return f"{PARTS}{key}{suffix}"
