"""Canonical correlations between the spaces that two layers span: plain, SVCCA and PWCCA.

All three are blind to any invertible linear map inside the directions they keep, so they say what
could be read out linearly, not how the samples lie. They need many more samples than directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import TooFewSamplesError
from toposcope.inputs.parameters import number
from toposcope.similarity.paired_rows import centered, paired, within

Array = NDArray[np.float64]

# Directions with less than this share of the largest singular value are rounding.
_ABSENT = 1e-10


def cca(X: ArrayLike, Y: ArrayLike) -> float:
    """Mean canonical correlation between the spaces that two layers span.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample. Directions with
        less than 1e-10 of the largest singular value count as absent.

    Returns
    -------
    In [0, 1]; larger is more similar. Blind to how much variance a direction carries, and biased
    upwards unless n is many times p + q.

    Raises
    ------
    UsageError, DegenerateCloudError
        For unpaired, constant or non-finite activations.
    TooFewSamplesError
        For n <= rank + 1: the mean is 1 then, whatever the layers hold.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> round(cca(X, X @ [[1.0, 2.0], [0.0, 3.0]]), 9)
    1.0

    References
    ----------
    Kornblith et al., Similarity of neural network representations revisited, ICML 2019.
    """
    left, right = (_basis(x) for x in _centered(X, Y, "cca()"))
    _check_count(left, right, "cca()")
    return float(_correlations(left, right)[1].mean())


def svcca(X: ArrayLike, Y: ArrayLike, *, variance: float = 0.99) -> float:
    """Mean canonical correlation after each layer kept the directions of most variance.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.
    variance
        Share of each layer's variance to keep, in (0, 1]: the fewest principal directions that
        reach it. 1 is `cca`.

    Returns
    -------
    In [0, 1]; larger is more similar. The mean is over as many correlations as the layer with
    fewer kept directions has.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        As `cca`, and for a share outside (0, 1].

    Examples
    --------
    Of two directions, the one with 99.99 % of the variance is kept, and it is shared:

    >>> x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    >>> noise = np.array([1.0, -1.0, 0.0, 1.0, -1.0])
    >>> X = np.stack([100 * x, noise], axis=1)
    >>> round(svcca(X, x[:, None]), 3)
    1.0

    References
    ----------
    Raghu et al., SVCCA: singular vector canonical correlation analysis for deep learning dynamics
    and interpretability, NeurIPS 2017.
    """
    call = "svcca()"
    variance = number(variance, "variance", call=call, above=0.0, high=1.0)
    left, right = (_basis(x, variance) for x in _centered(X, Y, call))
    _check_count(left, right, call)
    return float(_correlations(left, right)[1].mean())


def pwcca(X: ArrayLike, Y: ArrayLike) -> float:
    """Mean canonical correlation weighted by how much of X each canonical direction carries.

    The weight of direction h is the sum over the units x_j of X of |<h, x_j>|, as published. It
    makes the value depend on the coordinates of X, and f(X, Y) differ from f(Y, X).

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.

    Returns
    -------
    In [0, 1]; larger is more similar.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        As `cca`.

    Examples
    --------
    Y shares the strong direction of X and has nothing of the weak one; `cca` is 0.5 here:

    >>> angle = 2 * np.pi * np.arange(12) / 12
    >>> X = np.stack([9 * np.cos(angle), np.sin(angle)], axis=1)
    >>> Y = np.stack([np.cos(angle), np.cos(3 * angle)], axis=1)
    >>> round(pwcca(X, Y), 6), round(cca(X, Y), 6)
    (0.9, 0.5)

    References
    ----------
    Morcos, Raghu and Bengio, Insights on representational similarity in neural networks with
    canonical correlation, NeurIPS 2018.
    """
    call = "pwcca()"
    cloud, other = _centered(X, Y, call)
    left, right = _basis(cloud), _basis(other)
    _check_count(left, right, call)
    turns, correlations = _correlations(left, right)
    weights = np.abs((left @ turns[:, : len(correlations)]).T @ cloud).sum(axis=1)
    return within(weights @ correlations / weights.sum(), 0.0, 1.0)


def _centered(X: ArrayLike, Y: ArrayLike, call: str) -> list[Array]:
    return [centered(cloud) for cloud in paired(X, Y, call=call)]


def _basis(cloud: Array, variance: float = 1.0) -> Array:
    """Orthonormal directions of a layer, those that hold a share of its variance."""
    basis, sizes, _ = np.linalg.svd(cloud, full_matrices=False)
    kept = int((sizes > _ABSENT * sizes[0]).sum())
    if variance < 1:
        share = np.cumsum(sizes**2) / (sizes**2).sum()
        kept = min(kept, int(np.searchsorted(share, variance)) + 1)
    return np.asarray(basis[:, :kept])


def _check_count(left: Array, right: Array, call: str) -> None:
    n, rank = len(left), max(left.shape[1], right.shape[1])
    if n <= rank + 1:
        msg = (
            f"{call}: {n} samples of a layer of rank {rank} correlate perfectly with anything. "
            f"Pass many more than {rank + 1} samples, or reduce the layers to fewer directions."
        )
        raise TooFewSamplesError(msg)


def _correlations(left: Array, right: Array) -> tuple[Array, Array]:
    """Turns of the left basis into canonical directions, and the correlations, largest first."""
    turns, correlations, _ = np.linalg.svd(left.T @ right)
    return turns, np.minimum(correlations, 1.0)
