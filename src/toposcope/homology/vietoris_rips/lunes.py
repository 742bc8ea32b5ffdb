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

The scan runs over edges in the order of the filtration and can stop and go on (`LuneScan`): see
`growth.py` for why it rarely has to see them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.spanning import find_root
from toposcope.homology.vietoris_rips.ranks import RankedEdges, code_shift

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
    scan = LuneScan(edges.D)
    scan.extend(edges.codes)
    return scan.triangles()


class LuneScan:
    """The lunes of a growing list of edges.

    Parameters
    ----------
    D
        (n, n) distances.
    """

    def __init__(self, D: NDArray[np.float64]) -> None:
        n = len(D)
        self.order = central_first(D)
        self.place = np.empty(n, dtype=np.int64)
        self.place[self.order] = np.arange(n)
        self.shift = code_shift(n)
        self.adjacent = np.zeros((n, (n + 63) // 64), dtype=np.uint64)
        self.parent = np.arange(n)
        self._codes = [np.empty(0, dtype=np.int64)]
        self._edge = [np.empty(0, dtype=np.int32)]
        self._apex = [np.empty(0, dtype=np.int32)]
        self._first = [np.empty(0, dtype=np.int32)]
        _join_self(self.adjacent)

    def extend(self, codes: NDArray[np.int64]) -> None:
        """Go on with edges that follow all earlier ones in the filtration."""
        edges, triangles = sum(map(len, self._first)), sum(map(len, self._edge))
        first = np.empty(len(codes), dtype=np.int32)
        done = 0
        while done < len(codes):
            # Room for one triangle per edge, a few more, and all that one edge may have.
            room = len(codes) - done + len(codes) // 32 + len(self.order)
            edge = np.empty(room, dtype=np.int32)
            apex = np.empty(room, dtype=np.int32)
            done, count = _scan_lunes(
                codes, done, self.shift, self.place, self.order, self.adjacent, self.parent,
                (edges, triangles), (edge, apex, first),
            )  # fmt: skip
            self._edge.append(edge[:count])
            self._apex.append(apex[:count])
            triangles += count
        self._codes.append(codes)
        self._first.append(first)

    def codes(self) -> NDArray[np.int64]:
        """(m,) codes of all edges so far."""
        self._codes[:] = [np.concatenate(self._codes)]
        return self._codes[0]

    def triangles(self) -> ReducedTriangles:
        """Triangles of all edges so far."""
        for part in (self._edge, self._apex, self._first):
            part[:] = [np.concatenate(part)]
        return ReducedTriangles(self._edge[0], self._apex[0], self._first[0])


def central_first(D: NDArray[np.float64]) -> NDArray[np.int64]:
    """Points by increasing sum of distances.

    The first point of a lune is then usually joined to all others, which settles the lune in one
    pass. The results hold for any order.
    """
    with np.errstate(over="ignore"):
        return np.argsort(D.sum(axis=1), kind="stable")


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
            for k in range(front.size):
                front[k] = np.uint64(0)
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
def _join_self(adjacent):  # type: ignore[no-untyped-def]
    for x in range(adjacent.shape[0]):
        adjacent[x, x >> 6] |= np.uint64(1) << np.uint64(x & 63)


@kernel
def _scan_lunes(codes, begin, shift, place, order, adjacent, parent, before, out):  # type: ignore[no-untyped-def]
    """Triangles of the edges from `begin` on, until `out` might be full; (end, triangles).

    `before` holds how many edges and triangles precede these, `out` the arrays (edge, apex, first).
    """
    edges, triangles = before
    edge, apex, first = out
    words = adjacent.shape[1]
    low = (np.int64(1) << shift) - 1
    # Row v of `adjacent`: v itself and the points joined to it by edges of lower rank.
    rest = np.zeros(words, np.uint64)
    front = np.zeros(words, np.uint64)
    count = 0
    for r in range(begin, codes.size):
        if count + order.size > edge.size:
            return r, count
        u = place[codes[r] >> shift]
        v = place[codes[r] & low]
        w = _first_common(adjacent, u, v)
        if w < 0:
            a = find_root(parent, u)
            b = find_root(parent, v)
            first[r] = CRITICAL if a == b else TREE
            parent[a] = b
        else:
            first[r] = triangles + count
            # Cheap tests first: a half of the lunes pass the first, 98 % one of the two.
            done = _dominated(adjacent, u, v, w) or _two_steps(adjacent, u, v, w, rest)
            if not done:
                for k in range(words):
                    rest[k] = adjacent[u, k] & adjacent[v, k]
            while w >= 0:
                edge[count] = edges + r
                apex[count] = order[w]
                count += 1
                if done:
                    break
                rest[w >> 6] &= ~(np.uint64(1) << np.uint64(w & 63))
                done = _strip_component(w, adjacent, rest, front)
                w = -1 if done else _take_first(rest)
        adjacent[u, v >> 6] |= np.uint64(1) << np.uint64(v & 63)
        adjacent[v, u >> 6] |= np.uint64(1) << np.uint64(u & 63)
    return codes.size, count
