"""Percentile local homology: the outer shell of a cloud collapsed to a point.

The relative homology H(B, dB) of a ball around the center is the homology that a space has *at*
that point: 2 crossing lines differ there from one line, whatever they do further out. Wheeler's
code of 2021 does this for activation clouds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError
from toposcope.homology.metrics import distances, scaled
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.parameters import flag, number

# Radii are exact to about 1e-15: what differs by less than this is one shell.
_TIE = 1.0 - 1e-12


def local_distances(
    X: ArrayLike, quantile: float = 0.5, *, center: bool = True
) -> NDArray[np.float64]:
    """(n, n) distances of a cloud in its ball, with all points of the outer shell at distance 0.

    The cloud is divided by the radius R of its `quantile`, points beyond R are moved radially onto
    the unit sphere, and distances between points on the sphere are set to 0. What `rips` finds in
    the matrix approximates the homology of the ball relative to its boundary.

    Parameters
    ----------
    X
        (n, d) point cloud.
    quantile
        Share of the points inside the ball, 0 < quantile <= 1; R is the norm number
        floor(n * quantile) (from 0, at most n - 1) in increasing order.
    center
        Whether the ball is around the mean of the cloud (True) or the origin.

    Returns
    -------
    float64 array for `rips(..., metric="precomputed")`. The unit is R: scaling the cloud changes
    nothing.

    Raises
    ------
    DegenerateCloudError
        For an empty or non-finite cloud, or R = 0.
    UsageError
        For a quantile outside (0, 1].

    Notes
    -----
    The triangle inequality fails (from an inner point by way of the shell to another one costs
    less than the straight line). The filtration by length of edges is valid all the same, but the
    stability theorem of Rips diagrams, and `farthest_landmarks` and `sparse_rips`, which need a
    metric, do not apply.

    All points of the shell stay vertices. Replacing them by one point at the smallest distance is
    another filtration: a loop from an inner point to the shell and back by another one would
    close as soon as both reach the shell anywhere, here when they reach a common point of it.

    Points tied with R belong to the shell, so that the order of points is irrelevant; the
    published code leaves some of them inside.

    Examples
    --------
    Points at -2, -1, 1, 2 with R = 2: the two outer ones are one point, 1/2 from their neighbors.

    >>> local_distances([[-2.0], [-1.0], [1.0], [2.0]])
    array([[0. , 0.5, 1.5, 0. ],
           [0.5, 0. , 1. , 1.5],
           [1.5, 1. , 0. , 0.5],
           [0. , 1.5, 0.5, 0. ]])

    References
    ----------
    Wheeler, Bouza, Bubenik, Activation landscapes as a topological summary of neural network
    performance, 2021 (code); Bendich et al., Inferring local homology from sampled stratified
    spaces, FOCS 2007.
    """
    call = "local_distances()"
    quantile = number(quantile, "quantile", call=call, above=0.0, high=1.0)
    center = flag(center, "center", call=call)
    points = scaled(read_cloud(X, call=call).astype(np.float64))
    if center:
        points -= points.mean(axis=0)
    norms = np.linalg.norm(points, axis=1)
    # floor(0.29 * 100) is 28 in floating point; the small term restores the number meant.
    place = min(int(len(points) * quantile * (1 + 1e-12)), len(points) - 1)
    radius = float(np.partition(norms, place)[place])
    if radius == 0:
        where = "the mean" if center else "the origin"
        msg = (
            f"{call}: {int((norms == 0).sum())} of {len(norms)} points lie at {where}, so that the "
            f"ball of quantile={quantile} has radius 0. Pass a larger quantile."
        )
        raise DegenerateCloudError(msg)
    D = distances(points / np.maximum(norms, radius)[:, None], call=call)
    shell = norms >= radius * _TIE
    D[np.ix_(shell, shell)] = 0.0
    return D
