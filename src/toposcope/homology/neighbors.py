"""Nearest neighbors of the points of a cloud, exact, without the (n, n) matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.metrics import cross_distances

_ROWS_PER_TILE = 1000


def nearest(
    points: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Distances (n, k) to the nearest other points, their rows, and who repeats an earlier point.

    k is cut to n - 1. Rows are done in tiles, so that the (n, n) matrix is never held.

    Examples
    --------
    >>> near, rows, repeated = nearest(np.array([[0.0], [1.0], [3.0]]), 1)
    >>> near.ravel(), rows.ravel()
    (array([1., 1., 2.]), array([1, 0, 1]))
    """
    k = min(k, len(points) - 1)
    centered = np.ascontiguousarray(points - points.mean(axis=0))
    near = np.empty((len(points), k))
    ids = np.empty((len(points), k), dtype=np.int64)
    repeated = np.zeros(len(points), dtype=bool)
    for start in range(0, len(points), _ROWS_PER_TILE):
        rows = np.arange(start, min(start + _ROWS_PER_TILE, len(points)))
        tile = cross_distances(centered[rows], centered)
        repeated[rows] = np.tril(tile == 0, k=start - 1).any(axis=1)
        tile[rows - start, rows] = np.inf
        found = np.argpartition(tile, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(tile, found, axis=1)
        order = np.argsort(values, axis=1, kind="stable")
        near[rows] = np.take_along_axis(values, order, axis=1)
        ids[rows] = np.take_along_axis(found, order, axis=1)
    return near, ids, repeated
