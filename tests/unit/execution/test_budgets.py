"""What a task may take of time and memory, with real processes that hang, allocate and die."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from toposcope.execution.budgets import Budget, held_bytes, is_memory, limited
from toposcope.execution.executors import Inline, Loky, Processes, Workers
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

MIB = 1 << 20


@dataclass(frozen=True)
class Odd:
    """A job: what its task does to its worker."""

    does: str


def spin_in_c():
    """Compiled code that holds the interpreter's lock: no thread of its own could stop it."""
    ctypes.PyDLL(None).usleep(120_000_000)


def misbehave(job, folder):
    """A body that does to its worker what it is told, and leaves a trace of every try."""
    with (Path(folder) / f"tried-{job.does}").open("a") as trace:
        trace.write("x")
    tries = len((Path(folder) / f"tried-{job.does}").read_text())
    match job.does:
        case "hang":
            time.sleep(120)
        case "hang in compiled code":
            spin_in_c()
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "allocate at once":
            np.empty(10_000 * MIB, dtype=np.uint8)  # untouched: harmless where nothing refuses it
        case "allocate bit by bit":
            kept = []
            while True:
                kept.append(np.ones(8 * MIB, dtype=np.uint8))
                time.sleep(0.01)
        case "allocate between the claims":
            time.sleep(len(np.ones(450 * MIB, dtype=np.uint8)) * 0)
        case "raise MemoryError":
            msg = "not enough for 5 TB"
            raise MemoryError(msg)
        case "_exit":
            os.write(2, b"the last words of it\n")
            os._exit(7)
        case "segfault":
            ctypes.string_at(0)
        case "die once" if tries == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case "SystemExit":
            raise SystemExit(3)
        case "spawn and hang":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
            (Path(folder) / "child").write_text(str(child.pid))
            time.sleep(120)
    return job.does.encode()


def tasks_of(*names):
    return [Task(Odd(name), name) for name in (*names, *(f"fine {i}" for i in range(6)))]


def ran(folder, jobs, *names):
    """Failures by task, after all else was done."""
    workbook = Workbook(LocalObjects(folder / "work"), ".txt")
    tasks = tasks_of(*names)
    workbook.run(misbehave, tasks, str(folder), jobs=jobs, title="t")
    done = {task.job.does for task, _ in workbook.parts(tasks)}
    failed = {task.job.does: failure for task, failure in workbook.failures(tasks)}
    assert done | set(failed) == {task.job.does for task in tasks} and not done & set(failed)
    assert all(f"fine {i}" in done for i in range(6))
    return failed


def tries(folder, name):
    return len((folder / f"tried-{name}").read_text())


class TestTime:
    """What runs longer than its time."""

    @pytest.mark.parametrize("name", ["hang", "hang in compiled code", "stop"])
    def test_is_stopped_and_the_others_go_on(self, tmp_path, name, caplog):
        failed = ran(tmp_path, Workers(1, task_timeout=2), name)
        began = (tmp_path / f"tried-{name}").stat().st_mtime
        tick = tmp_path / "work" / "ledger" / f"{Task(Odd(name), name).key}.json"
        assert 1.9 < tick.stat().st_mtime - began < 2 + 10
        assert set(failed) == {name} and tries(tmp_path, name) == 1
        assert failed[name].kind == "timeout"
        assert "ran longer than its 2 seconds" in failed[name].reason
        assert "--task-timeout" in failed[name].reason
        if name != "stop":  # where it was, from its own stderr
            assert "misbehave" in failed[name].traceback
        told = [record.getMessage() for record in caplog.records]
        assert any(f"{name} has run for 1 of its 2 seconds" in line for line in told)
        assert any(f"{name}: timeout" in line for line in told)

    def test_with_all_that_it_had_started(self, tmp_path):
        failed = ran(tmp_path, Workers(1, task_timeout=2), "spawn and hang")
        assert failed["spawn and hang"].kind == "timeout"
        child = int((tmp_path / "child").read_text())
        time.sleep(0.2)
        stat = Path(f"/proc/{child}/stat")
        assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    @pytest.mark.parametrize("jobs", [Workers(0, task_timeout=1), Workers(1, "loky", 1)])
    def test_inside_a_process_that_is_shared(self, tmp_path, jobs):
        failed = ran(tmp_path, jobs, "hang")
        assert failed["hang"].kind == "timeout" and "sleep" in failed["hang"].traceback

    def test_is_by_the_forecast_where_nobody_names_it(self, tmp_path):
        workers = Workers()
        assert workers.budget(1.0).seconds == 900
        assert workers.budget(1000.0).seconds == 60_000
        assert workers.budget().seconds == 4 * 3600


