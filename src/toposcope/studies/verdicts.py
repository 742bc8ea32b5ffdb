"""From measured numbers to a verdict: pure functions, one rule for every claim.

A study brings `Evidence`: the effect with its interval over units, and what the null does. `judge`
holds it against the rule of the claim. Evidence is made from numbers by unit:

    evidence_of_mean(values, null=shuffled)      one number per network, and the same of its null
    evidence_of_share(yes, null=shuffled_yes)    one True or False per network
    evidence_of_largest(table, ...)              the largest difference between conditions
    Evidence(interval, p)                        anything else that has both
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.inputs.parameters import shown
from toposcope.inputs.signatures import checked, instance
from toposcope.stats import Interval, mean_interval, permutation_test, proportion_interval
from toposcope.stats.arrangements import tail_share
from toposcope.studies.claims import Claim, Direction, Rule

Array = NDArray[np.float64]

POWER = 0.8
"""`n_needed` units decide with this probability."""


class Decided(StrEnum):
    """What a study says of a claim."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class Reason(StrEnum):
    """Why; `words.studies` says it."""

    BEYOND = "beyond"
    """The interval lies beyond the threshold, and the null does not do it."""
    WITHIN = "within"
    """The interval lies within the margin, and the null does not."""
    SHORT = "short"
    """The whole interval lies short of what is claimed."""
    OUTSIDE = "outside"
    """The whole interval lies outside the margin."""
    NULL_ALSO = "null_also"
    """The null does more."""
    WIDE = "wide"
    """The interval holds both answers."""
    NULL_CLOSE = "null_close"
    """Beyond the threshold, but not told apart from the null."""


@dataclass(frozen=True)
class Evidence:
    """What was measured for one claim.

    Parameters
    ----------
    interval
        The effect over units; its level counts all claims of the study.
    p
        Of the test against the null, one-sided, times the number of claims; NaN where no test was
        made, which confirms nothing.
    against
        How far the units lie beyond their nulls, where those are paired with them; else None.
    """

    interval: Interval
    p: float
    against: Interval | None = None


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim.

    Parameters
    ----------
    claim
        What was claimed.
    decision, reason
        By its rule.
    effect, low, high, level
        The effect with its interval; the level is that of this interval: with several claims in a
        study each interval is wider, so that all of them hold together.
    n
        Number of units.
    p
        Against the null, counted for all claims of the study.
    alternatives
        The decision under each of the claim's choices.
    n_needed
        Where undecided, the number of units that would decide with power 0.8 if the effect is as
        measured; None where no number would (the effect lies on the threshold).
    """

    claim: Claim
    decision: Decided
    reason: Reason
    effect: float
    low: float
    high: float
    level: float
    n: int
    p: float
    alternatives: Mapping[str, Decided] = field(default_factory=dict)
    n_needed: int | None = None

    @property
    def flips(self) -> tuple[str, ...]:
        """The choices under which the decision is another one."""
        return tuple(name for name, one in self.alternatives.items() if one != self.decision)

    @property
    def turns(self) -> tuple[str, ...]:
        """The choices under which the opposite is decided."""
        both = {Decided.CONFIRMED, Decided.REFUTED}
        return tuple(
            name for name, one in self.alternatives.items() if {one, self.decision} == both
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it; what is not finite becomes None."""
        plain = {
            "claim": self.claim.id,
            "paper": self.claim.paper,
            "sentence": self.claim.sentence,
            "verdict": self.decision.value,
            "reason": self.reason.value,
            "effect": self.effect,
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "statistic": self.claim.statistic,
            "n": self.n,
            "unit": self.claim.unit.value,
            "null": self.claim.null,
            "p": self.p,
            "flips": list(self.flips),
            "alternatives": {name: one.value for name, one in self.alternatives.items()},
            "n_needed": self.n_needed,
        }
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in plain.items()
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], claim: Claim) -> Self:
        """The verdict of a claim that `as_dict` wrote."""
        numbers = {
            key: math.nan if plain[key] is None else plain[key]
            for key in ("effect", "low", "high", "level", "p")
        }
        return cls(
            claim=claim,
            decision=Decided(plain["verdict"]),
            reason=Reason(plain["reason"]),
            n=plain["n"],
            alternatives={name: Decided(one) for name, one in plain["alternatives"].items()},
            n_needed=plain["n_needed"],
            **numbers,
        )


