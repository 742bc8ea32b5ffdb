"""Are there enough points? Half of them predict the numbers of all, and show the same order.

Three things have to be shown of every layer and degree of homology: the entropy of half the points
is that of all; the lifespan sum grows more slowly than the number of points, since sums of a space
of d dimensions grow like n^((d-1)/d) and exponent 1 is an infinite dimension; and the growth from a
quarter to half of the points leads to the sum at all of them. That exponent has seen no cloud of
all points: one fitted on the clouds it is checked on lets concentrated distances, which hardly
change with n, pass from 16 points on.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from toposcope.analysis.validity_checks import UNEQUAL_N, at_size, halved
from toposcope.findings.validity.deciding import (
    Array,
    Estimate,
    PValues,
    Weighed,
    combined,
    leave_one_out,
    weigh,
)
from toposcope.findings.validity.observations import Curves, Observations, paired, together
from toposcope.findings.validity.verdict import (
    Decision,
    Meaning,
    Number,
    Part,
    Quantity,
    Verdict,
)

MARGIN = 0.05
"""A number at half the points is that of all when it is within 5 % of it, interval included."""
SUM, ENTROPY = "lifespan_sum", "normalized_entropy"
WATCHED = (SUM, ENTROPY)


def sample_size(observations: Observations) -> Verdict:
    """Do half of the points predict the numbers of all, and the order of the layers?"""
    sizes = observations.sizes()
    largest = sizes[-1] if sizes else 0
    weighed: dict[int | None, list[Weighed]] = {}
    orders, turned = [], set()
    for k in observations.degrees("sample_size"):
        found = _of_degree(observations, largest, k)
        if found:
            weighed[k] = found
        order = _order(observations, largest, k)
        if order is not None:
            orders.append(order)
            if order.meaning == Meaning.ORDER_CHANGES:
                turned.add(k)
    # Half of what false alarms may cost is spent on the pairs of layers.
    parts, numbers = weigh(weighed, alpha=observations.alpha, spent=0.5)
    parts = tuple(_with_order(part, turned=part.degree in turned) for part in parts)
    decision = combined(part.decision for part in parts)
    if largest and not _draws(observations, largest):
        decision, parts = Decision.NOT_CHECKED, ()
    everything = (*numbers, *orders, *_unequal(observations))
    return Verdict("sample_size", decision, everything, parts=parts, points=largest)


def _with_order(part: Part, *, turned: bool) -> Part:
    """A part fails when a pair of layers turns around, however steady its numbers are."""
    if not turned:
        return part
    return Part(part.degree, Decision.FAILS, part.shown, part.refuted + 1, part.count + 1)


def _draws(observations: Observations, largest: int) -> bool:
    """Whether there are two draws or more, without which nothing has a spread."""
    rows = observations.curves("sample_size", at_size(largest), SUM, 0)
    return len(rows.draws) > 1


def _curves(observations: Observations, largest: int, statistic: str, k: int) -> list[Curves]:
    """A statistic at a quarter, half and all of the points."""
    return paired(
        *(observations.curves("sample_size", at_size(m), statistic, k) for m in halved(largest))
    )


def _of_degree(observations: Observations, largest: int, k: int) -> list[Weighed]:
    """What is tested of every layer in one degree."""
    weighed = []
    _, half, whole = _curves(observations, largest, ENTROPY, k)
    for i, layer in enumerate(whole.layers):
        part, total = together(half.values[:, i], whole.values[:, i])
        if not len(part):
            continue
        # An entropy of 0 is that of one pair: too few of them to be a shape.
        logs = np.log(np.maximum(part, 1e-12)) - np.log(np.maximum(total, 1e-12))
        drift = observations.mean(logs, scale="log")
        tested = _within(drift)
        number = _number(observations, Quantity.DRIFT, drift, layer, ENTROPY, k, largest)
        weighed.append(Weighed(number, tested, Meaning.STABLE, Meaning.NOT_STABLE))
    curves = _curves(observations, largest, SUM, k)
    for i, layer in enumerate(curves[0].layers):
        sums = np.stack(together(*(one.values[:, i] for one in curves)))
        if not sums.size or not sums[-1].any():
            continue  # no pairs, hence nothing that could settle
        growth = _jackknifed(observations, sums, lambda s: _exponent(s, halved(largest), 1))
        number = _number(observations, Quantity.GROWTH, growth, layer, SUM, k, largest)
        tested = PValues(growth.below(1.0), growth.above(1.0))
        weighed.append(Weighed(number, tested, Meaning.STABLE, Meaning.NOT_STABLE))
        missed = _jackknifed(observations, sums, lambda s: _surprise(s, halved(largest)), "log")
        number = _number(observations, Quantity.PREDICTION, missed, layer, SUM, k, largest)
        weighed.append(Weighed(number, _within(missed), Meaning.STABLE, Meaning.NOT_STABLE))
    return weighed


def _within(ratio: Estimate) -> PValues:
    """Tests of a ratio on the logarithmic scale against 1 -+ the margin."""
    ends = 1 / (1 + MARGIN), 1 + MARGIN
    return PValues(ratio.inside(*ends), ratio.outside(*ends))


def _exponent(sums: Array, sizes: tuple[int, int, int], start: int) -> float:
    """Power of n with which mean sums grow from one size to the next."""
    a, b = np.log(sums[start : start + 2].mean(axis=1))
    return float((b - a) / np.log(sizes[start + 1] / sizes[start]))


def _surprise(sums: Array, sizes: tuple[int, int, int]) -> float:
    """Logarithm of the mean sum at all points over what the growth before leads to."""
    _, half, whole = np.log(sums.mean(axis=1))
    return float(whole - half - _exponent(sums, sizes, 0) * np.log(sizes[2] / sizes[1]))


def _jackknifed(
    observations: Observations,
    sums: Array,
    statistic: Callable[[Array], float],
    scale: str = "plain",
) -> Estimate:
    """An estimate from (sizes, R) sums; sums of a draw may be 0, their means may not."""
    count = sums.shape[1]
    if not (sums.mean(axis=1) > 0).all():
        return Estimate(np.nan, np.nan, 0, scale)  # the parts have no pairs: nothing is shown
    value = statistic(sums)
    if count < 2:
        return observations.mean(np.array([value]), scale=scale)
    left = [np.delete(sums, r, axis=1) for r in range(count)]
    if any((one.mean(axis=1) <= 0).any() for one in left):
        return Estimate(value, np.inf, count - 1, scale)  # one draw alone has pairs
    return observations.mean(leave_one_out(map(statistic, left), value), scale=scale)


def _number(
    observations: Observations,
    quantity: Quantity,
    estimate: Estimate,
    layer: str,
    statistic: str,
    k: int,
    largest: int,
) -> Number:
    value, (low, high) = estimate.value, estimate.ends(observations.level)
    if estimate.scale == "log":  # a ratio; what is told is how far it is from 1
        value, low, high = value - 1, low - 1, high - 1
    return Number(
        quantity,
        value,
        low,
        high,
        estimate.freedom + 1 if np.isfinite(value) else 0,
        layer=layer,
        statistic=statistic,
        degree=k,
        size=largest // 2,
    )


def _order(observations: Observations, largest: int, k: int) -> Number | None:
    """Pairs of layers told apart at all points: are they, the same way, at half of them?

    Both differences are tested on their own, each corrected for all pairs: that one is told apart
    at all points makes its order at half of them no less uncertain.
    """
    _, half, whole = _curves(observations, largest, SUM, k)
    pairs = list(combinations(range(len(whole.layers)), 2))
    alpha = observations.alpha / max(2 * len(pairs), 1)
    told = kept = turned = 0
    for i, j in pairs:
        columns = [one.values[:, c] for one in (whole, half) for c in (i, j)]
        a, b, c, d = together(*columns)
        if len(a) < 2:
            continue
        at_all = _sign(observations.mean(a - b), alpha)
        if not at_all:  # 500 layers have 124,750 pairs, most of them never told apart
            continue
        at_half = _sign(observations.mean(c - d), alpha)
        told += 1
        kept += at_half == at_all
        turned += at_half == -at_all
    if not told:
        return None
    return Number(
        Quantity.ORDER,
        kept / told,
        n=len(whole.draws),
        meaning=Meaning.ORDER_CHANGES
        if turned
        else Meaning.ORDER_KEPT
        if kept == told
        else Meaning.UNDECIDED,
        statistic=SUM,
        degree=k,
        size=largest // 2,
        pairs=told,
    )


def _sign(difference: Estimate, alpha: float) -> int:
    """1 or -1 where a difference is shown to be above or below 0 (two-sided), else 0."""
    if difference.above(0.0) <= alpha / 2:
        return 1
    return -1 if difference.below(0.0) <= alpha / 2 else 0


def _unequal(observations: Observations) -> list[Number]:
    """Distance of diagrams of n to 2 n points over that of n to n points (full form only)."""
    numbers = []
    for k in observations.degrees("sample_size"):
        curves = observations.curves("sample_size", UNEQUAL_N, "unequal_n", k)
        for i, layer in enumerate(curves.layers):
            (values,) = together(curves.values[:, i])
            if len(values):
                ratio = observations.mean(values)
                ends = (ratio.value, *ratio.ends(observations.level), len(values))
                numbers.append(Number(Quantity.UNEQUAL_N, *ends, layer=layer, degree=k))
    return numbers
