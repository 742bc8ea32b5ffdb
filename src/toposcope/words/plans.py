"""Whether a plan was followed, and what it froze, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toposcope.analysis.preregister import Deviation, Family, Followed, Preregistration
from toposcope.comparison.families import DIFFER, EQUIVALENT, GROUPS_DIFFER, RELATED
from toposcope.words.formats import all_of, level_text

NULLS = {
    DIFFER: "both layers give diagrams of one distribution, in every pair of layers",
    RELATED: "the layers are unrelated, any sample may be paired with any other",
    EQUIVALENT: "the gap is the margin or more",
    GROUPS_DIFFER: "units can change places between the groups",
    "change": "a statistic is the same in both layers of every pair",
}
"""The hypothesis that a family of tests may reject, by what the family is about."""

NO_PLAN = "none was written before the results (--preregister FILE)"

CORRECTIONS = {
    "simultaneous_intervals": "simultaneous intervals",
    "benjamini_hochberg": "Benjamini-Hochberg",
}


def plan_text(followed: Followed | None) -> str:
    """What to say of the plan behind some results."""
    if followed is None:
        return NO_PLAN
    plan = followed.plan
    about = f"written {plan.written}, SHA-256 {plan.hash[:16]}"
    if plan.earlier:
        count = len(plan.earlier)
        what = "one analysis" if count == 1 else f"{count} analyses"
        of = "it" if len(plan.networks) == 1 else "its networks"
        about += f", when {what} of {of} existed"
    if followed.kept:
        return f"followed ({about}), before any of these numbers existed"
    said = [_deviation(one) for one in followed.deviations]
    if followed.before:
        done = "one task was" if followed.before == 1 else f"{followed.before} tasks were"
        said.append(f"{done} done before the plan was taken up")
    if plan.written > followed.begun:
        said.append(f"the results were begun {followed.begun}, before the plan")
    return f"not followed ({about}): {'; '.join(said)}"


def comparison_plan(attrs: Mapping[str, Any]) -> str:
    """The same of a comparison, from what is stored with it."""
    kept = attrs.get("preregistered")
    if kept is None:
        return NO_PLAN
    return plan_text(Followed.from_dict(kept, where="of this comparison"))


def plan_lines(plan: Preregistration) -> list[str]:
    """What a plan froze, a line for each hypothesis and each thing that decides its numbers."""
    earlier = ", ".join(plan.earlier)
    return [
        f"plan of {'an' if plan.kind == 'analysis' else 'a'} {plan.kind}, written {plan.written} "
        f"by toposcope {plan.version}",
        f"SHA-256 {plan.hash}",
        *([f"question: {plan.note}"] if plan.note else []),
        *map(family_text, plan.families),
        f"margin: {_margin(plan)}",
        "results that existed by then: " + (earlier or "no analysis of these RUNs"),
        *(f"{name}: {_value(value)}" for name, value in sorted(plan.parameters.items())),
        f"RUNs: {all_of(sorted(plan.networks))}",
        f"follow it with: {plan.command}",
    ]


def family_text(family: Family) -> str:
    """One family of a plan: how many tests of what, against which hypothesis, at what error.

    >>> family_text(Family("layers differ", ("wasserstein H0",), 10, "step-down maximum", 0.95))
    'up to 10 tests that layers differ (wasserstein H0): rejected is that both layers give \
diagrams of one distribution, in every pair of layers; step-down maximum, at most 5 % false'
    """
    null = NULLS.get(family.about)
    if null is None:  # "null gaussian"
        null = f"a statistic is that of the {family.about.removeprefix('null ')} clouds"
    named = family.about in (DIFFER, RELATED, EQUIVALENT, GROUPS_DIFFER)
    what = family.about if named else "it differs"
    tests = "one test" if family.tests == 1 else f"up to {family.tests} tests"
    how = CORRECTIONS.get(family.correction, family.correction)
    return (
        f"{tests} that {what} ({', '.join(family.statistics)}): rejected is that {null}; {how}, at "
        f"most {level_text(round(1 - family.level, 10))} false"
    )


def _margin(plan: Preregistration) -> str:
    margin = plan.parameters.get("margin")
    if margin is None:
        return "none, so that no equivalence can be claimed"
    return f"{_value(margin)}, in units of {plan.parameters['margin_unit']}"


def _deviation(one: Deviation) -> str:
    """What was done otherwise, in a few words."""
    if one.parameter == "networks":
        return f"other networks than planned: {_value(one.used)}"
    if one.parameter == "draws":
        return "other samples were drawn than planned"
    if one.parameter.startswith("tests: "):
        what = one.parameter.removeprefix("tests: ")
        return f"{one.used} tests that {what} where up to {one.planned} were planned"
    return f"{one.parameter} {_value(one.used)} where {_value(one.planned)} was planned"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(one)}" for name, one in value.items()) or "default"
    return ", ".join(map(_value, value)) if isinstance(value, list) else str(value)
