"""Steps that resume by themselves, as captures of networks, done by the workers of an executor.

A step keeps its own record of what is done, in the store it writes; what is kept here, in a hidden
folder, is how each of them ended in this call: with it a step has the budgets, second tries and
failures of a task.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toposcope.execution.executors import Executor, Jobs, named
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

FOLDER = ".steps"


@dataclass(frozen=True)
class Step:
    """A job: one of the steps.

    Parameters
    ----------
    name
        Which one; the body knows what it stands for.
    """

    name: str


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
        All workers see it; nobody else does steps there meanwhile.
    jobs, progress, title
        As in `Workbook.run`.
    """
    place = folder.absolute() / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    tasks = [Task(Step(name), name) for name in names]
    workbook = Workbook(LocalObjects(place), ".txt")
    try:
        workbook.run(body, tasks, inputs, jobs=jobs, progress=progress, title=title)
        return {task.job.name: failure.reason for task, failure in workbook.failures(tasks)}
    finally:
        shutil.rmtree(place, ignore_errors=True)
