"""Tasks of a workbook are done exactly once in effect, whatever dies, on any executor and store."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toposcope.errors import DamagedError, UsageError, WorkersLostError
from toposcope.execution.dispatch import Dispatch
from toposcope.execution.executors import Inline, Loky, Processes, Workers
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.store.ledger import Failure, Ledger
from toposcope.store.objects import LocalObjects

from ..store.memory_objects import MemoryObjects  # noqa: TID252 - the tests are no package
from .other_executors import Lossy, LostWorkerError, Threads
from .test_executors import alive


@dataclass(frozen=True)
class Square:
    """A job: the square of a number."""

    x: int


@dataclass(frozen=True)
class Around:
    """What is around a job and decides nothing of its answer.

    Parameters
    ----------
    folder
        Where every execution leaves a trace.
    special
        x -> what happens there.
    pause
        Seconds that a task takes.
    """

    folder: Path
    special: dict[int, str] = field(default_factory=dict)
    pause: float = 0.0


def square(job, around):
    """A body that leaves a trace of every execution."""
    with (around.folder / f"ran-{job.x}").open("a") as trace:
        trace.write("x")
    what = around.special.get(job.x)
    if what == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "kill once" and not (around.folder / "killed").exists():
        (around.folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "error":
        msg = f"no square of {job.x}"
        raise ValueError(msg)
    time.sleep(around.pause)
    return str(job.x**2).encode()


def sleep_long(job, around):
    """A body that says which process it is and goes on for minutes."""
    (around.folder / f"pid-{os.getpid()}").touch()
    time.sleep(120)


def make(count=12):
    return [Task(Square(x), f"square {x}") for x in range(count)]


def runs_of(folder, x):
    trace = folder / f"ran-{x}"
    return len(trace.read_text()) if trace.exists() else 0


def values(workbook, tasks):
    return {task.job.x: int(part) for task, part in workbook.parts(tasks)}


ALL = {x: x * x for x in range(12)}


@pytest.fixture
def workbook(tmp_path):
    return Workbook(LocalObjects(tmp_path / "work"), suffix=".txt", again="square again")


EXECUTORS = {
    "0": lambda: 0,
    "1": lambda: 1,
    "2": lambda: 2,
    "None": lambda: None,
    "inline": Inline,
    "processes": lambda: Processes(2),
    "loky": lambda: Loky(2),
    "workers": lambda: Workers(2, task_timeout=60, task_memory=2**30),
    "threads": lambda: Threads(3),
}


class Counted:
    """A progress that counts."""

    total = steps = 0

    @contextmanager
    def task(self, name, total, /):
        assert name == "square"
        self.total += total
        yield self

    def advance(self, steps=1):
        self.steps += steps


class TestExactlyOnce:
    """Every task is done, and none twice."""

    @pytest.mark.parametrize("kind", EXECUTORS)
    def test_on_any_executor_and_nothing_again(self, workbook, tmp_path, kind):
        tasks, jobs, progress = make(), EXECUTORS[kind](), Counted()
        for tried in (tasks, []):
            assert tried == workbook.run(
                square, tasks, Around(tmp_path), jobs=jobs, progress=progress, title="square"
            )
            assert values(workbook, tasks) == ALL
        assert [runs_of(tmp_path, x) for x in range(12)] == [1] * 12
        assert progress.steps == progress.total == 24
        assert workbook.todo(tasks) == [] and list(workbook.failures(tasks)) == []
        if hasattr(jobs, "close"):  # one that was given is left open: it is ours to close
            assert jobs.submit(abs, -1).result() == 1
            jobs.close()

    @pytest.mark.parametrize("seed", range(12))
    @pytest.mark.parametrize("place", [LocalObjects, MemoryObjects])
    def test_whatever_dies_at_any_moment(self, tmp_path, seed, place):
        """Done, or recorded as having died twice alone, which chance can bring about here."""
        objects = LocalObjects(tmp_path / "work") if place is LocalObjects else MemoryObjects()
        workbook, tasks, progress = Workbook(objects, ".txt"), make(), Counted()
        executor = Lossy(seed, rate=0.4)
        workbook.run(
            square, tasks, Around(tmp_path), jobs=executor, progress=progress, title="square"
        )
        assert "fine" in executor.fates and len(set(executor.fates)) > 1
        failed = {task.job.x for task, _ in workbook.failures(tasks)}
        assert all("died twice" in failure.reason for _, failure in workbook.failures(tasks))
        assert values(workbook, tasks) == {x: y for x, y in ALL.items() if x not in failed}
        assert progress.steps == progress.total == 12
        # Run again without losses, only what had failed is tried, and then all is there.
        assert {task.job.x for task in workbook.todo(tasks)} == failed
        before = [runs_of(tmp_path, x) for x in range(12)]
        workbook.run(square, tasks, Around(tmp_path), jobs=0, title="square")
        assert values(workbook, tasks) == ALL
        assert [runs_of(tmp_path, x) - before[x] for x in range(12)] == [
            int(x in failed) for x in range(12)
        ]

    def test_on_any_store(self, tmp_path):
        objects = MemoryObjects()
        workbook = Workbook(objects.within("work"), suffix=".txt")
        workbook.run(square, make(), Around(tmp_path), jobs=Threads(2), title="square")
        assert values(workbook, make()) == ALL
        assert len(objects.list("work/parts/")) == len(objects.list("work/ledger/")) == 12

    def test_only_what_is_asked_for_is_run_and_read(self, workbook, tmp_path):
        some = make(3)
        workbook.run(square, some, Around(tmp_path), jobs=0, title="square")
        assert [task.job.x for task in workbook.todo(make(5))] == [3, 4]
        workbook.run(square, make(5), Around(tmp_path), jobs=0, title="square")
        assert values(workbook, some) == {0: 0, 1: 1, 2: 4}

    def test_titles_and_inputs_do_not_make_another_task(self, workbook, tmp_path):
        one, other = Task(Square(3), "square 3"), Task(Square(3), "the square of three")
        assert one.key == other.key
        workbook.run(square, [one], Around(tmp_path), jobs=0, title="square")
        elsewhere = Around(tmp_path / "nowhere", special={3: "error"})
        assert workbook.run(square, [other], elsewhere, jobs=0, title="square") == []

    def test_a_part_without_its_tick_is_garbage(self, workbook, tmp_path):
        (task,) = make(1)
        workbook.objects.put(f"parts/{task.key}.txt", b"a kill came between data and tick")
        assert values(workbook, [task]) == {}
        workbook.run(square, [task], Around(tmp_path), jobs=0, title="square")
        assert values(workbook, [task]) == {0: 0}

    def test_no_tasks_start_no_worker(self, workbook, tmp_path):
        class Unused(Inline):
            def submit(self, function, /, *args):
                pytest.fail("there was nothing to submit")

        assert workbook.run(square, [], Around(tmp_path), jobs=Unused(), title="square") == []

    def test_what_is_no_number_of_workers_is_refused(self, workbook, tmp_path):
        with pytest.raises(UsageError, match="jobs=-1"):
            workbook.run(square, make(), Around(tmp_path), jobs=-1, title="square")
        assert not (tmp_path / "ran-0").exists()


class TestErrors:
    """What a task raises is recorded, and the others go on."""

    @pytest.mark.parametrize("jobs", [0, 2])
    def test_with_its_reason_and_its_trace_and_tried_again(self, workbook, tmp_path, jobs):
        tasks = make()
        around = Around(tmp_path, special={3: "error"})
        workbook.run(square, tasks, around, jobs=jobs, title="square")
        assert values(workbook, tasks) == {x: y for x, y in ALL.items() if x != 3}
        ((task, failure),) = workbook.failures(tasks)
        assert task.job.x == 3 and failure.task == "square 3"
        assert failure.reason == "ValueError: no square of 3"
        assert "in square" in failure.traceback
        assert workbook.run(square, tasks, Around(tmp_path), jobs=jobs, title="square") == [task]
        assert values(workbook, tasks) == ALL and list(workbook.failures(tasks)) == []
        assert runs_of(tmp_path, 3) == 2 and runs_of(tmp_path, 4) == 1

    def test_a_job_that_cannot_be_sent_is_recorded_too(self, workbook, tmp_path):
        tasks = make(3)
        inputs = (Around(tmp_path), threading.Lock())
        workbook.run(square, tasks, inputs, jobs=1, title="square")
        reasons = [failure.reason for _, failure in workbook.failures(tasks)]
        assert len(reasons) == 3 and all("pickle" in reason.lower() for reason in reasons)

    def test_a_published_task_is_done_though_the_message_that_says_so_is_lost(
        self, workbook, tmp_path
    ):
        class Mute(Inline):
            def submit(self, function, /, *args):
                function(*args)
                future = Future()
                future.set_exception(ConnectionError("the answer was lost on the way"))
                return future

        workbook.run(square, make(), Around(tmp_path), jobs=Mute(), title="square")
        assert values(workbook, make()) == ALL


class TestDeaths:
    """Workers that are killed."""

    def test_one_costs_at_most_a_window(self, workbook, tmp_path):
        around = Around(tmp_path, special={5: "kill once"}, pause=0.01)
        workbook.run(square, make(), around, jobs=2, title="square")
        assert values(workbook, make()) == ALL
        assert runs_of(tmp_path, 5) == 2
        assert sum(runs_of(tmp_path, x) for x in range(12)) <= 12 + 4

    @pytest.mark.parametrize("jobs", [1, 2, "loky"])
    def test_poison_is_recorded_and_everything_else_is_done(self, workbook, tmp_path, jobs):
        around = Around(tmp_path, special={5: "poison"}, pause=0.01)
        workbook.run(square, make(), around, jobs=jobs, title="square")
        assert values(workbook, make()) == {x: y for x, y in ALL.items() if x != 5}
        ((task, failure),) = workbook.failures(make())
        assert task.job.x == 5 and "died twice while running this task" in failure.reason
        assert failure.kind == "died"
        assert failure.traceback == ""
        assert 2 <= runs_of(tmp_path, 5) <= 3

    def test_an_executor_that_was_given_lives_on_after_poison(self, workbook, tmp_path):
        executor = Processes(2)
        around = Around(tmp_path, special={0: "poison"})
        workbook.run(square, make(3), around, jobs=executor, title="square")
        assert executor.submit(abs, -3).result() == 3
        executor.close()

    def test_what_was_published_before_a_death_is_not_repeated(self, workbook, tmp_path):
        class Late(Inline):
            """Its workers die of every task, right after they have done it."""

            died = (LostWorkerError,)

            def submit(self, function, /, *args):
                function(*args)
                future = Future()
                future.set_exception(LostWorkerError())
                return future

        workbook.run(square, make(), Around(tmp_path), jobs=Late(), title="square")
        assert values(workbook, make()) == ALL
        assert [runs_of(tmp_path, x) for x in range(12)] == [1] * 12

    def test_futures_of_dead_workers_may_stay_silent(self, workbook, tmp_path):
        class Silent(Inline):
            """Takes one task, says nothing more, and refuses the next."""

            workers, died, calls = 2, (LostWorkerError,), 0

            def submit(self, function, /, *args):
                self.calls += 1
                if self.calls == 2:
                    raise LostWorkerError
                return Future() if self.calls == 1 else super().submit(function, *args)

        workbook.run(square, make(), Around(tmp_path), jobs=Silent(), title="square")
        assert values(workbook, make()) == ALL

    def test_canceled_futures_are_deaths_where_the_executor_says_so(self, workbook, tmp_path):
        class Cancels(Inline):
            """Cancels the first future, as engines do with those of a lost machine."""

            died, calls = (CancelledError,), 0

            def submit(self, function, /, *args):
                self.calls += 1
                if self.calls > 1:
                    return super().submit(function, *args)
                future = Future()
                future.cancel()
                future.set_running_or_notify_cancel()
                return future

        workbook.run(square, make(), Around(tmp_path), jobs=Cancels(), title="square")
        assert values(workbook, make()) == ALL

    def test_workers_that_never_live_end_the_run_and_what_is_done_is_kept(self, workbook, tmp_path):
        class Dying(Inline):
            """Takes three tasks and never one again."""

            workers, died, calls, renewed = 1, (LostWorkerError,), 0, 0

            def submit(self, function, /, *args):
                self.calls += 1
                if self.calls > 3:
                    raise LostWorkerError
                return super().submit(function, *args)

            def renew(self):
                self.renewed += 1

        executor = Dying()
        with pytest.raises(WorkersLostError, match=r"10 times in a row.*jobs=0"):
            workbook.run(square, make(), Around(tmp_path), jobs=executor, title="square")
        assert executor.renewed == 9
        assert workbook.run(square, make(), Around(tmp_path), jobs=0, title="square") == make()[3:]
        assert values(workbook, make()) == ALL


DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.execution.test_workbook import Around, make, sleep_long, square
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

folder = Path({folder!r})
workbook = Workbook(LocalObjects(folder / "work"), suffix=".txt")
workbook.run({body}, make({count}), Around(folder, pause=0.1), jobs=2, title="square")
"""


