"""PH-dimension and landscapes against the libraries people use, same numbers, CPU seconds.

python -m benchmarks.bench_summaries
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import time
from collections.abc import Callable

import numpy as np
from gudhi.representations.vector_methods import Landscape
from persim.landscapes import PersLandscapeExact
from ripser import ripser

from toposcope import homology
from toposcope.diagrams import summaries
from toposcope.dimension import ph_dimension_from_distances

BIRDAL = range(200, 1000, 50)
REPEATS = 10


def cpu(function: Callable[[], object], runs: int) -> float:
    """Median CPU seconds of a call."""
    function()
    times = []
    for _ in range(runs):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return float(np.median(times))


def ours(X: np.ndarray) -> float:
    """PH-dimension with Birdal's schedule, from points."""
    distances = homology.distances(X)
    return ph_dimension_from_distances(distances, schedule=BIRDAL, replicates=REPEATS, seed=0)[0]


def reference(X: np.ndarray) -> float:
    """The same sub-samples with ripser's H0, as the published code does."""
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(X)) for _ in range(REPEATS)]
    x, y = [], []
    for size in BIRDAL:
        logs = []
        for order in orders:
            deaths = ripser(X[order[:size]], maxdim=0)["dgms"][0][:, 1]
            logs.append(np.log(deaths[np.isfinite(deaths)].sum()))
        x.append(np.log(size))
        y.append(np.mean(logs))
    return float(1 / (1 - np.polyfit(x, y, 1)[0]))


def dimension_rows() -> None:
    """PH-dimension, 1,000 points, 16 sizes x 10 repeats."""
    print(
        "| PH-dimension, Birdal's schedule, 10 repeats | toposcope s | ripser s | ratio | values |"
    )
    print("|---|---|---|---|---|")
    rng = np.random.default_rng(7)
    kinds = {
        "uniform cube, d = 10": rng.random((1000, 10)),
        "ReLU of a Gaussian, R^512": np.maximum(rng.normal(size=(1000, 512)), 0),
    }
    for name, X in kinds.items():
        a, b = cpu(lambda X=X: ours(X), 5), cpu(lambda X=X: reference(X), 1)
        print(f"| {name} | {a:.3f} | {b:.2f} | {b / a:.0f} | {ours(X):.4f}, {reference(X):.4f} |")


def landscape_rows() -> None:
    """Landscapes of diagrams with 1,000 pairs.

    persim's grid landscape is left out: it moves births and deaths onto the grid first.
    """
    rng = np.random.default_rng(8)
    births = rng.random(1000)
    pairs = np.column_stack([births, births + rng.exponential(0.1, 1000)])
    print("\n| landscape of 1,000 pairs | toposcope ms | peer ms | ratio | largest difference |")
    print("|---|---|---|---|---|")
    for levels, size in ((5, 100), (10, 1000)):
        grid = np.linspace(0.0, 1.5, size)
        mine = summaries.landscape(pairs, levels, grid)
        a = cpu(lambda g=grid, k=levels: summaries.landscape(pairs, k, g), 20)
        gudhi = Landscape(num_landscapes=levels, resolution=size, sample_range=[0.0, 1.5])
        b = cpu(lambda g=gudhi: g.fit_transform([pairs]), 5)
        # GUDHI's values are sqrt(2) times Bubenik's.
        peer = gudhi.fit_transform([pairs])[0].reshape(levels, size) / np.sqrt(2)
        row = f"{levels} levels x {size}"
        off = np.abs(peer - mine).max()
        print(f"| GUDHI, {row} | {1e3 * a:.3f} | {1e3 * b:.2f} | {b / a:.0f} | {off:.1e} |")
    inner = cpu(lambda: summaries.landscape_inner(pairs, pairs), 5)
    exact = cpu(lambda: PersLandscapeExact(dgms=[pairs], hom_deg=0).compute_landscape(), 1)
    mine = summaries.landscape_norm(pairs)
    theirs = PersLandscapeExact(dgms=[pairs], hom_deg=0).p_norm(2)
    print(
        f"| persim exact, all levels, L2 norm | {1e3 * inner:.1f} | {1e3 * exact:.0f} "
        f"| {exact / inner:.0f} | {abs(mine - theirs):.1e} |"
    )


if __name__ == "__main__":
    dimension_rows()
    landscape_rows()
