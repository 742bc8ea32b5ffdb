"""Persistent homology of point clouds and volumes: exact, no GPL code loaded, fast.

`rips` and `cubical` are the front doors. GUDHI does what the own engines do not cover, without its
parts under the GPL (`gudhi_extensions`). Distances, spanning trees and loops are importable from
their modules; `warm_up` compiles everything ahead of time.
"""

from toposcope.homology.cubical_complex.betti import (
    betti_curves,
    betti_numbers,
    betti_numbers_batch,
)
from toposcope.homology.cubical_complex.persistence import cubical
from toposcope.homology.jit import kernel_hash
from toposcope.homology.metrics import distances
from toposcope.homology.precompile import warm_up
from toposcope.homology.vietoris_rips.cost import estimate_cost
from toposcope.homology.vietoris_rips.geodesic import geodesic_distances
from toposcope.homology.vietoris_rips.landmarks import (
    Landmarks,
    farthest_landmarks,
    landmarks_in_blocks,
    random_landmarks,
)
from toposcope.homology.vietoris_rips.local import local_distances
from toposcope.homology.vietoris_rips.loops import Loop, longest_loops
from toposcope.homology.vietoris_rips.nested import nested_h0, nested_tree_sums
from toposcope.homology.vietoris_rips.persistence import rips, rips_from_distances
from toposcope.homology.vietoris_rips.sparse import SparseRips, sparse_rips

__all__ = [
    "Landmarks",
    "Loop",
    "SparseRips",
    "betti_curves",
    "betti_numbers",
    "betti_numbers_batch",
    "cubical",
    "distances",
    "estimate_cost",
    "farthest_landmarks",
    "geodesic_distances",
    "kernel_hash",
    "landmarks_in_blocks",
    "local_distances",
    "longest_loops",
    "nested_h0",
    "nested_tree_sums",
    "random_landmarks",
    "rips",
    "rips_from_distances",
    "sparse_rips",
    "warm_up",
]
