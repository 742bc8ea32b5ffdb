"""Topological divergences between paired clouds: RTD, RTD-Lite, and MTop-Div for unpaired ones.

They ask at which scales two distance matrices on the same samples disagree on what is connected.
Distances are divided by their 0.9 quantile first, as in the authors' code, so scale does not
matter; the number of points does: these are sums over bars and grow with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.homology.metrics import distances, refuse_pairs
from toposcope.homology.spanning import tree_lengths
from toposcope.homology.vietoris_rips.persistence import rips_from_distances
from toposcope.inputs.arrays import read_cloud, read_distances
from toposcope.inputs.parameters import flag, rng, whole
from toposcope.similarity.paired_rows import paired

Array = NDArray[np.float64]

_QUANTILE = 0.9
# Distances below this share of the mean count as 0, as in the authors' code.
_NEGLIGIBLE = 1e-6


def rtd(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    points: int = 500,
    replicates: int = 10,
    seed: int | np.random.Generator = 0,
) -> float:
    """Representation topology divergence: mean of `rtd_draws` over draws and directions.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.
    points
        Samples per draw. RTD grows with them: compare values of equal `points` only.
    replicates
        Draws, as disjoint as n allows; one draw of everything when n <= points.
    seed
        Seed or generator of the draws.

    Returns
    -------
    Sum of the lengths of H1 bars of the R-Cross-Barcode; 0 for equal topology at all scales, hence
    for clouds that differ by rotation, translation and scale. Larger is less similar.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations.

    Examples
    --------
    >>> cloud = np.random.default_rng(0).random((40, 2))
    >>> rtd(cloud, 3 * cloud) < 1e-9
    True

    References
    ----------
    Barannikov, Trofimov, Balabin and Burnaev, Representation topology divergence, ICML 2022.
    """
    return float(_draws(X, Y, points, replicates, seed, "rtd()").mean())


def rtd_draws(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    points: int = 500,
    replicates: int = 10,
    seed: int | np.random.Generator = 0,
) -> Array:
    """RTD of each draw and direction: what intervals and tests need.

    Draws of one pass over the shuffled samples are disjoint; draws of different passes are not,
    and are no independent units.

    Returns
    -------
    (replicates, 2) sums of bar lengths, X against Y and Y against X; one row when n <= points.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rtd_draws(rng.random((60, 2)), rng.random((60, 2)), points=20, replicates=3).shape
    (3, 2)
    """
    return _draws(X, Y, points, replicates, seed, "rtd_draws()")


def _draws(
    X: ArrayLike,
    Y: ArrayLike,
    points: int,
    replicates: int,
    seed: int | np.random.Generator,
    call: str,
) -> Array:
    left, right = paired(X, Y, call=call)
    values = []
    for rows in draws(len(left), points=points, replicates=replicates, seed=seed, call=call):
        # Two matrices, and the filtration of twice as many points.
        refuse_pairs(len(rows), 0, per_pair=70, call=call)
        D, E = (_normalized(cloud[rows], call) for cloud in (left, right))
        values.append([_total(cross_barcode(D, E)), _total(cross_barcode(E, D))])
    return np.array(values)


def cross_barcode(D: ArrayLike, E: ArrayLike) -> Array:
    """R-Cross-Barcode in degree 1 of two distance matrices on the same samples.

    H1 of the Rips filtration of 2 n points: n copies at distance 0 from each other, the samples at
    distance min(D, E), and D between a copy and a sample. A bar lives while the samples are
    connected by the one or the other matrix where D alone has not joined them yet.

    Parameters
    ----------
    D, E
        (n, n) distance matrices on one scale.

    Returns
    -------
    (m, 2) births and deaths.

    Examples
    --------
    Two samples 1 apart in E and 2 in D: connected from 1 on, but not by D before 2.

    >>> far, near = np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> cross_barcode(far, near)
    array([[1., 2.]])
    >>> cross_barcode(near, far)
    array([], shape=(0, 2), dtype=float64)
    """
    call = "cross_barcode()"
    own = read_distances(D, call=call, name="D")
    other = read_distances(E, call=call, name="E")
    if own.shape != other.shape:
        msg = f"{call}: both matrices need one shape; got {own.shape} and {other.shape}."
        raise UsageError(msg)
    n = len(own)
    refuse_pairs(n, 0, per_pair=55, call=call)
    both = np.zeros((2 * n, 2 * n))
    both[n:, :n] = both[:n, n:] = own
    np.minimum(own, other, out=both[n:, n:])
    both[both < _NEGLIGIBLE * _finite_mean(own)] = 0.0
    return rips_from_distances(both, homology_dimensions=(1,))[0]


def rtd_lite(X: ArrayLike, Y: ArrayLike, *, normalize: bool = True) -> float:
    """RTD-Lite: how much longer the layers' spanning trees are than the tree of the minimum.

    (T(D) + T(E)) / 2 - T(min(D, E)) with T the length of a minimum spanning tree and D, E the
    distances divided by their 0.9 quantiles. The degree-0 part of RTD, in O(n^2): all samples are
    used, 16 n^2 bytes.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.
    normalize
        False leaves the distances in their own units, for layers that share a scale.

    Returns
    -------
    0 for clouds that differ by rotation, translation and (when normalized) scale; larger is less
    similar. It grows with n: compare values of equal n only.

    Notes
    -----
    The quantile is a distance within a cluster when there is one, and between clusters when there
    are several: dividing by it shrinks the clusters themselves, the more so the fewer there are.
    In the clusters experiment of the RTD paper (one cloud against the same points on 2 to 12
    places of a circle) the normalized value therefore falls with the number of clusters (Kendall
    -1), where `rtd` grows (Kendall 1); without normalization it grows too (Kendall 1).

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations.

    Examples
    --------
    >>> cloud = np.random.default_rng(0).random((40, 2))
    >>> abs(rtd_lite(cloud, 3 * cloud[:, ::-1])) < 1e-9
    True

    References
    ----------
    Tulchinskii et al., RTD-Lite: scalable topological analysis for comparing weighted graphs in
    learning tasks, AISTATS 2025.
    """
    call = "rtd_lite()"
    scaled = _normalized if flag(normalize, "normalize", call=call) else _plain
    left, right = paired(X, Y, call=call)
    refuse_pairs(len(left), left.shape[1] + right.shape[1], per_pair=24, call=call)
    D, E = (scaled(cloud, call) for cloud in (left, right))
    apart = (tree_lengths(D).sum() + tree_lengths(E).sum()) / 2
    together = tree_lengths(np.minimum(D, E, out=D)).sum()
    return max(0.0, float(apart - together))


def mtop_div(P: ArrayLike, Q: ArrayLike) -> float:
    """MTop-Div of two clouds in one space, not paired: sum of H1 bars of their cross-barcode.

    H1 of the Rips filtration of the union in which all points of P are at distance 0 from each
    other. Not symmetric, and neither scale nor numbers of points are normalized away.

    Parameters
    ----------
    P, Q
        (n, d) and (m, d) clouds in the same coordinates; time grows like that of `rips` of n + m.

    Returns
    -------
    0 when P is Q; larger is less similar.

    Examples
    --------
    Two points 4 apart and 3 from P: a loop through P from 4 to the diagonal, 5.

    >>> mtop_div([[0.0, 0.0], [4.0, 0.0]], [[0.0, 3.0], [4.0, 3.0]])
    1.0

    References
    ----------
    Barannikov et al., Manifold topology divergence, NeurIPS 2021.
    """
    call = "mtop_div()"
    A, B = (read_cloud(x, call=f"{call}, {name}") for name, x in (("P", P), ("Q", Q)))
    if A.shape[1] != B.shape[1]:
        msg = (
            f"{call}: both clouds must lie in one space; P has {A.shape[1]} coordinates and Q "
            f"{B.shape[1]}."
        )
        raise UsageError(msg)
    refuse_pairs(len(A) + len(B), A.shape[1], per_pair=14, call=call)
    D = distances(np.concatenate([A, B]), call=call)
    D[: len(A), : len(A)] = 0.0
    D[_NEGLIGIBLE * D[len(A) :, : len(A)].mean() > D] = 0.0
    return _total(rips_from_distances(D, homology_dimensions=(1,))[0])


def draws(
    n: int, *, points: int, replicates: int, seed: int | np.random.Generator, call: str
) -> list[NDArray[np.intp]]:
    """Rows of each draw: pass after pass over shuffled samples, disjoint within a pass.

    Examples
    --------
    >>> first, second, third = draws(10, points=5, replicates=3, seed=0, call="example()")
    >>> sorted([*first.tolist(), *second.tolist()])
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    points = whole(points, "points", call=call, low=4)
    replicates = whole(replicates, "replicates", call=call, low=1, high=10**6)
    stream = rng(seed, call=call)
    if n <= points:
        return [np.arange(n)]
    disjoint: list[NDArray[np.intp]] = []
    while len(disjoint) < replicates:
        order = stream.permutation(n)
        disjoint += np.split(order[: n - n % points], n // points)
    return [np.sort(rows) for rows in disjoint[:replicates]]


def _plain(cloud: Array, call: str) -> Array:
    return distances(cloud, call=call)


def _normalized(cloud: Array, call: str) -> Array:
    D = distances(cloud, call=call)
    scale = float(np.quantile(D, _QUANTILE))
    if not scale:
        msg = (
            f"{call}: the {_QUANTILE} quantile of the distances is 0 ({len(cloud)} samples, most "
            "of them equal), so there is no scale to divide by. Drop repeated samples."
        )
        raise DegenerateCloudError(msg)
    return np.divide(D, scale, out=D)


def _finite_mean(D: Array) -> float:
    """Mean distance over pairs that are joined at all: inf says nothing of what is negligible."""
    with np.errstate(invalid="ignore"):
        mean = float(D.mean())
    if np.isfinite(mean):
        return mean
    joined = D[np.isfinite(D)]
    return float((joined / len(joined)).sum())


def _total(pairs: Array) -> float:
    return float((pairs[:, 1] - pairs[:, 0]).sum())
