"""What rises or falls over the checkpoints of a training, and for how many layers that stands.

`changes` compares the last checkpoint with the first; here all of them count. Draws of samples are
the units: what is said holds for this training on other samples, not for training again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toposcope.analysis.result import Analysis
from toposcope.findings.looked_at import HEADLINE, checkpoints, replicate_values
from toposcope.findings.places import Step, step_of
from toposcope.stats import Trend, benjamini_hochberg, trend

FALSE_SHARE = 0.05
"""Share of false ones allowed among the trends that are said to stand."""


@dataclass(frozen=True, eq=False)
class LayerTrend:
    """The trend of one statistic of one layer over a training.

    Parameters
    ----------
    model, layer, statistic, homology_dimension
        What was looked at; the model by its spec.
    trend
        See `stats.trend`; units are draws of samples.
    q
        Its p-value, adjusted for all trends looked at (Benjamini-Hochberg).
    looked_at
        How many those were.
    span
        First and last step.
    """

    model: str
    layer: str
    statistic: str
    homology_dimension: int | None
    trend: Trend
    q: float
    looked_at: int
    span: tuple[Step | None, Step | None]

    @property
    def direction(self) -> str:
        """What stands after the correction: "rising", "falling" or "undecided"."""
        if not self.q <= FALSE_SHARE:
            return "undecided"
        return "rising" if self.trend.mean_tau > 0 else "falling"

    @property
    def smallest_p(self) -> float:
        """Smallest p-value that so many draws can give: two of all sign flips are as extreme."""
        return float(2.0 ** (1 - self.trend.n))


def trends(analyses: Sequence[Analysis]) -> list[LayerTrend]:
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
    tested = []
    for model, positions in checkpoints(analyses).items():
        series = [analyses[position] for position in positions]
        if len(series) < 3 or series[0].attrs["overlapping"]:
            continue
        steps = [float(run.attrs["step"]) for run in series]
        span = step_of(series[0].attrs), step_of(series[-1].attrs)
        for layer in series[-1].layers:
            for statistic, k in HEADLINE:
                columns = [replicate_values(run, layer, statistic, k) for run in series]
                if len(columns[0]) < 2 or len({len(column) for column in columns}) > 1:
                    continue
                tested_trend = trend(
                    steps, np.column_stack(columns), level=series[0].attrs["level"]
                )
                tested.append((model, layer, statistic, k, tested_trend, span))
    if not tested:
        return []
    adjusted = benjamini_hochberg([item[4].pvalue for item in tested])
    out = [
        LayerTrend(*item[:5], float(q), len(tested), item[5])
        for item, q in zip(tested, adjusted, strict=True)
    ]
    return sorted(out, key=lambda one: (one.q, -abs(one.trend.mean_tau)))
