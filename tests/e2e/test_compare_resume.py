"""A comparison that is killed goes on where it stopped, and ends with the same tables."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import toposcope as ts
from toposcope.execution.executors import Inline
from toposcope.store.arrays import save_arrays

# Four draws can show nothing, and compare says so; what is tried here is how work goes on.
pytestmark = pytest.mark.filterwarnings("ignore::toposcope.errors.DesignWarning")

OPTIONS = {
    "points": 24,
    "replicates": 4,
    "measures": ("wasserstein", "cka"),
    "homology_dimensions": (0, 1),
}
LAYERS = 5

DRIVER = """
import sys, time
import toposcope as ts
from toposcope.execution.executors import Inline

class Slow(Inline):
    def submit(self, function, /, *args):
        time.sleep(0.2)
        return super().submit(function, *args)

ts.compare({first!r}, {second!r}, store={store!r}, jobs=Slow(), **{options!r})
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    paths = []
    for name in "ab":
        layers = {f"layer{k}": rng.normal(size=(100, 4)) for k in range(LAYERS)}
        paths.append(str(save_arrays(ts.from_arrays(layers, name=name), folder / name)))
        ts.analyze(paths[-1], points=24, replicates=4, null="none", jobs=0)
    return paths


def ticks(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "ledger").glob("*.json")}


def test_a_killed_comparison_continues_and_its_tables_are_the_same(runs, tmp_path):
    whole = ts.compare(*runs, store=tmp_path / "whole", jobs=0, **OPTIONS)
    broken = tmp_path / "broken"
    code = DRIVER.format(first=runs[0], second=runs[1], store=str(broken), options=OPTIONS)
    driver = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(ticks(broken)) < 3:
        assert driver.poll() is None, driver.stderr.read()
        assert time.monotonic() < deadline, "no task was finished"
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    before = ticks(broken)
    assert driver.returncode == -signal.SIGKILL and 3 <= len(before) < 2 * LAYERS
    assert not (broken / "done.json").exists()

    resumed = ts.compare(*runs, store=broken, jobs=2, **OPTIONS)
    after = ticks(broken)
    assert len(after) == 2 * LAYERS and not resumed.failures
    assert all(after[name] == when for name, when in before.items())
    for name in ("layers.parquet", "models.parquet"):
        assert (broken / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert resumed.layers.equals(whole.layers) and resumed.models.equals(whole.models)
    for key, values in whole.matrices.items():
        assert np.array_equal(values, resumed.matrices[key], equal_nan=True)


class Counting(Inline):
    """This process, with the jobs it was given."""

    def __init__(self):
        self.jobs = []

    def submit(self, function, /, *args):
        self.jobs += [task.job for task in args[0].tasks]
        return super().submit(function, *args)


def test_an_executor_takes_one_job_per_layer(runs, tmp_path):
    executor = Counting()
    given = ts.compare(*runs, jobs=executor, store=tmp_path, **OPTIONS)
    assert [job.side.layer for job in executor.jobs] == 2 * [f"layer{k}" for k in range(LAYERS)]
    assert given.layers.equals(ts.compare(*runs, jobs=0, **OPTIONS).layers)


def test_a_job_that_fails_is_told_and_the_others_are_complete(runs, tmp_path):
    class Failing(Counting):
        def submit(self, function, /, *args):
            future = super().submit(function if self.jobs else _broken, *args)
            return future

    given = ts.compare(*runs, jobs=Failing(), store=tmp_path, **OPTIONS)
    (failure,) = given.failures
    assert failure["task"] == "a, layer0" and failure["reason"] == "OSError: the disk is gone"
    rows = given.layers.query("measure == 'wasserstein' and homology_dimension == 0")
    assert rows["status"].tolist() == ["failed"] + ["ok"] * (LAYERS - 1)
    repaired = ts.compare(*runs, jobs=0, store=tmp_path, **OPTIONS)
    assert not repaired.failures and repaired.layers["status"].eq("ok").all()


def _broken(*_):
    msg = "the disk is gone"
    raise OSError(msg)
