"""Do a few points decide? What removing outliers moves, against what other samples would.

The yardstick is the spread between draws *without* outliers: one far point in every draw would
otherwise stretch the very spread that its removal is measured in.
"""

from __future__ import annotations

import numpy as np

from toposcope.analysis.validity_checks import LOF, STATISTICS, control
from toposcope.findings.validity.deciding import (
    Estimate,
    PValues,
    Weighed,
    combined,
    is_refuted,
    weigh,
)
from toposcope.findings.validity.observations import Observations, paired, together
from toposcope.findings.validity.verdict import Meaning, Number, Quantity, Verdict

DISTANCE = "distance"
"""How the statistics end that are distances between diagrams."""
TWO_DRAWS = np.sqrt(2.0)
"""Two draws lie as far apart as sqrt(2) of their standard deviations."""


def outliers(observations: Observations) -> Verdict:
    """Does removing LOF's outliers move less than drawing other samples does?"""
    weighed: dict[int | None, list[Weighed]] = {}
    beside: list[Weighed] = []
    conditions = observations.conditions("outliers")
    ways = [condition for condition in conditions if control(condition) in conditions]
    for k in observations.degrees("outliers"):
        for way in ways:
            shifts = [
                one for statistic in STATISTICS for one in _shifts(observations, way, statistic, k)
            ]
            if way == LOF:
                weighed[k] = [*shifts, *_distance_shifts(observations, k)]
            else:
                beside += shifts
    parts, numbers = weigh(weighed, alpha=observations.alpha)
    decision = combined(part.decision for part in parts)
    others = [_beside(one, len(beside), observations.alpha) for one in beside]
    everything = (*numbers, *others, *_flagged(observations))
    points = max(observations.sizes("outliers"), default=0)
    return Verdict("outliers", decision, everything, parts=parts, points=points)


def _beside(one: Weighed, count: int, alpha: float) -> Number:
    """A number that no decision hangs on: which shares are outliers is not for us to fix."""
    meaning = one.no if is_refuted(one.tested.refuted, count, alpha) else Meaning.UNDECIDED
    return Number(**{**vars(one.number), "meaning": meaning})


def _shifts(observations: Observations, way: str, statistic: str, k: int) -> list[Weighed]:
    """Shift of one statistic at every layer, over the distance of two draws without outliers."""
    clean, random = paired(
        observations.curves("outliers", way, statistic, k),
        observations.curves("outliers", control(way), statistic, k),
    )
    weighed = []
    for i, layer in enumerate(clean.layers):
        kept, thinned = together(clean.values[:, i], random.values[:, i])
        if len(kept) < 2:
            continue
        noise = float(kept.std(ddof=1) * TWO_DRAWS)
        moved = observations.mean(kept - thinned)
        if not noise > 0:
            if moved.error == 0.0:
                continue  # the statistic is one number everywhere
            noise = float(moved.error * np.sqrt(len(kept)) * TWO_DRAWS)
        low, high = moved.ends(observations.level)
        number = Number(
            Quantity.SHIFT,
            moved.value / noise,
            low / noise,
            high / noise,
            len(kept),
            layer=layer,
            statistic=statistic,
            degree=k,
            condition=way,
        )
        tested = _beyond(moved, noise)
        weighed.append(Weighed(number, tested, Meaning.BELOW_NOISE, Meaning.ABOVE_NOISE))
    return weighed


def _beyond(moved: Estimate, noise: float) -> PValues:
    """Tests of noise - |shift| against 0; the noise is an estimate too.

    A standard deviation over R draws has a standard error of 1 / sqrt(2 (R - 1)) of itself.
    """
    error = float(np.hypot(moved.error, noise / np.sqrt(2 * moved.freedom)))
    spare = Estimate(noise - abs(moved.value), error, moved.freedom)
    return PValues(spare.above(0.0), spare.below(0.0))


def _distance_shifts(observations: Observations, k: int) -> list[Weighed]:
    """Distance between the diagrams without outliers and without random points, over the noise."""
    rows = observations.of("outliers")
    measured = dict.fromkeys(rows.loc[rows["statistic"].str.endswith(DISTANCE), "statistic"])
    weighed = []
    for name in measured:
        curves = observations.curves("outliers", LOF, name, k)
        for i, layer in enumerate(curves.layers):
            (ratios,) = together(curves.values[:, i])
            if not len(ratios):
                continue
            # Plain, since a pair without outliers has a ratio of 0.
            ratio = observations.mean(ratios)
            low, high = ratio.ends(observations.level)
            number = Number(
                Quantity.DIAGRAM_SHIFT,
                ratio.value,
                max(low, 0.0) if np.isfinite(low) else low,
                high,
                len(ratios),
                layer=layer,
                statistic=name,
                degree=k,
                condition=LOF,
            )
            tested = PValues(ratio.below(1.0), ratio.above(1.0))
            weighed.append(Weighed(number, tested, Meaning.BELOW_NOISE, Meaning.ABOVE_NOISE))
    return weighed


def _flagged(observations: Observations) -> list[Number]:
    """Share of the points that LOF flags, at every layer."""
    curves = observations.curves("outliers", LOF, "outlier_share", None)
    numbers = []
    for i, layer in enumerate(curves.layers):
        (shares,) = together(curves.values[:, i])
        if not len(shares):
            continue
        share = observations.mean(shares)
        low, high = share.ends(observations.level)
        ends = (share.value, max(low, 0.0), min(high, 1.0), len(shares))
        numbers.append(Number(Quantity.OUTLIER_SHARE, *ends, layer=layer))
    return numbers
