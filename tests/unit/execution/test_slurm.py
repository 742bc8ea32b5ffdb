"""Slurm, whose three commands are faked: elements of arrays run here, and are killed at will."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import MissingExtraError, UsageError, WorkersLostError
from toposcope.execution import dispatch, slurm_engine
from toposcope.execution.executors import Workers, opened, workers_of
from toposcope.execution.fingerprint import fingerprint
from toposcope.execution.slurm_engine import Slurm
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects
from toposcope.store.verify import verify

from .fake_slurm import FakeSlurm
from .test_budgets import ran, tries
from .test_executors import Angle, alive, radians, refuse
from .test_workbook import ALL, Around, make, runs_of, square, values, wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    fake = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{fake.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm_engine, "ELSEWHERE", tmp_path / "home")
    paths = (str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setattr(slurm_engine, "LOOK_EVERY", 0.3)
    monkeypatch.setattr(slurm_engine, "LATE", 0.3)
    yield fake
    wait_until(lambda: not any(map(alive, fake.elements().values())), seconds=10)


def worked(folder, jobs, *, around=None, count=12):
    workbook = Workbook(LocalObjects(folder / "work"), suffix=".txt")
    workbook.run(square, make(count), around or Around(folder), jobs=jobs, title="square")
    return workbook


def test_tasks_are_done_once_in_one_array_and_nothing_is_left(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm_engine, "LATE", 20.0)  # on a busy machine 0.3 s look like a lost one
    jobs = Workers(2, "slurm:short", slurm_options="--account='our group' --time=10")
    workbook = worked(tmp_path, jobs)
    assert values(workbook, make()) == ALL
    assert [runs_of(tmp_path, x) for x in range(12)] == [1] * 12
    (asked,) = slurm.asked()
    for word in ("--partition=short", "--account=our group", "--time=10", "--no-requeue"):
        assert word in asked
    assert "--array=0-1" in asked and "--mem" not in asked
    hidden = [file.name for file in (tmp_path / "work").iterdir() if file.name[0] == "."]
    assert hidden == [".status.json"]


def test_failures_are_those_of_any_executor(slurm, tmp_path):
    names = ("hang", "_exit", "allocate at once", "die once", "SystemExit")
    jobs = Workers(2, "slurm", task_timeout=4, task_memory=400 << 20)
    failed = ran(tmp_path, jobs, *names)
    assert {name: failure.kind for name, failure in failed.items()} == {
        "hang": "timeout",
        "_exit": "died",
        "allocate at once": "memory",
        "SystemExit": "error",
    }
    assert "the last words of it" in failed["_exit"].traceback
    assert all(tries(tmp_path, f"fine {i}") == 1 for i in range(6))
    memory = [next(w for w in asked.split() if w.startswith("--mem=")) for asked in slurm.asked()]
    assert sorted(set(memory)) == ["--mem=1313M", "--mem=913M"]  # the claim, twice it, 513 for us


def test_a_killed_element_costs_no_result_and_the_digest_is_that_of_this_process(slurm, tmp_path):
    X = np.random.default_rng(0).normal(size=(320, 5))
    layers = {f"layer{i}": X[:, : i + 2] for i in range(2)}

    def ticks():
        return list((tmp_path / "there").glob("results/*/ledger/*.json"))

    def kill():
        wait_until(lambda: len(ticks()) >= 2, seconds=200)
        os.killpg(next(iter(slurm.elements().values())), signal.SIGKILL)
        left.append(16 - len(ticks()))

    left = []
    for name in ("here", "there"):
        ts.store.save_arrays(ts.from_arrays(layers), tmp_path / name)
    ts.analyze(tmp_path / "here", points=40, replicates=8, jobs=0)
    killer = threading.Thread(target=kill)
    killer.start()
    analysis = ts.analyze(tmp_path / "there", points=40, replicates=8, jobs=Workers(2, "slurm"))
    killer.join()
    assert analysis.failures == [] and left[0] > 0
    assert verify(tmp_path / "there").digest == verify(tmp_path / "here").digest


def test_elements_that_vanish_cost_attempts_and_a_task_that_takes_two_along_fails(slurm, tmp_path):
    around = Around(tmp_path, special={3: "takes its job along"})

    def body(job, around):
        if around.special.get(job.x):
            hand = os.getppid()
            (around.folder / f"took-{time.monotonic_ns()}").touch()
            os.kill(hand, signal.SIGKILL)
            time.sleep(60)
        return square(job, around)

    workbook = Workbook(LocalObjects(tmp_path / "work"), suffix=".txt")
    workbook.run(body, make(), around, jobs=Workers(1, "slurm"), title="square")
    ((task, failure),) = workbook.failures(make())
    assert task.job.x == 3 and failure.kind == "died" and "is gone" in failure.reason
    assert len(values(workbook, make())) == 11
    assert len(list(tmp_path.glob("took-*"))) == 2  # once amid others, once alone


def test_a_slice_that_is_lost_whole_costs_each_of_its_tasks_one_attempt(
    slurm, tmp_path, monkeypatch
):
    """A node that dies takes a slice along of which nothing was done."""
    kept, dispatched = dispatch.Dispatch.run, []

    def run(self, todo):
        dispatched.append(self)
        return kept(self, todo)

    def body(job, around):
        if job.x == 0 and not (around.folder / "took").exists():
            (around.folder / "took").touch()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return square(job, around)

    monkeypatch.setattr(dispatch.Dispatch, "run", run)
    workbook = Workbook(LocalObjects(tmp_path / "work"), suffix=".txt")
    workbook.run(body, make(16), Around(tmp_path), jobs=Workers(1, "slurm"), title="square")
    assert list(workbook.failures(make(16))) == []
    assert [runs_of(tmp_path, x) for x in range(16)] == [1] * 16
    (one,) = dispatched
    assert one.deaths == {task.key: 1 for task in make(2)}  # 16 tasks in 8 slices


DRIVER = """
import sys
from pathlib import Path
from tests.unit.execution.test_workbook import Around, make, sleep_long
from toposcope.execution.executors import Workers
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

