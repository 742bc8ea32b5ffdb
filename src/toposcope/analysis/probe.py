"""What some jobs take on this machine and this data, measured before the others start.

A job is measured on a few of its points, then on twice as many, and so on until all of them are
measured or the time is up; what lies beyond is continued from there. It runs in a worker process
of its own, as the real jobs do, and its results are thrown away. Imports neither torch nor pandas.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toposcope.analysis.jobs import Inputs, Job, measure_job
from toposcope.execution.forecasts import peak_memory
from toposcope.inputs.urls import url_of
from toposcope.store.ledger import Ledger, part_name
from toposcope.store.objects import LocalObjects, content_hash

STEEPEST = 3.5
"""Largest power of the number of points that time is continued with."""
SETTLED = 64 << 20
"""Growth of memory in bytes from which on it says how that of more points will be."""


@dataclass(frozen=True)
class Rung:
    """Jobs of one size: the first of a layer, and one that finds the layer prepared."""

    size: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Trial:
    """What one job took.

    Parameters
    ----------
    size
        Its points, or images.
    seconds, cpu
        By the clock, and of the processor; publishing the part is in them.
    again
        Seconds of the next job of the same layer, which finds the layer prepared.
    peak
        Largest memory of the process so far, in bytes.
    part
        Bytes of its part.
    """

    size: int
    seconds: float
    cpu: float
    again: float
    peak: int
    part: int


@dataclass(frozen=True)
class Probe:
    """Trials of some jobs, by the place of each in the list that was handed in.

    Parameters
    ----------
    base
        Bytes of a worker that has measured a tiny job.
    start
        Seconds until it had.
    trials
        Of every ladder, by rising size; none where time was up.
    """

    base: int
    start: float
    trials: tuple[tuple[Trial, ...], ...]


def measure_trials(
    ladders: Sequence[Sequence[Rung]], inputs: Inputs, place: Path, budget: float
) -> Probe:
    """What a worker does: every ladder from its smallest jobs up, while there is time.

    Parameters
    ----------
    ladders
        Of some layers, by rising size.
    inputs
        Where jobs read.
    place
        Folder in which a temporary one is made for the parts.
    budget
        Seconds for all of it; the smallest size of each ladder is measured in any case.
    """
    begun = time.perf_counter()
    trials: list[tuple[Trial, ...]] = []
    with tempfile.TemporaryDirectory(prefix=".rehearsal-", dir=place) as folder:
        objects = LocalObjects(Path(folder))
        _once(ladders[0][0].jobs[0], inputs, objects)
        start, base = time.perf_counter() - begun, peak_memory()
        end = time.perf_counter() + budget
        for number, ladder in enumerate(ladders):
            # Equal shares of what is left: the first layer must not take it all.
            share = (end - time.perf_counter()) / (len(ladders) - number)
            trials.append(_climb(ladder, inputs, objects, time.perf_counter() + share))
    return Probe(base, start, tuple(trials))


def _climb(
    ladder: Sequence[Rung], inputs: Inputs, objects: LocalObjects, end: float
) -> tuple[Trial, ...]:
    found: list[Trial] = []
    for rung in ladder:
        if found:
            last = found[-1]
            ahead = (last.seconds + last.again) * (rung.size / last.size) ** 2.5
            if time.perf_counter() + ahead > end:
                break
        seconds, cpu, part = _once(rung.jobs[0], inputs, objects)
        again = _once(rung.jobs[1], inputs, objects)[0] if len(rung.jobs) > 1 else seconds
        found.append(Trial(rung.size, seconds, cpu, min(again, seconds), peak_memory(), part))
    return tuple(found)


def _once(job: Job, inputs: Inputs, objects: LocalObjects) -> tuple[float, float, int]:
    """Measure a job and publish its part as a worker does: seconds, CPU seconds, bytes."""
    wall, cpu = time.perf_counter(), time.process_time()
    data = measure_job(job, inputs)
    objects.put(part_name("probe", ".parquet"), data)
    Ledger(objects).tick("probe", part=content_hash(data))
    return time.perf_counter() - wall, time.process_time() - cpu, len(data)


def continued(trials: Sequence[Trial], size: int) -> float:
    """How many times longer than the last trial a job of some size takes.

    >>> three = [Trial(n, n**2 * 1e-6, 0, n**2 * 1e-6, 0, 0) for n in (100, 200, 400)]
    >>> round(continued(three, 800), 6)
    4.0
    """
    last = trials[-1]
    if size == last.size:
        return 1.0
    if len(trials) < 3:
        return float((size / last.size) ** 2)
    # A part that does not grow, and a power of the size: three sizes decide both.
    first, middle = trials[-3], trials[-2]
    grown, before = last.again - middle.again, middle.again - first.again
    power = 2.0
    if grown > 0 and before > 0:
        power = math.log(grown / before) / math.log(last.size / middle.size)
    power = min(max(power, 1.0), STEEPEST)
    unit = max(grown, 0.1 * last.again) / (last.size**power - middle.size**power)
    return float(1.0 + unit * (size**power - last.size**power) / last.again)


def writable(run: Path) -> Path:
    """Where the parts of a probe are put: beside the real ones, if that can be written to."""
    here = url_of(run) is None and os.access(run, os.W_OK)
    return run if here else Path(tempfile.gettempdir())
