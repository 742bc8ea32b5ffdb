"""Values by draw, as every test takes them: of one statistic of one layer, classes put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.filtrations.points import HEADLINE
from toposcope.analysis.result import Analysis
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

Looked = tuple[str, int | None]
"""A statistic and its degree of homology; None for a number that is not of a diagram."""


def headline(analysis: Analysis) -> Sequence[Looked]:
    """The statistics that changes are looked for in: those of the filtration."""
    return HEADLINE if analysis.design is None else analysis.design.filtration.headline


def class_values(
    analysis: Analysis,
    layer: str,
    statistic: str,
    homology_dimension: int | None,
    *,
    cloud: str = DATA_CLOUD,
) -> dict[str, NDArray[np.float64]]:
    """Class -> (R,) values of one statistic of one layer, by draw.

    One entry "" where classes are pooled. A class that lacks the value of a draw is left out.
    """
    rows = analysis.rows.get((layer, statistic, cloud, homology_dimension))
    if rows is None:
        return {}
    coded = analysis.columns
    draws = np.asarray(coded.taken("replicate", rows))
    order = rows[np.argsort(draws, kind="stable")]
    labels = np.array(coded.taken("label", order), dtype=object)
    fine = coded.having("status", OK)[order]
    # Lengths carry the error of their scale: see `analysis.scale_error`.
    values = np.asarray(analysis.units[order], dtype=np.float64)
    out = {}
    for label in dict.fromkeys(labels.tolist()):
        mine = labels == label
        if fine[mine].all():
            out[str(label)] = values[mine]
    return out


def replicate_values(
    analysis: Analysis,
    layer: str,
    statistic: str,
    homology_dimension: int | None,
    *,
    cloud: str = DATA_CLOUD,
) -> NDArray[np.float64]:
    """(R,) values of one statistic of one layer, by draw; empty when one of them is missing.

    The unit is a draw. Where draws were taken inside classes, a draw is one of every class, and its
    value the mean over the classes: 5 classes of 3 draws are 3 units, not 15.
    """
    values = class_values(analysis, layer, statistic, homology_dimension, cloud=cloud)
    rows = analysis.rows.get((layer, statistic, cloud, homology_dimension), ())
    if not values or len(rows) != sum(map(len, values.values())):
        return np.empty(0)
    if len({len(one) for one in values.values()}) > 1:
        return np.empty(0)
    return np.asarray(np.mean(list(values.values()), axis=0))
