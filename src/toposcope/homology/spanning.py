"""Minimum spanning trees: the deaths of H0 and the lengths behind the PH-dimension.

`prim` works on a dense matrix (or a sub-block of it, without copying the block); `tiled_tree`
works on points and never holds more than one tile of distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.metrics import U32, products

_TILE = 4000

# Points that share a record of the shortest edge to them.
_BLOCK = 64


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
    """(m - 1,) lengths of a minimum spanning tree: the finite deaths of H0 (zeros included).

    The lengths of `prim`, to the bit and in its order, in less than half of its time.
    """
    rows = np.arange(len(D), dtype=np.int64) if subset is None else subset
    lengths: NDArray[np.float64] = _lengths_of_prim(D, rows)
    return lengths


def euclidean_tree(X: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Minimum spanning tree of points, from inner products in float32, exact to float64.

    A product says between which bounds a distance lies (`metrics.Products`). Which of two pairs is
    shorter is decided by the bounds, or by distances from differences in float64 where they
    overlap, and so is the length of an edge of the tree. So the choice of every edge and its
    length are those of float64; few pairs more than the edges of the tree need it.

    Returns
    -------
    edges (n - 1, 2), lengths (n - 1,) in the order of growth.
    """
    scaled = products(X)
    gram = scaled.small @ scaled.small.T
    edges: NDArray[np.int64]
    edges, lengths = _lazy_prim(gram, scaled.points, scaled.squares, scaled.slack)
    return edges, np.ldexp(lengths, scaled.exponent)


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
def _lengths_of_prim(D, rows):  # type: ignore[no-untyped-def]
    m = rows.size
    lengths = np.empty(max(m - 1, 0))
    outside = rows[1:].astype(np.uint32)
    best = np.full(outside.size, np.inf)
    last = np.uint32(rows[0] if m else 0)
    for step in range(m - 1):
        left = m - 1 - step
        row = D[last]
        # Without branches, which are guessed wrong half of the time; four minima, since one alone
        # would wait for the comparison before it.
        for k in range(left):
            d = row[outside[k]]
            best[k] = d if d < best[k] else best[k]
        p, q, r, s = np.inf, np.inf, np.inf, np.inf
        whole = left - left % 4
        for k in range(0, whole, 4):
            p = best[k] if best[k] < p else p
            q = best[k + 1] if best[k + 1] < q else q
            r = best[k + 2] if best[k + 2] < r else r
            s = best[k + 3] if best[k + 3] < s else s
        for k in range(whole, left):
            p = best[k] if best[k] < p else p
        low = min(min(p, q), min(r, s))
        choice = 0
        while best[choice] != low:
            choice += 1
        last = outside[choice]
        lengths[step] = low
        outside[choice] = outside[left - 1]
        best[choice] = best[left - 1]
    return lengths


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
def square_distance(points, i, j):  # type: ignore[no-untyped-def]
    """Squared Euclidean distance of two rows, from their differences."""
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
def _flag_shorter(row, norm, room, s, bound, flags):  # type: ignore[no-untyped-def]
    """Columns whose entry may belong to an edge shorter than the best: vector instructions."""
    for k in range(row.size):
        flags[k] = s - np.float32(2.0) * row[k] - bound * norm[k] < room[k]


@kernel
def _shortest_of(block, least, best):  # type: ignore[no-untyped-def]
    """Point of a block with the smallest lower bound, and put that into `best`."""
    start = block * _BLOCK
    choice = start
    for k in range(start, min(start + _BLOCK, least.size)):
        if least[k] < least[choice]:
            choice = k
    best[block] = least[choice]
    return choice


@kernel
def _lazy_prim(gram, points, squares, slack):  # type: ignore[no-untyped-def]
    n = points.shape[0]
    edges = np.empty((n - 1, 2), np.int64)
    lengths = np.empty(n - 1)
    # Squared distance from the tree lies in [least, most]; equal once it was computed in float64.
    least = np.full(n, np.inf)
    most = np.full(n, np.inf)
    near = np.zeros(n, np.int64)
    # A product g can belong to a shorter edge only if `s - 2 g - bound * norm < room`. The shares
    # make up for the rounding of this test to float32, the slack for that of the product too.
    below, above = 1.0 - 16 * U32, 16 * U32
    norm = np.sqrt(squares)
    norm32 = norm.astype(np.float32)
    room = np.full(n, np.float32(np.inf))
    room[0] = np.float32(-np.inf)
    flags = np.zeros((n + 7) // 8 * 8, np.uint8)
    words = flags.view(np.uint64)
    best = np.full((n + _BLOCK - 1) // _BLOCK, np.inf)  # smallest of `least` in each block
    choice = np.arange(best.size) * _BLOCK
    last = np.int64(0)  # typed: for a literal zero Numba would compile `square_distance` twice
    for step in range(n - 1):
        s = np.float32(below * squares[last])
        bound = np.float32((slack + 32 * U32) * norm[last])
        _flag_shorter(gram[last], norm32, room, s, bound, flags)
        for w in range(words.size):
            if words[w] == np.uint64(0):
                continue
            for k in range(8 * w, min(8 * w + 8, n)):
                if flags[k] == 0:
                    continue
                both = squares[last] + squares[k]
                square = both - 2.0 * gram[last, k]
                error = slack * norm[last] * norm[k] + 1e-12 * both
                if square + error < least[k]:
                    least[k] = max(square - error, 0.0)
                    most[k] = square + error
                    near[k] = last
                elif square - error < most[k]:
                    # Which of the two is shorter only exact distances tell.
                    if least[k] < most[k]:
                        least[k] = square_distance(points, near[k], k)
                    exact = square_distance(points, last, k)
                    if exact < least[k]:
                        least[k] = exact
                        near[k] = last
                    most[k] = least[k]
                room[k] = most[k] - below * squares[k] + above * most[k]
                block = k // _BLOCK
                if least[k] < best[block]:
                    best[block] = least[k]
                    choice[block] = k
                elif choice[block] == k:
                    choice[block] = _shortest_of(block, least, best)
        b = np.argmin(best)
        last = choice[b]
        while least[last] < most[last]:
            least[last] = most[last] = square_distance(points, near[last], last)
            room[last] = most[last] - below * squares[last] + above * most[last]
            choice[b] = _shortest_of(b, least, best)
            b = np.argmin(best)
            last = choice[b]
        edges[step, 0] = near[last]
        edges[step, 1] = last
        lengths[step] = np.sqrt(least[last])
        least[last] = most[last] = np.inf
        room[last] = np.float32(-np.inf)
        choice[b] = _shortest_of(b, least, best)
    return edges, lengths
