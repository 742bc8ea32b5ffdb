"""Where a curve surely rises, falls and turns: true where it does, silent where it does not."""

import numpy as np
import pytest

from toposcope.stats.turns import Course, course

DEPTH = np.arange(12.0)
SHAPES = {
    "rises": (DEPTH, [(0, 11, True)]),
    "falls": (-DEPTH, [(0, 11, False)]),
    "peak": (-abs(DEPTH - 8), [(0, 8, True), (8, 11, False)]),
    "trough": (abs(DEPTH - 3), [(0, 3, False), (3, 11, True)]),
    "both": (
        np.interp(DEPTH, [0, 3, 8, 11], [0, 6, 0, 6]),
        [(0, 3, True), (3, 8, False), (8, 11, True)],
    ),
    "flat": (0 * DEPTH, []),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_told(name):
    mean, expected = SHAPES[name]
    draws = mean + 0.05 * np.random.default_rng(0).normal(size=(8, 12))
    assert course(draws).stretches == expected


def test_draws_that_move_together_do_not_hide_a_turn():
    rng = np.random.default_rng(1)
    draws = SHAPES["peak"][0] + 0.05 * rng.normal(size=(8, 12)) + 50 * rng.normal(size=(8, 1))
    assert course(draws).stretches == SHAPES["peak"][1]


def test_noise_has_no_course_and_a_dip_within_noise_is_no_turn():
    rng = np.random.default_rng(2)
    told = [course(rng.normal(size=(8, 12))).at != () for _ in range(200)]
    assert sum(told) <= 20  # at most 5 % expected; 20 of 200 would be 4 standard errors
    rising = DEPTH + rng.normal(size=(8, 12))
    assert len(course(rising).stretches) == 1


@pytest.mark.parametrize("values", [np.ones((1, 5)), np.ones((4, 1)), np.full((4, 3), np.nan)])
def test_too_little_says_nothing(values):
    assert course(values) == Course((), True, values.shape[1], 0.95)


def test_a_constant_curve_without_noise_says_nothing():
    assert course(np.ones((4, 6))).stretches == []
