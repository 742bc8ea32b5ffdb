"""Networks of many shapes on scikit-learn's digits: the population that studies train.

Fully connected, convolutional, residual and Transformer networks of any depth and width; with label
noise, weight decay and training sets of several sizes, some generalize better than others. Each
takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from toposcope.activations.data.arrays import digits_arrays
from toposcope.errors import UsageError
from toposcope.training.digits import adamw, one_thread, preprocess, shifted, split
from toposcope.training.networks import ResidualBlock, SmallViT

KINDS = ("mlp", "cnn", "resnet", "vit")
NONLINEAR: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
}


Task = Callable[[NDArray[Any], NDArray[np.int64]], tuple[NDArray[Any], NDArray[np.int64]]]

TASKS: Mapping[str, Task] = {
    "": lambda images, labels: (images, labels),
    "inverted": lambda images, labels: (images.max() - images, labels),
    "rotated": lambda images, labels: (np.rot90(images, axes=(1, 2)).copy(), labels),
    "parity": lambda images, labels: (images, labels % 2),
}
"""Images and classes of what is learned: dark on light, lying on their side, odd or even."""


@dataclass(frozen=True)
class DigitNet:
    """One network and how it is trained (AdamW, warm-up of 10 %, cosine to 0).

    Parameters
    ----------
    kind
        One of `KINDS`.
    depth, width
        Blocks, and units or channels of each (a multiple of 4 for "vit").
    activation
        One of `NONLINEAR`, for "mlp" and "cnn"; the others have their own.
    seed
        Of initial weights, order and shifts of the images, and of the label noise.
    steps, batch, learning_rate, weight_decay
        Of the training.
    train
        How many of the 597 training images are used.
    label_noise
        Share of them that gets a wrong class.
    augment
        Whether images are shifted by up to a pixel.
    moments
        Steps at which the network is looked at, rising; -1 is the last.
    task
        One of `TASKS` that it is fine-tuned on after `steps` steps; "" for none. Its numbers are
        then those of this task.
    tuned
        Steps of the fine-tuning, at half of the learning rate.
    """

    kind: str = "cnn"
    depth: int = 4
    width: int = 16
    activation: str = "relu"
    seed: int = 0
    steps: int = 150
    batch: int = 48
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    train: int = 597
    label_noise: float = 0.0
    augment: bool = True
    moments: tuple[int, ...] = (-1,)
    task: str = ""
    tuned: int = 0


@dataclass(frozen=True)
class Looked:
    """A network at one moment.

    Parameters
    ----------
    step
        Of the training.
    state
        Its weights.
    numbers
        train, test: accuracies; train_loss; weight_norm: root of the sum of squared weights.
    """

    step: int
    state: Mapping[str, Tensor]
    numbers: Mapping[str, float]


class Blocks(nn.Module):  # type: ignore[misc]
    """A stem, blocks by number, global average where there are channels, a linear head."""

    def __init__(self, stem: nn.Module, blocks: Sequence[nn.Module], width: int) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, 8, 8) -> (n, 10) logits."""
        x = self.blocks(self.stem(x))
        logits: Tensor = self.head(x.mean(dim=(2, 3)) if x.ndim == 4 else x)
        return logits


