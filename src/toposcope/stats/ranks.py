"""Ranks with ties at their mean, without what `scipy.stats` takes to be imported.

That import parses the docstrings of all its functions: 0.8 s of every worker that measures a cloud.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def mean_ranks(x: ArrayLike, *, axis: int | None = None) -> NDArray[np.float64]:
    """Ranks from 1, equal values at the mean of theirs: those of `scipy.stats.rankdata`, exactly.

    Parameters
    ----------
    x
        Values of any shape. Where one is NaN, all ranks along its axis are.
    axis
        Along which they are ranked; None: all together.

    Examples
    --------
    >>> mean_ranks([3.0, 1.0, 3.0]).tolist()
    [2.5, 1.0, 2.5]
    """
    values = np.asarray(x)
    values = values.ravel() if axis is None else np.moveaxis(values, axis, -1)
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    m = values.shape[-1]
    first = np.ones(values.shape, dtype=bool)
    first[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=values.size)
    mean = starts % max(m, 1) + (counts + 1) / 2
    ranks = np.empty(values.shape, dtype=np.float64)
    np.put_along_axis(ranks, order, np.repeat(mean, counts).reshape(values.shape), axis=-1)
    if values.dtype.kind == "f" and m:
        ranks[np.isnan(ordered[..., -1])] = np.nan
    return ranks if axis is None else np.moveaxis(ranks, -1, axis)
