"""Numbers of tests and intervals: by hand, or from a second library; and what is refused."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import special
from scipy import stats as peer

import toposcope as ts
from toposcope import stats
from toposcope.errors import UsageError


def distances(rows):
    rows = np.asarray(rows, dtype=float).reshape(len(rows), -1)
    return np.linalg.norm(rows[:, None] - rows[None], axis=-1)


def test_import_stays_light():
    code = (
        "import sys, toposcope.stats; sys.exit('scipy' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_result_names_its_target():
    x = np.random.default_rng(0).normal(size=(8, 6))
    found = [
        stats.permutation_test(x[:, 0], x[:, 1], unit="network"),
        stats.bootstrap_interval(x[:, 0], unit="network"),
        stats.mean_interval(x[:, 0], unit="network"),
        stats.permanova(distances(x), [0, 1] * 4, unit="network"),
        stats.mantel(distances(x), distances(x[::-1]), unit="network"),
        stats.change_point(np.arange(6), x, unit="network"),
        stats.trend(np.arange(6), x, unit="network"),
        stats.tost(x[:, 0], 1.0, unit="network"),
    ]
    assert {f.target for f in found} == {"the training procedure"}
    assert all("network" in ts.describe(f) for f in found)
    with pytest.raises(UsageError, match="disjoint draw"):
        stats.trend(np.arange(6), x, unit="image")


@pytest.mark.parametrize(
    "call",
    [
        lambda **o: stats.permutation_test_gram(np.eye(4), [0, 0, 1, 1], **o),
        lambda **o: stats.bootstrap_interval([1.0, 2.0, 3.0], **o),
        lambda **o: stats.permanova(distances([1, 2, 3, 4]), [0, 0, 1, 1], **o),
        lambda **o: stats.mantel(distances([1, 2, 3, 4]), distances([1, 2, 3, 4]), **o),
        lambda **o: stats.change_point([0, 1], np.ones((6, 2)), **o),
        lambda **o: stats.trend([0, 1, 2], np.ones((6, 3)), **o),
        lambda **o: stats.tost([1.0, 2.0], 1.0, **o),
    ],
)
def test_overlapping_draws_are_no_units_of_anything(call):
    with pytest.raises(UsageError, match="pseudo-replication"):
        call(overlap=0.5)


def test_adjusted_p_values_are_those_of_scipy_and_nan_is_no_test():
    p = np.random.default_rng(1).random((4, 5)) ** 2
    expected = peer.false_discovery_control(p, axis=None).reshape(p.shape)
    assert stats.benjamini_hochberg(p) == pytest.approx(expected)
    with_gap = np.append(p.ravel(), np.nan)
    found = stats.benjamini_hochberg(with_gap)
    assert found[:-1] == pytest.approx(expected.ravel()) and np.isnan(found[-1])
    with pytest.raises(UsageError, match=r"\[0, 1\]"):
        stats.benjamini_hochberg([0.2, 1.2])


def test_pseudo_f_of_numbers_is_the_f_of_anova():
    rng = np.random.default_rng(2)
    x = rng.normal(size=15) + np.repeat([0, 1, 0.5], [4, 5, 6])
    found = stats.permanova(distances(x), np.repeat(["a", "b", "c"], [4, 5, 6]))
    expected = peer.f_oneway(x[:4], x[4:9], x[9:])
    assert found.pseudo_f == pytest.approx(expected.statistic)
    assert found.pvalue == pytest.approx(expected.pvalue, abs=0.02)


def test_strata_find_what_the_draws_hide():
    """Three networks a little apart, on draws far apart: only the paired design sees it."""
    rng = np.random.default_rng(3)
    draw, network = np.repeat(np.arange(8), 3), np.tile([0, 1, 2], 8)
    rows = 10 * rng.normal(size=8)[draw] + 1.0 * network + 0.3 * rng.normal(size=24)
    assert stats.permanova(distances(rows), network).pvalue > 0.3
    assert stats.permanova(distances(rows), network, strata=draw).pvalue == pytest.approx(1e-4)


def test_exact_permanova_in_strata_counts_by_hand():
    # Two strata of two: four arrangements, of which two are as extreme (all labels swapped).
    found = stats.permanova(distances([0, 1, 10, 11]), [0, 1, 0, 1], strata=[0, 0, 1, 1])
    assert found.exact and found.n_resamples == 4 and found.pvalue == 0.5
    with pytest.raises(UsageError, match="one group only"):
        stats.permanova(distances([0, 1, 10, 11]), [0, 0, 1, 1], strata=[0, 0, 1, 1])


@pytest.mark.parametrize(
    ("method", "theirs"), [("pearson", peer.pearsonr), ("spearman", peer.spearmanr)]
)
def test_mantel_correlates_the_pairs(method, theirs):
    rng = np.random.default_rng(4)
    x = rng.integers(0, 5, (9, 2))  # ties
    y = x + rng.normal(size=(9, 2))
    upper = np.triu_indices(9, 1)
    found = stats.mantel(distances(x), distances(y), method=method)
    assert found.correlation == pytest.approx(
        theirs(distances(x)[upper], distances(y)[upper]).statistic
    )
    assert 0 < found.pvalue < 0.01


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones((3, 2)), "must be square"),
        (np.eye(4), r"pass 1 - "),
        (np.full((4, 4), np.nan), "NaN"),
    ],
)
def test_similarities_and_broken_matrices_are_refused(bad, message):
    with pytest.raises(UsageError, match=message):
        stats.mantel(bad, distances([1, 2, 3, 4]))
    with pytest.raises(UsageError, match=message):
        stats.permanova(bad, [0, 0, 1, 1])


def test_bca_is_that_of_scipy():
    x = np.random.default_rng(5).exponential(size=25)
    ours = stats.bootstrap_interval(x, method="bca", n_resamples=40000)
    theirs = peer.bootstrap(
        (x,), np.mean, method="BCa", n_resamples=40000, random_state=0
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_difference_interval_is_that_of_welch():
    rng = np.random.default_rng(12)
    a, b = rng.normal(1, 3, 7), rng.normal(0, 1, 12)
    theirs = peer.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    ours = stats.difference_interval(a, b, level=0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high)) and ours.n == 7
    pairs = stats.difference_interval(a, b[:7], paired=True)
    assert pairs == stats.mean_interval(a - b[:7])
    assert np.isnan(stats.difference_interval(a, b[:1]).low)
    with pytest.raises(UsageError, match="equal numbers"):
        stats.difference_interval(a, b, paired=True)


def test_statistics_with_and_without_an_axis_agree():
    x = np.random.default_rng(6).normal(size=9)
    one = stats.bootstrap_interval(x, statistic=np.median, n_resamples=199)
    two = stats.bootstrap_interval(x, statistic=lambda v: np.median(v), n_resamples=199)
    assert one == two and one.value == np.median(x)


def test_a_clear_step_is_found_where_it_is_and_weak_units_say_so():
    depth = np.linspace(0, 1, 11)
    rng = np.random.default_rng(7)
    y = 2.0 * (depth >= 0.5) + 0.5 * rng.normal(size=(8, 11))
    found = stats.change_point(depth, y)
    assert found.depth == 0.5 and found.low == found.high == 0.5
    assert found.pvalue == 2 / 256 and found.size == pytest.approx(2.0, abs=0.2)
    assert (found.differing_before, found.differing_after, found.layers_after) == (0, 6, 6)
    assert ts.describe(found).startswith(
        "differs from depth 0.50 [0.50, 0.50] on; 6 of the 6 layers"
    )
    falling = stats.change_point(depth, -y, alternative="less")
    assert falling.depth == 0.5 and falling.pvalue == 1 / 256
    assert stats.change_point(depth, -y, alternative="greater").pvalue > 0.5
    few = stats.change_point(depth, y[:4])
    assert np.isnan(few.depth) and "p is 0.12 at least with so few units" in ts.describe(few)


def test_a_difference_that_fades_is_not_said_to_stay():
    depth = np.linspace(0, 1, 20)
    bump = 3.0 * ((depth > 0.2) & (depth < 0.8))
    found = stats.change_point(depth, bump + 0.5 * np.random.default_rng(8).normal(size=(10, 20)))
    assert found.differing_after < found.layers_after


def test_no_difference_is_not_called_agreement():
    noise = np.random.default_rng(9).normal(size=(8, 6))
    found = stats.change_point(np.arange(6), noise)
    assert np.isnan(found.depth) and "smaller ones may be there" in ts.describe(found)
    assert stats.change_point(np.arange(6), np.zeros((8, 6))).pvalue == 1.0


def test_trend_is_that_of_scipy_and_one_unit_has_no_p():
    rng = np.random.default_rng(10)
    steps = np.array([0, 1, 2, 4, 8, 16])
    y = np.sqrt(steps) + rng.normal(0, 0.3, (7, 6)).round(1)
    found = stats.trend(steps, y)
    slopes = [peer.theilslopes(row, steps).slope for row in y]
    taus = [peer.kendalltau(steps, row).statistic for row in y]
    assert found.slope == pytest.approx(np.mean(slopes)) and found.tau == pytest.approx(taus)
    assert found.direction == "rising" and found.pvalue == 2 / 128 and found.reversals == 0
    assert ts.describe(found).startswith("rising at every step")
    one = stats.trend(steps, y[:1])
    assert np.isnan(one.pvalue) and one.direction == "undecided" and np.isnan(one.low)


def test_tost_is_two_t_tests():
    x = np.random.default_rng(11).normal(0.2, 0.3, 12)
    found = stats.tost(x, 0.6)
    upper = peer.ttest_1samp(x, 0.6, alternative="less").pvalue
    lower = peer.ttest_1samp(x, -0.6, alternative="greater").pvalue
    assert found.pvalue == pytest.approx(max(upper, lower))
    assert found.p_difference == pytest.approx(peer.ttest_1samp(x, 0.0).pvalue)
    assert found.low == pytest.approx(stats.mean_interval(x, level=0.9).low)


@pytest.mark.parametrize(
    ("mean", "spread", "verdict"),
    [
        (0.0, 0.1, "equivalent"),
        (2.0, 0.1, "different"),
        (0.5, 0.1, "both"),
        (0.3, 3.0, "undecided"),
        (0.5, 0.0, "constant"),
    ],
)
def test_verdicts_of_equivalence(mean, spread, verdict):
    x = mean + spread * np.array([-1.0, 1.0, -0.5, 0.5, 0.0, -1.0, 1.0])
    assert stats.tost(x, 1.0).verdict == verdict


@pytest.mark.parametrize("margin", [0.0, -1.0, np.nan, np.inf])
def test_a_margin_is_a_positive_number(margin):
    with pytest.raises(UsageError, match="margin"):
        stats.tost([1.0, 2.0], margin)


def test_margin_is_a_share_of_the_distance_between_neighbors():
    d = distances([0.0, 1.0, 3.0, 8.0])  # neighbors: 1, 2, 5
    assert stats.margin_from(d, 0.25) == stats.margin_from([1.0, 2.0, 5.0], 0.25) == 0.5
    with pytest.raises(UsageError, match="mostly 0"):
        stats.margin_from([0.0, 0.0, 1.0])


def test_power_is_that_of_the_noncentral_t():
    edge = special.stdtrit(22, 0.975)
    expected = 1 - special.nctdtr(22, 0.8 * np.sqrt(6), edge)
    assert stats.power(12, 0.8) == pytest.approx(expected, abs=1e-3)
    assert stats.power(30, 50.0, paired=True) == pytest.approx(1.0)


def test_a_design_too_small_for_its_correction_detects_nothing():
    assert np.isfinite(stats.minimum_detectable(6, 1.0))
    assert stats.minimum_detectable(6, 1.0, comparisons=50) == np.inf  # 2 / 924 > 0.05 / 50
    assert stats.minimum_detectable(8, 0.0) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.bootstrap_interval([1.0, 2.0]), "three or more"),
        (lambda: stats.bootstrap_interval([1.0, 2.0, 3.0], method="basic"), "bca"),
        (lambda: stats.bootstrap_interval([1.0, 2.0, 3.0], n_resamples=10), "99 or more"),
        (lambda: stats.bootstrap_interval(np.ones((4, 2))), "statistic="),
        (lambda: stats.change_point([0, 1, 1], np.ones((4, 3))), "increasing"),
        (lambda: stats.change_point([0, 1], np.ones((1, 2))), "one unit"),
        (lambda: stats.change_point([0, 1], [[1.0, np.nan]] * 6), "NaN"),
        (lambda: stats.trend([0, 1], np.ones((4, 2))), "three or more"),
        (lambda: stats.tost([1.0], 1.0), "one unit"),
        (lambda: stats.power(1, 1.0), "n_units"),
        (lambda: stats.permanova(distances([1, 2, 3]), [0, 0, 0]), "two or more groups"),
        (lambda: stats.permanova(np.zeros((4, 4)), [0, 0, 1, 1]), "all distances are 0"),
        (lambda: stats.mantel(np.ones((4, 4)) - np.eye(4), distances([1, 2, 3, 4])), "equal"),
        (lambda: stats.permutation_test_gram(np.eye(4), [0, 1, 2, 0]), "two kinds"),
        (lambda: stats.permutation_test([1.0, 2.0], [1.0, 2.0], alternative="up"), "greater"),
    ],
)
def test_what_cannot_be_answered_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
