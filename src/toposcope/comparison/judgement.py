"""What one pair of layers shows under one measure: value, noise, gap, and the form of its test.

`gap` is what the layers differ by: for diagrams their distance with the noise of draws taken out
(`gaps`), for similarities the distance from the value of equal layers. Tests are made later, in
families (`families`), from the form kept here; equivalence is tested against a margin that is fixed
before the data are opened, in absolute units or in those of the first network's own noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.gaps import (
    cross_units,
    form_size,
    gap_form,
    pseudo_values,
    signed_root,
    squared_gap_units,
)
from toposcope.comparison.layer_pairs import DIAGRAM_MEASURES
from toposcope.comparison.networks import Network
from toposcope.comparison.pair_values import Layer, PairValues
from toposcope.similarity.measures import MEASURES
from toposcope.stats import mean_interval, tost

Array = NDArray[np.float64]

Why = tuple[str, str] | None
"""Status and reason of a layer without diagrams."""

FEWEST_DRAWS = 3
"""Below this leaving one draw out leaves no pair, and there is no interval."""

SAME_DISTRIBUTION = "both layers give diagrams of one distribution"
SAME_BETTI_NUMBERS = "both layers give Betti numbers of one distribution"
UNRELATED = "the layers are unrelated: any sample may be paired with any other"

NOISE, ABSOLUTE = "noise", "absolute"
MARGIN_UNITS = (NOISE, ABSOLUTE)
"""What a margin counts: the first network's own noise, or the gap as it is."""

LAYER_COLUMNS = (
    "label",
    "network_a",
    "layer_a",
    "depth_a",
    "network_b",
    "layer_b",
    "depth_b",
    "measure",
    "homology_dimension",
    "value",
    "low",
    "high",
    "noise",
    "effect",
    "gap",
    "gap_low",
    "gap_high",
    "step",
    "share",
    "family",
    "pvalue",
    "smallest_p",
    "adjusted_p",
    "detectable",
    "margin",
    "equivalence_p",
    "equivalence_adjusted_p",
    "equivalent",
    "paired",
    "n",
    "null",
    "status",
    "reason",
)


@dataclass(frozen=True, eq=False)
class Judgement:
    """What one pair of layers shows under one measure.

    Parameters
    ----------
    units
        (R,) gap of each draw, squared if `squared` (jackknife pseudo-values for diagrams).
    value, noise
        (R,) the same for the value, and the noise or floor it is read against.
    effect
        Gap over noise for diagrams; for similarities the place between unrelated (0) and equal (1).
    reference
        (R,) what a margin of 1 "noise" stands for, squared if `squared`: squared distance between
        draws of the layer of the first network (pseudo-values); for similarities the way from
        equal layers to unrelated samples. Empty where it is unknown.
    form
        Of its test, None where none is possible: (R, R) or (2 R, 2 R) for diagrams (`gap_form`),
        (R,) value beyond that of unrelated samples for similarities, larger when more alike.
    kept
        Draws that count, of those there are.
    size
        Statistics far below it are rounding.
    status, reason
        "ok", or why there is less than that.
    """

    units: Array
    value: Array
    noise: float
    effect: float
    status: str
    reason: str
    squared: bool = False
    reference: Array = field(default_factory=lambda: np.empty(0))
    form: Array | None = None
    kept: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    size: float = 0.0

    @property
    def gap(self) -> float:
        """Mean gap over draws, squared if `squared`."""
        known = self.units[np.isfinite(self.units)]
        return float(known.mean()) if len(known) else float("nan")

    def length(self, gap: float) -> float:
        """A gap of `units` as a distance."""
        return signed_root(gap) if self.squared else gap

    def gap_of(self, length: float) -> float:
        """A distance as a gap of `units`."""
        return length**2 if self.squared else length


@dataclass(frozen=True)
class Rules:
    """How layers are judged: chosen before any number is looked at.

    Parameters
    ----------
    test
        Whether there are tests.
    n_resamples, seed
        Of the permutations.
    level
        Coverage of the intervals.
    margin
        Gap below which layers count as equivalent, one for all measures or by measure; None asks
        for no equivalence.
    margin_unit
        One of `MARGIN_UNITS`.
    """

    test: bool = True
    n_resamples: int = 9999
    seed: int = 0
    level: float = 0.95
    margin: float | Mapping[str, float] | None = None
    margin_unit: str = NOISE

    @property
    def alpha(self) -> float:
        """Probability of any false finding in a family, with room for rounding of 1 - level."""
        return 1 - self.level + 1e-12

    def margin_of(self, measure: str) -> float:
        """Margin of a measure in `margin_unit`; NaN when none was fixed."""
        given = self.margin.get(measure) if isinstance(self.margin, Mapping) else self.margin
        return float("nan") if given is None else float(given)


