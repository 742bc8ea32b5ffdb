"""What each estimator reads on uniform cubes at finite n, tabulated, and the reading turned back.

All estimators of an intrinsic dimension are biased low, the more so the higher the dimension and
the fewer the points (PH-dimension of few points in many dimensions high), and a narrow interval
says nothing about it. So a number is shown beside the dimension of the uniform cube whose points
read the same: `cube_of`. `calibration` measures such cubes anew for any schedule; here they are
tabulated for the defaults, by
`python -m benchmarks.cube_readings`, so that every printed dimension can have its cube.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = (1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 28, 36, 46, 60)
"""Of the cubes, columns of the tables."""

ESTIMATORS = ("ph_dimension", "two_nn", "mle")
"""With their defaults: alpha = 1, eight sizes from n / 8, 10 replicates; all points; k = 20."""

PH_DIMENSION = """
25 1.21 2.24 3.44 4.53 6.11 7.77 10.85 13.95 21.65 36.68 115.64 795.98 1155.42 inf inf
40 1.15 2.19 3.16 4.32 5.44 6.87 10.04 12.62 19.13 33.37 56.72 202.76 1038.51 inf inf
64 1.12 2.14 3.11 4.16 5.17 6.45 8.68 11.21 16.24 23.62 35.31 69.63 156.56 1328.72 inf
100 1.08 2.03 2.98 3.85 4.77 5.79 7.68 10.05 12.66 17.57 23.62 32.33 49.43 83.39 173.85
160 1.04 1.98 2.87 3.72 4.61 5.62 7.22 8.98 11.42 15.10 18.90 24.77 33.11 42.88 59.49
250 1.03 1.95 2.85 3.74 4.53 5.43 7.00 8.53 10.88 13.96 17.92 21.63 27.40 35.60 45.56
400 1.02 1.95 2.86 3.72 4.54 5.28 6.91 8.29 10.66 13.40 16.82 20.31 25.70 31.40 39.38
640 1.01 1.95 2.87 3.71 4.51 5.37 6.84 8.39 10.44 13.40 16.38 20.11 24.62 29.66 35.97
1000 1.01 1.95 2.85 3.68 4.56 5.29 6.82 8.27 10.61 13.26 16.39 19.78 23.97 28.46 36.18
1600 1.01 1.96 2.85 3.73 4.58 5.42 6.93 8.32 10.46 13.03 16.37 19.77 24.29 28.18 35.40
"""

TWO_NN = """
25 0.89 1.82 2.57 3.40 4.29 4.63 6.03 7.09 8.73 10.64 13.45 16.13 18.10 21.06 24.15
40 1.02 1.86 2.64 3.43 4.19 4.82 6.20 7.45 9.26 11.58 14.03 16.91 19.86 22.30 26.64
64 0.98 1.89 2.70 3.41 4.16 4.96 6.07 7.85 9.14 11.79 14.05 17.12 20.74 25.55 28.64
100 0.99 1.98 2.83 3.66 4.38 5.14 6.52 7.88 9.62 11.82 14.75 17.75 21.14 24.99 30.44
160 0.99 1.98 2.84 3.67 4.50 5.40 6.82 8.15 9.93 12.37 14.81 18.23 22.59 26.48 30.24
250 1.01 1.96 2.79 3.72 4.48 5.34 6.74 8.18 10.32 12.75 15.77 18.70 22.42 27.08 31.95
400 0.98 1.98 2.90 3.77 4.49 5.35 6.78 8.33 10.19 12.84 15.93 19.17 23.24 27.72 33.30
640 0.99 1.96 2.89 3.76 4.59 5.48 6.93 8.43 10.63 13.12 16.09 19.71 24.05 28.21 33.79
1000 0.99 1.99 2.85 3.80 4.55 5.56 7.21 8.49 10.61 13.27 16.27 20.31 23.83 29.23 35.29
1600 0.98 2.00 2.94 3.84 4.81 5.45 6.89 8.58 10.73 13.21 16.76 20.18 24.46 29.19 35.70
"""

MLE = """
40 0.91 1.69 2.36 2.99 3.60 4.05 5.02 5.83 6.78 8.10 9.37 10.81 12.37 14.12 16.49
64 0.94 1.74 2.50 3.16 3.72 4.44 5.49 6.45 7.74 9.28 10.98 12.57 14.74 16.95 19.54
100 0.96 1.79 2.58 3.28 3.94 4.63 5.84 6.88 8.39 10.10 11.99 13.90 16.18 18.83 21.99
160 0.97 1.84 2.62 3.37 4.10 4.81 6.05 7.23 8.82 10.74 12.82 15.02 17.57 20.56 24.03
250 0.98 1.86 2.69 3.46 4.16 4.88 6.22 7.43 9.11 11.18 13.45 15.81 18.64 21.88 25.75
400 0.99 1.91 2.75 3.52 4.26 4.98 6.33 7.63 9.44 11.60 14.04 16.52 19.67 23.06 27.29
640 0.99 1.92 2.78 3.58 4.34 5.10 6.47 7.82 9.71 11.96 14.55 17.30 20.59 24.00 28.51
1000 1.00 1.94 2.79 3.61 4.41 5.13 6.52 7.92 9.89 12.22 14.95 17.87 21.23 25.02 30.00
1600 1.00 1.94 2.83 3.65 4.44 5.24 6.65 8.06 10.09 12.50 15.24 18.22 22.00 25.85 31.01
"""

_TABLES = dict(zip(ESTIMATORS, (PH_DIMENSION, TWO_NN, MLE), strict=True))


def cube_readings(estimator: str, n: int) -> NDArray[np.float64]:
    """(15,) mean readings of uniform cubes of `DIMENSIONS` at n points.

    Between the sizes measured, 1 / reading is interpolated in log n; above 1,600 points it is that
    of 1,600, from where on it moves by less than the spread between clouds. NaN below the smallest
    size, and for an estimator that is not tabulated.

    Examples
    --------
    >>> cube_readings("ph_dimension", 500)[[1, 4, 7]].round(1).tolist()
    [1.9, 4.5, 8.3]
    """
    if estimator not in _TABLES:
        return np.full(len(DIMENSIONS), np.nan)
    sizes, inverse = _table(estimator)
    if n < sizes[0]:
        return np.full(len(DIMENSIONS), np.nan)
    at = [np.interp(math.log(n), np.log(sizes), column) for column in inverse.T]
    with np.errstate(divide="ignore"):
        out: NDArray[np.float64] = 1.0 / np.asarray(at)
    return out


def cube_of(value: float, n: int, *, estimator: str) -> float:
    """Dimension of the uniform cube of which n points read `value`.

    Parameters
    ----------
    value
        An estimate, with the defaults of its estimator.
    n
        Distinct points of the cloud it came from.
    estimator
        One of `ESTIMATORS`.

    Returns
    -------
    The dimension; 0 below the reading of a line, inf above the last cube, NaN where nothing is
    tabulated.

    Examples
    --------
    >>> round(cube_of(8.3, 500, estimator="ph_dimension"), 1)
    10.0
    """
    readings = cube_readings(estimator, n)
    if not math.isfinite(readings[0]) or math.isnan(value):
        return math.nan
    # On the scale of 1 / dimension: cubes without a finite reading stand at 0.
    given = 1.0 / value if value > 0 else math.inf
    found = np.interp(-given, -1.0 / readings, DIMENSIONS, left=0.0, right=math.inf)
    return math.inf if given <= 0 else float(found)


@cache
def _table(estimator: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sizes, and (sizes, dimensions) 1 / reading, which falls along every row."""
    rows = np.array([line.split() for line in _TABLES[estimator].split("\n") if line], dtype=float)
    inverse = np.minimum.accumulate(1.0 / rows[:, 1:], axis=1)
    return rows[:, 0], inverse
