"""The frame of benchmarks/calibration: a claim, a rate with its interval, a table."""

import pytest

from benchmarks.calibration.claims import CLAIMS, add, load, rate, table


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


def test_every_claim_can_be_simulated_once():
    for one in load().values():
        rate(one, simulations=1)
