"""Many convolutional networks of one shape, trained at once on scikit-learn's digits.

A network of N times as many channels in N groups is N networks: one grouped convolution costs about
half of N separate ones at 8 to 16 channels, and the overhead of a step is paid once. Members differ
in seed, weight decay and the share of their training labels that is shuffled; a member is the same
whichever others are trained beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from toposcope.activations.data.arrays import digits_arrays
from toposcope.errors import UsageError
from toposcope.execution.progress import Progress, ensure
from toposcope.training.digit_recipes import NetRecipe, shapes_of, trained_labels

Weights = Mapping[str, Tensor]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "elu": F.elu,
}
EPSILON = 1e-5
"""Added to variances of batch normalization, as torch does."""


@dataclass(frozen=True)
class Moment:
    """All members at one step of their training.

    Parameters
    ----------
    step
        Steps done.
    weights
        By name, members in groups: see `activations_of`.
    loss, train, test, norm
        (members,) loss and accuracy on the training images and the labels they were trained on,
        accuracy on the held-out images, and the root of the sum of squared weights.
    """

    step: int
    weights: Weights
    loss: NDArray[np.float64]
    train: NDArray[np.float64]
    test: NDArray[np.float64]
    norm: NDArray[np.float64]


@dataclass(frozen=True)
class Digits:
    """The images of a family: which train and which are held out.

    Parameters
    ----------
    x, x_test
        (n, 1, 8, 8) normalized images.
    y, y_test
        (n,) classes.
    ids, ids_test
        Their positions among all images.
    """

    x: Tensor
    y: NDArray[np.int64]
    x_test: Tensor
    y_test: NDArray[np.int64]
    ids: NDArray[np.intp]
    ids_test: NDArray[np.intp]


def digits_split(train: int) -> Digits:
    """So many training images, the same for every network; the others are held out."""
    images, labels = digits_arrays()
    if not 50 <= train <= len(labels) - 50:
        msg = f"digits_split(): train={train}; needed is 50 to {len(labels) - 50} of {len(labels)}."
        raise UsageError(msg)
    order = np.random.default_rng(0).permutation(len(labels))
    inside, outside = np.sort(order[:train]), np.sort(order[train:])
    x = (torch.from_numpy(images).float().unsqueeze(1) / 255 - 0.3) / 0.38
    return Digits(x[inside], labels[inside], x[outside], labels[outside], inside, outside)


def train_nets(recipe: NetRecipe, *, progress: Progress | None = None) -> list[Moment]:
    """Train all members of a recipe; what they are at its moments and at the end.

    Examples
    --------
    >>> moments = train_nets(NetRecipe(blocks=1, width=4, steps=4, moments=(0,)))
    >>> [one.step for one in moments], moments[-1].test.shape
    ([0, 4], (1,))
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # for such small products as fast as two, and kinder to busy cores
    try:
        return _train(recipe, progress)
    finally:
        torch.set_num_threads(before)


def activations_of(
    recipe: NetRecipe, moment: Moment, member: int, x: Tensor
) -> dict[str, NDArray[np.float32]]:
    """Layers of one member on images, convolutions averaged over places: (n, channels).

    Parameters
    ----------
    recipe, moment, member
        Which network.
    x
        (n, 1, 8, 8) images as of `digits_split`.

    Returns
    -------
    "stem", "block1", ..., "hidden" where there is one, "logits".
    """
    return layers_of(recipe, of_member(recipe, moment.weights, member), x)


def layers_of(recipe: NetRecipe, weights: Weights, x: Tensor) -> dict[str, NDArray[np.float32]]:
    """`activations_of` the weights of one member."""
    kept: dict[str, Tensor] = {}
    with torch.no_grad():
        _forward(recipe, weights, x, kept=kept)
    return {name: value[0].numpy() for name, value in kept.items()}


def of_member(recipe: NetRecipe, weights: Weights, member: int) -> dict[str, Tensor]:
    """The weights of one member alone."""
    n = len(recipe.members)
    return {name: value.reshape(n, -1, *value.shape[1:])[member] for name, value in weights.items()}


def read_weights(recipe: NetRecipe, file: Path, member: int) -> dict[str, Tensor]:
    """The weights of one member, from the npz of a family that is kept."""
    with np.load(file) as held:
        weights = {name: torch.from_numpy(held[name]) for name in held.files}
    return of_member(recipe, weights, member)


def logits_of(recipe: NetRecipe, weights: Weights, x: Tensor) -> Tensor:
    """(n, classes) logits of the weights of one member, which gradients go through."""
    return _forward(recipe, weights, x)[0]


# -------------------------------------------------------------------------------------- training


