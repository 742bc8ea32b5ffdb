"""Token ids as a model of text takes them: which of them are real, and which are pads."""

from __future__ import annotations

from torch import Tensor


def ids_with_mask(ids: Tensor, pad: int | None) -> dict[str, Tensor]:
    """Token ids and which of them are real: all but those pads that end a row.

    >>> import torch
    >>> ids_with_mask(torch.tensor([[5, 0, 7, 0]]), 0)["attention_mask"].tolist()
    [[1, 1, 1, 0]]
    """
    mask = ids.new_ones(ids.shape) if pad is None else (ids != pad).flip(1).cumsum(1).flip(1).gt(0)
    return {"input_ids": ids, "attention_mask": mask.long()}
