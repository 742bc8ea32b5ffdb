"""Decisions keep their error where a claim just fails, and show what is plainly so."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration import validity as worlds
from benchmarks.calibration.claims import load, rate
from toposcope.findings.validity.deciding import (
    Estimate,
    PValues,
    combined,
    mean_estimate,
    rank_estimate,
    settle,
)
from toposcope.findings.validity.metric import across_draws
from toposcope.findings.validity.observations import ranked
from toposcope.findings.validity.verdict import Decision

D = Decision


@pytest.mark.parametrize("name", [one for one in load() if one.startswith("validity.margin")])
def test_at_the_margin_neither_word_comes_out_often(name):
    # 6 of 25 come out with probability 0.001 where the rate is 5 %.
    assert rate(load()[name], 25).rate < 6 / 25


@pytest.mark.parametrize(
    ("check", "world", "word"),
    [
        ("outliers", "five_percent", D.FAILS),
        ("outliers", "cubes", D.HOLDS),
        ("normalization", "flips", D.FAILS),
        ("normalization", "same_scale", D.HOLDS),
        ("concentration", "flat", D.HOLDS),
        ("concentration", "d128", D.FAILS),
        ("concentration", "drowned", D.IN_PART),
        ("metric", "growing", D.HOLDS),
        ("metric", "turned", D.FAILS),
    ],
)
def test_what_is_plainly_so_is_said(check, world, word):
    (found,) = worlds.cheap(
        worlds.WORLDS[world][1](np.random.default_rng(4), 512),
        points=64,
        checks=(check,),
        rng=np.random.default_rng(5),
    )
    assert found.decision == word
    assert all(part.decision == word for part in found.parts)


def test_few_draws_decide_nothing_and_one_is_not_checked():
    X = worlds.cubes(np.random.default_rng(0), 256, dims=(5, 5))
    rng = np.random.default_rng(0)
    two = {one.name: one for one in worlds.cheap(X, points=128, replicates=2, rng=rng)}
    assert two["outliers"].decision == two["sample_size"].decision == D.UNDECIDED
    one = {one.name: one for one in worlds.cheap(X, points=128, replicates=1, rng=rng)}
    assert {found.decision for found in one.values()} == {D.NOT_CHECKED}


def test_p_values_are_those_of_students_t():
    rng = np.random.default_rng(0)
    low, high = zip(
        *(
            (mean.above(0.0), mean.below(0.0))
            for mean in (mean_estimate(rng.normal(size=6)) for _ in range(2000))
        ),
        strict=True,
    )
    for p in (low, high):
        assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.015)
    assert Estimate(1.0, 0.0, 3).above(0.0) == 0.0 and Estimate(0.0, 0.0, 3).above(0.0) == 1.0
    assert Estimate(1.0, np.nan, 0).above(0.0) == 1.0
    assert Estimate(0.0, 1.0, 5).outside(-1, 1) == 1.0


@pytest.mark.parametrize("layers", [4, 6, 12])
def test_intervals_of_rho_hold_the_truth(layers):
    """Curves with an order that noise of their own size blurs; the truth from many draws."""
    rng = np.random.default_rng(layers)
    true, depth = np.linspace(0, 2, layers), np.arange(float(layers))

    def rho(draws):
        noisy = true + rng.normal(size=(draws, layers))
        return (ranked(noisy) @ ranked(depth[None]).T)[:, 0]

    target = rho(4000).mean()
    held = []
    for _ in range(300):
        low, high = rank_estimate(rho(8), layers).ends(0.95)
        assert -1 < low < high < 1
        held.append(low <= target <= high)
    assert 0.91 <= np.mean(held) <= 0.99


def test_noise_that_draws_share_makes_no_order():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 6, 5))
    means = [across_draws(one, one + 0.1 * rng.normal(size=one.shape)).mean() for one in noise]
    assert abs(np.mean(means)) < 0.05
    inside = [np.corrcoef(one[0], one[0] + 0.1 * rng.normal(size=5))[0, 1] for one in noise]
    assert np.mean(inside) > 0.9


def test_one_number_in_ten_may_be_otherwise_and_parts_speak_for_themselves():
    good, bad, vague = PValues(0.001, 1.0), PValues(1.0, 0.001), PValues(0.5, 0.5)

    def said(*tested):
        return settle(tested, alpha=0.05, family=len(tested))

    assert said(*[good] * 9, bad) == D.HOLDS
    assert said(*[good] * 8, bad, bad) == D.FAILS
    assert said(*[good] * 8, vague, vague) == D.UNDECIDED
    assert said(*[good] * 8, bad) == D.FAILS  # of nine none may
    assert said() == D.NOT_CHECKED
    # 0.04 is enough for one number; of ten it may be the one that is shown by mistake.
    assert said(PValues(0.04, 1.0)) == D.HOLDS
    assert said(*[PValues(0.04, 1.0)] * 10) == D.UNDECIDED
    assert combined([D.NOT_CHECKED, D.UNDECIDED, D.FAILS]) == D.FAILS
    assert combined([D.FAILS, D.HOLDS, D.UNDECIDED]) == D.IN_PART
    assert combined([D.NOT_CHECKED]) == D.NOT_CHECKED
