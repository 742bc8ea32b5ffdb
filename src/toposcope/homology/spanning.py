"""Minimum spanning trees: the deaths of H0 and the lengths behind the PH-dimension.

`prim` works on a dense matrix (or a sub-block of it, without copying the block); `tiled_tree`
works on points and never holds more than one tile of distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.metrics import centered, largest

_TILE = 4000

# Relative error of a float32 number.
_U32 = 2.0**-24


def prim(
    D: NDArray[np.float64], subset: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Edges and lengths of a minimum spanning tree of a distance matrix.

    Parameters
    ----------
    D
        (n, n) symmetric; inf where two points are never joined.
    subset
        Rows to span; all when None. The sub-matrix is not copied.

    Returns
    -------
    edges, lengths
        (m - 1, 2) row numbers of `D` and (m - 1,) lengths in the order of growth, m points.
        Lengths are inf where the graph is disconnected.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 3.0])
    >>> prim(abs(x[:, None] - x))[1]
    array([1., 2.])
    """
    rows = np.arange(len(D), dtype=np.int64) if subset is None else subset
    edges: NDArray[np.int64]
    edges, lengths = _prim(D, rows)
    return edges, lengths


def tree_lengths(
    D: NDArray[np.float64], subset: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """(m - 1,) lengths of a minimum spanning tree: the finite deaths of H0 (zeros included)."""
    return prim(D, subset)[1]


def euclidean_tree(X: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Minimum spanning tree of points, from inner products in float32, exact to float64.

    For points x, y of d coordinates (centered) the float32 product is off by at most
    (d + 4) 2^-24 |x| |y|. A pair that is not longer than the best one found so far by more than
    this bound is computed again from its differences in float64. So the choice of every edge and
    its length are those of float64; about n log n pairs need it.

    Returns
    -------
    edges (n - 1, 2), lengths (n - 1,) in the order of growth.
    """
    points, exponent = centered(X)
    # The squares of a float32 end at 1e38.
    size = int(np.frexp(largest(points))[1])
    if abs(size) > 30:
        points, exponent = np.ldexp(points, -size), exponent + size
    small = points.astype(np.float32)
    squares = np.einsum("ij,ij->i", points, points)
    slack = 2 * (points.shape[1] + 8) * _U32
    edges: NDArray[np.int64]
    edges, lengths = _lazy_prim(small @ small.T, points, squares, slack)
    return edges, np.ldexp(lengths, exponent)


def tiled_tree(
    X: NDArray[np.float64], *, tile: int = _TILE
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Exact Euclidean minimum spanning tree without the (n, n) matrix.

    Every edge lies inside the union of two tiles of points. By the cycle property an edge that is
    not in the tree of its union is not in the whole tree, so Kruskal on the trees of all pairs of
    tiles is exact. Memory: one float32 matrix of (2 `tile`, 2 `tile`).

    Returns
    -------
    edges (n - 1, 2), lengths (n - 1,) in increasing order.
    """
    rows = np.array_split(np.arange(len(X)), max(2, -(-len(X) // tile)))
    edges, lengths = [], []
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            union = np.concatenate([rows[i], rows[j]])
            pairs, values = euclidean_tree(X[union])
            edges.append(union[pairs])
            lengths.append(values)
    return kruskal(len(X), np.concatenate(edges), np.concatenate(lengths))


def kruskal(
    n: int, edges: NDArray[np.int64], lengths: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Minimum spanning forest of an edge list, in increasing order of length."""
    order = np.lexsort((edges[:, 1], edges[:, 0], lengths))
    kept = order[_kruskal(n, edges[order])]
    return edges[kept], lengths[kept]


@kernel
def _prim(D, rows):  # type: ignore[no-untyped-def]
    m = rows.size
    edges = np.empty((max(m - 1, 0), 2), np.int64)
    lengths = np.empty(max(m - 1, 0))
    # Points outside the tree, packed at the front: `near` is their closest point inside.
    outside = rows[1:].copy()
    near = np.full(outside.size, rows[0] if m else 0)
    best = np.full(outside.size, np.inf)
    last = rows[0] if m else 0
    for step in range(m - 1):
        left = m - 1 - step
        choice = 0
        for k in range(left):
            d = D[last, outside[k]]
            if d < best[k]:
                best[k] = d
                near[k] = last
            if best[k] < best[choice]:
                choice = k
        last = outside[choice]
        edges[step, 0] = near[choice]
        edges[step, 1] = last
        lengths[step] = best[choice]
        outside[choice] = outside[left - 1]
        near[choice] = near[left - 1]
        best[choice] = best[left - 1]
    return edges, lengths


@kernel
def find_root(parent, x):  # type: ignore[no-untyped-def]
    """Representative of x in a union-find forest, with path halving."""
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@kernel
def _kruskal(n, edges):  # type: ignore[no-untyped-def]
    parent = np.arange(n)
    kept = np.zeros(len(edges), np.bool_)
    for k in range(len(edges)):
        a = find_root(parent, edges[k, 0])
        b = find_root(parent, edges[k, 1])
        if a != b:
            parent[a] = b
            kept[k] = True
    return kept


@kernel
def _square_distance(points, i, j):  # type: ignore[no-untyped-def]
    # Four sums: one alone would wait for the addition before it.
    a, b, c, e = 0.0, 0.0, 0.0, 0.0
    d = points.shape[1]
    whole = d - d % 4
    for k in range(0, whole, 4):
        p = points[i, k] - points[j, k]
        q = points[i, k + 1] - points[j, k + 1]
        r = points[i, k + 2] - points[j, k + 2]
        s = points[i, k + 3] - points[j, k + 3]
        a += p * p
        b += q * q
        c += r * r
        e += s * s
    for k in range(whole, d):
        p = points[i, k] - points[j, k]
        a += p * p
    return (a + b) + (c + e)


@kernel
def _lazy_prim(gram, points, squares, slack):  # type: ignore[no-untyped-def]
    n = points.shape[0]
    edges = np.empty((n - 1, 2), np.int64)
    lengths = np.empty(n - 1)
    # As in `_prim`; `best` holds squares, computed in float64.
    outside = np.arange(1, n)
    near = np.zeros(n - 1, np.int64)
    best = np.full(n - 1, np.inf)
    square = squares[1:].copy()
    norm = np.sqrt(square)
    # A product g can belong to a shorter edge only if `s - 2 g - bound * norm < room`; the factor
    # covers the rounding of the float64 side, for points whose norms differ by far.
    share = 1.0 - 1e-12
    room = np.full(n - 1, np.inf)
    last = np.int64(0)  # typed: for a literal zero Numba would compile `_square_distance` twice
    for step in range(n - 1):
        left = n - 1 - step
        s = share * squares[last]
        bound = slack * np.sqrt(squares[last])
        choice = 0
        shortest = np.inf
        for k in range(left):
            value = best[k]
            if s - 2.0 * gram[last, outside[k]] - bound * norm[k] < room[k]:
                exact = _square_distance(points, last, outside[k])
                if exact < value:
                    value = exact
                    best[k] = exact
                    near[k] = last
                    room[k] = exact - share * square[k]
            if value < shortest:
                shortest = value
                choice = k
        last = outside[choice]
        edges[step, 0] = near[choice]
        edges[step, 1] = last
        lengths[step] = np.sqrt(shortest)
        outside[choice] = outside[left - 1]
        near[choice] = near[left - 1]
        best[choice] = best[left - 1]
        square[choice] = square[left - 1]
        norm[choice] = norm[left - 1]
        room[choice] = room[left - 1]
    return edges, lengths
