"""What the draws of a layer share: its ruler and its nulls, estimated once.

Read in worker processes, once per layer and worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DegenerateCloudError
from toposcope.pointclouds.copula import CopulaNull, copula_null
from toposcope.pointclouds.draws import SCALE_SAMPLES, scale_rows
from toposcope.pointclouds.kinds import ruler_points, unfit
from toposcope.pointclouds.normalize import Normalizer, estimate_normalizer
from toposcope.pointclouds.nulls import GaussianNull, gaussian_null
from toposcope.store.runs import Run
from toposcope.types import MASK


@dataclass(frozen=True)
class Source:
    """What a layer is prepared from.

    `content` is the layer's hash: a RUN written anew at the same place is another layer.
    """

    run: Path
    layer: str
    content: str
    normalize: str
    seed: int
    points_are: str


@dataclass(frozen=True, eq=False)
class Layer:
    """What the draws of a layer share: its ruler, or why it has none."""

    run: Run
    normalizer: Normalizer | None
    status: str = "ok"
    reason: str = ""


@lru_cache(maxsize=4)
def prepare(source: Source) -> Layer:
    """Read a layer once per worker; its replicates follow each other in the task order."""
    run, layer, points_are = Run.open(source.run), source.layer, source.points_are
    bad = _count_non_finite(run, layer)
    if bad:
        reason = f"{bad:,} of {run.n:,} samples of layer {layer!r} hold non-finite values"
        return Layer(run, None, "nonfinite", reason)
    masked = MASK in run.layers
    why = unfit(tuple(run.layers[layer]["shape"]), points_are, masked=masked)
    if why:
        return Layer(run, None, "undefined", f"layer {layer!r} {why}")
    values = ruler_points(
        run.read,
        layer,
        scale_rows(run.n, seed=source.seed),
        points_are=points_are,
        most=SCALE_SAMPLES,
        seed=source.seed,
        masked=masked,
    )
    try:
        normalizer = estimate_normalizer(values, source.normalize)
    except DegenerateCloudError as error:
        return Layer(run, None, "constant", str(error))
    return Layer(run, normalizer)


@lru_cache(maxsize=16)
def fit_gaussian_null(source: Source, label: int | None) -> GaussianNull:
    """The Gaussian null of a layer, or of one class in it: what a draw is compared with."""
    return gaussian_null(_population(source, label))


@lru_cache(maxsize=4)
def fit_copula_null(source: Source, label: int | None) -> CopulaNull:
    """The Gaussian-copula null of a layer, or of one class in it."""
    return copula_null(_population(source, label))


def _population(source: Source, label: int | None) -> NDArray[np.float64]:
    """Samples, on the layer's ruler, that its nulls are fitted to."""
    prepared = prepare(source)
    run, normalizer = prepared.run, prepared.normalizer
    assert normalizer is not None, "a layer without a ruler has no null"
    labels = run.samples.labels
    members = np.arange(run.n)
    if label is not None:
        assert labels is not None, "a draw of one class comes from labelled samples"
        members = np.flatnonzero(labels == label)
    chosen = members[scale_rows(len(members), seed=source.seed)]
    return normalizer(run.read(source.layer, chosen))


def _count_non_finite(run: Run, layer: str) -> int:
    """Samples with a NaN or an infinity, shard by shard."""
    count = 0
    for index, _, _ in run.chunks:
        shard = run.shard(layer, index)
        # The sum is finite exactly when all values are, unless finite values overflow.
        if not np.isfinite(shard.sum(dtype=np.float64)):
            finite = np.isfinite(shard).reshape(len(shard), -1).all(axis=1)
            count += int((~finite).sum())
    return count
