"""Helpers for tests of code that makes or takes persistence diagrams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def assert_diagrams_close(
    actual: ArrayLike, expected: ArrayLike, *, rtol: float = 1e-9, atol: float = 1e-12
) -> None:
    """Fail unless two diagrams hold the same pairs, in any order, up to rounding.

    Pairs shorter than `atol` are ignored on both sides: rounding makes and removes them. Sorting
    by (birth, death) is enough to match the rest when distinct pairs differ by more than the
    tolerance.

    Examples
    --------
    >>> assert_diagrams_close([[0.0, 1.0], [0.0, np.inf]], [[0.0, np.inf], [0.0, 1.0]])
    """
    left, right = (_sorted(x, atol) for x in (actual, expected))
    if left.shape != right.shape:
        msg = f"{len(left)} pairs, expected {len(right)}:\n{left}\nexpected\n{right}"
        raise AssertionError(msg)
    np.testing.assert_allclose(left, right, rtol=rtol, atol=atol)


def _sorted(pairs: ArrayLike, atol: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    array = array[array[:, 1] - array[:, 0] > atol]
    return array[np.lexsort((array[:, 1], array[:, 0]))]


def clouds(
    *, min_points: int = 1, max_points: int = 14, max_coordinates: int = 3
) -> SearchStrategy[Any]:
    """Hypothesis strategy for (n, d) clouds on an integer grid: ties and duplicates are common."""
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp

    shapes = st.tuples(st.integers(min_points, max_points), st.integers(1, max_coordinates))
    return hnp.arrays(np.float64, shapes, elements=st.integers(-4, 4).map(float))


def diagrams(*, max_pairs: int = 8) -> SearchStrategy[Any]:
    """Hypothesis strategy for finite (n, 2) diagrams with coordinates in eighths (exact sums)."""
    from hypothesis import strategies as st

    pair = st.tuples(st.integers(0, 24), st.integers(1, 24))
    rows = st.lists(pair, max_size=max_pairs)
    return rows.map(
        lambda r: np.array([(b / 8, (b + length) / 8) for b, length in r]).reshape(-1, 2)
    )
