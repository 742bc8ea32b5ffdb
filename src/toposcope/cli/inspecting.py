"""What a folder holds, how far it is, what machine this is: `info`, `status`, `doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from toposcope.analysis.registry import VOLUMES, unit_of
from toposcope.store.folders import MARKS, POPULATION, RUN, SERIES, folder_kind
from toposcope.store.ledger import LEDGER, Ledger
from toposcope.store.objects import (
    LocalObjects,
    Objects,
    Place,
    find_json,
    get_json,
    objects_in,
    path_to,
)
from toposcope.store.runs import PLAN, SCHEMA_VERSION, Run
from toposcope.store.seals import AGAIN, SEAL, find_seal
from toposcope.store.series import is_series, number, open_series
from toposcope.store.shapes import expect
from toposcope.store.verify import RESULTS, analyses_in

LANDMARKS = "landmarks.json"
"""As `analysis.covering.FILE`, whose imports cost a second that most folders need not wait for."""
POINTER, SPEC = f"{RESULTS}current.json", "spec.json"
SHAPE = {
    "homology_dimensions": list,
    "points": int,
    "replicates": (int, type(None)),
    "normalize": (str, type(None)),
    "metric": str,
    "per_class": bool,
    "filtration?": (dict, type(None)),
}

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


def describe(place: Place) -> dict[str, Any]:
    """Model, data, layers, accuracy and analyses of a RUN; the RUNs of a SERIES or population."""
    objects = objects_in(place)
    if is_series(objects):
        return _describe_series(objects)
    if folder_kind(objects) == POPULATION:
        return _describe_population(objects)
    run = Run.open(objects)
    names = objects.list()
    summary = run.summary or {}
    spec = run.spec
    pointer = find_json(objects, POINTER)
    if pointer is not None:
        expect(pointer, {"analysis": str}, where=objects.where(POINTER), again=AGAIN)
    shown = None if pointer is None else pointer["analysis"]
    named = {
        key: spec[key]
        for key in ("name", "model", "data", "weights", "pool", "seed")
        if spec.get(key) is not None
    }
    return {
        "run": objects.where(),
        **named,
        "samples": run.n,
        "classes": len(run.samples.class_names) or None,
        "layers": {name: run.layers[name]["shape"] for name in run.addresses},
        "top1": summary.get("top1"),
        **({"depends on": told} if (told := _dependence(summary)) else {}),
        "complete": run.summary is not None,
        **({"landmarks": covered} if (covered := _covered(run)) else {}),
        "analyses": [
            {"analysis": name, "shown": name == shown, **_short(_spec(objects, name))}
            for name in analyses_in(names)
        ],
        "bytes": sum(map(objects.size, names)),
    }


def _covered(run: Run) -> dict[str, Any]:
    """Landmarks of the layers, with the bound that they imply; empty where there are none."""
    objects = run.objects
    if not objects.exists(LANDMARKS):
        return {}
    from toposcope.analysis.covering import find_covering

    covering = find_covering(objects)
    return {
        one.layer: {
            "landmarks": len(one.rows),
            "covering radius": one.radius,
            "bottleneck bound": one.bound,
        }
        for one in (covering.layers if covering is not None else ())
    }


def _dependence(summary: dict[str, Any]) -> str:
    """What the outputs of samples depend on besides the sample, "" for nothing."""
    what = {"chance": "chance", "batch": "the other samples of the batch"}
    return "; ".join(
        f"{what[key]}: {', '.join(addresses)}"
        for key, addresses in (summary.get("depends_on") or {}).items()
    )


def _describe_series(objects: Objects) -> dict[str, Any]:
    series = open_series(objects)
    runs = [describe(series.within(member)) for member in series.members]
    same = ("model", "data", "pool", "seed", "samples", "classes", "layers")
    return {
        "series": objects.where(),
        **{key: runs[-1][key] for key in same if runs and key in runs[-1]},
        "unit": series.unit,
        "checkpoints": [
            {
                series.unit: number(member.step),
                "run": member.run,
                "weights": member.weights,
                "top1": run["top1"],
                "analyses": [one["analysis"] for one in run["analyses"]],
            }
            for member, run in zip(series.members, runs, strict=True)
        ],
        "analyses": list(
            {
                one["analysis"]: {k: v for k, v in one.items() if k != "shown"}
                for run in runs
                for one in run["analyses"]
            }.values()
        ),
        "failures": list(series.failures),
        "notes": [{"note": note} for note in series.notes],
        "bytes": sum(run["bytes"] for run in runs),
    }


def _spec(objects: Objects, analysis: str) -> dict[str, Any]:
    place = objects.within(RESULTS + analysis)
    seal = find_seal(place)
    spec = get_json(place, SPEC) if seal is None else seal.json(SPEC)
    return dict(expect(spec, SHAPE, where=place.where(SPEC), again=AGAIN))


def _short(spec: dict[str, Any]) -> dict[str, Any]:
    """What an analysis measured: filtration and scale first, since they decide what it is."""
    keys = ("homology_dimensions", "points", "replicates", "normalize", "metric", "per_class")
    own = spec.get("filtration") or {}
    bias: dict[str, Any] = {}
    if unit_of(spec) != VOLUMES:
        from toposcope.words.dimensions import bias_text

        bias = {"dimension bias": bias_text(spec)}
    return {
        "complex": spec.get("complex", "rips"),
        **({"filtration": own} if own else {}),
        **{key: spec[key] for key in keys},
        **{key: spec[key] for key in ("overlapping", "points_are", "null") if key in spec},
        **bias,
    }


def progress_of(place: Place) -> dict[str, Any]:
    """How far capture and analyses are by what is stored: of a RUN, or of each RUN of a folder."""
    objects = objects_in(place)
    if is_series(objects):
        return _progress_of_series(objects)
    if folder_kind(objects) == POPULATION:
        return _progress_of_population(objects)
    run = Run.open(objects)
    wanted = len(run.layers) * len(run.chunks)
    have = sum(run.has_chunk(layer, i) for layer in run.layers for i, _, _ in run.chunks)
    analyses = [
        {"analysis": name, **_progress_of_tasks(objects.within(RESULTS + name))}
        for name in analyses_in(objects.list(RESULTS))
    ]
    capture = "complete" if run.summary is not None else f"{have} of {wanted} shards"
    return {"run": objects.where(), "capture": capture, "analyses": analyses}


def work_in(place: Path) -> list[dict[str, Any]]:
    """What was told last of all work in a folder and below it, the latest last."""
    from toposcope.execution.watching import STATUS, find_status

    objects, found = objects_in(place), []
    if isinstance(objects, LocalObjects):
        folders = sorted(file.parent for file in objects.path.rglob(STATUS))
        places: list[Objects] = [objects_in(folder) for folder in folders]
    else:  # hidden names are not listed: a place of tasks has a ledger
        seen = {name.partition(LEDGER)[0] for name in objects.list() if LEDGER in name}
        places = [objects.within(name.rstrip("/")) for name in sorted(seen)]
    for one in places:
        told = find_status(one)
        if told is not None:
            found.append({"place": one.where(), **told})
    return sorted(found, key=lambda one: one["now"])


def _progress_of_tasks(objects: Objects) -> dict[str, Any]:
    ledger = Ledger(objects)
    tried = ledger.tried()
    failed = [failure for failure in map(ledger.failure, tried) if failure is not None]
    return {
        "done": len(tried) - len(failed),
        "failed": len(failed),
        "failures": [{"task": failure.task, "reason": failure.reason} for failure in failed],
        "complete": objects.exists(SEAL),
    }


def _progress_of_series(objects: Objects) -> dict[str, Any]:
    series = open_series(objects)
    names = [member.run for member in series.members]
    # A capture that was interrupted is stored and not in the record yet.
    begun = (name.removesuffix(f"/{PLAN}") for name in objects.list() if name.endswith(f"/{PLAN}"))
    names += [name for name in begun if "/" not in name and name not in names]
    runs = [{"member": name, **progress_of(objects.within(name))} for name in names]
    return {"series": objects.where(), "runs": runs, "failures": list(series.failures)}


def _describe_population(objects: Objects) -> dict[str, Any]:
    """The table of a population, and what each of its networks holds."""
    from toposcope.analysis.population_folder import read_covariates

    table = read_covariates(_path(objects) / MARKS[POPULATION])
    held = [describe(objects.within(run)) for run in table["run"]]
    return {
        "population": objects.where(),
        "covariates": [name for name in table.columns if name != "run"],
        "networks": [
            {
                **{key: value for key, value in row.items() if value == value},
                "layers": len(one.get("layers", {})),
                "top1": one.get("top1"),
                "analyses": [each["analysis"] for each in one["analyses"]],
            }
            for row, one in zip(table.to_dict("records"), held, strict=True)
        ],
        "bytes": sum(one["bytes"] for one in held),
    }


def _progress_of_population(objects: Objects) -> dict[str, Any]:
    """How far each network is: of a zoo also those that wait, and what stopped the others."""
    from toposcope.analysis.population_folder import read_covariates
    from toposcope.analysis.zoo import open_zoo

    folder = _path(objects)
    made = open_zoo(folder)
    if made is None:
        states = [(run, "") for run in read_covariates(folder / MARKS[POPULATION])["run"]]
        failures: list[dict[str, str]] = []
    else:
        states = [(one.run, one.told) for one in made.networks]
        failures = [{"network": one.name, "reason": one.reason} for one in made.failures]
    runs: list[dict[str, Any]] = []
    for name, state in states:
        inside = objects.within(name)
        if folder_kind(inside) not in (RUN, SERIES):
            runs.append({"member": name, "capture": state, "analyses": []})
            continue
        known = progress_of(inside)
        for one in known.get("runs", [known]):
            member = f"{name}/{one['member']}" if "member" in one else name
            runs.append({**one, "member": member})
    return {"population": objects.where(), "runs": runs, "failures": failures}


def _path(objects: Objects) -> Path:
    """The path or URL of a place, as populations are opened by."""
    path = path_to(objects)
    assert path is not None, "the command line names places by their paths"
    return path


def environment() -> dict[str, Any]:
    """Versions and resources of this machine."""
    from toposcope.execution.executors import default_jobs
    from toposcope.homology.jit import cache_folder
    from toposcope.inputs.memory import available_memory

    versions: dict[str, Any] = {
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
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = f"missing: pip install {name}"
    return versions
