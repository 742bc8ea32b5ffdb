"""Are there enough points, and do a few of them decide? Decisions by rules fixed here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.validity_checks import ALL, LOF, UNEQUAL_N, at_size, control
from toposcope.findings.validity.observations import Curves, Observations, paired
from toposcope.findings.validity.verdict import Decision, Meaning, Number, Quantity, Verdict

Array = NDArray[np.float64]

STABLE_MARGIN = 0.05
"""A statistic has settled at m points when it is within 5 % of its value at all points."""
KEPT_ORDER = 0.95
"""The order of layers has settled when 95 % of the pairs told apart keep theirs."""
MOST = 0.9
"""A claim holds when it does so in nine of ten cases."""

SETTLING = ("lifespan_sum_normalized", "normalized_entropy")
EFFECTS = ("lifespan_sum", "max_persistence", "normalized_entropy")


def sample_size(observations: Observations) -> Verdict:
    """Does every statistic settle, and the order of the layers, below the n that was used?"""
    *smaller, largest = observations.sizes
    drifts: list[Number] = []
    for statistic in SETTLING:
        for k in observations.degrees("sample_size"):
            if k > 0 and statistic == "lifespan_sum_normalized":
                continue  # no growth law that a study could divide by
            whole = _at(observations, largest, statistic, k)
            for m in smaller:
                part, total = paired(_at(observations, m, statistic, k), whole)
                for i, layer in enumerate(part.layers):
                    drift = np.log(part.values[:, i] / total.values[:, i])
                    drifts.append(_drift(observations, drift, statistic, k, m, layer))
    layers = list(dict.fromkeys(drift.layer for drift in drifts))
    needed = [_recommended(layer, drifts, smaller, largest) for layer in layers]
    order = [_order_kept(observations, m, largest) for m in smaller]
    kept = [number for number in order if number is not None]
    growth = _growth(observations, smaller[-1], largest) if smaller else []
    numbers = [*drifts, *_unequal(observations), *growth, *kept, *needed]
    decision = _enough(drifts, needed, kept)
    return Verdict("sample_size", decision, tuple(numbers))


def _at(observations: Observations, m: int, statistic: str, k: int) -> Curves:
    return observations.curves("sample_size", at_size(m), statistic, k)


def _drift(
    observations: Observations, drift: Array, statistic: str, k: int, m: int, layer: str
) -> Number:
    """How far a statistic at m points is from its value at all points, relatively."""
    log = observations.interval(drift)
    within = log.low > -STABLE_MARGIN and log.high < STABLE_MARGIN
    value, low, high = (float(end) for end in np.expm1([log.value, log.low, log.high]))
    return Number(
        Quantity.DRIFT,
        value,
        low,
        high,
        log.n,
        Meaning.STABLE if within else Meaning.NOT_STABLE,
        layer=layer,
        statistic=statistic,
        degree=k,
        size=m,
    )


def _unequal(observations: Observations) -> list[Number]:
    """Distance of diagrams of n to 2 n points over that of n to n points (full form only)."""
    numbers = []
    for k in observations.degrees("sample_size"):
        curves = observations.curves("sample_size", UNEQUAL_N, "unequal_n", k)
        for i, layer in enumerate(curves.layers):
            ratio = observations.interval(curves.values[:, i])
            ends = (ratio.value, ratio.low, ratio.high, ratio.n)
            numbers.append(Number(Quantity.UNEQUAL_N, *ends, layer=layer, degree=k))
    return numbers


def _growth(observations: Observations, m: int, largest: int) -> list[Number]:
    """What a reader would see who compared sums of clouds of different n."""
    part, whole = paired(
        _at(observations, m, "lifespan_sum", 0), _at(observations, largest, "lifespan_sum", 0)
    )
    numbers = []
    for i, layer in enumerate(part.layers):
        ratio = observations.interval(np.log(part.values[:, i] / whole.values[:, i]))
        value, low, high = (float(end) for end in np.expm1([ratio.value, ratio.low, ratio.high]))
        what = {"layer": layer, "statistic": "lifespan_sum", "degree": 0, "size": m}
        numbers.append(Number(Quantity.GROWTH, value, low, high, ratio.n, **what))  # type: ignore[arg-type]
    return numbers


def _recommended(
    layer: str, drifts: Sequence[Number], sizes: Sequence[int], largest: int
) -> Number:
    """The smallest size from which on every statistic of a layer is stable."""
    best = np.nan
    for m in reversed(sizes):
        own = [drift for drift in drifts if drift.layer == layer and drift.size == m]
        if {drift.statistic for drift in own} < set(SETTLING):
            break  # without a finite PH-dimension the sum cannot be said to settle
        if not own or any(drift.meaning != Meaning.STABLE for drift in own):
            break
        best = float(m)
    return Number(Quantity.RECOMMENDED, best, layer=layer, size=largest)


def _order_kept(observations: Observations, m: int, largest: int) -> Number | None:
    """Share of the pairs of layers told apart at all points that keep their order at m points."""
    part, whole = paired(
        _at(observations, m, "lifespan_sum", 0), _at(observations, largest, "lifespan_sum", 0)
    )
    pairs = list(combinations(range(len(whole.layers)), 2))
    if not pairs or len(whole.values) < 2:
        return None
    agree = []
    for i, j in pairs:
        difference = observations.interval(
            whole.values[:, i] - whole.values[:, j], comparisons=len(pairs)
        )
        if difference.low > 0 or difference.high < 0:
            sign = np.sign(difference.value)
            agree.append(np.sign(part.values[:, i] - part.values[:, j]) == sign)
    if not agree:
        return None
    kept = observations.interval(np.mean(agree, axis=0))
    low, high = max(kept.low, 0.0), min(kept.high, 1.0)
    return Number(
        Quantity.ORDER,
        kept.value,
        low,
        high,
        kept.n,
        Meaning.ORDER_KEPT if low >= KEPT_ORDER else Meaning.ORDER_CHANGES,
        size=m,
        pairs=len(agree),
    )


def _enough(
    drifts: Sequence[Number], needed: Sequence[Number], order: Sequence[Number]
) -> Decision:
    """Holds where nearly all layers have settled and their order has; fails below half of them."""
    if not needed or all(drift.n < 2 for drift in drifts):
        return Decision.NOT_CHECKED
    share = float(np.mean([np.isfinite(number.value) for number in needed]))
    ordered = not order or order[-1].meaning == Meaning.ORDER_KEPT
    if share >= MOST and ordered:
        return Decision.HOLDS
    return Decision.FAILS if share < 0.5 else Decision.IN_PART


def outliers(observations: Observations) -> Verdict:
    """Does removing outliers do more than removing random points, in units of the noise?"""
    conditions = observations.conditions("outliers")
    ways = [condition for condition in conditions if control(condition) in conditions]
    numbers = [
        number
        for way in ways
        for k in observations.degrees("outliers")
        for statistic in EFFECTS
        for number in _shifts(observations, way, statistic, k)
    ]
    numbers += [*_flagged(observations), *_distance_shifts(observations)]
    return Verdict("outliers", _harmless(numbers), tuple(numbers))


def _shifts(observations: Observations, way: str, statistic: str, k: int) -> list[Number]:
    """Shift of one statistic at every layer, in standard deviations between draws."""
    clean, random, whole = paired(
        observations.curves("outliers", way, statistic, k),
        observations.curves("outliers", control(way), statistic, k),
        observations.curves("outliers", ALL, statistic, k),
    )
    numbers = []
    for i, layer in enumerate(clean.layers):
        noise = whole.values[:, i].std(ddof=1) if len(whole.values) > 1 else 0.0
        if not noise > 0:
            continue
        shift = observations.interval((clean.values[:, i] - random.values[:, i]) / noise)
        numbers.append(
            Number(
                Quantity.SHIFT,
                shift.value,
                shift.low,
                shift.high,
                shift.n,
                _size(shift.low, shift.high),
                layer=layer,
                statistic=statistic,
                degree=k,
                condition=way,
            )
        )
    return numbers


def _size(low: float, high: float) -> Meaning:
    """What an interval in units of the noise between draws says."""
    if low > -1.0 and high < 1.0:
        return Meaning.BELOW_NOISE
    return Meaning.ABOVE_NOISE if low > 1.0 or high < -1.0 else Meaning.UNDECIDED


def _flagged(observations: Observations) -> list[Number]:
    """Share of the points that LOF flags, at every layer."""
    curves = observations.curves("outliers", LOF, "outlier_share", None)
    numbers = []
    for i, layer in enumerate(curves.layers):
        share = observations.interval(curves.values[:, i])
        ends = (share.value, max(share.low, 0.0), share.high, share.n)
        numbers.append(Number(Quantity.OUTLIER_SHARE, *ends, layer=layer))
    return numbers


def _distance_shifts(observations: Observations) -> list[Number]:
    """Distance between the diagrams without outliers and without random points, over the noise."""
    rows = observations.of("outliers")
    measured = dict.fromkeys(rows.loc[rows["statistic"].str.endswith("distance"), "statistic"])
    numbers = []
    for name in measured:
        for k in observations.degrees("outliers"):
            curves = observations.curves("outliers", LOF, name, k)
            for i, layer in enumerate(curves.layers):
                ratio = observations.interval(curves.values[:, i])
                numbers.append(
                    Number(
                        Quantity.DIAGRAM_SHIFT,
                        ratio.value,
                        ratio.low,
                        ratio.high,
                        ratio.n,
                        _size(ratio.low, ratio.high),
                        layer=layer,
                        statistic=name,
                        degree=k,
                        condition=LOF,
                    )
                )
    return numbers


def decisive(numbers: Sequence[Number]) -> list[Number]:
    """Shifts that decide: those that LOF's own outliers cause."""
    shifts = (Quantity.SHIFT, Quantity.DIAGRAM_SHIFT)
    return [one for one in numbers if one.quantity in shifts and one.condition == LOF]


def _harmless(numbers: Sequence[Number]) -> Decision:
    """Holds where nearly all shifts stay below the noise; fails where more than a few do not."""
    judged = decisive(numbers)
    if not judged:
        return Decision.NOT_CHECKED
    small = sum(number.meaning == Meaning.BELOW_NOISE for number in judged)
    large = sum(number.meaning == Meaning.ABOVE_NOISE for number in judged)
    if small >= MOST * len(judged):
        return Decision.HOLDS
    return Decision.FAILS if large > (1 - MOST) * len(judged) else Decision.UNDECIDED
