"""From tests of single numbers to a decision, with false alarms of at most 1 - level.

A claim speaks about many numbers. Each is tested twice: is it shown to be as the claim says, is it
shown not to be. That neither is shown is an answer too. Every verdict but that on concentration,
which has three words, passes through `settle`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from toposcope.findings.validity.verdict import Decision, Meaning, Number, Part

Array = NDArray[np.float64]

MOST = 0.9
"""A claim about numbers speaks of nine in ten of them."""


@dataclass(frozen=True)
class Estimate:
    """An estimate whose error is known on some scale: its interval, and whether it lies beyond.

    Parameters
    ----------
    center, error
        Estimate and standard error on the scale on which it is about normal.
    freedom
        Degrees of freedom of the error; 0 for one draw, which says nothing.
    scale
        "plain", "log" (of a positive number) or "z" (Fisher's, of a correlation: intervals stay
        inside (-1, 1)).
    """

    center: float
    error: float
    freedom: int
    scale: str = "plain"

    @property
    def value(self) -> float:
        """The number itself."""
        return self._back(self.center)

    def ends(self, level: float) -> tuple[float, float]:
        """Interval of the number; NaN where there is no error."""
        from scipy.special import stdtrit

        if self.freedom < 1:
            return np.nan, np.nan
        half = float(stdtrit(self.freedom, 0.5 + level / 2)) * self.error
        return self._back(self.center - half), self._back(self.center + half)

    def above(self, bound: float) -> float:
        """P-value against the number being `bound` or less.

        >>> round(Estimate(1.0, 0.5, 7).above(0.0), 4)
        0.0428
        """
        return self._tail(self.center - self._there(bound))

    def below(self, bound: float) -> float:
        """P-value against the number being `bound` or more."""
        return self._tail(self._there(bound) - self.center)

    def inside(self, low: float, high: float) -> float:
        """P-value against lying outside (low, high): both sides have to be shown."""
        return max(self.above(low), self.below(high))

    def outside(self, low: float, high: float) -> float:
        """P-value against lying in [low, high]: one side has to be shown, either will do."""
        return min(1.0, 2 * min(self.below(low), self.above(high)))

    def _tail(self, distance: float) -> float:
        from scipy.special import stdtr

        if self.freedom < 1:
            return 1.0
        if self.error == 0.0:
            return 0.0 if distance > 0 else 1.0
        return float(stdtr(self.freedom, -distance / self.error))

    def _there(self, value: float) -> float:
        if self.scale == "log":
            return float(np.log(value))
        return float(np.arctanh(value)) if self.scale == "z" else value

    def _back(self, value: float) -> float:
        if self.scale == "log":
            return float(np.exp(value))
        return float(np.tanh(value)) if self.scale == "z" else float(value)


def mean_estimate(units: Array, *, overlap: float = 0.0, scale: str = "plain") -> Estimate:
    """Mean over draws, or the geometric mean where the units are logarithms and scale is "log".

    Parameters
    ----------
    units
        (R,) one number per draw, or jackknife pseudo-values.
    overlap
        As in `stats.mean_interval`.
    """
    count = len(units)
    error = np.nan
    if count > 1:
        spread = units.var(ddof=1) / (1.0 - overlap) * (1.0 + overlap * (count - 1)) / count
        error = float(np.sqrt(spread))
    return Estimate(float(units.mean()), error, count - 1, scale)


def rank_estimate(rho: Array, layers: int, *, overlap: float = 0.0) -> Estimate:
    """Mean of rank correlations over draws, on Fisher's scale.

    Parameters
    ----------
    rho
        (R,) correlations, or pseudo-values that average to one; one per draw.
    layers
        Length L of the ranked curves.

    Notes
    -----
    The standard error of the mean is carried to z = atanh(mean) by the slope of atanh there. Rho of
    few layers takes few values, and draws that tie on one have no spread although others would not:
    their spread counts as at least that of rounding to the steps of rho, 12 / (L^3 - L) over
    sqrt(12), and the mean stays half a step away from -1 and 1.

    Examples
    --------
    >>> low, high = rank_estimate(np.ones(4), 4).ends(0.95)
    >>> round(low, 3), round(high, 3)
    (0.757, 0.961)
    """
    step = 12.0 / (layers**3 - layers)
    plain = mean_estimate(rho, overlap=overlap)
    center = float(np.clip(plain.center, step / 2 - 1, 1 - step / 2))
    least = step / np.sqrt(12.0 * max(len(rho), 1))
    error = float(np.fmax(plain.error, least)) / (1.0 - center**2)
    return Estimate(float(np.arctanh(center)), error, plain.freedom, "z")


def leave_one_out(statistic: Iterable[float], whole: float) -> Array:
    """Jackknife pseudo-values: R times the whole less R - 1 times the statistic without each draw.

    Parameters
    ----------
    statistic
        The statistic without draw r, for every r.
    whole
        The statistic of all draws.

    Examples
    --------
    Of a mean they are the values themselves:

    >>> leave_one_out([2.5, 2.0, 1.5], 2.0).tolist()
    [1.0, 2.0, 3.0]
    """
    without = np.array(list(statistic), dtype=np.float64)
    count = len(without)
    out: Array = count * whole - (count - 1) * without
    return out


@dataclass(frozen=True)
class PValues:
    """P-values of one number: against its not being as the claim says, and against its being so."""

    shown: float
    refuted: float


def tolerated(count: int) -> int:
    """How many of `count` numbers may be otherwise.

    >>> [tolerated(count) for count in (5, 9, 10, 27)]
    [0, 0, 1, 2]
    """
    return int((1 - MOST) * count + 1e-9)


def is_shown(p: float, count: int, alpha: float) -> bool:
    """Whether a number is as the claim says, among `count` that a decision is taken on.

    A false claim has at least tolerated + 1 numbers that are otherwise, and one of them at least
    has to be shown by mistake for "holds".
    """
    return p <= alpha / (tolerated(count) + 1)


def is_refuted(p: float, count: int, alpha: float) -> bool:
    """Whether a number is not as the claim says, corrected for all `count` numbers (Bonferroni)."""
    return p <= alpha / max(count, 1)


def settle(tested: Sequence[PValues], *, alpha: float, family: int) -> Decision:
    """Decide a claim about nine in ten numbers.

    Parameters
    ----------
    tested
        One per number.
    alpha
        Probability of a false "holds", and of a false "fails", at most.
    family
        How many numbers the verdict looks at in all.

    Examples
    --------
    >>> settle([PValues(0.01, 1.0)] * 3, alpha=0.05, family=3)
    <Decision.HOLDS: 'holds'>
    >>> settle([PValues(0.2, 0.9), PValues(1.0, 0.01)], alpha=0.05, family=2)
    <Decision.FAILS: 'fails'>
    """
    count = len(tested)
    if not count:
        return Decision.NOT_CHECKED
    if sum(is_shown(one.shown, count, alpha) for one in tested) >= count - tolerated(count):
        return Decision.HOLDS
    refuted = sum(is_refuted(one.refuted, family, alpha) for one in tested)
    return Decision.FAILS if refuted > tolerated(count) else Decision.UNDECIDED


def combined(decisions: Iterable[Decision]) -> Decision:
    """One word for a claim whose parts are decided on their own.

    >>> combined([Decision.HOLDS, Decision.FAILS])
    <Decision.IN_PART: 'holds in part'>
    >>> combined([Decision.HOLDS, Decision.UNDECIDED])
    <Decision.UNDECIDED: 'undecided'>
    """
    found = {one for one in decisions if one != Decision.NOT_CHECKED}
    if not found:
        return Decision.NOT_CHECKED
    if len(found) == 1:
        return found.pop()
    if Decision.IN_PART in found or {Decision.HOLDS, Decision.FAILS} <= found:
        return Decision.IN_PART
    return Decision.FAILS if Decision.FAILS in found else Decision.UNDECIDED


@dataclass(frozen=True)
class Weighed:
    """A number with its tests, and the words for either outcome."""

    number: Number
    tested: PValues
    yes: Meaning
    no: Meaning


def weigh(
    by_degree: Mapping[int | None, Sequence[Weighed]], *, alpha: float, spent: float = 0.0
) -> tuple[tuple[Part, ...], tuple[Number, ...]]:
    """Decide every part, and say what each number was shown to mean.

    Parameters
    ----------
    by_degree
        What each degree of homology is judged by; None where there is none.
    alpha
        Probability of a false decision, at most.
    spent
        Share of it that other ways to fail use up.
    """
    family = round(sum(map(len, by_degree.values())) / (1.0 - spent))
    parts, numbers = [], []
    for degree, weighed in by_degree.items():
        count, tested = len(weighed), [one.tested for one in weighed]
        meanings = [
            one.yes
            if is_shown(one.tested.shown, count, alpha)
            else one.no
            if is_refuted(one.tested.refuted, family, alpha)
            else Meaning.UNDECIDED
            for one in weighed
        ]
        yes = sum(meaning == one.yes for meaning, one in zip(meanings, weighed, strict=True))
        no = sum(meaning == one.no for meaning, one in zip(meanings, weighed, strict=True))
        decision = settle(tested, alpha=alpha, family=family)
        parts.append(Part(degree, decision, yes, no, count))
        numbers += [
            replace(one.number, meaning=meaning)
            for meaning, one in zip(meanings, weighed, strict=True)
        ]
    return tuple(parts), tuple(numbers)
