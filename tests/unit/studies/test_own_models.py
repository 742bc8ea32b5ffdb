"""The reader's own networks: attacked from a MODELS.toml, or refused with what to bring."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.studies.test_frame import TOY
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import STUDIES, Definition, Needs, magai_adversarial, materials
from toposcope.studies.materials_models import captured
from toposcope.studies.running import forecast, run_definition
from toposcope.studies.study import Given

NETS = '''
import torch
from torch import nn

MEANS = 4 * torch.eye(4, 6)

def preprocess(batch):
    return torch.from_numpy(batch).float()

def net(seed=0):
    """Layers that turn the inputs, and scores of how near they are to the mean of each class."""
    generator = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator))[0]
    first, head = nn.Linear(6, 6), nn.Linear(6, 4)
    with torch.no_grad():
        first.weight.copy_(turn), first.bias.zero_()
        head.weight.copy_(MEANS @ turn.T), head.bias.copy_(-(MEANS**2).sum(dim=1) / 2)
    return nn.Sequential(first, nn.Identity(), head)

class Rounded(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, x):
        return self.net(x.round())

class Detached(Rounded):
    def forward(self, x):
        return self.net(x.detach())

class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(9, 6), nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.table(x).mean(dim=1))

rounded, detached, embedded = Rounded, Detached, Embedded
Embedded.preprocess = staticmethod(
    lambda batch: torch.from_numpy(batch).abs().long().clamp(max=8))
''' + "\n".join(
    f"""
def net{k}():
    return net({k})
"""
    for k in range(8)
)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder with networks, samples of four classes, and a way to write MODELS.toml."""
    (tmp_path / "attacked_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    rng = np.random.default_rng(0)
    y = np.arange(160) % 4
    x = (rng.normal(size=(160, 6)) + 4 * np.eye(4, 6)[y]).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    np.savez(tmp_path / "few.npz", x=x[:60], y=y[:60])

    def models(*factories: str, layers: str = '["0", "1"]') -> Path:
        tables = [
            f'[[model]]\nname = "{k} {one}"\nmodel = "py:attacked_nets:{one}"\nlayers = {layers}\n'
            for k, one in enumerate(factories)
        ]
        (tmp_path / "models.toml").write_text("\n".join(tables))
        return tmp_path / "models.toml"

    yield models
    sys.modules.pop("attacked_nets", None)


EIGHT = tuple(f"net{k}" for k in range(8))
SMALL = replace(magai_adversarial.QUICK, strengths=(2.0,), pooled=24, points=5)
STUDY = replace(magai_adversarial.STUDY, quick=SMALL)


def test_own_networks_are_attacked_from_a_models_file(own, tmp_path: Path) -> None:
    given = Given((), own(*EIGHT), "npz:data.npz")
    ahead = forecast(STUDY, given, quick=True, jobs=0, out=tmp_path / "out")
    assert 0 < ahead.seconds < 600
    found = run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)
    assert not found.failures and [one.n for one in found.verdicts] == [8, 8]
    table = found.table
    assert set(table["kind"]) == {"given"} and set(table["name"]) == {"0", "1", "logits"}
    shares = table[table["aim"] == "one"].groupby(["attack", "strength"])["success"].mean()
    assert shares["pgd"][2.0] > 0.9 and shares["pgd"][0.0] < 0.4
    # Noise of the same norm moves few of them: one number per side, from the same clean images.
    assert (table.groupby(["network", "attack", "aim", "strength"])["side"].nunique() == 2).all()
    assert found.spec["data"] == "npz:data.npz" and found.spec["models"].endswith("models.toml")
    assert "plain alone" not in found.verdict("M7").alternatives


def test_attacks_on_a_network_do_not_depend_on_its_batches(own) -> None:
    from toposcope.activations.candidates import read_candidates
    from toposcope.training.attacked_models import attackable, attacked_model

    candidate = read_candidates(own("net3"))[0]
    how = {"n": 50, "scale": 1.5, "attack": "fgsm", "strengths": (0.0, 0.8)}
    towards = lambda taken: (taken + 1) % 4  # noqa: E731
    whole, pieces = (
        attacked_model(replace(candidate, batch_size=size), "npz:data.npz", towards, **how)
        for size in (64, 50)
    )
    for one, other in zip(whole, pieces, strict=True):
        for side, same in zip(one, other, strict=True):
            assert all(np.allclose(side[name], same[name], atol=1e-5) for name in side)
    clean, moved = whole[0][0]["logits"], whole[1][0]["logits"]
    assert np.array_equal(clean, whole[0][1]["logits"])  # a strength of 0 is no change
    rows = np.arange(50)
    aims = towards(clean.argmax(axis=1))
    assert (moved[rows, aims] - clean[rows, aims] > 0).all()
    found = attackable(candidate, "npz:data.npz", n=50, seed=0, call="study x")
    assert (found.n, found.classes, found.layers) == (50, 4, 3) and found.seconds > 0
    again = attackable(
        read_candidates(own("net4"))[0], "npz:data.npz", n=50, seed=0, call="study x"
    )
    assert again.identity != found.identity


