"""Do distances differ enough for a filtration to see shape? Norms are divided out first.

Heavy-tailed norms spread distances without any shape: a circle drowned in noise of such norms was
"clear" by the spread of its distances (0.57 in 100 dimensions), not by that of its directions.
"""

from __future__ import annotations

from toposcope.analysis.validity_checks import DIRECTIONS
from toposcope.findings.validity.deciding import Estimate
from toposcope.findings.validity.observations import Observations, together
from toposcope.findings.validity.verdict import (
    Decision,
    Meaning,
    Number,
    Part,
    Quantity,
    Verdict,
)

CLEAR_CV, BLIND_CV = 0.28, 0.05
"""A circle of 300 points in noise of six kinds of tails, in 10 to 300 dimensions, was seen in every
simulation with directions that vary more, and in none with less; docs/validity.md."""


def concentration(observations: Observations) -> Verdict:
    """Are directions so much alike that the filtration only sees dimension?"""
    contrasts: list[Number] = []
    others: list[Number] = []
    for quantity, condition, statistic in (
        (Quantity.CONTRAST, DIRECTIONS, "distance_cv"),
        (Quantity.RAW_CONTRAST, "data", "distance_cv"),
        (Quantity.GAUSSIAN_CONTRAST, "gaussian", "distance_cv"),
        (Quantity.NEAREST, "data", "relative_contrast"),
    ):
        curves = observations.curves("concentration", condition, statistic, None)
        for i, layer in enumerate(curves.layers):
            (values,) = together(curves.values[:, i])
            if not len(values):
                continue
            mean = observations.mean(values)
            contrast = quantity == Quantity.CONTRAST
            meaning = (
                _meaning(mean, observations.alpha, len(curves.layers))
                if contrast
                else Meaning.NOTHING
            )
            ends = (mean.value, *mean.ends(observations.level), len(values), meaning)
            (contrasts if contrast else others).append(Number(quantity, *ends, layer=layer))
    decision = _decided(contrasts)
    clear, blind = (
        sum(one.meaning == meaning for one in contrasts)
        for meaning in (Meaning.CLEAR, Meaning.CONCENTRATED)
    )
    part = Part(None, decision, clear, blind, len(contrasts))
    points = max((int(m) for m in observations.of("concentration")["points"]), default=0)
    numbers = (*contrasts, *others)
    return Verdict("concentration", decision, numbers, parts=(part,), points=points)


def _decided(contrasts: list[Number]) -> Decision:
    """Holds where every layer is clear, fails where one is blind; in part where all are decided.

    "Holds" needs every layer shown, so that none of them is corrected for the others; "fails" and
    "between" are corrected for all layers.
    """
    meanings = [one.meaning for one in contrasts]
    if not any(one.n > 1 for one in contrasts):
        return Decision.NOT_CHECKED
    if Meaning.CONCENTRATED in meanings:
        return Decision.FAILS
    if all(meaning == Meaning.CLEAR for meaning in meanings):
        return Decision.HOLDS
    return Decision.UNDECIDED if Meaning.UNDECIDED in meanings else Decision.IN_PART


def _meaning(cv: Estimate, alpha: float, layers: int) -> Meaning:
    """What the contrast of a layer is shown to be."""
    if cv.above(CLEAR_CV) <= alpha:
        return Meaning.CLEAR
    if cv.below(BLIND_CV) <= alpha / layers:
        return Meaning.CONCENTRATED
    inside = cv.inside(BLIND_CV, CLEAR_CV) <= alpha / layers
    return Meaning.BETWEEN if inside else Meaning.UNDECIDED
