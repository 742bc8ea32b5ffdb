"""Null models: clouds in which there is no topology, and clouds in which there is.

Each simulation is an analysis of one layer, 8 disjoint draws of 50 samples, and what
`against_nulls` says of four statistics together at 5 %. A null keeps something; a cloud that has
that and nothing else must not be told apart from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import toposcope as ts
from benchmarks.calibration.claims import add
from toposcope.findings import against_nulls
from toposcope.findings.looked_at import Looked
from toposcope.findings.null_tests import UNDECIDED
from toposcope.pointclouds.nulls import COPULA, GAUSSIAN, TWINS
from toposcope.store.arrays import save_arrays
from toposcope.store.runs import twin_of

DRAWS, POINTS = 8, 50
N = DRAWS * POINTS
World = Callable[[np.random.Generator], np.ndarray]

STATISTICS = {
    "E0": ("lifespan_sum", 0),
    "E1": ("lifespan_sum", 1),
    "H0 entropy": ("persistence_entropy", 0),
    "PH-dimension": ("ph_dimension", None),
}


def independent_relu(rng: np.random.Generator) -> np.ndarray:
    return np.maximum(rng.normal(size=(N, 64)), 0)


def correlated(rng: np.random.Generator) -> np.ndarray:
    """Gaussian with a decaying spectrum."""
    mixing = rng.normal(size=(64, 64)) * np.arange(1, 65)[:, None] ** -0.5
    return rng.normal(size=(N, 64)) @ mixing


def correlated_relu(rng: np.random.Generator) -> np.ndarray:
    return np.maximum(correlated(rng), 0)


def heavy_tails(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_t(3, size=(N, 64))


def uniform_cube(rng: np.random.Generator) -> np.ndarray:
    return rng.random(size=(N, 10))


def elliptical(rng: np.random.Generator) -> np.ndarray:
    """One radius for all features: a dependence that no correlation has."""
    return rng.normal(size=(N, 64)) / np.sqrt(rng.chisquare(5, size=(N, 1)) / 5)


def clusters(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(N, 16)) + 6 * rng.normal(size=(10, 16))[rng.integers(10, size=N)]


def circle(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi, size=N)
    plane = np.linalg.qr(rng.normal(size=(16, 2)))[0]
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) @ plane.T * 8 + 0.5 * rng.normal(
        size=(N, 16)
    )


def told_apart(
    rng: np.random.Generator, *, world: World, null: str, statistics: Mapping[str, Looked]
) -> bool:
    """Whether the analysis of a world says that some statistic stands apart from a null."""
    looked = list(statistics.values())
    found = ts.analyze(
        ts.from_arrays({"layer": world(rng)}),
        points=POINTS,
        replicates=DRAWS,
        null=null,
        seed=int(rng.integers(2**31)),
        homology_dimensions=(0, 1),
        jobs=0,
    )
    verdicts = against_nulls(found, statistics=looked, n_resamples=999)["verdict"]
    return bool((verdicts != UNDECIDED).any())


for _world, _what in (
    (independent_relu, "ReLU of 64 independent features"),
    (correlated, "64 Gaussian features, correlated"),
    (correlated_relu, "ReLU of 64 correlated Gaussian features"),
    (heavy_tails, "64 independent features, t with 3 degrees of freedom"),
    (uniform_cube, "uniform in a cube of 10 dimensions"),
):
    add(
        f"nulls.copula_{_world.__name__}",
        partial(told_apart, world=_world, null=COPULA, statistics=STATISTICS),
        f"one of {', '.join(STATISTICS)} lies apart from the copula null",
        world=f"{_what}: nothing but marginals and correlation",
        at_most=0.05,
    )
for _world, _null, _what in (
    (independent_relu, GAUSSIAN, "ReLU of 64 independent features: no topology"),
    (elliptical, GAUSSIAN, "64 features with one common radius, t with 5 degrees of freedom"),
    (elliptical, COPULA, "64 features with one common radius, t with 5 degrees of freedom"),
):
    add(
        f"nulls.{_null}_{_world.__name__}",
        partial(told_apart, world=_world, null=_null, statistics=STATISTICS),
        f"one of {', '.join(STATISTICS)} lies apart from the {_null} null",
        world=_what,
        simulations=100,
    )
for _world, _name, _what in (
    (clusters, "E0", "10 clusters in 16 dimensions"),
    (circle, "E1", "a circle in 16 dimensions, noise of 1/16 of its radius"),
):
    add(
        f"nulls.copula_{_world.__name__}",
        partial(told_apart, world=_world, null=COPULA, statistics={_name: STATISTICS[_name]}),
        f"{_name} lies apart from the copula null",
        world=_what,
        simulations=100,
        at_least=0.95 if _world is clusters else 0.0,
    )


def twins_of_untrained(rng: np.random.Generator, *, trained: float = 0.0) -> bool:
    """Whether a network is told apart from its 5 random-init twins; `trained` shifts its weights.

    Layers of an MLP with fresh weights on one set of samples: the network is one more twin. The
    twin is the unit, so two draws do: with four a simulation took 2.5 s, and so 1.0.
    """
    X = rng.normal(size=(2 * POINTS, 16)) * np.arange(1, 17) ** -0.5

    def layers(gain: float) -> dict[str, np.ndarray]:
        out, values = {}, X
        for depth in range(3):
            weights = rng.normal(size=(values.shape[1], 48)) * np.sqrt(2 / values.shape[1])
            values = np.maximum(values @ weights * (1 + gain * (np.arange(48) < 4)), 0)
            out[f"l{depth}"] = values
        return out

    seed = int(rng.integers(2**31))
    with TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        save_arrays(ts.from_arrays(layers(trained)), run)
        for number in range(TWINS):
            save_arrays(ts.from_arrays(layers(0.0)), twin_of(run, number))
        found = ts.analyze(
            run,
            points=POINTS,
            replicates=2,
            null="random_init",
            seed=seed,
            homology_dimensions=(0,),
            jobs=0,
        )
        looked = [STATISTICS["E0"], STATISTICS["H0 entropy"], STATISTICS["PH-dimension"]]
        verdicts = against_nulls(found, statistics=looked)["verdict"]
        return bool((verdicts != UNDECIDED).any())


add(
    "nulls.twins_untrained",
    twins_of_untrained,
    "some layer lies apart from the random-init twins",
    world="an untrained network of 3 layers, 5 twins, 2 draws, 9 tests",
    at_most=0.05,
)
add(
    "nulls.twins_trained",
    partial(twins_of_untrained, trained=4.0),
    "some layer lies apart from the random-init twins",
    world="the same, but 4 of 48 units of every layer have learned to be 5 times as large",
)
