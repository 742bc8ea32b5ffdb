"""Findings against null models: the right test for each null, corrected, calibrated."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from toposcope.analysis.result import Analysis
from toposcope.findings.null_tests import _one_more_dimension, against_nulls
from toposcope.stats import prediction_test
from toposcope.types import DiagramSet

LAYERS, DRAWS = 6, 8


def measured(null, shift, rng, *, draws=DRAWS, draw_effect=0.0, **attrs):
    """An analysis of one statistic: layers that differ from the null by `shift`."""
    rows = []
    common = draw_effect * rng.normal(size=(LAYERS, draws))
    for cloud, size in (("data", shift), (null, np.zeros(LAYERS))):
        values = size[:, None] + common + rng.normal(size=(LAYERS, draws))
        rows += [
            {
                "layer": f"l{i}",
                "depth": (i + 1) / LAYERS,
                "label": "",
                "cloud": cloud,
                "replicate": r,
                "homology_dimension": 0,
                "statistic": "lifespan_sum",
                "value": values[i, r],
                "status": "ok",
                "reason": "",
            }
            for i in range(LAYERS)
            for r in range(draws)
        ]
    table = pd.DataFrame(rows).astype({"homology_dimension": "Int64"})
    empty = pd.DataFrame()
    attrs = {"level": 0.95, "overlapping": False} | attrs
    return Analysis("one", table, empty, DiagramSet((), ()), empty, attrs=attrs)


def test_layers_beyond_the_gaussian_are_named_with_their_side():
    shift = np.array([0.0, 0.0, 4.0, 4.0, -4.0, -4.0])
    found = against_nulls(measured("gaussian", shift, np.random.default_rng(0)))
    assert list(found["verdict"]) == ["undecided"] * 2 + ["above"] * 2 + ["below"] * 2
    assert (found["qvalue"] >= found["pvalue"]).all() and (found["pvalue"] > 0).all()
    assert (found["smallest_p"] <= found["pvalue"]).all()
    assert ((found["low"] <= found["difference"]) & (found["difference"] <= found["high"])).all()


def test_a_null_of_the_same_draws_is_tested_in_pairs():
    """Draws differ by ten times what the null differs by: only pairs see it."""
    shift = np.full(LAYERS, 2.0)
    both = {
        null: against_nulls(measured(null, shift, np.random.default_rng(1), draw_effect=20.0))
        for null in ("shuffled", "gaussian")
    }
    assert both["shuffled"]["paired"].all() and not both["gaussian"]["paired"].any()
    assert (both["shuffled"]["verdict"] == "above").all()
    assert (both["gaussian"]["verdict"] == "undecided").all()
    assert (both["shuffled"]["high"] < 6).all() and (both["gaussian"]["high"] > 10).all()


@pytest.mark.parametrize("null", ["gaussian", "shuffled"])
def test_nothing_is_named_where_nothing_differs(null):
    rng = np.random.default_rng(2)
    named = []
    for _ in range(60):
        found = against_nulls(measured(null, np.zeros(LAYERS), rng), n_resamples=499)
        named.append((found["verdict"] != "undecided").any())
    assert np.mean(named) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_overlapping_draws_are_judged_by_their_intervals():
    shift = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    plain = measured("gaussian", shift, np.random.default_rng(3))
    lapped = measured(
        "gaussian", shift, np.random.default_rng(3), overlapping=True, points=60, n=100
    )
    found = against_nulls(lapped)
    assert found["pvalue"].isna().all()
    assert list(found["verdict"]) == ["undecided"] * 5 + ["above"]
    width = (found["high"] - found["low"]) / (
        against_nulls(plain)["high"] - against_nulls(plain)["low"]
    )
    assert (width > 3).all()  # rho = 0.6 and six comparisons


def test_what_cannot_be_tested_says_why():
    one = against_nulls(measured("gaussian", np.zeros(LAYERS), np.random.default_rng(4), draws=1))
    assert set(one["status"]) == {"one_replicate"} and one["pvalue"].isna().all()
    flat = measured("gaussian", np.zeros(LAYERS), np.random.default_rng(5))
    flat.table["value"] = 59.0
    assert set(against_nulls(flat)["status"]) == {"constant"}
    gone = measured("gaussian", np.zeros(LAYERS), np.random.default_rng(6))
    gone.table.loc[gone.table["cloud"] == "data", "status"] = "undefined"
    assert set(against_nulls(gone)["status"]) == {"no_value"}
    assert not len(against_nulls(gone, statistics=[("two_nn", None)]))


def test_a_dimension_is_held_against_twins_by_its_reciprocal():
    """Reciprocals spread evenly: by logarithms the one percent of a test came to two or more."""
    rng = np.random.default_rng(0)
    dimensions = 1 / np.maximum(rng.normal(0.1, 0.03, size=(3000, 6)), 0.01)
    rates = {
        name: np.mean([test(one[0], one[1:]).pvalue <= 0.01 for one in dimensions])
        for name, test in (
            ("reciprocals", partial(_one_more_dimension, level=0.95)),
            ("logarithms", partial(prediction_test, below=0.0)),
        )
    }
    assert 0.005 < rates["reciprocals"] < 0.015 < rates["logarithms"]

    twins = np.array([8.0, 9.0, 10.0, 11.0, 12.0])
    far = _one_more_dimension(5.0, twins, level=0.95)
    assert far.pvalue < 0.05 and far.low < far.high < 0
    assert far.value == pytest.approx(5.0 - 10.0)
    near = _one_more_dimension(9.5, twins, level=0.95)
    assert near.pvalue > 0.5 and near.low < 0 < near.high
    wild = _one_more_dimension(9.5, np.array([4.0, 9.0, 40.0]), level=0.95)
    assert np.isnan(wild.low) and np.isnan(wild.high) and wild.pvalue > 0.5
