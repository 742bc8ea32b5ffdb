"""Many tests at once: which of them still stand when all that were made are counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError


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
    values = np.asarray(p, dtype=np.float64)
    tested = np.isfinite(values)
    if np.isinf(values).any() or ((values[tested] < 0) | (values[tested] > 1)).any():
        msg = "benjamini_hochberg(): p-values must lie in [0, 1]; NaN marks a test not made."
        raise UsageError(msg)
    family = values[tested]
    order = np.argsort(family)[::-1]
    ranks = np.arange(len(family), 0, -1)
    q = np.empty_like(family)
    q[order] = np.minimum.accumulate(np.minimum(family[order] * len(family) / ranks, 1.0))
    out = np.full_like(values, np.nan)
    out[tested] = q
    return out