def digit_network(recipe: DigitNet) -> nn.Module:
    """The untrained network of a recipe; its blocks are `blocks.0`, `blocks.1`, ...

    Raises
    ------
    UsageError
        For an unknown kind or activation.
    """
    known = recipe.kind in KINDS and recipe.activation in NONLINEAR and recipe.task in TASKS
    if not known or bool(recipe.task) != bool(recipe.tuned):
        msg = (
            f"digit_network(): kind={recipe.kind!r}, activation={recipe.activation!r}, "
            f"task={recipe.task!r}, tuned={recipe.tuned}; known are {', '.join(KINDS)}, "
            f"{', '.join(NONLINEAR)}, and the tasks {', '.join(filter(None, TASKS))} with tuned=1 "
            "or more steps."
        )
        raise UsageError(msg)
    depth, width, act = recipe.depth, recipe.width, NONLINEAR[recipe.activation]
    if recipe.kind == "vit":
        return SmallViT(width=width, depth=depth)
    if recipe.kind == "mlp":
        sizes = [64, *[width] * depth]
        blocks = [nn.Sequential(nn.Linear(a, b), act()) for a, b in pairwise(sizes)]
        return Blocks(nn.Flatten(), blocks, width)
    # Images are halved once, in the middle: 8 x 8, then 4 x 4.
    strides = [2 if k == depth // 2 and depth > 1 else 1 for k in range(depth)]
    stem = nn.Conv2d(1, width, 3, padding=1)
    if recipe.kind == "resnet":
        return Blocks(stem, [ResidualBlock(width, width, stride) for stride in strides], width)
    convolutions = [
        nn.Sequential(
            nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            act(),
        )
        for stride in strides
    ]
    return Blocks(stem, convolutions, width)


def block_names(recipe: DigitNet) -> list[str]:
    """Addresses of the blocks, from the input to the head."""
    return [f"blocks.{k}" for k in range(recipe.depth)]


def training_rows(recipe: DigitNet) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Which digits train, and the classes they are trained with (some wrong, by `label_noise`)."""
    _, labels = digits_arrays()
    inside, _ = split(labels)
    if not 10 <= recipe.train <= len(inside) or not 0.0 <= recipe.label_noise <= 1.0:
        msg = (
            f"digit_network(): train={recipe.train} and label_noise={recipe.label_noise}; needed "
            f"are 10 to {len(inside)} images and a share in [0, 1]."
        )
        raise UsageError(msg)
    rng = np.random.default_rng([recipe.seed, 1])
    rows = np.sort(np.random.default_rng(recipe.seed).permutation(inside)[: recipe.train])
    if recipe.train == len(inside):
        rows = inside
    classes = labels[rows].copy()
    wrong = rng.permutation(len(rows))[: round(recipe.label_noise * len(rows))]
    classes[wrong] = (classes[wrong] + rng.integers(1, 10, len(wrong))) % 10
    return rows, classes


def train_digit_network(recipe: DigitNet) -> list[Looked]:
    """Train one network; what it is at its moments, in order."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return _train(recipe)


def _train(recipe: DigitNet) -> list[Looked]:
    model = digit_network(recipe)
    images, labels = digits_arrays()
    rows, classes = training_rows(recipe)
    _, outside = split(labels)
    own = TASKS[recipe.task]
    phases = [(recipe, TASKS[""])]
    if recipe.tuned:
        slow = replace(recipe, steps=recipe.tuned, learning_rate=recipe.learning_rate / 2)
        phases.append((slow, own))
    # At every moment on the last task: what fine-tuning changes is seen on one set of images.
    told = [_tensors(own, images[rows], classes), _tensors(own, images[outside], labels[outside])]
    rng = np.random.default_rng(recipe.seed)
    steps = sum(phase.steps for phase, _ in phases)
    moments = {steps if step < 0 else step for step in recipe.moments}
    looked, step = [], 0
    for phase, task in phases:
        x, y = _tensors(task, images[rows], classes)
        optimizer, schedule = adamw(model, phase)
        for _ in range(phase.steps):
            if step in moments:
                looked.append(_looked(step, model, *told))
            batch = rng.choice(len(x), min(recipe.batch, len(x)), replace=False)
            inputs = shifted(x[batch], rng) if recipe.augment else x[batch]
            loss = F.cross_entropy(model(inputs), y[batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
    if step in moments:
        looked.append(_looked(step, model, *told))
    return looked


def _tensors(task: Task, images: NDArray[Any], classes: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Inputs and classes of a task."""
    x, y = task(images, classes)
    return preprocess(x), torch.from_numpy(y)


def _looked(
    step: int, model: nn.Module, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]
) -> Looked:
    state = {name: value.clone() for name, value in model.state_dict().items()}
    return Looked(step, state, _numbers(model, train, test))


def _numbers(
    model: nn.Module, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]
) -> dict[str, float]:
    model.eval()
    with torch.no_grad():
        logits, others = model(train[0]), model(test[0])
    model.train()
    squares = sum(float((p.detach() ** 2).sum()) for p in model.parameters())
    return {
        "train": float((logits.argmax(1) == train[1]).double().mean()),
        "test": float((others.argmax(1) == test[1]).double().mean()),
        "train_loss": float(F.cross_entropy(logits, train[1])),
        "test_loss": float(F.cross_entropy(others, test[1])),
        "weight_norm": math.sqrt(squares),
    }


def with_state(recipe: DigitNet, state: Mapping[str, Any]) -> nn.Module:
    """The network of a recipe with kept weights, in evaluation mode."""
    model = digit_network(recipe)
    model.load_state_dict(dict(state))
    return model.eval()  # type: ignore[no-any-return]
