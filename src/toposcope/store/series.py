"""SERIES folders: the RUNs of one training, one per checkpoint, on the same samples.

`SERIES/series.json` names the members and what could not be captured; every member is a RUN folder
of its own, which any function for RUNs reads. A member that is not in series.json yet is not lost:
the next capture finds it complete and enters it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from toposcope.errors import DamagedError, SchemaVersionError, StoreError, UsageError
from toposcope.inputs.signatures import checked
from toposcope.store.folders import MARKS, SERIES, refuse_other_kind, what_is_no
from toposcope.store.objects import (
    Objects,
    Place,
    checked_place,
    find_json,
    local_folder,
    objects_in,
    path_to,
    put_json_at,
)
from toposcope.store.runs import Run, open_run, whose_is
from toposcope.store.shapes import expect
from toposcope.types import ActivationSet, Shown

SCHEMA_VERSION = 2
"""1: any RUN on the same samples could stand in the place of a member."""
MEMBER = {"step": (int, float), "run": str, "weights?": str, "whose?": str}
SHAPE = {
    "schema": int,
    "unit": str,
    "members": [MEMBER],
    "failures": [dict],
    "notes": [str],
    "beside?": [str],
}
AGAIN = "Delete it and capture again; RUNs are kept."
FILE = MARKS[SERIES]


@dataclass(frozen=True)
class Member:
    """One captured checkpoint.

    Parameters
    ----------
    step
        Training step, or epoch where `Series.unit` says so.
    run
        Name of the RUN folder inside the SERIES.
    weights
        File it was captured from; "" for a network in memory.
    whose
        Hash of the run.json of its RUN; "" in SERIES of schema 1.
    """

    step: float
    run: str
    weights: str = ""
    whose: str = ""


@dataclass(frozen=True)
class Series(Shown):
    """Checkpoints of one training, by rising step.

    Parameters
    ----------
    objects
        What holds the SERIES.
    members
        What is captured.
    failures
        What could not be: {"step", "weights", "reason"}.
    unit
        What `step` counts: "step" or "epoch".
    notes
        What was said of its checkpoints.
    beside
        Names of further files of the folder, such as the record of a monitor.
    """

    objects: Objects
    members: tuple[Member, ...] = ()
    failures: tuple[dict[str, Any], ...] = ()
    unit: str = "step"
    notes: tuple[str, ...] = field(default=(), repr=False)
    beside: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[ActivationSet]:
        return (open_run(self.within(member)) for member in self.members)

    def refuse_another(self, member: Member) -> None:
        """Refuse a RUN that is not the one that was entered as a member."""
        if member.whose and whose_is(self.objects.within(member.run)) != member.whose:
            msg = (
                f"{self.objects.where(member.run)} is not the RUN that {FILE} names: it was moved, "
                f"swapped or captured anew. Capture the checkpoints again into this folder."
            )
            raise DamagedError(msg)

    @property
    def path(self) -> Path:
        """The SERIES folder, or its URL in a path.

        Raises
        ------
        StoreError
            When the SERIES lies in objects of another kind.
        """
        return path_to(self.objects) or local_folder(self.objects)

    def within(self, member: Member) -> Objects:
        """What holds the RUN of a member."""
        self.refuse_another(member)
        return self.objects.within(member.run)

    @property
    def steps(self) -> tuple[float, ...]:
        """Step of each member."""
        return tuple(member.step for member in self.members)

    @property
    def runs(self) -> tuple[Path, ...]:
        """RUN folder of each member."""
        for member in self.members:
            self.refuse_another(member)
        return tuple(self.path / member.run for member in self.members)

    def at(self, step: float) -> ActivationSet:
        """Activations at one step.

        Raises
        ------
        UsageError
            When there is no such step; lists those there are.
        """
        for member in self.members:
            if member.step == step:
                return open_run(self.within(member))
        known = ", ".join(map(number, self.steps)) or "none"
        msg = f"{self.objects.where()} has no {self.unit} {number(step)}; it has {known}."
        raise UsageError(msg)


def number(step: float) -> str:
    """A step as text: whole numbers without a point.

    >>> number(390.0), number(0.25), number(1200)
    ('390', '0.25', '1200')
    """
    value = float(step)
    return str(int(value)) if value.is_integer() else repr(value)


def run_name(step: float, unit: str) -> str:
    """Folder of a member: `step_390`, `epoch_0.25`."""
    return f"{unit}_{number(step)}"


def is_series(place: Place) -> bool:
    """Whether a folder is a SERIES."""
    return objects_in(place).exists(FILE)


@checked(place=checked_place)
def open_series(place: Place) -> Series:
    """Open a SERIES folder for reading.

    Raises
    ------
    StoreError
        When the folder is not a SERIES, or its record is damaged.
    """
    objects = objects_in(place)
    record = find_json(objects, FILE)
    if record is None:
        raise StoreError(what_is_no(SERIES, objects))
    return _read(objects, record)


def _read(objects: Objects, record: Any) -> Series:
    version = record.get("schema") if isinstance(record, dict) else None
    where = objects.where(FILE)
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        msg = (
            f"{where} has schema version {str(version)[:40]}; this toposcope reads versions 1 to "
            f"{SCHEMA_VERSION}."
        )
        raise SchemaVersionError(msg)
    expect(record, SHAPE, where=where, again=AGAIN)
    try:
        members = tuple(Member(**entry) for entry in record["members"])
        series = Series(
            objects,
            members,
            tuple(record["failures"]),
            record["unit"],
            tuple(record["notes"]),
            tuple(record.get("beside", ())),
        )
    except (KeyError, TypeError) as error:
        msg = f"{where} is damaged ({error}). {AGAIN}"
        raise DamagedError(msg) from error
    # Names come from a file: a member must be a folder of this SERIES and nothing else.
    odd = [m.run for m in members if not re.fullmatch(r"[a-z]+_[0-9.e+-]+", m.run)]
    if odd:
        msg = f"{where} is damaged: {odd[0]!r} is not the name of a member."
        raise DamagedError(msg)
    return series


def begin_series(place: Place, unit: str) -> Series:
    """The SERIES to write to: the one that is there, or an empty one.

    Raises
    ------
    UsageError
        When the folder is a RUN or anything else, or counts its steps in another unit.
    """
    objects = objects_in(place)
    refuse_other_kind(objects, SERIES, "a training")
    record = find_json(objects, FILE)
    if record is None:
        return Series(objects, unit=unit)
    series = _read(objects, record)
    if series.unit != unit and series.members:
        msg = (
            f"{objects.where()} counts its members in {series.unit}s; these checkpoints come in "
            f"{unit}s. Give their numbers with --steps, or use another folder."
        )
        raise UsageError(msg)
    return replace(series, unit=unit)


def put_series(series: Series) -> Series:
    """Write the record of a SERIES; members come out by rising step."""
    ordered = replace(series, members=tuple(sorted(series.members, key=lambda member: member.step)))
    record = {
        "schema": SCHEMA_VERSION,
        "unit": ordered.unit,
        "members": [asdict(member) for member in ordered.members],
        "failures": list(ordered.failures),
        "notes": list(ordered.notes),
        "beside": list(ordered.beside),
    }
    put_json_at(series.objects, FILE, record)
    return ordered


def with_member(series: Series, member: Member) -> Series:
    """The series with one more member, which replaces that of the same step.

    Raises
    ------
    StoreError
        When it holds other samples than the members before it.
    """
    kept = tuple(one for one in series.members if one.step != member.step)
    new = Run.open(series.objects.within(member.run))
    member = replace(member, whose=new.whose)
    if kept:
        first = Run.open(series.within(kept[0]))
        if not np.array_equal(first.samples.ids, new.samples.ids):
            msg = (
                f"{new.objects.where()} holds other samples than {first.objects.where()}: "
                "checkpoints of one series are compared on the same samples. Use the same data, n "
                "and seed, or another folder."
            )
            raise StoreError(msg)
    failures = tuple(f for f in series.failures if f.get("step") != member.step)
    return replace(series, members=(*kept, member), failures=failures)


def with_failure(series: Series, step: float | None, weights: str, reason: str) -> Series:
    """The series with a checkpoint that could not be captured; the last reason of a file counts."""
    kept = tuple(f for f in series.failures if f.get("weights") != weights)
    failure = {"step": step, "weights": weights, "reason": reason}
    return replace(series, failures=(*kept, failure))
