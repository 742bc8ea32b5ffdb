"""Verdicts about geometry: scale, contrast of distances, and choice of metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toposcope.findings.validity.observations import (
    Curves,
    Observations,
    paired,
    rank_correlation,
)
from toposcope.findings.validity.points import EFFECTS, MOST
from toposcope.findings.validity.verdict import (
    Decision,
    Meaning,
    Missing,
    Number,
    Verdict,
    not_checked,
)
from toposcope.stats import Interval

FEWEST_LAYERS = 4
"""A rank correlation over fewer layers takes too few values to say anything."""
SAME_ORDER = 0.7
"""Two metrics agree when Spearman's rho of their layer curves is above this, interval included."""
CLEAR_CV, BLIND_CV = 0.3, 0.06
"""A noisy circle of 300 points in 10 to 300 dimensions was told from its Gaussian twin in every
simulation with a coefficient of variation above 0.3 and in none below 0.06; docs/validity.md."""

OPPOSITE = {Meaning.RISES: Meaning.FALLS, Meaning.FALLS: Meaning.RISES}


@dataclass(frozen=True)
class Flip:
    """A trend over depth that turns around.

    Parameters
    ----------
    statistic, degree
        Whose trend.
    direction
        Under the normalization that was used.
    under
        Normalizations under which it goes the other way.
    """

    statistic: str
    degree: int
    direction: Meaning
    under: tuple[str, ...]


@dataclass(frozen=True)
class Normalization:
    """What decides whether the scale decides.

    Parameters
    ----------
    used, tried
        The normalization of the analysis, and all that were measured.
    flips
        Trends that turn around.
    trends, clear
        Trends looked at (statistic by normalization), and those that rise or fall.
    """

    used: str
    tried: tuple[str, ...]
    flips: tuple[Flip, ...]
    trends: int
    clear: int


def normalization(observations: Observations) -> Verdict:
    """Does the trend of a statistic over depth keep its sign under every normalization?"""
    conditions = observations.conditions("normalization")
    numbers: list[Number] = []
    flips: list[Flip] = []
    for k in observations.degrees("normalization"):
        for statistic in EFFECTS:
            own = [
                number
                for condition in conditions
                if (number := _trend(observations, condition, statistic, k)) is not None
            ]
            numbers += own
            flip = _flip(observations.normalize, own)
            flips += [] if flip is None else [flip]
    if not numbers:
        return not_checked("normalization", Missing.FEW_LAYERS)
    clear = sum(number.meaning is not Meaning.NO_TREND for number in numbers)
    basis = Normalization(
        observations.normalize, tuple(conditions), tuple(flips), len(numbers), clear
    )
    decision = Decision.FAILS if flips else Decision.HOLDS if clear else Decision.UNDECIDED
    return Verdict("normalization", decision, basis, tuple(numbers))


def _flip(used: str, trends: list[Number]) -> Flip | None:
    """Whether the trend of one statistic turns around, from its trends by normalization."""
    by = {trend.condition: trend.meaning for trend in trends}
    direction = by.get(used, by.get("mean_distance", Meaning.NONE))
    opposite = OPPOSITE.get(direction)
    under = tuple(name for name, meaning in by.items() if meaning is opposite)
    return Flip(trends[0].statistic, trends[0].degree or 0, direction, under) if under else None


def _trend(observations: Observations, condition: str, statistic: str, k: int) -> Number | None:
    """Mean Spearman's rho of a statistic with depth over draws."""
    curves = observations.curves("normalization", condition, statistic, k)
    if not _enough(curves):
        return None
    rho = np.array([rank_correlation(curves.depth, draw) for draw in curves.values])
    if not np.isfinite(rho).all():
        return None
    mean = observations.interval(rho)
    ends = (mean.value, mean.low, mean.high, mean.n)
    return Number(statistic, k, condition, 0, "", *ends, meaning=_direction(mean))


def _enough(curves: Curves) -> bool:
    """Whether a rank correlation over layers says something, and has a spread over draws."""
    return len(curves.layers) >= FEWEST_LAYERS and len(curves.values) >= 2


def _direction(rho: Interval) -> Meaning:
    if rho.low > 0:
        return Meaning.RISES
    return Meaning.FALLS if rho.high < 0 else Meaning.NO_TREND


@dataclass(frozen=True)
class Concentration:
    """What decides whether distances differ enough.

    Parameters
    ----------
    layers
        How many were judged.
    clear
        How many of them have distances that vary enough.
    least
        The coefficient of variation of the layer where they vary least.
    between, concentrated
        Layers where shape can drown in dimension, and where it does.
    """

    layers: int
    clear: int
    least: Number
    between: tuple[str, ...]
    concentrated: tuple[str, ...]


