"""Driver and ledger on a simulated clock, disk and executor, so that any fault can be had anywhere.

Everything random comes from one seed, which a failing case names: the same seed is the same story.
A story is one workbook that many drivers in a row work on, each until it is done or dies. What must
hold is checked at every step: values that are read are those of the model, and what was finished
before a driver started is not done again by it.
"""

from __future__ import annotations

import errno
import heapq
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from toposcope.errors import DamagedError, RunLockedError, ToposcopeError
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import content_hash

GOOD, RAISES, POISON = "good", "raises", "poison"
WORKLOAD = (GOOD,) * 8 + (RAISES, POISON)


class KilledError(BaseException):
    """The process that runs this is gone: nothing catches it but the world outside."""


class WorkerDiedError(Exception):
    """What the executor says when one of its workers is gone."""


@dataclass(frozen=True)
class Square:
    """A job: the square of a number, an error of its own, or the death of its worker."""

    x: int
    how: str


@dataclass(repr=False)
class Disk:
    """Objects in memory that fail, kill and rot as the seed says."""

    rng: random.Random
    rate: float
    objects: dict[str, bytes] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    touched: set[str] = field(default_factory=set)
    locked: bool = False

    __hash__ = object.__hash__
    joins = False

    def _fault(self, kinds: tuple[str, ...]) -> str:
        if self.rng.random() >= self.rate:
            return ""
        kind = self.rng.choice(kinds)
        self.faults[kind] += 1
        return kind

    def put(self, name: str, *parts: Any) -> None:
        """Whole or not at all; an error after the rename leaves the new object there."""
        fault = self._fault(("full", "write error", "kill before", "kill after", "fsync error"))
        if fault == "full":
            raise OSError(errno.ENOSPC, "No space left on device", name)
        if fault == "write error":
            raise OSError(errno.EIO, "Input/output error", name)
        if fault == "kill before":
            raise KilledError
        self.objects[name] = b"".join(bytes(part) for part in parts)
        self.touched.discard(name)
        if fault == "kill after":
            raise KilledError
        if fault == "fsync error":
            raise OSError(errno.EIO, "Input/output error", name)

    def get(self, name: str, first: int | None = None) -> bytes:
        """The bytes, unless they cannot be read this time."""
        if self._fault(("read error",)):
            raise OSError(errno.EIO, "Input/output error", name)
        if name not in self.objects:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)
        return self.objects[name][:first]

    def map(self, name: str) -> np.ndarray:
        """As `get`."""
        return np.frombuffer(self.get(name), np.uint8)

    def exists(self, name: str) -> bool:
        """Whether it is there."""
        return name in self.objects

    def size(self, name: str) -> int:
        """Number of bytes."""
        if name not in self.objects:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)
        return len(self.objects[name])

    def list(self, prefix: str = "") -> list[str]:
        """Names."""
        return sorted(name for name in self.objects if name.startswith(prefix))

    @contextmanager
    def lock(self) -> Any:
        """One writer."""
        if self.locked:
            raise RunLockedError("another process is writing")
        self.locked = True
        try:
            yield
        finally:
            self.locked = False

    def within(self, folder: str) -> Disk:
        """No folders here."""
        assert not folder
        return self

    def where(self, name: str = "") -> str:
        """As messages name it."""
        return f"/disk/{name}"

    def rot(self) -> None:
        """Flip one bit of one object at rest."""
        if not self.objects:
            return
        name = self.rng.choice(sorted(self.objects))
        data = bytearray(self.objects[name])
        data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        self.objects[name] = bytes(data)
        self.touched.add(name)
        self.faults["bit at rest"] += 1


