"""One unit against a population of others: is it as far away as one more of them would be?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

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


def prediction_test(value: float, others: ArrayLike, *, level: float = 0.95) -> Prediction:
    """Test whether one value could be one more of others, by the t prediction interval.

    Exact where value and others are draws of one normal distribution. The spread that counts is
    that between the others, so it is n - 1 degrees of freedom that limit it: two others need to be
    17 standard deviations away, five 3.0.

    Parameters
    ----------
    value
        The one, such as a trained network's mean over draws of samples.
    others
        (n,) the same number of each of the others, such as networks with fresh weights.
    level
        Coverage of the interval.

    Examples
    --------
    >>> x = prediction_test(10.0, [0.0, 1.0, 2.0, 3.0, 4.0])
    >>> x.value, round(x.pvalue, 3), x.low > 0
    (8.0, 0.01, True)

    References
    ----------
    Hahn & Meeker, Statistical intervals, 1991, section 4.7.
    """
    from scipy.stats import t

    call = "prediction_test()"
    value = number(value, "value", call=call)
    level = check_level(call, level)
    given = finite(call, "others", others, ndim=(1,))
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
