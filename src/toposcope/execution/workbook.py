"""A folder in which many tasks are done: each exactly once in effect, on any executor.

Every composition of the project (analysis, study, comparison, ranking) plans its tasks, runs them
here and collects their parts:

    workbook = Workbook(LocalObjects(folder), suffix=".parquet")
    workbook.run(body, tasks, inputs)
    for task, data in workbook.parts(tasks): ...
    workbook.seal(["table.parquet", "spec.json"])

The body is a module-level function `(job, inputs) -> bytes`: a pure function of its job, and
`inputs` says where to read. The worker publishes the bytes as the task's part and ticks it off,
data first, so that results never travel through the executor and a killed run repeats no finished
task. A task that kills its worker is run again alone; the second time it is recorded as failed
while everything else completes.
"""

from __future__ import annotations

import logging
import pickle
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from toposcope.errors import WorkersLostError
from toposcope.execution.executors import Executor, Jobs, opened
from toposcope.execution.progress import Progress, ensure
from toposcope.execution.tasks import Task
from toposcope.store.ledger import DONE, Failure, Ledger, part_name, tick_name
from toposcope.store.objects import Objects, content_hash, get_checked
from toposcope.store.seals import Seal, put_seal

log = logging.getLogger("toposcope")

Inputs = TypeVar("Inputs")
Body = Callable[[Any, Inputs], bytes]

WORKER_DEATHS_ALLOWED = 2
"""A task alone in fresh workers that dies this often is poison, not a victim."""

REFUSALS_ALLOWED = 10
"""Workers that die this often before they take a task will not live the next time either."""


@dataclass(frozen=True)
class Workbook:
    """Parts and ledger of many tasks, in one place.

    Parameters
    ----------
    objects
        Where they are kept: `parts/<key><suffix>` and `ledger/<key>.json`.
    suffix
        End of the names of parts, as ".parquet".
    again
        What to type when a part is damaged: "analyze again".
    """

    objects: Objects
    suffix: str
    again: str = "run the same command again"

    @property
    def ledger(self) -> Ledger:
        """What is done and what failed."""
        return Ledger(self.objects)

    def todo(self, tasks: Sequence[Task[Any]]) -> list[Task[Any]]:
        """Tasks without a result; failed ones are among them."""
        ledger = self.ledger
        return [task for task in tasks if not ledger.done(task.key)]

    def run(
        self,
        body: Body[Inputs],
        tasks: Sequence[Task[Any]],
        inputs: Inputs,
        *,
        jobs: Jobs = None,
        progress: Progress | None = None,
        title: str,
    ) -> list[Task[Any]]:
        """Do every task that is not done yet; returns those tried in this call.

        Parameters
        ----------
        body
            Module-level function of a job and of `inputs`; the bytes of its part.
        tasks
            In the order they should start; keys are unique. Failed ones are tried again.
        inputs
            Where a body reads; picklable.
        jobs
            Worker processes, an executor, or None for one process per CPU; 0 for none.
        progress, title
            How the work is told.
        """
        todo = self.todo(tasks)
        with ensure(progress).task(title, len(tasks)) as bar:
            bar.advance(len(tasks) - len(todo))
            with opened(jobs, tasks=len(todo)) as executor:
                _Dispatch(self, body, inputs, executor, bar.advance).run(todo)
        return todo

    def parts(self, tasks: Sequence[Task[Any]]) -> Iterator[tuple[Task[Any], bytes]]:
        """Parts of the tasks that are done, in their order, each held against its tick.

        Raises
        ------
        DamagedError
            When the bytes of a part are not those that were ticked off.
        """
        ledger = self.ledger
        for task in tasks:
            entry = ledger.entry(task.key)
            if entry is not None and entry["status"] == DONE:
                yield task, self.part(task.key, entry["part"])

    def part(self, key: str, expected: str) -> bytes:
        """The part of one task, held against the hash that its tick recorded."""
        again = f"Delete its tick, {self.objects.where(tick_name(key))}, then {self.again}."
        return get_checked(self.objects, part_name(key, self.suffix), expected, again=again)

    def seal(self, names: Iterable[str], *, of: str = "", **values: Any) -> Seal:
        """Put the seal over all tasks and the files that were made from them; see store/seals.py.

        Parameters
        ----------
        names
            Every file of the place beside parts and ticks.
        of
            Hash of what it was made from, where it lies inside that.
        values
            What else is to be read with it.
        """
        return put_seal(self.objects, names, of=of, **values)

    def failures(self, tasks: Sequence[Task[Any]]) -> Iterator[tuple[Task[Any], Failure]]:
        """Tasks that could not be done, with the reason."""
        ledger = self.ledger
        for task in tasks:
            failure = ledger.failure(task.key)
            if failure is not None:
                yield task, failure


