"""Layers of networks of unequal depth: those at nearest relative depths belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest_depths(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Index of the depth in `b` nearest to each in `a`.

    >>> nearest_depths(np.array([0.25, 0.5, 0.75, 1.0]), np.array([0.5, 1.0]))
    [(0, 0), (1, 0), (2, 1), (3, 1)]
    """
    gaps = np.abs(a[:, None] - b[None, :])
    # Reversed, so that argmin finds the later of two equal ones; rounded, so that they are equal.
    nearest = len(b) - 1 - np.round(gaps, 9)[:, ::-1].argmin(axis=1)
    return [(i, int(j)) for i, j in enumerate(nearest)]
