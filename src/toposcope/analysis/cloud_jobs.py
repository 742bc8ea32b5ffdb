"""The jobs of clouds: which samples of which layer, what their nulls need, what it all costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from toposcope import homology
from toposcope.analysis.cloud_task import CloudJob
from toposcope.analysis.design import Design
from toposcope.analysis.jobs import Job, rows_hash, stream_of
from toposcope.analysis.work import Work
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.homology.vietoris_rips.cost import estimate_cost
from toposcope.pointclouds.cloudset import CloudSet, clouds
from toposcope.pointclouds.kinds import points_of, unfit
from toposcope.pointclouds.nulls import PERMUTED_LABELS, RANDOM_INIT
from toposcope.store.objects import content_hash
from toposcope.store.runs import Run, twin_of, twins_of
from toposcope.types import MASK, ActivationSet


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
        clouds_each = 1 + len(design.nulls)
        costs: dict[int, tuple[float, int]] = {}
        seconds, peak = 0.0, 0
        for job in jobs:
            shape = run.layers[job.layer]["shape"]
            d = int(np.prod(shape, dtype=np.int64))
            if design.points_are != "samples" and len(shape) in (2, 3):
                d = points_of(np.empty((1, *shape), np.bool_), design.points_are).shape[2]
            if d not in costs:
                costs[d] = estimate_cost(design.size, d, design.homology_dimensions)
            seconds += clouds_each * costs[d][0]
            peak = max(peak, costs[d][1])
        return seconds, peak

    def slimmer(self, design: Design, share: float) -> str:
        """What to type when only a share of the memory needed is there."""
        points = int(design.size * share**0.5 * 0.9)
        return f"points={points} or less, fewer jobs, or lower homology_dimensions"

    def warm_up(self) -> None:
        """Compile or load the kernels of homology."""
        homology.warm_up()


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
    jobs = []
    for layer, draw in draws:
        rows = tuple(draw.rows.tolist())
        layer_hash, replicate, label = hashes[layer], draw.replicate, draw.label
        stream = stream_of(
            replace(design, null="none"),  # so that no null moves another
            layer=layer,
            replicate=replicate,
            label=label,
            rows=rows_hash(rows),
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
            f"{twin_of(run.path)}. Run the capture again with --twin (ts.capture(..., twin=True))."
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
