"""Verdicts about geometry: scale, contrast of distances, and choice of metric."""

from __future__ import annotations

import numpy as np

from toposcope.findings.validity.observations import (
    Curves,
    Observations,
    names,
    paired,
    rank_correlation,
)
from toposcope.findings.validity.points import EFFECTS, phrase
from toposcope.findings.validity.verdict import (
    FAILS,
    HOLDS,
    IN_PART,
    NOT_CHECKED,
    UNDECIDED,
    Number,
    Verdict,
)
from toposcope.stats import Interval

CLAIMS = {
    "normalization": "The trend over depth does not depend on the normalization.",
    "concentration": "Distances differ enough for a filtration to see shape.",
    "metric": "The order of the layers does not depend on the metric.",
}
FEWEST_LAYERS = 4
"""A rank correlation over fewer layers takes too few values to say anything."""
SAME_ORDER = 0.7
"""Two metrics agree when Spearman's rho of their layer curves is above this, interval included."""
CLEAR_CV, BLIND_CV = 0.3, 0.06
"""A noisy circle of 300 points in 10 to 300 dimensions was told from its Gaussian twin in every
simulation with a coefficient of variation above 0.3 and in none below 0.06; docs/validity.md."""


def normalization(observations: Observations) -> Verdict:
    """Does the trend of a statistic over depth keep its sign under every normalization?"""
    rule = (
        "Spearman's rho of a statistic with depth, in every draw; the trend rises or falls when "
        "its interval excludes 0. Holds: no normalization contradicts the one that was used; "
        "fails: at least one turns a trend around."
    )
    own = observations.normalize
    conditions = observations.conditions("normalization")
    numbers: list[Number] = []
    flips: list[str] = []
    unsure = 0
    for k in observations.degrees("normalization"):
        for statistic in EFFECTS:
            words = {}
            for condition in conditions:
                found = _trend(
                    observations, observations.curves("normalization", condition, statistic, k)
                )
                if found is None:
                    continue
                words[condition] = _direction(found)
                what = f"trend of {phrase(statistic, k)} over depth"
                numbers.append(
                    Number(
                        what,
                        condition,
                        found.value,
                        found.low,
                        found.high,
                        found.n,
                        words[condition],
                    )
                )
            reference = words.get(own, words.get("mean_distance"))
            opposite = {"rises": "falls", "falls": "rises"}.get(reference or "")
            turned = [name for name, word in words.items() if word == opposite]
            unsure += sum(word == "no clear trend" for word in words.values())
            if turned:
                what = phrase(statistic, k)
                flips.append(f"{what} {reference} under {own}, {opposite} under {names(turned)}")
    if not numbers:
        text = f"A trend needs {FEWEST_LAYERS} layers or more and two draws or more."
        return Verdict("normalization", CLAIMS["normalization"], NOT_CHECKED, text, rule=rule)
    if flips:
        text = f"Conclusions flip: {'; '.join(flips)}."
        advice = (
            "Name the normalization wherever you speak of growth or decay over depth, and show the "
            "scale of the activations beside the curve."
        )
        return Verdict(
            "normalization", CLAIMS["normalization"], FAILS, text, advice, rule, tuple(numbers)
        )
    clear = [one for one in numbers if one.word != "no clear trend"]
    text = (
        f"No trend turns around under {', '.join(conditions)}: {len(clear)} of {len(numbers)} "
        f"(statistic by normalization) are clear and agree, {unsure} are not clear."
    )
    verdict = HOLDS if clear else UNDECIDED
    return Verdict(
        "normalization", CLAIMS["normalization"], verdict, text, "", rule, tuple(numbers)
    )


def _trend(observations: Observations, curves: Curves) -> Interval | None:
    """Mean Spearman's rho of a statistic with depth over draws."""
    if len(curves.layers) < FEWEST_LAYERS or len(curves.values) < 2:
        return None
    rho = np.array([rank_correlation(curves.depth, draw) for draw in curves.values])
    return observations.interval(rho) if np.isfinite(rho).all() else None


def _direction(found: Interval) -> str:
    if found.low > 0:
        return "rises"
    return "falls" if found.high < 0 else "no clear trend"


