"""Persistent cohomology of the reduced triangle set: who kills each class of H1.

Columns are the critical edges from youngest to oldest. A column is a sum (mod 2) of coboundaries;
its pivot is the oldest triangle left in it. A pivot that is the apparent partner of its longest
edge is removed by adding the coboundary of that edge, which needs no stored column; a pivot owned
by an earlier column is removed by adding that column; any other pivot is the death of the class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.lunes import CRITICAL, ReducedTriangles, reduced_triangles
from toposcope.homology.ranks import RankedEdges


@dataclass(frozen=True, eq=False)
class H1Pairs:
    """H1 of a Rips filtration with the edges that start and end each class.

    Parameters
    ----------
    birth_rank
        (k,) rank of the edge that starts the class.
    death_rank
        (k,) rank of the longest edge of the triangle that ends it; -1 for essential classes.
    pairs
        (k, 2) births and deaths in filtration units; death inf for essential classes.
    """

    birth_rank: NDArray[np.int64]
    death_rank: NDArray[np.int64]
    pairs: NDArray[np.float64]


def h1_pairs(edges: RankedEdges) -> H1Pairs:
    """All H1 pairs of positive length, sorted by (birth, death)."""
    triangles = reduced_triangles(edges)
    births = np.flatnonzero(triangles.first == CRITICAL)[::-1].astype(np.int64)
    deaths = _reduce(births, triangles.edge, triangles.first, *_cofacets(edges, triangles))
    ends = np.where(deaths >= 0, edges.lengths[deaths], np.inf) if len(births) else np.empty(0)
    pairs = np.stack([edges.lengths[births], ends], axis=1)
    order = np.lexsort((births, pairs[:, 1], pairs[:, 0]))
    order = order[pairs[order, 1] > pairs[order, 0]]
    return H1Pairs(birth_rank=births[order], death_rank=deaths[order], pairs=pairs[order])


def _cofacets(
    edges: RankedEdges, triangles: ReducedTriangles
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Triangles around each edge, oldest first, as (starts, flat list)."""
    starts: NDArray[np.int64]
    starts, flat = _list_cofacets(edges.ends, edges.rank, triangles.edge, triangles.apex)
    return starts, flat


@kernel
def _list_cofacets(ends, rank, edge, apex):  # type: ignore[no-untyped-def]
    starts = np.zeros(ends.shape[0] + 1, np.int64)
    for t in range(edge.size):
        r = edge[t]
        starts[r + 1] += 1
        starts[rank[ends[r, 0], apex[t]] + 1] += 1
        starts[rank[ends[r, 1], apex[t]] + 1] += 1
    for r in range(ends.shape[0]):
        starts[r + 1] += starts[r]
    flat = np.empty(3 * edge.size, np.int32)
    fill = starts[:-1].copy()
    for t in range(edge.size):
        r = edge[t]
        a = rank[ends[r, 0], apex[t]]
        b = rank[ends[r, 1], apex[t]]
        flat[fill[r]] = t
        flat[fill[a]] = t
        flat[fill[b]] = t
        fill[r] += 1
        fill[a] += 1
        fill[b] += 1
    return starts, flat


@kernel
def _push(heap, size, item):  # type: ignore[no-untyped-def]
    if size == heap.size:
        bigger = np.empty(2 * heap.size, heap.dtype)
        bigger[:size] = heap
        heap = bigger
    k = size
    while k > 0 and heap[(k - 1) >> 1] > item:
        heap[k] = heap[(k - 1) >> 1]
        k = (k - 1) >> 1
    heap[k] = item
    return heap


@kernel
def _drop_top(heap, size):  # type: ignore[no-untyped-def]
    """Remove the smallest of `size` items."""
    size -= 1
    item = heap[size]
    k = 0
    while 2 * k + 1 < size:
        child = 2 * k + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= item:
            break
        heap[k] = heap[child]
        k = child
    heap[k] = item


@kernel
def _pop_pivot(heap, size):  # type: ignore[no-untyped-def]
    """Oldest triangle that occurs an odd number of times, removed; (-1, 0) when there is none."""
    while size > 0:
        pivot = heap[0]
        odd = False
        while size > 0 and heap[0] == pivot:
            _drop_top(heap, size)
            size -= 1
            odd = not odd
        if odd:
            return pivot, size
    return np.int32(-1), size


@kernel
def _reduce(births, edge, first, starts, flat):  # type: ignore[no-untyped-def]
    """Rank of the edge that ends each class of `births` (youngest first), -1 if none does."""
    deaths = np.full(births.size, -1, np.int64)
    owner = np.full(edge.size, -1, np.int32)
    # Reduced columns, without their pivots, one after the other.
    column_starts = np.zeros(births.size + 1, np.int64)
    columns = np.empty(1024, np.int32)
    stored = 0
    heap = np.empty(1024, np.int32)
    for c in range(births.size):
        size = 0
        for k in range(starts[births[c]], starts[births[c] + 1]):
            heap = _push(heap, size, flat[k])
            size += 1
        pivot, size = _pop_pivot(heap, size)
        while pivot >= 0:
            f = edge[pivot]
            if first[f] == pivot:
                # The apparent partner leads the list of its edge: skip it, the pivot is gone.
                for k in range(starts[f] + 1, starts[f + 1]):
                    heap = _push(heap, size, flat[k])
                    size += 1
            elif owner[pivot] >= 0:
                o = owner[pivot]
                for k in range(column_starts[o], column_starts[o + 1]):
                    heap = _push(heap, size, columns[k])
                    size += 1
            else:
                break
            pivot, size = _pop_pivot(heap, size)
        if pivot >= 0:
            owner[pivot] = c
            deaths[c] = edge[pivot]
            while stored + size > columns.size:
                bigger = np.empty(2 * columns.size, columns.dtype)
                bigger[:stored] = columns[:stored]
                columns = bigger
            item, size = _pop_pivot(heap, size)
            while item >= 0:
                columns[stored] = item
                stored += 1
                item, size = _pop_pivot(heap, size)
        column_starts[c + 1] = stored
    return deaths
