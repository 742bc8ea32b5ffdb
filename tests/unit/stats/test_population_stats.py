"""Statistics over populations: known worlds, closed forms, and what statsmodels says."""

import warnings

import numpy as np
import pytest
from scipy import stats as scipy_stats

from toposcope.errors import FitError, UsageError
from toposcope.stats import (
    cluster_regression,
    disattenuated_correlation,
    exchange,
    mixed_model,
    network_means,
    partial_correlation,
    reliability,
    standardized,
    step_down,
    two_stage,
    variance_components,
)
from toposcope.stats.stages import detectable_difference


def nested(rng, g=6, s=4, draws=5, sds=(1.0, 1.0, 1.0)):
    """Values with labels: g configurations of s networks of some draws."""
    place = np.repeat(np.arange(g), s * draws)
    network = np.repeat(np.arange(g * s), draws)
    y = sds[0] * rng.normal(size=g)[place] + sds[1] * rng.normal(size=g * s)[network]
    return y + sds[2] * rng.normal(size=len(y)), network, place


# Who changes places with whom.


def test_nested_groups_are_compared_by_configurations_and_crossed_ones_inside_them():
    place = np.repeat(np.arange(6), 4)
    by_place = exchange(place >= 3, place)
    assert (by_place.unit, by_place.n_a, by_place.n_b) == ("configuration", 3, 3)
    inside = exchange(np.tile([0, 0, 1, 1], 6), place)
    assert (inside.unit, inside.n_blocks, inside.total) == ("network", 6, 6**6)
    assert exchange([0, 0, 1, 1]).configurations == 0


def test_arrangements_start_with_the_given_one_and_hold_each_once():
    units = exchange([0, 1, 0, 1, 1, 0], [0, 0, 1, 1, 2, 2])
    weights, exact = units.arrangements(999, np.random.default_rng(0))
    assert exact and len(weights) == 8 and len(np.unique(weights, axis=0)) == 8
    np.testing.assert_allclose(weights[0], units.weights()[0])
    many, exact = exchange(np.arange(40) % 2).arrangements(999, np.random.default_rng(0))
    assert not exact and len(many) == 1000


def test_a_network_in_two_groups_or_configurations_is_refused():
    with pytest.raises(UsageError, match=r"network 'a' stands in two groups"):
        two_stage([1.0, 2.0, 3.0], ["x", "y", "y"], networks=["a", "a", "b"])
    with pytest.raises(UsageError, match=r"stands in two configurations"):
        two_stage(range(4), list("xxyy"), networks=list("aabb"), configurations=[0, 1, 2, 2])
    with pytest.raises(UsageError, match=r"3 kinds.*exactly two"):
        two_stage(range(4), list("xyzz"))


# Two stages.


def test_two_stages_are_welch_and_exact_permutations_of_network_means():
    rng = np.random.default_rng(1)
    y, network, _ = nested(rng, g=2, s=5)
    group = np.where(network < 5, "a", "b")
    found = two_stage(y, group, networks=network)
    means = network_means(y, network)[1]
    welch = scipy_stats.ttest_ind(means[5:], means[:5], equal_var=False)
    low, high = welch.confidence_interval()
    assert low < 0 and found.pvalue <= 0.05  # the test decides about 0, Welch about the rest
    np.testing.assert_allclose([found.low, found.high], [0.0, high])
    exact = scipy_stats.permutation_test(
        (means[:5], means[5:]), lambda a, b, axis: b.mean(axis) - a.mean(axis), vectorized=True
    )
    assert found.pvalue == pytest.approx(exact.pvalue)
    assert found.smallest_p == pytest.approx(2 / 252) and found.target == "the training procedure"


def test_inside_configurations_one_network_a_side_is_a_paired_t_interval():
    rng = np.random.default_rng(2)
    place, group = np.repeat(np.arange(7), 2), np.tile(["relu", "tanh"], 7)
    y = 5 * rng.normal(size=7)[place] + 0.3 * rng.normal(size=14) + 0.5 * (group == "tanh")
    found = two_stage(y, group, configurations=place)
    pairs = y[1::2] - y[::2]
    low, high = scipy_stats.ttest_1samp(pairs, 0).confidence_interval()
    np.testing.assert_allclose([found.value, found.low, found.high], [pairs.mean(), low, high])
    assert (found.blocks, found.smallest_p) == (7, 2 / 128)
    assert np.isfinite(found.detectable)


def test_nested_seeds_are_no_units_and_draws_even_less():
    """No group differs: configurations do. Draws as units find one in half the cases."""
    hits = np.zeros(3)
    for k in range(60):
        y, network, place = nested(np.random.default_rng(k), g=8, s=3, draws=4)
        group = np.where(place < 4, "a", "b")
        right = two_stage(y, group, networks=network, configurations=place, n_resamples=199)
        seeds = two_stage(y, group, networks=network, n_resamples=199)
        draws = two_stage(y, group, n_resamples=199)
        assert (right.unit, right.n_a) == ("configuration", 4) and draws.n_a == 48
        hits += [one.pvalue <= 0.05 for one in (right, seeds, draws)]
    assert hits[0] <= 7 and hits[1] >= 9 and hits[2] >= 20


