"""What the scores of a ranking will take, from one draw each of a few candidates."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toposcope.execution.forecasts import (
    BLOCK,
    Forecast,
    by_the_clock,
    free_room,
    probed,
)
from toposcope.execution.tasks import Task
from toposcope.inputs.memory import available_memory
from toposcope.transfer.ranking.scoring import DrawJob, Material, measure_draw

PROBED = 3
"""Candidates of which one draw is measured: the first, a middle one and the last."""
WORKER_SECONDS = 2.0
"""Until a worker has its libraries and kernels."""


def score_forecast(
    tasks: Sequence[Task[DrawJob]],
    todo: Sequence[Task[DrawJob]],
    material: Material,
    folder: Path,
    workers: int,
) -> Forecast:
    """What the scores will take.

    Parameters
    ----------
    tasks, todo
        All, and those that are left.
    material
        The captured candidates.
    folder
        Of the ranking.
    workers
        How many run at once.
    """
    begun = time.perf_counter()
    of_model = {task.job.model: task.job for task in reversed(todo)}
    models = list(of_model)[::-1]
    at = np.linspace(0, len(models) - 1, min(PROBED, len(models))).round().astype(int).tolist()
    taken = probed(measure_draw, [of_model[models[i]] for i in at], material)
    known = [at[: len(taken)], [one.seconds for one in taken]]
    seconds = tuple(float(np.interp(models.index(task.job.model), *known)) for task in todo)
    return Forecast(
        tasks=len(tasks),
        done=len(tasks) - len(todo),
        workers=workers,
        cpu_seconds=sum(seconds),
        seconds=by_the_clock(seconds, workers, WORKER_SECONDS, len(tasks)),
        worker_bytes=max(one.peak for one in taken),
        mapped_bytes=0,
        disk_bytes=len(todo) * (3 * BLOCK + max(one.part for one in taken)),
        available_bytes=available_memory(),
        free_bytes=free_room(folder),
        probed=time.perf_counter() - begun,
        task_seconds=seconds,
    )
