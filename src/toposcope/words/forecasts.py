"""What work will take, in a line and in numbers."""

from __future__ import annotations

from typing import Any

from toposcope.analysis.forecast import Forecast
from toposcope.inputs.durations import clock
from toposcope.inputs.memory import gib


def forecast_line(expected: Forecast) -> str:
    """What is left to do, on one line.

    Examples
    --------
    >>> forecast_line(Forecast(40, 8, 2, 90.0, 47.0, 2**29, 0, 2**23, 2**34, 2**36, probed=4.0))
    '32 of 40 tasks, about 47 s with 2 workers of 0.5 GiB (16.0 GiB available), 8 MiB on disk'
    """
    tasks = f"{expected.tasks - expected.done:,}"
    if expected.done:
        tasks += f" of {expected.tasks:,}"
    plural = "" if expected.tasks - expected.done == 1 else "s"
    plural = plural if not expected.done else "s"
    who = f"{expected.workers} workers" if expected.workers > 1 else "one worker"
    told = "about" if expected.probed else "roughly"
    return (
        f"{tasks} task{plural}, {told} {clock(expected.seconds)} with {who} of "
        f"{gib(expected.worker_bytes)} ({gib(expected.available_bytes)} available), "
        f"{max(round(expected.disk_bytes / 2**20), 1):,} MiB on disk"
    )


def forecast_numbers(expected: Forecast) -> dict[str, Any]:
    """The forecast as plain values, for `--dry-run`."""
    return {
        "tasks": expected.tasks,
        "done": expected.done,
        "predicted_cpu_seconds": round(expected.cpu_seconds, 3),
        "predicted_wall_seconds": round(expected.seconds, 3),
        "predicted_bytes_per_worker": expected.worker_bytes,
        "predicted_disk_bytes": expected.disk_bytes,
        "available_bytes": expected.available_bytes,
        "free_disk_bytes": expected.free_bytes,
        "probe_seconds": round(expected.probed, 1),
        "jobs": expected.workers,
    }
