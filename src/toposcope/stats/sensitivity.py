"""How small a difference a design could have seen: what a missing finding is worth."""

from __future__ import annotations

from math import comb

import numpy as np

from toposcope.errors import UsageError
from toposcope.stats.units import check_level


def power(
    n_units: int,
    effect: float,
    *,
    level: float = 0.95,
    paired: bool = False,
    comparisons: int = 1,
) -> float:
    """Probability that a two-sided test finds an effect that is there.

    Parameters
    ----------
    n_units
        Units a side, or pairs.
    effect
        Difference of the means over the standard deviation of the units (paired: over that of the
        differences).
    level
        1 - level is the size of the test.
    paired
        Whether pairs are compared.
    comparisons
        How many tests share that size (Bonferroni).

    Returns
    -------
    Power of the t test, which permutation tests of means share for about 6 units a side and more;
    0 where the permutation test's smallest p-value is above the size.

    Examples
    --------
    >>> round(power(12, 1.5), 3)
    0.939
    >>> power(3, 100.0)  # 2 of 20 arrangements: p is never below 0.1
    0.0
    """
    alpha = _size("power()", n_units, level, comparisons)
    if not np.isfinite(effect):
        msg = f"power(): effect={effect} must be a finite number of standard deviations."
        raise UsageError(msg)
    if _smallest_p(n_units, paired) > alpha:
        return 0.0
    return _t_power(n_units, abs(effect), alpha, paired)


def minimum_detectable(
    n_units: int,
    spread: float,
    *,
    power: float = 0.8,
    level: float = 0.95,
    paired: bool = False,
    comparisons: int = 1,
) -> float:
    """Smallest difference of means that this design finds with the given power.

    Parameters
    ----------
    n_units
        Units a side, or pairs.
    spread
        Standard deviation of the units within a side (paired: of the differences).
    power
        Probability to find it.
    level, paired, comparisons
        As in `power`.

    Returns
    -------
    A difference in the units of `spread`; inf when the design cannot find anything.

    Examples
    --------
    >>> round(minimum_detectable(12, 1.0), 2)
    1.2
    """
    call = "minimum_detectable()"
    if not (np.isfinite(spread) and spread >= 0 and 0.0 < power < 1.0):
        msg = f"{call}: spread={spread} must be 0 or more, and power={power} in (0, 1)."
        raise UsageError(msg)
    alpha = _size(call, n_units, level, comparisons)
    if _smallest_p(n_units, paired) > alpha:
        return float("inf")
    low, high = 0.0, 1.0
    while _t_power(n_units, high, alpha, paired) < power:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        reached = _t_power(n_units, middle, alpha, paired) >= power
        low, high = (low, middle) if reached else (middle, high)
    return float(high * spread)


def _t_power(n_units: int, effect: float, alpha: float, paired: bool) -> float:
    from scipy.special import nctdtr, stdtrit

    freedom = n_units - 1 if paired else 2 * n_units - 2
    shift = effect * np.sqrt(n_units if paired else n_units / 2)
    edge = float(stdtrit(freedom, 1 - alpha / 2))
    return float(1 - nctdtr(freedom, shift, edge) + nctdtr(freedom, shift, -edge))


def _size(call: str, n_units: int, level: float, comparisons: int) -> float:
    check_level(call, level)
    if n_units < 2 or comparisons < 1:
        msg = f"{call}: needed are n_units >= 2 and comparisons >= 1; got {n_units}, {comparisons}."
        raise UsageError(msg)
    return (1 - level) / comparisons


def _smallest_p(n_units: int, paired: bool) -> float:
    return 2 / (2**n_units if paired else comb(2 * n_units, n_units))
