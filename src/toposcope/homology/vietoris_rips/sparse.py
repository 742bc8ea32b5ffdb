"""Sparse Rips: a filtration with far fewer simplices and diagrams within a stated factor.

Points are taken in farthest-first order. A point that adds little detail stops growing at a
multiple of its insertion radius and disappears later, when its neighbors stand for it; so at a
large scale only few, far apart points are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.homology.gudhi_extensions import simplicial_pairs
from toposcope.homology.jit import kernel
from toposcope.homology.metrics import distances, refuse_pairs
from toposcope.homology.vietoris_rips.persistence import check_arguments
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.parameters import number

METRICS = ("euclidean", "precomputed")


@dataclass(frozen=True, eq=False)
class SparseRips:
    """Diagrams of a sparse Rips filtration and what they are worth.

    Parameters
    ----------
    diagrams
        One (n_k, 2) array of (birth, death) per degree, as `rips` returns them.
    factor
        1 / (1 - epsilon): a birth or death t here stands for one in [t / factor, t] there.
    edges
        Number of edges kept, of n (n - 1) / 2.
    simplices
        Number of simplices of all dimensions.
    """

    diagrams: list[NDArray[np.float64]]
    factor: float
    edges: int
    simplices: int


def sparse_rips(
    X: ArrayLike,
    epsilon: float = 0.5,
    *,
    homology_dimensions: Sequence[int] = (0, 1),
    metric: str = "euclidean",
    coeff: int = 2,
) -> SparseRips:
    """Diagrams within a factor 1 / (1 - epsilon) of those of `rips`, from fewer simplices.

    Parameters
    ----------
    X
        (n, d) point cloud, or (n, n) distances with metric="precomputed".
    epsilon
        0 < epsilon < 1; small is accurate, large is sparse.
    homology_dimensions, coeff
        As in `rips`.
    metric
        "euclidean" or "precomputed". The triangle inequality is needed (and not checked); inf
        between points means that they are never joined.

    Returns
    -------
    `SparseRips`.

    Raises
    ------
    DegenerateCloudError
        For an empty or non-finite cloud.
    UsageError
        For arguments without meaning.

    Notes
    -----
    With c = 1 / (1 - epsilon) there is a matching between the two diagrams of each degree in which
    a birth or death t here stands for one in [t / c, t] of the full filtration: on a logarithmic
    scale the bottleneck distance is at most log c, and a pair of the full filtration is missed
    only if death / birth <= c. The sparse filtration is late, never early.

    Why: put the metric into l-infinity, where Rips complexes are nerves of balls (radius half the
    scale). The ball of a point stops growing at radius l / epsilon, l the insertion radius (its
    distance to the points before it), and is removed at l / (epsilon (1 - epsilon)). By then a
    point before it, at distance l or less, has a ball that contains it. So the union of the balls
    kept lies between the unions of all balls at the scales t / c and t; the paper shows that the
    nerves follow.

    The filtration is that of GUDHI's Sparse_rips_complex for the same epsilon, except that GUDHI
    starts the farthest-first order at a random point and this at row 0. Reduction by GUDHI.

    When it pays: the number of simplices is linear in n for a fixed epsilon and intrinsic
    dimension, but the constant is large. Torus with n = 1,000, H0 to H2: 1.7 CPU seconds at
    epsilon = 0.9, against 5.2 of `rips`; H0 and H1 alone 0.2 against 0.1, for `rips` has no
    triangles to list. Clouds of high dimension gain nothing: 200 points like activations in R^64
    keep all edges up to epsilon = 0.7. Takes about 24 n^2 bytes besides the simplices.

    Examples
    --------
    >>> angle = np.arange(60) * np.pi / 30
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> sparse = sparse_rips(circle, 0.5, homology_dimensions=(1,))
    >>> sparse.factor, sparse.edges < 60 * 59 / 2, len(sparse.diagrams[0])
    (2.0, True, 1)

    References
    ----------
    Sheehy, Linear-size approximations to the Vietoris-Rips filtration, DCG 2013; Cavanna,
    Jahanseir, Sheehy, A geometric perspective on sparse filtrations, CCCG 2015.
    """
    call = "sparse_rips()"
    dims, _, coeff = check_arguments(homology_dimensions, np.inf, coeff, call=call)
    epsilon = number(epsilon, "epsilon", call=call, low=1e-9, below=1.0)
    if not isinstance(metric, str) or metric not in METRICS:
        msg = (
            f"{call}: metric must be one of {', '.join(METRICS)}; got {metric!r}, for which the "
            "triangle inequality and with it the bound may fail."
        )
        raise UsageError(msg)
    if metric != "precomputed":
        X = read_cloud(X, call=call)
        refuse_pairs(*X.shape, per_pair=40, call=call)
    D = distances(X, metric=metric, call=call)
    refuse_pairs(len(D), 0, per_pair=32, call=call)  # births, and what they are computed from
    order, insertion = _farthest_first(D)
    # A simplex that would appear later than this never does: one of its points is gone by then.
    gone = 2.0 * insertion / (epsilon * (1.0 - epsilon))
    births = _sparse_edges(D[np.ix_(order, order)], insertion, gone, epsilon)
    levels = _expand(births, gone, max(dims) + 1)
    return SparseRips(
        diagrams=[_sorted(pairs) for pairs in simplicial_pairs(levels, dims, int(coeff))],
        factor=1.0 / (1.0 - epsilon),
        edges=len(levels[1][1]),
        simplices=sum(len(values) for _, values in levels),
    )


def _farthest_first(D: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Farthest-first order of the points, and the distance of each to those before it."""
    order = np.zeros(len(D), dtype=np.int64)
    insertion = np.full(len(D), np.inf)
    near = np.full(len(D), np.inf)
    left = np.ones(len(D), dtype=bool)
    for m in range(len(D)):
        # Chosen points are at -1: also among duplicates at distance 0 each is taken once.
        order[m] = np.argmax(np.where(left, near, -1.0))
        insertion[m] = near[order[m]]
        left[order[m]] = False
        np.minimum(near, D[order[m]], out=near)
    return order, insertion


