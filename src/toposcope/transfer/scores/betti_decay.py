"""Topological scores from how Betti numbers change over depth.

The input is what cubical homology says of feature volumes: the mean Betti numbers of every block,
averaged over images. Which images, threshold and construction made them is the caller's to say
(`toposcope.homology.betti_numbers` computes them); here they are numbers over depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_values
from toposcope.inputs.foreign import real

DepthAxis = Literal["index", "relative"]
WEIGHT_OF_HIGHER_TERMS = 0.5
"""The fixed linear form of the published score: c1 + 0.5 c2 + 0.5 c3."""


def theta(
    betti: ArrayLike,
    *,
    degree: int = 3,
    ridge: float = 1e-3,
    depth: DepthAxis = "index",
    homology_dimensions: Sequence[int] | None = None,
    voxels: ArrayLike | None = None,
) -> float:
    """Decay of Betti numbers over depth, as Suresh et al. score a network; lower is better there.

    Parameters
    ----------
    betti
        (blocks, dims) mean Betti numbers beta_0, beta_1, ... of every block, in network order.
    degree
        Degree of the polynomial fitted over depth.
    ridge
        Penalty on its coefficients; the intercept is free.
    depth
        "index": blocks count 1, 2, ..., L as in the authors' code, so that the score depends on how
        many blocks are looked at; "relative": positions 1/L, ..., 1.
    homology_dimensions
        Which columns are summed; None: all, as in the authors' code.
    voxels
        (blocks,) number of voxels of each block's volume; Betti numbers are divided by it, since
        small volumes have few features for that reason alone. None: raw counts, as published.

    Returns
    -------
    c1 + (c2 + ... + c_degree) / 2 of the ridge polynomial fitted to the summed Betti numbers,
    scaled to unit Euclidean norm over the blocks.

    Raises
    ------
    UsageError
        When the numbers are not finite, negative, or all zero.
    TooFewSamplesError
        When there are not more blocks than coefficients.

    Notes
    -----
    The channel axis is a third spatial axis here: reordering channels, which does not change what a
    network computes, changes the score. docs/results/transfer.md says how much the
    other choices matter.

    Examples
    --------
    A straight line over four blocks, (4, 3, 2, 1) / sqrt(30), fitted by a line: its slope.

    >>> line = [[4.0, 0, 0], [3.0, 0, 0], [2.0, 0, 0], [1.0, 0, 0]]
    >>> round(theta(line, degree=1, ridge=0.0), 6) == round(-1 / 30**0.5, 6)
    True

    References
    ----------
    Suresh et al., Characterizing deep neural networks through Betti numbers, arXiv 2311.04592.
    """
    coefficients = _polynomial(betti, degree, ridge, depth, homology_dimensions, voxels, "theta()")
    return float(coefficients[1] + WEIGHT_OF_HIGHER_TERMS * coefficients[2:].sum())


def decay_polynomial(
    betti: ArrayLike,
    *,
    degree: int = 3,
    ridge: float = 1e-3,
    depth: DepthAxis = "index",
    homology_dimensions: Sequence[int] | None = None,
    voxels: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """(degree + 1,) coefficients of the polynomial behind `theta`, the intercept first.

    Parameters are those of `theta`.

    Examples
    --------
    >>> decay_polynomial([[2.0], [1.0], [0.0]], degree=1, ridge=0.0).round(3)
    array([ 1.342, -0.447])
    """
    call = "decay_polynomial()"
    return _polynomial(betti, degree, ridge, depth, homology_dimensions, voxels, call)


def _polynomial(
    betti: ArrayLike,
    degree: int,
    ridge: float,
    depth: DepthAxis,
    homology_dimensions: Sequence[int] | None,
    voxels: ArrayLike | None,
    call: str,
) -> NDArray[np.float64]:
    curve = _unit_curve(_betti(betti, call), homology_dimensions, voxels, call)
    degree = parameters.whole(degree, "degree", call=call, low=1)
    ridge = parameters.number(ridge, "ridge", call=call, low=0.0)
    if len(curve) <= degree:
        msg = (
            f"{call}: {len(curve)} blocks cannot hold a polynomial of degree {degree}; capture "
            f"{degree + 1} blocks or more, or pass a smaller degree."
        )
        raise TooFewSamplesError(msg)
    parameters.choice(depth, ("index", "relative"), "depth", call=call)
    x = np.arange(1.0, len(curve) + 1)
    if depth == "relative":
        x /= len(curve)
    powers = x[:, None] ** np.arange(1, degree + 1)
    middle = powers.mean(axis=0)
    centered = powers - middle
    # As one least-squares problem: normal equations of x^3 up to 53 lose half of the digits.
    rows = np.vstack([centered, np.sqrt(ridge) * np.eye(degree)])
    target = np.concatenate([curve - curve.mean(), np.zeros(degree)])
    slopes, *_ = np.linalg.lstsq(rows, target, rcond=None)
    return np.concatenate([[curve.mean() - middle @ slopes], slopes])


def lifetime_score(mean_lifetimes: ArrayLike) -> float:
    """The sequel's tau: 1 / mean over layers of total lifetime / number of bars; higher is better.

    Parameters
    ----------
    mean_lifetimes
        (layers,) total lifetime of a layer's Rips diagrams divided by the number of bars, the
        essential class counted with length 0, as in the authors' code.

    Notes
    -----
    Not scale-free: a network with smaller activations scores higher. Normalize the clouds.

    Examples
    --------
    >>> lifetime_score([0.5, 0.25, 0.25])
    3.0

    References
    ----------
    Suresh et al., Topological persistence of the embedding space of the archetypal subspace,
    IEEE J. Sel. Top. Signal Process. 2025.
    """
    values = read_values(mean_lifetimes, "mean_lifetimes", call="lifetime_score()")
    if (values < 0).any():
        msg = f"lifetime_score(): needed are values of 0 or more; the least is {values.min():g}."
        raise UsageError(msg)
    if values.mean() == 0:
        msg = "lifetime_score(): every bar has length 0; the score 1 / 0 is not defined."
        raise UsageError(msg)
    return float(1 / values.mean())


def _betti(betti: ArrayLike, call: str) -> NDArray[np.float64]:
    values = real(betti, call=call, name="betti").astype(np.float64, copy=False)
    if values.ndim != 2 or 0 in values.shape:
        msg = (
            f"{call}: betti has shape {values.shape}; needed are (blocks, dims) mean Betti "
            "numbers, one row per block."
        )
        raise UsageError(msg)
    if not np.isfinite(values).all() or (values < 0).any():
        msg = f"{call}: Betti numbers must be finite and not negative; leave out broken blocks."
        raise UsageError(msg)
    return values


def _unit_curve(
    betti: NDArray[np.float64],
    homology_dimensions: Sequence[int] | None,
    voxels: ArrayLike | None,
    call: str,
) -> NDArray[np.float64]:
    """(blocks,) summed Betti numbers with Euclidean norm 1."""
    dims = range(betti.shape[1]) if homology_dimensions is None else homology_dimensions
    columns = list(parameters.degrees(dims, call=call))
    if max(columns) >= betti.shape[1]:
        msg = (
            f"{call}: homology_dimensions={columns} is not among 0..{betti.shape[1] - 1}, the "
            "columns of betti."
        )
        raise UsageError(msg)
    curve = betti[:, columns].sum(axis=1)
    if voxels is not None:
        sizes = read_values(voxels, "voxels", call=call)
        if sizes.shape != curve.shape or not (sizes > 0).all():
            msg = f"{call}: voxels has shape {sizes.shape}; needed is one positive size per block."
            raise UsageError(msg)
        curve = curve / sizes
    norm = np.linalg.norm(curve)
    if norm == 0:
        msg = f"{call}: every Betti number is 0, so there is no decay; try another threshold."
        raise UsageError(msg)
    return np.asarray(curve / norm)
