"""`analyze`: cut every layer of a RUN into replicate clouds, measure each, collect the tables.

Composition only: jobs are laid out by the filtration, what is measured on a cloud stands in
cloud_task.py, how tasks survive in execution/tasks.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from toposcope.analysis.design import Design
from toposcope.analysis.filtrations import Filtration, Rips
from toposcope.analysis.forecast import (
    WORTH_A_PROBE,
    Corrected,
    Forecast,
    forecast,
    refuse_a_full_disk,
    worth_workers,
)
from toposcope.analysis.jobs import Inputs, measure_job
from toposcope.analysis.opening import load_analysis
from toposcope.analysis.plan import Plan, forecast_of, plan_analysis, refuse_what_cannot_fit
from toposcope.analysis.preregister import KIND
from toposcope.analysis.result import Analysis
from toposcope.analysis.stored import FAILURES, POINTER, SPEC, current_name
from toposcope.errors import StoreError, UsageError
from toposcope.execution.executors import Jobs, workers_of
from toposcope.execution.forecasts import listener
from toposcope.execution.progress import Progress
from toposcope.inputs import parameters
from toposcope.inputs.signatures import checked
from toposcope.store.arrays import save_arrays
from toposcope.store.objects import find_json, objects_in, put_json_at
from toposcope.store.preregistration import NAME as PLAN
from toposcope.store.preregistration import (
    Preregistration,
    refuse_other_kind,
    take_up,
)
from toposcope.store.runs import Run
from toposcope.store.seals import find_seal
from toposcope.store.tables import TABLES, compact
from toposcope.types import ACTIVATIONS_OR_RUN, ActivationSet

RIPS = Rips()


@checked(activations=ACTIVATIONS_OR_RUN)
def analyze(
    activations: ActivationSet | Path | str,
    *,
    filtration: Filtration = RIPS,
    homology_dimensions: Sequence[int] = Design.homology_dimensions,
    points: int | None = Design.points,
    replicates: int | None = Design.replicates,
    normalize: str | None = Design.normalize,
    metric: str = Design.metric,
    per_class: bool = Design.per_class,
    overlapping: bool = Design.overlapping,
    null: str | Sequence[str] | None = Design.null,
    max_edge_length: float = Design.max_edge_length,
    coeff: int = Design.coeff,
    seed: int = Design.seed,
    points_are: str = Design.points_are,
    samples: int | None = Design.samples,
    level: float = 0.95,
    jobs: Jobs = None,
    progress: Progress | None = None,
    plan: Path | str | None = None,
) -> Analysis:
    """Measure the topology and geometry of every layer of a RUN.

    Parameters
    ----------
    activations
        A RUN folder, an `ActivationSet` opened from one, or one made by `from_arrays`.
    filtration
        What is filtered. Of clouds of points: `ts.Rips()` (the metric as it is), `ts.Geodesic()`
        (along the graph of nearest neighbors), `ts.Local()` (the outer shell collapsed to a point),
        or one of your own, see `toposcope.analysis.filtrations.register`. Or `ts.Cubical()`: the
        (C, H, W) volume of each image, by its own values.
    homology_dimensions
        Degrees of homology.
    points, replicates, normalize, per_class, overlapping, seed
        As in `clouds`: `replicates` (8) disjoint draws of `points` samples each, by default 500 or
        as many as there are for each draw (n // replicates). For `Cubical` a
        replicate is one image (100 of them) and `normalize` is "none" (default: thresholds in the
        units of the activations) or "rms" (in units of the layer's root mean square). Of a NumPy
        generator a seed is drawn, and that is recorded.
    metric
        "euclidean", "cosine" or "correlation".
    null
        Null clouds measured beside each cloud: some of `nulls.NULLS`, as a sequence or separated
        by commas, or "none"; default "gaussian,copula", for `Cubical` none. "random_init" needs a
        capture with `twin=True`.
    max_edge_length
        Largest edge of the filtration, in normalized units.
    coeff
        Prime field of the coefficients.
    points_are, samples
        What a point is, and of how many samples a cloud of tokens is made: as in `clouds`.
    level
        Coverage of the intervals.
    jobs
        Worker processes, 0 for none, or an executor; None for one process per CPU, or for none
        where all takes less time than starting them. The numbers do not depend on it.
    progress
        See `toposcope.execution.progress`.
    plan
        A plan written by `preregister`. A copy is kept with the results, and reports say whether it
        was followed.

    Returns
    -------
    An `Analysis`. Tasks that failed are in `.failures`; everything else is complete.

    Examples
    --------
    >>> import numpy as np
    >>> from toposcope.store import from_arrays
    >>> X = np.random.default_rng(0).normal(size=(90, 4))
    >>> analysis = analyze(from_arrays({"block": X}), points=30, replicates=3, jobs=0)
    >>> bool(analysis.intervals.query("statistic == 'n_pairs' and homology_dimension == 0")
    ...      ["mean"].eq(29).all())
    True
    """
    design = Design(
        filtration=filtration,
        homology_dimensions=homology_dimensions,
        points=points,
        replicates=replicates,
        normalize=normalize,
        metric=metric,
        per_class=per_class,
        overlapping=overlapping,
        null=null,
        max_edge_length=max_edge_length,
        coeff=coeff,
        seed=seed,
        points_are=points_are,
        samples=samples,
    )
    return analyze_design(activations, design, level=level, jobs=jobs, progress=progress, plan=plan)


def analyze_design(
    activations: ActivationSet | Path | str,
    design: Design,
    *,
    level: float = 0.95,
    current: bool = True,
    jobs: Jobs = None,
    progress: Progress | None = None,
    plan: Path | str | None = None,
    tell: Callable[[Forecast], None] | None = None,
) -> Analysis:
    """As `analyze`, with its arguments in one object.

    Parameters
    ----------
    activations, level, jobs, progress, plan
        As in `analyze`.
    design
        What to measure.
    current
        Whether it becomes the analysis that `report` shows from now on; if not, it does so only
        where the RUN has none yet.
    tell
        Called with the forecast before anything is computed. Runs that seem to take more than a
        minute are preceded by a probe of a few seconds for it.
    """
    level = parameters.level(level, call="analyze()")
    if not isinstance(activations, ActivationSet | Path | str):
        msg = (
            f"analyze(): activations are {type(activations).__name__}; needed is an ActivationSet "
            "or the folder of a RUN."
        )
        if isinstance(activations, Mapping):
            msg += " Pass ts.from_arrays(activations) for arrays by layer."
        elif hasattr(activations, "shape") or isinstance(activations, list | tuple):
            msg += " Pass ts.from_arrays({'layer': X}) for an array."
        raise UsageError(msg)
    frozen = None if plan is None else Preregistration.read(plan)
    if frozen is not None:
        refuse_other_kind(frozen, KIND, where=str(plan))
    with ExitStack() as stack:
        if isinstance(activations, ActivationSet) and activations.run is None:
            # Arrays in memory take the path of captured ones: through a RUN, here a fleeting one.
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="toposcope-")))
            save_arrays(activations, path)
            analysis = analyze_design(
                path, design, level=level, jobs=jobs, progress=progress, plan=plan
            )
            return replace(analysis, run=None, activations=activations)
        run = activations.run if isinstance(activations, ActivationSet) else Path(activations)
        assert run is not None
        work = plan_analysis(run, design)
        jobs = worth_workers(work, jobs)
        refuse_what_cannot_fit(work, workers_of(jobs))
        if tell is None and (heard := listener(progress)) is not None:
            tell = partial(heard, f"analyze {work.run.name}")
        if tell is not None and work.todo:
            expected = forecast(work, workers_of(jobs), worth=WORTH_A_PROBE)
            refuse_a_full_disk(expected, work.run)
            tell(expected)
            progress = Corrected(progress, expected)
        run_plan(work, level=level, current=current, jobs=jobs, progress=progress, frozen=frozen)
        return load_analysis(run, work.folder.name)


def run_plan(
    plan: Plan,
    *,
    level: float = 0.95,
    current: bool = True,
    jobs: Jobs = None,
    progress: Progress | None = None,
    frozen: Preregistration | None = None,
) -> None:
    """Do the tasks of a plan that are not done, compact the results, make them the current ones.

    With current=False they become so only where the RUN has no results yet. A `frozen` plan is kept
    beside the results, with the number of tasks that were done before.
    """
    workbook = plan.workbook
    if frozen is None and _is_there(plan, level, current):
        return
    with objects_in(plan.run).lock():
        if frozen is not None:
            take_up(plan.folder, frozen, before=plan.done)
        told = {"level": level, "versions": versions()}
        if find_json(workbook.objects, SPEC) is None:
            # Written once: what may change without the numbers stands in the seal too.
            put_json_at(workbook.objects, SPEC, {**plan.spec, **told})
        if plan.done < len(plan.tasks):
            # Kernels are compiled here, once, so that workers find them in the cache.
            plan.work.warm_up()
        workbook.run(
            measure_job,
            plan.tasks,
            Inputs(plan.run),
            jobs=jobs,
            progress=progress,
            title="analyze",
            forecast=forecast_of(plan),
        )
        entries = workbook.entries(plan.tasks)  # once: what follows looks at nothing else
        failures = [
            {
                **asdict(failure),
                "layer": task.job.layer,
                "replicate": task.job.first_replicate,
            }
            for task, failure in workbook.failures(plan.tasks, entries)
        ]
        if len(failures) == len(plan.tasks):
            reasons = sorted({failure["reason"] for failure in failures})
            msg = f"analyze(): all {len(plan.tasks)} tasks failed: {'; '.join(reasons)[:500]}"
            raise StoreError(msg)
        digest = compact(
            workbook.objects, (data for _, data in workbook.parts(plan.tasks, entries))
        )
        put_json_at(workbook.objects, FAILURES, failures)
        tables = [f"{name}.parquet" for name in TABLES]
        kept = [name for name in (PLAN,) if workbook.objects.exists(name)]
        whose = Run.open(plan.run).whose
        names = [*tables, SPEC, FAILURES, *kept]
        # Of a URL what exists is known from the plan, and not from a list.
        workbook.seal(names, of=whose, tasks=plan.tasks, entries=entries, digest=digest, **told)
        if current or current_name(plan.run) is None:
            put_json_at(objects_in(plan.run), POINTER, {"analysis": plan.folder.name})


def _is_there(plan: Plan, level: float, current: bool) -> bool:
    """Whether nothing is left to do or to write: a finished analysis may be read-only."""
    if plan.done < len(plan.tasks) or (current and current_name(plan.run) != plan.folder.name):
        return False
    seal = find_seal(plan.workbook.objects)
    if seal is None or not seal.covers_all:
        return False
    return seal.record.get("level") == level and seal.record.get("versions") == versions()


def versions() -> dict[str, str]:
    """Versions of what decides numbers."""
    return {name: version(name) for name in ("toposcope", "numpy", "numba", "scipy", "gudhi")}
