"""What a RUN holds, how far it is, and what machine this is: for `info`, `status`, `doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from toposcope.objects import read_json
from toposcope.store import SCHEMA_VERSION, Run

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
    """Model, data, layers, accuracy and analyses of a RUN."""
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


def _short(spec: dict[str, Any]) -> dict[str, Any]:
    keys = ("homology_dimensions", "points", "replicates", "normalize", "metric", "per_class")
    return {key: spec[key] for key in keys}


def progress_of(path: Path | str) -> dict[str, Any]:
    """How far capture and analyses of a RUN are, from what is on disk."""
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


def environment() -> dict[str, Any]:
    """Versions and resources of this machine."""
    from toposcope.homology.jit import cache_folder
    from toposcope.planning import available_memory
    from toposcope.tasks import default_jobs

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
