"""Worlds of M5 to M8 (Magai 2023): activation functions, training, attacks, families.

Null worlds are the hard ones: sums fall in the twins as well, noise of the same norm does what an
attack does, one of two later activation functions is as early as ReLU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies import magai_activations as activations
from toposcope.studies import magai_adversarial as adversarial
from toposcope.studies import magai_families as families
from toposcope.studies import magai_training as training

Array = np.ndarray
TOPIC = "studies_magai_more"
SUM = {"scale": "minmax", "degree": 0, "pooled": False, "name": ""}


def kinds_of(count: int) -> Array:
    """Half of the networks are of each kind."""
    return np.where(np.arange(count) < count // 2, "plain", "residual")


# ----------------------------------------------------------------------------- magai-activations

SEEDS = len(activations.QUICK.kinds) * activations.QUICK.seeds


@planted(
    "magai-activations",
    "M5",
    true="16 seeds, half depth 0.4 with ReLU and 0.6 with others, spread 0.1 of a network",
    null="16 seeds, half depth 0.45 with ReLU and tanh, 0.7 with sigmoid, spread 0.1 of a network",
    topic=TOPIC,
)
def earlier(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Straight curves that pass half of their first value at a depth."""
    centers = (0.4, 0.6, 0.6) if holds else (0.45, 0.45, 0.7)
    layers = activations.QUICK.blocks + 2
    depth = np.linspace(0, 1, layers)
    parts = []
    for name, center in zip((activations.FIRST, *activations.LATER), centers, strict=True):
        halves = np.clip(center + 0.1 * rng.normal(size=(SEEDS, 1)), 0.1, 0.95)
        values = np.maximum(1 - 0.5 * depth / halves, 0.0)
        unit, layer = np.indices(values.shape).reshape(2, -1)
        one = {
            "unit": np.char.add("plain seed ", unit.astype(str)),
            "kind": kinds_of(SEEDS)[unit],
            "activation": name,
            "equal": True,
            "last": True,
            "layer": layer,
            "value": values.ravel(),
        }
        parts.append(pd.DataFrame(one | SUM))
    return pd.concat(parts, ignore_index=True)


# -------------------------------------------------------------------------------- magai-training

NETWORKS = len(training.QUICK.kinds) * training.QUICK.seeds
MOMENTS, LAYERS = len(training.QUICK.moments) + 1, training.QUICK.blocks + 2


def trained(values: Array, accuracy: Array, *, shuffled: bool) -> pd.DataFrame:
    """(networks, moments, layers) sums and (moments,) accuracies as the workers write them."""
    network, moment, layer = np.indices(values.shape).reshape(3, -1)
    names = np.char.add("network ", np.char.zfill(network.astype(str), 2))
    one = {
        "network": np.char.add(names, " shuffled") if shuffled else names,
        "kind": kinds_of(len(values))[network],
        "seed": network.astype(str),
        "shuffled": shuffled,
        "moment": moment,
        "train": accuracy[moment],
        "test": accuracy[moment],
        "part": "train",
        "layer": layer,
        "value": values.ravel(),
    }
    return pd.DataFrame(one | SUM)


def course(rng: np.random.Generator, slopes: Array, noise: float) -> Array:
    """Sums that fall by (networks,) logarithms over all moments."""
    time = np.linspace(0, 1, MOMENTS)[None, :, None]
    shape = (len(slopes), MOMENTS, LAYERS)
    return np.asarray(np.exp(slopes[:, None, None] * time + noise * rng.normal(size=shape)))


