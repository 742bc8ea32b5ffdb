"""What an analysis will take: memory and time of its tasks, room on disk, and what is left of it.

First from the sizes of its arrays alone, which takes milliseconds; then, where that is worth it,
from a probe of a few seconds on this machine and this data (probe.py); and while it runs from the
tasks that are done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from toposcope.analysis.jobs import Inputs, Job
from toposcope.analysis.plan import Plan
from toposcope.analysis.probe import (
    SETTLED,
    Probe,
    Rung,
    Trial,
    continued,
    measure_trials,
    writable,
)
from toposcope.analysis.work import WORKER_BYTES, WORKER_SECONDS
from toposcope.errors import UsageError
from toposcope.execution.executors import Jobs, Processes, default_jobs
from toposcope.execution.forecasts import BLOCK, PER_DONE, by_the_clock, free_room
from toposcope.execution.forecasts import Forecast as Forecast
from toposcope.execution.progress import Progress, Steps, ensure
from toposcope.inputs.memory import available_memory, gib

BUDGET = 4.0
"""Seconds that a probe may measure for, after its worker has started."""
WORTH_A_PROBE = 60.0
"""Predicted seconds from which on a start is preceded by a probe."""
LAYERS = 3
"""Layers that a probe looks at: the narrowest, the middle one and the widest."""
SMALLEST = 48
"""Points that a probe begins with, at least."""


def forecast(plan: Plan, workers: int, *, budget: float = BUDGET, worth: float = 0.0) -> Forecast:
    """What the tasks of a plan will take.

    Parameters
    ----------
    plan
        The tasks, and which are done.
    workers
        How many run at once.
    budget
        Seconds for a probe; 0 for none.
    worth
        Predicted seconds from which on it is made.
    """
    first = _from_sizes(plan, workers)
    if not plan.todo or budget <= 0 or first.seconds < worth or not first.task_seconds:
        return first
    if first.worker_bytes - first.mapped_bytes > first.available_bytes:
        return first  # it will be refused, and its probe might not fit either
    begun = time.perf_counter()
    chosen = _chosen(plan)
    ladders = [_ladder(plan, layer) for layer in chosen]
    plan.work.warm_up()
    with _worker() as run:
        found = run(ladders, Inputs(plan.run), writable(plan.run), budget)
    return replace(_from_probe(plan, workers, first, chosen, found), probed=_since(begun))


def worth_workers(plan: Plan, jobs: Jobs) -> Jobs:
    """`jobs`; 0 where nobody named any and the tasks take less than starting workers does.

    Workers load the same libraries once more, each for itself: 3 layers of 200 samples took twice
    the processor time, and longer by the clock, with two of them than without. Budgets of a task
    need a worker that can be ended, and are for tasks of minutes.
    """
    if jobs is None and _from_sizes(plan, 1).cpu_seconds < WORKER_SECONDS:
        return 0
    return jobs


def _from_sizes(plan: Plan, workers: int) -> Forecast:
    """The forecast from the sizes of arrays alone."""
    opened, todo = plan.opened, plan.todo
    design, work = plan.design, plan.work
    each: dict[str, float] = {}
    for task in todo:
        layer = task.job.layer
        if layer not in each:
            each[layer] = work.predict(opened, [task.job], design)[0]
    seconds = tuple(each[task.job.layer] for task in todo)
    sizes = sorted(
        (
            opened.n * int(np.prod(one["shape"], dtype=np.int64)) * np.dtype(one["dtype"]).itemsize
            for one in opened.layers.values()
        ),
        reverse=True,
    )
    mapped = int(sum(sizes[:4]))
    clouds = 1 + len(design.nulls)
    part = 8000 + clouds * design.size * (12 + 25 * bool(max(design.homology_dimensions)))
    return Forecast(
        tasks=len(plan.tasks),
        done=plan.done,
        workers=workers,
        cpu_seconds=sum(seconds),
        seconds=by_the_clock(seconds, workers, WORKER_SECONDS, len(plan.tasks)),
        worker_bytes=plan.worker_bytes + mapped if todo else 0,
        mapped_bytes=mapped if todo else 0,
        disk_bytes=_on_disk(len(todo), part),
        available_bytes=available_memory(),
        free_bytes=free_room(plan.run),
        task_seconds=seconds,
    )


def _on_disk(tasks: int, part: float) -> int:
    """Parts and ticks, and the parts again in the tables."""
    return int(tasks * (2 * part + 2 * BLOCK))


def _chosen(plan: Plan) -> list[str]:
    """Layers to look at: evenly over those that are left, by what their tasks seem to take."""
    of_layer: dict[str, float] = {}
    for task in plan.todo:
        if task.job.layer not in of_layer:
            of_layer[task.job.layer] = _width(plan, task.job.layer)
    ordered = sorted(of_layer, key=lambda layer: of_layer[layer])
    # The widest first: it decides the memory.
    at = np.linspace(0, len(ordered) - 1, min(LAYERS, len(ordered))).round().astype(int)
    return [ordered[i] for i in dict.fromkeys(at.tolist()[::-1])]


def _width(plan: Plan, layer: str) -> float:
    return float(np.prod(plan.opened.layers[layer]["shape"], dtype=np.float64))


def _ladder(plan: Plan, layer: str) -> list[Rung]:
    """Jobs of a layer by rising size, up to the real one."""
    jobs: list[Job] = [task.job for task in plan.todo if task.job.layer == layer][:2]
    size = plan.work.size(jobs[0])
    sizes = [size]
    while sizes[-1] >= 2 * SMALLEST and plan.work.size(jobs[0]) > 1:
        sizes.append(sizes[-1] // 2)
    return [Rung(m, tuple(plan.work.smaller(job, m) for job in jobs)) for m in sizes[::-1]]


@contextmanager
def _worker() -> Iterator[Callable[..., Probe]]:
    """A worker process of its own, so that its memory is that of a worker."""
    executor = Processes(1)
    try:
        yield lambda *args: executor.submit(measure_trials, *args).result()
    finally:
        executor.close()


def _from_probe(
    plan: Plan, workers: int, first: Forecast, layers: Sequence[str], found: Probe
) -> Forecast:
    """The forecast continued from what a probe measured."""
    size = plan.work.size(plan.todo[0].job)
    known = [
        (_width(plan, layer), trials)
        for layer, trials in zip(layers, found.trials, strict=True)
        if trials
    ]
    known.sort(key=lambda pair: pair[0])
    widths = [width for width, _ in known]
    # Where a ladder ended early, the steepness of the one that came farthest is the better guess.
    farthest = max((trials for _, trials in known), key=lambda trials: trials[-1].size)
    again, cold, share = [], [], []
    for _, trials in known:
        last = trials[-1]
        more = continued(trials if len(trials) > 2 else farthest, size)
        if len(trials) <= 2 < len(farthest):
            more = continued(farthest, size) * (farthest[-1].size / last.size) ** 2
        again.append(last.again * more)
        cold.append(max(last.seconds - last.again, 0.0) * (size / last.size))
        share.append(min(max(last.cpu / max(last.seconds, 1e-9), 0.05), 1.0))
    of_layer: dict[str, int] = {}
    for task in plan.todo:
        of_layer[task.job.layer] = of_layer.get(task.job.layer, 0) + 1
    at_once = min(workers, default_jobs(), len(plan.todo))
    each = {}
    for layer, count in of_layer.items():
        here = _width(plan, layer)
        # A layer is prepared once by every worker that measures some of it.
        prepared = float(np.interp(here, widths, cold)) * min(at_once, count) / count
        each[layer] = float(np.interp(here, widths, again)) + prepared
    seconds = tuple(each[task.job.layer] for task in plan.todo)
    part = max(trials[-1].part * size / trials[-1].size for _, trials in known)
    return replace(
        first,
        cpu_seconds=sum(seconds) * float(np.mean(share)),
        seconds=by_the_clock(seconds, workers, found.start, len(plan.tasks)),
        worker_bytes=_memory(plan, first, known, found.base, size),
        disk_bytes=_on_disk(len(plan.todo), part),
        task_seconds=seconds,
    )


def _memory(
    plan: Plan,
    first: Forecast,
    known: Sequence[tuple[float, tuple[Trial, ...]]],
    base: int,
    size: int,
) -> int:
    """Peak memory of a worker: where it starts, and how it grew against what was predicted."""
    growth = plan.worker_bytes - WORKER_BYTES
    widest = max(known, key=lambda pair: pair[1][-1].peak)[1][-1]
    if widest.size >= size and len(known) == len(set(plan.opened.layers)):
        return max(widest.peak, base)
    smaller = [plan.work.smaller(task.job, widest.size) for task in plan.todo[:1]]
    there = plan.work.predict(plan.opened, smaller, smaller[0].design)[1] - WORKER_BYTES
    factor = 1.0
    if there >= SETTLED:
        factor = min(max((widest.peak - base) / there, 0.6), 4.0)
    return int(base + growth * factor) + first.mapped_bytes


def refuse_a_full_disk(expected: Forecast, place: Path) -> None:
    """Refuse an analysis whose results would not fit on the disk, before anything is computed."""
    if expected.disk_bytes <= expected.free_bytes:
        return
    msg = (
        f"analyze(): the results will take about {gib(expected.disk_bytes)}; "
        f"{gib(expected.free_bytes)} are free where {place} lies. Free space, or copy the RUN to "
        "another disk, or pass fewer replicates (--replicates) or points (--points)."
    )
    raise UsageError(msg)


def _since(begun: float) -> float:
    return time.perf_counter() - begun


@dataclass
class _Left:
    """Tells the seconds left after every task, from the forecast and what the tasks took."""

    inner: Steps
    tell: Callable[[float], None]
    seconds: Sequence[float]
    at_once: int
    total: int
    tail: float
    done: int = 0
    begun: float | None = None

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        now = time.monotonic()
        if self.begun is None or self.total - self.done >= len(self.seconds):
            self.begun = now  # what was done before this run
        left = max(self.total - self.done, 0)
        ahead = sum(self.seconds[len(self.seconds) - left :]) / self.at_once
        behind = sum(self.seconds[: len(self.seconds) - left]) / self.at_once
        self.tell(remaining(ahead, behind, now - self.begun) + self.tail)
        self.inner.advance(steps)  # afterwards, so that its line has it


def remaining(ahead: float, behind: float, spent: float, *, trust: float = 10.0) -> float:
    """Seconds left, from those predicted for what is ahead and what is behind, and those spent.

    Parameters
    ----------
    ahead, behind
        Predicted seconds of the tasks that are left, and of those that are done.
    spent
        What those that are done took.
    trust
        Seconds of tasks that the prediction counts as much as.

    Examples
    --------
    Half is done and took twice as long as predicted; at the start the prediction stands.

    >>> round(remaining(100.0, 100.0, 200.0)), remaining(200.0, 0.0, 0.0)
    (191, 200.0)
    """
    return ahead * (trust + spent) / (trust + behind)


@dataclass(frozen=True)
class Corrected:
    """A progress that tells how many seconds are left, corrected as tasks end.

    Parameters
    ----------
    inner
        What tells the tasks; its steps may have a method `left(seconds)`.
    expected
        The forecast.
    """

    inner: Progress | None
    expected: Forecast

    @contextmanager
    def task(self, name: str, total: int, /) -> Iterator[Steps]:
        """Context manager around the tasks."""
        with ensure(self.inner).task(name, total) as steps:
            tell = getattr(steps, "left", None)
            if tell is None or not self.expected.task_seconds:
                yield steps
                return
            at_once = max(1, min(self.expected.workers, default_jobs()))
            yield _Left(steps, tell, self.expected.task_seconds, at_once, total, total * PER_DONE)
