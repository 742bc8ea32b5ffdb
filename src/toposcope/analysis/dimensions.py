"""Dimensions of the layers beside those of the uniform cubes that read the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.dimension.cubes import cube_of, cube_readings
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    import pandas as pd

DIMENSIONS = ("ph_dimension", "two_nn")
"""Statistics that estimate an intrinsic dimension."""

ENDS = ("mean", "low", "high")


def dimensions_of(intervals: pd.DataFrame, attrs: Mapping[str, Any]) -> pd.DataFrame:
    """Every estimated dimension with its cube.

    Parameters
    ----------
    intervals
        As `Analysis.intervals`.
    attrs
        Parameters of the analysis: `points` and `metric`.

    Returns
    -------
    Rows of `intervals` about dimensions of the data, with `points`, and with `cube`, `cube_low` and
    `cube_high`: the dimension of the uniform cube of so many points that reads the same, and of the
    ends. They are inf beyond 60 dimensions, and NaN for fewer than 25 points and distances that are
    not Euclidean, for which no cube was measured.
    """
    told = (intervals["cloud"] == DATA_CLOUD) & intervals["statistic"].isin(DIMENSIONS)
    out = intervals[told].reset_index(drop=True)
    points = ruled_points(attrs)
    out["points"] = int(attrs.get("points") or 0)
    for end, name in zip(ENDS, ("cube", "cube_low", "cube_high"), strict=True):
        out[name] = [
            cube_of(float(value), points, estimator=str(statistic))
            for value, statistic in zip(out[end], out["statistic"], strict=True)
        ]
    return out


def readings_at(statistic: str, points: int, dimensions: tuple[int, ...]) -> list[float]:
    """What uniform cubes of some dimensions read, of those in `dimension.cubes.DIMENSIONS`.

    >>> [round(value, 1) for value in readings_at("ph_dimension", 500, (5, 10))]
    [4.5, 8.3]
    """
    from toposcope.dimension.cubes import DIMENSIONS as KNOWN

    readings = cube_readings(statistic, points)
    return [float(readings[KNOWN.index(d)]) for d in dimensions]


def ruled_points(attrs: Mapping[str, Any]) -> int:
    """Points of a cloud that the cubes are a ruler for; 0 where they are none."""
    euclidean = attrs.get("metric", "euclidean") == "euclidean"
    points = int(attrs.get("points") or 0) if euclidean else 0
    return points if np.isfinite(cube_readings("ph_dimension", points)[0]) else 0
