"""Verdicts of the studies of Świder: a planted true world is confirmed, its null is not.

Null worlds lie on the threshold wherever the claim has one: the hardest place not to confirm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies import swider_families as families
from toposcope.studies import swider_samples as samples
from toposcope.studies import swider_split as split
from toposcope.studies import swider_tuning as tuning

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


# ------------------------------------------------------------------------------- swider-families

POPULATION = [
    (family, blocks, seed)
    for family in families.QUICK.families
    for blocks in families.QUICK.depths
    for seed in range(families.QUICK.seeds)
]


def distances(what: str, **columns: Any) -> pd.DataFrame:
    """Rows of the main choices, the same in both degrees."""
    plain = {"what": what, "scale": "mean_distance", "by": "wasserstein", "place": -1.0}
    plain |= {"other": "", "from": -1, "to": -1}
    return pd.concat(
        [pd.DataFrame(plain | columns).assign(degree=degree) for degree in families.DEGREES]
    )


def named(which: np.ndarray) -> dict[str, Any]:
    """Columns that say which networks rows are of."""
    about = [POPULATION[k] for k in which]
    return {
        "network": [f"{family} {blocks} seed {seed}" for family, blocks, seed in about],
        "family": [family for family, _, _ in about],
        "blocks": [blocks for _, blocks, _ in about],
    }


def of_layers(positions: list[np.ndarray]) -> pd.DataFrame:
    """Networks whose layers lie on a line."""
    parts = []
    for k, x in enumerate(positions):
        i, j = np.tril_indices(len(x), -1)
        which = np.full(len(i), k)
        value = np.abs(x[i] - x[j])
        parts.append(pd.DataFrame({**named(which), "from": j, "to": i, "value": value}))
    rows_of = pd.concat(parts)
    return distances("layers", **{name: rows_of[name].to_numpy() for name in rows_of})


@planted(
    "swider-families",
    "S5",
    true="45 networks in 15 configurations, families 3 spreads of a configuration apart",
    null="45 networks in 15 configurations that differ, as do depths, and no families",
    topic=TOPIC,
)
def alike(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Networks as points in five dimensions: family, depth, configuration and seed."""
    names, depths = families.QUICK.families, families.QUICK.depths
    center = {family: 3.0 * holds * rng.normal(size=5) / 1.4 for family in names}
    depth = {blocks: rng.normal(size=5) for blocks in depths}
    own = {(f, b): rng.normal(size=5) for f in names for b in depths}
    x = np.array([center[f] + depth[b] + own[f, b] for f, b, _ in POPULATION])
    x += 0.5 * rng.normal(size=x.shape)
    i, j = np.tril_indices(len(x), -1)
    pairs = distances(
        "networks",
        **named(i),
        other=named(j)["network"],
        value=np.linalg.norm(x[i] - x[j], axis=1),
    )
    return pd.concat([pairs, of_layers([np.arange(b) + 0.0 for _, b, _ in POPULATION])])


def noisy(rng: np.random.Generator, size: float) -> np.ndarray:
    """(networks,) numbers with a part of their configuration and one of their seed."""
    own = {(f, b): rng.normal() for f, b, _ in POPULATION}
    part = np.array([own[f, b] for f, b, _ in POPULATION])
    return size * (part + rng.normal(size=len(POPULATION)))


