"""suresh-ranking: worlds of its claims, and the whole path on tiny networks and own RUNs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from benchmarks.calibration.claims import load, rate
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.materials_digit_targets import TARGETS, target_data
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.suresh_ranking import BASELINES, CLAIMS, QUICK, STUDY
from toposcope.studies.suresh_rankings import FEWEST_NETWORKS, read_rankings


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    name = f"studies_suresh_ranking.suresh-ranking.{claim}"
    assert rate(worlds[f"{name}.true"], 5).rate >= 0.6
    assert rate(worlds[f"{name}.null"], 5).rate <= 0.2


def test_every_target_has_other_images_for_test_and_classes_from_0_on():
    for name in TARGETS:
        (x, y), (_, others) = target_data(name, 40, 60)
        assert len(x) == 40 and len(others) == 60 and x.dtype == np.uint8
        assert set(y) <= set(range(10)) and len(set(y)) >= 2


def test_a_difference_of_scores_is_that_of_compare_scores():
    worlds = load()
    made = worlds["studies_suresh_ranking.suresh-ranking.C8.true"].simulate.args[0](
        np.random.default_rng(0), True
    )
    values, truth = read_rankings(made, ("theta", "LEEP"))
    found = ts.transfer.compare_scores(values[0], values[1], truth)
    verdict = STUDY.decide(CLAIMS[0], made, QUICK)
    assert verdict.n == len(truth) == found.n
    assert found.difference >= verdict.effect - 1e-12  # the study takes the least of four
    assert {"LEEP", "these networks alone", "Spearman"} <= set(verdict.alternatives)


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        QUICK,
        depths=(4,),
        shapes=((4, 2, 0.0), (4, 3, 0.0), (8, 2, 0.0)),
        targets=TARGETS[:8],
        n_train=70,
        n_test=40,
        steps=2,
        images=4,
    )
    found = run_definition(replace(STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0)
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS]
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert found.table["accuracy"].between(0, 1).all() and len(found.figure.panels) == 2


def population(folder, *, targets=8, models=FEWEST_NETWORKS, accuracy=True, logits=True):
    """RUNs of models on targets and their table."""
    rng = np.random.default_rng(0)
    rows = []
    for target in range(targets):
        for model in range(models):
            layers = {f"b{k}": np.maximum(rng.normal(size=(40, 4, 3, 3)), 0) for k in range(4)}
            if logits:
                layers["logits"] = rng.normal(size=(40, 5))
            name = f"m{model}-t{target}"
            save_arrays(from_arrays(layers, labels=np.arange(40) % 3), folder / name)
            known = {"run": name, "network": f"m{model}", "data": f"t{target}"}
            rows.append(known | ({"accuracy": 0.5 + 0.05 * model} if accuracy else {}))
    pd.DataFrame(rows).to_csv(folder / "population.csv", index=False)
    return Given((folder,))


def test_own_runs_are_ranked_against_the_accuracies_of_their_table(tmp_path):
    given = population(tmp_path / "own")
    found = run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS]
    assert set(BASELINES) <= set(found.table["score"]) and not found.untested


def test_without_the_source_head_the_other_claims_are_decided(tmp_path):
    given = population(tmp_path / "own", logits=False)
    found = run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)
    assert [one.claim.id for one in found.verdicts] == ["C8-ranks", "C10"]
    assert "logits=True" in found.untested["C8"]


@pytest.mark.parametrize(
    ("made", "error", "needed"),
    [
        ({"targets": 3}, TooFewSamplesError, r"3 targets .column data. with 6 or more networks"),
        ({"models": 4}, TooFewSamplesError, r"0 targets"),
        ({"accuracy": False}, UsageError, r"no fine-tuned accuracy.*columns network"),
    ],
)
def test_what_no_ranking_can_be_made_of_is_refused(tmp_path, made, error, needed):
    given = population(tmp_path / "own", **made)
    with pytest.raises(error, match=needed):
        run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)
