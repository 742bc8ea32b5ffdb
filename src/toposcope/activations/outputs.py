"""What a module returned, as one dense tensor: which part of it, and which entries are real.

Modules return tuples and mappings, ragged batches without pads (nested tensors of PyTorch's fast
path for encoders, packed sequences) and quantized numbers. Here each has one decided reading; where
the batch stands in the tensor is found in layers.py, by two batch sizes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from toposcope.errors import UsageError


def tensor_of(output: object, address: str) -> tuple[Tensor, str]:
    """The tensor a module's output stands for, and the path that leads to it.

    One rule, the same for every module: a tensor is itself (path ""); a tuple or list stands for
    its element 0, which must be a tensor (path "[0]"); a mapping, as the outputs of Hugging Face
    models are, stands for its `last_hidden_state` (path ".last_hidden_state"); a packed sequence is
    the ragged batch it was packed from (path ".packed").

    Parameters
    ----------
    output
        What the module returned.
    address
        Address of the call, for the message.

    Returns
    -------
    The tensor and the path.

    Raises
    ------
    UsageError
        When no rule applies; the first tensor found somewhere inside would be a guess.

    Examples
    --------
    >>> tensor_of((torch.zeros(2, 3), None), "lstm")[1]
    '[0]'
    """
    if isinstance(output, Tensor):
        return output, ""
    if isinstance(output, PackedSequence):
        return _ragged(output), ".packed"
    if isinstance(output, Mapping):
        state = output.get("last_hidden_state")
        if isinstance(state, Tensor):
            return state, ".last_hidden_state"
        holds = f"a mapping with the keys {sorted(map(str, output))}"
    elif isinstance(output, tuple | list):
        if output and isinstance(output[0], Tensor):
            return output[0], "[0]"
        if output and isinstance(output[0], PackedSequence):
            return _ragged(output[0]), "[0].packed"
        first = type(output[0]).__name__ if output else "nothing"
        holds = f"a {type(output).__name__} that begins with {first}"
    else:
        holds = type(output).__name__
    msg = (
        f"capture(): layer {address!r} returns {holds}; needed is a tensor, a tuple that begins "
        "with one, or a mapping with 'last_hidden_state'. Choose a layer inside it: 'toposcope "
        "layers' lists them."
    )
    raise UsageError(msg)


def _ragged(packed: PackedSequence) -> Tensor:
    """A packed sequence as a nested tensor, in the order of the samples."""
    padded, lengths = pad_packed_sequence(packed, batch_first=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the interface is a prototype; only its values are read
        return torch.nested.as_nested_tensor(
            [row[: int(length)] for row, length in zip(padded, lengths, strict=True)]
        )


def dense(tensor: Tensor, width: int = 0) -> tuple[Tensor, Tensor | None]:
    """The tensor without raggedness, sparsity or quantization, and a mask of its real entries.

    Parameters
    ----------
    tensor
        A module's output.
    width
        Entries per sample at least: ragged samples are filled with zeros up to the longest one or
        to this, so that every batch of a capture has one shape.

    Returns
    -------
    The dense tensor, and (batch, entries) True for real ones; None where nothing was filled up.

    Examples
    --------
    >>> ragged = torch.nested.nested_tensor([torch.ones(2), torch.ones(1)], layout=torch.jagged)
    >>> [part.int().tolist() for part in dense(ragged, width=3)]
    [[[1, 1, 0], [1, 0, 0]], [[1, 1, 0], [1, 0, 0]]]
    """
    if tensor.is_nested:
        lengths = torch.tensor([len(part) for part in tensor.unbind()], device=tensor.device)
        filled = torch.nested.to_padded_tensor(tensor, 0.0)
        more = width - filled.shape[1]
        if more > 0:
            filled = pad(filled, [0, 0] * (filled.ndim - 2) + [0, more])
        real = torch.arange(filled.shape[1], device=tensor.device) < lengths[:, None]
        return filled, real
    if tensor.is_quantized:
        return tensor.dequantize(), None
    return (tensor if tensor.layout is torch.strided else tensor.to_dense()), None
