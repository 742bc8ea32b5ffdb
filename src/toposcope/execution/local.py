"""Executors of this machine: this process, worker processes, and a pool of loky's."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from toposcope.errors import UsageError, WorkersLostError
from toposcope.execution.hands import SAFE_PATH, THREAD_VARIABLES, Hand, end_with_parent
from toposcope.execution.slices import Receipt, Slice, oversee

Result = TypeVar("Result")


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
    """Worker processes of this machine, one BLAS thread each; they end with this process.

    Each is a hand of its own (hands.py): one that dies is replaced, and no other notices.

    Parameters
    ----------
    workers
        Number of processes, at least 1.

    Raises
    ------
    UsageError
        For a number below 1.
    """

    died: tuple[type[BaseException], ...] = ()

    def __init__(self, workers: int) -> None:
        if workers < 1:
            msg = f"Processes({workers}): needed is a number of worker processes, 1 or more."
            raise UsageError(msg)
        self.workers = workers
        self._idle: list[Hand] = []
        self._busy: set[Hand] = set()
        self._guard = threading.Lock()
        self._closed = False
        self._threads: ThreadPoolExecutor | None = None

    def __repr__(self) -> str:
        return f"Processes({self.workers})"

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Run the function in a process; they start when they are needed.

        A process that is lost with it is a `LostError` of the future, and of no other one.
        """
        return self._overseen(lambda hand: hand.run(function, *args, stop=self._is_closed))

    def submit_slice(self, work: Slice) -> Future[list[Receipt]]:
        """Do the tasks of a slice, each under its budget."""
        return self._overseen(
            lambda hand: oversee(work, hand, workers=self.workers, stop=self._is_closed)
        )

    def renew(self) -> None:
        """Nothing to renew: what is lost is replaced at once."""

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._closed = True
        with self._guard:
            for hand in self._busy:
                hand.kill()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
        for hand in self._idle:
            hand.close()
        self._threads, self._idle, self._closed = None, [], False

    def _overseen(self, call: Callable[[Hand], Any]) -> Future[Any]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="toposcope")
        return self._threads.submit(self._with_a_hand, call)

    def _with_a_hand(self, call: Callable[[Hand], Any]) -> Any:
        with self._guard:
            hand = self._idle.pop() if self._idle else Hand()
            self._busy.add(hand)
        try:
            return call(hand)
        finally:
            with self._guard:
                self._busy.discard(hand)
                self._idle.append(hand)

    def _is_closed(self) -> bool:
        return self._closed


class Loky:
    """Worker processes of this machine in one pool of loky's, which one death breaks.

    Parameters
    ----------
    workers
        Number of processes, at least 1.
    """

    died: tuple[type[BaseException], ...] = (BrokenProcessPool,)

    def __init__(self, workers: int) -> None:
        self.workers = max(workers, 1)
        self._pool: Any = None

    def __repr__(self) -> str:
        return f"Loky({self.workers})"

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Run the function in a worker; processes start with the first call."""
        try:
            with _safe_path():
                if self._pool is None:
                    self._pool = self._start()
                future: Future[Result] = self._pool.submit(function, *args)
        except OSError as error:
            msg = (
                f"no worker process can be started ({error}): loky's need semaphores in shared "
                "memory (/dev/shm). Leave --executor out (jobs=2) for processes without them."
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
            initializer=end_with_parent,
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
