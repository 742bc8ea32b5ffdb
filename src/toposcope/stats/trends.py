"""Does a number grow over training steps: robust slopes and rank correlation, tested over units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.arrangements import sign_flips, tail_share
from toposcope.stats.crossed import crossed_interval, crossed_p
from toposcope.stats.intervals import agreeing, mean_interval
from toposcope.stats.permutation import ROUNDING
from toposcope.stats.units import (
    check_level,
    check_resamples,
    check_unit,
    finite,
    refuse_overlap,
    rejects,
    target_of,
)


@dataclass(frozen=True, eq=False)
class Trend:
    """A trend over steps.

    Parameters
    ----------
    slope, low, high
        Mean over units of their Theil-Sen slopes, per step, with its t interval.
    tau
        (units,) Kendall's tau of each unit, from -1 (falling throughout) to 1.
    mean_tau
        Mean over units.
    pvalue
        That tau has no preferred sign over units, two-sided; never 0; NaN for one unit. With
        `draws`, the larger one of that and of the mean slope over units and draws (`crossed_p`).
    direction
        "rising" or "falling" when pvalue <= 1 - level, else "undecided".
    reversals
        Steps at which the mean over units goes against the sign of `mean_tau`; 0 means monotone.
    n, n_steps
        Units and steps.
    level
        Coverage of the interval.
    n_resamples, exact
        Sign flips that were looked at; whether they are all there are.
    unit
        "draw", "network" or "configuration".
    draws
        Draws that all units were seen on, whose error is in the interval and in the p-value; 0
        where there is one value per unit and step.
    """

    slope: float
    low: float
    high: float
    tau: NDArray[np.float64]
    mean_tau: float
    pvalue: float
    direction: str
    reversals: int
    n: int
    n_steps: int
    level: float
    n_resamples: int
    exact: bool
    unit: str
    draws: int = 0

    @property
    def target(self) -> str:
        """What the trend speaks about."""
        return target_of(self.unit)


def trend(
    steps: ArrayLike,
    values: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = 9999,
    seed: int | np.random.Generator = 0,
    unit: str = "draw",
    overlap: float = 0.0,
) -> Trend:
    """Whether a number rises or falls over training steps, in all units alike.

    Parameters
    ----------
    steps
        (steps,) increasing, three or more.
    values
        (units, steps), one row per unit followed through the steps; or (units, draws, steps) where
        draw r is the same samples in every unit and at every step. What such a draw does at a step
        moves all units alike, so neither sign flips nor the spread of units hold it: the slopes of
        single draws do, and both tests have to reject.
    level, n_resamples, seed, unit, overlap
        As in `change_point`.

    Returns
    -------
    The trend. Steps of one training are never shuffled: they depend on each other, and a random
    walk would pass for a trend. With one unit there is a slope and no p-value.

    Notes
    -----
    With draws as units the steps are these checkpoints of this one training, and the trend speaks
    about other samples; about other trainings only trained networks as units can speak.

    Examples
    --------
    >>> found = trend([0, 1, 2], [[0.0, 1.0, 2.0], [0.0, 2.0, 4.0], [0.0, 3.0, 6.0]])
    >>> found.slope, found.mean_tau, found.pvalue  # 2 of 8 sign flips
    (2.0, 1.0, 0.25)

    References
    ----------
    Sen, Estimates of the regression coefficient based on Kendall's tau, JASA 1968.
    """
    call = "trend()"
    refuse_overlap(call, overlap)
    level = check_level(call, level)
    n_resamples = check_resamples(call, n_resamples)
    unit = check_unit(call, unit)
    table = finite(call, "values", values, ndim=(2, 3))
    y = table if table.ndim == 2 else table.mean(axis=1)
    x = finite(call, "steps", steps, ndim=(1,))
    n, count = y.shape
    if len(x) != count or count < 3 or (np.diff(x) <= 0).any():
        msg = (
            f"{call}: values has {count} steps, steps {len(x)} entries; needed are three or more "
            f"increasing steps, one for each column of values (units, steps)."
        )
        raise UsageError(msg)
    i, j = np.triu_indices(count, 1)
    rises = y[:, j] - y[:, i]
    tau = _kendall(rises, count)
    if table.ndim == 2:
        slopes = np.median(rises / (x[j] - x[i]), axis=1)
        interval = mean_interval(slopes, level=level, unit=unit)
    else:
        slopes = np.median((table[..., j] - table[..., i]) / (x[j] - x[i]), axis=-1)
        interval = crossed_interval(slopes, level=level, unit=unit)
    mean_tau = float(tau.mean())
    moves = sign_flips(n, n_resamples, parameters.rng(seed, call=call))
    p = np.nan
    if n > 1:
        null = np.abs(moves.null(lambda flips: flips @ tau / n))
        p = tail_share(abs(mean_tau), null, exact=moves.exact, tolerance=ROUNDING)
        if table.ndim == 3:
            p = max(p, crossed_p(slopes))
    direction = "undecided"
    # Of a slope on the other side of 0 than tau the two say different things: nothing is decided.
    if rejects(p, level) and mean_tau * interval.value > 0:
        direction = "rising" if mean_tau > 0 else "falling"
    low, high = agreeing(
        interval.value, interval.low, interval.high, rejects=direction != "undecided"
    )
    reversals = int((np.sign(mean_tau) * np.diff(y.mean(axis=0)) < 0).sum())
    return Trend(
        interval.value,
        low,
        high,
        tau,
        mean_tau,
        p,
        direction,
        reversals,
        n,
        count,
        level,
        moves.count,
        moves.exact,
        unit,
        table.shape[1] if table.ndim == 3 else 0,
    )


def _kendall(rises: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Tau-b of each row against its order: ties count half; 0 for a constant row."""
    pairs = count * (count - 1) / 2
    ordered = (rises != 0).sum(axis=1)
    size = np.sqrt(ordered * pairs)
    size[size == 0] = np.inf
    tau: NDArray[np.float64] = np.sign(rises).sum(axis=1) / size
    return tau
