"""`ts.describe`: any result in sentences."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.analysis.trajectory import Trajectory
from toposcope.errors import UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.transfer.ranking.board import Entry, assemble

SMALL = {"points": 32, "replicates": 5, "jobs": 0}


def layers(seed, collapse=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 4))
    return {"early": X, "late": collapse * X + [9, 0, 0, 0] * rng.integers(0, 2, size=(200, 1))}


@pytest.fixture(scope="module")
def analysis():
    return ts.analyze(ts.from_arrays(layers(0), name="net"), **SMALL)


def test_an_analysis_is_its_answer_and_what_to_trust(analysis):
    first, second, third, fourth, *trust = ts.describe(analysis).splitlines()
    assert first.startswith("The clearest of 6 changes looked at")
    assert second.startswith("Against a Gaussian cloud")
    assert third.startswith("Dimensions are biased at this n (of 32 points, cubes of 5, 10 and 22")
    assert fourth.startswith("Every number is a mean over 5 disjoint draws of 32 points")
    assert any("There are enough points per cloud." in line for line in trust)
    assert ts.describe(ts.findings.look([analysis])) == ts.describe(analysis)


def test_runs_told_together_are_named(analysis):
    other = ts.analyze(ts.from_arrays(layers(1), name="other"), **SMALL)
    told = ts.describe(ts.findings.look([analysis, other])).splitlines()
    assert {"net:", "other:"} <= set(told)


def test_a_training_is_told_with_its_trends(tmp_path):
    analyses = []
    for step, collapse in ((0, 1.0), (10, 0.1), (20, 0.01)):
        acts = from_arrays(layers(0, collapse), name="net")
        acts.attrs.update({"step": step, "name": f"net step {step}"})
        analyses.append(ts.analyze(save_arrays(acts, tmp_path / str(step)), **SMALL))
    told = ts.describe(Trajectory(tuple(analyses), series=None))
    assert "in net late, step 20 against step 0." in told
    assert "Over 3 checkpoints from step 0 to step 20" in told


def test_a_comparison(analysis):
    other = ts.from_arrays(layers(1), name="other")
    told = ts.describe(
        ts.compare(ts.from_arrays(layers(0), name="net"), other, test="none", **SMALL)
    )
    assert told.splitlines()[0].startswith("net and other, Wasserstein distance in H0: ")
    assert "All this is about these networks over data" in told.splitlines()[-1]


def test_a_study(tmp_path):
    blob = {"blob": np.random.default_rng(0).normal(size=(300, 2))}
    path = save_arrays(ts.from_arrays(blob), tmp_path / "run")
    ts.analyze(path, points=64, replicates=4, jobs=0)
    study = ts.studies.validity(path, checks="concentration", homology_dimensions=(0,), jobs=0)
    first, second, *_ = ts.describe(study).splitlines()
    assert first == "HOLDS          Distances differ enough for a filtration to see shape."
    assert "Distances vary enough at 1 of 1 layers" in second


def test_a_board():
    draws = {"a": Entry(np.array([0.8, 0.82, 0.81])), "b": Entry(np.array([0.5, 0.52, 0.5]))}
    gone = Entry(np.empty(0), status="too_few", reason="60 samples; 100 are needed.")
    board = assemble(
        {"knn": draws, "nleep": {"a": gone, "b": gone}},
        dict.fromkeys(("knn", "nleep"), (True, True, "")),
    )
    board.attrs["kind"] = "board"
    told = ts.describe(board)
    assert told.startswith("a comes first by knn")
    assert "1     a          0.81   [0.785, 0.835]" in told
    assert told.endswith("no value: nleep of a, b: 60 samples; 100 are needed.")


def test_anything_else_is_refused():
    with pytest.raises(UsageError, match=r"describe\(\): cannot put a dict into words; pass what"):
        ts.describe({})
