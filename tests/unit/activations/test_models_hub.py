"""hf: models from folders and from the cache of the hub, and everything that can be wrong."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from toposcope.activations.capture import capture
from toposcope.activations.data.load import load_data
from toposcope.activations.models.load import load_model
from toposcope.errors import MissingExtraError, SpecError, UsageError, WeightsError

WORDS = [
    "who",
    "what",
    "where",
    "is",
    "was",
    "wrote",
    "sang",
    "the",
    "a",
    "book",
    "song",
    "city",
    "of",
    "in",
    "Cork",
    "Paris",
]
TEXTS = [
    "who wrote the book",
    "where is Cork",
    "what is Paris",
    "who sang the song of Cork in Paris",
]
BERT = {"vocab_size": 24, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
BERT |= {"intermediate_size": 16, "max_position_embeddings": 12}
GPT2 = {"vocab_size": 24, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 12}
GPT2 |= {"bos_token_id": 3, "eos_token_id": 3}
LLAMA = {**BERT, "num_key_value_heads": 1}
IDS = {"bos_token_id": 3, "eos_token_id": 3}


def tokenizer(*, pad=True, side="left"):
    """Words, with [CLS] in front where there is a pad token."""
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[END]": 3}
    vocabulary |= {word: index for index, word in enumerate(WORDS, start=4)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 2)]
    )
    options = {"pad_token": "[PAD]"} if pad else {}
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="[UNK]", eos_token="[END]", padding_side=side, **options
    )


def saved(folder, model, *, words=True, pad=True, side="left"):
    torch.manual_seed(0)
    model = model().eval()
    model.save_pretrained(folder)
    if words:
        tokenizer(pad=pad, side=side).save_pretrained(folder)
    return model


def bert():
    return hf.BertModel(hf.BertConfig(**BERT))


def gpt2():
    return hf.GPT2LMHeadModel(hf.GPT2Config(**GPT2))


def llama():
    return hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA, **IDS))


def classifier():
    labels = {0: "LOC", 1: "HUM", 2: "NUM"}
    return hf.BertForSequenceClassification(hf.BertConfig(**BERT, id2label=labels))


def vit():
    config = hf.ViTConfig(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8,
        image_size=8, patch_size=4, id2label={0: "cat", 1: "ant"},
    )  # fmt: skip
    return hf.ViTForImageClassification(config)


def resnet():
    return hf.ResNetModel(hf.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 2]))


@pytest.mark.parametrize(("model", "pad"), [(bert, True), (gpt2, False), (llama, True)])
def test_text_models_give_the_hidden_states_of_transformers(tmp_path, model, pad):
    whole = saved(tmp_path, model, pad=pad)
    base = whole.base_model
    acts = capture(
        f"hf:{tmp_path}", TEXTS, layers="*layer*.?" if model is bert else "*.?", pool="last_token"
    )
    for row, text in enumerate(TEXTS):
        with torch.no_grad():
            states = base(**tokenizer()([text], return_tensors="pt"), output_hidden_states=True)
        # Block 0; the last state of decoders is behind their final norm.
        want = states.hidden_states[1][0, -1].numpy()
        np.testing.assert_allclose(acts[acts.layers[0]][row], want, atol=1e-5)
    attrs = acts.attrs
    assert attrs["class"] == type(base).__name__
    assert (
        "PreTrainedTokenizer" in attrs["preprocess"] or "TokenizersBackend" in attrs["preprocess"]
    )
    assert "at most 12 tokens, cut and padded on the right" in attrs["preprocess"]
    assert ("padded with the end token" in attrs["preprocess"]) == (not pad)
    assert attrs["versions"]["transformers"] == hf.__version__


def test_the_padding_side_of_the_tokenizer_does_not_matter(tmp_path):
    for side in ("left", "right"):
        saved(tmp_path / side, gpt2, side=side)
    left, right = (
        capture(f"hf:{tmp_path / side}", TEXTS, pool="tokens", layers="h.1")
        for side in ("left", "right")
    )
    assert np.array_equal(left["h.1"], right["h.1"])
    assert left["h.1"].shape == (4, 9, 8)


def test_a_folder_is_known_by_its_content(tmp_path):
    saved(tmp_path, bert)
    first = load_model(f"hf:{tmp_path}").provenance
    assert first == load_model(f"hf:{tmp_path}").provenance
    assert first["revision"] is None and first["precision"] == "float32"
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    other = load_model(f"hf:{tmp_path}").provenance
    assert other["folder"] != first["folder"] and other["state"] == first["state"]


def test_max_tokens_cuts_and_says_so(tmp_path, caplog):
    saved(tmp_path, bert)
    texts = [*TEXTS, "who " * 40]
    acts = capture(f"hf:{tmp_path}", texts, pool="tokens", layers="embeddings", max_tokens=5)
    assert acts["embeddings"].shape == (5, 5, 8)
    assert caplog.text.count("2 of 5 texts are longer than 5 tokens and were cut") == 1
    assert (acts.attrs["truncated"], acts.attrs["token_limit"]) == (2, 5)
    whole = capture(f"hf:{tmp_path}", texts, pool="tokens", layers="embeddings")
    assert whole["embeddings"].shape == (5, 12, 8)
    assert "1 of 5 texts are longer than 12 tokens" in caplog.text
    assert capture(f"hf:{tmp_path}", TEXTS, layers="embeddings").attrs["truncated"] == 0
    with pytest.raises(UsageError, match="takes 1 to 12"):
        load_model(f"hf:{tmp_path}", max_tokens=13)
    with pytest.raises(UsageError, match="is for hf: models"):
        load_model(torch.nn.Linear(2, 2), max_tokens=3)


def test_predictions_are_told_by_the_names_of_the_classes(tmp_path):
    model = saved(tmp_path, classifier)
    with torch.no_grad():
        inputs = tokenizer()(TEXTS, return_tensors="pt", padding=True, padding_side="right")
        ids = model(**inputs).logits.argmax(1)
    names = [model.config.id2label[int(i)] for i in ids]
    # In the data HUM comes first, as in the alphabet.
    acts = capture(f"hf:{tmp_path}", (TEXTS, np.array(["HUM", "LOC", "LOC", "HUM"])))
    truth = np.array(["HUM", "LOC", "LOC", "HUM"])
    assert acts.attrs["top1"] == np.mean(np.array(names) == truth)
    assert acts.attrs["class"] == "BertForSequenceClassification"
    assert acts.attrs["model_classes"] == ["LOC", "HUM", "NUM"]
    right = capture(f"hf:{tmp_path}", (TEXTS, np.array(names)))
    assert right.attrs["top1"] == 1.0


@pytest.mark.parametrize("model", [vit, resnet])
def test_image_models_with_their_processor(tmp_path, model):
    whole = saved(tmp_path, model, words=False)
    size = {"height": 8, "width": 8}
    processor = hf.ViTImageProcessorPil(size=size, image_mean=[0.5] * 3, image_std=[0.25] * 3)
    processor.save_pretrained(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    layers = "*layers.1" if model is vit else "*stages.1"
    acts = capture(f"hf:{tmp_path}", images, layers=layers)
    pixels = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    with torch.no_grad():
        state = whole.base_model(pixel_values=pixels, output_hidden_states=True).hidden_states[2]
    want = state[:, 0] if model is vit else state.mean((2, 3))
    np.testing.assert_allclose(acts[acts.layers[0]], want.numpy(), atol=1e-5)
    assert "'image_std': (0.25, 0.25, 0.25)" in acts.attrs["preprocess"]
    grey = capture(f"hf:{tmp_path}", images[..., 0], layers=layers)
    assert grey.n == 5
    with pytest.raises(UsageError, match=r"takes uint8 images .* the data is text"):
        capture(f"hf:{tmp_path}", TEXTS)


def test_weights_on_top(tmp_path):
    model = saved(tmp_path, bert)
    state = {key: value + 1 for key, value in model.state_dict().items()}
    save_file(state, tmp_path / "other.safetensors")
    loaded = load_model(f"hf:{tmp_path}", tmp_path / "other.safetensors")
    assert torch.equal(loaded.model.state_dict()["pooler.dense.bias"], state["pooler.dense.bias"])
    assert loaded.provenance["weights"]["file"] == "other.safetensors"


def test_a_head_without_weights_is_said_a_body_without_weights_refused(tmp_path, caplog):
    saved(tmp_path, lambda: hf.BertForMaskedLM(hf.BertConfig(**BERT)))
    provenance = load_model(f"hf:{tmp_path}").provenance
    random, unused = provenance["loading"]
    assert random == "not in the file, random from the seed: pooler.dense"
    assert unused.startswith("in the file, not used: cls (")
    assert "stay random" in caplog.text
    assert load_model(f"hf:{tmp_path}").provenance["state"] == provenance["state"]
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(WeightsError, match=r"missing .*layer\.2"):
        load_model(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text(json.dumps({**config, "intermediate_size": 20}))
    with pytest.raises((WeightsError, SpecError), match=r"shape|mismatch"):
        load_model(f"hf:{tmp_path}")


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


def test_pickled_code_in_weights_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    saved(tmp_path / "m", bert)
    (tmp_path / "m" / "model.safetensors").unlink()
    torch.save({"embeddings.weight": Bomb()}, tmp_path / "m" / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="refused"):
        load_model(f"hf:{tmp_path / 'm'}")
    with (tmp_path / "m" / "pytorch_model.bin").open("wb") as stream:
        pickle.dump({"embeddings.weight": Bomb()}, stream, protocol=2)
    with pytest.raises(WeightsError, match="refused"):
        load_model(f"hf:{tmp_path / 'm'}")
    assert not (tmp_path / "exploded").exists()


def change(folder, **entries):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **entries}))


def test_folders_that_are_no_models(tmp_path):
    with pytest.raises(SpecError, match=r"no config\.json; it holds nothing"):
        load_model(f"hf:{tmp_path}")
    with pytest.raises(SpecError, match="there is no such folder"):
        load_model("hf:./nowhere")
    saved(tmp_path, bert, words=False)
    with pytest.raises(SpecError, match="no tokenizer that can be read"):
        capture(f"hf:{tmp_path}", TEXTS)
    tokenizer().save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"takes text, or whole numbers .*the data is uint8"):
        capture(f"hf:{tmp_path}", np.zeros((3, 8, 8, 3), np.uint8))
    (tmp_path / "model.safetensors").write_bytes(b"\x08" + b"\0" * 20)
    with pytest.raises((SpecError, WeightsError), match="hf:"):
        load_model(f"hf:{tmp_path}")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(SpecError, match="cannot be loaded"):
        load_model(f"hf:{tmp_path}")
    change(tmp_path, model_type="novel")
    with pytest.raises(SpecError, match=r"'novel', which transformers .* does not know"):
        load_model(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text("{oops")
    with pytest.raises(SpecError, match="cannot be loaded"):
        load_model(f"hf:{tmp_path}")


def test_code_of_the_repository_is_refused_and_not_run(tmp_path, monkeypatch):
    saved(tmp_path / "m", bert)
    change(tmp_path / "m", model_type="novel", auto_map={"AutoModel": "mine.Model"})
    code = f"import os\nos.mkdir({str(tmp_path / 'exploded')!r})\nclass Model: pass\n"
    (tmp_path / "m" / "mine.py").write_text(code)
    with pytest.raises(SpecError, match=r"asks to run code from its repository.*refused"):
        load_model(f"hf:{tmp_path / 'm'}")
    # A known architecture with a map beside it is loaded by transformers' own class.
    change(tmp_path / "m", model_type="bert", auto_map={"AutoModel": "mine.Model"})
    assert load_model(f"hf:{tmp_path / 'm'}").provenance["class"] == "BertModel"
    assert not (tmp_path / "exploded").exists()


def test_transformers_that_is_absent_has_a_pip_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'toposcope\[hf\]'"):
        load_model(f"hf:{tmp_path}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'toposcope\[hf\]'"):
        load_data("hf:trec")


def test_text_for_a_model_without_tokenizer():
    with pytest.raises(SpecError, match="text and this model has no preprocessing"):
        capture(torch.nn.Linear(4, 2), TEXTS)


FROM_THE_CACHE = """
import json, sys
from toposcope.activations.models import load_model
from toposcope.errors import SpecError
told = []
for spec in sys.argv[1:]:
    try:
        p = load_model(spec).provenance
        told.append([p["model"], p["revision"], p["folder"]])
    except SpecError as error:
        told.append({"SpecError": str(error)})
