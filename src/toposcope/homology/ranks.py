"""Edges of a Rips filtration as unique ranks: a total order makes tied lengths harmless.

The reduced triangle set of `lunes.py` is derived for distinct lengths. Sorting edges by (length,
first vertex, second vertex) and working on positions in that order makes every input generic;
lengths come back at the very end, where pairs of length zero are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel


@dataclass(frozen=True, eq=False)
class RankedEdges:
    """Edges no longer than `limit`, in the order of the filtration.

    Parameters
    ----------
    n
        Number of points.
    ends
        (m, 2) int32 vertices of the edge of each rank, first < second.
    lengths
        (m,) lengths, non-decreasing.
    rank
        (n, n) int32, symmetric: rank of each edge, m for edges beyond `limit`.
    limit
        Filtration value at which the list stops.
    """

    n: int
    ends: NDArray[np.int32]
    lengths: NDArray[np.float64]
    rank: NDArray[np.int32]
    limit: float


def enclosing_radius(D: NDArray[np.float64]) -> float:
    """Smallest radius of a ball around a point of the cloud that holds the whole cloud.

    From this filtration value on, the Rips complex is a cone and has no homology above H0.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 3.0])
    >>> enclosing_radius(abs(x[:, None] - x))
    2.0
    """
    return float(D.max(axis=1).min())


def rank_edges(D: NDArray[np.float64], *, limit: float) -> RankedEdges:
    """Edges with length <= limit (and finite), ordered by length, ties by vertices."""
    n = len(D)
    codes, values = _short_edges(D, limit)
    order = np.argsort(values)
    # The fast argsort is not stable; sorting runs of equal values restores one order everywhere.
    _sort_ties(order, values)
    ends, lengths, rank = _tables(n, codes, values, order)
    return RankedEdges(n=n, ends=ends, lengths=lengths, rank=rank, limit=limit)


@kernel
def _short_edges(D, limit):  # type: ignore[no-untyped-def]
    n = D.shape[0]
    m = 0
    for i in range(n):
        for j in range(i + 1, n):
            if D[i, j] <= limit and D[i, j] < np.inf:
                m += 1
    codes = np.empty(m, np.int64)
    values = np.empty(m)
    m = 0
    for i in range(n):
        for j in range(i + 1, n):
            if D[i, j] <= limit and D[i, j] < np.inf:
                codes[m] = i * n + j
                values[m] = D[i, j]
                m += 1
    return codes, values


@kernel
def _sort_ties(order, values):  # type: ignore[no-untyped-def]
    start = 0
    for k in range(1, order.size + 1):
        if k == order.size or values[order[k]] != values[order[start]]:
            if k - start > 1:
                order[start:k].sort()
            start = k


@kernel
def _tables(n, codes, values, order):  # type: ignore[no-untyped-def]
    m = order.size
    ends = np.empty((m, 2), np.int32)
    lengths = np.empty(m)
    rank = np.full((n, n), m, np.int32)
    for r in range(m):
        code = codes[order[r]]
        i = code // n
        j = code - i * n
        ends[r, 0] = i
        ends[r, 1] = j
        lengths[r] = values[order[r]]
        rank[i, j] = r
        rank[j, i] = r
    return ends, lengths, rank