_CLAIM, _EVIDENCE = instance(Claim, needed="a Claim"), instance(Evidence, needed="an Evidence")


def _alternatives(value: object, name: str, *, call: str) -> Mapping[str, Evidence]:
    if not isinstance(value, Mapping):
        msg = f"{call}: {name}={shown(value)}; needed is a dict of Evidence by name of a choice."
        raise UsageError(msg)
    return {str(key): _EVIDENCE(one, f"{name}[{key!r}]", call=call) for key, one in value.items()}


@checked(claim=_CLAIM, evidence=_EVIDENCE, alternatives=_alternatives)
def judge(
    claim: Claim, evidence: Evidence, alternatives: Mapping[str, Evidence] | None = None
) -> Verdict:
    """Decide a claim, and what its other choices would have decided.

    Parameters
    ----------
    claim
        With its rule.
    evidence
        Under the main choices.
    alternatives
        By name of a choice; each must be one of `claim.choices`.

    Examples
    --------
    >>> from toposcope.studies.claims import Claim, Rule, Unit
    >>> grows = Claim("T1", "a test", "It grows.", Unit.NETWORK, "slope", Rule(), "signs flipped")
    >>> slopes = np.array([1.0, 1.2, 0.8, 1.1, 0.9, 1.0, 1.3, 0.7])
    >>> told = judge(grows, evidence_of_mean(slopes, grows.rule, null=np.zeros(8)))
    >>> told.decision.value, round(told.effect, 2), told.n
    ('confirmed', 1.0, 8)
    """
    others = dict(alternatives or {})
    unknown = [name for name in others if name not in claim.choices]
    if unknown:
        msg = f"judge(): {unknown[0]!r} is none of the choices of {claim.id}: {claim.choices}."
        raise UsageError(msg)
    decision, reason = _decision(claim.rule, evidence)
    one = evidence.interval
    return Verdict(
        claim,
        decision,
        reason,
        one.value,
        one.low,
        one.high,
        one.level,
        one.n,
        evidence.p,
        {name: _decision(claim.rule, other)[0] for name, other in others.items()},
        units_needed(claim.rule, evidence) if decision == Decided.UNDECIDED else None,
    )


def _decision(rule: Rule, evidence: Evidence) -> tuple[Decided, Reason]:
    """The rule, applied."""
    one, apart = evidence.interval, evidence.against
    beaten = evidence.p <= 1.0 - rule.level + 1e-12
    if rule.direction == Direction.WITHIN:
        if one.low > rule.threshold or one.high < -rule.threshold:
            return Decided.REFUTED, Reason.OUTSIDE
        if one.low > -rule.threshold and one.high < rule.threshold:
            if beaten:
                return Decided.CONFIRMED, Reason.WITHIN
            return Decided.UNDECIDED, Reason.NULL_CLOSE
        return Decided.UNDECIDED, Reason.WIDE
    low, high = sorted((rule.sign * one.low, rule.sign * one.high))
    if high < rule.sign * rule.needed:
        return Decided.REFUTED, Reason.SHORT
    if apart is not None and rule.beyond and max(rule.sign * np.array([apart.low, apart.high])) < 0:
        return Decided.REFUTED, Reason.NULL_ALSO
    if not low > rule.sign * rule.threshold:
        return Decided.UNDECIDED, Reason.WIDE
    return (Decided.CONFIRMED, Reason.BEYOND) if beaten else (Decided.UNDECIDED, Reason.NULL_CLOSE)


def units_needed(rule: Rule, evidence: Evidence) -> int | None:
    """How many units would decide with power 0.8, were the effect what was measured.

    Intervals shrink with the root of the number of units, so that
    n (edge + z_0.8)^2 / edge^2 (half / distance)^2 units do, with `distance` from the effect to the
    bound it would pass, `half` the width of the interval now and `edge` its normal quantile. None
    where the distance is 0: no number of units decides, or more than a million.

    Examples
    --------
    >>> units_needed(Rule(), Evidence(Interval(0.5, -0.5, 1.5, 0.95, 10), 0.2))
    82
    """
    from scipy.special import ndtri

    bounds = [(evidence.interval, _distance(rule, evidence.interval.value))]
    if evidence.against is not None and rule.beyond:
        bounds.append((evidence.against, abs(evidence.against.value)))
    needed = []
    for one, distance in bounds:
        edge = float(ndtri(0.5 + one.level / 2))
        if not (distance > 0 and math.isfinite(one.half)):
            return None
        grown = one.n * ((1 + float(ndtri(POWER)) / edge) * one.half / distance) ** 2
        needed.append(grown)
    count = math.ceil(max(needed))
    return None if count > 1_000_000 else max(count, evidence.interval.n + 1)


