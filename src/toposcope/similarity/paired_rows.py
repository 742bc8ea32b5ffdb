"""Two activations of the same samples: what every measure of `similarity` asks of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.inputs.arrays import read_cloud

Array = NDArray[np.float64]

FEWEST_SAMPLES = 4
"""Below this, debiased estimates do not exist and the others say nothing."""


def paired(X: ArrayLike, Y: ArrayLike, *, call: str) -> tuple[Array, Array]:
    """(n, p) and (n, q) float64 activations, or an error that names `call`.

    Raises
    ------
    UsageError
        For other shapes or different n: row i of both must be the same sample.
    TooFewSamplesError
        For n < 4.
    DegenerateCloudError
        For NaN, inf, or a layer that is the same for all samples.

    Examples
    --------
    >>> X, Y = paired(np.eye(4), [[0], [1], [2], [3]], call="example()")
    >>> X.shape, Y.shape
    ((4, 4), (4, 1))
    """
    arrays = []
    for name, values in (("X", X), ("Y", Y)):
        array = read_cloud(values, call=f"{call}, {name}").astype(np.float64)
        check_varies(array, call=f"{call}, {name}")
        arrays.append(array)
    left, right = arrays
    if len(left) != len(right):
        msg = (
            f"{call}: X has {len(left)} samples and Y {len(right)}. Row i of both must be the same "
            "sample: select the rows of the shared sample ids first."
        )
        raise UsageError(msg)
    check_count(len(left), call=call)
    return left, right


def check_varies(X: Array, *, call: str) -> None:
    """An error for a layer that is the same for all samples."""
    if (X[0] == X).all():
        msg = (
            f"{call}: all {len(X)} samples have the same activations; a constant layer has no "
            "similarity to anything. Leave it out."
        )
        raise DegenerateCloudError(msg)


def check_count(n: int, *, call: str) -> None:
    """An error for fewer than 4 samples."""
    if n < FEWEST_SAMPLES:
        msg = f"{call}: {n} samples; at least {FEWEST_SAMPLES} are needed. Pass more rows."
        raise TooFewSamplesError(msg)


def largest(X: NDArray[Any]) -> float:
    """Largest absolute value, whatever the dtype: -int8.min() would be -128."""
    return max(float(X.max()), -float(X.min()))


def medians(X: Array) -> Array:
    """Median of each column: an origin near most samples, whatever a few of them hold.

    A difference from it is off by rounding of its own size. The mean of 60 samples of which one
    is 1e10 lies 1.7e8 from all of them, and 8 of their 16 digits with it.

    Examples
    --------
    >>> medians(np.array([[0.0], [1.0], [1e300]]))
    array([1.])
    """
    middle: Array = np.median(X, axis=0)
    return middle


def within(value: float, low: float, high: float) -> float:
    """`value`, or the end of the range that rounding has carried it past.

    >>> within(1.0000000000000002, 0.0, 1.0)
    1.0
    """
    return min(max(float(value), low), high)


def centered(X: Array) -> Array:
    """`X` with column means 0 and Frobenius norm 1, for measures that ignore both.

    Examples
    --------
    >>> centered(np.array([[0.0], [2.0]])).ravel().round(4)
    array([-0.7071,  0.7071])
    """
    # Scaled before squaring: activations beyond 1e154 would overflow the norm.
    moved = X / np.abs(X).max()
    moved = moved - moved.mean(axis=0)
    moved /= np.abs(moved).max()
    unit: Array = moved / np.linalg.norm(moved)
    return unit
