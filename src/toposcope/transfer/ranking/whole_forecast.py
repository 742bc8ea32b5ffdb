"""What a whole ranking will take, captures and scores, from a small one that is thrown away.

Every candidate is run over its first batch; one draw of three of them is scored, at two sizes.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from toposcope.activations.candidates import Candidate, CapturedCandidate
from toposcope.activations.data.source import DataSource
from toposcope.execution.executors import Jobs, workers_of
from toposcope.execution.forecasts import (
    BLOCK,
    Announced,
    Forecast,
    by_the_clock,
    free_room,
    peak_memory,
    probed,
)
from toposcope.execution.progress import Silent
from toposcope.inputs.memory import available_memory
from toposcope.transfer.ranking.asked import RankingDesign, any_needs, asked
from toposcope.transfer.ranking.forecast import PROBED, WORKER_SECONDS
from toposcope.transfer.ranking.run import draw_tasks, no_candidate
from toposcope.transfer.ranking.scoring import DrawJob, Material, measure_draw
from toposcope.transfer.ranking.sizes_of_scores import (
    DrawSizes,
    largest,
    refuse_what_cannot_fit,
)
from toposcope.transfer.scores.registry import SCORES

SAMPLES = 256
"""Samples of the small ranking, at most; a batch at least."""
STEEPEST = 2.5
"""Power of the points that the time of a draw is continued with, at most."""


def forecast_ranking(
    models: Any,
    target: Any,
    *,
    store: Path | str | None = None,
    scores: Sequence[str] | None = None,
    n: int | None = None,
    points: int | None = None,
    replicates: int = 8,
    images: int | None = None,
    threshold: float = 0.0,
    level: float = 0.95,
    device: str = "cpu",
    seed: int = 0,
    jobs: Jobs = None,
) -> tuple[Forecast, dict[str, str]]:
    """What `rank` will take with the same arguments, and why candidates would fail.

    Parameters
    ----------
    models, target, store, scores, n, points, replicates, images, threshold, level, device, seed,
    jobs
        As in `rank`. What the store holds already is forecast as if it were not there.

    Raises
    ------
    UsageError
        What `rank` would raise: for parameters, and for what does not fit in memory.
    """
    begun = time.perf_counter()
    candidates, data, design = asked(
        models,
        target,
        scores=scores,
        n=n,
        points=points,
        replicates=replicates,
        images=images,
        threshold=threshold,
        seed=seed,
    )
    workers = workers_of(jobs)
    tasks = len(candidates) * design.replicates
    asked_for = {"workers": workers, "tasks": tasks}
    refuse_what_cannot_fit(DrawSizes(design.points), design.scores, **asked_for)
    tried: list[_Tried] = []
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="toposcope-rank-") as place:
        for one in candidates:
            try:
                tried.append(_try(one, data, design, Path(place), device=device))
            except Exception as error:  # a candidate's own code may raise anything
                failures[one.name] = f"{type(error).__name__}: {error}"
        if not tried:
            raise no_candidate(failures)
        captured = {one.name: one.captured for one in tried}
        sizes = largest(captured, design.points, design.replicates)
        sizes = replace(sizes, images=_images(design))
        refuse_what_cannot_fit(sizes, design.scores, **asked_for)
        draw, peak, part = _draw_seconds(tried, design, Path(place))
    seconds = tuple(draw[one.name] for one in tried for _ in range(design.replicates))
    scoring = by_the_clock(seconds, workers, WORKER_SECONDS, len(seconds))
    capturing = sum(one.seconds for one in tried)
    return (
        Forecast(
            tasks=sum(one.batches for one in tried) + len(seconds),
            done=0,
            workers=workers,
            cpu_seconds=capturing + sum(seconds),
            seconds=capturing + scoring,
            worker_bytes=max(peak, sizes.bytes(design.scores), peak_memory()),
            mapped_bytes=0,
            disk_bytes=sum(one.disk for one in tried) + len(seconds) * (3 * BLOCK + part),
            available_bytes=available_memory(),
            free_bytes=free_room(Path("." if store is None else store)),
            probed=time.perf_counter() - begun,
            task_seconds=seconds,
        ),
        failures,
    )


@dataclass(frozen=True)
class _Tried:
    """A candidate that was run over its first batch: what its captures will take."""

    name: str
    captured: CapturedCandidate
    samples: int
    batches: int
    seconds: float
    disk: int


def _images(design: RankingDesign) -> int:
    """Images of a draw."""
    return design.images // design.replicates if any_needs(design.scores, "volumes") else 0


def _try(
    one: Candidate, data: DataSource, design: RankingDesign, place: Path, *, device: str
) -> _Tried:
    """Capture a little of a candidate, and continue what that takes to all of it."""
    from toposcope.activations.candidate_capture import capture_candidate

    told: list[Forecast] = []
    begun = time.perf_counter()
    samples = min(design.points, max(one.batch_size, SAMPLES))
    captured = capture_candidate(
        one,
        data,
        place / one.folder,
        n=samples,
        images=_images(design),
        device=device,
        seed=design.seed,
        progress=Announced(Silent(), lambda _, said: told.append(said)),
    )
    loading = time.perf_counter() - begun - sum(said.seconds + said.probed for said in told)
    sizes = [(samples, design.n or design.points * design.replicates)]
    sizes += [(_images(design), design.images)] * (len(told) - 1)
    batches = seconds = disk = 0.0
    for said, (few, all_of_them) in zip(told, sizes, strict=True):
        size = math.ceil(few / said.tasks)
        batches += math.ceil(all_of_them / size)
        seconds += said.seconds / said.tasks * math.ceil(all_of_them / size)
        disk += said.disk_bytes * max(all_of_them / few, 1.0)
    return _Tried(one.name, captured, samples, int(batches), seconds + max(loading, 0), int(disk))


def _draw_seconds(
    tried: Sequence[_Tried], design: RankingDesign, place: Path
) -> tuple[Mapping[str, float], int, int]:
    """Seconds of a draw of each candidate; the peak memory of a worker, the bytes of a part.

    Scores of points at two sizes, and continued; those of volumes at the size they have.
    """
    at = np.linspace(0, len(tried) - 1, min(PROBED, len(tried))).round().astype(int).tolist()
    pointwise = tuple(name for name in design.scores if SCORES[name].needs != "volumes")
    jobs: list[DrawJob] = []
    material: dict[str, CapturedCandidate] = {}
    for index in at:
        one = tried[index]
        alone = replace(design, n=one.samples, points=one.samples, replicates=1)
        [task] = draw_tasks({one.name: one.captured}, alone)
        few = f"{one.name}, without volumes"
        material |= {one.name: one.captured, few: replace(one.captured, volumes={})}
        half = replace(task.job, model=few, scores=pointwise, rows=task.job.rows[::2])
        whole = replace(half, rows=task.job.rows)
        others = tuple(name for name in design.scores if name not in pointwise)
        jobs += [half, whole, replace(task.job, scores=others, rows=task.job.rows[:2])]
    taken = probed(measure_draw, jobs, Material(material), budget=60.0)
    known = []
    for number, index in enumerate(at):
        half_of_it, all_of_it, volumes = (one.seconds for one in taken[3 * number : 3 * number + 3])
        power = min(max(math.log2(max(all_of_it / half_of_it, 1.0)), 1.0), STEEPEST)
        known.append(all_of_it * (design.points / tried[index].samples) ** power + volumes)
    each = np.interp(range(len(tried)), at, known)
    seconds = {one.name: float(value) for one, value in zip(tried, each, strict=True)}
    return seconds, max(one.peak for one in taken), max(one.part for one in taken)
