"""naitzat: Betti numbers of known shapes, worlds of both claims, and the whole path."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from benchmarks.calibration.studies_naitzat import DESIGN, falling, ordered, table
from toposcope.errors import TooFewSamplesError
from toposcope.studies import materials
from toposcope.studies.materials import KNOWN_BETTI, shapes
from toposcope.studies.naitzat import (
    CLAIMS,
    KINDS,
    QUICK,
    STUDY,
    Variant,
    evidence,
    half_depths,
    setting,
)
from toposcope.studies.naitzat_statistics import half_depth, hop_betti, plateau, rips_betti
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    assert rate(worlds[f"studies_naitzat.naitzat.{claim}.true"], 12).rate >= 0.6
    assert rate(worlds[f"studies_naitzat.naitzat.{claim}.null"], 12).rate <= 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_known_betti_numbers_come_out_at_the_input(kind):
    x, y = shapes(kind, 4000, 5)
    cloud = x[y == 0][:900]
    assert hop_betti(cloud, 14, (2.0,)).tolist() == [list(KNOWN_BETTI[kind][0][:2])]
    assert rips_betti(cloud, (0.18,)).tolist() == [list(KNOWN_BETTI[kind][0][:2])]


def test_a_class_sent_to_few_points_is_one_component():
    two = np.repeat([[0.0, 0.0], [1.0, 0.0]], 50, axis=0)
    assert hop_betti(two, 3, (1.0, 2.0)).tolist() == [[1, 0], [1, 0]]
    assert rips_betti(two[:50], (0.1,)).tolist() == [[1, 0]]
    assert rips_betti(two, (0.1,)).tolist() == [[2, 0]]


def test_half_depth_lies_between_layers_and_counts_a_jump_in_the_first():
    assert half_depth([[9, 1, 1], [9, 7, 3], [9, 12, 1]]) == pytest.approx([0.5, 1.5, 1 + 7 / 11])
    assert half_depth([[9, 9, 6], [18, 1, 18]]).tolist() == [3.0, 0.5]


def test_the_setting_is_right_at_the_input_and_its_variants_too():
    made = table({}, {})
    assert plateau(np.zeros((3, 3))) is None
    assert setting(made, DESIGN, "disks9", Variant()) == (14, 2.0)
    assert setting(made, DESIGN, "disks9", Variant(step=-1)) == (10, 2.0)
    assert setting(made, DESIGN, "disks9", Variant(scale=1)) == (14, 3.0)
    wrong = made.assign(betti0=made["betti0"] + 1)
    assert setting(wrong, DESIGN, "disks9", Variant()) is None
    one_wrong = made.assign(betti1=made["betti1"] + (made["neighbors"] == 20))
    assert setting(one_wrong, DESIGN, "disks9", Variant()) == (10, 2.0)
    assert setting(one_wrong, DESIGN, "disks9", Variant(step=1)) == (14, 2.0)
    assert setting(one_wrong, DESIGN, "disks9", Variant(step=-1)) is None
    assert setting(one_wrong, DESIGN, "disks9", Variant(label=1)) is None  # not measured


def test_networks_of_low_accuracy_count_only_where_asked():
    made = ordered(np.random.default_rng(0), True)
    low = (made["seed"] < 2) & (made["activation"] == "tanh") & (made["moment"] > 0)
    made.loc[low, "train"] = 0.9
    n2, all_of_them = CLAIMS[1], DESIGN.networks
    assert evidence(n2, made, DESIGN, "ReLU before tanh alone").interval.n == all_of_them - 2
    assert evidence(n2, made, DESIGN, "networks of any accuracy").interval.n == all_of_them
    made.loc[made["seed"] < 6, "train"] = 0.9
    assert evidence(n2, made, DESIGN, "more neighbors") is None
    with pytest.raises(TooFewSamplesError, match="needs 8"):
        evidence(n2, made, DESIGN, "")


def test_half_depths_are_those_that_were_planted():
    depth = np.array([1.0, 3.0, 5.0])
    made = table({("disks9", "relu"): falling(np.random.default_rng(0), depth)}, {})
    found = half_depths(made, DESIGN, Variant())["relu"] * DESIGN.depth
    assert found.to_numpy() == pytest.approx(depth, abs=0.3)


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        QUICK, data=("disks9",), networks=8, depth=2, width=6, steps=20, train=200, accuracy=0.0
    )
    design = replace(design, neighbors=(14,), points=500)
    found = run_definition(replace(STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0)
    assert [one.claim.id for one in found.verdicts] == ["N1", "N2"]
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert len(found.table.query("layer == 0")["network"].unique()) == 1
    assert set(found.table.query("moment == 0 and layer > 0")["layer"]) == {2, 3}
    assert found.verdict("N1").decision != "confirmed"  # twenty steps teach nothing
    assert [panel.title for panel in found.figure.panels] == ["ReLU", "D-I"]
