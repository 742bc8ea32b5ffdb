"""Scale, contrast of distances, and choice of metric. Decisions by rules fixed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from toposcope.findings.validity.observations import (
    Array,
    Curves,
    Observations,
    paired,
    rank_correlation,
)
from toposcope.findings.validity.points import EFFECTS, MOST
from toposcope.findings.validity.verdict import Decision, Meaning, Number, Quantity, Verdict
from toposcope.stats import Interval

FEWEST_LAYERS = 4
"""A rank correlation over fewer layers takes too few values to say anything."""
SAME_ORDER = 0.7
"""Two metrics agree when Spearman's rho of their layer curves is above this, interval included."""
CLEAR_CV, BLIND_CV = 0.3, 0.06
"""A noisy circle of 300 points in 10 to 300 dimensions was told from its Gaussian null in every
simulation with a coefficient of variation above 0.3 and in none below 0.06; docs/validity.md."""
DEFAULT_NORMALIZATION = "mean_distance"
"""What trends are held against where the normalization of the analysis was not measured."""

OPPOSITE = {Meaning.RISES: Meaning.FALLS, Meaning.FALLS: Meaning.RISES}


def normalization(observations: Observations) -> Verdict:
    """Does the trend of a statistic over depth keep its sign under every normalization?"""
    numbers = []
    conditions = observations.conditions("normalization")
    degrees = observations.degrees("normalization")
    # All trends are looked at together; one of 15 at 5 % each would turn around by chance.
    family = len(EFFECTS) * len(conditions) * len(degrees)
    for k in degrees:
        for statistic in EFFECTS:
            for condition in conditions:
                curves = observations.curves("normalization", condition, statistic, k)
                rho = _trend(observations, curves, comparisons=family)
                if rho is not None:
                    numbers.append(
                        Number(
                            Quantity.TREND,
                            rho.value,
                            rho.low,
                            rho.high,
                            rho.n,
                            _direction(rho),
                            statistic=statistic,
                            degree=k,
                            condition=condition,
                        )
                    )
    if not numbers:
        decision = Decision.NOT_CHECKED
    elif flips(numbers, observations.normalize):
        decision = Decision.FAILS
    elif any(number.meaning != Meaning.NO_TREND for number in numbers):
        decision = Decision.HOLDS
    else:
        decision = Decision.UNDECIDED
    return Verdict("normalization", decision, tuple(numbers), normalization=observations.normalize)


@dataclass(frozen=True)
class Flip:
    """A trend that other normalizations turn around.

    Parameters
    ----------
    statistic, degree
        Whose trend.
    direction
        How it goes under the normalization of the analysis.
    turned
        Normalizations under which it goes the other way.
    """

    statistic: str
    degree: int | None
    direction: Meaning
    turned: tuple[str, ...]


def flips(numbers: Sequence[Number], used: str) -> list[Flip]:
    """Trends that change their sign between the normalization used and another one.

    >>> def rho(condition: str, meaning: Meaning) -> Number:
    ...     return Number(Quantity.TREND, 0.0, meaning=meaning, statistic="s", condition=condition)
    >>> (flip,) = flips([rho("none", Meaning.FALLS), rho("zscore", Meaning.RISES)], "none")
    >>> flip.turned
    ('zscore',)
    """
    trends: dict[tuple[str, int | None], dict[str, Meaning]] = {}
    for number in numbers:
        if number.quantity == Quantity.TREND:
            key = (number.statistic, number.degree)
            trends.setdefault(key, {})[number.condition] = number.meaning
    turned_around = []
    for (statistic, degree), meanings in trends.items():
        direction = meanings.get(used, meanings.get(DEFAULT_NORMALIZATION, Meaning.NO_TREND))
        opposite = OPPOSITE.get(direction)
        turned = tuple(c for c, meaning in meanings.items() if meaning == opposite)
        if turned:
            turned_around.append(Flip(statistic, degree, direction, turned))
    return turned_around


def _trend(observations: Observations, curves: Curves, *, comparisons: int = 1) -> Interval | None:
    """Mean Spearman's rho of a statistic with depth over draws."""
    if len(curves.layers) < FEWEST_LAYERS or len(curves.values) < 2:
        return None
    rho = np.array([rank_correlation(curves.depth, draw) for draw in curves.values])
    return rho_interval(observations, rho, len(curves.layers), comparisons=comparisons)


