"""Whether the layers that differ are those from one depth on, and how sure that depth is.

A step fits every curve more or less, so its best place is no finding. That networks differ from a
depth on is said where the layers say it one by one: every layer from there on is found to differ,
corrected for all of them, and none before. Where some before it differ too, the statement left is
that most of the difference lies from there on, which is tested. Everything else is no onset: a
first layer alone, a band in the middle, every layer alike; then the layers are named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.stats import mean_interval
from toposcope.stats.depth import best_step

Array = NDArray[np.float64]

STEP, MOST, NONE = "step", "most", "none"

RESAMPLES = 9999


@dataclass(frozen=True)
class Onset:
    """From which depth on two networks differ.

    Parameters
    ----------
    kind
        "step": all layers from `depth` on differ and none before is found to; "most": all from
        there on differ, some before as well, and most of the squared gap lies from there on;
        "none".
    depth, low, high
        The depth and its interval; NaN for "none".
    size
        Mean squared gap from there on.
    """

    kind: str = NONE
    depth: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    size: float = float("nan")

    def columns(self, length: Callable[[float], float] = float) -> dict[str, str | float]:
        """As columns of the table of models, the size as a distance."""
        return {
            "onset": self.kind,
            "change_depth": self.depth,
            "change_low": self.low,
            "change_high": self.high,
            "change_size": length(self.size),
        }


def onset_of(
    depth: Array, units: Array, differ: NDArray[np.bool_], *, level: float, seed: int
) -> Onset:
    """The onset that the layers themselves bear out.

    Parameters
    ----------
    depth
        (layers,) increasing.
    units
        (draws, layers) squared gaps of single draws (jackknife pseudo-values).
    differ
        (layers,) which layers were found to differ.
    level
        Coverage of the interval.
    seed
        Of the bootstrap over draws.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> depth, noise = np.linspace(0.2, 1, 5), 0.1 * rng.normal(size=(8, 5))
    >>> late, first = np.array([0, 0, 0, 1, 1]), np.array([1, 0, 0, 0, 0])
    >>> onset_of(depth, late + noise, late > 0, level=0.95, seed=0).depth
    0.8
    >>> onset_of(depth, first + noise, first > 0, level=0.95, seed=0).kind
    'none'
    """
    if not differ.any():
        return Onset()
    best, first, last = best_step(
        units,
        alternative="greater",
        level=level,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(seed),
    )
    everywhere = first == 0 and last == len(depth) - 1
    if best == 0 or everywhere or not differ[best:].all():
        return Onset()
    kind = STEP
    if differ[:best].any():
        # The place was chosen by the data: every place it could have been shares the level.
        later = units[:, best:].sum(axis=1) - units[:, :best].sum(axis=1)
        places = len(depth) - 1
        if not mean_interval(later, level=1 - 2 * (1 - level) / places).low > 0:
            return Onset()
        kind = MOST
    place, low, high = (float(depth[k]) for k in (best, first, last))
    return Onset(kind, place, low, high, float(units[:, best:].mean()))
