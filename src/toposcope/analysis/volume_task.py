"""Feature volumes: Betti numbers of every image's (C, H, W) output, and the jobs that take them.

The unit is the image: a replicate is one image, and its volume is filtered by its own values, as
in Suresh et al. 2024. That is another science than clouds of samples (cloud_task.py), and numbers
of the two are never compared. Runs in worker processes; imports neither torch nor pandas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.analysis.filtrations import Cubical
from toposcope.analysis.jobs import Inputs, Job
from toposcope.analysis.statistic_names import at
from toposcope.diagrams import summaries
from toposcope.pointclouds.draws import scale_rows
from toposcope.pointclouds.nulls import SHUFFLED_VOXELS
from toposcope.store.runs import Run
from toposcope.store.tables import Rows, part_bytes
from toposcope.types import DATA_CLOUD

VOLUME_STATISTICS = ("betti_number", "betti_per_voxel", "betti_total", "total_per_voxel")
SCALE_VOLUMES = 200
"""Images the root mean square of a layer is estimated on."""


@dataclass(frozen=True, kw_only=True)
class VolumeJob(Job):
    """A few images of one layer.

    Parameters
    ----------
    images
        Number of each replicate: one image, the one in the same place of `rows`.
    """

    images: tuple[int, ...]

    @property
    def first_replicate(self) -> int:
        """The first image."""
        return self.images[0]

    @property
    def title(self) -> str:
        """Layer, images and class."""
        end = f", {self.label}" if self.label else ""
        return f"{self.layer}, images {self.images[0]} to {self.images[-1]}{end}"

    @property
    def filtration(self) -> Cubical:
        """What the volumes are filtered by."""
        filtration = self.design.filtration
        assert isinstance(filtration, Cubical), "volumes are laid out for that alone"
        return filtration

    def measure(self, inputs: Inputs) -> bytes:
        """Everything that is measured on the images and their nulls."""
        return measure_volumes(self, inputs)


def volume_betti_numbers(
    volumes: NDArray[Any],
    thresholds: Sequence[float] | NDArray[np.float64],
    *,
    construction: str = "V",
    superlevel: bool = False,
    maps: bool = False,
) -> NDArray[np.int64]:
    """Betti numbers of every image at every threshold.

    Parameters
    ----------
    volumes
        (m, C, H, W) finite values.
    thresholds
        (k,) filtration values.
    construction, superlevel
        As in `toposcope.homology.betti_numbers`.
    maps
        Each channel by itself, as a 2-D image; the numbers of the C maps are added, which makes
        them those of the disjoint union of the maps.

    Returns
    -------
    (m, k, 3) integers, with `maps` (m, k, 2).

    Examples
    --------
    Two channels, each with one dark pixel, at opposite corners: two components in 3-D and 2-D.

    >>> volume = np.ones((1, 2, 2, 2))
    >>> volume[0, 0, 0, 0] = volume[0, 1, 1, 1] = 0
    >>> volume_betti_numbers(volume, [0.5]).tolist()
    [[[2, 0, 0]]]
    >>> volume_betti_numbers(volume, [0.5], maps=True).tolist()
    [[[2, 0]]]
    """
    m, channels = volumes.shape[:2]
    images = volumes.reshape(m * channels, *volumes.shape[2:]) if maps else volumes
    betti = homology.betti_numbers_batch(
        images, thresholds, construction=construction, sublevel=not superlevel, jobs=1
    )
    return betti.reshape(m, channels, *betti.shape[1:]).sum(axis=1) if maps else betti


@lru_cache(maxsize=4)
def layer_rms(run_path: Path, layer: str, content: str, seed: int) -> float:
    """Root mean square of a layer's values, over a fixed draw of images.

    `content` is the layer's hash: a RUN written anew at the same place is another layer.
    """
    run = Run.open(run_path)
    rows = scale_rows(run.n, seed=seed)
    chosen = rows[:: max(1, len(rows) // SCALE_VOLUMES)][:SCALE_VOLUMES]
    squares = [
        np.square(run.read(layer, chosen[i : i + 1]), dtype=np.float64) for i in range(len(chosen))
    ]
    means = np.array([one.mean() for one in squares])
    return float(np.sqrt(means[np.isfinite(means)].mean())) if np.isfinite(means).any() else 0.0


def measure_volumes(job: VolumeJob, inputs: Inputs) -> bytes:
    """Measure some images of one layer; the bytes of a Parquet part."""
    run, layer = Run.open(inputs.run), job.layer
    shape = tuple(run.layers[layer]["shape"])
    images = [
        Rows(
            layer=layer,
            depth=job.depth,
            label=job.label,
            replicate=replicate,
            points=int(np.prod(shape)),
            cloud=DATA_CLOUD,
        )
        for replicate in job.images
    ]
    if len(shape) != 3:
        reason = f"layer {layer!r} holds {shape} per sample, no (C, H, W); capture --pool volume"
        for rows in images:
            _missing(rows, job.filtration, "undefined", reason)
    else:
        volumes = run.read(layer, np.asarray(job.rows, dtype=np.intp))
        unit = 1.0
        if job.design.normalize == "rms":
            unit = layer_rms(inputs.run, layer, job.content, job.design.seed)
        _measure(images, volumes, unit, job.filtration)
        if SHUFFLED_VOXELS in job.design.nulls:
            images += _shuffled(images, volumes, unit, job)
        if job.filtration.diagrams:
            for rows, volume in zip(images, volumes, strict=False):
                _diagrams(rows, volume, unit, job)
    return part_bytes([row for rows in images for row in rows.rows])


def _measure(images: list[Rows], volumes: NDArray[Any], unit: float, filtration: Cubical) -> None:
    """Betti numbers and norms of some images."""
    finite = np.isfinite(volumes).all(axis=(1, 2, 3))
    good = [rows for rows, ok in zip(images, finite, strict=True) if ok]
    for rows, values, ok in zip(images, volumes, finite, strict=True):
        if not ok:
            bad = values.size - int(np.isfinite(values).sum())
            reason = f"{bad:,} of {values.size:,} voxels are not finite"
            _missing(rows, filtration, "nonfinite", reason)
    if not good:
        return
    betti = volume_betti_numbers(
        volumes[finite],
        np.asarray(filtration.thresholds) * unit,
        construction=filtration.construction,
        superlevel=filtration.superlevel,
        maps=filtration.maps,
    )
    voxels = volumes[0].size
    for rows, values, numbers in zip(good, volumes[finite], betti, strict=True):
        rows.value("activation_norm", float(np.linalg.norm(values.astype(np.float64))))
        rows.value("rms", float(np.sqrt(np.square(values, dtype=np.float64).mean())))
        for threshold, counts in zip(filtration.thresholds, numbers, strict=True):
            for k, count in enumerate(counts):
                rows.value(at("betti_number", threshold), count, homology_dimension=k)
                rows.value(at("betti_per_voxel", threshold), count / voxels, homology_dimension=k)
            rows.value(at("betti_total", threshold), counts.sum())
            rows.value(at("total_per_voxel", threshold), counts.sum() / voxels)


def _shuffled(images: list[Rows], volumes: NDArray[Any], unit: float, job: VolumeJob) -> list[Rows]:
    """The same numbers of the same voxels in random order, image by image."""
    flat = job.rng().permuted(volumes.reshape(len(volumes), -1), axis=1)
    nulls = [rows.twin(cloud=SHUFFLED_VOXELS) for rows in images]
    _measure(nulls, flat.reshape(volumes.shape), unit, job.filtration)
    return nulls


def _diagrams(rows: Rows, volume: NDArray[Any], unit: float, job: VolumeJob) -> None:
    """Diagrams of one image in the order of its filtration, and their statistics."""
    if not np.isfinite(volume).all():
        return
    filtration, degrees = job.filtration, tuple(job.design.homology_dimensions)
    diagrams = homology.cubical(
        volume.astype(np.float64) / unit,
        construction=filtration.construction,
        sublevel=not filtration.superlevel,
        homology_dimensions=degrees,
    )
    for k, pairs in zip(degrees, diagrams, strict=True):
        rows.diagram(pairs, k)
        rising = summaries.as_sublevel(pairs) if filtration.superlevel else pairs
        for name, value in summaries.cloud_statistics(rising).items():
            rows.value(
                name,
                value,
                homology_dimension=k,
                reason=summaries.undefined_reason(name, int(np.isfinite(pairs[:, 1]).sum())),
            )


def _missing(rows: Rows, filtration: Cubical, status: str, reason: str) -> None:
    for name in ("activation_norm", "rms"):
        rows.missing(name, status, reason)
    for threshold in filtration.thresholds:
        for statistic in VOLUME_STATISTICS:
            degrees = range(2 if filtration.maps else 3) if statistic.startswith("betti_") else ()
            if statistic == "betti_total" or not degrees:
                rows.missing(at(statistic, threshold), status, reason)
                continue
            for k in degrees:
                rows.missing(at(statistic, threshold), status, reason, homology_dimension=k)
