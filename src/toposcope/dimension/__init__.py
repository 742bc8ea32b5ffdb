"""Intrinsic dimensions of point clouds, and what they read on clouds of known dimension."""

from toposcope.dimension.calibration import Ruler, cube_ruler
from toposcope.dimension.intrinsic import (
    Dimension,
    PHDimension,
    activation_norm,
    covariance_eigenvalues,
    effective_rank,
    mle,
    participation_ratio,
    ph_dimension,
    ph_dimension_from_distances,
    two_nn,
)

__all__ = [
    "Dimension",
    "PHDimension",
    "Ruler",
    "activation_norm",
    "covariance_eigenvalues",
    "cube_ruler",
    "effective_rank",
    "mle",
    "participation_ratio",
    "ph_dimension",
    "ph_dimension_from_distances",
    "two_nn",
]
