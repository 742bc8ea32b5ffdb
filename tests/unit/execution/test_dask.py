"""Dask: a scheduler and workers started by their own commands, killed at will, and one digest."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import MissingExtraError, WorkersLostError
from toposcope.execution import fingerprint as prints
from toposcope.execution.executors import Workers
from toposcope.execution.fingerprint import differences, fingerprint
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects
from toposcope.store.verify import verify

from .test_budgets import ran, tries
from .test_executors import alive
from .test_workbook import ALL, Around, make, runs_of, square, values, wait_until

pytest.importorskip("distributed")
ROOT = Path(__file__).parents[3]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]),
}


def started(folder, *words):
    """A process with its output in a file."""
    name = words[0]
    with (folder / f"{name}-{time.monotonic_ns()}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + name, *words[1:]],
            stdout=log,
            stderr=log,
            cwd=folder,
            env=ENVIRONMENT,
        )


class Cluster:
    """A scheduler and two workers of one thread each, by their own commands."""

    def __init__(self, folder):
        self.folder = folder
        words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.scheduler = started(folder, "scheduler", *words)
        wait_until(lambda: self.address() is not None, seconds=90)
        self.processes = [self.worker(), self.worker()]

    def address(self):
        for log in self.folder.glob("scheduler-*.log"):
            if found := re.search(r"Scheduler at: +tcp://(\S+:\d+)", log.read_text()):
                return found[1]
        return None

    def worker(self, *words):
        words = words or ("--no-nanny",)
        return started(
            self.folder, "worker", self.address(), "--nthreads", "1", "--no-dashboard", *words
        )

    def close(self):
        for process in (*self.processes, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("dask"))
    yield made
    made.close()


def name_of(cluster, **budgets):
    return Workers(None, f"dask://{cluster.address()}", **budgets)


def test_tasks_are_done_once_and_failures_are_those_of_any_executor(cluster, tmp_path):
    names = ("hang", "_exit", "allocate at once", "die once", "SystemExit")
    failed = ran(tmp_path, name_of(cluster, task_timeout=4, task_memory=400 << 20), *names)
    assert {name: failure.kind for name, failure in failed.items()} == {
        "hang": "timeout",
        "_exit": "died",
        "allocate at once": "memory",
        "SystemExit": "error",
    }
    assert "the last words of it" in failed["_exit"].traceback
    assert all(tries(tmp_path, f"fine {i}") == 1 for i in range(6))
    assert all(process.poll() is None for process in cluster.processes), "a task killed a worker"


def test_one_killed_worker_costs_no_result_and_the_digest_is_that_of_processes(cluster, tmp_path):
    X = np.random.default_rng(0).normal(size=(400, 5))
    layers = {f"layer{i}": X[:, : i + 2] for i in range(4)}

    def ticks(run):
        return list(run.glob("results/*/ledger/*.json"))

    def digest(run, jobs):
        analysis = ts.analyze(run, points=40, replicates=8, jobs=jobs)
        assert analysis.failures == [] and len(ticks(run)) == 32
        return verify(run).digest

    def kill(run):
        wait_until(lambda: len(ticks(run)) >= 2, seconds=200)
        cluster.processes[0].send_signal(signal.SIGKILL)

    for name in ("here", "there"):
        ts.store.save_arrays(ts.from_arrays(layers), tmp_path / name)
    expected = digest(tmp_path / "here", 1)
    killer = threading.Thread(target=kill, args=(tmp_path / "there",))
    killer.start()
    assert digest(tmp_path / "there", name_of(cluster)) == expected
    killer.join()
    cluster.processes[0].wait()
    cluster.processes[0] = cluster.worker()


DRIVER = """
import sys
sys.path[:0] = [{src!r}, {root!r}]
from pathlib import Path
from tests.unit.execution.test_workbook import Around, make, sleep_long
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

