"""Verdicts of studies as sentences, and the table of all claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toposcope.inputs.durations import duration
from toposcope.studies.claims import Claim, Direction
from toposcope.studies.study import Study
from toposcope.studies.verdicts import Decided, Reason, Verdict
from toposcope.words.formats import all_of, columns, number, with_interval

REASONS = {
    Reason.BEYOND: "the whole interval lies beyond {threshold}, and the null does not do it",
    Reason.WITHIN: "the whole interval lies within {threshold} of 0, and the null does not",
    Reason.SHORT: "the whole interval lies short of {needed}, the least that is claimed",
    Reason.OUTSIDE: "the whole interval lies outside the margin of {threshold}",
    Reason.NULL_ALSO: "the null does more",
    Reason.WIDE: "the interval holds both answers",
    Reason.NULL_CLOSE: "the interval lies beyond {threshold}, but the null cannot be told apart",
}


def rule_text(claim: Claim) -> str:
    """When the claim would be confirmed, and when refuted."""
    rule = claim.rule
    level = f"{100 * rule.level:g} % for all claims of the study together"
    if rule.direction == Direction.WITHIN:
        return (
            f"confirmed when the interval lies within -+{number(rule.threshold)} and the null does "
            f"not; refuted when it lies outside ({level})"
        )
    side, short = ("below", "above") if rule.direction == Direction.BELOW else ("above", "below")
    reach = "" if rule.least is None else f" and reaches {number(rule.needed)}"
    return (
        f"confirmed when the interval lies {side} {number(rule.threshold)}{reach} and the null "
        f"does not do it; refuted when it lies {short} {number(rule.needed)} ({level})"
    )


def reason_text(one: Verdict) -> str:
    """Why it was decided so."""
    rule = one.claim.rule
    return REASONS[one.reason].format(threshold=number(rule.threshold), needed=number(rule.needed))


def verdict_text(one: Verdict) -> str:
    """A verdict with its numbers, what flips it and what would decide it."""
    unit = one.claim.unit.value
    told = (
        f"{one.claim.id} {one.decision.value.upper()}: {one.claim.sentence}\n"
        f"  {one.claim.statistic}: {with_interval(one.effect, one.low, one.high)}, "
        f"{one.n} {unit}s, p = {number(one.p, 2)} against: {one.claim.null}\n"
        f"  {reason_text(one)}"
    )
    if one.decision == Decided.UNDECIDED:
        told += "\n  " + needed_text(one)
    flips = flips_text(one)
    return f"{told}\n  {flips}" if flips else told


def needed_text(one: Verdict) -> str:
    """How many units would decide."""
    if one.n_needed is None:
        return "no number of units would decide it: the effect lies on the threshold"
    return (
        f"about {one.n_needed:,} {one.claim.unit.value}s would decide it (power 0.8, if the effect "
        "is as measured)"
    )


def flips_text(one: Verdict) -> str:
    """Which choices change the decision."""
    if not one.alternatives:
        return ""
    if not one.flips:
        return f"the same under every other choice: {all_of(list(one.alternatives))}"
    by: dict[Decided, list[str]] = {}
    for name in one.flips:
        by.setdefault(one.alternatives[name], []).append(name)
    return "; ".join(f"{decision.value} with {all_of(names)}" for decision, names in by.items())


def study_text(study: Study) -> str:
    """All verdicts of a study, under the sentence that sums it up where it has one."""
    told = [verdict_text(one) for one in study.verdicts]
    lines = (summary_text(study), *told, *untested_texts(study))
    return "\n\n".join(one for one in lines if one)


def summary_text(study: Study) -> str:
    """The result of a study in one sentence; "" where it has none beyond its verdicts."""
    if study.name != "across-papers":
        return ""
    from toposcope.studies.across_statistics import across
    from toposcope.words.across import headline

    return headline(across(study.table))


def headline_text(study: Study) -> str:
    """The first line of a study: its claim and the verdict, or how many claims went which way."""
    summary = summary_text(study)
    if summary:
        return summary
    told = study.verdicts
    if not told:
        return f"No claim of {study.name} could be tested."
    if len(told) == 1:
        return f"{told[0].claim.sentence}: {told[0].decision.value}."
    parts = [
        f"{how.value}: {all_of([one.claim.id for one in told if one.decision is how])}"
        for how in Decided
        if any(one.decision is how for one in told)
    ]
    return f"Of {len(told)} claims of {study.name}, {'; '.join(parts)}."


def untested_texts(study: Study) -> list[str]:
    """One sentence per claim that what was handed in cannot decide."""
    return [f"{claim} not tested: it needs {what}." for claim, what in study.untested.items()]


def catalog_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """All claims, aligned: what is claimed where, at what cost it is decided, what was decided."""
    heads = ["claim", "study", "unit", "quick", "full", "last verdict", "sentence"]
    lines = [
        [
            row["id"],
            row["study"],
            row["unit"],
            *(_cost(row["cpu_seconds"][form]) for form in ("quick", "full")),
            row["last_verdict"] or "-",
            f"{row['claim']} ({row['paper']})",
        ]
        for row in rows
    ]
    return (
        f"{columns([heads, *lines])}\n\ncosts are of one CPU of a quiet machine. "
        "Run one: toposcope study NAME --quick; all: toposcope study all --quick"
    )


def _cost(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)
