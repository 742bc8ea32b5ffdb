"""Titles, units and one-line meanings of the statistics a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from toposcope.analysis.design import filtration_of
from toposcope.analysis.statistic_names import split_statistic

UNITS: dict[str, str] = {
    "mean_distance": "in units of the layer's mean distance",
    "median_distance": "in units of the layer's median distance",
    "quantile_distance": "in units of the 0.9-quantile of the layer's distances",
    "max_distance": "in units of the layer's diameter",
    "zscore": "of standardized features, in units of their mean distance",
    "minmax": "of features mapped to [0, 1]",
    "rms": "in units of the layer's root mean square",
    "none": "in units of the activations",
}
"""What a filtration value counts, by normalization; completes "filtration values ..."."""


def filtration_unit(attrs: Mapping[str, Any]) -> str:
    """What a filtration value of an analysis counts.

    >>> filtration_unit({"normalize": "none", "complex": "geodesic", "filtration": {}})
    'in hops along the graph of nearest neighbors'
    """
    filtration = filtration_of(attrs.get("complex", "rips"), attrs.get("filtration") or {})
    return filtration.value_unit() or unit_text(attrs.get("normalize"))


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
    "n_essential": Statistic(
        "Number of essential classes", "", "classes that never die; in H0 the components"
    ),
    "mean_persistence": Statistic("Mean persistence", "length", "mean of death − birth"),
    "total_persistence": Statistic(
        "Total persistence, order 2", "length²", "sum of squared persistence"
    ),
    "lifespan_sum_normalized": Statistic(
        "Lifespan sum over its growth n^((d−1)/d)", "length", "lifespan sum at equal growth"
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
    "betti_total": Statistic("Total Betti number", "", "sum of the Betti numbers of all degrees"),
    "total_per_voxel": Statistic(
        "Total Betti number per voxel", "", "sum of the Betti numbers over C × H × W"
    ),
    "betti_number": Statistic("Betti number", "", "classes alive: births ≤ t < deaths"),
    "betti_per_voxel": Statistic(
        "Betti number per voxel", "", "classes alive over the C × H × W values of the layer"
    ),
    "rms": Statistic("Root mean square", "activation", "a control: size of the activations"),
    "effective_rank": Statistic("Effective rank", "", "exponential of the spectrum's entropy"),
    "participation_ratio": Statistic(
        "Participation ratio", "", "(sum of variances)² over sum of squared variances"
    ),
    "activation_norm": Statistic(
        "Activation norm", "activation", "a control: mean norm before normalization"
    ),
    "ruler_share": Statistic(
        "Scale as each draw alone would set it, over the scale used", "", "a control: 1 on average"
    ),
    "scale": Statistic("Scale", "activation", "a control: mean distance before normalization"),
}


def display(statistic: str) -> Statistic:
    """How to show a statistic; an unknown one is shown by its own name.

    >>> display("lifespan_sum").title
    'Lifespan sum'
    >>> display("betti_total@0.25").title
    'Total Betti number at 0.25'
    """
    base, threshold = split_statistic(statistic)
    known = STATISTICS.get(base) or Statistic(base.replace("_", " "))
    if threshold is None:
        return known
    return replace(known, title=f"{known.title} at {threshold:g}")


def phrase(statistic: str, homology_dimension: int | None) -> str:
    """A statistic inside a sentence.

    >>> phrase("lifespan_sum", 1), phrase("two_nn", None)
    ('H1 lifespan sum', 'TwoNN dimension')
    >>> phrase("betti_total@0.5", None)
    'total Betti number at 0.5'
    """
    title = display(statistic).title
    if homology_dimension is None:
        return title[0].lower() + title[1:] if "@" in statistic else title
    lower = title if title[:2].isupper() else title[0].lower() + title[1:]
    return f"H{homology_dimension} {lower}"
