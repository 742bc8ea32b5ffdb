"""Work that goes on is seen from another shell, on every engine, and leaves nothing in a seal."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.cli import main
from toposcope.errors import DamagedError
from toposcope.execution.executors import Workers
from toposcope.execution.tasks import Task
from toposcope.execution.watching import STATUS, Watched, find_status
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects, put_json_at
from toposcope.store.verify import verify

from .test_workbook import Around, Square, make, square, wait_until

ENGINES = ["processes", "loky", "dask:local"]

DRIVER = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}]
from tests.unit.execution.test_workbook import Around, make, square
from toposcope.execution.executors import Workers
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

folder = Path({folder!r})
workbook = Workbook(LocalObjects(folder / "work"), suffix=".txt")
around = Around(folder, special={{3: "error"}}, pause=1.0)
workbook.run(square, make(60), around, jobs=Workers(2, {engine!r}), title="square")
"""


def seen(*words):
    found = CliRunner().invoke(main, ["status", *map(str, words)])
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.mark.parametrize("engine", ENGINES)
def test_from_another_process_while_it_goes_on_and_after_it_was_killed(tmp_path, engine):
    root = str(Path(__file__).parents[3])
    code = DRIVER.format(root=root, folder=str(tmp_path), engine=engine)
    driver = subprocess.Popen([sys.executable, "-c", code])
    try:
        work = LocalObjects(tmp_path / "work")
        wait_until(
            lambda: (told := find_status(work)) and told["done"] >= 3 and told["failed"] == 1,
            seconds=120,
        )
        told = find_status(work)
        assert told["state"] == "running" and told["tasks"] == 60 and told["in_flight"]
        assert 0 < told["per_second"] <= 2.5 and told["process"] == driver.pid
        assert told["seconds_left"] == pytest.approx(
            (60 - told["done"]) / told["per_second"], rel=0.5
        )
        text = seen(tmp_path / "work")
        assert "square, running on" in text and "of 60 tasks done, 1 failed" in text
        assert "left" in text and "now square" in text
    finally:
        driver.kill()
        driver.wait()
    assert find_status(work)["state"] == "stopped"
    assert "stopped on" in seen(tmp_path / "work")


def test_a_finished_one_is_finished_and_no_seal_knows_of_it(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 3))
    ts.store.save_arrays(ts.from_arrays({"a": X}), tmp_path / "run")
    ts.analyze(tmp_path / "run", points=20, replicates=2, jobs=0)
    (status,) = (tmp_path / "run").rglob(STATUS)
    assert "analyze, finished on" in seen(tmp_path / "run")
    told = json.loads(seen(tmp_path / "run", "--json"))
    assert told["work"][0]["done"] == told["work"][0]["tasks"] == 2
    before = verify(tmp_path / "run")
    assert not before.problems
    status.unlink()
    assert verify(tmp_path / "run") == before


def test_with_a_forecast_the_time_left_follows_it(tmp_path):
    tasks = [Task(Square(x), f"square {x}") for x in range(4)]
    seconds = {task.key: 10.0 ** (3 - task.job.x) for task in tasks}
    workbook = Workbook(LocalObjects(tmp_path), ".txt")
    ran = []

    class Seen:
        """A progress that keeps what is told."""

        def task(self, name, total, /):
            from contextlib import nullcontext

            return nullcontext(self)

        def advance(self, steps=1):
            ran.extend(path.name for path in tmp_path.glob("ran-*") if path.name not in ran)

    around = Around(tmp_path)
    workbook.run(
        square,
        tasks[::-1],
        around,
        jobs=0,
        progress=Seen(),
        title="square",
        forecast=lambda job: seconds[Task(job, "").key],
    )
    assert ran == ["ran-0", "ran-1", "ran-2", "ran-3"], "the longest start first"
    told = find_status(LocalObjects(tmp_path))
    assert told["seconds_left"] == 0 and told["state"] == "finished"


def test_what_was_interrupted_is_stopped(tmp_path):
    class Interrupts:
        """As Ctrl-C after two tasks."""

        steps = 0

        def task(self, name, total, /):
            from contextlib import nullcontext

            return nullcontext(self)

        def advance(self, steps=1):
            self.steps += steps
            if self.steps == 2:
                raise KeyboardInterrupt

    workbook = Workbook(LocalObjects(tmp_path / "work"), ".txt")
    with pytest.raises(KeyboardInterrupt):
        workbook.run(
            square, make(), Around(tmp_path), jobs=0, progress=Interrupts(), title="square"
        )
    told = find_status(workbook.objects)
    assert told["state"] == "stopped" and told["done"] == 2


def test_silence_and_damage(tmp_path):
    objects = LocalObjects(tmp_path)
    assert find_status(objects) is None
    watched = Watched(objects, title="t", tasks=3, before=0, executor="x", workers=1, seconds={})
    watched.tell([])
    record = json.loads((tmp_path / STATUS).read_text())
    assert find_status(objects)["state"] == "running"
    record = {k: v for k, v in find_status(objects).items() if k not in ("state", "seconds_silent")}
    put_json_at(objects, STATUS, {**record, "now": time.time() - 1000})
    assert find_status(objects)["state"] == "stopped"
    put_json_at(objects, STATUS, {**record, "host": "elsewhere", "process": 2**40})
    assert find_status(objects)["state"] == "running", "of another machine nobody knows"
    put_json_at(objects, STATUS, {**record, "process": 2**40})
    assert find_status(objects)["state"] == "stopped"
    put_json_at(objects, STATUS, {**record, "done": "many"})
    with pytest.raises(DamagedError, match=r"done is 'many'.*Delete it"):
        find_status(objects)
    assert Workers(0).count == 0 and os.getpid() > 0