def test_too_few_units_are_told_with_the_number_needed():
    with pytest.raises(
        UsageError, match=r"1 configuration in 'a' and 3 in 'b', 8 networks.*4 a side"
    ):
        two_stage(range(8), list("aabbbbbb"), configurations=[0, 0, 1, 1, 2, 2, 3, 3])
    few = two_stage([1.0, 2.0, 30.0, 40.0], list("aabb"))
    assert few.smallest_p == pytest.approx(1 / 3) and few.detectable == float("inf")


def test_the_detectable_difference_is_found_eight_times_in_ten():
    group = np.repeat([0, 1], 6)
    found = two_stage(np.random.default_rng(0).normal(size=12), group)
    shift = found.detectable / found.spread
    hits = 0
    for k in range(300):
        y = np.random.default_rng(k).normal(size=12) + shift * group
        hits += two_stage(y, group, n_resamples=399, seed=k).pvalue <= 0.05
    assert 0.72 <= hits / 300 <= 0.88


def test_the_detectable_difference_of_a_family_is_found_eight_times_in_ten():
    """Three layers, neighbors correlated by 0.5, beside the test of all of them together."""

    def layers(rng):
        out = rng.normal(size=(8, 3))
        for k in (1, 2):
            out[:, k] = 0.5 * out[:, k - 1] + np.sqrt(0.75) * out[:, k]
        return out

    units = exchange(np.repeat([0, 1], 4))
    weights, _ = units.arrangements(999, np.random.default_rng(0))
    hits = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        shift = detectable_difference(
            weights, units, level=0.95, values=layers(rng), kinds=[0, 0, 0]
        )
        for _ in range(30):
            values = layers(rng) + np.outer(units.second, [0, shift, 0])
            z = standardized(weights @ values) ** 2
            family = np.column_stack([z, z.sum(axis=1)])
            hits.append(step_down(standardized(family))[1][1] <= 0.05)
    assert 0.69 <= np.mean(hits) <= 0.88


# Variance components.


def test_components_are_those_of_the_analysis_of_variance():
    y, network, place = nested(np.random.default_rng(3), g=5, s=3, draws=4)
    found = variance_components(y, network, place)
    cube = y.reshape(5, 3, 4)
    rest = cube.var(axis=2, ddof=1).mean()
    seeds = cube.mean(axis=2).var(axis=1, ddof=1).mean() - rest / 4
    assert found.rest.value == pytest.approx(rest)
    assert found.network.value == pytest.approx(seeds)
    means = cube.mean(axis=(1, 2))
    over = means.var(ddof=1) - cube.mean(axis=2).var(axis=1, ddof=1).mean() / 3
    assert found.configuration.value == pytest.approx(max(over, 0))
    ends = scipy_stats.chi2.ppf([0.975, 0.025], 45)
    np.testing.assert_allclose([found.rest.low, found.rest.high], rest * 45 / ends, rtol=0.02)


def test_what_a_draw_does_to_all_networks_is_no_noise_between_them():
    rng = np.random.default_rng(4)
    table = rng.normal(size=(20, 1)) + 3 * rng.normal(size=8) + 0.2 * rng.normal(size=(20, 8))
    shared = reliability(table, shared_draws=True)
    own = reliability(table)
    assert shared.reliability.value > 0.97 > 0.6 > own.reliability.value
    assert shared.draw is not None and shared.draw.low < 9 < shared.draw.high
    with pytest.raises(UsageError, match=r"each draw exactly once"):
        variance_components(table.ravel()[:-1], np.repeat(range(20), 8)[:-1],
                            draws=np.tile(range(8), 20)[:-1])  # fmt: skip


def test_networks_of_one_draw_have_no_rest_and_one_network_is_refused():
    found = variance_components([1.0, 2.0, 4.0, 3.0], range(4), [0, 0, 1, 1])
    assert np.isnan(found.rest.value) and np.isnan(found.reliability.value)
    assert 0 <= found.likeness.low <= found.likeness.high <= 1
    with pytest.raises(UsageError, match=r"1 network has no spread"):
        variance_components([1.0, 2.0], [0, 0])
    with pytest.raises(UsageError, match=r"4 networks in 4 configurations"):
        variance_components([1.0, 2.0, 4.0, 3.0], range(4), range(4))