@dataclass(repr=False)
class World:
    """The executor, its clock, and what waiting for it means."""

    rng: random.Random
    disk: Disk
    rate: float
    workers: int
    clock: float = 0.0
    events: list[tuple[float, int, Future[Any], Callable[[], Any]]] = field(default_factory=list)
    count: int = 0
    died: tuple[type[BaseException], ...] = (WorkerDiedError,)
    broken: bool = False

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """A future that the clock will finish; a broken pool takes nothing."""
        if self.broken or self.rng.random() < self.rate / 4:
            self.disk.faults["refused"] += not self.broken
            self.broken = True
            raise WorkerDiedError("the pool is broken")
        future: Future[Any] = Future()
        self.count += 1
        due = self.clock + self.rng.expovariate(1.0)
        heapq.heappush(self.events, (due, self.count, future, lambda: function(*args)))
        return future

    def renew(self) -> None:
        """A new pool; what was in flight is lost, or still running somewhere to its end."""
        for _, _, future, call in self.events:
            if self.rng.random() < 0.3:
                self.disk.faults["ghost worker"] += 1
                self._run(call)
            future.cancel()
        self.events.clear()
        self.broken = False

    def close(self) -> None:
        """Nothing lives on."""
        self.events.clear()

    def _run(self, call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        """What a call gives, or raises."""
        try:
            given = call()
        except KilledError:
            return None, WorkerDiedError("a worker is gone")
        except Exception as error:
            return None, error
        if self.rng.random() < self.rate:
            self.disk.faults["delivered twice"] += 1
            return self._run(call)
        if self.rng.random() < self.rate:
            self.disk.faults["died after its task"] += 1
            return None, WorkerDiedError("a worker is gone")
        return given, None

    def wait(
        self, futures: Any, timeout: float | None = None, return_when: str = ""
    ) -> tuple[set[Any], set[Any]]:
        """Stands for concurrent.futures.wait: the clock runs until something is finished."""
        del return_when
        futures = set(futures)
        while not any(one.done() for one in futures) and self.events and timeout != 0:
            self.clock, _, future, call = heapq.heappop(self.events)
            given, error = self._run(call)
            if isinstance(error, WorkerDiedError):
                self.broken = True
                for lost in [future, *(event[2] for event in self.events)]:
                    if not lost.done():
                        lost.set_exception(error)
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(given)
        if not self.events and timeout is None and not any(one.done() for one in futures):
            raise AssertionError("the driver waits for what nobody will finish")
        finished = {one for one in futures if one.done()}
        return finished, futures - finished


@dataclass
class Story:
    """Everything of one seed."""

    seed: int
    tasks: int = 12
    rate: float = 0.04
    drivers: int = 12
    wrong: int = 0
    lost: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def tell(self) -> Story:
        """Run it; the fields say how it went."""
        rng = random.Random(self.seed)
        disk = Disk(rng, self.rate)
        jobs = [Task(Square(x, rng.choice(WORKLOAD)), f"task {x}") for x in range(self.tasks)]
        book = Workbook(disk, suffix=".txt")
        for number in range(self.drivers):
            self._a_driver(rng, disk, book, jobs)
            if rng.random() < 0.3:
                disk.rot()
            if number % 3 == 2:
                self._a_reader(disk, book, jobs)
        disk.rate, last = 0.0, 0
        while not self._a_driver(rng, disk, book, jobs):
            last += 1
            assert last < 200, f"seed {self.seed}: no driver comes to an end"
        self._a_reader(disk, book, jobs, all_of_it=True)
        self.faults = disk.faults
        return self

    def _a_driver(
        self, rng: random.Random, disk: Disk, book: Workbook, jobs: list[Task[Square]]
    ) -> bool:
        """One run of the workbook; whether it came to its end without a fault in its own way."""
        before = {task.job.x for task in jobs if is_done(disk, task.key)}

        def body(job: Square, inputs: None) -> bytes:
            if job.x in before:
                self.lost += 1
            if job.how == RAISES:
                raise ValueError(f"{job.x} is not for us")
            if job.how == POISON:
                raise KilledError
            return value(job.x)

        world = World(rng, disk, disk.rate, workers=rng.choice((1, 2, 4)))
        try:
            with disk.lock(), waiting(world):
                book.run(body, jobs, None, jobs=world, title="squares")
        except KilledError:
            return False
        except DamagedError as error:
            self._follow(disk, str(error))
            return False
        except OSError:
            return False
        except ToposcopeError as error:
            assert "times in a row" in str(error), error
            return False
        return True

    def _a_reader(
        self, disk: Disk, book: Workbook, jobs: list[Task[Square]], *, all_of_it: bool = False
    ) -> None:
        while True:
            try:
                parts = {task.job.x: data for task, data in book.parts(jobs)}
                failed = {task.job.x: failure.reason for task, failure in book.failures(jobs)}
                break
            except DamagedError as error:
                self._follow(disk, str(error))
                if all_of_it:
                    self._finish(disk, book, jobs)
            except OSError:
                if not disk.rate:
                    raise
                return
        self.wrong += sum(data != value(x) for x, data in parts.items())
        if all_of_it:
            for task in jobs:
                if task.job.how == GOOD:
                    assert task.job.x in parts, f"seed {self.seed}: {task} is not there"
                elif task.job.how == RAISES:
                    assert "ValueError" in failed[task.job.x], f"seed {self.seed}: {failed}"
                else:
                    assert "die" in failed[task.job.x], f"seed {self.seed}: {failed}"

    def _finish(self, disk: Disk, book: Workbook, jobs: list[Task[Square]]) -> None:
        for _ in range(200):
            if self._a_driver(random.Random(self.seed), disk, book, jobs):
                return
        raise AssertionError(f"seed {self.seed}: no driver comes to an end")

    def _follow(self, disk: Disk, told: str) -> None:
        """Do what an error about damage says; it must be about what is damaged."""
        names = re.findall(r"/disk/((?:ledger|parts)/[0-9a-f]+\.(?:json|txt))", told)
        assert names, f"seed {self.seed}: the error names no file: {told}"
        about = set(names) & disk.touched
        assert about, f"seed {self.seed}: nothing of {names} was damaged: {told}"
        for name in names:
            if name.startswith("ledger/"):
                disk.objects.pop(name, None)
                disk.touched.discard(name)
        disk.touched.difference_update(names)


def value(x: int) -> bytes:
    """What the model says a task gives."""
    return f"{x} squared is {x * x}".encode()


def is_done(disk: Disk, key: str) -> bool:
    """Whether a task is finished, read without any code that is under test."""
    tick, part = f"ledger/{key}.json", f"parts/{key}.txt"
    if {tick, part} & disk.touched or tick not in disk.objects or part not in disk.objects:
        return False
    entry = json.loads(disk.objects[tick])
    return entry.get("part") == content_hash(disk.objects[part])


@contextmanager
def waiting(world: World) -> Any:
    """Let drivers wait on the simulated clock."""
    names = ("toposcope.execution.workbook", "toposcope.execution.dispatch")
    modules = [import_module(name) for name in names if find_spec(name)]
    patched = [module for module in modules if hasattr(module, "wait")]
    assert patched, "the driver waits in another module now: name it here"
    before = [module.wait for module in patched]
    for module in patched:
        module.wait = world.wait
    try:
        yield
    finally:
        for module, own in zip(patched, before, strict=True):
            module.wait = own


def tell_many(seeds: range, **settings: Any) -> tuple[Counter[str], int, int]:
    """Faults by kind, wrong values and lost finished work of many stories."""
    faults: Counter[str] = Counter()
    wrong = lost = 0
    for seed in seeds:
        try:
            story = Story(seed, **settings).tell()
        except BaseException as error:
            error.add_note(f"python -c 'from tests.simulation import Story; Story({seed}).tell()'")
            raise
        assert (story.wrong, story.lost) == (0, 0), f"seed {seed}: {story}"
        faults += story.faults
        wrong, lost = wrong + story.wrong, lost + story.lost
    return faults, wrong, lost
