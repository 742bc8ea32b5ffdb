"""Verdicts of studies: a planted true world is confirmed, its null is not.

Each world makes a table of measurements as the study's workers would, and the study's own rules
judge it: from the table to the verdict nothing is simulated. A study adds two worlds per claim:

    @planted("wheeler-training", "W1", true="norms rise in most layers", null="they never move")
    def rises(rng, holds): return table

`holds` says which of the two is asked for. What is said is "confirmed"; at least 80 % of the true
worlds and at most 5 % of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.claims import add
from toposcope.studies import STUDIES, Decided, Definition
from toposcope.studies import wheeler_training as wheeler

World = Callable[[np.random.Generator, bool], pd.DataFrame]


def planted(
    study: str,
    claim: str,
    *,
    true: str,
    null: str,
    design: Any = None,
    simulations: int = 400,
    topic: str = "studies",
) -> Callable[[World], World]:
    """Register the function below as the two worlds of a claim.

    Parameters
    ----------
    study, claim
        Names.
    true, null
        What is so in each, with the number of units, for the table.
    design
        The design that the tables are of; None for the study's quick one.
    simulations
        Of each.
    topic
        Name of the file that calls this, and of its table in docs/statistics.md.
    """
    definition = STUDIES[study]
    assert isinstance(definition, Definition)
    sentence = next(one.sentence for one in definition.claims if one.id == claim)
    chosen = definition.quick if design is None else design

    def register(world: World) -> World:
        for name, holds, told in (("true", True, true), ("null", False, null)):
            add(
                f"{topic}.{study}.{claim}.{name}",
                partial(_confirmed, world, definition, chosen, claim, holds),
                f"{claim} confirmed: {sentence}",
                world=f"{'true' if holds else 'null'}: {told}",
                simulations=simulations,
                **({"at_least": 0.8} if holds else {"at_most": 0.05}),
            )
        return world

    return register


def _confirmed(
    world: World,
    study: Definition,
    design: Any,
    claim: str,
    holds: bool,
    rng: np.random.Generator,
) -> bool:
    (wanted,) = [one for one in study.claims if one.id == claim]
    found = study.decide(wanted, world(rng, holds), design, choices=False)
    return found.decision == Decided.CONFIRMED


# ------------------------------------------------------------------------------ wheeler-training

NETWORKS, MOMENTS, LAYERS = wheeler.QUICK.networks, 5, 7
DRAWS = wheeler.QUICK.draws_trained


def table(
    norms: np.ndarray, noise: float, rng: np.random.Generator, shapes: np.ndarray | None = None
) -> pd.DataFrame:
    """Measurements of (scales, networks, moments, layers) norms, with noise between draws.

    `shapes` are (networks, 2, numbers) landscapes of the first and the last moment, the same at
    every layer but for noise.
    """
    scales, networks, moments, layers = norms.shape
    index = np.indices((scales, networks, moments, layers, DRAWS, 2)).reshape(6, -1)
    scale, network, moment, layer, draw, degree = index
    values = norms[scale, network, moment, layer] + noise * rng.normal(size=index.shape[1])
    ends = (moment == 0) | (moment == moments - 1)
    empty: list[float] = []
    landscapes: list[Any] = [empty] * len(values)
    if shapes is not None:
        which = np.flatnonzero(ends)
        drawn = shapes[network[which], (moment[which] > 0).astype(int)]
        drawn = drawn + noise * rng.normal(size=drawn.shape)
        for place, row in zip(which, drawn, strict=True):
            landscapes[place] = row
    else:
        for place in np.flatnonzero(ends):
            landscapes[place] = rng.normal(size=3)
    return pd.DataFrame(
        {
            "network": np.char.add("network ", network.astype(str)),
            "moment": moment,
            "data": wheeler.QUICK.data[0],
            "milestone": moment / (moments - 1),
            "label": wheeler.QUICK.labels[0],
            "layer": layer,
            "scale": np.array(wheeler.SCALES)[scale],
            "draw": draw,
            "degree": degree,
            "norm": values,
            "landscape": landscapes,
        }
    )


def flat_norms(rng: np.random.Generator, between: float = 0.2) -> np.ndarray:
    """Norms that differ between networks and layers and with nothing else."""
    shape = (len(wheeler.SCALES), NETWORKS, 1, LAYERS)
    return np.broadcast_to(
        3 + between * rng.normal(size=shape), (*shape[:2], MOMENTS, LAYERS)
    ).copy()


@planted(
    "wheeler-training",
    "W1",
    true="12 networks, norms rise by two spreads of a draw in 80 % of their layers",
    null="12 networks, norms do not move",
)
def with_training(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Norms rise with training in some layers of every network."""
    norms = flat_norms(rng)
    if holds:
        which = rng.random((1, NETWORKS, 1, LAYERS)) < 0.8
        norms += 0.4 * which * np.linspace(0, 1, MOMENTS)[:, None]
    return table(norms, 0.2, rng)


@planted(
    "wheeler-training",
    "W2",
    true="12 networks, norms fall with depth but for one layer",
    null="12 networks, every layer alike",
)
def over_layers(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Trained networks whose norms fall from layer to layer, or stay."""
    norms = np.full((len(wheeler.SCALES), NETWORKS, MOMENTS, LAYERS), 3.0)
    if holds:
        norms -= 0.2 * np.arange(LAYERS)
        norms[..., rng.integers(1, LAYERS) :] += 0.8
    return table(norms, 0.2, rng)


@planted(
    "wheeler-training",
    "W3",
    true="12 networks, norms rise under two metrics and fall under the others",
    null="12 networks, norms rise in 60 % of the layers under every metric",
)
def by_scale(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Training moves norms alike, or by the metric."""
    norms = flat_norms(rng)
    slopes = rng.choice([0.4, -0.4], p=[0.6, 0.4], size=(len(wheeler.SCALES), NETWORKS, 1, LAYERS))
    if holds:
        slopes = np.array([0.4, 0.4, -0.4, -0.4])[:, None, None, None] + 0.2 * rng.normal(
            size=slopes.shape
        )
    return table(norms + slopes * np.linspace(0, 1, MOMENTS)[:, None], 0.2, rng)


@planted(
    "wheeler-training",
    "W4",
    true="12 networks, training moves the landscape by three spreads between networks",
    null="12 networks, trained and untrained landscapes of one distribution",
)
def landscapes_move(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Landscapes before and after training."""
    shapes = rng.normal(size=(NETWORKS, 2, 3))
    if holds:
        shapes[:, 1, 0] += 6.0
    return table(flat_norms(rng), 0.2, rng, shapes)


@planted(
    "wheeler-training",
    "W8",
    true="12 networks, layers spread three times as far as networks",
    null="12 networks, layers all alike in the mean, networks differ",
)
def layers_differ(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Norms that differ between layers, or between networks only."""
    norms = flat_norms(rng, between=0.2)
    if holds:
        norms += 0.6 * rng.normal(size=LAYERS)
    return table(norms, 0.05, rng)
