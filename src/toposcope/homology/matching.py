"""Optimal matchings between the bars of two diagrams: the exact engines behind `distances`.

Everything here takes checked float64 arrays of bars that die. Bars with one common birth, as in
H0 of a Rips filtration, lie on a line and get engines of their own; for the others the bottleneck
is a search over threshold graphs and the transport a sparse assignment. The diagonal needs no
extra nodes: an unmatched bar pays for its half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel

Array = NDArray[np.float64]


def line_transport(x: Array, y: Array, *, order: float, diagonal: float) -> float:
    """Least sum of cost ** order between bars that share their birth.

    Parameters
    ----------
    x, y
        (n,) and (m,) lengths in increasing order. A matched pair costs |x - y|.
    order
        At least 1; linear time for 1, n m steps else.
    diagonal
        An unmatched bar costs `diagonal` times its length, at most 1.

    Notes
    -----
    Crossing pairs never pay (|x - y| ** order is convex), so for any order a program over
    prefixes finds the optimum. For order 1 the dual is a function phi on the half-line with slope
    at most 1 and |phi(x)| <= diagonal * x that maximizes sum phi(x) - sum phi(y). Swept from 0
    up, the best value as a function of phi at the sweep stays concave with integer slopes; its
    breakpoints live on two stacks.

    Examples
    --------
    A long bar against a short one: both to the diagonal, 5 + 0.5, rather than 9.

    >>> line_transport(np.array([10.0]), np.array([1.0]), order=1, diagonal=0.5)
    5.5
    """
    if order == 1:
        return max(0.0, float(_line_sweep(x, y, diagonal)))
    return float(
        _line_program(x, y, (diagonal * x) ** order, (diagonal * y) ** order, float(order))
    )


def line_bottleneck(x: Array, y: Array) -> float:
    """Bottleneck distance between bars that share their birth, from their sorted lengths.

    Examples
    --------
    >>> line_bottleneck(np.array([4.0]), np.array([1.0, 5.0]))
    1.0
    """
    return float(_line_bottleneck(x, y))


def plane_transport(A: Array, B: Array, *, order: float, internal_p: float) -> float:
    """Least sum of cost ** order between two sets of bars, (n, 2) and (m, 2).

    Matching two bars gains what their halves would cost less the cost of the pair. Pairs that
    gain nothing are left out; the rest is a sparse assignment (Jonker and Volgenant's algorithm
    in SciPy) in which every row has a private column that means "to the diagonal".

    Examples
    --------
    >>> plane_transport(np.array([[0.0, 4.0]]), np.array([[1.0, 5.0]]), order=1, internal_p=2)
    1.4142135623730951
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    if len(A) > len(B):
        A, B = B, A
    n, m = len(A), len(B)
    order, internal_p = float(order), float(internal_p)  # one type for the kernels
    share = 2.0 ** (1.0 / internal_p - 1.0)  # distance to the diagonal per unit of length
    left, right = ((share * (bars[:, 1] - bars[:, 0])) ** order for bars in (A, B))
    starts, columns, gains = _gains(A, B, left, right, order, internal_p)
    if len(gains) == n:  # private columns only
        return float(left.sum() + right.sum())
    # SciPy takes a stored 0 for a missing edge: all weights are moved below it.
    weights = -1.0 - gains / gains.max()
    graph = csr_array((weights, columns, starts), shape=(n, m + n))
    rows, partners = min_weight_full_bipartite_matching(graph)
    matched = partners < m
    pairs = _pair_costs(A, B, rows[matched], partners[matched], order, internal_p)
    alone = np.ones(m, dtype=bool)
    alone[partners[matched]] = False
    return float(pairs.sum() + left[rows[~matched]].sum() + right[alone].sum())


def plane_bottleneck(A: Array, B: Array, *, relative_error: float) -> float:
    """Bottleneck distance between two sets of bars, (n, 2) and (m, 2).

    A threshold r will do when the bars with half > r on either side can be matched within r to
    bars of the other side, one side at a time (Mendelsohn and Dulmage: two such matchings merge
    into one). Few bars are that long at the thresholds that matter. The search starts from the
    largest cost that some bar must pay and halves the interval of floating-point numbers, so the
    answer is exact to the last bit; with a positive `relative_error` it stops early, from above.

    Examples
    --------
    >>> plane_bottleneck(np.array([[0.0, 4.0]]), np.array([[1.0, 5.0]]), relative_error=0.0)
    1.0
    """
    A_long, B_long = (x[np.argsort(x[:, 0] - x[:, 1], kind="stable")] for x in (A, B))
    A_born, B_born = (x[np.argsort(x[:, 0], kind="stable")] for x in (A, B))
    return float(_plane_bottleneck(A_long, B_long, A_born, B_born, relative_error))


