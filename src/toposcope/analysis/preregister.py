"""The frozen plan of an analysis: written from its design before a number is computed."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

from toposcope.analysis.design import Design
from toposcope.analysis.filtrations.points import HEADLINE
from toposcope.analysis.stored import finished_in
from toposcope.errors import UsageError
from toposcope.inputs import parameters as given
from toposcope.inputs.signatures import checked, store
from toposcope.store.objects import Objects
from toposcope.store.preregistration import Deviation, Family, Followed, Preregistration
from toposcope.store.runs import Run, open_run
from toposcope.store.series import is_series, open_series

__all__ = [
    "KIND",
    "Deviation",
    "Family",
    "Followed",
    "Preregistration",
    "capture_hash",
    "finished_analyses",
    "parameters_used",
    "plan_of",
    "preregister",
]

KIND = "analysis"


@checked(runs=store, level=given.level)
def preregister(
    path: Path | str,
    *runs: Path | str,
    level: float = 0.95,
    note: str = "",
    **parameters: Any,
) -> Preregistration:
    """Write down what an analysis of some RUNs will test, before its results exist.

    Parameters
    ----------
    path
        File to write; one that exists is refused.
    runs
        RUN or SERIES folders.
    level
        As in `analyze`.
    note
        The question, and what is expected.
    parameters
        Those of the design, as in `analyze`: `filtration=`, `points=` and so on.

    Returns
    -------
    The plan. Follow it with `analyze(run, ..., plan=path)` and the same parameters: the report says
    whether that was done, and whether results existed before.

    Raises
    ------
    UsageError
        For a file that exists, no RUN, or a parameter that there is not.
    """
    from toposcope.analysis.parameters import from_keywords

    design = from_keywords(Design, parameters, call="preregister()")
    plan = plan_of(design, runs, level=level, note=note, path=path)
    plan.write(path)
    return plan


def plan_of(
    design: Design, runs: Iterable[Path | str], *, level: float, note: str, path: Path | str
) -> Preregistration:
    """The plan of a design for some RUNs, not written yet."""
    from toposcope.analysis.plan import opened as resolved_for

    opened = [Run.open(place) for given in runs for place in _places(given)]
    if not opened:
        msg = "preregister(): no RUN given. Pass the folder of one, or of a SERIES."
        raise UsageError(msg)
    sizes = {run.n for run in opened}
    designs = {resolved_for(open_run(run.objects), design) for run in opened}
    if len(designs) > 1:
        msg = (
            f"preregister(): the RUNs have {', '.join(map(str, sorted(sizes)))} samples, which "
            "makes several designs of one. Write a plan for each."
        )
        raise UsageError(msg)
    (chosen,) = designs
    return Preregistration(
        kind=KIND,
        parameters=parameters_used(chosen, level),
        families=tuple(_families(chosen, max(len(run.addresses) for run in opened), level)),
        networks={run.objects.where(): capture_hash(run) for run in opened},
        earlier=tuple(name for run in opened for name in finished_analyses(run.objects)),
        command=shlex.join(
            [
                *("toposcope", "analyze", opened[0].objects.where(), *chosen.command_words()),
                *("--level", str(level), "--plan", str(path)),
            ]
        ),
        version=version("toposcope"),
        note=note,
    )


def parameters_used(design: Design, level: float) -> dict[str, Any]:
    """Everything that decides the results of an analysis, as plain values."""
    return {**design.to_spec(), "level": level}


def capture_hash(run: Run) -> str:
    """Hash of all activations of a RUN and of whose they are."""
    values = [*(f"{layer} {run.layer_hash(layer)}" for layer in run.addresses), *run.samples.ids]
    return hashlib.sha256("\n".join(values).encode()).hexdigest()


def _places(given: Path | str) -> Iterator[Path]:
    """The RUNs of a folder."""
    if is_series(given):
        yield from open_series(given).runs
        return
    opened = open_run(given)
    assert opened.run is not None, "a RUN has a folder"
    yield opened.run


def finished_analyses(run: Objects) -> list[str]:
    """RUN/analysis of every analysis that a RUN has already."""
    return [f"{PurePath(run.where()).name}/{name}" for name in finished_in(run)]


def _families(design: Design, layers: int, level: float) -> Iterator[Family]:
    """What a report of one RUN tests; the numbers of tests are for its layers."""
    looked = design.filtration.headline
    names = tuple(name if k is None else f"{name} H{k}" for name, k in looked)
    pairs = layers - 1 + (layers > 2)
    yield Family("change", names, pairs * len(looked), "simultaneous_intervals", level)
    beside = tuple(name if k is None else f"{name} H{k}" for name, k in HEADLINE)
    for null in design.nulls:
        yield Family(f"null {null}", beside, layers * len(beside), "benjamini_hochberg", level)
