"""One value against a population: the level where values are skewed, and what the interval says."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.errors import UsageError
from toposcope.stats import prediction_test


def rates(below: float | None, values: np.ndarray) -> float:
    """Share of rows of which the first is told apart from the others."""
    found = [prediction_test(row[0], row[1:], level=0.99, below=below) for row in values]
    assert all((one.pvalue <= 0.01) == (one.low > 0 or one.high < 0) for one in found)
    return float(np.mean([one.pvalue <= 0.01 for one in found]))


def test_networks_that_spread_by_factors_are_told_apart_as_often_as_is_said() -> None:
    """One more of five: the skewed scale says so three times too often, its logarithm does not."""
    rng = np.random.default_rng(0)
    lacks = np.exp(rng.normal(size=(2000, 6)) - 4)
    for below, values in ((0.0, lacks), (np.log(49), np.log(49) - lacks)):
        assert rates(below, values) < 0.016
        assert rates(None, values) > 0.02


@pytest.mark.parametrize("level", [0.9, 0.99])
def test_the_interval_is_a_difference_of_values(level: float) -> None:
    """0 lies at its end for the value at either end of where one more would lie."""
    others, bound = np.array([3.2, 3.5, 3.3, 3.4, 3.45]), 3.9
    found = prediction_test(3.6, others, level=level, below=bound)
    for end in (3.6 - found.low, 3.6 - found.high):
        at = prediction_test(end, others, level=level, below=bound)
        assert min(abs(at.low), abs(at.high)) < 1e-9 and end < bound
    assert found.value == pytest.approx(3.6 - others.mean())


def test_a_bound_among_the_values_is_refused() -> None:
    with pytest.raises(UsageError, match=r"below=3.3 lies among the values \(3.2 to 3.6\)"):
        prediction_test(3.6, [3.2, 3.5], below=3.3)
