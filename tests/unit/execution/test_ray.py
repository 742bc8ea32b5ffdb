"""Ray: native tasks, workers killed at will, and one digest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import MissingExtraError, WorkersLostError
from toposcope.execution.executors import Workers, opened
from toposcope.execution.fingerprint import fingerprint
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects
from toposcope.store.verify import verify

from .test_budgets import ran, tries
from .test_executors import Angle, alive, process, radians, refuse
from .test_workbook import Around, make, square, wait_until

ROOT = Path(__file__).parents[3]
PATHS = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
LOCAL = Workers(2, "ray:local")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'toposcope\[ray\]'"),
        opened(LOCAL, tasks=1),
    ):
        pytest.fail("it was opened")


@pytest.fixture(scope="module")
def ray():
    """A Ray of two CPUs, which executors find started and leave as it is."""
    package = pytest.importorskip("ray")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = PATHS
    package.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 << 20,
        log_to_driver=False,
    )
    yield package
    package.shutdown()
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def test_tasks_are_done_once_and_failures_are_those_of_any_executor(ray, tmp_path):
    names = ("hang", "_exit", "allocate at once", "die once", "SystemExit")
    failed = ran(tmp_path, Workers(2, "ray:local", 4, 400 << 20), *names)
    assert {name: failure.kind for name, failure in failed.items()} == {
        "hang": "timeout",
        "_exit": "died",
        "allocate at once": "memory",
        "SystemExit": "error",
    }
    assert "the last words of it" in failed["_exit"].traceback
    assert all(tries(tmp_path, f"fine {i}") == 1 for i in range(6))


def test_a_killed_worker_costs_no_result_and_the_digest_is_that_of_this_process(ray, tmp_path):
    X = np.random.default_rng(0).normal(size=(320, 5))
    layers = {f"layer{i}": X[:, : i + 2] for i in range(2)}

    def ticks():
        return list((tmp_path / "there").glob("results/*/ledger/*.json"))

    def kill():
        wait_until(lambda: len(ticks()) >= 2, seconds=200)
        for stat in Path("/proc").glob("[0-9]*/cmdline"):
            if stat.read_bytes().startswith(b"ray::_oversee"):
                os.kill(int(stat.parent.name), signal.SIGKILL)
                left.append(16 - len(ticks()))
                return

    left = []
    for name in ("here", "there"):
        ts.store.save_arrays(ts.from_arrays(layers), tmp_path / name)
    ts.analyze(tmp_path / "here", points=40, replicates=8, jobs=0)
    killer = threading.Thread(target=kill)
    killer.start()
    analysis = ts.analyze(tmp_path / "there", points=40, replicates=8, jobs=LOCAL)
    killer.join()
    assert analysis.failures == [] and left[0] > 0
    assert verify(tmp_path / "there").digest == verify(tmp_path / "here").digest


def test_it_keeps_the_contract_of_executors(ray):
    with opened(LOCAL, tasks=9) as executor:
        assert executor.workers == 2
        assert executor.submit(radians, Angle(180.0), 1.0).result() == pytest.approx(np.pi + 1.0)
        assert executor.submit(process).result() != os.getpid()
        error = executor.submit(refuse, 7).exception()
        assert isinstance(error, KeyError) and error.args == ("no answer for 7",)
    assert ray.is_initialized(), "it ended a Ray that was not its own"


def test_workers_of_other_code_are_refused(ray, tmp_path, monkeypatch):
    other = {**fingerprint(), "numpy": "1.0", "toposcope": "edited"}
    monkeypatch.setattr("toposcope.execution.ray_engine.fingerprint", lambda: other)
    workbook = Workbook(LocalObjects(tmp_path / "work"), suffix=".txt")
    with pytest.raises(WorkersLostError, match=r"toposcope: edited here.*numpy: 1.0 here"):
        workbook.run(square, make(2), Around(tmp_path), jobs=LOCAL, title="square")
    assert not (tmp_path / "ran-0").exists()


DRIVER = """
from pathlib import Path
from tests.unit.execution.test_workbook import Around, make, sleep_long
from toposcope.execution.executors import Workers
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

folder = Path({folder!r})
workbook = Workbook(LocalObjects(folder / "work"), suffix=".txt")
workbook.run(sleep_long, make(4), Around(folder), jobs=Workers(2, "ray:local"), title="square")
"""


def test_nothing_goes_on_ten_seconds_after_the_driver_was_killed(tmp_path):
    pytest.importorskip("ray")
    code = DRIVER.format(folder=str(tmp_path))
    driver = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": PATHS})
    try:
        wait_until(lambda: len(list(tmp_path.glob("pid-*"))) >= 1, seconds=120)
    finally:
        driver.kill()
        driver.wait()
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    wait_until(lambda: not any(map(alive, pids)), seconds=10)