def _distance(rule: Rule, value: float) -> float:
    """From the effect to the bound that an interval around it would have to pass."""
    if rule.direction == Direction.WITHIN:
        return abs(rule.threshold - abs(value))
    return max(rule.sign * (value - rule.threshold), rule.sign * (rule.needed - value))


def evidence_of_mean(
    values: ArrayLike,
    rule: Rule,
    *,
    null: ArrayLike | None = None,
    arrangements: ArrayLike | None = None,
    bounds: tuple[float, float] | None = None,
    comparisons: int = 1,
    unit: str = "network",
    seed: int = 0,
) -> Evidence:
    """The mean of one number per unit.

    Parameters
    ----------
    values
        (n,) finite numbers, one per unit.
    rule
        Of the claim: its level and direction.
    null
        (n,) the same number of the same units in the world of the null; the test swaps the pairs.
    arrangements
        (m,) or: the mean over units in m arrangements under the null (shuffled labels).
    bounds
        What a value cannot leave, such as (0, 1) for a share: the interval stays inside. Units that
        are all alike have no spread to go by, and their interval is that of a share (Wilson): ten
        networks that are all right do not show that each would be.
    comparisons
        Number of claims of the study.
    unit, seed
        As in `toposcope.stats`.

    Raises
    ------
    TooFewSamplesError
        For fewer units than the rule allows.
    """
    x = _units(values, rule, unit)
    interval = _named(
        mean_interval(x, level=rule.level, comparisons=comparisons), rule, comparisons
    )
    if bounds is not None:
        interval = _inside(interval, bounds)
    p, against = math.nan, None
    if null is not None:
        y = _units(null, rule, unit)
        if y.shape != x.shape:
            msg = f"evidence_of_mean(): {len(x)} units and {len(y)} of their nulls; pairs needed."
            raise UsageError(msg)
        against = mean_interval(x - y, level=rule.level, comparisons=comparisons)
        p = _paired(x, y, rule, seed)
    if arrangements is not None:
        p = _tail(float(x.mean()), arrangements, rule)
    return Evidence(interval, min(1.0, p * comparisons), against)


def _inside(interval: Interval, bounds: tuple[float, float]) -> Interval:
    """The interval of a mean of values between bounds.

    >>> all_right = Interval(1.0, 1.0, 1.0, 0.95, 10)
    >>> round(_inside(all_right, (0.0, 1.0)).low, 2)
    0.72
    """
    low, high = bounds
    if not low <= interval.value <= high:
        msg = f"judge(): a value lies outside of bounds={bounds}; got {interval.value:.4g}."
        raise UsageError(msg)
    if interval.low < interval.high:
        return replace(interval, low=max(low, interval.low), high=min(high, interval.high))
    share = proportion_interval(
        (interval.value - low) / (high - low), interval.n, level=interval.level
    )
    width = high - low
    return replace(interval, low=low + width * share.low, high=low + width * share.high)


def evidence_of_share(
    yes: ArrayLike,
    rule: Rule,
    *,
    null: ArrayLike | None = None,
    arrangements: ArrayLike | None = None,
    comparisons: int = 1,
    unit: str = "network",
    seed: int = 0,
) -> Evidence:
    """The share of units that do something: a Wilson interval.

    Parameters
    ----------
    yes
        (n,) True or False (0 or 1) per unit.
    rule, null, arrangements, comparisons, unit, seed
        As in `evidence_of_mean`.
    """
    x = _units(np.asarray(yes, dtype=np.float64), rule, unit)
    level = 1 - (1 - rule.level) / comparisons
    interval = proportion_interval(float(x.mean()), len(x), level=level)
    p, against = math.nan, None
    if null is not None:
        y = _units(np.asarray(null, dtype=np.float64), rule, unit)
        against = mean_interval(x - y, level=rule.level, comparisons=comparisons)
        p = _paired(x, y, rule, seed)
    if arrangements is not None:
        p = _tail(float(x.mean()), arrangements, rule)
    return Evidence(interval, min(1.0, p * comparisons), against)


