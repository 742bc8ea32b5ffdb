"""MODEL arguments: factories, preprocessing, and weights that must fit."""

from __future__ import annotations

import os
import re
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from toposcope.activations.models.load import load_model
from toposcope.activations.models.raw_batches import default_preprocess
from toposcope.errors import MissingExtraError, SpecError, WeightsError

FACTORY = """
import torch
from torch import nn

def net():
    "A small network."
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())

def preprocess(batch):
    "Twice the values."
    return torch.from_numpy(batch).float() * 2

def broken():
    raise KeyError("oops")

number = 3
ready = nn.Linear(2, 2)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current directory with a package of the user's own code."""
    package = tmp_path / f"mine_{os.getpid()}_{tmp_path.name.replace('-', '_')}"
    package.mkdir()
    (package / "nets.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    yield package.name
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


def net():
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())


def test_a_factory_in_the_current_directory_with_preprocess_beside_it(here):
    before = list(sys.path)
    torch_state = torch.get_rng_state()
    loaded = load_model(f"py:{here}.nets:net")
    assert sys.path == before
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert loaded.preprocess(np.ones((2, 4))).tolist() == [[2.0] * 4] * 2
    assert loaded.name == "net"
    assert "Twice the values" in loaded.provenance["preprocess"]
    # An untrained network is the same each time it is asked for, and another seed is another.
    assert load_model(f"py:{here}.nets:net").provenance == loaded.provenance
    other = load_model(f"py:{here}.nets:net", seed=1)
    assert other.provenance["state"] != loaded.provenance["state"]


def test_a_preprocess_attribute_comes_before_the_default():
    model = net()
    assert "default" in load_model(model).provenance["preprocess"]
    model.preprocess = lambda batch: torch.zeros(len(batch), 4)
    assert load_model(model).preprocess(np.ones((2, 1))).shape == (2, 4)


def test_the_default_preprocess():
    assert default_preprocess(np.full((2, 5, 6, 3), 255, np.uint8)).shape == (2, 3, 5, 6)
    assert default_preprocess(np.full((2, 5, 6), 255, np.uint8)).unique().tolist() == [1.0]
    assert default_preprocess(np.full((2, 3), 7.5)).tolist() == [[7.5] * 3] * 2
    with pytest.raises(SpecError, match="int64"):
        default_preprocess(np.ones((2, 3), np.int64))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("resnet20", "cannot be understood"),
        ("tf:bert", "accepted are py:, hf:, timm:, torchvision:"),
        ("py:{here}.nets", "py:package.module:factory"),
        ("py:{here}.nets:nett", "Near matches: net"),
        ("py:{here}.nts:net", "Near matches: {here}.nets"),
        ("py:{here}.nets:broken", "broken.. raised KeyError"),
        ("py:{here}.nets:number", "must return a torch.nn.Module; got int"),
    ],
)
def test_a_spec_that_cannot_be_found_says_what_is_there(here, spec, says):
    with pytest.raises(SpecError, match=says.format(here=here)):
        load_model(spec.format(here=here))


def test_a_module_that_needs_something_absent_names_it(here, tmp_path):
    (tmp_path / here / "needs.py").write_text("import no_such_package_anywhere\n")
    with pytest.raises(SpecError, match="needs the module 'no_such_package_anywhere'"):
        load_model(f"py:{here}.needs:net")


def test_missing_packages_show_the_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    for name in ("timm", "torchvision"):
        with pytest.raises(MissingExtraError, match=f"pip install {name}"):
            load_model(f"{name}:resnet18")


def test_timm_models_come_with_their_own_preprocessing(monkeypatch):
    def transform(picture):
        return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float()

    fake = types.SimpleNamespace(
        __version__="1.0",
        list_models=lambda: ["resnet18", "vit_tiny"],
        create_model=lambda name, pretrained: nn.Conv2d(3, 4, 1),
        data=types.SimpleNamespace(
            resolve_model_data_config=lambda model: {"size": 8},
            create_transform=lambda size, is_training: transform,
        ),
    )
    monkeypatch.setitem(sys.modules, "timm", fake)
    loaded = load_model("timm:resnet18")
    assert loaded.preprocess(np.zeros((2, 8, 8), np.uint8)).shape == (2, 3, 8, 8)
    assert loaded.provenance["versions"] == {"timm": "1.0"}
    with pytest.raises(SpecError, match="resnet18"):
        load_model("timm:resnet81")


