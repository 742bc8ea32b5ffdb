"""Which points of a cloud are outliers: the local outlier factor, from distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError

Array = NDArray[np.float64]

LOF_NEIGHBORS, LOF_THRESHOLD = 20, 1.5
"""As in scikit-learn's LocalOutlierFactor with contamination="auto"."""


def local_outlier_factor(D: Array, neighbors: int = LOF_NEIGHBORS) -> Array:
    """How much sparser each point lies than its neighbors; 1 is as dense as they.

    The numbers of scikit-learn's LocalOutlierFactor, from distances that are there already (its
    import alone takes longer than an analysis of a small network).

    Parameters
    ----------
    D
        (n, n) distances.
    neighbors
        Number of neighbors k, the point itself not counted, less than n.

    Returns
    -------
    (n,) factors.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0, 50.0])
    >>> local_outlier_factor(abs(x[:, None] - x), 2).argmax()
    np.int64(4)

    References
    ----------
    Breunig, Kriegel, Ng and Sander, LOF: identifying density-based local outliers, SIGMOD 2000.
    """
    n = len(D)
    if not 0 < neighbors < n:
        msg = f"local_outlier_factor(): {n} points have no {neighbors} neighbors each; pass fewer."
        raise TooFewSamplesError(msg)
    near = _nearest(D, neighbors)
    length = np.take_along_axis(D, near, axis=1)
    reach = np.maximum(length, length.max(axis=1)[near])  # k-distance of the neighbor at least
    density = 1.0 / (reach.mean(axis=1) + 1e-10)  # the constant is scikit-learn's
    result: Array = density[near].mean(axis=1) / density
    return result


def _nearest(D: Array, count: int) -> NDArray[np.intp]:
    """(n, count) rows of the nearest other points, in no order."""
    n = len(D)
    radius = np.partition(D, count, axis=1)[:, count]
    rows, near = np.nonzero(radius[:, None] >= D)
    near = near[rows != near]
    if len(near) == n * count:  # no ties: three times faster than argpartition
        return np.asarray(near.reshape(n, count))
    others = D.copy()
    np.fill_diagonal(others, np.inf)
    nearest: NDArray[np.intp] = np.argpartition(others, count - 1, axis=1)[:, :count]
    return nearest


def outliers(D: Array, *, share: float | None = None) -> NDArray[np.bool_]:
    """(n,) mask of outliers by LOF: beyond 1.5, or the `share` of the points that lie sparsest."""
    factor = local_outlier_factor(D, min(LOF_NEIGHBORS, len(D) - 1))
    if share is None:
        return factor > LOF_THRESHOLD
    return largest(factor, round(share * len(D)))


def largest(score: Array, count: int) -> NDArray[np.bool_]:
    """(n,) mask of the `count` largest scores.

    >>> largest(np.array([3.0, 1.0, 2.0]), 2).tolist()
    [True, False, True]
    """
    mask = np.zeros(len(score), dtype=bool)
    mask[np.argsort(-score, kind="stable")[:count]] = True
    return mask
