"""A zoo: many networks as one job that goes on where it was, and records what stops a network."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import toposcope as ts
from toposcope.analysis.zoo import RECORD, open_zoo
from toposcope.cli.inspecting import describe, progress_of
from toposcope.errors import DamagedError, ParameterMismatchError, SpecError, UsageError

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
HOW = {"points": 15, "replicates": 3, "null": "none", "homology_dimensions": (0,)}


def net(width: int, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 2))


def model(name: str, width: int, **more) -> dict:
    covariates = {"width": width, "kind": "wide" if width > 6 else "narrow"}
    return {"name": name, "model": net(width), "layers": "1", "covariates": covariates, **more}


class Broken(nn.Module):
    def forward(self, x):
        msg = "out of order"
        raise RuntimeError(msg)


def make(models, place, **more):
    return ts.zoo(models, X, store=place, analysis=HOW, jobs=0, **more)


def files(place):
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in place.rglob("*")
        if path.is_file() and path.suffix in (".safetensors", ".parquet")
    }


def test_networks_that_are_there_are_not_done_again_and_new_ones_are_added(tmp_path):
    first = make([model("a", 5), model("b", 8)], tmp_path)
    assert [one.state for one in first.networks] == ["done", "done"]
    before = files(tmp_path)
    second = make([model("a", 5), model("b", 8), model("c", 8)], tmp_path)
    assert [one.state for one in second.networks] == ["done"] * 3
    after = files(tmp_path)
    assert before.items() <= after.items()
    assert {path.relative_to(tmp_path).parts[0] for path in after.keys() - before.keys()} == {"c"}
    people = second.population(configuration="width")
    assert people.covariates["kind"].tolist() == ["narrow", "wide", "wide"]
    assert open_zoo(tmp_path) == second


def test_every_network_sees_the_same_samples_and_gives_what_it_gives_alone(tmp_path):
    made = make([model("a", 5), model("b", 8)], tmp_path / "zoo", n=48)
    alone = ts.capture(net(8), X, layers="1", n=48, store=tmp_path / "alone")
    np.testing.assert_array_equal(
        np.asarray(ts.open(tmp_path / "zoo" / "b")["1"]), np.asarray(alone["1"])
    )
    ids = [list(ts.open(made.path / name).sample_ids) for name in "ab"]
    assert ids[0] == ids[1]
    expected = ts.analyze(alone, **HOW, jobs=0).table
    found = ts.load_analysis(tmp_path / "zoo" / "b").table
    np.testing.assert_array_equal(found["value"], expected["value"])


def test_what_stops_one_network_is_recorded_and_the_others_go_on(tmp_path):
    models = [
        model("a", 5),
        {"name": "broken", "model": Broken(), "layers": "all"},
        model("elsewhere", 5, layers="nowhere"),
        model("b", 8),
    ]
    made = make(models, tmp_path)
    assert [one.state for one in made.networks] == ["done", "capture", "capture", "done"]
    assert "out of order" in made.failures[0].reason
    assert "nowhere" in made.failures[1].reason
    assert len(made.population().analyses) == 2
    told = progress_of(tmp_path)
    assert {one["network"] for one in told["failures"]} == {"broken", "elsewhere"}
    assert {one["member"] for one in told["runs"] if one["capture"] == "complete"} == {"a", "b"}
    assert [row["width"] for row in describe(tmp_path)["networks"]] == [5, 8]
    with pytest.raises(UsageError, match=r"no network could be measured\. broken.*out of order"):
        make(models[1:2], tmp_path / "none")


def test_a_network_that_was_stopped_is_tried_again(tmp_path):
    weights = tmp_path / "later.safetensors"
    models = [model("a", 5), model("b", 8, weights=str(weights))]
    assert make(models, tmp_path / "zoo").networks[1].state == "capture"
    save_file({key: value.clone() for key, value in net(8, 3).state_dict().items()}, weights)
    assert make(models, tmp_path / "zoo").networks[1].state == "done"


def test_checkpoints_make_a_series(tmp_path):
    for epoch in (1, 2):
        state = {key: value.clone() for key, value in net(5, epoch).state_dict().items()}
        save_file(state, tmp_path / f"epoch_{epoch}.safetensors")
    text = """
