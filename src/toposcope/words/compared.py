"""What a comparison compared: its design, and which analysis of each network was taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope.comparison.layer_pairs import DIAGRAM_MEASURES
from toposcope.words.comparison import measure_name, surely_apart
from toposcope.words.designs import filtration_text, points_text
from toposcope.words.formats import all_of, number, upper

if TYPE_CHECKING:
    from toposcope.comparison.result import Comparison

WITHIN_NOISE = "as draws"
"""Cell of two networks that lie no farther apart than draws of one of them: no bound on a gap."""

DESIGN = (
    "complex",
    "filtration",
    "normalize",
    "metric",
    "points",
    "points_are",
    "samples",
    "replicates",
    "per_class",
    "max_edge_length",
    "coeff",
)


def design_of_comparison(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Filtration, scale and size of what was compared, as plain values.

    >>> design_of_comparison({"points": 50, "replicates": 8, "conventions": {}})
    {'points': 50, 'replicates': 8}
    """
    known = {name: attrs[name] for name in DESIGN if attrs.get(name) is not None}
    if attrs.get("complex") is not None:
        known["homology_dimensions"] = list(attrs["homology_dimensions"])
    if known.get("max_edge_length") == float("inf"):
        del known["max_edge_length"]
    return known


def compared_text(attrs: Mapping[str, Any]) -> str:
    """What was compared, in one line for each thing: design, then analyses.

    Examples
    --------
    >>> nets = [{"name": "r20", "analysis": "ab12"}, {"name": "r56", "analysis": "cd34"}]
    >>> print(compared_text({"complex": "rips", "filtration": {}, "normalize": "mean_distance",
    ...     "metric": "euclidean", "points": 50, "replicates": 8, "homology_dimensions": [0, 1],
    ...     "networks": nets}))
    compared: rips, normalize mean_distance, metric euclidean, H0 and H1, 8 draws of 50 samples
    analyses: ab12 of r20 and cd34 of r56
    """
    units = "images" if attrs.get("complex") == "cubical" else f"draws of {points_text(attrs)}"
    inside = " inside each class" if attrs.get("classes") else ""
    degrees = all_of([f"H{k}" for k in attrs.get("homology_dimensions") or ()])
    said = [filtration_text(attrs), degrees, f"{attrs['replicates']} {units}{inside}"]
    lines = [f"compared: {', '.join(filter(None, said))}"]
    named = [f"{one['analysis']} of {one['name']}" for one in attrs["networks"] if one["analysis"]]
    if named:
        lines.append(f"analyses: {all_of(named)}")
    return "\n".join(lines)


def network_matrices(comparison: Comparison) -> list[tuple[str, list[list[str]]]]:
    """Network against network under every measure: a title and the rows of a table.

    The first row and column hold the names; cells are gaps over all layers, the noise of draws
    taken out (their upper end where they are not surely above 0), of similarities values.
    """
    out = []
    models = comparison.of_class().models
    alpha = 1 - float(comparison.attrs["level"])
    names = list(comparison.networks)
    for (measure, degree), rows in models.groupby(
        ["measure", "homology_dimension"], dropna=False, sort=False
    ):
        shown = "gap" if str(measure) in DIAGRAM_MEASURES else "value"
        cells = {
            frozenset((str(row["network_a"]), str(row["network_b"]))): _cell(row, shown, alpha)
            for row in rows.to_dict("records")
        }
        table = [["", *names]]
        table += [[a, *(cells.get(frozenset((a, b)), "") for b in names)] for a in names]
        what = "gap, root mean square over layers" if shown == "gap" else "mean over layers"
        out.append((f"{measure_name(str(measure), degree)} ({what})", table))
    return out


def _cell(row: Mapping[str, Any], shown: str, alpha: float) -> str:
    value = float(row[shown])
    if shown == "gap" and not surely_apart(row, alpha):
        high = float(row["gap_high"])
        return f"≤ {upper(high)}" if high > 0 else WITHIN_NOISE
    return number(value)
