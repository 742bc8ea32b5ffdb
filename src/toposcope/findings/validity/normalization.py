"""Do the trends over depth keep their direction under every normalization?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toposcope.analysis.validity_checks import STATISTICS
from toposcope.findings.validity.deciding import Estimate, combined, rank_estimate
from toposcope.findings.validity.observations import Curves, Observations, ranked
from toposcope.findings.validity.verdict import (
    Decision,
    Meaning,
    Number,
    Part,
    Quantity,
    Verdict,
)

FEWEST_LAYERS = 4
"""A rank correlation over fewer layers takes too few values to say anything."""
DEFAULT_NORMALIZATION = "mean_distance"
"""What trends are held against where the normalization of the analysis was not measured."""

OPPOSITE = {Meaning.RISES: Meaning.FALLS, Meaning.FALLS: Meaning.RISES}


def normalization(observations: Observations) -> Verdict:
    """Is every trend that is clear under the normalization used as clear under all others?"""
    conditions = observations.conditions("normalization")
    degrees = observations.degrees("normalization")
    # All trends are looked at together; one of 15 at 5 % each would turn around by chance.
    family = len(STATISTICS) * len(conditions) * len(degrees)
    numbers, parts = [], []
    for k in degrees:
        own = []
        for statistic in STATISTICS:
            for condition in conditions:
                curves = observations.curves("normalization", condition, statistic, k)
                rho = _trend(observations, curves)
                if rho is not None:
                    own.append(
                        Number(
                            Quantity.TREND,
                            rho.value,
                            *rho.ends(observations.level),
                            rho.freedom + 1,
                            _direction(rho, observations.alpha / (2 * family)),
                            statistic=statistic,
                            degree=k,
                            condition=condition,
                        )
                    )
        if own:
            numbers += own
            parts.append(_part(k, own, observations.normalize))
    return Verdict(
        "normalization",
        combined(part.decision for part in parts),
        tuple(numbers),
        normalization=observations.normalize,
        parts=tuple(parts),
        points=max(observations.sizes("normalization"), default=0),
    )


def _part(k: int, numbers: Sequence[Number], used: str) -> Part:
    """Fails where a trend is turned around; holds where every clear one is clear everywhere."""
    turned = len(flips(numbers, used))
    own = [n for n in numbers if n.condition == reference(numbers, used)]
    clear = [number for number in own if number.meaning in OPPOSITE]
    kept = sum(
        all(
            other.meaning == number.meaning
            for other in numbers
            if other.statistic == number.statistic
        )
        for number in clear
    )
    decision = Decision.UNDECIDED
    if turned:
        decision = Decision.FAILS
    elif clear and kept == len(clear):
        decision = Decision.HOLDS
    return Part(k, decision, kept, turned, len(clear))


def reference(numbers: Sequence[Number], used: str) -> str:
    """The normalization that the others are held against."""
    return used if any(one.condition == used for one in numbers) else DEFAULT_NORMALIZATION


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


def _trend(observations: Observations, curves: Curves) -> Estimate | None:
    """Mean Spearman's rho of a statistic with depth over draws; None where a draw has none."""
    draws = curves.whole
    if len(curves.layers) < FEWEST_LAYERS or len(draws) < 2:
        return None
    rho = (ranked(draws) @ ranked(curves.depth[None]).T)[:, 0]
    if not np.isfinite(rho).all():
        return None
    return rank_estimate(rho, len(curves.layers), overlap=observations.overlap)


def _direction(rho: Estimate, alpha: float) -> Meaning:
    if rho.above(0.0) <= alpha:
        return Meaning.RISES
    return Meaning.FALLS if rho.below(0.0) <= alpha else Meaning.NO_TREND
