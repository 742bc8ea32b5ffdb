"""What is kept of one layer's output: a vector per sample, or all of it.

A pool is planned once per layer from the shape of its output, and recorded by name with the RUN.
Tokens come before width (tokens, width). How tokens are pooled is in tokens.py, where the
channels of maps are in volumes.py, random projections in projection.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from toposcope.activations.pools import tokens as tokenpools
from toposcope.activations.pools.projection import SignMatrix
from toposcope.activations.pools.volumes import FIRST, Channels, keep_volume
from toposcope.errors import UsageError

TOKEN_POOLS = ("cls", "mean_token", "last_token", "max_token", "tokens")
POOLS = ("auto", "flatten", "gap", "volume", *TOKEN_POOLS, "project:K")

Apply = Callable[[Tensor, Tensor | None], Tensor]
"""(outputs (batch, ...), mask of real tokens (batch, tokens) or None) -> (batch, *shape)."""


@dataclass(frozen=True)
class TokenAxis:
    """The token axis of a model whose input has a mask.

    Parameters
    ----------
    probed
        Tokens per sample in the batch that the shapes come from, pads included.
    longest
        Real tokens of the longest sample of the RUN.
    """

    probed: int
    longest: int


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
        Function (outputs, mask) -> (batch, *shape); the mask (batch, tokens) is True for real
        tokens, or None where the model's input has none.
    """

    name: str
    shape: tuple[int, ...]
    law: str
    apply: Apply = field(repr=False, compare=False)


def plan_pool(
    pool: str,
    shape: tuple[int, ...],
    *,
    address: str,
    seed: int = 0,
    has_cls: bool = False,
    channels: Channels = FIRST,
    tokens: TokenAxis | None = None,
) -> PoolPlan:
    """Decide what to keep of a layer with this output shape.

    Parameters
    ----------
    pool
        "flatten": all values. "gap": mean over the spatial axes of (C, H, W); a vector stays as it
        is. "volume": (C, H, W) whole, for cubical analysis and clouds of positions. For (tokens,
        width), where pads never count: "cls" (the first token), "last_token", "mean_token" (over
        all tokens, the class token included), "max_token", and "tokens", which keeps them all.
        "project:K": random projection of all values to K numbers. "auto": gap for (C, H, W), cls
        or mean_token for (tokens, width), flatten for vectors. Every token pool but "tokens" keeps
        a vector as it is when the input has a mask (a head after the pooling).
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
    tokens
        The token axis where the model's input has a mask, else None.

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
    >>> plan_pool("tokens", (9, 64), address="h.0", tokens=TokenAxis(9, 31)).shape
    (31, 64)
    """
    name = _auto(shape, has_cls) if pool == "auto" else pool
    width = math.prod(shape)
    if tokens is not None and len(shape) > 1:
        _check_token_axis(name, shape, tokens, address)
    if name == "flatten" or (name in TOKEN_POOLS[:-1] and tokens is not None and len(shape) == 1):
        return PoolPlan("flatten", (width,), "all values, flattened", lambda x, mask: x.flatten(1))
    if name == "gap" and len(shape) != 2:
        return _gap(shape, channels)
    if name == "volume":
        kept, law, whole = keep_volume(shape, channels, address=address)
        return PoolPlan(name, kept, law, lambda x, mask: whole(x))
    if name in TOKEN_POOLS and len(shape) == 2:
        return _tokens(name, shape, tokens)
    if name.startswith("project:"):
        return _project(name, width, address=address, seed=seed)
    raise UsageError(_refusal(name, shape, address))


def _auto(shape: tuple[int, ...], has_cls: bool) -> str:
    if len(shape) == 2:
        return "cls" if has_cls else "mean_token"
    return "gap" if len(shape) > 2 else "flatten"


def _check_token_axis(name: str, shape: tuple[int, ...], tokens: TokenAxis, address: str) -> None:
    """Refuse what would let pads in, or would have another shape in the next batch."""
    if len(shape) == 2 and shape[0] == tokens.probed:
        if name in TOKEN_POOLS:
            return
        why = f"pool {name!r} would count its pad tokens"
    else:
        why = (
            f"its axis of {shape[0]} is not the token axis: the mask of the input covers "
            f"{tokens.probed} tokens"
        )
    msg = (
        f"layer {address!r} gives {shape} per sample of padded text, and {why}. Use pool "
        f"{', '.join(map(repr, TOKEN_POOLS))} on layers of shape (tokens, width)."
    )
    raise UsageError(msg)


def _gap(shape: tuple[int, ...], channels: Channels) -> PoolPlan:
    if len(shape) < 2:
        law = "a vector, kept whole"
        return PoolPlan("gap", (math.prod(shape),), law, lambda x, mask: x.flatten(1))
    law = f"mean over the {len(shape) - 1} spatial axes of {shape}, {channels.why}"
    if channels.axis == "last":
        return PoolPlan("gap", shape[-1:], law, lambda x, mask: x.flatten(1, -2).mean(dim=1))
    # One flattened axis: measured a fifth faster than a mean over several.
    return PoolPlan("gap", shape[:1], law, lambda x, mask: x.flatten(2).mean(dim=2))


def _tokens(name: str, shape: tuple[int, ...], tokens: TokenAxis | None) -> PoolPlan:
    which = f"{shape[0]}" if tokens is None else "real"
    if name == "tokens":
        length = shape[0] if tokens is None else tokens.longest
        law = f"all {which} tokens in their order" + (
            "" if tokens is None else f", then zeros up to {length}: see @mask"
        )

        def keep(outputs: Tensor, mask: Tensor | None) -> Tensor:
            return tokenpools.all_tokens(outputs, mask, length=length)

        return PoolPlan(name, (length, shape[1]), law, keep)
    laws: dict[str, tuple[str, Apply]] = {
        "cls": (f"the first of the {which} tokens", tokenpools.first_token),
        "last_token": (f"the last of the {which} tokens", tokenpools.last_token),
        "mean_token": (f"mean over all {which} tokens", tokenpools.mean_token),
        "max_token": (f"maximum over all {which} tokens", tokenpools.max_token),
    }
    law, apply = laws[name]
    return PoolPlan(name, shape[1:], law, apply)


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
    return PoolPlan(name, (k,), law, lambda x, mask: matrix.apply(x))
