"""The forms in which trainings leave their weights, and what is refused of them."""

from __future__ import annotations

import argparse
import functools
import io
import json
import struct
import subprocess
import time
import types
import zipfile
from collections import OrderedDict, defaultdict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

import toposcope as ts
from toposcope.activations.models import load_model
from toposcope.activations.models.checkpoints import find_checkpoints, is_single
from toposcope.activations.models.state_dicts import find_entry
from toposcope.activations.models.unpickling import MOST, unpickled
from toposcope.activations.models.weight_files import weights_file
from toposcope.cli.inspecting import describe
from toposcope.errors import ToposcopeError, UsageError, WeightsError


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))


class Custom:
    lr = 0.1


class Settings(dict):
    pass


class Rows(list):
    pass


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
    "fsdp": {"_fsdp_wrapped_module." + k.replace("0.", "0._orig_mod."): STATE[k] for k in STATE},
    "averaged beside": {"params": STATE, "ema": {"decay": 0.9, "shadow": list(OTHER.values())}},
    "averaged without buffers": {"model": STATE, "ema": {k: OTHER[k] for k in list(OTHER)[:3]}},
    "flattened average": {
        "state_dict": {**under("model."), **{"ema." + k.replace(".", ""): OTHER[k] for k in OTHER}}
    },
    "other head beside": {"student": STATE, "teacher": {k: OTHER[k] for k in list(OTHER)[:-2]}},
    "whole optimizer": {"model": STATE, "optimizer": torch.optim.Adam(net(1).parameters())},
    "settings": {
        "model": STATE,
        "partial": functools.partial(torch.optim.SGD, lr=0.1),
        "kinds": [types.SimpleNamespace(a=1), defaultdict(list, a=[1]), deque([1]), slice(1), {1}],
        "loss": nn.CrossEntropyLoss(),
        "own": [Custom(), Settings(lr=0.1), Rows([1, 2])],
    },
    "in a mapping of their own": Settings(model=Settings(STATE)),
    "other counters": {"a": STATE, "b": {k: v + 5 * ("tracked" in k) for k, v in STATE.items()}},
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
        "taken from the entry 'state_dict', beside it left out: global_step",
        "taken from under 'net.', 1 entries beside it left out: loss.*",
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


def test_refusals_speak_plainly(tmp_path):
    torch.save(net(), tmp_path / "whole.pt")
    torch.save({"model": STATE, "get": getattr}, tmp_path / "run.pt")
    torch.save({"model": STATE, "run": subprocess.run}, tmp_path / "sub.pt")
    whats = {"whole": "torch.nn.modules", "run": "getattr", "sub": ".run"}
    for name, what in whats.items():
        with pytest.raises(WeightsError, match="was refused: it holds") as caught:
            load_model(net(), tmp_path / f"{name}.pt")
        text = str(caught.value)
        assert what in text
        assert "\x1b" not in text and "weights_only=False" not in text and "allowlist" not in text
    quantized = {k: v.to(torch.int8) if v.ndim == 2 else v for k, v in STATE.items()}
    torch.save(quantized, tmp_path / "q.pt")
    with pytest.raises(WeightsError, match=r"0\.weight is torch\.int8, the model has torch\.float"):
        load_model(net(), tmp_path / "q.pt")


def test_a_network_inside_is_not_opened_and_said(tmp_path):
    torch.save({"model": net(), "epoch": 3}, tmp_path / "w.pt")
    told = r"model, epoch are not tensors.*Not opened, .*torch\.nn\.modules\.container\.Sequential"
    with pytest.raises(WeightsError, match=told):
        load_model(net(), tmp_path / "w.pt")
    torch.save({"model": STATE, "ema": net()}, tmp_path / "w.pt")
    notes = load_model(net(), tmp_path / "w.pt").provenance["weights"]["notes"]
    assert notes[0] == "taken from the entry 'model', beside it left out: ema"
    assert notes[1].startswith("read as nothing: torch.nn.modules.container.Sequential")


def test_the_entry_stands_in_info(tmp_path):
    torch.save({"model": STATE, "ema": OTHER}, tmp_path / "w.pt")
    data = np.ones((8, 4), np.float32)
    ts.capture(net(), data, weights=f"{tmp_path}/w.pt#ema", layers="all", store=tmp_path / "run")
    shown = describe(tmp_path / "run")["weights"]
    assert (shown["file"], shown["entry"]) == ("w.pt", "ema")
    assert shown["notes"] == ["taken from the entry 'ema', beside it left out: model"]


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside, self.out = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
        self.out.weight = self.inside.weight
        self.register_buffer("place", torch.arange(3))


TIED = Tied().state_dict()
LOSSES = {
    "tied": ({**TIED, "out.weight": TIED["out.weight"] + 1}, r"inside\.weight and out\.weight are"),
    "counts": ({**TIED, "place": torch.tensor([0, 0.5, 1])}, r"place is torch\.float32 with val"),
    "sparse": ({**TIED, "place": torch.arange(3).to_sparse()}, r"place is sparse_coo, the model"),
    "meta": ({**TIED, "place": torch.arange(3, device="meta")}, r"place is on the meta device"),
    "head": ({**TIED, "out.weight": torch.ones(7, 4)}, r"out\.weight is \(7, 4\), the model has"),
    "extra": ({**TIED, "fc.bias": torch.ones(7)}, r"unexpected in the file: fc\.bias \(1\)"),
    "partial": ({"out.weight": TIED["out.weight"]}, r"missing in the file: place \(1\)"),
}


