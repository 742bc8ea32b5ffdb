"""Merge trees of a volume: when components are born and when they join, by union-find.

Levels are integers: ranks of the values, or the number of the first threshold that lets a voxel
in. A voxel first points to its lowest neighbor, which cuts the volume into basins, one per local
minimum; only pairs of voxels that touch across the border of two basins are sorted and joined
(Kruskal with the elder rule). On noise that leaves a seventh of the voxels as nodes, on smooth
volumes almost none, and both passes read memory in order.

Neighbors across a face (connectivity 1) are those of the V-construction, neighbors across faces,
edges and corners (connectivity d) those of the T-construction. `padded` volumes have a shell of
one voxel, at a level that never enters or at level 0: then it is the outside, the eldest of all.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.cubical_complex.bits import ones
from toposcope.homology.jit import kernel
from toposcope.homology.spanning import find_root

Levels = NDArray[np.int32]

# The low bits of a key hold the rank of a neighbor: at most 27 of them, the voxel itself included.
_BITS = 5
_CHUNK = 4096


class MergeTree(NamedTuple):
    """Components of the sublevel sets of integer levels 0 .. count - 1."""

    born: NDArray[np.int32]
    """Level at which each component starts, the outside left out."""
    younger: NDArray[np.int32]
    """Of each merge, the level at which the younger component was born."""
    merged: NDArray[np.int32]
    """Of each merge, its level."""

    def components(self, count: int) -> NDArray[np.int64]:
        """Number of components at every level, the outside left out."""
        born = np.bincount(self.born, minlength=count)
        merged = np.bincount(self.merged, minlength=count)
        return np.cumsum(born - merged)


def merge_tree(padded: Levels, *, count: int, full: bool, outside: bool) -> MergeTree:
    """Births and merges of the components of the sublevel sets.

    Parameters
    ----------
    padded
        (d0 + 2, d1 + 2) or (d0 + 2, d1 + 2, d2 + 2) levels; those of `count` and above never
        enter.
    count
        Number of levels, below 2**26.
    full
        Neighbors across edges and corners too.
    outside
        The shell is at level 0 and is a component of its own, born before everything else.

    Returns
    -------
    Merges in the order of their levels; those of equal birth and merge are included.

    Examples
    --------
    Two pits of levels 0 and 1 with a wall of level 2 between them, nothing outside:

    >>> row = np.array([[9, 9, 9, 9, 9], [9, 0, 2, 1, 9], [9, 9, 9, 9, 9]], np.int32)
    >>> tree = merge_tree(row, count=3, full=False, outside=False)
    >>> tree.born, tree.younger, tree.merged
    (array([0, 1], dtype=int32), array([1], dtype=int32), array([2], dtype=int32))
    >>> tree.components(3)
    array([1, 2, 1])
    """
    offsets, detours, sizes = _neighbors(padded.shape, full)
    flat = padded.reshape(-1)
    shape = (1, *padded.shape) if padded.ndim == 2 else padded.shape
    labels, born = _basins(flat, shape, offsets, count, outside)
    edges, levels = _borders(flat, labels, offsets, detours, sizes, count)
    younger, merged = _join_basins(edges, levels, born)
    return MergeTree(born[int(outside) :], younger, merged)


@cache
def _neighbors(
    shape: tuple[int, ...], full: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Neighbors of a voxel as steps in the flat volume, in increasing order, itself included.

    For each later neighbor also the voxels that touch both: where one of them is no higher than
    the two, the pair is joined through it and need not be looked at.
    """
    strides = [int(np.prod(shape[k + 1 :])) for k in range(len(shape))]
    steps = [s for s in product((-1, 0, 1), repeat=len(shape)) if full or sum(map(abs, s)) <= 1]

    def flat(step: tuple[int, ...]) -> int:
        return sum(a * b for a, b in zip(step, strides, strict=True))

    later = [s for s in steps if flat(s) > 0]
    detours = np.zeros((len(later), 6), np.int64)
    sizes = np.zeros(len(later), np.int64)
    for k, step in enumerate(later):
        # Zero out some of the coordinates: the voxels of the box that the two span.
        box = set(product(*[(0, c) if c else (0,) for c in step])) - {step, (0,) * len(shape)}
        sizes[k] = len(box)
        detours[k, : len(box)] = sorted(flat(s) for s in box)
    return np.array([flat(s) for s in steps], np.int64), detours, sizes


@kernel
def _lowest_neighbors(levels, offsets):  # type: ignore[no-untyped-def]
    """Position of the lowest voxel among each one and its neighbors, the first of equal ones."""
    n = levels.size
    reach = offsets[-1]
    lowest = np.arange(n).astype(np.int32)
    # A key orders neighbors by (level, position): a minimum of keys, which vectorizes.
    key = np.empty(_CHUNK, np.int32)
    mask = (1 << _BITS) - 1
    for start in range(reach, n - reach, _CHUNK):
        size = min(_CHUNK, n - reach - start)
        for i in range(size):
            key[i] = np.int32(2147483647)
        for k in range(offsets.size):
            near = levels[start + offsets[k] : start + offsets[k] + size]
            rank = np.int32(k)
            for i in range(size):
                key[i] = min(key[i], np.int32((near[i] << _BITS) | rank))
        for i in range(size):
            lowest[start + i] = start + i + offsets[key[i] & mask]
    return lowest