folder = Path({folder!r})
workbook = Workbook(LocalObjects(folder / "work"), suffix=".txt")
workbook.run(sleep_long, make(4), Around(folder), jobs=Workers(2, "slurm"), title="square")
"""


@pytest.mark.parametrize("scancel", [True, False])
def test_nothing_goes_on_ten_seconds_after_the_driver_was_killed(slurm, tmp_path, scancel):
    if not scancel:  # the heart alone ends them
        (slurm.bin / "scancel").write_text("#!/bin/sh\nexit 1\n")
    driver = subprocess.Popen([sys.executable, "-c", DRIVER.format(folder=str(tmp_path))])
    try:
        wait_until(lambda: len(list(tmp_path.glob("pid-*"))) >= 2, seconds=120)
    finally:
        driver.kill()
        driver.wait()
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    wait_until(lambda: not any(map(alive, [*pids, *slurm.elements().values()])), seconds=10)
    wait_until(lambda: not list((tmp_path / "work").glob(".toposcope-*")), seconds=10)


class TestRefusals:
    """Where tasks cannot run, it says why, at once."""

    def test_without_its_commands(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        for call in (lambda: Workers(2, "slurm"), Slurm, lambda: workers_of("slurm:short")):
            with pytest.raises(MissingExtraError, match=r"needs Slurm's sbatch.*login node"):
                call()

    def test_what_sbatch_refuses(self, slurm, tmp_path):
        (slurm.folder / "refuse").write_text("invalid partition specified: shorter")
        with pytest.raises(WorkersLostError, match=r"invalid partition.*--slurm-options"):
            worked(tmp_path, Workers(2, "slurm:shorter"))

    def test_jobs_that_cannot_begin(self, slurm, tmp_path, monkeypatch):
        monkeypatch.setattr(slurm_engine, "ELEMENT", "raise SystemExit('no such file: python')")
        with pytest.raises(WorkersLostError, match=r"before they could begin.*no such file: pyth"):
            worked(tmp_path, Workers(2, "slurm"))

    def test_workers_of_other_code(self, slurm, tmp_path, monkeypatch):
        other = {**fingerprint(), "numpy": "1.0", "toposcope": "edited"}
        monkeypatch.setattr(slurm_engine, "fingerprint", lambda: other)
        with pytest.raises(WorkersLostError, match=r"toposcope: edited here.*numpy: 1.0 here"):
            worked(tmp_path, Workers(2, "slurm"))
        assert not (tmp_path / "ran-0").exists()

    def test_words_for_nobody(self):
        with pytest.raises(UsageError, match=r"for sbatch, and executor='loky' asks for none"):
            Workers(executor="loky", slurm_options="--time=8:00:00")

    @pytest.mark.parametrize("name", ["slurm:", "slurm:a b", "slurm: --wrap=x", "slurms"])
    def test_no_partition(self, name):
        with pytest.raises(UsageError, match="no such executor"):
            Workers(executor=name)


def test_a_controller_that_is_silent_for_a_while_costs_nothing(slurm, tmp_path):
    (slurm.folder / "down").touch()
    assert values(worked(tmp_path, Workers(2, "slurm")), make()) == ALL


def test_a_controller_that_stays_silent_ends_the_run(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm_engine, "SILENT", 1.0)
    (slurm.folder / "down").touch()
    with pytest.raises(WorkersLostError, match=r"answered nothing.*slurm controller"):
        worked(tmp_path, Workers(1, "slurm"), around=Around(tmp_path, pause=2.0))


def test_it_keeps_the_contract_of_executors(slurm):
    with opened(Workers(2, "slurm"), tasks=9) as executor:
        assert executor.submit(radians, Angle(180.0), 1.0).result() == pytest.approx(np.pi + 1.0)
        error = executor.submit(refuse, 7).exception()
        assert isinstance(error, KeyError) and error.args == ("no answer for 7",)
        futures = [executor.submit(radians, Angle(0.0), float(i)) for i in range(5)]
        assert [future.result() for future in futures] == list(range(5))
    executor.close()
    assert workers_of("slurm") == 16 and workers_of(Workers(3, "slurm")) == 3
