"""The example networks reproduce the accuracy stated beside their weights.

Accuracies are exact: the README's number to its last digit on the images it was measured on.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from toposcope.activations.capture import capture
from toposcope.activations.data.load import load_data
from toposcope.errors import UsageError

CIFAR_TEST = "cifar10/test_jpeg.npz"
MNIST_TEST = "mnist/test.npz"
IMAGENET = "imagenet_samples/images_224_jpeg.npz#y=class_index"


@pytest.fixture(autouse=True)
def at_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    # Two threads waiting for each other on a busy machine cost more than they save.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("spec", "image", "layers", "width", "told"),
    [
        ("resnet8:resnet8", (32, 32, 3), ["stack1", "stack2", "stack3"], 64, "unscaled"),
        ("vgg:vgg19_slim", (32, 32, 3), ["features.2", "features.51"], 128, "ImageNet mean"),
        ("vit_cifar10:vit", (32, 32, 3), ["blocks.0", "blocks.5"], 96, "ImageNet mean"),
        (
            "vit_mnist:vit",
            (28, 28),
            ["transformer.layers.0", "transformer.layers.5"],
            64,
            "minus 0.1307",
        ),
        ("mobilenet_v2:mobilenet_v2", (224, 224, 3), ["blocks.0", "blocks.16"], 320, "minus 128"),
        ("squeezenet:squeezenet", (224, 224, 3), ["fire2", "fire9"], 512, "BGR"),
        ("cifar_resnet_mnist:resnet20", (28, 28), ["layer1.0", "layer3.2"], 64, "zero-padded"),
    ],
)
def test_blocks_are_the_repeated_units(spec, image, layers, width, told):
    counts = {"resnet8": 3, "vgg": 16, "mobilenet_v2": 17, "squeezenet": 8}
    name = spec.partition(":")[0]
    acts = capture(f"py:examples.{spec}", np.zeros((1, *image), np.uint8))
    assert len(acts) == counts.get(name, 9 if name.startswith("cifar") else 6)
    assert {layers[0], layers[-1]} == {acts.layers[0], acts.layers[-1]}
    assert acts[layers[-1]].shape == (1, width)
    assert told in acts.attrs["preprocess"]
    assert set(acts.attrs["pool"].values()) == {"cls" if "vit" in spec else "gap"}


@pytest.mark.parametrize(
    ("spec", "image", "told"),
    [
        ("resnet8:resnet8", (28, 28), "cannot take this data, a batch of uint8 (1, 28, 28)"),
        ("vit_mnist:vit", (32, 32, 3), "cannot run on this data"),
        ("vgg:vgg19_slim", (224, 224, 3), "cannot run on this data"),
        ("cifar_resnet:resnet20", (32, 32, 1), "must be (n, height, width, 3); got (1, 32, 32, 1)"),
        ("squeezenet:squeezenet", (64, 64, 1), "must be (n, height, width, 3)"),
    ],
)
def test_images_of_another_shape_are_refused_in_words(spec, image, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        capture(f"py:examples.{spec}", np.zeros((1, *image), np.uint8))


def top1(pack, spec, weights, data, images):
    """Fraction of right answers on some images, through the same door as a user's capture."""
    source = load_data(f"npz:{pack}/data/{data}")
    rows = np.arange(len(source))[images]
    acts = capture(
        f"py:examples.{spec}",
        (source.batch(rows), source.labels[rows]),
        weights=pack / "weights" / f"{weights}.safetensors",
        batch_size=50,
    )
    return acts.attrs["top1"]


@pytest.mark.pack
@pytest.mark.parametrize(
    ("spec", "weights", "data", "n", "stated"),
    [
        (
            "resnet8:resnet8",
            "cifar_resnet8_mlperf/model",
            "cifar10/train_lossless_4000.npz",
            1000,
            0.929,
        ),
        ("resnet8:resnet8", "cifar_resnet8_mlperf/model", CIFAR_TEST, 1000, 0.779),
        ("vgg:vgg19_slim", "vgg19_slim_cifar10/epoch_0.25", CIFAR_TEST, 2000, 0.262),
        ("vgg:vgg19_slim", "vgg19_slim_cifar10/final", CIFAR_TEST, 2000, 0.787),
        ("vit_cifar10:vit", "vit_cifar10/final", CIFAR_TEST, 2000, 0.619),
        ("vit_mnist:vit", "vit_mnist/model", MNIST_TEST, 1000, 0.965),
        ("cifar_resnet:resnet20", "cifar_resnet20_to_jpeg/final", CIFAR_TEST, 2000, 0.852),
        ("cifar_resnet_mnist:resnet20", "cifar_resnet20_to_mnist/final", MNIST_TEST, 2000, 0.977),
        ("cifar_resnet:resnet20", "resnet20_scratch_cifar10/seed_1/final", CIFAR_TEST, 2000, 0.573),
    ],
)
def test_top1_is_that_of_the_readme(pack, spec, weights, data, n, stated):
    # Half a unit of the README's last digit.
    assert top1(pack, spec, weights, data, slice(n)) == pytest.approx(stated, abs=5.01e-4)


@pytest.mark.pack
@pytest.mark.parametrize(
    ("spec", "weights", "right"),
    [
        ("mobilenet_v2:mobilenet_v2", "mobilenet_v2_imagenet/model", 36),
        ("squeezenet:squeezenet", "squeezenet1_0_imagenet/model", 30),
    ],
)
def test_top1_on_imagenet_photos(pack, spec, weights, right):
    # Every second image up to number 400 gives the README's 0.895 and 0.610; these are the first
    # 40 of those 200, which is what a test has time for.
    assert top1(pack, spec, weights, IMAGENET, slice(0, 80, 2)) == pytest.approx(right / 40)


@pytest.mark.pack
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_untrained_checkpoints_are_at_chance(pack, seed):
    weights = f"resnet20_scratch_cifar10/seed_{seed}/epoch_0"
    found = top1(pack, "cifar_resnet:resnet20", weights, CIFAR_TEST, slice(300))
    # 99.9 % of binomial(300, 0.1) / 300.
    assert 0.05 < found < 0.165


def test_the_live_example_runs(tmp_path):
    from examples.live_training import train

    monitor = train(tmp_path / "live", steps=4, every=2, share=1.0)
    assert monitor.series.steps == (0, 2, 4)
    assert monitor.looks[0]["values"]["toposcope_top1/probe"] < 0.3
    assert (tmp_path / "live" / "tensorboard").is_dir()
