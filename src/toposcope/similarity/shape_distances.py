"""Shape distances: what is left of two layers after the best rotation of one onto the other."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.similarity.paired_rows import centered, paired, within

Array = NDArray[np.float64]


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
    return within(2 * math.asin(_chord(X, Y, "angular()") / 2), 0.0, math.pi / 2)


def _chord(X: ArrayLike, Y: ArrayLike, call: str) -> float:
    clouds = [_within_rank(centered(cloud)) for cloud in paired(X, Y, call=call)]
    width = max(cloud.shape[1] for cloud in clouds)
    left, right = (np.pad(c, ((0, 0), (0, width - c.shape[1]))) for c in clouds)
    U, _, V = np.linalg.svd(left.T @ right)
    return within(float(np.linalg.norm(left @ (U @ V) - right)), 0.0, math.sqrt(2))


def _within_rank(X: Array) -> Array:
    """`X` in at most n coordinates: inner products between rows are all that counts."""
    if X.shape[1] <= len(X):
        return X
    triangle = np.asarray(np.linalg.qr(X.T, mode="r"), dtype=np.float64)
    return triangle.T
