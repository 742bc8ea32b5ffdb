"""The specification curve: every analysis sorted by its trend, with its choices marked below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toposcope.studies.across_statistics import FACTORS, across, cells_of
from toposcope.studies.figures import Curve, Figure, Panel

if TYPE_CHECKING:
    import pandas as pd

SIGNS = {-1: "falls", 0: "neither", 1: "rises"}
NAMES = {
    "filter": "what is filtered",
    "normalize": "normalization",
    "size": "number of points",
    "pooled": "classes pooled or not",
    "degree": "degree",
    "summary": "summary",
    "interplay": "interplay of choices",
    "family": "family of networks",
    "seed": "seed",
}


def level_name(factor: str, level: Any) -> str:
    """As a row of marks is called."""
    named: dict[tuple[str, Any], str] = {
        ("size", 0): "few points",
        ("size", 1): "many points",
        ("pooled", True): "classes pooled",
        ("pooled", False): "class by class",
        ("degree", 0): "H0",
        ("degree", 1): "H1",
        ("filter", "rips"): "cloud: distances",
        ("filter", "geodesic"): "cloud: hops",
        ("filter", "local"): "cloud: local",
        ("filter", "spectral"): "cloud: spectral",
        ("filter", "cubical"): "feature maps",
    }
    return named.get((factor, level), str(level).replace("_", " "))


def figure(table: pd.DataFrame, design: Any) -> Figure:
    """Trends of all analyses, their choices, and what decides them."""
    cells = cells_of(table)
    found = across(table)
    places = list(range(1, len(cells) + 1))
    trends = [
        Curve(
            SIGNS[sign],
            [x for x, cell in zip(places, cells, strict=True) if cell.sign == sign],
            [cell.trend for cell in cells if cell.sign == sign],
            [cell.low for cell in cells if cell.sign == sign],
            [cell.high for cell in cells if cell.sign == sign],
        )
        for sign in SIGNS
    ]
    marks = []
    for place, factor in enumerate(FACTORS):
        levels = list(dict.fromkeys(cell.choices[place] for cell in cells))
        for level in sorted(levels, key=str):
            where = [
                x for x, cell in zip(places, cells, strict=True) if cell.choices[place] == level
            ]
            marks.append(Curve(level_name(factor, level), where, [float(place)] * len(where)))
    shares = Curve(
        "share",
        [NAMES[name] for name in found.shares],
        *([one[k] for one in found.shares.values()] for k in range(3)),
    )
    panels = [
        Panel(
            "Trend with depth under every analysis",
            "",
            "Spearman correlation",
            [one for one in trends if one.x],
            line=0.0,
            kind="dots",
        ),
        Panel(
            "Choices of each analysis", "analyses, sorted by their trend", "", marks, kind="marks"
        ),
        Panel(
            f"What decides the trend ({found.split} networks that have all filtrations)",
            "",
            "share of variance",
            [shares],
            line=0.0,
            kind="points",
        ),
    ]
    caption = (
        "Every analysis of the same trained networks, sorted by its mean trend; bars are "
        "95 % t-intervals over networks. An analysis falls or rises where that interval and layers "
        "shuffled inside networks (5 % false discoveries) say so. Below, shares of the variance of "
        "trends with 95 % intervals (jackknife over networks)."
    )
    return Figure(caption, panels, stacked=True)
