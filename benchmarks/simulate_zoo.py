"""A zoo of 1,000 networks on up to 1,024 workers, simulated on costs that are measured here first.

Run: python -m benchmarks.simulate_zoo. Measured, as CPU seconds: every task of an analysis of
layers of several widths, what an analysis costs beside its tasks, and what the driver spends on a
slice and on a task. Assumed, and written above the table: the start of a worker, the way of a slice
to it and back; in it: how many objects a second the shared store takes. Slices are made by the code
that makes them in earnest; queues of a cluster are not in it.
"""

from __future__ import annotations

import argparse
import heapq
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import toposcope as ts
from benchmarks.bench_executors import Nap, nap
from toposcope.execution.dispatch import Dispatch
from toposcope.execution.slices import DONE, Receipt, Slice, do_here
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

MODELS, LAYERS, CLOUDS, POINTS = 1000, 50, 16, 500
SAMPLE = 20
"""Networks that are simulated where they come one after the other; the others are as they are."""
WIDTHS = (16, 32, 64, 128, 256, 512)
START, WAY = 5.0, 0.02
"""Seconds in which a worker starts, and in which a slice reaches it or its receipt comes back."""
PUTS = {"one disk, or NFS": 2000.0, "parallel file system": 50_000.0}
"""Objects a second; a task puts two, its part and its tick."""


class Recorder:
    """An executor that does slices of one task in this process and keeps their CPU seconds."""

    died: tuple[type[BaseException], ...] = ()
    workers = 1

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Do it now."""
        future: Future[Any] = Future()
        began = time.process_time()
        future.set_result(function(*args))
        self.seconds.append(time.process_time() - began)
        return future

    def submit_slice(self, work: Slice) -> Future[Any]:
        """Do it now."""
        return self.submit(do_here, work)

    def renew(self) -> None:
        """Nothing died."""

    def close(self) -> None:
        """Nothing to end."""


class Instant(Recorder):
    """An executor whose slices cost nothing: what is left is the driver."""

    slices, workers = True, 64

    def submit_slice(self, work: Slice) -> Future[Any]:
        """Say that it is done."""
        import cloudpickle

        future: Future[Any] = Future()
        self.seconds.append(len(cloudpickle.dumps(work)))
        future.set_result([Receipt(task.key, DONE) for task in work.tasks])
        return future


def measured_tasks(points: int, replicates: int) -> tuple[np.ndarray, float]:
    """CPU seconds of tasks, and of an analysis beside them."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(replicates * points, 16)).astype(np.float32)
    layers = {
        f"layer{i}": np.tanh(base @ rng.normal(size=(16, width))).astype(np.float32)
        for i, width in enumerate(WIDTHS)
    }
    acts, recorder = ts.from_arrays(layers), Recorder()
    began = time.process_time()
    ts.analyze(acts, points=points, replicates=replicates, jobs=recorder)
    spent = time.process_time() - began
    return np.array(recorder.seconds), spent - sum(recorder.seconds)


def measured_beside() -> tuple[float, float]:
    """CPU seconds of an analysis beside its tasks: of its own, and for each task."""
    measured_tasks(20, 2)  # imports, kernels
    (few, low), (many, high) = measured_tasks(20, 4), measured_tasks(20, 16)
    a_task = (high - low) / (len(many) - len(few))
    return low - a_task * len(few), a_task


def measured_driver(tasks: int = 4000) -> tuple[float, float]:
    """CPU seconds of the driver for a slice and for a task, from slices of one and of many."""
    costs = []
    for seconds in (1e6, 0.1):  # so long that each is a slice of its own, and so short
        todo = [Task(Nap(number), "nap") for number in range(tasks)]
        executor = Instant()
        with tempfile.TemporaryDirectory() as folder:
            book = Workbook(LocalObjects(Path(folder)), ".txt")
            began = time.process_time()
            book.run(nap, todo, 0.1, jobs=executor, title="nap", forecast=lambda _, s=seconds: s)
            costs.append((len(executor.seconds), time.process_time() - began))
    (many, dear), (few, cheap) = costs
    a_slice = max(dear - cheap, 0.0) / (many - few)
    return a_slice, max(cheap - few * a_slice, 0.0) / tasks


