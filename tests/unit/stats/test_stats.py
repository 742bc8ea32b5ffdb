"""Intervals cover what they say, and effects are corrected for what was looked at."""

import numpy as np
import pytest

from toposcope import homology
from toposcope.diagrams import summaries
from toposcope.errors import UsageError
from toposcope.stats import Contrast, effects, mean_interval, proportion_interval


def test_interval_of_three_numbers_by_hand():
    found = mean_interval(np.array([1.0, 2.0, 3.0]))
    half = 4.302652729911275 / np.sqrt(3)  # t quantile with 2 degrees of freedom
    assert (found.value, found.n) == (2.0, 3)
    assert found.low == pytest.approx(2 - half) and found.high == pytest.approx(2 + half)


def test_one_replicate_has_no_interval():
    found = mean_interval(np.array([3.0]))
    assert found.value == 3.0 and np.isnan(found.low) and np.isnan(found.high)


@pytest.mark.parametrize("bad", [[], [1.0, np.nan], [[1.0, 2.0]]])
def test_refuses_what_has_no_mean(bad):
    with pytest.raises(UsageError, match=r"mean_interval\(\): values has"):
        mean_interval(np.array(bad))


@pytest.mark.parametrize("option", [{"level": 1.0}, {"overlap": 1.0}, {"comparisons": 0}])
def test_refuses_impossible_options(option):
    with pytest.raises(UsageError, match=rf"mean_interval\(\): {next(iter(option))}="):
        mean_interval(np.array([1.0, 2.0]), **option)


def test_disjoint_draws_cover_normal_statistics():
    rng = np.random.default_rng(0)
    hits = [
        i.low <= 0.0 <= i.high for i in (mean_interval(rng.normal(size=8)) for _ in range(4000))
    ]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.012)


def test_disjoint_draws_cover_rips_statistics():
    """Coverage of lifespan sums, entropies and maxima of real diagrams, H0 and H1."""
    rng = np.random.default_rng(1)
    names = ["lifespan_sum", "persistence_entropy", "max_persistence", "landscape_norm"]
    values = []
    for _ in range(2400):
        angle = rng.uniform(0, 2 * np.pi, 40)
        cloud = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.25, (40, 2))
        numbers = [
            summaries.diagram_statistics(summaries.finite(pairs)) for pairs in homology.rips(cloud)
        ]
        values.append([n[name] for n in numbers for name in names])
    values = np.array(values)
    truth = values.mean(axis=0)
    groups = values.reshape(-1, 8, values.shape[1])
    for column in range(values.shape[1]):
        found = [mean_interval(g[:, column]) for g in groups]
        coverage = np.mean([i.low <= truth[column] <= i.high for i in found])
        assert 0.915 <= coverage <= 0.985, names[column % len(names)]


def test_overlapping_draws_cover_only_with_the_correction():
    """Draws of 60 % of one finite sample: the plain interval is far too narrow."""
    rng = np.random.default_rng(2)
    n, points, replicates = 200, 120, 8
    plain, corrected = [], []
    for _ in range(1200):
        data = rng.normal(size=n)
        means = np.array(
            [rng.choice(data, points, replace=False).mean() for _ in range(replicates)]
        )
        for overlap, hits in ((0.0, plain), (points / n, corrected)):
            i = mean_interval(means, overlap=overlap)
            hits.append(i.low <= 0.0 <= i.high)
    assert np.mean(plain) < 0.75
    assert np.mean(corrected) >= 0.93


def test_effects_hold_together_under_selection():
    """Of 40 null comparisons the largest is picked; its interval still covers no change."""
    rng = np.random.default_rng(3)
    misses = 0
    for _ in range(300):
        contrasts = [
            Contrast("a", "x", 0, rng.lognormal(0, 0.1, 8), rng.lognormal(0, 0.1, 8))
            for _ in range(40)
        ]
        misses += any(e.low > 0.0 or e.high < 0.0 for e in effects(contrasts))
    assert misses / 300 <= 0.08  # 5 % nominal plus three standard errors


def test_undefined_comparisons_still_count_as_looked_at():
    good = Contrast("b", "x", 1, np.array([1.0, 1.1, 0.9]), np.array([0.5, 0.56, 0.44]))
    zero = Contrast("c", "x", 1, np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0]))
    found = effects([zero, good])
    assert [e.where for e in found] == ["b"] and found[0].looked_at == 2
    assert found[0].change == pytest.approx(-0.5, abs=0.01)
    assert effects([good])[0].high < found[0].high  # the correction widens the interval


def test_sure_effects_come_before_large_uncertain_ones():
    one = np.ones(4)
    sure = Contrast("sure", "x", None, one, 1.5 * np.array([1.0, 1.01, 0.99, 1.0]))
    wild = Contrast("wild", "x", None, one, np.array([0.2, 30.0, 5.0, 0.9]))
    assert [e.where for e in effects([wild, sure])] == ["sure", "wild"]


def test_wilson_interval_covers_also_near_one():
    rng = np.random.default_rng(4)
    hits = [rng.binomial(400, 0.98) / 400 for _ in range(3000)]
    found = [proportion_interval(share, 400) for share in hits]
    assert 0.93 <= np.mean([i.low <= 0.98 <= i.high for i in found]) <= 0.98
    assert proportion_interval(1.0, 500).high == pytest.approx(1.0)
    with pytest.raises(UsageError, match="share"):
        proportion_interval(1.2, 10)
