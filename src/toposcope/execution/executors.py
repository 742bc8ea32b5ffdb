"""Where tasks run: in this process, or in worker processes of this machine.

An executor takes a function and its arguments and gives a future, and says which errors mean that a
worker died. It knows nothing of ledgers, retries or results: workers publish those themselves, so
that nothing large travels through an executor and any other engine can join with these few methods.
tests/unit/execution/test_executors.py holds the contract that each of them passes.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, runtime_checkable

from toposcope.errors import UsageError, WorkersLostError
from toposcope.inputs.parameters import whole

Result = TypeVar("Result")

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


SAFE_PATH = "PYTHONSAFEPATH"


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

        Its functions may have done nothing, a part or all of their work, and the executor must be
        renewed before the next one. Empty where workers cannot die alone.
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


class Inline:
    """Runs in this process: a function is done when `submit` returns. For debugging."""

    workers = 0
    died: tuple[type[BaseException], ...] = ()

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Run the function here and now; what it raises is in the future."""
        future: Future[Result] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:  # the caller asks the future, as with any executor
            future.set_exception(error)
        return future

    def renew(self) -> None:
        """Nothing died."""

    def close(self) -> None:
        """Nothing to end."""


class Processes:
    """Worker processes of this machine (loky), one BLAS thread each; they end with this process.

    Parameters
    ----------
    workers
        Number of processes, at least 1.

    Raises
    ------
    UsageError
        For a number below 1.
    """

    died: tuple[type[BaseException], ...] = (BrokenProcessPool,)

    def __init__(self, workers: int) -> None:
        if workers < 1:
            msg = f"Processes({workers}): needed is a number of worker processes, 1 or more."
            raise UsageError(msg)
        self.workers = workers
        self._pool: Any = None

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Run the function in a worker; processes start with the first call."""
        try:
            with _safe_path():
                if self._pool is None:
                    self._pool = self._start()
                future: Future[Result] = self._pool.submit(function, *args)
        except OSError as error:
            msg = (
                f"no worker process can be started ({error}): they need semaphores in shared "
                "memory (/dev/shm) and room for one more process. Pass jobs=0 (--jobs 0) to work "
                "without them."
            )
            raise WorkersLostError(msg) from error
        return future

    def renew(self) -> None:
        """End what is left of the broken pool; the next call starts a fresh one."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, kill_workers=True)
        self._pool = None

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
        self._pool = None

    def _start(self) -> Any:
        from loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            max_workers=self.workers,
            env={**dict.fromkeys(THREAD_VARIABLES, "1"), SAFE_PATH: "1"},
            timeout=600,
            initializer=_end_with_parent,
            initargs=(os.getpid(),),
        )


@contextmanager
def _safe_path() -> Iterator[None]:
    """Children that start now look for modules in no working folder.

    They are started with `python -m` and `python -c`, for which the working folder comes first:
    a stranger's module in the RUN that is analyzed, or a user's own one called random, would be
    imported.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(SAFE_PATH, None)
        else:
            os.environ[SAFE_PATH] = before


Jobs = int | Executor | None
"""How `jobs` may be given: a number of worker processes (0: none), an executor, or None for one
process per CPU."""


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
    >>> workers_of(3), workers_of(0), workers_of(Inline())
    (3, 1, 1)
    """
    return max(1, jobs.workers if isinstance(jobs, Executor) else _count(jobs, call))


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
    count = _count(jobs)
    executor = Processes(min(count, max(tasks, 1))) if count else Inline()
    try:
        yield executor
    finally:
        executor.close()


def _count(jobs: int | None, call: str = "jobs") -> int:
    """Number of worker processes; 0 for none."""
    if jobs is None:
        return default_jobs()
    try:
        return whole(jobs, "jobs", call=call, low=0)
    except UsageError:
        msg = (
            f"{call}: jobs={jobs!r}: needed is a number of workers, 1 or more, 0 for none, or an "
            "executor such as toposcope.execution.executors.Processes(4)."
        )
        raise UsageError(msg) from None


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
