"""The command line as a stranger uses it: the main job, bad input, interruption."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.command import command
from toposcope.store.verify import verify

NETS = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(x + self.norm(self.conv(x)))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.blocks = nn.Sequential(Block(), Block(), Block())
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))

def net():
    torch.manual_seed(0)
    return Net()

class Broken(Net):
    def forward(self, x):
        x = self.blocks[0](self.stem(x))
        self.blocks[1](x / 0.0)
        return self.head(self.blocks[2](x).mean((2, 3)))

def broken():
    torch.manual_seed(0)
    return Broken()

def preprocess(batch):
    return torch.from_numpy(batch).float()[:, None] / 16
"""


@pytest.fixture
def here(tmp_path):
    """A folder with the user's own network and data."""
    (tmp_path / "mynets.py").write_text(NETS)
    digits = load_digits()
    np.savez(tmp_path / "digits.npz", x=digits.images.astype(np.uint8), y=digits.target)
    return tmp_path


def cli(here, *words):
    """The command in this process; where the process is the point there is `shell`."""
    return command(here, *words)


def shell(here, *words):
    return subprocess.run(
        [sys.executable, "-m", "toposcope.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=here,
    )


CAPTURE = ("capture", "py:mynets:net", "npz:digits.npz", "-n", 400, "-o", "run")
ANALYZE = ("analyze", "run", "--points", 40, "--replicates", 4, "--jobs", 2)


def test_capture_analyze_report(here):
    found = shell(here, *CAPTURE, "--json")
    assert found.returncode == 0, found.stderr
    captured = json.loads(found.stdout)
    assert captured["layers"] == ["blocks.0", "blocks.1", "blocks.2"]
    assert captured["n"] == 400 and 0 <= captured["top1"] <= 1 and captured["run"] == "run"
    found = shell(here, *ANALYZE, "--jobs", 1, "--json")
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout)
    assert result["failures"] == [] and (here / result["table"]).exists()
    found = cli(here, "report", "run", "-o", "out.html")
    assert found.returncode == 0, found.stderr
    page = (here / "out.html").read_text()
    assert "blocks.2" in page and "toposcope capture py:mynets:net npz:digits.npz" in page
    # Again: everything is there already, nothing is done twice.
    before = {p: p.stat().st_mtime_ns for p in (here / "run").rglob("*.safetensors")}
    assert cli(here, *CAPTURE).returncode == 0
    assert before == {p: p.stat().st_mtime_ns for p in (here / "run").rglob("*.safetensors")}


def test_labels_stay_on_the_captured_samples(here):
    assert cli(here, *CAPTURE).returncode == 0
    import toposcope as ts

    acts = ts.open(here / "run")
    indices = [int(name.rpartition(":")[2]) for name in acts.sample_ids]
    assert acts.labels.tolist() == load_digits().target[indices].tolist()
    assert np.bincount(acts.labels).min() >= 38  # 400 of 1797, ten classes of near equal size


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("py:mynets:nett", "npz:digits.npz"), 2, "Near matches: net"),
        (("py:nowhere:net", "npz:digits.npz"), 2, "nowhere"),
        (("resnet", "npz:digits.npz"), 2, "py:"),
        (("py:mynets:net", "npz:digit.npz"), 2, "digit.npz"),
        (("py:mynets:net", "npz:damaged.npz"), 2, "damaged.npz"),
        (("py:mynets:net", "npz:digits.npz#x=z"), 2, "z"),
        (("py:mynets:net", "npz:digits.npz", "-n", 9999), 2, "1797"),
        (("py:mynets:net", "npz:digits.npz", "--layers", "block.*"), 2, "blocks.0"),
        (("py:mynets:net", "npz:digits.npz", "--pool", "cls"), 2, "cls"),
        (("py:mynets:net", "npz:digits.npz", "--weights", "w.safetensors"), 2, "stem.weight"),
        (("py:mynets:net", "npz:digits.npz", "--weights", "none.safetensors"), 2, "none"),
    ],
)
def test_bad_input_says_what_to_do(here, words, code, message):
    from safetensors.numpy import save_file

    (here / "damaged.npz").write_bytes((here / "digits.npz").read_bytes()[:5000])
    save_file({"stem.bias": np.zeros(8, np.float32)}, here / "w.safetensors")
    found = cli(here, "capture", *words, "-o", "run")
    assert found.returncode == code, found.stderr
    assert message in found.stderr and "Traceback" not in found.stderr
    assert found.stdout == ""


def test_other_parameters_do_not_touch_a_run(here):
    assert cli(here, *CAPTURE).returncode == 0
    digest = verify(here / "run").digest
    found = cli(here, *CAPTURE, "--seed", 5)
    assert found.returncode == 1 and "seed: 0 -> 5" in found.stderr
    assert verify(here / "run").digest == digest


def test_non_finite_layers_are_named_and_others_are_measured(here):
    words = ("capture", "py:mynets:broken", "npz:digits.npz", "-n", 200, "-o", "run")
    found = cli(here, *words)
    assert found.returncode == 0, found.stderr
    assert "blocks.1" in found.stderr
    found = cli(here, *ANALYZE, "--jobs", 0, "--json")
    assert found.returncode == 0, found.stderr

    from toposcope.analysis.run import load_analysis

    table = load_analysis(here / "run").table
    status = table.groupby("layer")["status"].agg(lambda s: set(s))
    assert "nonfinite" in status["blocks.1"] and status["blocks.0"] == {"ok"}


