"""The TinyStories LLaMA with 260,000 parameters, its tokenizer, and stories it makes up.

    export TINYSTORIES=weights/tinystories_llama_260k     # the folder with tokenizer512.json
    python -m examples.tinystories -n 400 > stories.jsonl
    toposcope capture py:examples.tinystories:llama jsonl:stories.jsonl \
        --weights $TINYSTORIES/model.safetensors --pool last_token -o runs/stories

References
----------
Eldan and Li: TinyStories, how small can language models be and still speak coherent English?, 2023.
The weights are those of karpathy/tinyllamas (stories260K).
"""

from __future__ import annotations

import argparse
import json
import os
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import LlamaConfig, LlamaModel

BEGIN = 1
"""Token in front of every text; the model writes it again when a story is over."""
CONTEXT = 512
OPENING = "Once upon a time"


def llama() -> LlamaModel:
    """The network without weights: 5 layers of width 64, 8 heads that share 4 keys."""
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=172,
        num_hidden_layers=5,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        use_cache=False,
    )
    return LlamaModel(config)


class Tokenizer:
    """Pairs of neighbors are merged, the one of highest score first, until none is a token."""

    def __init__(self, tokens: list[str], scores: list[float]) -> None:
        # The file spells bytes as latin-1 characters.
        self._tokens = tokens
        self._ids = {token: index for index, token in enumerate(tokens)}
        self._scores = scores

    @classmethod
    def read(cls, path: Path) -> Tokenizer:
        """From tokenizer512.json."""
        stored = json.loads(path.read_text())
        return cls(stored["tokens"], stored["scores"])

    def encode(self, text: str) -> list[int]:
        """Ids of a text, the token of the beginning in front."""
        ids: list[int] = []
        for character in f" {text}":
            spelled = character.encode().decode("latin-1")
            whole = self._ids.get(spelled)
            # A character that is no token is spelled in bytes, which follow the three marks.
            ids += [3 + ord(byte) for byte in spelled] if whole is None else [whole]
        while True:
            pairs = [
                (self._scores[merged], -place, merged)
                for place, (a, b) in enumerate(pairwise(ids))
                if (merged := self._ids.get(self._tokens[a] + self._tokens[b])) is not None
            ]
            if not pairs:
                return [BEGIN, *ids]
            _, place, merged = max(pairs)
            ids[-place : -place + 2] = [merged]

    def decode(self, ids: list[int]) -> str:
        """The text of some ids, marks left out."""
        spelled = ""
        for index in ids:
            if 3 <= index < 259:
                spelled += chr(index - 3)
            elif index >= 259:
                spelled += self._tokens[index]
        return spelled.encode("latin-1").decode(errors="replace").removeprefix(" ")


@cache
def tokenizer() -> Tokenizer:
    folder = os.environ.get("TINYSTORIES")
    if folder is None:
        msg = "set TINYSTORIES to the folder that holds tokenizer512.json"
        raise KeyError(msg)
    return Tokenizer.read(Path(folder) / "tokenizer512.json")


def preprocess(batch: NDArray[Any]) -> dict[str, Tensor]:
    """Ids of the TinyStories tokenizer, at most 512, padded on the right."""
    rows = [tokenizer().encode(str(text))[:CONTEXT] for text in batch]
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, words in enumerate(rows):
        ids[row, : len(words)] = torch.tensor(words)
        mask[row, : len(words)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def logits(model: LlamaModel, ids: Tensor) -> Tensor:
    """(n, tokens, 512): the output matrix is the embedding."""
    return model(input_ids=ids).last_hidden_state @ model.embed_tokens.weight.T


def loss(model: LlamaModel, text: str) -> float:
    """Mean negative log likelihood per token, in nat."""
    ids = torch.tensor([tokenizer().encode(text)])
    with torch.no_grad():
        return float(F.cross_entropy(logits(model, ids)[0, :-1], ids[0, 1:]))


def continued(model: LlamaModel, prompt: str, length: int, *, seed: int | None = None) -> str:
    """A prompt and what comes next: the most likely token, or drawn when there is a seed."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    ids = tokenizer().encode(prompt)
    with torch.no_grad():
        while len(ids) < length:
            scores = logits(model, torch.tensor([ids]))[0, -1]
            if generator is None:
                found = int(scores.argmax())
            else:
                found = int(torch.multinomial(scores.softmax(0), 1, generator=generator))
            if found == BEGIN:
                break
            ids.append(found)
    return tokenizer().decode(ids)


def main() -> None:
    """Write stories, one JSON object per line."""
    from safetensors.torch import load_file

    parser = argparse.ArgumentParser(description="Stories of the TinyStories LLaMA as jsonl.")
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=60)
    chosen = parser.parse_args()
    model = llama().eval()
    model.load_state_dict(load_file(Path(os.environ["TINYSTORIES"]) / "model.safetensors"))
    for seed in range(chosen.n):
        print(json.dumps({"text": continued(model, OPENING, chosen.tokens, seed=seed)}))


if __name__ == "__main__":
    main()
