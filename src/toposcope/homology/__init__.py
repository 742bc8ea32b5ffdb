"""Persistent homology of point clouds: exact, without GPL code, fast at hundreds of points.

`rips` is the front door. Distances, spanning trees and loops are importable from their modules;
`warm_up` compiles everything ahead of time.
"""

from toposcope.homology.cost import estimate_cost
from toposcope.homology.jit import kernel_hash
from toposcope.homology.loops import Loop, longest_loops
from toposcope.homology.metrics import distances
from toposcope.homology.vietoris_rips import rips, rips_from_distances
from toposcope.homology.warm import warm_up

__all__ = [
    "Loop",
    "distances",
    "estimate_cost",
    "kernel_hash",
    "longest_loops",
    "rips",
    "rips_from_distances",
    "warm_up",
]
