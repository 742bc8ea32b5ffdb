"""SERIES folders: the RUNs of one training, one per checkpoint, on the same samples.

`SERIES/series.json` names the members and what could not be captured; every member is a RUN folder
of its own, which any function for RUNs reads. A member that is not in series.json yet is not lost:
the next capture finds it complete and enters it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toposcope.errors import DamagedError, SchemaVersionError, StoreError, UsageError
from toposcope.store.folders import MARKS, SERIES, refuse_other_kind
from toposcope.store.objects import put_json, read_json
from toposcope.store.runs import Run, open_run
from toposcope.types import ActivationSet

SCHEMA_VERSION = 1
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
    """

    step: float
    run: str
    weights: str = ""


@dataclass(frozen=True)
class Series:
    """Checkpoints of one training, by rising step.

    Parameters
    ----------
    path
        SERIES folder.
    members
        What is captured.
    failures
        What could not be: {"step", "weights", "reason"}.
    unit
        What `step` counts: "step" or "epoch".
    """

    path: Path
    members: tuple[Member, ...] = ()
    failures: tuple[dict[str, Any], ...] = ()
    unit: str = "step"
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[ActivationSet]:
        return (open_run(run) for run in self.runs)

    @property
    def steps(self) -> tuple[float, ...]:
        """Step of each member."""
        return tuple(member.step for member in self.members)

    @property
    def runs(self) -> tuple[Path, ...]:
        """RUN folder of each member."""
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
                return open_run(self.path / member.run)
        known = ", ".join(map(number, self.steps)) or "none"
        msg = f"{self.path} has no {self.unit} {number(step)}; it has {known}."
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


def is_series(path: Path | str) -> bool:
    """Whether a folder is a SERIES."""
    return (Path(path) / FILE).is_file()


def open_series(path: Path | str) -> Series:
    """Open a SERIES folder for reading.

    Raises
    ------
    StoreError
        When the folder is not a SERIES, or its record is damaged.
    """
    path = Path(path)
    if not is_series(path):
        what = "no folder" if not path.exists() else f"a folder without {FILE}"
        msg = (
            f"{path} is {what}, so it is not a SERIES. Make one with "
            f"\"toposcope capture MODEL DATA --weights 'checkpoints/*' -o {path}\"."
        )
        raise StoreError(msg)
    return _read(path)


def _read(path: Path) -> Series:
    found = read_json(path / FILE)
    version = found.get("schema") if isinstance(found, dict) else None
    if version != SCHEMA_VERSION:
        msg = f"{path / FILE} has schema version {version!r}; this toposcope reads version 1."
        raise SchemaVersionError(msg)
    try:
        members = tuple(Member(**entry) for entry in found["members"])
        series = Series(
            path, members, tuple(found["failures"]), found["unit"], tuple(found["notes"])
        )
    except (KeyError, TypeError) as error:
        msg = f"{path / FILE} is damaged ({error}). Delete it and capture again; RUNs are kept."
        raise DamagedError(msg) from error
    # Names come from a file: a member must be a folder of this SERIES and nothing else.
    odd = [m.run for m in members if not re.fullmatch(r"[a-z]+_[0-9.e+-]+", m.run)]
    if odd:
        msg = f"{path / FILE} is damaged: {odd[0]!r} is not the name of a member."
        raise DamagedError(msg)
    return series


def begin_series(path: Path, unit: str) -> Series:
    """The SERIES to write to: the one that is there, or an empty one.

    Raises
    ------
    UsageError
        When the folder is a RUN or anything else, or counts its steps in another unit.
    """
    refuse_other_kind(path, SERIES, "a training")
    path.mkdir(parents=True, exist_ok=True)
    if not is_series(path):
        return Series(path, unit=unit)
    series = _read(path)
    if series.unit != unit and series.members:
        msg = (
            f"{path} counts its members in {series.unit}s; these checkpoints come in {unit}s. Give "
            "their numbers with --steps, or use another folder."
        )
        raise UsageError(msg)
    return Series(path, series.members, series.failures, unit, series.notes)


def put_series(series: Series) -> Series:
    """Write the record of a SERIES; members come out by rising step."""
    ordered = Series(
        series.path,
        tuple(sorted(series.members, key=lambda member: member.step)),
        series.failures,
        series.unit,
        series.notes,
    )
    record = {
        "schema": SCHEMA_VERSION,
        "unit": ordered.unit,
        "members": [asdict(member) for member in ordered.members],
        "failures": list(ordered.failures),
        "notes": list(ordered.notes),
    }
    put_json(series.path / FILE, record)
    return ordered


def with_member(series: Series, member: Member) -> Series:
    """The series with one more member, which replaces that of the same step.

    Raises
    ------
    StoreError
        When it holds other samples than the members before it.
    """
    kept = tuple(one for one in series.members if one.step != member.step)
    if kept:
        first, new = Run.open(series.path / kept[0].run), Run.open(series.path / member.run)
        if not np.array_equal(first.samples.ids, new.samples.ids):
            msg = (
                f"{new.path} holds other samples than {first.path}: checkpoints of one series are "
                "compared on the same samples. Use the same data, n and seed, or another folder."
            )
            raise StoreError(msg)
    failures = tuple(f for f in series.failures if f.get("step") != member.step)
    return Series(series.path, (*kept, member), failures, series.unit, series.notes)


def with_failure(series: Series, step: float | None, weights: str, reason: str) -> Series:
    """The series with a checkpoint that could not be captured; the last reason of a file counts."""
    kept = tuple(f for f in series.failures if f.get("weights") != weights)
    failure = {"step": step, "weights": weights, "reason": reason}
    return Series(series.path, series.members, (*kept, failure), series.unit, series.notes)