def concentration(observations: Observations) -> Verdict:
    """Are distances so much alike that the filtration only sees dimension?"""
    rule = (
        "Coefficient of variation of the distances (for a round Gaussian 1 / sqrt(2 d)). In "
        f"12 simulations each of circles in noise in 10 to 300 dimensions (n = 300), all were seen "
        f"above {CLEAR_CV:g} and none below {BLIND_CV:g}; between, it depends on the dimension. "
        f"Holds: above {CLEAR_CV:g} at nine of ten layers; fails: below {BLIND_CV:g} at any layer."
    )
    data = observations.curves("concentration", "data", "distance_cv", None)
    contrast = observations.curves("concentration", "data", "relative_contrast", None)
    gaussian = observations.curves("concentration", "gaussian", "distance_cv", None)
    numbers: list[Number] = []
    for i, layer in enumerate(data.layers):
        found = observations.interval(data.values[:, i])
        # One draw has no interval; the value itself then decides.
        low, high = (found.low, found.high) if found.n > 1 else (found.value, found.value)
        word = "clear" if low > CLEAR_CV else "too concentrated" if high < BLIND_CV else "between"
        numbers.append(
            Number(
                "coefficient of variation", layer, found.value, found.low, found.high, found.n, word
            )
        )
    for what, curves in (
        ("the same of a Gaussian of the same covariance", gaussian),
        ("mean over nearest distance", contrast),
    ):
        for i, layer in enumerate(curves.layers):
            found = observations.interval(curves.values[:, i])
            numbers.append(Number(what, layer, found.value, found.low, found.high, found.n))
    judged = [one for one in numbers if one.word]
    if not judged:
        text = "No layer has distances."
        return Verdict("concentration", CLAIMS["concentration"], NOT_CHECKED, text, rule=rule)
    clear = [one for one in judged if one.word == "clear"]
    blind = [one.where for one in judged if one.word == "too concentrated"]
    least = min(judged, key=lambda one: one.value)
    verdict = FAILS if blind else HOLDS if len(clear) >= 0.9 * len(judged) else IN_PART
    text = (
        f"Distances vary enough at {len(clear)} of {len(judged)} layers; least at {least.where}: "
        f"their coefficient of variation is {least} ({least.n} draws)."
    )
    advice = ""
    if blind:
        advice = (
            f"At {names(blind)} all points are about equally far: bars measure dimension, not "
            "shape. Reduce the dimension (--pool project:K, fewer channels) before reading H1."
        )
    elif verdict == IN_PART:
        between = [one.where for one in judged if one.word == "between"]
        advice = (
            f"At {names(between)} shape can drown in dimension: trust only what stands out from "
            "the Gaussian null there."
        )
    return Verdict(
        "concentration", CLAIMS["concentration"], verdict, text, advice, rule, tuple(numbers)
    )


def metric(observations: Observations) -> Verdict:
    """Do layer curves keep their order under cosine and geodesic distances?"""
    rule = (
        "Spearman's rho between the layer curve under Euclidean distances and the one under "
        f"another metric, in every draw. Agrees: above {SAME_ORDER:g}, interval included; "
        "contradicts: below 0, interval included. Holds: all agree; fails: one contradicts."
    )
    numbers: list[Number] = []
    for k in observations.degrees("metric"):
        for statistic in EFFECTS:
            for other in observations.conditions("metric"):
                if other != "euclidean":
                    numbers += _agreement(observations, other, statistic, k)
    if not numbers:
        text = f"An order needs {FEWEST_LAYERS} layers or more and two draws or more."
        return Verdict("metric", CLAIMS["metric"], NOT_CHECKED, text, rule=rule)
    agree = [one for one in numbers if one.word == "agrees"]
    against = [one for one in numbers if one.word == "contradicts"]
    verdict = FAILS if against else HOLDS if len(agree) == len(numbers) else IN_PART
    least = min(numbers, key=lambda one: one.value)
    text = (
        f"{len(agree)} of {len(numbers)} layer curves (statistic by metric) keep the Euclidean "
        f"order, {len(against)} turn it around; least alike: {least.what} under {least.where} "
        f"distances, rho {least} ({least.n} draws)."
    )
    advice = ""
    if verdict != HOLDS:
        which = list(
            dict.fromkeys(f"{one.what} ({one.where})" for one in numbers if one.word != "agrees")
        )
        advice = f"Say which metric was used when you order layers by {names(which)}."
    return Verdict("metric", CLAIMS["metric"], verdict, text, advice, rule, tuple(numbers))


def _agreement(observations: Observations, other: str, statistic: str, k: int) -> list[Number]:
    a, b = paired(
        observations.curves("metric", "euclidean", statistic, k),
        observations.curves("metric", other, statistic, k),
    )
    if len(a.layers) < FEWEST_LAYERS or len(a.values) < 2:
        return []
    rho = np.array([rank_correlation(x, y) for x, y in zip(a.values, b.values, strict=True)])
    if not np.isfinite(rho).all():
        return []
    found = observations.interval(rho)
    word = "in part"
    if found.low > SAME_ORDER:
        word = "agrees"
    elif found.high < 0:
        word = "contradicts"
    low, high = max(found.low, -1.0), min(found.high, 1.0)
    return [Number(phrase(statistic, k), other, found.value, low, high, found.n, word)]
