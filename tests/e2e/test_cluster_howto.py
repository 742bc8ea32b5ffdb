"""docs/howto/cluster.md as it is written: a scheduler, two workers, the digest of one machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import toposcope as ts
from toposcope.execution.executors import EXECUTORS
from toposcope.store.verify import verify

pytest.importorskip("distributed")
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "howto" / "cluster.md").read_text("utf-8")


def test_the_commands_give_the_digest_of_one_machine_though_a_worker_is_killed(tmp_path):
    (script,) = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, words in {"toposcope": "-m toposcope.cli", "dask": "-m dask", "python": ""}.items():
        command = bin_folder / name
        told = f"echo $$ > '{tmp_path}'/pid-$1-$$\n" if name == "dask" else ""
        command.write_text(f'#!/bin/sh\n{told}exec "{sys.executable}" {words} "$@"\n')
        command.chmod(0o755)
    left = []

    def kill_a_worker():
        while not (ticks := list(tmp_path.glob("run/results/*/ledger/*.json"))):
            time.sleep(0.02)
        worker = next(tmp_path.glob("pid-worker-*"))
        os.kill(int(worker.read_text()), signal.SIGKILL)
        left.append(32 - len(ticks))

    killer = threading.Thread(target=kill_a_worker, daemon=True)
    killer.start()
    done = subprocess.run(
        ["bash", "-m", "-e", "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    killer.join(1)
    assert left and left[0] > 2, "the worker was killed when all was done"
    lines = [line for line in done.stdout.split("\n") if line]
    told = "analyze, finished on Dask('dask://127.0.0.1:18786'): 32 of 32 tasks done, 0 failed"
    assert any(told in line for line in lines)

    points, replicates = map(int, re.search(r"--points (\d+) --replicates (\d+)", script).groups())
    shutil.rmtree(tmp_path / "run" / "results")
    ts.analyze(tmp_path / "run", points=points, replicates=replicates, jobs=0)
    assert verify(tmp_path / "run").digest == lines[-1]


def test_every_executor_is_in_its_table():
    rows = re.findall(r"^\| `([^`]+)`", TEXT, re.MULTILINE)
    assert rows[0] == "--executor" and set(rows[1:]) == set(EXECUTORS)
