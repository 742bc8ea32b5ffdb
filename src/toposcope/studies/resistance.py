"""Spectral distances of a graph: effective resistance, corrected for the degrees of its ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def resistance_distances(hops: ArrayLike) -> Array:
    """(n, n) corrected effective resistances between the vertices of a graph.

    Resistance is small where many paths join two points, so that noise of many dimensions, which
    opens every distance alike, matters less than for distances themselves.

    Parameters
    ----------
    hops
        (n, n) hops along the graph, as `homology.geodesic_distances` gives them: edges are 1,
        copies of a point 0, unreachable pairs inf.

    Returns
    -------
    Resistance less what the ends alone make, 1 / degree each (it is all that is left of large
    graphs): R - 1/d_i - 1/d_j + 2 a_ij / (d_i d_j). Unreachable pairs are inf.

    Examples
    --------
    A square: neighbors are as far from each other as its two ways around make them.

    >>> resistance_distances([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]]).round(3)
    array([[0.  , 0.25, 0.  , 0.25],
           [0.25, 0.  , 0.25, 0.  ],
           [0.  , 0.25, 0.  , 0.25],
           [0.25, 0.  , 0.25, 0.  ]])

    References
    ----------
    von Luxburg, Radl, Hein, Hitting and commute times in large random neighborhood graphs, 2014.
    Damrich, Berens, Kobak, Persistent homology for high-dimensional data based on spectral methods,
    2024.
    """
    D = np.asarray(hops, dtype=np.float64)
    first = (D == 0).argmax(axis=1)  # copies of a point are one vertex
    place, vertex = np.unique(first, return_inverse=True)
    H = D[np.ix_(place, place)]
    joined = np.where(H == 1, 1.0, 0.0)
    degree = joined.sum(axis=1)
    inverse = np.linalg.pinv(np.diag(degree) - joined, hermitian=True)
    own = np.diag(inverse)
    R = own[:, None] + own - 2 * inverse
    ends = np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0)
    R = R - ends[:, None] - ends + 2 * joined * ends[:, None] * ends
    R = np.maximum((R + R.T) / 2, 0.0)
    np.fill_diagonal(R, 0.0)
    R[~np.isfinite(H)] = np.inf
    return np.asarray(R[np.ix_(vertex, vertex)])
