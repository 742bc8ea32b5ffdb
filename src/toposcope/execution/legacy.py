"""Many independent tasks, done exactly once in effect, on any number of workers.

A task is a pure function of its payload; its key is a hash of everything that decides the answer.
The worker publishes the answer itself (data first, tick last), so results never travel through the
executor and a killed run repeats no finished task. Executors only need `submit() -> Future`.
A task that kills its worker is run again alone; the second time it is recorded as failed while
everything else completes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toposcope.errors import UsageError
from toposcope.execution.progress import Progress, ensure
from toposcope.store.objects import put_json, read_json

log = logging.getLogger("toposcope")

WORKER_DEATHS_ALLOWED = 2
"""A task alone in a fresh pool that dies this often is poison, not a victim."""

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True)
class Task:
    """One unit of work: a key, what to show for it, and the payload the worker gets."""

    key: str
    title: str
    payload: Mapping[str, Any] = field(repr=False)


def task_key(spec: Mapping[str, Any]) -> str:
    """Identity of a task: sha256 of its canonical spec.

    Examples
    --------
    >>> task_key({"b": 1, "a": 2}) == task_key({"a": 2, "b": 1})
    True
    """
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


class Ledger:
    """One small file per finished task: "done", or "failed" with the reason."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """The tick of one task."""
        return self.folder / f"{key}.json"

    def entry(self, key: str) -> dict[str, Any] | None:
        """What is recorded of a task, or None."""
        path = self.path(key)
        return dict(read_json(path)) if path.exists() else None

    def done(self, key: str) -> bool:
        """Whether the task was finished with a result."""
        entry = self.entry(key)
        return entry is not None and entry["status"] == "done"

    def tick(self, key: str, **facts: object) -> None:
        """Record a finished task; its data must be in place already."""
        put_json(self.path(key), {"status": "done", **facts})

    def fail(self, task: Task, reason: str, trace: str = "") -> None:
        """Record a task that could not be done."""
        entry = {"status": "failed", "task": task.title, "reason": reason, "traceback": trace}
        put_json(self.path(task.key), entry)


def default_jobs() -> int:
    """Number of workers when none is named: the CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def executor(jobs: int) -> Iterator[Callable[[], Executor]]:
    """Give a function that returns a live pool: a fresh one whenever the last one broke."""
    from loky import ProcessPoolExecutor

    pools: list[Executor] = []

    def fresh() -> Executor:
        for old in pools:
            old.shutdown(wait=False)
        pools[:] = [
            ProcessPoolExecutor(
                max_workers=jobs,
                env=dict.fromkeys(THREAD_VARIABLES, "1"),
                timeout=600,
                initializer=_end_with_parent,
                initargs=(os.getpid(),),
            )
        ]
        return pools[0]

    try:
        yield fresh
    finally:
        for pool in pools:
            _stop(pool)


def _end_with_parent(parent: int) -> None:
    """End this worker with its driver, and only with it.

    Ctrl-C reaches the whole group of processes; the driver answers for all of them. After a kill -9
    of the driver nobody would tell its workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _stop(pool: Executor) -> None:
    try:
        pool.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]
    except TypeError:  # an executor without loky's extra argument
        pool.shutdown(wait=True)


def run_tasks(
    function: Callable[[Mapping[str, Any]], None],
    tasks: Sequence[Task],
    *,
    ledger: Ledger,
    jobs: int | None = None,
    progress: Progress | None = None,
    title: str = "analyze",
) -> list[Task]:
    """Run every task that is not done yet; returns those run in this call.

    Parameters
    ----------
    function
        Module-level function of the payload; publishes its own result and ticks the ledger.
    tasks
        In the order they should start; keys are unique.
    ledger
        Where results are ticked off; failed tasks are tried again.
    jobs
        Worker processes; None for one per CPU; 0 runs in this process (for debugging).
    """
    jobs = default_jobs() if jobs is None else jobs
    if jobs < 0:
        msg = f"jobs={jobs}: needed is a number of workers, 1 or more, or 0 for none."
        raise UsageError(msg)
    todo = [task for task in tasks if not ledger.done(task.key)]
    with ensure(progress).task(title, len(tasks)) as bar:
        bar.advance(len(tasks) - len(todo))
        if jobs == 0:
            for task in todo:
                _run_here(function, task, ledger)
                bar.advance()
        elif todo:
            with executor(min(jobs, len(todo))) as fresh_pool:
                _drain(function, todo, ledger, fresh_pool, window=2 * jobs, advance=bar.advance)
    return todo


def _run_here(function: Callable[[Mapping[str, Any]], None], task: Task, ledger: Ledger) -> None:
    try:
        function(task.payload)
    except Exception as error:  # recorded with its trace, shown first in the report
        ledger.fail(task, f"{type(error).__name__}: {error}", traceback.format_exc())


def _drain(
    function: Callable[[Mapping[str, Any]], None],
    todo: Sequence[Task],
    ledger: Ledger,
    fresh_pool: Callable[[], Executor],
    *,
    window: int,
    advance: Callable[[int], None],
) -> None:
    """Keep a window of tasks in flight; when the pool breaks, retry its suspects one by one."""
    pool = fresh_pool()
    waiting = deque(todo)
    suspects: deque[Task] = deque()
    deaths: dict[str, int] = {}
    in_flight: dict[Future[None], Task] = {}
    while waiting or suspects or in_flight:
        # While there are suspects exactly one task runs, so that a death names its culprit.
        source, limit = (suspects, 1) if suspects else (waiting, window)
        while source and len(in_flight) < limit:
            task = source.popleft()
            in_flight[pool.submit(function, task.payload)] = task
        finished, _ = wait(in_flight, return_when=FIRST_COMPLETED)
        broken = [f for f in finished if isinstance(f.exception(), BrokenProcessPool)]
        for future in finished:
            if future not in broken:
                _settle(future, in_flight.pop(future), ledger)
                advance(1)
        if broken:
            alone = len(in_flight) == 1
            for task in in_flight.values():
                if ledger.done(task.key):  # it had published before its neighbour died
                    advance(1)
                    continue
                deaths[task.key] = deaths.get(task.key, 0) + alone
                if deaths[task.key] >= WORKER_DEATHS_ALLOWED:
                    ledger.fail(task, "the worker process died twice while running this task alone")
                    advance(1)
                else:
                    suspects.append(task)
            log.warning("a worker process died; %d tasks are run again one by one", len(suspects))
            in_flight.clear()
            pool = fresh_pool()


def _settle(future: Future[None], task: Task, ledger: Ledger) -> None:
    error = future.exception()
    if error is not None:
        trace = "".join(traceback.format_exception(error))
        ledger.fail(task, f"{type(error).__name__}: {error}", trace)
