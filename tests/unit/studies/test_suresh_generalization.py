"""suresh-generalization: worlds of its claims, and the whole path on tiny networks and own RUNs."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.suresh_generalization import CLAIMS, QUICK, STUDY, rates


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    name = f"studies_suresh_generalization.suresh-generalization.{claim}"
    assert rate(worlds[f"{name}.true"], 8).rate >= 0.6
    assert rate(worlds[f"{name}.null"], 8).rate <= 0.13


def test_a_faster_fall_is_a_smaller_number_by_every_way_to_say_it():
    """However many voxels there are; theta is the paper's, smaller for a faster fall too."""
    depth = np.linspace(0, 1, 6)
    slow, fast = (rates(np.exp(6 - by * depth)) for by in (1.0, 4.0))
    assert all(fast[name] < slow[name] for name in ("slope", "last", "theta"))
    grown = rates(10 * np.exp(6 - 4 * depth))
    assert grown["slope"] == pytest.approx(fast["slope"], abs=0.15)


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(QUICK, depths=(3, 4), widths=(4,), noises=(0.0, 0.4), steps=4, images=4)
    study = replace(STUDY, quick=design, needs=replace(STUDY.needs, networks=8))
    found = run_definition(study, Given(), quick=True, out=tmp_path / "out", jobs=0)
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS]
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert found.table["error"].nunique() > 2 and len(found.figure.panels) == 2


def runs(folder, count, *, labels=True):
    """RUNs of networks with feature volumes, whose accuracies nobody measured."""
    rng = np.random.default_rng(0)
    made = []
    for k in range(count):
        layers = {f"b{i}": np.maximum(rng.normal(size=(30, 4, 3, 3)), 0) for i in range(3)}
        acts = from_arrays(layers, labels=np.arange(30) % 3 if labels else None)
        save_arrays(acts, folder / f"r{k}")
        made.append(folder / f"r{k}")
    return Given(tuple(made))


@pytest.mark.parametrize(
    ("made", "error", "needed"),
    [
        ({"count": 5}, TooFewSamplesError, "20 or more"),
        ({"count": 20, "labels": False}, UsageError, "labels"),
        ({"count": 20}, UsageError, "test accuracy of 20 of 20"),
    ],
)
def test_what_cannot_be_answered_is_refused_before_anything_runs(tmp_path, made, error, needed):
    with pytest.raises(error, match=needed):
        run_definition(STUDY, runs(tmp_path, **made), quick=True, out=tmp_path / "out", jobs=0)
