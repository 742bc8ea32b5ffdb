"""Relative changes that survive having been picked out of many comparisons."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.crossed import crossed_interval
from toposcope.stats.intervals import Interval, mean_interval

Where = TypeVar("Where", bound=Hashable)
"""What is compared: any value, given back as it came."""


@dataclass(frozen=True)
class Contrast(Generic[Where]):
    """One comparison that somebody looks at: the same statistic on the same draws, here and there.

    Parameters
    ----------
    where
        What is compared: any value; it tells this comparison from the others.
    statistic, homology_dimension
        Which number.
    before, after
        (R,) values on the same replicates, all positive for a relative change to be defined; or
        (units, draws) where all units were seen on the same draws, whose interval is then about
        other units on other samples (`crossed_interval`).
    overlap
        As in `mean_interval`; 0 for units that are crossed with draws.
    nulls
        Null model -> (before, after) of its clouds, paired with the same replicates, (R,) each.
    """

    where: Where
    statistic: str
    homology_dimension: int | None
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    overlap: float = 0.0
    nulls: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class Beyond:
    """How far a change stands from the change that a null model shows too.

    Parameters
    ----------
    null
        Name of the null model.
    change
        Relative change of the null's own clouds.
    beyond, low, high
        (after / before) / (the same of the null) - 1 over paired replicates, and its interval,
        corrected like the effect's. 0 when the null changes just as much.
    n
        Number of replicates.
    """

    null: str
    change: float
    beyond: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Effect(Generic[Where]):
    """A relative change with an interval that holds for all the comparisons looked at.

    Parameters
    ----------
    where, statistic, homology_dimension
        What changed.
    change, low, high
        after / before - 1 (geometric mean over replicates) and its simultaneous interval.
    looked_at
        Number of comparisons looked at; the interval is corrected for all of them and their nulls.
    level
        Coverage of all intervals together.
    n
        Number of replicates, or of units that were seen on the same draws.
    nulls
        Its distance from each null model.
    """

    where: Where
    statistic: str
    homology_dimension: int | None
    change: float
    low: float
    high: float
    looked_at: int
    level: float
    n: int
    nulls: tuple[Beyond, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether the interval excludes no change."""
        return not self.low <= 0 <= self.high

    @property
    def exceeds_nulls(self) -> bool:
        """Whether it is sure, and surely larger, in its direction, than that of every null.

        False without nulls. All intervals of one call hold together, those of the nulls included,
        so that a change may be picked for exceeding them.
        """
        ends = [one.low if self.change > 0 else -one.high for one in self.nulls]
        return self.sure and bool(ends) and min(ends) > 0


def effects(contrasts: Sequence[Contrast[Where]], *, level: float = 0.95) -> list[Effect[Where]]:
    """Paired relative changes, largest first, corrected for how many were looked at.

    Parameters
    ----------
    contrasts
        Every comparison that was looked at, the dull ones included: their number is the correction.
        Contrasts without a defined relative change (a value that is not positive, one replicate)
        still count, and are left out of the result.
    level
        Probability that all intervals hold together (Bonferroni over the contrasts and over what
        lies between each of them and its nulls: whoever asks for a change beyond its nulls asks
        both).

    Returns
    -------
    Effects: those that exceed all their nulls first, and sorted by the end of their interval
    nearest to no change (in log ratio): a large but uncertain change does not outrank a sure one.

    Examples
    --------
    >>> blocks = Contrast(("block 2", "block 1"), "lifespan_sum", 0,
    ...                   np.array([1.0, 1.1, 0.9, 1.0]), np.array([2.0, 2.2, 1.8, 2.0]))
    >>> doubled = effects([blocks])[0]
    >>> doubled.where, round(doubled.change, 6), round(doubled.low, 6), round(doubled.high, 6)
    (('block 2', 'block 1'), 1.0, 1.0, 1.0)
    """
    call = "effects()"
    level = parameters.level(level, call=call)
    contrasts = parameters.entries(contrasts, "contrasts", call=call, of="Contrast")
    ranked = []
    family = sum(1 + len(contrast.nulls) for contrast in contrasts)
    for contrast in contrasts:
        if not isinstance(contrast, Contrast):
            msg = f"{call}: contrasts hold {type(contrast).__name__}; needed are stats.Contrast."
            raise UsageError(msg)
        both = np.concatenate([contrast.before, contrast.after])
        if len(contrast.before) < 2 or not (np.isfinite(both).all() and (both > 0).all()):
            continue
        ratio = np.log(contrast.after / contrast.before)
        log = _interval(contrast, ratio, level, family)
        with np.errstate(over="ignore"):  # an interval without an upper end: inf says so
            change, low, high = np.expm1([log.value, log.low, log.high])
        sure = max(log.low, -log.high, 0.0)
        effect = Effect(
            contrast.where,
            contrast.statistic,
            contrast.homology_dimension,
            float(change),
            float(low),
            float(high),
            len(contrasts),
            level,
            log.n,
            _beyond(contrast, ratio, level, family),
        )
        ranked.append(((effect.exceeds_nulls, sure, abs(log.value)), effect))
    ranked.sort(key=lambda pair: pair[0], reverse=True)
    return [effect for _, effect in ranked]


def _interval(
    contrast: Contrast[Where], ratio: NDArray[np.float64], level: float, family: int
) -> Interval:
    if ratio.ndim == 2:
        return crossed_interval(ratio, level=level, comparisons=family)
    return mean_interval(ratio, level=level, overlap=contrast.overlap, comparisons=family)


def _beyond(
    contrast: Contrast[Where], ratio: NDArray[np.float64], level: float, family: int
) -> tuple[Beyond, ...]:
    """The distance of a change from each null that has one, paired by replicate."""
    beside = []
    for null, (before, after) in contrast.nulls.items():
        both = np.concatenate([before, after])
        if len(before) != len(ratio) or not (np.isfinite(both).all() and (both > 0).all()):
            continue
        own = np.log(after / before)
        log = mean_interval(ratio - own, level=level, overlap=contrast.overlap, comparisons=family)
        with np.errstate(over="ignore"):
            change, beyond, low, high = np.expm1([own.mean(), log.value, log.low, log.high])
        beside.append(Beyond(null, float(change), float(beyond), float(low), float(high), log.n))
    return tuple(beside)