@kernel
def _basins(levels, shape, offsets, count, outside):  # type: ignore[no-untyped-def]
    """Basin of every voxel (-1: never enters) and the level of its lowest voxel."""
    depth, height, width = shape
    target = _lowest_neighbors(levels, offsets)
    labels = np.empty_like(levels)
    for i in range(labels.size):
        labels[i] = 0 if outside else -1
    born = np.empty(levels.size, np.int32)
    basins = 0
    if outside:
        born[0] = -1
        basins = 1
    planes = 1 if depth > 1 else 0
    for z in range(depth):
        for y in range(height):
            line = (z * height + y) * width
            if y == 0 or y == height - 1 or (planes == 1 and (z == 0 or z == depth - 1)):
                # The shell: each of its voxels ends a path, and their label is known.
                for i in range(line, line + width):
                    target[i] = i
                continue
            target[line] = line
            target[line + width - 1] = line + width - 1
            for i in range(line + 1, line + width - 1):
                if target[i] == i and levels[i] < count:
                    labels[i] = basins
                    born[basins] = levels[i]
                    basins += 1
    for z in range(planes, depth - planes):
        for y in range(1, height - 1):
            line = (z * height + y) * width
            for i in range(line + 1, line + width - 1):
                labels[i] = labels[find_root(target, i)] if levels[i] < count else -1
    return labels, born[:basins].copy()


@kernel
def _borders(levels, labels, offsets, detours, sizes, count):  # type: ignore[no-untyped-def]
    """Pairs of basins that touch and the levels at which they do, ordered by level."""
    n = levels.size
    later = offsets[offsets.size // 2 + 1 :]
    # Nothing is missed in the first plane of the shell: voxels next to it point to it already.
    reach = offsets[-1]
    edges, when = np.empty(n, np.int64), np.empty(n, np.int32)
    bits, lowest = np.empty(_CHUNK, np.int32), np.empty(_CHUNK, np.int32)
    written = 0
    for start in range(reach, n - reach, _CHUNK):
        size = min(_CHUNK, n - reach - start)
        _mark_borders(levels, labels, later, detours, sizes, start, size, bits, lowest)
        # Grown between chunks only: an array that may be replaced inside a loop is slow in it.
        if written + later.size * size > edges.size:
            edges = np.concatenate((edges, np.empty(edges.size + later.size * size, np.int64)))
            when = np.concatenate((when, np.empty(when.size + later.size * size, np.int32)))
        written = _write_borders(levels, labels, later, start, bits[:size], edges, when, written)
    return _counting_sort(edges[:written], when[:written], count)


@kernel
def _mark_borders(levels, labels, later, detours, sizes, start, size, bits, lowest):  # type: ignore[no-untyped-def]
    """Set bit k where the k-th later neighbor is in another basin and there is no way around.

    One simple loop per neighbor, so that LLVM makes vector instructions of it.
    """
    # Slices: an index that is known to be positive needs no check, hence vectorizes.
    bits[:size] = 0
    height, name = levels[start : start + size], labels[start : start + size]
    for k in range(later.size):
        lowest[:size] = np.int32(2147483647)
        for m in range(sizes[k]):
            first = start + detours[k, m]
            between = levels[first : first + size]
            for i in range(size):
                lowest[i] = min(lowest[i], between[i])
        first = start + later[k]
        near_height, near_name = levels[first : first + size], labels[first : first + size]
        bit = np.int32(1 << k)
        for i in range(size):
            apart = (name[i] != near_name[i]) & (min(name[i], near_name[i]) >= 0)
            touch = apart & (lowest[i] > max(height[i], near_height[i]))
            bits[i] |= bit if touch else np.int32(0)


@kernel
def _write_borders(levels, labels, later, start, bits, edges, when, written):  # type: ignore[no-untyped-def]
    """Append the marked pairs; returns how many there are now."""
    for c in range(bits.size):
        left = bits[c]
        i = start + c
        while left != 0:
            bit = left & -left
            left ^= bit
            j = i + later[ones(np.uint64(bit - 1))]
            edges[written] = (np.int64(labels[i]) << 32) | np.int64(labels[j])
            when[written] = max(levels[i], levels[j])
            written += 1
    return written


@kernel
def _counting_sort(edges, when, count):  # type: ignore[no-untyped-def]
    """Order edges by their level, an integer below `count`."""
    place = np.zeros(count + 1, np.int64)
    for level in when:
        place[level + 1] += 1
    for level in range(count):
        place[level + 1] += place[level]
    ordered, ordered_when = np.empty_like(edges), np.empty_like(when)
    for e in range(edges.size):
        level = when[e]
        p = place[level]
        place[level] = p + 1
        ordered[p] = edges[e]
        ordered_when[p] = level
    return ordered, ordered_when


@kernel
def _join_basins(edges, levels, born):  # type: ignore[no-untyped-def]
    """Kruskal with the elder rule: birth of the younger component and level, of each merge."""
    parent = np.empty(born.size, np.int32)
    for i in range(born.size):
        parent[i] = i
    younger = np.empty(max(born.size - 1, 0), np.int32)
    merged = np.empty(max(born.size - 1, 0), np.int32)
    merges = 0
    for e in range(edges.size):
        a = find_root(parent, np.int32(edges[e] >> 32))
        b = find_root(parent, np.int32(edges[e] & 0xFFFFFFFF))
        if a == b:
            continue
        if born[a] > born[b] or (born[a] == born[b] and a > b):
            a, b = b, a
        parent[b] = a
        younger[merges] = born[b]
        merged[merges] = levels[e]
        merges += 1
    return younger[:merges].copy(), merged[:merges].copy()
