"""Dimension of a point cloud: from its spanning trees, its nearest neighbors, its covariance.

`calibration` says what an estimate reads on clouds of known dimension, `cubes` holds that for the
defaults.
"""

from toposcope.dimension.calibration import Calibration, cube_calibration
from toposcope.dimension.covariance import (
    activation_norm,
    covariance_eigenvalues,
    effective_rank,
    participation_ratio,
)
from toposcope.dimension.cubes import cube_of, cube_readings
from toposcope.dimension.estimates import Dimension
from toposcope.dimension.nearest_neighbors import mle, two_nn
from toposcope.dimension.spanning_trees import (
    PHDimension,
    ph_dimension,
    ph_dimension_from_distances,
)

__all__ = [
    "Calibration",
    "Dimension",
    "PHDimension",
    "activation_norm",
    "covariance_eigenvalues",
    "cube_calibration",
    "cube_of",
    "cube_readings",
    "effective_rank",
    "mle",
    "participation_ratio",
    "ph_dimension",
    "ph_dimension_from_distances",
    "two_nn",
]
