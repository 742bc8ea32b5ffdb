"""Intervals for any statistic of independent units, by resampling them."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.stats.intervals import Interval, mean_interval
from toposcope.stats.units import (
    check_level,
    check_resamples,
    check_unit,
    finite,
    refuse_overlap,
)

METHODS = ("t", "bca", "percentile")


def bootstrap_interval(
    values: ArrayLike,
    *,
    statistic: Callable[..., float] | None = None,
    level: float = 0.95,
    n_resamples: int = 9999,
    method: str = "t",
    seed: int | np.random.Generator = 0,
    unit: str = "draw",
    overlap: float = 0.0,
) -> Interval:
    """Interval of a statistic over independent units.

    Parameters
    ----------
    values
        (n,) or (n, columns), one row per unit; three or more.
    statistic
        f(values) -> number; when it takes `axis`, as NumPy's own do, it is called once for all
        resamples of (n,) values. None: the mean, for (n,) values.
    level
        Coverage.
    n_resamples
        Bootstrap samples.
    method
        "t": statistic -+ Student's t with n - 1 degrees of freedom times the bootstrap standard
        error (times sqrt(n / (n - 1)), which the bootstrap is short of; for the mean it is
        `mean_interval`, without resampling). "percentile" and "bca" follow the shape of the
        bootstrap distribution and are too narrow below about 20 units, see docs/statistics.md.
    seed
        Decides the resamples.
    unit
        "draw" or "network".
    overlap
        Anything but 0 is refused: copies cannot be resampled as if they were independent.

    Examples
    --------
    >>> found = bootstrap_interval([1.0, 2.0, 3.0])
    >>> round(found.low, 3), round(found.high, 3)
    (-0.484, 4.484)

    References
    ----------
    Efron & Tibshirani, An introduction to the bootstrap, 1993, chapters 12 to 14.
    """
    call = "bootstrap_interval()"
    refuse_overlap(call, overlap)
    level = check_level(call, level)
    n_resamples = check_resamples(call, n_resamples)
    stream = parameters.rng(seed, call=call)
    unit = check_unit(call, unit)
    x = finite(call, "values", values, ndim=(1, 2))
    method = parameters.choice(method, METHODS, "method", call=call)
    if statistic is not None:
        parameters.function(statistic, "statistic", call=call)
    if len(x) < 3:
        msg = f"{call}: {len(x)} units; three or more are needed to resample them."
        raise UsageError(msg)
    if statistic is None and x.ndim == 2:
        msg = f"{call}: values has shape {x.shape}; pass statistic= to turn them into one number."
        raise UsageError(msg)
    if statistic is None and method == "t":
        return mean_interval(x, level=level, unit=unit)
    evaluate = _vectorized(np.mean if statistic is None else statistic, x.ndim, call)
    n = len(x)
    refuse_beyond_memory(
        n_resamples,
        lambda m: 16.0 * m * x.size,
        call=call,
        of="resamples",
        advice="Pass n_resamples={most}, or fewer.",
    )
    chosen = stream.integers(0, n, size=(n_resamples, n))
    observed = float(evaluate(x[None])[0])
    resampled = evaluate(x[chosen])
    if not (np.isfinite(observed) and np.isfinite(resampled).all()):
        bad = int((~np.isfinite(resampled)).sum())
        msg = (
            f"{call}: statistic is {observed}, and not finite in {bad} of {n_resamples} resamples."
        )
        raise UsageError(msg)
    if method == "t":
        from scipy.special import stdtrit

        error = float(resampled.std()) * np.sqrt(n / (n - 1))
        half = float(stdtrit(n - 1, 0.5 + level / 2)) * error
        return Interval(observed, observed - half, observed + half, level, n, unit)
    shares = np.array([0.5 - level / 2, 0.5 + level / 2])
    if method == "bca":
        left_out = np.stack([np.delete(x, i, axis=0) for i in range(n)])
        shares = _accelerated(shares, observed, resampled, evaluate(left_out))
    low, high = np.quantile(resampled, shares)
    return Interval(observed, float(low), float(high), level, n, unit)


def _vectorized(
    statistic: Callable[..., float], ndim: int, call: str
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """The statistic of each of a stack of samples."""
    try:
        takes_axis = ndim == 1 and "axis" in inspect.signature(statistic).parameters
    except (ValueError, TypeError):  # built-ins without a signature
        takes_axis = False

    def one_by_one(stack: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(
            [parameters.returned(statistic, one, name="statistic", call=call) for one in stack]
        )

    def together(stack: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.asarray(statistic(stack, axis=1), dtype=np.float64)
        return found if found.shape == (len(stack),) else one_by_one(stack)

    return together if takes_axis else one_by_one


def _accelerated(
    shares: NDArray[np.float64],
    observed: float,
    resampled: NDArray[np.float64],
    left_out: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Quantiles to read, corrected for median bias and skewness (BCa)."""
    from scipy.special import ndtr, ndtri

    m = len(resampled)
    below = ((resampled < observed).sum() + 0.5 * (resampled == observed).sum()) / m
    bias = ndtri(np.clip(below, 1 / (m + 1), m / (m + 1)))
    pull = left_out.mean() - left_out
    size = (pull**2).sum() ** 1.5
    acceleration = (pull**3).sum() / (6 * size) if size > 0 else 0.0
    z = bias + ndtri(shares)
    return np.asarray(ndtr(bias + z / (1 - acceleration * z)))