def _sparse_edges(
    D: NDArray[np.float64],
    insertion: NDArray[np.float64],
    gone: NDArray[np.float64],
    epsilon: float,
) -> NDArray[np.float64]:
    """(n, n) values at which edges appear, above the diagonal; inf for no edge.

    Points in farthest-first order. The value is twice the radius at which the balls of the two
    points touch: while both grow, or while only the earlier one does; or they never touch.
    """
    early, late = insertion[:, None], insertion[None, :]
    one_stopped = D * epsilon > 2.0 * late
    both_stopped = one_stopped & (D * epsilon > early + late)
    # Where `late` is inf nothing stops; 0 instead keeps inf - inf out of the unused branch.
    stop = np.where(np.isfinite(late), late, 0.0) / epsilon
    births = np.where(one_stopped, 2.0 * (D - stop), D)
    births[both_stopped | (births > gone)] = np.inf
    births[np.tril_indices(len(births))] = np.inf
    return births


def _expand(
    births: NDArray[np.float64], gone: NDArray[np.float64], top: int
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Vertices (m, k + 1) and values (m,) of the simplices of each dimension k up to `top`."""
    finite = np.isfinite(births)
    start = np.concatenate([[0], np.cumsum(finite.sum(axis=1))])
    ends = np.ascontiguousarray(np.nonzero(finite)[1])
    simplices, values = np.arange(len(births), dtype=np.int64)[:, None], np.zeros(len(births))
    levels = [(simplices, values)]
    for k in range(1, top + 1):
        larger, appear = np.empty((0, k + 1), dtype=np.int64), np.empty(0)
        # Counted first, then written.
        count = _cofaces(births, gone, start, ends, simplices, values, larger, appear)
        larger, appear = np.empty((count, k + 1), dtype=np.int64), np.empty(count)
        _cofaces(births, gone, start, ends, simplices, values, larger, appear)
        simplices, values = larger, appear
        levels.append((simplices, values))
    return levels


def _sorted(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pairs of positive length by birth, then death."""
    pairs = pairs[pairs[:, 1] > pairs[:, 0]]
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


@kernel
def _cofaces(births, gone, start, ends, simplices, values, larger, appear):  # type: ignore[no-untyped-def]
    """Extend every simplex by each later vertex that all its vertices have an edge to.

    Returns their number; writes as many as `larger` and `appear` have room for. The last vertex
    is the first to be removed, so it alone decides whether the simplex is too late.
    """
    size = simplices.shape[1]
    count = 0
    for s in range(simplices.shape[0]):
        last = simplices[s, size - 1]
        for p in range(start[last], start[last + 1]):
            v = ends[p]
            value = values[s]
            for q in range(size):
                value = max(value, births[simplices[s, q], v])
            if value <= gone[v] and value < np.inf:
                if count < appear.size:
                    for q in range(size):
                        larger[count, q] = simplices[s, q]
                    larger[count, size] = v
                    appear[count] = value
                count += 1
    return count
