"""Do two layers agree on which samples lie close? By all distances (RSA), or nearest neighbors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.homology.metrics import distances, refuse_pairs
from toposcope.homology.neighbors import nearest
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.parameters import choice, whole
from toposcope.similarity.paired_rows import centered, paired, within

Array = NDArray[np.float64]

# Distances that differ by less than this share of the largest are equal up to rounding.
_TIED = 1e-12


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
    correlation = choice(correlation, ("spearman", "pearson"), "correlation", call=call)
    clouds = paired(X, Y, call=call)
    refuse_pairs(len(clouds[0]), sum(c.shape[1] for c in clouds), per_pair=32, call=call)
    left, right = (
        _distances_of_norm_1(cloud, name, metric=metric, correlation=correlation, call=call)
        for name, cloud in zip("XY", clouds, strict=True)
    )
    return within(float(left @ right), -1.0, 1.0)


def rsa_pairs(X: ArrayLike, *, metric: str = "euclidean", correlation: str = "spearman") -> Array:
    """(n, n) matrix A with rsa(X, Y) = sum of A(X) * A(Y): what shuffling samples moves."""
    call = "rsa_pairs()"
    cloud = read_cloud(X, call=call).astype(np.float64)
    values = _distances_of_norm_1(cloud, "X", metric=metric, correlation=correlation, call=call)
    A = np.zeros((len(cloud), len(cloud)))
    A[np.triu_indices(len(cloud), k=1)] = values / np.sqrt(2)
    return A + A.T


def _distances_of_norm_1(
    cloud: Array, name: str, *, metric: str, correlation: str, call: str
) -> Array:
    """Distances or their ranks, above the diagonal, of mean 0 and norm 1."""
    values = distances(cloud, metric=metric, call=call)[np.triu_indices(len(cloud), k=1)]
    noise = _TIED * float(values.max())
    if np.ptp(values) <= noise:
        msg = f"{call}: all samples of {name} are equally far apart; nothing to correlate."
        raise DegenerateCloudError(msg)
    if correlation == "spearman":
        values = _mean_ranks(values, noise)
    values = values - values.mean()
    return np.asarray(values / np.linalg.norm(values))


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
    k = whole(k, "k", call=call, low=1, high=n - 1)
    left, right = (nearest(centered(cloud), k)[1] for cloud in clouds)
    shared = sum(int((left[:, [i]] == right).sum()) for i in range(k))
    return shared / (n * k)


def knn_pairs(X: ArrayLike, *, k: int = 10) -> Array:
    """(n, n) matrix A with mutual_knn(X, Y) = sum of A(X) * A(Y): what shuffling samples moves."""
    call = "knn_pairs()"
    cloud = read_cloud(X, call=call).astype(np.float64)
    n = len(cloud)
    if not 1 <= k <= n - 1:
        msg = f"{call}: k must be between 1 and n - 1 = {n - 1}; got {k!r}."
        raise UsageError(msg)
    A = np.zeros((n, n))
    np.put_along_axis(A, nearest(cloud, k)[1], 1 / np.sqrt(n * k), axis=1)
    return A


def _mean_ranks(values: Array, noise: float) -> Array:
    """Ranks of values, those closer than `noise` tied: rounding must not order equal distances."""
    order = np.argsort(values)
    new = np.diff(values[order], prepend=-np.inf) > noise
    starts = np.append(np.flatnonzero(new), len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts[:-1] + starts[1:]) / 2, np.diff(starts))
    return ranks
