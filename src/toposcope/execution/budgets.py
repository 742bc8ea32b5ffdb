"""What one task may take of a machine, time and memory, and what is told of one that took more.

A budget is kept from outside where a task runs in a process of its own (hands.py): whatever the
task is doing there, its worker is killed and replaced. `limited` keeps it from inside, where a task
shares this process: there a call into compiled code is only stopped when it returns.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from toposcope.inputs.memory import available_memory, gib

SLOWER = 60.0
"""A task may take this many times its forecast, which is of another machine and another cloud."""
SHORTEST = 900.0
"""Seconds that any task may take for which there is a forecast."""
UNPREDICTED = 4 * 3600.0
"""Seconds that a task without one may take: twelve times the longest that was measured here."""
LARGER = 2
"""The second claim of a task that ran out of memory, in units of the first."""
SHARE = 0.9
"""Of the memory of a machine, what its workers may claim together."""


@dataclass(frozen=True)
class Budget:
    """What one task may take.

    Parameters
    ----------
    seconds
        Of wall-clock time; None for no limit.
    bytes
        Of memory of the worker process, all that it holds; None for its share of what the machine
        has when it begins.
    alone
        Whether it has the whole machine to itself, so that its share is all there is.

    Examples
    --------
    >>> Budget(60.0, 2**30).larger()
    Budget(seconds=60.0, bytes=2147483648, alone=True)
    """

    seconds: float | None = None
    bytes: int | None = None
    alone: bool = False

    def larger(self) -> Budget:
        """The budget of another try after it ran out of memory."""
        return Budget(self.seconds, None if self.bytes is None else LARGER * self.bytes, True)


def default_seconds(predicted: float | None) -> float:
    """Time of a task for which nobody named any, from the forecast of its CPU seconds.

    >>> default_seconds(0.5), default_seconds(100.0), default_seconds(None)
    (900.0, 6000.0, 14400.0)
    """
    return UNPREDICTED if predicted is None else max(SHORTEST, SLOWER * predicted)


def fair_share(workers: int) -> int:
    """Bytes that each of some workers may claim of what this machine has now."""
    return int(SHARE * available_memory() / max(workers, 1))


class TimeIsUp(BaseException):
    """Raised inside a task that shares this process when its time is over."""


@contextmanager
def limited(budget: Budget) -> Iterator[None]:
    """Run what is inside under a budget: TimeIsUp or MemoryError when it takes more.

    In the main thread a signal interrupts what waits as well; in others Python's own code alone is
    interrupted. Only a claim that was named is enforced: the limit is of the whole process.
    """
    with _memory_limit(budget.bytes), _time_limit(budget.seconds):
        yield


@contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return
    mine, main = threading.get_ident(), threading.current_thread() is threading.main_thread()
    # Not SIGALRM: tests and servers time themselves with it.
    number = getattr(signal, "SIGVTALRM", None) if main else None
    over = threading.Lock()
    inside = True

    def stop(*_: object) -> None:
        if inside:
            raise TimeIsUp

    def ring() -> None:
        with over:
            if not inside:
                return
            if number is not None:
                signal.pthread_kill(mine, number)
            else:
                raised = ctypes.py_object(TimeIsUp)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(mine), raised)

    before = signal.signal(number, stop) if number is not None else None
    timer = threading.Timer(seconds, ring)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        inside = False
        timer.cancel()
        with over:  # whoever rings has rung
            if number is not None:
                signal.signal(number, before)


@contextmanager
def _memory_limit(claim: int | None) -> Iterator[None]:
    before = None if claim is None else set_claim(claim)
    try:
        yield
    finally:
        if before is not None:
            set_data_limit(before)


def set_claim(claim: int) -> int | None:
    """Make allocations of this process fail beyond a claim; the limit before, None without one.

    What is reserved but was never touched is not counted: stacks of threads, arenas of allocators.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    reserved = _status(os.getpid(), "VmData") - held_bytes(os.getpid())
    limit = claim + max(reserved, 0)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    set_data_limit(limit)
    return soft


def set_data_limit(soft: int) -> None:
    """Put a limit of this process back."""
    import resource

    with suppress(ValueError, OSError):  # a system that does not take it has the watch from outside
        resource.setrlimit(
            resource.RLIMIT_DATA, (soft, resource.getrlimit(resource.RLIMIT_DATA)[1])
        )


def held_bytes(process: int) -> int:
    """Memory that a process holds and that no file could give back; 0 where nobody knows."""
    return _status(process, "RssAnon", "RssShmem")


def _status(process: int, *names: str) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # not Linux, or it has just ended
        return 0
    entries = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(1024 * int(entries[name].split()[0]) for name in names if name in entries)


def is_memory(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that there was no memory left.

    >>> is_memory(MemoryError()), is_memory(ValueError("no"))
    (True, False)
    """
    torch = sys.modules.get("torch")
    kinds = (MemoryError,) if torch is None else (MemoryError, torch.OutOfMemoryError)
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kinds) or "can't allocate memory" in str(seen):
            return True
        seen = seen.__cause__
    return False


def timeout_reason(budget: Budget) -> str:
    """Why a task that was stopped is recorded as failed."""
    return (
        f"timeout: it ran longer than its {budget.seconds:,.4g} seconds; a task may have more by "
        "--task-timeout (Workers(task_timeout=...))"
    )


def memory_reason(claim: int | None, said: str) -> str:
    """Why a task that ran out of memory twice is recorded as failed."""
    had = "" if claim is None else f" of {gib(claim)}"
    return (
        f"memory: it took more than its claim{had}, the larger one of a second try ({said}); a "
        "task may have more by --task-memory (Workers(task_memory=...))"
    )