[[model]]
name = "trained"
model = "py:zoo_nets:five"
weights = "epoch_*.safetensors"
layers = ["1"]
covariates = {depth = 1}
"""
    (tmp_path / "models.toml").write_text(text)
    (tmp_path / "zoo_nets.py").write_text(
        "from torch import nn\n\n\ndef five():\n"
        "    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        made = make(tmp_path / "models.toml", tmp_path / "zoo")
    assert made.networks[0].state == "done"
    assert ts.open_series(tmp_path / "zoo" / "trained").steps == (1.0, 2.0)


def test_other_samples_are_refused_before_anything_is_captured(tmp_path):
    make([model("a", 5)], tmp_path, n=48)
    before = files(tmp_path)
    for more, said in (({"n": 50}, "n=48, now 50"), ({"n": 48, "seed": 1}, "seed=0, now 1")):
        with pytest.raises(ParameterMismatchError, match=said):
            make([model("b", 5)], tmp_path, **more)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("covariates", "said"),
    [
        ([{"width": 3}, {"width": "wide"}], "'width' is a number for 'n0' and a word for 'n1'"),
        ([{"run": 3}, {}], "'run', which is the folder"),
        ([{"width": [3]}, {}], "needed is a table of numbers and words"),
        ([3, {}], "needed is a table of numbers and words"),
    ],
)
def test_covariates_that_no_test_could_take_are_refused(tmp_path, covariates, said):
    models = [
        {"name": f"n{k}", "model": net(5), "covariates": each} for k, each in enumerate(covariates)
    ]
    with pytest.raises((UsageError, SpecError), match=said):
        make(models, tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_a_record_that_was_changed_is_refused(tmp_path):
    make([model("a", 5)], tmp_path)
    path = tmp_path / RECORD
    path.write_bytes(path.read_bytes().replace(b'"done"', b'"dome"'))
    with pytest.raises(DamagedError):
        open_zoo(tmp_path)
    path.write_text(json.dumps({"samples": {}, "networks": [{"name": 3}]}))
    with pytest.raises(ts.errors.StoreError, match=r"zoo\.json"):
        open_zoo(tmp_path)


def test_a_zoo_is_not_written_into_a_folder_of_another_kind(tmp_path):
    ts.capture(net(5), X, layers="1", store=tmp_path / "run")
    with pytest.raises(UsageError, match="is a RUN already"):
        make([model("a", 5)], tmp_path / "run")
    shutil.rmtree(tmp_path / "run")


HERE = "py:tests.unit.analysis.models_of_a_zoo:"
ELSEWHERE = [
    {"name": name, "model": HERE + name, "layers": "2", "covariates": {"width": width}}
    for name, width in (("fatal", 3), ("wide", 8))
]


def test_a_named_executor_captures_too_and_outlives_a_network_that_kills_its_process(
    tmp_path, monkeypatch
):
    from toposcope.execution.executors import Processes
    from toposcope.store.verify import verify

    monkeypatch.setenv("TRACES", str(tmp_path))
    how = {"analysis": HOW, "n": 60}
    there = tmp_path / "there"
    workers = Processes(1)
    made = ts.zoo(ELSEWHERE, "sklearn:digits", store=there, jobs=workers, **how)
    workers.close()
    assert {one.name: one.state for one in made.networks} == {
        "fatal": "capture",
        "wide": "done",
    }
    (reason,) = (one.reason for one in made.failures)
    assert "died" in reason and "exit code 9" in reason
    builders = {int(path.name.rpartition("-")[2]) for path in tmp_path.glob("*-in-*")}
    assert len(builders - {os.getpid()}) >= 2, "it was captured in this process"
    assert not (there / ".steps").exists()

    here = tmp_path / "here"
    ts.zoo(ELSEWHERE[1:], "sklearn:digits", store=here, jobs=0, **how)
    assert verify(there / "wide").digest == verify(here / "wide").digest
