"""naitzat: Betti numbers of layers, planted, through the rules of the study.

Tables hold what the workers would write: the input (the known numbers at a block of settings), and
every layer of every network, the same at all settings.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies import naitzat as study

DESIGN = study.QUICK
NETWORKS, LAYERS = DESIGN.networks, DESIGN.depth + 1  # the last are the logits
RIGHT = (14, 2.0)


def rows(
    omega: np.ndarray, data: str, activation: str, moment: int, *, first: int = 1
) -> pd.DataFrame:
    """Rows of (networks, layers) components at the setting of the plateau; no holes."""
    seed, layer = np.indices(omega.shape).reshape(2, -1)
    name = f"{data} {activation} seed "
    return pd.DataFrame(
        {
            "network": np.char.add(name, seed.astype(str)),
            "data": data,
            "activation": activation,
            "seed": seed,
            "moment": moment,
            "train": 1.0 if moment else 0.5,
            "label": 0,
            "layer": layer + first,
            "draw": 0,
            "metric": "hops",
            "neighbors": RIGHT[0],
            "scale": RIGHT[1],
            "betti0": omega.ravel(),
            "betti1": 0,
        }
    )


def table(
    trained: dict[tuple[str, str], np.ndarray], untrained: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Measurements of networks by data and activation: (networks, layers) of omega."""
    made = [rows(omega, *key, moment=1) for key, omega in trained.items()]
    made += [rows(omega, data, "relu", moment=0) for data, omega in untrained.items()]
    for data in DESIGN.data:
        known = study.KNOWN_BETTI[data][0]
        one = rows(np.array([[known[0]]]), data, "relu", moment=0, first=0)
        made += [
            one.assign(neighbors=k, scale=s, betti1=known[1] + (s == 1.0))
            for k in DESIGN.neighbors
            for s in DESIGN.hops
        ]
    return pd.concat(made, ignore_index=True)


def falling(rng: np.random.Generator, depth: np.ndarray, start: int = 9) -> np.ndarray:
    """(networks, layers) of omega that goes from `start` to 1 at a depth, and stays there."""
    layer = np.arange(1, LAYERS + 1)
    steep = 1 / (1 + np.exp(2.5 * (layer - depth[:, None])))
    return np.rint(1 + (start - 1) * steep + 0.3 * rng.normal(size=steep.shape)).clip(1).astype(int)


@planted(
    "naitzat",
    "N1",
    true="10 networks a kind of data, 97 % of them end at (1, 0), untrained 10 %",
    null="10 networks a kind of data, 40 % end at (1, 0), untrained too",
    simulations=100,
    topic="studies_naitzat",
)
def simplifies(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Networks that reach one component, or are as likely to before their training."""

    def ends(share: float) -> np.ndarray:
        done = rng.random((NETWORKS, 1)) < share
        return np.where(done, 1, 5) * np.ones((1, LAYERS), dtype=int)

    return table(
        {(data, "relu"): ends(0.97 if holds else 0.4) for data in DESIGN.data},
        {data: ends(0.1 if holds else 0.4) for data in DESIGN.data},
    )


@planted(
    "naitzat",
    "N2",
    true="10 seeds, half omega at layers 1.5, 3 and 4.5 with a spread of 0.7 between networks",
    null="10 seeds, ReLU at layer 1.5, LeakyReLU and tanh both at 3 with a spread of 0.7",
    simulations=100,
    topic="studies_naitzat",
)
def ordered(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Depths of half omega in the claimed order, or with one difference missing."""
    means = (1.5, 3.0, 4.5 if holds else 3.0)
    data = DESIGN.data[0]
    return table(
        {
            (data, name): falling(rng, mean + 0.7 * rng.normal(size=NETWORKS))
            for name, mean in zip(study.ACTIVATIONS, means, strict=True)
        },
        {},
    )
