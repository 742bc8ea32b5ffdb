"""`LoadedModel`: a network with its preprocessing and what is known of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from torch import nn

Preprocess = Callable[[NDArray[Any]], Any]
"""Raw batch -> a tensor, or a mapping of named tensors such as a tokenizer returns."""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network ready to run on batches of raw data.

    Parameters
    ----------
    model
        The network, on the CPU.
    preprocess
        Function from a batch exactly as the data gives it, such as (n, height, width, 3) uint8 or
        (n,) strings, to the tensor the model takes, or to the dict of its keyword arguments.
    name
        Short name for tables and reports.
    provenance
        JSON-able: everything about the model that decides values.
    classes
        Names of the classes in the order of the logits, where the model knows them.
    """

    model: nn.Module
    preprocess: Preprocess
    name: str
    provenance: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
