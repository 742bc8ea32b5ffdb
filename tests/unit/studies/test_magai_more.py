"""Activation functions, training, attacks, families: numbers by hand, worlds, small trainings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import (
    magai_activations,
    magai_adversarial,
    magai_families,
    magai_training,
    materials,
)
from toposcope.studies.magai_sums import SCALES, rows_by_class, sums, sums_by_scale
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given

STUDIES = (magai_activations, magai_training, magai_adversarial, magai_families)
WORLDS = [
    f"studies_magai_more.{one.STUDY.name}.{claim.id}.{world}"
    for one in STUDIES
    for claim in one.CLAIMS
    for world in ("true", "null")
]


@pytest.mark.parametrize("name", WORLDS)
def test_verdicts_survive_a_second_look(name: str) -> None:
    assert rate(load()[name], 8).kept


def test_sums_of_classes_by_scale() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) * [1.0, 5.0, 0.0]
    labels = np.repeat([0, 1, 2, -1], 15)
    clouds = rows_by_class(labels, 15, rng)
    assert [set(labels[rows]) for rows in clouds] == [{0}, {1}, {2}]
    assert not rows_by_class(labels, 16, rng)
    found = sums_by_scale(X, clouds)
    assert set(found) == set(SCALES)
    assert found["none"] == pytest.approx(np.mean([sums(X[rows]) for rows in clouds], axis=0))
    bigger = sums_by_scale(3 * X, clouds)
    assert bigger["none"] == pytest.approx(3 * found["none"])
    assert bigger["minmax"] == pytest.approx(found["minmax"])
    assert bigger["mean_distance"] == pytest.approx(found["mean_distance"])
    assert not any(one.any() for one in sums_by_scale(np.ones((60, 2)), clouds).values())


# ----------------------------------------------------------------------------- magai-activations


FEW = 94
"""Points of a class that few classes of the digits have: the fewer clouds, the shorter a test."""


def test_half_of_the_largest_is_passed_behind_it() -> None:
    halves = magai_activations.half_depths
    assert halves(np.array([0.1, 4.0, 3.0, 1.0, 1.0])) == pytest.approx(2.5 / 4)
    assert halves(np.array([1.0, 2.0, 3.0])) == 1.0
    assert halves(np.array([5.0, 0.0, 9.0, 9.0])) == 1.0  # what lies before the largest is no fall
    assert halves(np.zeros(4)) == 1.0


def test_networks_are_compared_where_they_are_as_accurate() -> None:
    told = magai_activations.equally_accurate(
        {"relu": [0.2, 0.9, 0.95], "sigmoid": [0.1, 0.5, 0.9]}
    )
    assert told == {"relu": 1, "sigmoid": 2}


def activations_tiny() -> magai_activations.Design:
    return replace(
        magai_activations.QUICK,
        seeds=4,
        blocks=1,
        width=4,
        steps=(2, 2, 2),
        moments=(),
        points=FEW,
    )


def test_activation_functions_from_networks_to_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(magai_activations, "ACCURATE", 0.0)
    study = replace(magai_activations.STUDY, quick=activations_tiny())
    found = run_definition(study, Given(), quick=True, out=tmp_path / "study", jobs=0)
    (one,) = found.verdicts
    assert one.n == 8 and not found.failures and len(found.figure.panels) == 4
    kinds = {"plain alone", "residual alone"}  # four seeds of a kind are too few
    assert set(one.alternatives) == set(one.claim.choices) - kinds
    assert found.table.groupby("unit")["activation"].nunique().eq(3).all()


def labelled(rng: np.random.Generator, layers: int, scale: float = 1.0) -> dict:
    return {f"layer{i}": scale * rng.normal(size=(80, 3)) for i in range(layers)}


def population(folder: Path, rows: list[str], layers: int = 4) -> Given:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 20)
    for line in rows[1:]:
        acts = from_arrays(labelled(rng, layers), labels=y)
        save_arrays(acts, folder / line.split(",")[0])
    (folder / "population.csv").write_text("\n".join(rows))
    return Given((folder,))


def test_a_population_says_its_activation_functions(tmp_path: Path) -> None:
    rows = ["run,activation,seed,test"] + [
        f"{name}{seed},{name},{seed},0.95"
        for name in ("relu", "tanh", "sigmoid")
        for seed in range(8)
    ]
    given = population(tmp_path / "own", rows)
    study = magai_activations.STUDY
    found = run_definition(study, given, quick=True, out=tmp_path / "out", jobs=0)
    assert found.verdict("M5").n == 8
    few = [row for row in rows if not row.startswith("tanh3")]
    with pytest.raises(TooFewSamplesError, match="7 seeds with networks of relu, tanh and sigmoid"):
        own = population(tmp_path / "few", [*few, "elu1,elu,1,0.9"])
        run_definition(study, own, quick=True, out=tmp_path / "none", jobs=0)
    assert not (tmp_path / "none").exists()


# -------------------------------------------------------------------------------- magai-training


def test_falls_and_tracks_by_hand() -> None:
    values = np.array([[2.0, 0.0], [1.0, 5.0]])
    assert magai_training.fall(values) == pytest.approx(np.log(0.5))  # 0 at the start: not counted
    down = np.array([[3.0], [2.0], [1.0]])
    assert magai_training.tracking(down, np.array([0.1, 0.2, 0.9])) == pytest.approx(-1)
    assert magai_training.tracking(np.ones((3, 1)), np.array([0.1, 0.2, 0.9])) == 0


def test_training_from_networks_to_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    tiny = replace(
        magai_training.QUICK,
        kinds=("plain",),
        seeds=8,
        blocks=1,
        width=4,
        steps=2,
        moments=(0,),
        points=FEW,
    )
    study = replace(magai_training.STUDY, quick=tiny)
    found = run_definition(study, Given(), quick=True, out=tmp_path / "study", jobs=0)
    # Two moments have no order: what tracks accuracy is not decided on them.
    assert [one.n for one in found.verdicts] == [8] and not found.failures
    assert set(found.untested) == {"M6-accuracy"}
    assert found.table["shuffled"].sum() * 2 == len(found.table)
    assert "held-out images" in found.verdict("M6").alternatives


def test_series_without_twins_are_held_against_their_own_moments() -> None:
    """The null of networks that were handed in is their own moments in other orders."""
    from benchmarks.calibration.studies_magai_more import MOMENTS, course, trained

    rng = np.random.default_rng(0)
    accuracy = np.linspace(0.1, 0.9, MOMENTS)
    falling = trained(course(rng, np.full(10, -0.5), 0.05), accuracy, shuffled=False)
    still = trained(course(rng, np.zeros(10), 0.05), accuracy, shuffled=False)
    for claim in magai_training.CLAIMS:
        told = [
            magai_training.STUDY.decide(claim, table, magai_training.QUICK, choices=False)
            for table in (falling, still)
        ]
        assert [one.decision.value == "confirmed" for one in told] == [True, False]


# ----------------------------------------------------------------------------- magai-adversarial


def test_attacks_stay_within_their_strength_and_succeed_more_than_noise() -> None:
    import torch

    from toposcope.training.attacks import attacked, noisy

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(6, 3, generator=generator)
    x = torch.randn(40, 6, generator=generator)
    aims = ((x @ weights).argmax(1) + 1) % 3
    shares = []
    for attack in ("fgsm", "pgd"):
        moved = attacked(lambda z: z @ weights, x, aims, attack=attack, strength=0.7)
        assert float((moved - x).abs().max()) <= 0.7 + 1e-6
        other = noisy(x, moved, generator)
        norms = [(one - x).norm(dim=1) for one in (moved, other)]
        assert torch.allclose(*norms, atol=1e-5)
        hits = [float(((one @ weights).argmax(1) == aims).float().mean()) for one in (moved, other)]
        assert hits[0] > hits[1] + 0.3
        shares.append(hits[0])
    with pytest.raises(UsageError, match="needed is one of fgsm, pgd"):
        attacked(lambda z: z, x, aims, attack="cw", strength=0.1)


def test_attacks_from_networks_to_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    tiny = replace(
        magai_adversarial.QUICK,
        kinds=("plain",),
        blocks=1,
        width=4,
        steps=40,
        strengths=(2.0,),
        pooled=12,
        points=3,
    )
    study = replace(magai_adversarial.STUDY, quick=tiny)
    found = run_definition(study, Given(), quick=True, out=tmp_path / "study", jobs=0)
    assert found.verdict("M7").n == 8 and not found.failures
    table = found.table
    # As many points of as many classes on both sides, and at strength 0 both are clean images.
    assert (table.groupby(["network", "attack", "aim", "strength"])["side"].nunique() == 2).all()
    clean = table[table["strength"] == 0].pivot_table(
        index=["network", "attack", "layer", "scale", "degree"], columns="side", values="value"
    )
    assert np.allclose(clean["attacked"], clean["noise"])
    strong = table[(table["attack"] == "pgd") & (table["strength"] == 2)]["success"].mean()
    assert strong > table[table["strength"] == 0]["success"].mean() + 0.15


# -------------------------------------------------------------------------------- magai-families


def test_clusters_are_matched_with_families_either_way() -> None:
    clusters = np.array([0, 0, 0, 1, 1, 1])
    first = np.array([True, True, False, False, False, False])
    own = magai_families.in_own(clusters, first)
    assert own.tolist() == [True, True, False, True, True, True]
    assert magai_families.in_own(clusters, ~first).tolist() == own.tolist()


def test_families_from_networks_to_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "own"
    y = np.repeat(np.arange(4), 20)
    lines = ["run,family"]
    for k in range(8):
        family = "ab"[k % 2]
        layers = {
            f"layer{i}": rng.normal(size=(80, 3)) * np.array([1, 1, 1 + (3 * i if k % 2 else 0)])
            for i in range(5)
        }
        save_arrays(from_arrays(layers, labels=y), folder / f"net{k}")
        lines.append(f"net{k},{family}")
    (folder / "population.csv").write_text("\n".join(lines))
    study = replace(magai_families.STUDY, quick=replace(magai_families.QUICK, pooled=60))
    found = run_definition(study, Given((folder,)), quick=True, out=tmp_path / "out", jobs=0)
    assert found.verdict("M8").n == 8 and not found.failures
    assert set(found.verdict("M8").alternatives) == set(magai_families.PLAIN_CHOICES)
    assert found.verdict("M8").alternatives["activations as they are"].value != "refuted"
    one = "\n".join(["run,family", *[line.split(",")[0] + ",a" for line in lines[1:]]])
    (folder / "population.csv").write_text(one)
    with pytest.raises(UsageError, match=r"families a \(8\); needed are two of 4 networks"):
        run_definition(study, Given((folder,)), quick=True, out=tmp_path / "none", jobs=0)
