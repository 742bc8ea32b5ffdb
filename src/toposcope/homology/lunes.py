"""The few triangles that decide H1 of a Rips filtration.

The lune of an edge uv is the set of points w for which uw and vw are shorter than uv: the
triangles that enter the filtration together with uv. Look at it as a graph, joining w and w' when
ww' is shorter than uv too.

- Empty lune (an edge of the relative neighborhood graph): uv joins two components (an edge of the
  minimum spanning tree, death in H0) or starts a class of H1. No other edge starts one.
- Otherwise uv and the first point of its lune make an apparent pair: edge and triangle cancel.
- Inside one connected component of the lune one triangle is enough. If w and w' are joined, the
  tetrahedron u v w w' enters with uv as well and its other two faces are older, so (uv, w') starts
  a class of H2 that dies at once. Such a triangle never kills a class of H1, and its row can be
  left out of the reduction ("compression", Bauer, Kerber, Reininghaus 2014).

Left over is one triangle per edge, plus one for every further component of a lune: of order n^2
triangles instead of n^3, exactly, for every input in which edges have distinct ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.ranks import RankedEdges
from toposcope.homology.spanning import find_root

TREE = -1
"""Value of `first` for edges of the minimum spanning tree."""

CRITICAL = -2
"""Value of `first` for edges that start a class of H1."""


@dataclass(frozen=True, eq=False)
class ReducedTriangles:
    """Triangles that are enough to compute H1, numbered in the order of the filtration.

    Parameters
    ----------
    edge
        (T,) rank of the longest edge, non-decreasing.
    apex
        (T,) vertex opposite to it.
    first
        (m,) number of the triangle that cancels each edge; `TREE` or `CRITICAL` for the others.
    """

    edge: NDArray[np.int32]
    apex: NDArray[np.int32]
    first: NDArray[np.int32]


def reduced_triangles(edges: RankedEdges) -> ReducedTriangles:
    """One triangle per connected component of the lune of every edge."""
    # Central points first: the first point of a lune is then usually joined to all others, which
    # settles the lune in one pass. The result holds for any order.
    order = np.argsort(edges.rank.sum(axis=1, dtype=np.int64), kind="stable")
    place = np.empty(edges.n, dtype=np.int32)
    place[order] = np.arange(edges.n)
    edge, apex, first = _scan_lunes(edges.n, place[edges.ends])
    return ReducedTriangles(edge=edge, apex=order[apex].astype(np.int32), first=first)


# Position of the lowest set bit of x: table[(x & -x) * DE_BRUIJN >> 58].
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT = np.zeros(64, np.int64)
for _k in range(64):
    _BIT[((0x03F79D71B4CB0A89 << _k) & (2**64 - 1)) >> 58] = _k


@kernel
def lowest_bit(x):  # type: ignore[no-untyped-def]
    """Position of the lowest set bit of a non-zero uint64."""
    low = x & (~x + np.uint64(1))
    return _BIT[np.int64((low * _DE_BRUIJN) >> np.uint64(58))]


@kernel
def _grown(array):  # type: ignore[no-untyped-def]
    bigger = np.empty(2 * array.size, array.dtype)
    bigger[: array.size] = array
    return bigger


@kernel
def _take_first(bits):  # type: ignore[no-untyped-def]
    """Remove the first member of a bit set; -1 when it is empty."""
    for k in range(bits.size):
        if bits[k] != np.uint64(0):
            position = lowest_bit(bits[k])
            bits[k] &= bits[k] - np.uint64(1)
            return 64 * k + position
    return -1


# The kernels below take the whole table and row numbers: views of single rows cost more than the
# handful of words they hold.


@kernel
def _strip_component(start, adjacent, rest, front):  # type: ignore[no-untyped-def]
    """Remove from `rest` all that is connected with `start`; True when nothing is left."""
    x = start
    while x >= 0:
        left = np.uint64(0)
        for k in range(rest.size):
            reached = rest[k] & adjacent[x, k]
            front[k] |= reached
            rest[k] ^= reached
            left |= rest[k]
        if left == np.uint64(0):
            front[:] = np.uint64(0)
            return True
        x = _take_first(front)
    return False


@kernel
def _dominated(adjacent, u, v, w):  # type: ignore[no-untyped-def]
    """True when every point of the lune of uv is joined to w: then the lune is connected."""
    missed = np.uint64(0)
    for k in range(adjacent.shape[1]):
        missed |= adjacent[u, k] & adjacent[v, k] & ~adjacent[w, k]
    return missed == np.uint64(0)


@kernel
def _two_steps(adjacent, u, v, w, rest):  # type: ignore[no-untyped-def]
    """True when every point of the lune of uv is joined to w or to a point that w is joined to."""
    for k in range(rest.size):
        rest[k] = adjacent[u, k] & adjacent[v, k] & ~adjacent[w, k]
    for block in range(rest.size):
        bits = adjacent[u, block] & adjacent[v, block] & adjacent[w, block]
        while bits != np.uint64(0):
            x = 64 * block + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            if x == w:
                continue
            left = np.uint64(0)
            for k in range(rest.size):
                rest[k] &= ~adjacent[x, k]
                left |= rest[k]
            if left == np.uint64(0):
                return True
    return False


@kernel
def _first_common(adjacent, u, v):  # type: ignore[no-untyped-def]
    """First point of the lune of uv; -1 when the lune is empty."""
    for k in range(adjacent.shape[1]):
        both = adjacent[u, k] & adjacent[v, k]
        if both != np.uint64(0):
            return 64 * k + lowest_bit(both)
    return -1


@kernel
def _scan_lunes(n, ends):  # type: ignore[no-untyped-def]
    m = ends.shape[0]
    words = (n + 63) // 64
    # Row v of `adjacent`: v itself and the points joined to it by edges of lower rank.
    adjacent = np.zeros((n, words), np.uint64)
    for x in range(n):
        adjacent[x, x >> 6] |= np.uint64(1) << np.uint64(x & 63)
    rest = np.zeros(words, np.uint64)
    front = np.zeros(words, np.uint64)
    parent = np.arange(n)
    edge = np.empty(m + 64, np.int32)
    apex = np.empty(m + 64, np.int32)
    first = np.empty(m, np.int32)
    count = 0
    for r in range(m):
        u = np.int64(ends[r, 0])
        v = np.int64(ends[r, 1])
        w = _first_common(adjacent, u, v)
        if w < 0:
            a = find_root(parent, u)
            b = find_root(parent, v)
            first[r] = CRITICAL if a == b else TREE
            parent[a] = b
        else:
            first[r] = count
            # Cheap tests first: a half of the lunes pass the first, 98 % one of the two.
            done = _dominated(adjacent, u, v, w) or _two_steps(adjacent, u, v, w, rest)
            if not done:
                for k in range(words):
                    rest[k] = adjacent[u, k] & adjacent[v, k]
            while w >= 0:
                if count == edge.size:
                    edge = _grown(edge)
                    apex = _grown(apex)
                edge[count] = r
                apex[count] = w
                count += 1
                if done:
                    break
                rest[w >> 6] &= ~(np.uint64(1) << np.uint64(w & 63))
                done = _strip_component(w, adjacent, rest, front)
                w = -1 if done else _take_first(rest)
        adjacent[u, v >> 6] |= np.uint64(1) << np.uint64(v & 63)
        adjacent[v, u >> 6] |= np.uint64(1) << np.uint64(u & 63)
    return edge[:count].copy(), apex[:count].copy(), first
