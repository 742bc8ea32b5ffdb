"""`Work`: how the things that filtrations are of are measured, one kind for each unit.

A filtration of a unit that is known here brings nothing but itself; one of a new unit brings its
work too, in the same file, under `@measures`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from toposcope.analysis.design import Design
from toposcope.analysis.jobs import Job
from toposcope.pointclouds.cloudset import CloudSet
from toposcope.store.runs import Run
from toposcope.types import ActivationSet


class Work(ABC):
    """What an analysis does with a unit: draws, jobs, and what they cost."""

    @abstractmethod
    def draw(self, activations: ActivationSet, design: Design) -> CloudSet:
        """Which samples make which replicate."""

    @abstractmethod
    def jobs(self, run: Run, draws: CloudSet, design: Design, code: str) -> Sequence[Job]:
        """What there is to measure, in the order it should start."""

    @abstractmethod
    def predict(self, run: Run, jobs: Sequence[Job], design: Design) -> tuple[float, int]:
        """CPU seconds of some jobs, and the peak memory of a worker in bytes."""

    @abstractmethod
    def slimmer(self, design: Design, share: float) -> str:
        """What to type when only a share of the memory needed is there; completes "Pass ..."."""

    @abstractmethod
    def warm_up(self) -> None:
        """Compile or load the kernels, once, before workers start."""


WORKS: dict[str, Work] = {}
"""The work of units that are not of this package."""


def measures(unit: str) -> Callable[[type[Work]], type[Work]]:
    """Say that a class is the work of a unit."""

    def kept(cls: type[Work]) -> type[Work]:
        WORKS[unit] = cls()
        return cls

    return kept
