"""A frozen plan: written once, before results; whether it was followed is told with them."""

import json

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import DamagedError, UsageError
from toposcope.store.arrays import save_arrays
from toposcope.store.preregistration import Preregistration
from toposcope.words.plans import plan_text

DESIGN = {"points": 20, "replicates": 3, "homology_dimensions": (0,), "null": "none"}


def saved(path, seed=0):
    X = np.random.default_rng(seed).normal(size=(80, 4))
    save_arrays(ts.from_arrays({"a": X, "b": X[:, :2]}), path)
    return path


@pytest.fixture
def run(tmp_path):
    return saved(tmp_path / "run")


def test_a_plan_that_is_followed(run, tmp_path):
    path = tmp_path / "plan.json"
    plan = ts.preregister(path, run, note="b is flatter", **DESIGN)
    assert plan == Preregistration.read(path) and plan.earlier == () and plan.note == "b is flatter"
    assert [(one.about, one.tests) for one in plan.families] == [("change", 6)]
    found = ts.analyze(run, plan=path, jobs=0, **DESIGN).attrs["plan"]
    assert found.kept and plan_text(found).startswith("followed (written")


def test_what_is_done_otherwise_is_named(run, tmp_path):
    path = tmp_path / "plan.json"
    ts.preregister(path, run, **DESIGN)
    found = ts.analyze(run, plan=path, jobs=0, level=0.9, **DESIGN | {"points": 16}).attrs["plan"]
    assert [one.parameter for one in found.deviations] == ["level", "points"] and not found.kept
    assert "points 16 where 20 was planned" in plan_text(found)
    other = ts.analyze(saved(tmp_path / "other", seed=1), plan=path, jobs=0, **DESIGN)
    assert [one.parameter for one in other.attrs["plan"].deviations] == ["networks"]


def test_a_plan_for_results_that_exist_is_no_plan(run, tmp_path):
    analysis = ts.analyze(run, jobs=0, **DESIGN)
    assert analysis.attrs["plan"] is None and plan_text(None).startswith("none was written")
    plan = ts.preregister(tmp_path / "late.json", run, **DESIGN)
    assert plan.earlier == (f"run/{analysis.attrs['analysis']}",)
    found = ts.analyze(run, plan=tmp_path / "late.json", jobs=0, **DESIGN).attrs["plan"]
    assert not found.kept and found.before == 6
    assert "6 tasks were done before the plan" in plan_text(found)
    assert "when one analysis of it existed" in plan_text(found)


def test_a_plan_is_written_once_and_not_edited(run, tmp_path):
    path = tmp_path / "plan.json"
    ts.preregister(path, run, **DESIGN)
    with pytest.raises(UsageError, match="exists already, and a plan is written once"):
        ts.preregister(path, run, **DESIGN)
    content = json.loads(path.read_text())
    content["parameters"]["points"] = 40
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedError, match="was changed after it was written"):
        ts.analyze(run, plan=path, jobs=0, **DESIGN)
    path.write_text("[]")
    with pytest.raises(DamagedError, match="is no plan of toposcope"):
        ts.analyze(run, plan=path, jobs=0, **DESIGN)
    with pytest.raises(UsageError, match=r"no such file. Write one with --preregister"):
        ts.analyze(run, plan=tmp_path / "none.json", jobs=0, **DESIGN)


def test_a_plan_of_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no RUN given"):
        ts.preregister(tmp_path / "plan.json")
