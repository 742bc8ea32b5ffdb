"""naitzat-depth: curves of Betti numbers over layers, planted, through the rules of the study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from benchmarks.calibration.studies_naitzat import RIGHT
from toposcope.studies import naitzat_depth as study
from toposcope.studies.materials import KNOWN_BETTI, Bottleneck, Mlps

DESIGN = study.QUICK
MIDDLE = {"depth": DESIGN.middle, "width": DESIGN.width}


def rows(omega: np.ndarray, recipe: Mlps) -> pd.DataFrame:
    """Rows of (networks, layers) components of one shape; no holes."""
    seed, layer = np.indices(omega.shape).reshape(2, -1)
    return pd.DataFrame(
        {
            "network": np.char.add(f"{recipe.shape} seed ", seed.astype(str)),
            "shape": recipe.shape,
            "data": DESIGN.data,
            "activation": "relu",
            "seed": seed,
            "moment": 1,
            "train": 1.0,
            "label": 0,
            "layer": layer + 1,
            "draw": 0,
            "metric": "hops",
            "neighbors": RIGHT[0],
            "scale": RIGHT[1],
            "betti0": omega.ravel(),
            "betti1": 0,
        }
    )


def table(*parts: pd.DataFrame) -> pd.DataFrame:
    """Networks, and the input with its known numbers at all settings."""
    known = KNOWN_BETTI[DESIGN.data][0]
    one = rows(np.array([[known[0]]]), Mlps(depth=1, width=1)).assign(moment=0, layer=0)
    first = [
        one.assign(neighbors=k, scale=s, betti1=known[1] + (s == 1.0))
        for k in DESIGN.neighbors
        for s in DESIGN.hops
    ]
    return pd.concat([*parts, *first], ignore_index=True)


def falling(rng: np.random.Generator, steps: np.ndarray) -> np.ndarray:
    """(networks, layers) of omega from nine to one, steps in these shares give or take noise."""
    noisy = steps * np.exp(0.4 * rng.normal(size=(DESIGN.networks, len(steps))))
    lost = np.cumsum(noisy / noisy.sum(axis=1, keepdims=True), axis=1)
    return np.rint(9 - 8 * lost).astype(int)


@planted(
    "naitzat-depth",
    "N3",
    true="12 seeds, three layers lose 85 % in their second half, eight layers the same in every "
    "step, spread of a step 40 %",
    null="12 seeds, three and eight layers both lose 85 % in their second half",
    topic="studies_naitzat_depth",
)
def late(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Shallow networks that change late, and deep ones that do or do not."""
    shallow = np.array([0.05, 0.1, 0.35, 0.5])
    # Nine steps: four early ones, the middle one that halves share, four late ones.
    deep = np.ones(9) if holds else np.repeat([0.025, 0.1, 0.2], [4, 1, 4])
    parts = (
        (Mlps(depth=DESIGN.shallow[0], width=DESIGN.width), shallow),
        (
            Mlps(depth=DESIGN.deep, width=DESIGN.width),
            deep,
        ),
    )
    return table(*(rows(falling(rng, steps), recipe) for recipe, steps in parts))


@planted(
    "naitzat-depth",
    "N4",
    true="12 seeds, half is lost at the narrow layer, the same everywhere without one",
    null="12 seeds, half is lost at the middle layer with a narrow one and without",
    topic="studies_naitzat_depth",
)
def narrow(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Networks that change at the middle layer, because it is narrow or anyhow."""
    there = np.where(np.arange(DESIGN.middle + 1) == DESIGN.middle // 2, 0.5, 0.1)
    without = np.ones(DESIGN.middle + 1) if holds else there
    return table(
        rows(falling(rng, there), Bottleneck(narrow=DESIGN.narrow[0], **MIDDLE)),
        rows(falling(rng, without), Mlps(**MIDDLE)),
    )
