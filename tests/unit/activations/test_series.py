"""Checkpoints of one training, captured and analyzed as one series."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import toposcope as ts
from tests.edits import edit
from toposcope.activations.models.checkpoints import find_checkpoints, is_single, parse_step
from toposcope.activations.models.load import load_model
from toposcope.analysis.design import Design
from toposcope.errors import ParameterMismatchError, StoreError, UsageError, WeightsError
from toposcope.store.series import is_series, open_series

X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU())


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for seed, name in enumerate(names):
        save_file(net(seed).state_dict(), folder / f"{name}.safetensors")
    return folder


@pytest.mark.parametrize(
    ("name", "step", "unit"),
    [
        ("checkpoint-500", 500, "step"),
        ("epoch=1-step=300", 300, "step"),
        ("model_step_0090", 90, "step"),
        ("global_step1200", 1200, "step"),
        ("epoch_0.25", 0.25, "epoch"),
        ("vgg-ep12", 12, "epoch"),
        ("weights_17", 17, "step"),
        ("final", None, "step"),
        ("stepwise_net", None, "step"),
    ],
)
def test_steps_are_read_from_names(name, step, unit):
    assert parse_step(name) == (step, unit)


def test_natural_order_and_final_last(tmp_path):
    put(tmp_path, "epoch_10", "final", "epoch_2", "epoch_0.5")
    found, notes = find_checkpoints(tmp_path)
    assert [(c.name, c.step) for c in found] == [
        ("epoch_0.5.safetensors", 0.5),
        ("epoch_2.safetensors", 2),
        ("epoch_10.safetensors", 10),
        ("final.safetensors", 11),
    ]
    assert "final.safetensors tells no epoch" in notes[0]
    given, notes = find_checkpoints(tmp_path, steps=[4, 16, 80, 90])
    assert [c.step for c in given] == [4, 16, 80, 90]
    assert given[-1].name == "final.safetensors"
    assert not notes


@pytest.mark.parametrize(
    ("names", "steps", "told"),
    [
        (["early", "late"], None, "cannot be read from their names: early"),
        (["epoch_1", "step_20"], None, "Give one rising number for each with --steps"),
        (["epoch_1", "best"], None, "--steps"),
        (["epoch_1", "ep_1"], None, "both tell epoch 1"),
        (["epoch_1", "epoch_2"], [3], "1 numbers for 2 checkpoints"),
        (["epoch_1", "epoch_2"], [3, 3], "rising"),
    ],
)
def test_steps_are_never_guessed(tmp_path, names, steps, told):
    put(tmp_path, *names)
    with pytest.raises(UsageError, match=told):
        find_checkpoints(tmp_path, steps=steps)


def test_what_a_weights_argument_means(tmp_path):
    put(tmp_path, "epoch_1", "epoch_2")
    assert is_single(tmp_path / "epoch_1.safetensors")
    assert not is_single(tmp_path)
    assert not is_single(str(tmp_path / "epoch_*.safetensors"))
    assert not is_single((str(tmp_path / "a"), str(tmp_path / "b")))
    with pytest.raises(UsageError, match="matches no folder and no file"):
        find_checkpoints(str(tmp_path / "step_*"))
    with pytest.raises(UsageError, match=r"did you mean|epoch_1"):
        find_checkpoints(str(tmp_path / "epoch_3.safetensors"))


def test_a_series_is_captured_on_the_same_samples_and_grows(tmp_path, monkeypatch):
    folder = put(tmp_path / "ckpt", "step_0", "step_20")
    model = net(7)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    series = ts.capture_series(model, X, weights=folder, store=tmp_path / "s", n=50)
    assert series.steps == (0, 20)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    first, second = series
    assert first.sample_ids.tolist() == second.sample_ids.tolist()
    want = torch.relu(nn.functional.linear(torch.from_numpy(X), *list(net(1).parameters())[:2]))
    rows = [int(i.rpartition(":")[2]) for i in second.sample_ids]
    np.testing.assert_allclose(second["1"], want.detach().numpy()[rows], rtol=1e-5, atol=1e-6)

    put(folder, "step_0", "step_20", "step_100")
    written = {p: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.safetensors")}
    series = ts.capture_series(model, X, weights=folder, store=tmp_path / "s", n=50)
    assert series.steps == (0, 20, 100)
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "s").rglob("*.safetensors")}
    assert written.items() <= after.items()
    assert len(after) == 3 * len(written) // 2
    assert open_series(tmp_path / "s") == series
    with pytest.raises(ParameterMismatchError):
        ts.capture_series(model, X, weights=folder, store=tmp_path / "s", n=40)


def test_a_changed_file_is_not_taken_for_the_captured_one(tmp_path):
    folder = put(tmp_path / "ckpt", "step_0", "step_20")
    ts.capture_series(net(), X, weights=folder, store=tmp_path / "s")
    save_file(net(9).state_dict(), folder / "step_20.safetensors")
    with pytest.raises(ParameterMismatchError, match="state"):
        ts.capture_series(net(), X, weights=folder, store=tmp_path / "s")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_unreadable_checkpoints_are_recorded_and_nothing_in_them_runs(tmp_path):
    folder = put(tmp_path / "ckpt", "step_0", "step_20")
    (folder / "step_5.safetensors").write_bytes((folder / "step_0.safetensors").read_bytes()[:99])
    trap = tmp_path / "executed"
    (folder / "step_7.pt").write_bytes(pickle.dumps({"w": Bomb(trap)}, protocol=2))
    torch.save({"w": Bomb(trap)}, folder / "last.ckpt")
    series = ts.capture_series(net(), X, weights=folder, store=tmp_path / "s")
    assert series.steps == (0, 20)
    reasons = {f["weights"]: f["reason"] for f in series.failures}
    assert set(reasons) == {"step_5.safetensors", "step_7.pt", "last.ckpt"}
    assert "not a readable safetensors file" in reasons["step_5.safetensors"]
    assert "could run code" in reasons["last.ckpt"]
    assert not trap.exists()
    # Repaired and tried again, it is no failure any more.
    save_file(net(3).state_dict(), folder / "step_5.safetensors")
    series = ts.capture_series(net(), X, weights=folder, store=tmp_path / "s")
    assert series.steps == (0, 5, 20)
    assert {f["weights"] for f in series.failures} == {"step_7.pt", "last.ckpt"}


def test_nothing_readable_is_an_error(tmp_path):
    folder = put(tmp_path / "ckpt", "step_0", "step_20")
    wrong = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU())
    with pytest.raises(WeightsError, match="none of 2 checkpoints"):
        ts.capture_series(wrong, X, weights=folder, store=tmp_path / "s")


def test_trainer_folders_shards_and_lightning_files(tmp_path):
    for step in (5, 10):
        folder = tmp_path / "hf" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        state = net(step).state_dict()
        if step == 5:
            save_file(state, folder / "model.safetensors")
            continue
        names = {k: f"model-0000{i // 2 + 1}-of-00002.safetensors" for i, k in enumerate(state)}
        for name in set(names.values()):
            save_file({k: v for k, v in state.items() if names[k] == name}, folder / name)
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    series = ts.capture_series(net(), X, weights=tmp_path / "hf", store=tmp_path / "s1")
    assert (series.steps, series.failures) == ((5, 10), ())

    lightning = tmp_path / "version_0" / "checkpoints"
    lightning.mkdir(parents=True)
    for name, step in (("epoch=0-step=30", 30), ("epoch=1-step=60", 60), ("last", 60)):
        state = {f"net.{k}": v for k, v in net(step).state_dict().items()}
        state["loss.weight"] = torch.ones(4)
        torch.save({"state_dict": state, "global_step": step}, lightning / f"{name}.ckpt")
    series = ts.capture_series(net(), X, weights=tmp_path / "version_0", store=tmp_path / "s2")
    assert series.steps == (30, 60)
    assert "last.ckpt is left out" in series.notes[0]
    notes = series.at(30).attrs["weights"]["notes"]
    assert "taken from under 'net.', 1 entries beside it left out: " in notes[-1]


@pytest.mark.parametrize("name", ["../secret.safetensors", "..", ".", "", "a\0b", "é" * 200])
def test_an_index_cannot_point_outside_its_folder(tmp_path, name):
    place = tmp_path / "model.safetensors.index.json"
    place.write_text(json.dumps({"weight_map": {"0.weight": name}}))
    with pytest.raises(WeightsError, match="names no file of its folder"):
        load_model(net(), place)


def test_tied_parameters_may_be_stored_once(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
            self.b.weight = self.a.weight

    model = Tied()
    save_file({"a.weight": torch.eye(4)}, tmp_path / "m.safetensors")
    load_model(model, tmp_path / "m.safetensors")
    assert torch.equal(model.b.weight, torch.eye(4))


def test_analysis_has_the_step_as_a_column_and_report_reads_the_folder(tmp_path):
    folder = put(tmp_path / "ckpt", "epoch_0", "epoch_0.5", "epoch_2")
    ts.capture_series(net(), X, weights=folder, store=tmp_path / "s")
    found = ts.analyze_series(tmp_path / "s", points=20, replicates=3, null="none", jobs=0)
    assert found.steps == (0, 0.5, 2)
    assert list(found.table.columns[:2]) == ["step", "layer"]
    # Repeated samples are told where there are any: the ReLU of the first step has some.
    told = found.intervals.query("statistic != 'duplicates'")
    assert told.groupby("step").size().nunique() == 1
    at = found.table.query("step == 0.5").drop(columns="step").reset_index(drop=True)
    alone = ts.analyze(
        tmp_path / "s" / "epoch_0.5", points=20, replicates=3, null="none", jobs=0
    ).table
    assert at.equals(alone)
    design = Design(points=20, replicates=3, null="none")
    assert ts.analyze_series(tmp_path / "s", design, jobs=0).table.equals(found.table)
    with pytest.raises(UsageError, match="a design and points=30"):
        ts.analyze_series(tmp_path / "s", design, points=30)
    page = ts.report(tmp_path / "s", to=tmp_path / "r.html").read_text()
    assert "epoch 2 against epoch 0" in page


def test_a_series_is_told_from_a_run(tmp_path):
    folder = put(tmp_path / "ckpt", "step_0", "step_20")
    ts.capture_series(net(), X, weights=folder, store=tmp_path / "s")
    assert is_series(tmp_path / "s")
    with pytest.raises(StoreError, match="is a SERIES folder, not a RUN"):
        ts.open(tmp_path / "s")
    with pytest.raises(StoreError, match=r"analyze_series\(\) measures it"):
        ts.analyze(tmp_path / "s")
    with pytest.raises(StoreError, match="is a RUN folder, not a SERIES"):
        ts.open_series(tmp_path / "s" / "step_0")
    with pytest.raises(UsageError, match="is a RUN already"):
        ts.capture_series(net(), X, weights=folder, store=tmp_path / "s" / "step_0")
    with pytest.raises(UsageError, match="has no step 7; it has 0, 20"):
        ts.open_series(tmp_path / "s").at(7)


def test_a_record_cannot_lead_out_of_the_folder(tmp_path):
    folder = put(tmp_path / "ckpt", "step_0")
    series = ts.capture_series(
        net(), X, weights=[folder / "step_0.safetensors"], store=tmp_path / "s"
    )
    edit(series.path / "series.json", lambda old: old["members"][0].update(run="../../elsewhere"))
    with pytest.raises(StoreError, match="not the name of a member"):
        ts.open_series(series.path)


def test_the_command_line_makes_and_shows_a_series(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from toposcope.cli import main

    monkeypatch.chdir(tmp_path)
    put(tmp_path / "ckpt", "epoch_0", "epoch_1", "final")
    (tmp_path / "ckpt" / "epoch_2.safetensors").write_bytes(b"cut")
    (tmp_path / "seriesnet.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU())\n"
    )
    np.savez(tmp_path / "x.npz", x=X)
    words = ["capture", "py:seriesnet:net", "npz:x.npz", "--weights", "ckpt/*.safetensors"]
    done = CliRunner().invoke(main, [*words, "-o", "runs"])
    assert done.exit_code == 3
    assert "3 checkpoints on the same samples" in done.stdout
    assert "final.safetensors tells no epoch" in done.stderr
    assert "failed: epoch_2.safetensors" in done.stderr
    again = [*words, "--steps", "0,30,60,240", "--json", "-o", "steps"]
    done = CliRunner().invoke(main, again)
    assert json.loads(done.stdout)["steps"] == [0, 30, 240]
    done = CliRunner().invoke(
        main,
        [
            "analyze",
            "steps",
            "--points",
            "20",
            "--replicates",
            "3",
            "--null",
            "none",
            "--jobs",
            "1",
        ],
    )
    assert done.exit_code == 0, done.output
    assert "2 layers at 3 steps (0, 30, 240)" in done.stdout
    told = {c: CliRunner().invoke(main, [c, "steps"]) for c in ("info", "status", "verify")}
    assert "step 240, run step_240, weights final.safetensors" in told["info"].stdout
    assert "step_30: analysis" in told["status"].stdout
    assert "failed: epoch_2.safetensors" in told["status"].stdout
    assert "and 3 analyses are as they were written\ndigest: " in told["verify"].stdout
    shard = next((tmp_path / "steps" / "step_30").rglob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"\xff")
    done = CliRunner().invoke(main, ["verify", "steps"])
    assert (done.exit_code, done.stderr.startswith("step_30: ")) == (1, True)
    done = CliRunner().invoke(main, [*words, "--step", "3", "-o", "runs"])
    assert done.exit_code == 2
    assert "a series takes --steps" in done.stderr


def test_a_series_takes_what_a_capture_takes():
    import inspect

    one, all_of_them = (inspect.signature(f).parameters for f in (ts.capture, ts.capture_series))
    assert set(one) - set(all_of_them) == {"step", "step_unit", "twin"}


def test_a_keyword_that_no_design_has_is_refused_by_name(tmp_path):
    says = r"analyze_series\(\): there is no parameter 'pionts'.*points"
    with pytest.raises(UsageError, match=says):
        ts.analyze_series(tmp_path / "s", pionts=20)
