"""The seal of a place where tasks were done: `done.json`, put when everything else is there.

It holds the hash of every file of the place and of the part of every task, whose results they are,
and what may change without them (the level of intervals). Who reads through it reads nothing that
was changed, exchanged or lost since:

    put_seal(objects, ["table.parquet", "spec.json"], of=run_hash, digest=digest)
    seal = find_seal(objects)
    table = seal.get("table.parquet")

A workbook's folder is sealed by `Workbook.seal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toposcope.errors import DamagedError
from toposcope.store import checked_json
from toposcope.store.ledger import DONE, LEDGER, PARTS, Ledger
from toposcope.store.objects import Objects, content_hash, get_checked, get_json, put_json_at
from toposcope.store.shapes import expect

SEAL = "done.json"
SCHEMA = 2
"""1: hashes of the tables alone, by their names without .parquet."""

AGAIN = "Run the command that made it again: what is whole is kept."
"""What to do about a damaged file that is made from the parts of tasks."""

SHAPE = {
    "schema?": int,
    "files": {str: str},
    "tasks?": {str: str},
    "of?": str,
    "digest?": str,
}


@dataclass(frozen=True)
class Seal:
    """What a place held when it was finished.

    Parameters
    ----------
    objects
        The place.
    files
        Name -> `content_hash` of its bytes.
    tasks
        Key -> hash of the part, "failed" where there is none; None in seals of schema 1.
    record
        Everything that was sealed, `digest`, `of` and so on.
    """

    objects: Objects
    files: Mapping[str, str]
    tasks: Mapping[str, str] | None
    record: Mapping[str, Any] = field(repr=False)

    @property
    def covers_all(self) -> bool:
        """Whether every file of the place is in it; those of schema 1 name tables alone."""
        return self.tasks is not None

    def get(self, name: str) -> bytes:
        """The bytes of a file, as they were sealed.

        Raises
        ------
        DamagedError
            When it is missing, or its bytes are others.
        """
        if name in self.files:
            return get_checked(self.objects, name, self.files[name], again=AGAIN)
        if self.covers_all or not self.objects.exists(name):
            msg = f"{self.objects.where(name)} is not among the files that were sealed. {AGAIN}"
            raise DamagedError(msg)
        return self.objects.get(name)

    def json(self, name: str) -> Any:
        """The value of a JSON file."""
        where = self.objects.where(name)
        return checked_json.unpack(name, self.get(name), where=where, again=AGAIN)

    def refuse_another(self, of: str) -> None:
        """Refuse what was made from something else than it lies beside."""
        said = self.record.get("of", "")
        if self.covers_all and said != of:
            msg = (
                f"{self.objects.where()} was made from another RUN than the one it lies in: it was "
                f"moved or swapped. {AGAIN}"
            )
            raise DamagedError(msg)


def put_seal(
    objects: Objects,
    names: Iterable[str],
    *,
    of: str = "",
    keys: Sequence[str] | None = None,
    entries: Mapping[str, Mapping[str, Any]] | None = None,
    **values: Any,
) -> Seal:
    """Seal a place: put last, over files that are there.

    Parameters
    ----------
    objects
        The place.
    names
        Every file of it but ticks and parts, which are sealed without being named.
    of
        Hash of what it was made from, where it lies inside that.
    keys
        Tasks it covers; None for those that the ledger lists.
    entries
        Of those tasks, what the ledger says of them by key; None looks there.
    values
        What else is to be read with it.
    """
    files = {name: content_hash(objects.get(name)) for name in sorted(names)}
    ledger = Ledger(objects)
    covered = sorted(ledger.tried() if keys is None else keys)
    tasks = {
        key: entry["part"] if entry["status"] == DONE else entry["status"]
        for key, entry in zip(
            covered,
            ledger.each(ledger.entry, covered) if entries is None else map(entries.get, covered),
            strict=True,
        )
        if entry is not None
    }
    record = {**values, "schema": SCHEMA, "files": files, "tasks": tasks, "of": of}
    put_json_at(objects, SEAL, record)
    return Seal(objects, files, tasks, record)


def find_seal(objects: Objects) -> Seal | None:
    """The seal of a place; None where there is none.

    Raises
    ------
    DamagedError
        When it is damaged, or is missing where it has been: files of its time carry their hash.
    """
    try:
        record = get_json(objects, SEAL)
    except FileNotFoundError:
        return None
    where = objects.where(SEAL)
    expect(record, SHAPE, where=where, again=AGAIN)
    files = record["files"]
    if record.get("schema", 1) == 1:
        files = {f"{name}.parquet": expected for name, expected in files.items()}
        return Seal(objects, files, None, record)
    return Seal(objects, files, record.get("tasks", {}), record)


def is_own(name: str) -> bool:
    """Whether a file of a place is the seal, or one that it covers by its ledger: ticks, parts."""
    return name == SEAL or name.startswith((LEDGER, PARTS))
