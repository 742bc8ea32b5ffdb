"""The Gaussian-copula null: a cloud with a layer's marginals and rank covariance, and no more.

A Gaussian cloud differs from a layer of ReLU features in the shape of every single feature, so
almost any statistic tells the two apart where there is no topology at all. Here each feature keeps
its own distribution, zeros and tails included, and the features depend on each other only through
one correlation matrix of a latent Gaussian. What still differs from this null is neither
marginals nor correlation.

What it cannot keep: dependence of tails (all features large in the same sample, as in elliptical
clouds of heavy tail), which no single correlation matrix has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from toposcope.pointclouds.nulls import GaussianNull, gaussian_null
from toposcope.stats.ranks import mean_ranks

WIDEST = 2048
"""Features up to which ties are corrected for: beyond, a (d, d) matrix costs more than the clouds.
Correlations of wider layers with ties come out too small (by 18 % at half zeros)."""

_TERMS = 24
"""Hermite terms of a feature's score function. Half zeros: 24 terms leave 1 % of the variance,
which matters at correlations near 1 only, where rho^24 is not small."""

_UNTIED = 0.995
"""First Hermite coefficient above which a feature has no ties to speak of (1 without)."""


@dataclass(frozen=True, eq=False)
class CopulaNull:
    """Marginals of a cloud, coupled by a latent Gaussian.

    Parameters
    ----------
    marginals
        (m, d) values of every feature, each column in ascending order.
    latent
        The Gaussian whose ranks the values follow; variance 1 in every coordinate.
    """

    marginals: NDArray[np.float64]
    latent: GaussianNull

    def sample(self, n: int, *, seed: int | np.random.Generator) -> NDArray[np.float64]:
        """(n, d) points; every value is one that the feature took."""
        from scipy.special import ndtr

        shares = ndtr(self.latent.sample(n, seed=seed))
        m = len(self.marginals)
        ranks = np.minimum((shares * m).astype(np.intp), m - 1)
        return np.take_along_axis(self.marginals, ranks, axis=0)


def copula_null(X: NDArray[np.float64]) -> CopulaNull:
    """Fit the Gaussian-copula null of a cloud.

    Parameters
    ----------
    X
        (m, d) finite points, m >= 2.

    Returns
    -------
    The null. The latent correlation is the one under which normal scores of the sampled features
    correlate as the scores of `X` do, shrunk as in `gaussian_null`; equal values share their mean
    rank, and what that takes from a correlation is put back by a Hermite expansion (Mehler's
    formula) for d up to 2,048.

    Examples
    --------
    Zeros of a ReLU stay zeros, and the cloud has no other value than the layer.

    >>> X = np.maximum(np.random.default_rng(0).normal(size=(200, 3)), 0)
    >>> null = copula_null(X).sample(100, seed=1)
    >>> bool(np.isin(null, X).all()), bool(0.3 < (null == 0).mean() < 0.7)
    (True, True)

    References
    ----------
    Nelsen, An introduction to copulas, 2006; Cario & Nelson, Modeling and generating random
    vectors with arbitrary marginal distributions and correlation matrix, 1997.
    """
    ordered = np.sort(X, axis=0)
    scores = normal_scores(X)
    latent = gaussian_null(scores)
    expansion = _expansion(np.sort(scores, axis=0))
    if X.shape[1] <= WIDEST and (np.abs(expansion[0]) < _UNTIED).any():
        latent = _untied(scores, latent.shrinkage, expansion)
    return CopulaNull(ordered, latent)


def normal_scores(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, d) normal quantiles of the mean ranks of each column, with mean 0 and variance 1.

    A constant column has score 0 throughout.

    Examples
    --------
    >>> normal_scores(np.array([[1.0], [1.0], [5.0]])).round(3).ravel().tolist()
    [-0.707, -0.707, 1.414]
    """
    from scipy.special import ndtri

    scores = ndtri((mean_ranks(X, axis=0) - 0.5) / len(X))
    scores -= scores.mean(axis=0)
    spread = scores.std(axis=0)
    scores /= np.where(spread > 1e-12, spread, 1.0)
    return np.asarray(scores)


def _expansion(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """(terms, d) Hermite coefficients of each feature's score as a function of a latent normal.

    A feature's score is constant between the normal quantiles of successive ranks, so each
    coefficient is a sum of closed integrals.
    """
    return _integrals(len(ordered)) @ ordered


@cache
def _integrals(m: int) -> NDArray[np.float64]:
    """(terms, m) integrals of the normalized Hermite polynomials 1 to _TERMS between quantiles."""
    from scipy.special import ndtri

    z = ndtri(np.arange(1, m) / m)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    # The integral of h_k is -h_(k-1) density / sqrt(k), and 0 at both infinite ends.
    before, last = np.ones_like(z), np.zeros_like(z)
    ends = np.zeros((_TERMS, m + 1))
    for k in range(1, _TERMS + 1):
        ends[k - 1, 1:-1] = -before * density / np.sqrt(k)
        before, last = (z * before - np.sqrt(k - 1) * last) / np.sqrt(k), before
    return np.diff(ends, axis=1)


def _untied(
    scores: NDArray[np.float64], shrinkage: float, expansion: NDArray[np.float64]
) -> GaussianNull:
    """The latent Gaussian whose tied features correlate as the scores do."""
    d = scores.shape[1]
    wanted = (1.0 - shrinkage) * (scores.T @ scores / len(scores))
    rho = _solved(wanted, expansion)
    np.fill_diagonal(rho, 1.0)
    values, vectors = np.linalg.eigh(rho)
    values = np.clip(values, 0.0, None)  # solved entry by entry: not quite a correlation matrix
    root = np.sqrt(values)[:, None] * vectors.T
    root /= np.maximum(np.linalg.norm(root, axis=0), 1e-12)
    kept = values > values.max() * 1e-12
    return GaussianNull(np.zeros(d), root[kept], 0.0, shrinkage)


def _solved(wanted: NDArray[np.float64], expansion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Latent correlations under which scores correlate as wanted, by Newton's method."""
    rho = np.empty_like(wanted)
    step = max(1, 2_000_000 // len(wanted))
    for start in range(0, len(wanted), step):
        rows = slice(start, start + step)
        target = wanted[rows]
        linear = np.outer(expansion[0, rows], expansion[0])
        now = np.clip(target / np.where(linear > 1e-6, linear, np.inf), -0.99, 0.99)
        for _ in range(8):
            value, slope = np.zeros_like(target), np.zeros_like(target)
            for a in expansion[::-1]:  # Horner, with the derivative
                both = np.outer(a[rows], a)
                slope = slope * now + value
                value = value * now + both
            slope = value + now * slope  # value is f / rho, and f = rho (f / rho)
            move = (value * now - target) / np.where(slope > 1e-3, slope, np.inf)
            now = np.clip(now - move, -0.999, 0.999)
            if np.abs(move).max(initial=0.0) < 1e-5:
                break
        rho[rows] = now
    return (rho + rho.T) / 2
