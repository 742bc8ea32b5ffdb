"""One unit against a population of others: is it as far away as one more of them would be?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs.parameters import number
from toposcope.stats.units import check_level, finite


@dataclass(frozen=True)
class Prediction:
    """How far one value lies from the mean of others.

    Parameters
    ----------
    value
        The value minus the mean of the others.
    low, high
        Interval of that difference: 0 lies outside where one more of the others would fall as far
        away in less than 1 - level of cases. NaN for one other.
    pvalue
        Two-sided; NaN for one other. 1 where all are equal.
    n
        Number of others.
    """

    value: float
    low: float
    high: float
    pvalue: float
    n: int


def prediction_test(
    value: float, others: ArrayLike, *, level: float = 0.95, below: float | None = None
) -> Prediction:
    """Test whether one value could be one more of others, by the t prediction interval.

    Exact where value and others are draws of one normal distribution, in logarithms with `below`.
    The spread that counts is that between the others, so it is n - 1 degrees of freedom that limit
    it: two others need to be 17 standard deviations away, five 3.0.

    Parameters
    ----------
    value
        The one, such as a trained network's mean over draws of samples.
    others
        (n,) the same number of each of the others, such as networks with fresh weights.
    level
        Coverage of the interval.
    below
        A number that none can reach or pass, 0 for positive values: distances from it are compared
        by their logarithms, which are closer to normal. None compares the values as they are.

    Raises
    ------
    UsageError
        When values lie on both sides of `below`, or on it.

    Examples
    --------
    >>> x = prediction_test(10.0, [0.0, 1.0, 2.0, 3.0, 4.0])
    >>> x.value, round(x.pvalue, 3), x.low > 0
    (8.0, 0.01, True)

    Of entropies just below their maximum, 4, one that is 0.3 below:

    >>> H = [3.97, 3.9, 3.98, 3.95, 3.99]
    >>> [round(prediction_test(3.7, H, below=b).pvalue, 3) for b in (None, 4.0)]
    [0.003, 0.078]

    References
    ----------
    Hahn & Meeker, Statistical intervals, 1991, section 4.7.
    """
    from scipy.stats import t

    call = "prediction_test()"
    value = number(value, "value", call=call)
    level = check_level(call, level)
    given = finite(call, "others", others, ndim=(1,))
    if below is not None:
        return _in_logarithms(value, given, number(below, "below", call=call), level)
    n = len(given)
    apart = float(value - given.mean())
    if n == 1:
        return Prediction(apart, np.nan, np.nan, np.nan, 1)
    error = float(given.std(ddof=1) * np.sqrt(1 + 1 / n))
    if error == 0.0:
        return Prediction(apart, apart, apart, 1.0 if apart == 0.0 else 0.0, n)
    half = float(t.ppf(0.5 + level / 2, n - 1)) * error
    p = float(2 * t.sf(abs(apart) / error, n - 1))
    return Prediction(apart, apart - half, apart + half, p, n)


def _in_logarithms(
    value: float, given: NDArray[np.float64], below: float, level: float
) -> Prediction:
    """The test of the distances from a bound, with the interval as a difference of values."""
    everything = np.array([value, *given]) - below
    if not ((everything > 0).all() or (everything < 0).all()):
        msg = (
            f"prediction_test(): below={below:g} lies among the values "
            f"({everything.min() + below:g} to {everything.max() + below:g}). Pass a number that "
            "none of them reaches, or below=None."
        )
        raise UsageError(msg)
    side = np.sign(everything[0])
    logs = np.log(np.abs(everything))
    found = prediction_test(float(logs[0]), logs[1:], level=level)
    # What the value would be apart from, were it at either end of where one more would lie.
    ends = [below + side * np.exp(logs[0] - end) for end in (found.low, found.high)]
    low, high = sorted(value - end for end in ends)
    return Prediction(float(value - given.mean()), float(low), float(high), found.pvalue, found.n)
