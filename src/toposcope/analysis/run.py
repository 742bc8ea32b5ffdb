"""`analyze`: cut every layer of a RUN into replicate clouds, measure each, collect the tables.

Composition only: tasks are laid out in planning.py, what is measured on a cloud stands in
measure.py, how tasks survive in tasks.py.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from toposcope import homology
from toposcope.analysis import result, volume_task
from toposcope.analysis.cloud_task import measure
from toposcope.analysis.filtrations import describe_complex
from toposcope.analysis.plan import Design, Plan, plan_analysis, refuse_what_cannot_fit
from toposcope.analysis.result import Analysis
from toposcope.errors import StoreError, UsageError
from toposcope.execution.legacy import Ledger, default_jobs, run_tasks
from toposcope.execution.progress import Progress
from toposcope.pointclouds.kinds import POINT_KINDS, RULER_SAMPLES
from toposcope.pointclouds.nulls import NULLS, parse_nulls
from toposcope.store.arrays import save_arrays
from toposcope.store.objects import lock_folder, put_json, read_json
from toposcope.store.runs import open_run
from toposcope.store.tables import compact
from toposcope.types import ActivationSet

CONVENTIONS = {
    "essential classes": "stored in diagrams, left out of sums",
    "persistence entropy": "natural logarithm",
    "total persistence": "sum of squared lifespans",
    "landscape": "Bubenik's scaling (peak = half the lifespan)",
    "lifespan sum": "alpha = 1, not halved",
    "PH-dimension": "alpha / (1 - slope) of log E0 against log n, alpha = 1",
}


def analyze(
    activations: ActivationSet | Path | str,
    *,
    complex: str = Design.complex,
    homology_dimensions: Sequence[int] = Design.homology_dimensions,
    points: int = Design.points,
    replicates: int | None = Design.replicates,
    normalize: str | None = Design.normalize,
    metric: str = Design.metric,
    per_class: bool = Design.per_class,
    overlapping: bool = Design.overlapping,
    null: str | Sequence[str] | None = Design.null,
    max_edge_length: float = Design.max_edge_length,
    coeff: int = Design.coeff,
    seed: int = Design.seed,
    neighbors: int | None = Design.neighbors,
    weighted: bool | None = Design.weighted,
    quantile: float | None = Design.quantile,
    thresholds: Sequence[float] | None = Design.thresholds,
    construction: str | None = Design.construction,
    superlevel: bool | None = Design.superlevel,
    maps: bool | None = Design.maps,
    diagrams: bool | None = Design.diagrams,
    points_are: str = Design.points_are,
    samples: int | None = Design.samples,
    level: float = 0.95,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Measure the topology and geometry of every layer of a RUN.

    Parameters
    ----------
    activations
        A RUN folder, an `ActivationSet` opened from one, or one made by `from_arrays`.
    complex
        What is filtered, one point per sample: "rips" (the metric as it is), "geodesic" (along the
        graph of nearest neighbors) or "local" (the outer shell collapsed to a point). Or "cubical":
        the (C, H, W) volume of each image, by its own values; see `thresholds`.
    homology_dimensions
        Degrees of homology.
    points, replicates, normalize, per_class, overlapping, seed
        As in `clouds`: `replicates` (8) disjoint draws of `points` samples each. For "cubical" a
        replicate is one image (100 of them) and `normalize` is "none" (default: thresholds in the
        units of the activations) or "rms" (in units of the layer's root mean square).
    metric
        "euclidean", "cosine" or "correlation".
    null
        Null clouds measured beside each cloud: some of `nulls.NULLS`, as a sequence or separated
        by commas, or "none"; default "gaussian", for "cubical" none. "random_init" needs a capture
        with `twin=True`.
    max_edge_length
        Largest edge of the filtration, in normalized units.
    coeff
        Prime field of the coefficients.
    neighbors, weighted
        For "geodesic": neighbors of a point, itself not counted (12; a k of code that counts the
        point itself is neighbors + 1), and whether edges are counted (False) or their lengths
        added.
    quantile
        For "local": share of the points inside the ball (0.5).
    thresholds, construction, superlevel, maps, diagrams
        For "cubical": where Betti numbers are taken (0, 0.25, ..., 1.75), "V" or "T", superlevel
        sets instead of sublevel sets, each channel's map by itself instead of the volume, and
        whether persistence diagrams in `homology_dimensions` are kept too.
    points_are, samples
        What a point is, and of how many samples a cloud of tokens is made: as in `clouds`.
    level
        Coverage of the intervals.
    jobs
        Worker processes; None for one per CPU. The numbers do not depend on it.
    progress
        See `toposcope.execution.progress`.

    Returns
    -------
    An `Analysis`. Tasks that failed are in `.failures`; everything else is complete.

    Examples
    --------
    >>> from toposcope.store import from_arrays
    >>> X = np.random.default_rng(0).normal(size=(90, 4))
    >>> found = analyze(from_arrays({"block": X}), points=30, replicates=3, jobs=0)
    >>> bool(found.intervals.query("statistic == 'n_pairs' and homology_dimension == 0")
    ...      ["mean"].eq(29).all())
    True
    """
    design = Design(
        complex=complex,
        homology_dimensions=homology_dimensions,
        points=points,
        replicates=replicates,
        normalize=normalize,
        metric=metric,
        per_class=per_class,
        overlapping=overlapping,
        null=null,
        max_edge_length=max_edge_length,
        coeff=coeff,
        seed=seed,
        neighbors=neighbors,
        weighted=weighted,
        quantile=quantile,
        thresholds=thresholds,
        construction=construction,
        superlevel=superlevel,
        maps=maps,
        diagrams=diagrams,
        points_are=points_are,
        samples=samples,
    )
    return analyze_design(activations, design, level=level, jobs=jobs, progress=progress)


