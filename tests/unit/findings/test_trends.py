"""Trends over checkpoints: found where they are, corrected for all that were looked at."""

from dataclasses import replace

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import UsageError
from toposcope.findings import Step
from toposcope.findings.trends import one_way, trends, trends_of_trainings
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.words.trends import trend_rows, trend_sentence

OPTIONS = {"points": 30, "replicates": 8, "jobs": 0, "null": "none", "homology_dimensions": (0,)}
SPREADS = {0: 1.0, 9: 0.1, 3: 0.5, 6: 0.3}


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Layer 'b' collapses onto clusters step by step, 'a' stays as it is."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("series")
    still = rng.normal(size=(240, 5))
    found = []
    for step, spread in SPREADS.items():
        centers = np.repeat(4 * np.eye(4, 5), 60, axis=0)
        acts = from_arrays(
            {"a": still, "b": centers + spread * rng.normal(size=(240, 5))}, name="net"
        )
        acts.attrs.update({"step": step, "name": f"net step {step}"})
        found.append(ts.analyze(save_arrays(acts, folder / str(step)), **OPTIONS))
    return found


def test_a_collapsing_layer_has_a_trend_and_a_still_one_has_none(series):
    found = trends(series)
    # Without H1, four statistics have values.
    assert {t.looked_at for t in found} == {len(found)} == {2 * 4}
    by = {(t.layer, t.statistic): t for t in found}
    falls = by["b", "lifespan_sum"]
    assert falls.direction == "falling"
    assert falls.trend.mean_tau < -0.8
    assert falls.trend.reversals == 0
    assert falls.q == pytest.approx(min(1, len(found) * falls.p))
    assert not falls.about_training
    assert all(t.direction == "undecided" for t in found if t.layer == "a")
    assert falls.span == (Step(0.0), Step(9.0))


def test_the_report_tells_trends_in_words(series, tmp_path):
    found = trends(series)
    rows = {row["what"]: row for row in trend_rows(found)}
    row = rows["H0 lifespan sum"]
    assert (row["falling"], row["undecided"]) == ("1 of 2", "1")
    assert row["surest"].startswith("b (tau −1.00")
    page = ts.report(series, to=tmp_path / "r.html").read_text()
    assert "Over 4 checkpoints from step 0 to step 9, in this order: of 8 curves looked at" in page
    assert (
        "no evidence about training" in page
        and "up to 8.3\N{NO-BREAK SPACE}% of the curves" in page
    )


def test_two_checkpoints_or_one_network_have_no_trend(series):
    assert trends(series[:2]) == trends(series[:1]) == []
    assert trend_sentence([]) == ""


def fresh_checkpoints(rng, folder, *, steps, drift=0.0):
    """One "training": at every step a random net with fresh weights, its output spread by drift."""
    X = np.random.default_rng(9).normal(size=(240, 5))
    found = []
    for step in range(steps):
        hidden = np.maximum(X @ rng.normal(size=(5, 12)), 0)
        layer = hidden @ np.diag(np.exp(-drift * step * np.arange(12)))
        acts = from_arrays({"a": layer}, name="net")
        acts.attrs.update({"step": step, "name": f"net step {step}"})
        found.append(ts.analyze(save_arrays(acts, folder / str(step)), **OPTIONS))
    return found


def test_one_training_never_says_that_a_trend_of_training_stands(tmp_path):
    rng = np.random.default_rng(4)
    said = trend_sentence(trends(fresh_checkpoints(rng, tmp_path, steps=3)))
    assert "no evidence about training" in said and "33 % of the curves" in said
    assert "stand" not in said and "false" not in said


def test_trainings_are_the_units_of_a_claim_about_training(tmp_path):
    rng = np.random.default_rng(5)
    without, with_drift = (
        [
            fresh_checkpoints(rng, tmp_path / f"{drift}-{seed}", steps=3, drift=drift)
            for seed in range(6)
        ]
        for drift in (0.0, 0.3)
    )
    assert all(one.direction == "undecided" for one in trends_of_trainings(without))
    found = trends_of_trainings(with_drift)
    falls = {one.statistic: one for one in found}["lifespan_sum"]
    assert falls.direction == "falling" and falls.about_training and falls.trend.n == 6
    assert "of 6 trainings" in trend_sentence(found)
    with pytest.raises(UsageError, match="three or more"):
        trends_of_trainings(with_drift[:2])


@pytest.mark.parametrize("steps", [3, 6])
def test_a_curve_that_stays_is_not_said_to_go_one_way(steps):
    rng = np.random.default_rng(6)
    said = [one_way(rng.normal(size=(8, steps))) <= 0.05 for _ in range(400)]
    assert np.mean(said) <= 0.05


def test_few_trainings_are_said_to_be_too_few(series):
    weak = [
        replace(t, q=1.0, trend=replace(t.trend, n=4, unit="network"))
        for t in trends(series)
        if t.layer == "a"
    ]
    assert "4 trainings give no p-value below 0.12" in trend_sentence(weak)
