"""suresh-simplicial: worlds of its claims, and the whole path on tiny networks and own RUNs."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.suresh_simplicial import CLAIMS, QUICK, STUDY
from toposcope.studies.suresh_simplicial_statistics import (
    SCALES,
    along_hops,
    over_orders,
    rectangle,
    simplicial,
    stacked,
)
from toposcope.studies.suresh_statistics import Way, variation


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    name = f"studies_suresh_simplicial.suresh-simplicial.{claim}"
    assert rate(worlds[f"{name}.true"], 8).rate >= 0.6
    assert rate(worlds[f"{name}.null"], 8).rate <= 0.13


def test_an_order_of_the_units_moves_cubical_numbers_and_no_simplicial_one():
    """What the study is about: the cloud of a layer has no order of coordinates, an image has."""
    rng = np.random.default_rng(0)
    values = np.maximum(rng.normal(size=(40, 16)), 0.0)
    other = values[:, rng.permutation(16)]
    assert simplicial(values)[0] == simplicial(other)[0]
    assert along_hops(values) == along_hops(other)
    many = over_orders(values, Way(), 20, 0, scale=1.0)
    assert many.shape == (20, 40) and variation(many).mean() > 0.02


def test_simplicial_numbers_are_those_of_known_clouds():
    """Two far pairs: 4 components, 2, and 1 at last; a scale of another cloud moves thresholds."""
    pairs = np.array([[0.0, 0.0], [0.1, 0.0], [1.0, 0.0], [1.1, 0.0]])
    value, mean = simplicial(pairs)
    distances = [0.1, 0.9, 0.1]  # edges of the minimum spanning tree
    alive = [1 + sum(edge > t * mean + 1e-12 for edge in distances) for t in SCALES]
    assert value == pytest.approx(np.mean(alive))
    assert simplicial(pairs, scale=mean)[0] == pytest.approx(value)
    assert simplicial(pairs, scale=100 * mean)[0] == 1.0
    assert simplicial(np.zeros((5, 3))) == (1.0, 0.0)


def test_units_are_laid_out_as_the_most_square_image_there_is():
    assert [rectangle(n) for n in (16, 20, 17, 1)] == [(4, 4), (4, 5), (1, 17), (1, 1)]
    values = np.arange(48.0).reshape(3, 16)
    assert stacked(values).shape == (1, 3, 4, 4)
    assert stacked(values)[0, 1, 0].tolist() == [16.0, 17.0, 18.0, 19.0]


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        QUICK, networks=4, depths=(4,), width=16, steps=3, steps_disks=3, points=20, pooled=30
    )
    study = replace(STUDY, quick=replace(design, images=4, orders=3))
    found = run_definition(study, Given(), quick=True, out=tmp_path / "out", jobs=0)
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS]
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert found.table["layer"].nunique() == 4 and set(found.table["data"]) == {"digits", "disks9"}
    assert all("untrained networks" in one.alternatives for one in found.verdicts)
    assert "digits alone" not in found.verdicts[0].alternatives  # 4 networks are too few for it


def runs(folder, count, *, labels=True, units=16, layers=4, samples=44, classes=2):
    """RUNs of networks whose layers are vectors."""
    rng = np.random.default_rng(0)
    made = []
    for k in range(count):
        values = {f"b{i}": rng.normal(size=(samples, units)) for i in range(layers)}
        acts = from_arrays(values, labels=np.arange(samples) % classes if labels else None)
        save_arrays(acts, folder / f"r{k}")
        made.append(folder / f"r{k}")
    return Given(tuple(made))


def test_own_runs_are_decided(tmp_path):
    study = replace(STUDY, quick=replace(QUICK, orders=3))
    found = run_definition(study, runs(tmp_path, 8), quick=True, out=tmp_path / "out", jobs=0)
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert set(found.table["data"]) == {"given"}
    assert found.spec["design"]["points"] == 22  # what the smallest class has


@pytest.mark.parametrize(
    ("made", "error", "needed"),
    [
        ({"count": 7}, TooFewSamplesError, "8 or more"),
        ({"count": 8, "labels": False}, UsageError, "labels"),
        ({"count": 8, "layers": 3}, UsageError, "4 or more"),
        ({"count": 8, "units": 9}, UsageError, r"0 layers of 16 or more units.*b0 \(9,\)"),
        ({"count": 8, "samples": 39}, TooFewSamplesError, "39 samples; needed are 40"),
        ({"count": 8, "classes": 3}, TooFewSamplesError, "smallest class has 14 samples.*20"),
    ],
)
def test_what_cannot_be_answered_is_refused_before_anything_runs(tmp_path, made, error, needed):
    with pytest.raises(error, match=needed):
        run_definition(STUDY, runs(tmp_path, **made), quick=True, out=tmp_path / "out", jobs=0)
