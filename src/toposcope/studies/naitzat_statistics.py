"""Betti numbers of layers at a fixed scale, and what becomes of them with depth: arrays in and out.

Betti numbers are those of the Vietoris-Rips complex at one scale of distances along the graph of
nearest neighbors (hops), or of distances over their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope import homology

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def hop_betti(cloud: Array, neighbors: int, scales: Sequence[float]) -> NDArray[np.int64]:
    """(scales, 2) Betti numbers of hops along the graph of nearest neighbors.

    A cloud of no more distinct points than a point has neighbors is one clique: (1, 0). ReLU layers
    make such clouds: they send a whole class to one point.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> hop_betti(np.concatenate([square, square]), 2, (1, 2)).tolist()
    [[1, 1], [1, 0]]
    >>> hop_betti(np.zeros((8, 2)), 2, (1,)).tolist()
    [[1, 0]]
    """
    distinct = np.unique(cloud, axis=0)
    if len(distinct) <= neighbors:
        return np.tile(np.array([[1, 0]], dtype=np.int64), (len(scales), 1))
    D = homology.geodesic_distances(distinct, neighbors)
    return betti_at(homology.rips_from_distances(D, max_edge_length=max(scales)), scales)


def rips_betti(cloud: Array, scales: Sequence[float]) -> NDArray[np.int64]:
    """(scales, 2) Betti numbers of distances over their mean; a cloud of one point is (1, 0)."""
    D = homology.distances(cloud)
    mean = D.sum() / (len(D) * (len(D) - 1))
    if not mean > 0:
        return np.tile(np.array([[1, 0]], dtype=np.int64), (len(scales), 1))
    return betti_at(homology.rips_from_distances(D / mean, max_edge_length=max(scales)), scales)


def betti_at(diagrams: Sequence[Array], scales: Sequence[float]) -> NDArray[np.int64]:
    """(scales, degrees) pairs that are alive: born at a scale or before, and dying after it.

    >>> betti_at([np.array([[0.0, 1.0], [0.0, np.inf]])], (0.5, 1.0)).tolist()
    [[2], [1]]
    """
    return np.array(
        [[int(((p[:, 0] <= s) & (p[:, 1] > s)).sum()) for p in diagrams] for s in scales],
        dtype=np.int64,
    )


def plateau(right: ArrayLike) -> tuple[int, int] | None:
    """Where a grid of settings is right and most of those around it are too; the first of equals.

    Parameters
    ----------
    right
        (a, b) True where the known Betti numbers come out.

    Returns
    -------
    Row and column, or None when no setting is right.

    >>> plateau([[True, False, False], [False, True, True], [False, True, True]])
    (1, 1)
    """
    grid = np.asarray(right, dtype=bool)
    if not grid.any():
        return None
    edge = np.pad(grid.astype(int), 1)
    a, b = grid.shape
    around = sum(edge[i : i + a, j : j + b] for i in range(3) for j in range(3))
    place = int(np.where(grid, around, -1).argmax())
    return place // b, place % b


def half_depth(omega: ArrayLike) -> Array:
    """(...) depth, in layers, at which the excess of omega over 1 is first half that of layer 0.

    Linear between layers; a network that never comes so far has one layer more than it has.

    Parameters
    ----------
    omega
        (..., layers), the input first; above 1 there.

    >>> half_depth([[9.0, 9.0, 1.0], [9.0, 5.0, 1.0], [9.0, 9.0, 9.0]]).tolist()
    [1.5, 1.0, 3.0]
    """
    excess = np.asarray(omega, dtype=np.float64) - 1.0
    share = excess / excess[..., :1]
    below = share <= 0.5
    last = share.shape[-1]
    first = np.where(below.any(axis=-1), below.argmax(axis=-1), last)
    at = np.clip(first, 1, last - 1)[..., None]
    after = np.take_along_axis(share, at, axis=-1)[..., 0]
    before = np.take_along_axis(share, at - 1, axis=-1)[..., 0]
    step = np.where(before > after, before - after, 1.0)
    return np.asarray(np.where(first < last, at[..., 0] - (0.5 - after) / step, float(last)))


def omegas(rows: pd.DataFrame) -> pd.DataFrame:
    """Networks (by seed) x layers: beta_0 + beta_1, mean over draws."""
    total = (rows["betti0"] + rows["betti1"]).rename("omega")
    return total.groupby([rows["seed"], rows["layer"]]).mean().unstack("layer").sort_index()


def late_share(omega: ArrayLike) -> Array:
    """(...) share of the fall from the first to the last layer that lies in the second half.

    Linear between layers where there is no middle one; NaN where nothing falls.

    Parameters
    ----------
    omega
        (..., layers), the input first.

    >>> late_share([[9.0, 9.0, 1.0], [9.0, 5.0, 1.0], [9.0, 9.0, 9.0]]).tolist()
    [1.0, 0.5, nan]
    """
    values = np.asarray(omega, dtype=np.float64)
    half = (values.shape[-1] - 1) / 2
    middle = (values[..., int(np.floor(half))] + values[..., int(np.ceil(half))]) / 2
    return _share(middle - values[..., -1], values)


def step_share(omega: ArrayLike, layer: int) -> Array:
    """(...) share of the fall from the first to the last layer that lies in the step to one layer.

    >>> step_share([[9.0, 9.0, 1.0], [9.0, 5.0, 1.0]], 1).tolist()
    [0.0, 0.5]
    """
    values = np.asarray(omega, dtype=np.float64)
    return _share(values[..., layer - 1] - values[..., layer], values)


def _share(part: Array, values: Array) -> Array:
    whole = values[..., 0] - values[..., -1]
    return np.asarray(
        np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0), dtype=np.float64
    )
