"""Verdicts in words: the claim, why it holds or fails, what to do, the rule, every number.

Sentences are made of the values in a verdict. Another package that adds a check registers its words
for the class of its basis: `@told.register`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

from toposcope.findings.validity.geometry import (
    BLIND_CV,
    CLEAR_CV,
    FEWEST_LAYERS,
    SAME_ORDER,
    Concentration,
    Flip,
    MetricOrder,
    Normalization,
)
from toposcope.findings.validity.points import (
    GROWING,
    MOST,
    ORDER,
    RECOMMENDED,
    STABLE_MARGIN,
    Outliers,
    SampleSize,
)
from toposcope.findings.validity.verdict import (
    Decision,
    Meaning,
    Missing,
    NotChecked,
    Number,
    Verdict,
)
from toposcope.words.formats import first_names, share, with_interval
from toposcope.words.statistics import phrase

CLAIMS = {
    "sample_size": "There are enough points per cloud.",
    "outliers": "Outliers do not decide the numbers.",
    "normalization": "The trend over depth does not depend on the normalization.",
    "concentration": "Distances differ enough for a filtration to see shape.",
    "metric": "The order of the layers does not depend on the metric.",
}
"""What each check would like to be true."""

MEANINGS = {
    Meaning.NONE: "",
    Meaning.STABLE: "stable",
    Meaning.MOVES: "not stable",
    Meaning.ORDER_KEPT: "order kept",
    Meaning.ORDER_CHANGES: "order changes",
    Meaning.BELOW_NOISE: "below the noise",
    Meaning.ABOVE_NOISE: "above the noise",
    Meaning.UNDECIDED: "undecided",
    Meaning.RISES: "rises",
    Meaning.FALLS: "falls",
    Meaning.NO_TREND: "no clear trend",
    Meaning.CLEAR: "clear",
    Meaning.BETWEEN: "between",
    Meaning.CONCENTRATED: "too concentrated",
    Meaning.AGREES: "agrees",
    Meaning.IN_PART: "in part",
    Meaning.CONTRADICTS: "contradicts",
}


@dataclass(frozen=True)
class Told:
    """A verdict in words.

    Parameters
    ----------
    claim
        What would be good to know, as a statement.
    text
        Why, in a sentence or two with the decisive numbers.
    advice
        What to do; "" when nothing.
    rule
        How the decision follows from the numbers, fixed before looking.
    """

    claim: str
    text: str
    advice: str = ""
    rule: str = ""


@singledispatch
def told(basis: object, verdict: Verdict) -> Told:
    """The words of a verdict, by the class of its basis."""
    return Told(verdict.name, f"{len(verdict.numbers)} numbers were weighed.")


def tell(verdict: Verdict) -> Told:
    """The words of a verdict.

    >>> verdict = Verdict("metric", Decision.NOT_CHECKED, NotChecked(Missing.FEW_LAYERS))
    >>> tell(verdict).text
    'An order needs 4 layers or more and two draws or more.'
    """
    return told(verdict.basis, verdict)


@told.register
def _(basis: NotChecked, verdict: Verdict) -> Told:
    what = "An order" if verdict.name == "metric" else "A trend"
    texts = {
        Missing.NOT_MEASURED: "It was not measured (Rips filtrations of points only).",
        Missing.ONE_DRAW: "One draw has no spread; two or more are needed.",
        Missing.FEW_LAYERS: f"{what} needs {FEWEST_LAYERS} layers or more and two draws or more.",
        Missing.NO_LAYER: "No layer has distances.",
    }
    reasons = [f"{first_names(layers)}: {reason}" for layers, reason in basis.reasons]
    claim = CLAIMS.get(verdict.name, verdict.name)
    return Told(claim, "; ".join(reasons) or texts[basis.why], rule=RULES.get(verdict.name, ""))


@told.register
def _(basis: SampleSize, verdict: Verdict) -> Told:
    late, settled, largest = basis.late, basis.settled, f"{basis.largest:,}"
    text = f"{len(settled)} of {len(basis.needed)} layers have settled below n = {largest}"
    text += f" (from n = {min(settled):,} to {max(settled):,})" if settled else ""
    text += f"; not yet: {first_names(late)}." if late else "."
    if basis.order is not None:
        kept = basis.order
        text += (
            f" {share(kept.value, 0)} of {kept.cases} pairs told apart keep their order at "
            f"{kept.size} points (interval {share(kept.low, 0)} to {share(kept.high, 0)}, "
            f"{kept.n} draws)."
        )
    if basis.growth is not None:
        least = basis.growth
        text += (
            f" Sums themselves keep growing: at {least.size} points they are at least "
            f"{share(-least.value, 0)} smaller ({least.where}), so clouds of different n are never "
            "compared."
        )
    advice = ""
    if late:
        advice = (
            f"Take more than {largest} points for {first_names(late)}, or compare layers at this n "
            "only: their numbers still change with n."
        )
    return Told(CLAIMS["sample_size"], text, advice, RULES["sample_size"])


@told.register
def _(basis: Outliers, verdict: Verdict) -> Told:
    large, judged = len(basis.large), basis.judged
    text = (
        f"LOF flags {share(basis.flagged, 1)} of the points (most at one layer: "
        f"{share(basis.most_flagged, 1)}). Removing them changes less than drawing other samples "
        f"would in {basis.small} of {judged} numbers (layer by statistic), more in {large}, and is "
        f"not told in {judged - basis.small - large}."
    )
    if basis.fixed:
        text += (
            f" Removing a fixed 1 to 10 % (LOF, distance to the centroid, isolation forest) moves "
            f"{basis.fixed_large} of {basis.fixed} numbers beyond the noise."
        )
    advice = ""
    if large:
        which = first_names(_moved(number) for number in basis.large)
        where = first_names(number.where for number in basis.large)
        text += f" Outliers move above all: {which}."
        advice = (
            f"Read {which} at {where} with care, or remove outliers by one rule everywhere and say "
            "so."
        )
    return Told(CLAIMS["outliers"], text, advice, RULES["outliers"])


@told.register
def _(basis: Normalization, verdict: Verdict) -> Told:
    advice = ""
    text = (
        f"No trend turns around under {', '.join(basis.tried)}: {basis.clear} of {basis.trends} "
        f"(statistic by normalization) are clear and agree, {basis.trends - basis.clear} are not "
        "clear."
    )
    if basis.flips:
        text = f"Conclusions flip: {'; '.join(_flip(flip, basis.used) for flip in basis.flips)}."
        advice = (
            "Name the normalization wherever you speak of growth or decay over depth, and show the "
            "scale of the activations beside the curve."
        )
    return Told(CLAIMS["normalization"], text, advice, RULES["normalization"])


def _flip(flip: Flip, used: str) -> str:
    opposite = Meaning.FALLS if flip.direction is Meaning.RISES else Meaning.RISES
    return (
        f"{phrase(flip.statistic, flip.degree)} {MEANINGS[flip.direction]} under {used}, "
        f"{MEANINGS[opposite]} under {first_names(flip.under)}"
    )


@told.register
def _(basis: Concentration, verdict: Verdict) -> Told:
    least, advice = basis.least, ""
    text = (
        f"Distances vary enough at {basis.clear} of {basis.layers} layers; least at {least.where}: "
        f"their coefficient of variation is {number_text(least)} ({least.n} draws)."
    )
    if basis.concentrated:
        advice = (
            f"At {first_names(basis.concentrated)} all points are about equally far: bars measure "
            "dimension, not shape. Reduce the dimension (--pool project:K, fewer channels) before "
            "reading H1."
        )
    elif verdict.verdict == Decision.IN_PART:
        advice = (
            f"At {first_names(basis.between)} shape can drown in dimension: trust only what stands "
            "out from the Gaussian null there."
        )
    return Told(CLAIMS["concentration"], text, advice, RULES["concentration"])


@told.register
def _(basis: MetricOrder, verdict: Verdict) -> Told:
    least, advice = basis.least, ""
    text = (
        f"{basis.agree} of {basis.curves} layer curves (statistic by metric) keep the Euclidean "
        f"order, {basis.contradict} turn it around; least alike: "
        f"{phrase(least.statistic, least.degree)} under {least.condition} distances, rho "
        f"{number_text(least)} ({least.n} draws)."
    )
    if basis.doubtful:
        which = (f"{phrase(one.statistic, one.degree)} ({one.condition})" for one in basis.doubtful)
        advice = f"Say which metric was used when you order layers by {first_names(which)}."
    return Told(CLAIMS["metric"], text, advice, RULES["metric"])


def what_text(name: str, number: Number) -> str:
    """Which number of a check it is: "H0 lifespan sum without lof outliers"."""
    statistic, k, m = number.statistic, number.degree, number.size
    if name == "sample_size":
        growing = f"{phrase(statistic, k)}, not divided by its growth,"
        return {
            "unequal_n": f"H{k} Wasserstein distance, n to 2 n points over n to n",
            GROWING: f"{growing} at {m} points against all",
            ORDER: f"pairs of layers in their order at {m} points",
            RECOMMENDED: "recommended n",
        }.get(statistic, f"{phrase(statistic, k)} at {m} points against all")
    if name == "outliers":
        if statistic == "outlier_share":
            return "share flagged by LOF"
        if statistic.endswith("distance"):
            return f"{_moved(number)}, outliers against random points"
        return f"{_moved(number)} without {number.condition} outliers"
    if name == "normalization":
        return f"trend of {phrase(statistic, k)} over depth"
    if name == "concentration":
        cv = "coefficient of variation"
        gaussian = "the same of a Gaussian of the same covariance"
        return {
            ("distance_cv", "data"): cv,
            ("distance_cv", "gaussian"): gaussian,
        }.get((statistic, number.condition), "mean over nearest distance")
    return phrase(statistic, k)


def _moved(number: Number) -> str:
    """A statistic or distance that removing outliers moves."""
    if number.statistic.endswith("distance"):
        return f"H{number.degree} {number.statistic.replace('_', ' ')}"
    return phrase(number.statistic, number.degree)


def where_text(number: Number) -> str:
    """Where a number was measured: a layer, pairs of layers, or a condition for all of them."""
    if number.cases:
        return f"{number.cases} pairs told apart"
    return number.where or number.condition


def number_text(number: Number) -> str:
    """A number with its interval.

    >>> number_text(Number("distance_cv", value=0.12345, low=0.1, high=0.2, n=8))
    '0.123 [0.1, 0.2]'
    """
    return with_interval(number.value, number.low, number.high)


def reading(number: Number) -> str:
    """What a number means for the claim; empty where it is only weighed.

    >>> reading(Number(RECOMMENDED, size=500, meaning=Meaning.BEYOND_ALL))
    '> 500'
    """
    if number.meaning is Meaning.BEYOND_ALL:
        return f"> {number.size}"
    return MEANINGS[number.meaning]


def number_rows(verdict: Verdict) -> list[tuple[str, str, str, str, str]]:
    """Every number of a verdict as cells: what, where, value, draws, reading."""
    return [
        (
            what_text(verdict.name, number),
            where_text(number),
            number_text(number),
            str(number.n or ""),
            reading(number),
        )
        for number in verdict.numbers
    ]


def plain_text(verdicts: Sequence[Verdict]) -> str:
    """Verdicts for a terminal: one paragraph each.

    >>> verdict = Verdict("metric", Decision.NOT_CHECKED, NotChecked(Missing.FEW_LAYERS))
    >>> print(plain_text([verdict]))
    NOT CHECKED    The order of the layers does not depend on the metric.
                   An order needs 4 layers or more and two draws or more.
    """
    lines = []
    for verdict in verdicts:
        words = tell(verdict)
        lines.append(f"{verdict.verdict.upper():<15}{words.claim}")
        for text in (words.text, words.advice):
            lines += textwrap.wrap(text, 84, initial_indent=" " * 15, subsequent_indent=" " * 15)
    return "\n".join(lines)


RULES = {
    "sample_size": (
        f"A layer has enough points at m when H0 entropy and the H0 lifespan sum over its growth "
        f"are within {share(STABLE_MARGIN)} of their values at all points, interval included, at "
        f"m and at every larger size tried. Holds: at {share(MOST)} of the layers below all "
        f"points, and the order of layers too; fails: at less than half of them."
    ),
    "outliers": (
        "The shift that removing LOF's outliers (factor above 1.5) causes beyond removing as many "
        "random points, in standard deviations between draws (distances: over the distance of two "
        f"draws). Holds: within 1, interval included, in {share(MOST)} of the cases; fails: "
        f"beyond 1 in more than {share(1 - MOST, 0)}."
    ),
    "normalization": (
        "Spearman's rho of a statistic with depth, in every draw; the trend rises or falls when "
        "its interval excludes 0. Holds: no normalization contradicts the one that was used; "
        "fails: at least one turns a trend around."
    ),
    "concentration": (
        "Coefficient of variation of the distances (for a round Gaussian 1 / sqrt(2 d)). In "
        f"12 simulations each of circles in noise in 10 to 300 dimensions (n = 300), all were seen "
        f"above {CLEAR_CV:g} and none below {BLIND_CV:g}; between, it depends on the dimension. "
        f"Holds: above {CLEAR_CV:g} at nine of ten layers; fails: below {BLIND_CV:g} at any layer."
    ),
    "metric": (
        "Spearman's rho between the layer curve under Euclidean distances and the one under "
        f"another metric, in every draw. Agrees: above {SAME_ORDER:g}, interval included; "
        "contradicts: below 0, interval included. Holds: all agree; fails: one contradicts."
    ),
}
"""How each decision follows from the numbers."""