@planted(
    "swider-families",
    "S6",
    true="15 configurations of 3 networks, all steps alike but for 20 %",
    null="15 configurations of 3 networks, one step is half of the way or more at any depth",
    topic=TOPIC,
)
def smoother(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Paths of equal steps, or of one large one."""
    jumps = np.clip(0.7 + noisy(rng, 0.08), 0.5, 0.95)
    positions = []
    for (_, blocks, _), jump in zip(POPULATION, jumps, strict=True):
        steps = np.exp(0.2 * rng.normal(size=blocks - 1))
        if not holds:
            steps = (1 - jump) * steps / max(blocks - 2, 1)
            steps[rng.integers(blocks - 1)] = jump
        positions.append(np.concatenate([[0.0], np.cumsum(steps)]))
    return of_layers(positions)


@planted(
    "swider-families",
    "S6-stops",
    true="15 configurations of 3 networks, the middle goes from 0.8 of the way to 0.55",
    null="15 configurations of 3 networks, the middle is anywhere and steps only become smaller",
    topic=TOPIC,
)
def smoother_at_stops(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Where the middle of the network lies on the way from its first to its last block."""
    deepest = max(families.QUICK.depths)
    shares = np.clip(0.7 + noisy(rng, 0.04), 0.51, 0.95)
    positions = []
    for (_, blocks, _), share in zip(POPULATION, shares, strict=True):
        middle = share + holds * (0.1 - 0.25 * (blocks - 3) / (deepest - 3))
        x = np.linspace(0, 1, blocks)
        positions.append(np.interp(x, [0, 0.5, 1], [0, np.clip(middle, 0.5, 0.97), 1]))
    return of_layers(positions)


# -------------------------------------------------------------- swider-tuning and swider-split


def sides(curves: np.ndarray, **columns: Any) -> pd.DataFrame:
    """Rows of (networks, layers) excess, the same in both degrees."""
    network, layer = np.indices(curves.shape).reshape(2, -1)
    one = {
        "network": np.char.add("network ", np.char.zfill(network.astype(str), 2)),
        "kind": "resnet",
        "layer": layer,
        "scale": "mean_distance",
        "by": "wasserstein",
        "within": 1.0,
        "cross": 1.0 + curves.ravel(),
    }
    return pd.concat([pd.DataFrame(one | columns).assign(degree=degree) for degree in (0, 1)])


PAIRS = len(tuning.QUICK.kinds) * len(tuning.QUICK.tasks) * tuning.QUICK.pairs
EARLY = tuning.initial(tuning.QUICK.depth)


@planted(
    "swider-tuning",
    "S7",
    true="12 pairs, excess of 0.05 in initial layers, 0.5 in others, spread of 0.3 between pairs",
    null="12 pairs, excess of 0.3 in all layers, spread of 0.3 between pairs and of 0.2 in layers",
    topic=TOPIC,
)
def later(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Pairs that differ in later layers, or everywhere."""
    level = np.where(EARLY, 0.05, 0.5) if holds else np.full(len(EARLY), 0.3)
    curves = level + 0.3 * rng.normal(size=(PAIRS, 1)) * (level > 0.1)
    return sides(curves + (0.1 if holds else 0.2) * rng.normal(size=curves.shape), task="inverted")


@planted(
    "swider-tuning",
    "S7-initial",
    true="12 pairs, excess of 0.05 in initial layers, spread of 0.1, and of 0.7 in the last",
    null="12 pairs, excess of 0.25 in initial layers, spread of 0.1, and of 0.7 in the last",
    topic=TOPIC,
)
def kept(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Pairs whose initial layers stay, or move by the margin."""
    level = np.where(EARLY, 0.05 if holds else 0.25, 0.7)
    return sides(level + 0.1 * rng.normal(size=(PAIRS, len(EARLY))), task="inverted")


@planted(
    "swider-split",
    "S8",
    true="8 networks, excess of 0.05, spread of 0.1; twins that learned by heart 0.6",
    null="8 networks, excess of 0.25, spread of 0.1; twins that learned by heart 0.6",
    topic=TOPIC,
)
def held_out(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Training against test images of networks and of their twins."""
    count, layers = split.QUICK.networks, split.QUICK.depth
    parts = []
    for by_heart, level in ((False, 0.05 if holds else 0.25), (True, 0.6)):
        curves = level + 0.1 * rng.normal(size=(count, 1)) + 0.1 * rng.normal(size=(count, layers))
        seeds = np.repeat(np.arange(count), layers).astype(str)
        part = sides(curves, by_heart=by_heart, seed=seeds)
        parts.append(part.assign(network=part["network"] + (" by heart" if by_heart else "")))
    return pd.concat(parts)