def concentration(observations: Observations) -> Verdict:
    """Are distances so much alike that the filtration only sees dimension?"""
    data = observations.curves("concentration", "data", "distance_cv", None)
    judged: list[Number] = []
    for i, layer in enumerate(data.layers):
        mean = observations.interval(data.values[:, i])
        # One draw has no interval; the value itself then decides.
        low, high = (mean.low, mean.high) if mean.n > 1 else (mean.value, mean.value)
        meaning = Meaning.BETWEEN
        if low > CLEAR_CV:
            meaning = Meaning.CLEAR
        elif high < BLIND_CV:
            meaning = Meaning.CONCENTRATED
        ends = (mean.value, mean.low, mean.high, mean.n)
        judged.append(Number("distance_cv", None, "data", 0, layer, *ends, meaning=meaning))
    if not judged:
        return not_checked("concentration", Missing.NO_LAYER)
    numbers = [
        *judged,
        *_contrasts(observations, "gaussian", "distance_cv"),
        *_contrasts(observations, "data", "relative_contrast"),
    ]
    layers = {
        meaning: tuple(number.where for number in judged if number.meaning is meaning)
        for meaning in (Meaning.CLEAR, Meaning.BETWEEN, Meaning.CONCENTRATED)
    }
    basis = Concentration(
        layers=len(judged),
        clear=len(layers[Meaning.CLEAR]),
        least=min(judged, key=lambda number: number.value),
        between=layers[Meaning.BETWEEN],
        concentrated=layers[Meaning.CONCENTRATED],
    )
    decision = Decision.HOLDS if basis.clear >= MOST * basis.layers else Decision.IN_PART
    if basis.concentrated:
        decision = Decision.FAILS
    return Verdict("concentration", decision, basis, tuple(numbers))


def _contrasts(observations: Observations, condition: str, statistic: str) -> list[Number]:
    """What is weighed beside: one number per layer."""
    curves = observations.curves("concentration", condition, statistic, None)
    out = []
    for i, layer in enumerate(curves.layers):
        mean = observations.interval(curves.values[:, i])
        ends = (mean.value, mean.low, mean.high, mean.n)
        out.append(Number(statistic, None, condition, 0, layer, *ends))
    return out


@dataclass(frozen=True)
class MetricOrder:
    """What decides whether the metric decides.

    Parameters
    ----------
    curves, agree, contradict
        Layer curves looked at (statistic by metric), those that keep the Euclidean order of the
        layers, and those that turn it around.
    least
        The one that is least alike.
    doubtful
        Those that do not agree.
    """

    curves: int
    agree: int
    contradict: int
    least: Number
    doubtful: tuple[Number, ...]


def metric(observations: Observations) -> Verdict:
    """Do layer curves keep their order under cosine and geodesic distances?"""
    others = [name for name in observations.conditions("metric") if name != "euclidean"]
    numbers: list[Number] = []
    for k in observations.degrees("metric"):
        for statistic in EFFECTS:
            for other in others:
                numbers += _agreement(observations, other, statistic, k)
    if not numbers:
        return not_checked("metric", Missing.FEW_LAYERS)
    basis = MetricOrder(
        curves=len(numbers),
        agree=sum(number.meaning is Meaning.AGREES for number in numbers),
        contradict=sum(number.meaning is Meaning.CONTRADICTS for number in numbers),
        least=min(numbers, key=lambda number: number.value),
        doubtful=tuple(number for number in numbers if number.meaning is not Meaning.AGREES),
    )
    decision = Decision.IN_PART if basis.doubtful else Decision.HOLDS
    if basis.contradict:
        decision = Decision.FAILS
    return Verdict("metric", decision, basis, tuple(numbers))


def _agreement(observations: Observations, other: str, statistic: str, k: int) -> list[Number]:
    a, b = paired(
        observations.curves("metric", "euclidean", statistic, k),
        observations.curves("metric", other, statistic, k),
    )
    if not _enough(a):
        return []
    rho = np.array([rank_correlation(x, y) for x, y in zip(a.values, b.values, strict=True)])
    if not np.isfinite(rho).all():
        return []
    mean = observations.interval(rho)
    meaning = Meaning.IN_PART
    if mean.low > SAME_ORDER:
        meaning = Meaning.AGREES
    elif mean.high < 0:
        meaning = Meaning.CONTRADICTS
    ends = (mean.value, max(mean.low, -1.0), min(mean.high, 1.0), mean.n)
    return [Number(statistic, k, other, 0, "", *ends, meaning=meaning)]
