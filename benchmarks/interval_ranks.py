"""Intervals at all levels at once; `python -m benchmarks.interval_ranks` draws the picture.

An interval of a level is right when it holds the truth so often. Right at all levels: the place of
the truth among the intervals of one simulation (0 and 1 beyond all of them, 1/2 in their middle) is
uniform over simulations, as ranks are in simulation-based calibration. Drawn is how far the
distribution function of the places lies from the diagonal, in a band that holds all of it in 95 of
100 right intervals (Kolmogorov and Smirnov). The left end tells lower ends, the right one upper
ends; the outer parts are the high levels. Places are kept in benchmarks/calibration/places.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration.population import pairs_of, rows_of
from benchmarks.calibration.ranking import correlated
from benchmarks.calibration.scale import E0, TRUTHS, WORLDS, measured
from toposcope.dimension import two_nn
from toposcope.stats import (
    change_point,
    cluster_regression,
    difference_interval,
    disattenuated_correlation,
    mean_interval,
    partial_correlation,
    proportion_interval,
    variance_components,
)
from toposcope.stats.crossed import crossed_interval
from toposcope.transfer import agreement, noise_ceiling
from toposcope.transfer.evaluation.correlations import kendall

HERE = Path(__file__).parent
KEPT = HERE / "calibration" / "places.json"
IMAGE = HERE.parent / "docs" / "images" / "interval_ranks.png"
STEPS, SIMULATIONS = 14, 400

Ends = Callable[[float], Any]
"""level -> something with `low` and `high`."""


def place(at: Ends, truth: float) -> float:
    """Where the truth lies among the intervals of all levels, from 0 to 1.

    >>> from scipy.stats import norm
    >>> from types import SimpleNamespace
    >>> def normal(level):
    ...     half = norm.ppf((1 + level) / 2)
    ...     return SimpleNamespace(low=-half, high=half)
    >>> round(place(normal, norm.ppf(0.9)), 3)
    0.9
    """
    inside, outside = 1e-6, 1 - 1e-6
    narrow = at(inside)
    side = 1.0 if truth > (narrow.low + narrow.high) / 2 else -1.0
    for _ in range(STEPS):
        level = (inside + outside) / 2
        ends = at(level)
        if ends.low <= truth <= ends.high:
            outside = level
        else:
            inside = level
    return 0.5 + side * (inside + outside) / 4


def mean_of(rng: np.random.Generator, *, kind: str) -> float:
    x = rng.normal(size=8) if kind == "normal" else rng.exponential(size=8) - 1
    return place(lambda level: mean_interval(x, level=level), 0.0)


def welch(rng: np.random.Generator) -> float:
    a, b = rng.normal(size=5), 2 * rng.normal(size=8)
    return place(lambda level: difference_interval(a, b, level=level), 0.0)


def crossed(rng: np.random.Generator) -> float:
    x = rng.normal(size=(6, 4)) + rng.normal(size=4) + 0.7 * rng.normal(size=(6, 1))
    return place(lambda level: crossed_interval(x, level=level), 0.0)


def share(rng: np.random.Generator) -> float:
    found = rng.binomial(200, 0.8) / 200
    return place(lambda level: proportion_interval(found, 200, level=level), 0.8)


def scaled(rng: np.random.Generator) -> float:
    X = WORLDS["elliptical"](rng, 500)
    _, units, _ = measured(X, 50, 10, (E0,))[E0]
    return place(lambda level: mean_interval(units, level=level), TRUTHS["elliptical", 50][E0])


def partly(rng: np.random.Generator) -> float:
    z, own = rng.normal(size=(12, 2)), pairs_of(rng, 12, 0.6)
    x, y = own[:, 0] + z.sum(axis=1), own[:, 1] - z.sum(axis=1)
    return place(lambda level: partial_correlation(x, y, z, level=level), 0.6)


def ranks(rng: np.random.Generator) -> float:
    x, y = pairs_of(rng, 20, 0.6).T
    at = partial(partial_correlation, x, np.exp(y), method="spearman")
    return place(lambda level: at(level=level), 6 / np.pi * np.arcsin(0.3))


def nested(rng: np.random.Generator) -> float:
    where = np.repeat(np.arange(8), 4)
    x, y = (pairs_of(rng, 8, 0.6)[where] + 0.5 * pairs_of(rng, 32, 0.6)).T
    at = partial(partial_correlation, x, y, configurations=where)
    return place(lambda level: at(level=level), 0.6)


def slope(rng: np.random.Generator) -> float:
    where = np.repeat(np.arange(10), 4)
    x = rng.normal(size=10)[where]
    y = 2 * x + rng.normal(size=10)[where] + 0.5 * rng.normal(size=40)
    return place(lambda level: cluster_regression(y, x, where, level=level)["x1"], 2.0)


def component(rng: np.random.Generator, *, which: str, truth: float) -> float:
    rows = rows_of(rng, 6, 4, 5, (1.0, 1.0, 1.0))
    return place(
        lambda level: getattr(variance_components(*rows, level=level, seed=0), which), truth
    )


def freed(rng: np.random.Generator) -> float | None:
    own = pairs_of(rng, 30, 0.5)
    x = own[:, :1] + rng.normal(size=(30, 4))
    if np.isnan(disattenuated_correlation(x, own[:, 1], seed=0)[0].value):
        return None
    return place(lambda level: disattenuated_correlation(x, own[:, 1], level=level, seed=0)[0], 0.5)


def dimension(rng: np.random.Generator) -> float:
    """TwoNN over draws: the interval is of its own expectation at this n, which is biased."""
    draws = np.array([two_nn(rng.random(size=(50, 3))).value for _ in range(8)])
    return place(lambda level: mean_interval(draws, level=level), TWO_NN_OF_CUBES)


TWO_NN_OF_CUBES = 2.7967
"""Mean of 20,000 draws of 50 points of a cube of 3 dimensions."""


def agreeing(rng: np.random.Generator) -> float:
    truth = rng.normal(size=12)
    scores = correlated(rng, truth, 0.5)
    at = partial(agreement, scores, truth, n_resamples=400)
    return place(lambda level: at(level=level), 2 / np.pi * np.arcsin(0.5))


def ceiling(rng: np.random.Generator) -> float:
    truth = rng.normal(size=30)
    measured = truth + 0.5 * rng.normal(size=(3, 30))
    reached = float(kendall(truth, measured.mean(axis=0)))
    return place(lambda level: noise_ceiling(measured, level=level, n_resamples=200), reached)


def onset(rng: np.random.Generator) -> float:
    """Only the last of 12 layers differs, by 2 sd of a unit."""
    depth = np.arange(1, 13) / 12
    values = rng.normal(size=(8, 12)) + 2.0 * (depth == 1)
    at = partial(change_point, depth, values, n_resamples=199)
    return place(lambda level: at(level=level), 1.0)


INTERVALS: dict[str, tuple[str, Callable[[np.random.Generator], float | None], int]] = {
    "mean": ("mean, 8 normal draws", partial(mean_of, kind="normal"), SIMULATIONS),
    "skewed": ("mean, 8 exponential draws", partial(mean_of, kind="exponential"), SIMULATIONS),
    "welch": ("difference, 5 and 8 units, sd 1 and 2", welch, SIMULATIONS),
    "crossed": ("mean over 6 networks on 4 shared draws", crossed, SIMULATIONS),
    "scaled": ("H0 lifespan sum over its scale, 10 draws of 50", scaled, 200),
    "share": ("accuracy 0.8 of 200 samples", share, SIMULATIONS),
    "partial": ("partial correlation, 12 networks", partly, SIMULATIONS),
    "spearman": ("rank correlation, 20 networks", ranks, SIMULATIONS),
    "nested": ("correlation, 8 configurations of 4", nested, SIMULATIONS),
    "slope": ("slope, 10 configurations of 4", slope, SIMULATIONS),
    "network": ("variance of networks, 6 x 4 x 5",
                partial(component, which="network", truth=1.0), 100),
    "freed": ("correlation freed of the noise of 4 draws", freed, 100),
    "dimension": ("TwoNN dimension, 8 draws of 50 points", dimension, SIMULATIONS),
    "agreement": ("agreement of a score, 12 models", agreeing, 200),
    "ceiling": ("noise ceiling, 30 models, 3 fine-tunes", ceiling, 100),
    "onset": ("onset where one layer of 12 differs", onset, 100),
}  # fmt: skip


def made(name: str) -> list[float]:
    """Places of one interval, each simulation from its own stream."""
    _, simulate, count = INTERVALS[name]
    order = list(INTERVALS).index(name)
    found = (simulate(np.random.default_rng([order, k])) for k in range(count))
    return [round(one, 4) for one in found if one is not None]


def draw(places: dict[str, list[float]], to: Path) -> None:
    """The picture: one panel for each interval."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from scipy.stats import kstwo

    figure, axes = plt.subplots(4, 4, figsize=(12, 9), sharex=True, sharey=True)
    for axis, (name, (title, _, _)) in zip(axes.flat, INTERVALS.items(), strict=True):
        u = np.sort(places[name])
        grid = np.linspace(0, 1, 501)
        band = kstwo.ppf(0.95, len(u))
        apart = np.searchsorted(u, grid, side="right") / len(u) - grid
        axis.fill_between([0, 1], -band, band, color="#dddddd", linewidth=0)
        axis.plot(grid, apart, color="#1f4e79", linewidth=1.2)
        axis.axhline(0, color="#888888", linewidth=0.5)
        outside = np.abs(apart).max() > band
        axis.set_title(f"{title}{' (outside)' if outside else ''}", fontsize=8.5)
        axis.text(0.02, 0.04, f"{len(u)} simulations", transform=axis.transAxes, fontsize=7)
        axis.set_ylim(-0.2, 0.2)
        axis.tick_params(labelsize=7)
    figure.supxlabel("place of the truth among the intervals of all levels", fontsize=9)
    figure.supylabel("distribution function less uniform", fontsize=9)
    figure.tight_layout()
    figure.savefig(to, dpi=110)


def main() -> None:
    """Make what is missing, then draw."""
    places = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name in INTERVALS:
        if name not in places:
            places[name] = made(name)
            KEPT.write_text(json.dumps(places) + "\n")
            print(f"{name}: {len(places[name])} simulations", flush=True)
    draw(places, IMAGE)


if __name__ == "__main__":
    main()
