"""Gives out the tasks of a workbook, slice by slice, and settles how each ended.

An executor gives each slice at least once; what was published is done, whatever became of the
message that says so. A task is tried again after its worker died, or its slice was lost with the
machine it was on (twice in all, the second time by itself), and after it ran out of memory (once
more, alone, with a larger claim); its own errors and its time are final.
"""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import Any

from toposcope.errors import WorkersLostError
from toposcope.execution.budgets import Budget, memory_reason
from toposcope.execution.executors import Executor
from toposcope.execution.hands import DIED, MEMORY, REFUSALS_ALLOWED
from toposcope.execution.slices import (
    DONE,
    ERROR,
    Receipt,
    Slice,
    SliceLostError,
    do_here,
    told,
)
from toposcope.execution.tasks import Task
from toposcope.store.ledger import Failure, Ledger, Noted
from toposcope.store.objects import Objects

log = logging.getLogger("toposcope")

WORKER_DEATHS_ALLOWED = 2
"""A task whose workers die this often is poison, not a victim."""
SLICES_PER_WORKER = 8
"""A worker gets at least so many where there are enough tasks: the last ones end together."""
SLICE_SECONDS, SLICE_TASKS = 60.0, 64
"""A slice is no longer than this by its forecast, and holds no more tasks than this."""
TELL_EVERY = 1.0
"""Seconds between two records of how far it is."""


