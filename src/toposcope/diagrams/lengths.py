"""Statistics of the lengths of a diagram, where powers neither over- nor underflow in silence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError

# Sums of powers below this have lost digits to underflow.
VANISHING = 1e-280


def entropy_of(lengths: NDArray[np.float64]) -> float:
    """Entropy of the shares of lengths; nan where none is positive.

    >>> entropy_of(np.array([2.0])), entropy_of(np.array([]))
    (0.0, nan)
    """
    positive = lengths[lengths > 0]  # p log p -> 0
    if not len(positive):
        return math.nan
    total = positive.sum()
    if math.isinf(total):
        positive = positive / positive.max()
        total = positive.sum()
    share = positive / total
    return max(0.0, float(-(share * np.log(share)).sum()))


def landscape_norm_of(lengths: NDArray[np.float64], order: float) -> float:
    """Norm of the landscape of bars, wherever its powers lie.

    >>> round(landscape_norm_of(np.array([0.1, 0.25]), 400), 3)
    0.123
    """
    half = lengths / 2
    largest = float(half.max(initial=0.0))
    if math.isinf(order) or not largest:
        return largest
    with np.errstate(over="ignore", under="ignore"):
        total = float((half ** (order + 1)).sum())
        if VANISHING < total < math.inf:
            return float((2 / (order + 1) * total) ** (1 / order))
        # Powers that over- or underflow where their root does not: in units of the largest.
        total = float(((half / largest) ** (order + 1)).sum())
        return float(
            (2 / (order + 1) * total) ** (1 / order) * np.float64(largest) ** (1 + 1 / order)
        )


def sum_of_powers(lengths: NDArray[np.float64], power: float, name: str, call: str) -> float:
    """Sum of lengths ** power, or a refusal that names `name` and `call`.

    >>> sum_of_powers(np.array([1.0, 2.0]), 2.0, "alpha", "lifespan_sum()")
    5.0
    """
    with np.errstate(over="ignore", under="ignore"):
        return held(float((lengths**power).sum()), lengths, name, power, call)


def held(value: float, lengths: NDArray[np.float64], name: str, power: float, call: str) -> float:
    """The value, unless it over- or underflows."""
    longest = float(lengths.max(initial=0.0))
    if longest and not VANISHING < value < math.inf and power:
        what = "overflows" if value > 1 else "vanishes"
        msg = (
            f"{call}: with {name}={power:g} the result {what} in float64 (bars are up to "
            f"{longest:g} long). Pass a smaller {name}, or divide the pairs by a unit first."
        )
        raise UsageError(msg)
    return value


def mean_of(lengths: NDArray[np.float64]) -> float:
    """Mean length; nan for none.

    >>> mean_of(np.array([1e308, 1.5e308]))
    1.25e+308
    """
    if not len(lengths):
        return math.nan
    with np.errstate(over="ignore"):
        mean = float(lengths.mean())
    return mean if math.isfinite(mean) else float((lengths / len(lengths)).sum())


def statistics_of(
    lengths: NDArray[np.float64], names: Sequence[str] | None = None
) -> dict[str, float]:
    """The statistics of lengths, or some; nan for one that float64 cannot hold.

    >>> statistics_of(np.array([1.0, 3.0]), ["lifespan_sum"])
    {'lifespan_sum': 4.0}
    """
    longest = float(lengths.max(initial=0.0))
    with np.errstate(over="ignore", under="ignore"):
        wanted = OF_LENGTHS if names is None else names
        values = {name: OF_LENGTHS[name](lengths) for name in wanted}
    if longest and not 1e-90 < longest < 1e90:
        for name in {"lifespan_sum", "total_persistence", "landscape_norm"} & values.keys():
            if not VANISHING < values[name] < math.inf:
                values[name] = math.nan
    return values


def normalized_entropy_of(lengths: NDArray[np.float64]) -> float:
    """Entropy over its maximum; nan for fewer than two lengths.

    >>> normalized_entropy_of(np.array([1.0]))
    nan
    """
    return entropy_of(lengths) / math.log(len(lengths)) if len(lengths) > 1 else math.nan


OF_LENGTHS: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "n_pairs": lambda lengths: float(len(lengths)),
    "lifespan_sum": lambda lengths: float(lengths.sum()),
    "mean_persistence": mean_of,
    "max_persistence": lambda lengths: float(lengths.max(initial=0.0)),
    "total_persistence": lambda lengths: float(lengths @ lengths),
    "persistence_entropy": entropy_of,
    "normalized_entropy": normalized_entropy_of,
    "landscape_norm": lambda lengths: landscape_norm_of(lengths, 2),
}
