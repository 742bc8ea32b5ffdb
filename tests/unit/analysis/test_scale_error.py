"""The scale is estimated on the draws, and its error is in every interval of a length."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.analysis.scale_error import RULER, units_of
from toposcope.findings.looked_at import replicate_values
from toposcope.pointclouds.draws import Draw
from toposcope.pointclouds.normalize import NORMALIZATIONS, estimate_normalizer
from toposcope.pointclouds.rulers import layer_ruler
from toposcope.stats import linearized


def values(analysis, statistic, k, cloud="data"):
    table = analysis.table
    rows = (table["statistic"] == statistic) & (table["cloud"] == cloud)
    rows &= table["homology_dimension"].isna() if k is None else table["homology_dimension"] == k
    return table.loc[rows.astype(bool), "value"].to_numpy(), analysis.units[rows.astype(bool)]


@pytest.fixture(scope="module")
def radial():
    """Clouds whose size alone varies between samples: lengths follow the scale of their draw."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(320, 5)) * np.exp(0.7 * rng.normal(size=(320, 1)))
    return ts.analyze(ts.from_arrays({"a": X}), points=40, replicates=8, jobs=0)


def test_lengths_carry_the_error_of_the_scale_and_the_rest_does_not(radial):
    share, _ = values(radial, RULER, None)
    assert share.mean() == pytest.approx(1.0) and share.std() > 0.02
    for statistic, power in (
        ("lifespan_sum", 1),
        ("total_persistence", 2),
        ("landscape_norm", 1.5),
    ):
        raw, units = values(radial, statistic, 0)
        np.testing.assert_allclose(units, linearized(raw, share, power=power))
        assert units.mean() == pytest.approx(raw.mean())
    raw, units = values(radial, "lifespan_sum", 0)
    assert units.std() < 0.7 * raw.std()
    for statistic, k in (("persistence_entropy", 0), ("n_pairs", 1), ("two_nn", None)):
        raw, units = values(radial, statistic, k)
        assert (raw == units).all()
    raw, units = values(radial, "lifespan_sum", 0, cloud="gaussian")
    assert (raw == units).all()


def test_intervals_findings_and_null_tests_take_the_same_units(radial):
    _, units = values(radial, "lifespan_sum", 0)
    row = radial.intervals.query(
        "statistic == 'lifespan_sum' and homology_dimension == 0 and cloud == 'data'"
    ).iloc[0]
    interval = ts.stats.mean_interval(units)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(
        (interval.value, interval.low, interval.high)
    )
    np.testing.assert_allclose(replicate_values(radial, "a", "lifespan_sum", 0), units)
    _, null = values(radial, "lifespan_sum", 0, cloud="gaussian")
    table = ts.findings.against_nulls(radial, statistics=[("lifespan_sum", 0)])
    welch = ts.stats.difference_interval(units, null)
    assert table.iloc[0]["low"] == pytest.approx(welch.low)


@pytest.mark.parametrize(
    "keywords",
    [{"metric": "cosine"}, {"filtration": ts.Geodesic(5)}, {"normalize": "minmax"}],
    ids=str,
)
def test_numbers_without_a_known_error_of_scale_stay_as_they_are(keywords):
    X = np.random.default_rng(1).normal(size=(120, 4)) + 3
    analysis = ts.analyze(
        ts.from_arrays({"a": X}), points=30, replicates=4, jobs=0, null="none", **keywords
    )
    assert RULER not in set(analysis.table["statistic"])
    assert (units_of(analysis.table) == analysis.table["value"].to_numpy()).sum() > 50


def test_the_ruler_of_a_random_init_twin_is_its_own():
    import pandas as pd

    rows = [
        {"layer": "a", "label": "", "cloud": cloud, "replicate": r, "homology_dimension": k,
         "statistic": statistic, "value": value, "status": "ok"}
        for cloud, pull in (("data", 0.1), ("random_init", 0.3))
        for r, sign in enumerate((-1, 1))
        for statistic, k, value in (
            (RULER, None, 1 + pull * sign), ("lifespan_sum", 0, 2 * (1 + pull * sign)),
        )
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    sums = table["statistic"] == "lifespan_sum"
    np.testing.assert_allclose(units_of(table)[sums], 2.0)


def test_every_class_of_a_replicate_pulls_one_ruler():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(120, 3)) + np.repeat([[0, 0, 0], [9, 0, 0]], 60, axis=0)
    acts = ts.from_arrays({"a": X}, labels=np.repeat([0, 1], 60))
    analysis = ts.analyze(acts, points=20, replicates=3, per_class=True, jobs=0, null="none")
    shares = analysis.table.query(f"statistic == '{RULER}'")
    assert len(shares) == 6
    assert (shares.groupby("replicate")["value"].nunique() == 1).all()
    mean = estimate_normalizer(X).scale  # between the classes too, since all are drawn
    cloud = ts.clouds(acts, points=20, replicates=3, per_class=True)
    assert cloud.normalizer("a").scale == pytest.approx(mean)


def draws(n, replicates):
    parts = np.split(np.random.default_rng(0).permutation(n), replicates)
    return [Draw(r, "", rows) for r, rows in enumerate(parts)]


@pytest.mark.parametrize("method", ["mean_distance", "median_distance", "quantile_distance"])
@pytest.mark.parametrize("n", [600, 3000])
def test_shares_predict_the_scale_of_each_draw_alone(method, n):
    X = np.random.default_rng(3).standard_t(5, size=(n, 4)) * [1, 1, 2, 3]
    ruler = layer_ruler(
        lambda _, rows: X[rows], "a", draws(n, 6), method=method, points_are="samples",
        width=4, seed=0,
    )  # fmt: skip
    alone = [float(estimate_normalizer(X[one.rows], method).factor[0]) for one in draws(n, 6)]
    expected = np.array(alone) / ruler.normalizer.factor[0]
    assert np.corrcoef(expected, ruler.shares)[0, 1] > 0.97
    assert abs(expected - ruler.shares).max() < 0.25 * np.ptp(expected)


def test_many_rows_are_compared_with_a_thousand_others_each():
    X = np.random.default_rng(4).normal(size=(2600, 6))
    D = ts.homology.distances(X)
    exact = D.sum() / (2600 * 2599)
    found = estimate_normalizer(X)
    assert found.scale == pytest.approx(exact, rel=1e-3)
    means = D.sum(axis=1) / 2599
    assert np.corrcoef(found.pull, means)[0, 1] > 0.99
    assert {method for method in NORMALIZATIONS if estimate_normalizer(X, method).pull is None} == {
        "max_distance",
        "minmax",
    }
