"""What mathematics promises for every image and every volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from toposcope.homology import betti_curves, betti_numbers, cubical

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
BOTH = pytest.mark.parametrize("construction", ["V", "T"])


def volumes(dtype=np.float64, dims=(2, 3)):
    shapes = st.sampled_from(dims).flatmap(
        lambda d: hnp.array_shapes(min_dims=d, max_dims=d, min_side=1, max_side=7 - d)
    )
    return hnp.arrays(dtype, shapes, elements=st.integers(-4, 4).map(float))


@BOTH
@QUICK
@given(volume=volumes(np.float32), extra=st.floats(0, 5))
def test_relu_changes_no_betti_number_from_zero_on(construction, volume, extra):
    thresholds = [0.0, extra, 1.0, 5.0]
    after = np.maximum(volume, 0)
    np.testing.assert_array_equal(
        betti_numbers(volume, thresholds, construction=construction),
        betti_numbers(after, thresholds, construction=construction),
    )
    # superlevel sets: above zero
    above = [t for t in thresholds if t > 0]
    np.testing.assert_array_equal(
        betti_numbers(volume, above, construction=construction, sublevel=False),
        betti_numbers(after, above, construction=construction, sublevel=False),
    )


@QUICK
@given(volume=volumes())
def test_euler_poincare(volume):
    """Vertices - edges + squares - cubes is the alternating sum of the Betti numbers (V)."""
    thresholds, betti = betti_curves(volume)
    for t, row in zip(thresholds, betti, strict=True):
        inside = volume <= t
        chi = 0
        for directions in np.ndindex(*(2,) * volume.ndim):
            cells = inside
            for axis, along in enumerate(directions):
                if along:
                    low, high = np.delete(cells, -1, axis), np.delete(cells, 0, axis)
                    cells = low & high
            chi += (-1) ** sum(directions) * int(cells.sum())
        assert chi == sum((-1) ** k * b for k, b in enumerate(row))


@BOTH
@QUICK
@given(volume=volumes(), seed=st.integers(0, 100))
def test_axes_may_be_permuted_and_flipped(construction, volume, seed):
    rng = np.random.default_rng(seed)
    moved = np.flip(volume.transpose(rng.permutation(volume.ndim)), axis=rng.integers(volume.ndim))
    for a, b in zip(
        cubical(volume, construction=construction),
        cubical(moved, construction=construction),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    for thresholds in ([0.0], np.arange(-20.0, 20.0)):
        np.testing.assert_array_equal(
            betti_numbers(volume, thresholds, construction=construction),
            betti_numbers(moved, thresholds, construction=construction),
        )


@BOTH
@QUICK
@given(volume=volumes())
def test_duality_of_v_and_t(construction, volume):
    """H_k of f in one construction is H_(d - 1 - k) of padded -f in the other (Garin et al.)."""
    other = "T" if construction == "V" else "V"
    far = 10.0
    padded = np.pad(-volume, 1, constant_values=-far)
    direct = cubical(volume, construction=construction)
    dual = cubical(padded, construction=other)
    for k, pairs in enumerate(direct):
        finite = pairs[np.isfinite(pairs[:, 1])]
        mirror = -dual[volume.ndim - 1 - k][:, ::-1]
        # The outside's own class, and the one that the whole volume closes in the shell.
        mirror = mirror[np.isfinite(mirror).all(axis=1) & (abs(mirror) < far).all(axis=1)]
        np.testing.assert_array_equal(finite, mirror[np.lexsort((mirror[:, 1], mirror[:, 0]))])


@BOTH
@QUICK
@given(volume=volumes(dims=(3,)))
def test_curves_count_the_pairs_of_the_diagrams(construction, volume):
    thresholds, betti = betti_curves(volume, construction=construction)
    diagrams = cubical(volume, construction=construction)
    t = thresholds[:, None]
    counts = [((d[:, 0] <= t) & (t < d[:, 1])).sum(axis=1) for d in diagrams]
    np.testing.assert_array_equal(betti, np.stack(counts, axis=1))


@BOTH
@QUICK
@given(volume=volumes(), shift=st.integers(-3, 3), scale=st.sampled_from([0.5, 2.0, 4.0]))
def test_diagrams_follow_the_values(construction, volume, shift, scale):
    moved = cubical(scale * volume + shift, construction=construction)
    for a, b in zip(cubical(volume, construction=construction), moved, strict=True):
        np.testing.assert_array_equal(scale * a + shift, b)
