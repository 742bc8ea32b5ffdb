"""Numbers of the study of Betti numbers over depth: plain arrays in, plain arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from toposcope import homology

Array = NDArray[np.float64]
ETAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
"""Thresholds of the paper's illustration; all >= 0."""


@dataclass(frozen=True)
class Way:
    """One way to count.

    Parameters
    ----------
    etas
        Thresholds; numbers are means over them.
    rms
        Thresholds in units of the layer's root mean square, not of the activations.
    construction, sublevel
        As in `toposcope.homology.betti_numbers`.
    maps
        Each channel's map by itself, numbers added: the order of channels does not matter.
    components
        Only components, not holes and cavities too.
    """

    etas: tuple[float, ...] = ETAS
    rms: bool = False
    construction: str = "V"
    sublevel: bool = True
    maps: bool = False
    components: bool = False


def total_betti(volumes: Array, way: Way, *, scale: float = 1.0, sign: float = 1.0) -> Array:
    """(n, thresholds) Betti numbers, added over degrees, of (n, c, h, w) volumes.

    `scale` times the thresholds is where they are counted; sign=-1 counts at their negatives.

    Examples
    --------
    Two dark corners of a square, apart; then the whole square:

    >>> total_betti(np.array([[[[0.0, 1.0], [1.0, 0.0]]]]), Way(etas=(0.0, 1.0)))
    array([[2., 1.]])
    """
    n, channels = volumes.shape[:2]
    pieces = volumes.reshape(n * channels, *volumes.shape[2:]) if way.maps else volumes
    betti = homology.betti_numbers_batch(
        np.ascontiguousarray(pieces),
        np.sort(sign * scale * np.asarray(way.etas)),
        construction=way.construction,
        sublevel=way.sublevel,
        jobs=1,
    )
    counts = betti[..., 0] if way.components else betti.sum(axis=-1)
    if way.maps:
        counts = counts.reshape(n, channels, -1).sum(axis=1)
    return np.asarray(counts, dtype=np.float64)


def resized(volumes: Array, shape: Sequence[int]) -> Array:
    """(n, *shape) nearest voxels of (n, c, h, w) volumes: no value is new.

    Examples
    --------
    >>> resized(np.arange(4.0).reshape(1, 1, 1, 4), (1, 1, 2)).ravel()
    array([1., 3.])
    """
    for axis, (have, want) in enumerate(zip(volumes.shape[1:], shape, strict=True), 1):
        places = ((np.arange(want) + 0.5) * have / want).astype(np.intp)
        volumes = np.take(volumes, places, axis=axis)
    return volumes


def excess(volumes_total: Array, lowest: float) -> float:
    """Mean of what (n, thresholds) totals have above the lowest value that sets can have."""
    return float(np.maximum(volumes_total - lowest, 0.0).mean())


def variation(omega: Array, axis: int = 0) -> Array:
    """Standard deviation over mean along an axis; NaN where the mean is 0.

    Examples
    --------
    >>> round(float(variation(np.array([1.0, 1.0, 4.0]))), 3)
    0.866
    """
    mean = omega.mean(axis=axis)
    spread = omega.std(axis=axis, ddof=1)
    return np.asarray(np.divide(spread, mean, out=np.full_like(mean, np.nan), where=mean > 0))


def over_permutations(
    volumes: Array, way: Way, permutations: int, seed: int, *, scale: float = 1.0
) -> Array:
    """(permutations, n) totals, mean over thresholds, with channels in random orders.

    One order for all images: that of the network, which then computes the same when the weights
    that read those channels are put in the same order.
    """
    rng = np.random.default_rng([seed, 7])
    orders = [rng.permutation(volumes.shape[1]) for _ in range(permutations)]
    return np.stack(
        [total_betti(volumes[:, order], way, scale=scale).mean(axis=1) for order in orders]
    )


def relu_moves(volumes: Array, way: Way) -> tuple[float, float]:
    """Largest change of a total that a ReLU makes, at thresholds >= 0 and below 0.

    Every channel is brought to mean 0 and standard deviation 1 first, as batch normalization does,
    so that a ReLU has something to cut whatever the layer's scale.
    """
    signed = volumes - volumes.mean(axis=(0, 2, 3), keepdims=True)
    spread = signed.std(axis=(0, 2, 3), keepdims=True)
    signed = np.divide(signed, spread, out=np.zeros_like(signed), where=spread > 0)
    cut = np.maximum(signed, 0.0)
    above = np.abs(total_betti(signed, way) - total_betti(cut, way)).max()
    there = replace(way, etas=tuple(eta for eta in way.etas if eta > 0) or (0.5,))
    below = np.abs(total_betti(signed, there, sign=-1.0) - total_betti(cut, there, sign=-1.0)).max()
    return float(above), float(below)


def falls(values: Array) -> float:
    """Spearman correlation of depth and values; 0 where all are the same.

    Examples
    --------
    >>> round(float(falls(np.array([9.0, 5.0, 6.0, 1.0]))), 2)
    -0.8
    """
    return float(shuffled_falls(np.asarray(values)[None], np.arange(len(values))[None])[0, 0])


def shuffled_falls(curves: Array, orders: NDArray[np.intp]) -> Array:
    """(curves, orders) Spearman correlations with depth of curves whose layers are reordered."""
    from scipy.stats import rankdata

    ranks = rankdata(curves, axis=1)
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    depth = np.arange(curves.shape[1]) - (curves.shape[1] - 1) / 2
    length = np.sqrt((ranks**2).sum(axis=1) * (depth**2).sum())[:, None]
    inner = np.einsum("col,l->co", ranks[:, orders], depth)
    return np.asarray(np.divide(inner, length, out=np.zeros_like(inner), where=length > 0))


def orders_of(layers: int, arrangements: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """(arrangements, layers) random orders of the layers."""
    return rng.permuted(np.tile(np.arange(layers), (arrangements, 1)), axis=1)


def mean_betti(volumes: Array, etas: Sequence[float]) -> Array:
    """(degrees,) Betti numbers of (n, c, h, w) volumes, means over images and thresholds.

    >>> mean_betti(np.zeros((2, 1, 2, 2)), (0.0, 1.0)).tolist()
    [1.0, 0.0, 0.0]
    """
    betti = homology.betti_numbers_batch(
        np.ascontiguousarray(volumes), np.sort(etas), construction="V", sublevel=True, jobs=1
    )
    return np.asarray(betti.mean(axis=(0, 1)), dtype=np.float64)
