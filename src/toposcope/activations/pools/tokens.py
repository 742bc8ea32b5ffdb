"""Pools over the token axis that know which tokens are real.

A batch of texts is padded to its longest one, on the right or on the left. A mask (batch, tokens)
says which tokens are real; None means all. A pad token never reaches what is kept, whatever value
it has, NaN included. Two paddings of the same texts give the same result.
"""

from __future__ import annotations

import torch
from torch import Tensor


def first_token(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """The first real token, (batch, tokens, width) -> (batch, width).

    Examples
    --------
    >>> left = torch.tensor([[[9.0], [1.0], [2.0]]])
    >>> first_token(left, torch.tensor([[False, True, True]])).tolist()
    [[1.0]]
    """
    return outputs[:, 0] if mask is None else _take(outputs, mask.int().argmax(dim=1))


def last_token(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """The last real token, (batch, tokens, width) -> (batch, width).

    Examples
    --------
    >>> right = torch.tensor([[[1.0], [2.0], [9.0]]])
    >>> last_token(right, torch.tensor([[True, True, False]])).tolist()
    [[2.0]]
    """
    if mask is None:
        return outputs[:, -1]
    return _take(outputs, mask.shape[1] - 1 - mask.int().flip(1).argmax(dim=1))


def _take(outputs: Tensor, positions: Tensor) -> Tensor:
    return outputs[torch.arange(len(outputs), device=outputs.device), positions]


def mean_token(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the real tokens, (batch, tokens, width) -> (batch, width); float32 under a mask.

    Examples
    --------
    >>> right = torch.tensor([[[1.0], [2.0], [9.0]]])
    >>> mean_token(right, torch.tensor([[True, True, False]])).tolist()
    [[1.5]]
    """
    if mask is None:
        return outputs.mean(dim=1)
    # Filled, not multiplied by zero: pads may be NaN. In float32: half-precision sums overflow.
    real = outputs.float().masked_fill(~mask[:, :, None], 0.0)
    return real.sum(dim=1) / mask.sum(dim=1)[:, None]


def max_token(outputs: Tensor, mask: Tensor | None) -> Tensor:
    """Maximum over the real tokens of each feature, (batch, tokens, width) -> (batch, width).

    Examples
    --------
    >>> right = torch.tensor([[[1.0], [2.0], [9.0]]])
    >>> max_token(right, torch.tensor([[True, True, False]])).tolist()
    [[2.0]]
    """
    if mask is not None:
        outputs = outputs.masked_fill(~mask[:, :, None], -torch.inf)
    return outputs.amax(dim=1)


def all_tokens(outputs: Tensor, mask: Tensor | None, *, length: int) -> Tensor:
    """Every real token, first ones first, then zeros: (batch, tokens, ...) -> (batch, length, ...).

    Parameters
    ----------
    outputs
        (batch, tokens, ...).
    mask
        (batch, tokens), True for real tokens; None: all are.
    length
        Tokens per sample to return, at least the number of real ones.

    Examples
    --------
    >>> left = torch.tensor([[[9.0], [1.0], [2.0]]])
    >>> all_tokens(left, torch.tensor([[False, True, True]]), length=4).flatten().tolist()
    [1.0, 2.0, 0.0, 0.0]
    """
    if mask is None:
        mask = torch.ones(outputs.shape[:2], dtype=torch.bool, device=outputs.device)
    kept = outputs.new_zeros(len(outputs), length, *outputs.shape[2:])
    kept[real_first(mask, length=length)] = outputs[mask]
    return kept


def real_first(mask: Tensor, *, length: int) -> Tensor:
    """(batch, length) mask of `all_tokens`: as many True as there are real tokens, then False.

    Examples
    --------
    >>> real_first(torch.tensor([[False, True, True]]), length=4).int().tolist()
    [[1, 1, 0, 0]]
    """
    return torch.arange(length, device=mask.device) < mask.sum(dim=1)[:, None]
