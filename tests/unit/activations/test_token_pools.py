"""Padding never reaches a cloud, on whichever side it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model

from toposcope import open as open_run
from toposcope.activations.capture import capture
from toposcope.activations.pools.plan import TOKEN_POOLS, TokenAxis, plan_pool
from toposcope.errors import UsageError
from toposcope.store.runs import Run

RNG = np.random.default_rng(0)
LENGTHS = np.array([3, 9, 5, 1, 7, 2, 9, 4])
WORDS = [RNG.integers(1, 50, length) for length in LENGTHS]
SIZE = {"vocab_size": 50, "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 8}


def tiny(kind):
    torch.manual_seed(0)
    if kind == "bert":
        return BertModel(BertConfig(**SIZE, intermediate_size=16, max_position_embeddings=32))
    return GPT2Model(GPT2Config(vocab_size=50, n_layer=2, n_head=2, n_embd=8, n_positions=32))


def padding(side):
    """A preprocess that pads the sentences whose numbers come in, on one side, pad id 0."""

    def preprocess(batch):
        chosen = [WORDS[int(number)] for number in batch[:, 0]]
        width = max(map(len, chosen))
        ids = np.zeros((len(chosen), width), np.int64)
        mask = np.zeros_like(ids)
        for row, words in enumerate(chosen):
            place = slice(width - len(words), None) if side == "left" else slice(len(words))
            ids[row, place], mask[row, place] = words, 1
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}

    return preprocess


def clouds(kind, pool, *, side="right", batch_size=4, layers="blocks"):
    model = tiny(kind)
    model.preprocess = padding(side)
    numbers = np.arange(len(WORDS))[:, None].astype(np.float32)
    return capture(model, numbers, pool=pool, batch_size=batch_size, layers=layers)


@pytest.mark.parametrize("pool", TOKEN_POOLS)
@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_padding_side_and_batch_mates_do_not_change_a_cloud(kind, pool):
    right = clouds(kind, pool)
    left = clouds(kind, pool, side="left")
    alone = clouds(kind, pool, batch_size=1)
    # The two blocks and, in front, what goes into the first of them.
    assert right.layers[0] == ("embeddings" if kind == "bert" else "drop")
    assert len(right) == 3
    for layer in right:
        assert np.array_equal(right[layer], left[layer])
        np.testing.assert_allclose(right[layer], alone[layer], atol=2e-6)
        assert right[layer].std() > 0.01


@pytest.mark.parametrize("pool", TOKEN_POOLS)
def test_pads_of_any_value_on_either_side_are_left_out(pool):
    outputs = torch.randn(4, 6, 3)
    lengths = torch.tensor([6, 4, 1, 3])
    right = torch.arange(6) < lengths[:, None]
    left = right.flip(1)
    shifted = torch.full_like(outputs, torch.nan)
    shifted[left] = outputs[right]
    outputs[~right] = torch.inf
    plan = plan_pool(pool, (6, 3), address="h", tokens=TokenAxis(6, 8))
    kept = plan.apply(outputs, right)
    assert kept.shape == (4, *plan.shape) and torch.isfinite(kept).all()
    torch.testing.assert_close(kept, plan.apply(shifted, left))
    means = {
        "cls": lambda real: real[0],
        "last_token": lambda real: real[-1],
        "mean_token": lambda real: real.mean(0),
        "max_token": lambda real: real.max(0).values,
        "tokens": lambda real: torch.cat([real, torch.zeros(8 - len(real), 3)]),
    }
    for row, length in enumerate(lengths):
        torch.testing.assert_close(kept[row], means[pool](outputs[row, :length]))


def test_all_tokens_have_one_length_and_a_mask(tmp_path):
    model = tiny("gpt2")
    model.preprocess = padding("left")
    numbers = np.arange(len(WORDS))[:, None].astype(np.float32)
    capture(model, numbers, pool="tokens", batch_size=3, store=tmp_path / "run")
    acts, run = open_run(tmp_path / "run"), Run.open(tmp_path / "run")
    assert acts.layers == ("drop", "h.0", "h.1")
    assert acts["h.1"].shape == (8, 9, 8)
    mask = run.read("@mask")
    assert mask.dtype == np.uint8 and mask.sum(axis=1).tolist() == LENGTHS.tolist()
    assert np.array_equal(mask, np.arange(9) < LENGTHS[:, None])
    assert (acts["h.1"][mask == 0] == 0).all() and (acts["h.1"][mask == 1] != 0).all()
    assert "then zeros up to 9" in acts.attrs["pool_laws"]["h.0"]


def test_what_would_let_pads_in_is_refused():
    for pool in ("flatten", "project:4", "gap"):
        with pytest.raises(UsageError, match=rf"'drop'.* {pool!r} would count its pad tokens"):
            clouds("gpt2", pool)
    with pytest.raises(UsageError, match="covers 6 tokens"):
        plan_pool("mean_token", (7, 3), address="h", tokens=TokenAxis(6, 8))
    # The pooler's vector is behind the token axis: it has nothing to pool.
    acts = clouds("bert", "mean_token", layers="pooler")
    assert acts.attrs["pool"] == {"pooler": "flatten"}


def test_a_sample_without_tokens_is_named():
    model = tiny("gpt2")
    mask = torch.tensor([[1, 1], [0, 0], [1, 0]])
    model.preprocess = lambda batch: {"input_ids": mask + 1, "attention_mask": mask}
    with pytest.raises(UsageError, match="sample array:1 has no token"):
        capture(model, np.zeros((3, 1), np.float32))


def test_preprocess_must_give_rows():
    model = tiny("gpt2")
    model.preprocess = lambda batch: {"input_ids": torch.ones(1, 3), "labels": None}
    with pytest.raises(UsageError, match=r"input_ids: float32 \(1, 3\), labels: NoneType"):
        capture(model, np.zeros((4, 1), np.float32))
