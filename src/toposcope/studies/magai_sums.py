"""Lifespan sums of classes at every layer: the numbers that studies of Magai 2023 share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope import homology
from toposcope.diagrams.summaries import finite, lifespan_sum
from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.types import ActivationSet

Array = NDArray[np.float64]
SCALES = ("minmax", "mean_distance", "none")
"""Features between 0 and 1 as in the paper, distances over their mean, activations as they are."""
DEGREES = (0, 1)


def sums(cloud: Array) -> list[float]:
    """Lifespan sums of H0 and H1 of the Rips filtration.

    >>> [round(one, 3) for one in sums(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]))]
    [3.0, 0.414]
    """
    diagrams = homology.rips_from_distances(homology.distances(cloud))
    return [lifespan_sum(finite(pairs)) for pairs in diagrams]


def rows_by_class(
    labels: ArrayLike, points: int, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """So many rows of every class that has as many; labels below 0 are of no class.

    >>> [len(rows) for rows in rows_by_class([0, 0, 0, 1, 1, -1], 2, np.random.default_rng(0))]
    [2, 2]
    """
    held = np.asarray(labels)
    order = rng.permutation(len(held))
    own = [order[held[order] == k][:points] for k in np.unique(held[held >= 0])]
    return [rows for rows in own if len(rows) == points]


def sums_by_scale(X: Array, clouds: Sequence[NDArray[np.intp]]) -> dict[str, Array]:
    """Scale -> (degrees,) lifespan sums, means over clouds of rows of one layer.

    The scale is that of all rows. Where all rows look alike, sums are 0.
    """
    if not np.ptp(X, axis=0).any():
        return {scale: np.zeros(len(DEGREES)) for scale in SCALES}
    boxed = estimate_normalizer(X, "minmax")(X)
    plain = np.mean([sums(X[rows]) for rows in clouds], axis=0)
    return {
        "minmax": np.mean([sums(boxed[rows]) for rows in clouds], axis=0),
        "mean_distance": plain / estimate_normalizer(X).scale,
        "none": plain,
    }


def told(by_scale: dict[str, Array]) -> Iterator[dict[str, Any]]:
    """`sums_by_scale` as rows of a table."""
    for scale, values in by_scale.items():
        for degree in DEGREES:
            yield {"scale": scale, "degree": degree, "value": float(values[degree])}


def layer_sums(acts: ActivationSet, points: int, seed: int) -> list[dict[str, Any]]:
    """Rows of sums at every layer, of classes (`pooled` False) and of as many points of all.

    `points` is the size of every cloud; classes with fewer are left out. Rows hold layer (from 0),
    name, pooled, scale, degree and value.
    """
    rng = np.random.default_rng(seed)
    classes = rows_by_class(np.asarray(acts.labels), points, rng)
    pooled = [rng.permutation(acts.n)[:points]]
    rows = []
    for depth, layer in enumerate(acts.layers):
        X = flat(acts.rows(layer, np.arange(acts.n)))
        for together, clouds in ((False, classes), (True, pooled)):
            place = {"layer": depth, "name": layer, "pooled": together}
            rows += [{**place, **row} for row in told(sums_by_scale(X, clouds))]
    return rows
