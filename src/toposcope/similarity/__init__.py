"""How alike are two layers on the same samples? Each measure declares its invariances."""

from toposcope.similarity.calibration import Calibrated, calibrated, calibrated_matrix
from toposcope.similarity.canonical_correlation import cca, pwcca, svcca
from toposcope.similarity.distance_agreement import mutual_knn, rsa
from toposcope.similarity.kernel_alignment import KERNELS, cka, cka_matrix
from toposcope.similarity.measures import MEASURES, TRANSFORMATIONS, Measure
from toposcope.similarity.shape_distances import angular, procrustes
from toposcope.similarity.streamed_alignment import LinearCKA
from toposcope.similarity.topology_divergence import (
    cross_barcode,
    mtop_div,
    rtd,
    rtd_draws,
    rtd_lite,
)

__all__ = [
    "KERNELS",
    "MEASURES",
    "TRANSFORMATIONS",
    "Calibrated",
    "LinearCKA",
    "Measure",
    "angular",
    "calibrated",
    "calibrated_matrix",
    "cca",
    "cka",
    "cka_matrix",
    "cross_barcode",
    "mtop_div",
    "mutual_knn",
    "procrustes",
    "pwcca",
    "rsa",
    "rtd",
    "rtd_draws",
    "rtd_lite",
    "svcca",
]
