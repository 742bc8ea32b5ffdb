"""What an analysis will do and what it will cost, before anything is computed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from toposcope.analysis.filtrations import COMPLEXES, complex_spec
from toposcope.analysis.volume_task import predict_volumes, volume_tasks
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.execution.legacy import Ledger, Task, task_key
from toposcope.homology.metrics import METRICS
from toposcope.homology.vietoris_rips.cost import estimate_cost
from toposcope.homology.vietoris_rips.persistence import check_arguments
from toposcope.pointclouds.cloudset import CloudSet, clouds
from toposcope.pointclouds.kinds import points_of, unfit
from toposcope.pointclouds.nulls import PERMUTED_LABELS, RANDOM_INIT, SHUFFLED_VOXELS, parse_nulls
from toposcope.store.objects import content_hash
from toposcope.store.runs import Run, open_run, twin_of
from toposcope.types import MASK

SCIENCE = (
    "homology",
    "pointclouds",
    "dimension",
    "diagrams/summaries.py",
    "analysis/filtrations.py",
    "analysis/validity_checks.py",
    "analysis/cloud_task.py",
    "analysis/volume_task.py",
)
"""Sources that decide numbers; their hash is part of every task key."""


@cache
def code_hash(sources: tuple[str, ...] = SCIENCE) -> str:
    """Hash of all sources that decide numbers."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for name in sources:
        path = root / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


CLOUD_METRICS = tuple(name for name in METRICS if name != "precomputed")
FILTRATION_PARAMETERS = tuple(name for own in COMPLEXES.values() for name in own)
VOLUME_NORMALIZATIONS = ("none", "rms")
DEFAULTS: dict[bool, dict[str, Any]] = {
    False: {"normalize": "mean_distance", "replicates": 8, "null": "gaussian"},
    True: {"normalize": "none", "replicates": 100, "null": "none"},
}
"""What None stands for: for clouds, and (True) for volumes, where a replicate is one image."""


@dataclass(frozen=True)
class Design:
    """The parameters of an analysis that decide its numbers, with their defaults.

    What each one means stands in `toposcope.analyze`.
    """

    complex: str = "rips"
    homology_dimensions: Sequence[int] = (0, 1)
    points: int = 500
    replicates: int | None = None
    normalize: str | None = None
    metric: str = "euclidean"
    per_class: bool = False
    overlapping: bool = False
    null: str | Sequence[str] | None = None
    max_edge_length: float = np.inf
    coeff: int = 2
    seed: int = 0
    neighbors: int | None = None
    weighted: bool | None = None
    quantile: float | None = None
    thresholds: Sequence[float] | None = None
    construction: str | None = None
    superlevel: bool | None = None
    maps: bool | None = None
    diagrams: bool | None = None
    points_are: str = "samples"
    samples: int | None = None

    @property
    def volumes(self) -> bool:
        """Whether images' volumes are measured, not clouds of points."""
        return self.complex == "cubical"

    def resolved(self, n: int) -> Design:
        """The design with None replaced by the default of its kind, for n samples."""
        default = dict(DEFAULTS[self.volumes])
        if self.volumes and not self.per_class:
            default["replicates"] = min(default["replicates"], n)
        given = {name: getattr(self, name) for name in default}
        return replace(self, **{k: default[k] if v is None else v for k, v in given.items()})


@dataclass(frozen=True)
class Plan:
    """What an analysis will do: its tasks, and what they will cost.

    Parameters
    ----------
    run, folder
        The RUN, and the folder of this analysis in it.
    spec
        Parameters that decide the numbers.
    tasks
        One per (layer, draw).
    done
        How many are finished already.
    seconds
        Predicted CPU seconds of the tasks still to do.
    worker_bytes
        Predicted peak memory of one worker.
    """

    run: Path
    folder: Path
    spec: Mapping[str, Any]
    tasks: Sequence[Task]
    done: int
    seconds: float
    worker_bytes: int

    def summary(self, jobs: int) -> dict[str, Any]:
        """The prediction, for `--dry-run`."""
        return {
            "run": str(self.run),
            "analysis": self.folder.name,
            "tasks": len(self.tasks),
            "done": self.done,
            "predicted_cpu_seconds": round(self.seconds, 3),
            "predicted_wall_seconds": round(self.seconds / jobs, 3),
            "predicted_bytes_per_worker": self.worker_bytes,
            "available_bytes": available_memory(),
            "jobs": jobs,
        }


