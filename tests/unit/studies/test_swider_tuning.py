"""swider-tuning and swider-split: planted worlds, fine-tuned networks, the whole path."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from benchmarks.calibration.studies_swider import sides
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials, swider_split, swider_tuning
from toposcope.studies.materials_digits import digit_networks
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.subjects import subjects_of
from toposcope.studies.swider_statistics import beyond, diagrams_of, disjoint, excess, together
from toposcope.training.digit_networks import TASKS, DigitNet, train_digit_network

CLAIMS = [
    (study.STUDY.name, one.id) for study in (swider_tuning, swider_split) for one in study.CLAIMS
]


@pytest.mark.parametrize(("study", "claim"), CLAIMS)
def test_a_true_world_is_confirmed_and_its_null_is_not(study, claim):
    worlds = load()
    assert rate(worlds[f"studies_swider.{study}.{claim}.true"], 8).rate >= 0.6
    assert rate(worlds[f"studies_swider.{study}.{claim}.null"], 8).rate <= 0.2


@pytest.mark.parametrize("claim", swider_tuning.CLAIMS, ids=lambda one: one.id)
def test_three_pairs_without_an_effect_confirm_nothing(claim):
    rng = np.random.default_rng(0)
    level = 0.3 if claim.id == "S7" else np.where(swider_tuning.initial(6), 0.25, 0.7)
    confirmed = []
    for _ in range(20):
        table = sides(level + 0.2 * rng.normal(size=(3, 6)), task="given")
        found = swider_tuning.STUDY.decide(claim, table, swider_tuning.QUICK, choices=False)
        confirmed.append(found.decision.value == "confirmed")
    assert sum(confirmed) <= 2


def test_excess_is_nothing_for_one_distribution_and_something_for_another():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(240, 4)), rng.normal(size=(240, 4))
    draws = disjoint(240, 60, rng)
    a, b, c = ([diagrams_of(Z[rows]) for rows in draws] for Z in (X, Y, 1.5 * X))

    def number(one, other):
        found = excess(one, other, "wasserstein")
        return float(beyond(*(together(found[k], "wasserstein") for k in ("cross", "within"))))

    assert abs(number(a, b)) < 0.25 < 1 < number(a, c)
    assert number(a, c) == pytest.approx(number(c, a))


def test_fine_tuning_learns_its_task_and_starts_from_the_first():
    recipe = DigitNet(kind="mlp", depth=2, width=32, steps=120, moments=(120, -1))
    plain = train_digit_network(replace(recipe, moments=(-1,)))[0]
    before, after = train_digit_network(replace(recipe, task="inverted", tuned=120))
    assert (before.step, after.step) == (120, 240)
    assert all((plain.state[name] == before.state[name]).all() for name in plain.state)
    assert after.numbers["test"] > before.numbers["test"] + 0.2


def test_unknown_tasks_and_tasks_without_steps_are_refused():
    for wrong in ({"task": "upside", "tuned": 3}, {"task": "parity"}, {"tuned": 3}):
        with pytest.raises(UsageError, match=r"tasks inverted, rotated, parity"):
            train_digit_network(DigitNet(steps=1, **wrong))


def test_tasks_change_images_or_classes_and_nothing_else():
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)[:, :, :3], np.array([3, 4])
    assert (TASKS["inverted"](images, labels)[0] == 22 - images).all()
    assert (TASKS["rotated"](images, labels)[0][0, 0] == images[0, :, -1]).all()
    assert TASKS["parity"](images, labels)[1].tolist() == [1, 0]


def test_both_moments_are_captured_on_the_task(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path)
    recipe = DigitNet(kind="mlp", depth=3, width=8, steps=2, moments=(2, -1))
    plain = digit_networks([recipe])[0].open()
    before, after = (
        one.open() for one in digit_networks([replace(recipe, task="inverted", tuned=2)])
    )
    assert (before.labels == after.labels).all() and before.n == plain.n
    assert not np.allclose(before["blocks.0"], plain["blocks.0"])


def test_tiny_pairs_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        swider_tuning.QUICK,
        kinds=("mlp",),
        steps=(2,),
        pairs=1,
        tuned=2,
        depth=4,
        width=8,
        points=20,
        draws=2,
    )
    found = run_definition(
        replace(swider_tuning.STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0
    )
    assert [one.claim.id for one in found.verdicts] == ["S7", "S7-initial"]
    assert not found.failures and all(one.n == 3 for one in found.verdicts)
    assert len(found.figure.panels) == 2


def test_tiny_splits_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        swider_split.QUICK,
        kinds=("mlp",),
        depth=2,
        width=4,
        steps=2,
        memorized=3,
        points=20,
        draws=2,
    )
    found = run_definition(
        replace(swider_split.STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0
    )
    assert found.verdict("S8").n == 8 and not found.failures
    assert found.table["by_heart"].sum() * 2 == len(found.table)


def splits(folder, *, shift):
    rng = np.random.default_rng(0)
    lines = ["run,network,split"]
    for k in range(8):
        for side in ("train", "test"):
            layers = {
                f"layer{i}": rng.normal(size=(120, 3)) * (1 + shift * (side == "test"))
                for i in range(2)
            }
            save_arrays(from_arrays(layers), folder / f"{side}{k}")
            lines.append(f"{side}{k},net{k},{side}")
    (folder / "population.csv").write_text("\n".join(lines))
    return Given((folder,))


def test_forecasts_count_the_networks_that_were_handed_in(tmp_path):
    subjects = subjects_of(splits(tmp_path, shift=0.0), call="test")
    for study, few in ((swider_split, subjects), (swider_tuning, subjects[::2])):
        design = study.design_for(study.QUICK, few)
        training, measuring = study.forecast(design)
        assert training == 0 < measuring
        twice = replace(design, depth=2 * design.depth)
        assert study.forecast(twice)[1] == pytest.approx(2 * measuring)
    assert swider_tuning.design_for(swider_tuning.QUICK, subjects).pairs == 16


def test_runs_of_both_splits_are_decided_by_equivalence(tmp_path):
    study = replace(swider_split.STUDY, quick=replace(swider_split.QUICK, points=60))
    same = splits(tmp_path / "same", shift=0.0)
    found = run_definition(study, same, quick=True, out=tmp_path / "a", jobs=0)
    assert found.verdict("S8").decision.value == "confirmed" and found.verdict("S8").n == 8
    other = splits(tmp_path / "other", shift=1.0)
    found = run_definition(study, other, quick=True, out=tmp_path / "b", jobs=0)
    assert found.verdict("S8").decision.value == "refuted"


def test_what_is_missing_is_refused_before_anything_runs(tmp_path):
    one = splits(tmp_path / "one", shift=0.0)
    table = tmp_path / "one" / "population.csv"
    table.write_text(table.read_text().replace(",test", ",train"))
    with pytest.raises(UsageError, match=r"'net0' has \['train'\].*run, network and split"):
        run_definition(swider_split.STUDY, one, quick=True, out=tmp_path / "out", jobs=0)
    runs = tuple(tmp_path / "one" / f"train{k}" for k in range(4))
    with pytest.raises(UsageError, match="1 moments of its training; needed are 2"):
        run_definition(swider_tuning.STUDY, Given(runs), quick=True, out=tmp_path / "out", jobs=0)
    with pytest.raises(TooFewSamplesError, match="1 network; its rules need 3"):
        run_definition(
            swider_tuning.STUDY, Given(runs[:1]), quick=True, out=tmp_path / "out", jobs=0
        )
    assert not (tmp_path / "out").exists()
