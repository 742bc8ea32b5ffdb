"""What an estimated dimension is, and its interval by a jackknife over groups of points.

None of the estimators gives the dimension of a manifold behind the data: all are biased low when
that is above about ten (PH-dimension of 1000 uniform points in the 20-cube: about 15).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.dimension.cubes import cube_of

GROUPS = 10
JACKKNIFE = f"delete-group jackknife, {GROUPS} groups, t"
FEWEST_POINTS = 16
"""Distinct points that any of the estimators needs."""


@dataclass(frozen=True)
class Dimension:
    """An estimated dimension with its interval.

    Parameters
    ----------
    value
        The estimate.
    low, high
        Interval at `level`.
    n
        Number of points used.
    level
        Nominal coverage of the interval.
    method
        How the interval was made.
    duplicates
        Points left out because they repeat another one.
    estimator
        Name of the estimator where its defaults were used, for `cube`.
    """

    value: float
    low: float
    high: float
    n: int
    level: float = 0.95
    method: str = ""
    duplicates: int = 0
    estimator: str = ""

    @property
    def cube(self) -> tuple[float, float, float]:
        """Dimension of the uniform cube that reads the same at this n, and of its interval's ends.

        The bias that every estimator has, turned back for clouds that are like a cube; inf beyond
        60 dimensions, NaN for other parameters than the defaults and fewer than 25 points.
        """
        if not self.estimator:
            return math.nan, math.nan, math.nan
        low, value, high = (
            cube_of(end, self.n, estimator=self.estimator)
            for end in (self.low, self.value, self.high)
        )
        return value, low, high


def reciprocal(inverse: float) -> float:
    """1 / inverse; a slope of 1 or more means that no finite dimension fits."""
    return 1.0 / inverse if inverse > 0 else math.inf


def jackknife(
    inverse: Callable[[NDArray[np.bool_]], float],
    whole: float,
    n: int,
    rng: np.random.Generator,
    level: float,
) -> tuple[float, float]:
    """Interval of a dimension by dropping groups of points; `inverse` gives 1 / dimension."""
    from scipy.special import stdtrit

    group = rng.permutation(n) % GROUPS
    parts = np.array([inverse(group != g) for g in range(GROUPS)])
    variance = (GROUPS - 1) / GROUPS * ((parts - parts.mean()) ** 2).sum()
    half = float(stdtrit(GROUPS - 1, (1 + level) / 2)) * math.sqrt(variance)
    return reciprocal(whole + half), reciprocal(whole - half)
