"""Scores from how classes scatter in feature space: H-score, TransRate, GBC, SFDA."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import TooFewSamplesError
from toposcope.inputs import parameters
from toposcope.transfer.scores.inputs import (
    Array,
    class_means,
    features_and_labels,
    in_own_unit,
    left_coordinates,
)

GBC_COMPONENTS = 64
"""Principal components GBC keeps (Pandy et al. 2022)."""
FEWEST_PER_DIRECTION = 2
"""Samples for each direction of the features below which H-score and SFDA are refused. Of any
labels the features explain the share rank / (n - 1) by chance, so models are ranked by their number
of features. Kendall agreement of H-score with the true separation of 8 models of D features, and of
8 models of D / 2 to D features (30 simulations each): .29 and .14 at n = D, .69 and .40 at 1.25 D,
.89 and .71 at 2 D, .95 and .85 at 3 D, .99 and .94 at 5 D; SFDA is .03 lower; h_score_regularized
.65 and .70 at D, .79 and .82 at 2 D."""
LEAST_SHRINKAGE = 1e-10
"""Floor of SFDA's shrinkage, as in the authors' code; of the variance too, where none is left."""
NO_SPREAD = 1e-26
"""Variances below this, in units of the largest feature squared, are rounding."""


def h_score(F: ArrayLike, y: ArrayLike, *, regularized: bool = False) -> float:
    """Trace of cov(F)^-1 cov(E[F | y]): between-class variance of whitened features.

    Parameters
    ----------
    F
        (n, D) features.
    y
        (n,) labels.
    regularized
        Shrink the covariance (Ledoit & Wolf) by a and multiply by 1 - a (Ibrahim et al. 2022):
        needed when n is not much larger than D.

    Returns
    -------
    Between 0 and number of classes - 1; higher is better. Labels without any meaning give
    (C - 1) rank / (n - 1): take n of 5 D or more to compare models of different size, or
    `regularized=True`.

    Raises
    ------
    TooFewSamplesError
        Not regularized and fewer than 2 samples for each direction of the features: the score then
        ranks models by chance and by their number of features.

    Examples
    --------
    Two tight classes: nearly all variance lies between them.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> round(h_score(rng.normal(size=(100, 1)) / 100 + y[:, None], y), 2)
    1.0

    References
    ----------
    Bao et al., An information-theoretic approach to transferability, ICIP 2019.
    Ibrahim et al., Newer is not always better, ECML PKDD 2022.
    """
    regularized = parameters.flag(regularized, "regularized", call="h_score()")
    values, labels = features_and_labels(F, y, call="h_score")
    centered = values - values.mean(axis=0)
    one_hot = np.eye(labels.max() + 1)[labels]
    sigma, along = left_coordinates(in_own_unit(centered), one_hot)
    explained = along**2 / one_hot.sum(axis=0)
    if regularized:
        return _regularized_h_score(in_own_unit(centered), sigma, explained)
    _refuse_few("h_score()", values, len(sigma), "Pass regularized=True (h_score_regularized)")
    return float(explained.sum())


def _refuse_few(call: str, F: Array, rank: int, instead: str) -> None:
    n, d = F.shape
    needed = FEWEST_PER_DIRECTION * rank + 1
    if n < needed:
        what = f"{rank} directions of {d} dimensions" if rank < d else f"{d} dimensions"
        msg = (
            f"{call}: {n} samples in {what} fit any labels too well, and models would be ranked by "
            f"chance and size. {instead}, or take {needed} samples or more."
        )
        raise TooFewSamplesError(msg)


def _regularized_h_score(centered: Array, sigma: Array, explained: Array) -> float:
    """From the squared singular values and the share of each class that each direction explains.

    The class means lie in the span of the features, so the shrunk covariance is inverted there:
    features equal within classes, whose covariance is singular and may not be shrunk at all, are
    nothing special.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    n, d = centered.shape
    share = float(ledoit_wolf_shrinkage(centered, assume_centered=True))
    variances = sigma / n
    shrunk = (1 - share) * variances + share * float((centered**2).sum()) / n / d
    return float((1 - share) * (explained.sum(axis=1) * variances / shrunk).sum())


