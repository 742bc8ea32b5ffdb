"""The jobs of clouds: which samples of which layer, what their nulls need, what it all costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from toposcope import homology
from toposcope.analysis.cloud_cost import Cloud, ruler_samples
from toposcope.analysis.cloud_task import CloudJob
from toposcope.analysis.design import Design
from toposcope.analysis.filtrations import Rips
from toposcope.analysis.jobs import Job, rows_hash, stream_of
from toposcope.analysis.work import WORKER_BYTES, Work
from toposcope.errors import TooFewSamplesError, UsageError, WayOut
from toposcope.homology.vietoris_rips.cost import estimate_cost
from toposcope.inputs.urls import place_text
from toposcope.pointclouds.cloudset import CloudSet, clouds
from toposcope.pointclouds.kinds import points_of, unfit
from toposcope.pointclouds.nulls import COPULA, GAUSSIAN, PERMUTED_LABELS, RANDOM_INIT
from toposcope.store.objects import content_hash
from toposcope.store.runs import Run, twin_of, twins_of
from toposcope.types import MASK, ActivationSet

LANDMARKS = 2000
"""Points that a refusal advises instead of all."""


class CloudWork(Work):
    """Diagrams, statistics and dimensions of clouds of points."""

    def draw(self, activations: ActivationSet, design: Design) -> CloudSet:
        """The draws of every cloud."""
        assert design.replicates is not None and design.normalize is not None, "resolved"
        return clouds(
            activations,
            points=design.size,
            replicates=design.replicates,
            normalize=design.normalize,
            per_class=design.per_class,
            overlapping=design.overlapping,
            seed=design.seed,
            points_are=design.points_are,
            samples=design.samples,
        )

    def jobs(self, run: Run, draws: CloudSet, design: Design, code: str) -> Sequence[Job]:
        """One job per layer and draw."""
        return cloud_jobs(run, draws, design, code)

    def predict(self, run: Run, jobs: Sequence[Job], design: Design) -> tuple[float, int]:
        """CPU seconds of some jobs, and the peak memory of a worker in bytes."""
        seconds, peak = 0.0, 0
        for layer, count in Counter(job.layer for job in jobs).items():
            cloud = _cloud_of(run, layer, design)
            seconds += count * cloud.seconds
            peak = max(peak, cloud.bytes)
        return seconds, peak

    def ways_out(self, run: Run, jobs: Sequence[Job], design: Design, room: int) -> list[WayOut]:
        """What to pass where a worker may take `room` bytes only."""

        def fits(**changed: Any) -> bool:
            return self.predict(run, jobs, replace(design, **changed))[1] <= room

        least, most = 2, design.size  # the first fits, the second does not
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if fits(points=middle) else (least, middle)
        ways = []
        if fits(points=least):
            # A little less: what is available changes until it is typed.
            points = max(int(least * 0.95), 2)
            ways.append(WayOut({"points": points}, ("--points", str(points))))
        lower = tuple(k for k in design.homology_dimensions if k < max(design.homology_dimensions))
        while lower and not fits(homology_dimensions=lower):
            lower = lower[:-1]
        if lower:
            flags = "--homology", ",".join(map(str, lower))
            ways.append(WayOut({"homology_dimensions": lower}, flags))
        if design.nulls and fits(null="none"):
            ways.append(WayOut({"null": "none"}, ("--null", "none")))
        return ways + _without_an_analysis(run, jobs, design, room)

    def size(self, job: Job) -> int:
        """Its points."""
        return job.design.size

    def smaller(self, job: Job, size: int) -> Job:
        """The same draw with fewer of its points."""
        assert isinstance(job, CloudJob), "the jobs of clouds"
        design = replace(job.design, points=size)
        if design.points_are != "samples":
            return replace(job, design=design)
        some = slice(0, size)
        strangers = None if job.strangers is None else job.strangers[some]
        return replace(job, design=design, rows=job.rows[some], strangers=strangers)

    def warm_up(self) -> None:
        """Compile the kernels of homology, where that was not done before."""
        homology.warm_up(load=False)


def _cloud_of(run: Run, layer: str, design: Design) -> Cloud:
    """The sizes of the clouds of a layer."""
    shape = run.layers[layer]["shape"]
    width = sample_width = int(np.prod(shape, dtype=np.int64))
    if design.points_are != "samples" and len(shape) in (2, 3):
        width = points_of(np.empty((1, *shape), np.bool_), design.points_are).shape[2]
    each = design.size if design.points_are == "samples" else design.samples or 1
    return Cloud(
        points=design.size,
        width=width,
        degrees=design.homology_dimensions,
        nulls=len(design.nulls),
        fitted=bool({GAUSSIAN, COPULA} & set(design.nulls)),
        grown=not isinstance(design.filtration, Rips),
        drawn=ruler_samples(design.points_are, min(run.n, each * (design.replicates or 1))),
        sample_width=sample_width,
        layers=len(run.layers),
    )


def _without_an_analysis(run: Run, jobs: Sequence[Job], design: Design, room: int) -> list[WayOut]:
    """Calls on the arrays of a layer that do with less."""
    if design.points_are != "samples" or design.metric != "euclidean" or not jobs:
        return []
    layer = max(
        {job.layer for job in jobs}, key=lambda one: np.prod(run.layers[one]["shape"], dtype=float)
    )
    n, d = design.size, int(np.prod(run.layers[layer]["shape"], dtype=np.int64))
    ways = []
    if estimate_cost(n, d, (0,))[1] + 16 * n * d <= room - WORKER_BYTES // 2:
        told = f"the {n:,} points and homology_dimensions=(0,), for which no matrix is kept,"
        ways.append(WayOut({"homology_dimensions": (0,)}, call="ts.homology.rips()", told=told))
    if n >= 4 and 64 * n * d <= room - WORKER_BYTES // 2:
        count = min(LANDMARKS, n // 2)
        told = f"the rows of ts.homology.farthest_landmarks(X, {count}), with a known error,"
        ways.append(WayOut({"count": count}, call="ts.homology.rips()", told=told))
    return ways


def cloud_jobs(run: Run, draws: CloudSet, design: Design, code: str) -> list[CloudJob]:
    """One job per layer and draw, the draws of a layer after each other.

    Raises
    ------
    UsageError
        When no layer has such points, or a null cannot be drawn.
    """
    _refuse_unfit(run, draws)
    activations = draws.activations
    hashes = {layer: run.layer_hash(layer) for layer in activations.layers}
    if MASK in run.layers and design.points_are != "samples":
        mask = run.layer_hash(MASK)
        hashes = {layer: content_hash((own + mask).encode()) for layer, own in hashes.items()}
    twins = _twin_hashes(run, activations.layers) if RANDOM_INIT in design.nulls else {}
    strangers = permuted_rows(draws) if PERMUTED_LABELS in design.nulls else {}
    everything = rows_hash(tuple(np.concatenate([draw.rows for draw in draws.draws]).tolist()))
    alone = replace(design, null="none")  # so that no null moves another
    hashes_of_rows = {id(draw): rows_hash(tuple(draw.rows.tolist())) for draw in draws.draws}
    jobs = []
    for layer, draw in draws:
        rows = tuple(draw.rows.tolist())
        layer_hash, replicate, label = hashes[layer], draw.replicate, draw.label
        stream = stream_of(
            alone,
            layer=layer,
            replicate=replicate,
            label=label,
            rows=hashes_of_rows[id(draw)],
            content=layer_hash,
        )
        jobs.append(
            CloudJob(
                design=design,
                code=code,
                layer=layer,
                depth=activations.depth(layer),
                replicate=replicate,
                label=label,
                rows=rows,
                content=layer_hash,
                drawn=everything,
                twins=twins.get(layer, ()),
                strangers=strangers.get((replicate, label)),
                stream=stream,
            )
        )
    return jobs


def _refuse_unfit(run: Run, draws: CloudSet) -> None:
    """Refuse points that no layer has, by kind or number; single layers get a status instead."""
    points_are = draws.points_are
    masked = MASK in run.layers
    shapes = {layer: tuple(run.layers[layer]["shape"]) for layer in run.addresses}
    reasons = [unfit(shape, points_are, masked=masked) for shape in shapes.values()]
    if all(reasons):
        layer = next(iter(shapes))
        msg = f"analyze(points_are={points_are!r}): every layer is unfit; {layer!r} {reasons[0]}."
        raise UsageError(msg)
    if points_are == "samples":
        return
    each = draws.samples or 1
    sizes = {
        layer: each * points_of(np.empty((1, *shape), np.bool_), points_are).shape[1]
        for (layer, shape), reason in zip(shapes.items(), reasons, strict=True)
        if not reason
    }
    largest = max(sizes, key=lambda layer: sizes[layer])
    if sizes[largest] < draws.points:
        msg = (
            f"analyze(points_are={points_are!r}, points={draws.points}): no layer has so many; "
            f"{largest!r} has the most, {sizes[largest]} in the {each} sample(s) of a draw, and "
            f"the smallest layer {min(sizes.values())}. Pass points={min(sizes.values())} "
            "(--points) to measure all."
        )
        raise TooFewSamplesError(msg)


def _twin_hashes(run: Run, layers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Hash of every layer in each random-init twin, which must hold the same samples."""
    paths = twins_of(run.path)
    if not paths:
        msg = (
            f"analyze(): null={RANDOM_INIT!r} needs the activations of random-init twins in "
            f"{place_text(twin_of(run.path))}. Run the capture again with --twin "
            "(ts.capture(..., twin=True))."
        )
        raise UsageError(msg)
    twins = [Run.open(path) for path in paths]
    for twin in twins:
        absent = [layer for layer in layers if layer not in twin.layers]
        if absent or not np.array_equal(twin.samples.ids, run.samples.ids):
            msg = (
                f"analyze(): the twin in {twin.path} has other samples or lacks layers "
                f"({', '.join(absent[:5]) or 'none'}). Delete it and capture again with --twin."
            )
            raise UsageError(msg)
    return {layer: tuple(twin.layer_hash(layer) for twin in twins) for layer in layers}


def permuted_rows(draws: CloudSet) -> dict[tuple[int, str], tuple[int, ...]]:
    """Rows of each class's draw once labels are permuted among the draws of a replicate."""
    strangers = {}
    for replicate in range(draws.replicates):
        members = [draw for draw in draws.draws if draw.replicate == replicate]
        everyone = np.concatenate([draw.rows for draw in members])
        mixed = np.random.default_rng([draws.seed, replicate, 1]).permutation(everyone)
        ends = np.cumsum([len(draw.rows) for draw in members])
        for draw, rows in zip(members, np.split(mixed, ends[:-1]), strict=True):
            strangers[replicate, draw.label] = tuple(np.sort(rows).tolist())
    return strangers
