"""Persistent cohomology of the reduced triangle set: who kills each class of H1.

Columns are the critical edges from youngest to oldest. A column is a sum (mod 2) of coboundaries;
its pivot is the oldest triangle left in it. A pivot that is the apparent partner of its longest
edge is removed by adding the coboundary of that edge, which needs no stored column; a pivot owned
by an earlier column is removed by adding that column; any other pivot is the death of the class.

The triangles around an edge are those whose longest edge it is (neighbors in the numbering) and a
linked list of the others: `head` holds the youngest one per pair of vertices, `following` the next
older one per (triangle, shorter edge).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.vietoris_rips.lunes import (
    CRITICAL,
    ReducedTriangles,
    lowest_bit,
    reduced_triangles,
)
from toposcope.homology.vietoris_rips.ranks import RankedEdges, code_shift


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
    return pairs_of_triangles(edges, reduced_triangles(edges))


def pairs_of_triangles(edges: RankedEdges, triangles: ReducedTriangles) -> H1Pairs:
    """`h1_pairs` when the triangles are there already."""
    births = np.flatnonzero(triangles.first == CRITICAL)[::-1].astype(np.int64)
    shift = code_shift(edges.n)
    head, following = _link(edges.n, edges.codes, shift, triangles.edge, triangles.apex)
    deaths = _reduce(births, edges.codes, shift, triangles.edge, triangles.first, head, following)
    pairs = np.full((len(births), 2), np.inf)
    pairs[:, 0] = _lengths(edges, births)
    pairs[deaths >= 0, 1] = _lengths(edges, deaths[deaths >= 0])
    order = np.lexsort((births, pairs[:, 1], pairs[:, 0]))
    order = order[pairs[order, 1] > pairs[order, 0]]
    return H1Pairs(birth_rank=births[order], death_rank=deaths[order], pairs=pairs[order])


def _lengths(edges: RankedEdges, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    return RankedEdges(D=edges.D, codes=edges.codes[ranks]).lengths


@kernel
def _pair_index(i, j):  # type: ignore[no-untyped-def]
    """Position of the pair {i, j} in the lower triangle."""
    if i < j:
        i, j = j, i
    return i * (i - 1) // 2 + j


@kernel
def _link(n, codes, shift, edge, apex):  # type: ignore[no-untyped-def]
    low = (np.int64(1) << shift) - 1
    head = np.full(n * (n - 1) // 2, -1, np.int32)
    following = np.empty(2 * edge.size, np.int32)
    for t in range(edge.size):
        code = codes[edge[t]]
        w = np.int64(apex[t])
        a = _pair_index(code >> shift, w)
        b = _pair_index(code & low, w)
        following[2 * t] = head[a]
        head[a] = 2 * t
        following[2 * t + 1] = head[b]
        head[b] = 2 * t + 1
    return head, following


# The column in work is a set of triangles as a tree of bits: bit t of the lowest level says whether
# t is in it, bit w of every higher level whether word w of the level below is not zero. Adding a
# triangle (mod 2) and finding the oldest one take one step per level, of which there are at most 6.


@kernel
def _levels(size):  # type: ignore[no-untyped-def]
    """Where each level of the tree for `size` triangles starts, and its total length at the end."""
    starts = np.zeros(8, np.int64)
    count = 0
    while True:
        size = max((size + 63) >> 6, 1)
        starts[count + 1] = starts[count] + size
        count += 1
        if size <= 1:
            return starts[: count + 1].copy()


@kernel
def _flip(tree, starts, t):  # type: ignore[no-untyped-def]
    """Add a triangle, or remove it when it is there."""
    for level in range(starts.size - 1):
        word = starts[level] + (t >> 6)
        before = tree[word]
        after = before ^ (np.uint64(1) << np.uint64(t & 63))
        tree[word] = after
        if before != np.uint64(0) and after != np.uint64(0):
            return
        t >>= 6


@kernel
def _oldest(tree, starts):  # type: ignore[no-untyped-def]
    """Smallest member, -1 when there is none."""
    if tree[starts[-1] - 1] == np.uint64(0):
        return -1
    t = 0
    for level in range(starts.size - 2, -1, -1):
        t = 64 * t + lowest_bit(tree[starts[level] + t])
    return t


@kernel
def _flip_coboundary(tree, starts, t, r, codes, shift, edge, head, following):  # type: ignore[no-untyped-def]
    """Add the triangles around the edge of rank r: of its own from t on, and all the others."""
    while t < edge.size and edge[t] == r:
        _flip(tree, starts, t)
        t += 1
    link = head[_pair_index(codes[r] >> shift, codes[r] & ((np.int64(1) << shift) - 1))]
    while link >= 0:
        _flip(tree, starts, link >> 1)
        link = following[link]


@kernel
def _drain(tree, starts, out):  # type: ignore[no-untyped-def]
    """Move the column to `out`, as far as it fits; how many triangles were moved."""
    count = 0
    while count < out.size:
        t = _oldest(tree, starts)
        if t < 0:
            break
        _flip(tree, starts, t)
        out[count] = t
        count += 1
    return count


@kernel
def _reduce(births, codes, shift, edge, first, head, following):  # type: ignore[no-untyped-def]
    """Rank of the edge that ends each class of `births` (youngest first), -1 if none does."""
    deaths = np.full(births.size, -1, np.int64)
    owner = np.full(edge.size, -1, np.int32)
    # Reduced columns, one after the other.
    column_starts = np.zeros(births.size + 1, np.int64)
    columns = np.empty(1024, np.int32)
    starts = _levels(edge.size)
    tree = np.zeros(starts[-1], np.uint64)
    for c in range(births.size):
        # A critical edge has an empty lune: no triangles of its own.
        _flip_coboundary(tree, starts, edge.size, births[c], codes, shift, edge, head, following)
        pivot = _oldest(tree, starts)
        while pivot >= 0:
            f = np.int64(edge[pivot])
            if first[f] == pivot:
                _flip_coboundary(tree, starts, pivot, f, codes, shift, edge, head, following)
            elif owner[pivot] >= 0:
                o = owner[pivot]
                for k in range(column_starts[o], column_starts[o + 1]):
                    _flip(tree, starts, np.int64(columns[k]))
            else:
                break
            pivot = _oldest(tree, starts)
        stored = column_starts[c]
        if pivot >= 0:
            owner[pivot] = c
            deaths[c] = edge[pivot]
            stored += _drain(tree, starts, columns[stored:])
            while _oldest(tree, starts) >= 0:
                bigger = np.empty(2 * columns.size, columns.dtype)
                for k in range(stored):
                    bigger[k] = columns[k]
                columns = bigger
                stored += _drain(tree, starts, columns[stored:])
        column_starts[c + 1] = stored
    return deaths
