"""What the draws of a layer share: its ruler and its nulls, estimated once.

Read in worker processes, once per layer and worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.design import Design
from toposcope.errors import DegenerateCloudError
from toposcope.pointclouds.cloudset import all_draws
from toposcope.pointclouds.copula import CopulaNull, copula_null
from toposcope.pointclouds.draws import Draw
from toposcope.pointclouds.kinds import unfit
from toposcope.pointclouds.normalize import Normalizer
from toposcope.pointclouds.nulls import GaussianNull, gaussian_null
from toposcope.pointclouds.rulers import MOST_POINTS, ROOM, layer_ruler, ruler_rows
from toposcope.store.runs import Run
from toposcope.store.shards import let_go
from toposcope.types import MASK


@dataclass(frozen=True)
class Source:
    """What a layer is prepared from.

    `content` is the layer's hash: a RUN written anew at the same place is another layer. The ruler
    is estimated on all samples that the design draws.
    """

    run: Path
    layer: str
    content: str
    design: Design


@dataclass(frozen=True, eq=False)
class Layer:
    """What the draws of a layer share: its ruler, or why it has none.

    `shares` are those of `pointclouds.rulers.Ruler`, by replicate.
    """

    run: Run
    normalizer: Normalizer | None
    shares: NDArray[np.float64] | None = None
    status: str = "ok"
    reason: str = ""


@lru_cache(maxsize=4)
def prepare(source: Source) -> Layer:
    """Read a layer once per worker; its replicates follow each other in the task order."""
    run, layer, design = Run.open(source.run), source.layer, source.design
    bad = _count_non_finite(run, layer)
    if bad:
        reason = f"{bad:,} of {run.n:,} samples of layer {layer!r} hold non-finite values"
        return Layer(run, None, None, "nonfinite", reason)
    masked, shape = MASK in run.layers, tuple(run.layers[layer]["shape"])
    why = unfit(shape, design.points_are, masked=masked)
    if why:
        return Layer(run, None, None, "undefined", f"layer {layer!r} {why}")
    assert design.normalize is not None, "the design of a job is resolved"
    try:
        ruler = layer_ruler(
            run.read,
            layer,
            _draws(run, design),
            method=design.normalize,
            points_are=design.points_are,
            width=int(np.prod(shape, dtype=np.int64)),
            seed=design.seed,
            masked=masked,
        )
    except DegenerateCloudError as error:
        return Layer(run, None, None, "constant", str(error))
    return Layer(run, ruler.normalizer, ruler.shares)


def _draws(run: Run, design: Design) -> list[Draw]:
    """Every draw of a design; which rows those are is part of each job's identity."""
    assert design.replicates is not None, "the design of a job is resolved"
    return all_draws(
        run.n,
        run.samples.labels,
        drawn={"samples": design.size, "tokens": design.samples or 1}.get(design.points_are, 1),
        replicates=design.replicates,
        per_class=design.per_class,
        overlapping=design.overlapping,
        seed=design.seed,
    )


@lru_cache(maxsize=16)
def fit_gaussian_null(source: Source, label: int | None) -> GaussianNull:
    """The Gaussian null of a layer, or of one class in it: what a draw is compared with."""
    return gaussian_null(_population(source, label))


@lru_cache(maxsize=4)
def fit_copula_null(source: Source, label: int | None) -> CopulaNull:
    """The Gaussian-copula null of a layer, or of one class in it."""
    return copula_null(_population(source, label))


def _population(source: Source, label: int | None) -> NDArray[np.float64]:
    """Samples, on the layer's ruler, that its nulls are fitted to.

    They are those that are drawn, as for the ruler: others would have a scale of their own, whose
    error no spread between draws shows.
    """
    prepared = prepare(source)
    run, normalizer = prepared.run, prepared.normalizer
    assert normalizer is not None, "a layer without a ruler has no null"
    labels = run.samples.labels
    draws = _draws(run, source.design)
    if label is not None:
        assert labels is not None, "a draw of one class comes from labelled samples"
        draws = [draw for draw in draws if labels[draw.rows[0]] == label]
    width = int(np.prod(run.layers[source.layer]["shape"], dtype=np.int64))
    groups = ruler_rows(draws, most=max(MOST_POINTS, ROOM // max(width, 1)))
    # Overlapping draws share samples, and each counts once.
    chosen = np.unique(np.concatenate(groups))
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
        let_go(shard)
    return count
