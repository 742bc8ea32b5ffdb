"""Gaps between layers: numbers by hand, calibration and power by simulation."""

import numpy as np
import pytest

from toposcope.comparison.gaps import (
    cross_units,
    gap_test,
    pseudo_values,
    signed_root,
    squared_gap_units,
)
from toposcope.errors import UsageError
from toposcope.stats import mean_interval


def apart(x, y):
    return np.linalg.norm(x[:, None] - y[None], axis=-1)


def matrices(a, b):
    return apart(a, a), apart(b, b), apart(a, b)


def draws(rng, *, shift, common=1.0, paired=True, count=8):
    """Draws of two layers in 3-D: a part both share, noise of their own, a shift of the second."""
    shared = common * rng.normal(size=(count, 3))
    other = shared if paired else common * rng.normal(size=(count, 3))
    a, b = (part + 0.1 * rng.normal(size=(count, 3)) for part in (shared, other))
    b[:, 0] += shift
    return a, b


def test_the_squared_gap_is_the_squared_distance_of_means_in_euclidean_space():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)) + 3
    difference = a - b
    inner = difference @ difference.T
    expected = inner[np.triu_indices(6, 1)].mean()
    assert squared_gap_units(*matrices(a, b)).mean() == pytest.approx(expected)


def test_cross_units_leave_out_the_draw_a_pair_shares():
    a, b = np.array([[0.0], [0.0], [0.0]]), np.array([[1.0], [2.0], [3.0]])
    assert cross_units(apart(a, b)).mean() == pytest.approx(2.0)
    assert np.isnan(pseudo_values(np.zeros((2, 2)))).all()
    assert signed_root(-9.0) == -3.0


@pytest.mark.parametrize("paired", [True, False])
def test_p_is_uniform_when_nothing_differs(paired):
    rng = np.random.default_rng(1)
    many = [matrices(*draws(rng, shift=0.0, paired=paired)) for _ in range(400)]
    found = np.array([gap_test(*three, paired=paired, n_resamples=999) for three in many])
    for size in (0.05, 0.2, 0.5):
        sd = np.sqrt(size * (1 - size) / len(found))
        assert abs((found <= size).mean() - size) < 3.5 * sd + 0.5 / 128
    assert found.min() > 0


def test_pairs_find_a_shift_far_below_what_moves_both_layers():
    rng = np.random.default_rng(2)
    found = [gap_test(*matrices(*draws(rng, shift=0.25)), paired=True) for _ in range(100)]
    assert np.mean(np.array(found) <= 0.05) >= 0.8
    assert min(found) == 1 / 128  # 2 of the 256 swaps of 8 pairs, as swapping all changes nothing


@pytest.mark.parametrize("shift", [0.3, 1.0])
def test_intervals_of_the_gap_cover(shift):
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(300):
        one = mean_interval(squared_gap_units(*matrices(*draws(rng, shift=shift))))
        inside.append(one.low <= shift**2 <= one.high)
    assert 0.9 <= np.mean(inside) <= 1.0


def test_random_arrangements_agree_with_all_of_them():
    rng = np.random.default_rng(4)
    three = matrices(*draws(rng, shift=0.15))
    for paired in (True, False):
        every = gap_test(*three, paired=paired, n_resamples=20_000)
        some = gap_test(*three, paired=paired, n_resamples=126 if paired else 5_000)
        assert some == pytest.approx(every, abs=0.12 if paired else 0.03)


def test_one_draw_is_refused():
    with pytest.raises(UsageError, match="R >= 2"):
        gap_test(np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), paired=True)
