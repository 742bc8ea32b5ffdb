"""What is kept of one layer's output: a vector per sample, or all of it.

A pool is planned once per layer from the shape of its output, and recorded by name with the RUN.
Tokens come before width (tokens, width); where the channels of maps are is decided in volumes.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from toposcope.activations.volumes import FIRST, Channels, keep_volume
from toposcope.errors import UsageError

POOLS = ("auto", "flatten", "gap", "volume", "cls", "mean_token", "project:K")
BLOCK = 16384
"""Input features multiplied at once by a projection; part of its definition (summation order)."""
CACHED_ENTRIES = 1 << 26
"""Projection matrices up to this size (256 MiB as float32) stay expanded between batches."""


@dataclass(frozen=True)
class PoolPlan:
    """The pool of one layer.

    Parameters
    ----------
    name
        The pool that was decided on, never "auto".
    shape
        Shape per sample of what is kept.
    law
        What was done, in words, with everything needed to do it again.
    apply
        Function (batch, ...) -> (batch, *shape).
    """

    name: str
    shape: tuple[int, ...]
    law: str
    apply: Callable[[Tensor], Tensor] = field(repr=False, compare=False)


def plan_pool(
    pool: str,
    shape: tuple[int, ...],
    *,
    address: str,
    seed: int = 0,
    has_cls: bool = False,
    channels: Channels = FIRST,
) -> PoolPlan:
    """Decide what to keep of a layer with this output shape.

    Parameters
    ----------
    pool
        "flatten": all values. "gap": mean over the spatial axes of (C, H, W); a vector stays as it
        is. "volume": (C, H, W) whole, for cubical analysis and clouds of positions. "cls": token 0
        of (tokens, width). "mean_token": mean over all tokens, the class token included.
        "project:K": random projection of all values to K numbers. "auto": gap for (C, H, W), cls
        or mean_token for (tokens, width), flatten for vectors.
    shape
        Output shape per sample, without the batch.
    address
        Address of the layer, for messages.
    seed
        Seed of the projection; layers of equal width share the matrix of a seed.
    has_cls
        Whether the model has a class token: decides "auto" for (tokens, width).
    channels
        Where the channels of a layer with maps are, for "gap" and "volume".

    Returns
    -------
    The plan.

    Raises
    ------
    UsageError
        When the pool is unknown or cannot be applied to the shape.

    Examples
    --------
    >>> plan_pool("gap", (16, 8, 8), address="layer1").shape
    (16,)
    >>> plan_pool("auto", (65, 96), address="blocks.0", has_cls=True).name
    'cls'
    """
    name = _auto(shape, has_cls) if pool == "auto" else pool
    width = math.prod(shape)
    if name == "flatten":
        return PoolPlan(name, (width,), "all values, flattened", lambda x: x.flatten(1))
    if name == "gap" and len(shape) != 2:
        return _gap(shape, channels)
    if name == "volume":
        return PoolPlan(name, *keep_volume(shape, channels, address=address))
    if name in ("cls", "mean_token") and len(shape) == 2:
        return _tokens(name, shape)
    if name.startswith("project:"):
        return _project(name, width, address=address, seed=seed)
    raise UsageError(_refusal(name, shape, address))


def _auto(shape: tuple[int, ...], has_cls: bool) -> str:
    if len(shape) == 2:
        return "cls" if has_cls else "mean_token"
    return "gap" if len(shape) > 2 else "flatten"


def _gap(shape: tuple[int, ...], channels: Channels) -> PoolPlan:
    if len(shape) < 2:
        return PoolPlan("gap", (math.prod(shape),), "a vector, kept whole", lambda x: x.flatten(1))
    law = f"mean over the {len(shape) - 1} spatial axes of {shape}, {channels.why}"
    if channels.axis == "last":
        return PoolPlan("gap", shape[-1:], law, lambda x: x.flatten(1, -2).mean(dim=1))
    # One flattened axis: measured a fifth faster than a mean over several.
    return PoolPlan("gap", shape[:1], law, lambda x: x.flatten(2).mean(dim=2))


def _tokens(name: str, shape: tuple[int, ...]) -> PoolPlan:
    if name == "cls":
        return PoolPlan(name, shape[1:], f"token 0 of {shape[0]}", lambda x: x[:, 0])
    return PoolPlan(name, shape[1:], f"mean over all {shape[0]} tokens", lambda x: x.mean(dim=1))


def _refusal(name: str, shape: tuple[int, ...], address: str) -> str:
    if name not in POOLS:
        return f"unknown pool {name!r}; there are {', '.join(POOLS)}, such as 'project:128'."
    if name == "gap":
        need = "(channels, height, width)"
        instead = "'mean_token' or 'cls' if this is (tokens, width), else 'flatten'"
    else:
        need, instead = "(tokens, width)", "'gap'" if len(shape) > 2 else "'flatten'"
    return (
        f"pool {name!r} needs an output of shape {need}; layer {address!r} gives {shape} per "
        f"sample. Use pool {instead}, or 'auto' to decide layer by layer."
    )


def _project(name: str, width: int, *, address: str, seed: int) -> PoolPlan:
    digits = name.removeprefix("project:")
    k = int(digits) if digits.isdecimal() else 0
    if not 1 <= k <= width:
        msg = (
            f"pool {name!r} of layer {address!r}: K must be a whole number from 1 to {width}, the "
            "number of values per sample. Write for example 'project:128'."
        )
        raise UsageError(msg)
    matrix = SignMatrix(width, k, seed)
    law = f"{width} -> {k} by random signs / sqrt({k}) (Achlioptas 2003), Philox seed {seed}"
    return PoolPlan(name, (k,), law, matrix.apply)


class SignMatrix:
    """Random projection (d -> k) by a matrix of signs divided by sqrt(k).

    Squared distances are kept in expectation, with relative standard deviation below sqrt(2/k):
    the same guarantee as Gaussian entries, at one bit per entry. The matrix is drawn in blocks of
    input features and expanded to float32 one block at a time when it is large, so that no
    d x k matrix of floats is ever needed.

    Parameters
    ----------
    d, k
        Numbers of input features and of output features.
    seed
        Seed; (seed, d, k) determine the matrix.

    References
    ----------
    Achlioptas, Database-friendly random projections, J. Comput. Syst. Sci. 66, 2003.
    """

    def __init__(self, d: int, k: int, seed: int) -> None:
        self._d, self._k, self._seed = d, k, seed
        self._bits: list[NDArray[np.uint8]] = []
        self._expanded: list[Tensor] = []

    def apply(self, outputs: Tensor) -> Tensor:
        """(batch, ...) -> (batch, k) float32."""
        flat = outputs.flatten(1).float()
        total = flat.new_zeros(len(flat), self._k)
        for index, start in enumerate(range(0, self._d, BLOCK)):
            total += flat[:, start : start + BLOCK] @ self._block(index, flat.device)
        return total

    def _block(self, index: int, device: torch.device) -> Tensor:
        if self._expanded:
            return self._expanded[index].to(device)
        if not self._bits:
            self._draw()
        if self._d * self._k <= CACHED_ENTRIES:
            self._expanded = [self._expand(i).to(device) for i in range(len(self._bits))]
            return self._expanded[index]
        return self._expand(index).to(device)

    def _draw(self) -> None:
        for index, start in enumerate(range(0, self._d, BLOCK)):
            rows = min(BLOCK, self._d - start)
            stream = np.random.SeedSequence(self._seed, spawn_key=(self._d, self._k, index))
            generator = np.random.Generator(np.random.Philox(stream))
            self._bits.append(np.frombuffer(generator.bytes(-(-rows * self._k // 8)), np.uint8))

    def _expand(self, index: int) -> Tensor:
        rows = min(BLOCK, self._d - index * BLOCK)
        bits = np.unpackbits(self._bits[index], count=rows * self._k)
        # The tiny matrix of two values looks a bit up: 0 -> -1/sqrt(k), 1 -> +1/sqrt(k).
        values = np.array([-1.0, 1.0], np.float32) / np.float32(math.sqrt(self._k))
        return torch.from_numpy(values[bits].reshape(rows, self._k))
