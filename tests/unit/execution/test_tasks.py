"""Tasks are done exactly once in effect, whatever dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toposcope.errors import UsageError
from toposcope.execution.legacy import Ledger, Task, run_tasks, task_key
from toposcope.store.objects import put


def square(payload):
    """A task that publishes its result and leaves a trace of every execution."""
    folder = Path(payload["folder"])
    with (folder / f"ran-{payload['x']}").open("a") as trace:
        trace.write("x")
    if payload.get("poison"):
        os.kill(os.getpid(), signal.SIGKILL)
    if payload.get("kill_once") and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if payload.get("error"):
        msg = f"no square of {payload['x']}"
        raise ValueError(msg)
    time.sleep(0.01)
    put(folder / f"{payload['x']}.txt", str(payload["x"] ** 2).encode())
    Ledger(folder / "ledger").tick(payload["key"])


def make(folder, count=12, **special):
    tasks = []
    for x in range(count):
        payload = {
            "folder": str(folder),
            "x": x,
            "key": task_key({"x": x}),
            **special.get(f"x{x}", {}),
        }
        tasks.append(Task(payload["key"], f"square {x}", payload))
    return tasks


def values(folder):
    return {int(p.stem): int(p.read_text()) for p in folder.glob("*.txt")}


def runs_of(folder, x):
    return len((folder / f"ran-{x}").read_text())


@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_all_done_for_any_jobs_and_nothing_twice(tmp_path, jobs):
    tasks, ledger = make(tmp_path), Ledger(tmp_path / "ledger")
    assert len(run_tasks(square, tasks, ledger=ledger, jobs=jobs)) == 12
    assert values(tmp_path) == {x: x * x for x in range(12)}
    assert run_tasks(square, tasks, ledger=ledger, jobs=jobs) == []
    assert all(runs_of(tmp_path, x) == 1 for x in range(12))


@pytest.mark.parametrize("jobs", [0, 2])
def test_an_error_is_recorded_and_others_go_on(tmp_path, jobs):
    tasks, ledger = make(tmp_path, x3={"error": True}), Ledger(tmp_path / "ledger")
    run_tasks(square, tasks, ledger=ledger, jobs=jobs)
    assert sorted(values(tmp_path)) == [x for x in range(12) if x != 3]
    entry = ledger.entry(tasks[3].key)
    assert entry["status"] == "failed" and entry["reason"] == "ValueError: no square of 3"
    assert "no square" in entry["traceback"]


def test_a_killed_worker_costs_at_most_a_window(tmp_path):
    tasks, ledger = make(tmp_path, x5={"kill_once": True}), Ledger(tmp_path / "ledger")
    run_tasks(square, tasks, ledger=ledger, jobs=2)
    assert values(tmp_path) == {x: x * x for x in range(12)}
    assert sum(runs_of(tmp_path, x) for x in range(12)) <= 12 + 4


def test_poison_alone_is_recorded_as_failed(tmp_path):
    tasks, ledger = make(tmp_path, x5={"poison": True}), Ledger(tmp_path / "ledger")
    run_tasks(square, tasks, ledger=ledger, jobs=2)
    assert sorted(values(tmp_path)) == [x for x in range(12) if x != 5]
    assert "died" in ledger.entry(tasks[5].key)["reason"]
    assert [ledger.done(t.key) for t in tasks].count(False) == 1


def test_failed_tasks_are_tried_again(tmp_path):
    tasks, ledger = make(tmp_path, 1, x0={"error": True}), Ledger(tmp_path / "ledger")
    run_tasks(square, tasks, ledger=ledger, jobs=0)
    run_tasks(square, make(tmp_path, 1), ledger=ledger, jobs=0)
    assert values(tmp_path) == {0: 0} and ledger.done(tasks[0].key)


DRIVER = """
import sys
sys.path.insert(0, {root!r})
from tests.unit.execution.test_tasks import sleep_long, make
from toposcope.execution.legacy import Ledger, run_tasks
from pathlib import Path
folder = Path({folder!r})
run_tasks(sleep_long, make(folder, 2), ledger=Ledger(folder / "ledger"), jobs=2)
"""


def sleep_long(payload):
    """A task that says which process it is and goes on for minutes."""
    (Path(payload["folder"]) / f"pid-{os.getpid()}").touch()
    time.sleep(120)


def test_workers_end_when_their_driver_is_killed(tmp_path):
    root = str(Path(__file__).parents[3])
    code = DRIVER.format(root=root, folder=str(tmp_path))
    driver = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == 2, seconds=60)
    driver.kill()
    driver.wait()
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    wait_until(lambda: not any(map(alive, pids)), seconds=15)


def alive(pid):
    """Whether a process exists and is no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition, *, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


def test_negative_jobs_are_refused(tmp_path):
    with pytest.raises(UsageError, match="jobs=-1"):
        run_tasks(square, [], ledger=Ledger(tmp_path), jobs=-1)
