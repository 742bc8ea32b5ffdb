"""Euler characteristic of every sublevel set at once: each cell is counted where it appears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.jit import kernel


def euler_steps(padded: NDArray[np.int32], *, count: int) -> NDArray[np.int64]:
    """Change of the Euler characteristic at each level 0 .. `count`, V-construction.

    Parameters
    ----------
    padded
        (d0 + 2, d1 + 2) or (d0 + 2, d1 + 2, d2 + 2) levels 0 .. count with a shell of one voxel.
        A cell appears with the last of its corners. Cells of which only the shell is a corner
        are counted in part: they belong to level 0 or `count`, whichever the shell has.
    count
        The highest level.

    Returns
    -------
    (count + 1,) changes; those of the shell's own level have no meaning.

    Examples
    --------
    A ring of level 0 around one voxel of level 1: characteristic 0, then 1.

    >>> padded = np.full((5, 5), 2, np.int32)
    >>> padded[1:4, 1:4] = [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    >>> np.cumsum(euler_steps(padded, count=2))[:2]
    array([0, 1])
    """
    steps: NDArray[np.int64]
    steps = _euler_2d(padded, count) if padded.ndim == 2 else _euler_3d(padded, count)
    return steps


@kernel
def _euler_2d(levels, count):  # type: ignore[no-untyped-def]
    steps = np.zeros(count + 1, np.int64)
    for y in range(levels.shape[0] - 1):
        a0, b0 = levels[y, 0], levels[y + 1, 0]
        ab0 = max(a0, b0)
        for x in range(levels.shape[1] - 1):
            a1, b1 = levels[y, x + 1], levels[y + 1, x + 1]
            ab1 = max(a1, b1)
            steps[a0] += 1
            steps[max(a0, a1)] -= 1
            steps[ab0] -= 1
            steps[max(ab0, ab1)] += 1
            a0, ab0 = a1, ab1
    return steps


@kernel
def _euler_3d(levels, count):  # type: ignore[no-untyped-def]
    # Two tables: neighboring cells often share a level, and adding to one address waits.
    up, down = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for z in range(levels.shape[0] - 1):
        for y in range(levels.shape[1] - 1):
            # Four rows share the cells between two columns: a, b (next row), c, d (next plane).
            row_a, row_b = levels[z, y], levels[z, y + 1]
            row_c, row_d = levels[z + 1, y], levels[z + 1, y + 1]
            a0 = row_a[0]
            ab0, ac0 = max(a0, row_b[0]), max(a0, row_c[0])
            abcd0 = max(max(ab0, ac0), row_d[0])
            for x in range(levels.shape[2] - 1):
                a1 = row_a[x + 1]
                ab1, ac1 = max(a1, row_b[x + 1]), max(a1, row_c[x + 1])
                abcd1 = max(max(ab1, ac1), row_d[x + 1])
                up[a0] += 1
                down[max(a0, a1)] += 1
                down[ab0] += 1
                down[ac0] += 1
                up[max(ab0, ab1)] += 1
                up[max(ac0, ac1)] += 1
                up[abcd0] += 1
                down[max(abcd0, abcd1)] += 1
                a0, ab0, ac0, abcd0 = a1, ab1, ac1, abcd1
    return up - down