folder = Path({folder!r})
workbook = Workbook(LocalObjects(folder / "work"), suffix=".txt")
workbook.run(sleep_long, make(4), Around(folder), jobs={jobs!r}, title="square")
"""


@pytest.mark.parametrize("local", [False, True])
def test_nothing_goes_on_ten_seconds_after_the_driver_was_killed(cluster, tmp_path, local):
    jobs = "dask:local" if local else f"dask://{cluster.address()}"
    code = DRIVER.format(src=str(ROOT / "src"), root=str(ROOT), folder=str(tmp_path), jobs=jobs)
    driver = subprocess.Popen([sys.executable, "-c", code], env=ENVIRONMENT)
    try:
        wait_until(lambda: len(list(tmp_path.glob("pid-*"))) >= 1, seconds=120)
    finally:
        driver.kill()
        driver.wait()
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    wait_until(lambda: not any(map(alive, pids)), seconds=10)


def test_a_scheduler_that_is_killed_ends_the_run_and_what_is_done_is_kept(tmp_path):
    own = Cluster(tmp_path)
    workbook = Workbook(LocalObjects(tmp_path / "work"), suffix=".txt")

    class Killing:
        """A progress that kills the scheduler after three tasks."""

        steps = 0

        @contextmanager
        def task(self, name, total, /):
            yield self

        def advance(self, steps=1):
            self.steps += steps
            if self.steps == 3:
                own.scheduler.kill()

    around = Around(tmp_path, pause=0.05)
    try:
        began = time.monotonic()
        with pytest.raises(WorkersLostError, match=r"answers no more.*run the same command"):
            workbook.run(
                square, make(40), around, jobs=name_of(own), progress=Killing(), title="square"
            )
        assert time.monotonic() - began < 60
    finally:
        own.close()
    done = {task.job.x for task in make(40)} - {task.job.x for task in workbook.todo(make(40))}
    assert len(done) >= 3
    before = {x: runs_of(tmp_path, x) for x in done}
    workbook.run(square, make(40), around, jobs=0, title="square")
    assert {x: runs_of(tmp_path, x) for x in done} == before
    assert len(values(workbook, make(40))) == 40


class TestRefusals:
    """Where tasks cannot run, it says why, at once."""

    def test_workers_of_other_code(self, cluster, tmp_path, monkeypatch):
        other = {**fingerprint(), "numpy": "1.0", "toposcope": "edited"}
        monkeypatch.setattr("toposcope.execution.dask_engine.fingerprint", lambda: other)
        workbook = Workbook(LocalObjects(tmp_path / "work"), suffix=".txt")
        with pytest.raises(WorkersLostError, match=r"toposcope: edited here.*numpy: 1.0 here"):
            workbook.run(square, make(2), Around(tmp_path), jobs=name_of(cluster), title="square")
        assert not (tmp_path / "ran-0").exists()

    def test_no_scheduler(self, tmp_path, monkeypatch):
        monkeypatch.setattr("toposcope.execution.dask_engine.CONNECTS_WITHIN", 1.0)
        workbook = Workbook(LocalObjects(tmp_path / "work"), suffix=".txt")
        with pytest.raises(WorkersLostError, match=r"no Dask scheduler answers.*dask scheduler"):
            workbook.run(square, make(2), None, jobs="dask://127.0.0.1:9", title="square")

    def test_without_the_package(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "distributed", None)
        workbook = Workbook(LocalObjects(tmp_path / "work"), suffix=".txt")
        with pytest.raises(MissingExtraError, match=r"pip install 'toposcope\[dask\]'"):
            workbook.run(square, make(2), None, jobs="dask:local", title="square")

    def test_a_fingerprint_is_of_all_sources(self):
        assert differences(fingerprint(), fingerprint()) == ""
        assert set(prints.PACKAGES) < set(fingerprint())
        assert "toposcope" in differences(fingerprint(), {**fingerprint(), "toposcope": "x"})


def test_local_on_any_number_of_workers_without_news_of_its_own(tmp_path, caplog):
    caplog.set_level("INFO")
    for count in (1, 3):
        folder = tmp_path / str(count)
        folder.mkdir()
        workbook = Workbook(LocalObjects(folder / "work"), suffix=".txt")
        jobs = Workers(count, "dask:local")
        workbook.run(square, make(), Around(folder), jobs=jobs, title="square")
        assert values(workbook, make()) == ALL
        assert [runs_of(folder, x) for x in range(12)] == [1] * 12
    assert [one.message for one in caplog.records if one.name.startswith("distributed")] == []
