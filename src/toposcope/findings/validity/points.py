"""Verdicts about points: are there enough of them, and do a few of them decide?"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from toposcope.findings.validity.observations import Curves, Observations, names, paired
from toposcope.findings.validity.verdict import (
    FAILS,
    HOLDS,
    IN_PART,
    NOT_CHECKED,
    UNDECIDED,
    Number,
    Verdict,
)

Array = NDArray[np.float64]

CLAIMS = {
    "sample_size": "There are enough points per cloud.",
    "outliers": "Outliers do not decide the numbers.",
}
STABLE_MARGIN = 0.05
"""A statistic has settled at m points when it is within 5 % of its value at all points."""
KEPT_ORDER = 0.95
"""The order of layers has settled when 95 % of the pairs told apart keep theirs."""
MOST = 0.9
"""A claim holds when it does so in nine of ten cases."""

GROWTH = "H0 lifespan sum, not divided by its growth,"

SETTLING = ("lifespan_sum_normalized", "normalized_entropy")
EFFECTS = ("lifespan_sum", "max_persistence", "normalized_entropy")
WORDS = {
    "lifespan_sum": "lifespan sum",
    "lifespan_sum_normalized": "lifespan sum over its growth n^((d−1)/d)",
    "max_persistence": "longest bar",
    "normalized_entropy": "normalized entropy",
}


def phrase(statistic: str, k: int | None) -> str:
    """A statistic in words: "H0 lifespan sum"."""
    degree = "" if k is None else f"H{k} "
    return degree + WORDS.get(statistic, statistic.replace("_", " "))


def sample_size(observations: Observations) -> Verdict:
    """Does every statistic settle, and the order of the layers, below the n that was used?"""
    conditions = observations.conditions("sample_size")
    sizes = sorted(int(one.split()[0]) for one in conditions if one.endswith("points"))
    largest = sizes[-1]
    numbers: list[Number] = []
    needed: dict[str, int | None] = {}
    for statistic in SETTLING:
        for k in observations.degrees("sample_size"):
            if k > 0 and statistic == "lifespan_sum_normalized":
                continue  # no growth law that a study could divide by
            whole = _at(observations, largest, statistic, k)
            for m in sizes[:-1]:
                part, total = paired(_at(observations, m, statistic, k), whole)
                for i, layer in enumerate(part.layers):
                    drift = np.log(part.values[:, i] / total.values[:, i])
                    numbers.append(_drift(observations, drift, statistic, k, m, layer))
    for layer in dict.fromkeys(one.where for one in numbers if one.word):
        needed[layer] = _recommended(layer, numbers, sizes[:-1])
    numbers += _unequal(observations)
    numbers += _growth(observations, sizes[-2], largest) if len(sizes) > 1 else []
    order = [_order_kept(observations, m, largest) for m in sizes[:-1]]
    numbers += [one for one in order if one is not None]
    numbers += [
        Number("recommended n", layer, np.nan if n is None else n, word="" if n else f"> {largest}")
        for layer, n in needed.items()
    ]
    return _sample_size_verdict(numbers, needed, order, largest)


def _at(observations: Observations, m: int, statistic: str, k: int) -> Curves:
    return observations.curves("sample_size", f"{m} points", statistic, k)


def _drift(
    observations: Observations, drift: Array, statistic: str, k: int, m: int, layer: str
) -> Number:
    """How far a statistic at m points is from its value at all points, relatively."""
    found = observations.interval(drift)
    within = found.low > -STABLE_MARGIN and found.high < STABLE_MARGIN
    word = "stable" if within else "not stable"
    what = f"{phrase(statistic, k)} at {m} points against all"
    low, high = np.expm1(found.low), np.expm1(found.high)
    return Number(what, layer, float(np.expm1(found.value)), low, high, found.n, word)


def _unequal(observations: Observations) -> list[Number]:
    """Distance of diagrams of n to 2 n points over that of n to n points (full form only)."""
    found = []
    for k in observations.degrees("sample_size"):
        curves = observations.curves("sample_size", "n against 2 n", "unequal_n", k)
        for i, layer in enumerate(curves.layers):
            ratio = observations.interval(curves.values[:, i])
            what = f"H{k} Wasserstein distance, n to 2 n points over n to n"
            found.append(Number(what, layer, ratio.value, ratio.low, ratio.high, ratio.n))
    return found


def _growth(observations: Observations, m: int, largest: int) -> list[Number]:
    """What a reader would see who compared sums of clouds of different n."""
    part, whole = paired(
        _at(observations, m, "lifespan_sum", 0), _at(observations, largest, "lifespan_sum", 0)
    )
    found = []
    for i, layer in enumerate(part.layers):
        ratio = observations.interval(np.log(part.values[:, i] / whole.values[:, i]))
        value, low, high = np.expm1([ratio.value, ratio.low, ratio.high])
        what = f"{GROWTH} at {m} points against all"
        found.append(Number(what, layer, float(value), float(low), float(high), ratio.n))
    return found


def _recommended(layer: str, numbers: list[Number], sizes: list[int]) -> int | None:
    """The smallest size from which on every statistic of a layer is stable; None: beyond all."""
    best = None
    for m in reversed(sizes):
        own = [
            one
            for one in numbers
            if one.where == layer and f" at {m} points" in one.what and one.word
        ]
        if not own or any(one.word != "stable" for one in own):
            break
        best = m
    return best


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
        found = observations.interval(
            whole.values[:, i] - whole.values[:, j], comparisons=len(pairs)
        )
        if found.low > 0 or found.high < 0:
            sign = np.sign(found.value)
            agree.append(np.sign(part.values[:, i] - part.values[:, j]) == sign)
    if not agree:
        return None
    kept = observations.interval(np.mean(agree, axis=0))
    low, high = max(kept.low, 0.0), min(kept.high, 1.0)
    word = "order kept" if low >= KEPT_ORDER else "order changes"
    what = f"pairs of layers in their order at {m} points"
    return Number(what, f"{len(agree)} pairs told apart", kept.value, low, high, kept.n, word)


def _sample_size_verdict(
    numbers: list[Number],
    needed: dict[str, int | None],
    order: list[Number | None],
    largest: int,
) -> Verdict:
    rule = (
        f"A layer has enough points at m when H0 entropy and the H0 lifespan sum over its growth "
        f"are within {100 * STABLE_MARGIN:g} % of their values at {largest}, interval included, at "
        f"m and at every larger size tried. Holds: at {100 * MOST:g} % of the layers below "
        f"{largest}, and the order of layers too; fails: at less than half of them."
    )
    late = [layer for layer, n in needed.items() if n is None]
    settled = [n for n in needed.values() if n is not None]
    if not needed or all(one.n < 2 for one in numbers if one.n):
        text = "One draw has no spread; two or more are needed."
        return Verdict("sample_size", CLAIMS["sample_size"], NOT_CHECKED, text, rule=rule)
    share = len(settled) / len(needed)
    last = next((one for one in reversed(order) if one is not None), None)
    ordered = last is None or last.word == "order kept"
    verdict = HOLDS if share >= MOST and ordered else FAILS if share < 0.5 else IN_PART
    enough = f"{len(settled)} of {len(needed)} layers have settled"
    text = f"{enough} below n = {largest:,}"
    text += f" (from n = {min(settled):,} to {max(settled):,})" if settled else ""
    text += f"; not yet: {names(late)}." if late else "."
    if last is not None:
        text += (
            f" {_percent(last.value)} of {last.where} keep their order "
            f"{last.what.partition('order ')[2]} (interval {_percent(last.low)} to "
            f"{_percent(last.high)}, {last.n} draws)."
        )
    raw = [one for one in numbers if one.what.startswith(GROWTH)]
    if raw:
        least = max(raw, key=lambda one: one.value)
        size = least.what.split()[-4]
        text += (
            f" Sums themselves keep growing: at {size} points they are at least "
            f"{_percent(-least.value)} smaller ({least.where}), so clouds of different n are never "
            "compared."
        )
    advice = ""
    if late:
        advice = (
            f"Take more than {largest:,} points for {names(late)}, or compare layers at this n "
            "only: their numbers still change with n."
        )
    return Verdict(
        "sample_size", CLAIMS["sample_size"], verdict, text, advice, rule, tuple(numbers)
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def outliers(observations: Observations) -> Verdict:
    """Does removing outliers do more than removing random points, in units of the noise?"""
    conditions = observations.conditions("outliers")
    ways = [c for c in conditions if c != "all" and not c.startswith("random")]
    numbers: list[Number] = []
    for way in ways:
        for k in observations.degrees("outliers"):
            for statistic in EFFECTS:
                numbers += _shifts(observations, way, statistic, k)
    flagged = observations.curves("outliers", "lof", "outlier_share", None)
    for i, layer in enumerate(flagged.layers):
        found = observations.interval(flagged.values[:, i])
        low = max(found.low, 0.0)
        numbers.append(Number("share flagged by LOF", layer, found.value, low, found.high, found.n))
    numbers += _distance_shifts(observations)
    return _outliers_verdict(numbers, flagged)


def _shifts(observations: Observations, way: str, statistic: str, k: int) -> list[Number]:
    """Shift of one statistic at every layer, in standard deviations between draws."""
    clean, control, whole = paired(
        observations.curves("outliers", way, statistic, k),
        observations.curves("outliers", f"random like {way}", statistic, k),
        observations.curves("outliers", "all", statistic, k),
    )
    found = []
    for i, layer in enumerate(clean.layers):
        noise = whole.values[:, i].std(ddof=1) if len(whole.values) > 1 else 0.0
        if not noise > 0:
            continue
        shift = observations.interval((clean.values[:, i] - control.values[:, i]) / noise)
        what = f"{phrase(statistic, k)} without {way} outliers"
        bounds = (shift.value, shift.low, shift.high)
        found.append(Number(what, layer, *bounds, shift.n, _size(shift.low, shift.high)))
    return found


def _size(low: float, high: float) -> str:
    """What an interval in units of the noise between draws says."""
    if low > -1.0 and high < 1.0:
        return "below the noise"
    return "above the noise" if low > 1.0 or high < -1.0 else "undecided"


def _distance_shifts(observations: Observations) -> list[Number]:
    """Distance between the diagrams without outliers and without random points, over the noise."""
    rows = observations.of("outliers")
    found = []
    for name in dict.fromkeys(rows.loc[rows["statistic"].str.endswith("distance"), "statistic"]):
        for k in observations.degrees("outliers"):
            curves = observations.curves("outliers", "lof", name, k)
            for i, layer in enumerate(curves.layers):
                ratio = observations.interval(curves.values[:, i])
                word = _size(ratio.low, ratio.high)
                what = f"H{k} {name.replace('_', ' ')}, outliers against random points"
                bounds = (ratio.value, ratio.low, ratio.high)
                found.append(Number(what, layer, *bounds, ratio.n, word))
    return found


def _outliers_verdict(numbers: list[Number], flagged: Curves) -> Verdict:
    rule = (
        "The shift that removing LOF's outliers (factor above 1.5) causes beyond removing as many "
        "random points, in standard deviations between draws (distances: over the distance of two "
        f"draws). Holds: within 1, interval included, in {100 * MOST:g} % of the cases; fails: "
        f"beyond 1 in more than {100 * (1 - MOST):.0f} %."
    )
    others = [one for one in numbers if one.word and "%" in one.what]
    judged = [one for one in numbers if one.word and "%" not in one.what]
    if not judged:
        text = "One draw has no spread; two or more are needed."
        return Verdict("outliers", CLAIMS["outliers"], NOT_CHECKED, text, rule=rule)
    small = sum(one.word == "below the noise" for one in judged)
    large = [one for one in judged if one.word == "above the noise"]
    total = len(judged)
    verdict = UNDECIDED
    if small >= MOST * total:
        verdict = HOLDS
    elif len(large) > (1 - MOST) * total:
        verdict = FAILS
    share = flagged.values.mean(axis=0) if len(flagged.layers) else np.zeros(1)
    text = (
        f"LOF flags {100 * share.mean():.1f} % of the points (most at one layer: "
        f"{100 * share.max():.1f} %). Removing them changes less than drawing other samples would "
        f"in {small} of {total} numbers (layer by statistic), more in {len(large)}, and is not "
        f"told in {total - small - len(large)}."
    )
    if others:
        more = sum(one.word == "above the noise" for one in others)
        text += (
            f" Removing a fixed 1 to 10 % (LOF, distance to the centroid, isolation forest) moves "
            f"{more} of {len(others)} numbers beyond the noise."
        )
    advice = ""
    if large:
        which = list(dict.fromkeys(one.what.partition(" without")[0] for one in large))
        where = list(dict.fromkeys(one.where for one in large))
        text += f" Outliers move above all: {names(which)}."
        advice = (
            f"Read {names(which)} at {names(where)} with care, or remove outliers by one rule "
            "everywhere and say so."
        )
    return Verdict("outliers", CLAIMS["outliers"], verdict, text, advice, rule, tuple(numbers))
