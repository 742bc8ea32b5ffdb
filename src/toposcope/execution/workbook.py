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
task. Each task has a budget of time and memory (`Workers`); what exceeds it, or kills its worker,
is recorded as failed while everything else completes. dispatch.py says what is tried again.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from toposcope.execution.dispatch import Dispatch
from toposcope.execution.executors import Jobs, named, opened
from toposcope.execution.progress import Progress, ensure
from toposcope.execution.slices import Receipt
from toposcope.execution.tasks import Task
from toposcope.execution.watching import Watched, told_of
from toposcope.store.ledger import (
    AT_ONCE,
    DONE,
    LEDGER,
    Failure,
    Ledger,
    Noted,
    failure_in,
    joined_name,
    tick_name,
)
from toposcope.store.objects import LocalObjects, Objects, find_json, put_json_at
from toposcope.store.seals import Seal, put_seal
from toposcope.store.shapes import expect

Inputs = TypeVar("Inputs")
Body = Callable[[Any, Inputs], bytes | Noted]

INDEX = ".done.json"
"""Keys that are done, beside a large ledger; hidden, so that no seal and no digest knows it."""
MANY = 1000
"""Tasks from which it is kept: reading a tick takes 60 us and more, finding its name one."""


@dataclass(frozen=True)
class Workbook:
    """Parts and ledger of many tasks, in one place.

    Parameters
    ----------
    objects
        Where they are kept: `parts/<key><suffix>` and `ledger/<key>.json`, or both in one object
        (store/ledger.py).
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
        known = self._known_done() if len(tasks) >= MANY else frozenset()
        tried = self._tried()
        looked = [
            task for task in tasks if task.key not in known and (tried is None or task.key in tried)
        ]
        done = ledger.each(ledger.done, [task.key for task in looked])
        ended = known | {task.key for task, one in zip(looked, done, strict=True) if one}
        return [task for task in tasks if task.key not in ended]

    def _tried(self) -> set[str] | None:
        """Keys of tasks that have a tick; None where a listing may not tell the truth."""
        if not isinstance(self.objects, LocalObjects):
            return None
        try:
            names = os.listdir(self.objects.path / LEDGER)  # noqa: PTH208  (names alone)
        except (FileNotFoundError, NotADirectoryError):
            return set()
        return {name.partition(".")[0] for name in names}

    def run(
        self,
        body: Body[Inputs],
        tasks: Sequence[Task[Any]],
        inputs: Inputs,
        *,
        jobs: Jobs = None,
        progress: Progress | None = None,
        title: str,
        forecast: Callable[[Any], float] | None = None,
    ) -> list[Task[Any]]:
        """Do every task that is not done yet; returns those tried in this call.

        Parameters
        ----------
        body
            Module-level function of a job and of `inputs`; the bytes of its part, or `Noted` ones.
        tasks
            In the order they should start, where there is no forecast; keys are unique. Failed ones
            are tried again.
        inputs
            Where a body reads; picklable.
        jobs
            Worker processes, an executor, `Workers`, or None for one process per CPU; 0 for none.
        progress, title
            How the work is told.
        forecast
            CPU seconds of a job; the longest start first, and budgets of time follow from it.
        """
        todo, workers = self.todo(tasks), named(jobs)
        seconds = {} if forecast is None else {task.key: forecast(task.job) for task in todo}
        budgets = {task.key: workers.budget(seconds.get(task.key)) for task in todo}
        ended: set[str] = set()
        with ensure(progress).task(title, len(tasks)) as bar:
            bar.advance(len(tasks) - len(todo))
            if not todo:
                return todo
            with opened(jobs, tasks=len(todo)) as executor:
                if executor.workers:
                    pickle.dumps(self.objects)  # what other processes cannot reach says so here
                watched = Watched(
                    self.objects,
                    title=title,
                    tasks=len(tasks),
                    before=len(tasks) - len(todo),
                    executor=told_of(executor),
                    workers=executor.workers,
                    seconds=seconds,
                )

                def settled(receipt: Receipt) -> None:
                    if receipt.kind == DONE:
                        ended.add(receipt.key)
                    watched.settled(receipt)
                    bar.advance()

                dispatch = Dispatch(
                    *(self.objects, self.suffix, body, inputs, executor, budgets, seconds),
                    settled=settled,
                    tell=watched.tell,
                )
                before = {task.key for task in tasks} - {task.key for task in todo}
                if len(tasks) >= MANY:  # what is tried again may fail now: it is not done meanwhile
                    self._index(before)
                with watched:
                    dispatch.run(todo)
        if len(tasks) >= MANY:
            self._index(before | ended)
        return todo

    def _index(self, keys: set[str]) -> None:
        put_json_at(self.objects, INDEX, {"done": sorted(keys)})

    def _known_done(self) -> frozenset[str]:
        """Keys that an earlier run found done, of which the ticks are still there."""
        # Only where a listing tells the truth; `parts` checks every tick when it reads it.
        if not isinstance(self.objects, LocalObjects):
            return frozenset()
        index = find_json(self.objects, INDEX)
        if index is None:
            return frozenset()
        expect(index, {"done": [str]}, where=self.objects.where(INDEX), again="Delete it.")
        ticks = set(os.listdir(self.objects.path / LEDGER))  # noqa: PTH208  (names alone)
        return frozenset(key for key in index["done"] if f"{key}.json" in ticks)

    def entries(self, tasks: Sequence[Task[Any]]) -> dict[str, dict[str, Any]]:
        """What the ledger says of those that were tried, by key: one look at each tick."""
        ledger = self.ledger
        found = ledger.each(ledger.entry, [task.key for task in tasks])
        return {task.key: one for task, one in zip(tasks, found, strict=True) if one is not None}

    def parts(
        self,
        tasks: Sequence[Task[Any]],
        entries: Mapping[str, dict[str, Any]] | None = None,
    ) -> Iterator[tuple[Task[Any], bytes]]:
        """Parts of the tasks that are done, in their order, each held against its tick.

        Parameters
        ----------
        tasks
            Whose.
        entries
            Their ticks, where they were read a moment ago.

        Raises
        ------
        DamagedError
            When the bytes of a part are not those that were ticked off.
        """
        ledger = self.ledger

        def look(key: str) -> bytes | None:
            entry = ledger.entry(key) if entries is None else entries.get(key)
            return self.part(key, entry) if entry and entry["status"] == DONE else None

        for begin in range(0, len(tasks), AT_ONCE):  # few at a time: parts can be large
            some = tasks[begin : begin + AT_ONCE]
            found = ledger.each(look, [task.key for task in some])
            yield from (
                (task, one) for task, one in zip(some, found, strict=True) if one is not None
            )

    def part(self, key: str, entry: dict[str, Any]) -> bytes:
        """The part of one task, held against the hash that its tick recorded."""
        name = joined_name(key) if entry.get("joined") else tick_name(key)
        again = f"Delete its tick, {self.objects.where(name)}, then {self.again}."
        return self.ledger.part(key, entry, self.suffix, again=again)

    def seal(
        self,
        names: Iterable[str],
        *,
        of: str = "",
        tasks: Sequence[Task[Any]] | None = None,
        entries: Mapping[str, dict[str, Any]] | None = None,
        **values: Any,
    ) -> Seal:
        """Put the seal over all tasks and the files that were made from them; see store/seals.py.

        Parameters
        ----------
        names
            Every file of the place beside parts and ticks.
        of
            Hash of what it was made from, where it lies inside that.
        tasks
            Those it covers; None for all that the ledger lists.
        entries
            Their ticks, where they were read a moment ago.
        values
            What else is to be read with it.
        """
        keys = None if tasks is None else [task.key for task in tasks]
        return put_seal(self.objects, names, of=of, keys=keys, entries=entries, **values)

    def failures(
        self,
        tasks: Sequence[Task[Any]],
        entries: Mapping[str, dict[str, Any]] | None = None,
    ) -> Iterator[tuple[Task[Any], Failure]]:
        """Tasks that could not be done, with the reason; `entries` as in `parts`."""
        known = self.entries(tasks) if entries is None else entries
        found = ((task, failure_in(known.get(task.key))) for task in tasks)
        yield from ((task, one) for task, one in found if one is not None)
