"""What an analysis will do and what it will cost, before anything is computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from toposcope.analysis.cloud_jobs import CloudWork
from toposcope.analysis.design import Design, Filtration
from toposcope.analysis.jobs import Job
from toposcope.analysis.registry import POINTS, VOLUMES
from toposcope.analysis.volume_jobs import VolumeWork
from toposcope.analysis.work import WORKS, Work
from toposcope.errors import UsageError, WayOut
from toposcope.execution.forecasts import refuse_workers_beyond_memory
from toposcope.execution.plugins import plugin_hash
from toposcope.execution.source_hash import source_hash
from toposcope.execution.tasks import Task, spec_hash
from toposcope.execution.workbook import Workbook
from toposcope.inputs.memory import available_memory
from toposcope.pointclouds.cloudset import CloudSet
from toposcope.pointclouds.kinds import points_of, unfit
from toposcope.store.objects import objects_in
from toposcope.store.runs import Run, open_run
from toposcope.types import ActivationSet

SCIENCE = (
    "homology",
    "pointclouds",
    "dimension",
    "diagrams/summaries.py",
    "diagrams/lengths.py",
    "inputs",
    "analysis/filtrations",
    "analysis/jobs.py",
    "analysis/rulers.py",
    "analysis/validity_checks.py",
    "analysis/outlier_factor.py",
    "analysis/cloud_task.py",
    "analysis/volume_task.py",
)
"""Sources that decide numbers; their hash is part of every task key."""


@cache
def code_hash(sources: tuple[str, ...] = SCIENCE) -> str:
    """Hash of all sources that decide numbers, those of installed plug-ins included."""
    return hashlib.sha256((source_hash(*sources) + plugin_hash()).encode()).hexdigest()[:16]


def code_of(filtration: Filtration) -> str:
    """Hash of all sources that decide numbers, a filtration's own ones from elsewhere included."""
    own = filtration.source
    return hashlib.sha256((code_hash() + own).encode()).hexdigest()[:16] if own else code_hash()


@dataclass(frozen=True)
class Plan:
    """What an analysis will do: its tasks, and what they will cost.

    Parameters
    ----------
    run, folder
        The RUN, and the folder of this analysis in it.
    design
        Parameters that decide the numbers, with nothing left open.
    code
        Hash of the sources that decide them.
    tasks
        One per job: one draw of one layer, or a few images of it.
    done
        How many are finished already.
    seconds
        Predicted CPU seconds of the jobs still to do.
    worker_bytes
        Predicted peak memory of one worker, without the files that it maps.
    todo
        The tasks that are not done.
    """

    run: Path
    folder: Path
    design: Design
    code: str
    tasks: Sequence[Task[Job]]
    done: int = 0
    seconds: float = 0.0
    worker_bytes: int = 0
    todo: Sequence[Task[Job]] = ()

    @cached_property
    def opened(self) -> Run:
        """The RUN."""
        return Run.open(self.run)

    @property
    def work(self) -> Work:
        """How what is filtered is measured."""
        return work_of(self.design.filtration)

    @property
    def spec(self) -> dict[str, Any]:
        """The design and the code, as they are stored with the numbers."""
        return {**self.design.to_spec(), "code": self.code}

    @property
    def workbook(self) -> Workbook:
        """Where the parts are kept."""
        name = self.folder.relative_to(self.run).as_posix()
        objects = objects_in(self.run).within(name)
        return Workbook(objects, suffix=".parquet", again="analyze again")


OWN: dict[str, Work] = {POINTS: CloudWork(), VOLUMES: VolumeWork()}
"""How the units of this package are measured."""


def work_of(filtration: Filtration) -> Work:
    """How what a filtration is of is measured."""
    work = OWN.get(filtration.unit) or WORKS.get(filtration.unit)
    if work is None:
        msg = (
            f"analyze(filtration={filtration!r}): nothing measures {filtration.unit!r}. Write a "
            f"Work under @measures({filtration.unit!r}) beside the filtration "
            "(toposcope.analysis.work)."
        )
        raise UsageError(msg)
    return work


def draws_of(activations: ActivationSet, design: Design) -> CloudSet:
    """Which samples of the activations make which replicate; the design is resolved."""
    return work_of(design.filtration).draw(activations, design)


def opened(activations: ActivationSet, design: Design) -> Design:
    """The design with nothing left open, for these activations.

    Points that were not asked for are as many as every draw can have: of the smallest class where
    clouds are inside classes, of the smallest layer where points are no samples.
    """
    n = activations.n
    if design.points is not None or design.filtration.unit != POINTS:
        return design.resolved(n)
    if design.points_are != "samples":
        known = design.resolved(n)
        sizes = layer_points(activations, design.points_are, known.samples or 1)
        return design.resolved(n, room=min((size for size in sizes if size > 1), default=None))
    labels = activations.labels
    if not design.per_class or labels is None:
        return design.resolved(n)
    smallest = int(np.unique(labels[labels >= 0], return_counts=True)[1].min(initial=n))
    shared = 1 if design.overlapping else design.resolved(n).replicates or 1
    return design.resolved(n, room=smallest // shared)


def layer_points(activations: ActivationSet, points_are: str, samples: int) -> list[int]:
    """Points of a draw of some samples in every layer that has such points, pads included."""
    first = np.zeros(1, np.intp)
    shapes = [activations.rows(layer, first).shape[1:] for layer in activations.layers]
    return [
        samples * points_of(np.empty((1, *shape), np.bool_), points_are).shape[1]
        for shape in shapes
        if not unfit(shape, points_are)
    ]


def plan_analysis(run_path: Path | str, design: Design) -> Plan:
    """Check a design against a RUN and lay out its jobs; computes nothing."""
    activations = open_run(run_path)
    assert activations.run is not None
    run = Run.open(activations.run)
    design = opened(activations, design)
    work, code = work_of(design.filtration), code_of(design.filtration)
    folder = activations.run / "results" / spec_hash({**design.to_spec(), "code": code})[:12]
    jobs = work.jobs(run, work.draw(activations, design), design, code)
    plan = Plan(activations.run, folder, design, code, [Task(job, job.title) for job in jobs])
    todo = plan.workbook.todo(plan.tasks)
    seconds, peak = work.predict(run, [task.job for task in todo], design)
    done = len(jobs) - len(todo)
    return replace(plan, done=done, seconds=seconds, worker_bytes=peak, todo=todo)


def forecast_of(plan: Plan) -> Callable[[Job], float]:
    """CPU seconds of each job of a plan, all draws of a layer being alike."""
    run, known = plan.opened, dict[tuple[str, int], float]()

    def seconds(job: Job) -> float:
        kind = job.layer, len(job.rows)
        if kind not in known:
            known[kind] = plan.work.predict(run, [job], plan.design)[0]
        return known[kind]

    return seconds


def refuse_what_cannot_fit(plan: Plan, workers: int) -> None:
    """Refuse an analysis whose workers would not fit in memory, before anything is computed."""
    if not plan.todo:
        return
    jobs, room = [task.job for task in plan.todo], available_memory()

    def ways(room: int) -> Sequence[WayOut]:
        return plan.work.ways_out(plan.opened, jobs, plan.design, room)

    refuse_workers_beyond_memory(
        ways,
        each=plan.worker_bytes,
        workers=max(1, min(workers, len(jobs))),
        room=room,
        call="analyze()",
    )
