"""What work will take: tasks, time, memory and room on disk, told to whoever listens.

The numbers are made where the work is known: analysis/forecast.py, comparison/forecast.py,
activations/forecast.py. They are told through the progress of a call, as its steps are.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toposcope.errors import DoesNotFitError, WayOut
from toposcope.execution.executors import Processes, default_jobs
from toposcope.execution.progress import Progress, Steps
from toposcope.inputs.memory import gib
from toposcope.inputs.urls import url_of
from toposcope.store.ledger import Noted

PER_DONE = 1.5e-3
"""Seconds that a finished task takes at the end, when the parts are put into tables."""
BLOCK = 4096
"""Bytes that the smallest file takes."""


@dataclass(frozen=True)
class Forecast:
    """What is left to do of some work, and what it will take.

    Parameters
    ----------
    tasks, done
        Tasks, and how many of them are finished.
    workers
        How many run at once.
    cpu_seconds, seconds
        Of all tasks left, and of the whole by the clock.
    worker_bytes
        Peak memory of a worker, with what it maps.
    mapped_bytes
        Files that a worker maps, which give way when memory is short.
    disk_bytes
        What the results will take.
    available_bytes, free_bytes
        Memory and room on disk that there are.
    probed
        Seconds the probe took; 0 where the sizes of arrays alone decided.
    task_seconds
        Of each task left, in their order.
    """

    tasks: int
    done: int
    workers: int
    cpu_seconds: float
    seconds: float
    worker_bytes: int
    mapped_bytes: int
    disk_bytes: int
    available_bytes: int
    free_bytes: int
    probed: float = 0.0
    task_seconds: tuple[float, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Announced:
    """A progress that is told what work will take, before it begins.

    Parameters
    ----------
    inner
        What tells the steps.
    tell
        Called with the name of the work and its forecast; an error from here ends the call before
        anything is done, which is what `--dry-run` does.
    """

    inner: Progress
    tell: Callable[[str, Forecast], None]

    def task(self, name: str, total: int, /) -> AbstractContextManager[Steps]:
        """Context manager around one piece of work."""
        return self.inner.task(name, total)


class OnlyForecastError(BaseException):
    """Ends a call once its forecast is told: no failure, and no handler of failures sees it."""


def listener(progress: Progress | None) -> Callable[[str, Forecast], None] | None:
    """Who is told forecasts through a progress; None where nobody is, and none need be made."""
    return progress.tell if isinstance(progress, Announced) else None


def unannounced(progress: Progress | None) -> Progress | None:
    """The progress without its listener, for parts of work that was forecast whole."""
    return progress.inner if isinstance(progress, Announced) else progress


def by_the_clock(seconds: Sequence[float], workers: int, start: float, tasks: int) -> float:
    """From CPU seconds of tasks to seconds by the clock.

    >>> by_the_clock([3.0], 1, 2.0, 0)
    5.0
    """
    if not seconds:
        return 0.0
    at_once = min(workers, default_jobs(), len(seconds))
    rounds = -(-len(seconds) // at_once)
    return start + max(sum(seconds) / at_once, rounds * min(seconds)) + tasks * PER_DONE


def free_room(place: Path) -> int:
    """Bytes free where a folder lies, or will lie."""
    if url_of(place) is not None:  # nobody knows the end of a bucket
        return 2**63 - 1
    there = Path(place).absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        return shutil.disk_usage(there).free
    except OSError:  # no such call for this file system
        return 2**63 - 1


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes.

    Examples
    --------
    >>> peak_memory() > 10_000_000
    True
    """
    with suppress(OSError, ValueError, IndexError):
        # Not ru_maxrss: that begins with the memory of the process this one was started by.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(frozen=True)
class Taken:
    """What a job took in a worker: seconds, largest memory of it so far, bytes of its part."""

    seconds: float
    peak: int
    part: int


def measure_jobs(
    body: Callable[[Any, Any], bytes | Noted], jobs: Sequence[Any], inputs: Any, budget: float
) -> list[Taken]:
    """What a worker does: the first job to be warm, then all while there is time, one at least."""
    body(jobs[0], inputs)
    out: list[Taken] = []
    end = time.perf_counter() + budget
    for job in jobs:
        begun = time.perf_counter()
        if out and begun > end:
            break
        made = body(job, inputs)
        part = len(made.data if isinstance(made, Noted) else made)
        out.append(Taken(time.perf_counter() - begun, peak_memory(), part))
    return out