@contextmanager
def driver(folder, body, count):
    """A process that runs tasks, killed at the end."""
    root = str(Path(__file__).parents[3])
    code = DRIVER.format(root=root, folder=str(folder), body=body, count=count)
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition, *, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


class TestKilledDrivers:
    """The process that gives out the tasks is killed."""

    def test_their_workers_end_with_them(self, tmp_path):
        with driver(tmp_path, "sleep_long", 2):
            wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == 2, seconds=60)
        pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
        wait_until(lambda: not any(map(alive, pids)), seconds=15)

    def test_no_finished_task_is_repeated(self, workbook, tmp_path):
        with driver(tmp_path, "square", 12):
            wait_until(lambda: len(workbook.objects.list("ledger/")) >= 4, seconds=60)
        time.sleep(1.5)  # its workers notice within a second; a task takes a tenth
        done = {task.job.x for task in make()} - {task.job.x for task in workbook.todo(make())}
        assert len(done) >= 4
        workbook.run(square, make(), Around(tmp_path), jobs=2, title="square")
        assert values(workbook, make()) == ALL
        assert all(runs_of(tmp_path, x) == 1 for x in done)


class TestDamage:
    """No number is used that is not the one that was computed."""

    @pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
    def test_a_damaged_part_is_refused_and_can_be_made_again(self, workbook, tmp_path, damage):
        tasks = make()
        workbook.run(square, tasks, Around(tmp_path), jobs=0, title="square")
        part = tmp_path / "work" / "parts" / f"{tasks[7].key}.txt"
        if damage == "missing":
            part.unlink()
        else:
            part.write_bytes(b"48" if damage == "flipped" else b"4")
        what = "is missing" if damage == "missing" else "does not match its recorded hash"
        with pytest.raises(DamagedError, match=f"{part.name} {what}.*square again"):
            values(workbook, tasks)
        (tmp_path / "work" / "ledger" / f"{tasks[7].key}.json").unlink()
        assert workbook.run(square, tasks, Around(tmp_path), jobs=0, title="x") == [tasks[7]]
        assert values(workbook, tasks) == ALL

    def test_a_damaged_tick_is_named(self, workbook, tmp_path):
        tasks = make(2)
        workbook.run(square, tasks, Around(tmp_path), jobs=0, title="square")
        (tmp_path / "work" / "ledger" / f"{tasks[1].key}.json").write_text('{"status": ')
        with pytest.raises(DamagedError, match=f"{tasks[1].key}.json is not readable JSON"):
            workbook.todo(tasks)


