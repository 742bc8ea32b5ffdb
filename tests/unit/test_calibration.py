"""The frame of benchmarks/calibration: a claim, a rate with its interval, a table."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from benchmarks.calibration.claims import CLAIMS, add, load, rate, table
from benchmarks.interval_ranks import place
from toposcope.stats import mean_interval


@pytest.fixture
def half():
    """A claim that comes out half of the time, and does not count one time in ten."""

    def simulate(rng):
        u = rng.random()
        return None if u < 0.1 else u < 0.55

    add("here.coin", simulate, "heads", world="a coin", simulations=400, at_most=0.05)
    yield CLAIMS["here.coin"]
    del CLAIMS["here.coin"]


def test_a_rate_has_its_interval_and_knows_whether_the_bound_is_kept(half):
    made = rate(half)
    assert made == rate(half)  # its stream is its own
    assert 300 < made.simulations < 400
    assert made.low < 0.5 < made.high
    assert not made.kept
    assert "**not kept**" in table([made])


def test_a_rate_goes_on_from_what_is_stored(half):
    part = rate(half, 150)
    assert part.tried == 150 and rate(half, onto=part) == rate(half)
    assert rate(half, onto=part, seconds=0.0).tried < 400


SLOW = (
    "comparison.clouds_null",
    "comparison.one_layer_of_150",
    "classes.opposed_8_whole",
    "nulls.twins_trained",
    "validity_full.outliers_cubes",
)
"""2 to 10 s each, and each has a sibling with the same code that is simulated here."""


def test_every_claim_can_be_simulated_once():
    """Those of studies are simulated eight times and more by the tests of each."""
    for name, one in load().items():
        if not one.topic.startswith("studies") and not name.startswith(SLOW):
            rate(one, simulations=1)


def test_what_is_left_out_is_there():
    assert all(any(name.startswith(one) for name in load()) for one in SLOW)


def test_the_place_of_the_truth_tells_right_intervals_from_narrow_ones():
    rng = np.random.default_rng(0)

    def places(narrower):
        for x in rng.normal(size=(200, 8)):
            middle = x.mean()

            def at(level, x=x, middle=middle):
                one = mean_interval(x, level=level)
                low, high = (middle + narrower * (end - middle) for end in (one.low, one.high))
                return replace(one, low=low, high=high)

            yield place(at, 0.0)

    right, narrow = (np.array(list(places(by))) for by in (1.0, 0.5))
    assert kstest(right, "uniform").pvalue > 0.05
    assert kstest(narrow, "uniform").pvalue < 0.001