@dataclass(frozen=True)
class LayerPair:
    """Two layers under one measure.

    Parameters
    ----------
    a, b
        The layers.
    measure, degree
        What they are compared by; a similarity has no degree.
    paired
        Whether draws of one number hold the same samples.
    why
        Why a layer has no diagrams.
    """

    a: Layer
    b: Layer
    measure: str
    degree: int | None
    paired: bool
    why: Why = None


def judge(values: PairValues, pair: LayerPair) -> Judgement:
    """Compare two layers under one measure."""
    if pair.measure in DIAGRAM_MEASURES:
        return _judge_diagrams(values, pair)
    return _judge_similarity(values, pair)


def _judge_diagrams(values: PairValues, pair: LayerPair) -> Judgement:
    a, b, measure, degree = pair.a, pair.b, pair.measure, pair.degree
    assert degree is not None, "a measure between diagrams has a degree"
    matrices = [values.between(x, y, measure, degree) for x, y in ((a, a), (b, b), (a, b))]
    if values.replicates == 1 and matrices[2] is not None:
        matrices[:2] = [np.zeros((1, 1))] * 2  # one draw meets no other one inside its layer
    if any(matrix is None for matrix in matrices):
        return _nothing(*(pair.why or ("failed", "there are no diagrams to compare")))
    aa, bb, ab = (m for m in matrices if m is not None)
    units = _complete(aa, bb, ab)
    note = "" if len(units) == values.replicates else _dropped(units, values.replicates)
    if not len(units):
        return _nothing(*(pair.why or ("failed", "no draw has diagrams of both layers")))
    aa, bb, ab = (m[np.ix_(units, units)] for m in (aa, bb, ab))
    everything = np.concatenate([aa.ravel(), bb.ravel(), ab.ravel()])
    if np.isinf(everything).any():
        reason = "different numbers of essential classes are infinitely far apart"
        return _nothing("infinite", reason)
    if len(units) == 1:
        reason = "one draw has no spread: pass replicates=8 (--replicates 8)"
        value = np.array([ab[0, 0]])
        nan = np.array([np.nan])
        return Judgement(nan, value, np.nan, np.nan, "one_replicate", reason, True)
    off = ~np.eye(len(units), dtype=bool)
    noise = float((aa[off].mean() + bb[off].mean()) / 2)
    if not everything.any():
        reason = f"no draw of either layer has a class in H{degree}, or all diagrams are equal"
        zero = np.zeros(len(units))
        return Judgement(zero, zero, 0.0, np.nan, "empty", reason, True)
    if len(units) < FEWEST_DRAWS:
        squares = [float((m[off] ** 2).mean()) for m in (ab, aa, bb)]
        gap = np.full(len(units), squares[0] - (squares[1] + squares[2]) / 2)
        value = np.full(len(units), float(ab[off].mean()))
        effect = _ratio(signed_root(float(gap[0])), noise)
        reason = f"{len(units)} draws are too few for an interval or a test"
        return Judgement(gap, value, noise, effect, "few_replicates", reason, True)
    gap = squared_gap_units(aa, bb, ab)
    return Judgement(
        gap,
        cross_units(ab),
        noise,
        _ratio(signed_root(float(gap.mean())), noise),
        "ok",
        note,
        squared=True,
        reference=pseudo_values(aa**2),
        form=gap_form(aa, bb, ab, paired=pair.paired),
        kept=units,
        size=form_size(aa, bb, ab),
    )


def _judge_similarity(values: PairValues, pair: LayerPair) -> Judgement:
    a, b, measure = pair.a, pair.b, pair.measure
    same, floor = values.paired(a, b, measure)
    units = np.flatnonzero(np.isfinite(same))
    if not len(units):
        refused = values.reasons.get((a, b, measure))
        return _nothing(*(pair.why or ("undefined", refused or "it was not measured")))
    note = "" if len(units) == values.replicates else _dropped(units, values.replicates)
    value, ideal = same[units], MEASURES[measure].at_identity
    gap = np.abs(ideal - value)
    base = floor[units]
    noise = float(base.mean()) if np.isfinite(base).all() else np.nan
    effect = _ratio(float(value.mean()) - noise, ideal - noise)
    if len(units) == 1:
        reason = "one draw has no spread: pass replicates=8 (--replicates 8)"
        return Judgement(gap, value, noise, effect, "one_replicate", reason)
    form, reference = None, np.empty(0)
    if np.isfinite(base).all() and len(units) >= FEWEST_DRAWS:
        form = np.abs(ideal - base) - gap
        reference = np.abs(ideal - base)
    return Judgement(
        gap,
        value,
        noise,
        effect,
        "ok",
        note,
        reference=reference,
        form=form,
        kept=units,
        size=float((value**2 + base**2).sum()) if form is not None else 0.0,
    )


