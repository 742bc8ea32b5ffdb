"""suresh-decay: worlds in which a claim is true or not, and the whole path on tiny networks."""

from dataclasses import replace

import numpy as np
import pytest

import toposcope as ts
from benchmarks.calibration.claims import load, rate
from toposcope.errors import UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.suresh_decay import CLAIMS, QUICK, STUDY, WAYS
from toposcope.studies.suresh_statistics import (
    Way,
    falls,
    over_permutations,
    relu_moves,
    shuffled_falls,
    total_betti,
)


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    assert rate(worlds[f"studies_suresh.suresh-decay.{claim}.true"], 8).rate >= 0.6
    assert rate(worlds[f"studies_suresh.suresh-decay.{claim}.null"], 8).rate <= 0.2


def test_falls_is_spearman_and_ties_count():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    for _ in range(20):
        values = rng.integers(0, 4, 7).astype(float)
        order = rng.permutation(7)
        if np.ptp(values) == 0:
            continue
        expected = spearmanr(np.arange(7), values[order]).statistic
        assert falls(values[order]) == pytest.approx(expected)
        assert shuffled_falls(values[None], order[None])[0, 0] == pytest.approx(expected)
    assert falls(np.ones(5)) == 0.0


def test_order_of_channels_moves_volumes_and_not_maps():
    volumes = np.random.default_rng(0).normal(size=(3, 6, 5, 5))
    assert np.ptp(over_permutations(volumes, Way(), 10, 0), axis=0).min() > 0
    assert np.ptp(over_permutations(volumes, Way(maps=True), 10, 0), axis=0).max() == 0


@pytest.mark.parametrize("way", WAYS.values(), ids=[name or "main" for name in WAYS])
def test_relu_changes_nothing_from_0_on_and_something_below(way):
    changed, below = relu_moves(np.random.default_rng(0).normal(size=(3, 6, 5, 5)), way)
    assert changed == 0 and below > 0


def test_a_total_is_what_the_filtration_counts():
    volumes = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    expected = [ts.homology.betti_numbers(one, [0.0, 0.5]).sum(axis=1) for one in volumes]
    assert total_betti(volumes, Way(etas=(0.0, 0.5))).tolist() == np.array(expected).tolist()


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(QUICK, networks=4, depths=(3,), width=4, steps=3, images=8, permutations=3)
    found = run_definition(replace(STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0)
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS]
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert len(found.table) == 8 * 3 * len(WAYS) and len(found.figure.panels) == 4
    assert found.verdict("C9").decision.value == "confirmed"
    # Its own RUNs, handed in, are measured to the same numbers.
    runs = tuple(sorted((tmp_path / "cache").glob("studies/digits-*/*-step3")))
    again = run_definition(
        replace(STUDY, quick=design), Given(runs), quick=True, out=tmp_path / "own", jobs=0
    )
    assert sorted(again.table["omega"]) == sorted(found.table["omega"])


def test_runs_without_maps_are_refused_with_what_to_bring(tmp_path):
    rng = np.random.default_rng(0)
    runs = []
    for k in range(8):
        layers = {f"layer{i}": rng.normal(size=(20, 6)) for i in range(4)}
        runs.append(save_arrays(from_arrays(layers), tmp_path / f"net{k}"))
    with pytest.raises(UsageError, match=r"0 layers with feature maps.*--pool volume"):
        run_definition(STUDY, Given(tuple(runs)), quick=True, out=tmp_path / "out", jobs=0)
