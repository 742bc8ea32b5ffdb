"""Outputs that depend on more than their sample, that are no scores, and failing networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import toposcope as ts
from toposcope.cli.inspecting import describe
from toposcope.errors import NetworkError, ToposcopeError, UsageError

X = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)


class Step(nn.Module):
    def __init__(self, step):
        super().__init__()
        self.first, self.step, self.last = nn.Linear(8, 8), step, nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.step(self.first(x)))


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


GENERATOR = np.random.default_rng(0)
CHANCE = {
    "dropout": lambda x: F.dropout(x, 0.5, training=True),
    "rare dropout": lambda x: F.dropout(x, 0.02, training=True) + torch.rand(1),
    "noise": lambda x: x + torch.randn_like(x),
    "numpy": lambda x: x + float(np.random.rand()),  # noqa: NPY002
    "own generator": lambda x: x + float(GENERATOR.normal()),
}
BATCH = {
    "mean": lambda x: x - x.mean(0),
    "largest": lambda x: x / x.abs().max(),
    "attention over samples": lambda x: torch.softmax(x @ x.T, 1) @ x,
    "softmax over samples": lambda x: torch.softmax(x, 0),
}
PLAIN = {"relu": torch.relu, "norm": lambda x: F.layer_norm(x, (8,)), "nan": lambda x: x * np.nan}


@pytest.mark.parametrize("name", [*CHANCE, *BATCH, *PLAIN])
def test_what_outputs_depend_on_is_seen_said_and_kept(name, tmp_path, caplog):
    function = {**CHANCE, **BATCH, **PLAIN}[name]
    torch.manual_seed(0)
    model = Step(Function(function)).train()
    state = torch.get_rng_state()
    acts = ts.capture(model, X, layers="all", store=tmp_path / "r", batch_size=4)
    assert torch.equal(state, torch.get_rng_state()) and model.training
    want = ["step", "last", "the output"]
    kind = "chance" if name in CHANCE else "batch" if name in BATCH else ""
    assert acts.attrs.get("depends_on", {}) == ({kind: want} if kind else {})
    assert ("in evaluation mode" in caplog.text) == bool(kind)
    assert ("depends on" in describe(tmp_path / "r")) == bool(kind)
    if name in CHANCE and name != "own generator":
        again = ts.capture(model, X, layers="all", batch_size=4)
        assert np.array_equal(acts["last"], again["last"])
        other = ts.capture(model, X, layers="all", batch_size=4, seed=1)
        assert not np.array_equal(acts["last"], other["last"])


def test_batch_statistics_and_buffers(caplog):
    model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.ReLU())
    assert ts.capture(model, X, layers="all").attrs["depends_on"]["batch"][0] == "1"
    usual = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.ReLU())
    assert "depends_on" not in ts.capture(usual, X, layers="all").attrs

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("runs", torch.zeros(()))

        def forward(self, x):
            self.runs += 1
            return x * self.runs

    counting = nn.Sequential(nn.Linear(8, 4), Counts())
    assert ts.capture(counting, X, layers="all").attrs["depends_on"]["chance"][0] == "1"
    assert float(counting[1].runs) == 0


def top1(output, labels=3):
    model = nn.Sequential(nn.Linear(8, 4), Function(output))
    found = ts.capture(model, (X, np.arange(12) % labels), layers="all", pool="flatten")
    return found.attrs["top1"], found.attrs["top1_note"]


@pytest.mark.parametrize(
    ("output", "note"),
    [
        (lambda x: x * torch.nan, "the class scores of 12 of 12 samples are NaN"),
        (lambda x: torch.where(x > 9e9, x, torch.nan), "NaN"),
        (lambda x: x[:, :1], "one number per sample"),
        (lambda x: F.one_hot(x.argmax(1), 4), "gives no class scores"),
        (lambda x: F.pad(x, (100, 60)) - F.pad(x * 0 + 50, (100, 60)), "are no scores|labels"),
    ],
)
def test_what_is_no_score_gives_no_accuracy(output, note):
    value, why = top1(output)
    if note.startswith("are no"):
        assert "share the largest score" in why or value is None
    else:
        import re

        assert value is None and re.search(note, why)


def test_an_embedding_has_no_accuracy_and_ties_are_told():
    model = nn.Sequential(nn.Linear(8, 256), nn.Tanh())
    found = ts.capture(model, (X, np.arange(12) % 3), layers="all").attrs
    assert found["top1"] is None and "256 numbers for 3 classes" in found["top1_note"]
    value, why = top1(torch.zeros_like)
    assert value is not None and "two classes share the largest score in 12 samples" in why


def fails(error):
    def function(x):
        raise error

    return function


@pytest.mark.parametrize(
    "error",
    [
        AssertionError(),
        AssertionError("Wrong size"),
        KeyError("k"),
        AttributeError("a\nb"),
        NotImplementedError(),
        ZeroDivisionError("0"),
        StopIteration(),
        RuntimeError(""),
    ],
)
def test_whatever_a_network_or_preprocess_raises_is_typed(error):
    model = Step(Function(fails(error)))
    with pytest.raises(UsageError, match=r"cannot run on this data\. It was fed float32 \(3, 8\)"):
        ts.capture(model, X, layers="all")
    model = nn.Linear(8, 2)
    model.preprocess = fails(error)
    with pytest.raises(UsageError, match=r"the preprocessing of 'Linear' .*cannot take this data"):
        ts.capture(model, X, layers="all")


def test_failures_name_arguments_and_batches():
    class Two(nn.Module):
        def forward(self, x, mask):
            return x

    with pytest.raises(UsageError, match=r"needs x, mask: preprocess may return a dict"):
        ts.capture(Two(), X, layers="all")
    odd = Step(Function(lambda x: x if len(x) != 5 else x.view(-1, 7)))
    with pytest.raises(NetworkError, match=r"failed on a batch\. It was fed float32 \(5, 8\)"):
        ts.capture(odd, X, layers="all", batch_size=7)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.bool, torch.int64])
def test_outputs_of_other_types_are_refused(dtype):
    model = nn.Sequential(
        nn.Identity(), Function(lambda x: x.to(dtype)), Function(lambda x: x.real)
    )
    with pytest.raises(UsageError, match=r"layer '1' cannot be captured: its output is torch\."):
        ts.capture(model, X, layers=["1"])


@pytest.mark.parametrize("seed", [np.int64(1), np.uint8(1), np.random.default_rng(0)])
def test_seeds_of_numpy(seed, tmp_path):
    model = nn.Sequential(nn.Linear(8, 3), nn.ReLU())
    acts = ts.capture(
        model,
        X,
        layers="all",
        seed=seed,
        n=np.int64(6),
        batch_size=np.int32(4),
        store=tmp_path / "r",
    )
    assert acts.n == 6
    for bad in (-1, 1.5, "0", True):
        with pytest.raises(ToposcopeError, match="seed"):
            ts.capture(model, X, layers="all", seed=bad)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint16])
def test_networks_with_an_embedding_are_fed_token_ids(kind):
    from toposcope.activations.models import load_model

    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3))
    fed = load_model(model).preprocess(np.arange(6).reshape(2, 3).astype(kind))
    assert fed.dtype == torch.int64 and fed.tolist() == [[0, 1, 2], [3, 4, 5]]
