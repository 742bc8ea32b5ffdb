"""Intrinsic dimension from the distances to nearest neighbors: TwoNN, and Levina and Bickel's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.dimension.estimates import (
    FEWEST_POINTS,
    JACKKNIFE,
    Dimension,
    jackknife,
    reciprocal,
)
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UndefinedError
from toposcope.homology.neighbors import nearest
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.parameters import rng, whole

# Neighbors that agree to nine digits are equally far.
_TIE = 1 + 1e-9
# Shares of ties that a smooth cloud never has and a lattice does. Whole numbers with a range of
# hundreds stay below them, and their ties change the estimate by less than a percent.
_MOST_TIED = 0.1
_MOST_TIED_LISTS = 0.5
# A repeat that differs in the last bit of float32 (float16) lies this share of its norm away, and
# this share of the distance to real neighbors.
_REPEAT = {2: (2e-3, 2e-2)}
_REPEAT_SINGLE = (1e-6, 1e-4)


def two_nn(X: ArrayLike) -> Dimension:
    """TwoNN dimension: from the ratio of the distances to the second and first neighbor.

    Maximum likelihood with its bias removed, (n - 1) / sum log(r2 / r1); all points are used (the
    published fit leaves out the largest tenth). Repeated points are left out and counted in
    `.duplicates`: they have no first neighbor at a positive distance. So are repeats that differ by
    rounding: nearer than 1e-6 of the norm (2e-3 for float16) and 1e-4 of the usual distance.

    Parameters
    ----------
    X
        (n, d) point cloud with at least 16 distinct points.

    Returns
    -------
    `Dimension`. The interval is normal on the scale 1 / dimension, its variance summed over pairs
    of points that are neighbors. It covers the expectation of the estimator in 92-93 % (n = 100)
    and 93-96 % (n = 500) of simulated squares, cubes and ReLU clusters. (The usual gamma interval
    takes the ratios for independent and covered 87 % on squares and cubes.)

    Raises
    ------
    TooFewSamplesError, DegenerateCloudError
        For fewer than 16 points, or fewer than 16 distinct ones.
    UndefinedError
        Where more than a tenth of the points have two equally far neighbors, as on a lattice.

    Examples
    --------
    >>> points = np.random.default_rng(0).random((500, 2))
    >>> 1.7 < two_nn(points).value < 2.3
    True

    References
    ----------
    Facco et al., Estimating the intrinsic dimension of datasets by a minimal neighborhood
    information, Scientific Reports 2017.
    """
    from scipy.special import ndtri

    near, rows, duplicates = _neighborhoods(X, 2, FEWEST_POINTS, "two_nn()")
    n = len(near)
    tied = int((near[:, 1] <= near[:, 0] * _TIE).sum())
    if tied > _MOST_TIED * n:
        msg = (
            f"two_nn(): both neighbors are equally far for {tied} of {n} points: these are points "
            "of a lattice (rounded, counted or quantized), whose ties the estimator reads as a "
            "high dimension; it is undefined. Use ph_dimension(), or activations before rounding."
        )
        raise UndefinedError(msg)
    logs = np.log(near[:, 1] / near[:, 0])
    inverse = float(logs.sum()) / (n - 1)
    # Neighbors share distances, so their ratios are correlated: add the products over all edges
    # of the neighbor graph (each once in both directions) to the sum of squares.
    rest = logs - logs.mean()
    edges = np.stack([np.repeat(np.arange(n), 2), rows.ravel()], axis=1)
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    variance = float(rest @ rest + 2 * (rest[edges[:, 0]] @ rest[edges[:, 1]]))
    half = float(ndtri(0.975)) * math.sqrt(max(variance, 0.0)) / n
    return Dimension(
        value=1.0 / inverse,
        low=reciprocal(inverse + half),
        high=reciprocal(inverse - half),
        n=n,
        method="normal, variance over the neighbor graph",
        duplicates=duplicates,
        estimator="two_nn",
    )


def mle(X: ArrayLike, k: int = 20, *, seed: int | np.random.Generator = 0) -> Dimension:
    """Levina-Bickel dimension from k nearest neighbors, averaged as MacKay and Ghahramani do.

    The inverse of the mean over points and neighbors j < k of log(T_k / T_j), T_j the distance to
    the j-th neighbor. Repeated points are left out and counted.

    Parameters
    ----------
    X
        (n, d) point cloud with at least 16, and about 10/9 k, distinct points.
    k
        Number of neighbors, at least 2.
    seed
        Seed of the groups of the jackknife.

    Returns
    -------
    `Dimension`, its interval a delete-group jackknife as in `ph_dimension`; it is about 1.6 times
    as wide as needed and covered 98-99 % in the same simulations.

    Examples
    --------
    >>> points = np.random.default_rng(0).random((500, 2))
    >>> 1.7 < mle(points).value < 2.3
    True

    References
    ----------
    Levina and Bickel, NIPS 2004; MacKay and Ghahramani, Comments on "Maximum likelihood
    estimation of intrinsic dimension", 2005.
    """
    call = "mle()"
    k = whole(k, "k", call=call, low=2)
    stream = rng(seed, call=call)
    # Dropping a group must leave k neighbors to every point.
    fewest = max(math.ceil((k + 1) * 10 / 9) + 1, FEWEST_POINTS)
    near, rows, duplicates = _neighborhoods(X, 2 * k + 10, fewest, call)
    tied = float((near[:, 1 : k + 1] <= near[:, :k] * _TIE).mean())
    if tied > _MOST_TIED_LISTS:
        msg = (
            f"mle(): {100 * tied:.0f} % of neighbors are as far as the one before them: these are "
            "points of a lattice (rounded, counted or quantized); the estimator is undefined. Use "
            "ph_dimension(), or activations before rounding."
        )
        raise UndefinedError(msg)

    def inverse(kept: NDArray[np.bool_]) -> float:
        # The first k neighbors that are kept; fewer than k among 2 k + 10 only in tiny clouds,
        # where the list holds all points.
        first = np.argsort(~kept[rows[kept]], axis=1, kind="stable")[:, :k]
        chosen = np.take_along_axis(near[kept], first, axis=1)
        return float(np.log(chosen[:, -1:] / chosen[:, :-1]).mean())

    found = inverse(np.ones(len(near), dtype=bool))
    if not found > 0:
        msg = f"mle(): all {k} neighbors of every point are equally far; pass a larger k."
        raise DegenerateCloudError(msg)
    low, high = jackknife(inverse, found, len(near), stream, 0.95)
    return Dimension(
        value=reciprocal(found),
        low=low,
        high=high,
        n=len(near),
        method=JACKKNIFE,
        duplicates=duplicates,
        estimator="mle" if k == 20 else "",
    )


def _neighborhoods(
    X: ArrayLike, k: int, fewest: int, call: str
) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Distances and rows of the k nearest neighbors among distinct points; number of repeats."""
    given = read_cloud(X, call=call)
    cloud = given.astype(np.float64)
    if len(cloud) < fewest:
        msg = f"{call}: the cloud has {len(cloud)} points; at least {fewest} are needed."
        raise TooFewSamplesError(msg)
    kept = np.arange(len(cloud))
    share = _REPEAT.get(given.dtype.itemsize if given.dtype.kind == "f" else 0, _REPEAT_SINGLE)
    near, rows, repeated = nearest(cloud, k)
    repeated |= _nearly(cloud, near, rows, share)
    while repeated.any():
        kept = kept[~repeated]
        if len(kept) < fewest:
            break
        near, rows, repeated = nearest(cloud[kept], k)
        repeated |= _nearly(cloud[kept], near, rows, share)
    if len(kept) < fewest:
        msg = (
            f"{call}: {len(kept)} distinct points among {len(cloud)}; at least {fewest} are needed."
        )
        raise DegenerateCloudError(msg)
    return near, rows, len(cloud) - len(kept)