@dataclass
class Dispatch:
    """Keeps a window of slices in flight.

    Parameters
    ----------
    objects, suffix
        Of the workbook.
    body, inputs
        As in `Workbook.run`.
    executor
        Where they run.
    budgets
        Of each task, by key.
    seconds
        Forecast of each task, by key; empty where nobody knows.
    settled
        Told of every task that has ended for good: done, or recorded as failed.
    tell
        Told about every second which tasks are in flight.
    """

    objects: Objects
    suffix: str
    body: Callable[[Any, Any], bytes | Noted]
    inputs: Any
    executor: Executor
    budgets: dict[str, Budget]
    seconds: dict[str, float]
    settled: Callable[[Receipt], None]
    tell: Callable[[Sequence[Task[Any]]], None] = lambda _: None
    suspects: deque[tuple[Task[Any], ...]] = field(default_factory=deque)
    larger: deque[tuple[Task[Any], ...]] = field(default_factory=deque)
    deaths: Counter[str] = field(default_factory=Counter)
    enlarged: set[str] = field(default_factory=set)
    in_flight: dict[Future[list[Receipt]], tuple[Task[Any], ...]] = field(default_factory=dict)
    refused: int = 0

    def run(self, todo: Sequence[Task[Any]]) -> None:
        """Do them all."""
        waiting = deque(self._slices(todo))
        alone = False
        while waiting or self.suspects or self.larger or self.in_flight:
            # While there are suspects exactly one task runs, so that a death names its culprit.
            # What needs more memory than its share runs alone, when all else is done.
            all_alive = True
            if not (alone and self.in_flight):
                alone = bool(self.suspects or not waiting)
                source = self.suspects or waiting or self.larger
                # Looked at anew: an engine's workers come and go.
                window = getattr(self.executor, "window", None) or 2 * self.executor.workers or 1
                all_alive = self._submit(source, 1 if alone else window)
            # After a refusal nobody knows whether those in flight will ever be done.
            patience = TELL_EVERY if all_alive else 0
            finished, _ = wait(self.in_flight, timeout=patience, return_when=FIRST_COMPLETED)
            dead = [future for future in finished if self._died(future)]
            for future in finished.difference(dead):
                self._settle(future, self.in_flight.pop(future), waiting)
            if dead or not all_alive:
                self._after_a_death(alone=all_alive and len(self.in_flight) == 1)
            self.tell([task for tasks in self.in_flight.values() for task in tasks])

    def _slices(self, todo: Sequence[Task[Any]]) -> list[tuple[Task[Any], ...]]:
        """Tasks as they are given out: the longest first, some together where that is cheaper."""
        if len(self.seconds) == len(todo):
            todo = sorted(todo, key=lambda task: -self.seconds[task.key])  # stable: ties as given
        if not getattr(self.executor, "slices", False):
            return [(task,) for task in todo]
        parts = SLICES_PER_WORKER * max(self.executor.workers, 1)
        most = min(max(1, -(-len(todo) // parts)), SLICE_TASKS)
        whole = sum(self.seconds.values())
        longest = min(SLICE_SECONDS, whole / parts) if whole else SLICE_SECONDS
        slices: list[tuple[Task[Any], ...]] = []
        now: list[Task[Any]] = []
        spent = 0.0
        for task in todo:
            if now and (len(now) >= most or spent + self.seconds.get(task.key, 0.0) > longest):
                slices.append(tuple(now))
                now, spent = [], 0.0
            now.append(task)
            spent += self.seconds.get(task.key, 0.0)
        return [*slices, tuple(now)] if now else slices

    def _submit(self, source: deque[tuple[Task[Any], ...]], limit: int) -> bool:
        """Fill the window; False when a worker was found dead on the way."""
        while source and len(self.in_flight) < limit:
            tasks = source[0]
            budgets = tuple(self._budget(task) for task in tasks)
            # A second try must not repeat what the first one had published.
            again = any(self.deaths[task.key] for task in tasks)
            again = again or getattr(self.executor, "slices", False)
            work = Slice(
                *(self.objects, self.suffix, self.body, self.inputs, tasks, budgets, again),
                here=os.getcwd(),  # noqa: PTH109
            )
            try:
                future = _submitted(self.executor, work)
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

    def _budget(self, task: Task[Any]) -> Budget:
        budget = self.budgets.get(task.key, Budget())
        return budget.larger() if task.key in self.enlarged else budget

    def _died(self, future: Future[list[Receipt]]) -> bool:
        return isinstance(_error(future), self.executor.died)

    def _settle(
        self,
        future: Future[list[Receipt]],
        tasks: tuple[Task[Any], ...],
        waiting: deque[tuple[Task[Any], ...]],
    ) -> None:
        error = _error(future)
        if error is None:
            by_key = {task.key: task for task in tasks}
            for receipt in future.result():
                self._end(by_key[receipt.key], receipt, waiting)
            return
        if isinstance(error, WorkersLostError):
            raise error  # none can be had, or those there are run other code
        ledger = Ledger(self.objects)
        for task in tasks:
            if ledger.done(task.key):
                self.settled(Receipt(task.key, DONE))
            elif isinstance(error, SliceLostError):  # nobody knows at which of them it was
                self._end(task, Receipt(task.key, DIED, str(error)), waiting)
            elif len(tasks) > 1:  # one of them did it
                waiting.appendleft((task,))
            else:
                self._end(task, Receipt(task.key, ERROR, *told(error)), waiting)

    def _end(
        self, task: Task[Any], receipt: Receipt, waiting: deque[tuple[Task[Any], ...]]
    ) -> None:
        """Settle a task, or give it out again."""
        key, ledger = task.key, Ledger(self.objects)
        if receipt.kind == DONE or ledger.done(key):
            self.settled(Receipt(key, DONE, seconds=receipt.seconds))
            return
        reason = receipt.reason
        if receipt.kind == DIED:
            self.deaths[key] += 1
            if self.deaths[key] < WORKER_DEATHS_ALLOWED:
                waiting.appendleft((task,))
                return
            reason = f"died: the worker process died twice while running this task ({reason})"
        if receipt.kind == MEMORY:
            if key not in self.enlarged:
                log.warning("%s ran out of memory; once more, with a larger claim", task.title)
                self.enlarged.add(key)
                self.larger.append((task,))
                return
            reason = memory_reason(self._budget(task).bytes, reason)
        self._fail(task, Receipt(key, receipt.kind, reason, receipt.trace, receipt.seconds))

    def _fail(self, task: Task[Any], receipt: Receipt) -> None:
        failure = Failure(task.title, receipt.reason, receipt.trace, receipt.kind)
        Ledger(self.objects).fail(task.key, failure)
        self.settled(receipt)

    def _after_a_death(self, *, alone: bool) -> None:
        """Sort those in flight into published, poison and suspects, and get live workers."""
        ledger = Ledger(self.objects)
        for task in (task for tasks in self.in_flight.values() for task in tasks):
            if ledger.done(task.key):  # it had published before its neighbor died
                self.settled(Receipt(task.key, DONE))
                continue
            self.deaths[task.key] += alone
            if self.deaths[task.key] >= WORKER_DEATHS_ALLOWED:
                reason = "died: the worker process died twice while running this task alone"
                self._fail(task, Receipt(task.key, DIED, reason))
            else:
                self.suspects.append((task,))
        log.warning("a worker died; %d tasks are run again one by one", len(self.suspects))
        self.in_flight.clear()
        self.executor.renew()


def _submitted(executor: Executor, work: Slice) -> Future[list[Receipt]]:
    """The slice on its way; one executor oversees its workers, another runs functions only."""
    own = getattr(executor, "submit_slice", None)
    future: Future[list[Receipt]] = executor.submit(do_here, work) if own is None else own(work)
    return future


def _error(future: Future[list[Receipt]]) -> BaseException | None:
    """What a future that is finished raised; some executors cancel those of dead workers."""
    return CancelledError() if future.cancelled() else future.exception()
