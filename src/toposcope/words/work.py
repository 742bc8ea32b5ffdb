"""How far work is that goes on somewhere, in a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toposcope.inputs.durations import duration


def work_text(told: Mapping[str, Any]) -> str:
    """One line on tasks that are given out, or were.

    Parameters
    ----------
    told
        As `toposcope.execution.watching.find_status` gives it.

    Examples
    --------
    >>> told = {"title": "analyze", "tasks": 40, "done": 9, "failed": 1, "state": "running",
    ...         "executor": "Processes(2)", "per_second": 0.5, "seconds_left": 60.0,
    ...         "in_flight": ["layer1, replicate 3"], "seconds_silent": 2.0}
    >>> print(work_text(told))
    analyze, running on Processes(2): 9 of 40 tasks done, 1 failed, 0.5 a second, about 60 s left
    (now layer1, replicate 3)
    """
    line = (
        f"{told['title']}, {told['state']} on {told['executor']}: {told['done']} of "
        f"{told['tasks']} tasks done, {told['failed']} failed"
    )
    if told["state"] == "running":
        line += f", {told['per_second']:.2g} a second"
        left = told["seconds_left"]
        line += ", time left not known yet" if left is None else f", about {duration(left)} left"
        now = told["in_flight"]
        line += f"\n(now {'; '.join(now)})" if now else ""
    if told["state"] == "stopped":
        line += f"; nothing was heard of it for {duration(told['seconds_silent'])}"
    return line