@pytest.mark.parametrize("sds", [(1.0, 1.0, 1.0), (0.0, 1.0, 1.0), (2.0, 0.3, 1.0)])
def test_intervals_of_components_cover(sds):
    held = np.zeros(4)
    truth = [s**2 for s in sds] + [sds[0] ** 2 / (sds[0] ** 2 + sds[1] ** 2)]
    for k in range(120):
        found = variance_components(*nested(np.random.default_rng(k), sds=sds), seed=k)
        intervals = (found.configuration, found.network, found.rest, found.likeness)
        held += [x.low <= t <= x.high for x, t in zip(intervals, truth, strict=True)]
    assert (held >= 120 * 0.89).all()


# Mixed models.


def test_a_mixed_model_of_balanced_draws_is_least_squares_of_network_means():
    rng = np.random.default_rng(5)
    y, network, _ = nested(rng, g=2, s=6)
    tanh = (network >= 6).astype(float)
    found = mixed_model(y + tanh, tanh, network, names=["tanh"])["tanh"]
    means = network_means(y + tanh, network)[1]
    low, high = scipy_stats.ttest_ind(means[6:], means[:6]).confidence_interval()
    np.testing.assert_allclose([found.low, found.high], [low, high], rtol=1e-3)
    assert found.freedom == 10


def test_nested_mixed_models_are_those_of_statsmodels_with_honest_degrees_of_freedom():
    import pandas as pd
    import statsmodels.formula.api as smf

    y, network, place = nested(np.random.default_rng(6), g=8, s=3, draws=4, sds=(2.0, 1.0, 0.5))
    x = (place >= 4).astype(float)
    found = mixed_model(y, x, network, place)
    table = pd.DataFrame({"y": y, "x": x, "network": network, "place": place})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = smf.mixedlm(
            "y ~ x", table, groups="place", re_formula="1", vc_formula={"n": "0 + C(network)"}
        ).fit(reml=True)
    assert found["x1"].value == pytest.approx(theirs.params["x"], rel=1e-3)
    assert found["x1"].error == pytest.approx(theirs.bse["x"], rel=1e-2)
    assert found.rest == pytest.approx(theirs.scale, rel=1e-2)
    assert (found["x1"].freedom, found.varies) == (6, ("configuration", "configuration"))
    within = mixed_model(y, np.tile([0.0, 1.0, 2.0], 8).repeat(4), network, place)
    assert within.varies == ("configuration", "network") and within["x1"].freedom == 15


def test_a_mixed_model_that_no_optimizer_fits_says_so(monkeypatch):
    from statsmodels.regression.mixed_linear_model import MixedLM

    def fails(self, **how):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(MixedLM, "fit", fails)
    y, network, _ = nested(np.random.default_rng(0))
    with pytest.raises(FitError, match=r"no optimizer converged \(bfgs: singular.*two_stage"):
        mixed_model(y, (network > 11).astype(float), network)


def test_models_without_degrees_of_freedom_are_refused():
    y, network, place = nested(np.random.default_rng(0), g=2, s=3)
    with pytest.raises(UsageError, match=r"no degree of freedom is left"):
        mixed_model(y, (place == 1).astype(float), network, place)
    with pytest.raises(UsageError, match=r"each of 6 networks has one draw"):
        mixed_model(range(6), [0, 0, 0, 1, 1, 1], range(6))


# Correlations.


def test_partial_correlations_are_correlations_of_residuals():
    rng = np.random.default_rng(7)
    z = rng.normal(size=(30, 2))
    x, y = z @ [1, 2] + rng.normal(size=30), z @ [-1, 1] + rng.normal(size=30)
    base = np.column_stack([np.ones(30), z])
    left = [v - base @ np.linalg.lstsq(base, v, rcond=None)[0] for v in (x, y)]
    found = partial_correlation(x, y, z)
    assert found.value == pytest.approx(np.corrcoef(*left)[0, 1])
    plain = partial_correlation(x, y)
    theirs = scipy_stats.pearsonr(x, y)
    assert plain.pvalue == pytest.approx(theirs.pvalue)
    np.testing.assert_allclose([plain.low, plain.high], theirs.confidence_interval())
    assert partial_correlation(x, y, method="spearman").value == pytest.approx(
        scipy_stats.spearmanr(x, y).statistic
    )


def test_names_are_taken_out_as_kinds_and_tables_column_by_column():
    import pandas as pd

    rng = np.random.default_rng(8)
    kind = np.array(["a", "b", "c"])[np.arange(30) % 3]
    level = np.array([0.0, 10.0, -5.0])[np.arange(30) % 3]
    x, y = level + rng.normal(size=30), level + rng.normal(size=30)
    assert partial_correlation(x, y).value > 0.9
    found = partial_correlation(x, y, pd.DataFrame({"kind": kind, "n": range(30)}))
    assert abs(found.value) < 0.4 and found.given == 3


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_intervals_of_correlations_stay_inside(method):
    x = np.arange(8.0)
    same = partial_correlation(x, x, method=method)
    assert same.value == same.high == pytest.approx(1.0) and same.pvalue > 0
    near = partial_correlation(x, [0, 1, 2, 3, 4, 5, 7, 6], method=method)
    assert -1 <= near.low < near.value < near.high <= 1
    flat = partial_correlation(x, np.ones(8), method=method)
    assert np.isnan([flat.value, flat.low, flat.pvalue]).all()
    explained = partial_correlation(x, x**2, 3 * x + 1, method=method)
    assert np.isnan(explained.value)