def perform(body: Body[Inputs], job: Any, inputs: Inputs, workbook: Workbook, key: str) -> None:
    """What a worker does: the body, then its part in place, then the tick."""
    try:
        data = body(job, inputs)
    except Exception as error:
        raise _portable(error) from None
    workbook.objects.put(part_name(key, workbook.suffix), data)
    workbook.ledger.tick(key, part=content_hash(data))


class TaskError(Exception):
    """Stands for an exception that cannot travel between processes; says what it said.

    Parameters
    ----------
    reason, trace
        Its type and message, and where.
    """

    def __init__(self, reason: str, trace: str) -> None:
        super().__init__(reason, trace)
        self.reason, self.trace = reason, trace


def _portable(error: Exception) -> Exception:
    """The exception, or what it says where it would not survive being pickled.

    One with two arguments in its constructor and one in `args` breaks the pool when it is read.
    """
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:  # its own code may raise anything
        again = None
    if type(again) is type(error) and str(again) == str(error):
        return error
    trace = "".join(traceback.format_exception(error))
    return TaskError(f"{type(error).__name__}: {error}", trace)


@dataclass
class _Dispatch:
    """Keeps a window of tasks in flight; when a worker dies, runs its suspects one by one."""

    workbook: Workbook
    body: Body[Any]
    inputs: Any
    executor: Executor
    advance: Callable[[int], None]
    suspects: deque[Task[Any]] = field(default_factory=deque)
    deaths: Counter[str] = field(default_factory=Counter)
    in_flight: dict[Future[None], Task[Any]] = field(default_factory=dict)
    refused: int = 0

    def run(self, todo: Sequence[Task[Any]]) -> None:
        waiting = deque(todo)
        window = max(1, 2 * self.executor.workers)
        while waiting or self.suspects or self.in_flight:
            # While there are suspects exactly one task runs, so that a death names its culprit.
            source, limit = (self.suspects, 1) if self.suspects else (waiting, window)
            all_alive = self._submit(source, limit)
            # After a refusal nobody knows whether those in flight will ever be done.
            patience = None if all_alive else 0
            finished, _ = wait(self.in_flight, timeout=patience, return_when=FIRST_COMPLETED)
            dead = [future for future in finished if self._died(future)]
            for future in finished.difference(dead):
                self._settle(future, self.in_flight.pop(future))
            if dead or not all_alive:
                self._after_a_death(alone=all_alive and len(self.in_flight) == 1)

    def _submit(self, source: deque[Task[Any]], limit: int) -> bool:
        """Fill the window; False when a worker was found dead on the way."""
        while source and len(self.in_flight) < limit:
            task = source[0]
            arguments = (self.body, task.job, self.inputs, self.workbook, task.key)
            try:
                future = self.executor.submit(perform, *arguments)
            except self.executor.died as error:
                self.refused += 1
                if self.refused >= REFUSALS_ALLOWED:
                    msg = (
                        f"{self.refused} times in a row the workers of {self.executor!r} died "
                        f"before a task could begin ({type(error).__name__}: {error}). What is "
                        "done is kept: run the same again with another executor, or with jobs=0."
                    )
                    raise WorkersLostError(msg) from error
                return False
            self.refused = 0
            self.in_flight[future] = source.popleft()
        return True

    def _died(self, future: Future[None]) -> bool:
        return isinstance(_error(future), self.executor.died)

    def _settle(self, future: Future[None], task: Task[Any]) -> None:
        error, ledger = _error(future), self.workbook.ledger
        # A task that was published is done, whatever became of the message that says so.
        if error is not None and not ledger.done(task.key):
            reason, trace = _told(error)
            ledger.fail(task.key, Failure(task.title, reason, trace))
        self.advance(1)

    def _after_a_death(self, *, alone: bool) -> None:
        """Sort those in flight into published, poison and suspects, and get live workers."""
        ledger = self.workbook.ledger
        for task in self.in_flight.values():
            if ledger.done(task.key):  # it had published before its neighbor died
                self.advance(1)
                continue
            self.deaths[task.key] += alone
            if self.deaths[task.key] >= WORKER_DEATHS_ALLOWED:
                reason = "the worker process died twice while running this task alone"
                ledger.fail(task.key, Failure(task.title, reason))
                self.advance(1)
            else:
                self.suspects.append(task)
        log.warning("a worker died; %d tasks are run again one by one", len(self.suspects))
        self.in_flight.clear()
        self.executor.renew()


def _told(error: BaseException) -> tuple[str, str]:
    """Reason and traceback of a failure."""
    if isinstance(error, TaskError):
        return error.reason, error.trace
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    trace = "".join(traceback.format_exception(error))
    return f"{type(error).__name__}: {error}{notes}", trace


def _error(future: Future[None]) -> BaseException | None:
    """What a future that is finished raised; some executors cancel those of dead workers."""
    return CancelledError() if future.cancelled() else future.exception()
