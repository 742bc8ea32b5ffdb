"""Verdicts about points: are there enough of them, and do a few of them decide?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.validity_checks import LOF, UNEQUAL, WHOLE, at_points, random_like
from toposcope.findings.validity.observations import Curves, Observations, paired
from toposcope.findings.validity.verdict import (
    Decision,
    Meaning,
    Missing,
    Number,
    Verdict,
    not_checked,
)
from toposcope.stats import Interval

Array = NDArray[np.float64]

STABLE_MARGIN = 0.05
"""A statistic has settled at m points when it is within 5 % of its value at all points."""
KEPT_ORDER = 0.95
"""The order of layers has settled when 95 % of the pairs told apart keep theirs."""
MOST = 0.9
"""A claim holds when it does so in nine of ten cases."""
FEWEST_SETTLED = 0.5
"""The claim about sample size fails when fewer layers than this share have settled."""

SETTLING = ("lifespan_sum_normalized", "normalized_entropy")
EFFECTS = ("lifespan_sum", "max_persistence", "normalized_entropy")
GROWING = "lifespan_sum"
ORDER, RECOMMENDED = "layer_order", "recommended_points"
"""Numbers of this file alone: share of pairs of layers in their order, and points that suffice."""


@dataclass(frozen=True)
class SampleSize:
    """What decides whether there are enough points.

    Parameters
    ----------
    largest
        Points of the largest clouds.
    needed
        Layer -> points from which on all its statistics are stable; None beyond all tried.
    order
        Share of the pairs of layers in their order at the largest size below all points.
    growth
        The lifespan sum that grew least from the size below to all points, relatively.
    """

    largest: int
    needed: Mapping[str, int | None]
    order: Number | None
    growth: Number | None

    @property
    def late(self) -> list[str]:
        """Layers that have not settled."""
        return [layer for layer, n in self.needed.items() if n is None]

    @property
    def settled(self) -> list[int]:
        """Points that suffice, of the layers that have settled."""
        return [n for n in self.needed.values() if n is not None]


def sample_size(observations: Observations) -> Verdict:
    """Does every statistic settle, and the order of the layers, below the n that was used?"""
    sizes = observations.sizes()
    largest, below = sizes[-1], sizes[:-1]
    drifts = _drifts(observations, below, largest)
    settling = dict.fromkeys(drift.where for drift in drifts)
    needed = {layer: _recommended(layer, drifts, below) for layer in settling}
    growth = _growth(observations, below[-1], largest) if below else []
    kept = (_order_kept(observations, m, largest) for m in below)
    order = [share for share in kept if share is not None]
    numbers = [*drifts, *_unequal(observations), *growth, *order]
    if not needed or all(number.n < 2 for number in numbers if number.n):
        return not_checked("sample_size", Missing.ONE_DRAW)
    numbers += [_needed(layer, n, largest) for layer, n in needed.items()]
    basis = SampleSize(
        largest,
        needed,
        order[-1] if order else None,
        max(growth, key=lambda number: number.value) if growth else None,
    )
    share = len(basis.settled) / len(needed)
    ordered = basis.order is None or basis.order.meaning is Meaning.ORDER_KEPT
    decision = Decision.IN_PART
    if share >= MOST and ordered:
        decision = Decision.HOLDS
    elif share < FEWEST_SETTLED:
        decision = Decision.FAILS
    return Verdict("sample_size", decision, basis, tuple(numbers))


def _at(observations: Observations, m: int, statistic: str, k: int) -> Curves:
    return observations.curves("sample_size", at_points(m), statistic, k)


def _drifts(observations: Observations, sizes: Sequence[int], largest: int) -> list[Number]:
    """How far every statistic at fewer points is from its value at all points, relatively."""
    out = []
    for statistic in SETTLING:
        for k in observations.degrees("sample_size"):
            if k > 0 and statistic == "lifespan_sum_normalized":
                continue  # no growth law that a study could divide by
            whole = _at(observations, largest, statistic, k)
            for m in sizes:
                out += _drifts_at(observations, m, whole, statistic, k)
    return out


def _drifts_at(
    observations: Observations, m: int, whole: Curves, statistic: str, k: int
) -> list[Number]:
    part, whole = paired(_at(observations, m, statistic, k), whole)
    out = []
    for i, layer in enumerate(part.layers):
        drift = observations.interval(np.log(part.values[:, i] / whole.values[:, i]))
        within = drift.low > -STABLE_MARGIN and drift.high < STABLE_MARGIN
        value, low, high = (float(np.expm1(end)) for end in (drift.value, drift.low, drift.high))
        meaning = Meaning.STABLE if within else Meaning.MOVES
        ends = (value, low, high, drift.n)
        out.append(Number(statistic, k, "", m, layer, *ends, meaning=meaning))
    return out


def _unequal(observations: Observations) -> list[Number]:
    """Distance of diagrams of n to 2 n points over that of n to n points (full form only)."""
    out = []
    for k in observations.degrees("sample_size"):
        curves = observations.curves("sample_size", UNEQUAL, "unequal_n", k)
        for i, layer in enumerate(curves.layers):
            ratio = observations.interval(curves.values[:, i])
            out.append(_number(ratio, "unequal_n", k, UNEQUAL, layer))
    return out


def _growth(observations: Observations, m: int, largest: int) -> list[Number]:
    """What a reader would see who compared sums of clouds of different n."""
    part, whole = paired(_at(observations, m, GROWING, 0), _at(observations, largest, GROWING, 0))
    out = []
    for i, layer in enumerate(part.layers):
        ratio = observations.interval(np.log(part.values[:, i] / whole.values[:, i]))
        value, low, high = (float(end) for end in np.expm1([ratio.value, ratio.low, ratio.high]))
        out.append(Number(GROWING, 0, "", m, layer, value, low, high, ratio.n))
    return out


def _recommended(layer: str, drifts: Sequence[Number], sizes: Sequence[int]) -> int | None:
    """The smallest size from which on every statistic of a layer is stable; None: beyond all."""
    best = None
    for m in reversed(sizes):
        own = {drift.meaning for drift in drifts if drift.where == layer and drift.size == m}
        if own != {Meaning.STABLE}:
            break
        best = m
    return best


def _needed(layer: str, n: int | None, largest: int) -> Number:
    if n is None:
        return Number(RECOMMENDED, size=largest, where=layer, meaning=Meaning.BEYOND_ALL)
    return Number(RECOMMENDED, size=largest, where=layer, value=n)


def _order_kept(observations: Observations, m: int, largest: int) -> Number | None:
    """Share of the pairs of layers told apart at all points that keep their order at m points."""
    part, whole = paired(_at(observations, m, GROWING, 0), _at(observations, largest, GROWING, 0))
    pairs = list(combinations(range(len(whole.layers)), 2))
    if not pairs or len(whole.values) < 2:
        return None
    agree = []
    for i, j in pairs:
        gap = observations.interval(whole.values[:, i] - whole.values[:, j], comparisons=len(pairs))
        if gap.low > 0 or gap.high < 0:
            agree.append(np.sign(part.values[:, i] - part.values[:, j]) == np.sign(gap.value))
    if not agree:
        return None
    kept = observations.interval(np.mean(agree, axis=0))
    low = max(kept.low, 0.0)
    return Number(
        ORDER,
        size=m,
        value=kept.value,
        low=low,
        high=min(kept.high, 1.0),
        n=kept.n,
        cases=len(agree),
        meaning=Meaning.ORDER_KEPT if low >= KEPT_ORDER else Meaning.ORDER_CHANGES,
    )


@dataclass(frozen=True)
class Outliers:
    """What decides whether outliers decide.

    Parameters
    ----------
    flagged, most_flagged
        Share of points that LOF flags: mean over layers, and at the layer with most.
    judged, small
        Numbers (layer by statistic) that removing LOF's outliers could move, and those it moves
        by less than the noise between draws.
    large
        Those it moves by more.
    fixed, fixed_large
        The same for outliers of a fixed share: how many numbers, and how many moved.
    """

    flagged: float
    most_flagged: float
    judged: int
    small: int
    large: tuple[Number, ...]
    fixed: int
    fixed_large: int


def outliers(observations: Observations) -> Verdict:
    """Does removing outliers do more than removing random points, in units of the noise?"""
    conditions = observations.conditions("outliers")
    numbers: list[Number] = []
    for way in (c for c in conditions if random_like(c) in conditions):
        for k in observations.degrees("outliers"):
            for statistic in EFFECTS:
                numbers += _shifts(observations, way, statistic, k)
    flagged = observations.curves("outliers", LOF, "outlier_share", None)
    for i, layer in enumerate(flagged.layers):
        share = observations.interval(flagged.values[:, i])
        ends = (share.value, max(share.low, 0.0), share.high, share.n)
        numbers.append(Number("outlier_share", None, LOF, 0, layer, *ends))
    numbers += _distance_shifts(observations)
    judged = [number for number in numbers if number.meaning and number.condition == LOF]
    if not judged:
        return not_checked("outliers", Missing.ONE_DRAW)
    basis = _outliers_basis(judged, numbers, flagged)
    decision = Decision.UNDECIDED
    if basis.small >= MOST * basis.judged:
        decision = Decision.HOLDS
    elif len(basis.large) > (1 - MOST) * basis.judged:
        decision = Decision.FAILS
    return Verdict("outliers", decision, basis, tuple(numbers))


def _outliers_basis(judged: list[Number], numbers: list[Number], flagged: Curves) -> Outliers:
    fixed = [number for number in numbers if number.meaning and number.condition != LOF]
    share = flagged.values.mean(axis=0) if len(flagged.layers) else np.zeros(1)
    return Outliers(
        flagged=float(share.mean()),
        most_flagged=float(share.max()),
        judged=len(judged),
        small=sum(number.meaning is Meaning.BELOW_NOISE for number in judged),
        large=tuple(number for number in judged if number.meaning is Meaning.ABOVE_NOISE),
        fixed=len(fixed),
        fixed_large=sum(number.meaning is Meaning.ABOVE_NOISE for number in fixed),
    )


def _shifts(observations: Observations, way: str, statistic: str, k: int) -> list[Number]:
    """Shift of one statistic at every layer, in standard deviations between draws."""
    clean, control, whole = paired(
        observations.curves("outliers", way, statistic, k),
        observations.curves("outliers", random_like(way), statistic, k),
        observations.curves("outliers", WHOLE, statistic, k),
    )
    out = []
    for i, layer in enumerate(clean.layers):
        noise = whole.values[:, i].std(ddof=1) if len(whole.values) > 1 else 0.0
        if not noise > 0:
            continue
        shift = observations.interval((clean.values[:, i] - control.values[:, i]) / noise)
        out.append(_number(shift, statistic, k, way, layer, _size(shift)))
    return out


def _size(interval: Interval) -> Meaning:
    """What an interval in units of the noise between draws says."""
    if interval.low > -1.0 and interval.high < 1.0:
        return Meaning.BELOW_NOISE
    return Meaning.ABOVE_NOISE if interval.low > 1.0 or interval.high < -1.0 else Meaning.UNDECIDED


def _distance_shifts(observations: Observations) -> list[Number]:
    """Distance between the diagrams without outliers and without random points, over the noise."""
    rows = observations.of("outliers")
    out = []
    for name in dict.fromkeys(rows.loc[rows["statistic"].str.endswith("distance"), "statistic"]):
        for k in observations.degrees("outliers"):
            curves = observations.curves("outliers", LOF, name, k)
            for i, layer in enumerate(curves.layers):
                ratio = observations.interval(curves.values[:, i])
                out.append(_number(ratio, name, k, LOF, layer, _size(ratio)))
    return out


def _number(
    interval: Interval,
    statistic: str,
    degree: int | None,
    condition: str,
    layer: str,
    meaning: Meaning = Meaning.NONE,
) -> Number:
    ends = (interval.value, interval.low, interval.high, interval.n)
    return Number(statistic, degree, condition, 0, layer, *ends, meaning=meaning)
