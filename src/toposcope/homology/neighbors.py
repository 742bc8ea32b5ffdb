"""Nearest neighbors of the points of a cloud, exact, without the (n, n) matrix.

In few dimensions a k-d tree; else products in float32, which exclude nearly all pairs, and
distances from differences in float64 for the others (see `metrics.Products`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.metrics import U32, products
from toposcope.homology.spanning import square_distance

# Entries of a tile of products: 64 MB.
_TILE = 1 << 24
# A k-d tree visits a share of the points that grows with the dimension.
_POINTS_PER_CORNER = 300
_BLOCK = 256


def nearest(
    points: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Distances (n, k) to the nearest other points, their rows, and who repeats an earlier point.

    k is cut to n - 1.

    Examples
    --------
    >>> near, rows, repeated = nearest(np.array([[0.0], [1.0], [3.0]]), 1)
    >>> near.ravel(), rows.ravel()
    (array([1., 1., 2.]), array([1, 0, 1]))
    """
    n, d = points.shape
    k = min(k, n - 1)
    if d < 20 and n > _POINTS_PER_CORNER * 2**d:
        return _by_tree(points, k)
    scaled = products(points)
    near = np.full((n, k), np.inf)
    rows = np.full((n, k), -1, dtype=np.int64)
    repeated = np.zeros(n, dtype=bool)
    tile = max(1, _TILE // n)
    for start in range(0, n, tile):
        # The same array twice lets BLAS compute half of the product.
        left = scaled.small if tile >= n else scaled.small[start : start + tile]
        _search(
            left @ scaled.small.T,
            start,
            scaled.points,
            scaled.squares,
            scaled.slack,
            near,
            rows,
            repeated,
        )
    return np.ldexp(np.sqrt(near), scaled.exponent), rows, repeated


def _by_tree(
    points: NDArray[np.float64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    from scipy.spatial import cKDTree

    # Centered and of a size that squares can hold; equal points stay equal.
    scaled = products(points)
    near, rows = cKDTree(scaled.points).query(scaled.points, k + 1)
    own = rows == np.arange(len(points))[:, None]
    own[~own.any(axis=1), -1] = True  # more than k copies of a point: it may not find itself
    repeated = np.zeros(len(points), dtype=bool)
    if (near[:, 1] == 0).any():
        first = np.unique(points, axis=0, return_index=True)[1]
        repeated[:] = True
        repeated[first] = False
    shape = (len(points), k)
    return np.ldexp(near[~own].reshape(shape), scaled.exponent), rows[~own].reshape(shape), repeated


@kernel
def _flag_nearer(row, norm, squares, bound, room, flags):  # type: ignore[no-untyped-def]
    """Columns that may be as near as `room` says: vector instructions."""
    for j in range(row.size):
        flags[j] = squares[j] - np.float32(2.0) * row[j] - bound * norm[j] <= room


@kernel
def _insert(values, rows, value, row):  # type: ignore[no-untyped-def]
    """Put a value into an increasing row of the smallest ones, behind equal ones."""
    p = values.size - 1
    while p > 0 and values[p - 1] > value:
        values[p] = values[p - 1]
        rows[p] = rows[p - 1]
        p -= 1
    values[p] = value
    rows[p] = row


@kernel
def _search(gram, start, points, squares, slack, near, rows, repeated):  # type: ignore[no-untyped-def]
    """Squared distances to the nearest points of rows start, start + 1, ..., in order."""
    n = squares.size
    last = near.shape[1] - 1
    # Shares and slack make up for the rounding of the test to float32.
    below, above = 1.0 - 16 * U32, 1.0 + 16 * U32
    norm = np.sqrt(squares)
    norm32 = norm.astype(np.float32)
    squares32 = (below * squares).astype(np.float32)
    flags = np.zeros(_BLOCK, np.uint8)
    words = flags.view(np.uint64)
    # The first pass finds a bound of the k-th distance, the second all that may lie within.
    most = np.empty(last + 1)
    ignored = np.empty(last + 1, np.int64)
    for r in range(gram.shape[0]):
        i = start + r
        most[:] = np.inf
        bound = np.float32((slack + 32 * U32) * norm[i])
        for exactly in (False, True):
            for first in range(0, n, _BLOCK):
                stop = min(first + _BLOCK, n)
                room = np.float32(above * most[last] - below * squares[i])
                flags[:] = 0
                _flag_nearer(
                    gram[r, first:stop],
                    norm32[first:stop],
                    squares32[first:stop],
                    bound,
                    room,
                    flags,
                )
                for w in range(words.size):
                    if words[w] == np.uint64(0):
                        continue
                    for j in range(first + 8 * w, min(first + 8 * w + 8, stop)):
                        if flags[j - first] == 0 or i == j:
                            continue
                        both = squares[i] + squares[j]
                        square = both - 2.0 * gram[r, j]
                        error = slack * norm[i] * norm[j] + 1e-12 * both
                        if not exactly:
                            if square + error < most[last]:
                                _insert(most, ignored, square + error, j)
                        elif square - error <= most[last]:
                            exact = square_distance(points, i, j)
                            repeated[i] |= exact == 0.0 and j < i
                            if exact < near[i, last]:
                                _insert(near[i], rows[i], exact, j)