@pytest.mark.parametrize("form", LOSSES)
def test_what_would_be_lost_is_refused(tmp_path, form):
    state, told = LOSSES[form]
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=told):
        load_model(Tied(), tmp_path / "w.pt")


def test_types_are_converted_where_they_hold_the_values(tmp_path):
    own = ((torch.float64, net()), (torch.bfloat16, net()), (torch.float32, net().half()))
    for kind, model in own:
        state = {k: v.to(kind) if v.is_floating_point() else v for k, v in STATE.items()}
        torch.save(state, tmp_path / "w.pt")
        notes = load_model(model, tmp_path / "w.pt").provenance["weights"]["notes"]
        assert notes == [f"converted from {kind} to the model's types"]
    torch.save({**STATE, "0.bias": torch.full((3,), 1e6)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"0\.bias is .*float32 with values that torch\.float16"):
        load_model(net().half(), tmp_path / "w.pt")
    torch.save({**STATE, "0.bias": torch.full((3,), torch.nan)}, tmp_path / "w.pt")
    notes = load_model(net(), tmp_path / "w.pt").provenance["weights"]["notes"]
    assert notes == [f"1 of {len(STATE)} tensors hold NaN or inf: 0.bias"]


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_quantized_networks_take_quantized_weights(tmp_path):
    def quantized(seed):
        return torch.ao.quantization.quantize_dynamic(net(seed), {nn.Linear})

    torch.save(quantized(1).state_dict(), tmp_path / "w.pt")
    record = load_model(quantized(0), tmp_path / "w.pt").provenance
    assert record["state"] == load_model(quantized(1)).provenance["state"]
    assert record["weights"]["notes"] == []


NO_WEIGHTS = {
    "empty.pt": (b"", r"is empty \(0 bytes\)"),
    "lfs.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "page.pth": (b"\n<!DOCTYPE html><html>", "it is a web page"),
    "w.gguf": (b"GGUF\x03", "it is a GGUF file"),
    "w.h5": (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file"),
}


@pytest.mark.parametrize("name", NO_WEIGHTS)
def test_what_is_no_file_of_weights_is_told(tmp_path, name):
    data, told = NO_WEIGHTS[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WeightsError, match=told):
        load_model(net(), tmp_path / name)


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_archives_of_other_kinds_are_told(tmp_path):
    torch.jit.save(torch.jit.trace(nn.Linear(3, 2), torch.ones(1, 3)), tmp_path / "jit.pt")
    with pytest.raises(WeightsError, match=r"it is a TorchScript archive, which is code") as caught:
        load_model(net(), tmp_path / "jit.pt")
    assert "weights_only" not in str(caught.value)
    np.savez(tmp_path / "w.npz", a=np.ones(2))
    with pytest.raises(WeightsError, match=r"a zip archive that holds a\.npy"):
        load_model(net(), tmp_path / "w.npz")


def test_entries_are_named_as_the_file_or_the_message_says_them(tmp_path):
    both = {**under("module.encoder_q."), **under("module.encoder_k.", OTHER)}
    torch.save({"state_dict": both}, tmp_path / "w.pt")
    for name in ("encoder_q", "module.encoder_q", "state_dict.module.encoder_q"):
        assert load_model(net(), f"{tmp_path}/w.pt#{name}").provenance["state"] == WANT
    torch.save(STATE, tmp_path / "bare.pt")
    with pytest.raises(WeightsError, match=r"its weights stand bare\. Leave out '#model'"):
        load_model(net(), f"{tmp_path}/bare.pt#model")


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


@pytest.mark.parametrize("quoted", [b"c%b\nb\n.", b"X%b%b)R.", b"cx\n%b\n."])
@pytest.mark.parametrize("new", [True, False])
def test_what_a_file_makes_torch_quote_does_not_hold_up_its_refusal(tmp_path, quoted, new):
    """Torch searches its own message in a time that grows with its square: minutes for these."""
    name = b"a" * 140_000
    size = struct.pack("<I", len(name))
    program = b"\x80\x02" + (quoted % ((size, name) if b"X" in quoted else (name,)))
    path = tmp_path / "w.pt"
    if new:
        torch.save(STATE, path)
        with zipfile.ZipFile(path) as archive:
            members = {one: archive.read(one) for one in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for one, data in members.items():
                archive.writestr(one, program if one.endswith("data.pkl") else data)
    else:
        path.write_bytes(program)
    begun = time.process_time()
    with pytest.raises(WeightsError, match=r"w\.pt") as told:
        load_model(net(), path)
    assert time.process_time() - begun < 5
    assert len(str(told.value)) < 3_000


def test_a_file_of_endless_names_is_refused_and_not_read_a_thousand_times(tmp_path):
    kinds = [type(f"Kind{k}", (), {"__module__": "their.code"}) for k in range(MOST + 50)]
    stream = io.BytesIO()
    stream.write(b"\x80\x02](")
    for kind in kinds:
        stream.write(f"c{kind.__module__}\n{kind.__name__}\n".encode() + b")\x81")
    stream.write(b"e.")
    path = tmp_path / "names.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("names/data.pkl", stream.getvalue())
        archive.writestr("names/byteorder", "little")
        archive.writestr("names/version", "3\n")
    with pytest.raises(WeightsError, match=r"was refused: it holds 'their\.code\.Kind300'"):
        unpickled(path)
