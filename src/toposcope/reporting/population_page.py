"""The page of a population, alone or group against group: one HTML file without scripts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.network_means import NetworkMeans, network_means
from toposcope.analysis.population import Population
from toposcope.comparison.groups import GroupComparison
from toposcope.errors import UsageError
from toposcope.findings.population import PopulationFindings
from toposcope.inputs.urls import place_text
from toposcope.reporting.colors import HUES
from toposcope.reporting.page import page
from toposcope.stats.units import rejects
from toposcope.store.objects import put
from toposcope.store.tables import OK
from toposcope.words.designs import filtration_text, points_text
from toposcope.words.formats import level_text, number, with_interval
from toposcope.words.population import group_sentences, population_sentences
from toposcope.words.statistics import phrase

Array = NDArray[np.float64]

WIDTH, HEIGHT, MARGIN = 420.0, 190.0, 8.0
"""Of a figure, in units of its viewBox."""

ROWS_SHOWN = 500
"""Rows of a table in the page."""


def write_population(
    findings: PopulationFindings, to: Path | str, *, title: str | None = None
) -> Path:
    """Write the page of a population; returns its path."""
    population = findings.population
    shown = network_means(population, list(population.headline))
    names = _colored(shown, _configurations(population))
    return _write(
        to,
        shown,
        names,
        title=title or f"The shape of data inside {len(population)} networks",
        answer=population_sentences(findings),
        groups=[],
        changes=[
            {
                "where": f"{one.where.layer} against {one.where.against}",
                "of": one.where.run or "all",
                "what": phrase(one.statistic, one.homology_dimension),
                "change": _percent_interval(one.change, one.low, one.high),
                "n": one.n,
            }
            for one in findings.changes[:ROWS_SHOWN]
        ],
        variances=_variances(findings),
        level=level_text(findings.changes[0].level if findings.changes else 0.95),
        commands=_captures(population),
    )


def write_groups(comparison: GroupComparison, to: Path | str, *, title: str | None = None) -> Path:
    """Write the page of a comparison of groups; returns its path."""
    networks = comparison.networks
    if networks is None:
        msg = "report(): this comparison of groups does not hold its networks. Compare again."
        raise UsageError(msg)
    names = [str(one) for one in comparison.attrs["groups"]]
    own = [_group(one) for one in networks.covariates[comparison.by].tolist()]
    kept = networks.where([one in names for one in own])
    return _write(
        to,
        kept,
        _colored(kept, [one for one in own if one in names], order=names),
        title=title or f"Do networks differ by {comparison.by}?",
        answer=group_sentences(comparison),
        groups=[
            _group_row(row, comparison.attrs["level"])
            for row in comparison.layers.to_dict("records")[:ROWS_SHOWN]
        ],
        changes=[],
        variances=[],
        level=level_text(comparison.attrs["level"]),
        commands=list(comparison.attrs["commands"]),
    )


def _write(
    to: Path | str,
    population: NetworkMeans,
    colored: Mapping[str, Sequence[int]],
    *,
    commands: Sequence[str],
    **shown: Any,
) -> Path:
    attrs = population.attrs
    columns = [str(name) for name in population.covariates.columns]
    colors = {k: HUES[i % len(HUES)] for i, rows in enumerate(colored.values()) for k in rows}
    text = page(
        "population.html",
        **shown,
        panels=[
            _panel(population, statistic, degree, colored)
            for (statistic, degree), means in population.means.items()
            if np.isfinite(means).any()
        ],
        without=[
            phrase(statistic, degree)
            for (statistic, degree), means in population.means.items()
            if not np.isfinite(means).any()
        ],
        legend=[
            {"name": name, "light": HUES[i % len(HUES)][0], "dark": HUES[i % len(HUES)][1],
             "n": len(rows)}
            for i, (name, rows) in enumerate(colored.items())
        ],
        layers=[(name, number(depth, 2)) for name, depth in population.layers],
        columns=columns,
        networks=[
            {
                "name": name,
                "light": colors[k][0],
                "dark": colors[k][1],
                "cells": [_cell(v) for v in population.covariates.iloc[k].tolist()],
            }
            for k, name in enumerate(population.names)
        ],
        notes=list(population.notes),
        design=[
            ("Filtration", filtration_text(attrs)),
            ("Draws", f"{population.replicates} of {points_text(attrs)}, the same samples in all"),
            ("Samples (n)", f"{attrs['n']:,}"),
            ("Configuration", ", ".join(population.configuration) or "every network its own"),
        ],
        commands="\n".join(commands),
    )  # fmt: skip
    path = Path(to)
    put(path, text.encode("utf-8", "replace"))
    return path


def _panel(
    population: NetworkMeans,
    statistic: str,
    degree: int | None,
    colored: Mapping[str, Sequence[int]],
) -> dict[str, Any]:
    """One statistic over depth: a thin line for each network, a thick one for each group's mean."""
    means = population.means[statistic, degree]
    known = means[np.isfinite(means)]
    low, high = float(known.min()), float(known.max())
    width = (high - low) or abs(high) or 1.0
    depths = np.array([depth for _, depth in population.layers])
    reach = (float(np.ptp(depths)) or 1.0) if len(depths) else 1.0
    xs = MARGIN + (depths - depths.min()) / reach * (WIDTH - 2 * MARGIN)
    lines: list[dict[str, Any]] = []
    for i, (name, rows) in enumerate(colored.items()):
        light, dark = HUES[i % len(HUES)]
        kinds = [(population.names[k], means[k], False) for k in rows]
        kinds.append((f"mean of {name}", means[list(rows)].mean(axis=0), True))
        for told, values, thick in kinds:
            ys = HEIGHT - MARGIN - (values - low) / width * (HEIGHT - 2 * MARGIN)
            points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            lines.append(
                {"name": told, "points": path, "light": light, "dark": dark, "thick": thick}
            )
    # Means last, so that they lie above the networks.
    lines.sort(key=lambda one: one["thick"])
    return {
        "title": phrase(statistic, degree),
        "lines": lines,
        "low": number(low),
        "high": number(high),
        "first": population.layers[0][0],
        "last": population.layers[-1][0],
    }


