"""What a user hands a study, read as subjects: RUNs, and SERIES with their checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toposcope.analysis.population_folder import read_covariates
from toposcope.errors import UsageError
from toposcope.inputs.urls import place_text
from toposcope.store.folders import MARKS, POPULATION, RUN, SERIES, folder_kind, what_is_no
from toposcope.store.runs import open_run
from toposcope.store.series import open_series
from toposcope.studies.materials import RunSubject, run_subject
from toposcope.studies.study import Given


def subjects_of(given: Given, *, call: str) -> Sequence[RunSubject]:
    """Every RUN as one network, every SERIES as the moments of one.

    A population folder stands for all of its networks; its columns are covariates.

    Raises
    ------
    UsageError
        For a folder of another kind, with what it is.
    """
    folders, told = _members([Path(run) for run in given.runs])
    names = _told_apart(folders)
    found: list[RunSubject] = []
    for name, folder in zip(names, folders, strict=True):
        if folder_kind(folder) not in (SERIES, RUN):
            msg = f"{call}: {what_is_no(RUN, folder)}"
            raise UsageError(msg)
        found += subjects_at(folder, name, told.get(folder, {}))
    return found


def subjects_at(folder: Path, name: str, more: Mapping[str, Any]) -> list[RunSubject]:
    """A RUN as one subject, a SERIES as one for every moment; `more` is known of each."""
    if folder_kind(folder) == RUN:
        known = _known(folder, None) | dict(more)
        return [run_subject(folder, network=name, covariates=known)]
    series = open_series(folder)
    return [
        run_subject(path, network=name, moment=moment, covariates=_known(path, step) | dict(more))
        for moment, (path, step) in enumerate(zip(series.runs, series.steps, strict=True))
    ]


def _members(folders: Sequence[Path]) -> tuple[list[Path], dict[Path, dict[str, Any]]]:
    """RUN and SERIES folders, population folders opened; and what those say of their networks."""
    members: list[Path] = []
    told: dict[Path, dict[str, Any]] = {}
    for folder in folders:
        if folder_kind(folder) != POPULATION:
            members.append(folder)
            continue
        for row in read_covariates(folder / MARKS[POPULATION]).to_dict("records"):
            member = folder / str(row.pop("run"))
            members.append(member)
            told[member] = {str(name): value for name, value in row.items()}
    return members, told


def _known(path: Path, step: float | None) -> dict[str, Any]:
    attrs = open_run(path).attrs
    return {"step": step, "test": attrs.get("top1")}


def _told_apart(folders: Sequence[Path]) -> list[str]:
    """Names of folders; the whole path where names repeat."""
    count = Counter(folder.name for folder in folders)
    return [folder.name if count[folder.name] == 1 else place_text(folder) for folder in folders]
