"""Validity verdicts in words: claim, rule, what was found, what to do. Pure functions of verdicts.

The rules stand in `findings.validity`; here they are told, with the numbers that they use.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toposcope.analysis.validity_checks import CHECKS, LOF, LOF_THRESHOLD
from toposcope.findings.validity.geometry import (
    BLIND_CV,
    CLEAR_CV,
    FEWEST_LAYERS,
    SAME_ORDER,
    flips,
)
from toposcope.findings.validity.points import KEPT_ORDER, MOST, STABLE_MARGIN, decisive
from toposcope.findings.validity.verdict import Decision, Meaning, Number, Quantity, Verdict
from toposcope.words.formats import few, share
from toposcope.words.statistics import phrase

CLAIMS: dict[str, str] = {
    "sample_size": "There are enough points per cloud.",
    "outliers": "Outliers do not decide the numbers.",
    "normalization": "The trends over depth keep their direction under other normalizations.",
    "concentration": "Distances differ enough for a filtration to see shape.",
    "metric": "The order of the layers does not depend on the metric.",
}
"""What each check would like to be true."""

RULES: dict[str, str] = {
    "sample_size": (
        "A layer has enough points at m when H0 entropy and the H0 lifespan sum over its growth "
        f"are within {100 * STABLE_MARGIN:g} % of their values at the largest size, interval "
        f"included, at m and at every larger size tried. Holds: at {100 * MOST:g} % of the layers "
        f"below the largest size, and {100 * KEPT_ORDER:g} % of the pairs of layers told apart "
        "keep their order; fails: at less than half of the layers."
    ),
    "outliers": (
        f"The shift that removing LOF's outliers (factor above {LOF_THRESHOLD:g}) causes beyond "
        "removing as many random points, in standard deviations between draws (distances: over "
        f"the distance of two draws). Holds: within 1, interval included, in {100 * MOST:g} % of "
        f"the cases; fails: beyond 1 in more than {100 * (1 - MOST):.0f} %."
    ),
    "normalization": (
        "Spearman's rho of a statistic with depth, in every draw; the trend rises or falls when "
        "its interval, corrected for all trends looked at, excludes 0. Holds: no "
        "normalization contradicts the one that was used; "
        "fails: at least one turns a trend around."
    ),
    "concentration": (
        "Coefficient of variation of the distances (for a round Gaussian 1 / sqrt(2 d)). In "
        "12 simulations each of circles in noise in 10 to 300 dimensions (n = 300), all were seen "
        f"above {CLEAR_CV:g} and none below {BLIND_CV:g}; between, it depends on the dimension. "
        f"Holds: above {CLEAR_CV:g} at nine of ten layers; fails: below {BLIND_CV:g} at any layer."
    ),
    "metric": (
        "Spearman's rho between the layer curve under Euclidean distances and the one under "
        f"another metric, in every draw; intervals are corrected for all. Agrees: above "
        f"{SAME_ORDER:g}, interval included; contradicts: below 0, interval included; in part: "
        "between. Holds: all agree; fails: one contradicts; in part: some agree, "
        "others are in part."
    ),
}
"""How each decision follows from the numbers; fixed before looking."""

NEEDED: dict[str, str] = {
    "sample_size": "One draw has no spread; two or more are needed.",
    "outliers": "One draw has no spread; two or more are needed.",
    "normalization": f"A trend needs {FEWEST_LAYERS} layers or more and two draws or more.",
    "concentration": "No layer has distances.",
    "metric": f"An order needs {FEWEST_LAYERS} layers or more and two draws or more.",
}
"""Why measurements decide nothing."""


@dataclass(frozen=True)
class ToldVerdict:
    """A verdict as people read it.

    Parameters
    ----------
    claim
        What would be good to know, as a statement.
    text
        Why it holds or not, in a sentence or two with the decisive numbers.
    advice
        What to do; "" when nothing.
    rule
        How the decision follows from the numbers.
    rows
        (what, of what, number with interval, n, meaning) of everything that was weighed.
    """

    claim: str
    text: str
    advice: str
    rule: str
    rows: tuple[tuple[str, str, str, str, str], ...]


def told(verdict: Verdict) -> ToldVerdict:
    """A verdict in words."""
    name = verdict.name
    text, advice = _not_checked(verdict), ""
    if verdict.decision != Decision.NOT_CHECKED:
        text, advice = TELLERS[name](verdict)
    rule = RULES[name] if verdict.measured else ""
    return ToldVerdict(claim_of(verdict), text, advice, rule, tuple(map(_row, verdict.numbers)))


def claim_of(verdict: Verdict) -> str:
    """The claim, with the degrees of homology that were looked at: the cheap form sees H0 alone.

    >>> claim_of(Verdict("metric", Decision.HOLDS, (Number(Quantity.AGREEMENT, 1.0, degree=0),)))
    'H0: The order of the layers does not depend on the metric.'
    """
    degrees = sorted({number.degree for number in verdict.numbers if number.degree is not None})
    seen = ", ".join(f"H{k}" for k in degrees)
    return f"{seen}: {CLAIMS[verdict.name]}" if seen else CLAIMS[verdict.name]


def as_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict for machines: every number with what it is of, and the sentences beside it."""
    plain = verdict.as_dict()
    words = told(verdict)
    rows = zip(plain["numbers"], words.rows, strict=True)
    return {
        "name": verdict.name,
        "claim": words.claim,
        "verdict": str(verdict.decision),
        "text": words.text,
        "advice": words.advice,
        "rule": words.rule,
        "numbers": [
            number | {"what": what, "where": where, "word": number["meaning"]}
            for number, (what, where, *_) in rows
        ],
    }