@pytest.mark.parametrize(
    ("factories", "data", "error", "needed"),
    [
        (EIGHT[:7], "npz:data.npz", TooFewSamplesError, "7 networks; its rules need 8 or more"),
        (EIGHT[:1], "npz:data.npz", TooFewSamplesError, "1 network; its rules"),
        (EIGHT, "npz:few.npz", TooFewSamplesError, "60 samples; needed are 100"),
        (EIGHT, None, UsageError, "--models alone.*add --data DATA"),
        (None, "npz:data.npz", UsageError, "--data alone.*add --models FILE"),
        (("rounded",) * 8, "npz:data.npz", UsageError, "gradient of 0 at every input"),
        (("detached",) * 8, "npz:data.npz", UsageError, "no gradient with respect to its inputs"),
        (("embedded",) * 8, "npz:data.npz", UsageError, "is fed int64.*real numbers"),
    ],
)
def test_networks_that_cannot_be_attacked_are_refused(
    own, tmp_path: Path, factories, data, error, needed
) -> None:
    layers = '["0", "1"]' if factories == EIGHT or data != "npz:data.npz" else '"all"'
    given = Given((), factories and own(*factories, layers=layers), data)
    with pytest.raises(error, match=f"study magai-adversarial: .*{needed}"):
        run_definition(STUDY, given, quick=True, out=tmp_path / "none", jobs=0)
    assert not (tmp_path / "none").exists()


def test_a_study_of_runs_captures_the_networks_of_a_models_file(
    own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    file = own(*EIGHT)
    file.write_text(file.read_text().replace("layers", "covariates = {depth = 2}\nlayers"))
    given = Given((), file, "npz:data.npz")
    found = captured(given, TOY.needs, call="study toy")
    assert [one.network for one in found] == [f"{k} net{k}" for k in range(8)]
    assert {one.covariates["depth"] for one in found} == {2}
    assert found[0].open().layers == ("0", "1") and found[0].open().n == 160
    again = captured(given, TOY.needs, call="study toy")
    assert [one.path for one in again] == [one.path for one in found]  # found, not made anew
    with pytest.raises(TooFewSamplesError, match="8 networks; its rules need 9"):
        run_definition(replace(TOY, needs=Needs(networks=9)), given, out=tmp_path / "o", jobs=0)
    with pytest.raises(UsageError, match="RUNs and --models"):
        captured(replace(given, runs=(found[0].path,)), TOY.needs, call="study toy")
    np.savez(tmp_path / "data.npz", x=np.ones((50, 6), np.float32), y=np.arange(50) % 2)
    other = captured(given, TOY.needs, call="study toy")
    assert other[0].path != found[0].path and other[0].open().n == 50


@pytest.mark.parametrize(
    "name", [n for n, one in STUDIES.items() if isinstance(one, Definition) and one.needs]
)
def test_every_study_takes_networks_of_the_reader_or_says_what_to_bring(
    own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The same few networks for all: each takes them or says what they lack, and runs nothing."""
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    given = Given((), own(*EIGHT[:2]), "npz:data.npz")
    with pytest.raises(UsageError) as told:
        run_definition(STUDIES[name], given, quick=True, out=tmp_path / "out", jobs=0)
    text = "\n".join([str(told.value), *getattr(told.value, "__notes__", ())])
    assert f"study {name}: " in text
    asks = ("need", "Bring", "bring", "apture")
    assert any(word in text for word in asks) and "trains its own networks" not in text
    assert not (tmp_path / "out").exists()


def test_runs_have_no_gradient_and_are_refused_with_what_to_bring(tmp_path: Path) -> None:
    acts = from_arrays({"a": np.random.default_rng(0).normal(size=(120, 4))})
    save_arrays(acts, tmp_path / "run")
    with pytest.raises(UsageError, match=r"along the gradient.*--models MODELS.toml --data DATA"):
        run_definition(STUDY, Given((tmp_path / "run",)), quick=True, out=tmp_path / "o", jobs=0)
