"""Study "validity": can the numbers of an analysis be trusted? Every check in its full form.

Hypothesis: more points, fewer outliers, another normalization or another metric would not have
changed the conclusions. Measurement: the clouds of the analysis under those conditions, larger ones
too, with H1, six ways to name outliers and distances between diagrams. Rules: findings.validity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope import homology
from toposcope.analysis import result
from toposcope.analysis.design import Design
from toposcope.analysis.filtrations import Rips
from toposcope.analysis.plan import SCIENCE, code_hash
from toposcope.analysis.stored import sealed, spec_of
from toposcope.analysis.validity_checks import check_names, halved
from toposcope.errors import StoreError, TooFewSamplesError, UsageError
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task, spec_hash
from toposcope.execution.workbook import Workbook
from toposcope.findings.validity.judge import judge
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.verdict import Verdict
from toposcope.inputs import parameters as given
from toposcope.inputs.signatures import checked
from toposcope.inputs.signatures import store as store_or_url
from toposcope.store.objects import content_hash, objects_in, path_to, put_json, put_json_at
from toposcope.store.runs import Run, open_run
from toposcope.store.tables import VALIDITY_COLUMNS, put_table, table_of
from toposcope.studies.validity_measure import CheckDesign, CheckJob, measure_check
from toposcope.types import ACTIVATIONS_OR_RUN, ActivationSet, Shown

if TYPE_CHECKING:
    import pandas as pd

FEWEST_POINTS, FEWEST_DRAWS = 64, 4
"""Draws of the largest clouds: an interval over fewer is too wide to decide anything."""
SIZES = (50, 100, 200, 300, 500, 750, 1000, 1500, 2000)


SOURCES = ("diagrams/distances.py", "studies/validity_measure.py")
"""Sources that decide the numbers of a check, besides those of an analysis."""


@dataclass(frozen=True, eq=False)
class ValidityStudy(Shown):
    """What the study measured, and what follows.

    Parameters
    ----------
    verdicts
        One per check.
    measurements
        Every number, as `Analysis.validity`.
    failures
        Tasks that could not be done.
    folder
        Where it is kept; the same call again reads it from there.
    spec
        Parameters that decide the numbers.
    """

    verdicts: Sequence[Verdict]
    measurements: pd.DataFrame
    failures: list[dict[str, Any]]
    folder: Path
    spec: Mapping[str, Any]


@checked(
    run=ACTIVATIONS_OR_RUN, level=given.level, homology_dimensions=given.degrees, out=store_or_url
)
def validity(
    run: ActivationSet | Path | str,
    *,
    checks: Sequence[str] | str | None = None,
    points: int | None = None,
    replicates: int | None = None,
    homology_dimensions: Sequence[int] = (0, 1),
    level: float = 0.95,
    out: Path | str | None = None,
    jobs: Jobs = None,
    progress: Progress | None = None,
) -> ValidityStudy:
    """Check whether an analysis of a RUN can be trusted, in full.

    Parameters
    ----------
    run
        A RUN folder, or the `ActivationSet` opened from one.
    checks
        Some of `checks.CHECKS`, as a sequence or separated by commas; None for all.
    points, replicates
        Design to check; None takes that of the last analysis of the RUN, else 500 and 8.
        Normalization, metric and seed are always those of the last analysis.
    homology_dimensions
        Degrees of homology to look at.
    level
        Coverage of the intervals.
    out
        Folder or URL to keep it in; None for RUN/studies/validity.
    jobs, progress
        As in `analyze`; an interrupted study continues where it stopped.

    Returns
    -------
    A `ValidityStudy`; `ts.describe` tells what holds.

    Raises
    ------
    UsageError
        For a design that the RUN has too few samples for, with the numbers that would fit.
    """
    activations = run if isinstance(run, ActivationSet) else open_run(run)
    if activations.run is None:
        msg = "validity(): needed is a RUN folder; capture with store=, or save_arrays(acts, path)."
        raise UsageError(msg)
    names = check_names(checks)
    source = Run.open(activations.run)
    last = _last_analysis(source.path)
    design = _design(activations.n, last, points, replicates, homology_dimensions)
    spec = {**asdict(design), "analysis": last.get("analysis", ""), "code": study_hash()}
    root = Path(out) if out is not None else source.path / "studies" / "validity"
    folder = root / spec_hash(spec)[:12]
    tasks = _tasks(source, activations, design, names)
    inside = objects_in(source.path).within(f"studies/validity/{folder.name}")
    place = inside if out is None else objects_in(folder)
    workbook = Workbook(place, ".parquet", again="run the study again")
    with workbook.objects.lock():
        put_json_at(place, "spec.json", {**spec, "level": level})
        whose = "" if out is not None else source.whose
        if workbook.todo(tasks):
            homology.warm_up(load=False)
        workbook.run(
            measure_check,
            tasks,
            source.path,
            jobs=jobs,
            progress=progress,
            title="study validity",
        )
        study = _collect(workbook, tasks, spec, level, names)
        put_json_at(place, "verdicts.json", [one.as_dict() for one in study.verdicts])
        workbook.seal(["spec.json", "measurements.parquet", "verdicts.json"], of=whose)
        put_json(root / "current.json", {"study": folder.name})
    return study


def study_hash() -> str:
    """Hash of all sources that decide a number of this study."""
    return code_hash((*SCIENCE, *SOURCES))


def _design(
    n: int,
    last: Mapping[str, Any],
    points: int | None,
    replicates: int | None,
    homology_dimensions: Sequence[int],
) -> CheckDesign:
    """The design to check, and the sizes that n samples allow."""
    design = Design.from_spec(last).resolved(n)
    assert design.normalize is not None and design.replicates is not None, "resolved"
    if design.filtration != Rips() or design.points_are != "samples":
        msg = (
            "validity(): the last analysis of this RUN is no Rips filtration of samples; the study "
            "is about those. Run 'toposcope analyze RUN' with its defaults first."
        )
        raise UsageError(msg)
    points = int(points or design.size)
    replicates = int(replicates or design.replicates)
    if points * replicates > n or points < FEWEST_POINTS or replicates < FEWEST_DRAWS:
        fits = n // FEWEST_DRAWS
        advice = (
            f"Pass replicates={FEWEST_DRAWS} and points={fits} or less, or capture more samples"
            if fits >= FEWEST_POINTS
            else f"Capture {FEWEST_DRAWS * FEWEST_POINTS} samples or more"
        )
        msg = (
            f"validity(): {replicates} disjoint draws of {points} points out of {n} samples; "
            f"needed are {FEWEST_DRAWS} draws or more of {FEWEST_POINTS} points or more that do "
            f"not overlap. {advice}."
        )
        raise TooFewSamplesError(msg)
    large = max(replicates // 2, FEWEST_DRAWS)
    largest = min(2 * points, n // large, SIZES[-1])
    return CheckDesign(
        points=points,
        replicates=replicates,
        largest=largest,
        large_replicates=large,
        sizes=tuple(sorted({m for m in SIZES if m < largest} | set(halved(largest)))),
        degrees=tuple(int(k) for k in homology_dimensions),
        normalize=design.normalize,
        metric=design.metric,
        seed=design.seed,
    )


def _last_analysis(run: Path) -> dict[str, Any]:
    """Spec of the analysis that `report` would show; empty when there is none."""
    try:
        folder = result.current_folder(run)
    except StoreError:
        return {}
    return {**spec_of(sealed(run, folder.name)), "analysis": folder.name}


def _tasks(
    source: Run, activations: ActivationSet, design: CheckDesign, names: Sequence[str]
) -> list[Task[CheckJob]]:
    """One task per layer and check."""
    labels = b"" if source.samples.labels is None else source.samples.labels.tobytes()
    return [
        Task(
            CheckJob(
                code=study_hash(),
                design=design,
                check=name,
                layer=layer,
                depth=activations.depth(layer),
                content=source.layer_hash(layer),
                labels=content_hash(labels),
            ),
            f"{name} of {layer}",
        )
        for layer in activations.layers
        for name in names
    ]


def _collect(
    workbook: Workbook,
    tasks: Sequence[Task[CheckJob]],
    spec: Mapping[str, Any],
    level: float,
    names: Sequence[str],
) -> ValidityStudy:
    """Read the parts that are there, and judge."""
    import pyarrow as pa

    parts = [table_of(part) for _, part in workbook.parts(tasks)]
    failures = [
        {"task": task.title, "layer": task.job.layer, "reason": failure.reason}
        for task, failure in workbook.failures(tasks)
    ]
    if not parts:
        reasons = sorted({str(failure["reason"]) for failure in failures})
        msg = f"validity(): all {len(tasks)} tasks failed: {'; '.join(reasons)[:500]}"
        raise StoreError(msg)
    table = pa.concat_tables(parts).select(VALIDITY_COLUMNS)
    folder = path_to(workbook.objects)
    assert folder is not None, "a folder or a URL"
    put_table(workbook.objects, "measurements.parquet", table)
    frame = result.frame(table)
    observations = Observations(frame, level=level, normalize=str(spec["normalize"]))
    verdicts = judge(observations, checks=names)
    return ValidityStudy(tuple(verdicts), frame, failures, folder, spec)
