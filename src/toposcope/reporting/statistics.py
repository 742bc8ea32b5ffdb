"""Titles, units and one-line meanings of the statistics a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNITS: dict[str, str] = {
    "mean_distance": "in units of the layer's mean distance",
    "median_distance": "in units of the layer's median distance",
    "quantile_distance": "in units of the 0.9-quantile of the layer's distances",
    "max_distance": "in units of the layer's diameter",
    "zscore": "of standardized features, in units of their mean distance",
    "minmax": "of features mapped to [0, 1]",
    "none": "in units of the activations",
}
"""What a filtration value counts, by normalization; completes "filtration values ..."."""


def filtration_unit(attrs: Mapping[str, Any]) -> str:
    """What a filtration value of an analysis counts.

    >>> filtration_unit({"normalize": "none", "complex": "geodesic", "filtration": {}})
    'in hops along the graph of nearest neighbors'
    """
    complex = attrs.get("complex", "rips")
    if complex == "geodesic" and not (attrs.get("filtration") or {}).get("weighted"):
        return "in hops along the graph of nearest neighbors"
    if complex == "local":
        return "in radii of the ball"
    return unit_text(attrs.get("normalize"))


def unit_text(normalize: object) -> str:
    """What a length in a normalized cloud counts.

    >>> unit_text("none"), unit_text(None)
    ('in units of the activations', 'in filtration units')
    """
    if normalize is None:
        return "in filtration units"
    return UNITS.get(str(normalize), f"after normalization {normalize}")


@dataclass(frozen=True)
class Statistic:
    """How a statistic is shown.

    Parameters
    ----------
    title
        For axes and pickers.
    unit
        "length" and its powers are in filtration units; "" is a pure number.
    meaning
        One line for the reader.
    """

    title: str
    unit: str = ""
    meaning: str = ""


STATISTICS: dict[str, Statistic] = {
    "lifespan_sum": Statistic("Lifespan sum", "length", "sum of death − birth over all pairs"),
    "persistence_entropy": Statistic(
        "Persistence entropy", "nats", "how evenly persistence is spread over the pairs"
    ),
    "max_persistence": Statistic("Longest persistence", "length", "death − birth of the longest"),
    "n_pairs": Statistic("Number of pairs", "", "finite pairs of non-zero persistence"),
    "mean_persistence": Statistic("Mean persistence", "length", "mean of death − birth"),
    "total_persistence": Statistic(
        "Total persistence, order 2", "length²", "sum of squared persistence"
    ),
    "normalized_entropy": Statistic(
        "Normalized persistence entropy", "", "entropy over the log of the number of pairs"
    ),
    "landscape_norm": Statistic(
        "Landscape norm, L2", "length^1.5", "norm of all landscape levels together"
    ),
    "ph_dimension": Statistic(
        "PH-dimension", "", "intrinsic dimension from the growth of lifespan sums"
    ),
    "ph_dimension_r2": Statistic("PH-dimension, R² of its fit", "", "how straight that growth is"),
    "two_nn": Statistic("TwoNN dimension", "", "intrinsic dimension from two nearest neighbors"),
    "effective_rank": Statistic("Effective rank", "", "exponential of the spectrum's entropy"),
    "participation_ratio": Statistic(
        "Participation ratio", "", "(sum of variances)² over sum of squared variances"
    ),
    "activation_norm": Statistic(
        "Activation norm", "activation", "a control: mean norm before normalization"
    ),
    "scale": Statistic("Scale", "activation", "a control: mean distance before normalization"),
}


def describe(statistic: str) -> Statistic:
    """How to show a statistic; an unknown one is shown by its own name.

    >>> describe("lifespan_sum").title
    'Lifespan sum'
    """
    return STATISTICS.get(statistic) or Statistic(statistic.replace("_", " "))


def phrase(statistic: str, homology_dimension: int | None) -> str:
    """A statistic inside a sentence.

    >>> phrase("lifespan_sum", 1), phrase("two_nn", None)
    ('H1 lifespan sum', 'TwoNN dimension')
    """
    title = describe(statistic).title
    if homology_dimension is None:
        return title
    lower = title if title[:2].isupper() else title[0].lower() + title[1:]
    return f"H{homology_dimension} {lower}"
