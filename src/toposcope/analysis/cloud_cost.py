"""What a task of a cloud takes, before it starts: memory from its arrays, time from their sizes.

`benchmarks/bench_forecast.py` holds both against what workers took; docs/forecast.md has the table.
Time is only where a probe (probe.py) begins: it depends on the data, above all that of H2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toposcope.analysis.work import TASK_SECONDS, WORKER_BYTES
from toposcope.homology.vietoris_rips.cost import estimate_cost
from toposcope.pointclouds.kinds import RULER_SAMPLES
from toposcope.pointclouds.rulers import MOST_POINTS, ROOM

# Bytes for each pair of points: un-normalized and normalized distances, the copy that the search
# for outliers partitions, a mask (25.8 measured at n = 6,000); edges, triangles and the matrix of
# the loops (38.5 at 4,000); columns of H2.
_PAIR = {0: 27.0, 1: 38.0, 2: 90.0}
_PAIR_NULL = 8.0
_PAIR_GROWN = 4.0
# Arrays as large as the cloud in float64, at the same time.
_CLOUD, _CLOUD_NULL = 4.5, 7.0
# The same of all samples that the ruler and the nulls of a layer are estimated on.
_RULER, _FIT, _KEPT = 4.0, 6.0, 3.0
_PREPARED = 4
"""Layers that a worker keeps prepared."""


@dataclass(frozen=True)
class Cloud:
    """The sizes that decide what a task takes.

    Parameters
    ----------
    points, width
        Of the cloud.
    degrees
        Homology dimensions.
    nulls
        Clouds beside it.
    fitted
        Whether a null is fitted to the layer.
    grown
        Whether the filtration has distances of its own beside those of the cloud.
    drawn, sample_width
        Samples of all draws, and numbers of a sample.
    layers
        How many there are.
    """

    points: int
    width: int
    degrees: Sequence[int]
    nulls: int
    fitted: bool
    grown: bool
    drawn: int
    sample_width: int
    layers: int

    @property
    def bytes(self) -> int:
        """Peak memory of a worker."""
        n, d = float(self.points), float(self.width)
        pair = _PAIR[min(max(self.degrees), 2)] + _PAIR_GROWN * self.grown
        pair += _PAIR_NULL * bool(self.nulls)
        cloud = 8.0 * n * d
        task = pair * n * n + cloud * (_CLOUD + _CLOUD_NULL * self.fitted)
        rows = min(self.drawn, max(MOST_POINTS, ROOM // max(self.sample_width, 1)))
        layer = 8.0 * rows * self.sample_width
        least = float(min(rows, self.sample_width))
        preparing = layer * (_FIT if self.fitted else _RULER) + 24.0 * least**2 * self.fitted
        # What was fitted for a layer is kept, for the last few of them.
        kept = layer * _KEPT * self.fitted * min(self.layers, _PREPARED)
        return int(WORKER_BYTES + kept + max(task, preparing))

    @property
    def seconds(self) -> float:
        """CPU seconds, within a factor of about three."""
        n, d = self.points, self.width
        clouds = 1 + self.nulls
        topology = estimate_cost(n, d, self.degrees)[0] * (1.5 if max(self.degrees) else 3.0)
        rest = 2.5e-7 * float(n) ** 2 + 3e-9 * n * d * min(n, d) ** 0.5
        return float(TASK_SECONDS + clouds * (topology + rest))


def ruler_samples(points_are: str, drawn: int) -> int:
    """Samples that the ruler of a layer is estimated on, at most."""
    return drawn if points_are == "samples" else min(drawn, RULER_SAMPLES)
