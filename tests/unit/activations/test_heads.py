"""Attention heads, embeddings and blocks of the transformers people have."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as hf

from toposcope.activations.attention_heads import find_heads
from toposcope.activations.capture import capture
from toposcope.activations.layers import list_layers, select_layers
from toposcope.errors import LayerNotFoundError
from toposcope.training.networks import SmallCNN

IDS = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]])
TEXT = {"input_ids": IDS, "attention_mask": (IDS > 0).long()}
SMALL = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 4}
SMALL |= {"intermediate_size": 12, "max_position_embeddings": 16}
ENDS = {"bos_token_id": 1, "eos_token_id": 1}
NETWORKS = {
    "bert": lambda: hf.BertModel(hf.BertConfig(**SMALL)),
    "distilbert": lambda: hf.DistilBertModel(
        hf.DistilBertConfig(vocab_size=20, dim=8, n_layers=2, n_heads=4, hidden_dim=12)
    ),
    "roberta": lambda: hf.RobertaModel(hf.RobertaConfig(**{**SMALL, **ENDS})),
    "gpt2": lambda: hf.GPT2Model(
        hf.GPT2Config(vocab_size=20, n_embd=8, n_layer=2, n_head=4, n_positions=16, **ENDS)
    ),
    "llama": lambda: hf.LlamaModel(hf.LlamaConfig(**SMALL, num_key_value_heads=2, **ENDS)),
    "qwen": lambda: hf.Qwen2Model(hf.Qwen2Config(**SMALL, num_key_value_heads=2, **ENDS)),
    "vit": lambda: hf.ViTModel(
        hf.ViTConfig(
            hidden_size=8, num_hidden_layers=2, num_attention_heads=4, intermediate_size=12,
            image_size=8, patch_size=4,
        )
    ),
}  # fmt: skip


def network(kind):
    torch.manual_seed(0)
    model = NETWORKS[kind]().eval()
    inputs = {"pixel_values": torch.randn(2, 3, 8, 8)} if kind == "vit" else TEXT
    return model, inputs


def chosen(model, inputs, layers):
    return [row.address for row in select_layers(model, list_layers(model, inputs), layers)]


@pytest.mark.parametrize("kind", NETWORKS)
def test_blocks_are_the_hidden_states_from_the_embeddings_on(kind):
    model, inputs = network(kind)
    rows = select_layers(model, list_layers(model, inputs), "blocks")
    assert len(rows) == 3
    assert "hidden state 0" in rows[0].why
    with torch.no_grad():
        states = model(**inputs, output_hidden_states=True).hidden_states
    outputs = {}
    for row in rows[:2]:
        module = model.get_submodule(row.name)
        module.register_forward_hook(lambda m, i, o, n=row.name: outputs.update({n: o}))
    with torch.no_grad():
        model(**inputs)
    for row, state in zip(rows[:2], states, strict=False):
        got = outputs[row.name]
        assert torch.equal(got[0] if isinstance(got, tuple) else got, state)


@pytest.mark.parametrize("kind", NETWORKS)
def test_heads_are_what_the_projection_mixes(kind):
    model, inputs = network(kind)
    addresses = chosen(model, inputs, "heads")
    assert len(addresses) == 2 * 4
    assert not any("@head" in name for name in chosen(model, inputs, "*"))
    assert [a for a in addresses if a.endswith("@head1")] == chosen(model, inputs, "*@head1")
    model.preprocess = lambda batch: inputs
    numbers = np.zeros((2, 1), np.float32)
    acts = capture(model, numbers, layers=["heads"], pool="tokens")
    sites = find_heads(model)
    assert len(sites) == 2
    for site in sites.values():
        inputs_seen = []
        projection = model.get_submodule(site.projection)
        handle = projection.register_forward_pre_hook(
            lambda m, i, seen=inputs_seen: seen.append(i[0].detach())
        )
        with torch.no_grad():
            model(**inputs)
        handle.remove()
        joined = np.concatenate([acts[f"{site.attention}@head{i}"] for i in range(4)], axis=-1)
        mask = inputs["attention_mask"].bool().numpy() if kind != "vit" else np.ones((2, 5), bool)
        np.testing.assert_allclose(joined[mask], inputs_seen[0].numpy()[mask], atol=1e-6)
    assert acts[addresses[0]].shape[-1] == 2


def test_one_head_and_the_modules_beside_it():
    model, inputs = network("llama")
    wanted = ["layers.1.self_attn@head2", "layers.*.mlp", "layers.0.self_attn"]
    assert chosen(model, inputs, wanted) == [
        "layers.0.self_attn",
        "layers.0.mlp",
        "layers.1.self_attn@head2",
        "layers.1.mlp",
    ]
    with pytest.raises(LayerNotFoundError, match=r"layers\.1\.self_attn@head3"):
        chosen(model, inputs, "layers.1.self_attn@head4")


def test_heads_where_there_are_none():
    with pytest.raises(LayerNotFoundError, match="no attention module"):
        chosen(SmallCNN(), torch.zeros(2, 1, 8, 8), "heads")
    assert find_heads(SmallCNN()) == {}
