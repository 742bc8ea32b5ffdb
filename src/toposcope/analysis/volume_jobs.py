"""The jobs of volumes: which images of which layer, and what it all costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from toposcope import homology
from toposcope.analysis.design import Design
from toposcope.analysis.filtrations import Cubical
from toposcope.analysis.jobs import Job, rows_hash, stream_of
from toposcope.analysis.volume_task import VolumeJob
from toposcope.analysis.work import TASK_SECONDS, WORKER_BYTES, Work
from toposcope.errors import UsageError, WayOut
from toposcope.pointclouds.cloudset import CloudSet, clouds
from toposcope.store.runs import Run
from toposcope.types import ActivationSet

IMAGES_PER_TASK = 32
TASK_BYTES = 64 << 20


class VolumeWork(Work):
    """Betti numbers of the volumes of single images."""

    def draw(self, activations: ActivationSet, design: Design) -> CloudSet:
        """One image per replicate."""
        assert design.replicates is not None, "resolved"
        return clouds(
            activations,
            points=1,
            replicates=design.replicates,
            normalize="none",
            per_class=design.per_class,
            seed=design.seed,
        )

    def jobs(self, run: Run, draws: CloudSet, design: Design, code: str) -> Sequence[Job]:
        """A few images per job."""
        return volume_jobs(run, draws, design, code)

    def predict(self, run: Run, jobs: Sequence[Job], design: Design) -> tuple[float, int]:
        """CPU seconds of some jobs, and the peak memory of a worker in bytes."""
        filtration = design.filtration
        assert isinstance(filtration, Cubical), "volumes are laid out for that alone"
        seconds, peak, diagrams = 0.0, 0, filtration.diagrams
        # Per voxel: 40 ns a threshold, at most 2 us for all of them; GUDHI takes 10 us for H1.
        per_voxel = min(40e-9 * len(filtration.thresholds), 2e-6) + 12e-6 * diagrams
        shuffled = bool(design.nulls)
        for job in jobs:
            voxels = int(np.prod(run.layers[job.layer]["shape"], dtype=np.int64))
            images = len(job.rows)
            seconds += TASK_SECONDS + images * voxels * per_voxel * (1 + shuffled)
            each = 400 if diagrams else 80
            peak = max(peak, 12 * images * voxels + each * voxels + WORKER_BYTES)
        return seconds, peak

    def ways_out(self, run: Run, jobs: Sequence[Job], design: Design, room: int) -> list[WayOut]:
        """What to pass where a worker may take `room` bytes only."""
        filtration = design.filtration
        assert isinstance(filtration, Cubical), "volumes are laid out for that alone"
        ways = []
        plain = replace(filtration, diagrams=False)
        leave_out = ("--diagrams",) if filtration.diagrams else ()
        for changed, told, flags, without in (
            (plain, "diagrams=False to Cubical()", (), leave_out),
            (replace(plain, maps=True), "maps=True to Cubical()", ("--maps",), leave_out),
        ):
            other = replace(design, filtration=changed)
            if other != design and self.predict(run, jobs, other)[1] <= room:
                ways.append(WayOut({"filtration": changed}, flags, without, told=told))
        sizes = {
            job.layer: self.predict(run, [job], design)[1]
            for job in sorted(jobs, key=lambda job: len(job.rows))
        }
        small = [layer for layer, needed in sizes.items() if needed <= room]
        if small:
            told = f"layers={small[:3]}, of the {len(small)} of {len(sizes)} layers that fit,"
            typed = "--layers", ",".join(small[:3])
            ways.append(WayOut({"layers": small[:3]}, typed, call="capture()", told=told))
        return ways

    def size(self, job: Job) -> int:
        """Its images."""
        return len(job.rows)

    def smaller(self, job: Job, size: int) -> Job:
        """The first images of it."""
        assert isinstance(job, VolumeJob), "the jobs of volumes"
        return replace(job, rows=job.rows[:size], images=job.images[:size])

    def warm_up(self) -> None:
        """Compile or load the kernels for a few and for many thresholds."""
        for count in (1, 16):
            homology.betti_numbers(np.zeros((2, 2, 2)), np.arange(float(count)))


def volume_jobs(run: Run, draws: CloudSet, design: Design, code: str) -> list[VolumeJob]:
    """A few images per job: one image takes milliseconds, a part on disk takes as long.

    Raises
    ------
    UsageError
        When no layer holds volumes.
    """
    activations = draws.activations
    if all(len(run.layers[layer]["shape"]) != 3 for layer in activations.layers):
        shapes = {layer: tuple(run.layers[layer]["shape"]) for layer in activations.layers[:4]}
        msg = (
            f"analyze(filtration=Cubical()): no layer of {run.objects.where()} holds volumes "
            f"(C, H, W); they are {shapes}. Capture again with --pool volume into another folder."
        )
        raise UsageError(msg)
    jobs = []
    for layer in activations.layers:
        content = run.layer_hash(layer)
        each = max(1, min(IMAGES_PER_TASK, TASK_BYTES // max(_bytes_of(run, layer), 1)))
        for label, labelled in groupby(draws.draws, key=lambda draw: draw.label):
            members = list(labelled)
            for start in range(0, len(members), each):
                part = members[start : start + each]
                rows = tuple(int(draw.rows[0]) for draw in part)
                images = tuple(draw.replicate for draw in part)
                stream = stream_of(
                    design,
                    layer=layer,
                    images=images,
                    label=label,
                    rows=rows_hash(rows),
                    content=content,
                )
                jobs.append(
                    VolumeJob(
                        design=design,
                        code=code,
                        layer=layer,
                        depth=activations.depth(layer),
                        images=images,
                        label=label,
                        rows=rows,
                        content=content,
                        stream=stream,
                    )
                )
    return jobs


def _bytes_of(run: Run, layer: str) -> int:
    plan = run.layers[layer]
    return int(math.prod(plan["shape"]) * np.dtype(plan["dtype"]).itemsize)
