"""Raw batches as networks take them: where pictures have their channels, and token ids by name.

A preprocessing of the user's own gets the raw batch as the data gives it and passes none of this.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from toposcope.activations.data.source import COLORS
from toposcope.activations.model_inputs import IDS, MASK
from toposcope.errors import SpecError

DEFAULT_TEXT = (
    "default: uint8 NHWC, NCHW or NHW -> float32 NCHW / 255; floating point unchanged; "
    "token ids -> input_ids"
)


def channel_axis(shape: tuple[int, ...], channels: int | None = None) -> str | None:
    """Where a picture has its channels: "first", "last", or None where that cannot be told.

    Parameters
    ----------
    shape
        Of one picture, three numbers.
    channels
        How many the network takes, where that is known; it decides where the shape does not.

    Examples
    --------
    >>> channel_axis((1, 28, 28)), channel_axis((28, 28, 3))
    ('first', 'last')
    >>> channel_axis((13, 64, 64)), channel_axis((13, 64, 64), 13)
    (None, 'first')
    """
    first, last = shape[0] in COLORS, shape[-1] in COLORS
    if first == last and channels is not None:
        first, last = shape[0] == channels, shape[-1] == channels
    return None if first == last else "first" if first else "last"


def channels_last(batch: NDArray[Any], channels: int | None = None) -> NDArray[Any]:
    """(n, height, width, channels) of a uint8 batch of pictures in either order.

    Raises
    ------
    SpecError
        When neither the shape nor the network tells which axis holds the channels.

    Examples
    --------
    >>> channels_last(np.zeros((5, 3, 8, 6), np.uint8)).shape
    (5, 8, 6, 3)
    """
    if batch.ndim == 3:
        return batch[..., None]
    axis = channel_axis(batch.shape[1:], channels)
    if axis is None:
        takes = "" if channels is None else f" and the network takes {channels} channels"
        msg = (
            f"pictures are uint8 {batch.shape[1:]}{takes}: whether channels come first or last "
            "cannot be told. Pass floating-point arrays (n, channels, height, width), which go in "
            "as they are (x / 255), or put a function 'preprocess' beside the model's factory."
        )
        raise SpecError(msg)
    return np.moveaxis(batch, 1, -1) if axis == "first" else batch


def default_preprocess(
    batch: NDArray[Any], *, channels: int | None = None, ids: Callable[..., Any] | None = None
) -> Tensor | dict[str, Tensor]:
    """Input of a network for a raw batch: uint8 images to NCHW in [0, 1], floats unchanged.

    Parameters
    ----------
    batch
        (n, height, width, channels), (n, channels, height, width) or (n, height, width) uint8, any
        floating-point array, or (n, tokens) whole numbers for a network that takes `input_ids`.
    channels
        Channels that the network's first convolution takes, or None.
    ids
        Function from token ids to the network's named tensors; None for one that takes none.

    Returns
    -------
    (n, channels, height, width) float32, the array as float32, or named tensors.

    Raises
    ------
    SpecError
        For other types and shapes.

    Examples
    --------
    >>> default_preprocess(np.full((1, 2, 2, 3), 255, np.uint8)).shape
    torch.Size([1, 3, 2, 2])
    """
    if batch.dtype == object or batch.dtype.kind == "U":
        msg = (
            "the data is text and this model has no preprocessing for it. Write a function "
            "'preprocess' beside the model's factory that returns the tokenizer's dict (with "
            "return_tensors='pt'), or use hf:ID-or-folder, which brings its own tokenizer."
        )
        raise SpecError(msg)
    if np.issubdtype(batch.dtype, np.floating):
        return torch.from_numpy(np.ascontiguousarray(batch, dtype=np.float32))
    if ids is not None and batch.dtype.kind in "iu" and batch.ndim == 2:
        fed = ids(batch)
        return fed if isinstance(fed, Tensor) else dict(fed)
    if batch.dtype == np.uint8 and batch.ndim in (3, 4):
        images = channels_last(batch, channels)
        planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)
        return torch.from_numpy(planes / np.float32(255))
    msg = (
        f"the default preprocessing takes uint8 images (n, height, width[, channels]) or "
        f"floating-point arrays, and (n, tokens) whole numbers where the model takes {IDS}; the "
        f"data is {batch.dtype} {batch.shape}. Write a function 'preprocess' beside the model's "
        "factory: raw batch in, tensor out."
    )
    raise SpecError(msg)


def forward_parameters(model: nn.Module) -> Mapping[str, inspect.Parameter]:
    """Parameters of a network's forward pass; none where it has no signature (TorchScript)."""
    try:
        return inspect.signature(model.forward).parameters
    except (TypeError, ValueError):
        return {}


def default_for(model: object) -> Callable[[NDArray[Any]], Any]:
    """The default preprocessing with what a network says of its input."""
    if not isinstance(model, nn.Module):
        return default_preprocess
    first = next((m for m in model.modules() if isinstance(m, nn.modules.conv._ConvNd)), None)
    takes = forward_parameters(model)
    ids: Callable[..., Any] | None = None
    if IDS in takes:
        config = getattr(model, "config", None)
        pad = getattr(config, "pad_token_id", None)
        # Where the end of a text is written as a pad is, no run of them tells a pad.
        pad = None if pad == getattr(config, "eos_token_id", None) else pad
        ids = partial(token_ids, pad=pad, mask=MASK in takes)
    elif any(isinstance(one, (nn.Embedding, nn.EmbeddingBag)) for one in model.modules()):
        ids = bare_ids
    return partial(
        default_preprocess, channels=None if first is None else first.in_channels, ids=ids
    )


def bare_ids(batch: NDArray[Any]) -> Tensor:
    """(n, tokens) ids as they are, for a network that names none of its inputs input_ids."""
    return torch.from_numpy(np.array(batch, dtype=np.int64))


def token_ids(batch: NDArray[Any], *, pad: int | None, mask: bool) -> dict[str, Tensor]:
    """Named tensors of (n, tokens) ids; pads at either end of a text are masked.

    Examples
    --------
    >>> token_ids(np.array([[7, 0, 8, 0]]), pad=0, mask=True)["attention_mask"].tolist()
    [[1, 1, 1, 0]]
    """
    held = np.ascontiguousarray(batch, dtype=np.int64)
    named = {IDS: torch.from_numpy(held.copy())}
    if mask:
        real = np.ones(held.shape, bool) if pad is None else held != pad
        inside = np.logical_or.accumulate(real, axis=1)
        inside &= np.logical_or.accumulate(real[:, ::-1], axis=1)[:, ::-1]
        named[MASK] = torch.from_numpy(inside.astype(np.int64))
    return named
