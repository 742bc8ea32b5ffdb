"""Agreement that is shown rather than assumed: two one-sided tests against a margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs.foreign import real
from toposcope.inputs.parameters import number
from toposcope.stats.units import (
    check_level,
    check_unit,
    finite,
    refuse_overlap,
    rejects,
    target_of,
)

EQUIVALENT, DIFFERENT, BOTH, UNDECIDED = "equivalent", "different", "both", "undecided"
CONSTANT = "constant"


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests.

    Parameters
    ----------
    value
        Mean difference.
    low, high
        Its interval of coverage 2 level - 1 (90 % for level 0.95): equivalent when it lies within
        the margin.
    margin
        Largest difference that counts as none, fixed beforehand.
    pvalue
        Of equivalence: the larger of the two one-sided p-values.
    p_difference
        Of the two-sided t test of no difference.
    verdict
        "equivalent", "different", "both" (a difference smaller than the margin), "undecided", or
        "constant" when all units agree exactly, where p-values are NaN.
    n
        Units.
    level
        1 - level is the size of each of the tests.
    unit
        "draw" or "network".
    """

    value: float
    low: float
    high: float
    margin: float
    pvalue: float
    p_difference: float
    verdict: str
    n: int
    level: float
    unit: str

    @property
    def target(self) -> str:
        """What the verdict speaks about."""
        return target_of(self.unit)


def tost(
    values: ArrayLike,
    margin: ArrayLike,
    *,
    level: float = 0.95,
    unit: str = "draw",
    overlap: float = 0.0,
) -> Equivalence:
    """Test whether paired differences are smaller than a margin, and whether they are there at all.

    Parameters
    ----------
    values
        (n,) paired differences, one per independent unit, two or more.
    margin
        Largest difference that counts as none, in the units of `values`, decided before looking;
        `margin_from` takes a share of the distance between layers. (n,) where the margin is itself
        measured on the units, as a multiple of their noise: then it errs as they do, and counts.
    level
        1 - level is the probability to call things equivalent that differ by the margin, at most.
    unit, overlap
        As in `permutation_test`.

    Examples
    --------
    Mean 1, standard error 1 / sqrt(3), 2 degrees of freedom: t = 9 / 0.577 to the margin.

    >>> found = tost([0.0, 1.0, 2.0], 10.0)
    >>> found.verdict, round(found.pvalue, 4), round(found.p_difference, 3)
    ('equivalent', 0.002, 0.225)

    References
    ----------
    Schuirmann, A comparison of the two one-sided tests procedure, 1987.
    """
    from scipy.special import stdtr, stdtrit

    call = "tost()"
    refuse_overlap(call, overlap)
    level = check_level(call, level)
    unit = check_unit(call, unit)
    x = finite(call, "values", values, ndim=(1,))
    if len(x) < 2:
        msg = f"{call}: one unit has no spread; pass the differences of two or more units."
        raise UsageError(msg)
    bound = real(margin, call=call, name="margin").astype(np.float64, copy=False)
    if bound.shape not in ((), x.shape) or not (np.isfinite(bound).all() and bound.mean() > 0):
        msg = (
            f"{call}: margin={margin!r} must be a positive number in the units of the differences, "
            f"or one for each of the {len(x)} units, positive in the mean."
        )
        raise UsageError(msg)
    if level <= 0.5:
        msg = f"{call}: level={level} must be above 0.5; 0.95 is usual."
        raise UsageError(msg)
    n, mean = len(x), float(x.mean())
    middle = float(bound.mean())
    if np.ptp(x) == 0.0:
        return Equivalence(mean, mean, mean, middle, np.nan, np.nan, CONSTANT, n, level, unit)
    error = float(x.std(ddof=1) / np.sqrt(n))
    if bound.ndim == 0:
        p = float(stdtr(n - 1, (abs(mean) - middle) / error))
    else:
        p = max(_below_zero(x - bound), _below_zero(-x - bound))
    p_difference = float(2 * stdtr(n - 1, -abs(mean) / error))
    half = float(stdtrit(n - 1, level)) * error
    small, there = rejects(p, level), rejects(p_difference, level)
    verdict = (BOTH if there else EQUIVALENT) if small else (DIFFERENT if there else UNDECIDED)
    return Equivalence(
        mean, mean - half, mean + half, middle, p, p_difference, verdict, n, level, unit
    )


def _below_zero(values: NDArray[np.float64]) -> float:
    """One-sided p-value of the t test that a mean is below 0."""
    from scipy.special import stdtr

    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    if error == 0.0:
        return 0.0 if values.mean() < 0 else 1.0
    return float(stdtr(len(values) - 1, values.mean() / error))


def margin_from(between_layer_distances: ArrayLike, share: float = 0.1) -> float:
    """A margin for `tost`: a share of how far neighboring layers lie apart.

    Parameters
    ----------
    between_layer_distances
        (pairs,) distances between neighboring layers, or the (layers, layers) matrix, of which the
        neighbors are taken. Take them from other data than what is tested, or fix the share first.
    share
        What counts as small, in (0, 1].

    Returns
    -------
    share times the median distance.

    Examples
    --------
    >>> round(margin_from([1.0, 2.0, 9.0], 0.1), 3)
    0.2
    """
    call = "margin_from()"
    d = finite(call, "between_layer_distances", between_layer_distances, ndim=(1, 2))
    if d.ndim == 2:
        if d.shape[0] != d.shape[1] or len(d) < 2:
            msg = f"{call}: a matrix of shape {d.shape} is not (layers, layers)."
            raise UsageError(msg)
        d = np.diagonal(d, 1)
    share = number(share, "share", call=call, above=0.0, high=1.0)
    if (d < 0).any() or np.median(d) == 0.0:
        msg = (
            f"{call}: needed are distances of 0 or more that are not mostly 0; got a least of "
            f"{d.min():.3g} and a median of {np.median(d):.3g}."
        )
        raise UsageError(msg)
    return float(share * np.median(d))
