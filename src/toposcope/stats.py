"""Intervals of stated coverage, and effects that survive having been picked out.

The unit is a replicate: a disjoint draw of samples. The target of inference is therefore "this
network over data": how much a number would change on other samples, not on other trainings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError


@dataclass(frozen=True)
class Interval:
    """A mean over units with its confidence interval.

    Parameters
    ----------
    value
        Mean over the units.
    low, high
        Ends of the interval; NaN when one unit only.
    level
        Nominal coverage.
    n
        Number of units.
    """

    value: float
    low: float
    high: float
    level: float
    n: int


def mean_interval(
    values: NDArray[np.float64],
    *,
    level: float = 0.95,
    overlap: float = 0.0,
    comparisons: int = 1,
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

    Returns
    -------
    The interval; its ends are NaN for R = 1, where a spread is not defined.

    Notes
    -----
    Simulated coverage at level 0.95 with R = 8 disjoint draws (tests/unit/test_stats.py): 0.95 for
    a normal statistic, 0.93 or more for total lifespans and maxima of Rips diagrams.

    Examples
    --------
    >>> x = mean_interval(np.array([1.0, 2.0, 3.0]))
    >>> x.value, round(x.low, 3), round(x.high, 3)  # 2 -+ 4.303 / sqrt(3)
    (2.0, -0.484, 4.484)

    References
    ----------
    Nadeau & Bengio, Inference for the generalization error, 2003 (the overlap correction).
    """
    from scipy.special import stdtrit

    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        msg = f"mean_interval(): needed are (R,) finite values, got {values!r}."
        raise UsageError(msg)
    if not (0.0 < level < 1.0 and 0.0 <= overlap < 1.0 and comparisons >= 1):
        msg = (
            f"mean_interval(): level={level} and overlap={overlap} must lie in (0, 1) and [0, 1), "
            f"comparisons={comparisons} must be 1 or more."
        )
        raise UsageError(msg)
    count = len(values)
    mean = float(values.mean())
    if count == 1:
        return Interval(mean, np.nan, np.nan, level, 1)
    variance = values.var(ddof=1) / (1.0 - overlap) * (1.0 + overlap * (count - 1)) / count
    tail = (1.0 - level) / (2 * comparisons)
    half = float(stdtrit(count - 1, 1.0 - tail) * np.sqrt(variance))
    return Interval(mean, mean - half, mean + half, level, count)


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

    if n < 1 or not 0.0 <= share <= 1.0:
        msg = f"proportion_interval(): needed are a share in [0, 1] and n >= 1; got {share}, {n}."
        raise UsageError(msg)
    z = float(ndtri(0.5 + level / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, float(middle - half), float(middle + half), level, n)


@dataclass(frozen=True)
class Contrast:
    """One comparison that somebody looks at: the same statistic on the same draws, here and there.

    Parameters
    ----------
    where
        What is compared, in words: "vit block 3: trained against untrained".
    statistic, homology_dimension
        Which number.
    before, after
        (R,) values on the same replicates, all positive for a relative change to be defined.
    overlap
        As in `mean_interval`.
    """

    where: str
    statistic: str
    homology_dimension: int | None
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    overlap: float = 0.0


@dataclass(frozen=True)
class Effect:
    """A relative change with an interval that holds for all the comparisons looked at.

    Parameters
    ----------
    where, statistic, homology_dimension
        What changed.
    change, low, high
        after / before - 1 (geometric mean over replicates) and its simultaneous interval.
    looked_at
        Number of comparisons the interval is corrected for.
    level
        Coverage of all intervals together.
    n
        Number of replicates.
    text
        The effect as a sentence.
    """

    where: str
    statistic: str
    homology_dimension: int | None
    change: float
    low: float
    high: float
    looked_at: int
    level: float
    n: int
    text: str


def effects(contrasts: Sequence[Contrast], *, level: float = 0.95) -> list[Effect]:
    """Paired relative changes, largest first, corrected for how many were looked at.

    Parameters
    ----------
    contrasts
        Every comparison that was looked at, the dull ones included: their number is the correction.
        Contrasts without a defined relative change (a value that is not positive, one replicate)
        still count, and are left out of the result.
    level
        Probability that all intervals hold together (Bonferroni over the contrasts).

    Returns
    -------
    Effects sorted by the end of their interval nearest to no change (in log ratio), so that a large
    but uncertain change does not outrank a sure one.

    Examples
    --------
    >>> one = Contrast("block 2 against 1", "lifespan_sum", 0,
    ...                np.array([1.0, 1.1, 0.9, 1.0]), np.array([2.0, 2.2, 1.8, 2.0]))
    >>> effects([one])[0].text
    'block 2 against 1: H0 lifespan_sum +100 % [+100 %, +100 %]'
    """
    found = []
    for contrast in contrasts:
        both = np.concatenate([contrast.before, contrast.after])
        if len(contrast.before) < 2 or not (np.isfinite(both).all() and (both > 0).all()):
            continue
        ratio = np.log(contrast.after / contrast.before)
        log = mean_interval(
            ratio, level=level, overlap=contrast.overlap, comparisons=len(contrasts)
        )
        with np.errstate(over="ignore"):  # an interval without an upper end: inf says so
            change, low, high = np.expm1([log.value, log.low, log.high])
        degree = "" if contrast.homology_dimension is None else f"H{contrast.homology_dimension} "
        shown = f"{percent(change)} [{percent(low)}, {percent(high)}]"
        sure = max(log.low, -log.high, 0.0)
        effect = Effect(
            contrast.where,
            contrast.statistic,
            contrast.homology_dimension,
            float(change),
            float(low),
            float(high),
            len(contrasts),
            level,
            log.n,
            f"{contrast.where}: {degree}{contrast.statistic} {shown}",
        )
        found.append(((sure, abs(log.value)), effect))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [effect for _, effect in found]


def percent(change: float) -> str:
    """A relative change as people write it: -35 %, +0.4 %, x12 for more than tenfold."""
    if np.isinf(change):
        return "∞"
    if change >= 9.0:
        return f"x{change + 1:.3g}"
    size = abs(100 * change)
    digits = 0 if size >= 9.95 else 1
    return f"{100 * change:+.{digits}f} %"
