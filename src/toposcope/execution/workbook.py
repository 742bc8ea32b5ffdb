"""A folder in which many tasks are done: each exactly once in effect, on any executor.

Every composition of the project (analysis, study, comparison, ranking) plans its tasks, runs them
here and collects their parts:

    workbook = Workbook(LocalObjects(folder), suffix=".parquet")
    workbook.run(body, tasks, inputs)
    for task, data in workbook.parts(tasks): ...

The body is a module-level function `(job, inputs) -> bytes`: a pure function of its job, and
`inputs` says where to read. The worker publishes the bytes as the task's part and ticks it off,
data first, so that results never travel through the executor and a killed run repeats no finished
task. A task that kills its worker is run again alone; the second time it is recorded as failed
while everything else completes.
"""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from toposcope.errors import DamagedError
from toposcope.execution.executors import Executor, Jobs, opened
from toposcope.execution.progress import Progress, ensure
from toposcope.execution.tasks import DONE, Failure, Ledger, Task
from toposcope.store.objects import Objects, content_hash

log = logging.getLogger("toposcope")

Inputs = TypeVar("Inputs")
Body = Callable[[Any, Inputs], bytes]

WORKER_DEATHS_ALLOWED = 2
"""A task alone in fresh workers that dies this often is poison, not a victim."""


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
        name = self.part_name(key)
        data = self.objects.get(name) if self.objects.exists(name) else b""
        if content_hash(data) != expected:
            msg = (
                f"{self.objects.where(name)} does not match its recorded hash. Delete it and its "
                f"tick in ledger/, then {self.again}."
            )
            raise DamagedError(msg)
        return data

    def part_name(self, key: str) -> str:
        """Name of the part of a task."""
        return f"parts/{key}{self.suffix}"

    def failures(self, tasks: Sequence[Task[Any]]) -> Iterator[tuple[Task[Any], Failure]]:
        """Tasks that could not be done, with the reason."""
        ledger = self.ledger
        for task in tasks:
            failure = ledger.failure(task.key)
            if failure is not None:
                yield task, failure


def perform(body: Body[Inputs], job: Any, inputs: Inputs, workbook: Workbook, key: str) -> None:
    """What a worker does: the body, then its part in place, then the tick."""
    data = body(job, inputs)
    workbook.objects.put(workbook.part_name(key), data)
    workbook.ledger.tick(key, part=content_hash(data))


@dataclass
class _Dispatch:
    """Keeps a window of tasks in flight; when a worker dies, runs its suspects one by one."""

    workbook: Workbook
    body: Body[Any]
    inputs: Any
    executor: Executor
    advance: Callable[[int], None]
    suspects: deque[Task[Any]] = field(default_factory=deque)
    deaths: dict[str, int] = field(default_factory=dict)
    in_flight: dict[Future[None], Task[Any]] = field(default_factory=dict)

    def run(self, todo: Sequence[Task[Any]]) -> None:
        waiting = deque(todo)
        window = max(1, 2 * self.executor.workers)
        while waiting or self.suspects or self.in_flight:
            # While there are suspects exactly one task runs, so that a death names its culprit.
            source, limit = (self.suspects, 1) if self.suspects else (waiting, window)
            died = self._submit(source, limit)
            finished, _ = wait(self.in_flight, return_when=FIRST_COMPLETED)
            for future in finished:
                if isinstance(future.exception(), self.executor.died):
                    died = True
                else:
                    self._settle(future, self.in_flight.pop(future))
            if died:
                self._after_a_death()

    def _submit(self, source: deque[Task[Any]], limit: int) -> bool:
        """Fill the window; True when a worker was found dead."""
        while source and len(self.in_flight) < limit:
            task = source[0]
            arguments = (self.body, task.job, self.inputs, self.workbook, task.key)
            try:
                future = self.executor.submit(perform, *arguments)
            except self.executor.died:
                return True
            self.in_flight[future] = source.popleft()
        return False

    def _settle(self, future: Future[None], task: Task[Any]) -> None:
        error = future.exception()
        if error is not None:
            trace = "".join(traceback.format_exception(error))
            failure = Failure(task.title, f"{type(error).__name__}: {error}", trace)
            self.workbook.ledger.fail(task.key, failure)
        self.advance(1)

    def _after_a_death(self) -> None:
        """Sort those in flight into published, poison and suspects, and get live workers."""
        ledger, alone = self.workbook.ledger, len(self.in_flight) == 1
        for task in self.in_flight.values():
            if ledger.done(task.key):  # it had published before its neighbour died
                self.advance(1)
                continue
            self.deaths[task.key] = self.deaths.get(task.key, 0) + alone
            if self.deaths[task.key] >= WORKER_DEATHS_ALLOWED:
                reason = "the worker process died twice while running this task alone"
                ledger.fail(task.key, Failure(task.title, reason))
                self.advance(1)
            else:
                self.suspects.append(task)
        log.warning("a worker died; %d tasks are run again one by one", len(self.suspects))
        self.in_flight.clear()
        self.executor.renew()
