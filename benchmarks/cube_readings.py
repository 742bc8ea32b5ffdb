"""What the dimensions of uniform cubes read at finite n: the tables of `toposcope.dimension.cubes`.

python -m benchmarks.cube_readings    # about 6 minutes; prints the tables to paste

Means over clouds are taken of 1 / dimension, on which scale the estimators are additive and an
infinite one counts as 0. Seeds are (n, d, cloud).
"""

from __future__ import annotations

import numpy as np

from toposcope import dimension, homology
from toposcope.dimension.cubes import DIMENSIONS, ESTIMATORS
from toposcope.errors import ToposcopeError

SIZES = (25, 40, 64, 100, 160, 250, 400, 640, 1000, 1600)


def readings(n: int, d: int, clouds: int) -> dict[str, float]:
    """Mean reading of each estimator on `clouds` uniform cubes of n points in d dimensions."""
    inverse: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    for k in range(clouds):
        X = np.random.default_rng([n, d, k]).random((n, d))
        value, _ = dimension.ph_dimension_from_distances(homology.distances(X), seed=k)
        inverse["ph_dimension"].append(1 / value)
        inverse["two_nn"].append(1 / dimension.two_nn(X).value)
        try:
            inverse["mle"].append(1 / dimension.mle(X).value)
        except ToposcopeError:  # too few points for 20 neighbors
            inverse["mle"].append(np.nan)
    return {name: 1 / m if (m := float(np.mean(v))) else np.inf for name, v in inverse.items()}


def main() -> None:
    """Print a block per estimator: a row per n, a column per dimension."""
    table = {
        (n, d): readings(n, d, max(6, min(40, 20_000 // n))) for n in SIZES for d in DIMENSIONS
    }
    for name in ESTIMATORS:
        print(name)
        for n in SIZES:
            cells = [f"{table[n, d][name]:.2f}" for d in DIMENSIONS]
            print(f"    {n} {' '.join(cells)}")


if __name__ == "__main__":
    main()
