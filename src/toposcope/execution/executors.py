"""Where tasks run: in this process, or in worker processes of this machine; engines.py has others.

An executor takes a function and its arguments and gives a future, and says which errors mean that a
worker died. It knows nothing of ledgers, retries or results: workers publish those themselves, so
that nothing large travels through an executor and any other engine can join with these few methods.
One that has `submit_slice` too oversees its workers and keeps the budgets of tasks from outside.
tests/unit/execution/test_executors.py holds the contract that each of them passes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from toposcope.errors import UsageError
from toposcope.execution.budgets import Budget, default_seconds
from toposcope.execution.local import Inline as Inline
from toposcope.execution.local import Loky as Loky
from toposcope.execution.local import Processes as Processes
from toposcope.inputs.parameters import number, text, whole

Result = TypeVar("Result")


EXECUTORS = (
    *("processes", "loky", "dask:local", "dask://HOST:PORT"),
    *("slurm", "slurm:PARTITION", "ray:local", "ray:HOST:PORT"),
)
"""Executors by name; HOST:PORT is of a scheduler, or a head, that runs."""


@runtime_checkable
class Executor(Protocol):
    """Runs functions somewhere."""

    @property
    def workers(self) -> int:
        """How many functions run at the same time; 0 when they run in this process."""
        ...

    @property
    def died(self) -> tuple[type[BaseException], ...]:
        """Errors of a future, or of `submit`, that mean that a worker died.

        Functions in flight may have done nothing, a part or all of their work, and the executor
        must be renewed before the next one. Empty where workers cannot die, or where only the one
        function is lost that did it.
        """
        ...

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Run a module-level function of picklable arguments; its future."""
        ...

    def renew(self) -> None:
        """Have live workers again after one died; futures given before are lost."""
        ...

    def close(self) -> None:
        """End the workers."""
        ...


@dataclass(frozen=True)
class Workers:
    """Where tasks run, and what each of them may take.

    Parameters
    ----------
    count
        Number of workers; 0 for this process, None for one per CPU, or 16 jobs of Slurm.
    executor
        One of `EXECUTORS`.
    task_timeout
        Seconds that a task may run before it is recorded as failed and its worker is replaced; None
        for 60 times its forecast, at least 15 minutes, and 4 hours where there is none.
    task_memory
        Bytes that the worker of a task may hold before the task is tried once more, alone, with
        twice as much, and then recorded as failed; None for its share of the machine.
    slurm_options
        More words for sbatch, as "--account=physics --time=8:00:00".

    Examples
    --------
    >>> import numpy as np, toposcope as ts
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> within = Workers(0, task_timeout=60)
    >>> ts.analyze(ts.from_arrays({"a": X}), points=20, replicates=2, jobs=within).failures
    []
    """

    count: int | None = None
    executor: str = "processes"
    task_timeout: float | None = None
    task_memory: int | None = None
    slurm_options: str | None = None

    def __post_init__(self) -> None:
        call = "Workers()"
        if self.count is not None:
            whole(self.count, "count", call=call, low=0)
        if self.task_timeout is not None:
            number(self.task_timeout, "task_timeout", call=call, above=0)
        if self.task_memory is not None:
            whole(self.task_memory, "task_memory", call=call, low=1)
        if not is_executor(text(self.executor, "executor", call=call)):
            msg = (
                f"Workers(executor={self.executor!r}): there is no such executor; needed is one of "
                f"{', '.join(EXECUTORS)} (--executor)."
            )
            raise UsageError(msg)
        slurm = is_slurm(self.executor)
        if self.slurm_options is not None and not slurm:
            msg = (
                f"Workers(slurm_options={self.slurm_options!r}): these words are for sbatch, "
                f"and executor={self.executor!r} asks for none. Pass executor='slurm' (--executor "
                "slurm)."
            )
            raise UsageError(msg)
        if self.slurm_options is not None:
            text(self.slurm_options, "slurm_options", call=call)
        if slurm and self.count != 0:
            from toposcope.execution.slurm_engine import refuse_no_slurm

            refuse_no_slurm()  # before anything is read or forecast

    def budget(self, predicted: float | None = None) -> Budget:
        """What a task may take whose forecast is so many seconds."""
        given = self.task_timeout
        return Budget(default_seconds(predicted) if given is None else given, self.task_memory)