def plain_text(verdicts: Sequence[Verdict]) -> str:
    """Verdicts for a terminal: one paragraph each.

    >>> print(plain_text([Verdict("metric", Decision.NOT_CHECKED)]))
    NOT CHECKED    The order of the layers does not depend on the metric.
                   An order needs 4 layers or more and two draws or more.
    """
    lines = []
    for verdict in verdicts:
        words = told(verdict)
        lines.append(f"{verdict.decision.upper():<15}{words.claim}")
        for text in (words.text, words.advice):
            lines += textwrap.wrap(text, 84, initial_indent=" " * 15, subsequent_indent=" " * 15)
    return "\n".join(lines)


def _not_checked(verdict: Verdict) -> str:
    if verdict.measured:
        return NEEDED[verdict.name]
    reasons = [f"{few(list(layers))}: {reason}" for reason, layers in verdict.reasons.items()]
    return "; ".join(reasons) or "It was not measured (Rips filtrations of points only)."


def _sample_size(verdict: Verdict) -> tuple[str, str]:
    needed = verdict.of(Quantity.RECOMMENDED)
    largest = int(needed[0].size or 0)
    late = [number.layer for number in needed if math.isnan(number.value)]
    settled = [int(number.value) for number in needed if not math.isnan(number.value)]
    text = f"{len(settled)} of {len(needed)} layers have settled below n = {largest:,}"
    text += f" (from n = {min(settled):,} to {max(settled):,})" if settled else ""
    text += f"; not yet: {few(late)}." if late else "."
    for order in verdict.of(Quantity.ORDER)[-1:]:
        text += (
            f" {share(order.value)} of {order.pairs} pairs told apart keep their order at "
            f"{order.size} points (interval {share(order.low)} to {share(order.high)}, {order.n} "
            "draws)."
        )
    growth = verdict.of(Quantity.GROWTH)
    if growth:
        least = max(growth, key=lambda number: number.value)
        text += (
            f" Sums themselves keep growing: at {least.size} points they are at least "
            f"{share(-least.value)} smaller ({least.layer}), so clouds of different n are never "
            "compared."
        )
    advice = ""
    if late:
        advice = (
            f"Take more than {largest:,} points for {few(late)}, or compare layers at this n "
            "only: their numbers still change with n."
        )
    return text, advice


def _outliers(verdict: Verdict) -> tuple[str, str]:
    judged = decisive(verdict.numbers)
    others = [one for one in verdict.of(Quantity.SHIFT) if one.condition != LOF]
    small = sum(number.meaning == Meaning.BELOW_NOISE for number in judged)
    large = [number for number in judged if number.meaning == Meaning.ABOVE_NOISE]
    flagged = [number.value for number in verdict.of(Quantity.OUTLIER_SHARE)] or [0.0]
    mean, most = sum(flagged) / len(flagged), max(flagged)
    text = (
        f"LOF flags {100 * mean:.1f} % of the points (most at one layer: {100 * most:.1f} %). "
        "Removing them changes less than drawing other samples would in "
        f"{small} of {len(judged)} numbers (layer by statistic), more in {len(large)}, and is not "
        f"told in {len(judged) - small - len(large)}."
    )
    if others:
        more = sum(number.meaning == Meaning.ABOVE_NOISE for number in others)
        text += (
            f" Removing a fixed 1 to 10 % (LOF, distance to the centroid, isolation forest) moves "
            f"{more} of {len(others)} numbers beyond the noise."
        )
    if not large:
        return text, ""
    which = few(list(dict.fromkeys(_moved(number) for number in large)))
    layers = few(list(dict.fromkeys(number.layer for number in large)))
    advice = (
        f"Read {which} at {layers} with care, or remove outliers by one rule everywhere and say so."
    )
    return f"{text} Outliers move above all: {which}.", advice


def _moved(number: Number) -> str:
    """The statistic or the distance that a shift is of."""
    if number.quantity == Quantity.DIAGRAM_SHIFT:
        return f"H{number.degree} {number.statistic.replace('_', ' ')}"
    return watched(number)


