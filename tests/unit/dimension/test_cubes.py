"""The tabulated ruler of dimensions: right on cubes it has not seen, silent where it knows none."""

import math

import numpy as np
import pytest

from toposcope.dimension import cube_of, cube_readings, mle, ph_dimension, two_nn
from toposcope.dimension.cubes import DIMENSIONS, ESTIMATORS

CALLS = dict(zip(ESTIMATORS, (ph_dimension, two_nn, mle), strict=True))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("n", "d"), [(200, 2), (200, 7), (300, 12)])
def test_a_cube_reads_as_itself_where_the_estimate_is_biased(estimator, n, d):
    rng = np.random.default_rng([n, d])
    found = [CALLS[estimator](rng.random((n, d))) for _ in range(6)]
    mean = np.mean([one.cube[0] for one in found])
    assert abs(mean / d - 1) < 0.08
    if d > 2:  # without the ruler it is not
        assert np.mean([one.value for one in found]) < 0.9 * d
    assert all(one.cube[1] <= one.cube[0] <= one.cube[2] for one in found)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_readings_rise_with_the_dimension_at_every_n(estimator):
    for n in (40, 57, 100, 333, 1600, 10_000):
        readings = cube_readings(estimator, n)
        assert (np.diff(1 / readings) <= 0).all()
        finite = readings < np.inf
        back = [cube_of(value, n, estimator=estimator) for value in readings[finite]]
        flat = np.diff(readings[finite], prepend=0) < 1e-9
        assert np.allclose(np.array(back)[~flat], np.array(DIMENSIONS)[finite][~flat])


def test_where_nothing_is_known_nothing_is_said():
    assert math.isnan(cube_of(3.0, 20, estimator="ph_dimension"))
    assert math.isnan(cube_of(3.0, 30, estimator="mle"))
    assert math.isnan(cube_of(3.0, 500, estimator="effective_rank"))
    assert math.isnan(cube_of(math.nan, 500, estimator="two_nn"))
    assert cube_of(90.0, 500, estimator="two_nn") == math.inf
    assert cube_of(math.inf, 500, estimator="ph_dimension") == math.inf
    assert cube_of(0.2, 500, estimator="two_nn") == 0.0
    X = np.random.default_rng(0).random((100, 3))
    for one in (ph_dimension(X, alpha=0.5), mle(X, k=10), ph_dimension(X, schedule=(25, 50, 100))):
        assert all(map(math.isnan, one.cube))
