"""Verdicts of `suresh-decay`: a planted true world is confirmed, its null is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies.suresh_decay import QUICK

NETWORKS, LAYERS = 2 * QUICK.networks, QUICK.depths[0]
VOXELS = np.array([1024] * (LAYERS // 2) + [256] * (LAYERS - LAYERS // 2))


def table(**columns: np.ndarray) -> pd.DataFrame:
    """Rows of the main way to count; each column (networks, layers), the others constant."""
    network, layer = np.indices((NETWORKS, LAYERS)).reshape(2, -1)
    numbers = {
        name: np.broadcast_to(columns.get(name, np.ones(1)), (NETWORKS, LAYERS)).ravel()
        for name in ("omega", "excess", "one_size", "over_orders", "over_images", "relu")
    }
    return pd.DataFrame(
        {
            "network": np.char.add("network ", network.astype(str)),
            "kind": np.where(network < QUICK.networks, "cnn", "resnet"),
            "layer": layer,
            "way": "",
            "voxels": VOXELS[layer],
            **numbers,
            "mean_over_orders": numbers["over_orders"],
            "relu_below": np.broadcast_to(columns.get("relu_below", 40.0), network.shape),
        }
    )


def noise(rng: np.random.Generator, size: float) -> np.ndarray:
    """Factors of layers."""
    return np.exp(size * rng.normal(size=(NETWORKS, LAYERS)))


@planted(
    "suresh-decay",
    "C1",
    true="12 networks, a layer halves the total, spread of a layer 50 %",
    null="12 networks, layers differ and not by depth",
    topic="studies_suresh",
)
def falls(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Totals that fall with depth or not."""
    slope = np.log(2) if holds else 0.0
    return table(omega=100 * np.exp(-slope * np.arange(LAYERS)) * noise(rng, 0.5))


@planted(
    "suresh-decay",
    "C1-lowest",
    true="12 networks, 1 % of the largest total is left in the last layer, give or take a half",
    null="12 networks, 12 % is left",
    topic="studies_suresh",
)
def lowest(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """What is left above a single component."""
    left = 100 * noise(rng, 0.2)
    left[:, -1] = (1.0 if holds else 12.0) * noise(rng, 0.5)[:, -1]
    return table(excess=left)


@planted(
    "suresh-decay",
    "C2",
    true="12 networks, totals per voxel and of one size fall by half with a layer, spread 50 %",
    null="12 networks, totals fall as the number of voxels does, and with nothing else",
    topic="studies_suresh",
)
def beyond_voxels(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Totals that fall as voxels become fewer, or beyond that."""
    slope = np.log(2) if holds else 0.0
    fall = 100 * np.exp(-slope * np.arange(LAYERS))
    return table(omega=VOXELS / 256 * fall * noise(rng, 0.5), one_size=fall * noise(rng, 0.5))


@planted(
    "suresh-decay",
    "C3",
    true="12 networks, orders of channels move a total by 3 %, images by 20 %",
    null="12 networks, orders of channels move it as much as images, 20 %",
    topic="studies_suresh",
)
def property_of_it(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Variation over orders of the channels, beside that over images."""
    moved = 0.03 if holds else 0.2
    return table(over_orders=moved * noise(rng, 0.3), over_images=0.2 * noise(rng, 0.3))


@planted(
    "suresh-decay",
    "C9",
    true="12 networks, no total changes",
    null="12 networks, a ReLU changes totals by 0 to 3 in some layers, as a wrong count would",
    topic="studies_suresh",
)
def identity(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Changes that a ReLU makes."""
    changes = rng.integers(0, 4, size=(NETWORKS, LAYERS)) * (rng.random((NETWORKS, LAYERS)) < 0.5)
    return table(relu=changes * (0.0 if holds else 1.0))
