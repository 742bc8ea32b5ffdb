"""Similarity of paired activations: two layers, or two networks, on the same samples.

`MEASURES` lists every measure with what it promises: its direction, range and invariances. Tests
and tables read those declarations. All functions take (n, p) and (n, q) arrays whose rows are the
same samples in the same order; widths may differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.homology.metrics import distances
from toposcope.homology.neighbors import nearest
from toposcope.similarity.all_layers import cka_matrix
from toposcope.similarity.canonical_correlation import cca, pwcca, svcca
from toposcope.similarity.kernel_alignment import LinearCKA, cka
from toposcope.similarity.paired_rows import centered, paired
from toposcope.similarity.topology_divergence import (
    cross_barcode,
    mtop_div,
    rtd,
    rtd_draws,
    rtd_lite,
)

__all__ = [
    "MEASURES",
    "TRANSFORMATIONS",
    "LinearCKA",
    "Measure",
    "angular",
    "cca",
    "cka",
    "cka_matrix",
    "cross_barcode",
    "mtop_div",
    "mutual_knn",
    "procrustes",
    "pwcca",
    "rsa",
    "rtd",
    "rtd_draws",
    "rtd_lite",
    "svcca",
]

Array = NDArray[np.float64]

# Distances that differ by less than this share of the largest are equal up to rounding.
_TIED = 1e-12

TRANSFORMATIONS = (
    "permutation",
    "orthogonal",
    "isotropic_scaling",
    "translation",
    "invertible_linear",
)
"""Changes of one layer's coordinates that a measure may ignore."""


@dataclass(frozen=True)
class Measure:
    """A measure of similarity and what it promises.

    Parameters
    ----------
    function
        f(X, Y) with all options at the values this entry stands for.
    larger_is_more_similar
        Direction.
    range
        Smallest and largest value.
    at_identity
        Value of f(X, X).
    invariant_to
        The `TRANSFORMATIONS` of X or Y that leave the value as it is.
    symmetric
        Whether f(X, Y) = f(Y, X).
    metric
        Whether f is a distance: symmetric, 0 only between equivalent layers, and with the triangle
        inequality.
    """

    function: Callable[[ArrayLike, ArrayLike], float]
    larger_is_more_similar: bool
    range: tuple[float, float]
    at_identity: float
    invariant_to: frozenset[str]
    symmetric: bool = True
    metric: bool = False


def procrustes(X: ArrayLike, Y: ArrayLike) -> float:
    """Procrustes distance: what is left after the best rotation of X onto Y.

    min |X Q - Y|_F over orthogonal Q, both centered and scaled to Frobenius norm 1; the narrower
    layer is filled up with zeros.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.

    Returns
    -------
    A metric between 0 and sqrt(2): sqrt(2 - 2 |X'Y|_*), with the nuclear norm. Others report its
    square (Ding et al.) or the angle (`angular`).

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations.

    Examples
    --------
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> procrustes(X, 5 + 2 * X[:, ::-1]) < 1e-12
    True

    References
    ----------
    Williams et al., Generalized shape metrics on neural representations, NeurIPS 2021. Ding et
    al., Grounding representation similarity with statistical testing, NeurIPS 2021.
    """
    return _chord(X, Y, "procrustes()")


def angular(X: ArrayLike, Y: ArrayLike) -> float:
    """Angular shape distance: arccos of the nuclear norm |X'Y|_*, in radians.

    The angle on the sphere whose chord is `procrustes`; a metric between 0 and pi / 2.

    Examples
    --------
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> angular(X, X) < 1e-9
    True
    """
    # From the chord: arccos of a number near 1 would keep 8 digits only.
    return 2 * math.asin(min(_chord(X, Y, "angular()") / 2, 1.0))


def rsa(
    X: ArrayLike, Y: ArrayLike, *, metric: str = "euclidean", correlation: str = "spearman"
) -> float:
    """Representational similarity analysis: correlation of the two sets of distances.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.
    metric
        "euclidean", "cosine" or "correlation"; the last is the habit in neuroscience, and is not
        invariant to rotations.
    correlation
        "spearman" (ties get mean ranks) or "pearson", over all n (n - 1) / 2 pairs.

    Returns
    -------
    In [-1, 1]; larger is more similar.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations, or equal distances throughout.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [3.0], [7.0]])
    >>> round(rsa(x, 2 - x), 12)
    1.0

    References
    ----------
    Kriegeskorte, Mur and Bandettini, Representational similarity analysis, 2008.
    """
    call = "rsa()"
    if correlation not in ("spearman", "pearson"):
        msg = f"{call}: correlation must be 'spearman' or 'pearson'; got {correlation!r}."
        raise UsageError(msg)
    clouds = paired(X, Y, call=call)
    above = np.triu_indices(len(clouds[0]), k=1)
    unit = []
    for name, cloud in zip("XY", clouds, strict=True):
        values = distances(cloud, metric=metric, call=call)[above]
        noise = _TIED * float(values.max())
        if np.ptp(values) <= noise:
            msg = f"{call}: all samples of {name} are equally far apart; nothing to correlate."
            raise DegenerateCloudError(msg)
        if correlation == "spearman":
            values = _mean_ranks(values, noise)
        values = values - values.mean()
        unit.append(values / np.linalg.norm(values))
    return float(unit[0] @ unit[1])