print(json.dumps(told))
"""


def test_a_hub_id_is_pinned_to_its_commit(tmp_path):
    """Offline, from a cache as the hub's library lays it out."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "hub" / "models--someone--tiny"
    saved(place / "snapshots" / commit, bert)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    specs = ["someone/tiny", f"someone/tiny@{commit}", "someone/other", "someone/tiny@v2"]
    done = subprocess.run(  # the hub's library reads its settings once, when it is imported
        [sys.executable, "-c", FROM_THE_CACHE, *(f"hf:{spec}" for spec in specs)],
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    main, pinned, other, unknown = json.loads(done.stdout)
    assert main == pinned == [f"hf:someone/tiny@{commit}", commit, None]
    assert "hf:someone/other" in other["SpecError"]
    assert "HF_HUB_OFFLINE=1" in unknown["SpecError"]


@pytest.mark.parametrize(
    ("network", "config"),
    [
        (hf.T5EncoderModel, hf.T5Config),
        (hf.T5ForConditionalGeneration, hf.T5Config),
    ],
)
def test_encoders_of_encoder_decoders_are_captured(tmp_path, network, config):
    """Their own class is loaded, or the encoder of the whole: a decoder would ask for more."""
    tokenizer().save_pretrained(tmp_path)
    size = len(tokenizer())
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    network(config(vocab_size=size, decoder_start_token_id=0, **sizes)).save_pretrained(tmp_path)
    acts = capture(f"hf:{tmp_path}", TEXTS)
    assert acts.n == len(TEXTS) and not any("decoder" in layer for layer in acts.layers)
    assert all(np.isfinite(acts[layer]).all() for layer in acts.layers)


def test_networks_that_pad_to_their_window_take_short_texts(tmp_path):
    tokenizer().save_pretrained(tmp_path)
    config = hf.LongformerConfig(
        vocab_size=len(tokenizer()),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        attention_window=[8, 8],
        max_position_embeddings=66,
        pad_token_id=0,
    )
    hf.LongformerModel(config).save_pretrained(tmp_path)
    whole = capture(f"hf:{tmp_path}", TEXTS)
    alone = capture(f"hf:{tmp_path}", TEXTS, batch_size=1)
    last = whole.layers[-1]
    np.testing.assert_allclose(whole[last], alone[last], atol=1e-5)
