"""How alike are two layers on the same samples? Each measure declares its invariances."""

from toposcope.similarity.all_layers import cka_matrix
from toposcope.similarity.canonical_correlation import cca, pwcca, svcca
from toposcope.similarity.kernel_alignment import KERNELS, LinearCKA, cka
from toposcope.similarity.measures import (
    MEASURES,
    TRANSFORMATIONS,
    Measure,
    angular,
    mutual_knn,
    procrustes,
    rsa,
)
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
    "LinearCKA",
    "Measure",
    "angular",
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
