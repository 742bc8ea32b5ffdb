"""Is one score better than another? Paired differences of agreement over models or targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from toposcope.errors import TooFewSamplesError, ToposcopeError, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.foreign import real
from toposcope.stats import permutation_test
from toposcope.transfer.evaluation.correlations import Array, Correlation, kendall
from toposcope.transfer.evaluation.over_targets import mean_difference
from toposcope.transfer.evaluation.rank_agreement import (
    check_numbers,
    checked,
    correlated,
    distinct_models,
    named,
    perfect_order_bound,
)


@dataclass(frozen=True)
class ScoreComparison:
    """Two scores against the same accuracies.

    Parameters
    ----------
    statistic
        Correlation compared.
    a, b
        Agreement of each, the mean over targets.
    difference, low, high, level
        a - b and its interval, over models (one target) or over targets (several).
    pvalue
        Two-sided; never 0.
    unit
        "model" or "target": what was resampled and swapped.
    n
        Number of units.
    """

    statistic: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    level: float
    pvalue: float
    unit: str
    n: int


def compare_scores(
    a: ArrayLike,
    b: ArrayLike,
    accuracies: ArrayLike,
    *,
    statistic: str = "kendall",
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int | np.random.Generator = 0,
) -> ScoreComparison:
    """Is one score better than another on the same models?

    Parameters
    ----------
    a, b
        (M,) scores of M models on one target, or (T, M) on T targets. Larger must recommend: pass
        -theta.
    accuracies
        Accuracies of the same shape. On several targets NaN stands for a model that was not
        measured there, in scores too: each target is judged on the models that have all three, and
        left out where these are fewer than 4 or a score is constant on them.
    statistic, level, n_resamples, seed
        As in `agreement`.

    Returns
    -------
    The difference of the agreements. One target: the interval is over models (bootstrap), and the
    p-value comes from swapping the two scores' ranks, model by model. Several: the unit is the
    target (`mean_difference` and sign flips over the differences), as the models are the same
    throughout. Two different scores that order the models alike have no spread: the interval is
    then what `perfect_order_bound` leaves open of other models.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        As `agreement`.

    Examples
    --------
    >>> truth = [70.0, 75.0, 80.0, 85.0, 90.0]
    >>> comparison = compare_scores([1, 2, 3, 4, 5], [5, 1, 4, 2, 3], truth)
    >>> round(comparison.a, 3), round(comparison.b, 3), comparison.unit
    (1.0, -0.2, 'model')
    """
    call = "compare_scores()"
    function = named(statistic, call)
    x, y, z = (
        real(v, call=call, name=name).astype(np.float64, copy=False)
        for name, v in (("a", a), ("b", b), ("accuracies", accuracies))
    )
    if not x.shape == y.shape == z.shape or x.ndim not in (1, 2):
        msg = (
            f"{call}: scores and accuracies need one shape, (models,) or (targets, models); got "
            f"{x.shape}, {y.shape} and {z.shape}."
        )
        raise UsageError(msg)
    level, n_resamples = check_numbers(level, n_resamples, x.shape[-1], call)
    if x.ndim == 2 and len(x) > 1:
        return _over_targets(x, y, z, function, statistic, level, n_resamples, seed, call)
    x, truth = checked(np.atleast_2d(x)[0], np.atleast_2d(z)[0], call)
    y, truth = checked(np.atleast_2d(y)[0], truth, call)
    rng = parameters.rng(seed, call="compare_scores()")
    pairs = np.concatenate([x, y])
    first, second = (float(function(row, truth)) for row in pairs)

    def gap(rows: Array, target: Array) -> Array:
        one, other = (correlated(rows[:, i], target, function) for i in (0, 1))
        return one - other

    chosen = distinct_models(len(truth), n_resamples, pairs, truth, rng)
    stack = np.moveaxis(pairs[:, chosen], 0, 1)
    low, high = np.quantile(gap(stack, truth[chosen]), [0.5 - level / 2, 0.5 + level / 2])
    if not np.array_equal(*pairs) and float(kendall(pairs[0], pairs[1])) > 1 - 1e-9:
        # Agreements differ by at most twice the share of pairs that two scores order differently.
        open_ = 1 - perfect_order_bound(len(truth), level)
        low, high = min(low, -open_), max(high, open_)
    p = _swap_pvalue(pairs, truth, gap, n_resamples, rng)
    return ScoreComparison(
        statistic,
        first,
        second,
        first - second,
        float(low),
        float(high),
        level,
        p,
        "model",
        len(truth),
    )


def _over_targets(
    x: Array,
    y: Array,
    z: Array,
    function: Correlation,
    statistic: str,
    level: float,
    n_resamples: int,
    seed: int | np.random.Generator,
    call: str,
) -> ScoreComparison:
    a: list[float] = []
    b: list[float] = []
    counts: list[int] = []
    for first, second, target in zip(x, y, z, strict=True):
        known = np.isfinite(first) & np.isfinite(second) & np.isfinite(target)
        try:
            rows = [checked(s[known], target[known], call) for s in (first, second)]
        except ToposcopeError:
            continue  # counted: n is the number of targets that could be judged
        for each, (scores, truth) in zip((a, b), rows, strict=True):
            each.append(float(function(scores[0], truth)))
        counts.append(int(known.sum()))
    if len(counts) < 2:
        msg = (
            f"{call}: {len(counts)} of {len(z)} targets have 4 models or more with both scores and "
            "an accuracy, none of them constant; two are needed."
        )
        raise TooFewSamplesError(msg)
    interval = mean_difference(np.subtract(a, b), counts, level=level)
    test = permutation_test(
        np.array(a), np.array(b), paired=True, n_resamples=max(n_resamples, 99), seed=seed
    )
    return ScoreComparison(
        statistic,
        float(np.mean(a)),
        float(np.mean(b)),
        interval.value,
        interval.low,
        interval.high,
        level,
        test.pvalue,
        "target",
        len(counts),
    )


def _swap_pvalue(
    pairs: Array, truth: Array, gap: Correlation, n_resamples: int, rng: np.random.Generator
) -> float:
    """Share of swaps of the two scores' ranks, model by model, with as large a difference."""
    from scipy.stats import rankdata

    ranks = rankdata(pairs, axis=1)
    m = len(truth)
    exact = 2**m <= n_resamples
    bits = (
        (np.arange(2**m)[:, None] >> np.arange(m)) & 1
        if exact
        else rng.integers(0, 2, size=(n_resamples, m))
    ).astype(bool)
    swapped = np.stack(
        [np.where(bits, ranks[1], ranks[0]), np.where(bits, ranks[0], ranks[1])], axis=1
    )
    null = np.abs(np.nan_to_num(gap(swapped, np.broadcast_to(truth, bits.shape))))
    observed = abs(float(gap(ranks[None], truth[None])[0]))
    extreme = int((null >= observed - 1e-12).sum())
    return extreme / len(null) if exact else (extreme + 1) / (len(null) + 1)
