"""The small trainings on real digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from toposcope.activations.capture import capture
from toposcope.errors import UsageError
from toposcope.training import digits


@pytest.fixture
def short(monkeypatch):
    recipes = {"cnn": digits.Recipe(60, 10, 4e-3), "vit": digits.Recipe(6, 2, 3e-3)}
    monkeypatch.setattr(digits, "RECIPES", recipes)


def test_a_training_learns_and_its_checkpoints_can_be_captured(tmp_path, short):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    checkpoints = digits.train_digits("cnn", tmp_path)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert [c.step for c in checkpoints] == [0, 10, 60]
    assert checkpoints[0].accuracy < 0.3 and checkpoints[-1].accuracy > 0.8
    acts = capture(
        "py:toposcope.training.digits:digits_cnn",
        "py:toposcope.training.digits:digits_heldout",
        weights=checkpoints[-1].path,
        step=60,
    )
    assert acts.n == 1200 and len(acts) == 4
    assert acts.attrs["top1"] == pytest.approx(checkpoints[-1].accuracy, abs=1e-3)


def test_a_training_is_the_same_each_time_and_is_not_repeated(tmp_path, short, monkeypatch):
    first = digits.train_digits("vit", tmp_path / "a", seed=1)
    again = digits.train_digits("vit", tmp_path / "b", seed=1)
    other = digits.train_digits("vit", tmp_path / "c", seed=2)
    bits = [[c.path.read_bytes() for c in each] for each in (first, again, other)]
    assert bits[0] == bits[1] and bits[0][-1] != bits[2][-1]
    again[-1].path.write_bytes(b"damaged")
    repaired = digits.train_digits("vit", tmp_path / "b", seed=1)
    assert [c.path.read_bytes() for c in repaired] == bits[0]
    monkeypatch.setattr(digits, "_train", lambda *a: pytest.fail("trained again"))
    assert digits.train_digits("vit", tmp_path / "a", seed=1) == first


def test_heldout_images_are_apart_from_those_that_train():
    _, labels = digits.digits_arrays()
    inside, outside = digits.split(labels)
    assert (len(inside), len(outside)) == (597, 1200)
    assert not set(inside) & set(outside)
    assert np.bincount(labels[inside], minlength=10).min() > 40


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cnn, vit"):
        digits.train_digits("mlp", tmp_path)


def test_shifts_move_by_at_most_one_pixel():
    x = torch.zeros(50, 1, 8, 8)
    x[:, 0, 4, 4] = 1
    moved = digits.shifted(x, np.random.default_rng(0))
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(50))
    assert moved.sum(0)[0, 3:6, 3:6].sum() == 50 and (moved.sum(0)[0, 3:6, 3:6] > 0).all()