class TestMemory:
    """What takes more memory than its claim."""

    @pytest.mark.parametrize(
        "name", ["allocate at once", "allocate bit by bit", "raise MemoryError"]
    )
    def test_is_tried_once_more_with_a_larger_claim_and_recorded(self, tmp_path, name):
        before = held_bytes(os.getpid())
        failed = ran(tmp_path, Workers(2, task_memory=300 * MIB), name)
        assert set(failed) == {name} and tries(tmp_path, name) == 2
        assert failed[name].kind == "memory"
        assert "of 0.6 GiB" in failed[name].reason and "--task-memory" in failed[name].reason
        assert held_bytes(os.getpid()) - before < 100 * MIB

    def test_is_done_where_the_larger_claim_is_enough(self, tmp_path):
        name = "allocate between the claims"
        assert ran(tmp_path, Workers(2, task_memory=300 * MIB), name) == {}
        assert tries(tmp_path, name) == 2

    def test_inside_this_process(self, tmp_path):
        claim = held_bytes(os.getpid()) + 200 * MIB
        failed = ran(tmp_path, Workers(0, task_memory=claim), "allocate at once")
        assert failed["allocate at once"].kind == "memory"
        assert len(np.ones(2 * claim, dtype=np.uint8)) == 2 * claim  # the limit is gone again

    def test_errors_that_come_from_it_are_it(self):
        def wrapped():
            try:
                raise MemoryError
            except MemoryError as error:
                msg = "layer1"
                raise ValueError(msg) from error

        with pytest.raises(ValueError, match="layer1") as caught:
            wrapped()
        assert is_memory(caught.value) and not is_memory(ValueError("layer1"))


class TestDeaths:
    """What kills its worker."""

    @pytest.mark.parametrize(
        ("name", "says", "tail"),
        [
            ("_exit", "exit code 7", "the last words of it"),
            ("segfault", "SIGSEGV", "misbehave"),
        ],
    )
    def test_is_recorded_with_the_end_of_its_stderr(self, tmp_path, name, says, tail, capfd):
        failed = ran(tmp_path, 2, name)
        assert set(failed) == {name} and tries(tmp_path, name) == 2
        assert failed[name].kind == "died" and says in failed[name].reason
        assert tail in failed[name].traceback
        assert tail in capfd.readouterr().err  # it is shown as it comes, too

    def test_costs_an_attempt_and_no_other_task_runs_twice(self, tmp_path):
        assert ran(tmp_path, 2, "die once") == {}
        assert tries(tmp_path, "die once") == 2
        assert all(tries(tmp_path, f"fine {i}") == 1 for i in range(6))

    def test_leaving_is_an_error_of_the_task(self, tmp_path):
        failed = ran(tmp_path, 1, "SystemExit")
        assert failed["SystemExit"].reason == "SystemExit: 3"

    def test_all_kinds_together(self, tmp_path):
        names = ("hang", "_exit", "allocate at once", "die once", "SystemExit", "segfault")
        failed = ran(tmp_path, Workers(2, task_timeout=3, task_memory=400 * MIB), *names)
        assert {name: failure.kind for name, failure in failed.items()} == {
            "hang": "timeout",
            "_exit": "died",
            "allocate at once": "memory",
            "SystemExit": "error",
            "segfault": "died",
        }

    def test_between_two_tasks_costs_nothing(self, tmp_path):
        """The moment between `wait` and `submit`: workers are killed whenever a task has ended."""
        executor = Processes(2)

        class Killing:
            """A progress that kills every worker that waits."""

            @contextmanager
            def task(self, name, total, /):
                yield self

            def advance(self, steps=1):
                for hand in list(executor._idle):
                    if hand.pid:
                        os.kill(hand.pid, signal.SIGKILL)

        workbook, tasks = Workbook(LocalObjects(tmp_path / "work"), ".txt"), tasks_of("die once")
        workbook.run(misbehave, tasks, str(tmp_path), jobs=executor, progress=Killing(), title="t")
        executor.close()
        assert workbook.todo(tasks) == [] and list(workbook.failures(tasks)) == []


class TestLimits:
    """Budgets kept from inside."""

    def test_signals_and_limits_of_the_process_are_as_before(self):
        import resource

        before = signal.getsignal(signal.SIGVTALRM), resource.getrlimit(resource.RLIMIT_DATA)
        with limited(Budget(5.0, held_bytes(os.getpid()) + 500 * MIB)):
            assert signal.getsignal(signal.SIGVTALRM) != before[0]
        after = signal.getsignal(signal.SIGVTALRM), resource.getrlimit(resource.RLIMIT_DATA)
        assert after == before

    def test_in_a_thread_that_is_not_the_main_one(self, tmp_path):
        class Here(Inline):
            """Runs in a thread of this process."""

            pool = ThreadPoolExecutor(1)

            def submit(self, function, /, *args):
                assert threading.current_thread() is threading.main_thread()
                return self.pool.submit(function, *args)

        workbook, tasks = Workbook(LocalObjects(tmp_path / "work"), ".txt"), [Task(Odd("x"), "x")]
        workbook.run(count, tasks, None, jobs=Here(), title="t")
        assert workbook.todo(tasks) == []
        with ThreadPoolExecutor(1) as pool:
            began = time.monotonic()
            assert pool.submit(interrupted, 1.0).result() == "TimeIsUp"
            assert time.monotonic() - began < 10


def count(job, inputs):
    """A body that is quick."""
    return b"1"


def interrupted(seconds):
    """What ends a loop of Python's own code."""
    try:
        with limited(Budget(seconds)):
            while True:
                sum(range(1000))
    except BaseException as error:
        return type(error).__name__


@pytest.mark.parametrize("kind", [Inline, lambda: Processes(1), lambda: Loky(1)])
def test_defaults_leave_work_alone(tmp_path, kind):
    executor = kind()
    assert ran(tmp_path, executor, "fine") == {}
    executor.close()
