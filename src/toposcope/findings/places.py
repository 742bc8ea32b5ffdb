"""What a finding is about, as values: words are made of them, nothing is read out of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """A moment of a training.

    Parameters
    ----------
    value
        Number of the checkpoint.
    unit
        What it counts: "step" or "epoch".
    """

    value: float
    unit: str = "step"


@dataclass(frozen=True)
class Place:
    """Where a change was looked for: a layer against another one, or against itself earlier.

    Parameters
    ----------
    analysis
        Position, among the analyses looked at, of the run in which the change ends.
    run, model
        Name of that run, and the spec of its model; of a training its name, see `training_names`.
    layer, against
        The layer, and the one it is compared with; equal over a training.
    step, against_step
        Checkpoints compared; None where layers of one run are.
    label
        Class whose change is compared with the mean change of all classes; "" for that mean, and
        where classes are pooled.
    classes
        How many classes the mean is over; 0 where they are pooled.
    """

    analysis: int
    run: str
    model: str
    layer: str
    against: str
    step: Step | None = None
    against_step: Step | None = None
    label: str = ""
    classes: int = 0


def step_of(attrs: Mapping[str, Any]) -> Step | None:
    """The step in the attributes of a run; None when it has none.

    >>> step_of({"step": 0.25, "step_unit": "epoch"}), step_of({})
    (Step(value=0.25, unit='epoch'), None)
    """
    step = attrs.get("step")
    return None if step is None else Step(float(step), str(attrs.get("step_unit") or "step"))