def _nearly(
    cloud: NDArray[np.float64],
    near: NDArray[np.float64],
    rows: NDArray[Any],
    share: tuple[float, float],
) -> NDArray[np.bool_]:
    """Which points repeat an earlier one but for rounding."""
    of_norm, of_neighbors = share
    unit = float(np.abs(cloud).max())
    if not unit:
        return np.zeros(len(cloud), dtype=bool)
    size = unit * float(np.sqrt(((cloud / unit) ** 2).sum(axis=1).mean()))
    if not (near[:, 0] <= of_norm * size).any():
        return np.zeros(len(cloud), dtype=bool)
    # Real neighbors of many copies of a point come after the copies.
    apart, k = np.full(len(cloud), np.inf), near.shape[1]
    further = near
    while np.isinf(apart).mean() > 0.5 and k <= 4 * (len(cloud) - 1):
        apart = np.where(further > of_norm * size, further, np.inf).min(axis=1)
        k *= 4
        further = nearest(cloud, k)[0] if np.isinf(apart).mean() > 0.5 else further
    apart = apart[np.isfinite(apart)]
    if not len(apart):
        return np.zeros(len(cloud), dtype=bool)
    limit = min(of_norm * size, of_neighbors * float(np.median(apart)))
    same = (near <= limit) & (rows < np.arange(len(cloud))[:, None])
    return np.asarray(same.any(axis=1))
