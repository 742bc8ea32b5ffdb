"""compare(calibrate=): similarities against shuffled samples, over all pairs of layers."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import UsageError
from toposcope.similarity import calibrated_matrix

DESIGN = {"measures": ("cka", "mutual_knn"), "points": 30, "replicates": 2, "jobs": 0}


def networks(shared):
    rng = np.random.default_rng(0)
    common = rng.normal(size=(60, 3))
    a = {"early": rng.normal(size=(60, 40)), "late": np.hstack([common, rng.normal(size=(60, 2))])}
    b = {"first": rng.normal(size=(60, 5)), "last": rng.normal(size=(60, 40))}
    if shared:
        b["last"] = np.hstack([2 * common, 0.1 * b["last"]])
    return ts.from_arrays(a, name="a"), ts.from_arrays(b, name="b")


def test_what_is_shared_is_told_and_kept(tmp_path):
    found = ts.compare(*networks(shared=True), **DESIGN, calibrate=199, store=tmp_path)
    table = found.calibration().set_index(["layer_a", "layer_b"])
    assert table.loc[("late", "last"), "adjusted"] == 1 / 200
    assert (table.drop(("late", "last"))["adjusted"] > 0.05).all()
    assert table.loc[("late", "last"), "value"] == pytest.approx(
        found.matrix("cka").loc[("a", "late"), ("b", "last")], abs=1e-9
    )
    told = " ".join(ts.describe(found).splitlines())
    assert "1 of 4 pairs of layers are related" in told
    assert "The best match is late of a and last of b" in told
    loaded = ts.Comparison.load(tmp_path)
    assert loaded.calibration("mutual_knn").equals(found.calibration("mutual_knn"))


def test_unrelated_networks_have_no_match_to_tell():
    found = ts.compare(*networks(shared=False), **DESIGN, calibrate=99)
    assert "is what a search among unrelated networks finds too" in ts.describe(found)
    assert "The best match is" not in ts.describe(found)
    assert (found.calibration()["adjusted"] > 0.05).all()


def test_one_draw_is_calibrated_matrix_and_degenerate_layers_are_left_out():
    a, b = networks(shared=True)
    design = DESIGN | {"points": 60, "replicates": 1, "measures": ("cka",)}
    found = ts.compare(a, b, **design, calibrate=99, seed=3).calibration()
    rows = np.arange(60)
    sides = [[s.read(layer, rows) for layer in s.layers] for s in (a, b)]
    direct = calibrated_matrix(*sides, shuffles=99, seed=3)
    assert found["value"].to_numpy() == pytest.approx(direct.value.ravel(), abs=1e-9)
    one = np.zeros((60, 4))
    one[7] = 1
    odd = ts.from_arrays({"one sample": one, "last": b.read("last", rows)}, name="b")
    entry = ts.compare(a, odd, **design, calibrate=99).attrs["calibration"][0]
    assert entry["layers_b"] == ["last"]
    assert "0 / 0" in entry["left_out"]["b, one sample"]


def test_too_few_shuffles_and_none_are_refused():
    a, b = networks(shared=True)
    with pytest.raises(UsageError, match="at least 19"):
        ts.compare(a, b, **DESIGN, calibrate=5)
    with pytest.raises(UsageError, match="calibrate=999"):
        ts.compare(a, b, **DESIGN).calibration()