def plan_analysis(run_path: Path | str, design: Design) -> Plan:
    """Check a design against a RUN and lay out its tasks; computes nothing."""
    activations = open_run(run_path)
    design = design.resolved(activations.n)
    filtration = _check(design)
    assert activations.run is not None
    assert design.replicates is not None and design.normalize is not None
    assert design.null is not None, "resolved"
    run = Run.open(activations.run)
    cloud_set = clouds(
        activations,
        points=1 if design.volumes else design.points,
        replicates=design.replicates,
        normalize="none" if design.volumes else design.normalize,
        per_class=design.per_class,
        overlapping=design.overlapping,
        seed=design.seed,
        points_are=design.points_are,
        samples=design.samples,
    )
    if not design.volumes:
        _refuse_unfit(run, cloud_set)
    degrees = [int(k) for k in design.homology_dimensions]
    if design.volumes and not filtration["diagrams"]:
        # All degrees together cost what one costs: the Euler number gives the middle one.
        degrees = [0, 1] if filtration["maps"] else [0, 1, 2]
    spec = {
        **{k: v for k, v in asdict(design).items() if k not in FILTRATION_PARAMETERS},
        "points": cloud_set.points,
        "samples": cloud_set.samples,
        "homology_dimensions": degrees,
        "null": ",".join(parse_nulls(design.null)) or "none",
        "filtration": filtration,
        "code": code_hash(),
    }
    folder = run.path / "results" / task_key(spec)[:12]
    lay_out = volume_tasks if design.volumes else _tasks
    tasks = lay_out(run, cloud_set, spec, folder)
    ledger = Ledger(folder / "ledger")
    todo = [task for task in tasks if not ledger.done(task.key)]
    predict = predict_volumes if design.volumes else _predict
    seconds, peak = predict(run, todo, spec)
    return Plan(run.path, folder, spec, tasks, len(tasks) - len(todo), seconds, peak)


def _check(design: Design) -> dict[str, Any]:
    """Refuse before the start what every task would refuse; returns the filtration's parameters."""
    call = "analyze()"
    dimensions = check_arguments(
        design.homology_dimensions, design.max_edge_length, design.coeff, call=call
    )
    if len(set(dimensions)) != len(dimensions):
        msg = f"{call}: homology_dimensions={dimensions} names a degree twice."
        raise UsageError(msg)
    nulls = parse_nulls(design.null or "none")
    misplaced = [name for name in nulls if (name == SHUFFLED_VOXELS) != design.volumes]
    if misplaced:
        own = f"{SHUFFLED_VOXELS!r} or 'none'" if design.volumes else "the others"
        msg = (
            f"{call}: null={', '.join(misplaced)} does not go with complex={design.complex!r}, "
            f"which takes {own}."
        )
        raise UsageError(msg)
    if PERMUTED_LABELS in nulls and not design.per_class:
        msg = (
            f"{call}: null={PERMUTED_LABELS!r} asks whether classes differ from random groups; a "
            "pooled cloud does not depend on labels. Pass per_class=True (--per-class)."
        )
        raise UsageError(msg)
    known_choices: dict[str, tuple[str, ...]] = {"metric": CLOUD_METRICS}
    if design.volumes:
        known_choices["normalize"] = VOLUME_NORMALIZATIONS
    for name, known in known_choices.items():
        value = getattr(design, name)
        if value not in known:
            msg = f"{call}: {name}={value!r} is unknown; choose one of {', '.join(known)}."
            raise UsageError(msg)
    of_clouds = ("metric", "max_edge_length", "coeff", "overlapping", "points_are", "samples")
    foreign = [k for k in of_clouds if getattr(design, k) != getattr(Design, k)]
    if design.volumes and foreign:
        msg = (
            f"{call}: {', '.join(foreign)} belongs to clouds of points; complex='cubical' filters "
            "the volume of each image by its own values. Leave it out."
        )
        raise UsageError(msg)
    given = {name: getattr(design, name) for name in FILTRATION_PARAMETERS}
    return complex_spec(design.complex, given, metric=design.metric)


def _refuse_unfit(run: Run, cloud_set: CloudSet) -> None:
    """Refuse points that no layer has, by kind or number; single layers get a status instead."""
    points_are = cloud_set.points_are
    masked = MASK in run.layers
    shapes = {layer: tuple(run.layers[layer]["shape"]) for layer in run.addresses}
    reasons = [unfit(shape, points_are, masked=masked) for shape in shapes.values()]
    if all(reasons):
        layer = next(iter(shapes))
        msg = f"analyze(points_are={points_are!r}): every layer is unfit; {layer!r} {reasons[0]}."
        raise UsageError(msg)
    if points_are == "samples":
        return
    each = cloud_set.samples or 1
    sizes = {
        layer: each * points_of(np.empty((1, *shape), np.bool_), points_are).shape[1]
        for (layer, shape), reason in zip(shapes.items(), reasons, strict=True)
        if not reason
    }
    largest = max(sizes, key=lambda layer: sizes[layer])
    if sizes[largest] < cloud_set.points:
        msg = (
            f"analyze(points_are={points_are!r}, points={cloud_set.points}): no layer has so many; "
            f"{largest!r} has the most, {sizes[largest]} in the {each} sample(s) of a draw, and "
            f"the smallest layer {min(sizes.values())}. Pass points={min(sizes.values())} "
            "(--points) to measure all."
        )
        raise TooFewSamplesError(msg)


