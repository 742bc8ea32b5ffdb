"""wheeler-training: worlds in which a claim is true or not, and the whole path on tiny networks."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.studies import materials
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.wheeler_statistics import largest_increase, left_out, rising
from toposcope.studies.wheeler_training import CLAIMS, QUICK, STUDY


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    assert rate(worlds[f"studies.wheeler-training.{claim}.true"], 8).rate >= 0.6
    assert rate(worlds[f"studies.wheeler-training.{claim}.null"], 8).rate <= 0.2


def test_what_noise_alone_finds_is_no_increase():
    noise = np.random.default_rng(0).normal(size=(4000, 4, 11))
    assert abs(largest_increase(noise).mean()) < 0.05
    falling = -1 + 0.1 * noise
    assert largest_increase(falling).mean() < -0.9


def test_moments_that_are_missing_do_not_count():
    norms = np.array([[[1.0], [np.nan], [2.0]], [[2.0], [1.0], [np.nan]]])
    assert rising(norms).tolist() == [1.0, 0.0]


def test_left_out_is_what_leaving_out_and_fitting_again_gives():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 2, 5)) + np.array([0.0, 0.7])[None, :, None]
    truth = np.tile([-1.0, 1.0], (9, 1))
    flat = x.reshape(18, 5) - x.reshape(18, 5).mean(axis=0)
    ridge = 0.1 * np.trace(flat @ flat.T) / 18
    right = []
    for i in range(9):
        kept = np.delete(np.arange(18), [2 * i, 2 * i + 1])
        gram = flat[kept] @ flat[kept].T + ridge * np.eye(16)
        weights = np.linalg.solve(gram, truth.ravel()[kept])
        told = flat[2 * i : 2 * i + 2] @ flat[kept].T @ weights
        right.append((told * truth[i] > 0).mean())
    # Without the intercept, which balanced classes do not need.
    assert np.abs(left_out(x, truth[None])[0] - right).mean() < 0.12


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        QUICK, networks=8, steps=40, milestones=(), points=30, draws=2, draws_trained=2
    )
    found = run_definition(replace(STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0)
    assert [one.claim.id for one in found.verdicts] == ["W1", "W2", "W3", "W4", "W8"]
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert set(found.table["scale"]) == {"mean_distance", "none", "geodesic", "local"}
    # The input is the same for all networks and moments: nothing there depends on training.
    first = found.table.query("layer == 0 and draw == 0 and degree == 0 and scale == 'none'")
    assert first["norm"].nunique() == 1
    assert len(found.figure.panels) == 4
