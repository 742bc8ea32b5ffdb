"""`Work`: how the things that filtrations are of are measured, one kind for each unit.

A filtration of a unit that is known here brings nothing but itself; one of a new unit brings its
work too, in the same file, under `@measures`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from toposcope.analysis.design import Design
from toposcope.analysis.jobs import Job
from toposcope.errors import WayOut
from toposcope.pointclouds.cloudset import CloudSet
from toposcope.store.runs import Run
from toposcope.types import ActivationSet

WORKER_BYTES = 270_000_000
"""A worker that has measured something small: interpreter, libraries, machine code of kernels."""
TASK_SECONDS = 0.03
"""Of any task: reading, publishing its part and its tick, and what the driver does about it."""
WORKER_SECONDS = 2.0
"""Until a worker has its libraries and kernels."""


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
        """CPU seconds of each of some jobs together, and the peak memory of a worker in bytes.

        Files that are mapped are no part of it. Called before anything is computed: it takes
        milliseconds for thousands of jobs.
        """

    @abstractmethod
    def ways_out(self, run: Run, jobs: Sequence[Job], design: Design, room: int) -> list[WayOut]:
        """What to type where a worker may take `room` bytes only; each completes "Pass ..."."""

    def size(self, job: Job) -> int:
        """How much a job measures: its points, its images."""
        return 1

    def smaller(self, job: Job, size: int) -> Job:
        """A job of the same kind that measures so much, for a probe of what jobs take."""
        return job

    @abstractmethod
    def warm_up(self) -> None:
        """Compile the kernels, once, before workers start."""


WORKS: dict[str, Work] = {}
"""The work of units that are not of this package."""


def measures(unit: str) -> Callable[[type[Work]], type[Work]]:
    """Say that a class is the work of a unit."""

    def kept(cls: type[Work]) -> type[Work]:
        WORKS[unit] = cls()
        return cls

    return kept
