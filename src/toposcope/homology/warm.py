"""Compile or load every kernel before the clock starts and before workers start."""

from __future__ import annotations

import numpy as np

from toposcope.homology.landscapes import corners, inner_product, top_levels
from toposcope.homology.loops import longest_loops
from toposcope.homology.neighbors import nearest
from toposcope.homology.spanning import tiled_tree
from toposcope.homology.vietoris_rips import rips


def warm_up() -> None:
    """Run every kernel that the analysis of a RUN needs once, on tiny inputs.

    The first call on a machine compiles for some seconds and fills the cache folder; later ones
    load machine code in well under a second. Call it in the driver before starting workers, or
    each of them compiles the same kernels.
    """
    # Enough points for the search for the last birth, which small clouds do without.
    points = np.random.default_rng(0).normal(size=(200, 3))
    rips(points, homology_dimensions=(0, 1))
    longest_loops(points, count=1)
    tiled_tree(points, tile=100)
    nearest(points, 2)
    grid, first, last = np.zeros(2), np.zeros(1, np.int64), np.ones(1, np.int64)
    bar = np.array([[0.0, 1.0]])
    top_levels(bar, grid, first, last, 1)
    inner_product(*corners(bar), *corners(bar))
