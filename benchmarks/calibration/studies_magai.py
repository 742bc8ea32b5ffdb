"""Verdicts of the studies of Magai 2023: worlds where each claim is true, and where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies import magai_depth as depth
from toposcope.studies import magai_generalization as generalization

# -------------------------------------------------------------------------- magai-generalization

Array = np.ndarray
GRID = generalization.QUICK


def population() -> pd.DataFrame:
    """The configurations of the quick design, one row per network."""
    return pd.DataFrame(
        [
            {
                "network": f"{blocks}x{width} {decay} {noise} seed {seed}",
                "configuration": f"{blocks}x{width} {decay} {noise}",
                "blocks": float(blocks),
                "width": float(width),
                "parameters": 50.0 * blocks * width**1.5,
                "weight_decay": decay,
                "label_noise": noise,
            }
            for blocks in GRID.blocks
            for width in GRID.widths
            for decay in GRID.decays
            for noise in GRID.noises
            for seed in range(GRID.seeds)
        ]
    )


def by_configuration(table: pd.DataFrame, rng: np.random.Generator, share: float = 0.6) -> Array:
    """Noise of variance 1, of which seeds of a configuration share a part."""
    place = np.unique(table["configuration"], return_inverse=True)[1]
    common, own = rng.normal(size=place.max() + 1)[place], rng.normal(size=len(place))
    return np.sqrt(share) * common + np.sqrt(1 - share) * own


def measured(
    table: pd.DataFrame, error: Array, e0: Array, rng: np.random.Generator
) -> pd.DataFrame:
    """As the study's workers write it; what was not asked for is noise."""
    plain = {name: by_configuration(table, rng) for name in generalization.RIVALS}
    others = {name: by_configuration(table, rng) for name in generalization.TOPOLOGY[1:]}
    return table.assign(
        error=0.1 + 0.02 * error,
        train=1.0,
        part="train",
        scale="minmax",
        pooled=False,
        **plain,
        **others,
        e0=20.0 + e0,
    )


def varied(table: pd.DataFrame) -> Array:
    """What the varied parts do to a number: label noise most, then parameters and depth."""
    noise = table["label_noise"].to_numpy()
    size = np.log(table["parameters"].to_numpy())
    return 6 * noise - 0.5 * (size - size.mean()) + 0.1 * table["blocks"].to_numpy()


@planted(
    "magai-generalization",
    "M4",
    true="36 configurations of 2 networks, correlation 0.87",
    null="36 configurations of 2 networks, seeds alike, no correlation",
    topic="studies_magai",
)
def with_error(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """The lifespan sum follows the error, or not."""
    table = population()
    error, own = by_configuration(table, rng), by_configuration(table, rng)
    r = 0.87 if holds else 0.0
    return measured(table, error, r * error + np.sqrt(1 - r**2) * own, rng)


@planted(
    "magai-generalization",
    "M4p",
    true="36 configurations of 2 networks, 0.6 beside what was varied",
    null="36 configurations of 2 networks, both follow what was varied and nothing else",
    topic="studies_magai",
)
def beside_what_was_varied(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """The lifespan sum follows the error beside depth, size and label noise, or only by them."""
    table = population()
    error, own = by_configuration(table, rng), by_configuration(table, rng)
    r = 0.6 if holds else 0.0
    e0 = r * error + np.sqrt(1 - r**2) * own
    return measured(table, varied(table) + error, varied(table) + e0, rng)


@planted(
    "magai-generalization",
    "X3",
    true="36 configurations of 2 networks, a third of the variance is the topology's",
    null="36 configurations of 2 networks, topology is the mean distance and noise",
    topic="studies_magai",
)
def beyond_plain_numbers(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """The error follows plain numbers, and the lifespan sum too or not."""
    table = population()
    plain, own, left = (by_configuration(table, rng) for _ in range(3))
    error = plain + (0.8 * own if holds else 0.0) + 0.6 * left
    return measured(table, error, plain + 0.5 * own, rng).assign(spread=plain)


# ---------------------------------------------------------------------------------- magai-depth

DEPTH = depth.QUICK
NETWORKS = len(DEPTH.kinds) * len(DEPTH.widths) * DEPTH.seeds
LAYERS = DEPTH.blocks + 2


def rows_of(values: Array, **told: object) -> pd.DataFrame:
    """(networks, layers) or (networks, halves, layers) numbers as the workers write them."""
    place = np.indices(values.shape).reshape(values.ndim, -1)
    table = pd.DataFrame({"value": values.ravel(), "layer": place[-1], **told})
    table["network"] = np.char.add("network ", place[0].astype(str))
    table["kind"] = np.where(place[0] % 2, "plain", "residual")
    return table.assign(half=place[1]) if values.ndim == 3 else table


def over_depth(shape: Array, noise: float, rng: np.random.Generator) -> Array:
    """(networks, layers): a shape times what networks and layers add to it."""
    size = np.exp(0.2 * rng.normal(size=(NETWORKS, 1)))
    return size * shape * np.exp(noise * rng.normal(size=(NETWORKS, LAYERS)))


PLACES = np.linspace(0, 1, LAYERS)


@planted(
    "magai-depth",
    "M1",
    true="16 networks, sums peak at 0.2 of depth and end at a tenth of that",
    null="16 networks, sums are alike at all layers",
    topic="studies_magai",
)
def early_peak(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Sums that rise and then fall, or that do nothing."""
    shape = np.where(PLACES < 0.2, 0.8 + PLACES, 1 - 0.9 * (PLACES - 0.2) / 0.8)
    sums = over_depth(shape if holds else np.ones(LAYERS), 0.1, rng)
    return rows_of(sums, what="e0", scale="minmax", pooled=False)


@planted(
    "magai-depth",
    "M2",
    true="16 networks, both dimensions a quarter larger in the middle",
    null="16 networks, dimensions alike at all layers",
    topic="studies_magai",
)
def humped(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Dimensions with a hump, or flat."""
    shape = 8 * (1 + (0.25 if holds else 0.0) * np.sin(np.pi * PLACES))
    read = []
    for what in ("ph_dimension", "two_nn"):
        halves = over_depth(shape, 0.03, rng)[:, None]
        noisy = halves * np.exp(0.03 * rng.normal(size=(NETWORKS, 2, LAYERS)))
        read.append(rows_of(noisy, what=what))
    return pd.concat(read)


@planted(
    "magai-depth",
    "M3",
    true="16 networks, sums double as they are and halve when normalized",
    null="16 networks, sums fall alike whatever the normalization",
    topic="studies_magai",
)
def turned(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Sums whose trend turns with the normalization, or not."""
    rising, falling = 1 + PLACES, 1 - 0.5 * PLACES
    shapes = {"none": rising if holds else falling, "minmax": falling}
    return pd.concat(
        [
            rows_of(over_depth(shape, 0.1, rng), what="e0", scale=scale, pooled=False)
            for scale, shape in shapes.items()
        ]
    )


@planted(
    "magai-depth",
    "M9",
    true="8 draws, errors of -4 +- 3 %",
    null="8 draws, errors of -15 +- 3 %",
    topic="studies_magai",
)
def misread(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Readings where the dimension is known."""
    errors = (-0.04 if holds else -0.15) + 0.03 * rng.normal(size=DEPTH.draws)
    return pd.DataFrame(
        {"network": "", "kind": "cube15", "what": "ph_dimension", "value": errors}
    ).assign(half=np.arange(DEPTH.draws))
