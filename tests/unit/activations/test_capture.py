"""The capture: values, resume, memory bounds, and what it says about itself."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from torch import nn

from toposcope.activations import forward_passes
from toposcope.activations.capture import capture
from toposcope.activations.capture_plan import chunk_rows
from toposcope.errors import (
    LayerNotFoundError,
    ParameterMismatchError,
    SpecError,
    TooFewSamplesError,
    UsageError,
)
from toposcope.store.runs import Run, open_run
from toposcope.training.networks import SmallCNN, SmallViT

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 8, 8), dtype=np.uint8)
LABELS = np.arange(50) % 10


def cnn(seed=0):
    torch.manual_seed(seed)
    return SmallCNN()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr("toposcope.activations.capture_plan.CHUNK_ROWS", 16)


def values(acts):
    return {layer: acts[layer] for layer in acts}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[layer], b[layer]) for layer in a)


def test_values_are_those_of_the_bare_forward_pass():
    model = cnn().train()
    x = torch.from_numpy(IMAGES).float().unsqueeze(1) / 255
    acts = capture(model, (IMAGES, LABELS), batch_size=8)
    assert acts.layers == ("stage1.0", "stage1.1", "stage2.0", "stage2.1")
    assert model.training
    model.eval()
    with torch.no_grad():
        hidden = torch.relu(model.stem(x))
        hidden = model.stage1(hidden)
        logits = model(x)
    assert np.allclose(acts["stage1.1"], hidden.mean((2, 3)).numpy(), atol=1e-6)
    want = float((logits.argmax(1).numpy() == LABELS).mean())
    assert acts.attrs["top1"] == want
    assert acts.attrs["pool"] == dict.fromkeys(acts.layers, "gap")
    assert acts.attrs["nonfinite"] == {}


def test_memory_and_folder_hold_the_same(tmp_path):
    options = {"n": 37, "batch_size": 8, "seed": 3, "name": "net", "step": 5}
    stored = capture(cnn(), (IMAGES, LABELS), store=tmp_path / "run", **options)
    memory = capture(cnn(), (IMAGES, LABELS), **options)
    assert same(values(stored), values(memory))
    assert stored.sample_ids.tolist() == memory.sample_ids.tolist()
    assert stored.attrs["top1"] == memory.attrs["top1"]
    assert (stored.attrs["name"], stored.attrs["step"]) == ("net", 5)
    assert 0 <= stored.attrs["overhead"]["share"] <= 1
    run = Run.open(tmp_path / "run")
    assert run.chunk_rows == 16 and len(run.chunks) == 3
    assert np.array_equal(run.read("@thumbnail"), IMAGES[stored_rows(stored)])
    json.dumps(dict(stored.attrs))


def stored_rows(acts):
    return [int(sample_id.partition(":")[2]) for sample_id in acts.sample_ids]


class Stop(Exception):
    pass


@pytest.mark.parametrize("after", [0, 1, 7, 12])
def test_a_stopped_capture_continues_to_the_same_bits(tmp_path, monkeypatch, after):
    whole = capture(cnn(), (IMAGES, LABELS), batch_size=8, store=tmp_path / "whole")
    original, written = Run.write_chunk, []

    def stopping(self, layer, index, rows):
        if len(written) >= after:
            raise Stop
        original(self, layer, index, rows)
        written.append((layer, index))

    monkeypatch.setattr(Run, "write_chunk", stopping)
    with pytest.raises(Stop):
        capture(cnn(), (IMAGES, LABELS), batch_size=8, store=tmp_path / "cut")
    assert Run.open(tmp_path / "cut").summary is None

    def noting(self, layer, index, rows):
        assert (layer, index) not in written, "a finished shard was written again"
        original(self, layer, index, rows)

    monkeypatch.setattr(Run, "write_chunk", noting)
    again = capture(cnn(), (IMAGES, LABELS), batch_size=8, store=tmp_path / "cut")
    assert same(values(again), values(whole))
    assert again.attrs["top1"] == whole.attrs["top1"]
    hashes = [
        [run.layer_hash(layer) for layer in run.layers]
        for run in map(Run.open, (tmp_path / "whole", tmp_path / "cut"))
    ]
    assert hashes[0] == hashes[1]


def test_a_finished_capture_runs_no_forward_pass_again(tmp_path, monkeypatch):
    first = capture(cnn(), (IMAGES, LABELS), store=tmp_path / "run")
    monkeypatch.setattr(forward_passes, "_fill", lambda *a: pytest.fail("computed again"))
    again = capture(cnn(), (IMAGES, LABELS), store=tmp_path / "run", command="another spelling")
    assert same(values(again), values(first))


@pytest.mark.parametrize(
    "change",
    [
        {"n": 40},
        {"seed": 1, "n": 50, "pool": "project:4"},
        {"pool": "flatten"},
        {"layers": "stage1.*"},
        {"batch_size": 4},
        {"dtype": "float16"},
        {"per_class": 3},
        {"step": 7},
    ],
)
def test_other_parameters_do_not_mix_into_a_run(tmp_path, change):
    capture(cnn(), (IMAGES, LABELS), store=tmp_path / "run")
    with pytest.raises(ParameterMismatchError):
        capture(cnn(), (IMAGES, LABELS), store=tmp_path / "run", **change)


def test_other_weights_or_other_data_do_not_mix_into_a_run(tmp_path):
    capture(cnn(), (IMAGES, LABELS), store=tmp_path / "run")
    with pytest.raises(ParameterMismatchError, match="state"):
        capture(cnn(seed=1), (IMAGES, LABELS), store=tmp_path / "run")
    with pytest.raises(ParameterMismatchError, match="data_content"):
        capture(cnn(), (IMAGES[::-1], LABELS), store=tmp_path / "run")


class Spoils(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, torch.nan, x)


def test_nonfinite_values_are_counted_by_layer_and_the_others_go_on(tmp_path, caplog):
    model = nn.Sequential(nn.Linear(4, 3), Spoils(), nn.Linear(3, 2))
    x = RNG.normal(size=(40, 4)).astype(np.float32)
    with caplog.at_level(logging.WARNING, "toposcope"):
        acts = capture(model, x, layers="all", batch_size=8, store=tmp_path / "run")
    bad = int((acts["0"] > 0).sum())
    assert bad and acts.attrs["nonfinite"]["1"] == bad
    assert "0" not in acts.attrs["nonfinite"]
    assert f"layer '1' has {bad} values" in caplog.text
    (tmp_path / "run" / "capture.json").unlink()
    again = capture(model, x, layers="all", batch_size=8, store=tmp_path / "run")
    assert again.attrs["nonfinite"] == acts.attrs["nonfinite"]


def test_without_labels_or_logits_there_is_no_accuracy(tmp_path):
    plain = capture(cnn(), IMAGES).attrs
    assert (plain["top1"], plain["top1_note"]) == (None, "the data has no labels")
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    x = RNG.normal(size=(20, 4)).astype(np.float32)
    acts = capture(model, (x, np.arange(20) % 5), layers="0", store=tmp_path / "run")
    assert acts.attrs["top1"] is None
    assert acts.attrs["top1_note"] == "labels reach 4 but the model gives 3 scores"
    assert "@prediction" not in Run.open(tmp_path / "run").layers


def test_tuple_outputs_are_recorded_with_their_path():
    model = nn.Sequential(nn.LSTM(4, 3, batch_first=True))
    x = RNG.normal(size=(6, 5, 4)).astype(np.float32)
    acts = capture(model, x, layers="0")
    assert acts.attrs["outputs"] == {"0": "0[0]"}
    assert acts.attrs["pool"] == {"0": "mean_token"}
    assert acts["0"].shape == (6, 3)


def test_the_class_token_is_found():
    acts = capture(SmallViT(), IMAGES, n=10)
    assert set(acts.attrs["pool"].values()) == {"cls"}
    mean = capture(SmallViT(), IMAGES, n=10, pool="mean_token")
    assert mean["blocks.0"].shape == (10, 48)


def test_float16_and_projection(tmp_path):
    half = capture(cnn(), IMAGES, dtype="float16", store=tmp_path / "h")
    assert half["stage1.0"].dtype == np.float16
    few = capture(cnn(), IMAGES, pool="project:8", store=tmp_path / "p")
    assert few["stage1.0"].shape == (50, 8)
    assert "1024 -> 8" in few.attrs["pool_laws"]["stage1.0"]


def test_large_pictures_become_small(tmp_path):
    images = RNG.integers(0, 256, (6, 100, 50, 3), dtype=np.uint8)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    capture(model, images, store=tmp_path / "run")
    assert Run.open(tmp_path / "run").read("@thumbnail").shape == (6, 48, 24, 3)
    capture(model, images, store=tmp_path / "none", thumbnails=False)
    assert "@thumbnail" not in Run.open(tmp_path / "none").layers


def test_an_error_of_the_writer_reaches_the_caller(tmp_path, monkeypatch):
    def full(self, layer, index, rows):
        raise OSError(28, "No space left on device")

    model = cnn().train()
    monkeypatch.setattr(Run, "write_chunk", full)
    with pytest.raises(OSError, match="No space left"):
        capture(model, IMAGES, store=tmp_path / "run")
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


class Counts:
    def __init__(self):
        self.total, self.steps = 0, 0

    def task(self, name, total):
        self.total = total
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def advance(self, steps=1):
        self.steps += steps


def test_progress_adds_up_to_the_samples(tmp_path):
    progress = Counts()
    capture(cnn(), IMAGES, progress=progress, store=tmp_path / "run", batch_size=8)
    assert progress.steps == progress.total == 50


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"layers": "stage9.*"}, LayerNotFoundError, "stage"),
        ({"n": 51}, TooFewSamplesError, "has 50"),
        ({"pool": "cls"}, UsageError, "gap"),
        ({"batch_size": 0}, UsageError, "batch_size=0; needed"),
        ({"dtype": "int8"}, UsageError, "float16"),
        ({"device": "nonsense"}, UsageError, "Pass 'cpu' or 'auto'"),
    ],
)
def test_refused_before_any_folder_is_made(tmp_path, options, error, says):
    with pytest.raises(error, match=says):
        capture(cnn(), IMAGES, store=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_preprocess_that_loses_rows_is_refused():
    model = cnn()
    model.preprocess = lambda batch: torch.zeros(1, 1, 8, 8)
    with pytest.raises(UsageError, match="one row per sample"):
        capture(model, IMAGES)


def test_chunks_are_bounded_and_made_of_whole_batches(monkeypatch):
    monkeypatch.setattr("toposcope.activations.capture_plan.CHUNK_ROWS", 2048)
    for width in (1, 64, 5000, 100_000, 300_000):
        layers = {name: {"shape": [width], "dtype": "float32"} for name in "abc"}
        rows = chunk_rows(layers, 96)
        assert rows % 96 == 0 and 96 <= rows <= 8192
        assert rows == 96 or (4 * width * rows <= 64 << 20 and 12 * width * rows <= 128 << 20)
    with pytest.raises(UsageError, match=r"would keep .* GiB.*project:128"):
        chunk_rows({"a": {"shape": [64, 224, 224], "dtype": "float32"}}, 128)


def test_open_run_reads_what_capture_wrote(tmp_path):
    acts = capture(cnn(), (IMAGES, LABELS), per_class=2, store=tmp_path / "run")
    opened = open_run(tmp_path / "run")
    assert opened.n == 20 and same(values(opened), values(acts))
    assert np.bincount(opened.labels).tolist() == [2] * 10


def test_a_call_from_python_says_the_command_that_does_the_same(tmp_path):
    acts = capture(
        "py:toposcope.training.digits:digits_cnn",
        "sklearn:digits",
        layers=["stage1.*", "stage2.0"],
        n=20,
        store=tmp_path / "a run",
        step=3,
    )
    assert acts.attrs["command"] == (
        "toposcope capture py:toposcope.training.digits:digits_cnn sklearn:digits "
        "--layers 'stage1.*' --layers stage2.0 --pool auto -n 20 --batch-size 128 --device cpu "
        f"--seed 0 --step 3 -o '{tmp_path}/a run'"
    )


def test_freed_memory_is_kept_where_there_is_a_glibc(monkeypatch):
    from toposcope.activations import allocator

    monkeypatch.setattr(allocator.platform, "libc_ver", lambda: ("", ""))
    assert allocator.keep_freed_memory() is False


NET = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).eval()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: torch.jit.trace(NET, torch.zeros(2, 6)), "TorchScript"),
        (lambda: torch.jit.script(NET), "TorchScript"),
        (lambda: torch.jit.freeze(torch.jit.script(NET)), "TorchScript"),
        (NET.state_dict, "MODEL is of type OrderedDict; needed is an nn.Module"),
        (lambda: cnn, "MODEL is the function cnn: call it first"),
        (lambda: 3, "MODEL is of type int"),
    ],
)
def test_what_cannot_be_watched_is_named_without_its_contents(model, said):
    X = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    with pytest.raises((UsageError, SpecError)) as caught:
        capture(model(), (X, np.arange(30) % 3))
    assert said in str(caught.value) and len(str(caught.value)) < 400
