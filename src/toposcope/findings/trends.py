"""What rises or falls over the checkpoints of a training, and for how many layers that stands.

`findings` compares the last checkpoint with the first; here all of them count. Draws of samples are
the units: what is said holds for this training on other samples, not for training again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toposcope.analysis.result import Analysis
from toposcope.findings.changes import HEADLINE, checkpoints, replicate_values, short_name
from toposcope.stats import Trend, benjamini_hochberg, trend
from toposcope.store.series import step_words

FALSE_SHARE = 0.05
"""Share of false ones allowed among the trends that are said to stand."""


@dataclass(frozen=True, eq=False)
class Tendency:
    """The trend of one statistic of one layer over a training.

    Parameters
    ----------
    model, layer, statistic, homology_dimension
        What was looked at.
    trend
        See `stats.trend`; units are draws of samples.
    q
        Its p-value, adjusted for all trends looked at (Benjamini-Hochberg).
    looked_at
        How many those were.
    span
        First and last step in words.
    """

    model: str
    layer: str
    statistic: str
    homology_dimension: int | None
    trend: Trend
    q: float
    looked_at: int
    span: tuple[str, str]

    @property
    def direction(self) -> str:
        """What stands after the correction: "rising", "falling" or "undecided"."""
        if not self.q <= FALSE_SHARE:
            return "undecided"
        return "rising" if self.trend.mean_tau > 0 else "falling"


def tendencies(analyses: Sequence[Analysis]) -> list[Tendency]:
    """Trends of all headline statistics in all layers over three checkpoints or more.

    Parameters
    ----------
    analyses
        Runs shown together; those that are no series of checkpoints on the same disjoint draws
        are left out.

    Returns
    -------
    All that were looked at, surest first.
    """
    found = []
    for model, series in checkpoints(analyses).items():
        if len(series) < 3 or series[0].attrs["overlapping"]:
            continue
        steps = [float(one.attrs["step"]) for one in series]
        span = step_words(series[0].attrs), step_words(series[-1].attrs)
        for layer in series[-1].layers:
            for statistic, k in HEADLINE:
                columns = [replicate_values(one, layer, statistic, k) for one in series]
                if len(columns[0]) < 2 or len({len(column) for column in columns}) > 1:
                    continue
                one = trend(steps, np.column_stack(columns), level=series[0].attrs["level"])
                found.append((short_name(model), layer, statistic, k, one, span))
    if not found:
        return []
    adjusted = benjamini_hochberg([item[4].pvalue for item in found])
    out = [
        Tendency(*item[:5], float(q), len(found), item[5])
        for item, q in zip(found, adjusted, strict=True)
    ]
    return sorted(out, key=lambda one: (one.q, -abs(one.trend.mean_tau)))
