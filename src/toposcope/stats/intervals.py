"""Intervals of stated coverage: of a mean over units, of a difference, of a share.

The unit is a replicate (a disjoint draw of samples) or a trained network, see units.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.units import check_level, check_unit, finite, target_of


@dataclass(frozen=True)
class Interval:
    """A number over units with its confidence interval.

    Parameters
    ----------
    value
        Mean (or other statistic) over the units.
    low, high
        Ends of the interval; NaN when one unit only.
    level
        Nominal coverage.
    n
        Number of units.
    unit
        "draw" or "network", see `target_of`.
    """

    value: float
    low: float
    high: float
    level: float
    n: int
    unit: str = "draw"

    @property
    def target(self) -> str:
        """What the interval speaks about."""
        return target_of(self.unit)

    @property
    def half(self) -> float:
        """Half the width."""
        return (self.high - self.low) / 2


def agreeing(value: float, low: float, high: float, *, rejects: bool) -> tuple[float, float]:
    """Ends of an interval that includes 0 exactly where a test of 0 does not reject it.

    An interval that assumes normal units and an exact test are two procedures: with few units one
    of them excludes 0 where the other does not. Here the test decides about 0 and the interval
    about the rest, as in intervals that belong to stepwise tests: an interval that reaches over 0
    beside a rejection ends at 0 (an open end), and one that leaves out 0 beside none is extended
    to it (a closed end). Where 0 is true, it is left out exactly as often as the test rejects.

    Parameters
    ----------
    value, low, high
        The estimate and its interval; ends that are not finite stay as they are.
    rejects
        Whether the test rejects 0.

    Examples
    --------
    >>> agreeing(6.4, -0.8, 13.7, rejects=True), agreeing(6.4, 0.8, 13.7, rejects=False)
    ((0.0, 13.7), (0.0, 13.7))
    >>> agreeing(-6.4, -12.0, -0.8, rejects=True)
    (-12.0, -0.8)

    References
    ----------
    Guilbaud, Simultaneous confidence regions corresponding to Holm's step-down procedure,
    Biometrical Journal 2008.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return low, high
    if (low <= 0 <= high) == (not rejects) or value == 0:
        return low, high
    return (0.0, high) if value > 0 else (low, 0.0)


def mean_interval(
    values: NDArray[np.float64],
    *,
    level: float = 0.95,
    overlap: float = 0.0,
    comparisons: int = 1,
    unit: str = "draw",
) -> Interval:
    """Student-t interval for the mean over replicates.

    Parameters
    ----------
    values
        (R,) one finite value per replicate.
    level
        Coverage of the interval; with `comparisons`, of all of them together (Bonferroni).
    overlap
        rho = points / n for draws that share samples: the variance of the mean is then
        s^2 / (1 - rho) (1/R + rho (R-1)/R), since overlapping draws are correlated by rho.
        0 for disjoint draws.
    comparisons
        How many intervals are looked at together.
    unit
        "draw" or "network".

    Returns
    -------
    The interval; its ends are NaN for R = 1, where a spread is not defined.

    Notes
    -----
    Simulated coverage at level 0.95 with R = 8 disjoint draws (tests/unit/stats/test_stats.py):
    0.95 for a normal statistic, 0.93 or more for total lifespans and maxima of Rips diagrams.

    Examples
    --------
    >>> x = mean_interval(np.array([1.0, 2.0, 3.0]))
    >>> x.value, round(x.low, 3), round(x.high, 3)  # 2 -+ 4.303 / sqrt(3)
    (2.0, -0.484, 4.484)

    References
    ----------
    Nadeau & Bengio, Inference for the generalization error, 2003 (the overlap correction).
    """
    call = "mean_interval()"
    values = finite(call, "values", values, ndim=(1,))
    unit, level, overlap, comparisons = _terms(call, unit, level, overlap, comparisons)
    ((mean,), (half,)) = means_and_halves(
        values[None], level=level, overlap=overlap, comparisons=comparisons
    ).tolist()
    return Interval(mean, mean - half, mean + half, level, len(values), unit)


def means_and_halves(
    values: NDArray[np.float64], *, level: float, overlap: float = 0.0, comparisons: int = 1
) -> NDArray[np.float64]:
    """(2, k) means of many rows and the half widths of their intervals, as `mean_interval`.

    Parameters
    ----------
    values
        (k, R) finite values, each row on its own.
    level, overlap, comparisons
        As in `mean_interval`; checked there.

    Examples
    --------
    >>> means_and_halves(np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]]), level=0.95).round(3).tolist()
    [[2.0, 4.0], [2.484, 0.0]]
    """
    from scipy.special import stdtrit

    means, count = values.mean(axis=1), values.shape[1]
    if count == 1:
        return np.stack([means, np.full_like(means, np.nan)])
    variances = values.var(axis=1, ddof=1) / (1.0 - overlap)
    variances = variances * (1.0 + overlap * (count - 1)) / count
    tail = (1.0 - level) / (2 * comparisons)
    return np.stack([means, stdtrit(count - 1, 1.0 - tail) * np.sqrt(variances)])


