"""Intrinsic dimensions on scikit-dimension's benchmark manifolds: bias and spread, as a page.

python -m benchmarks.dimension_table > docs/dimension.md
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import skdim

from toposcope import homology
from toposcope.dimension import mle, ph_dimension, ph_dimension_from_distances, two_nn
from toposcope.dimension.calibration import cube_calibration

POINTS, DRAWS = 1000, 20

HEAD = f"""# Intrinsic dimension on known manifolds

Made by `python -m benchmarks.dimension_table`. Every row is a manifold of scikit-dimension's
benchmark, {DRAWS} independent draws of {POINTS} points each. An entry is the mean over draws, with
the standard deviation between draws in brackets. Bias is the mean divided by the true dimension,
minus one. `covers` says how many of the {DRAWS} jackknife intervals of `ph_dimension` hold the true
dimension: they are intervals for what the estimator converges to at this n, so where it is biased
they must miss the truth, and the column says how often. `calibrated` is the estimate translated
into the dimension of the uniform cube that reads the same at this n (`dimension.calibration`).

| manifold | true d | PH-dimension | bias | covers | calibrated | bias | TwoNN | bias \
| MLE, k = 20 | bias |
|---|---|---|---|---|---|---|---|---|---|---|"""

FOOT = """
Reading: PH-dimension underestimates as d grows (at d = 10 by a tenth to a fifth, at d = 24 by more)
and its spread between draws is small, so a narrow interval or an R^2 of 0.999 says nothing about
the bias. Calibration on cubes takes the bias out of clouds that are like cubes (affine, cubic). It
overshoots where the cloud has no boundary or bends through more dimensions (sphere, M6, M8), and
cannot help where the density is uneven (Mbeta, the paraboloids, the spiral). Compare
PH-dimensions with each other at equal n, not with integers.
"""


def main() -> None:
    """Print the page."""
    warnings.simplefilter("ignore")
    truth = skdim.datasets.BenchmarkManifolds(random_state=0).truth["Intrinsic Dimension"]
    draws = [
        skdim.datasets.BenchmarkManifolds(random_state=seed).generate(n=POINTS)
        for seed in range(DRAWS)
    ]
    calibration = cube_calibration(POINTS)
    print(HEAD)
    for name in draws[0]:
        d = int(truth[name])
        clouds = [np.asarray(draw[name], dtype=np.float64) for draw in draws]
        ph = values(lambda X: ph_dimension_from_distances(homology.distances(X), seed=0)[0], clouds)
        found = [ph_dimension(X) for X in clouds]
        covers = sum(one.low <= d <= one.high for one in found)
        cells = [name, str(d), *cell(ph, d), str(covers)]
        cells += cell(np.array([calibration(value) for value in ph]), d)
        cells += cell(values(lambda X: two_nn(X).value, clouds), d)
        cells += cell(values(lambda X: mle(X).value, clouds), d)
        print("| " + " | ".join(cells) + " |")
    print(FOOT)


def values(estimate: Callable[[np.ndarray], float], clouds: list[np.ndarray]) -> np.ndarray:
    """One estimate per draw."""
    return np.array([estimate(X) for X in clouds])


def cell(estimates: np.ndarray, truth: int) -> list[str]:
    """Mean (spread), bias."""
    mean = estimates.mean()
    if not np.isfinite(mean):
        return ["beyond its end", ""]
    return [f"{mean:.2f} ({estimates.std(ddof=1):.2f})", f"{100 * (mean / truth - 1):+.0f} %"]


if __name__ == "__main__":
    main()
