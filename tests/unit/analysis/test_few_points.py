"""Too few points for an estimator: a status with how many there are and how many it needs."""

import re

import numpy as np
import pytest

import toposcope as ts
from toposcope import dimension, homology, similarity
from toposcope.errors import TooFewSamplesError, UsageError

FEWEST = {"two_nn": 16, "ph_dimension": 16, "ph_dimension_r2": 16}
"""Points that an estimator of an analysis needs; every other number needs fewer."""
CHECKS = 32
SAID = re.compile(r"(\d+) (?:points|finite pairs).*?(?:at least (\d+)|need (\d+) or more)")


def analyzed(points, **options):
    X = np.random.default_rng(0).normal(size=(3 * points, 6)).astype(np.float32)
    options = {"replicates": 3, "jobs": 0, "null": "gaussian"} | options
    return ts.analyze(ts.from_arrays({"a": X}), points=points, **options)


@pytest.mark.parametrize("points", [2, 3, 15, 16, 31, 32])
def test_a_number_without_enough_points_says_how_many_it_needs(points):
    analysis = analyzed(points)
    table = analysis.table
    for statistic, fewest in FEWEST.items():
        rows = table[table["statistic"] == statistic]
        assert len(rows) == 6 and set(rows["status"]) == {"ok" if points >= fewest else "too_few"}
    bad = [*table[table["status"] != "ok"].itertuples()]
    checks = analysis.validity[analysis.validity["status"] == "too_few"]
    assert bool(len(checks)) == (points < CHECKS)
    for row in [*bad, *checks.itertuples()]:
        there, *needs = SAID.search(row.reason).groups()
        needed = int(next(filter(None, needs)))
        assert int(there) < needed and np.isnan(row.value)
        if row.status == "too_few":
            assert int(there) == points and needed in (FEWEST.get(row.statistic), CHECKS)
    assert set(table[table["status"] == "too_few"]["statistic"]) <= set(FEWEST)
    intervals = analysis.intervals.set_index("statistic")
    for statistic, fewest in FEWEST.items():  # and no interval is made of nothing
        row = intervals.loc[statistic].iloc[0]
        assert (row["status"] == "too_few", bool(np.isnan(row["mean"]))) == (points < fewest,) * 2


def test_one_point_is_no_number_either():
    table = analyzed(1, null="none").table
    assert set(table["statistic"]) >= {"scale", "effective_rank", *FEWEST}
    rows = table[~table["status"].isin(["ok"])]
    assert rows["reason"].ne("").all() and rows["value"].isna().all()


def test_more_neighbors_than_points_is_a_status_of_every_number():
    table = analyzed(20, filtration=ts.Geodesic(30), null="none").table
    rows = table[table["status"] == "too_few"]
    assert (
        rows["reason"].str.contains("30 neighbors need 31 distinct points; the cloud has 20").all()
    )
    assert set(rows["statistic"]) >= {"n_pairs", "lifespan_sum", "two_nn"}


def test_draws_that_do_not_fit_are_refused_before_any_work_with_what_fits():
    X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    acts = ts.from_arrays({"a": X})
    with pytest.raises(TooFewSamplesError, match=r"need 120 samples; there are 64.*points=21"):
        ts.analyze(acts, points=40, replicates=3, jobs=0)
    assert len(ts.analyze(acts, points=21, replicates=3, jobs=0, null="none").table)


@pytest.mark.parametrize(
    ("estimator", "fewest"),
    [
        (dimension.two_nn, 16),
        (dimension.ph_dimension, 16),
        (lambda X: similarity.rtd(X, X[::-1]), 4),
        (lambda X: similarity.cka(X, X[::-1]), 4),
        (lambda X: homology.geodesic_distances(X, 5), 6),
    ],
    ids=["two_nn", "ph_dimension", "rtd", "cka", "geodesic_distances"],
)
def test_an_estimator_refuses_one_point_less_than_it_needs(estimator, fewest):
    X = np.random.default_rng(0).normal(size=(fewest, 3))
    estimator(X)
    with pytest.raises(UsageError, match=r"\d"):
        estimator(X[:-1])