@kernel
def _line_sweep(x, y, diagonal):  # type: ignore[no-untyped-def]
    # Breakpoints left of the maximum move down with the sweep and those right of it move up, as
    # phi may change by the gap; stored positions leave that shift out. Beyond the end of the
    # domain, +-diagonal * position, a breakpoint reads as the end: it never comes back.
    below = np.empty(x.size + y.size)
    above = np.empty(x.size + y.size)
    n_below = 0
    n_above = 0
    best = 0.0
    i = 0
    j = 0
    while i < x.size or j < y.size:
        if i < x.size and j < y.size and x[i] == y[j]:  # equal bars cancel
            i += 1
            j += 1
        elif j == y.size or (i < x.size and x[i] < y[j]):
            end = diagonal * x[i]
            value = end
            if n_above:
                n_above -= 1
                value = min(above[n_above] + x[i], end)
            best += value
            below[n_below] = value + x[i]
            n_below += 1
            i += 1
        else:
            end = -diagonal * y[j]
            value = end
            if n_below:
                n_below -= 1
                value = max(below[n_below] - y[j], end)
            best -= value
            above[n_above] = value - y[j]
            n_above += 1
            j += 1
    return best


@kernel
def _line_program(x, y, alone_x, alone_y, order):  # type: ignore[no-untyped-def]
    least = np.empty(y.size + 1)  # of the prefixes x[: i + 1], y[:j]
    least[0] = 0.0
    for j in range(y.size):
        least[j + 1] = least[j] + alone_y[j]
    square = order == 2.0
    for i in range(x.size):
        before = least[0]
        least[0] += alone_x[i]
        for j in range(y.size):
            gap = abs(x[i] - y[j])
            cost = gap * gap if square else gap**order
            paired = before + cost
            before = least[j + 1]
            least[j + 1] = min(paired, min(before + alone_x[i], least[j] + alone_y[j]))
    return least[y.size]


@kernel
def _middle(low, high, bits):  # type: ignore[no-untyped-def]
    """A float strictly between two non-negative ones, or `low`, by halving their bit patterns."""
    numbers = bits.view(np.float64)
    numbers[0] = low
    first = bits[0]
    numbers[0] = high
    bits[0] = first + (bits[0] - first) // 2
    return numbers[0]


@kernel
def _line_covers(x, y, r):  # type: ignore[no-untyped-def]
    """Whether all x with half above r find their own y within r; both sorted."""
    j = 0
    for i in range(x.size):
        if x[i] / 2 <= r:
            continue
        while j < y.size and y[j] < x[i] and x[i] - y[j] > r:
            j += 1
        if j == y.size or abs(x[i] - y[j]) > r:
            return False
        j += 1
    return True


@kernel
def _line_bottleneck(x, y):  # type: ignore[no-untyped-def]
    if _line_covers(x, y, 0.0) and _line_covers(y, x, 0.0):
        return 0.0
    low = 0.0
    high = 0.0
    if x.size:
        high = x[-1] / 2
    if y.size:
        high = max(high, y[-1] / 2)
    bits = np.empty(1, np.int64)
    while True:
        r = _middle(low, high, bits)
        if r == low:
            return high
        if _line_covers(x, y, r) and _line_covers(y, x, r):
            high = r
        else:
            low = r


@kernel
def _gap(A, i, B, j):  # type: ignore[no-untyped-def]
    return max(abs(A[i, 0] - B[j, 0]), abs(A[i, 1] - B[j, 1]))


@kernel
def _must_pay(A, B, least):  # type: ignore[no-untyped-def]
    """Largest of `least` and, over bars of A, the smaller of the half and the nearest bar of B."""
    for i in range(A.shape[0]):
        cost = (A[i, 1] - A[i, 0]) / 2
        if cost <= least:
            break  # A is sorted by decreasing length
        for j in range(B.shape[0]):
            cost = min(cost, _gap(A, i, B, j))
            if cost <= least:
                break
        least = max(least, cost)
    return least


@kernel
def _first_within(B, birth, r):  # type: ignore[no-untyped-def]
    """First bar of B, sorted by birth, that is born no more than r before `birth`."""
    low = 0
    high = B.shape[0]
    while low < high:
        k = (low + high) // 2
        if birth - B[k, 0] > r:
            low = k + 1
        else:
            high = k
    return low


