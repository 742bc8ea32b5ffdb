"""How far the work of a place is, for who looks at it from elsewhere.

Whoever gives out tasks keeps one small object beside the ledger, ".status.json": written when it
begins, every few seconds, and at its end. It holds no result, and nothing is decided by it; it is
hidden, so that no seal and no digest knows it. Who reads it takes the counts of done and failed
from there, and whether anybody is still at work from how old it is.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Sequence
from typing import Any

from toposcope.execution.slices import DONE, Receipt
from toposcope.execution.tasks import Task
from toposcope.store.objects import Objects, find_json, put_json_at
from toposcope.store.shapes import expect

STATUS = ".status.json"
EVERY, WHERE_PAID = 3.0, 30.0
"""Seconds between two records; where each is a request that is paid."""
SILENT_AFTER = 60.0
"""Seconds without a record after which nobody is at work any more."""
SHOWN = 8
"""Titles of tasks in flight that are kept."""

RUNNING, FINISHED, STOPPED = "running", "finished", "stopped"

SHAPE = {
    "title": str,
    "tasks": int,
    "done": int,
    "failed": int,
    "began": (int, float),
    "now": (int, float),
    "finished": bool,
    "ended": bool,
    "executor": str,
    "workers": int,
    "host": str,
    "process": int,
    "in_flight": [str],
    "per_second": (int, float),
    "seconds_left": (int, float, type(None)),
}


class Watched:
    """Keeps the record of one call of `Workbook.run`.

    Parameters
    ----------
    objects
        The place.
    title, tasks, before
        What is done, how many tasks there are, and how many of them were done before.
    executor, workers
        Where they run.
    seconds
        Forecast of the tasks to do by key; empty where there is none.
    """

    def __init__(
        self,
        objects: Objects,
        *,
        title: str,
        tasks: int,
        before: int,
        executor: str,
        workers: int,
        seconds: dict[str, float],
    ) -> None:
        self._objects, self._seconds, self._weight = objects, seconds, 0.0
        self._todo, self._ended = tasks - before, 0
        self._every = WHERE_PAID if objects.joins else EVERY
        self._began, self._last, self._clock = time.time(), -math.inf, time.monotonic()
        self._record: dict[str, Any] = {
            "title": title,
            "tasks": tasks,
            "done": before,
            "failed": 0,
            "executor": executor,
            "workers": workers,
            "host": platform.node(),
            "process": os.getpid(),
        }

    def settled(self, receipt: Receipt) -> None:
        """Count a task that has ended for good."""
        self._record["done" if receipt.kind == DONE else "failed"] += 1
        self._weight += self._seconds.get(receipt.key, 0.0)
        self._ended += 1

    def tell(self, in_flight: Sequence[Task[Any]]) -> None:
        """Write the record, unless that was done a moment ago."""
        if time.monotonic() - self._last >= self._every:
            self._write(in_flight, finished=False)

    def __enter__(self) -> None:
        """Write the first record."""
        self.tell([])

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the last one; what was interrupted is not finished."""
        self._write([], finished=kind is None, ended=True)

    def _write(
        self, in_flight: Sequence[Task[Any]], *, finished: bool, ended: bool = False
    ) -> None:
        self._last = time.monotonic()
        spent = max(self._last - self._clock, 1e-9)
        whole = sum(self._seconds.values())
        share = self._weight / whole if whole else self._ended / max(self._todo, 1)
        put_json_at(
            self._objects,
            STATUS,
            {
                **self._record,
                "began": self._began,
                "now": time.time(),
                "finished": finished,
                "ended": ended,
                "in_flight": [task.title for task in in_flight[:SHOWN]],
                "per_second": self._ended / spent,
                "seconds_left": spent * (1 - share) / share if share else None,
            },
        )


def find_status(objects: Objects) -> dict[str, Any] | None:
    """What was told last of the work in a place, with its `state`; None where nothing was.

    `state` is RUNNING, FINISHED, or STOPPED where who did it has ended before its end.
    """
    record: dict[str, Any] | None = find_json(objects, STATUS)
    if record is None:
        return None
    where = objects.where(STATUS)
    expect(record, SHAPE, where=where, again="Delete it: it decides nothing.")
    silent = time.time() - record["now"]
    state = FINISHED if record["finished"] else RUNNING
    if state == RUNNING and (record["ended"] or silent > SILENT_AFTER or not _lives(record)):
        state = STOPPED
    return {**record, "state": state, "seconds_silent": silent}


def _lives(record: dict[str, Any]) -> bool:
    """Whether the process is there; of another machine nobody knows."""
    if record["host"] != platform.node():
        return True
    try:
        os.kill(record["process"], 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def told_of(executor: object) -> str:
    """An executor as it is shown, without an address in memory.

    >>> told_of(object())
    'object'
    """
    text = repr(executor)
    return type(executor).__name__ if text.startswith("<") else text
