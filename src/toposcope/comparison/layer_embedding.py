"""Layers as points in the plane: classical multidimensional scaling, with its stress."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerMap:
    """Points whose distances stand for dissimilarities.

    Parameters
    ----------
    points
        (L, 2) coordinates, in units of the dissimilarities; NaN for rows left out.
    stress
        Root of (sum of squared errors of the distances / sum of squared dissimilarities): 0 is
        exact, above about 0.2 the picture misleads.
    """

    points: Array = field(repr=False)
    stress: float


def layer_map(dissimilarities: ArrayLike) -> LayerMap:
    """Classical scaling of a symmetric (L, L) matrix into the plane.

    Negative values count as 0 (an unbiased gap can be negative, by chance); rows without any value
    are left out; a missing value between two rows that stay is refused.

    Examples
    --------
    Three points on a line are on a line:

    >>> embedding = layer_map([[0, 1, 3], [1, 0, 2], [3, 2, 0]])
    >>> round(embedding.stress, 9), np.abs(np.diff(embedding.points[:, 0])).round(9)
    (0.0, array([1., 2.]))

    References
    ----------
    Torgerson, Multidimensional scaling: theory and method, Psychometrika 1952. Kruskal,
    Multidimensional scaling by optimizing goodness of fit, Psychometrika 1964 (stress).
    """
    D = np.asarray(dissimilarities, dtype=np.float64)
    if D.ndim != 2 or D.shape[0] != D.shape[1]:
        msg = f"layer_map(): an (L, L) matrix is needed; got shape {D.shape}."
        raise UsageError(msg)
    off = ~np.eye(len(D), dtype=bool)
    kept = np.flatnonzero((np.isfinite(D) & off).any(axis=1))
    points = np.full((len(D), 2), np.nan)
    part = D[np.ix_(kept, kept)].copy()
    np.fill_diagonal(part, 0.0)
    if len(kept) < 2 or not np.isfinite(part).all():
        msg = "layer_map(): a dissimilarity between two layers is missing; leave such layers out."
        raise UsageError(msg)
    part = np.maximum((part + part.T) / 2, 0.0)
    center = np.eye(len(part)) - 1.0 / len(part)
    sizes, axes = np.linalg.eigh(-0.5 * center @ (part**2) @ center)
    place = axes[:, ::-1][:, :2] * np.sqrt(np.maximum(sizes[::-1][:2], 0.0))
    place = np.pad(place, ((0, 0), (0, 2 - place.shape[1])))
    # Eigenvectors come with an arbitrary sign; the first layer is put to the left and below.
    place *= np.where(place[0] > 0, -1.0, 1.0)
    points[kept] = place
    upper = np.triu_indices(len(part), 1)
    shown = np.linalg.norm(place[:, None] - place[None], axis=-1)[upper]
    total = float((part[upper] ** 2).sum())
    error = float(((shown - part[upper]) ** 2).sum())
    return LayerMap(points, float(np.sqrt(error / total)) if total > 0 else 0.0)
