"""Batches for the model: raw samples, preprocessed, on the right device, and where time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from toposcope.activations.data.source import DataSource
from toposcope.activations.model_inputs import (
    Inputs,
    as_inputs,
    call,
    mask_of,
    pads_last,
    to_model,
    told,
    width,
)
from toposcope.activations.models.model import LoadedModel
from toposcope.activations.models.raw_batches import channel_axis
from toposcope.activations.reasons import reason_of
from toposcope.activations.threads import alone_with
from toposcope.errors import NetworkError, ToposcopeError, UsageError
from toposcope.execution.budgets import is_memory
from toposcope.store.samples import Samples


@dataclass
class Clock:
    """Seconds by part of a capture."""

    data: float = 0.0
    forward: float = 0.0
    hooks: float = 0.0
    store: float = 0.0
    writer: float = 0.0
    total: float = 0.0

    def report(self) -> dict[str, float]:
        """Rounded parts, and `share`: the part of the total spent in hooks and storing.

        `store` is what the main thread spends on copying rows and on waiting for the writer;
        `writer` runs beside the forward pass and is not in the share.
        """
        parts = {name: round(value, 4) for name, value in vars(self).items()}
        parts["share"] = round((self.hooks + self.store) / self.total, 5) if self.total else 0.0
        return parts


@dataclass
class Feed:
    """The model, the drawn samples, and how they become batches."""

    loaded: LoadedModel
    source: DataSource
    samples: Samples
    batch_size: int
    device: torch.device
    clock: Clock = field(default_factory=Clock)
    mask: Tensor | None = None
    """Real tokens (batch, tokens) of the batch that runs or has just run, if it has a mask."""
    width: int = 0
    """Most entries per sample of that batch's inputs."""
    tied: int = 0
    """Samples so far of which two classes share the largest score."""

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.samples.ids)

    def batch(self, start: int, stop: int) -> tuple[NDArray[Any], Inputs]:
        """Raw batch and model input of the samples from `start` to `stop`."""
        began = time.perf_counter()
        raw = self.source.batch(self.samples.indices[start:stop])
        value = self._preprocess(raw)
        inputs = pads_last(as_inputs(value, len(raw), f"a batch of {len(raw)} samples {raw.shape}"))
        inputs = to_model(inputs, self.loaded.model, self.device)
        mask = mask_of(inputs)
        if mask is not None and not bool(mask.any(dim=1).all()):
            row = start + int((~mask.any(dim=1)).nonzero()[0])
            msg = (
                f"capture(): sample {self.samples.ids[row]} has no token: the tokenizer leaves "
                "nothing of it. Leave such samples out."
            )
            raise UsageError(msg)
        self.clock.data += time.perf_counter() - began
        return raw, inputs

    def _preprocess(self, raw: Any) -> Any:
        try:
            return self.loaded.preprocess(raw)
        except ToposcopeError:
            raise
        except Exception as error:  # whatever the user's own function raises
            shape = (
                f"{raw.dtype} {raw.shape}" if isinstance(raw, np.ndarray) else type(raw).__name__
            )
            msg = (
                f"capture(): the preprocessing of {self.loaded.name!r} "
                f"({self.loaded.provenance.get('preprocess')}) cannot take this data, a batch of "
                f"{shape}: {reason_of(error)}. Pass data of the "
                "shape it expects, or change the function 'preprocess' beside the factory."
            )
            raise UsageError(msg) from error

    def forward(self, inputs: Inputs) -> Any:
        """Output of the model; an error says what was fed."""
        self.mask, self.width = mask_of(inputs), width(inputs)
        began = time.perf_counter()
        try:
            output = call(self.loaded.model, inputs)
        except ToposcopeError:
            raise
        except Exception as error:  # whatever the user's own network raises
            memory = is_memory(error)
            todo = (
                f"A smaller batch_size (--batch-size, now {self.batch_size}) needs less memory."
                if memory
                else "It ran on the first samples: look for what is different in this batch."
            )
            msg = (
                f"capture(): the model {self.loaded.name!r} failed on a batch. It was fed "
                f"{told(inputs)} (preprocessing: {self.loaded.provenance.get('preprocess')}) and "
                f"raised {reason_of(error)}. {todo}"
            )
            raise NetworkError(msg) from error
        self.clock.forward += time.perf_counter() - began
        return output

    def longest(self) -> int:
        """Real tokens of the longest sample; reads and tokenizes all of them."""
        most = 0
        for start in range(0, self.n, self.batch_size):
            mask = mask_of(self.batch(start, min(start + self.batch_size, self.n))[1])
            most = max(most, 0 if mask is None else int(mask.sum(dim=1).max()))
        return most

    def truncated(self, *, all_run: bool) -> tuple[int, int] | None:
        """Number of texts that the tokenizer cut, and its limit; None where nobody counts.

        Texts are tokenized again only where a batch was as long as the limit, or ran in an
        earlier capture that this one continues (`all_run=False`).
        """
        tokenizer = self.loaded.preprocess
        if not isinstance(tokenizer, CountsCut):
            return None
        if all_run and not tokenizer.filled:
            return 0, tokenizer.limit
        batches = (self.samples.indices[i : i + 1024] for i in range(0, self.n, 1024))
        return sum(tokenizer.cut(self.source.batch(one)) for one in batches), tokenizer.limit


@runtime_checkable
class CountsCut(Protocol):
    """A preprocessing of text that can tell how many texts it cuts."""

    limit: int
    filled: bool

    def cut(self, batch: NDArray[Any]) -> int:
        """Number of texts in a batch that are longer than the limit."""
        ...


def find_device(device: str) -> torch.device:
    """The torch device of a name; "auto" is CUDA where there is one, else MPS, else the CPU.

    Raises
    ------
    UsageError
        When the device cannot be used here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = reason_of(error)
        msg = f"capture(): device {device!r} cannot be used here ({reason}). Pass 'cpu' or 'auto'."
        raise UsageError(msg) from error
    return place


@contextmanager
def on_device(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Move a model to a device, and back when the context ends; captures of it take turns."""
    with alone_with(model):
        yield from _on_device(model, device)


def _on_device(model: nn.Module, device: torch.device) -> Iterator[None]:
    first = next(model.parameters(), next(model.buffers(), None))
    before = device if first is None else first.device
    if before == device or (before.type == device.type and device.index is None):
        yield
        return
    try:
        model.to(device)
        yield
    finally:
        model.to(before)


def thumbnails_of(raw: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Small pictures (n, *shape) uint8 of a raw image batch; equal size keeps the pixels."""
    from PIL import Image

    images = raw
    if raw.ndim == 4 and channel_axis(raw.shape[1:]) == "first":
        images = np.moveaxis(raw, 1, -1)
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    images = images[..., :3] if images.ndim == 4 else images
    if images.shape[1:] == shape:
        return np.ascontiguousarray(images)
    size = (shape[1], shape[0])
    small = [Image.fromarray(image).resize(size, Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(picture) for picture in small])
