"""The forms in which trainings leave their weights, and what is refused of them."""

from __future__ import annotations

import argparse
import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from toposcope.activations.models import load_model
from toposcope.activations.models.checkpoints import find_checkpoints, is_single
from toposcope.activations.models.state_dicts import find_entry
from toposcope.activations.models.weight_files import weights_file
from toposcope.errors import ToposcopeError, UsageError, WeightsError


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))


STATE = net(1).state_dict()
OTHER = net(2).state_dict()
WANT = load_model(net(1)).provenance["state"]


def under(prefix, state=STATE):
    return {prefix + key: value for key, value in state.items()}


def half_wrapped(state):
    """Only a part of the network was compiled or wrapped."""
    return {("module." + k if k.startswith("0.") else k): v for k, v in state.items()}


OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(3, 4), "step": 3}}, "param_groups": [{"lr": 0.1}]}
FORMS = {
    "bare": STATE,
    "timm": {"state_dict": STATE, "epoch": 9, "arch": "net", "optimizer": OPTIMIZER},
    "deit": {"model": STATE, "args": argparse.Namespace(lr=0.1), "epoch": 3, "scaler": {}},
    "net": {"net": STATE, "acc": 93.1},
    "nested": {"checkpoint": {"weights": {"generator": under("module.")}}},
    "list": {"models": [STATE], "epoch": 1},
    "numpy": {"model": STATE, "best": np.float64(0.9), "history": np.arange(3), "p": Path("a/b")},
    "averaged": {"model_ema": {**under("module."), "n_averaged": torch.tensor(7)}},
    "parallel": under("module."),
    "compiled in parallel": under("module._orig_mod."),
    "parallel in compiled": under("_orig_mod.module."),
    "mixed": half_wrapped(STATE),
    "inner": OrderedDict((k.replace("0.", "0._orig_mod.", 1), v) for k, v in STATE.items()),
    "lightning": {"state_dict": {**under("net."), "loss.weight": torch.ones(2)}, "global_step": 5},
    "lightning compiled": {"state_dict": under("model._orig_mod."), "callbacks": {"a": {"b": 1}}},
    "moco": {"state_dict": {**under("module.encoder_q."), "module.queue": torch.ones(5)}},
    "counters missing": {k: v for k, v in STATE.items() if "tracked" not in k},
    "beside numbers": {**STATE, "epoch": 3},
    "twice the same": {
        "state_dict": STATE,
        "state_dict_ema": {k: v.clone() for k, v in STATE.items()},
    },
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["w.pth", "model_best.pth.tar", "weights"])
def test_every_form_gives_the_same_network(tmp_path, form, name):
    torch.save(FORMS[form], tmp_path / name)
    record = load_model(net(), tmp_path / name).provenance
    assert record["state"] == WANT
    assert record["weights"]["format"] == "torch, weights_only"


def test_what_was_done_is_recorded(tmp_path):
    torch.save(FORMS["lightning"], tmp_path / "w.ckpt")
    assert load_model(net(), tmp_path / "w.ckpt").provenance["weights"]["notes"] == [
        "taken from the entry 'state_dict'",
        "taken from under 'net.', 1 entries beside it left out",
    ]
    torch.save(FORMS["mixed"], tmp_path / "w.ckpt")
    notes = load_model(net(), tmp_path / "w.ckpt").provenance["weights"]["notes"]
    assert notes == ["prefix 'module.' removed from keys that have it"]


SEVERAL = {
    "ema": ({"state_dict": STATE, "state_dict_ema": OTHER}, "state_dict", "state_dict_ema"),
    "teacher": (
        {"state_dict": {**under("student."), **under("teacher.", OTHER)}},
        "student",
        "state_dict.teacher",
    ),
    "dino": ({"student": under("module."), "teacher": OTHER, "epoch": 1}, "student", "teacher"),
    "wrapped beside": ({**STATE, **under("module.", OTHER)}, ".", "module"),
    "deep": ({"a": {"online": STATE, "target": under("net.", OTHER)}}, "online", "a.target"),
}


