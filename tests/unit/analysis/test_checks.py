"""Validity checks: each finds the fault that is planted, and none where there is none."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.neighbors import LocalOutlierFactor

import toposcope as ts
from toposcope.analysis import outlier_factor, validity_checks
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.findings.validity.observations import Observations, rank_correlation
from toposcope.findings.validity.verdict import Decision, Quantity
from toposcope.studies import validity_verdicts
from toposcope.words.validity import told

RNG = np.random.default_rng(0)


def test_lof_is_scikit_learns():
    for X in (RNG.normal(size=(200, 4)), RNG.integers(0, 6, (150, 3)).astype(float)):
        D = squareform(pdist(X))
        theirs = -LocalOutlierFactor(metric="precomputed").fit(D).negative_outlier_factor_
        ours = outlier_factor.local_outlier_factor(D)
        if len(np.unique(X, axis=0)) == len(X):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9)
        else:  # ties: which neighbor is taken is free
            assert np.median(np.abs(ours / theirs - 1)) < 0.05
    with pytest.raises(TooFewSamplesError, match="5 points have no 20 neighbors"):
        outlier_factor.local_outlier_factor(np.ones((5, 5)))


def test_outliers_that_are_planted_are_found():
    X = np.vstack([RNG.normal(size=(190, 3)), 30 * RNG.normal(size=(10, 3))])
    D = squareform(pdist(X))
    assert (
        outlier_factor.outliers(D)[190:].mean() >= 0.8
        and outlier_factor.outliers(D)[:190].mean() < 0.05
    )
    assert outlier_factor.outliers(D, share=0.05).sum() == 10


@pytest.mark.parametrize("d", [10, 40, 160])
def test_distances_concentrate_as_theory_says(d):
    X = RNG.normal(size=(600, d))
    found = validity_checks.distance_contrast(squareform(pdist(X)))
    assert found["distance_cv"] == pytest.approx(validity_checks.gaussian_cv(d), rel=0.06)
    wider = validity_checks.distance_contrast(squareform(pdist(X[:, :2])))
    assert wider["relative_contrast"] > 5 * found["relative_contrast"]
    with pytest.raises(DegenerateCloudError, match="all 3 points are equal"):
        validity_checks.distance_contrast(np.zeros((3, 3)))


def test_halves_and_quarters_are_measured_in_the_degrees_of_the_cloud():
    D = squareform(pdist(np.random.default_rng(1).random((200, 2))))
    pairs = ts.homology.rips_from_distances(
        D, homology_dimensions=(0, 1), max_edge_length=np.inf, coeff=2
    )
    rows = list(
        validity_checks.check_sample_size(D, dict(enumerate(pairs)), rng=np.random.default_rng(0))
    )
    sums = {
        (one.homology_dimension, one.points): one.value
        for one in rows
        if one.statistic == "lifespan_sum"
    }
    assert set(sums) == {(k, m) for k in (0, 1) for m in (50, 100, 200)}
    # sqrt(2) for every doubling of points in the square, in the mean of all parts.
    assert sums[0, 200] / sums[0, 100] == pytest.approx(np.sqrt(2), rel=0.1)
    assert sums[0, 100] / sums[0, 50] == pytest.approx(np.sqrt(2), rel=0.1)
    assert sums[1, 200] == pytest.approx(np.ptp(pairs[1], axis=1).sum())
    # Without a whole diagram that is uncut, H0 alone.
    rows = validity_checks.check_sample_size(D, {}, rng=np.random.default_rng(0))
    assert {one.homology_dimension for one in rows} == {0}


def test_norms_are_divided_out_and_points_at_the_median_left_out():
    X = RNG.normal(size=(300, 20))
    tails = X / np.sqrt(RNG.chisquare(2, size=(300, 1)) / 2)
    contrast = [
        validity_checks.distance_contrast(squareform(pdist(one)))["distance_cv"]
        for one in (X, tails, validity_checks.directions(X), validity_checks.directions(tails))
    ]
    assert contrast[1] > 2 * contrast[0]
    assert contrast[3] == pytest.approx(contrast[2], rel=0.1)
    huge = validity_checks.directions(1e200 * X)
    np.testing.assert_allclose(huge, validity_checks.directions(X), atol=1e-12)
    D = squareform(pdist(X))
    half = np.vstack([X[:20], np.zeros((280, 20))])
    with pytest.raises(DegenerateCloudError, match="280 of 300 points are the median itself"):
        list(validity_checks.check_concentration(D, half, participation_ratio=3.0))


def test_names_of_checks():
    assert validity_checks.check_names(None) == tuple(validity_checks.CHECKS)
    with pytest.raises(UsageError, match=r"outlyers unknown; choose from sample_size, outliers"):
        validity_checks.check_names("outlyers")


def analysis(layers, **options):
    options = {"points": 60, "replicates": 5, "homology_dimensions": (0,), "jobs": 0} | options
    return ts.analyze(ts.from_arrays(layers), **options)


def verdicts(found):
    return {one.name: one for one in validity_verdicts(found)}


def test_a_trend_that_only_scale_makes_is_called_out():
    # Shape shrinks in dimension while the scale grows: normalized sums fall, raw ones rise.
    layers = {f"b{d}": 9.0 ** (5 - d) * RNG.normal(size=(300, d)) for d in (5, 4, 3, 2, 1)}
    found = verdicts(analysis(layers))["normalization"]
    assert found.decision == Decision.FAILS
    assert "H0 lifespan sum falls under mean_distance, rises under none" in told(found).text
    same = {f"b{d}": RNG.normal(size=(300, d)) for d in (5, 4, 3, 2, 1)}
    assert verdicts(analysis(same))["normalization"].decision == "holds"


def test_concentrated_distances_are_called_out():
    layers = {"low": RNG.normal(size=(300, 2)), "high": RNG.normal(size=(300, 400))}
    found = verdicts(analysis(layers))["concentration"]
    assert found.decision == Decision.FAILS
    assert "At high all points are about equally far" in told(found).advice
    assert verdicts(analysis({"low": layers["low"]}))["concentration"].decision == "holds"


def test_outliers_that_decide_are_called_out():
    box = RNG.random((300, 2))
    assert verdicts(analysis({"box": box}))["outliers"].decision in ("holds", "undecided")
    # Three far points in every draw (labels stratify draws): always there, hence beyond the noise.
    far = np.arange(300) < 15
    strayed = box + 30 * far[:, None] * RNG.normal(1, 0.3, size=(300, 2))
    acts = ts.from_arrays({"strayed": strayed}, labels=far.astype(int))
    found = ts.analyze(acts, points=60, replicates=5, homology_dimensions=(0,), jobs=0)
    spoiled = verdicts(found)["outliers"]
    assert spoiled.decision == Decision.FAILS
    assert "Outliers move above all: H0" in told(spoiled).text
    (share,) = spoiled.of(Quantity.OUTLIER_SHARE)
    assert share.low <= 0.05 <= share.high and share.n == 5


def test_bad_input_is_said_not_hidden():
    layers = {
        "nan": np.where(RNG.random((200, 3)) < 0.01, np.nan, 1.0),
        "constant": np.ones((200, 3)),
        "blob": RNG.normal(size=(200, 3)),
    }
    found = verdicts(analysis(layers, points=50, replicates=4))
    assert found["concentration"].decision == "holds"
    assert found["normalization"].decision == found["metric"].decision == "not checked"
    assert "4 layers or more" in told(found["metric"]).text
    few = verdicts(analysis({"blob": layers["blob"]}, points=20, replicates=4))
    assert {one.decision for one in few.values()} == {"not checked"}
    assert "validity checks need 32 or more" in told(few["outliers"]).text
    one = verdicts(analysis({"blob": layers["blob"]}, points=100, replicates=1))
    assert one["sample_size"].decision == one["outliers"].decision == "not checked"


def test_numbers_do_not_depend_on_jobs_and_stay_out_of_the_table():
    layers = {"a": RNG.normal(size=(200, 3)), "b": RNG.normal(size=(200, 2))}
    one, two = (analysis(layers, points=40, jobs=jobs) for jobs in (0, 1))
    pd_equal = one.validity.equals(two.validity)
    assert pd_equal and len(one.validity) and "check" not in one.table.columns
    assert set(one.validity["check"]) == set(validity_checks.CHECKS)


def test_curves_average_classes_and_leave_gaps_out():
    found = analysis({"a": RNG.normal(size=(200, 3)), "flat": np.ones((200, 2))}, points=40)
    curves = Observations(found.validity).curves("sample_size", "40 points", "lifespan_sum")
    assert curves.layers == ("a",) and curves.values.shape == (5, 1)
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))
