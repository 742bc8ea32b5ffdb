"""Simplicial and cubical Betti numbers of the same layer: arrays in, arrays out.

Simplicial: of the cloud that the samples of a class make (a point is a sample). Cubical: of every
sample by itself, its units laid out as the pixels of an image. Both are total Betti numbers, means
over thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.studies.naitzat_statistics import betti_at, hop_betti
from toposcope.studies.suresh_statistics import Way, total_betti

Array = NDArray[np.float64]
SCALES = tuple(k / 10 for k in range(1, 13))
"""Thresholds of a cloud in mean distances: from all points apart to one component."""
HOPS = (1.0, 2.0, 3.0)
NEIGHBORS = 10


def rectangle(units: int) -> tuple[int, int]:
    """Sides of the most square image of so many pixels; a line for a prime number.

    >>> rectangle(64), rectangle(15), rectangle(7)
    ((8, 8), (3, 5), (1, 7))
    """
    side = next(k for k in range(int(np.sqrt(units)), 0, -1) if units % k == 0)
    return side, units // side


def as_images(values: Array, *, line: bool = False) -> Array:
    """(n, 1, h, w) images of (n, units) activations, row by row; (n, 1, 1, units) as lines."""
    sides = (1, values.shape[1]) if line else rectangle(values.shape[1])
    return values.reshape(len(values), 1, *sides)


def stacked(values: Array) -> Array:
    """(1, n, h, w): the images of all samples as one volume, as the authors' code stacks them."""
    return as_images(values).reshape(1, len(values), *rectangle(values.shape[1]))


def simplicial(cloud: Array, *, scale: float = 0.0) -> tuple[float, float]:
    """Total Betti number of a cloud in degrees 0 and 1, mean over `SCALES`; and its mean distance.

    Parameters
    ----------
    cloud
        (n, d) points.
    scale
        Unit of the thresholds; 0 for the mean distance of this cloud. A cloud of one point, and
        one that is not larger than nothing in that unit, is one component.

    >>> value, mean = simplicial(np.array([[0.0], [1.0], [2.0], [3.0]]))
    >>> round(mean, 3), round(value, 2)  # 4 components up to 0.5 of the mean distance, then 1
    (1.667, 2.25)
    """
    D = homology.distances(cloud)
    mean = float(D.sum() / (len(D) * (len(D) - 1)))
    unit = scale or mean
    if not mean > 0:
        return 1.0, 0.0
    found = homology.rips_from_distances(D / unit, max_edge_length=max(SCALES))
    return float(betti_at(found, SCALES).sum(axis=1).mean()), mean


def along_hops(cloud: Array) -> float:
    """The same of hops along the graph of nearest neighbors, mean over one to three hops."""
    return float(hop_betti(cloud, NEIGHBORS, HOPS).sum(axis=1).mean())


def over_orders(values: Array, way: Way, orders: int, seed: int, *, scale: float) -> Array:
    """(orders, n) totals of images whose units are laid out in random orders, the same for all.

    A fully connected layer has no order of its units: the network computes the same in any.
    """
    rng = np.random.default_rng([seed, 7])
    some = [rng.permutation(values.shape[1]) for _ in range(orders)]
    images = np.concatenate([as_images(values[:, order]) for order in some])
    totals: Array = total_betti(images, way, scale=scale).mean(axis=1).reshape(orders, len(values))
    return totals


def alike(a: Array, b: Array, orders: Sequence[NDArray[np.intp]] | NDArray[np.intp]) -> Array:
    """(orders,) Spearman correlations of a with b, whose layers are reordered; 0 where one is flat.

    >>> rises, falls = np.arange(4.0), np.array([3.0, 2.0, 1.0, 1.0])
    >>> alike(rises, falls, [np.arange(4), np.arange(4)[::-1]]).round(2).tolist()
    [-0.95, 0.95]
    """
    from scipy.stats import rankdata

    x, y = rankdata(a) - (len(a) + 1) / 2, rankdata(b) - (len(b) + 1) / 2
    length = np.sqrt((x**2).sum() * (y**2).sum())
    inner = y[np.asarray(orders)] @ x
    return np.asarray(inner / length if length > 0 else np.zeros(len(inner)), dtype=np.float64)