def test_ctrl_c_leaves_a_run_that_continues(here):
    assert cli(here, *CAPTURE).returncode == 0
    words = [*ANALYZE, "--points", 60, "--homology", "0,1,2"]  # slow enough to be interrupted
    process = subprocess.Popen(
        [sys.executable, "-m", "toposcope.cli", *map(str, words)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=here,
        start_new_session=True,
        # A shell's background jobs are born deaf to Ctrl-C, and the test may be one of them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if list((here / "run").glob("results/*/ledger/*.json")):
            break
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "to continue: toposcope analyze run" in err and "Traceback" not in err
    assert cli(here, *words, "--jobs", 0).returncode == 0
    assert verify(here / "run").problems == ()


@pytest.fixture
def many(here):
    """32,768 digits: four chunks."""
    digits = load_digits()
    rows = np.arange(32_768) % 1797
    np.savez(here / "many.npz", x=digits.images[rows].astype(np.uint8), y=digits.target[rows])
    return here


BIG = ("capture", "py:mynets:net", "npz:many.npz")


def ticks(run):
    return {p.name + p.parent.name: p.stat().st_mtime_ns for p in run.glob("acts/*/*/*.json")}


def test_capture_killed_at_any_moment_ends_with_the_same_digest(many):
    assert cli(many, *BIG, "-o", "whole").returncode == 0
    run, words = many / "killed", [*BIG, "-o", "killed"]
    before = {}
    for wanted in (1, 7):
        process = subprocess.Popen(
            [sys.executable, "-m", "toposcope.cli", *words],
            cwd=many,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and len(ticks(run)) < wanted:
            time.sleep(0.002)
        process.kill()
        process.wait()
        assert before.items() <= ticks(run).items(), "a finished shard was written again"
        before = ticks(run)
    if not (run / "capture.json").exists():
        refused = cli(many, "analyze", "killed", "--points", 40)
        assert refused.returncode == 1 and "not complete" in refused.stderr
    assert cli(many, *words).returncode == 0
    assert before.items() <= ticks(run).items()
    assert verify(run).digest == verify(many / "whole").digest


def test_a_full_disk_ends_with_a_message_and_continues_later(many):
    """A limit on file size stands in for a disk that is full after the small files."""
    words = [sys.executable, "-m", "toposcope.cli", *BIG, "-o", "run"]
    found = subprocess.run(
        words,
        cwd=many,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert found.returncode == 1 and "Traceback" not in found.stderr
    assert "could not write" in found.stderr and "free space" in found.stderr
    assert not list((many / "run").rglob(".tmp-*"))
    assert cli(many, *BIG, "-o", "run").returncode == 0
    assert verify(many / "run").problems == ()


def test_every_command_has_help_with_examples(here):
    top = cli(here, "--help")
    names = [line.split()[0] for line in top.stdout.partition("Commands:")[2].splitlines() if line]
    assert set(names) == {
        *(
            "analyze",
            "capture",
            "compare",
            "demo",
            "doctor",
            "export",
            "info",
            "layers",
            "rank",
            "report",
        ),
        *("plan", "status", "study", "verify", "zoo", "landmarks"),
    }
    for name in names:
        found = cli(here, name, "--help")
        assert (
            found.returncode == 0 and f"toposcope {name}" in found.stdout.partition("Examples:")[2]
        )


def test_layers_shows_what_would_be_chosen_and_why(here):
    found = cli(here, "layers", "py:mynets:net", "--data", "npz:digits.npz", "--json")
    rows = json.loads(found.stdout)["layers"]
    chosen = [row["address"] for row in rows if row["selected"]]
    assert chosen == ["blocks.0", "blocks.1", "blocks.2"]
    assert all("Block" in row["why"] for row in rows if row["selected"])
    text = cli(here, "layers", "py:mynets:net", "--data", "npz:digits.npz", "--layers", "stem")
    assert "1 of" in text.stdout and Path(here / "run").exists() is False


def test_a_wrong_image_shape_is_refused_with_the_shape(here):
    np.savez(here / "colour.npz", x=np.zeros((30, 8, 8, 3), np.uint8))
    found = cli(here, "capture", "py:mynets:net", "npz:colour.npz", "-o", "run")
    assert found.returncode == 2 and "(3, 1, 8, 8, 3)" in found.stderr, found.stderr
    assert "preprocess" in found.stderr and not (here / "run").exists()


MODELS = """
[[model]]
name = "net"
model = "py:mynets:net"

[[model]]
name = "gone"
model = "py:mynets:nothing"
"""


def test_rank_prints_a_board_and_leaves_with_3_when_a_model_failed(here):
    (here / "models.toml").write_text(MODELS)
    words = ["rank", "models.toml", "--target", "npz:digits.npz", "--scores", "knn,theta"]
    words += ["--points", 40, "--replicates", 4, "--images", 8, "-o", "out", "--json"]
    done = cli(here, *words)
    assert done.returncode == 3, done.stderr
    board = json.loads(done.stdout)
    assert {row["model"] for row in board["board"] if row["status"] == "ok"} == {"net"}
    assert board["failures"][0]["model"] == "gone"
    assert "has no 'nothing'" in done.stderr


def test_rank_refuses_an_unknown_score(here):
    (here / "models.toml").write_text(MODELS)
    done = cli(here, "rank", "models.toml", "--target", "sklearn:digits", "--scores", "knnn")
    assert done.returncode == 2
    assert "Near matches: knn" in done.stderr
