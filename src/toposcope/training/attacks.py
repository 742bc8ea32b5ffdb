"""Targeted attacks on small networks, and noise of the same norm.

    moved = attacked(logits, x, targets, attack="pgd", strength=0.1)

`logits` is any function of images that gradients go through. Strengths are bounds on every pixel,
in the units of the images.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from toposcope.errors import UsageError

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
