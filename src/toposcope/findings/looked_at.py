"""What changes, nulls and trends look at alike: statistics, series of checkpoints, values by draw.

Which comparisons are made follows from the design of the runs alone, beforehand. All of them enter
the correction, also those that show nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.design import BESIDE
from toposcope.analysis.filtrations.points import HEADLINE as HEADLINE
from toposcope.analysis.result import Analysis
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

Looked = tuple[str, int | None]
"""A statistic and its degree of homology; None for a number that is not of a diagram."""


def headline(analysis: Analysis) -> Sequence[Looked]:
    """The statistics that changes are looked for in: those of the filtration."""
    return HEADLINE if analysis.design is None else analysis.design.filtration.headline


def overlap_of(attrs: Mapping[str, Any]) -> float:
    """Share of the samples that two draws have in common; 0 for disjoint draws."""
    return float(attrs["points"] / attrs["n"]) if attrs.get("overlapping") else 0.0


def checkpoints(analyses: Sequence[Analysis]) -> dict[str, tuple[int, ...]]:
    """Series of checkpoints: model -> positions of its runs on the same draws, by rising step."""
    stepped = [i for i, a in enumerate(analyses) if a.attrs.get("step") is not None]
    stepped.sort(key=lambda i: (_model(analyses[i]), float(analyses[i].attrs["step"])))
    series = {}
    for model, group in groupby(stepped, key=lambda i: _model(analyses[i])):
        first, *others = members = tuple(group)
        if others and all(_paired(analyses[first], analyses[other]) for other in others):
            series[model] = members
    return series


def _model(analysis: Analysis) -> str:
    return str(analysis.attrs["model"])


def _paired(a: Analysis, b: Analysis) -> bool:
    """Whether equal replicate numbers mean equal samples, measured alike."""
    return (
        a.activations is not None
        and b.activations is not None
        and np.array_equal(a.activations.sample_ids, b.activations.sample_ids)
        and a.design is not None
        and b.design is not None
        and not a.design.differs(b.design, but=BESIDE)
    )


def replicate_values(
    analysis: Analysis,
    layer: str,
    statistic: str,
    homology_dimension: int | None,
    *,
    cloud: str = DATA_CLOUD,
) -> NDArray[np.float64]:
    """(R,) values of one statistic of one layer, by draw; empty when one of them is missing."""
    rows = analysis.rows.get((layer, statistic, cloud, homology_dimension))
    if rows is None:
        return np.empty(0)
    chosen = analysis.table.reset_index(drop=True).iloc[rows].sort_values(["label", "replicate"])
    if not (chosen["status"] == OK).all():
        return np.empty(0)
    # Lengths carry the error of their scale: see `analysis.scale_error`.
    units: NDArray[np.float64] = analysis.units[chosen.index.to_numpy()]
    return units
