"""Train a small CNN and a small Vision Transformer on scikit-learn's handwritten digits.

597 of the 1797 images train the networks; the other 1200 are held out for capture. Checkpoints
are kept before training, after a few steps and at the end. The factories `digits_cnn`,
`digits_vit` and `digits_heldout` make them ordinary `py:` arguments of `capture`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from toposcope.activations.data.arrays import digits_arrays
from toposcope.errors import UsageError
from toposcope.execution.progress import Progress, ensure
from toposcope.store import objects
from toposcope.training.networks import SmallCNN, SmallViT

TRAIN = 597
"""Images that train; 1200 are left, enough for disjoint replicates."""


@dataclass(frozen=True)
class Recipe:
    """How one kind of network is trained (AdamW, warm-up of 10 %, cosine to 0)."""

    steps: int
    early: int
    learning_rate: float
    batch: int = 48
    weight_decay: float = 0.05


RECIPES = {
    "cnn": Recipe(steps=150, early=30, learning_rate=4e-3),
    "vit": Recipe(steps=600, early=90, learning_rate=3e-3),
}


@dataclass(frozen=True)
class Checkpoint:
    """Weights after some steps, and the accuracy on the held-out images."""

    step: int
    path: Path
    accuracy: float


def digits_cnn() -> nn.Module:
    """The residual CNN, untrained."""
    return SmallCNN()


def digits_vit() -> nn.Module:
    """The Vision Transformer, untrained."""
    return SmallViT()


def preprocess(batch: NDArray[np.uint8]) -> Tensor:
    """Grey values / 255, minus 0.3, divided by 0.38: about mean 0 and variance 1."""
    pixels = torch.from_numpy(np.ascontiguousarray(batch)).float().unsqueeze(1)
    return (pixels / 255 - 0.3) / 0.38


def digits_heldout() -> TensorDataset:
    """The 1200 held-out images (8, 8) uint8 and their classes."""
    images, labels = digits_arrays()
    _, heldout = split(labels)
    return TensorDataset(torch.from_numpy(images[heldout]), torch.from_numpy(labels[heldout]))


def train_digits(
    kind: str, out_dir: Path | str, *, seed: int = 0, progress: Progress | None = None
) -> list[Checkpoint]:
    """Train one network on the digits and keep three checkpoints.

    Parameters
    ----------
    kind
        "cnn" or "vit".
    out_dir
        Folder for `KIND-seedS-stepNNNN.safetensors` and one record of the training.
    seed
        Seed of initialization, order and shifts of the images.
    progress
        Where to tell how far it is.

    Returns
    -------
    Checkpoints in order: untrained, early, trained. A finished training is not repeated.

    Raises
    ------
    UsageError
        For another kind.
    """
    if kind not in RECIPES:
        msg = f"train_digits(): unknown kind {kind!r}; there are {', '.join(RECIPES)}."
        raise UsageError(msg)
    out = Path(out_dir)
    record = out / f"{kind}-seed{seed}.json"
    known = _finished(record, kind)
    if known is not None:
        return known
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        checkpoints = _train(kind, out, seed, progress)
    entries = [
        {"step": c.step, "file": c.path.name, "accuracy": c.accuracy, "sha256": _sha256(c.path)}
        for c in checkpoints
    ]
    objects.put_json(record, {"recipe": repr(RECIPES[kind]), "checkpoints": entries})
    return checkpoints


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread: for such small networks as fast as two, and eight times faster on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _finished(record: Path, kind: str) -> list[Checkpoint] | None:
    """Checkpoints of a training that ended with the same recipe, or None."""
    if not record.exists():
        return None
    known = objects.read_json(record)
    entries = known["checkpoints"]
    paths = [record.parent / entry["file"] for entry in entries]
    same = known["recipe"] == repr(RECIPES[kind]) and all(
        path.exists() and _sha256(path) == entry["sha256"]
        for path, entry in zip(paths, entries, strict=True)
    )
    if not same:
        return None
    return [
        Checkpoint(entry["step"], path, entry["accuracy"])
        for path, entry in zip(paths, entries, strict=True)
    ]


def _train(kind: str, out: Path, seed: int, progress: Progress | None) -> list[Checkpoint]:
    from safetensors.torch import save

    recipe = RECIPES[kind]
    images, labels = digits_arrays()
    inside, outside = split(labels)
    x, y = preprocess(images), torch.from_numpy(labels)
    model = digits_cnn() if kind == "cnn" else digits_vit()
    optimizer, schedule = adamw(model, recipe)
    rng = np.random.default_rng(seed)
    checkpoints = []
    with ensure(progress).task(f"train {kind}", recipe.steps) as steps:
        for step in range(recipe.steps + 1):
            if step in (0, recipe.early, recipe.steps):
                path = out / f"{kind}-seed{seed}-step{step:04d}.safetensors"
                objects.put(path, save({k: v.contiguous() for k, v in model.state_dict().items()}))
                checkpoints.append(Checkpoint(step, path, _accuracy(model, x, y, outside)))
            if step < recipe.steps:
                rows = rng.choice(inside, recipe.batch, replace=False)
                loss = F.cross_entropy(model(shifted(x[rows], rng)), y[rows])
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                steps.advance(1)
    return checkpoints


def split(labels: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions that train and positions held out: the same for every network and seed."""
    order = np.random.default_rng(0).permutation(len(labels))
    return np.sort(order[:TRAIN]), np.sort(order[TRAIN:])


class Schedule(Protocol):
    """What `adamw` needs to know of a training."""

    @property
    def steps(self) -> int:
        """How long it is."""
        ...

    @property
    def learning_rate(self) -> float:
        """The highest."""
        ...

    @property
    def weight_decay(self) -> float:
        """Of matrices; vectors have none."""
        ...


def adamw(
    model: nn.Module, recipe: Schedule
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW with a warm-up of 10 % and a cosine to 0."""
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if p.ndim > 1]},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    warm = max(1, recipe.steps // 10)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / (recipe.steps - warm)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def shifted(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Move each image by up to one pixel; what comes in is background."""
    background = float(x.min())
    padded = F.pad(x, (1, 1, 1, 1), value=background)
    down, right = (torch.from_numpy(rng.integers(0, 3, len(x))) for _ in range(2))
    rows = (down[:, None] + torch.arange(8))[:, None, :, None]
    columns = (right[:, None] + torch.arange(8))[:, None, None, :]
    each = torch.arange(len(x))[:, None, None, None]
    return padded[each, torch.zeros_like(each), rows, columns]


def _accuracy(model: nn.Module, x: Tensor, y: Tensor, rows: NDArray[np.intp]) -> float:
    model.eval()
    with torch.no_grad():
        correct = model(x[rows]).argmax(dim=1) == y[rows]
    model.train()
    return float(correct.float().mean())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
