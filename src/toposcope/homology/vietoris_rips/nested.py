"""H0 of nested sub-samples: one minimum spanning tree that grows point by point.

The tree of m + 1 points lies in the tree of the first m together with the edges to the new point
(any other edge is the longest of a cycle already). Hence one insertion costs O(m), and the trees
of *all* leading blocks of n points cost O(n^2) together: as much as Prim's for the last block.

References
----------
P. M. Spira and A. Pan, On finding and updating spanning trees and shortest paths, SIAM J. Comput.
4 (1975) 375-380. F. Chin and D. Houck, Algorithms for updating minimal spanning trees, J. Comput.
System Sci. 16 (1978) 333-344.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.homology.jit import kernel
from toposcope.homology.vietoris_rips.persistence import h0_from_lengths
from toposcope.inputs.arrays import read_square
from toposcope.inputs.foreign import real
from toposcope.inputs.parameters import number


def nested_tree_sums(
    D: NDArray[np.float64], order: ArrayLike, sizes: ArrayLike, *, alpha: float = 1.0
) -> NDArray[np.float64]:
    """Lifespan sums E_alpha of H0 of the nested sub-samples `order[:m]`, for all m in one pass.

    Parameters
    ----------
    D
        (n, n) symmetric distances, as `distances` returns them; inf where two points are never
        joined. Values are not checked again.
    order
        (k,) distinct row numbers of `D`, k <= n: the points in the order in which they come.
    sizes
        (s,) strictly increasing numbers of points, from 1 to k.
    alpha
        Exponent of the lengths, positive and finite.

    Returns
    -------
    (s,) sums of tree edge lengths to the power `alpha`, in the order of `sizes`; 0 for one point,
    inf where some points are never joined.

    Raises
    ------
    TooFewSamplesError
        For a size beyond the number of points in `order`.
    UsageError
        For other arguments without meaning.

    Notes
    -----
    Time O(M^2) for M = sizes[-1], plus O(m) per size for the sum; memory O(M) besides `D`. One
    insertion costs several steps of Prim's algorithm: for the eight sizes of `ph_dimension` a tree
    per size is 2 to 3 times faster (n = 500 to 2,000), with 40 sizes this is, by 1.0 (500) to 2.7
    times (2,000). It is meant for curves over many sizes.

    Examples
    --------
    Points at 0, 4, 1 and 3 on a line: the third splits the gap of 4, the fourth that of 3.

    >>> x = np.array([0.0, 4.0, 1.0, 3.0])
    >>> nested_tree_sums(abs(x[:, None] - x), [0, 1, 2, 3], [1, 2, 3, 4], alpha=2.0)
    array([ 0., 16., 10.,  6.])
    """
    call = "nested_tree_sums()"
    alpha = number(alpha, "alpha", call=call, above=0.0)
    sums, joined = [], True
    with np.errstate(over="ignore"):
        for lengths in _nested_lengths(D, order, sizes, call):  # one buffer, written anew each time
            sums.append(float((lengths**alpha).sum()))
            joined = joined and bool(np.isfinite(lengths).all())
    if joined and not np.isfinite(sums).all():
        msg = (
            f"{call}: with alpha={alpha:g} the powers of lengths overflow. Divide the distances by "
            "a unit, or pass a smaller alpha."
        )
        raise UsageError(msg)
    return np.array(sums)


def nested_h0(
    D: NDArray[np.float64], order: ArrayLike, sizes: ArrayLike
) -> list[NDArray[np.float64]]:
    """H0 diagrams of the nested sub-samples `order[:m]`, for all m in `sizes` in one pass.

    Parameters
    ----------
    D, order, sizes
        As in `nested_tree_sums`.

    Returns
    -------
    One diagram per size, as `rips` returns it: (births, deaths) with births 0, deaths increasing,
    one essential class and one more for each further component (length inf). A sub-sample of m
    points gives m rows less one for each duplicate: pairs of length zero are left out.

    Raises
    ------
    TooFewSamplesError, UsageError
        As `nested_tree_sums`.

    Notes
    -----
    Time O(M^2) for M = sizes[-1], plus O(m log m) per size to sort its deaths.

    Examples
    --------
    >>> x = np.array([0.0, 4.0, 1.0])
    >>> nested_h0(abs(x[:, None] - x), [0, 1, 2], [2, 3])
    [array([[ 0.,  4.],
           [ 0., inf]]), array([[ 0.,  1.],
           [ 0.,  3.],
           [ 0., inf]])]
    """
    return [h0_from_lengths(lengths) for lengths in _nested_lengths(D, order, sizes, "nested_h0()")]


def _nested_lengths(
    D: NDArray[np.float64], order: ArrayLike, sizes: ArrayLike, call: str
) -> Iterator[NDArray[np.float64]]:
    """(m - 1,) lengths of the tree of `order[:m]` for each m in `sizes`.

    Each is a view that the next step overwrites: reduce it before going on.
    """
    D = read_square(D, call=call)
    rows = _check_order(order, len(D), call)
    wanted = _check_sizes(sizes, len(rows), call)
    ends = np.empty((wanted[-1], 2), np.int64)
    lengths = np.empty(wanted[-1])
    have = 1
    for m in wanted:
        _grow(D, rows, ends, lengths, have, m)
        have = m
        yield lengths[: m - 1]


def _integers(values: ArrayLike, name: str, call: str) -> NDArray[np.int64]:
    array = real(values, call=call, name=name)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        msg = (
            f"{call}: {name} must be a one-dimensional array of integers, at least one; got "
            f"shape {array.shape} of {array.dtype}. Pass np.asarray({name}, dtype=int)."
        )
        raise UsageError(msg)
    return array.astype(np.int64)


def _check_order(order: ArrayLike, n: int, call: str) -> NDArray[np.int64]:
    rows = _integers(order, "order", call)
    if rows.min() < 0 or rows.max() >= n:
        msg = (
            f"{call}: order must hold row numbers of D from 0 to {n - 1}; got {rows.min()} to "
            f"{rows.max()}. Pass a permutation such as np.arange({n})."
        )
        raise UsageError(msg)
    repeated = np.flatnonzero(np.bincount(rows) > 1)
    if repeated.size:
        msg = (
            f"{call}: order must hold distinct row numbers; {repeated[0]} comes more than once. "
            "Draw without replacement, such as rng.permutation(len(D))."
        )
        raise UsageError(msg)
    return rows


def _check_sizes(sizes: ArrayLike, available: int, call: str) -> NDArray[np.int64]:
    wanted = _integers(sizes, "sizes", call)
    if wanted[0] < 1 or (np.diff(wanted) <= 0).any():
        msg = (
            f"{call}: sizes must be at least 1 and strictly increasing; got {wanted.tolist()}. "
            "Pass np.unique(sizes) without values below 1."
        )
        raise UsageError(msg)
    if wanted[-1] > available:
        msg = (
            f"{call}: sizes ask for {wanted[-1]} points but order has {available}. Pass sizes up "
            f"to {available}."
        )
        raise TooFewSamplesError(msg)
    return wanted


@kernel
def _grow(D, rows, ends, lengths, have, want):  # type: ignore[no-untyped-def]
    # Turns the tree of rows[:have] into that of rows[:want], in place. Points are named by their
    # position in `rows`; edge e joins ends[e] and has lengths[e]. There is one point at least.
    head = np.empty(want, np.int64)
    follow = np.empty(2 * want, np.int64)
    visit = np.empty(want, np.int64)
    above = np.empty(want, np.int64)
    via = np.empty(want, np.int64)
    bridge = np.empty((want, 2), np.int64)
    span = np.empty(want)
    for new in range(have, want):
        _hang(ends, new, head, follow, visit, above, via)
        for p in range(new):
            bridge[p, 0] = p
            bridge[p, 1] = new
            span[p] = D[rows[new], rows[p]]
        # `span[p]`: the shortest edge known from p to the new point once everything below p is
        # merged into either. A leaf p has two edges left, that one and the one to the point
        # above: the shorter is in the tree (cut property). Merging along it makes the longer an
        # edge from the point above to the new point, where it competes with the one there.
        for k in range(new - 1, 0, -1):
            p = visit[k]
            top = above[p]
            e = via[p]
            if span[p] < lengths[e]:
                span[p], lengths[e] = lengths[e], span[p]
                bridge[p, 0], ends[e, 0] = ends[e, 0], bridge[p, 0]
                bridge[p, 1], ends[e, 1] = ends[e, 1], bridge[p, 1]
            if span[p] < span[top]:
                span[top] = span[p]
                bridge[top, 0] = bridge[p, 0]
                bridge[top, 1] = bridge[p, 1]
        root = visit[0]
        ends[new - 1, 0] = bridge[root, 0]
        ends[new - 1, 1] = bridge[root, 1]
        lengths[new - 1] = span[root]


@kernel
def _hang(ends, m, head, follow, visit, above, via):  # type: ignore[no-untyped-def]
    # Roots the tree of m points at point 0: `visit` lists points after the one above them, joined
    # by edge `via`. Half-edges 2 e and 2 e + 1 leave the two ends of e, chained by `follow`.
    for p in range(m):
        head[p] = -1
    for h in range(2 * (m - 1)):
        p = ends[h >> 1, h & 1]
        follow[h] = head[p]
        head[p] = h
    visit[0] = 0
    above[0] = -1
    via[0] = -1
    count = 1
    # The list of points found is its own queue: no stack, no recursion.
    for k in range(m):
        p = visit[k]
        h = head[p]
        while h >= 0:
            e = h >> 1
            if e != via[p]:
                q = ends[e, 1 - (h & 1)]
                above[q] = p
                via[q] = e
                visit[count] = q
                count += 1
            h = follow[h]
