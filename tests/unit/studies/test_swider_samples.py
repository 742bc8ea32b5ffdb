"""swider-samples: worlds in which a claim is true or not, and the whole path on tiny networks."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.errors import TooFewSamplesError
from toposcope.reporting.study_page import write_studies
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.running import run_definition
from toposcope.studies.stored import load_study
from toposcope.studies.study import Given
from toposcope.studies.swider_samples import CLAIMS, QUICK, STUDY
from toposcope.studies.swider_statistics import (
    DISTANCES,
    diagrams_of,
    disjoint,
    planted,
    together,
    without_outliers,
)
from toposcope.words.studies import study_text


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    assert rate(worlds[f"studies_swider.swider-samples.{claim}.true"], 8).rate >= 0.6
    assert rate(worlds[f"studies_swider.swider-samples.{claim}.null"], 8).rate <= 0.2


def test_draws_share_no_row():
    draws = disjoint(100, 30, np.random.default_rng(0))
    assert len(draws) == 3 and len(set(np.concatenate(draws))) == 90
    assert len(disjoint(100, 5, np.random.default_rng(0), most=4)) == 4


def test_planted_outliers_are_removed_and_move_diagrams_more_than_nothing_does():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(120, 5)) for _ in range(2))
    moved, noise, share = without_outliers((a, b), None, rng)
    far, apart, more = without_outliers((planted(a, rng), planted(b, rng)), None, rng)
    assert share < 0.02 < 0.04 <= more
    for name in DISTANCES:
        plain, worse = (
            together(x[name], name) / together(y[name], name)
            for x, y in ((moved, noise), (far, apart))
        )
        assert worse > plain
    assert len(diagrams_of(planted(a, rng))[0]) == 119


def test_removing_no_point_moves_nothing():
    a = np.random.default_rng(0).uniform(size=(80, 2))
    moved, _, share = without_outliers((a, a), 0.0, np.random.default_rng(1))
    assert share == 0 and all(not one.any() for one in moved.values())


def tiny():
    return replace(
        QUICK,
        depth=2,
        widths=(4, 8),
        steps=(2, 2),
        sizes=(20, 40),
        base=(40,),
        repeats=1,
        scales=QUICK.scales[:1],
    )


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    study = replace(STUDY, quick=tiny())
    found = run_definition(study, Given(), quick=True, out=tmp_path / "out", jobs=0)
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS]
    assert not found.failures and len(found.figure.panels) == 5
    assert found.verdict("S1").n == 16 and found.verdict("S4").n == 8
    assert found.verdict("S1").effect > 1  # more points are farther, whatever the network
    assert {"convolutional", "Transformer"} <= set(found.verdict("S3").alternatives)


def test_runs_without_kinds_decide_all_but_s4_and_a_population_says_the_kinds(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["run,kind"]
    for k in range(16):
        layers = {f"layer{i}": rng.normal(size=(300, 3)) for i in range(2)}
        save_arrays(from_arrays(layers), tmp_path / "nets" / f"net{k:02}")
        lines.append(f"net{k:02},{'cnn' if k < 8 else 'vit'}")
    runs = tuple(sorted((tmp_path / "nets").iterdir()))
    study = replace(STUDY, quick=tiny())
    found = run_definition(study, Given(runs[:8]), quick=True, out=tmp_path / "one", jobs=0)
    assert [one.claim.id for one in found.verdicts] == ["S1", "S2", "S2-diagrams", "S3"]
    assert "S4 not tested: it needs 8 or more convolutional" in study_text(found)
    kept = load_study(tmp_path / "one")
    assert kept.untested == found.untested
    written = write_studies([kept], tmp_path / "page.html").read_text()
    assert "S4 not tested: it needs 8 or more convolutional" in written
    (tmp_path / "nets" / "population.csv").write_text("\n".join(lines))
    whole = run_definition(
        study, Given((tmp_path / "nets",)), quick=True, out=tmp_path / "two", jobs=0
    )
    assert whole.verdict("S4").n == 8 and not whole.untested


def test_too_few_networks_are_refused_before_anything_runs(tmp_path):
    rng = np.random.default_rng(0)
    layers = {f"layer{i}": rng.normal(size=(300, 3)) for i in range(2)}
    run = save_arrays(from_arrays(layers), tmp_path / "net")
    with pytest.raises(TooFewSamplesError, match="1 network; its rules need 8"):
        run_definition(STUDY, Given((run,)), quick=True, out=tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()