def analyze_design(
    activations: ActivationSet | Path | str,
    design: Design,
    *,
    level: float = 0.95,
    current: bool = True,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """As `analyze`, with its arguments in one object.

    Parameters
    ----------
    activations, level, jobs, progress
        As in `analyze`.
    design
        What to measure.
    current
        Whether it becomes the analysis that `report` shows from now on; if not, it does so only
        where the RUN has none yet.
    """
    if not 0.0 < level < 1.0:
        msg = f"analyze(level={level}): needed is a coverage between 0 and 1, e.g. 0.95."
        raise UsageError(msg)
    with ExitStack() as stack:
        if isinstance(activations, ActivationSet) and activations.run is None:
            # Arrays in memory take the path of captured ones: through a RUN, here a fleeting one.
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="toposcope-")))
            save_arrays(activations, path)
            found = analyze_design(path, design, level=level, jobs=jobs, progress=progress)
            return replace(found, run=None, activations=activations)
        run = activations.run if isinstance(activations, ActivationSet) else Path(activations)
        assert run is not None
        plan = plan_analysis(run, design)
        refuse_what_cannot_fit(plan, default_jobs() if jobs is None else jobs)
        run_plan(plan, level=level, current=current, jobs=jobs, progress=progress)
        return load_analysis(run, plan.folder.name)


