"""From which depth on two things differ, with an interval for that depth.

Two questions, two answers. Is there a difference at any depth? A sign-flip test of the largest t
over all layers, corrected for looking at all of them. From where on? The depth of the step that
describes the mean difference best: 0 before it, one level from it on; a slow rise has its best step
about half-way up. The interval is a bootstrap over units. It assumes neither that the truth is a
step nor that layers are independent.

Two other answers were tried by simulation and left. The first layer that is significant moves
deeper with fewer units. The set of all steps that a sign-flip test cannot tell from the best one
covers in 99 % instead of 95 % of cases and is about twice as wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.stats.arrangements import sign_flips, tail_share
from toposcope.stats.units import (
    check_alternative,
    check_level,
    check_resamples,
    check_unit,
    finite,
    refuse_overlap,
    rejects,
    target_of,
)

TIES = 1e-9
"""Standardized sums closer than this are tied."""


@dataclass(frozen=True, eq=False)
class ChangePoint:
    """From which depth on a difference is there.

    Parameters
    ----------
    depth
        First depth of the best step; NaN when no difference was found.
    low, high
        Interval for that depth; NaN when no difference was found.
    pvalue
        That there is any difference at any depth, corrected for all layers; never 0.
    size
        Mean difference over the layers from `depth` on; NaN when none was found.
    adjusted
        (layers,) p-value of each layer, corrected for all layers.
    differing_before, differing_after, layers_after
        Layers before `depth`, and from it on, that differ on their own (adjusted <= 1 - level), and
        how many there are from it on. 0 when none was found.
    n, n_layers
        Units and layers.
    level
        Coverage of the interval; a difference is "found" when pvalue <= 1 - level.
    alternative
        "two-sided", "greater" or "less".
    n_resamples, exact
        Sign flips that were looked at; whether they are all there are.
    unit
        "draw" or "network".
    """

    depth: float
    low: float
    high: float
    pvalue: float
    size: float
    adjusted: NDArray[np.float64]
    differing_before: int
    differing_after: int
    layers_after: int
    n: int
    n_layers: int
    level: float
    alternative: str
    n_resamples: int
    exact: bool
    unit: str

    @property
    def target(self) -> str:
        """What the answer speaks about."""
        return target_of(self.unit)

    @property
    def smallest_p(self) -> float:
        """Smallest p-value this design could have given."""
        lowest = (2.0 if self.alternative == "two-sided" else 1.0) * 0.5**self.n
        return lowest if self.exact else max(lowest, 1 / (self.n_resamples + 1))

    @property
    def is_step(self) -> bool:
        """Whether the layers bear a step out: all from `depth` on differ on their own, none before.

        The interval is calibrated for these; for one layer at the start of the network that alone
        differs the best step of a least-squares fit was in it in 59 % of simulations.
        """
        after = self.differing_after == self.layers_after > 0
        return bool(np.isfinite(self.depth) and after and not self.differing_before)


def change_point(
    depth: ArrayLike,
    values: ArrayLike,
    *,
    level: float = 0.95,
    alternative: str = "two-sided",
    n_resamples: int = 9999,
    seed: int | np.random.Generator = 0,
    unit: str = "draw",
    overlap: float = 0.0,
) -> ChangePoint:
    """From which depth on paired differences are there, if at all.

    Parameters
    ----------
    depth
        (layers,) increasing positions, two or more.
    values
        (units, layers) difference of one unit at each layer, such as after minus before on the
        same draw, or a distance minus its noise reference; 0 where nothing differs. Layers weigh
        alike: divide by a scale per layer first when their scales differ.
    level
        Coverage of the interval, and 1 - level the size of the test.
    alternative
        "greater" when only positive values mean a difference, such as a distance above noise.
    n_resamples, seed, unit, overlap
        As in `permutation_test`; the signs of whole units are flipped.

    Returns
    -------
    The change point. With fewer than 6 units (5 one-sided) the test cannot reach 0.05.

    Notes
    -----
    A curve that grows slowly has no one onset, and one that fades again no "from there on": see
    `differing_before` and `differing_after`. Differences that change sign over depth cancel in a
    step; their layers are in `adjusted`. Bootstrap deviations are widened by
    sqrt(n / (n - 1)) t / z, the quantiles of Student's t and of the normal distribution, since few
    units understate their own spread. Coverage is in docs/statistics.md.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> step = np.repeat([0.0, 1.0], [4, 6])
    >>> found = change_point(np.linspace(0, 1, 10), step + 0.3 * rng.normal(size=(8, 10)))
    >>> round(found.depth, 2), round(found.pvalue, 4)  # layer 4 of 0 .. 9; 2 of 256 sign flips
    (0.44, 0.0078)

    References
    ----------
    Westfall & Young, Resampling-based multiple testing, 1993 (largest t).
    """
    call = "change_point()"
    refuse_overlap(call, overlap)
    level = check_level(call, level)
    alternative = check_alternative(call, alternative)
    n_resamples = check_resamples(call, n_resamples)
    unit = check_unit(call, unit)
    y = finite(call, "values", values, ndim=(2,))
    x = finite(call, "depth", depth, ndim=(1,))
    n, layers = y.shape
    if len(x) != layers or layers < 2 or (np.diff(x) <= 0).any():
        msg = (
            f"{call}: values has {layers} layers, depth {len(x)} entries; needed are two or more "
            f"layers with increasing depths, one for each column."
        )
        raise UsageError(msg)
    if n < 2:
        msg = f"{call}: one unit has no spread; pass values of two or more units (units, layers)."
        raise UsageError(msg)
    rng = parameters.rng(seed, call=call)
    refuse_beyond_memory(
        n_resamples,
        lambda m: 16.0 * m * (n + layers),
        call=call,
        of="resamples",
        advice="Pass n_resamples={most}, or fewer.",
    )
    moves = sign_flips(n, n_resamples, rng)
    signs = np.concatenate(list(moves.blocks))
    adjusted = _adjusted(y, signs, alternative, moves.exact)
    p = float(adjusted.min())
    place = low = high = size = np.nan
    before = after = count = 0
    if rejects(p, level):
        best, first, last = best_step(
            y, alternative=alternative, level=level, n_resamples=n_resamples, rng=rng
        )
        place, low, high = float(x[best]), float(x[first]), float(x[last])
        size = float(y[:, best:].mean())
        alone = adjusted <= 1 - level + 1e-12
        before, after, count = int(alone[:best].sum()), int(alone[best:].sum()), layers - best
    return ChangePoint(
        place,
        low,
        high,
        p,
        size,
        adjusted,
        before,
        after,
        count,
        n,
        layers,
        level,
        alternative,
        moves.count,
        moves.exact,
        unit,
    )


def _adjusted(
    y: NDArray[np.float64], signs: NDArray, alternative: str, exact: bool
) -> NDArray[np.float64]:
    """p-value per layer against the largest t of any layer (monotone in sum / root sum squares)."""
    root = np.sqrt((y**2).sum(axis=0))
    z = np.divide(y, root, out=np.zeros_like(y), where=root > 0)
    observed, null = z.sum(axis=0), signs @ z
    if alternative == "two-sided":
        observed, null = np.abs(observed), np.abs(null)
    elif alternative == "less":
        observed, null = -observed, -null
    largest = null.max(axis=1)
    return np.array([tail_share(t, largest, exact=exact, tolerance=TIES) for t in observed])


def best_step(
    y: NDArray[np.float64],
    *,
    alternative: str,
    level: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> tuple[int, int, int]:
    """First layer of the best step, and the ends of its interval, as layer numbers.

    The sum of squares that a step from layer c on explains is the square of the mean over units of
    g_c = (sum of the values from c on) / sqrt(number of layers from c on): the best step is the
    largest of these means, and resampling units resamples the means.
    """
    from scipy.special import ndtri, stdtrit

    n, layers = y.shape
    g = np.cumsum(y[:, ::-1], axis=1)[:, ::-1] / np.sqrt(np.arange(layers, 0, -1))
    means = g.mean(axis=0)
    if alternative == "less" or (alternative == "two-sided" and -means.min() > means.max()):
        g, means = -g, -means
    tail = 0.5 + level / 2
    wider = np.sqrt(n / (n - 1)) * float(stdtrit(n - 1, tail) / ndtri(tail))
    weights = rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples) / n
    resampled = means + wider * (weights @ g - means)
    first, last = np.quantile(resampled.argmax(axis=1), [1.0 - tail, tail], method="inverted_cdf")
    return int(np.argmax(means)), int(first), int(last)
