"""Null clouds: each keeps what it promises and breaks what it should."""

import numpy as np
import pytest
import torch
from torch import nn

import toposcope as ts
from toposcope.activations.models.load import load_model
from toposcope.activations.random_init import random_twin
from toposcope.errors import UsageError
from toposcope.pointclouds import datasets
from toposcope.pointclouds.nulls import gaussian_null, parse_nulls, shuffled
from toposcope.store.arrays import save_arrays
from toposcope.store.runs import twin_of
from toposcope.store.verify import verify


def longest(X):
    h1 = ts.homology.rips(X, homology_dimensions=(1,))[0]
    return float((h1[:, 1] - h1[:, 0]).max())


def test_shuffling_keeps_marginals_and_breaks_dependence():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1)) @ np.ones((1, 3)) + 0.1 * rng.normal(size=(400, 3))
    twin = shuffled(X, seed=1)
    np.testing.assert_array_equal(np.sort(twin, axis=0), np.sort(X, axis=0))
    assert np.corrcoef(X.T)[0, 1] > 0.98 and abs(np.corrcoef(twin.T)[0, 1]) < 0.15
    np.testing.assert_array_equal(twin, shuffled(X, seed=1))


def test_a_circle_loses_its_loop_under_every_null():
    X = np.asarray(datasets.circle(300, noise=0.05, seed=0))
    loop = longest(X)
    assert loop > 1.2
    for seed in range(3):
        assert longest(shuffled(X, seed=seed)) < loop / 2
        assert longest(gaussian_null(X).sample(300, seed=seed)) < loop / 2


def test_names_of_nulls():
    assert parse_nulls(["shuffled", "gaussian", "shuffled"]) == ("shuffled", "gaussian")
    assert parse_nulls("none") == parse_nulls([]) == ()
    with pytest.raises(UsageError, match=r"'permuted' is unknown; choose some of gaussian, cop"):
        parse_nulls("gaussian,permuted")


class Net(nn.Module):
    """One module of each kind: resets itself, holds statistics, holds a bare parameter."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.token = nn.Parameter(torch.arange(4.0))

    def forward(self, x):
        return (self.norm(self.conv(x)) + self.token[:, None, None]).mean((2, 3))


def test_the_twin_has_fresh_weights_and_the_network_stays():
    net = Net()
    net.norm.running_mean += 3
    before = {k: v.clone() for k, v in net.state_dict().items()}
    twin = random_twin(load_model(net), seed=0)
    assert all(v.equal(before[k]) for k, v in net.state_dict().items())
    fresh = twin.model.state_dict()
    assert not (fresh["conv.weight"] == before["conv.weight"]).any()
    assert not fresh["norm.running_mean"].any()
    assert sorted(fresh["token"].tolist()) == [0, 1, 2, 3]
    assert twin.provenance["twin"]["permuted"] == ["token"]
    again = random_twin(load_model(net), seed=0)
    assert (
        again.provenance["state"] == twin.provenance["state"] != load_model(net).provenance["state"]
    )


def test_capture_with_twin_and_analysis_against_it(tmp_path):
    images = np.random.default_rng(0).random((80, 1, 6, 6), dtype=np.float32)
    run = tmp_path / "run"
    acts = ts.capture(Net(), images, layers="all", pool="gap", store=run, twin=2)
    twin = ts.open(twin_of(run))
    assert twin.layers == acts.layers and (twin.sample_ids == acts.sample_ids).all()
    found = ts.analyze(run, points=20, replicates=3, null=("gaussian", "random_init"), jobs=0)
    assert list(dict.fromkeys(found.table["cloud"])) == [
        "data",
        "gaussian",
        "random_init",
        "random_init_2",
    ]
    by_hand = ts.rips(ts.clouds(twin, points=20, replicates=3), homology_dimensions=(0,))
    stored = found.diagrams.pairs("conv", 0, replicate=1, cloud="random_init")
    np.testing.assert_allclose(stored, by_hand.pairs("conv", 0, replicate=1), atol=1e-9)
    digest = verify(run).digest
    assert digest
    shard = next(twin_of(run).glob("acts/0/conv/*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    assert verify(run).problems


def test_classes_that_mean_something_are_tighter_than_random_groups(tmp_path):
    labels = np.repeat(np.arange(3), 60)
    X = 8 * np.eye(3)[labels] + np.random.default_rng(0).normal(size=(180, 3))
    noise = np.random.default_rng(1).normal(size=(180, 3))
    run = save_arrays(ts.from_arrays({"sorted": X, "mixed": noise}, labels=labels), tmp_path / "r")
    found = ts.analyze(run, points=20, replicates=3, per_class=True, null="permuted_labels", jobs=0)
    sums = found.table.query("statistic == 'lifespan_sum' and homology_dimension == 0")
    means = sums.groupby(["layer", "cloud"])["value"].mean()
    assert means["sorted", "data"] < 0.7 * means["sorted", "permuted_labels"]
    assert means["mixed", "data"] == pytest.approx(means["mixed", "permuted_labels"], rel=0.1)


def test_nulls_that_cannot_be_drawn_are_refused(tmp_path):
    run = save_arrays(ts.from_arrays({"x": np.eye(40)}), tmp_path / "r")
    with pytest.raises(UsageError, match=r"pooled cloud does not depend on labels.*--per-class"):
        ts.analyze(run, points=10, replicates=2, null="permuted_labels")
    with pytest.raises(UsageError, match=r"capture again with --twin"):
        ts.analyze(run, points=10, replicates=2, null="random_init")
    with pytest.raises(UsageError, match="pass store="):
        ts.capture(nn.Linear(3, 3), np.ones((4, 3), np.float32), twin=True)


def test_what_is_said_of_twins_names_them_and_promises_no_more(tmp_path):
    images = np.random.default_rng(0).random((80, 1, 6, 6), dtype=np.float32)
    said = {}
    for twins in (1, 3):
        run = tmp_path / str(twins)
        ts.capture(Net(), images, layers="all", pool="gap", store=run, twin=twins)
        found = ts.analyze(run, points=20, replicates=3, null="random_init", jobs=0)
        said[twins] = str(ts.describe(found))
    assert "One twin has no spread" in said[1] and "one more of" not in said[1]
    assert "one more of 3 twins" in said[3] and "if twins spread normally" in said[3]
    assert "% false" not in said[3].partition("one more of")[2].partition(").")[0]