def _variances(findings: PopulationFindings) -> list[dict[str, str]]:
    def told(one: Any) -> str:
        return "" if one is None else with_interval(one.value, one.low, one.high, 2)

    return [
        {
            "what": phrase(*looked),
            "layer": layer,
            "configuration": told(one.share_configuration),
            "network": told(one.share_network),
            "rest": told(one.share_rest),
            "reliability": told(one.reliability),
        }
        for (looked, layer), one in list(findings.components.items())[:ROWS_SHOWN]
    ]


def _group_row(row: Mapping[str, Any], level: float) -> dict[str, str]:
    degree = str(row["homology_dimension"])
    differs = rejects(row["adjusted_p"], level) if row["status"] == OK else None
    return {
        "pair": f"{row['group_b']} less {row['group_a']}",
        "what": phrase(row["statistic"], int(degree) if degree.isdigit() else None),
        "layer": str(row["layer"]),
        "means": f"{number(row['mean_a'])}, {number(row['mean_b'])}",
        "value": with_interval(row["value"], row["low"], row["high"], differs=differs),
        "effect": number(row["effect"], 2),
        "adjusted": number(row["adjusted_p"], 2),
        "detectable": "none" if math.isinf(row["detectable"]) else number(row["detectable"], 2),
        "reliability": number(row["reliability"], 2),
        "reason": str(row["reason"]),
    }


def _colored(
    population: NetworkMeans, labels: Sequence[str], *, order: Sequence[str] = ()
) -> dict[str, list[int]]:
    """Positions of the networks of each color: of each label, or all where there are too many."""
    kinds = list(order) or list(dict.fromkeys(labels))
    if len(kinds) > len(HUES):
        return {"all networks": list(range(len(population.names)))}
    return {kind: [k for k, one in enumerate(labels) if one == kind] for kind in kinds}


def _configurations(population: Population) -> list[str]:
    told = population.configurations
    if told is None:
        return ["all networks"] * len(population)
    return [" ".join(map(_group, one)) if isinstance(one, tuple) else _group(one) for one in told]


def _captures(population: Population) -> list[str]:
    lines = dict.fromkeys(
        str(line) for one in population for line in one.attrs.get("commands") or ()
    )
    if population.folder is not None:
        lines[f"toposcope report {place_text(population.folder)}"] = None
    return list(lines)


def _percent_interval(change: float, low: float, high: float) -> str:
    from toposcope.words.formats import signed

    return f"{signed(change)} [{signed(low)}, {signed(high)}]"


def _group(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(value: Any) -> str:
    return "" if value is None or value != value else _group(value)
