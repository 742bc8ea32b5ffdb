"""Verdicts of the studies of Świder: a planted true world is confirmed, its null is not.

Null worlds lie on the threshold wherever the claim has one: the hardest place not to confirm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies import swider_samples as samples

TOPIC = "studies_swider"

# -------------------------------------------------------------------------------- swider-samples

NETWORKS, LAYERS = 2 * samples.QUICK.networks, samples.QUICK.depth


def spread(rng: np.random.Generator, center: float, network: float, layer: float) -> np.ndarray:
    """(networks, layers) numbers around a center, with factors of mean 1."""
    noise = network * rng.normal(size=(NETWORKS, 1)) + layer * rng.normal(size=(NETWORKS, LAYERS))
    return np.asarray(center * np.exp(noise - (network**2 + layer**2) / 2))


def rows(
    what: str,
    points: int,
    value: np.ndarray,
    *,
    by: str = "wasserstein",
    degrees: tuple[int, ...] = samples.DEGREES,
    layers: bool = True,
    **more: Any,
) -> pd.DataFrame:
    """Rows of (networks, layers) numbers, the same in every degree."""
    value = np.asarray(value) if layers else np.asarray(value)[:, :1]
    network, layer = np.indices(value.shape).reshape(2, -1)
    one = {
        "network": np.char.add("network ", np.char.zfill(network.astype(str), 2)),
        "kind": np.where(network < NETWORKS // 2, "cnn", "vit"),
        "layer": layer if layers else -1,
        "name": "",
        "scale": samples.QUICK.scales[0],
        "what": what,
        "points": points,
        "by": by,
        "value": value.ravel(),
    }
    for name in ("noise", "null", "null_noise"):
        one[name] = np.broadcast_to(more.get(name, np.nan), value.shape).ravel()
    return pd.concat([pd.DataFrame(one | {"degree": degree}) for degree in degrees])


@planted(
    "swider-samples",
    "S1",
    true="16 networks, 2 n points are 6 times as far as n others, spread 20 % of layers",
    null="16 networks, they are 3 times as far",
    topic=TOPIC,
)
def unequal(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Distances between unequal and between equal numbers of points."""
    ratio = spread(rng, 6.0 if holds else 3.0, 0.2, 0.2 if holds else 0.0)
    return rows(
        "unequal",
        samples.QUICK.base[0],
        ratio,
        noise=1.0,
        null=spread(rng, 1.0, 0.05, 0.1),
        null_noise=1.0,
    )


@planted(
    "swider-samples",
    "S2",
    true="16 networks, draws of 300 points vary by 3.5 %, of 50 by 9 %",
    null="16 networks, they vary by 5 % and 12 %",
    topic=TOPIC,
)
def summaries_settle(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Variation of lifespan sums, known from four draws of a layer."""
    few, many = (0.09, 0.035) if holds else (0.12, 0.05)
    sizes = samples.QUICK.sizes
    parts = []
    for points, size in ((sizes[0], few), (sizes[-1], many)):
        chi = np.sqrt(rng.chisquare(3, size=(NETWORKS, LAYERS)) / 3)
        value = size * np.exp(0.1 * rng.normal(size=(NETWORKS, 1))) * chi
        parts.append(rows("variation", points, value, by="sum"))
    return pd.concat(parts)


@planted(
    "swider-samples",
    "S2-diagrams",
    true="16 networks, draws of 300 points are apart by 6 % of what layers are, of 50 by 20 %",
    null="16 networks, they are apart by 10 % and 30 %",
    topic=TOPIC,
)
def diagrams_settle(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Distances between draws and between layers."""
    few, many = (0.2, 0.06) if holds else (0.3, 0.1)
    sizes = samples.QUICK.sizes
    parts = []
    for points, size in ((sizes[0], few), (sizes[-1], many)):
        parts.append(rows("draws", points, spread(rng, size, 0.2, 0.3)))
        parts.append(rows("between", points, np.ones((NETWORKS, 1)), layers=False))
    return pd.concat(parts)


@planted(
    "swider-samples",
    "S3",
    true="16 networks, removal moves diagrams 0.8 times as far as another draw, planted 3 times",
    null="16 networks, removal moves them 1.5 times as far, planted 3 times",
    topic=TOPIC,
)
def outliers(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """What removal moves, with and without planted outliers."""
    return rows(
        "outliers lof",
        samples.QUICK.sizes[-1],
        spread(rng, 0.8 if holds else 1.5, 0.2, 0.2 if holds else 0.0),
        noise=1.0,
        null=spread(rng, 3.0, 0.2, 0.2),
        null_noise=1.0,
    )


@planted(
    "swider-samples",
    "S4",
    true="8 networks of each kind, 5 % of the points against 2 %, 1 % between networks",
    null="8 networks of each kind, 3 % of the points in both, 1 % between networks",
    topic=TOPIC,
)
def more_in_transformers(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Shares of outliers of two kinds of networks."""
    center = np.where(np.arange(NETWORKS) < NETWORKS // 2, 0.02, 0.05) if holds else 0.03
    value = np.broadcast_to(center, NETWORKS)[:, None] + 0.01 * rng.normal(size=(NETWORKS, 1))
    value = value + 0.005 * rng.normal(size=(NETWORKS, LAYERS))
    points = samples.QUICK.sizes[-1]
    return rows("flagged lof", points, value, by="", degrees=(-1,))
