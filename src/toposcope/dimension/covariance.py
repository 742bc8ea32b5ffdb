"""How many directions a cloud uses, by its covariance, and how long its points are.

Plain numbers that describe the cloud as it is, without an interval.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.memory import refuse_beyond_memory


def covariance_eigenvalues(X: ArrayLike) -> NDArray[np.float64]:
    """(min(n, d),) eigenvalues of the sample covariance, decreasing, scaled to sum 1."""
    return _eigenvalues(X, "covariance_eigenvalues()")


def _eigenvalues(X: ArrayLike, call: str) -> NDArray[np.float64]:
    points = read_cloud(X, call=call).astype(np.float64)
    refuse_beyond_memory(
        min(points.shape),
        lambda m: 24.0 * m * m,
        call=call,
        of="points or features, whichever are fewer,",
        advice="Pass {most} of the points.",
    )
    points = points - points.mean(axis=0)
    largest = float(np.abs(points).max())
    if largest == 0:
        msg = (
            f"{call}: all {len(points)} points are equal; a covariance needs at "
            "least two distinct points."
        )
        raise DegenerateCloudError(msg)
    points /= largest
    # The n x n Gram matrix has the same non-zero eigenvalues and is smaller when d > n.
    wide = points.shape[1] > points.shape[0]
    values = np.linalg.eigvalsh(points @ points.T if wide else points.T @ points)
    values = np.clip(values[::-1], 0.0, None)
    result: NDArray[np.float64] = values / values.sum()
    return result


def effective_rank(X: ArrayLike) -> float:
    """Exponential of the entropy of the shares of variance: number of directions in use.

    Shares are eigenvalues of the covariance (Roy and Vetterli 2007 take singular values).

    Examples
    --------
    Variance in two directions, shared equally:

    >>> round(effective_rank([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), 9)
    2.0
    """
    share = _eigenvalues(X, "effective_rank()")
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def participation_ratio(X: ArrayLike) -> float:
    """(Sum of eigenvalues) ** 2 / sum of squared eigenvalues of the covariance.

    Examples
    --------
    >>> round(participation_ratio([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), 9)
    2.0
    """
    return float(1.0 / (_eigenvalues(X, "participation_ratio()") ** 2).sum())


def activation_norm(X: ArrayLike) -> float:
    """Mean Euclidean norm of the points (rows), in the units of the activations.

    Examples
    --------
    >>> activation_norm([[3.0, 4.0], [0.0, 1.0]])
    3.0
    """
    points = read_cloud(X, call="activation_norm()").astype(np.float64)
    with np.errstate(over="ignore", under="ignore"):
        norm = float(np.linalg.norm(points, axis=1).mean())
    if 1e-140 < norm < 1e140:
        return norm
    # Squares that over- or underflow: in units of the largest number.
    unit = float(np.abs(points).max())
    scaled = float(np.linalg.norm(points / unit, axis=1).mean()) if unit else 0.0
    if math.isinf(unit * scaled):
        msg = (
            f"activation_norm(): the norm of points up to {unit:g} is beyond float64. Divide the "
            "activations by a unit first."
        )
        raise DegenerateCloudError(msg)
    return unit * scaled