def weights_of(model, **changes):
    state = {k: v for k, v in model.state_dict().items() if "num_batches" not in k}
    return {**state, **changes}


def test_weights_of_every_kind_give_the_same_network(tmp_path):
    source = net()
    state = weights_of(source)
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pt")
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "a.th")
    want = load_model(source).provenance["state"]
    for name in ("a.safetensors", "a.pt", "a.th"):
        loaded = load_model(net(), tmp_path / name)
        assert loaded.provenance["state"] == want
        assert len(loaded.provenance["weights"]["sha256"]) == 64
    assert loaded.provenance["weights"]["notes"] == [
        "taken from the entry 'state_dict'",
        "prefix 'module.' removed from every key",
    ]


def test_float16_weights_take_the_type_of_the_model(tmp_path):
    save_file({k: v.half() for k, v in weights_of(net()).items()}, tmp_path / "w.safetensors")
    loaded = load_model(net(), tmp_path / "w.safetensors")
    assert loaded.model[0].weight.dtype == torch.float32
    assert "converted from torch.float16" in loaded.provenance["weights"]["notes"][0]


def test_misfits_are_listed_both_ways(tmp_path):
    state = weights_of(net(), extra=torch.ones(1))
    del state["1.running_var"]
    state["0.weight"] = torch.ones(3, 5)
    save_file(state, tmp_path / "w.safetensors")
    model = net()
    before = model[0].bias.clone()
    with pytest.raises(WeightsError) as caught:
        load_model(model, tmp_path / "w.safetensors")
    text = str(caught.value)
    assert "missing in the file: 1.running_var (1)" in text
    assert "unexpected in the file: extra (1)" in text
    assert "0.weight is (3, 5), the model has (3, 4)" in text
    assert torch.equal(model[0].bias, before)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_pickle_is_refused_and_nothing_runs(tmp_path, legacy):
    trap = str(tmp_path / "trap")
    torch.save(
        {"0.weight": torch.ones(1), "evil": Evil(trap)},
        tmp_path / "w.pt",
        _use_new_zipfile_serialization=not legacy,
    )
    with pytest.raises(WeightsError, match="was refused"):
        load_model(net(), tmp_path / "w.pt")
    assert not os.path.exists(trap)  # noqa: PTH110


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.h5", "absent.pt"])
def test_files_that_are_not_weights_are_named(tmp_path, name):
    if name != "absent.pt":
        (tmp_path / name).write_bytes(b"this is not a file of weights" * 10)
    with pytest.raises(WeightsError, match=name.partition(".")[0]):
        load_model(net(), tmp_path / name)


def test_a_truncated_file_is_named(tmp_path):
    save_file(weights_of(net()), tmp_path / "w.safetensors")
    data = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(data[:-7])
    with pytest.raises(WeightsError, match="not a readable safetensors"):
        load_model(net(), tmp_path / "w.safetensors")
    torch.save(weights_of(net()), tmp_path / "w.pt")
    data = (tmp_path / "w.pt").read_bytes()
    (tmp_path / "w.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError, match=r"w\.pt"):
        load_model(net(), tmp_path / "w.pt")


def test_something_else_in_a_pt_file_is_refused(tmp_path):
    torch.save(torch.ones(3), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="state dict"):
        load_model(net(), tmp_path / "w.pt")
    torch.save({"epoch": 3, "net": {}}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="epoch, net are not tensors"):
        load_model(net(), tmp_path / "w.pt")


@pytest.mark.parametrize("typed", ["net.py:make", "net:make", "net.make"])
def test_the_model_that_is_suggested_loads(typed, tmp_path, monkeypatch):
    """A file was suggested as py:net.py:make, which no import finds."""
    (tmp_path / "net.py").write_text(
        "import torch\ndef make():\n    return torch.nn.Linear(2, 2)\n", "utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "net", raising=False)
    with pytest.raises(SpecError) as refused:
        load_model(typed)
    meant = re.search(r"Did you mean (\S+)\?", str(refused.value)).group(1)
    assert meant == "py:net:make" and load_model(meant)
    sys.modules.pop("net", None)
