"""Cubical persistence of images and volumes: one front door, exact engines behind it.

Every degree but one is a merge tree: H0 that of the sublevel sets, the top degree d - 1, by
Alexander duality, that of everything outside them with the dual neighborhood. Only H1 of a 3-D
volume needs a matrix reduction, which is GUDHI's (MIT-licensed module). Betti numbers at
thresholds need no persistence at all: see `betti`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.homology.cubical_complex.levels import flipped, levels_of_values
from toposcope.homology.cubical_complex.merge_trees import merge_tree
from toposcope.homology.cubical_complex.voxels import as_3d, check_construction
from toposcope.homology.gudhi_extensions import cubical_pairs
from toposcope.inputs.arrays import read_volume
from toposcope.inputs.parameters import degrees, flag

Pairs = NDArray[np.float64]


def cubical(
    volume: ArrayLike,
    *,
    construction: str = "V",
    sublevel: bool = True,
    homology_dimensions: Sequence[int] | None = None,
) -> list[Pairs]:
    """Persistence diagrams of the sublevel or superlevel filtration of an image or volume.

    Parameters
    ----------
    volume
        (h, w) or (d, h, w) real numbers. Voxels at +inf never enter (at -inf, when `sublevel` is
        False).
    construction
        "V": voxels are vertices, a cell enters with the last of its corners. "T": voxels are top
        cells, a face enters with the first voxel it belongs to. The two are not interchangeable;
        CubicalRipser's default is V, giotto-tda's T.
    sublevel
        True: from low values to high. False: from high to low.
    homology_dimensions
        Degrees to compute; None for all of them, 0 to ndim - 1. H1 of a 3-D volume costs about
        fifty times the other two.

    Returns
    -------
    One (n_k, 2) float64 array of (birth, death) per degree, pairs of equal birth and death left
    out, in the order of the filtration. Sublevel: births < deaths, essential classes have death
    inf. Superlevel: births > deaths, essential classes have death -inf: the pairs of -volume with
    both signs turned.

    Raises
    ------
    UsageError
        For NaN, other shapes, and arguments without meaning.

    Examples
    --------
    A bright pixel in a dark square: one component, and a hole from 0 to 1.

    >>> image = np.zeros((3, 3))
    >>> image[1, 1] = 1
    >>> cubical(image)
    [array([[ 0., inf]]), array([[0., 1.]])]
    >>> cubical(image, sublevel=False, homology_dimensions=(0,))
    [array([[  1., -inf]])]

    References
    ----------
    Garin, Heiss, Maggs, Bleile, Robins, Duality in persistent homology of images, 2020.
    """
    call = "cubical()"
    vertices = check_construction(construction, call=call)
    sublevel = flag(sublevel, "sublevel", call=call)
    values = read_volume(volume, call=call)
    dims = _check_dimensions(homology_dimensions, values.ndim, call=call)
    padded, births = levels_of_values(as_3d(values if sublevel else -values), call=call)
    count = len(births)
    # Level `count` is +inf: voxels there never enter.
    scale = np.append(births, np.inf)
    top = padded.ndim - 1
    diagrams: dict[int, Pairs] = {}
    for k in set(dims):
        if k == 0:
            levels = _components(padded, count, full=not vertices)
        elif k == top:
            levels = _cavities(padded, count, full=vertices)
        elif k < top:
            levels = _reduced(padded, k, vertices)
        else:  # above the top degree, and in axes of one voxel, there is nothing
            levels = np.empty((0, 2), np.int64)
        diagrams[k] = _valued(levels, scale, sublevel)
    return [diagrams[k].copy() for k in dims]


def _components(padded: NDArray[np.int32], count: int, *, full: bool) -> NDArray[np.int64]:
    """(n, 2) levels of birth and death in H0; essential classes die at level `count`."""
    tree = merge_tree(padded, count=count, full=full, outside=False)
    alive = np.bincount(tree.born, minlength=count) - np.bincount(tree.younger, minlength=count)
    essential = np.repeat(np.arange(count), alive)
    births = np.concatenate([tree.younger, essential])
    deaths = np.concatenate([tree.merged, np.full(len(essential), count)])
    return np.stack([births, deaths], axis=1)


def _cavities(padded: NDArray[np.int32], count: int, *, full: bool) -> NDArray[np.int64]:
    """(n, 2) levels of birth and death in the top degree.

    A class is born where two components of the outside separate and dies when the smaller one is
    filled: a merge of the reversed filtration, read backwards.
    """
    tree = merge_tree(flipped(padded, count), count=count + 1, full=full, outside=True)
    return np.stack([count - tree.merged, count - tree.younger], axis=1).astype(np.int64)


def _reduced(padded: NDArray[np.int32], k: int, vertices: bool) -> NDArray[np.int64]:
    """(n, 2) levels of birth and death in H_k over Z/2; death at the top level is essential."""
    inner = padded[(slice(1, -1),) * padded.ndim].astype(np.float64)
    return cubical_pairs(inner, k, vertices=vertices).astype(np.int64)


def _valued(levels: NDArray[np.int64], scale: Pairs, sublevel: bool) -> Pairs:
    """Pairs of positive length by birth, then death, as values with the signs of the volume."""
    kept = levels[levels[:, 0] < levels[:, 1]]
    # Sorting one integer per pair is ten times faster than sorting by two columns.
    keys = np.sort(kept[:, 0] * len(scale) + kept[:, 1])
    pairs: Pairs = scale[np.stack(np.divmod(keys, len(scale)), axis=1)]
    # Adding 0 makes 0 of -0.
    return pairs + 0.0 if sublevel else -pairs + 0.0


def _check_dimensions(
    homology_dimensions: Sequence[int] | None, ndim: int, *, call: str
) -> tuple[int, ...]:
    if homology_dimensions is None:
        return tuple(range(ndim))
    return degrees(homology_dimensions, call=call)
