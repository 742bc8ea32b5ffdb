"""Trends over checkpoints: found where they are, corrected for all that were looked at."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.findings import Step
from toposcope.findings.trends import trends
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.words.trends import trend_rows, trend_sentence

OPTIONS = {"points": 15, "replicates": 8, "jobs": 0, "null": "none", "homology_dimensions": (0,)}
SPREADS = {0: 1.0, 9: 0.1, 3: 0.5, 6: 0.3}


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Layer 'b' collapses onto clusters step by step, 'a' stays as it is."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("series")
    still = rng.normal(size=(120, 5))
    found = []
    for step, spread in SPREADS.items():
        centers = np.repeat(rng.normal(size=(4, 5)), 30, axis=0)
        acts = from_arrays(
            {"a": still, "b": centers + spread * rng.normal(size=(120, 5))}, name="net"
        )
        acts.attrs.update({"step": step, "name": f"net step {step}"})
        found.append(ts.analyze(save_arrays(acts, folder / str(step)), **OPTIONS))
    return found


def test_a_collapsing_layer_has_a_trend_and_a_still_one_has_none(series):
    found = trends(series)
    # Without H1, and with too few points for a dimension, two statistics have values.
    assert {t.looked_at for t in found} == {len(found)} == {2 * 2}
    by = {(t.layer, t.statistic): t for t in found}
    falls = by["b", "lifespan_sum"]
    assert falls.direction == "falling"
    assert falls.trend.mean_tau < -0.8
    assert falls.trend.reversals == 0
    # Two of 2^8 sign flips are as extreme.
    assert falls.trend.pvalue == pytest.approx(2 / 256)
    assert falls.q >= falls.trend.pvalue
    assert all(t.direction == "undecided" for t in found if t.layer == "a")
    assert falls.span == (Step(0.0), Step(9.0))


def test_the_report_tells_trends_in_words(series, tmp_path):
    found = trends(series)
    rows = {row["what"]: row for row in trend_rows(found)}
    row = rows["H0 lifespan sum"]
    assert (row["falling"], row["undecided"]) == ("1 of 2", "1")
    assert row["surest"].startswith("b (tau −0.")
    page = ts.report(series, to=tmp_path / "r.html").read_text()
    assert "Over 4 checkpoints from step 0 to step 9: of 4 trends looked at" in page


def test_two_checkpoints_or_one_network_have_no_trend(series):
    assert trends(series[:2]) == trends(series[:1]) == []
    assert trend_sentence([]) == ""


def test_few_draws_are_said_to_be_too_few(series):
    few = [t for t in trends(series) if t.layer == "a"]
    assert "more replicates could tell more" not in trend_sentence(few)
    from dataclasses import replace

    weak = [replace(t, trend=replace(t.trend, n=4)) for t in few]
    assert "With 4 draws no p-value can be below 0.12" in trend_sentence(weak)
