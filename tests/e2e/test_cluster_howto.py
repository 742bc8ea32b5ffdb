"""docs/howto/cluster.md as it is written: a scheduler, two workers, the digest of one machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from toposcope.execution.executors import EXECUTORS

pytest.importorskip("distributed")
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "howto" / "cluster.md").read_text("utf-8")


def test_the_commands_give_the_digest_of_one_machine(tmp_path):
    (script,) = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, words in {"toposcope": "-m toposcope.cli", "dask": "-m dask", "python": ""}.items():
        command = bin_folder / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        command.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
    }

    def bash(code):
        return subprocess.run(
            ["bash", "-m", "-e", "-c", code],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=280,
            check=True,
        ).stdout.split("\n")

    lines = [line for line in bash(script) if line]
    assert any("analyze, finished on Dask('dask://127.0.0.1:18786'): 8 of 8" in x for x in lines)
    digest = lines[-1]
    (analyze,) = re.findall(r"^toposcope analyze .*$", script, re.MULTILINE)
    alone = re.sub(r"--executor \S+", "--jobs 1", analyze)
    bash(f"rm -r run/results; {alone}")
    assert [line for line in bash("toposcope verify run --digest") if line] == [digest]


def test_every_executor_is_in_its_table():
    rows = re.findall(r"^\| `([^`]+)`", TEXT, re.MULTILINE)
    assert set(rows) == set(EXECUTORS)
