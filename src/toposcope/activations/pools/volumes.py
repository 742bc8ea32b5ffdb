"""Feature volumes: which axis of a layer's output holds the channels, and how to keep it whole.

PyTorch's own modules give (channels, height, width); Swin transformers and other ports give
(height, width, channels). The shape alone does not say which, so the modules are asked: a
convolution or a batch norm counts channels in front, a layer norm or a linear layer at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from toposcope.activations.repeated_blocks import LayerInfo
from toposcope.errors import UsageError

log = logging.getLogger("toposcope")

CHANNELS = ("auto", "first", "last")
FIRST_COUNTS = ("out_channels", "num_features", "num_channels")
"""Attributes of convolutions, batch and instance norms, and group norms."""


@dataclass(frozen=True)
class Channels:
    """Where the channels of a layer's (a, b, c) output are, and how that is known.

    Parameters
    ----------
    axis
        "first" for (channels, height, width), "last" for (height, width, channels).
    why
        The evidence in words; becomes part of the pool's law.
    """

    axis: str
    why: str


FIRST = Channels("first", "channels first")


def channels_of(
    model: nn.Module, rows: Sequence[LayerInfo], channels: str = "auto"
) -> dict[str, Channels]:
    """Where the channels of every layer with maps are.

    Parameters
    ----------
    model
        The model the rows were listed from.
    rows
        Layers to be pooled; those whose output has not three axes are left out.
    channels
        "first" or "last" when the user says so; "auto" asks the modules: those inside the layer,
        then those of the whole model.

    Returns
    -------
    Address -> `Channels`.

    Raises
    ------
    UsageError
        When a layer's modules speak for both readings; names the option that decides.
    """
    if channels not in CHANNELS:
        msg = f"capture(channels={channels!r}): choose one of {', '.join(CHANNELS)}."
        raise UsageError(msg)
    modules = dict(model.named_modules())
    maps = [row for row in rows if row.shape is not None and len(row.shape) == 3]
    if channels != "auto":
        return {row.address: Channels(channels, f"channels {channels}, as asked") for row in maps}
    axes = {}
    for row in maps:
        assert row.shape is not None
        axes[row.address] = _detect(row, modules[row.name], model)
        if axes[row.address].axis == "last":
            log.info("layer %r: %s", row.address, axes[row.address].why)
    return axes


def _detect(row: LayerInfo, module: nn.Module, model: nn.Module) -> Channels:
    shape = row.shape
    assert shape is not None
    for where, place in (("inside it", module), ("in the model", model)):
        first = _counting(place, shape[0], FIRST_COUNTS)
        norm = _counting(place, shape[-1], ("normalized_shape",))
        # Squeeze-and-excitation holds linear layers of any width: beside a convolution that counts
        # the channels they say nothing.
        last = norm or ("" if first else _counting(place, shape[-1], ("out_features",)))
        if first and last:
            msg = (
                f"layer {row.address!r} gives {shape} per sample and {where} are both {first} and "
                f"{last}: the channels may come first or last. Pass channels='first' or 'last' "
                "(--channels)."
            )
            raise UsageError(msg)
        if first:
            return Channels("first", f"channels first, as {first} {where} counts them")
        if last:
            return Channels("last", f"channels last, as {last} {where} counts them")
    return Channels("first", "channels first, assumed: no module counts them")


def _counting(module: nn.Module, size: int, attributes: Sequence[str]) -> str:
    """The first module inside that counts `size` channels, in words; "" when none does."""
    for one in module.modules():
        for attribute in attributes:
            count = getattr(one, attribute, None)
            if count == size or count == (size,):
                return f"a {type(one).__name__} of {size}"
    return ""


def keep_volume(
    shape: tuple[int, ...], channels: Channels, *, address: str
) -> tuple[tuple[int, ...], str, Callable[[Tensor], Tensor]]:
    """Kept shape (C, H, W), law and function of the pool "volume".

    Parameters
    ----------
    shape
        Output shape per sample: three axes.
    channels
        As from `channels_of`; channels that come last are moved to the front.
    address
        Address of the layer, for messages.

    Examples
    --------
    >>> keep_volume((7, 7, 96), Channels("last", "channels last, as asked"), address="a")[:2]
    ((96, 7, 7), '(C, H, W) kept whole; channels last, as asked, moved to the front')
    """
    if len(shape) != 3:
        msg = (
            f"pool 'volume' needs an output of shape (channels, height, width); layer {address!r} "
            f"gives {shape} per sample. Leave it out with --layers, or use pool 'auto' or "
            "'flatten'."
        )
        raise UsageError(msg)
    if channels.axis == "last":
        law = f"(C, H, W) kept whole; {channels.why}, moved to the front"
        return (shape[2], *shape[:2]), law, lambda x: x.movedim(-1, 1)
    return shape, f"(C, H, W) kept whole; {channels.why}", lambda x: x