def layer_row(
    judged: Judgement, rules: Rules, *, step: float, where: Mapping[str, Any]
) -> dict[str, Any]:
    """One row of the table of layers, without what the families decide."""
    row = dict(where) | {"n": len(judged.value), "noise": judged.noise, "effect": judged.effect}
    row |= {"status": judged.status, "reason": judged.reason, "step": step}
    bounds = (-np.inf, np.inf)
    if row["measure"] in MEASURES:
        bounds = MEASURES[row["measure"]].range
    value, *ends = _interval(judged.value, rules.level, judged.status)
    # An interval of a correlation ends where correlations do.
    row["value"], (row["low"], row["high"]) = value, np.clip(ends, *bounds).tolist()
    gaps = _interval(judged.units, rules.level, judged.status)
    row["gap"], row["gap_low"], row["gap_high"] = (judged.length(gap) for gap in gaps)
    if not judged.squared and np.isfinite(row["gap_low"]):
        row["gap_low"] = max(row["gap_low"], 0.0)
    row["share"] = _ratio(row["gap"], step)
    return row | _equivalence(judged, rules, row["measure"])


def _equivalence(judged: Judgement, rules: Rules, measure: str) -> dict[str, Any]:
    """Margin of one row, and the test against it, not yet corrected for its family."""
    chosen = rules.margin_of(measure)
    bound: Array = np.full(len(judged.units), judged.gap_of(chosen))
    if rules.margin_unit == NOISE:
        # The noise is an estimate too: its draws enter the test beside those of the gap.
        bound = judged.gap_of(chosen) * judged.reference
    known = len(bound) >= FEWEST_DRAWS and bound.mean() > 0 and judged.status == "ok"
    out = {"margin": np.nan, "equivalence_p": np.nan, "equivalent": None}
    if not known:
        return out
    constant = np.ptp(bound) == 0
    tested = tost(judged.units, bound[0] if constant else bound, level=rules.level)
    out["margin"] = judged.length(tested.margin)
    if not np.isfinite(tested.pvalue):
        # Draws that agree exactly, as those of a layer and itself: nothing is estimated.
        return out | {"equivalent": bool(abs(tested.value) < tested.margin)}
    return out | {"equivalence_p": tested.pvalue}


def steps(
    values: PairValues, networks: Sequence[Network], measure: str, degree: int | None
) -> list[float]:
    """Mean gap between neighboring layers inside each network (root mean square for diagrams).

    NaN for a network of one layer, and where neighbors cannot be told apart.
    """
    out = []
    for i, net in enumerate(networks):
        neighbors = [
            LayerPair((i, p), (i, p + 1), measure, degree, paired=True)
            for p in range(len(net.layers) - 1)
        ]
        judged = [judge(values, pair) for pair in neighbors]
        known = [one for one in judged if np.isfinite(one.gap)]
        mean = float(np.mean([one.gap for one in known])) if known else np.nan
        out.append(known[0].length(mean) if mean > 0 else float("nan"))
    return out


def measured(measures: Sequence[str], degrees: Sequence[int]) -> Iterator[tuple[str, int | None]]:
    """(measure, degree) of every column of results; similarities have no degree."""
    for measure in measures:
        for degree in degrees if measure in DIAGRAM_MEASURES else (None,):
            yield measure, degree


def _interval(values: Array, level: float, status: str) -> tuple[float, float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return np.nan, np.nan, np.nan
    if len(known) < FEWEST_DRAWS or status == "few_replicates":
        return float(known.mean()), np.nan, np.nan
    interval = mean_interval(known, level=level)
    return interval.value, interval.low, interval.high


def _complete(*matrices: Array) -> NDArray[np.intp]:
    """Draws measured in all matrices: those whose row holds a number."""
    units = np.arange(len(matrices[0]))
    for matrix in matrices:
        if not np.isnan(matrix).any():
            continue
        off = ~np.isnan(matrix)
        np.fill_diagonal(off, matrix.shape[0] == 1 and not np.isnan(matrix[0, 0]))
        units = np.intersect1d(units, np.flatnonzero(off.any(axis=1)))
    return units


def _nothing(status: str, reason: str) -> Judgement:
    nan = np.empty(0)
    return Judgement(nan, nan, np.nan, np.nan, status, reason)


def _dropped(units: NDArray[np.intp], count: int) -> str:
    lost = sorted(set(range(count)) - set(units.tolist()))
    return f"draws {', '.join(map(str, lost))} have no value in one of the layers and are left out"


def _ratio(value: float, scale: float) -> float:
    return float(value / scale) if np.isfinite(scale) and scale != 0 else float("nan")