def probed(
    body: Callable[[Any, Any], bytes | Noted],
    jobs: Sequence[Any],
    inputs: Any,
    *,
    budget: float = 4.0,
) -> list[Taken]:
    """What some jobs take in a worker of their own; their results are thrown away.

    Parameters
    ----------
    body, inputs
        As in `Workbook.run`.
    jobs
        In the order they are measured; those behind the budget are left out.
    budget
        Seconds, once the worker has imported and compiled what it needs; the job that runs when
        they end is finished.
    """
    executor = Processes(1)
    try:
        return executor.submit(measure_jobs, body, jobs, inputs, budget).result()
    finally:
        executor.close()


def refuse_beyond(
    expected: Forecast, ways: Callable[[int], Sequence[WayOut]], *, call: str, place: Path
) -> None:
    """Refuse work that fits neither in memory nor on the disk, with the numbers and ways out.

    Parameters
    ----------
    expected
        What it will take.
    ways
        As in `ways_with_fewer_workers`.
    call
        For the message.
    place
        Where results go.

    Raises
    ------
    DoesNotFitError
        With what is needed, what there is, and what to pass.
    """
    at_once = max(1, min(expected.workers, expected.tasks - expected.done))
    each = expected.worker_bytes - expected.mapped_bytes
    room = expected.available_bytes
    refuse_workers_beyond_memory(ways, each=each, workers=at_once, room=room, call=call)
    if expected.disk_bytes > expected.free_bytes:
        msg = (
            f"{call}: the results will take about {gib(expected.disk_bytes)}; "
            f"{gib(expected.free_bytes)} are free where {place} lies. Free space, or name a "
            "folder on another disk, or ask for fewer measures."
        )
        raise DoesNotFitError(msg, needed=expected.disk_bytes, available=expected.free_bytes)


def refuse_workers_beyond_memory(
    ways: Callable[[int], Sequence[WayOut]], *, each: int, workers: int, room: int, call: str
) -> None:
    """Refuse workers that do not fit in memory, as `refuse_beyond` does.

    Parameters
    ----------
    ways, each, workers, room
        As in `ways_with_fewer_workers`.
    call
        For the message.
    """
    needed = each * workers
    if needed <= room:
        return
    found = ways_with_fewer_workers(ways, each=each, workers=workers, room=room)
    who = f"{workers} workers" if workers > 1 else "one task at a time"
    told = f", {gib(each)} each" if workers > 1 else ""
    advice = f"Pass {'; or '.join(map(str, found))}; or " if found else "Nothing smaller fits: "
    msg = (
        f"{call}: {who} would need about {gib(needed)} of memory{told}; {gib(room)} are available. "
        f"{advice}free {gib(needed - room)} of memory."
    )
    raise DoesNotFitError(msg, needed=needed, available=room, ways=found)


def ways_with_fewer_workers(
    ways: Callable[[int], Sequence[WayOut]], *, each: int, workers: int, room: int
) -> list[WayOut]:
    """Ways out of memory that is short: fewer workers, what fits so many, and what fits one.

    Parameters
    ----------
    ways
        Bytes that a worker may take -> what to pass instead, each of which fits.
    each, workers
        Bytes that a worker takes, and how many were to run at once.
    room
        Bytes there are.

    Examples
    --------
    >>> def ways(room):
    ...     return [WayOut({"points": room // 10}, ("--points", str(room // 10)))]
    >>> for way in ways_with_fewer_workers(ways, each=70, workers=4, room=100):
    ...     print(way)
    jobs=1 (--jobs 1)
    points=2 (--points 2)
    >>> for way in ways_with_fewer_workers(ways, each=200, workers=4, room=100):
    ...     print(way)
    points=2 (--points 2)
    points=10 with jobs=1 (--points 10 --jobs 1)
    """
    fitting = room // max(each, 1)
    found = []
    if 1 <= fitting < workers:
        found.append(WayOut({"jobs": fitting}, ("--jobs", str(fitting))))
    found += ways(room // workers)
    if fitting < 1 and workers > 1:
        found += [
            replace(
                way,
                changes={**way.changes, "jobs": 1},
                flags=(*way.flags, "--jobs", "1"),
                told=way.told and f"{way.told} with jobs=1",
            )
            for way in ways(room)
            if not way.call
        ]
    return found


def most_that_fit(high: int, fits: Callable[[int], bool]) -> int:
    """The largest number below one that does not fit; 0 where none does.

    >>> most_that_fit(100, lambda m: m <= 30)
    30
    """
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