@pytest.mark.parametrize("form", SEVERAL)
def test_several_that_fit_are_listed_and_chosen(tmp_path, form, monkeypatch):
    content, first, second = SEVERAL[form]
    monkeypatch.chdir(tmp_path)
    torch.save(content, "w.ckpt")
    model = net()
    before = model[0].weight.clone()
    with pytest.raises(WeightsError, match=r"holds 2 sets of weights that fit.*weights='w\.ckpt#"):
        load_model(model, "w.ckpt")
    assert torch.equal(model[0].weight, before)
    chosen = load_model(net(), f"w.ckpt#{first}").provenance
    assert chosen["state"] == WANT
    assert chosen["weights"]["entry"].endswith(first)
    other = load_model(net(), Path(f"w.ckpt#{second}")).provenance["state"]
    assert other == load_model(net(2)).provenance["state"]
    with pytest.raises(WeightsError, match=r"has no entry 'nobody'; it has "):
        load_model(net(), "w.ckpt#nobody")
    assert is_single("w.ckpt#" + first)


def test_a_series_of_one_entry(tmp_path):
    for step in (1, 2, 10):
        torch.save({"model": STATE, "ema": OTHER}, tmp_path / f"epoch_{step}.pth.tar")
    found, _ = find_checkpoints(f"{tmp_path}/epoch_*.pth.tar#ema")
    assert [one.step for one in found] == [1, 2, 10]
    for one in found:
        assert load_model(net(), one.path).provenance["weights"]["entry"] == "ema"


