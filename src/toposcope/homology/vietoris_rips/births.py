"""The last birth in H1, found without sorting or scanning the edges.

An edge that starts a class has an empty lune and is no edge of the spanning tree. Some points are
taken as hubs. An edge uv that is longer than max(d(u, h), d(v, h)) for a hub h has h in its lune:
that rules out all but a few percent of the edges, at about a nanosecond each. The rest is looked
at point by point, from the longest down, until a birth is found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel

_HUBS = 64


def last_birth(
    D: NDArray[np.float64],
    tree: NDArray[np.float64],
    order: NDArray[np.int64],
    *,
    low: float,
    limit: float,
) -> float:
    """Length of the last edge with low < length <= limit that starts a class of H1.

    Parameters
    ----------
    D
        (n, n) distances.
    tree
        Lengths of a minimum spanning tree of `D`.
    order
        Points, central ones first.
    low, limit
        Other edges are left out.

    Returns
    -------
    The length, or `low` when there is no such edge.
    """
    # Central hubs serve clouds whose distances are all alike, spread ones serve surfaces.
    hubs = np.concatenate([order[: _HUBS // 2], order[:: max(1, 2 * len(order) // _HUBS)]])
    hubs = hubs[: 4 * (len(hubs) // 4)]
    # Rounded up, so that a hub in the rounded lune is a hub in the lune.
    to_hub = np.nextafter(D[hubs].astype(np.float32), np.float32(np.inf))
    first, second = _without_hub(D, to_hub, low, limit)
    lengths = D[first, second]
    falling = np.argsort(-lengths)
    return float(_last_surplus(D, first[falling], second[falling], np.sort(tree), low))


@kernel
def _without_hub(D, to_hub, low, limit):  # type: ignore[no-untyped-def]
    """Ends of the edges with low < length <= limit that have no hub in their lune."""
    n = D.shape[0]
    first = np.empty(1024, np.int32)
    second = np.empty(1024, np.int32)
    reach = np.empty(n, np.float32)
    count = 0
    for i in range(n):
        # reach[j - i]: smallest max(d(i, h), d(j, h)) over all hubs.
        for j in range(n - i):
            reach[j] = np.inf
        for h in range(0, to_hub.shape[0], 4):
            _shorten(
                reach[: n - i],
                to_hub[h, i:],
                to_hub[h + 1, i:],
                to_hub[h + 2, i:],
                to_hub[h + 3, i:],
            )
        if count + n > first.size:
            first = _enlarged(first, n)
            second = _enlarged(second, n)
        added = _select(D[i], reach, i, low, limit, second[count:])
        for k in range(count, count + added):
            first[k] = i
        count += added
    return first[:count], second[:count]


@kernel
def _select(distances, reach, i, low, limit, out):  # type: ignore[no-untyped-def]
    """Write the points j > i with low < d(i, j) <= min(limit, reach); how many they are."""
    count = 0
    for j in range(i + 1, distances.size):
        d = distances[j]
        # Written in any case, counted if it holds: no branch to mispredict.
        out[count] = j
        count += (low < d) & (d <= limit) & (d <= reach[j - i]) & (d < np.inf)
    return count


@kernel
def _shorten(reach, a, b, c, d):  # type: ignore[no-untyped-def]
    """reach[j] to the hubs of rows a to d at most, between point 0 and point j of the rows.

    Four hubs at a time, without branches: the compiler turns this into vector instructions.
    """
    a0 = a[0]
    b0 = b[0]
    c0 = c[0]
    d0 = d[0]
    for j in range(reach.size):
        nearest = min(max(a[j], a0), max(b[j], b0))
        other = min(max(c[j], c0), max(d[j], d0))
        reach[j] = min(reach[j], min(nearest, other))


@kernel
def _enlarged(array, least):  # type: ignore[no-untyped-def]
    bigger = np.empty(2 * array.size + least, array.dtype)
    for k in range(array.size):
        bigger[k] = array[k]
    return bigger


@kernel
def _lune_is_empty(D, i, j):  # type: ignore[no-untyped-def]
    """True when no point is joined to i and to j by edges that come before ij, i < j."""
    d = D[i, j]
    for w in range(D.shape[0]):
        if D[i, w] <= d and D[j, w] <= d and w != i and w != j:
            # Among equal lengths the edge with the smaller code comes first.
            before_i = D[i, w] < d or w < i or (w > i and w < j)
            before_j = D[j, w] < d or w < i
            if before_i and before_j:
                return False
    return True


@kernel
def _last_surplus(D, first, second, tree, low):  # type: ignore[no-untyped-def]
    """Largest length of more edges with empty lune than the spanning tree has of it.

    Edges of equal length may take each other's place in a spanning tree, but its lengths are
    always the same: what is left over are births.
    """
    left = tree.size
    for k in range(first.size):
        i = np.int64(first[k])
        j = np.int64(second[k])
        if _lune_is_empty(D, i, j):
            while left > 0 and tree[left - 1] > D[i, j]:
                left -= 1
            if left > 0 and tree[left - 1] == D[i, j]:
                left -= 1
            else:
                return D[i, j]
    return low
