"""What a model is fed: one tensor, or named tensors with a mask of real tokens.

A tensor is passed as the one argument, named tensors (a dict or a tokenizer's BatchEncoding) by
keyword. `attention_mask`, (batch, tokens), tells real tokens from pads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from toposcope.errors import UsageError

Inputs: TypeAlias = Tensor | dict[str, Tensor]
MASK = "attention_mask"
IDS = "input_ids"


def as_inputs(value: object, n: int, fed: str) -> Inputs:
    """What a preprocessing returned, checked.

    Parameters
    ----------
    value
        A tensor with one row per sample, or a mapping of names to such tensors.
    n
        Number of samples.
    fed
        What the preprocessing was given, for the message.

    Raises
    ------
    UsageError
        When it is something else.
    """
    named: object = value
    if isinstance(value, Mapping):
        named = {str(key): entry for key, entry in value.items()}
        good = bool(named) and all(_has_rows(entry, n) for entry in value.values())
    else:
        good = _has_rows(value, n)
    if good:
        return named  # type: ignore[return-value]
    msg = (
        f"capture(): preprocess turned {fed} into {told(named)}; needed is a torch tensor with one "
        "row per sample, or a dict of such tensors (a tokenizer's with return_tensors='pt')."
    )
    raise UsageError(msg)


def _has_rows(value: object, n: int) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0 and len(value) == n


def rows(inputs: Inputs) -> int:
    """Number of samples."""
    return len(inputs) if isinstance(inputs, Tensor) else len(next(iter(inputs.values())))


def take(inputs: Inputs, numbers: Sequence[int]) -> Inputs:
    """Some samples of a batch, by their numbers.

    >>> take(torch.arange(3), [2, 2]).tolist()
    [2, 2]
    """
    chosen = list(numbers)
    if isinstance(inputs, Tensor):
        return inputs[chosen]
    return {name: value[chosen] for name, value in inputs.items()}


def width(inputs: Inputs) -> int:
    """Most entries per sample of an input: what ragged outputs are filled up to; 0 for none."""
    values = [inputs] if isinstance(inputs, Tensor) else list(inputs.values())
    return max((value.shape[1] for value in values if value.ndim > 1), default=0)


def told(inputs: object) -> str:
    """Types and shapes in words.

    Examples
    --------
    >>> told({"input_ids": torch.ones(2, 3)})
    'input_ids: float32 (2, 3)'
    """
    if isinstance(inputs, Tensor):
        return f"{str(inputs.dtype).removeprefix('torch.')} {tuple(inputs.shape)}"
    if isinstance(inputs, Mapping):
        return ", ".join(f"{key}: {told(value)}" for key, value in inputs.items()) or "nothing"
    return type(inputs).__name__


def mask_of(inputs: Inputs) -> Tensor | None:
    """(batch, tokens), True for real tokens; None where the input says nothing about it.

    Examples
    --------
    >>> mask_of({"input_ids": torch.ones(1, 2), "attention_mask": torch.tensor([[1, 0]])})
    tensor([[ True, False]])
    """
    mask = None if isinstance(inputs, Tensor) else inputs.get(MASK)
    return None if mask is None or mask.ndim != 2 else mask.bool()


def to_model(inputs: Inputs, model: nn.Module, device: torch.device) -> Inputs:
    """On the device, floating-point tensors in the type of the model's weights."""
    weight = next((p for p in model.parameters() if p.is_floating_point()), None)

    def move(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point() and weight is not None:
            tensor = tensor.to(weight.dtype)
        return tensor.to(device)

    if isinstance(inputs, Tensor):
        return move(inputs)
    return {name: move(tensor) for name, tensor in inputs.items()}


def call(model: nn.Module, inputs: Inputs) -> Any:
    """The model's output: a tensor goes in as the one argument, named tensors by keyword."""
    return model(inputs) if isinstance(inputs, Tensor) else model(**inputs)


def pads_last(inputs: Inputs) -> Inputs:
    """The same batch with padding on the right.

    A model that counts positions from the first column (BERT, GPT-2) is wrong on a batch padded on
    the left unless it is told the positions. With pads last every model counts right, and causal
    attention never sees a pad. Rows whose real tokens are not in one piece are left alone.

    Examples
    --------
    >>> left = {"input_ids": torch.tensor([[0, 7, 8]]), "attention_mask": torch.tensor([[0, 1, 1]])}
    >>> pads_last(left)["input_ids"].tolist()
    [[7, 8, 0]]
    """
    mask = mask_of(inputs)
    if mask is None or isinstance(inputs, Tensor) or not bool((~mask[:, 0]).any()):
        return inputs
    tokens = mask.shape[1]
    shift = mask.int().argmax(dim=1)
    order = (torch.arange(tokens, device=mask.device) + shift[:, None]) % tokens
    return {
        name: value.gather(1, order) if value.shape == mask.shape else value
        for name, value in inputs.items()
    }