def test_nested_correlations_have_configurations_as_units():
    hits = np.zeros(2)
    for k in range(100):
        rng = np.random.default_rng(k)
        place = np.repeat(np.arange(8), 5)
        x, y = (rng.normal(size=8)[place] + 0.3 * rng.normal(size=40) for _ in range(2))
        right = partial_correlation(x, y, configurations=place)
        assert (right.unit, right.n, right.networks) == ("configuration", 8, 40)
        hits += [right.pvalue <= 0.05, partial_correlation(x, y).pvalue <= 0.05]
    assert hits[0] <= 11 and hits[1] >= 25
    with pytest.raises(UsageError, match=r"4 configurations; .* needs 5 or more"):
        partial_correlation(range(8), range(8), configurations=np.repeat(range(4), 2))


def test_too_many_given_columns_are_refused():
    with pytest.raises(UsageError, match=r"6 networks beside 2 given columns leave 2 degrees"):
        partial_correlation(
            range(6), [1, 5, 2, 4, 3, 6], np.random.default_rng(0).normal(size=(6, 2))
        )


def test_attenuation_is_undone_and_undefined_where_nothing_differs():
    rng = np.random.default_rng(9)
    true = rng.normal(size=400)
    table = true[:, None] + 2 * rng.normal(size=(400, 4))
    found, share, exact = disattenuated_correlation(table, true)
    assert share == pytest.approx(0.5, abs=0.12) and exact == 1
    assert found.low < 1 <= found.high and found.value > 0.9
    assert partial_correlation(table.mean(axis=1), true).high < 0.8
    noise, share, _ = disattenuated_correlation(rng.normal(size=(20, 4)), true[:20])
    assert np.isnan([noise.value, noise.low, noise.pvalue]).all() and share < 0.5
    with pytest.raises(UsageError, match=r"one draw a network"):
        disattenuated_correlation(table[:, :1], true)


# Clusters.


def test_cluster_errors_of_two_groups_are_those_of_cluster_means():
    """Of balanced clusters and a column constant in them, CR2 is Welch's error of their means."""
    rng = np.random.default_rng(10)
    place = np.repeat(np.arange(10), 4)
    x = (place >= 4).astype(float)
    y = rng.normal(size=10)[place] + 0.5 * rng.normal(size=40)
    means = y.reshape(10, 4).mean(axis=1)
    error = np.sqrt(means[:4].var(ddof=1) / 4 + means[4:].var(ddof=1) / 6)
    found = cluster_regression(y, x, place)["x1"]
    assert found.error == pytest.approx(error)
    assert found.value == pytest.approx(means[4:].mean() - means[:4].mean())


def test_many_clusters_agree_with_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(11)
    place = np.repeat(np.arange(300), 3)
    x = rng.normal(size=(900, 2)) + rng.normal(size=(300, 1))[place]
    y = x @ [1.0, -2.0] + rng.normal(size=300)[place] + rng.normal(size=900)
    theirs = sm.OLS(y, sm.add_constant(x)).fit(cov_type="cluster", cov_kwds={"groups": place})
    found = cluster_regression(y, x, place, names=["a", "b"])
    np.testing.assert_allclose([c.value for c in found.coefficients], theirs.params)
    np.testing.assert_allclose([c.error for c in found.coefficients], theirs.bse, rtol=0.02)


def test_single_networks_as_clusters_are_hc2():
    import statsmodels.api as sm

    rng = np.random.default_rng(12)
    x = rng.normal(size=20)
    y = x * rng.normal(size=20)
    theirs = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC2")
    found = cluster_regression(y, x, range(20))
    np.testing.assert_allclose([c.error for c in found.coefficients], theirs.bse)


def test_cluster_regressions_that_cannot_be_are_refused():
    y = np.arange(12.0)
    with pytest.raises(UsageError, match=r"4 configurations"):
        cluster_regression(y, y**2, np.repeat(range(4), 3))
    with pytest.raises(UsageError, match=r"'flat' of x does not vary"):
        cluster_regression(y, np.ones(12), np.repeat(range(6), 2), names=["flat"])
    with pytest.raises(UsageError, match=r"sums of others"):
        cluster_regression(y, np.column_stack([y, 2 * y]), np.repeat(range(6), 2))
