"""Every executor keeps one contract, ours and those from outside."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from toposcope.errors import UsageError
from toposcope.execution.executors import (
    Executor,
    Inline,
    Loky,
    Processes,
    Workers,
    default_jobs,
    opened,
    workers_of,
)
from toposcope.execution.hands import THREAD_VARIABLES, LostError

from .other_executors import Lossy, Threads

KINDS = {
    "inline": Inline,
    "processes": lambda: Processes(2),
    "loky": lambda: Loky(2),
    "threads": lambda: Threads(2),
    "lossy": lambda: Lossy(seed=0),
}


@dataclass(frozen=True)
class Angle:
    """An argument of a class of its own, as jobs are."""

    degrees: float


def radians(angle, shift):
    return float(np.deg2rad(angle.degrees)) + shift


def refuse(number):
    msg = f"no answer for {number}"
    raise KeyError(msg)


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def pause(seconds):
    time.sleep(seconds)
    return "rested"


def environment(name):
    return os.environ.get(name)


def process():
    return os.getpid()


@pytest.fixture(scope="module", params=KINDS)
def executor(request):
    """One executor of each kind, for all tests."""
    made = KINDS[request.param]()
    yield made
    made.close()


def finished(executor, function, *args):
    """A future of live workers: what every caller does about dead ones."""
    for _ in range(100):
        try:
            future = executor.submit(function, *args)
        except executor.died:
            executor.renew()
            continue
        wait([future])
        if not isinstance(future.exception(), executor.died):
            return future
        executor.renew()
    pytest.fail("no worker lived long enough")


class TestContract:
    """What every executor must do."""

    def test_it_is_one_and_says_how_many_run_at_once(self, executor):
        assert isinstance(executor, Executor)
        assert executor.workers >= 0 and workers_of(executor) == max(1, executor.workers)
        assert all(issubclass(kind, BaseException) for kind in executor.died)

    def test_a_future_holds_the_answer(self, executor):
        future = finished(executor, radians, Angle(180.0), 1.0)
        assert future.result() == pytest.approx(np.pi + 1.0)

    def test_what_a_function_raises_is_in_the_future_and_is_no_death(self, executor):
        error = finished(executor, refuse, 7).exception()
        assert isinstance(error, KeyError) and error.args == ("no answer for 7",)
        assert not isinstance(error, executor.died)
        assert finished(executor, radians, Angle(0.0), 2.0).result() == 2.0

    def test_more_than_there_are_workers_are_all_done(self, executor):
        futures = [finished(executor, radians, Angle(0.0), float(i)) for i in range(20)]
        assert [future.result() for future in futures] == list(range(20))

    def test_renewed_workers_live_whether_or_not_one_had_died(self, executor):
        executor.renew()
        executor.renew()
        assert finished(executor, radians, Angle(0.0), 3.0).result() == 3.0


@pytest.mark.parametrize("kind", KINDS)
def test_closing_needs_no_work_before_and_can_be_done_twice(kind):
    executor = KINDS[kind]()
    executor.close()
    executor.close()


def test_the_killing_fake_kills_in_every_way():
    """Or the tests that lean on it would prove nothing."""
    executor = Lossy(seed=1)
    for i in range(100):
        finished(executor, radians, Angle(0.0), float(i))
    assert set(executor.fates) == {"fine", "refused", "before", "amid", "after"}


class TestProcesses:
    """Worker processes of this machine."""

    @pytest.mark.parametrize("kind", [Processes, Loky])
    def test_work_is_done_elsewhere_on_one_thread_each(self, kind):
        executor = kind(2)
        assert executor.submit(process).result() != os.getpid()
        for name in THREAD_VARIABLES:
            assert executor.submit(environment, name).result() == "1"
        executor.close()

    def test_a_killed_worker_is_lost_alone_and_replaced(self):
        with opened(2, tasks=2) as executor:
            other = executor.submit(pause, 1.0)
            future = executor.submit(die, None)
            assert isinstance(future.exception(), LostError)
            assert "SIGKILL" in str(future.exception())
            assert executor.submit(radians, Angle(0.0), 1.0).result() == 1.0
            assert other.result() == "rested"

    def test_one_that_is_killed_while_it_waits_costs_nothing(self):
        with opened(1, tasks=1) as executor:
            for _ in range(3):
                os.kill(executor.submit(process).result(), signal.SIGKILL)
            assert executor.submit(radians, Angle(0.0), 1.0).result() == 1.0

    def test_a_pool_breaks_as_a_whole_and_is_renewed(self):
        executor = Loky(2)
        assert isinstance(executor.submit(die, None).exception(), executor.died)
        with pytest.raises(executor.died):
            executor.submit(process)
        executor.renew()
        assert executor.submit(radians, Angle(0.0), 1.0).result() == 1.0
        executor.close()

    @pytest.mark.parametrize("kind", [Processes, Loky])
    def test_closing_ends_those_that_were_still_at_work(self, kind):
        executor = kind(1)
        worker = executor.submit(process).result()
        executor.submit(time.sleep, 120)
        time.sleep(0.3)
        executor.close()
        deadline = time.monotonic() + 5
        while alive(worker):
            assert time.monotonic() < deadline, "the worker sleeps on"
            time.sleep(0.05)

    def test_no_number_below_one(self):
        with pytest.raises(UsageError, match=r"Processes\(0\).*1 or more"):
            Processes(0)


class TestJobs:
    """How `jobs` may be given."""

    def test_numbers(self):
        with opened(0, tasks=3) as executor:
            assert isinstance(executor, Inline)
        for jobs in (2, np.int64(2)):
            with opened(jobs, tasks=3) as executor:
                assert isinstance(executor, Processes) and executor.workers == 2
            assert workers_of(jobs) == 2
        assert workers_of(0) == workers_of(Inline()) == 1

    def test_no_more_processes_than_tasks(self):
        for tasks, workers in [(3, 3), (1, 1), (0, 1)]:
            with opened(8, tasks=tasks) as executor:
                assert executor.workers == workers

    def test_none_is_one_process_per_cpu(self):
        assert workers_of(None) == default_jobs() >= 1
        with opened(None, tasks=1000) as executor:
            assert isinstance(executor, Processes) and executor.workers == default_jobs()

    def test_an_executor_is_used_as_it_is_and_left_open(self):
        mine = Threads(3)
        with opened(mine, tasks=1) as executor:
            assert executor is mine and workers_of(mine) == 3
        assert mine.submit(threading.get_ident).result() != threading.get_ident()
        mine.close()

    def test_by_name_and_with_budgets(self):
        with opened("loky", tasks=3) as executor:
            assert isinstance(executor, Loky)
        with opened(Workers(3, task_timeout=5), tasks=9) as executor:
            assert isinstance(executor, Processes) and executor.workers == 3
        assert workers_of(Workers(3)) == 3 and workers_of("processes") == default_jobs()
        assert Workers(task_timeout=5).budget(1e9).seconds == 5
        assert Workers(task_memory=7).budget().bytes == 7

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"count": -1}, "count=-1"),
            ({"executor": "dusk"}, "no such executor.*processes, loky"),
            ({"executor": 3}, "executor=3"),
            ({"task_timeout": 0}, "task_timeout=0"),
            ({"task_memory": 0.5}, "task_memory=0.5"),
        ],
    )
    def test_budgets_that_are_none_are_refused(self, given, says):
        with pytest.raises(UsageError, match=says):
            Workers(**given)

    @pytest.mark.parametrize("jobs", [-1, "2", 1.5, ThreadPoolExecutor])
    def test_anything_else_is_refused(self, jobs):
        with pytest.raises(UsageError, match=r"jobs=.*needed is a number of workers"):
            workers_of(jobs)
        with pytest.raises(UsageError, match="jobs="), opened(jobs, tasks=1):
            pytest.fail("it was opened")

    def test_what_was_opened_is_closed_when_the_work_raises(self):
        with pytest.raises(RuntimeError, match="stop"), opened(1, tasks=1) as executor:
            worker = executor.submit(process).result()
            msg = "stop"
            raise RuntimeError(msg)
        assert not alive(worker)


def alive(pid):
    """Whether a process exists and is no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
