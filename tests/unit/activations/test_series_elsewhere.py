"""Checkpoints of a training are captured by the workers of a named executor too."""

from __future__ import annotations

import os

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn

import toposcope as ts
from toposcope.cli import main
from toposcope.execution.executors import Processes
from toposcope.store.verify import verify

MODEL = "py:tests.unit.analysis.models_of_a_zoo:narrow"


def checkpoints(folder):
    folder.mkdir()
    for step in (0, 10):
        torch.manual_seed(step)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.Tanh(), nn.Linear(5, 10))
        save_file(net.state_dict(), folder / f"step_{step}.safetensors")
    (folder / "step_20.safetensors").write_bytes(b"torn")
    return folder


def test_they_are_those_of_this_process(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACES", str(tmp_path))
    how = {"weights": checkpoints(tmp_path / "ckpt"), "layers": "2", "n": 80}
    workers = Processes(1)
    there = ts.capture_series(MODEL, "sklearn:digits", store=tmp_path / "T", jobs=workers, **how)
    workers.close()
    builders = {int(path.name.rpartition("-")[2]) for path in tmp_path.glob("*-in-*")}
    assert builders - {os.getpid()}, "all were captured in this process"
    here = ts.capture_series(MODEL, "sklearn:digits", store=tmp_path / "H", jobs=2, **how)
    assert there.steps == here.steps == (0, 10)
    assert [f["weights"] for f in there.failures] == ["step_20.safetensors"]
    assert verify(tmp_path / "T").digest == verify(tmp_path / "H").digest
    assert not (tmp_path / "T" / ".steps").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--executor", "loky"], "one capture is one task"),
        (["--jobs", "2"], "one capture is one task"),
        (["--weights", "a.pt", "--weights", "b.pt", "--jobs", "2"], "--jobs alone"),
    ],
)
def test_what_is_one_task_says_so(words, told, tmp_path):
    line = ["capture", MODEL, "sklearn:digits", "-o", str(tmp_path / "R"), *words]
    done = CliRunner().invoke(main, line)
    assert done.exit_code == 2 and told in done.output
    assert not (tmp_path / "R").exists()
