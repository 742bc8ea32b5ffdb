"""The studies by name: ours, and those that installed packages add."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toposcope.analysis.population import Population
from toposcope.errors import UsageError
from toposcope.execution.executors import Jobs
from toposcope.execution.plugins import Registry
from toposcope.execution.progress import Progress
from toposcope.inputs.signatures import checked, instance, line, place, several, store
from toposcope.studies import (
    across_papers,
    magai_activations,
    magai_adversarial,
    magai_depth,
    magai_families,
    magai_generalization,
    magai_training,
    naitzat,
    naitzat_depth,
    suresh_decay,
    suresh_generalization,
    suresh_invariances,
    suresh_ranking,
    suresh_simplicial,
    swider_families,
    swider_samples,
    swider_split,
    swider_tuning,
    wheeler_landscapes,
    wheeler_training,
)
from toposcope.studies.own_claim import is_claim_file
from toposcope.studies.own_claim_run import run_claim
from toposcope.studies.running import Forecast, Say, run_definition
from toposcope.studies.running import forecast as forecast_of
from toposcope.studies.study import Definition, Given, OwnStudy
from toposcope.studies.validity_study import validity
from toposcope.types import near_matches

OURS: tuple[Definition, ...] = (
    across_papers.STUDY,
    wheeler_training.STUDY,
    wheeler_landscapes.STUDY,
    magai_generalization.STUDY,
    magai_depth.STUDY,
    magai_training.STUDY,
    magai_activations.STUDY,
    magai_adversarial.STUDY,
    magai_families.STUDY,
    naitzat.STUDY,
    naitzat_depth.STUDY,
    suresh_decay.STUDY,
    suresh_invariances.STUDY,
    suresh_ranking.STUDY,
    suresh_generalization.STUDY,
    suresh_simplicial.STUDY,
    swider_samples.STUDY,
    swider_families.STUDY,
    swider_tuning.STUDY,
    swider_split.STUDY,
)
"""Studies of this package, in the order in which they are listed."""

STUDIES: Registry[Definition | OwnStudy] = Registry(
    "toposcope.studies",
    {
        **{one.name: one for one in OURS},
        "validity": OwnStudy(
            "Can the numbers of an analysis be trusted? Every validity check in full.", validity
        ),
    },
)
"""Every study by name."""


def study_called(name: str) -> Definition | OwnStudy:
    """A study by its name.

    Raises
    ------
    UsageError
        When there is no such study; lists near matches.
    """
    if name not in STUDIES:
        msg = f"studies.run(): there is no study {name!r}. {near_matches(name, tuple(STUDIES))}"
        raise UsageError(msg)
    return STUDIES[name]


_FOLDERS = several(
    instance(Population, path=True, url=True, needed="a Population"),
    of="RUN, SERIES or population folders",
)


@checked(
    name=instance(str, Path, needed="the name of a study, or the file of a claim"),
    runs=_FOLDERS,
    models=place,
    data=line,
    out=store,
)
def run(
    name: str,
    runs: Sequence[Path | str] | Path | str = (),
    *,
    models: Path | str | None = None,
    data: str | None = None,
    quick: bool = False,
    out: Path | str | None = None,
    jobs: Jobs = None,
    progress: Progress | None = None,
    say: Say | None = None,
    **options: Any,
) -> Any:
    """Run a study by name: `ts.studies.run("wheeler-training", quick=True)`.

    Parameters
    ----------
    name
        One of `STUDIES`; or a TOML file with a claim of your own (docs/howto/own_claim.md).
    runs
        RUN or SERIES folders, or one of them; none: the study trains what it needs. For an own
        claim also a population folder, or a `Population`.
    models, data
        A MODELS.toml and a DATA, for studies that take them.
    quick
        The small design: three minutes at most on two cores.
    out
        Folder or URL it is kept in; None for studies/NAME below the current one.
    jobs, progress
        As in `analyze`.
    say
        Told what begins and how many seconds it will take.
    options
        Keywords of a study that runs itself, such as `checks` of "validity".

    Returns
    -------
    A `Study`; a study that runs itself returns its own.

    Raises
    ------
    UsageError
        When there is no such study, or when it can do nothing with what was given.
    """
    if is_claim_file(name):
        if quick or options or models is not None or data is not None:
            msg = (
                f"studies.run({str(name)!r}): a claim takes RUNs, SERIES or a population and out=, "
                "and none of quick=, models=, data= or other options."
            )
            raise UsageError(msg)
        return run_claim(name, runs, out=out)
    study = study_called(name)
    folders = [runs] if isinstance(runs, (str, Path)) else list(runs)
    if isinstance(study, OwnStudy):
        if len(folders) != 1 or models is not None or data is not None:
            msg = f"studies.run({name!r}): needed is one RUN folder; got {len(folders)}."
            raise UsageError(msg)
        own = options if out is None else {**options, "out": out}
        return study.run(folders[0], jobs=jobs, progress=progress, **own)
    if options:
        msg = f"studies.run({name!r}): it has no option {', '.join(options)}."
        raise UsageError(msg)
    given = _given(folders, models, data)
    return run_definition(study, given, quick=quick, out=out, jobs=jobs, progress=progress, say=say)


def forecast(
    name: str,
    runs: Sequence[Path | str] = (),
    *,
    models: Path | str | None = None,
    data: str | None = None,
    quick: bool = False,
    out: Path | str | None = None,
    jobs: Jobs = None,
) -> Forecast:
    """How long `run` with the same arguments would take; bad input is refused as there."""
    study = study_called(name)
    if isinstance(study, OwnStudy):
        msg = f"studies.forecast({name!r}): it runs itself, and gives no forecast."
        raise UsageError(msg)
    given = _given(runs, models, data)
    return forecast_of(study, given, quick=quick, jobs=jobs, out=out)


def _given(runs: Sequence[Path | str], models: Path | str | None, data: str | None) -> Given:
    return Given(tuple(map(Path, runs)), None if models is None else Path(models), data)
