"""Estimated dimensions with their bias: what a uniform cube of so many points reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toposcope.analysis.dimensions import DIMENSIONS, readings_at, ruled_points
from toposcope.words.formats import all_of, number
from toposcope.words.statistics import display

if TYPE_CHECKING:
    import pandas as pd

    from toposcope.analysis.result import Analysis

SHOWN = (5, 10, 22)
"""Cubes whose readings are told."""


def dimension_sentence(analysis: Analysis) -> str:
    """What the dimensions of an analysis are worth; empty where none was estimated."""
    table = analysis.dimensions
    parts = [
        part
        for statistic in DIMENSIONS
        if (part := _range_text(table[table["statistic"] == statistic], statistic))
    ]
    if not parts:
        return ""
    bias = bias_text(analysis.attrs)
    if not ruled_points(analysis.attrs):
        return f"{bias[0].upper()}{bias[1:]}: {'; '.join(parts)}."
    return (
        f"Dimensions are biased at this n ({bias}): {'; '.join(parts)}. This is the bias of one "
        "cloud like a cube; several clusters, bent and uneven clouds have another one."
    )


def bias_text(attrs: Mapping[str, Any]) -> str:
    """What known dimensions read under a design, in a few words.

    >>> bias_text({"points": 500})
    'of 500 points, cubes of 5, 10 and 22 dimensions read 4.5, 8.3 and 16.6 as PH-dimension, \
4.5, 8.4 and 16 as TwoNN dimension'
    >>> bias_text({"points": 20})
    'the bias of dimensions is undefined (no cube of 20 points was measured)'
    >>> bias_text({"points": 500, "metric": "cosine"})
    'the bias of dimensions is undefined (no cube was measured in cosine distances)'
    """
    points = ruled_points(attrs)
    if not points:
        metric = attrs.get("metric", "euclidean")
        why = f"in {metric} distances" if metric != "euclidean" else ""
        cube = "no cube was measured" if why else f"no cube of {attrs.get('points')} points was"
        return f"the bias of dimensions is undefined ({cube} {why or 'measured'})"
    read = [
        f"{all_of([number(v, 2) if v < 10 else number(v) for v in values])} as {_name(statistic)}"
        for statistic in DIMENSIONS
        for values in [readings_at(statistic, points, SHOWN)]
    ]
    cubes = all_of([str(d) for d in SHOWN])
    return f"of {points:,} points, cubes of {cubes} dimensions read {', '.join(read)}"


def cube_text(value: float, low: float, high: float) -> str:
    """The cube that reads like a dimension, with its interval; empty where nothing is known.

    >>> cube_text(10.21, 9.5, 11.0), cube_text(float("inf"), 50.0, float("inf"))
    ('10.2 [9.5, 11]', 'above 60')
    >>> cube_text(40.0, 30.0, float("inf")), cube_text(float("nan"), 1.0, 2.0)
    ('40 [30, above 60]', '')
    """
    if math.isnan(value):
        return ""
    text = _cube(value)
    if math.isinf(value) or value == 0 or math.isnan(low):
        return text
    return f"{text} [{_cube(low)}, {_cube(high)}]"


def bias_meanings(statistic: str, designs: Sequence[Mapping[str, Any]]) -> str:
    """What to add to the meaning of a statistic that is a dimension; empty for others."""
    if statistic not in DIMENSIONS:
        return ""
    return "; biased: " + "; ".join(dict.fromkeys(map(bias_text, designs)))


def _range_text(rows: pd.DataFrame, statistic: str) -> str:
    """From the least to the largest of one statistic, each with its cube and its layer."""
    known = rows[rows["mean"].notna()]
    if rows.empty:
        return ""
    if known.empty:
        return f"no layer has a {_name(statistic)}"
    ends = [known.loc[known["mean"].idxmin()], known.loc[known["mean"].idxmax()]]
    ends = ends[: 1 if len(known) == 1 else 2]
    told = " to ".join(_end_text(row) for row in ends)
    without = len(rows) - len(known)
    rest = f", none at {without} of {len(rows)} places" if without else ""
    return f"{_name(statistic)} {told}{rest}"


def _end_text(row: pd.Series[Any]) -> str:
    inside = f", {row['label']}" if row["label"] else ""
    text = f"{number(float(row['mean']))} at {row['layer']}{inside}"
    cube = float(row["cube"])
    return text if math.isnan(cube) else f"{text} (as a cube of {_cube(cube)})"


def _cube(value: float) -> str:
    if math.isinf(value):
        return "above 60"
    return "below 1" if value == 0 else number(value)


def _name(statistic: str) -> str:
    return display(statistic).title


def cube_cells(table: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str], str]]:
    """(layer, label, statistic) and the text of its cube, of a table of dimensions."""
    for row in table.itertuples():
        text = cube_text(float(row.cube), float(row.cube_low), float(row.cube_high))
        yield (str(row.layer), str(row.label), str(row.statistic)), text
