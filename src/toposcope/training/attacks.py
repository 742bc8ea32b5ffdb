"""Targeted attacks on small networks, and noise of the same norm.

    moved = attacked(logits, x, targets, attack="pgd", strength=0.1)

`logits` is any function of images that gradients go through. Strengths are bounds on every pixel,
in the units of the images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from toposcope.errors import UsageError
from toposcope.training import digit_nets
from toposcope.training.digit_recipes import NetRecipe

ATTACKS = ("fgsm", "pgd")
PGD_STEPS, PGD_SHARE = 10, 0.25
"""Steps of projected gradient descent, each of so much of the strength."""


def attacked(
    logits: Callable[[Tensor], Tensor],
    x: Tensor,
    targets: Tensor,
    *,
    attack: str,
    strength: float,
) -> Tensor:
    """Images moved towards the classes that are aimed at.

    Parameters
    ----------
    logits
        (n, ...) images -> (n, classes).
    x
        (n, ...) images.
    targets
        (n,) classes.
    attack
        "fgsm": one step of the sign of the gradient. "pgd": ten smaller ones, kept within the
        strength.
    strength
        Largest change of a pixel.

    Examples
    --------
    >>> weights = torch.tensor([[1.0, -1.0]])
    >>> x, aim = torch.zeros(1, 1), torch.tensor([0])
    >>> [attacked(lambda z: z @ weights, x, aim, attack=a, strength=0.5).item() for a in ATTACKS]
    [0.5, 0.5]
    """
    if attack not in ATTACKS or not strength >= 0:
        msg = (
            f"attacked(): attack={attack!r}, strength={strength}; needed is one of "
            f"{', '.join(ATTACKS)} and a strength of 0 or more."
        )
        raise UsageError(msg)
    steps, size = (1, strength) if attack == "fgsm" else (PGD_STEPS, PGD_SHARE * strength)
    moved = x.clone()
    if not strength:
        return moved
    for _ in range(steps):
        moved.requires_grad_()
        loss = F.cross_entropy(logits(moved), targets)
        (slope,) = torch.autograd.grad(loss, moved)
        moved = (moved - size * slope.sign()).detach()
        moved = x + (moved - x).clamp(-strength, strength)
    return moved


def noisy(x: Tensor, moved: Tensor, generator: torch.Generator) -> Tensor:
    """Images with signs drawn for every pixel, each as far from its image as the moved one is.

    >>> x = torch.zeros(2, 4)
    >>> moved = torch.tensor([[1.0, 1, 1, 1], [0.0, 2, 0, 0]])
    >>> noisy(x, moved, torch.Generator().manual_seed(0)).norm(dim=1).tolist()
    [2.0, 2.0]
    """
    signs = torch.randint(0, 2, x.shape, generator=generator) * 2.0 - 1.0
    flat = (moved - x).flatten(1).norm(dim=1) / signs.flatten(1).norm(dim=1)
    return x + signs * flat.reshape(-1, *[1] * (x.ndim - 1))


Layers = Mapping[str, NDArray[np.float32]]


def attacked_digits(
    recipe: NetRecipe,
    weights_file: Path,
    member: int,
    targets: NDArray[np.int64],
    *,
    attack: str,
    strengths: Sequence[float],
    seed: int = 0,
) -> Iterator[tuple[Layers, Layers]]:
    """Layers of a network on held-out digits after attacks, and after noise of the same norm.

    Parameters
    ----------
    recipe, weights_file, member
        Which network, see `digit_nets`.
    targets
        (n,) class that each held-out image is moved towards.
    attack, strengths
        As in `attacked`; one pair of layers for each. Strength 0 is no change.
    seed
        Of the noise.
    """
    weights = digit_nets.read_weights(recipe, weights_file, member)
    x = digit_nets.digits_split(recipe.train).x_test
    for k, strength in enumerate(strengths):
        moved = attacked(
            lambda images: digit_nets.logits_of(recipe, weights, images),
            x,
            torch.from_numpy(targets),
            attack=attack,
            strength=strength,
        )
        other = noisy(x, moved, torch.Generator().manual_seed(seed + k))
        sides = (digit_nets.layers_of(recipe, weights, images) for images in (moved, other))
        yield next(sides), next(sides)