@dataclass
class World:
    """What the simulation rests on."""

    tasks: np.ndarray
    beside: float
    beside_a_task: float
    a_slice: float
    a_task: float
    puts: float

    def pass_over(self, seconds: np.ndarray, workers: int, begin: float) -> tuple[float, float]:
        """When all of these tasks are done, and how long the driver was at work; workers live."""
        slices = _sliced(seconds, workers)
        free = [begin] * workers
        heapq.heapify(free)
        driver = store = begin
        busy, last = 0.0, begin
        flying: list[float] = []
        for length, spent in slices:
            if len(flying) >= 2 * workers:  # the window is full: a receipt comes first
                back = heapq.heappop(flying)
                driver = max(driver, back)
            cost = self.a_slice + length * self.a_task
            driver += cost
            busy += cost
            at = max(driver + WAY, heapq.heappop(free))
            ends = at + spent
            # The store takes objects one after the other; a worker waits for its own.
            store = max(store, at) + 2 * length / self.puts
            ends = max(ends, store)
            heapq.heappush(free, ends)
            heapq.heappush(flying, ends + WAY)
            last = max(last, ends + WAY)
        return max(last, driver), busy


_made: dict[tuple[int, int, float], list[tuple[int, float]]] = {}


def _sliced(seconds: np.ndarray, workers: int) -> list[tuple[int, float]]:
    """Slices as Dispatch makes them: how many tasks each has, and their seconds."""
    asked = (workers, len(seconds), float(seconds.sum()))
    if asked in _made:  # by another store
        return _made[asked]
    known = dict(enumerate(seconds.tolist()))
    jobs: Any = [SimpleNamespace(key=number) for number in known]  # a hash would take longest
    executor = Instant()
    executor.workers = workers
    dispatch = Dispatch(
        *(LocalObjects(Path()), "", nap, None, executor, {}, known), settled=lambda _: None
    )
    parts = dispatch._slices(jobs)
    _made[asked] = [(len(part), sum(known[task.key] for task in part)) for part in parts]
    return _made[asked]


def simulated(world: World, workers: int, *, together: bool) -> tuple[float, float, float]:
    """Seconds of all, efficiency, and share of the time that the driver works."""
    rng = np.random.default_rng(1)
    # A network is as wide or as deep as another one is not: a factor of its own.
    factors = rng.lognormal(0.0, 0.5, MODELS)
    costs = [f * rng.choice(world.tasks, LAYERS * CLOUDS) for f in factors]
    whole = sum(float(c.sum()) for c in costs)
    beside = world.beside + world.beside_a_task * LAYERS * CLOUDS
    if together:
        end, busy = world.pass_over(np.concatenate(costs), workers, START)
        end, busy = end + MODELS * beside, busy + MODELS * beside
    else:
        end, busy = START, 0.0
        for cost in costs[:SAMPLE]:
            after, more = world.pass_over(cost, workers, end)
            end, busy = after + beside, busy + more + beside
        whole = sum(float(c.sum()) for c in costs[:SAMPLE])
        return end * MODELS / SAMPLE, whole / (end * workers), busy / end
    return end, whole / (end * workers), busy / end


def main() -> None:
    """Measure, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[16, 64, 256, 1024])
    args = parser.parse_args()
    beside, beside_a_task = measured_beside()
    tasks, _ = measured_tasks(POINTS, 4)
    a_slice, a_task = measured_driver()
    print(
        f"measured CPU ms: {len(tasks)} tasks {1e3 * np.median(tasks):.0f} (median; "
        f"{1e3 * tasks.min():.0f} to {1e3 * tasks.max():.0f}), an analysis beside them "
        f"{1e3 * beside:.0f} and {1e3 * beside_a_task:.1f} a task, "
        f"the driver {1e3 * a_slice:.2f} a slice and {1e3 * a_task:.2f} a task; assumed: "
        f"{START:.0f} s for a worker's start, {1e3 * WAY:.0f} ms a way\n\n"
        "| workers | store | given out | wall | efficiency | driver at work |\n"
        "|---|---|---|---|---|---|",
        flush=True,
    )
    for workers in args.workers:
        for store, puts in PUTS.items():
            world = World(tasks, beside, beside_a_task, a_slice, a_task, puts)
            for together in (False, True):
                end, share, busy = simulated(world, workers, together=together)
                how = "all networks at once" if together else "one network after the other"
                print(
                    f"| {workers} | {store} | {how} | {end / 60:.0f} min | {share:.0%} "
                    f"| {busy:.0%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
