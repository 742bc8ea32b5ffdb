"""Many tests at once: which of them still stand when all that were made are counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs.foreign import real
from toposcope.stats.units import finite

Array = NDArray[np.float64]

ROUNDING = 1e-9
"""Standardized statistics closer than this are tied."""


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values: rejecting those below q keeps the share of false ones below q.

    Parameters
    ----------
    p
        p-values of the whole family that was tested, of any shape, the dull ones included. NaN
        marks a test that could not be made: it stays NaN and does not count.

    Returns
    -------
    q-values in the same shape; never below their p.

    Notes
    -----
    The false discovery rate holds for independent and for positively dependent tests, such as one
    statistic in neighboring layers.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, np.nan])  # 0.01 x 3/1, 0.04 x 3/3, min(0.03 x 3/2, .)
    array([0.03, 0.04, 0.04,  nan])

    References
    ----------
    Benjamini & Hochberg, Controlling the false discovery rate, JRSS B 1995.
    """
    values, tested = _family("benjamini_hochberg()", p)
    family = values[tested]
    order = np.argsort(family)[::-1]
    ranks = np.arange(len(family), 0, -1)
    q = np.empty_like(family)
    q[order] = np.minimum.accumulate(np.minimum(family[order] * len(family) / ranks, 1.0))
    out = np.full_like(values, np.nan)
    out[tested] = q
    return out


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values: rejecting those below alpha makes any false one, with probability alpha.

    Parameters
    ----------
    p
        As in `benjamini_hochberg`.

    Returns
    -------
    Adjusted p-values in the same shape, whatever the dependence of the tests.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, np.nan])  # 0.01 x 3, then 0.03 x 2, then 0.04 and not below it
    array([0.03, 0.06, 0.06,  nan])

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 1979.
    """
    values, tested = _family("holm()", p)
    family = values[tested]
    order = np.argsort(family, kind="stable")
    adjusted = np.empty_like(family)
    adjusted[order] = np.maximum.accumulate(family[order] * np.arange(len(family), 0, -1))
    out = np.full_like(values, np.nan)
    out[tested] = np.minimum(adjusted, 1.0)
    return out


def standardized(statistics: NDArray[np.float64], *, zero: ArrayLike = 0.0) -> Array:
    """(arrangements, tests) statistics, each test with mean 0 and spread 1 over arrangements.

    What makes tests of other scales comparable in one maximum. Mean and spread do not depend on
    which arrangement is the observed one, so an exact test stays exact.

    Parameters
    ----------
    statistics
        One row per arrangement.
    zero
        Spread, per test or for all, that is rounding: such a test gets 0 everywhere.

    Examples
    --------
    >>> standardized(np.array([[2.0, 5.0], [0.0, 5.0]]))
    array([[ 1.,  0.],
           [-1.,  0.]])
    """
    call = "standardized()"
    statistics = finite(call, "statistics", statistics, ndim=(2,))
    zero = real(zero, call=call, name="zero").astype(np.float64, copy=False)
    if zero.shape not in ((), statistics.shape[1:]) or not (zero >= 0).all():
        msg = (
            f"{call}: zero has shape {zero.shape}; needed is one number of 0 or more, or one for "
            f"each of the {statistics.shape[1]} tests."
        )
        raise UsageError(msg)
    largest = float(np.abs(statistics).max())
    if not 0.0 < largest < 1e150:  # squares would overflow
        statistics, zero = np.ldexp(statistics, -1024), np.ldexp(zero, -1024)
    centered = statistics - statistics.mean(axis=0)
    spread = np.sqrt((centered**2).mean(axis=0))
    known = spread > np.maximum(zero, 1e-14 * np.abs(statistics).max(axis=0, initial=0.0))
    return np.where(known, centered / np.where(known, spread, 1.0), 0.0)


def step_down(statistics: ArrayLike) -> tuple[Array, Array]:
    """p-values of tests that share their arrangements, each alone and adjusted for all of them.

    Parameters
    ----------
    statistics
        (arrangements, tests), the first row as the data came; large is extreme. Bring tests of
        other scales to one first (`standardized`). The rows are all arrangements, or the observed
        one and a random sample.

    Returns
    -------
    (tests,) p-value of each test, and adjusted for the family by the step-down maximum: among the
    tests that are left, the share of arrangements in which any of them reaches the observed value.
    Never 0. Rejecting what is at most alpha makes any false rejection with probability at most
    alpha, whichever of the hypotheses are true (strong control), when an arrangement leaves the
    joint distribution of the tests whose hypotheses are true as it is.

    Notes
    -----
    The smallest adjusted p-value is that of one test, 1 / arrangements: it is not divided by the
    number of tests. The price is paid in the size of an effect, and grows slowly.

    Examples
    --------
    The second test is reached by the first in one arrangement of four:

    >>> step_down([[3.0, 1.0], [0.0, 0.5], [1.0, 0.0], [0.0, 0.2]])
    (array([0.25, 0.25]), array([0.25, 0.25]))
    >>> step_down([[1.0, 3.0], [4.0, 0.5], [0.0, 0.0], [0.0, 0.2]])[1]
    array([0.5, 0.5])

    References
    ----------
    Westfall & Young, Resampling-based multiple testing, 1993, algorithm 4.1.
    """
    z = real(statistics, call="step_down()", name="statistics").astype(np.float64, copy=False)
    if z.ndim != 2 or not z.size or not np.isfinite(z).all():
        msg = f"step_down(): statistics of shape {z.shape} must be (arrangements, tests), finite."
        raise UsageError(msg)
    columns = np.ascontiguousarray(z.T)
    observed = columns[:, 0] - ROUNDING
    alone = (columns >= observed[:, None]).mean(axis=1)
    order = np.argsort(-columns[:, 0], kind="stable")
    largest = np.full(len(z), -np.inf)
    adjusted = np.empty(len(columns))
    for test in order[::-1]:
        np.maximum(largest, columns[test], out=largest)
        adjusted[test] = (largest >= observed[test]).mean()
    adjusted[order] = np.maximum.accumulate(adjusted[order])
    return alone, adjusted


def _family(call: str, p: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    values = real(p, call=call, name="p").astype(np.float64, copy=False)
    tested = np.isfinite(values)
    if np.isinf(values).any() or ((values[tested] < 0) | (values[tested] > 1)).any():
        msg = f"{call}: p-values must lie in [0, 1]; NaN marks a test not made."
        raise UsageError(msg)
    return values, tested
