"""Steps that resume by themselves, as captures of networks, done by the workers of an executor.

A step keeps its own record of what is done, in the store it writes; what is kept here, in a hidden
folder, is how each of them ended in this call: with it a step has the budgets, second tries and
failures of a task.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toposcope.execution.executors import Executor, Jobs, named
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.inputs.urls import url_of
from toposcope.store.objects import LocalObjects, Objects, objects_in

FOLDER = ".steps"


@dataclass(frozen=True)
class Step:
    """A job: one of the steps.

    Parameters
    ----------
    name
        Which one; the body knows what it stands for.
    call
        Of which call: how it ended in another one counts for nothing.
    """

    name: str
    call: str = ""


def goes_elsewhere(jobs: Jobs) -> bool:
    """Whether an executor was named: then captures run there too.

    Worker processes of this machine do not count: a capture takes all of its cores already.

    >>> goes_elsewhere(None), goes_elsewhere(4), goes_elsewhere("loky")
    (False, False, True)
    """
    if isinstance(jobs, Executor):
        return jobs.workers > 0
    workers = named(jobs)
    return workers.executor != "processes" and workers.count != 0


def run_steps(
    body: Callable[[Step, Any], bytes],
    names: Sequence[str],
    inputs: Any,
    *,
    folder: Path,
    jobs: Jobs,
    progress: Progress | None,
    title: str,
) -> dict[str, str]:
    """Do the steps; why those that could not be done were not, by name.

    Parameters
    ----------
    body
        Module-level function of a step and of `inputs`; what it returns is not looked at.
    names
        Of the steps, unique.
    inputs
        Picklable.
    folder
        All workers see it, a URL too; nobody else does steps there meanwhile.
    jobs, progress, title
        As in `Workbook.run`.
    """
    objects = objects_in(folder if url_of(folder) else folder.absolute()).within(FOLDER)
    _clear(objects)
    call = secrets.token_hex(8)
    tasks = [Task(Step(name, call), name) for name in names]
    workbook = Workbook(objects, ".txt")
    try:
        workbook.run(body, tasks, inputs, jobs=jobs, progress=progress, title=title)
        return {task.job.name: failure.reason for task, failure in workbook.failures(tasks)}
    finally:
        _clear(objects)


def _clear(objects: Objects) -> None:
    """Remove the record of a call; behind a URL it stays, hidden and of some bytes a step."""
    if isinstance(objects, LocalObjects):
        shutil.rmtree(objects.path, ignore_errors=True)