def _train(recipe: NetRecipe, progress: Progress | None) -> list[Moment]:
    data = digits_split(recipe.train)
    labels = np.stack([trained_labels(m, data.y) for m in recipe.members])
    n = len(recipe.members)
    weights = _initial(recipe)
    decayed = [name for name in weights if name.endswith("weight")]
    each = torch.tensor([m.weight_decay for m in recipe.members])
    optimizer = torch.optim.Adam(list(weights.values()), lr=recipe.learning_rate, foreach=True)
    rows = np.stack(
        [
            np.random.default_rng([m.seed, 3]).integers(
                0, recipe.train, (recipe.steps, recipe.batch)
            )
            for m in recipe.members
        ]
    )
    targets = torch.from_numpy(np.take_along_axis(labels, rows.reshape(n, -1), 1)).reshape(
        n, recipe.steps, recipe.batch
    )
    moments = []
    with ensure(progress).task(f"train {recipe.kind} networks", recipe.steps) as bar:
        for step in range(recipe.steps + 1):
            if step in recipe.moments or step == recipe.steps:
                moments.append(_looked_at(recipe, weights, step, data, labels))
            if step == recipe.steps:
                break
            rate = recipe.learning_rate * _schedule(step, recipe.steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            x = data.x[rows[:, step].T, 0]  # (batch, members, 8, 8)
            logits = _forward(recipe, weights, x, groups=n)
            loss = n * F.cross_entropy(logits.flatten(0, 1), targets[:, step].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for name in decayed:
                    value = weights[name]
                    shrink = (1 - rate * each).repeat_interleave(len(value) // n)
                    value.mul_(shrink.reshape(-1, *[1] * (value.ndim - 1)))
            bar.advance(1)
    return moments


def _looked_at(
    recipe: NetRecipe, weights: Weights, step: int, data: Digits, labels: NDArray[np.int64]
) -> Moment:
    """A copy of the weights with the means and variances of the norms over all training images."""
    n = len(recipe.members)
    copied = {name: value.detach().clone() for name, value in weights.items()}
    found: dict[str, list[Tensor]] = {}
    loss, train, test, norm = np.zeros((4, n))
    with torch.no_grad():
        for i in range(n):
            own = of_member(recipe, copied, i)
            moments: dict[str, Tensor] = {}
            logits = _forward(recipe, own, data.x, groups=1, seen=moments)[0]
            for name, value in moments.items():
                found.setdefault(name, []).append(value)
            y = torch.from_numpy(labels[i])
            loss[i] = float(F.cross_entropy(logits, y))
            train[i] = float((logits.argmax(1) == y).double().mean())
            held = _forward(recipe, {**own, **moments}, data.x_test)[0].argmax(1).numpy()
            test[i] = float((held == data.y_test).mean())
            norm[i] = math.sqrt(
                sum(float((v**2).sum()) for k, v in own.items() if k.endswith("weight"))
            )
    copied |= {name: torch.cat(values) for name, values in found.items()}
    return Moment(step, copied, loss, train, test, norm)


def _initial(recipe: NetRecipe) -> dict[str, Tensor]:
    """He's initialization, each member from its own seed; members one after the other."""
    made: dict[str, list[Tensor]] = {}
    for member in recipe.members:
        generator = torch.Generator().manual_seed(member.seed)
        for name, shape in shapes_of(recipe).items():
            if name.endswith("weight"):
                inputs = math.prod(shape[1:]) if len(shape) == 4 else shape[0]
                value = torch.randn(shape, generator=generator) * math.sqrt(2 / inputs)
            elif name.endswith("gain"):
                value = torch.ones(shape)
            else:
                value = torch.zeros(shape)
            made.setdefault(name, []).append(value)
    return {name: torch.cat(values).requires_grad_() for name, values in made.items()}


def _forward(
    recipe: NetRecipe,
    weights: Weights,
    x: Tensor,
    *,
    groups: int = 1,
    seen: dict[str, Tensor] | None = None,
    kept: dict[str, Tensor] | None = None,
) -> Tensor:
    """(groups, n, classes) logits of (n, groups, 8, 8) images.

    Norms use the means and variances among the weights where those are there, else those of the
    batch, which `seen` collects; `kept` collects (groups, n, channels) of every layer.
    """
    act = ACTIVATIONS[recipe.activation]

    def keep(name: str, h: Tensor) -> Tensor:
        if kept is not None:
            kept[name] = _grouped(h, groups) if h.ndim == 4 else h
        return h

    def convolve(name: str, h: Tensor, stride: int = 1) -> Tensor:
        h = F.conv2d(h, weights[f"{name}.weight"], stride=stride, padding=1, groups=groups)
        mean, var = weights.get(f"{name}.mean"), weights.get(f"{name}.var")
        if seen is not None:
            found_var, found_mean = torch.var_mean(h, dim=(0, 2, 3), correction=0)
            seen[f"{name}.mean"], seen[f"{name}.var"] = found_mean, found_var
        gain, shift = weights[f"{name}.gain"], weights[f"{name}.shift"]
        return F.batch_norm(h, mean, var, gain, shift, training=mean is None, eps=EPSILON)

    h = keep("stem", act(convolve("stem", x, stride=2)))
    halved = math.ceil(recipe.blocks / 2)
    for b in range(recipe.blocks):
        if b == halved:
            h = F.avg_pool2d(h, 2)
        inner = convolve(f"block{b + 1}.2", act(convolve(f"block{b + 1}.1", h)))
        h = act(inner + h if recipe.kind == "residual" else inner)
        keep(f"block{b + 1}", h)
    out = _grouped(h, groups)
    if recipe.hidden:
        out = keep("hidden", F.relu(_linear("hidden", out, weights)))
    return keep("logits", _linear("logits", out, weights))


def _grouped(h: Tensor, groups: int) -> Tensor:
    """(n, groups * channels, h, w) -> (groups, n, channels), means over places."""
    return h.mean((2, 3)).reshape(len(h), groups, -1).transpose(0, 1)


def _linear(name: str, h: Tensor, weights: Weights) -> Tensor:
    """(groups, n, in) -> (groups, n, out); weights of all groups lie one below the other."""
    weight = weights[f"{name}.weight"].reshape(len(h), h.shape[-1], -1)
    return torch.baddbmm(weights[f"{name}.shift"].unsqueeze(1), h, weight)


def _schedule(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / steps))