def _normalization(verdict: Verdict) -> tuple[str, str]:
    turned = flips(verdict.numbers, verdict.normalization)
    if turned:
        told_flips = [
            f"{phrase(flip.statistic, flip.degree)} {flip.direction} under "
            f"{verdict.normalization}, "
            f"{'rises' if flip.direction == Meaning.FALLS else 'falls'} under {few(flip.turned)}"
            for flip in turned
        ]
        advice = (
            "Name the normalization wherever you speak of growth or decay over depth, and show the "
            "scale of the activations beside the curve."
        )
        return f"Conclusions flip: {'; '.join(told_flips)}.", advice
    numbers = verdict.numbers
    clear = sum(number.meaning != Meaning.NO_TREND for number in numbers)
    conditions = dict.fromkeys(number.condition for number in numbers)
    text = (
        f"No trend turns around under {', '.join(conditions)}: {clear} of {len(numbers)} "
        f"(statistic by normalization) are clear and agree, {len(numbers) - clear} are not clear."
    )
    return text, ""


def _concentration(verdict: Verdict) -> tuple[str, str]:
    judged = verdict.of(Quantity.CONTRAST)
    by_meaning: Mapping[Meaning, list[str]] = {
        meaning: [number.layer for number in judged if number.meaning == meaning]
        for meaning in (Meaning.CLEAR, Meaning.BETWEEN, Meaning.CONCENTRATED)
    }
    least = min(judged, key=lambda number: number.value)
    text = (
        f"Distances vary enough at {len(by_meaning[Meaning.CLEAR])} of {len(judged)} layers; least "
        f"at {least.layer}: their coefficient of variation is {least} ({least.n} draws)."
    )
    if by_meaning[Meaning.CONCENTRATED]:
        return text, (
            f"At {few(by_meaning[Meaning.CONCENTRATED])} all points are about equally far: bars "
            "measure dimension, not shape. Reduce the dimension (--pool project:K, fewer channels) "
            "before reading H1."
        )
    if verdict.decision == Decision.IN_PART:
        return text, (
            f"At {few(by_meaning[Meaning.BETWEEN])} shape can drown in dimension, and a contrast "
            "can come from the norms alone: beating a Gaussian null does not tell shape from those."
        )
    return text, ""


def _metric(verdict: Verdict) -> tuple[str, str]:
    numbers = verdict.numbers
    agree = sum(number.meaning == Meaning.AGREES for number in numbers)
    against = sum(number.meaning == Meaning.CONTRADICTS for number in numbers)
    least = min(numbers, key=lambda number: number.value)
    text = (
        f"{agree} of {len(numbers)} layer curves (statistic by metric) keep the Euclidean order, "
        f"{against} turn it around; least alike: {watched(least)} under {least.condition} "
        f"distances, rho {least} ({least.n} draws)."
    )
    if verdict.decision == Decision.HOLDS:
        return text, ""
    which = dict.fromkeys(
        f"{watched(number)} ({number.condition})"
        for number in numbers
        if number.meaning != Meaning.AGREES
    )
    return text, f"Say which metric was used when you order layers by {few(list(which))}."


TELLERS: dict[str, Callable[[Verdict], tuple[str, str]]] = {
    "sample_size": _sample_size,
    "outliers": _outliers,
    "normalization": _normalization,
    "concentration": _concentration,
    "metric": _metric,
}
assert TELLERS.keys() == CHECKS.keys() == CLAIMS.keys() == RULES.keys() == NEEDED.keys()


def watched(number: Number) -> str:
    """The statistic of a number inside a sentence."""
    return phrase(number.statistic, number.degree)


def _row(number: Number) -> tuple[str, str, str, str, str]:
    meaning = str(number.meaning)
    if number.quantity == Quantity.RECOMMENDED and math.isnan(number.value):
        meaning = f"> {number.size}"
    where = number.layer or number.condition
    if number.quantity == Quantity.ORDER:
        where = f"{number.pairs} pairs told apart"
    n = str(number.n) if number.n else ""
    return WHATS[number.quantity](number), where, str(number), n, meaning


WHATS: dict[Quantity, Callable[[Number], str]] = {
    Quantity.DRIFT: lambda one: f"{watched(one)} at {one.size} points against all",
    Quantity.UNEQUAL_N: lambda one: f"H{one.degree} Wasserstein distance, n to 2 n over n to n",
    Quantity.GROWTH: lambda one: (
        f"{watched(one)}, not divided by its growth, at {one.size} points against all"
    ),
    Quantity.ORDER: lambda one: f"pairs of layers in their order at {one.size} points",
    Quantity.RECOMMENDED: lambda one: "recommended n",
    Quantity.SHIFT: lambda one: f"{watched(one)} without {one.condition} outliers",
    Quantity.OUTLIER_SHARE: lambda one: "share flagged by LOF",
    Quantity.DIAGRAM_SHIFT: lambda one: f"{_moved(one)}, outliers against random points",
    Quantity.TREND: lambda one: f"trend of {watched(one)} over depth",
    Quantity.CONTRAST: lambda one: "coefficient of variation",
    Quantity.GAUSSIAN_CONTRAST: lambda one: "the same of a Gaussian of the same covariance",
    Quantity.NEAREST: lambda one: "mean over nearest distance",
    Quantity.AGREEMENT: watched,
}
"""What a number is, in words."""
assert WHATS.keys() == set(Quantity)
