"""Populations in words: what groups of networks differ in, what changes over networks, the unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toposcope.findings.places import Place
from toposcope.findings.population import CONFIGURATION, PopulationFindings
from toposcope.stats import Effect, VarianceComponents, target_of
from toposcope.words.formats import (
    all_of,
    few,
    level_text,
    lower,
    number,
    runs_of,
    share,
    signed,
    with_interval,
)
from toposcope.words.plans import comparison_plan
from toposcope.words.statistics import phrase
from toposcope.words.trends import trend_sentence

if TYPE_CHECKING:
    from toposcope.analysis.population import Population
    from toposcope.comparison.groups import GroupComparison

Row = Mapping[str, Any]


def networks_text(population: Population) -> str:
    """How many networks there are, and in how many configurations."""
    if not population.configuration:
        return f"{len(population)} networks, each taken as a configuration of its own"
    g = population.n_configurations
    told = all_of(list(population.configuration))
    inside = f"in {g} configuration{'s' * (g > 1)}"
    return f"{len(population)} networks {inside}, by {told}"


# Groups.


def group_sentences(comparison: GroupComparison) -> list[str]:
    """What differs between groups, what was not found, and over which units; the basis last."""
    out = []
    for pair in comparison.pairs.to_dict("records"):
        layers = _of_pair(comparison.layers.to_dict("records"), pair)
        models = _of_pair(comparison.models.to_dict("records"), pair)
        out += _pair_sentences(comparison, pair, layers, models)
    planned = comparison.attrs.get("preregistered") is not None
    plan = [f"Its plan was {comparison_plan(comparison.attrs)}."] if planned else []
    return [*out, basis_sentence(comparison), *plan]


def unit_text(pair: Row) -> str:
    """The unit of a pair of groups, and how many of them there are.

    >>> unit_text({"unit": "network", "n_a": 4, "n_b": 4, "networks": 8, "configurations": 2,
    ...            "blocks": 0})
    'network (8 networks in 2 configurations)'
    >>> unit_text({"unit": "configuration", "n_a": 3, "n_b": 4, "networks": 21,
    ...            "configurations": 7, "blocks": 0})
    'configuration (7 of them, the means of 21 networks)'
    >>> unit_text({"unit": "network", "n_a": 9, "n_b": 9, "networks": 18, "configurations": 9,
    ...            "blocks": 9})
    'network (18 networks, compared inside the 9 of 9 configurations that hold both groups)'
    """
    k, g = pair["networks"], pair["configurations"]
    if pair["blocks"]:
        where = f"compared inside the {pair['blocks']} of {g} configurations that hold both groups"
        return f"network ({k} networks, {where})"
    if pair["unit"] == CONFIGURATION:
        return f"configuration ({g} of them, the means of {k} networks)"
    inside = f" in {g} configurations" if g else ", each taken as a configuration of its own"
    return f"network ({k} networks{inside})"


def target_text(pair: Row) -> str:
    """What an answer over such units speaks about.

    >>> target_text({"unit": "network", "configurations": 2, "blocks": 0})
    'training these configurations again'
    """
    if pair["unit"] == CONFIGURATION:
        return target_of(CONFIGURATION)
    if pair["configurations"]:
        return "training these configurations again"
    return "training networks like these"


def basis_sentence(comparison: GroupComparison) -> str:
    """Unit, target, family and intervals."""
    attrs = comparison.attrs
    pairs = comparison.pairs.to_dict("records")
    units = list(dict.fromkeys(unit_text(pair) for pair in pairs))
    targets = list(dict.fromkeys(target_text(pair) for pair in pairs))
    tests = int(comparison.layers["adjusted_p"].notna().sum())
    return (
        f"Unit: {'; '.join(units)}. The answer is about {' or '.join(targets)}, not about other "
        f"samples of one network. {tests:,} tests of single layers and those of all layers "
        f"together are one family (units change places, step-down maximum): any false finding has "
        f"a probability of at most {level_text(1 - attrs['level'])}. Intervals include 0 "
        f"exactly where nothing is found; they are made to hold together with "
        f"{level_text(attrs['level'])}, and did with 92 % or more where few units were simulated."
    )


def _pair_sentences(
    comparison: GroupComparison, pair: Row, layers: Sequence[Row], models: Sequence[Row]
) -> list[str]:
    a, b = pair["group_a"], pair["group_b"]
    alpha = 1 - comparison.attrs["level"] + 1e-12
    pairs = len(comparison.pairs)
    least = min((row["smallest_p"] for row in layers), default=1.0) * pairs
    if least > alpha:
        what = "configurations that hold both" if pair["blocks"] else f"{pair['unit']}s in each"
        return [
            f"{a} against {b}: undecidable. {_sides(pair)} cannot give a p-value below "
            f"{lower(min(least, 1.0), 2)}; {pair['needed']} {what} are needed."
        ]
    out, silent, lost = [], [], []
    for model in models:
        mine = [row for row in layers if _same(row, model)]
        found = [row for row in mine if row["adjusted_p"] <= alpha]
        what = phrase(model["statistic"], _degree(model))
        if model["measured"] < model["layers"]:
            lost.append(f"{what} ({model['layers'] - model['measured']} of {model['layers']})")
        if not model["measured"]:
            continue
        if found:
            out.append(_found_text(comparison.by, a, b, what, mine, found))
        elif model["adjusted_p"] <= alpha:
            out.append(
                f"{what[0].upper()}{what[1:]} differs between {a} and {b} over all layers together "
                f"(adjusted p = {number(model['adjusted_p'], 2)}); in which layer is not decided."
            )
        else:
            silent.append((what, mine))
    if silent:
        out.append(_silent_text(a, b, silent))
    if lost:
        out.append(
            f"Some layers could not be compared between {a} and {b}, since networks lack values: "
            f"{all_of(lost)}."
        )
    return out


def _found_text(
    by: str, a: str, b: str, what: str, rows: Sequence[Row], found: Sequence[Row]
) -> str:
    names = [row["layer"] for row in rows]
    where = runs_of([row["layer"] for row in found], names)
    top = max(found, key=lambda row: abs(row["effect"]) if math.isfinite(row["effect"]) else 0.0)
    side = b if top["value"] > 0 else a
    ends = (top["low"], top["high"]) if top["value"] > 0 else (-top["high"], -top["low"])
    size = with_interval(abs(top["value"]), ends[0], ends[1], differs=True)
    unsized = ""
    if ends[0] <= 0:
        unsized = "; that it is above 0 the exact test shows, how far these units do not"
    which = f"{top['layer']}: " if len(found) == 1 else f"clearest in {top['layer']}: "
    place = "" if len(found) == 1 else f" ({where})"
    return (
        f"{what[0].upper()}{what[1:]} differs between {a} and {b} ({by}) in {len(found)} of "
        f"{len(rows)} layers{place}, {which}{size} larger in {side} (adjusted p = "
        f"{number(top['adjusted_p'], 2)}{unsized})."
    )


def _silent_text(a: str, b: str, silent: Sequence[tuple[str, Sequence[Row]]]) -> str:
    whats = all_of([what for what, _ in silent])
    ratios = [
        row["detectable"] / row["spread"]
        for _, rows in silent
        for row in rows
        if row["spread"] > 0 and math.isfinite(row["detectable"])
    ]
    seen = (
        "smaller ones may be there: a difference of "
        f"{number(sorted(ratios)[len(ratios) // 2], 2)} standard deviations of the units in one "
        "layer would have been found 8 times in 10"
        if ratios
        else "so few units would have missed any, however large, more than 2 times in 10"
    )
    return f"No difference between {a} and {b} was found in {whats}; {seen}."


def _sides(pair: Row) -> str:
    if pair["blocks"]:
        return f"{pair['networks']} networks in {pair['blocks']} configurations that hold both"
    return f"{pair['n_a']} and {pair['n_b']} {pair['unit']}s"


def _of_pair(rows: Sequence[Row], pair: Row) -> list[Row]:
    keys = ("group_a", "group_b")
    return [row for row in rows if all(row[key] == pair[key] for key in keys)]


def _same(row: Row, model: Row) -> bool:
    return row["statistic"] == model["statistic"] and _degree(row) == _degree(model)


def _degree(row: Row) -> int | None:
    degree = str(row["homology_dimension"])
    return int(degree) if degree.isdigit() else None


# One population.

OPEN = (-0.9, 9.0)
"""Relative changes: an interval that reaches over both, as of two networks, says nothing."""
OPEN_TEXT = "from below a tenth to above ten times"


def population_sentences(findings: PopulationFindings) -> list[str]:
    """What changes over depth and training, where the spread comes from, and the unit."""
    trends = trend_sentence(findings.trends)
    return [
        change_over_networks(findings),
        *([trends] if trends else []),
        *variance_sentences(findings.components),
        unit_sentence(findings),
    ]


def change_over_networks(findings: PopulationFindings) -> str:
    """The clearest change over depth whose unit is a network, or that none is clear."""
    effects = findings.changes
    if not effects:
        return (
            "No change over depth could be compared: needed are two layers, and two networks or "
            "more with positive values in both."
        )
    sure = [one for one in effects if one.low > 0 or one.high < 0]
    looked = f"{effects[0].looked_at:,} changes over depth looked at"
    if not sure:
        top = effects[0]
        return (
            f"No change over depth is sure: of {looked} no interval excludes zero; the nearest to "
            f"it is {_change_text(top, findings.unit)}."
        )
    top = sure[0]
    directions = _directions(sure)
    return (
        f"The clearest of {looked}: {_change_text(top, findings.unit)}. {len(sure)} of them are "
        f"sure{directions}."
    )


def _change_text(effect: Effect[Place], unit: str) -> str:
    what = phrase(effect.statistic, effect.homology_dimension)
    where = f"{effect.where.layer} against {effect.where.against}"
    of = f" of {effect.where.run}" if effect.where.run else ""
    open_ended = effect.low <= OPEN[0] and effect.high >= OPEN[1]
    ends = f"{signed(effect.low)} to {signed(effect.high)}"
    interval = f"{level_text(effect.level)} interval {OPEN_TEXT if open_ended else ends}"
    return (
        f"the {what} in {where}{of}, {signed(effect.change)} ({interval}, "
        f"corrected for all of them; {effect.n} {unit}s)"
    )


def _directions(sure: Sequence[Effect[Place]]) -> str:
    """Statistics whose sure changes all go one way, and those that go both."""
    rising: dict[str, set[bool]] = {}
    for one in sure:
        rising.setdefault(phrase(one.statistic, one.homology_dimension), set()).add(one.change > 0)
    parts = []
    for word, kind in (("rising", {True}), ("falling", {False}), ("both ways", {True, False})):
        names = [name for name, signs in rising.items() if signs == kind]
        parts += [f"{word}: {few(names)}"] if names else []
    return f" ({'; '.join(parts)})"


def variance_sentences(
    components: Mapping[tuple[tuple[str, int | None], str], VarianceComponents],
) -> list[str]:
    """Where the spread of single draws comes from, and where draws drown the networks."""
    if not components:
        return []
    known = {key: one for key, one in components.items() if math.isfinite(one.share_rest.value)}
    if not known:
        return []
    # Fixed beforehand, not picked for its size: the first statistic, in the last layer it has.
    first = next(iter(known))[0]
    (looked, layer), one = [item for item in known.items() if item[0][0] == first][-1]
    parts = []
    if one.share_configuration is not None:
        parts.append(f"{_share_text(one.share_configuration)} between configurations")
    between = "networks of one configuration" if one.likeness is not None else "networks"
    parts.append(f"{_share_text(one.share_network)} between {between}")
    parts.append(f"{_share_text(one.share_rest)} between draws of one network")
    out = [
        f"Of the variance of {phrase(*looked)} at {layer}, over draws of all networks: "
        f"{all_of(parts)}."
    ]
    drowned = [
        f"{phrase(*looked)} at {layer}"
        for (looked, layer), one in known.items()
        if not one.reliability.low > 0
    ]
    if drowned:
        out.append(
            f"In {len(drowned)} of {len(known)} numbers networks are not shown to differ beyond "
            f"the noise of their draws ({few(drowned)}): correlations with these are bounded by "
            "that noise."
        )
    return out


def _share_text(interval: Any) -> str:
    return f"{share(interval.value)} [{share(interval.low)}, {share(interval.high)}]"


def unit_sentence(findings: PopulationFindings) -> str:
    """The unit, and what the answer is about."""
    population = findings.population
    told = networks_text(population)
    if findings.unit == CONFIGURATION:
        return (
            f"Unit: configuration ({population.n_configurations} of them, the means of "
            f"{len(population)} networks). The answer is about {target_of(CONFIGURATION)}, "
            f"{samples_text(population.replicates)}."
        )
    told_of = bool(population.configuration)
    each = population.n_configurations > 1 and told_of
    how = "; configurations are told one by one, each over its own networks" if each else ""
    about = "training networks like these"
    if told_of:
        about = f"training {'these configurations' if each else 'this configuration'} again"
    return (
        f"Unit: network ({told}){how}. The answer is about {about}, "
        f"{samples_text(population.replicates)}."
    )


def samples_text(draws: int) -> str:
    """Whether changes over depth and training hold on other samples, too.

    >>> samples_text(1)
    'on these samples alone (one draw shows no spread over samples)'
    >>> samples_text(4)
    'on other samples too (all networks see the same 4 draws; their error is in the intervals)'
    """
    if draws < 2:
        return "on these samples alone (one draw shows no spread over samples)"
    return (
        f"on other samples too (all networks see the same {draws} draws; their error is in the "
        "intervals)"
    )
