"""Minimum spanning trees: the deaths of H0 and the lengths behind the PH-dimension.

`prim` works on a dense matrix (or a sub-block of it, without copying the block); `tiled_tree`
works on points and never holds more than one tile of distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.metrics import cross_distances, distances

_TILE = 2000


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


def tiled_tree(
    X: NDArray[np.float64], *, tile: int = _TILE
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Exact Euclidean minimum spanning tree without the (n, n) matrix.

    Every edge lies inside one tile of points or between two. By the cycle property an edge that
    is not in the tree of its pair of tiles is not in the whole tree, so Kruskal on the union of
    the trees of all pairs is exact. Memory: about four tiles of `tile` x `tile` float64.

    Returns
    -------
    edges (n - 1, 2), lengths (n - 1,) in increasing order.
    """
    points = X - X.mean(axis=0)
    starts = range(0, len(points), tile)
    parts = [np.ascontiguousarray(points[s : s + tile]) for s in starts]
    trees = [prim(distances(part)) for part in parts]
    edges = [tree[0] + start for tree, start in zip(trees, starts, strict=True)]
    lengths = [tree[1] for tree in trees]
    for i in range(len(parts)):
        for j in range(i + 1, len(parts)):
            left = len(parts[i])
            block = np.full((left + len(parts[j]),) * 2, np.inf)
            block[:left, left:] = cross_distances(parts[i], parts[j])
            block[left:, :left] = block[:left, left:].T
            for offset, (pairs, values) in ((0, trees[i]), (left, trees[j])):
                a, b = pairs.T + offset
                block[a, b] = block[b, a] = values
            pairs, values = prim(block)
            # Rows of the block back to rows of the cloud.
            rows = np.r_[np.arange(left) + i * tile, np.arange(len(parts[j])) + j * tile]
            edges.append(rows[pairs])
            lengths.append(values)
    return kruskal(len(points), np.concatenate(edges), np.concatenate(lengths))


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
