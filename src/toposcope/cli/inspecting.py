"""What a RUN or a SERIES holds, how far it is, what machine this is: `info`, `status`, `doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from toposcope.store.objects import read_json
from toposcope.store.runs import SCHEMA_VERSION, Run
from toposcope.store.series import is_series, number, open_series

PACKAGES = [
    "toposcope",
    "numpy",
    "scipy",
    "numba",
    "gudhi",
    "pyarrow",
    "safetensors",
    "pandas",
    "xarray",
    "scikit-learn",
    "torch",
    "loky",
]


def describe(path: Path | str) -> dict[str, Any]:
    """Model, data, layers, accuracy and analyses of a RUN, or the checkpoints of a SERIES."""
    if is_series(path):
        return _describe_series(Path(path))
    run = Run.open(path)
    summary = run.summary or {}
    spec = run.spec
    shown = {
        key: spec[key]
        for key in ("name", "model", "data", "weights", "pool", "seed")
        if spec.get(key) is not None
    }
    return {
        "run": str(run.path),
        **shown,
        "samples": run.n,
        "classes": len(run.samples.class_names) or None,
        "layers": {name: run.layers[name]["shape"] for name in run.addresses},
        "top1": summary.get("top1"),
        "complete": run.summary is not None,
        "analyses": [
            {"analysis": f.parent.name, **_short(read_json(f))}
            for f in sorted((run.path / "results").glob("*/spec.json"))
        ],
        "bytes": sum(f.stat().st_size for f in run.path.rglob("*") if f.is_file()),
    }


def _describe_series(path: Path) -> dict[str, Any]:
    series = open_series(path)
    runs = [describe(run) for run in series.runs]
    same = ("model", "data", "pool", "seed", "samples", "classes", "layers")
    return {
        "series": str(path),
        **{key: runs[-1][key] for key in same if runs and key in runs[-1]},
        "unit": series.unit,
        "checkpoints": [
            {
                series.unit: number(member.step),
                "run": member.run,
                "weights": member.weights,
                "top1": run["top1"],
                "analyses": len(run["analyses"]),
            }
            for member, run in zip(series.members, runs, strict=True)
        ],
        "failures": list(series.failures),
        "notes": [{"note": note} for note in series.notes],
        "bytes": sum(run["bytes"] for run in runs),
    }


def _short(spec: dict[str, Any]) -> dict[str, Any]:
    keys = ("homology_dimensions", "points", "replicates", "normalize", "metric", "per_class")
    return {key: spec[key] for key in keys}


def progress_of(path: Path | str) -> dict[str, Any]:
    """How far capture and analyses of a RUN are, or of each RUN of a SERIES, from the disk."""
    if is_series(path):
        return _progress_of_series(Path(path))
    run = Run.open(path)
    wanted = len(run.layers) * len(run.chunks)
    have = sum(run.has_chunk(layer, i) for layer in run.layers for i, _, _ in run.chunks)
    analyses = []
    for spec in sorted((run.path / "results").glob("*/spec.json")):
        entries = [read_json(tick) for tick in sorted((spec.parent / "ledger").glob("*.json"))]
        failed = [entry for entry in entries if entry["status"] == "failed"]
        analyses.append(
            {
                "analysis": spec.parent.name,
                "done": len(entries) - len(failed),
                "failed": len(failed),
                "failures": [{"task": e["task"], "reason": e["reason"]} for e in failed],
                "complete": (spec.parent / "done.json").exists(),
            }
        )
    capture = "complete" if run.summary is not None else f"{have} of {wanted} shards"
    return {"run": str(run.path), "capture": capture, "analyses": analyses}


def _progress_of_series(path: Path) -> dict[str, Any]:
    series = open_series(path)
    known = {member.run for member in series.members}
    # A capture that was interrupted is on the disk and not in the record yet.
    begun = [p.parent for p in sorted(path.glob("*/run.json")) if p.parent.name not in known]
    runs = [{"member": run.name, **progress_of(run)} for run in (*series.runs, *begun)]
    return {"series": str(path), "runs": runs, "failures": list(series.failures)}


def environment() -> dict[str, Any]:
    """Versions and resources of this machine."""
    from toposcope.analysis.plan import available_memory
    from toposcope.execution.executors import default_jobs
    from toposcope.homology.jit import cache_folder

    found: dict[str, Any] = {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "schema": SCHEMA_VERSION,
        "cpus": default_jobs(),
        "memory available (GiB)": round(available_memory() / 2**30, 1),
        "disk free here (GiB)": round(shutil.disk_usage(Path.cwd()).free / 2**30, 1),
        "kernel cache": str(cache_folder()),
        "threads": {k: os.environ[k] for k in ("OMP_NUM_THREADS",) if k in os.environ},
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = f"missing: pip install {name}"
    return found
