"""Compile or load every kernel before the clock starts and before workers start."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from toposcope.homology.cubical_complex.betti import betti_numbers
from toposcope.homology.cubical_complex.persistence import cubical
from toposcope.homology.jit import cache_folder
from toposcope.homology.landscape_kernels import (
    corners,
    difference_power,
    inner_product,
    top_levels,
)
from toposcope.homology.matching import (
    line_bottleneck,
    line_transport,
    plane_bottleneck,
    plane_transport,
)
from toposcope.homology.metrics import distances
from toposcope.homology.neighbors import nearest
from toposcope.homology.spanning import tiled_tree
from toposcope.homology.vietoris_rips.geodesic import geodesic_distances
from toposcope.homology.vietoris_rips.hubs import hubs_last
from toposcope.homology.vietoris_rips.landmarks import farthest_landmarks
from toposcope.homology.vietoris_rips.loops import longest_loops
from toposcope.homology.vietoris_rips.nested import nested_tree_sums
from toposcope.homology.vietoris_rips.persistence import rips
from toposcope.homology.vietoris_rips.sparse import sparse_rips
from toposcope.inputs.parameters import flag


def warm_up(*, load: bool = True) -> None:
    """Run every kernel of the package once, on tiny inputs of every type that it is called with.

    The first call on a machine compiles for a minute of processor time, half of it in a second
    process, and fills the cache folder; later ones load machine code in half a second. Call it in
    the driver before starting workers, or each of them compiles the same kernels.

    Parameters
    ----------
    load
        Whether this process is to have them loaded. False: only that workers find them compiled,
        which costs nothing on a machine where that was done before.

    Raises
    ------
    UsageError
        For a `load` that is neither True nor False.
    """
    load = flag(load, "load", call="warm_up()")
    done = _done_file()
    if not load and done.exists() and _any_compiled():
        return
    helper = _compile_beside() if not _any_compiled() else None
    _rips(np.random.default_rng(0))
    if helper is not None:
        helper.wait()
    _others(np.random.default_rng(0))
    with suppress(OSError):  # then the next process looks again
        done.touch()


def _done_file() -> Path:
    """What says that all kernels are compiled for this kind of processor."""
    from llvmlite.binding import get_host_cpu_name  # type: ignore[import-untyped]

    return cache_folder() / f"warm-{get_host_cpu_name()}"


def _any_compiled() -> bool:
    return any(cache_folder().rglob("*.nbi"))


def _compile_beside() -> subprocess.Popen[bytes]:
    """Compile what `_rips` does not need in a process of its own.

    Numba compiles one kernel at a time per process. Should the helper fail, this process compiles
    all of it itself: only time is lost.
    """
    code = (
        f"import numpy, {__name__} as precompile; precompile._others(numpy.random.default_rng(0))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _others(rng: np.random.Generator) -> None:
    _volumes(rng)
    _diagrams(rng)


def _rips(rng: np.random.Generator) -> None:
    # Enough points for the search for the last birth, which small clouds do without.
    points = rng.normal(size=(200, 3))
    D = distances(points)
    rips(D, metric="precomputed", homology_dimensions=(0, 1))
    longest_loops(points, count=1)
    tiled_tree(points, tile=100)
    nearest(points, 2)
    hubs_last(D, np.inf)
    few = points[:20]
    geodesic_distances(few, 3)
    farthest_landmarks(few, 2)
    sparse_rips(few, epsilon=0.5)
    nested_tree_sums(D, np.arange(9), [3, 9])


def _volumes(rng: np.random.Generator) -> None:
    volume = rng.normal(size=(4, 5, 6)).astype(np.float32)
    for values in (volume, volume.astype(np.float64)):
        betti_numbers(values, [0.0])
        betti_numbers(values, np.linspace(-1, 1, 20))
    betti_numbers(volume[0], np.linspace(-1, 1, 20))
    cubical(volume, homology_dimensions=(0, 2))


def _diagrams(rng: np.random.Generator) -> None:
    a, b = np.sort(rng.random((2, 5, 2)), axis=2)
    grid, first, last = np.zeros(2), np.zeros(1, np.int64), np.ones(1, np.int64)
    top_levels(a[:1], grid, first, last, 1)
    points, starts = corners(a[:1])
    inner_product(points, starts, points, starts)
    difference_power(points, starts, points, starts, 2.0, 1.0)
    x, y = np.sort(a[:, 1]), np.sort(b[:, 1])
    line_bottleneck(x, y)
    plane_bottleneck(a, b, relative_error=0.0)
    for order in (1.0, 2.0):
        line_transport(x, y, order=order, diagonal=0.5)
        plane_transport(a, b + 1e-3, order=order, internal_p=np.inf)