@planted(
    "magai-training",
    "M6",
    true="16 networks, sums fall by a fifth with a spread of 0.1, twins' do not",
    null="16 networks, sums fall by a fifth with a spread of 0.1, and those of the twins alike",
    topic=TOPIC,
)
def falls(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Networks and twins whose sums fall during training, or do not."""
    accuracy = np.linspace(0.1, 0.95, MOMENTS)
    slopes = -0.22 + 0.1 * rng.normal(size=NETWORKS)
    others = (0.0 if holds else -0.22) + 0.1 * rng.normal(size=NETWORKS)
    return pd.concat(
        [
            trained(course(rng, slopes, 0.1), accuracy, shuffled=False),
            trained(course(rng, others, 0.1), accuracy, shuffled=True),
        ],
        ignore_index=True,
    )


@planted(
    "magai-training",
    "M6-accuracy",
    true="16 networks, sums fall with accuracy (noise a tenth of the fall), twins' go anywhere",
    null="16 networks, sums fall with accuracy, and those of the twins with theirs",
    topic=TOPIC,
)
def tracks(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Networks that track their accuracy, and twins that do so or not."""
    accuracy = np.linspace(0.1, 0.95, MOMENTS)
    slopes = np.full(NETWORKS, -0.5)
    own = course(rng, slopes, 0.05)
    others = course(rng, 0.0 * slopes if holds else slopes, 0.05)
    return pd.concat(
        [
            trained(own, accuracy, shuffled=False),
            trained(others, accuracy, shuffled=True),
        ],
        ignore_index=True,
    )


# ----------------------------------------------------------------------------- magai-adversarial

ATTACKED = len(adversarial.QUICK.kinds) * adversarial.QUICK.seeds
STRENGTHS = (0.0, *adversarial.QUICK.strengths)


def moved(values: Array, side: str, aim: str, strengths: tuple[float, ...]) -> pd.DataFrame:
    """(networks, strengths, layers) sums of one side."""
    network, strength, layer = np.indices(values.shape).reshape(3, -1)
    one: dict[str, Any] = {
        "network": np.char.add("network ", np.char.zfill(network.astype(str), 2)),
        "kind": kinds_of(len(values))[network],
        "attack": "pgd",
        "aim": aim,
        "strength": np.array(strengths)[strength],
        "success": np.linspace(0.1, 0.95, len(strengths))[strength],
        "side": side,
        "layer": layer,
        "hidden": False,
        "value": values.ravel(),
    }
    return pd.DataFrame(one | SUM)


@planted(
    "magai-adversarial",
    "M7",
    true="16 networks, sums fall by half with success (noise a tenth), not under noise",
    null="16 networks, sums fall by half with strength, under noise of the same norm as well",
    topic=TOPIC,
)
def ordered(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Sums of all images, attacked and with noise, at every strength."""
    layers = adversarial.QUICK.blocks + 2
    parts = []
    for side in ("attacked", "noise"):
        slope = -0.5 if side == "attacked" or not holds else 0.0
        fall = slope * np.linspace(0, 1, len(STRENGTHS))[None, :, None]
        noise = 0.1 * rng.normal(size=(ATTACKED, len(STRENGTHS), layers))
        parts.append(moved(np.exp(fall + noise), side, "one", STRENGTHS))
    return pd.concat(parts, ignore_index=True)


@planted(
    "magai-adversarial",
    "M7-classes",
    true="16 networks, attacked images of a class a seventh below those with noise, spread 0.1",
    null="16 networks, attacked images of a class as those with noise, spread 0.1",
    topic=TOPIC,
)
def lowered(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Sums of images that are taken for one class."""
    strengths = adversarial.QUICK.strengths
    shape = (ATTACKED, len(strengths), adversarial.QUICK.blocks + 2)
    effect = (-0.15 if holds else 0.0) + 0.1 * rng.normal(size=(ATTACKED, 1, 1))
    parts = [
        moved(np.exp(shift + 0.1 * rng.normal(size=shape)), side, "next", strengths)
        for side, shift in (("attacked", effect), ("noise", np.zeros((ATTACKED, 1, 1))))
    ]
    return pd.concat(parts, ignore_index=True)


# -------------------------------------------------------------------------------- magai-families


@planted(
    "magai-families",
    "M8",
    true="8 networks of each family, half depths 0.4 and 0.65, spread 0.04 of a network",
    null="8 networks of each family, half depth 0.5 in both, spread 0.1 of a network",
    topic=TOPIC,
)
def distinct(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Curves that differ between families, or between networks only."""
    count, layers = families.QUICK.seeds, families.QUICK.depth + 1
    depth = np.linspace(0, 1, layers)
    parts = []
    for name, center in zip(families.MAIN_FAMILIES, (0.4, 0.65), strict=True):
        middle, spread = (center, 0.04) if holds else (0.5, 0.1)
        halves = np.clip(middle + spread * rng.normal(size=(count, 1)), 0.1, 0.95)
        values = np.maximum(1 - 0.5 * depth / halves, 0.0)
        values = values * np.exp(0.05 * rng.normal(size=values.shape))
        network, layer = np.indices(values.shape).reshape(2, -1)
        one = {
            "network": np.char.add(f"{name} seed ", network.astype(str)),
            "family": name,
            "layer": layer,
            "what": "sum",
            "value": values.ravel(),
        }
        parts.append(pd.DataFrame(one | SUM))
    return pd.concat(parts, ignore_index=True)
