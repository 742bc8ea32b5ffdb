"""What estimators of dimension read where it is known: errors on cubes and a sphere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toposcope import dimension, homology

KNOWN = {"cube10": 10, "cube15": 15, "cube20": 20, "sphere15": 15}
"""Clouds of known dimension: uniform cubes, and the unit sphere in one dimension more."""


def errors(points: int, seed: Sequence[int]) -> list[tuple[str, str, float]]:
    """(cloud, estimator, relative error) of one draw of every cloud.

    Parameters
    ----------
    points
        Of each cloud.
    seed
        Of the draw.

    Returns
    -------
    Estimators: "ph_dimension", the same "calibrated" by cubes and with the "schedule" of the
    paper's code (sizes from a sixth of the points in equal steps), and "two_nn".
    """
    rng = np.random.default_rng(list(seed))
    ruler = dimension.cube_calibration(points, replicates=4, clouds=2, dimensions=(8, 13, 22, 36))
    start = points // 6  # 500 of 3000, and steps of 350
    paper = tuple(start + k * start * 7 // 10 for k in range(8))
    found = []
    for name, d in KNOWN.items():
        X = rng.random((points, d))
        if name == "sphere15":
            X = rng.normal(size=(points, d + 1))
            X /= np.linalg.norm(X, axis=1, keepdims=True)
        D = homology.distances(X)
        own = dimension.ph_dimension_from_distances(D, replicates=4, seed=rng)[0]
        told = dimension.ph_dimension_from_distances(D, schedule=paper, replicates=1, seed=rng)[0]
        read = {
            "ph_dimension": own,
            "calibrated": ruler(own),
            "two_nn": dimension.two_nn(X).value,
            "schedule": told,
        }
        found += [(name, what, value / d - 1.0) for what, value in read.items()]
    return found