def _tasks(run: Run, cloud_set: CloudSet, spec: Mapping[str, Any], folder: Path) -> list[Task]:
    activations = cloud_set.activations
    hashes = {layer: run.layer_hash(layer) for layer in activations.layers}
    if MASK in run.layers and spec["points_are"] != "samples":
        mask = run.layer_hash(MASK)
        hashes = {layer: content_hash((one + mask).encode()) for layer, one in hashes.items()}
    nulls = parse_nulls(spec["null"])
    twins = _twin_hashes(run, activations.layers) if RANDOM_INIT in nulls else {}
    strangers = _strangers(cloud_set) if PERMUTED_LABELS in nulls else {}
    tasks = []
    for layer, draw in cloud_set:
        rows = draw.rows.tolist()
        identity = {
            "analysis": dict(spec),
            "layer": layer,
            "replicate": draw.replicate,
            "label": draw.label,
            "rows": content_hash(json.dumps(rows).encode()),
            "input": hashes[layer],
            "twin": twins.get(layer),
        }
        key = task_key(identity)
        payload = {
            **spec,
            "run": str(run.path),
            "folder": str(folder),
            "key": key,
            "layer": layer,
            "depth": activations.depth(layer),
            "replicate": draw.replicate,
            "label": draw.label,
            "rows": rows,
            "input": hashes[layer],
            "twin": twins.get(layer),
            "strangers": strangers.get((draw.replicate, draw.label)),
        }
        name = f"{layer}, replicate {draw.replicate}" + (f", {draw.label}" if draw.label else "")
        tasks.append(Task(key, name, payload))
    return tasks


def _twin_hashes(run: Run, layers: Sequence[str]) -> dict[str, str]:
    """Hash of every layer of the random-init twin's RUN, which must hold the same samples."""
    path = twin_of(run.path)
    if not (path / "capture.json").exists():
        msg = (
            f"analyze(): null={RANDOM_INIT!r} needs the activations of the random-init twin in "
            f"{path}. Run the capture again with --twin (ts.capture(..., twin=True))."
        )
        raise UsageError(msg)
    twin = Run.open(path)
    absent = [layer for layer in layers if layer not in twin.layers]
    if absent or not np.array_equal(twin.samples.ids, run.samples.ids):
        msg = (
            f"analyze(): the twin in {path} has other samples or lacks layers "
            f"({', '.join(absent[:5]) or 'none'}). Delete it and capture again with --twin."
        )
        raise UsageError(msg)
    return {layer: twin.layer_hash(layer) for layer in layers}


def _strangers(cloud_set: CloudSet) -> dict[tuple[int, str], list[int]]:
    """Rows of each class's draw once labels are permuted among the draws of a replicate."""
    found = {}
    for replicate in range(cloud_set.replicates):
        members = [draw for draw in cloud_set.draws if draw.replicate == replicate]
        everyone = np.concatenate([draw.rows for draw in members])
        mixed = np.random.default_rng([cloud_set.seed, replicate, 1]).permutation(everyone)
        ends = np.cumsum([len(draw.rows) for draw in members])
        for draw, rows in zip(members, np.split(mixed, ends[:-1]), strict=True):
            found[replicate, draw.label] = np.sort(rows).tolist()
    return found


def _predict(run: Run, todo: Sequence[Task], spec: Mapping[str, Any]) -> tuple[float, int]:
    """CPU seconds of the tasks to do, and the peak memory of a worker."""
    dimensions, clouds_each = tuple(spec["homology_dimensions"]), 1 + len(parse_nulls(spec["null"]))
    costs: dict[int, tuple[float, int]] = {}
    seconds, peak = 0.0, 0
    for task in todo:
        shape = run.layers[task.payload["layer"]]["shape"]
        d = int(np.prod(shape, dtype=np.int64))
        if spec["points_are"] != "samples" and len(shape) in (2, 3):
            d = points_of(np.empty((1, *shape), np.bool_), spec["points_are"]).shape[2]
        if d not in costs:
            costs[d] = estimate_cost(spec["points"], d, dimensions)
        seconds += clouds_each * costs[d][0]
        peak = max(peak, costs[d][1])
    return seconds, peak


def available_memory() -> int:
    """Bytes of memory that can be taken without swapping."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_what_cannot_fit(plan: Plan, jobs: int) -> None:
    """Refuse an analysis whose workers would not fit in memory, before anything is computed."""
    room = available_memory()
    needed = plan.worker_bytes * min(jobs, max(len(plan.tasks) - plan.done, 1))
    if needed <= room:
        return
    points = int(plan.spec["points"] * np.sqrt(room / needed) * 0.9)
    if plan.spec["complex"] == "cubical":
        msg = (
            f"analyze(): {jobs} workers would need about {needed / 2**30:.1f} GiB, "
            f"{room / 2**30:.1f} GiB are available. Pass fewer jobs, or leave out diagrams."
        )
        raise UsageError(msg)
    msg = (
        f"analyze(): {jobs} workers would need about {needed / 2**30:.1f} GiB, "
        f"{room / 2**30:.1f} GiB are available. Pass points={points} or less, fewer jobs, or "
        "lower homology_dimensions."
    )
    raise UsageError(msg)
