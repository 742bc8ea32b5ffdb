"""Betti numbers of the sublevel sets of a volume, without persistence.

The number of components comes from union-find, that of cavities from union-find on everything
outside, and that of loops from the Euler characteristic: exact, in time linear in the voxels. A
few thresholds are taken one by one (`cubical_bits`), many of them together (`cubical_union`).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.homology.cubical_complex.bits import betti_of_packed, pack_many
from toposcope.homology.cubical_complex.euler import euler_steps
from toposcope.homology.cubical_complex.levels import flipped, levels_of_limits, levels_of_values
from toposcope.homology.cubical_complex.merge_trees import merge_tree
from toposcope.homology.cubical_complex.voxels import (
    Volume,
    as_3d,
    check_construction,
    check_thresholds,
    limits_of,
)
from toposcope.inputs.arrays import read_volume
from toposcope.inputs.parameters import flag, whole

Betti = NDArray[np.int64]

# From here on all thresholds together cost less than one by one: from 9 on noise, 15 on smooth
# volumes. Merge trees hold positions in 32 bits and take 70 bytes per voxel, one threshold 2.
_TOGETHER_FROM = 12
_TOGETHER_VOXELS = 2**28


def betti_numbers(
    volume: ArrayLike,
    thresholds: ArrayLike,
    *,
    construction: str = "V",
    sublevel: bool = True,
) -> Betti:
    """Betti numbers of {volume <= t} at each threshold, exactly and without persistence.

    Parameters
    ----------
    volume
        (h, w) or (d, h, w) real numbers; float32 and float64 are compared as they are, without
        rounding the thresholds. Voxels at +inf never enter.
    thresholds
        (k,) filtration values in any order.
    construction
        "V": voxels are vertices, neighbors across faces are joined. "T": voxels are closed top
        cells, neighbors across edges and corners are joined too. CubicalRipser's default is V,
        giotto-tda's T.
    sublevel
        False for {volume >= t}.

    Returns
    -------
    (k, volume.ndim) integers, column j for H_j: the pairs of `cubical` with births <= t < deaths
    (births >= t > deaths for superlevel sets). At t = inf, what never dies.

    Raises
    ------
    UsageError
        For NaN, other shapes, and arguments without meaning.

    Notes
    -----
    At t >= 0 a ReLU changes nothing: {relu(f) <= t} = {f <= t}.

    Examples
    --------
    Two dark pixels that touch at a corner are apart in V and together in T:

    >>> image = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> betti_numbers(image, [0.0, 1.0])
    array([[2, 0],
           [1, 0]])
    >>> betti_numbers(image, [0.0, 1.0], construction="T")
    array([[1, 0],
           [1, 0]])
    """
    call = "betti_numbers()"
    vertices = check_construction(construction, call=call)
    sublevel = flag(sublevel, "sublevel", call=call)
    values, levels = _oriented(
        read_volume(volume, call=call), check_thresholds(thresholds, call=call), sublevel
    )
    betti = _count(as_3d(values)[None], limits_of(levels, values.dtype), vertices)
    return betti[0, :, : values.ndim]


def betti_numbers_batch(
    volumes: ArrayLike,
    thresholds: ArrayLike,
    *,
    construction: str = "V",
    sublevel: bool = True,
    jobs: int | None = None,
) -> Betti:
    """`betti_numbers` of many volumes of one shape.

    Parameters
    ----------
    volumes
        (m, h, w) or (m, d, h, w).
    thresholds, construction, sublevel
        As in `betti_numbers`.
    jobs
        Threads; None for one per available core. The kernels run without the GIL.

    Returns
    -------
    (m, k, ndim of one volume) integers, the same for any `jobs`.

    Examples
    --------
    >>> betti_numbers_batch(np.zeros((3, 4, 4)), [0.0])[:, 0]
    array([[1, 0],
           [1, 0],
           [1, 0]])
    """
    call = "betti_numbers_batch()"
    vertices = check_construction(construction, call=call)
    sublevel = flag(sublevel, "sublevel", call=call)
    values, levels = _oriented(
        read_volume(volumes, call=call, batch=True),
        check_thresholds(thresholds, call=call),
        sublevel,
    )
    threads = _cores() if jobs is None else whole(jobs, "jobs", call=call, low=1)
    limits = limits_of(levels, values.dtype)
    ndim = values.ndim - 1
    # Several parts per thread, as volumes differ in cost; parts also bound the copy as_3d makes.
    parts = np.array_split(values, max(1, min(len(values), 8 * threads)))

    def count(part: Volume) -> Betti:
        return _count(as_3d(part, batch=True), limits, vertices)

    if threads == 1 or len(parts) == 1:
        counts = [count(part) for part in parts]
    else:
        with ThreadPoolExecutor(threads) as pool:
            counts = list(pool.map(count, parts))
    return np.concatenate(counts)[:, :, :ndim]


def betti_curves(
    volume: ArrayLike, *, construction: str = "V", sublevel: bool = True
) -> tuple[NDArray[np.float64], Betti]:
    """Betti numbers at every value at which they can change.

    Parameters
    ----------
    volume, construction, sublevel
        As in `betti_numbers`, which is the call for thresholds of your own.

    Returns
    -------
    thresholds
        (k,) distinct values of the volume in the order of the filtration: increasing, for
        superlevel sets decreasing.
    betti
        (k, volume.ndim) integers; row i holds from `thresholds[i]` until the next one.

    Examples
    --------
    A ring that closes at 1 and is filled at 2:

    >>> thresholds, betti = betti_curves([[0, 0, 0], [0, 2, 0], [0, 1, 0]])
    >>> thresholds
    array([0., 1., 2.])
    >>> betti
    array([[1, 0],
           [1, 1],
           [1, 0]])
    """
    call = "betti_curves()"
    vertices = check_construction(construction, call=call)
    sublevel = flag(sublevel, "sublevel", call=call)
    values = read_volume(volume, call=call)
    padded, thresholds = levels_of_values(as_3d(values if sublevel else -values), call=call)
    betti = _at_levels(padded, len(thresholds), vertices)[:, : values.ndim]
    return (thresholds if sublevel else -thresholds), betti


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _oriented(
    volume: Volume, thresholds: NDArray[np.float64], sublevel: bool
) -> tuple[Volume, NDArray[np.float64]]:
    """Superlevel sets of f are sublevel sets of -f."""
    return (volume, thresholds) if sublevel else (-volume, -thresholds)


def _count(volumes: Volume, limits: Volume, vertices: bool) -> Betti:
    """(m, k, 3) Betti numbers of (m, d, h, w) volumes, by the cheaper of two exact ways."""
    betti = np.zeros((len(volumes), len(limits), 3), np.int64)
    distinct, inverse = np.unique(limits, return_inverse=True)
    if len(distinct) < _TOGETHER_FROM or volumes[:1].size > _TOGETHER_VOXELS:
        _, depth, height, width = volumes.shape
        # A few limits at a time: packed, they take less room together than the volumes.
        for start in range(0, len(limits), _TOGETHER_FROM):
            part = slice(start, start + _TOGETHER_FROM)
            packed = pack_many(volumes, limits[part])
            betti[:, part] = betti_of_packed(packed, depth, height, width, vertices)
        return betti
    for m, volume in enumerate(volumes):
        padded = levels_of_limits(volume, distinct)
        betti[m] = _at_levels(padded, len(distinct), vertices)[inverse]
    return betti


def _at_levels(padded: NDArray[np.int32], count: int, vertices: bool) -> Betti:
    """(count, 3) Betti numbers at each level of a padded volume."""
    others = flipped(padded, count)
    components = merge_tree(padded, count=count, full=not vertices, outside=False)
    betti = np.zeros((count, 3), np.int64)
    betti[:, 0] = components.components(count)
    if padded.ndim == 3:
        # Outside {level <= k} is {flipped <= count - 1 - k}.
        cavities = merge_tree(others, count=count, full=vertices, outside=True)
        betti[:, 2] = cavities.components(count)[::-1]
    if vertices:
        steps = euler_steps(padded, count=count)[:count]
    else:
        # A cell of T is a cell of V on the flipped levels, of the complementary dimension: it
        # appears with the first of its voxels instead of the last.
        sign = -1 if padded.ndim == 3 else 1
        steps = sign * euler_steps(others, count=count)[:0:-1]
    betti[:, 1] = betti[:, 0] + betti[:, 2] - np.cumsum(steps)
    return betti