def run_plan(
    plan: Plan,
    *,
    level: float = 0.95,
    current: bool = True,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Do the tasks of a plan that are not done, compact the results, make them the current ones.

    With current=False they become so only where the RUN has no results yet.
    """
    ledger = Ledger(plan.folder / "ledger")
    with lock_folder(plan.run):
        put_json(plan.folder / "spec.json", {**plan.spec, "level": level, "versions": versions()})
        if plan.done < len(plan.tasks):
            # Kernels are compiled here, once, so that workers find them in the cache.
            (volume_task if plan.spec["complex"] == "cubical" else homology).warm_up()
        body = volume_task.measure_volumes if plan.spec["complex"] == "cubical" else measure
        run_tasks(body, plan.tasks, ledger=ledger, jobs=jobs, progress=progress)
        entries = [(task, ledger.entry(task.key)) for task in plan.tasks]
        parts = [
            (plan.folder / "parts" / f"{task.key}.parquet", entry["part"])
            for task, entry in entries
            if entry is not None and entry["status"] == "done"
        ]
        failures = [
            {
                "task": task.title,
                "layer": task.payload["layer"],
                "replicate": task.payload["replicate"],
                "reason": entry["reason"],
                "traceback": entry["traceback"],
            }
            for task, entry in entries
            if entry is not None and entry["status"] == "failed"
        ]
        if not parts:
            reasons = sorted({failure["reason"] for failure in failures})
            msg = f"analyze(): all {len(plan.tasks)} tasks failed: {'; '.join(reasons)[:500]}"
            raise StoreError(msg)
        compact(plan.folder, parts)
        put_json(plan.folder / "failures.json", failures)
        pointer = plan.run / "results" / "current.json"
        if current or not pointer.exists():
            put_json(pointer, {"analysis": plan.folder.name})


def load_analysis(path: Path | str, analysis: str | None = None) -> Analysis:
    """The finished analysis of a RUN: the one named, or the last one.

    Parameters
    ----------
    path
        RUN folder.
    analysis
        Name of a folder in RUN/results; None for the last one finished.
    """
    activations = open_run(path)
    assert activations.run is not None
    folder = result.current_folder(activations.run, analysis)
    spec = read_json(folder / "spec.json")
    attrs = {
        **activations.attrs,
        **{key: value for key, value in spec.items() if key not in ("versions",)},
        "n": activations.n,
        "pool": _pools(activations.attrs.get("pool")),
        "analysis": folder.name,
        "versions": {**activations.attrs.get("versions", {}), **spec["versions"]},
        "conventions": {
            "filtration": describe_complex(spec["complex"], spec["filtration"]),
            **_points_convention(spec),
            **(CONVENTIONS if spec["complex"] != "cubical" else volume_task.CONVENTIONS),
            **{f"null {name}": NULLS[name] for name in parse_nulls(spec["null"])},
        },
        "class_names": list(activations.class_names),
        "commands": _commands(activations, spec),
        "warnings": _warnings(activations, spec),
    }
    return Analysis.load(
        folder,
        name=str(activations.attrs.get("name") or activations.attrs.get("model") or folder.name),
        failures=read_json(folder / "failures.json"),
        attrs=attrs,
        activations=activations,
        run=activations.run,
    )


def analyze_command(run: Path | str, spec: Mapping[str, Any]) -> str:
    """The command line that computes an analysis."""
    words = ["toposcope", "analyze", str(run)]
    words += ["--complex", spec["complex"]]
    for name, value in spec["filtration"].items():
        flags = {True: [f"--{name}"], False: []}
        if isinstance(value, list):
            words += [f"--{name}", ",".join(f"{one:.12g}" for one in value)]
        else:
            words += flags[value] if isinstance(value, bool) else [f"--{name}", str(value)]
    words += ["--homology", ",".join(map(str, spec["homology_dimensions"]))]
    if spec["complex"] != "cubical":
        words += ["--points", str(spec["points"]), "--metric", spec["metric"]]
        if spec.get("points_are", "samples") != "samples":
            words += ["--points-are", spec["points_are"]]
        if spec.get("samples"):
            words += ["--samples", str(spec["samples"])]
    words += ["--replicates", str(spec["replicates"]), "--normalize", spec["normalize"]]
    words += ["--seed", str(spec["seed"]), "--null", spec["null"], "--level", str(spec["level"])]
    words += ["--per-class"] * spec["per_class"] + ["--overlapping"] * spec["overlapping"]
    if spec["coeff"] != 2:
        words += ["--coeff", str(spec["coeff"])]
    if np.isfinite(spec["max_edge_length"]):
        words += ["--max-edge-length", str(spec["max_edge_length"])]
    return shlex.join(words)


def _commands(activations: ActivationSet, spec: Mapping[str, Any]) -> list[str]:
    capture = activations.attrs.get("command")
    analyze_line = analyze_command(activations.run or "RUN", spec)
    return [*([capture] if capture else []), analyze_line]


def _points_convention(spec: Mapping[str, Any]) -> dict[str, str]:
    """What a point is, in words."""
    kind = spec.get("points_are", "samples")
    if spec["complex"] == "cubical":
        return {}
    if kind == "samples":
        return {"points": POINT_KINDS[kind]}
    group = f"{spec['samples']} samples" if kind == "tokens" else "one sample"
    return {
        "points": f"{POINT_KINDS[kind]}; {spec['points']:,} of those of {group} drawn without "
        "replacement, the same number in all layers; layers with fewer are not measured; pads are "
        f"left out; the scale is estimated on the points of {RULER_SAMPLES} samples"
    }


def _pools(pool: Any) -> str:
    """Pools in words: one name where all layers share it."""
    if not isinstance(pool, dict):
        return str(pool or "as given")
    names = sorted(set(map(str, pool.values())))
    if len(names) == 1:
        return names[0]
    return "; ".join(f"{layer}: {name}" for layer, name in pool.items())


def _warnings(activations: ActivationSet, spec: Mapping[str, Any]) -> list[str]:
    found = []
    for layer, count in (activations.attrs.get("nonfinite") or {}).items():
        found.append(f"layer {layer}: {count:,} values are not finite; it was not measured")
    if activations.attrs.get("truncated"):
        found.append(
            f"{activations.attrs['truncated']:,} of {activations.n:,} texts have more than "
            f"{activations.attrs['token_limit']:,} tokens and were cut"
        )
    if spec["overlapping"]:
        found.append(
            "draws overlap: intervals are widened for it, and draws are no permutation units"
        )
    if spec["complex"] == "cubical":
        return found + volume_task.reservations(spec)
    if spec["normalize"] == "none":
        found.append("activations are not normalized: the sign of depth trends follows their scale")
    one_sample = spec.get("points_are") in ("positions", "channels")
    if not spec["per_class"] and activations.labels is not None and not one_sample:
        k = len(np.unique(activations.labels))
        classifier = activations.attrs.get("top1") is not None
        found.append(
            f"classes are pooled: the last layers of a classifier form about {k} clusters by "
            "construction"
            if classifier
            else f"classes are pooled: a layer that separates the {k} classes shows clusters for "
            "that reason alone"
        )
    return found


def versions() -> dict[str, str]:
    """Versions of what decides numbers."""
    return {name: version(name) for name in ("toposcope", "numpy", "numba", "scipy", "gudhi")}
