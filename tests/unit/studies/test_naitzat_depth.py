"""naitzat-depth: worlds in which a claim is true or not, and the whole path on tiny networks."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from benchmarks.calibration.studies_naitzat_depth import rows, table
from toposcope.errors import UsageError
from toposcope.studies import materials
from toposcope.studies.materials import Bottleneck, Mlps
from toposcope.studies.naitzat_depth import CLAIMS, QUICK, STUDY, evidence
from toposcope.studies.naitzat_statistics import late_share, step_share
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    assert rate(worlds[f"studies_naitzat_depth.naitzat-depth.{claim}.true"], 8).rate >= 0.6
    assert rate(worlds[f"studies_naitzat_depth.naitzat-depth.{claim}.null"], 8).rate <= 0.2


def test_shares_of_all_steps_add_up_to_1_and_halves_too():
    omega = np.random.default_rng(0).integers(2, 9, size=(5, 6)).astype(float)
    omega[:, 0], omega[:, -1] = 9.0, 1.0
    assert sum(step_share(omega, k) for k in range(1, 6)) == pytest.approx(np.ones(5))
    assert late_share(omega) + late_share(10 - omega[:, ::-1]) == pytest.approx(np.ones(5))


def test_networks_that_are_all_alike_do_not_show_that_each_would_be():
    """Twelve that lose everything in their second half had an interval from 1 to 1."""
    steps = {3: [0, 0, 0, 8], 8: [1] * 8 + [0]}
    omega = {k: 9 - np.cumsum(np.tile(one, (12, 1)), axis=1) for k, one in steps.items()}
    parts = [rows(one, Mlps(depth=k, width=QUICK.width)) for k, one in omega.items()]
    found = evidence(CLAIMS[0], table(*parts), QUICK, "").interval
    assert found.value == found.high == 1.0 and 0.6 < found.low < 0.8


def test_the_narrow_layer_is_in_the_middle():
    assert Bottleneck(depth=5, width=7, narrow=2).hidden == (7, 7, 2, 7, 7)
    assert Mlps(depth=2, width=7).hidden == (7, 7)


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        QUICK,
        networks=8,
        width=4,
        steps=4,
        train=200,
        deep=4,
        accuracy=0.0,
        points=260,
        neighbors=(10,),
        hops=(2.0, 3.0),
    )
    found = run_definition(replace(STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0)
    assert not found.failures and set(found.table["shape"]) == {
        "3x4",
        "4x4",
        "5x4",
        "5x4 with 3 in the middle",
    }
    assert len(found.verdicts) + len(found.untested) == len(CLAIMS)


def test_runs_are_refused(tmp_path):
    with pytest.raises(UsageError, match="trains its own networks"):
        run_definition(STUDY, Given((tmp_path,)), quick=True, out=tmp_path / "out", jobs=0)
