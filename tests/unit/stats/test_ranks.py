"""Mean ranks are those of scipy.stats, to the last bit."""

import numpy as np
import pytest
from scipy.stats import rankdata

from toposcope.stats.ranks import mean_ranks

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (40, 3), (3, 40), (2, 3, 7), (4, 0)])
@pytest.mark.parametrize("ties", [0, 2, 5])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_they_are_those_of_scipy(shape, ties, axis):
    x = RNG.integers(0, ties, size=shape) / 2 if ties else RNG.normal(size=shape)
    np.testing.assert_array_equal(mean_ranks(x, axis=axis), rankdata(x, axis=axis))


def test_a_value_that_is_none_takes_its_axis_along():
    x = RNG.normal(size=(4, 6))
    x[1, 2] = np.nan
    for axis in (None, 0, 1):
        np.testing.assert_array_equal(mean_ranks(x, axis=axis), rankdata(x, axis=axis))
