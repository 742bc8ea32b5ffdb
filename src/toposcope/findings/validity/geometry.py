"""Scale, contrast of distances, and choice of metric. Decisions by rules fixed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toposcope.findings.validity.observations import (
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
    for k in observations.degrees("normalization"):
        for statistic in EFFECTS:
            for condition in observations.conditions("normalization"):
                curves = observations.curves("normalization", condition, statistic, k)
                rho = _trend(observations, curves)
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


def _trend(observations: Observations, curves: Curves) -> Interval | None:
    """Mean Spearman's rho of a statistic with depth over draws."""
    if len(curves.layers) < FEWEST_LAYERS or len(curves.values) < 2:
        return None
    rho = np.array([rank_correlation(curves.depth, draw) for draw in curves.values])
    return observations.interval(rho) if np.isfinite(rho).all() else None


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
    numbers = [
        number
        for k in observations.degrees("metric")
        for statistic in EFFECTS
        for other in observations.conditions("metric")
        if other != "euclidean"
        for number in _agreement(observations, other, statistic, k)
    ]
    meanings = [number.meaning for number in numbers]
    if not numbers:
        decision = Decision.NOT_CHECKED
    elif Meaning.CONTRADICTS in meanings:
        decision = Decision.FAILS
    else:
        alike = all(meaning == Meaning.AGREES for meaning in meanings)
        decision = Decision.HOLDS if alike else Decision.IN_PART
    return Verdict("metric", decision, tuple(numbers))


def _agreement(observations: Observations, other: str, statistic: str, k: int) -> list[Number]:
    a, b = paired(
        observations.curves("metric", "euclidean", statistic, k),
        observations.curves("metric", other, statistic, k),
    )
    if len(a.layers) < FEWEST_LAYERS or len(a.values) < 2:
        return []
    draws = np.array([rank_correlation(x, y) for x, y in zip(a.values, b.values, strict=True)])
    if not np.isfinite(draws).all():
        return []
    rho = observations.interval(draws)
    meaning = Meaning.IN_PART
    if rho.low > SAME_ORDER:
        meaning = Meaning.AGREES
    elif rho.high < 0:
        meaning = Meaning.CONTRADICTS
    return [
        Number(
            Quantity.AGREEMENT,
            rho.value,
            max(rho.low, -1.0),
            min(rho.high, 1.0),
            rho.n,
            meaning,
            statistic=statistic,
            degree=k,
            condition=other,
        )
    ]