Jobs = int | str | Executor | Workers | None
"""How `jobs` may be given: a number of worker processes (0: none), the name of an executor, an
executor, `Workers` with budgets, or None for one process per CPU."""


def default_jobs() -> int:
    """Number of workers when none is named: the CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_of(jobs: Jobs, *, call: str = "jobs") -> int:
    """How many tasks run at once: what a forecast divides by.

    Raises
    ------
    UsageError
        For what is no number of workers and no executor.

    Examples
    --------
    >>> workers_of(3), workers_of(0), workers_of(Inline()), workers_of(Workers(2))
    (3, 1, 1, 2)
    """
    if isinstance(jobs, Executor):
        return max(1, jobs.workers)
    return max(1, _count(named(jobs, call=call)))


def named(jobs: Jobs, *, call: str = "jobs") -> Workers:
    """`jobs` with its budgets; those of an executor that was given are the defaults."""
    if isinstance(jobs, Workers):
        return jobs
    if isinstance(jobs, Executor):
        return Workers()
    if isinstance(jobs, str) and is_executor(jobs):
        return Workers(executor=jobs)
    try:
        return Workers(None if jobs is None else whole(jobs, "jobs", call=call, low=0))
    except UsageError:
        msg = (
            f"{call}: jobs={jobs!r}: needed is a number of workers, 1 or more, 0 for none, the "
            f"name of an executor ({', '.join(EXECUTORS)}), toposcope.execution.executors."
            "Workers(4, task_timeout=600), or an executor such as Processes(4) there."
        )
        raise UsageError(msg) from None


@contextmanager
def opened(jobs: Jobs, *, tasks: int) -> Iterator[Executor]:
    """The executor that `jobs` names, closed at the end; one that was given is left open.

    Parameters
    ----------
    jobs
        See `Jobs`.
    tasks
        How many there are: no more processes are started.

    Raises
    ------
    UsageError
        For what is no number of workers and no executor.

    Examples
    --------
    >>> with opened(0, tasks=3) as executor:
    ...     executor.submit(abs, -2).result()
    2
    """
    if isinstance(jobs, Executor):
        yield jobs
        return
    executor = _made(named(jobs), tasks)
    try:
        yield executor
    finally:
        executor.close()


def _made(workers: Workers, tasks: int) -> Executor:
    count = min(_count(workers), max(tasks, 1))
    if workers.count == 0:
        return Inline()
    if workers.executor.startswith("dask:"):
        from toposcope.execution.dask_engine import Dask

        return Dask(workers.executor, _count(workers))
    if workers.executor.startswith("ray:"):
        from toposcope.execution.ray_engine import Ray

        return Ray(workers.executor, _count(workers))
    if is_slurm(workers.executor):
        from toposcope.execution.slurm_engine import Slurm

        return Slurm(workers.executor.partition(":")[2], count, workers.slurm_options or "")
    return Loky(count) if workers.executor == "loky" else Processes(count)


def is_executor(name: str) -> bool:
    """Whether an executor goes by this name."""
    if name.startswith("dask://"):
        return re.fullmatch(r"dask://[^/\s]+:[0-9]+", name) is not None
    if re.fullmatch(r"ray:[^/\s:]+:[0-9]+", name):
        return True
    return is_slurm(name) or name in ("processes", "loky", "dask:local", "ray:local")


def is_slurm(name: str) -> bool:
    """Whether an executor of this name asks Slurm for jobs; a partition may be a list of some.

    >>> is_slurm("slurm:short,long"), is_slurm("slurm:"), is_slurm("loky")
    (True, False, False)
    """
    return re.fullmatch(r"slurm(:[A-Za-z0-9_.,+-]+)?", name) is not None


def _count(workers: Workers) -> int:
    if workers.count is not None:
        return int(workers.count)
    if is_slurm(workers.executor):
        from toposcope.execution.slurm_engine import WIDTH

        return WIDTH
    return default_jobs()
