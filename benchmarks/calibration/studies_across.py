"""across-papers: trends of networks under crossed choices, planted, through the rules of the study.

Tables hold what the workers would write: numbers over six layers by network, moment and analysis,
of few filtrations and normalizations so that a simulation takes a tenth of a second.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.claims import claim
from benchmarks.calibration.studies import planted
from toposcope.studies.across_measure import METHODS
from toposcope.studies.across_statistics import Across, across
from toposcope.words.across import headline

TOPIC = "studies_across"
NETWORKS, LAYERS = 10, 6
FILTERS = ("rips", "local", "cubical")
FEW_METHODS = METHODS[:3]
DEPTH = np.linspace(-1, 1, LAYERS)


def curve(rng: np.random.Generator, slope: float, noise: float = 1.0) -> list[float]:
    """Numbers over layers with a trend and noise."""
    found: list[float] = (5 + slope * DEPTH + noise * rng.normal(size=LAYERS)).tolist()
    return found


def row(network: int, values: list[float], **places: Any) -> dict[str, Any]:
    """One analysis of one network; the main one where nothing else is said."""
    return {
        "network": f"network {network}",
        "family": ("cnn", "resnet")[network % 2],
        "moment": 1,
        "filter": "rips",
        "normalize": "mean_distance",
        "size": 1,
        "pooled": False,
        "degree": 0,
        "summary": "sum",
        "draw": -1,
        "values": values,
        **places,
    }


def crossed(
    rng: np.random.Generator, slope: Any, *, noise: float = 1.0, networks: int = NETWORKS
) -> pd.DataFrame:
    """All analyses of all networks; slope(network, filter, normalization, pooled, summary)."""
    rows = [
        row(
            n,
            curve(rng, slope(n, one, method, pooled, summary), noise),
            filter=one,
            normalize=method,
            pooled=pooled,
            summary=summary,
        )
        for n, one, method, pooled, summary in product(
            range(networks), FILTERS, FEW_METHODS, (True, False), ("sum", "entropy")
        )
    ]
    return pd.DataFrame(rows)


@planted(
    "across-papers",
    "X0",
    true="10 networks, 36 analyses, 97 % of them fall by twice their noise",
    null="10 networks, every network has a trend of its own, up as often as down",
    topic=TOPIC,
)
def simplifies(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Trends that fall whatever is chosen, or that are the network's."""
    own = 2 * rng.normal(size=NETWORKS)
    if holds:
        return crossed(rng, lambda *_: -2.5 if rng.random() < 0.97 else 2.5)
    return crossed(rng, lambda n, *_: own[n])