def shards(folder, state, *, index):
    folder.mkdir(exist_ok=True)
    keys = list(state)
    names = ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"]
    for name, part in zip(names, (keys[:3], keys[3:]), strict=True):
        save_file({k: state[k].contiguous() for k in part}, folder / name)
    if index:
        places = {k: names[k not in keys[:3]] for k in keys}
        (folder / "m.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


@pytest.mark.parametrize("index", [True, False])
def test_a_folder_of_shards_is_one_network_with_a_hash_of_all(tmp_path, index):
    hashes = set()
    for state, want in ((STATE, WANT), (OTHER, load_model(net(2)).provenance["state"])):
        shards(tmp_path / "f", state, index=index)
        record = load_model(net(), tmp_path / "f").provenance
        assert record["state"] == want
        assert record["weights"]["format"] == "safetensors, 2 files"
        hashes.add(record["weights"]["sha256"])
    assert len(hashes) == 2
    assert is_single(tmp_path / "f")
    first = tmp_path / "f" / "m-00001-of-00002.safetensors"
    second = first.with_name("m-00002-of-00002.safetensors")
    before = record["weights"]["sha256"]
    save_file({k: v + 1 for k, v in OTHER.items() if k not in list(OTHER)[:3]}, second)
    assert load_model(net(), tmp_path / "f").provenance["weights"]["sha256"] != before
    second.unlink()
    with pytest.raises(WeightsError, match=r"no weights file .*00002-of-00002"):
        load_model(net(), tmp_path / "f")


def test_a_folder_that_does_not_say_lists_what_it_holds(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    with pytest.raises(WeightsError, match=r"f does not say which weights .* it holds nothing"):
        load_model(net(), folder)
    for name in ("a.pt", "b.pt"):
        torch.save(STATE, folder / name)
    with pytest.raises(WeightsError, match=r"it holds a\.pt, b\.pt\. Name the one"):
        load_model(net(), folder)
    (folder / "b.pt").unlink()
    assert weights_file(folder) == folder / "a.pt"
    assert load_model(net(), folder).provenance["state"] == WANT


def wn(old):
    norm = nn.utils.weight_norm if old else nn.utils.parametrizations.weight_norm
    spectral = nn.utils.spectral_norm if old else nn.utils.parametrizations.spectral_norm
    torch.manual_seed(3)
    return nn.Sequential(norm(nn.Linear(4, 3)), nn.ReLU(), spectral(nn.Linear(3, 2)))


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize(("file", "model"), [(True, False), (False, True), (True, True)])
def test_norms_of_weights_have_old_and_new_names(tmp_path, file, model):
    source = wn(file).eval()
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(0.1)
    torch.save({"model": source.state_dict()}, tmp_path / "w.pt")
    loaded = wn(model).eval()
    load_model(loaded, tmp_path / "w.pt")
    x = torch.randn(5, 4)
    torch.testing.assert_close(loaded(x), source(x))


class Custom:
    lr = 0.1


def test_refusals_speak_plainly(tmp_path):
    torch.save(net(), tmp_path / "whole.pt")
    torch.save({"model": STATE, "config": Custom()}, tmp_path / "config.pt")
    for name, what in (("whole.pt", "torch.nn.modules"), ("config.pt", "Custom")):
        with pytest.raises(WeightsError, match="was refused: it holds") as caught:
            load_model(net(), tmp_path / name)
        text = str(caught.value)
        assert what in text
        assert "\x1b" not in text and "weights_only=False" not in text and "allowlist" not in text
    quantized = {k: v.to(torch.int8) if v.ndim == 2 else v for k, v in STATE.items()}
    torch.save(quantized, tmp_path / "q.pt")
    with pytest.raises(WeightsError, match=r"0\.weight is torch\.int8, the model has torch\.float"):
        load_model(net(), tmp_path / "q.pt")


def test_networks_without_values_are_refused_or_filled(tmp_path):
    lazy = nn.Sequential(nn.LazyLinear(3), nn.ReLU())
    with pytest.raises(UsageError, match=r"lazy modules without weights yet: 0\.weight, 0\.bias"):
        load_model(lazy)
    with torch.device("meta"):
        meta = net()
    with pytest.raises(UsageError, match=r"meta device, shapes without values: 0\.weight"):
        load_model(meta)
    torch.save(STATE, tmp_path / "w.pt")
    assert load_model(meta, tmp_path / "w.pt").provenance["state"] == WANT
    torch.save({"0.weight": torch.ones(3, 4), "0.bias": torch.ones(3)}, tmp_path / "lazy.pt")
    load_model(lazy, tmp_path / "lazy.pt")
    assert lazy(torch.ones(2, 4)).tolist() == [[5.0, 5.0, 5.0]] * 2


names = st.text(st.sampled_from("ab.0_"), max_size=4) | st.sampled_from([*STATE, "module", "model"])
leaves = st.sampled_from([None, 3, "x", [], torch.ones(2), torch.ones(3, 4), *STATE.values()])
contents = st.recursive(
    leaves,
    lambda inner: st.dictionaries(names, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=contents, place=st.lists(names, max_size=2), prefix=names, junk=st.booleans())
def test_any_content_is_found_or_refused(content, place, prefix, junk):
    """The state dict at any place, under any prefix, beside anything; or anything without it."""
    model = net()
    try:
        find_entry(content, model, file="w")
    except WeightsError as error:
        assert str(error)
    inside = under(f"{prefix}." if prefix else "")
    whole = dict(inside)
    for key in place:
        whole = {key: whole}
    if junk:
        whole = {"junk": content, **whole}
    try:
        entry = find_entry(whole, model, file="w")
    except WeightsError as error:
        assert junk or "fit" in str(error) or not prefix.strip("."), error
    else:
        assert all(torch.equal(entry.state[key], STATE[key]) for key in entry.state)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cut=st.integers(0, 1500), flips=st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)))
)
def test_damaged_bytes_are_a_typed_error_or_weights(tmp_path_factory, cut, flips):
    folder = tmp_path_factory.mktemp("damage")
    for suffix in ("pt", "safetensors"):
        path = folder / f"w.{suffix}"
        torch.save(STATE, path) if suffix == "pt" else save_file(dict(STATE), path)
        data = bytearray(path.read_bytes())
        for place, value in flips:
            data[place % len(data)] = value
        path.write_bytes(bytes(data[: len(data) - cut % len(data)]))
        try:
            load_model(net(), path)
        except ToposcopeError as error:
            assert "\x1b" not in str(error)
