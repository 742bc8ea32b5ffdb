"""The page of a comparison: its text, and what the browser draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from toposcope.comparison.layer_embedding import layer_map
from toposcope.comparison.layer_pairs import DIAGRAM_MEASURES
from toposcope.comparison.result import Comparison
from toposcope.errors import UsageError
from toposcope.reporting.colors import run_styles
from toposcope.reporting.page import PLOTLY, page
from toposcope.reporting.payload import compact
from toposcope.similarity.measures import MEASURES
from toposcope.stats.intervals import agreeing
from toposcope.store.objects import put
from toposcope.words.compared import compared_text, network_matrices
from toposcope.words.comparison import (
    found_apart,
    lead,
    measure_name,
    summarize_comparison,
    surely_apart,
)
from toposcope.words.designs import filtration_text, points_text
from toposcope.words.formats import (
    MISSING,
    all_of,
    count,
    level_text,
    number,
    short_name,
    with_interval,
)
from toposcope.words.plans import comparison_plan
from toposcope.words.verdicts import (
    Differs,
    comparison_answer,
    comparison_headline,
    verdict_table,
    verdicts,
)

SCRIPTS = (PLOTLY, "core.js", "comparison.js")
EQUIVALENCE: dict[bool | None, str] = {True: "yes", False: "not shown"}
KINDS = {
    Differs.DIFFERENT: "beyond",
    Differs.SMALL: "holds-in-part",
    Differs.RELATED: "holds",
    Differs.PARTLY: "holds-in-part",
    Differs.NOT_FOUND: "undecided",
    Differs.UNTESTED: "undecided",
    Differs.NO_VALUE: "undecided",
}
"""Look of the mark of a verdict."""
LEAD = 4
"""Sentences at the top; the others unfold."""
ROWS_SHOWN = 2_000
"""Rows of the table of layers in the page; all of them are in layers.parquet."""


TERMS = {
    "Value": "diagrams: mean distance between different draws; similarity: mean over draws",
    "Noise": "diagrams: mean distance between draws of one layer; similarity: what unrelated "
    "samples give",
    "Gap": "diagrams: root of the mean squared distance between layers less that between draws of "
    "one layer, negative when it is smaller; similarity: distance from the value of equal layers",
    "Step": "gap between neighboring layers inside the two networks (root mean square; mean for "
    "similarities)",
    "Test of diagrams": "permutation test of the squared gap: both layers of a draw are swapped "
    "where the networks saw the same samples, else all draws are shuffled",
    "Test of similarity": "sign flips over draws of value less noise: a small p says related",
    "Onset": "depth from which on all layers are found to differ, where none before it is or most "
    "of the squared gap lies from there on; with its interval",
    "Layers": "by name where both networks have the same, else by relative depth",
}


def write_comparison(comparison: Comparison, to: Path | str, *, title: str | None = None) -> Path:
    """Write the page of a comparison; returns its path."""
    path = Path(to)
    put(path, render_comparison(comparison, title=title).encode("utf-8", "replace"))
    return path


def render_comparison(comparison: Comparison, *, title: str | None = None) -> str:
    """The page as HTML text."""
    data = comparison_payload(comparison)
    return page(
        "comparison.html",
        scripts=SCRIPTS,
        payload=data,
        **comparison_context(comparison, data, title),
    )


def comparison_payload(comparison: Comparison) -> dict[str, Any]:
    """Everything the browser draws: pooled draws, or all classes together."""
    comparison = comparison.of_class()
    styles = run_styles([{"model": name} for name in comparison.networks])
    keys = list(comparison.matrices)
    return {
        "networks": [
            {"name": name, "style": vars(style)}
            for name, style in zip(comparison.networks, styles, strict=True)
        ],
        "places": [
            [comparison.networks.index(network), layer, compact(depth)]
            for network, layer, depth in comparison.places
        ],
        "level": comparison.attrs["level"],
        "measures": [_measure(comparison, *key) for key in keys],
        "pairs": _pairs(comparison, keys),
    }


def comparison_context(
    comparison: Comparison, data: Mapping[str, Any], title: str | None
) -> dict[str, Any]:
    """Everything the template shows as text; autoescaped there."""
    attrs, rows = comparison.attrs, comparison.layers.head(ROWS_SHOWN).to_dict("records")
    summary = summarize_comparison(comparison)
    several = len(comparison.networks) > 2
    if several:  # the matrix and who is nearest; pair by pair unfolds
        *first, basis = summary[: lead(comparison)]
        rest = summary[lead(comparison) :]
    else:
        *told, basis = summary
        first, rest = told[:LEAD], told[LEAD:]
    return {
        "title": title or f"How alike are {all_of(comparison.networks)}?",
        "answer": comparison_answer(comparison) or [first[0] if first else basis, basis],
        "headline": (first[0] if first else basis)
        if several
        else comparison_headline(comparison),
        "tested": bool(attrs["families"]),
        "marks": [] if several else [
            {"kind": KINDS[one.differs], "measure": one.measure, "mark": one.mark}
            for one in verdicts(comparison)
        ],
        "verdicts": verdict_table(comparison),
        "first": first,
        "basis": basis,
        "rest": rest,
        "matrices": network_matrices(comparison) if several else [],
        "compared": compared_text(attrs).splitlines(),
        "networks": [
            one | {"style": net["style"], "n": count(one["n"]), "pool": one["pool"],
                   "model_name": short_name(one["model"]),
                   "data_name": one.get("data_name") or one["data"],
                   "top1": "" if one.get("top1") is None else f"{one['top1']:.4g}"}
            for one, net in zip(attrs["networks"], data["networks"], strict=True)
        ],
        "models": [_model_row(row, attrs) for row in comparison.models.to_dict("records")],
        "rows": [_layer_row(row, attrs) for row in rows],
        "classes": list(comparison.classes),
        "left_out": max(0, len(comparison.layers) - ROWS_SHOWN),
        "several": several,
        "attrs": attrs,
        "alpha": f"{1 - attrs['level']:.2g}",
        "percent": level_text(attrs["level"]),
        "terms": _terms(comparison),
        "failures": comparison.failures,
        "warnings": attrs.get("warnings") or [],
        "versions": sorted((attrs.get("versions") or {}).items()),
        "commands": "\n".join(attrs.get("commands") or []),
    }  # fmt: skip


def _measure(comparison: Comparison, measure: str, degree: int | None) -> dict[str, Any]:
    """One measure: matrix, map, and how to read them."""
    declared = MEASURES.get(measure)
    values, gaps = comparison.matrices[measure, degree], comparison.gaps[measure, degree]
    out: dict[str, Any] = {
        "name": measure_name(measure, degree),
        "similar": bool(declared and declared.larger_is_more_similar),
        "diagrams": measure in DIAGRAM_MEASURES,
        "values": compact(values, 3),
        "gaps": compact(gaps, 3),
        "map": None,
        "why": "",
    }
    try:
        placed = layer_map(gaps)
    except UsageError:
        out["why"] = "some pairs of layers have no value"
        return out
    out["map"] = {"x": compact(placed.points[:, 0]), "y": compact(placed.points[:, 1]),
                  "stress": compact(placed.stress, 2)}  # fmt: skip
    return out


def _pairs(comparison: Comparison, keys: list[tuple[str, int | None]]) -> list[dict[str, Any]]:
    """One entry per pair of networks and measure: the curves over depth."""
    out = []
    alpha = 1 - float(comparison.attrs["level"])
    numbers = (
        *("depth_a", "value", "low", "high", "noise"),
        *("gap", "gap_low", "gap_high", "adjusted_p"),
    )
    for model in comparison.models.to_dict("records"):
        key = (str(model["measure"]), _degree(model["homology_dimension"]))
        rows = [
            _agreed(row, alpha)
            for row in comparison.layers.to_dict("records")
            if _same_pair(row, model)
        ]
        out.append(
            {
                "a": comparison.networks.index(model["network_a"]),
                "b": comparison.networks.index(model["network_b"]),
                "measure": keys.index(key),
                "layers": [[row["layer_a"], row["layer_b"]] for row in rows],
                "why": [row["reason"] if row["status"] != "ok" else "" for row in rows],
                **{name: compact([_float(row[name]) for row in rows]) for name in numbers},
                "step": compact(_float(model["step"])),
                "change": _onset(model),
                "n": int(model["n"]),
            }
        )
    return out


def _agreed(row: Mapping[str, Any], alpha: float) -> dict[str, Any]:
    """A row whose band includes no gap exactly where its test finds none."""
    differs = found_apart(row, alpha)
    ends = [_float(row[name]) for name in ("gap", "gap_low", "gap_high")]
    if differs is None or not all(map(math.isfinite, ends)):
        return dict(row)
    low, high = agreeing(*ends, rejects=differs)
    return {**row, "gap_low": low, "gap_high": high}


def _onset(model: Mapping[str, Any]) -> list[Any] | None:
    onset = [_float(model[f"change_{name}"]) for name in ("depth", "low", "high")]
    return list(compact(onset)) if model["onset"] != "none" else None


def _same_pair(row: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    same = all(row[k] == model[k] for k in ("network_a", "network_b", "measure"))
    return same and _degree(row["homology_dimension"]) == _degree(model["homology_dimension"])


def _model_row(row: Mapping[str, Any], attrs: Mapping[str, Any]) -> dict[str, Any]:
    onset, low, high = (row[f"change_{name}"] for name in ("depth", "low", "high"))
    return {
        "networks": f"{row['network_a']} / {row['network_b']}",
        "label": row["label"],
        "measure": measure_name(row["measure"], _degree(row["homology_dimension"])),
        "value": _with_interval(row["value"], row["low"], row["high"]),
        "gap": _gap(row, attrs),
        "share": _number(row["share"], 2) if surely_apart(row, 1 - attrs["level"]) else MISSING,
        "adjusted_p": _number(row["adjusted_p"], 2),
        "onset": _with_interval(onset, low, high, 2) if row["onset"] != "none" else MISSING,
        "n": str(row["n"]),
        "reason": row["reason"] if row["status"] != "ok" else "",
    }


def _layer_row(row: Mapping[str, Any], attrs: Mapping[str, Any]) -> dict[str, Any]:
    equivalent = None if pd.isna(row["equivalent"]) else bool(row["equivalent"])
    return {
        "networks": f"{row['network_a']} / {row['network_b']}",
        "label": row["label"],
        "layer_a": row["layer_a"],
        "layer_b": row["layer_b"],
        "same": row["layer_a"] == row["layer_b"],
        "measure": measure_name(row["measure"], _degree(row["homology_dimension"])),
        "value": _with_interval(row["value"], row["low"], row["high"]),
        "noise": _number(row["noise"], 3),
        "gap": _gap(row, attrs),
        "pvalue": _number(row["pvalue"], 2),
        "adjusted_p": _number(row["adjusted_p"], 2),
        "sure": bool(row["adjusted_p"] <= 1 - attrs["level"] + 1e-12),
        "equivalent": EQUIVALENCE.get(equivalent, MISSING),
        "n": str(row["n"]),
        "status": row["status"],
        "reason": row["reason"],
    }  # fmt: skip


def _terms(comparison: Comparison) -> list[tuple[str, str]]:
    """How the numbers were made, term by term."""
    attrs = comparison.attrs
    said = {
        "Unit": f"a disjoint draw of {points_text(attrs)}, {attrs['replicates']} of them",
        "Draws of the networks": "; ".join(f"{k}: {v}" for k, v in attrs["paired"].items()),
        **TERMS,
        "Correction": "; ".join(
            f"{one['tests']} tests that {one['name']}: {one['correction']}"
            for one in attrs["families"]
        )
        or "nothing was tested",
        "Equivalence": _equivalence_term(attrs),
        "Plan": comparison_plan(attrs),
    }
    if filtration_text(attrs):
        said |= {"Filtration and scale": filtration_text(attrs)}
    named = {one["name"]: one.get("analysis") for one in attrs["networks"]}
    if any(named.values()):
        said |= {"Analyses": "; ".join(f"{k}: {v}" for k, v in named.items())}
    return [*said.items(), *((k.capitalize(), str(v)) for k, v in attrs["conventions"].items())]


def _equivalence_term(attrs: Mapping[str, Any]) -> str:
    margin = attrs["margin"]
    if margin is None:
        return "no margin was fixed beforehand, so none is claimed"
    given = (
        ", ".join(f"{name} {value:g}" for name, value in margin.items())
        if isinstance(margin, Mapping)
        else f"{margin:g}"
    )
    unit = {
        "noise": "times the noise of the first network's own draws (similarities: the way from "
        "equal layers to unrelated samples)",
        "absolute": "in units of the gap",
    }[attrs["margin_unit"]]
    return f"two one-sided tests of the gap against the margin, {given} {unit}, fixed beforehand"


def _gap(row: Mapping[str, Any], attrs: Mapping[str, Any]) -> str:
    """A gap with its interval, which agrees with the test beside it."""
    gap, low, high = (_float(row[name]) for name in ("gap", "gap_low", "gap_high"))
    differs = found_apart(row, 1 - float(attrs["level"]))
    return with_interval(gap, low, high, differs=differs)


def _with_interval(value: Any, low: Any, high: Any, digits: int = 3) -> str:
    return with_interval(_float(value), _float(low), _float(high), digits)


def _number(value: Any, digits: int) -> str:
    return number(_float(value), digits)


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _degree(value: Any) -> int | None:
    number = _float(value)
    return None if math.isnan(number) else int(number)
