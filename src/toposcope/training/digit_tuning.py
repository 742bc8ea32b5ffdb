"""A trained digits network on other images: what its blocks make of them, and fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from toposcope.training.digits import adamw, one_thread, preprocess


@dataclass(frozen=True)
class Tuning:
    """How it is fine-tuned: all weights, AdamW, a warm-up of 10 %, cosine to 0, images not shifted.

    Parameters
    ----------
    steps, batch, learning_rate, weight_decay
        Of the training.
    seed
        Of the new head and the order of images.
    """

    steps: int = 40
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    seed: int = 0


def tuned_accuracy(
    model: nn.Module,
    train: tuple[NDArray[Any], NDArray[np.int64]],
    test: tuple[NDArray[Any], NDArray[np.int64]],
    how: Tuning,
) -> float:
    """Accuracy on `test` of a network of `training.digit_networks` fine-tuned on `train`.

    Parameters
    ----------
    model
        Is changed.
    train, test
        (n, 8, 8) images and (n,) classes from 0 on.
    how
        The protocol.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(how.seed)
        model.head = nn.Linear(model.head.in_features, int(train[1].max()) + 1)
        optimizer, schedule = adamw(model, how)
        x, y = preprocess(train[0]), torch.from_numpy(train[1])
        rng = np.random.default_rng(how.seed)
        model.train()
        for _ in range(how.steps):
            rows = rng.choice(len(x), min(how.batch, len(x)), replace=False)
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            found = model(preprocess(test[0])).argmax(dim=1).numpy()
        return float((found == test[1]).mean())


def volumes_and_logits(
    model: nn.Module, blocks: Sequence[str], images: NDArray[Any], *, size: int | None = None
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """(n, channels, height, width) of every block of a network, and its (n, classes) logits.

    Parameters
    ----------
    model
        A network of `training.digit_networks` in evaluation mode.
    blocks
        Names of its modules, from the input on.
    images
        (n, 8, 8) images.
    size
        The side that they are brought to (bilinear); None as they are.
    """
    kept: dict[str, NDArray[np.float32]] = {}

    def keep(name: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            kept[name] = output.numpy()

        return hook

    x = preprocess(images)
    if size not in (None, x.shape[-1]):
        x = F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    handles = [model.get_submodule(name).register_forward_hook(keep(name)) for name in blocks]
    try:
        with torch.no_grad():
            logits = model(x).numpy()
    finally:
        for handle in handles:
            handle.remove()
    return kept, logits
