"""Validity verdicts in words: claim, rule, what was found, what to do. Pure functions of verdicts.

The rules stand in `findings.validity`; here they are told, with the numbers that they use.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toposcope.analysis.validity_checks import CHECKS, LOF
from toposcope.findings.validity.deciding import tolerated
from toposcope.findings.validity.normalization import flips, reference
from toposcope.findings.validity.verdict import (
    Decision,
    Meaning,
    Number,
    Part,
    Quantity,
    Verdict,
)
from toposcope.words.formats import few
from toposcope.words.statistics import phrase
from toposcope.words.validity_rules import CLAIMS, NEEDED, RULES


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
    """The claim, with the statistics and the number of points that it is about.

    >>> one = Number(Quantity.AGREEMENT, 1.0, statistic="lifespan_sum", degree=0)
    >>> claim_of(Verdict("metric", Decision.HOLDS, (one,), points=128))
    'H0 lifespan sum at 128 points: The order of the layers does not depend on the metric.'
    """
    seen = about(verdict)
    where = f" at {verdict.points:,} points" if verdict.points else ""
    claim = CLAIMS[verdict.name]
    if not seen:
        return f"At {verdict.points:,} points: {claim}" if where else claim
    return f"{'; '.join(seen)}{where}: {claim}"


def about(verdict: Verdict) -> list[str]:
    """What a verdict was decided on: statistics with their degrees, and distances of diagrams.

    Statistics without a clear trend, or without an order that repeats, decide nothing.
    """
    clear = {
        (number.statistic, number.degree)
        for number in verdict.of(Quantity.TREND)
        if number.condition == reference(verdict.numbers, verdict.normalization)
        and number.meaning != Meaning.NO_TREND
    }
    deciding = [
        number
        for number in verdict.numbers
        if number.statistic
        and number.quantity != Quantity.REPEATS
        and number.meaning != Meaning.NO_ORDER
        and (number.quantity != Quantity.TREND or (number.statistic, number.degree) in clear)
        and not _beside(number)
    ]
    by_degree: dict[int | None, list[str]] = {}
    for number in deciding:
        names = by_degree.setdefault(number.degree, [])
        name = _moved(number) if number.quantity == Quantity.DIAGRAM_SHIFT else watched(number)
        name = name.removeprefix(f"H{number.degree} ")
        if name not in names:
            names.append(name)
    together: dict[tuple[str, ...], list[str]] = {}
    for degree, names in by_degree.items():
        together.setdefault(tuple(names), []).append("" if degree is None else f"H{degree}")
    return [
        f"{' and '.join(filter(None, degrees))} {', '.join(names)}".strip()
        for names, degrees in together.items()
    ]


def _beside(number: Number) -> bool:
    """Whether no decision hangs on a number: other ways of naming outliers are told beside LOF."""
    shifts = (Quantity.SHIFT, Quantity.DIAGRAM_SHIFT)
    return number.quantity in shifts and number.condition != LOF


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
                   An order needs 4 layers or more and three draws or more.
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


def _by_part(verdict: Verdict) -> str:
    """What holds in which degree, where several were looked at."""
    if len(verdict.parts) < 2:
        return ""
    return "; ".join(f"H{part.degree}: {part.decision}" for part in verdict.parts) + ". "


def _counted(parts: Sequence[Part], yes: str, no: str) -> str:
    """How many numbers were shown to be one way and the other.

    >>> _counted([Part(0, Decision.UNDECIDED, 5, 1, 9)], "below the noise", "above it")
    'Of 9 numbers 5 are shown to be below the noise, 1 above it, 3 cannot be told.'
    """
    count, shown = (sum(getattr(part, name) for part in parts) for name in ("count", "shown"))
    refuted = sum(part.refuted for part in parts)
    return (
        f"Of {count} numbers {shown} are shown to be {yes}, {refuted} {no}, "
        f"{count - shown - refuted} cannot be told."
    )


def _except(numbers: Sequence[Number], parts: Sequence[Part]) -> str:
    """The numbers that a claim which holds does not hold for; nothing where there are none."""
    left = [one for one in numbers if one.meaning not in (Meaning.STABLE, Meaning.BELOW_NOISE)]
    holding = {part.degree for part in parts if part.decision == Decision.HOLDS}
    names = [f"{_named(one)} at {one.layer}" for one in left if one.degree in holding]
    most = max((tolerated(part.count) for part in parts), default=0)
    return f" Up to {most} may be otherwise; not shown: {few(names)}." if names else ""


def _named(number: Number) -> str:
    """A number of the checks of sample size and outliers inside a sentence."""
    kind = {Quantity.GROWTH: "growth of the ", Quantity.PREDICTION: "predicted "}
    name = _moved(number)
    return f"{kind.get(number.quantity, '')}{name}"


def _sample_size(verdict: Verdict) -> tuple[str, str]:
    tested = verdict.of(Quantity.DRIFT, Quantity.GROWTH, Quantity.PREDICTION)
    half = verdict.points // 2
    text = _by_part(verdict) + _counted(
        verdict.parts,
        f"the same at {half:,} points as at {verdict.points:,}",
        "not to be",
    )
    text += _except(tested, verdict.parts)
    endless = [
        number for number in verdict.of(Quantity.GROWTH) if number.meaning == Meaning.NOT_STABLE
    ]
    if endless:
        most = max(endless, key=lambda number: number.value)
        text += (
            f" A sum grows as fast as the number of points or faster, as in no finite dimension: "
            f"{few(list(dict.fromkeys(f'{watched(one)} at {one.layer}' for one in endless)))} "
            f"(most: exponent {most}, {most.n} draws)."
        )
    for order in verdict.of(Quantity.ORDER):
        said = {
            Meaning.ORDER_CHANGES: "some the other way",
            Meaning.ORDER_KEPT: "none the other way",
        }.get(order.meaning, "none the other way")
        text += (
            f" Of {order.pairs} pairs of layers that {watched(order)} tells apart, "
            f"{round(order.value * (order.pairs or 0))} are told apart the same way at half of the "
            f"points, {said} ({order.n} draws)."
        )
    growth = verdict.of(Quantity.GROWTH)
    if growth:
        text += " Sums grow with n whatever the verdict: clouds of different n are never compared."
    moving = [number for number in tested if number.meaning == Meaning.NOT_STABLE]
    advice = ""
    if moving:
        layers = few(list(dict.fromkeys(number.layer for number in moving)))
        what = few(list(dict.fromkeys(watched(number) for number in moving)))
        advice = (
            f"Take more than {verdict.points:,} points, or compare {what} of {layers} at this n "
            "only: they still change with n."
        )
    elif verdict.decision == Decision.UNDECIDED:
        advice = "More draws narrow the intervals; more points make the numbers steadier."
    return text, advice


def _outliers(verdict: Verdict) -> tuple[str, str]:
    judged = [one for one in verdict.of(Quantity.SHIFT, Quantity.DIAGRAM_SHIFT) if not _beside(one)]
    others = [one for one in verdict.of(Quantity.SHIFT) if _beside(one)]
    large = [number for number in judged if number.meaning == Meaning.ABOVE_NOISE]
    flagged = [number.value for number in verdict.of(Quantity.OUTLIER_SHARE)] or [0.0]
    mean, most = sum(flagged) / len(flagged), max(flagged)
    text = (
        f"{_by_part(verdict)}LOF flags {100 * mean:.1f} % of the points (most at one layer: "
        f"{100 * most:.1f} %). "
    )
    text += _counted(
        verdict.parts,
        "moved less by their removal than by drawing other samples",
        "more",
    )
    text += _except(judged, verdict.parts)
    if others:
        more = sum(number.meaning == Meaning.ABOVE_NOISE for number in others)
        text += (
            f" Removing a fixed 1 to 10 % (LOF, distance to the centroid, isolation forest) moves "
            f"{more} of {len(others)} numbers beyond the noise; no decision hangs on that."
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
    numbers = verdict.numbers
    turned = flips(numbers, verdict.normalization)
    conditions = list(dict.fromkeys(number.condition for number in numbers))
    used = reference(numbers, verdict.normalization)
    clear = [
        number
        for number in numbers
        if number.condition == used and number.meaning != Meaning.NO_TREND
    ]
    kept = sum(part.shown for part in verdict.parts)
    text = _by_part(verdict)
    if turned:
        told_flips = [
            f"{phrase(flip.statistic, flip.degree)} {flip.direction} under {used}, "
            f"{'rises' if flip.direction == Meaning.FALLS else 'falls'} under {few(flip.turned)}"
            for flip in turned
        ]
        advice = (
            "Name the normalization wherever you speak of growth or decay over depth, and show the "
            "scale of the activations beside the curve."
        )
        return f"{text}Conclusions flip: {'; '.join(told_flips)}.", advice
    if not clear:
        return f"{text}No trend over depth is clear under {used}: there is nothing to keep.", ""
    text += (
        f"{len(clear)} of {len({(one.statistic, one.degree) for one in numbers})} statistics have "
        f"a clear trend under {used}, and {kept} of these have it as clearly under each of "
        f"{', '.join(conditions)}; none is shown to turn around."
    )
    vague = [
        f"{watched(one)} ({other.condition})"
        for one in clear
        for other in numbers
        if (other.statistic, other.degree) == (one.statistic, one.degree)
        and other.meaning == Meaning.NO_TREND
    ]
    if not vague:
        return text, ""
    return text, f"Of {few(vague)} no direction is clear: more draws or layers would tell."


def _concentration(verdict: Verdict) -> tuple[str, str]:
    judged = verdict.of(Quantity.CONTRAST)
    by_meaning: Mapping[Meaning, list[str]] = {
        meaning: [number.layer for number in judged if number.meaning == meaning]
        for meaning in (
            Meaning.CLEAR,
            Meaning.BETWEEN,
            Meaning.CONCENTRATED,
            Meaning.UNDECIDED,
        )
    }
    least = min(judged, key=lambda number: number.value)
    text = (
        f"Directions vary enough at {len(by_meaning[Meaning.CLEAR])} of {len(judged)} layers; "
        f"least at {least.layer}: the coefficient of variation of their distances is {least} "
        f"({least.n} draws)."
    )
    if by_meaning[Meaning.CONCENTRATED]:
        return text, (
            f"At {few(by_meaning[Meaning.CONCENTRATED])} all points are about equally far, norms "
            "aside: bars measure dimension, not shape. Reduce the dimension (--pool project:K, "
            "fewer channels) before reading H1."
        )
    advice = ""
    if by_meaning[Meaning.BETWEEN]:
        advice = (
            f"At {few(by_meaning[Meaning.BETWEEN])} shape can drown in dimension: what is seen "
            "there has to beat a copula null, and what is not seen may be there."
        )
    if by_meaning[Meaning.UNDECIDED]:
        which = few(by_meaning[Meaning.UNDECIDED])
        advice = f"{advice} At {which} more draws are needed to tell.".strip()
    return text, advice


def _metric(verdict: Verdict) -> tuple[str, str]:
    repeats = verdict.of(Quantity.REPEATS)
    ordered = [watched(one) for one in repeats if one.meaning == Meaning.REPEATED]
    text = _by_part(verdict)
    if not ordered:
        return (
            f"{text}In none of {len(repeats)} statistics is the Euclidean order of the layers "
            "shown to repeat from draw to draw: there is none to keep.",
            "",
        )
    numbers = [one for one in verdict.of(Quantity.AGREEMENT) if one.meaning != Meaning.NO_ORDER]
    agree = sum(number.meaning == Meaning.AGREES for number in numbers)
    against = sum(number.meaning == Meaning.CONTRADICTS for number in numbers)
    least = min(numbers, key=lambda number: number.value)
    text += (
        f"By {few(ordered, shown=9)} the layers have an order that other draws repeat. "
        f"{agree} of {len(numbers)} curves under other metrics are shown to keep it, {against} to "
        f"turn it around; least alike: {watched(least)} under {least.condition} distances, rho "
        f"{least} ({least.n} draws)."
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
    where = number.layer or number.condition
    if number.quantity == Quantity.ORDER:
        where = f"{number.pairs} pairs told apart"
    n = str(number.n) if number.n else ""
    value = "none" if math.isnan(number.value) else str(number)
    return WHATS[number.quantity](number), where, value, n, meaning


WHATS: dict[Quantity, Callable[[Number], str]] = {
    Quantity.DRIFT: lambda one: f"{watched(one)} at {one.size} points against all",
    Quantity.UNEQUAL_N: lambda one: f"H{one.degree} Wasserstein distance, n to 2 n over n to n",
    Quantity.GROWTH: lambda one: f"growth exponent of {watched(one)} from {one.size} points on",
    Quantity.PREDICTION: lambda one: (
        f"{watched(one)} against its growth up to {one.size} points carried on"
    ),
    Quantity.ORDER: lambda one: f"told apart alike at {one.size} points by {watched(one)}",
    Quantity.SHIFT: lambda one: f"{watched(one)} without {one.condition} outliers",
    Quantity.OUTLIER_SHARE: lambda one: "share flagged by LOF",
    Quantity.DIAGRAM_SHIFT: lambda one: f"{_moved(one)}, outliers against random points",
    Quantity.TREND: lambda one: f"trend of {watched(one)} over depth",
    Quantity.CONTRAST: lambda one: "coefficient of variation, directions",
    Quantity.RAW_CONTRAST: lambda one: "coefficient of variation, norms included",
    Quantity.GAUSSIAN_CONTRAST: lambda one: "that of a Gaussian of the same covariance",
    Quantity.NEAREST: lambda one: "mean over nearest distance",
    Quantity.AGREEMENT: watched,
    Quantity.REPEATS: lambda one: f"{watched(one)}, from draw to draw",
}
"""What a number is, in words."""
assert WHATS.keys() == set(Quantity)