def test_failures_are_read_back_as_they_were_recorded(workbook):
    failure = Failure("square 3", "ValueError: ü", "Traceback ...")
    workbook.ledger.fail("key", failure)
    assert workbook.ledger.failure("key") == failure and not workbook.ledger.done("key")
    assert workbook.ledger.failure("other") is None
    assert workbook.ledger.tried() == ["key"]


class TestManyTasks:
    """A large ledger is not read tick by tick to see that nothing is left."""

    @pytest.fixture
    def few(self, tmp_path, monkeypatch):
        monkeypatch.setattr("toposcope.execution.workbook.MANY", 5)
        workbook = Workbook(LocalObjects(tmp_path / "work"), suffix=".txt")
        around = Around(tmp_path, special={3: "error"})
        workbook.run(square, make(), around, jobs=0, title="square")
        return workbook, around

    def test_what_is_done_is_known_and_what_failed_is_tried_again(self, few, monkeypatch):
        workbook, around = few
        asked = []
        done = Ledger.done
        monkeypatch.setattr(Ledger, "done", lambda self, key: asked.append(key) or done(self, key))
        assert [task.job.x for task in workbook.todo(make())] == [3]
        assert asked == [make()[3].key]
        around.special.clear()
        workbook.run(square, make(), around, jobs=0, title="square")
        asked.clear()
        assert workbook.todo(make()) == [] == asked
        assert values(workbook, make()) == ALL

    def test_a_tick_that_was_deleted_is_done_again(self, few):
        workbook, around = few
        (workbook.objects.path / "ledger" / f"{make()[7].key}.json").unlink()
        assert [task.job.x for task in workbook.todo(make())] == [3, 7]
        workbook.run(square, make(), around, jobs=0, title="square")
        assert [runs_of(around.folder, x) for x in (6, 7)] == [1, 2]

    def test_one_that_was_damaged_is_told_and_one_that_is_gone_costs_nothing(self, few):
        workbook, _ = few
        index = workbook.objects.path / ".done.json"
        whole = index.read_bytes()
        index.write_bytes(whole.replace(b"done", b"gone"))
        with pytest.raises(DamagedError, match=r"\.done\.json"):
            workbook.todo(make())
        index.unlink()
        assert [task.job.x for task in workbook.todo(make())] == [3]

    def test_one_that_fails_in_a_run_that_is_killed_is_tried_again(self, few, monkeypatch):
        """The list of an earlier run calls it done, and so it was until its tick was deleted."""
        workbook, around = few
        (workbook.objects.path / "ledger" / f"{make()[7].key}.json").unlink()
        around.special[7] = "error"
        dispatched = Dispatch.run
        with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):

            def run(dispatch, tasks):
                dispatched(dispatch, tasks)
                raise KeyboardInterrupt

            killed.setattr(Dispatch, "run", run)
            workbook.run(square, make(), around, jobs=0, title="square")
        around.special.clear()
        assert [task.job.x for task in workbook.todo(make())] == [3, 7]
        workbook.run(square, make(), around, jobs=0, title="square")
        assert values(workbook, make()) == ALL
