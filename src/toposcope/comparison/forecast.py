"""What the tasks of a comparison will take: memory from sizes, time from a few of their pairs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from toposcope.comparison.layer_pairs import (
    ACTIVATIONS_HELD,
    DIAGRAM_MEASURES,
    PairsInputs,
    PairsJob,
    measure_pairs,
    read_input,
)
from toposcope.errors import WayOut
from toposcope.execution.forecasts import (
    BLOCK,
    Forecast,
    Taken,
    by_the_clock,
    free_room,
    most_that_fit,
    probed,
    refuse_beyond,
)
from toposcope.execution.tasks import Task
from toposcope.inputs.memory import available_memory
from toposcope.store.runs import Run

WORKER_BYTES = 190_000_000
"""A worker that has compared something small: interpreter, libraries, machine code of kernels."""
TASK_SECONDS, WORKER_SECONDS = 0.03, 1.5
"""Of any task, and until a worker has its libraries."""
ROW = 60
"""Bytes of a stored number."""
SQUARES = 8
"""(points, points) matrices that a similarity holds at once."""
FEWEST_POINTS, FEWEST_DRAWS = 10, 4
"""What is still worth advising."""
PROBED = 3
"""Layers that a probe looks at: the first, a middle one and the last."""


def from_sizes(
    tasks: Sequence[Task[PairsJob]],
    todo: Sequence[Task[PairsJob]],
    inputs: PairsInputs,
    *,
    workers: int,
    place: Path,
) -> Forecast:
    """The forecast from the sizes of arrays alone; seconds are those of bookkeeping.

    Parameters
    ----------
    tasks, todo
        All, and those that are left.
    inputs
        Where they read.
    workers
        How many run at once.
    place
        Folder of the comparison.
    """
    held, mapped = _held(todo, inputs)
    count = sum(_numbers(task.job) for task in todo)
    seconds = (TASK_SECONDS,) * len(todo)
    return Forecast(
        tasks=len(tasks),
        done=len(tasks) - len(todo),
        workers=workers,
        cpu_seconds=sum(seconds),
        seconds=by_the_clock(seconds, workers, WORKER_SECONDS, len(tasks)),
        worker_bytes=WORKER_BYTES + held + mapped if todo else 0,
        mapped_bytes=mapped if todo else 0,
        disk_bytes=ROW * count + 2 * BLOCK * len(todo),
        available_bytes=available_memory(),
        free_bytes=free_room(place),
        task_seconds=seconds,
    )


def from_probe(first: Forecast, todo: Sequence[Task[PairsJob]], inputs: PairsInputs) -> Forecast:
    """The forecast continued from what some pairs of three layers took in a worker."""
    begun = time.perf_counter()
    chosen = sorted({*np.linspace(0, len(todo) - 1, PROBED).round().astype(int).tolist()})
    picked = [(at, full) for at in chosen for full in _kinds(todo[at].job)]
    jobs = [_one_pair(todo[at].job, full) for at, full in picked]
    if not jobs:
        return first
    taken = probed(measure_pairs, jobs, inputs)
    measured = dict(zip(picked, taken, strict=False))
    seconds = tuple(
        TASK_SECONDS
        + sum(
            count * _between(measured, at, full)
            for full in (False, True)
            if (count := sum(other.full == full for other in task.job.others))
        )
        for at, task in enumerate(todo)
    )
    return replace(
        first,
        cpu_seconds=sum(seconds),
        seconds=by_the_clock(seconds, first.workers, WORKER_SECONDS, first.tasks),
        worker_bytes=max(first.worker_bytes, max(one.peak for one in taken)),
        probed=time.perf_counter() - begun,
        task_seconds=seconds,
    )


def refuse_what_cannot_fit(
    expected: Forecast, todo: Sequence[Task[PairsJob]], inputs: PairsInputs, place: Path
) -> None:
    """Refuse a comparison whose workers would not fit in memory, with ways out that do."""
    points, draws = _points(todo, inputs), todo[0].job.replicates

    def fits(room: int, points: int, draws: int) -> bool:
        return WORKER_BYTES + _held(todo, inputs, points=points, draws=draws)[0] <= room

    def redrawn(points: int, draws: int) -> WayOut:
        changes = {"points": points, "replicates": draws, "equalize": True}
        flags = "--points", str(points), "--replicates", str(draws), "--equalize"
        return WayOut(changes, flags)

    def ways(room: int) -> Iterator[WayOut]:
        # Fewer points, fewer draws, or some of both.
        half = max(draws // 2, FEWEST_DRAWS)
        for count in dict.fromkeys((draws, half)):
            most = most_that_fit(points + 1, partial(fits, room, draws=count))
            # A little less than fits: what is available changes until it is typed.
            if (fewer := int(0.95 * most)) >= FEWEST_POINTS:
                yield redrawn(fewer, count)
        if room >= WORKER_BYTES:
            measures = [name for name in todo[0].job.measures if name in DIAGRAM_MEASURES]
            name = (measures or ["wasserstein"])[0]
            told = f"measures={(name,)}, which reads no activations,"
            yield WayOut({"measures": (name,)}, ("--measures", name), told=told)

    refuse_beyond(expected, lambda room: list(ways(room)), call="compare()", place=place)


def _kinds(job: PairsJob) -> list[bool]:
    return sorted({other.full for other in job.others})


def _one_pair(job: PairsJob, full: bool) -> PairsJob:
    """The job with one of its pairs: a layer that is met with all draws, or with one each."""
    met = [
        other for other in job.others if other.full == full and other.side.place != job.side.place
    ]
    met = met or [other for other in job.others if other.full == full]
    return replace(job, others=(met[len(met) // 2],))


def _between(measured: dict[tuple[int, bool], Taken], at: int, full: bool) -> float:
    """Seconds of a pair of a layer, between those of the layers that were measured."""
    known = sorted((there, one.seconds) for (there, kind), one in measured.items() if kind == full)
    if not known:  # the budget ended first: the other kind is what there is
        known = sorted((there, one.seconds) for (there, _), one in measured.items())
    return float(np.interp(at, [there for there, _ in known], [spent for _, spent in known]))


def _numbers(job: PairsJob) -> int:
    """About how many numbers a task stores."""
    draws = job.replicates
    each = [
        draws * draws * len(job.homology_dimensions) if name in DIAGRAM_MEASURES else 2 * draws
        for name in job.measures
    ]
    return len(job.others) * sum(each)


def _points(todo: Sequence[Task[PairsJob]], inputs: PairsInputs) -> int:
    rows = json.loads(read_input(inputs.objects, todo[0].job.side.draws))
    return max(map(len, rows), default=0)


def _held(
    todo: Sequence[Task[PairsJob]],
    inputs: PairsInputs,
    *,
    points: int | None = None,
    draws: int | None = None,
) -> tuple[int, int]:
    """Bytes of activations and matrices that a worker holds, and of files that it maps."""
    paired = [
        name for task in todo[:1] for name in task.job.measures if name not in DIAGRAM_MEASURES
    ]
    if not paired:
        return 0, 0
    points = _points(todo, inputs) if points is None else points
    widths, files = [], []
    for run in filter(None, inputs.runs):
        opened = Run.open(run)
        for layer in opened.addresses:
            entry = opened.layers[layer]
            width = math.prod(entry["shape"])
            widths.append(width)
            files.append(opened.n * width * np.dtype(entry["dtype"]).itemsize)
    draws = todo[0].job.replicates if draws is None else draws
    # As they are kept (layer_pairs.py): 64 of the widest, and one more as it is read and turned.
    each = sorted((8 * points * width for width in widths for _ in range(draws)), reverse=True)
    matrices = 8 * SQUARES * points * points
    return (
        sum(each[:ACTIVATIONS_HELD]) + 2 * max(each, default=0) + matrices,
        sum(sorted(files, reverse=True)[:4]),
    )