@planted(
    "across-papers",
    "X1",
    true="10 networks, numbers rise as they are and fall under the other normalizations",
    null="10 networks with trends of their own, alike under all normalizations but for noise",
    topic=TOPIC,
)
def turns(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Trends by normalization."""
    own = 2 * rng.normal(size=NETWORKS)
    rows = []
    for n, method in product(range(NETWORKS), METHODS):
        slope = own[n] if not holds else 2.5 if method == "none" else -2.5
        rows.append(row(n, curve(rng, slope), normalize=method))
    return pd.DataFrame(rows)


@planted(
    "across-papers",
    "X2",
    true="10 networks, correlations over layers spread by 0.15 around 0",
    null="10 networks, correlations over layers spread by 0.15 around 0.35",
    topic=TOPIC,
)
def unrelated(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Clouds and volumes: orders of layers that agree by a given correlation."""
    orders = np.array([rng.permutation(LAYERS) for _ in range(400)])
    depth = np.arange(LAYERS)
    each = 1 - 6 * ((orders - depth) ** 2).sum(axis=1) / (LAYERS * (LAYERS**2 - 1))
    rows = []
    for n in range(NETWORKS):
        wanted = (0.0 if holds else 0.35) + 0.15 * rng.normal()
        order = orders[np.abs(each - wanted).argmin()]
        rows.append(row(n, order.tolist()))
        rows += [
            row(n, depth.tolist(), filter="omega", normalize="none", degree=-1, draw=half)
            for half in (0, 1)
        ]
    return pd.DataFrame(rows)


@planted(
    "across-papers",
    "X4",
    true="10 networks, loops 6 standard deviations from Gaussian clouds in 80 % of layers",
    null="10 networks, layers are Gaussian clouds",
    topic=TOPIC,
)
def not_gaussian(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Distances to Gaussian clouds in their standard deviations."""
    rows = []
    for n in range(NETWORKS):
        far = 6.0 * (rng.random(LAYERS) < 0.8) * holds
        for draw, shift in enumerate((far, np.zeros(LAYERS))):
            values = shift + rng.standard_t(18, size=LAYERS)
            rows.append(row(n, values.tolist(), filter="gaussian", degree=1, draw=draw))
    return pd.DataFrame(rows)


@planted(
    "across-papers",
    "X5",
    true="10 networks, other distances move layers by a tenth of their spread",
    null="10 networks, other distances move layers by their spread",
    topic=TOPIC,
)
def same_order(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Orders of layers under three distances."""
    rows = []
    for n in range(NETWORKS):
        layers = 5 + 1.5 * DEPTH
        for name in ("rips", "pca", "spectral"):
            noise = 0.0 if name == "rips" else 0.1 if holds else 1.0
            values = (layers + noise * rng.normal(size=LAYERS)).tolist()
            rows.append(row(n, values, filter=name, pooled=True, degree=1))
    return pd.DataFrame(rows)


@planted(
    "across-papers",
    "X6",
    true="10 networks, 4 draws, noise of two summaries a sixth of that of the others",
    null="10 networks, 4 draws, all summaries alike",
    topic=TOPIC,
)
def stable(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Draws of layers under four summaries."""
    rows = []
    for n, summary in product(range(NETWORKS), ("sum", "entropy", "longest", "betti")):
        layers = rng.normal(size=LAYERS)
        noise = 0.2 if holds and summary in ("sum", "entropy") else 1.2
        rows += [
            row(
                n,
                (5 + layers + noise * rng.normal(size=LAYERS)).tolist(),
                filter="draws",
                pooled=True,
                summary=summary,
                draw=draw,
            )
            for draw in range(4)
        ]
    return pd.DataFrame(rows)


@planted(
    "across-papers",
    "X7",
    true="10 networks, numbers rise with training in 85 % of layers",
    null="10 networks, training moves layers up as often as down",
    topic=TOPIC,
)
def rises(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Numbers before and after training."""
    rows = []
    for n in range(NETWORKS):
        before = 5 + rng.normal(size=LAYERS)
        share = 0.85 if holds else 0.5
        after = before + np.where(rng.random(LAYERS) < share, 1.0, -1.0)
        rows += [row(n, before.tolist(), moment=0), row(n, after.tolist())]
    return pd.DataFrame(rows)


@planted(
    "across-papers",
    "X8",
    true="10 networks, trends turn with the normalization and the filtration, networks alike",
    null="10 networks, half of them rise and half fall under all choices",
    simulations=400,
    topic=TOPIC,
)
def analysis_decides(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Trends of the analysis, or of the network."""
    own = rng.permutation(np.repeat([-2.5, 2.5], NETWORKS // 2))
    return crossed(rng, _by_analysis if holds else lambda n, *_: own[n])


def _by_analysis(n: int, one: str, method: str, *_: Any) -> float:
    return 2.5 * (1 if one == "rips" else -1) * (1 if method == "none" else 0.6)


@planted(
    "across-papers",
    "X9",
    true="10 networks, trends turn with the filtration, hardly with the normalization",
    null="10 networks, trends turn with both alike",
    simulations=400,
    topic=TOPIC,
)
def filtration_decides(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Trends of the filtration, or of it and the normalization alike."""
    if holds:
        return crossed(rng, lambda n, one, *_: {"rips": 2.5, "local": 0.0, "cubical": -2.5}[one])
    first = dict(zip(FILTERS, (1.5, 0.0, -1.5), strict=True))
    second = dict(zip(FEW_METHODS, (1.5, 0.0, -1.5), strict=True))
    return crossed(rng, lambda n, one, method, *_: first[one] + second[method])


# -------------------------------------------------------- the sentence, and intervals of shares


def told(rng: np.random.Generator, holds: bool) -> Across:
    """The result of a world in which the analysis decides, or the network."""
    return across(analysis_decides(rng, holds))


@claim(
    "the sentence says that the analysis decides",
    world="true: 10 networks, trends turn with the normalization and the filtration",
    at_least=0.8,
    simulations=400,
)
def said(rng: np.random.Generator) -> bool:
    """Said where it is so."""
    return "more than the network" in headline(told(rng, True))


@claim(
    "the sentence says that the analysis decides",
    world="null: 10 networks, half of them rise and half fall under all choices",
    at_most=0.05,
    simulations=400,
)
def said_wrongly(rng: np.random.Generator) -> bool:
    """Said where it is not."""
    return "more than the network" in headline(told(rng, False))


@claim(
    "the 95 % interval of the share of filtrations holds the true share",
    world="10 networks of two families, trends by filtration, normalization, network and noise",
    at_least=0.9,
    simulations=400,
)
def covers(rng: np.random.Generator) -> bool:
    """Trends drawn as they are: the share is known from the spread of every part."""
    from toposcope.stats import mean_interval
    from toposcope.studies.across_statistics import Grid, jackknife_parts

    shape = (3, 3, 1, 2, 1, 2)
    first = np.array([-1.0, 0.0, 1.0]).reshape(3, 1, 1, 1, 1, 1)
    second = 0.5 * np.array([-1.0, 0.0, 1.0]).reshape(1, 3, 1, 1, 1, 1)
    own = 0.5 * rng.normal(size=(NETWORKS, 1, 1, 1, 1, 1, 1))
    mixed = 0.5 * rng.normal(size=(NETWORKS, 3, 1, 1, 1, 1, 1))
    trends = first + second + own + mixed + 0.3 * rng.normal(size=(NETWORKS, *shape))
    parts_of = {"first": 2 / 3, "second": 0.25 * 2 / 3, "own": 0.25 + 0.25 + 0.09}
    truth = parts_of["first"] / sum(parts_of.values())
    families = np.array(["a", "b"] * (NETWORKS // 2))
    levels = tuple(tuple(range(k)) for k in shape)
    one = mean_interval(jackknife_parts(Grid(trends, families, levels))[:, 0])
    return bool(one.low <= truth <= one.high)