def linearized(
    values: NDArray[np.float64], shares: NDArray[np.float64], *, power: float = 1.0
) -> NDArray[np.float64]:
    """Numbers over an estimated scale, with the error of the scale in their spread.

    Parameters
    ----------
    values
        (R,) numbers by draw, each over the same scale to some power, which was estimated on these
        draws; or (k, R), each row with a scale of its own.
    shares
        (R,) or (k, R), the scale as each draw alone would set it, over the scale.
    power
        1 for a length, 2 for a squared one, 0 for what has none.

    Returns
    -------
    As `values`: values - power mean(values) (shares - mean(shares)), with the same mean. Their
    spread over sqrt(R) is the standard error of mean(L) / scale^power to first order, where
    `values` alone would count the scale as known.

    Examples
    --------
    Lengths that only follow the scale of their draw have no error at all once divided by it:

    >>> linearized(np.array([0.9, 1.0, 1.1]), np.array([0.9, 1.0, 1.1])).tolist()
    [1.0, 1.0, 1.0]

    References
    ----------
    Cochran, Sampling techniques, 1977, ch. 6 (the ratio estimator).
    """
    call = "linearized()"
    values, shares = (
        finite(call, name, given, ndim=(1, 2))
        for name, given in (("values", values), ("shares", shares))
    )
    if values.shape != shares.shape:
        msg = (
            f"{call}: values of shape {values.shape} and shares of shape {shares.shape}; needed is "
            "one share for each draw."
        )
        raise UsageError(msg)
    power = parameters.number(power, "power", call=call)
    out: NDArray[np.float64] = values - power * values.mean(axis=-1, keepdims=True) * (
        shares - shares.mean(axis=-1, keepdims=True)
    )
    return out


def difference_interval(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    paired: bool = False,
    level: float = 0.95,
    overlap: float = 0.0,
    comparisons: int = 1,
    unit: str = "draw",
) -> Interval:
    """Interval for the mean of a minus the mean of b; spreads may differ (Welch).

    Parameters
    ----------
    a, b
        (n_a,), (n_b,) one finite value per unit, two or more a side.
    paired
        Unit i of a belongs to unit i of b.
    level, overlap, comparisons, unit
        As in `mean_interval`; the overlap is that of the draws inside each side.

    Returns
    -------
    The interval; its `n` is the number of pairs, or of units of the smaller side.

    Examples
    --------
    >>> x = difference_interval(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 0.0]))
    >>> x.value, round(x.low, 3), round(x.high, 3)  # the second side adds no spread: 2 -+ 2.484
    (2.0, -0.484, 4.484)

    References
    ----------
    Welch, The generalization of Student's problem, Biometrika 1947.
    """
    from scipy.special import stdtrit

    call = "difference_interval()"
    a, b = (finite(call, name, x, ndim=(1,)) for name, x in (("a", a), ("b", b)))
    unit, level, overlap, comparisons = _terms(call, unit, level, overlap, comparisons)
    paired = parameters.flag(paired, "paired", call=call)
    if paired and a.shape != b.shape:
        msg = f"difference_interval(): paired=True needs equal numbers; got {a.shape}, {b.shape}."
        raise UsageError(msg)

    def side(x: NDArray[np.float64]) -> Interval:
        return mean_interval(x, level=level, overlap=overlap, comparisons=comparisons, unit=unit)

    if paired:
        return side(a - b)
    sides = [side(a), side(b)]
    n = min(one.n for one in sides)
    value = sides[0].value - sides[1].value
    if n == 1:
        return Interval(value, np.nan, np.nan, level, 1, unit)
    tail = 1.0 - (1.0 - level) / (2 * comparisons)
    squares = [(one.half / float(stdtrit(one.n - 1, tail))) ** 2 for one in sides]
    total = sum(squares)
    if total == 0.0:
        return Interval(value, value, value, level, n, unit)
    freedom = total**2 / sum(v**2 / (s.n - 1) for v, s in zip(squares, sides, strict=True))
    half = float(stdtrit(freedom, tail) * np.sqrt(total))
    return Interval(value, value - half, value + half, level, n, unit)


def proportion_interval(share: float, n: int, *, level: float = 0.95) -> Interval:
    """Wilson interval of a share of n independent samples, such as an accuracy.

    Parameters
    ----------
    share
        Observed share, in [0, 1].
    n
        Number of samples, 1 or more.
    level
        Coverage.

    Examples
    --------
    >>> x = proportion_interval(0.5, 100)
    >>> round(x.low, 3), round(x.high, 3)
    (0.404, 0.596)

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.
    """
    from scipy.special import ndtri

    call = "proportion_interval()"
    share = parameters.number(share, "share", call=call, low=0.0, high=1.0)
    n = parameters.whole(n, "n", call=call, low=1, high=2**53)
    level = check_level(call, level)
    z = float(ndtri(0.5 + level / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, float(middle - half), float(middle + half), level, n)


def _terms(
    call: str, unit: str, level: float, overlap: float, comparisons: int
) -> tuple[str, float, float, int]:
    """What intervals of means have in common, checked."""
    return (
        check_unit(call, unit),
        check_level(call, level),
        parameters.number(overlap, "overlap", call=call, low=0.0, below=1.0),
        parameters.whole(comparisons, "comparisons", call=call, low=1, high=10**9),
    )
