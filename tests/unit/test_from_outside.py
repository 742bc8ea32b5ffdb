"""What was found from outside and has no better place; docs/guarantees.md lists all of it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import toposcope as ts
from tests import every_kind
from toposcope.errors import RunLockedError, ToposcopeError, UsageError
from toposcope.execution.progress import LogLines
from toposcope.store.objects import lock_folder


@pytest.fixture(scope="module")
def ranking(tmp_path_factory):
    return every_kind.make_ranking(tmp_path_factory.mktemp("ranking") / "ranking", 1)


def test_a_ranking_that_another_process_writes_is_not_touched(ranking):
    """D8: it became a failed candidate and replaced the good board."""
    board = (ranking / "board.json").read_bytes()
    with lock_folder(ranking), pytest.raises(RunLockedError, match="another process is writing"):
        every_kind.make_ranking(ranking, 1)
    assert (ranking / "board.json").read_bytes() == board


def test_compare_refuses_its_numbers_before_any_work(tmp_path):
    """D15: n_resamples was looked at after all the work."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    acts = ts.from_arrays({"a": X})
    for wrong in ({"n_resamples": 0}, {"n_resamples": "many"}, {"level": 2}, {"margin": -1.0}):
        with pytest.raises(UsageError):
            ts.compare(acts, acts, store=tmp_path / "c", points=10, replicates=2, jobs=0, **wrong)
        assert not (tmp_path / "c").exists()


def test_workers_that_die_leave_no_warning_behind(tmp_path):
    """D16: leaked semaphores were told on stderr after the death of a worker."""
    script = tmp_path / "deaths.py"
    script.write_text(
        "import os, signal\n"
        "from toposcope.execution.executors import Processes\n"
        "def die(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__':\n"
        "    executor = Processes(2)\n"
        "    try:\n"
        "        executor.submit(die).result()\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
        "    executor.renew()\n"
        "    print(executor.submit(abs, -3).result())\n"
        "    executor.close()\n"
    )
    found = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=240, check=False
    )
    assert found.returncode == 0 and found.stdout.split()[-1] == "3", found
    assert "leaked" not in found.stderr and "resource_tracker" not in found.stderr, found.stderr


def test_a_full_disk_is_told_by_rank_with_its_path_and_bytes(tmp_path, monkeypatch):
    """D18: "no candidate could be captured", without either."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises((OSError, ToposcopeError)) as refused:
        every_kind.make_ranking(tmp_path / "ranking", 2)
    notes = getattr(refused.value, "__notes__", [])
    told = " ".join([str(refused.value), *notes])
    assert "No space left" in told and str(tmp_path) in told and " bytes to " in told, told


def test_names_move_no_cursor(capsys):
    """D19: names of models.toml went to the terminal as they were."""
    with LogLines().task("score \x1b[2J\x1b]0;owned\x07 net\r", 1) as steps:
        steps.advance()
    told = capsys.readouterr().err
    assert told.isprintable() or told[:-1].isprintable(), told
    assert "owned" in told


def test_a_norm_beyond_numbers_says_so():
    """D20: the reason was that the diagram has no pairs."""
    with pytest.raises(ToposcopeError, match="beyond float64"):
        ts.dimension.activation_norm(np.full((4, 3), 1.5e308))
    X = np.random.default_rng(0).normal(size=(40, 3)) * 1e120
    analysis = ts.analyze(ts.from_arrays({"a": X}), points=20, replicates=2, jobs=0)
    rows = analysis.table[analysis.table["statistic"] == "activation_norm"]
    assert (rows["status"] == "ok").all() and (rows["value"] > 1e119).all()
