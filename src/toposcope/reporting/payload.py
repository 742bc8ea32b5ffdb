"""Everything the browser draws, as compact JSON: rounded numbers, each curve once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toposcope.analysis.dimensions import DIMENSIONS
from toposcope.analysis.result import Analysis
from toposcope.analysis.statistic_names import split_statistic
from toposcope.diagrams import curves as panels
from toposcope.findings.looked_at import training_names
from toposcope.inputs.urls import place_text
from toposcope.pointclouds.nulls import NULLS
from toposcope.reporting.clouds import pictured
from toposcope.reporting.colors import run_styles
from toposcope.reporting.samples import Gallery
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD
from toposcope.words.designs import design_text, is_cubical
from toposcope.words.dimensions import cube_cells
from toposcope.words.formats import short_name
from toposcope.words.nulls import drawn_nulls
from toposcope.words.statistics import STATISTICS, display, filtration_unit

PAIRS_BUDGET = 200_000
"""Pairs in one report (about 2 MB); beyond it only replicate 0, longest pairs first."""
CURVES_BUDGET = 2_000
"""Betti curves in one report; beyond it only their means."""
LEVELS = 3
"""Landscape levels drawn for one layer."""

Array = NDArray[np.float64]


def compact(values: Any, digits: int = 4) -> Any:
    """Numbers as nested lists rounded to significant digits; non-finite ones become None.

    >>> compact(np.array([1.23456, np.nan, 2.0]))
    [1.235, None, 2]
    """
    if isinstance(values, (list, tuple)):
        return [compact(value, digits) for value in values]
    if isinstance(values, np.ndarray):
        return [compact(value, digits) for value in values.tolist()]
    if not math.isfinite(values):
        return None
    rounded = float(f"{values:.{digits}g}")
    return int(rounded) if rounded == int(rounded) else rounded


def report_payload(analyses: Sequence[Analysis]) -> dict[str, Any]:
    """The whole report for the browser: runs, statistics, pictures."""
    gallery = Gallery()
    clouds = pictured(analyses, gallery)
    plan = pairs_plan(analyses)
    curves = sum(key.cloud == DATA_CLOUD for a in analyses for key in a.diagrams.keys)
    models = [
        name or str(analysis.attrs.get("model") or analysis.name)
        for analysis, name in zip(analyses, training_names(analyses), strict=True)
    ]
    styles = run_styles(
        [
            analysis.attrs | {"name": analysis.name, "model": model}
            for analysis, model in zip(analyses, models, strict=True)
        ]
    )
    runs = [
        run_payload(analysis, plan, replicate_curves=curves <= CURVES_BUDGET)
        | {"model": model, "modelName": short_name(model)}
        | {"style": asdict(style), "clouds": cloud}
        for analysis, model, style, cloud in zip(analyses, models, styles, clouds, strict=True)
    ]
    names = dict.fromkeys(one["stat"] for run in runs for one in run["series"])
    return {
        "runs": runs,
        "statistics": {name: asdict(display(name)) for name in sorted(names, key=_importance)},
        "samples": gallery.entries,
        "sheets": gallery.sheets,
        "damaged": gallery.damaged,
        "nulls": drawn_nulls(analyses),
        "pairs": plan,
    }


def _importance(statistic: str) -> tuple[int, float]:
    base, threshold = split_statistic(statistic)
    known = list(STATISTICS)
    return known.index(base) if base in known else len(known), threshold or 0.0


def pairs_plan(analyses: Sequence[Analysis]) -> dict[str, Any]:
    """Which pairs fit: all replicates, or replicate 0 with at most `longest` pairs a diagram."""
    sizes = [
        (key.replicate, len(pairs))
        for analysis in analyses
        for key, pairs in analysis.diagrams
        if key.cloud == DATA_CLOUD
    ]
    if sum(size for _, size in sizes) <= PAIRS_BUDGET:
        return {"replicates": "all", "longest": None}
    first = [size for replicate, size in sizes if replicate == 0]
    if sum(first) <= PAIRS_BUDGET:
        return {"replicates": "first", "longest": None}
    return {"replicates": "first", "longest": max(20, PAIRS_BUDGET // len(first))}


def report_layers(analysis: Analysis) -> list[str]:
    """Layers in network order, those included whose every task failed."""
    wanted = dict.fromkeys(analysis.layers)
    wanted |= dict.fromkeys(f["layer"] for f in analysis.failures if f.get("layer"))
    order = analysis.activations.layers if analysis.activations is not None else ()
    known = [layer for layer in order if layer in wanted]
    return known + [layer for layer in wanted if layer not in known]


def run_payload(
    analysis: Analysis, plan: dict[str, Any], *, replicate_curves: bool
) -> dict[str, Any]:
    """One analysis for the browser."""
    attrs = analysis.attrs
    layers = report_layers(analysis)
    frame = analysis.intervals
    labels = list(dict.fromkeys([*frame["label"], *(k.label for k in analysis.diagrams.keys)]))
    depths = dict(zip(frame["layer"], frame["depth"], strict=True))
    return {
        "name": analysis.name,
        "folder": None if analysis.run is None else place_text(analysis.run),
        "analysis": attrs.get("analysis"),
        "step": attrs.get("step"),
        "stepUnit": "epoch" if attrs.get("step_unit") == "epoch" else "training step",
        "layers": layers,
        "depth": [depths.get(one, (i + 1) / len(layers)) for i, one in enumerate(layers)],
        "labels": labels or [""],
        "unit": filtration_unit(attrs),
        "n": attrs.get("n"),
        "points": attrs.get("points"),
        "replicates": attrs.get("replicates"),
        "level": attrs.get("level"),
        "design": design_text(attrs),
        "series": series_payload(analysis, layers, labels),
        "shapes": [
            shape_payload(analysis, layers, label, k, plan, replicate_curves=replicate_curves)
            | {"label": index, "dim": k}
            for index, label in enumerate(labels)
            for k in analysis.diagrams.homology_dimensions
            # Diagrams of volumes stay in the RUN: births below zero, thousands of pairs each.
            if not is_cubical(attrs) and _has(analysis, k, label)
        ],
    }


def _has(analysis: Analysis, homology_dimension: int, label: str) -> bool:
    chosen = analysis.diagrams.select(
        homology_dimension=homology_dimension, label=label, cloud=DATA_CLOUD
    )
    return bool(len(chosen))


def series_payload(
    analysis: Analysis, layers: list[str], labels: list[str]
) -> list[dict[str, Any]]:
    """Intervals as one series over layers per (label, cloud, degree, statistic)."""
    out = []
    index = {layer: i for i, layer in enumerate(layers)}
    by = ["label", "cloud", "homology_dimension", "statistic"]
    cubes = dict(cube_cells(analysis.dimensions))
    for key, group in analysis.intervals.groupby(by, sort=False, dropna=False):
        label, cloud, k, statistic = key
        blank: list[Any] = [None] * len(layers)
        one: dict[str, Any] = {name: list(blank) for name in ("mean", "low", "high", "reps", "why")}
        for row in group.itertuples():
            i = index[str(row.layer)]
            one["mean"][i], one["low"][i], one["high"][i] = (
                compact(float(value), 5) for value in (row.mean, row.low, row.high)
            )
            one["reps"][i] = int(row.replicates)
            if row.status != OK:
                one["why"][i] = f"{row.status}: {row.reason}" if row.reason else row.status
        if cloud == DATA_CLOUD and statistic in DIMENSIONS:
            one["cube"] = [cubes.get((layer, label, statistic), "") for layer in layers]
        one |= {
            "label": labels.index(label),
            "cloud": cloud,
            "dim": None if pd.isna(k) else int(k),
            "stat": statistic,
        }
        out.append(one)
    return out


def shape_payload(
    analysis: Analysis,
    layers: list[str],
    label: str,
    homology_dimension: int,
    plan: dict[str, Any],
    *,
    replicate_curves: bool,
) -> dict[str, Any]:
    """Diagrams, curves and layer distances of one degree, on one grid for all layers."""
    data = panels.layer_diagrams(analysis.diagrams, homology_dimension, label=label)
    clouds = {key.cloud for key in analysis.diagrams.keys if key.label == label}
    nulls = {
        name: panels.layer_diagrams(analysis.diagrams, homology_dimension, label=label, cloud=name)
        for name in NULLS
        if name in clouds
    }
    groups = [*data.values(), *(pairs for null in nulls.values() for pairs in null.values())]
    grid = panels.common_grid(pairs for group in groups for pairs in group)
    distances = panels.layer_distances(analysis.diagrams, homology_dimension, label=label)
    return {
        "end": compact(float(grid[-1]), 6),
        "size": len(grid),
        "layers": [
            layer_payload(
                data[one],
                {name: null[one] for name, null in nulls.items() if null.get(one)},
                grid,
                plan,
                replicate_curves,
            )
            if one in data
            else None
            for one in layers
        ],
        "distances": {
            "layers": list(distances.layers),
            "matrix": compact(distances.matrix, 3),
            "floor": compact(distances.floor, 3),
        },
    }


def layer_payload(
    data: list[Array],
    nulls: Mapping[str, list[Array]],
    grid: Array,
    plan: dict[str, Any],
    replicate_curves: bool,
) -> dict[str, Any]:
    """One layer: pairs of the replicates that fit, Betti curves, mean landscape levels."""
    kept = data if plan["replicates"] == "all" else data[:1]
    betti = panels.betti_curves(data, grid)
    out = {
        "pairs": [pairs_payload(pairs, plan["longest"]) for pairs in kept],
        "count": [len(pairs) for pairs in data],
        "betti": betti.astype(int).tolist() if replicate_curves else [],
        "betti_mean": compact(betti.mean(axis=0)),
        "landscape": compact(panels.landscapes(data, LEVELS, grid).mean(axis=0), 3),
    }
    out["nulls"] = {
        name: {
            "betti": compact(panels.betti_curves(pairs, grid).mean(axis=0)),
            "landscape": compact(panels.landscapes(pairs, 1, grid).mean(axis=0)[0], 3),
        }
        for name, pairs in nulls.items()
    }
    return out


def pairs_payload(pairs: Array, longest: int | None) -> dict[str, Any]:
    """Births and deaths, longest first; births that are all zero are left out."""
    order = np.argsort(pairs[:, 0] - pairs[:, 1], kind="stable")[:longest]
    births, deaths = pairs[order, 0], pairs[order, 1]
    out = {"death": compact(deaths)}
    if births.any():
        out["birth"] = compact(births)
    return out
