"""Slices: some tasks that one worker does one after the other, and the receipt of each.

An executor carries slices, never results: a task publishes its part itself, and a receipt says in
a few bytes how it ended. Where a worker of an engine oversees (`oversee`), each task runs in a
process beside it, a hand, so that whatever a task does costs one attempt of that task and no
engine's worker dies of it. Elsewhere (`do_here`) tasks share the process of the worker.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from toposcope.errors import WorkersLostError
from toposcope.execution.budgets import (
    Budget,
    TimeIsUp,
    fair_share,
    is_memory,
    limited,
    timeout_reason,
)
from toposcope.execution.hands import MEMORY, TIMEOUT, Hand, LostError, StoppedError, TaskError
from toposcope.execution.tasks import Task
from toposcope.store.ledger import Ledger, Noted
from toposcope.store.objects import Objects

log = logging.getLogger("toposcope")

DONE, ERROR = "done", "error"


class SliceLostError(Exception):
    """An engine lost a slice, and no other one with it."""


@dataclass(frozen=True)
class Receipt:
    """How one attempt of a task ended.

    Parameters
    ----------
    key
        Of the task.
    kind
        DONE, or ERROR, TIMEOUT, MEMORY or DIED.
    reason
        What went wrong, in one line.
    trace
        Where; the tail of the worker's stderr where it was lost.
    seconds
        That it took.
    """

    key: str
    kind: str
    reason: str = ""
    trace: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Slice:
    """Some tasks for one worker.

    Parameters
    ----------
    objects, suffix
        Of the workbook.
    body, inputs
        As in `Workbook.run`.
    tasks
        In the order they are done.
    budgets
        One for each.
    again
        Whether some may be done already: an engine may deliver twice.
    here
        The driver's working folder: what is relative begins there, wherever a worker was started.
    """

    objects: Objects
    suffix: str
    body: Callable[[Any, Any], bytes | Noted]
    inputs: Any
    tasks: tuple[Task[Any], ...]
    budgets: tuple[Budget, ...]
    again: bool = False
    here: str = ""


def do_here(work: Slice) -> list[Receipt]:
    """Do the tasks of a slice in this process; their receipts."""
    return [attempt(task, budget, _bare(work)) for task, budget in _each(work)]


def oversee(
    work: Slice,
    hand: Hand,
    *,
    workers: int = 1,
    stop: Callable[[], bool] | None = None,
) -> list[Receipt]:
    """Have a hand do the tasks of a slice; their receipts.

    Parameters
    ----------
    work
        The slice.
    hand
        Does one after the other.
    workers
        How many share this machine, for claims that nobody named.
    stop
        True when nobody waits for them any longer.

    Raises
    ------
    StoppedError
        When `stop` said so.
    """
    receipts, bare = [], _bare(work)
    for task, budget in _each(work):
        if budget.bytes is None:
            budget = replace(budget, bytes=fair_share(1 if budget.alone else workers))
        began = time.monotonic()
        try:
            receipt = hand.run(
                attempt,
                *(task, Budget(), bare),
                budget=budget,
                title=task.title,
                stop=stop,
                say=log.warning,
            )
        except LostError as lost:
            seconds = time.monotonic() - began
            receipt = Receipt(task.key, lost.kind, lost.reason, lost.tail, seconds)
            log.warning("%s: %s", task.title, lost.reason)
        except (StoppedError, WorkersLostError):
            raise
        except Exception as error:  # it cannot be sent, or not be read
            receipt = Receipt(task.key, ERROR, *told(error), time.monotonic() - began)
        if receipt.kind == MEMORY:
            hand.close()  # what it holds now is nobody's claim
        receipts.append(receipt)
    return receipts


def attempt(task: Task[Any], budget: Budget, work: Slice) -> Receipt:
    """Do one task in this process: its body, its part in place, then its tick."""
    began, ledger, key = time.monotonic(), Ledger(work.objects), task.key
    kind, reason, trace = DONE, "", ""
    if work.here and work.here != os.getcwd():  # noqa: PTH109  (as it was told)
        with suppress(OSError):  # there is none here: paths that are absolute need none
            os.chdir(work.here)
    try:
        if not (work.again and ledger.done(key)):
            with limited(budget):
                data = work.body(task.job, work.inputs)
            ledger.publish(key, data, work.suffix)
    except TimeIsUp as error:
        kind, (_, trace), reason = TIMEOUT, told(error), timeout_reason(budget)
    except (Exception, SystemExit) as error:
        kind = MEMORY if is_memory(error) else ERROR
        reason, trace = told(error)
    return Receipt(key, kind, reason, trace, time.monotonic() - began)


def told(error: BaseException) -> tuple[str, str]:
    """Reason and traceback of a failure.

    >>> told(ValueError("no"))[0]
    'ValueError: no'
    """
    if isinstance(error, TaskError):
        return error.reason, error.trace
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    trace = "".join(traceback.format_exception(error))
    return f"{type(error).__name__}: {error}{notes}", trace


def _bare(work: Slice) -> Slice:
    """What a task needs of its slice."""
    return replace(work, tasks=(), budgets=())


def _each(work: Slice) -> Iterator[tuple[Task[Any], Budget]]:
    return zip(work.tasks, work.budgets, strict=True)
