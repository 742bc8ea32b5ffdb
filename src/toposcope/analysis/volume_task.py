"""Feature volumes: Betti numbers of every image's (C, H, W) output, and the tasks that take them.

The unit is the image: a replicate is one image, and its volume is filtered by its own values, as
in Suresh et al. 2024. That is another science than clouds of samples (measure.py), and numbers of
the two are never compared. Runs in worker processes; imports neither torch nor pandas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.diagrams import summaries
from toposcope.errors import UsageError
from toposcope.execution.legacy import Ledger, Task, task_key
from toposcope.pointclouds.cloudset import CloudSet
from toposcope.pointclouds.draws import scale_rows
from toposcope.pointclouds.nulls import SHUFFLED_VOXELS, parse_nulls
from toposcope.store.runs import Run
from toposcope.store.tables import Rows, put_part
from toposcope.types import DATA_CLOUD

VOLUME_STATISTICS = ("betti_number", "betti_per_voxel", "betti_total", "total_per_voxel")
IMAGES_PER_TASK = 32
TASK_BYTES = 64 << 20
SCALE_VOLUMES = 200
"""Images the root mean square of a layer is estimated on."""

CONVENTIONS = {
    "Betti number": "pairs with births <= t < deaths (Suresh et al.: <= on both sides), Z/2",
    "unit": "one image is one replicate; intervals are over images",
    "per voxel": "divided by the C x H x W values of the layer, which shrink with depth",
}

Payload = Mapping[str, Any]


def at(statistic: str, threshold: float) -> str:
    """Name of a statistic at a threshold, as it stands in tables.

    Examples
    --------
    >>> at("betti_number", 0.25)
    'betti_number@0.25'
    """
    return f"{statistic}@{threshold:.12g}"


def split_statistic(name: str) -> tuple[str, float | None]:
    """Statistic and threshold of a name in a table; None where there is no threshold.

    Examples
    --------
    >>> split_statistic("betti_total@0.5"), split_statistic("scale")
    (('betti_total', 0.5), ('scale', None))
    """
    statistic, sign, threshold = name.partition("@")
    return statistic, float(threshold) if sign else None


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
def layer_rms(run_path: str, layer: str, content: str, seed: int) -> float:
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


def warm_up() -> None:
    """Compile or load the kernels for a few and for many thresholds, before workers start."""
    for count in (1, 16):
        homology.betti_numbers(np.zeros((2, 2, 2)), np.arange(float(count)))


def measure_volumes(payload: Payload) -> None:
    """Measure some images of one layer, put their part, tick it off."""
    run = Run.open(payload["run"])
    layer, spec = payload["layer"], payload["filtration"]
    shape = tuple(run.layers[layer]["shape"])
    rows = [
        Rows(
            **{name: payload[name] for name in ("layer", "depth", "label")},
            replicate=replicate,
            points=int(np.prod(shape)),
            cloud=DATA_CLOUD,
        )
        for replicate in payload["images"]
    ]
    if len(shape) != 3:
        reason = f"layer {layer!r} holds {shape} per sample, no (C, H, W); capture --pool volume"
        for one in rows:
            _missing(one, payload, "undefined", reason)
    else:
        volumes = run.read(layer, np.asarray(payload["rows"], dtype=np.intp))
        unit = 1.0
        if payload["normalize"] == "rms":
            unit = layer_rms(payload["run"], layer, payload["input"], payload["seed"])
        _measure(rows, volumes, unit, payload)
        if SHUFFLED_VOXELS in parse_nulls(payload["null"]):
            rows += _shuffled(rows, volumes, unit, payload)
        if spec["diagrams"]:
            for one, volume in zip(rows, volumes, strict=False):
                _diagrams(one, volume, unit, payload)
    folder = Path(payload["folder"])
    part = folder / "parts" / f"{payload['key']}.parquet"
    digest = put_part(part, [row for one in rows for row in one.rows])
    Ledger(folder / "ledger").tick(payload["key"], part=digest)


def _measure(rows: list[Rows], volumes: NDArray[Any], unit: float, payload: Payload) -> None:
    """Betti numbers and norms of some images."""
    spec = payload["filtration"]
    finite = np.isfinite(volumes).all(axis=(1, 2, 3))
    good = [one for one, ok in zip(rows, finite, strict=True) if ok]
    for one, values, ok in zip(rows, volumes, finite, strict=True):
        if not ok:
            bad = values.size - int(np.isfinite(values).sum())
            _missing(one, payload, "nonfinite", f"{bad:,} of {values.size:,} voxels are not finite")
    if not good:
        return
    betti = volume_betti_numbers(
        volumes[finite],
        np.asarray(spec["thresholds"]) * unit,
        construction=spec["construction"],
        superlevel=spec["superlevel"],
        maps=spec["maps"],
    )
    voxels = volumes[0].size
    for one, values, numbers in zip(good, volumes[finite], betti, strict=True):
        one.value("activation_norm", float(np.linalg.norm(values.astype(np.float64))))
        one.value("rms", float(np.sqrt(np.square(values, dtype=np.float64).mean())))
        for threshold, counts in zip(spec["thresholds"], numbers, strict=True):
            for k, count in enumerate(counts):
                one.value(at("betti_number", threshold), count, homology_dimension=k)
                one.value(at("betti_per_voxel", threshold), count / voxels, homology_dimension=k)
            one.value(at("betti_total", threshold), counts.sum())
            one.value(at("total_per_voxel", threshold), counts.sum() / voxels)


def _shuffled(rows: list[Rows], volumes: NDArray[Any], unit: float, payload: Payload) -> list[Rows]:
    """The same numbers of the same voxels in random order, image by image."""
    rng = np.random.default_rng(np.random.SeedSequence([int(payload["key"], 16)]))
    flat = rng.permuted(volumes.reshape(len(volumes), -1), axis=1)
    nulls = [one.twin(cloud=SHUFFLED_VOXELS) for one in rows]
    _measure(nulls, flat.reshape(volumes.shape), unit, payload)
    return nulls


def _diagrams(rows: Rows, volume: NDArray[Any], unit: float, payload: Payload) -> None:
    """Diagrams of one image in the order of its filtration, and their statistics."""
    spec, dimensions = payload["filtration"], tuple(payload["homology_dimensions"])
    if not np.isfinite(volume).all():
        return
    scaled = volume.astype(np.float64) / unit
    found = homology.cubical(
        scaled,
        construction=spec["construction"],
        sublevel=not spec["superlevel"],
        homology_dimensions=dimensions,
    )
    for k, pairs in zip(dimensions, found, strict=True):
        rows.diagram(pairs, k)
        rising = -pairs if spec["superlevel"] else pairs
        for name, value in summaries.diagram_statistics(summaries.finite(rising)).items():
            rows.value(name, value, homology_dimension=k)


def volume_tasks(
    run: Run, cloud_set: CloudSet, spec: Mapping[str, Any], folder: Path
) -> list[Task]:
    """A few images per task: one image takes milliseconds, a part on disk takes as long."""
    activations = cloud_set.activations
    if all(len(run.layers[layer]["shape"]) != 3 for layer in activations.layers):
        shapes = {layer: tuple(run.layers[layer]["shape"]) for layer in activations.layers[:4]}
        msg = (
            f"analyze(complex='cubical'): no layer of {run.path} holds volumes (C, H, W); they are "
            f"{shapes}. Capture again with --pool volume into another folder."
        )
        raise UsageError(msg)
    tasks = []
    for layer in activations.layers:
        content = run.layer_hash(layer)
        each = max(1, min(IMAGES_PER_TASK, TASK_BYTES // max(_bytes_of(run, layer), 1)))
        for label, draws in groupby(cloud_set.draws, key=lambda draw: draw.label):
            members = list(draws)
            for start in range(0, len(members), each):
                part = members[start : start + each]
                rows = [int(draw.rows[0]) for draw in part]
                numbers = [draw.replicate for draw in part]
                identity = {
                    "analysis": dict(spec),
                    "layer": layer,
                    "images": numbers,
                    "label": label,
                    "rows": rows,
                    "input": content,
                }
                key = task_key(identity)
                payload = {
                    **spec,
                    **{k: v for k, v in identity.items() if k != "analysis"},
                    "run": str(run.path),
                    "folder": str(folder),
                    "key": key,
                    "depth": activations.depth(layer),
                    "replicate": numbers[0],
                }
                name = f"{layer}, images {numbers[0]} to {numbers[-1]}"
                tasks.append(Task(key, name + (f", {label}" if label else ""), payload))
    return tasks


def _bytes_of(run: Run, layer: str) -> int:
    plan = run.layers[layer]
    return int(math.prod(plan["shape"]) * np.dtype(plan["dtype"]).itemsize)


def predict_volumes(run: Run, todo: Sequence[Task], spec: Mapping[str, Any]) -> tuple[float, int]:
    """CPU seconds of the tasks to do, and the peak memory of a worker."""
    seconds, peak = 0.0, 0
    count = len(spec["filtration"]["thresholds"])
    diagrams = spec["filtration"]["diagrams"]
    for task in todo:
        voxels = int(np.prod(run.layers[task.payload["layer"]]["shape"], dtype=np.int64))
        images = len(task.payload["rows"])
        # Per voxel: 40 ns a threshold, at most 2 us for all of them; GUDHI takes 10 us for H1.
        per_voxel = min(40e-9 * count, 2e-6) + 12e-6 * diagrams
        seconds += images * voxels * per_voxel * (1 + (spec["null"] != "none"))
        peak = max(peak, 12 * images * voxels + (400 if diagrams else 80) * voxels + (150 << 20))
    return seconds, peak


def reservations(spec: Mapping[str, Any]) -> list[str]:
    """What a reader of Betti numbers at thresholds has to know, for the report."""
    found = ["deeper layers hold fewer voxels: see the per-voxel statistics before a decay is read"]
    if spec["normalize"] == "none":
        found.append(
            "thresholds are in units of the activations: what they select depends on scale"
        )
    side = spec["filtration"]["superlevel"]
    if any(t > 0 or (t == 0 and not side) for t in spec["filtration"]["thresholds"]):
        found.append(
            "Betti numbers at thresholds above 0 (sublevel: from 0 on) are the same before and "
            "after a ReLU: they cannot see what it does"
        )
    return found


def _missing(rows: Rows, payload: Payload, status: str, reason: str) -> None:
    spec = payload["filtration"]
    for name in ("activation_norm", "rms"):
        rows.missing(name, status, reason)
    for threshold in spec["thresholds"]:
        for statistic in VOLUME_STATISTICS:
            degrees = range(2 if spec["maps"] else 3) if statistic.startswith("betti_") else ()
            if statistic == "betti_total" or not degrees:
                rows.missing(at(statistic, threshold), status, reason)
                continue
            for k in degrees:
                rows.missing(at(statistic, threshold), status, reason, homology_dimension=k)
