"""What studies train for themselves: known shapes, small networks, found again."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from toposcope import homology
from toposcope.errors import UsageError
from toposcope.store.folders import user_cache
from toposcope.studies import materials, materials_digits
from toposcope.studies.materials import KNOWN_BETTI, Mlps, mlps, shapes
from toposcope.training.digit_networks import DigitNet, training_rows

RECIPE = Mlps(data="disks4", networks=3, depth=2, width=8, train=200, fresh=120, steps=60)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path)
    return tmp_path


def plateau(points, betti):
    """Share of scales up to half the side of a square at which H0 and H1 are as known."""
    pairs = homology.rips(points, homology_dimensions=(0, 1), max_edge_length=1.0)
    scales = np.linspace(0.01, 1.0, 100)
    alive = [[((p[:, 0] <= t) & (p[:, 1] > t)).sum() for p in pairs] for t in scales]
    return np.mean([tuple(one) == betti for one in alive])


@pytest.mark.parametrize("kind", ["disks4", "disks9", "annuli4", "rings9"])
def test_shapes_have_the_betti_numbers_they_are_known_for(kind):
    x, y = shapes(kind, 4000 if kind == "rings9" else 2400, seed=3, gap=0.1)
    for label in (0, 1):
        assert plateau(x[y == label], KNOWN_BETTI[kind][label][:2]) >= 0.03, label


def test_spheres_lie_around_common_centers():
    x, y = shapes("spheres9", 900)
    near = np.linalg.norm(x[:, None] - materials._centers(9), axis=2).min(axis=1)
    assert np.allclose(near[y == 0], 1.0)
    assert set(np.round(near[y == 1], 6)) == {0.5, 2.0}


def test_unknown_shapes_are_refused():
    with pytest.raises(UsageError, match="one of disks, annuli"):
        shapes("cubes4", 10)


def test_networks_are_trained_once_and_open_as_activations(cache):
    first = mlps(replace(RECIPE, milestones=(0.6, 0.999)))
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*.npz")}
    again = mlps(replace(RECIPE, milestones=(0.6, 0.999)))
    assert first == again and len(kept) == 2
    assert kept == {path: path.stat().st_mtime_ns for path in cache.rglob("*.npz")}
    assert len({one.identity for one in first}) == len(first)
    # A milestone that is not reached is no moment: three networks, no 99.9 % in 60 steps.
    assert {one.covariates["milestone"] for one in first} <= {0.0, 0.6, 1.0}
    acts = first[0].open()
    assert acts.layers == ("input", "layer1", "layer2", "logits") and acts.n == 120
    assert np.allclose(np.tanh(acts["input"] @ _weights(first[0], 0)), acts["layer1"], atol=1e-6)


def _weights(subject, layer):
    return np.load(subject.folder / "weights.npz")[f"w{layer}"][subject.member, subject.moment]


def test_what_training_reports_is_what_the_activations_give():
    subjects = mlps(replace(RECIPE, steps=200))
    assert len({one.covariates["test"] for one in subjects}) > 2
    for one in subjects:
        acts = one.open()
        right = (acts["logits"].argmax(axis=1) == acts.labels).mean()
        assert right == pytest.approx(one.covariates["test"], abs=1e-9)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "resnet", "vit"])
def test_digit_networks_are_captured_once(kind, cache):
    recipe = DigitNet(kind=kind, depth=2, width=8, steps=8, moments=(0, -1))
    first, last = materials_digits.digit_networks([recipe], n=60)
    assert (first.moment, last.moment, last.covariates["step"]) == (0, 1, 8)
    acts = last.open()
    assert acts.layers == ("blocks.0", "blocks.1") and acts.n == 60 and len(set(acts.labels)) > 5
    assert materials_digits.digit_networks([recipe], n=60)[1] == last
    assert first.identity != last.identity
    model = materials_digits.network_at(recipe, last)
    assert not model.training


def test_label_noise_gives_so_many_wrong_classes():
    rows, clean = training_rows(DigitNet(train=200))
    same, noisy = training_rows(DigitNet(train=200, label_noise=0.25))
    assert (rows == same).all() and (clean != noisy).sum() == 50
    with pytest.raises(UsageError, match="10 to 597"):
        training_rows(DigitNet(train=600))


def test_the_cache_is_the_one_of_the_kernels(tmp_path, monkeypatch):
    from toposcope.homology import jit

    for variable in ("TOPOSCOPE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
        assert user_cache() == jit._user_cache()
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert user_cache() == jit._user_cache() == Path(tmp_path) / ".cache" / "toposcope"
