"""Many small fully connected networks, trained at once: a batched matrix product per layer.

Thirty networks of width 15 cost about three times what one costs, since a training step of one is
mostly overhead. Weights are kept where training accuracy first reaches given milestones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from toposcope.errors import UsageError
from toposcope.execution.progress import Progress, ensure

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
}
GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / 1.04)}
"""Of the initial weights: with less, 10 tanh layers 15 wide do not start to learn."""
CHECK_EVERY = 10
"""Steps between two looks at the training accuracy."""


@dataclass(frozen=True)
class MlpRecipe:
    """How networks are trained (Adam, warm-up of 5 %, cosine to 0).

    Parameters
    ----------
    widths
        Of every layer, input and classes included: (2, 15, 15, 2).
    activation
        One of `ACTIVATIONS`.
    networks
        How many.
    steps, batch, learning_rate, weight_decay
        Of the training.
    milestones
        Training accuracies, rising; the untrained network and the one at the end are always kept.
    seed
        Of initial weights and batches; networks differ in both.
    """

    widths: tuple[int, ...]
    activation: str = "tanh"
    networks: int = 30
    steps: int = 1500
    batch: int = 128
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    milestones: tuple[float, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """Networks at moments of their training.

    Parameters
    ----------
    weights, biases
        By layer: (networks, moments, width in, width out) and (networks, moments, width out).
    steps
        (networks, moments) step of each moment; -1 where a milestone was not reached.
    train, test
        (networks, moments) accuracies; NaN where it was not reached.
    """

    weights: list[NDArray[np.float32]]
    biases: list[NDArray[np.float32]]
    steps: NDArray[np.int64]
    train: NDArray[np.float64]
    test: NDArray[np.float64]


def train_mlps(
    recipe: MlpRecipe,
    x: NDArray[np.float64],
    y: NDArray[np.int64],
    x_test: NDArray[np.float64],
    y_test: NDArray[np.int64],
    *,
    progress: Progress | None = None,
) -> Trained:
    """Train all networks of a recipe on the same data.

    Parameters
    ----------
    recipe
        What to train.
    x, y, x_test, y_test
        (n, d) data and (n,) classes.
    progress
        Where to tell how far it is.

    Returns
    -------
    Moments: untrained, every milestone in order, the end.
    """
    if recipe.activation not in ACTIVATIONS:
        msg = f"train_mlps(): activation={recipe.activation!r} is none of {', '.join(ACTIVATIONS)}."
        raise UsageError(msg)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # for such small products as fast as two, and kinder to busy cores
    try:
        train, test = (
            (torch.from_numpy(a.astype(np.float32)), torch.from_numpy(b.astype(np.int64)))
            for a, b in ((x, y), (x_test, y_test))
        )
        return _train(recipe, train, test, progress)
    finally:
        torch.set_num_threads(before)


def _train(
    recipe: MlpRecipe,
    data: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    progress: Progress | None,
) -> Trained:
    x, y = data
    n, steps = recipe.networks, recipe.steps
    generator = torch.Generator().manual_seed(recipe.seed)
    weights, biases = _initial(recipe, generator)
    optimizer = torch.optim.Adam(
        [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": biases}],
        lr=recipe.learning_rate,
        foreach=True,
    )
    act = ACTIVATIONS[recipe.activation]
    moments = len(recipe.milestones) + 2
    kept_w = [np.zeros((n, moments, *w.shape[1:]), np.float32) for w in weights]
    kept_b = [np.zeros((n, moments, b.shape[-1]), np.float32) for b in biases]
    at = np.full((n, moments), -1)
    train, test = np.full((2, n, moments), np.nan)
    passed = np.full((n, len(recipe.milestones)), False)

    def keep(network: int, moment: int, step: int, accuracy: Tensor, other: Tensor) -> None:
        for all_kept, now in zip(kept_w, weights, strict=True):
            all_kept[network, moment] = now[network].detach().numpy()
        for all_kept, now in zip(kept_b, biases, strict=True):
            all_kept[network, moment] = now[network, 0].detach().numpy()
        at[network, moment] = step
        train[network, moment], test[network, moment] = accuracy[network], other[network]

    def accuracy_on(a: Tensor, b: Tensor) -> Tensor:
        with torch.no_grad():
            logits = _forward(a.expand(n, -1, -1), weights, biases, act)
        return (logits.argmax(-1) == b).double().mean(1)

    with ensure(progress).task("train networks", steps) as bar:
        for step in range(steps + 1):
            last = step == steps
            if step % CHECK_EVERY == 0 or last:
                accuracy, other = accuracy_on(*data), accuracy_on(*others)
                for i in range(n):
                    if step in (0, steps):
                        keep(i, 0 if step == 0 else moments - 1, step, accuracy, other)
                    # The untrained network is no milestone: chance may lie above the lowest.
                    for m, level in enumerate(recipe.milestones):
                        if step > 0 and not passed[i, m] and accuracy[i] >= level:
                            passed[i, m] = True
                            keep(i, m + 1, step, accuracy, other)
            if last:
                break
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _schedule(step, steps)
            rows = torch.randint(0, len(x), (n, recipe.batch), generator=generator)
            logits = _forward(x[rows], weights, biases, act)
            loss = n * F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y[rows].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            bar.advance(1)
    return Trained(kept_w, kept_b, at, train, test)


def _initial(recipe: MlpRecipe, generator: torch.Generator) -> tuple[list[Tensor], list[Tensor]]:
    gain = GAINS[recipe.activation]
    weights, biases = [], []
    for a, b in zip(recipe.widths, recipe.widths[1:], strict=False):
        scale = gain * math.sqrt(2 / (a + b))
        drawn = torch.randn((recipe.networks, a, b), generator=generator) * scale
        weights.append(drawn.requires_grad_())
        biases.append(torch.zeros((recipe.networks, 1, b)).requires_grad_())
    return weights, biases


def _forward(
    x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], act: Callable[[Tensor], Tensor]
) -> Tensor:
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        x = act(torch.baddbmm(bias, x, weight))
    return torch.baddbmm(biases[-1], x, weights[-1])


def _schedule(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / steps))
