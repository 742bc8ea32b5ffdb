"""Results of `toposcope.stats` and of scores against accuracies, each in a sentence."""

from __future__ import annotations

from toposcope.stats import (
    ChangePoint,
    Equivalence,
    Interval,
    MantelResult,
    PermanovaResult,
    PermutationResult,
    Trend,
)
from toposcope.stats.equivalence import BOTH, CONSTANT, DIFFERENT, EQUIVALENT, UNDECIDED
from toposcope.stats.units import count_units, rejects
from toposcope.transfer.evaluation.paired_scores import ScoreComparison
from toposcope.transfer.evaluation.rank_agreement import Agreement
from toposcope.words.formats import level_text, lower, plus, with_interval

VERDICTS = {
    EQUIVALENT: "equivalent within the margin",
    DIFFERENT: "different, by less than the margin or by more",
    BOTH: "different, but by less than the margin",
    UNDECIDED: "undecided: a difference and equivalence are both left open",
    CONSTANT: "the same difference in every unit: nothing varies, so nothing can be tested",
}


def interval_text(one: Interval) -> str:
    """A number with its interval, or why it has none.

    >>> interval_text(Interval(0.45, 0.38, 0.56, 0.95, 8))
    '0.45 [0.38, 0.56] (95 %, 8 draws)'
    >>> interval_text(Interval(0.45, float("nan"), float("nan"), 0.95, 1))
    '0.45 (1 draw, which has no spread)'
    """
    units = count_units(one.n, one.unit)
    text = with_interval(one.value, one.low, one.high)
    if one.n == 1:
        return f"{text} ({units}, which has no spread)"
    if one.low != one.low or one.high != one.high:
        return f"{text} ({units}, without an interval)"
    return f"{text} ({level_text(one.level)}, {units})"


def permutation_text(test: PermutationResult) -> str:
    """How large a difference is, and how often arrangements of the units give as large a one."""
    units = (
        f"{test.n_a} pairs of {test.unit}s"
        if test.paired
        else f"{test.n_a} against {count_units(test.n_b, test.unit)}"
    )
    how = "all" if test.exact else f"{test.n_resamples:,} random"
    said = (
        f"difference {test.statistic:.3g}, p = {test.pvalue:.2g} ({test.alternative}, {how} "
        f"arrangements of {units}; {test.target})"
    )
    if test.smallest_p > 0.05:
        said += f"; p is {lower(test.smallest_p, 2)} at least with so few units"
    return said


def change_point_text(found: ChangePoint) -> str:
    """From which depth on there is a difference, or that none was found or could be."""
    tested = (
        f"p = {found.pvalue:.2g} over {found.n_layers} layers, "
        f"{count_units(found.n, found.unit)}; {found.target}"
    )
    if found.depth == found.depth:
        place = f"{found.depth:.2f} [{found.low:.2f}, {found.high:.2f}]"
        alone = f"{found.differing_after} of the {found.layers_after} layers from there on"
        if found.differing_before:
            alone += f", and {found.differing_before} before,"
        said = f"differs from depth {place} on"
        if not found.is_step:
            said = f"differs; the best step is at {place}"
        return f"{said}; {alone} differ on their own ({tested})"
    if not rejects(found.smallest_p, found.level):
        return f"undecided: p is {lower(found.smallest_p, 2)} at least with so few units ({tested})"
    return f"no difference found at any depth; smaller ones may be there ({tested})"


def trend_of_units_text(found: Trend) -> str:
    """Whether something grows over steps in independent units."""
    units = count_units(found.n, found.unit)
    differs = found.direction != "undecided"
    slope = with_interval(found.slope, found.low, found.high, differs=differs)
    shown = (
        f"slope {slope} per step, mean tau {found.mean_tau:.2f}, p = {found.pvalue:.2g}, {units}, "
        f"{found.n_steps} steps; {found.target}"
    )
    if found.direction == "undecided":
        return f"no trend found; a weaker one may be there ({shown})"
    if found.unit == "draw":
        shown += "; no evidence about training, whose repetitions are trained networks"
    how = (
        f"on the whole, against it at {found.reversals} of {found.n_steps - 1} steps"
        if found.reversals
        else "at every step"
    )
    return f"{found.direction} {how} ({shown})"


def equivalence_text(found: Equivalence) -> str:
    """Whether a difference is smaller than a margin, and whether there is one."""
    both = level_text(round(2 * found.level - 1, 10))
    if found.verdict == CONSTANT:
        units = count_units(found.n, found.unit)
        return (
            f"{VERDICTS[CONSTANT]} (difference {found.value:.3g}, margin {found.margin:.3g}, "
            f"{units}; {found.target})"
        )
    return (
        f"{VERDICTS[found.verdict]} (mean difference "
        f"{with_interval(found.value, found.low, found.high)} at {both}, margin "
        f"{found.margin:.3g}, p = {found.pvalue:.2g} for equivalence, {found.p_difference:.2g} "
        f"for a difference, {count_units(found.n, found.unit)}; {found.target})"
    )


def permanova_text(test: PermanovaResult) -> str:
    """How much of the squared distances lies between groups."""
    return (
        f"groups hold {100 * test.r2:.0f} % of the squared distances (pseudo-F "
        f"{test.pseudo_f:.3g}, p = {test.pvalue:.2g}, {count_units(test.n, test.unit)} in "
        f"{test.n_groups} groups; {test.target})"
    )


def mantel_text(test: MantelResult) -> str:
    """How two distance matrices agree."""
    return (
        f"the two distance matrices correlate by {test.correlation:.2f} ({test.method}, "
        f"p = {test.pvalue:.2g}, {test.alternative}, {count_units(test.n, test.unit)}; "
        f"{test.target})"
    )


def agreement_text(found: Agreement) -> str:
    """How a score agrees with accuracies."""
    ends = f" [{plus(found.low)}, {plus(found.high)}]" if found.low == found.low else ""
    return (
        f"{found.statistic} {plus(found.value)}{ends} ({level_text(found.level)}, over "
        f"{found.over}; {found.n} models), p = {found.pvalue:.2g}"
    )


def score_comparison_text(found: ScoreComparison) -> str:
    """Whether two scores can be told apart on the same models; interval and test have to agree."""
    apart = (found.low > 0 or found.high < 0) and found.pvalue <= 1 - found.level
    return (
        f"{found.statistic} {plus(found.a)} against {plus(found.b)}: difference "
        f"{plus(found.difference)} [{plus(found.low)}, {plus(found.high)}] over {found.n} "
        f"{found.unit}s, p = {found.pvalue:.2g}; they {'can' if apart else 'cannot'} be told apart"
    )
