"""Checkpoints: what is said of one training, and of several, where training drives nothing."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.claims import add
from toposcope.analysis.validity_checks import h0_statistics
from toposcope.findings.trends import one_way
from toposcope.homology import distances
from toposcope.stats import trend


def curve(rng: np.random.Generator, *, steps: int, draws: int, points: int) -> NDArray[np.float64]:
    """(draws, steps) H0 lifespan sums of a random ReLU layer with fresh weights at every step."""
    X = rng.normal(size=(draws, points, 10))
    out = np.empty((draws, steps))
    for step in range(steps):
        weights = rng.normal(size=(10, 16))
        layer = np.maximum(X @ weights, 0.0)
        clouds = [distances(one) for one in layer]
        scale = np.mean([D.mean() for D in clouds])
        out[:, step] = [h0_statistics(D)["lifespan_sum"] / scale for D in clouds]
    return out


def about_training(rng: np.random.Generator, *, steps: int, trainings: int) -> bool:
    """Whether a trend of training is said to stand: p <= 0.05 over trainings."""
    values = np.array(
        [curve(rng, steps=steps, draws=2, points=40).mean(axis=0) for _ in range(trainings)]
    )
    return trend(np.arange(steps), values, unit="network").direction != "undecided"


def one_way_is_false(rng: np.random.Generator, *, steps: int) -> bool:
    """Whether a curve is said to go one way though its true curve rests at the last step."""
    true = 10.0 * np.minimum(np.arange(steps), steps - 2)
    return one_way(true + rng.normal(size=(8, steps))) <= 0.05


def ordered(rng: np.random.Generator, *, steps: int) -> bool:
    """Whether the description "one way at every step" is given of checkpoints without order."""
    return one_way(curve(rng, steps=steps, draws=8, points=60)) <= 0.05


for _steps in (3, 6, 8):
    add(
        f"findings.training_{_steps}",
        partial(about_training, steps=_steps, trainings=8),
        "a trend of training stands",
        world=f"8 trainings of {_steps} checkpoints with fresh random weights",
        at_most=0.05,
    )
    add(
        f"findings.still_{_steps}",
        partial(one_way_is_false, steps=_steps),
        "a curve goes one way at every step",
        world=f"one training, {_steps} checkpoints, rising but for the last step, 8 draws",
        simulations=2000,
        at_most=0.05,
    )
    add(
        f"findings.ordered_{_steps}",
        partial(ordered, steps=_steps),
        "these checkpoints go one way at every step (a description, true of them)",
        world=f"one training, {_steps} checkpoints with fresh random weights",
    )