def transrate(F: ArrayLike, y: ArrayLike, *, eps: float = 1e-4) -> float:
    """Mutual information between features and labels by coding rates; higher is better.

    Parameters
    ----------
    F
        (n, D) features; centered and divided by their Frobenius norm first.
    y
        (n,) labels.
    eps
        Distortion; the score depends on it.

    Returns
    -------
    R(F) - sum_c n_c/n R(F_c), R(Z) = 1/2 log det(I + Z'Z / (n eps)), in nats.

    Notes
    -----
    F_c is not centered by class, as published: two classes at opposite sides of the mean, such as
    any two classes of equal size, cannot be told from one.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(120) % 3
    >>> noise = rng.normal(size=(120, 4))
    >>> transrate(noise + 9 * np.eye(4)[y], y) > transrate(noise, y)
    True

    References
    ----------
    Huang et al., Frustratingly easy transferability estimation, ICML 2022.
    """
    eps = parameters.number(eps, "eps", call="transrate()", low=1e-150)
    values, labels = features_and_labels(F, y, call="transrate")
    centered = values - values.mean(axis=0)
    centered /= np.linalg.norm(centered)
    within = sum(
        (labels == c).mean() * _coding_rate(centered[labels == c], eps)
        for c in range(labels.max() + 1)
    )
    return float(_coding_rate(centered, eps) - within)


def _coding_rate(Z: Array, eps: float) -> float:
    # det(I + Z'Z) = det(I + ZZ'): the smaller of the two.
    gram = Z @ Z.T if len(Z) < Z.shape[1] else Z.T @ Z
    gram /= len(Z) * eps
    gram[np.diag_indices_from(gram)] += 1.0
    return 0.5 * float(np.linalg.slogdet(gram)[1])


def gbc(
    F: ArrayLike, y: ArrayLike, *, covariance: Literal["spherical", "diagonal"] = "spherical"
) -> float:
    """Negative sum of Bhattacharyya coefficients between Gaussian classes; higher is better.

    Parameters
    ----------
    F
        (n, D) features; reduced to 64 principal components.
    y
        (n,) labels, two samples per class or more.
    covariance
        "spherical": one variance per class; "diagonal": one per class and component.

    Returns
    -------
    -sum over ordered pairs c != c' of exp(-D_B), with D_B = 1/8 sum_j dmu_j^2 / s_j +
    1/2 sum_j log(s_j / sqrt(s1_j s2_j)), s the mean of the two variances. The sum of logarithms
    runs over all d components; a public copy counts it once for spherical classes.

    Examples
    --------
    Two far classes do not overlap at all.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> abs(gbc(rng.normal(size=(100, 3)) + 100 * y[:, None], y)) < 1e-9
    True

    References
    ----------
    Pandy et al., Transferability estimation using Bhattacharyya class separability, CVPR 2022.
    """
    parameters.choice(covariance, ("spherical", "diagonal"), "covariance", call="gbc()")
    values, labels = features_and_labels(F, y, call="gbc", per_class=2)
    reduced = principal(values, GBC_COMPONENTS)
    means, counts = class_means(reduced, labels)
    squares, _ = class_means((reduced - means[labels]) ** 2, labels)
    variances = squares * (counts / (counts - 1))[:, None]
    if covariance == "spherical":
        variances = np.repeat(variances.mean(axis=1, keepdims=True), reduced.shape[1], axis=1)
    # A class without spread overlaps only with a class of the same place and no spread either; the
    # least variance stands for none, which gives that limit.
    variances = np.maximum(variances, NO_SPREAD)
    total = 0.0
    for c in range(len(means)):
        middle = (variances + variances[c]) / 2
        apart = ((means - means[c]) ** 2 / middle).sum(axis=1) / 8
        apart += 0.5 * np.log(middle / np.sqrt(variances * variances[c])).sum(axis=1)
        total += float(np.exp(-apart).sum()) - 1.0
    return -total


