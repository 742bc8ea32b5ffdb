"""Components and Euler characteristic of a thresholded volume, 64 voxels per machine word.

A set of voxels is a flat array of words. Rows are separated by an empty word, planes by an empty
row and the first plane is preceded by an empty one, hence every neighbor of a word exists and no
edge of the volume needs a branch. The nodes of the union-find are the runs of ones in a row; two
rows are compared by `&`, and each run of ones in the result is one pair of runs that touch.

Bit x + 1 of a row is voxel x: the box that the words span is one voxel larger than the volume on
every side, and that shell is the outside of the volume.
"""

from __future__ import annotations

import numpy as np

from toposcope.homology.jit import kernel

_ONE = np.uint64(1)
_TOP = np.uint64(63)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def layout_of(depth, height, width):  # type: ignore[no-untyped-def]
    """Where the rows of a (depth, height, width) volume lie in a flat array of words.

    Returns
    -------
    words per row (the shell included), words from one row to the next, from one plane to the
    next, first word of the shell, one past its last word, words to allocate, and the largest
    number of runs of ones.
    """
    words = (width + 2 + 63) // 64
    row = words + 1
    plane = (height + 3) * row
    first = plane + row
    last = first + (depth + 1) * plane + (height + 2) * row
    runs = (depth + 2) * (height + 2) * ((width + 3) // 2)
    return words, row, plane, first, last, last + plane + row + 1, runs


@kernel
def betti_of_packed(packed, depth, height, width, vertices):  # type: ignore[no-untyped-def]
    """(m, k, 3) Betti numbers of sets of voxels of (depth, height, width) volumes.

    Parameters
    ----------
    packed
        (m, k, words) as from `pack_many`.
    vertices
        Voxels are vertices (V) rather than top cells (T).
    """
    layout = layout_of(depth, height, width)
    betti = np.empty((packed.shape[0], packed.shape[1], 3), np.int64)
    flat = depth == 1
    for m in range(packed.shape[0]):
        for k in range(packed.shape[1]):
            voxels = packed[m, k]
            others = complement(voxels, (depth, height, width), layout)
            cavities = 0
            if vertices:
                chi = euler_characteristic(voxels, layout)
                components = components_6(voxels, layout)
                if not flat:
                    cavities = components_26(others, layout) - 1
            else:
                # The top cells and the vertices of all others share the 3-sphere; the shell
                # bounds the rest of it, a ball, which takes one off the characteristic.
                chi = euler_characteristic(others, layout) - 1
                components = components_26(voxels, layout)
                if not flat:
                    cavities = components_6(others, layout) - 1
            betti[m, k, 0] = components
            betti[m, k, 1] = components + cavities - chi
            betti[m, k, 2] = cavities
    return betti


@kernel
def pack_many(volumes, limits):  # type: ignore[no-untyped-def]
    """(m, k, words): the voxels of each volume whose value is at most each limit.

    Apart from all the rest, as it alone has to be compiled for float32 and for float64.

    Parameters
    ----------
    volumes
        (m, depth, height, width).
    limits
        (k,), of the dtype of the volumes.
    """
    m, depth, height, width = volumes.shape
    words, row, plane, first, _, size, _ = layout_of(depth, height, width)
    packed = np.zeros((m, limits.size, size), np.uint64)
    for v in range(m):
        for z in range(depth):
            for y in range(height):
                line = volumes[v, z, y]
                start = first + (z + 1) * plane + (y + 1) * row
                for k in range(limits.size):
                    for w in range(words):
                        low = max(0, 64 * w - 1)
                        word = np.uint64(0)
                        for x in range(low, min(width, 64 * w + 63)):
                            word |= np.uint64(line[x] <= limits[k]) << np.uint64(x + 1 - 64 * w)
                        packed[v, k, start + w] = word
    return packed


@kernel
def complement(packed, shape, layout):  # type: ignore[no-untyped-def]
    """Words of all other voxels and of the shell around the volume."""
    depth, height, width = shape
    words, row, plane, first, _, _, _ = layout
    others = np.zeros_like(packed)
    spare = 64 * words - (width + 2)
    for z in range(depth + 2):
        for y in range(height + 2):
            start = first + z * plane + y * row
            for w in range(words):
                others[start + w] = ~packed[start + w]
            others[start + words - 1] &= _ALL >> np.uint64(spare)
    return others


@kernel
def euler_characteristic(packed, layout):  # type: ignore[no-untyped-def]
    """Vertices minus edges plus squares minus cubes of the V-construction on a set of voxels."""
    _, row, plane, first, last, _, _ = layout
    chi = 0
    for q in range(first, last):
        a = packed[q]
        if a == 0:
            continue
        b, c, d = packed[q + row], packed[q + plane], packed[q + plane + row]
        # ax: edges along the row; and so on for the three rows that share its squares and cubes.
        ax = a & _from_right(packed, q)
        bx = b & _from_right(packed, q + row)
        cx = c & _from_right(packed, q + plane)
        dx = d & _from_right(packed, q + plane + row)
        square = a & b & c & d
        chi += ones(a) - ones(ax) - ones(a & b) - ones(a & c)
        chi += ones(ax & bx) + ones(ax & cx) + ones(square) - ones(ax & bx & cx & dx)
    return chi


@kernel
def components_6(packed, layout):  # type: ignore[no-untyped-def]
    """Number of components of a set of voxels, neighbors across faces."""
    _, row, plane, first, last, size, runs = layout
    starts, base = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    parent = np.empty(runs, np.int32)
    count, merges = 0, 0
    for q in range(first, last):
        base[q] = count
        a = packed[q]
        if a == 0:
            continue
        count = _new_runs(packed, starts, parent, q, count)
        n, u, un = q - row, q - plane, q - plane - row
        merges += _join_overlaps(packed, starts, base, parent, q, n, _ALL)
        # Where the square to the row above is full, the way around it already joins these two.
        open_square = ~(packed[n] & packed[un])
        merges += _join_overlaps(packed, starts, base, parent, q, u, open_square)
    return count - merges


@kernel
def components_26(packed, layout):  # type: ignore[no-untyped-def]
    """Number of components of a set of voxels, neighbors across faces, edges and corners."""
    _, row, plane, first, last, size, runs = layout
    starts, base = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    parent = np.empty(runs, np.int32)
    count, merges = 0, 0
    for q in range(first, last):
        base[q] = count
        a = packed[q]
        if a == 0:
            continue
        count = _new_runs(packed, starts, parent, q, count)
        n, u = q - row, q - plane
        for other in (n, u):
            merges += _join_overlaps(packed, starts, base, parent, q, other, _ALL)
            merges += _join_diagonals(packed, starts, base, parent, q, other, _ALL, _ALL)
        # Rows across an edge: only where no voxel of the two rows between them touches both.
        for other, side in ((u - row, n), (u + row, q + row)):
            if packed[other] == 0 and packed[other - 1] == 0 and packed[other + 1] == 0:
                continue
            between = packed[u] | packed[side]
            left = between | _from_left(packed, u) | _from_left(packed, side)
            right = between | _from_right(packed, u) | _from_right(packed, side)
            merges += _join_overlaps(packed, starts, base, parent, q, other, ~(left | right))
            merges += _join_diagonals(packed, starts, base, parent, q, other, ~left, ~right)
    return count - merges


@kernel
def ones(word):  # type: ignore[no-untyped-def]
    """Number of ones; LLVM knows the idiom and emits one instruction."""
    word = word - ((word >> _ONE) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def _from_left(packed, q):  # type: ignore[no-untyped-def]
    """Word whose bit x is bit x - 1 of the row."""
    return (packed[q] << _ONE) | (packed[q - 1] >> _TOP)


@kernel
def _from_right(packed, q):  # type: ignore[no-untyped-def]
    """Word whose bit x is bit x + 1 of the row."""
    return (packed[q] >> _ONE) | (packed[q + 1] << _TOP)


@kernel
def _new_runs(packed, starts, parent, q, count):  # type: ignore[no-untyped-def]
    """Number the runs that start in word q from `count` on."""
    starts[q] = packed[q] & ~_from_left(packed, q)
    after = count + ones(starts[q])
    for run in range(count, after):
        parent[run] = run
    return after


@kernel
def _run_at(starts, base, q, bit):  # type: ignore[no-untyped-def]
    """The last run that starts at or before a bit: the run of that bit, if it is set."""
    return base[q] + ones(starts[q] & (bit | (bit - _ONE))) - 1


@kernel
def _join(parent, a, b):  # type: ignore[no-untyped-def]
    """Join two sets; 1 if they were apart."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    while parent[b] != b:
        parent[b] = parent[parent[b]]
        b = parent[b]
    if a == b:
        return 0
    if a < b:
        parent[b] = a
    else:
        parent[a] = b
    return 1


@kernel
def _join_overlaps(packed, starts, base, parent, q, other, where):  # type: ignore[no-untyped-def]
    """Join runs of two rows that share a column; once per pair, at their first column."""
    both = packed[q] & packed[other]
    before = (both << _ONE) | ((packed[q - 1] & packed[other - 1]) >> _TOP)
    left = both & ~before & where
    merges = 0
    while left != 0:
        bit = left & (~left + _ONE)
        left ^= bit
        a, b = _run_at(starts, base, q, bit), _run_at(starts, base, other, bit)
        merges += _join(parent, a, b)
    return merges


@kernel
def _join_diagonals(packed, starts, base, parent, q, other, low, high):  # type: ignore[no-untyped-def]
    """Join runs that touch at a corner only: neither row has a voxel in the other's column.

    `low` and `high` are where to look for a neighbor one column before and one after.
    """
    alone = packed[q] & ~packed[other]
    merges = 0
    left = alone & ~_from_left(packed, q) & _from_left(packed, other) & low
    while left != 0:
        bit = left & (~left + _ONE)
        left ^= bit
        # The bit is not set in the other row: this is the run that ended one column before.
        a, b = _run_at(starts, base, q, bit), _run_at(starts, base, other, bit)
        merges += _join(parent, a, b)
    left = alone & ~_from_right(packed, q) & _from_right(packed, other) & high
    while left != 0:
        bit = left & (~left + _ONE)
        left ^= bit
        a, b = _run_at(starts, base, q, bit), _run_at(starts, base, other, bit) + 1
        merges += _join(parent, a, b)
    return merges
