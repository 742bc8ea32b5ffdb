"""What is asked of a comparison: measures, rules of judgement, and what they cannot show.

Checked before anything is opened, and written down where the comparison is kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from numbers import Real
from pathlib import Path
from typing import Any

from toposcope.analysis.registry import POINTS, VOLUMES
from toposcope.comparison.families import design_limit, fewest_draws
from toposcope.comparison.judgement import ABSOLUTE, MARGIN_UNITS, NOISE, Rules
from toposcope.comparison.layer_pairs import BETTI_NUMBERS, DIAGRAM_MEASURES
from toposcope.comparison.networks import PAIRED, Network, relation
from toposcope.errors import DesignWarning, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.urls import place_text
from toposcope.similarity.measures import MEASURES
from toposcope.store.objects import objects_in, put_json, read_json
from toposcope.store.shapes import expect
from toposcope.types import near_matches

TESTS = ("permutation", "none")
DEFAULTS = ("wasserstein", "cka")
"""Measures where none are named; those of volumes are their Betti numbers."""


def split(measures: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Measures between diagrams, and between paired activations."""
    if measures is None:
        return [], []
    if isinstance(measures, str):
        measures = [measures]
    known = [*DIAGRAM_MEASURES, *MEASURES]
    for name in measures:
        if name not in known:
            msg = f"compare(): measure {name!r} is unknown. {near_matches(str(name), known)}"
            raise UsageError(msg)
    if not measures or len(set(measures)) < len(measures):
        msg = f"compare(): measures={list(measures)!r}; needed are one or more different names."
        raise UsageError(msg)
    diagram = [name for name in measures if name in DIAGRAM_MEASURES]
    if BETTI_NUMBERS in measures and len(measures) > 1:
        msg = (
            f"compare(): {BETTI_NUMBERS} compare images one by one, so no other measure goes with "
            f"it; got {list(measures)!r}. Compare by {BETTI_NUMBERS} alone, and by the others in a "
            "second call."
        )
        raise UsageError(msg)
    return diagram, [name for name in measures if name not in DIAGRAM_MEASURES]


def unit_of_measures(diagram: Sequence[str]) -> str:
    """What the analyses must have filtered for some measures between diagrams; "" for none."""
    if not diagram:
        return ""
    return VOLUMES if BETTI_NUMBERS in diagram else POINTS


def rules_of(
    test: str,
    level: float,
    margin: float | Mapping[str, float] | None,
    margin_unit: str,
    n_resamples: int,
    seed: int,
) -> Rules:
    """How layers are judged; refuses what is no rule."""
    if test not in TESTS:
        msg = f"compare(): test={test!r} is unknown; choose 'permutation' or 'none'."
        raise UsageError(msg)
    level = parameters.number(level, "level", call="compare()", above=0.5, below=1.0)
    n_resamples = parameters.whole(n_resamples, "n_resamples", call="compare()", low=99)
    if margin_unit not in MARGIN_UNITS:
        msg = (
            f"compare(): margin_unit={margin_unit!r} is unknown; choose {NOISE!r} (multiples of "
            f"what draws of one layer of the first network are apart) or {ABSOLUTE!r}."
        )
        raise UsageError(msg)
    given = list(margin.values() if isinstance(margin, Mapping) else [margin])
    if margin is not None and not all(
        isinstance(value, Real) and not isinstance(value, bool) and 0 < value < float("inf")
        for value in given
    ):
        msg = (
            f"compare(): margin={margin!r} must be a number above 0, in units of "
            f"margin_unit={margin_unit!r}, or left out to test no equivalence."
        )
        raise UsageError(msg)
    if isinstance(margin, Mapping):
        margin = {str(name): float(value) for name, value in margin.items()}
    return Rules(test != "none", n_resamples, seed, level, margin, margin_unit)


def refuse_margins(rules: Rules, measures: Sequence[str]) -> None:
    """Refuse a margin of a measure that is not compared."""
    named = rules.margin if isinstance(rules.margin, Mapping) else {}
    unknown = sorted(set(named) - set(measures))
    if unknown:
        msg = (
            f"compare(): margin names {', '.join(unknown)}, and the measures are "
            f"{', '.join(measures)}. Name a measure that is compared."
        )
        raise UsageError(msg)


def recorded(folder: Path, measures: Sequence[str], rules: Rules) -> dict[str, Any]:
    """What was decided, written down before the networks are opened; the first time counts.

    Whether a result stood in the folder by then is part of it: a margin that is chosen after a look
    at the gaps shows nothing.
    """
    chosen = {
        "measures": list(measures),
        "level": rules.level,
        "margin": rules.margin,
        "margin_unit": rules.margin_unit,
    }
    objects, path = objects_in(folder), folder / "plan.json"
    again = "Delete it and compare again: that no margin was chosen before will be recorded."
    plans: list[dict[str, Any]] = []
    if objects.exists(path.name):
        shape = {"plans": [dict.fromkeys([*chosen, "time", "after_results"], object)]}
        plans = expect(read_json(path), shape, where=place_text(path), again=again)["plans"]
    for plan in plans:
        if all(plan[name] == value for name, value in chosen.items()):
            return plan
    now = datetime.now(UTC).isoformat(timespec="seconds")
    plan = chosen | {"time": now, "after_results": objects.exists("done.json")}
    put_json(path, {"plans": [*plans, plan]})
    return plan


def too_few(draws: int, *, paired: bool, rules: Rules) -> bool:
    """Whether so few draws can give no layer a p-value below the level."""
    return rules.test and design_limit(draws, paired=paired, rules=rules) > rules.alpha


def warn_of_limits(networks: Sequence[Network], rules: Rules) -> None:
    """Say before anything is measured that no layer could be found to differ."""
    draws = len(networks[0].draws)
    kinds = {relation(x, y) == PAIRED for x, y in combinations(networks, 2)}
    for paired in sorted(kinds):
        if too_few(draws, paired=paired, rules=rules):
            warn_too_few(draws, paired=paired, rules=rules)


def warn_too_few(draws: int, *, paired: bool, rules: Rules) -> None:
    """Say that nothing could be found, and with how many draws it could."""
    least = design_limit(draws, paired=paired, rules=rules)
    enough = fewest_draws(paired=paired, rules=rules)
    kind = "paired" if paired else "independent"
    warnings.warn(
        f"compare(): with {draws} {kind} draw{'s' * (draws != 1)} no p-value is below {least:.2g}, "
        f"so no layer can be found to differ at level {rules.level:g}, however far apart. Pass "
        f"replicates={enough} or more (--replicates {enough}), or test='none' (--test none) for "
        "values alone.",
        DesignWarning,
        stacklevel=3,
    )