def principal(F: Array, components: int) -> Array:
    """(n, min(components, D, n)) coordinates along the leading principal axes."""
    from scipy.linalg import eigh

    centered = F - F.mean(axis=0)
    n, d = centered.shape
    keep = min(components, d, n)
    if d <= n:
        axes = eigh(centered.T @ centered, subset_by_index=(d - keep, d - 1))[1]
        return np.asarray(centered @ axes[:, ::-1])
    values, vectors = eigh(centered @ centered.T, subset_by_index=(n - keep, n - 1))
    return np.asarray(vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0)))


def sfda(F: ArrayLike, y: ArrayLike) -> float:
    """Mean probability of the true class under self-challenging Fisher discriminant analysis.

    Parameters
    ----------
    F
        (n, D) features, two samples or more for each dimension.
    y
        (n,) labels.

    Returns
    -------
    In [0, 1]; higher is better. The published shrinkage exp(-5 lambda_max(S_W)) depends on the unit
    of the features; here they are in units of their root mean square spread per dimension, so that
    models are ranked by how their features lie and not by how large they are. Features that are
    equal within classes, each class at its own place, give 1.

    Raises
    ------
    TooFewSamplesError
        Fewer than 2 samples for each direction: the published score saturates at 1 as n comes near
        D, and ranks models by chance and size before that.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> good = rng.normal(size=(100, 4)) + 4 * y[:, None]
    >>> sfda(good, y) > 0.9 > sfda(rng.normal(size=(100, 4)), y)
    True

    References
    ----------
    Shao et al., Not all models are equal: predicting model transferability in a self-challenging
    Fisher space, ECCV 2022.
    """
    values, labels = features_and_labels(F, y, call="sfda", per_class=2)
    n, d = values.shape
    values = values - values.mean(axis=0)
    sigma, _ = left_coordinates(values, np.ones((n, 1)))
    _refuse_few("sfda()", values, len(sigma), "Take fewer features")
    values /= np.sqrt((values**2).sum() / (n * d))
    shrinkage = max(math.exp(-5.0 * _largest_within(values, labels)), LEAST_SHRINKAGE)
    first = _fisher_probabilities(values, labels, shrinkage)
    # Confidential mix: samples move towards the means of the other classes, the sure ones least.
    mixed_share = _softmax(first)[np.arange(n), labels]
    means, counts = class_means(values, labels)
    others = (means.sum(axis=0) - means[labels]) / (len(counts) - 1)
    mixed = mixed_share[:, None] * values + (1 - mixed_share)[:, None] * others
    second = _fisher_probabilities(mixed, labels, shrinkage)
    return float(second[np.arange(n), labels].mean())


def _within(F: Array, y: NDArray[np.int64]) -> Array:
    means, _ = class_means(F, y)
    apart = F - means[y]
    return np.asarray(apart.T @ apart / len(F))


def _largest_within(F: Array, y: NDArray[np.int64]) -> float:
    from scipy.linalg import eigh

    d = F.shape[1]
    return float(eigh(_within(F, y), eigvals_only=True, subset_by_index=(d - 1, d - 1))[0])


def _fisher_probabilities(F: Array, y: NDArray[np.int64], shrinkage: float) -> Array:
    """(n, C) class probabilities in the discriminant space of a shrunk within-class scatter."""
    from scipy.linalg import eigh

    d = F.shape[1]
    within = _within(F, y)
    # The mean variance is 1: the floor is felt only where nothing varies within the classes.
    least = shrinkage * np.trace(within) / d + LEAST_SHRINKAGE
    shrunk = (1 - shrinkage) * within + least * np.eye(d)
    means, counts = class_means(F, y)
    spread = (means - F.mean(axis=0)) * np.sqrt(counts / len(F))[:, None]
    keep = min(d, len(counts) - 1)
    _, axes = eigh(spread.T @ spread, shrunk, subset_by_index=(d - keep, d - 1))
    points, centers = F @ axes, means @ axes
    scores = points @ centers.T - 0.5 * (centers**2).sum(axis=1) + np.log(counts / len(F))
    return _softmax(scores)


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
