"""Curves of Betti numbers over depth, and how far apart they are: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toposcope.studies.verdicts import jackknife
from toposcope.transfer import theta

Array = NDArray[np.float64]
PLACES = 16
"""Relative depths at which curves of networks of any depth are compared."""


def shape(omega: Array) -> Array:
    """(..., 16) curves of unit length over relative depth of (..., layers) numbers.

    Unit length, as the authors' score takes it: how many images or voxels there are is gone, and
    what is left is where the numbers lie. Linear between layers; a curve of zeros stays.

    >>> shape(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]))[:, :2].tolist()
    [[0.25, 0.25], [0.0, 0.0]]
    """
    curve = _interpolated(omega)
    length = np.sqrt((curve**2).sum(axis=-1, keepdims=True))
    return np.asarray(np.divide(curve, length, out=np.zeros_like(curve), where=length > 0))


def log_shape(omega: Array) -> Array:
    """(..., 16) logarithms of 1 + numbers over relative depth, less their mean."""
    curve = _interpolated(np.log1p(omega))
    return np.asarray(curve - curve.mean(axis=-1, keepdims=True))


def theta_of(omega: Array) -> Array:
    """(..., 1) the score theta of the paper, of (..., layers) numbers; 0 where all are 0.

    NaN for less than four layers, which hold no polynomial of degree 3.
    """
    if omega.shape[-1] < 4:
        return np.full((*omega.shape[:-1], 1), np.nan)
    rows = omega.reshape(-1, omega.shape[-1])
    made = [theta(row[:, None]) if row.any() else 0.0 for row in rows]
    return np.array(made).reshape(*omega.shape[:-1], 1)


def _interpolated(omega: Array) -> Array:
    layers = omega.shape[-1]
    where = np.linspace(0, layers - 1, PLACES)
    low = np.minimum(where.astype(np.intp), layers - 2)
    part = where - low
    return np.asarray((1 - part) * omega[..., low] + part * omega[..., low + 1])


def apart(a: Array, b: Array) -> Array:
    """(n, n) distances of every curve of a to every one of b, both (n, conditions, places).

    Means over conditions.
    """
    out = np.zeros((len(a), len(b)))
    for one, other in zip(np.moveaxis(a, 1, 0), np.moveaxis(b, 1, 0), strict=True):
        out += np.sqrt(((one[:, None] - other[None]) ** 2).sum(axis=-1))
    return np.asarray(out / a.shape[1], dtype=np.float64)


def within_over_between(moved: Array, between: Array, cross: NDArray[np.bool_]) -> Array:
    """(n,) pseudo-values of the mean own distance over the mean distance of other architectures.

    A network that is left out is left out of both, so that networks, not pairs of them, are the
    units.

    Parameters
    ----------
    moved
        (n, n) from the curve of a network to a changed curve of another; its own on the diagonal.
    between, cross
        (n, n) between curves, and which of those are of other architectures.

    >>> one = np.array([[0.1, 0.9], [0.9, 0.1]])
    >>> two = np.kron(one, np.ones((2, 2)))
    >>> cross = two > 0.5
    >>> within_over_between(0.5 * np.eye(4), two, cross).round(2).tolist()
    [0.56, 0.56, 0.56, 0.56]
    """

    def ratio(rows: NDArray[np.intp]) -> float:
        pairs = np.ix_(rows, rows)
        other = between[pairs][cross[pairs]]
        return float(moved[rows, rows].mean() / other.mean()) if other.sum() > 0 else np.nan

    return np.asarray(jackknife(_checked(ratio), np.arange(len(moved))), dtype=np.float64)


def _checked(
    ratio: Callable[[NDArray[np.intp]], float],
) -> Callable[[Array], float]:
    """Rows of `jackknife` are places, whole numbers."""
    return lambda rows: ratio(np.asarray(rows, dtype=np.intp))


def exchanged(moved: Array, between: Array, cross: NDArray[np.bool_], arrangements: int) -> Array:
    """(arrangements,) the same ratio where every network has the changed curve of another one."""
    rng = np.random.default_rng(0)
    n = len(moved)
    orders = rng.permuted(np.tile(np.arange(n), (arrangements, 1)), axis=1)
    return np.asarray(moved[np.arange(n), orders].mean(axis=1) / between[cross].mean())
