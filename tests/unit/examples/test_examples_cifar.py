"""The CIFAR residual networks reproduce the accuracy stated beside their weights."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.activations.capture import capture
from toposcope.activations.data.load import load_data
from toposcope.activations.models.load import load_model
from toposcope.activations.models.weights import load_weights


@pytest.fixture(autouse=True)
def at_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


@pytest.mark.parametrize(("name", "blocks"), [("20", 9), ("32", 15), ("44", 21), ("56", 27)])
def test_blocks_of_the_family(name, blocks):
    spec = f"py:examples.cifar_resnet:resnet{name}"
    images = np.zeros((2, 32, 32, 3), np.uint8)
    acts = capture(spec, images, pool="gap")
    assert len(acts) == blocks
    assert (acts.layers[0], acts["layer1.0"].shape, acts["layer3.0"].shape) == (
        "layer1.0",
        (2, 16),
        (2, 64),
    )
    assert "ImageNet mean" in acts.attrs["preprocess"]


@pytest.mark.pack
@pytest.mark.parametrize(
    ("name", "data", "top1"),
    [
        ("20", "train_lossless_4000", 1.0),
        ("20", "test_jpeg", 0.804),
        ("56", "train_lossless_4000", 1.0),
        ("56", "test_jpeg", 0.836),
    ],
)
def test_top1_is_that_of_the_readme(pack, tmp_path, name, data, top1):
    source = load_data(f"npz:{pack}/data/cifar10/{data}.npz")
    first = np.arange(500)
    acts = capture(
        f"py:examples.cifar_resnet:resnet{name}",
        (source.batch(first), source.labels[first]),
        weights=pack / "weights" / f"cifar_resnet{name}" / "model.safetensors",
        pool="gap",
        store=tmp_path / "run",
    )
    assert acts.attrs["top1"] == pytest.approx(top1, abs=1e-9)


@pytest.mark.pack
def test_float16_training_checkpoints_load(pack):
    model = load_model("py:examples.cifar_resnet:resnet20").model
    folder = pack / "weights" / "resnet20_scratch_cifar10" / "seed_0"
    record = load_weights(model, folder / "final.safetensors")
    assert record["notes"] == ["converted from torch.float16 to the model's types"]
