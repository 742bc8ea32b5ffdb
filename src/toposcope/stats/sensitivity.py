"""How small a difference a design could have seen: what a missing finding is worth."""

from __future__ import annotations

from functools import lru_cache
from math import comb, floor

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.units import check_level

Array = NDArray[np.float64]

Units = int | tuple[int, int]
"""Units a side (or pairs), or the two sides where they differ."""
MOST_UNITS = 10**9
_ALL_COUNTED = 10**4
"""Units of which there are more than 9,999 arrangements in any case (2 against 10,000: 5e7)."""


def power(
    n_units: Units,
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
        Units a side, or pairs; (units of a, units of b) where the sides differ.
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
    Power of the t test at the size that a permutation test of this design can reach; 0 where even
    its smallest p-value is too large. Permutation tests of normal values were measured within 0.03
    of it for 4 to 12 units a side; of 6 pairs by 0.08 below it (docs/statistics.md).

    Examples
    --------
    >>> round(power(12, 1.5), 3)
    0.939
    >>> power(3, 100.0)  # 2 of 20 arrangements: p is never below 0.1
    0.0
    """
    call = "power()"
    effect = parameters.number(effect, "effect", call=call, low=-1e100, high=1e100)
    n_a, n_b, alpha, paired = _design(call, n_units, level, comparisons, paired)
    return _t_power(n_a, n_b, abs(effect), alpha, paired) if alpha > 0 else 0.0


def minimum_detectable(
    n_units: Units,
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
        As in `power`.
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
    spread = parameters.number(spread, "spread", call=call, low=0.0)
    power = parameters.number(power, "power", call=call, above=0.0, below=1.0)
    n_a, n_b, alpha, paired = _design(call, n_units, level, comparisons, paired)
    if alpha == 0.0:
        return float("inf")
    return spread * _detectable_effect(n_a, n_b, power, alpha, paired)


def interval_power(
    n_units: Units, effect: float, *, level: float = 0.95, within: bool = False
) -> float:
    """Probability that a whole t-interval lies beyond a bound, or within a margin.

    Parameters
    ----------
    n_units
        Units; (units of a, units of b) for the difference of two groups.
    effect
        How far the true mean lies beyond the bound, over the standard deviation of the units. With
        `within`, the margin over that deviation, for a true mean of 0.
    level
        Coverage of the two-sided interval.
    within
        Whether the interval has to lie between -margin and margin.

    Examples
    --------
    >>> round(interval_power(8, 1.156), 2), round(interval_power(8, 1.275, within=True), 2)
    (0.8, 0.8)
    """
    from scipy.special import ndtr, stdtrit

    call = "interval_power()"
    level = check_level(call, level)
    if isinstance(n_units, tuple):
        n_a, n_b = parameters.wholes(n_units, "n_units", call=call, low=2, high=MOST_UNITS)
        freedom, root = n_a + n_b - 2, np.sqrt(n_a * n_b / (n_a + n_b))
    else:
        n = parameters.whole(n_units, "n_units", call=call, low=2, high=MOST_UNITS)
        freedom, root = n - 1, np.sqrt(n)
    shift = parameters.number(effect, "effect", call=call, low=-1e100, high=1e100) * root
    edge = float(stdtrit(freedom, 0.5 + level / 2)) * _spreads(freedom)
    reached = np.asarray(ndtr(shift - edge))
    return float(np.mean(np.maximum(2 * reached - 1, 0.0) if within else reached))


def interval_detectable(
    n_units: Units, *, power: float = 0.8, level: float = 0.95, within: bool = False
) -> float:
    """Effect (or margin) in standard deviations of units for which `interval_power` is `power`."""
    from scipy.optimize import brentq

    def missing(effect: float) -> float:
        return interval_power(n_units, effect, level=level, within=within) - power

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(brentq(missing, 0.0, high, xtol=1e-10))


@lru_cache(maxsize=4096)
def _detectable_effect(n_a: int, n_b: int, wanted: float, alpha: float, paired: bool) -> float:
    """The answer for a spread of 1: it is linear in the spread, so that tables ask once."""
    from scipy.optimize import brentq

    def missing(effect: float) -> float:
        return _t_power(n_a, n_b, effect, alpha, paired) - wanted

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(brentq(missing, 0.0, high, xtol=1e-10)) if missing(0.0) < 0 else 0.0


def _design(
    call: str, n_units: Units, level: float, comparisons: int, paired: bool
) -> tuple[int, int, float, bool]:
    """Units of both sides, checked, the size of the test, and whether pairs are compared.

    The size is what a permutation test of this design really has: a multiple of its smallest p.
    """
    level = check_level(call, level)
    paired = parameters.flag(paired, "paired", call=call)
    comparisons = parameters.whole(comparisons, "comparisons", call=call, low=1, high=10**9)
    if isinstance(n_units, tuple | list) and len(n_units) == 2:
        n_a, n_b = parameters.wholes(n_units, "n_units", call=call, low=2, high=MOST_UNITS)
    else:
        n_a = n_b = parameters.whole(n_units, "n_units", call=call, low=2, high=MOST_UNITS)
    if paired and n_a != n_b:
        msg = f"{call}: n_units={n_units}: pairs have as many units on both sides. Pass {n_a}."
        raise UsageError(msg)
    alpha = (1 - level) / comparisons
    if n_a + n_b > _ALL_COUNTED:
        return n_a, n_b, alpha, paired
    total = 2**n_a if paired else comb(n_a + n_b, n_a)
    ties = 2 if paired or n_a == n_b else 1  # an arrangement and its mirror image are as extreme
    size = alpha if total > 9999 else floor(alpha * total / ties + 1e-9) * ties / total
    return n_a, n_b, size, paired


@lru_cache(maxsize=64)
def _spreads(freedom: int) -> Array:
    """Estimated over true standard deviation: the middles of 4,000 equally likely ranges."""
    from scipy.special import gammaincinv

    shares = (np.arange(4000) + 0.5) / 4000
    return np.asarray(np.sqrt(2 * gammaincinv(freedom / 2, shares) / freedom))


def _t_power(n_a: int, n_b: int, effect: float, alpha: float, paired: bool) -> float:
    """Power of the two-sided t test, averaged over the estimated spread.

    scipy.special.nctdtr gives NaN for strong effects; the average over 4,000 quantiles of the
    chi-squared distribution does not, and agrees with it to 1e-5 elsewhere.
    """
    from scipy.special import ndtr, stdtrit

    freedom = n_a - 1 if paired else n_a + n_b - 2
    shift = effect * np.sqrt(n_a if paired else n_a * n_b / (n_a + n_b))
    edge = float(stdtrit(freedom, 1 - alpha / 2)) * _spreads(freedom)
    return float(np.mean(ndtr(shift - edge) + ndtr(-shift - edge)))
