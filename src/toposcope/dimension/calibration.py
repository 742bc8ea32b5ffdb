"""What PH-dimension reads on clouds of known dimension, and the reading turned back.

At finite n the estimate lies below the truth, the more so the higher the dimension. The bias of a
uniform cube at the same n and schedule is known: an estimate is translated into the dimension of
the cube that reads the same. For clouds far from a cube (strong curvature, an uneven density) the
translation is off, see docs/dimension.md for how far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.dimension.spanning_trees import dimension_of
from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.parameters import number, whole, wholes

CUBES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 28, 36, 46, 60)
"""Dimensions of the cubes of the default calibration."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Mean PH-dimension of uniform cubes at one n.

    Parameters
    ----------
    n
        Points of each cloud.
    dimensions
        (m,) true dimensions, increasing.
    readings
        (m,) mean estimates, increasing.
    spread
        (m,) standard deviation between clouds.
    """

    n: int
    dimensions: NDArray[np.float64]
    readings: NDArray[np.float64]
    spread: NDArray[np.float64]

    def __call__(self, value: float) -> float:
        """Dimension of the cube that reads `value`; NaN beyond the cubes measured."""
        dimension = np.interp(value, self.readings, self.dimensions, left=np.nan, right=np.nan)
        return float(dimension)


def cube_calibration(
    n: int,
    *,
    alpha: float = 1.0,
    schedule: tuple[int, ...] | None = None,
    replicates: int = 10,
    dimensions: Sequence[int] = CUBES,
    clouds: int = 6,
    seed: int = 0,
) -> Calibration:
    """Measure uniform cubes at the n and the schedule of an estimate that is to be translated.

    Parameters
    ----------
    n
        Points of the cloud the estimate came from; its calibration is of that n and no other.
    alpha, schedule, replicates
        As in `ph_dimension`.
    dimensions
        True dimensions, increasing; beyond them nothing is said.
    clouds
        Cubes measured per dimension.
    seed
        Decides the clouds.

    Examples
    --------
    >>> from toposcope import dimension
    >>> calibration = cube_calibration(300, dimensions=(1, 2, 3, 5, 8), clouds=3)
    >>> plane = np.random.default_rng(1).random((300, 2))
    >>> value, _ = dimension.ph_dimension_from_distances(homology.distances(plane))
    >>> bool(abs(calibration(value) - 2) < 0.3)
    True
    """
    call = _CALL
    n = whole(n, "n", call=call, low=1)
    clouds = whole(clouds, "clouds", call=call, low=2, high=10**6)
    cubes = wholes(dimensions, "dimensions", call=call, low=1)
    homology.metrics.refuse_pairs(
        n, max(cubes), per_pair=8, call=call, advice="Pass n={most}, or fewer."
    )
    if len(cubes) < 2 or list(cubes) != sorted(set(cubes)):
        msg = f"{call}: needed are two or more increasing dimensions; got {cubes}."
        raise UsageError(msg)
    sizes = None if schedule is None else wholes(schedule, "schedule", call=call, low=1)
    alpha = number(alpha, "alpha", call=call, low=1e-6)
    replicates = whole(replicates, "replicates", call=call, low=1)
    return _measured(n, alpha, sizes, replicates, cubes, clouds, parameters.seed(seed, call=call))


_CALL = "cube_calibration()"


@lru_cache(maxsize=32)
def _measured(
    n: int,
    alpha: float,
    schedule: tuple[int, ...] | None,
    replicates: int,
    dimensions: tuple[int, ...],
    clouds: int,
    seed: int,
) -> Calibration:
    stream = np.random.default_rng(seed)
    read = np.array(
        [
            [
                dimension_of(
                    homology.distances(stream.random((n, d))),
                    alpha=alpha,
                    schedule=schedule,
                    replicates=replicates,
                    seed=stream,
                    call=_CALL,
                )[0]
                for _ in range(clouds)
            ]
            for d in dimensions
        ]
    )
    # Noise could make two neighbouring readings swap places; a calibration has to increase.
    readings = np.maximum.accumulate(read.mean(axis=1))
    return Calibration(
        n, np.asarray(dimensions, dtype=np.float64), readings, read.std(axis=1, ddof=1)
    )
