"""A cloud seen in the plane: its two widest directions, turned onto the plane of another layer.

For pictures, with the two numbers that say how little or how much of the cloud such a picture
holds. Plain arrays; nothing here enters a measurement.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.stats.ranks import mean_ranks

Array = NDArray[np.float64]

DENSE = 400
"""Points or coordinates up to which all eigenvectors are computed; beyond, the first two alone."""
COMPARED = 300
"""Points whose distances are compared: 44,850 pairs, with a rank correlation good to about 0.01."""


def principal_plane(X: Array) -> tuple[Array, Array]:
    """The two widest directions of a cloud, and what share of its variance they hold.

    Parameters
    ----------
    X
        (n, d) cloud, d at least 1; its mean is taken away here.

    Returns
    -------
    plane, shares
        (n, 2) coordinates, the wider first, and (2,) shares of the variance. Zeros where a cloud
        has no second direction, or no spread at all. The sign of each axis is that in which its
        coordinate of largest size is positive.

    Examples
    --------
    >>> plane, shares = principal_plane(np.array([[0.0, 0, 0], [4, 0, 0], [0, 2, 0], [4, 2, 0]]))
    >>> shares.tolist()
    [0.8, 0.2]
    >>> abs(plane).tolist()
    [[2.0, 1.0], [2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]
    """
    centered = np.asarray(X, dtype=np.float64)
    centered = centered - centered.mean(axis=0)
    total = float((centered**2).sum())
    plane = np.zeros((len(centered), 2))
    if not total > 0:
        return plane, np.zeros(2)
    wide = centered.shape[1] > len(centered)
    values, vectors = _largest_two(centered @ centered.T if wide else centered.T @ centered)
    found = vectors * np.sqrt(values) if wide else centered @ vectors
    plane[:, : found.shape[1]] = found
    largest = plane[abs(plane).argmax(axis=0), [0, 1]]
    plane *= np.where(largest < 0, -1.0, 1.0)
    shares = np.zeros(2)
    shares[: len(values)] = values / total
    return plane, shares


def _largest_two(gram: Array) -> tuple[Array, Array]:
    """The two largest eigenvalues of a symmetric matrix and their vectors, the largest first."""
    from scipy.sparse.linalg import eigsh

    size = len(gram)
    if size <= DENSE:
        values, vectors = np.linalg.eigh(gram)
    else:
        # Lanczos starts from a fixed vector: the same cloud has the same picture.
        values, vectors = eigsh(gram, k=2, v0=np.ones(size) / np.sqrt(size) + 1e-3 * gram[0])
    order = np.argsort(values)[::-1][:2]
    return np.maximum(values[order], 0.0), vectors[:, order]


def turned_onto(plane: Array, to: Array) -> Array:
    """A plane turned or mirrored, as a whole, so that its points lie nearest to those of another.

    Parameters
    ----------
    plane, to
        (n, 2) coordinates of the same samples, both centered.

    Returns
    -------
    (n, 2): plane @ Q with the orthogonal Q that minimizes the distance to `to` (Procrustes). The
    distances between points stay as they are.

    Examples
    --------
    >>> corner = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, -2.0]])
    >>> np.allclose(turned_onto(corner[:, ::-1], corner), corner)
    True
    """
    from scipy.linalg import orthogonal_procrustes

    Q, _ = orthogonal_procrustes(plane, to)
    return np.asarray(plane @ Q, dtype=np.float64)


def rank_agreement(distances: Array, plane: Array) -> float:
    """How far near and far in the plane are near and far in the cloud.

    Parameters
    ----------
    distances
        (n, n) distances in the cloud.
    plane
        (n, 2) coordinates of the same points.

    Returns
    -------
    Spearman's correlation of the distances of all pairs of the first `COMPARED` points; 1 where
    the plane keeps their order, NaN where all of them are alike.

    Examples
    --------
    >>> line = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    >>> rank_agreement(abs(line[:, :1] - line[:, 0]), line)
    1.0
    """
    from scipy.spatial.distance import pdist, squareform

    m = min(len(plane), COMPARED)
    if m < 3:
        return float("nan")
    inside = squareform(np.asarray(distances, dtype=np.float64)[:m, :m], checks=False)
    pairs = [mean_ranks(inside), mean_ranks(pdist(plane[:m]))]
    if any(np.ptp(ranks) == 0 for ranks in pairs):
        return float("nan")
    return float(np.round(np.asarray(np.corrcoef(pairs))[0, 1], 12))
