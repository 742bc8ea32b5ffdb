"""Kernels of persistence landscapes: values on a grid, exact corners, exact inner products.

`summaries.py` holds the functions to call; these take checked arrays.
"""

from __future__ import annotations

import numpy as np

from toposcope.homology.jit import kernel


@kernel
def top_levels(pairs, grid, first, last, levels):  # type: ignore[no-untyped-def]
    """(m, levels) largest tents at each grid point, by insertion."""
    top = np.zeros((grid.size, levels))
    for i in range(pairs.shape[0]):
        for g in range(first[i], last[i]):
            value = min(grid[g] - pairs[i, 0], pairs[i, 1] - grid[g])
            k = levels
            while k > 0 and top[g, k - 1] < value:
                k -= 1
            if k < levels:
                for q in range(levels - 1, k, -1):
                    top[g, q] = top[g, q - 1]
                top[g, k] = value
    return top


@kernel
def _append(points, count, x, y):  # type: ignore[no-untyped-def]
    if count == points.shape[0]:
        bigger = np.empty((2 * count, 2))
        for k in range(count):
            bigger[k, 0] = points[k, 0]
            bigger[k, 1] = points[k, 1]
        points = bigger
    points[count, 0] = x
    points[count, 1] = y
    return points


@kernel
def corners(pairs):  # type: ignore[no-untyped-def]
    """Corners (x, y) of all levels, and where each level starts (Bubenik and Dlotko 2017, alg. 1).

    `pairs` sorted by birth, then decreasing death, of positive length. Each round peels off one
    level; what is below it goes back into the list.
    """
    births = np.empty(pairs.shape[0] + 1)
    deaths = np.empty(pairs.shape[0] + 1)
    left = pairs.shape[0]
    for k in range(left):
        births[k] = pairs[k, 0]
        deaths[k] = pairs[k, 1]
    points = np.empty((64, 2))
    starts = np.zeros(pairs.shape[0] + 1, np.int64)
    # A typed zero: for a literal one Numba would compile `_append` twice.
    count = np.int64(0)
    level = 0
    while left > 0:
        b = births[0]
        d = deaths[0]
        for k in range(left - 1):
            births[k] = births[k + 1]
            deaths[k] = deaths[k + 1]
        left -= 1
        points = _append(points, count, b, 0.0)
        points = _append(points, count + 1, (b + d) / 2, (d - b) / 2)
        count += 2
        p = 0
        while True:
            while p < left and deaths[p] <= d:
                p += 1
            if p == left:
                break
            b2 = births[p]
            d2 = deaths[p]
            for k in range(p, left - 1):
                births[k] = births[k + 1]
                deaths[k] = deaths[k + 1]
            left -= 1
            if b2 >= d:
                points = _append(points, count, d, 0.0)
                points = _append(points, count + 1, b2, 0.0)
                count += 2
            else:
                points = _append(points, count, (b2 + d) / 2, (d - b2) / 2)
                count += 1
                # The part under the crossing, (b2, d), waits for the next level, in order.
                q = p
                while q < left and (births[q] < b2 or (births[q] == b2 and deaths[q] > d)):
                    q += 1
                for k in range(left, q, -1):
                    births[k] = births[k - 1]
                    deaths[k] = deaths[k - 1]
                births[q] = b2
                deaths[q] = d
                left += 1
            points = _append(points, count, (b2 + d2) / 2, (d2 - b2) / 2)
            count += 1
            b = b2
            d = d2
        points = _append(points, count, d, 0.0)
        count += 1
        level += 1
        starts[level] = count
    return points[:count].copy(), starts[: level + 1].copy()


@kernel
def inner_product(pa, sa, pb, sb):  # type: ignore[no-untyped-def]
    """Sum over levels of the integral of the product of two piecewise linear functions."""
    total = 0.0
    for level in range(min(sa.size, sb.size) - 1):
        i = sa[level]
        j = sb[level]
        while i + 1 < sa[level + 1] and j + 1 < sb[level + 1]:
            lo = max(pa[i, 0], pb[j, 0])
            hi = min(pa[i + 1, 0], pb[j + 1, 0])
            if hi > lo:
                f0 = _on_segment(pa, i, lo)
                f1 = _on_segment(pa, i, hi)
                g0 = _on_segment(pb, j, lo)
                g1 = _on_segment(pb, j, hi)
                total += (hi - lo) / 6 * (2 * f0 * g0 + f0 * g1 + f1 * g0 + 2 * f1 * g1)
            if pa[i + 1, 0] < pb[j + 1, 0]:
                i += 1
            else:
                j += 1
    return total


@kernel
def _on_segment(points, i, x):  # type: ignore[no-untyped-def]
    width = points[i + 1, 0] - points[i, 0]
    if width <= 0:
        return points[i, 1]
    return points[i, 1] + (points[i + 1, 1] - points[i, 1]) * ((x - points[i, 0]) / width)


@kernel
def _height(points, first, k, last, x):  # type: ignore[no-untyped-def]
    """Value at x of one level, corners [first, last), k the first of them that is not before x."""
    if k == last or (k == first and points[k, 0] > x):
        return 0.0
    if points[k, 0] == x:
        return points[k, 1]
    share = (x - points[k - 1, 0]) / (points[k, 0] - points[k - 1, 0])
    return points[k - 1, 1] + (points[k, 1] - points[k - 1, 1]) * share


@kernel
def _mean_power(u, v, order):  # type: ignore[no-untyped-def]
    """Mean of |f| ** order for f linear from u to v."""
    if order == 2.0:
        return (u * u + u * v + v * v) / 3
    if u * v < 0:
        u, v = abs(u), abs(v)
        return (u ** (order + 1) + v ** (order + 1)) / ((order + 1) * (u + v))
    u, v = abs(u), abs(v)
    if abs(u - v) <= 1e-3 * max(u, v):  # the quotient below loses digits; Simpson's rule does not
        return (u**order + 4 * ((u + v) / 2) ** order + v**order) / 6
    return (v ** (order + 1) - u ** (order + 1)) / ((order + 1) * (v - u))


@kernel
def difference_power(pa, sa, pb, sb, order, scale):  # type: ignore[no-untyped-def]
    """Integral of |scale * difference| ** order over all levels; its maximum for order inf."""
    total = 0.0
    for level in range(max(sa.size, sb.size) - 1):
        first = sa[min(level, sa.size - 1)]
        last = sa[min(level + 1, sa.size - 1)]
        start = sb[min(level, sb.size - 1)]
        stop = sb[min(level + 1, sb.size - 1)]
        i = first
        j = start
        before = -np.inf
        u = 0.0
        while i < last or j < stop:
            x = np.inf
            if i < last:
                x = pa[i, 0]
            if j < stop:
                x = min(x, pb[j, 0])
            v = scale * (_height(pa, first, i, last, x) - _height(pb, start, j, stop, x))
            if order == np.inf:
                total = max(total, abs(v))
            elif before > -np.inf:
                total += (x - before) * _mean_power(u, v, order)
            before = x
            u = v
            while i < last and pa[i, 0] == x:
                i += 1
            while j < stop and pb[j, 0] == x:
                j += 1
    return total