@kernel
def _plane_covers(A, B, r):  # type: ignore[no-untyped-def]
    """Largest cost of pairs that give all bars of A with half above r their own bar of B.

    A is sorted by decreasing length and B by birth. inf if there is no such matching within r.
    """
    m = B.shape[0]
    owner = np.full(m, -1, np.int64)  # bar of A that holds each bar of B
    holds = np.full(A.shape[0], -1, np.int64)
    came_from = np.empty(m, np.int64)  # bar of A from which a bar of B was reached
    onward = np.empty(m + 1, np.int64)  # leads to the next bar of B not reached in this search
    queue = np.empty(A.shape[0], np.int64)
    for start in range(A.shape[0]):
        if (A[start, 1] - A[start, 0]) / 2 <= r:
            break
        for j in range(m + 1):
            onward[j] = j
        queue[0] = start
        head = 0
        tail = 1
        free = -1
        while head < tail and free < 0:
            i = queue[head]
            head += 1
            j = _skip(onward, _first_within(B, A[i, 0], r))
            while j < m and B[j, 0] - A[i, 0] <= r:
                if _gap(A, i, B, j) <= r:
                    came_from[j] = i
                    if owner[j] < 0:
                        free = j
                        break
                    queue[tail] = owner[j]
                    tail += 1
                    onward[j] = j + 1
                j = _skip(onward, j + 1)
        if free < 0:
            return np.inf
        while free >= 0:  # hand bars over along the path
            i = came_from[free]
            previous = holds[i]
            owner[free] = i
            holds[i] = free
            free = previous
    largest = 0.0
    for i in range(A.shape[0]):
        if holds[i] >= 0:
            largest = max(largest, _gap(A, i, B, holds[i]))
        elif (A[i, 1] - A[i, 0]) / 2 <= r:
            largest = max(largest, (A[i, 1] - A[i, 0]) / 2)
            break  # the rest is shorter
    return largest


@kernel
def _skip(onward, j):  # type: ignore[no-untyped-def]
    while onward[j] != j:
        onward[j] = onward[onward[j]]
        j = onward[j]
    return j


@kernel
def _plane_bottleneck(A, B, A_born, B_born, relative_error):  # type: ignore[no-untyped-def]
    low = _must_pay(B, A, _must_pay(A, B, 0.0))
    if max(_plane_covers(A, B_born, low), _plane_covers(B, A_born, low)) < np.inf:
        return low
    high = 0.0
    if A.shape[0]:
        high = (A[0, 1] - A[0, 0]) / 2
    if B.shape[0]:
        high = max(high, (B[0, 1] - B[0, 0]) / 2)
    bits = np.empty(1, np.int64)
    while high > low * (1 + relative_error):
        r = _middle(low, high, bits)
        if r == low:
            return high
        paid = _plane_covers(A, B_born, r)
        if paid < np.inf:
            paid = max(paid, _plane_covers(B, A_born, r))
        if paid < np.inf:
            high = max(paid, low)
        else:
            low = r
    return high


@kernel
def _cost(A, i, B, j, order, internal_p):  # type: ignore[no-untyped-def]
    birth = abs(A[i, 0] - B[j, 0])
    death = abs(A[i, 1] - B[j, 1])
    if internal_p == np.inf:
        gap = max(birth, death)
    elif internal_p == 1.0:
        gap = birth + death
    elif internal_p == 2.0:
        gap = np.sqrt(birth * birth + death * death)
    else:
        gap = (birth**internal_p + death**internal_p) ** (1 / internal_p)
    if order == 1.0:
        return gap
    if order == 2.0:
        return gap * gap
    return gap**order


@kernel
def _gains(A, B, left, right, order, internal_p):  # type: ignore[no-untyped-def]
    """Pairs that pay, as compressed rows; the last entry of row i is its own column m + i."""
    n = A.shape[0]
    m = B.shape[0]
    starts = np.zeros(n + 1, np.int32)
    columns = np.empty(4 * (n + m), np.int32)
    gains = np.empty(columns.size)
    count = 0
    for i in range(n):
        if count + m + 1 > columns.size:
            more = np.empty(2 * columns.size + m + 1, np.int32)
            longer = np.empty(more.size)
            for k in range(count):
                more[k] = columns[k]
                longer[k] = gains[k]
            columns = more
            gains = longer
        for j in range(m):
            gain = left[i] + right[j] - _cost(A, i, B, j, order, internal_p)
            if gain > 0:
                columns[count] = j
                gains[count] = gain
                count += 1
        columns[count] = m + i
        gains[count] = 0.0
        count += 1
        starts[i + 1] = count
    return starts, columns[:count].copy(), gains[:count].copy()


@kernel
def _pair_costs(A, B, rows, partners, order, internal_p):  # type: ignore[no-untyped-def]
    costs = np.empty(rows.size)
    for k in range(rows.size):
        costs[k] = _cost(A, rows[k], B, partners[k], order, internal_p)
    return costs