def rho_interval(
    observations: Observations, rho: Array, layers: int, *, comparisons: int = 1
) -> Interval | None:
    """Interval of the mean of Spearman's rho over draws, inside [-1, 1] and never without width.

    Rho over few layers takes few values, and draws that tie on one have no spread although others
    would not: their spread counts as at least that of rounding to the steps of rho,
    12 / (L^3 - L) over sqrt(12). None where a draw has no rho.
    """
    if not np.isfinite(rho).all():
        return None
    mean = observations.interval(rho, comparisons=comparisons)
    spread = max(float(rho.std(ddof=1)), np.sqrt(12.0) / (layers**3 - layers))
    unit = np.resize([-1.0, 1.0], len(rho))
    per_sd = observations.interval(unit, comparisons=comparisons).half / unit.std(ddof=1)
    half = float(per_sd * spread)
    return replace(mean, low=max(mean.value - half, -1.0), high=min(mean.value + half, 1.0))


def _direction(rho: Interval) -> Meaning:
    if rho.low > 0:
        return Meaning.RISES
    return Meaning.FALLS if rho.high < 0 else Meaning.NO_TREND


def concentration(observations: Observations) -> Verdict:
    """Are distances so much alike that the filtration only sees dimension?"""
    numbers = []
    for quantity, condition, statistic in (
        (Quantity.CONTRAST, "data", "distance_cv"),
        (Quantity.GAUSSIAN_CONTRAST, "gaussian", "distance_cv"),
        (Quantity.NEAREST, "data", "relative_contrast"),
    ):
        curves = observations.curves("concentration", condition, statistic, None)
        for i, layer in enumerate(curves.layers):
            mean = observations.interval(curves.values[:, i])
            meaning = _contrast(mean) if quantity == Quantity.CONTRAST else Meaning.NOTHING
            ends = (mean.value, mean.low, mean.high, mean.n, meaning)
            numbers.append(Number(quantity, *ends, layer=layer))
    judged = [number.meaning for number in numbers if number.quantity == Quantity.CONTRAST]
    if not judged:
        decision = Decision.NOT_CHECKED
    elif Meaning.CONCENTRATED in judged:
        decision = Decision.FAILS
    elif judged.count(Meaning.CLEAR) >= MOST * len(judged):
        decision = Decision.HOLDS
    else:
        decision = Decision.IN_PART
    return Verdict("concentration", decision, tuple(numbers))


def _contrast(cv: Interval) -> Meaning:
    # One draw has no interval; the value itself then decides.
    low, high = (cv.low, cv.high) if cv.n > 1 else (cv.value, cv.value)
    if low > CLEAR_CV:
        return Meaning.CLEAR
    return Meaning.CONCENTRATED if high < BLIND_CV else Meaning.BETWEEN


def metric(observations: Observations) -> Verdict:
    """Do layer curves keep their order under cosine and geodesic distances?"""
    others = [one for one in observations.conditions("metric") if one != "euclidean"]
    degrees = observations.degrees("metric")
    family = max(1, len(others) * len(degrees) * len(EFFECTS))
    numbers = [
        number
        for k in degrees
        for statistic in EFFECTS
        for other in others
        for number in _agreement(observations, other, statistic, k, family)
    ]
    meanings = [number.meaning for number in numbers]
    if not numbers:
        decision = Decision.NOT_CHECKED
    elif Meaning.CONTRADICTS in meanings:
        decision = Decision.FAILS
    else:
        alike = all(meaning == Meaning.AGREES for meaning in meanings)
        some = any(meaning == Meaning.AGREES for meaning in meanings)
        different = any(meaning == Meaning.IN_PART for meaning in meanings)
        decision = Decision.IN_PART if some and different else Decision.UNDECIDED
        decision = Decision.HOLDS if alike else decision
    return Verdict("metric", decision, tuple(numbers))


def _agreement(
    observations: Observations, other: str, statistic: str, k: int, comparisons: int
) -> list[Number]:
    a, b = paired(
        observations.curves("metric", "euclidean", statistic, k),
        observations.curves("metric", other, statistic, k),
    )
    if len(a.layers) < FEWEST_LAYERS or len(a.values) < 2:
        return []
    draws = np.array([rank_correlation(x, y) for x, y in zip(a.values, b.values, strict=True)])
    rho = rho_interval(observations, draws, len(a.layers), comparisons=comparisons)
    if rho is None:
        return []
    meaning = Meaning.UNDECIDED
    if rho.low > SAME_ORDER:
        meaning = Meaning.AGREES
    elif rho.high < 0:
        meaning = Meaning.CONTRADICTS
    elif rho.low > 0 and rho.high < SAME_ORDER:
        meaning = Meaning.IN_PART
    return [
        Number(
            Quantity.AGREEMENT,
            rho.value,
            rho.low,
            rho.high,
            rho.n,
            meaning,
            statistic=statistic,
            degree=k,
            condition=other,
        )
    ]
