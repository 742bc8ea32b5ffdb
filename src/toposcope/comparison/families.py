"""The tests of a comparison, in families: one for each kind of hypothesis, none lends to another.

Two families. *Layers differ*: that both layers give diagrams of one distribution, under every
measure and degree, and for every pair of networks that no layer differs at all. *Layers are
related*: that a similarity is no larger than that of unrelated samples, which hardly ever holds;
in one family with the others those rejections would buy the rest a lenient threshold (12 to 77 %
false "layers differ" were measured).

Within a family the arrangements are shared by all layers, and p-values are adjusted by the
step-down maximum of the standardized statistics (`step_down`): any false finding in a family has
probability 1 - level at most. A single layer among 150 can have the smallest p that it would have
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.detectable import (
    detectable_shift,
    directions,
    nearest_number,
    noise_of_labels,
    noise_of_pairs,
)
from toposcope.comparison.gaps import arrangements, gap_arrangements, gap_statistics
from toposcope.comparison.judgement import Judgement, Rules
from toposcope.stats import holm, standardized, step_down
from toposcope.stats.arrangements import sign_flips

Array = NDArray[np.float64]

DIFFER, RELATED, EQUIVALENT = "layers differ", "layers are related", "layers are equivalent"
GROUPS_DIFFER = "groups differ"
"""The family of a comparison of groups of networks."""

_ROUNDING = 1e-12
"""Statistics that spread less than this share of the distances are those of equal layers."""


@dataclass(frozen=True, eq=False)
class Group:
    """The layers of one pair of networks under one measure.

    Parameters
    ----------
    names
        Networks, measure, degree, whether draws are pairs.
    judged
        What each pair of layers shows.
    rows
        Their rows of the table of layers.
    step
        Mean gap between neighboring layers.
    replicates
        Draws there are, of which a layer may lack some.
    """

    names: Mapping[str, Any]
    judged: Sequence[Judgement]
    rows: Sequence[dict[str, Any]]
    step: float
    replicates: int

    @property
    def paired(self) -> bool:
        """Whether draws of one number hold the same samples."""
        return bool(self.names["paired"])

    @property
    def tested(self) -> list[int]:
        """Positions of the layers that have a test."""
        return [k for k, one in enumerate(self.judged) if one.form is not None]


@dataclass(frozen=True, eq=False)
class Whole:
    """The test that no layer of a pair of networks differs.

    Parameters
    ----------
    pvalue, adjusted_p
        Alone and in its family; NaN where nothing was tested.
    """

    pvalue: float = float("nan")
    adjusted_p: float = float("nan")


@dataclass(eq=False)
class _Block:
    """Tests of one family that share their arrangements."""

    weights: Array
    statistics: list[Array] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    """(group, layer) of each column; layer -1 is the whole of a group."""


def test_families(
    groups: Sequence[Group], rules: Rules
) -> tuple[list[Whole], list[dict[str, Any]]]:
    """Write the tests of all groups into their rows.

    Returns
    -------
    wholes
        One per group.
    families
        Name, number of tests, smallest p-value and correction of each family, as it is told.
    """
    wholes = [Whole() for _ in groups]
    for group in groups:
        family = DIFFER if _squared(group) else RELATED
        nothing = {"pvalue": np.nan, "smallest_p": np.nan, "adjusted_p": np.nan}
        for row in group.rows:
            row.update(nothing | {"family": family, "detectable": np.nan})
    told = []
    if rules.test:
        for family, squared in ((DIFFER, True), (RELATED, False)):
            chosen = [k for k, group in enumerate(groups) if _squared(group) == squared]
            told += _test_family(family, groups, chosen, wholes, rules)
    return wholes, told + _test_equivalence(groups, rules)


def design_limit(draws: int, *, paired: bool, rules: Rules) -> float:
    """The smallest p-value that so many draws can give a layer, whatever the data.

    >>> design_limit(8, paired=True, rules=Rules()), design_limit(5, paired=True, rules=Rules())
    (0.0078125, 0.0625)
    """
    if draws < 2:
        return 1.0
    return max(1 / arrangements(draws, paired=paired), 1 / (rules.n_resamples + 1))


def fewest_draws(*, paired: bool, rules: Rules) -> int:
    """Draws from which on a layer can be found at all.

    >>> fewest_draws(paired=True, rules=Rules()), fewest_draws(paired=False, rules=Rules())
    (6, 4)
    """
    return next(
        (n for n in range(3, 64) if design_limit(n, paired=paired, rules=rules) <= rules.alpha), 64
    )


def _squared(group: Group) -> bool:
    return group.names["homology_dimension"] is not None


def _test_family(
    name: str,
    groups: Sequence[Group],
    chosen: Sequence[int],
    wholes: list[Whole],
    rules: Rules,
) -> list[dict[str, Any]]:
    blocks = [
        block
        for paired in (True, False)
        if (block := _block(groups, [k for k in chosen if groups[k].paired == paired], rules))
    ]
    count, smallest = 0, 0.0
    for block in blocks:
        z = np.stack(block.statistics, axis=1)
        alone, adjusted = step_down(z)
        # Pairs and independent draws have no arrangement in common: the blocks share the level.
        adjusted = np.minimum(adjusted * len(blocks), 1.0)
        limit = len(blocks) / len(z)
        smallest, count = max(smallest, limit), count + len(alone)
        for (group, layer), p, q in zip(block.places, alone, adjusted, strict=True):
            if layer < 0:
                wholes[group] = Whole(float(p), float(q))
                continue
            one, row = groups[group].judged[layer], groups[group].rows[layer]
            fewer = arrangements(len(one.kept), paired=groups[group].paired)
            least = max(limit, len(blocks) / fewer) if one.squared else limit
            row.update(pvalue=float(p), adjusted_p=float(q), smallest_p=float(least))
        if name == DIFFER:
            _write_detectable(groups, block, z, adjusted, rules, len(blocks))
    for k in chosen:
        known = [r["adjusted_p"] for r in groups[k].rows if np.isfinite(r["adjusted_p"])]
        if known and name == DIFFER:  # a layer that differs makes the networks differ
            wholes[k] = Whole(wholes[k].pvalue, float(np.nanmin([wholes[k].adjusted_p, *known])))
    if not count:
        return []
    return [
        {"name": name, "tests": count, "smallest_p": smallest, "correction": "step-down maximum"}
    ]


def _block(groups: Sequence[Group], chosen: Sequence[int], rules: Rules) -> _Block | None:
    """All tests of one family whose draws are arranged alike; None where there are none."""
    if not any(groups[k].tested for k in chosen):
        return None
    first = groups[chosen[0]]
    rng = np.random.default_rng(rules.seed)
    if _squared(first):
        block = _Block(
            gap_arrangements(
                first.replicates, paired=first.paired, n_resamples=rules.n_resamples, seed=rng
            )
        )
    else:
        moves = sign_flips(first.replicates, rules.n_resamples, rng)
        flips = np.concatenate(list(moves.blocks))
        if not moves.exact:
            flips = np.concatenate([np.ones((1, first.replicates)), flips])
        block = _Block(flips)
    for k in chosen:
        mine = _statistics(groups[k], block.weights)
        block.statistics += list(mine.T)
        block.places += [(k, layer) for layer in groups[k].tested]
        if _squared(groups[k]) and mine.shape[1] > 1:
            block.statistics.append(standardized(mine.sum(axis=1)[:, None])[:, 0])
            block.places.append((k, -1))
    return block


def _statistics(group: Group, weights: Array) -> Array:
    """(arrangements, layers tested) standardized statistics."""
    judged = [group.judged[k] for k in group.tested]
    if not judged:
        return np.empty((len(weights), 0))
    out = np.empty((len(weights), len(judged)))
    patterns = {tuple(one.kept.tolist()) for one in judged}
    for kept in patterns:
        same = [k for k, one in enumerate(judged) if tuple(one.kept.tolist()) == kept]
        forms = np.stack([f for k in same if (f := judged[k].form) is not None])
        draws = np.array(kept)
        if not judged[same[0]].squared:
            values = weights[:, draws] @ forms.T
        elif group.paired:
            values = gap_statistics(forms, weights[:, draws])
        else:
            mine = weights[:, np.concatenate([draws, group.replicates + draws])]
            values = gap_statistics(forms, _balanced(mine))
        zero = _ROUNDING * np.array([judged[k].size for k in same])
        scale = 1.0 if judged[same[0]].squared else 0.0
        out[:, same] = standardized(values, zero=zero * scale)
    return out


def _balanced(labels: Array) -> Array:
    """Rows of labels +1 and -1 as the weights of a difference of two means.

    Where a draw is missing on one side, arrangements have sides of other sizes.
    """
    first = labels > 0
    one, other = first.sum(axis=1, keepdims=True), (~first).sum(axis=1, keepdims=True)
    if (one == other).all():
        return labels
    known = (one > 0) & (other > 0)
    return np.where(known, np.where(first, 1 / np.maximum(one, 1), -1 / np.maximum(other, 1)), 0.0)


def _write_detectable(
    groups: Sequence[Group],
    block: _Block,
    z: Array,
    adjusted: Array,
    rules: Rules,
    blocks: int,
) -> None:
    """The gap that one layer would have needed, next to the others of its block as they are."""
    level = 1 - (1 - rules.level) / blocks
    open_ = adjusted > rules.alpha
    shifts: dict[int, float] = {}
    for k in dict.fromkeys(group for group, _ in block.places):
        group = groups[k]
        columns = [c for c, place in enumerate(block.places) if place[0] == k and place[1] >= 0]
        alike = [c for c in columns if open_[c]] or columns
        forms = {c: f for c in columns if (f := group.judged[block.places[c][1]].form) is not None}
        noise = {
            c: (noise_of_pairs if group.paired else noise_of_labels)(forms[c]) for c in columns
        }
        shapes = [noise[c][1] for c in alike if np.isfinite(noise[c][1])]
        if not shapes:
            continue
        shape = float(np.mean(shapes))
        number, correction = nearest_number(shape) if not group.paired else 1, 1.0
        if group.paired:
            number, correction = directions(shape, len(forms[alike[0]]))
        # Not the whole of this very group: a shift of a layer shifts it too.
        rivals = open_.copy()
        rivals[[c for c, place in enumerate(block.places) if place == (k, -1)]] = False
        if number not in shifts:
            largest = z[:, rivals].max(axis=1, initial=-np.inf)
            shifts[number] = detectable_shift(
                block.weights, largest, number, paired=group.paired, level=level, seed=rules.seed
            )
        for c in columns:
            total = noise[c][0]
            one = np.sqrt(total) / number**0.25 if group.paired else total / np.sqrt(number)
            row = group.rows[block.places[c][1]]
            row["detectable"] = float(shifts[number] * one * correction)


def _test_equivalence(groups: Sequence[Group], rules: Rules) -> list[dict[str, Any]]:
    """Equivalence of every layer with a margin, as a family of its own (Holm)."""
    rows = [row for group in groups for row in group.rows]
    adjusted = holm([row["equivalence_p"] for row in rows])
    for row, p in zip(rows, adjusted, strict=True):
        row["equivalence_adjusted_p"] = float(p)
        if np.isfinite(p):
            row["equivalent"] = bool(p <= rules.alpha)
    count = int(np.isfinite(adjusted).sum())
    return [{"name": EQUIVALENT, "tests": count, "smallest_p": 0.0, "correction": "Holm"}] * bool(
        count
    )
