"""Distances between persistence diagrams, exact unless an error is asked for.

One rule holds for all: an essential class dies at infinity, and a distance is the limit for a
common death that grows. Essential classes are therefore matched among themselves by birth, and
different numbers of them are infinitely far apart (for Betti curves in the sup norm: not). None is
ever dropped; `summaries.finite` drops them and `cutoff=` ends them for who wants that.

Bars of length zero change nothing. Empty diagrams are diagrams. NaN is refused.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.diagrams.summaries import by_birth, ended
from toposcope.errors import UsageError
from toposcope.homology.gudhi_extensions import auction_wasserstein
from toposcope.homology.landscape_kernels import corners, difference_power
from toposcope.homology.matching import (
    line_bottleneck,
    line_transport,
    plane_bottleneck,
    plane_transport,
)
from toposcope.inputs.arrays import read_diagram
from toposcope.inputs.parameters import number, whole

Array = NDArray[np.float64]

# Sums of powers below this have lost digits to underflow.
_VANISHING = 1e-280


def bottleneck(
    a: ArrayLike, b: ArrayLike, *, relative_error: float = 0.0, cutoff: float | None = None
) -> float:
    """Bottleneck distance: the largest cost of the best matching, in the maximum norm.

    Parameters
    ----------
    a, b
        (n, 2) and (m, 2) births and deaths; death may be inf.
    relative_error
        0 is exact. With e > 0 the result lies between the distance and (1 + e) times it.
    cutoff
        Filtration value at which essential classes end; None matches them by birth.

    Returns
    -------
    Distance in filtration units; inf for different numbers of essential classes. Between diagrams
    of points it is at most twice the largest shift of a point (Rips, diameter scale).

    Examples
    --------
    One bar of length 2 against nothing, and two bars that differ by 1 in death:

    >>> bottleneck([[0.0, 2.0]], np.empty((0, 2)))
    1.0
    >>> bottleneck([[0.0, 4.0], [0.0, np.inf]], [[0.0, 5.0], [0.5, np.inf]])
    1.0

    References
    ----------
    Cohen-Steiner, Edelsbrunner and Harer, Stability of persistence diagrams, DCG 2007.
    """
    call = "bottleneck()"
    relative_error = _check_error(relative_error, call)
    (A, lasting_a), (B, lasting_b) = (_split(x, cutoff, call) for x in (a, b))
    if len(lasting_a) != len(lasting_b):
        return math.inf
    essential = float(np.abs(lasting_a - lasting_b).max(initial=0.0))
    if _on_a_line(A, B):
        return max(essential, line_bottleneck(*(np.sort(x[:, 1] - x[:, 0]) for x in (A, B))))
    return max(essential, plane_bottleneck(A, B, relative_error=relative_error))


def wasserstein(
    a: ArrayLike,
    b: ArrayLike,
    *,
    order: float = 1.0,
    internal_p: float = np.inf,
    relative_error: float = 0.0,
    cutoff: float | None = None,
) -> float:
    """Wasserstein distance: (least sum of cost ** order over matchings) ** (1 / order).

    Parameters
    ----------
    a, b
        (n, 2) and (m, 2) births and deaths; death may be inf.
    order
        Exponent of the costs, at least 1 and finite; refused when so large that costs underflow.
    internal_p
        Norm between pairs in the plane, at least 1. inf is GUDHI's default; persim uses 2. A bar
        of length l is 2 ** (1 / internal_p - 1) l from the diagonal.
    relative_error
        0 is exact. With e > 0 the result lies between the distance and (1 + e) times it, by
        Hera's auction; that is faster only for a thousand bars and more that are all so long that
        any two could be matched.
    cutoff
        Filtration value at which essential classes end; None matches them by birth.

    Returns
    -------
    Distance in filtration units; inf for different numbers of essential classes.

    Notes
    -----
    Bars that share one birth, as in H0 of a Rips filtration, are matched on a line: microseconds
    for thousands of bars and order 1, exact whatever `relative_error` says.

    Examples
    --------
    One bar of length 2 against nothing: its cost is half its length, or its distance to the
    diagonal in the Euclidean plane.

    >>> wasserstein([[0.0, 2.0]], np.empty((0, 2)))
    1.0
    >>> round(wasserstein([[0.0, 2.0]], np.empty((0, 2)), internal_p=2), 6)
    1.414214

    References
    ----------
    Cohen-Steiner et al., Lipschitz functions have L_p-stable persistence, FoCM 2010. Kerber,
    Morozov and Nigmetov, Geometry helps to compare persistence diagrams, 2017.
    """
    call = "wasserstein()"
    relative_error = _check_error(relative_error, call)
    order = _check_order(
        order, call, largest=np.finfo(float).max, hint=" bottleneck() is the limit."
    )
    internal_p = _check_order(internal_p, call, name="internal_p")
    (A, lasting_a), (B, lasting_b) = (_split(x, cutoff, call) for x in (a, b))
    if len(lasting_a) != len(lasting_b):
        return math.inf
    essential = np.abs(lasting_a - lasting_b)
    # A power of two near the largest cost keeps cost ** order from over- and underflowing.
    largest = max(
        float((A[:, 1] - A[:, 0]).max(initial=0.0)),
        float((B[:, 1] - B[:, 0]).max(initial=0.0)),
        float(essential.max(initial=0.0)),
    )
    exponent = math.frexp(largest)[1]
    A, B, essential = (np.ldexp(x, -exponent) for x in (A, B, essential))
    total = float((essential**order).sum())
    if _on_a_line(A, B):
        x, y = (np.sort(bars[:, 1] - bars[:, 0]) for bars in (A, B))
        diagonal = 2.0 ** (1.0 / internal_p - 1.0)
        total += line_transport(x, y, order=order, diagonal=diagonal)
    elif relative_error:
        distance = auction_wasserstein(
            A, B, order=order, internal_p=internal_p, relative_error=relative_error
        )
        total += distance**order
    else:
        total += plane_transport(A, B, order=order, internal_p=internal_p)
    if total < _VANISHING and bottleneck(a, b, cutoff=cutoff) > 0:
        msg = (
            f"{call}: with order={order!r} the costs vanish in float64 (bars are up to "
            f"{largest:g} long). Use a smaller order, or bottleneck(), its limit."
        )
        raise UsageError(msg)
    return math.ldexp(total ** (1.0 / order), exponent)


def sliced_wasserstein(
    a: ArrayLike, b: ArrayLike, *, directions: int = 50, cutoff: float | None = None
) -> float:
    """Sliced Wasserstein distance: mean over directions of W1 between projected diagrams.

    Each diagram is first completed by the projections of the other one onto the diagonal. The mean
    is over half a circle, 1 / pi times the integral, as in the paper; the midpoints of `directions`
    equal arcs replace it. 50 are within about 1 %; the error falls with the square of the number.

    Parameters
    ----------
    a, b
        (n, 2) and (m, 2) births and deaths; death may be inf.
    directions
        Number of directions.
    cutoff
        Filtration value at which essential classes end; None matches them by birth.

    Returns
    -------
    Distance in filtration units; inf for different numbers of essential classes.

    Examples
    --------
    >>> round(sliced_wasserstein([[0.0, 2.0]], np.empty((0, 2)), directions=1000), 4)
    0.9003

    That is length / sqrt(2) times 2 / pi: the mean of |cos| times the way to the diagonal.

    References
    ----------
    Carriere, Cuturi and Oudot, Sliced Wasserstein kernel for persistence diagrams, ICML 2017.
    """
    call = "sliced_wasserstein()"
    directions = whole(directions, "directions", call=call, low=1, high=10**6)
    (A, lasting_a), (B, lasting_b) = (_split(x, cutoff, call) for x in (a, b))
    if len(lasting_a) != len(lasting_b):
        return math.inf
    angles = (np.arange(directions) + 0.5) * (np.pi / directions) - np.pi / 2
    axes = np.stack([np.cos(angles), np.sin(angles)])
    on_diagonal = 0.5 * axes.sum(axis=0)
    left, right = (x @ axes for x in (A, B))
    left_flat, right_flat = (np.outer(x.sum(axis=1), on_diagonal) for x in (A, B))
    first = np.sort(np.concatenate([left, right_flat]), axis=0)
    second = np.sort(np.concatenate([right, left_flat]), axis=0)
    total = float(np.abs(first - second).sum()) / directions
    # Two essential classes with a far common death differ along the births, and so do their
    # projections to the diagonal; neither meets any other bar.
    shift = float((np.abs(axes[0]) + np.abs(on_diagonal)).mean())
    return total + shift * float(np.abs(lasting_a - lasting_b).sum())


def landscape_distance(
    a: ArrayLike, b: ArrayLike, *, order: float = 2, cutoff: float | None = None
) -> float:
    """L_order distance between persistence landscapes over all levels, without a grid.

    Both landscapes are piecewise linear; their difference is integrated in closed form between
    corners, so that close diagrams have accurate distances. Bubenik's scale: the tent over (b, d)
    peaks at (d - b) / 2.

    Parameters
    ----------
    a, b
        (n, 2) and (m, 2) births and deaths; death may be inf.
    order
        At least 1; inf is the largest difference at any level and place.
    cutoff
        Filtration value at which essential classes end.

    Returns
    -------
    Distance in units of filtration ** (1 + 1 / order). Essential classes with equal births cancel;
    with other births the distance is inf, but finite for order inf, where it is at most the
    bottleneck distance.

    Notes
    -----
    Time and memory grow with the number of corners: linear for nested bars as in H0, up to
    quadratic for H1.

    Examples
    --------
    Disjoint bars of length 2 have norms sqrt(2 ** 3 / 12) at right angles:

    >>> round(landscape_distance([[0.0, 2.0]], [[5.0, 7.0]]) ** 2, 12)
    1.333333333333
    >>> landscape_distance([[0.0, 4.0]], [[0.0, 2.0]], order=1)
    3.0

    References
    ----------
    Bubenik, Statistical topological data analysis using persistence landscapes, JMLR 2015.
    """
    call = "landscape_distance()"
    order = _check_order(order, call)
    (A, lasting_a), (B, lasting_b) = (_split(x, cutoff, call) for x in (a, b))
    if len(lasting_a) != len(lasting_b):
        return math.inf
    if len(lasting_a):
        if order < math.inf and (lasting_a != lasting_b).any():
            return math.inf
        # With a common death this late the landscapes agree from the last event on.
        known = np.concatenate([A.ravel(), B.ravel(), lasting_a, lasting_b])
        late = float(3 * known.max() - 2 * known.min()) + 1.0
        A, B = (
            np.concatenate([x, np.stack([births, np.full(len(births), late)], axis=1)])
            for x, births in ((A, lasting_a), (B, lasting_b))
        )
    pa, sa = corners(by_birth(A))
    pb, sb = corners(by_birth(B))
    largest = float(difference_power(pa, sa, pb, sb, math.inf, 1.0))
    if math.isinf(order) or largest == 0:
        return largest
    total = float(difference_power(pa, sa, pb, sb, float(order), 1.0 / largest))
    return float(largest * total ** (1.0 / order))


def betti_curve_distance(
    a: ArrayLike, b: ArrayLike, *, order: float = 1, cutoff: float | None = None
) -> float:
    """L_order distance between Betti curves, exact: the curves are step functions.

    Parameters
    ----------
    a, b
        (n, 2) and (m, 2) births and deaths; death may be inf.
    order
        At least 1; inf is the largest difference of Betti numbers at any place.
    cutoff
        Filtration value at which essential classes end.

    Returns
    -------
    Distance in units of filtration ** (1 / order). inf for different numbers of essential classes,
    except for order inf. Not stable: many short bars count as much as few long ones.

    Examples
    --------
    >>> betti_curve_distance([[0.0, 3.0], [1.0, 2.0]], [[0.0, 2.0]])
    2.0
    """
    call = "betti_curve_distance()"
    order = _check_order(order, call)
    (A, lasting_a), (B, lasting_b) = (_split(x, cutoff, call) for x in (a, b))
    if len(lasting_a) != len(lasting_b) and order < math.inf:
        return math.inf
    up = np.concatenate([A[:, 0], lasting_a, B[:, 1]])
    down = np.concatenate([B[:, 0], lasting_b, A[:, 1]])
    times = np.concatenate([up, down])
    if not len(times):
        return 0.0
    sequence = np.argsort(times, kind="stable")
    steps = np.cumsum(np.where(sequence < len(up), 1, -1))
    heights = np.abs(steps).astype(np.float64)
    widths = np.diff(times[sequence], append=math.inf)  # beyond the last event
    if math.isinf(order):
        return float(heights[widths > 0].max(initial=0.0))
    heights, widths = heights[:-1], widths[:-1]
    with np.errstate(over="ignore"):
        total = float(heights**order @ widths)
    if math.isfinite(total):
        return float(total ** (1.0 / order))
    highest = float(heights.max())
    return float(highest * ((heights / highest) ** order @ widths) ** (1.0 / order))


def _split(pairs: ArrayLike, cutoff: float | None, call: str) -> tuple[Array, Array]:
    """Bars that die and have a length, and the sorted births of those that do not die."""
    array = read_diagram(pairs, call=call)
    lasting = np.empty(0)
    if cutoff is None:
        endless = np.isposinf(array[:, 1]) & np.isfinite(array[:, 0])
        array, lasting = array[~endless], np.sort(array[endless, 0])
    bars = ended(array, cutoff, call=call)
    return np.ascontiguousarray(bars[bars[:, 1] > bars[:, 0]]), lasting


def _on_a_line(A: Array, B: Array) -> bool:
    births = np.concatenate([A[:, 0], B[:, 0]])
    return not len(births) or bool((births == births[0]).all())


def _check_error(relative_error: float, call: str) -> float:
    return number(relative_error, "relative_error", call=call, low=0.0, below=1.0)


def _check_order(
    order: float, call: str, *, name: str = "order", largest: float = math.inf, hint: str = ""
) -> float:
    order = number(order, name, call=call, finite=False)
    if not 1 <= order <= largest:
        kind = "at least 1" if math.isinf(largest) else "at least 1 and finite"
        msg = f"{call}: {name} must be {kind}; got {order!r}.{hint}"
        raise UsageError(msg)
    return order
