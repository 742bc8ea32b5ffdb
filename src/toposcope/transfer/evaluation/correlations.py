"""Agreement of scores with accuracies, for many resamples at once: four correlations as arrays.

Each function takes (..., M) arrays, M candidates, and returns (...). A correlation is nan where one
side is constant. Larger x must mean "recommended more".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toposcope.stats.ranks import mean_ranks

Array = NDArray[np.float64]
Correlation = Callable[[Array, Array], Array]


def pearson(x: Array, y: Array) -> Array:
    """Linear correlation.

    >>> float(pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])).round(9))
    1.0
    """
    # Scaled first: the square of 1e-170 is 0.
    x, y = (_scaled(v - v.mean(axis=-1, keepdims=True)) for v in (x, y))
    return _ratio((x * y).sum(axis=-1), (x * x).sum(axis=-1) * (y * y).sum(axis=-1))


def spearman(x: Array, y: Array) -> Array:
    """Correlation of ranks, ties with their mean rank."""
    return pearson(mean_ranks(x, axis=-1), mean_ranks(y, axis=-1))


def kendall(x: Array, y: Array) -> Array:
    """Kendall's tau-b: pairs in the same order less pairs in opposite order, ties allowed for.

    >>> float(kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])).round(9))
    0.333333333
    """
    a, b = _signs(x), _signs(y)
    return _weighted(a, b, np.ones(()))


def weighted_tau(x: Array, y: Array) -> Array:
    """Kendall's tau with pairs weighted 1 / rank + 1 / rank, `scipy.stats.weightedtau`'s default.

    The mean of the values with ranks by x and by y, the largest first: exchanges among the best
    candidates count most.
    """
    a, b = _signs(x), _signs(y)
    first = _weighted(a, b, _pair_weights(x, y))
    return (first + _weighted(a, b, _pair_weights(y, x))) / 2


CORRELATIONS: dict[str, Correlation] = {
    "pearson": pearson,
    "spearman": spearman,
    "kendall": kendall,
    "weighted_tau": weighted_tau,
}
"""Every correlation by name."""


def _scaled(values: Array) -> Array:
    largest = np.abs(values).max(axis=-1, keepdims=True)
    scaled: Array = np.divide(values, largest, out=np.zeros_like(values), where=largest > 0)
    return scaled


def _signs(values: Array) -> Array:
    return np.sign(values[..., :, None] - values[..., None, :])


def _pair_weights(first: Array, second: Array) -> Array:
    """(..., M, M) sums of 1 / rank; ranks fall with the first values, then with the second."""
    order = np.lexsort((second, first), axis=-1)[..., ::-1]
    ranks = np.empty(order.shape)
    np.put_along_axis(
        ranks, order, np.broadcast_to(np.arange(1.0, order.shape[-1] + 1), order.shape), axis=-1
    )
    weights: Array = 1 / ranks[..., :, None] + 1 / ranks[..., None, :]
    return weights


def _weighted(a: Array, b: Array, weights: Array) -> Array:
    pairs = (-2, -1)
    same = (weights * a * b).sum(axis=pairs)
    return _ratio(same, (weights * a * a).sum(axis=pairs) * (weights * b * b).sum(axis=pairs))


def _ratio(top: Array, squares: Array) -> Array:
    below = np.sqrt(squares)
    out = np.full(np.shape(top), np.nan)
    return np.asarray(np.divide(top, below, out=out, where=below > 0))
