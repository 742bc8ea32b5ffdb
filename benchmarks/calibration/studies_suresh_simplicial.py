"""Verdicts of `suresh-simplicial`: a planted true world is confirmed, its null is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies.suresh_simplicial import QUICK

NETWORKS, LAYERS = 2 * QUICK.networks, QUICK.depths[0]


def table(
    simplicial: np.ndarray, cubical: np.ndarray, orders: np.ndarray, samples: np.ndarray
) -> pd.DataFrame:
    """Rows of the main ways; each argument is (networks, layers)."""
    network, layer = np.indices((NETWORKS, LAYERS)).reshape(2, -1)
    common = {
        "network": np.char.add("network ", network.astype(str)),
        "data": np.where(network < QUICK.networks, "digits", "disks9"),
        "trained": True,
        "layer": layer,
        "way": "",
    }
    sides = [
        pd.DataFrame({**common, "side": "simplicial", "value": simplicial.ravel()}),
        pd.DataFrame(
            {
                **common,
                "side": "cubical",
                "value": cubical.ravel(),
                "over_orders": orders.ravel(),
                "mean_over_orders": orders.ravel(),
                "over_samples": samples.ravel(),
            }
        ),
    ]
    return pd.concat(sides, ignore_index=True)


def noise(rng: np.random.Generator, size: float) -> np.ndarray:
    """Factors of layers."""
    return np.exp(size * rng.normal(size=(NETWORKS, LAYERS)))


def still(rng: np.random.Generator) -> np.ndarray:
    """Variation that is the same in both worlds."""
    return 0.1 * noise(rng, 0.2)


@planted(
    "suresh-simplicial",
    "C12",
    true="16 networks, both numbers follow one curve of their network, with noise of half its "
    "spread",
    null="16 networks, both fall or rise in layers of their own",
    topic="studies_suresh_simplicial",
)
def alike(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Two numbers over layers with a curve in common, or without."""
    curve = rng.normal(size=(2, NETWORKS, LAYERS))
    a, b = (curve[0], curve[0]) if holds else curve
    return table(
        30 * np.exp(a) * noise(rng, 0.5), 9 * np.exp(b) * noise(rng, 0.5), still(rng), still(rng)
    )


@planted(
    "suresh-simplicial",
    "C12-fall",
    true="16 networks, both numbers halve with a layer, spread of a layer 30 %",
    null="16 networks, simplicial ones halve and cubical ones do not move",
    topic="studies_suresh_simplicial",
)
def fall(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Both fall, or one of them."""
    down = np.exp(-np.log(2) * np.arange(LAYERS))
    other = down if holds else np.ones(LAYERS)
    return table(30 * down * noise(rng, 0.3), 9 * other * noise(rng, 0.3), still(rng), still(rng))


@planted(
    "suresh-simplicial",
    "C12-order",
    true="16 networks, orders of units move a total by 3 %, samples by 20 %",
    null="16 networks, orders of units move it as much as samples, 20 %",
    topic="studies_suresh_simplicial",
)
def order(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Variation over orders of the units, beside that over samples."""
    own = (0.03 if holds else 0.2) * noise(rng, 0.3)
    return table(30 * noise(rng, 0.3), 9 * noise(rng, 0.3), own, 0.2 * noise(rng, 0.3))
