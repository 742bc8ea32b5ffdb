"""The studies of a population: what is shuffled, what is left out, and what is said of worlds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.execution.tasks import spec_hash
from toposcope.store.arrays import from_arrays
from toposcope.studies import magai_generalization, materials, populations
from toposcope.studies.materials_digit_nets import nets
from toposcope.studies.running import check_needs, run_definition
from toposcope.studies.study import Given
from toposcope.training.digit_recipes import Member, NetRecipe, trained_labels

WORLDS = [
    f"studies_magai.magai-generalization.{claim}.{world}"
    for claim in ("M4", "M4p", "X3")
    for world in ("true", "null")
]


@pytest.mark.parametrize("name", WORLDS)
def test_verdicts_survive_a_second_look(name: str) -> None:
    assert rate(load()[name], 8).kept


def test_whole_configurations_change_places() -> None:
    names = np.repeat(["a", "b", "c"], 2)
    rows = populations.shuffled_rows(names, 50, np.random.default_rng(0))
    assert (np.sort(rows, axis=1) == np.arange(6)).all()
    assert (names[rows][:, ::2] == names[rows][:, 1::2]).all()
    assert len({tuple(row) for row in names[rows]}) == 6


def test_left_out_configurations_are_predicted_by_what_others_know() -> None:
    """The closed form is the fit without the configuration, one after the other."""
    rng = np.random.default_rng(1)
    place = np.repeat(np.arange(9), [2, 2, 2, 3, 3, 2, 2, 3, 2])
    x = rng.normal(size=(len(place), 3))
    y = x @ [1.0, -1.0, 0.5] + rng.normal(size=len(place))
    z = (x - x.mean(0)) / x.std(0)
    errors = totals = 0.0
    for k in range(9):
        out = place == k
        design = np.column_stack([np.ones((~out).sum()), z[~out]])
        # The intercept of the closed form is that of all columns centered on everyone.
        penalty = populations.RIDGE * np.diag([0.0, 1.0, 1.0, 1.0])
        beta = np.linalg.solve(design.T @ design + penalty, design.T @ y[~out])
        errors += ((y[out] - np.column_stack([np.ones(out.sum()), z[out]]) @ beta) ** 2).sum()
        totals += ((y[out] - y[~out].mean()) ** 2).sum()
    found, plain = populations._errors(x, y, place)
    assert found.sum() == pytest.approx(errors) and plain.sum() == pytest.approx(totals)
    more = populations.gain(x[:, :1], x[:, 1:], y, place, arrangements=19)
    assert more.together == pytest.approx(1 - errors / totals)
    assert more.together - more.without == pytest.approx(more.by_configuration.mean())


def test_columns_that_do_not_vary_are_not_known() -> None:
    assert not populations.known([1.0, 1.0])
    assert not populations.known([1.0, np.nan])
    assert not populations.known(["a", "a"])
    assert populations.known([1.0, 2.0])


def test_a_gain_needs_configurations() -> None:
    x = np.arange(6.0)[:, None]
    with pytest.raises(UsageError, match="6 configurations"):
        populations.gain(x, x**2, x[:, 0], np.arange(6), arrangements=9)


def test_shuffled_labels_keep_their_classes() -> None:
    y = np.repeat(np.arange(10), 20)
    noisy = trained_labels(Member(3, label_noise=0.5), y)
    assert (np.bincount(noisy) == np.bincount(y)).all()
    assert 0.35 < (noisy != y).mean() < 0.5
    assert (trained_labels(Member(3), y) == y).all()


def test_a_member_is_the_same_whoever_is_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    shape = NetRecipe(blocks=2, width=4, hidden=6, steps=12, members=(Member(5, 0.1, 0.2),))
    alone = nets(shape)[0]
    beside = nets(replace(shape, members=(Member(1), Member(5, 0.1, 0.2), Member(7))))[1]
    for layer in alone.open().layers:
        both = [one.open().rows(layer, np.arange(20)) for one in (alone, beside)]
        np.testing.assert_allclose(*both, atol=1e-4)
    assert alone.covariates["loss"] == pytest.approx(beside.covariates["loss"], abs=1e-4)
    assert alone.open().layers == ("stem", "block1", "block2", "hidden", "logits")
    assert alone.open().n == 900 and alone.open_train().n == 897
    assert nets(shape)[0].identity == alone.identity


TINY = replace(
    magai_generalization.QUICK,
    blocks=(1, 2),
    widths=(4, 6),
    noises=(0.0, 0.4),
    decays=(0.0, 0.5),
    seeds=2,
    steps=12,
    points=30,
)


def test_a_small_population_from_training_to_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    study = replace(magai_generalization.STUDY, quick=TINY)
    found = run_definition(study, Given(), quick=True, out=tmp_path / "study", jobs=1)
    assert [one.claim.id for one in found.verdicts] == ["M4", "M4p", "X3"]
    assert found.table["network"].nunique() == 32
    assert set(found.table["part"]) == {"train", "held"}
    assert not found.failures
    assert found.verdict("M4").n == 16
    assert set(found.verdict("M4").alternatives) == set(found.verdict("M4").claim.choices)
    assert found.figure.panels[0].curves[0].name == "0 % of labels shuffled"


class Handed:
    """A network as a RUN tells of it."""

    def __init__(self, seed: int, test: float | None) -> None:
        self.network, self.moment = f"net {seed}", 0
        self.covariates = {} if test is None else {"test": test}
        self.identity = spec_hash([seed])
        rng = np.random.default_rng(seed)
        labels = np.repeat(np.arange(4), 20)
        x = rng.normal(size=(80, 5)) + labels[:, None] * (1 if test is None else 3 * test)
        self._acts = from_arrays({"a": x, "b": x[:, :4], "c": x[:, :2]}, labels=labels)

    def open(self) -> object:
        return self._acts


def test_networks_that_were_handed_in() -> None:
    subjects = [Handed(k, 0.5 + 0.02 * k) for k in range(20)]
    study = magai_generalization.STUDY
    assert study.needs is not None
    check_needs(study.needs, subjects, call="study")  # type: ignore[arg-type]
    design = magai_generalization.design_for(magai_generalization.QUICK, subjects)  # type: ignore[arg-type]
    assert design.points == 20
    by = {one.identity: one for one in subjects}
    import pandas as pd

    table = pd.DataFrame(
        [
            row
            for task in magai_generalization.tasks(design, subjects)  # type: ignore[arg-type]
            for row in magai_generalization.measure(task.job, by)  # type: ignore[arg-type]
        ]
    )
    found = [study.decide(claim, table, design) for claim in study.claims]
    assert [one.n for one in found] == [20, 20, 20]
    assert "held-out images" not in found[0].alternatives
    assert "without label noise" not in found[0].alternatives
    assert found[0].effect > 0.5  # classes lie further apart in the better of these networks
    magai_generalization.figure(table, design)


def test_what_cannot_be_answered_is_refused_before_anything_runs() -> None:
    study = magai_generalization.STUDY
    assert study.needs is not None
    with pytest.raises(TooFewSamplesError, match="20 or more"):
        check_needs(study.needs, [Handed(k, 0.9) for k in range(5)], call="study")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="test accuracy of 1 of 20"):
        magai_generalization.design_for(
            magai_generalization.QUICK,
            [Handed(k, None if k == 3 else 0.5 + 0.01 * k) for k in range(20)],  # type: ignore[arg-type]
        )
    with pytest.raises(UsageError, match="fewer than 3 different"):
        magai_generalization.design_for(
            magai_generalization.QUICK,
            [Handed(k, 0.9) for k in range(20)],  # type: ignore[arg-type]
        )
