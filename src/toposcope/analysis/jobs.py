"""Jobs of an analysis: all that decides the numbers of one task.

A job enters the identity of its task whole; where its inputs lie and its result goes does not. Its
random numbers come from a stream of its own, the same for any worker, order or resume, and for any
version of the code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toposcope.analysis.design import Design
from toposcope.execution.tasks import spec_hash
from toposcope.store.objects import content_hash


@dataclass(frozen=True)
class Inputs:
    """Where jobs read: the RUN. It decides no number, so a RUN that is moved keeps its results."""

    run: Path


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """What decides the numbers of one task.

    Parameters
    ----------
    design
        Of the analysis, without anything left open.
    code
        Hash of the sources that decide numbers.
    layer, depth, label
        What is measured: a layer, its relative depth, and the class drawn from ("" for all).
    rows
        Samples that are read.
    content
        Hash of the layer's values.
    stream
        Seed of the random numbers, as hexadecimal digits; see `stream_of`.
    """

    design: Design
    code: str
    layer: str
    depth: float
    label: str
    rows: tuple[int, ...]
    content: str
    stream: str

    def rng(self, *use: int) -> np.random.Generator:
        """Random numbers of this job; one independent stream for each use."""
        return np.random.default_rng(np.random.SeedSequence([int(self.stream, 16), *use]))

    @property
    @abstractmethod
    def first_replicate(self) -> int:
        """The replicate of the job, or the first of several."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What to show for it."""

    @abstractmethod
    def measure(self, inputs: Inputs) -> bytes:
        """Everything that is measured, as the bytes of a Parquet part."""


def stream_of(design: Design, **place: Any) -> str:
    """Seed of a job's random numbers: its design and place, not the version of the code.

    An edited comment renews tasks, and their null clouds must not move with it.
    """
    return spec_hash({"design": design.to_spec(), **place})


def rows_hash(rows: tuple[int, ...]) -> str:
    """Hash of the samples of a draw."""
    return content_hash(repr(rows).encode())


def measure_job(job: Job, inputs: Inputs) -> bytes:
    """What a worker does: the part of a job."""
    return job.measure(inputs)
