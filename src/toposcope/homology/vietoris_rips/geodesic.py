"""Distances along the nearest-neighbor graph of a cloud: hops, or lengths of shortest paths.

The graph metric of Naitzat, Zhitnikov and Lim and of Wheeler, Bouza and Bubenik. The matrices go
into `rips(..., metric="precomputed")`; with hops, births and deaths are small integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.homology.jit import kernel
from toposcope.homology.metrics import METRICS, distances, refuse_pairs
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.parameters import choice, flag, number, whole

# Distances are exact to 1e-9: what differs by less is a tie (the sides of a lattice, say).
_TIE = 1.0 + 1e-9


def geodesic_distances(
    X: ArrayLike,
    k: int = 12,
    *,
    weighted: bool = False,
    count_self: bool = False,
    unreachable: float = np.inf,
    cutoff: float | None = None,
    metric: str = "euclidean",
) -> NDArray[np.float64]:
    """(n, n) distances along the symmetric k-nearest-neighbor graph of a cloud.

    Two points are joined when one is among the k nearest of the other.

    Parameters
    ----------
    X
        (n, d) point cloud, or (n, n) distances with metric="precomputed".
    k
        Number of neighbors of a point.
    weighted
        False counts edges (hops); True adds their lengths.
    count_self
        Whether k counts the point itself. topnn (Naitzat) and Wheeler's code pass the cloud to
        scikit-learn explicitly, which makes every point its own first neighbor: their k = 12 is 11
        real neighbors, `geodesic_distances(X, 12, count_self=True)`.
    unreachable
        Value between points without a path. inf (Wheeler) makes every component of the graph an
        essential class in H0; topnn writes 1000.
    cutoff
        Longer distances become `unreachable` (topnn: 10 hops); None keeps all.
    metric
        As in `distances`; decides who is near and, with `weighted`, how long an edge is.

    Returns
    -------
    float64 array, exactly symmetric, zero diagonal.

    Raises
    ------
    UsageError
        For arguments without meaning, fewer points than neighbors (TooFewSamplesError).
    DegenerateCloudError
        For an empty or non-finite cloud, or one whose distinct points are too few.

    Notes
    -----
    The result depends on the set of points and on nothing else. Points at distance 0 are one
    vertex of the graph, at distance 0 from each other (otherwise k + 1 copies would be cut off
    from the rest; topnn removes duplicates, Wheeler counts them as neighbors). All points tied
    with the k-th neighbor, to a relative 1e-9, are neighbors too (scikit-learn keeps whichever
    comes first).

    Takes about 17 n^2 bytes. Hops are one breadth-first search per point (compiled; 3 times faster
    than SciPy's), lengths SciPy's Dijkstra: 1 and 3 CPU seconds for 4,000 points.

    Examples
    --------
    A path of four points, each joined to its nearest (the gap of 2 is bridged by the third point):

    >>> geodesic_distances([[0.0], [1.0], [2.5], [4.5]], k=1)[0]
    array([0., 1., 2., 3.])
    >>> geodesic_distances([[0.0], [1.0], [2.5], [4.5]], k=1, weighted=True)[0]
    array([0. , 1. , 2.5, 4.5])

    References
    ----------
    Naitzat, Zhitnikov, Lim, Topology of deep neural networks, JMLR 2020; Wheeler, Bouza, Bubenik,
    Activation landscapes as a topological summary of neural network performance, 2021.
    """
    call = "geodesic_distances()"
    k = whole(k, "k", call=call)
    weighted = flag(weighted, "weighted", call=call)
    neighbors = k - flag(count_self, "count_self", call=call)
    if neighbors < 1:
        msg = (
            f"{call}: k={k} with count_self={count_self} leaves {neighbors} real neighbors; at "
            f"least one is needed. Pass k={1 + count_self} or more."
        )
        raise UsageError(msg)
    unreachable = number(unreachable, "unreachable", call=call, above=0.0, finite=False)
    if cutoff is not None:
        cutoff = number(cutoff, "cutoff", call=call, low=0.0, finite=False)
    if choice(metric, METRICS, "metric", call=call) != "precomputed":
        X = read_cloud(X, call=call)
        refuse_pairs(*X.shape, per_pair=17, call=call)
    D = distances(X, metric=metric, call=call)
    refuse_pairs(len(D), 0, per_pair=17, call=call)
    rows, vertex = _distinct(D)
    if len(rows) <= neighbors:
        msg = (
            f"{call}: {neighbors} neighbors need {neighbors + 1} distinct points; the cloud has "
            f"{len(rows)} (of {len(D)} points). Pass a smaller k or more points."
        )
        raise (TooFewSamplesError if len(D) <= neighbors else DegenerateCloudError)(msg)
    if len(rows) < len(D):
        D = D[np.ix_(rows, rows)]
    paths = _paths(D, neighbors, weighted)
    if cutoff is not None:
        paths[paths > cutoff] = np.inf
    if unreachable != np.inf:
        paths[np.isinf(paths)] = unreachable
    return paths if len(rows) == len(vertex) else paths[np.ix_(vertex, vertex)]


def _distinct(D: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of every group of points at distance 0, and the group of each point."""
    first = (D == 0).argmax(axis=1)
    while (first[first] != first).any():  # only where distance 0 is not transitive
        first = first[first]
    rows, vertex = np.unique(first, return_inverse=True)
    return rows, vertex


def _paths(D: NDArray[np.float64], neighbors: int, weighted: bool) -> NDArray[np.float64]:
    """Shortest paths in the symmetric graph of nearest neighbors, inf between components."""
    radius = np.partition(D, neighbors, axis=1)[:, neighbors] * _TIE
    near = radius[:, None] >= D
    near |= near.T
    near &= np.isfinite(D)
    np.fill_diagonal(near, False)
    start = np.concatenate([[0], np.cumsum(near.sum(axis=1))])
    ends = np.ascontiguousarray(np.nonzero(near)[1])
    if not weighted:
        hops: NDArray[np.float64] = _hops(start, ends)
        return hops
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    lengths: NDArray[np.float64] = dijkstra(csr_matrix((D[near], ends, start), shape=D.shape))
    # A path read from its other end adds the same lengths in another order.
    return np.minimum(lengths, lengths.T)


@kernel
def _hops(start, ends):  # type: ignore[no-untyped-def]
    """Number of edges between all pairs of vertices: a breadth-first search from each."""
    n = start.size - 1
    hops = np.full((n, n), np.inf)
    queue = np.empty(n, np.int64)
    for source in range(n):
        row = hops[source]
        row[source] = 0.0
        queue[0] = source
        head = 0
        tail = 1
        while head < tail:
            u = queue[head]
            head += 1
            step = row[u] + 1.0
            for p in range(start[u], start[u + 1]):
                if row[ends[p]] > step:
                    row[ends[p]] = step
                    queue[tail] = ends[p]
                    tail += 1
    return hops