def evidence_of_largest(
    table: ArrayLike,
    rule: Rule,
    *,
    comparisons: int = 1,
    n_resamples: int = 1999,
    unit: str = "network",
    seed: int = 0,
) -> Evidence:
    """The largest difference between conditions that every unit went through.

    Parameters
    ----------
    table
        (n, conditions) one number per unit and condition.
    rule, comparisons, unit
        As in `evidence_of_mean`; the direction is above.
    n_resamples, seed
        Of the null: conditions shuffled inside every unit.

    Returns
    -------
    Evidence of the pair of conditions that differs most; its interval counts all pairs, so that
    having chosen the largest does not matter.
    """
    x = np.asarray(table, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2 or not np.isfinite(x).all():
        msg = f"evidence_of_largest(): needed are (units, 2 or more conditions); got {x.shape}."
        raise UsageError(msg)
    _units(x[:, 0], rule, unit)
    pairs = list(combinations(range(x.shape[1]), 2))
    apart = {pair: float(np.abs((x[:, pair[0]] - x[:, pair[1]]).mean())) for pair in pairs}
    a, b = max(apart, key=lambda pair: apart[pair])
    difference = x[:, a] - x[:, b] if x[:, a].mean() > x[:, b].mean() else x[:, b] - x[:, a]
    interval = _named(
        mean_interval(difference, level=rule.level, comparisons=comparisons * len(pairs)),
        rule,
        comparisons * len(pairs),
    )
    rng = np.random.default_rng(seed)
    many = rng.permuted(np.broadcast_to(x, (n_resamples, *x.shape)), axis=2)
    null = np.ptp(many.mean(axis=1), axis=1)
    p = tail_share(apart[a, b], null, exact=False, tolerance=1e-12)
    return Evidence(interval, min(1.0, p * comparisons))


def jackknife(statistic: Callable[[Array], float], units: ArrayLike) -> Array:
    """(n,) pseudo-values of a statistic that is no mean: one number per unit whose mean it is.

    Parameters
    ----------
    statistic
        Function of (n, ...) units.
    units
        One row per unit, three or more.

    Examples
    --------
    The mean is its own jackknife:

    >>> jackknife(lambda x: float(x.mean()), [1.0, 2.0, 6.0]).tolist()
    [1.0, 2.0, 6.0]

    References
    ----------
    Tukey, Bias and confidence in not quite large samples, 1958.
    """
    x = np.asarray(units)
    n, whole = len(x), statistic(np.asarray(units))
    without = np.array([statistic(np.delete(x, i, axis=0)) for i in range(n)])
    return np.asarray(n * whole - (n - 1) * without, dtype=np.float64)


def _units(values: ArrayLike, rule: Rule, unit: str) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        msg = f"judge(): needed is one finite number per {unit}; got shape {x.shape}: {x[:5]}."
        raise UsageError(msg)
    if len(x) < rule.fewest:
        msg = f"judge(): {len(x)} {unit}s; the rule of this claim needs {rule.fewest} or more."
        raise TooFewSamplesError(msg)
    return x


def _named(interval: Interval, rule: Rule, comparisons: int) -> Interval:
    """The interval with the level it has alone, rather than that of the family."""
    return replace(interval, level=1 - (1 - rule.level) / comparisons)


def _paired(x: Array, y: Array, rule: Rule, seed: int) -> float:
    """One-sided p-value of swapped pairs; equivalence asks that the null lies outside."""
    if rule.direction == Direction.WITHIN:
        return permutation_test(np.abs(y), np.abs(x), paired=True, alternative="greater").pvalue
    side = "less" if rule.direction == Direction.BELOW else "greater"
    return permutation_test(x, y, paired=True, alternative=side, seed=seed).pvalue


def _tail(observed: float, arrangements: ArrayLike, rule: Rule) -> float:
    null = np.asarray(arrangements, dtype=np.float64)
    sign = rule.sign
    return tail_share(sign * observed, sign * null, exact=False, tolerance=1e-12)
