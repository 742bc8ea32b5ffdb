"""A family of convolutional networks on the digits: shapes, members, labels; without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError

ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu")
CLASSES = 10


@dataclass(frozen=True)
class Member:
    """One network of a family.

    Parameters
    ----------
    seed
        Of its initial weights, its batches and its shuffled labels.
    weight_decay
        Decoupled from the gradient, as in AdamW; of all weights but norms and biases.
    label_noise
        Share of the training images whose labels are shuffled among them (class sizes stay).
    """

    seed: int = 0
    weight_decay: float = 0.0
    label_noise: float = 0.0


@dataclass(frozen=True)
class NetRecipe:
    """The shape of a family and how it is trained (Adam, warm-up of 5 %, cosine to 0).

    Parameters
    ----------
    kind
        "residual" (two 3x3 convolutions and a shortcut a block) or "plain" (the same without the
        shortcut).
    blocks, width
        Blocks, each of so many channels. The stem makes the 8 x 8 image 4 x 4, the block after half
        of them (of two or more) 2 x 2.
    activation
        One of `ACTIVATIONS`.
    hidden
        Units of a fully connected layer before the classes, so that all shapes have the same
        penultimate dimension; 0 for none.
    members
        The networks.
    steps, batch, learning_rate
        Of the training.
    train
        Images that train; the others are held out.
    moments
        Steps at which networks are looked at, besides the end.
    """

    kind: str = "residual"
    blocks: int = 4
    width: int = 16
    activation: str = "relu"
    hidden: int = 0
    members: tuple[Member, ...] = (Member(),)
    steps: int = 250
    batch: int = 32
    learning_rate: float = 1e-2
    train: int = 897
    moments: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        call = "NetRecipe()"
        if self.kind not in ("residual", "plain") or self.activation not in ACTIVATIONS:
            msg = (
                f"{call}: kind={self.kind!r}, activation={self.activation!r}; needed are residual "
                f"or plain, and one of {', '.join(ACTIVATIONS)}."
            )
            raise UsageError(msg)
        if (
            not self.members
            or self.blocks < 1
            or any(not 0 <= s < self.steps for s in self.moments)
        ):
            msg = (
                f"{call}: {len(self.members)} members, blocks={self.blocks}, "
                f"moments={self.moments} of {self.steps} steps; needed are one or more of each."
            )
            raise UsageError(msg)

    @property
    def parameters(self) -> int:
        """Trained numbers of one member."""
        return sum(math.prod(shape) for shape in shapes_of(self).values())


def shapes_of(recipe: NetRecipe) -> dict[str, tuple[int, ...]]:
    """Of one member: name -> shape; norms are "gain" and "shift", so that they are not decayed."""
    c = recipe.width
    out: dict[str, tuple[int, ...]] = {}
    convolutions = [("stem", 1)] + [
        (f"block{b + 1}.{k}", c) for b in range(recipe.blocks) for k in (1, 2)
    ]
    for name, channels in convolutions:
        out |= {
            f"{name}.weight": (c, channels, 3, 3),
            f"{name}.gain": (c,),
            f"{name}.shift": (c,),
        }
    last = c
    if recipe.hidden:
        out |= {"hidden.weight": (c, recipe.hidden), "hidden.shift": (1, recipe.hidden)}
        last = recipe.hidden
    return out | {"logits.weight": (last, CLASSES), "logits.shift": (1, CLASSES)}


def trained_labels(member: Member, y: NDArray[np.int64]) -> NDArray[np.int64]:
    """The labels a member is trained on: a share of them shuffled among themselves."""
    count = round(member.label_noise * len(y))
    rng = np.random.default_rng([member.seed, 7])
    chosen = rng.permutation(len(y))[:count]
    out = y.copy()
    out[chosen] = y[rng.permutation(chosen)]
    return out