def mutual_knn(X: ArrayLike, Y: ArrayLike, *, k: int = 10) -> float:
    """Share of each sample's k nearest neighbors that both layers agree on, on average.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.
    k
        Neighbors (Euclidean, the sample itself left out), at most n - 1. Among equally distant
        neighbors the choice is arbitrary.

    Returns
    -------
    In [0, 1]; larger is more similar; k / (n - 1) on average for unrelated layers, so compare
    values of equal n and k only.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [3.0], [7.0]])
    >>> mutual_knn(x, -x, k=2)
    1.0

    References
    ----------
    Huh et al., The platonic representation hypothesis, ICML 2024.
    """
    call = "mutual_knn()"
    clouds = paired(X, Y, call=call)
    n = len(clouds[0])
    if not 1 <= k <= n - 1:
        msg = f"{call}: k must be between 1 and n - 1 = {n - 1}; got {k!r}."
        raise UsageError(msg)
    left, right = (nearest(centered(cloud), k)[1] for cloud in clouds)
    shared = sum(int((left[:, [i]] == right).sum()) for i in range(k))
    return shared / (n * k)


def _chord(X: ArrayLike, Y: ArrayLike, call: str) -> float:
    clouds = [_within_rank(centered(cloud)) for cloud in paired(X, Y, call=call)]
    width = max(cloud.shape[1] for cloud in clouds)
    left, right = (np.pad(c, ((0, 0), (0, width - c.shape[1]))) for c in clouds)
    U, _, V = np.linalg.svd(left.T @ right)
    return float(np.linalg.norm(left @ (U @ V) - right))


def _mean_ranks(values: Array, noise: float) -> Array:
    """Ranks of values, those closer than `noise` tied: rounding must not order equal distances."""
    order = np.argsort(values)
    new = np.diff(values[order], prepend=-np.inf) > noise
    starts = np.append(np.flatnonzero(new), len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts[:-1] + starts[1:]) / 2, np.diff(starts))
    return ranks


def _within_rank(X: Array) -> Array:
    """`X` in at most n coordinates: inner products between rows are all that counts."""
    if X.shape[1] <= len(X):
        return X
    triangle = np.asarray(np.linalg.qr(X.T, mode="r"), dtype=np.float64)
    return triangle.T


_RIGID = frozenset({"permutation", "orthogonal", "isotropic_scaling", "translation"})

MEASURES: dict[str, Measure] = {
    "cka": Measure(cka, True, (0.0, 1.0), 1.0, _RIGID),
    "cka_debiased": Measure(partial(cka, debiased=True), True, (-1.0, 1.0), 1.0, _RIGID),
    "cka_rbf": Measure(partial(cka, kernel="rbf"), True, (0.0, 1.0), 1.0, _RIGID),
    "cca": Measure(cca, True, (0.0, 1.0), 1.0, _RIGID | {"invertible_linear"}),
    "svcca": Measure(svcca, True, (0.0, 1.0), 1.0, _RIGID),
    "pwcca": Measure(
        pwcca,
        True,
        (0.0, 1.0),
        1.0,
        frozenset({"permutation", "isotropic_scaling", "translation"}),
        symmetric=False,
    ),
    "procrustes": Measure(procrustes, False, (0.0, math.sqrt(2)), 0.0, _RIGID, metric=True),
    "angular": Measure(angular, False, (0.0, math.pi / 2), 0.0, _RIGID, metric=True),
    "rsa": Measure(rsa, True, (-1.0, 1.0), 1.0, _RIGID),
    "rsa_correlation": Measure(
        partial(rsa, metric="correlation"),
        True,
        (-1.0, 1.0),
        1.0,
        frozenset({"permutation", "isotropic_scaling"}),
    ),
    "mutual_knn": Measure(mutual_knn, True, (0.0, 1.0), 1.0, _RIGID),
    "rtd": Measure(rtd, False, (0.0, math.inf), 0.0, _RIGID),
    "rtd_lite": Measure(rtd_lite, False, (0.0, math.inf), 0.0, _RIGID),
}
"""Every measure by name, with its declarations."""
