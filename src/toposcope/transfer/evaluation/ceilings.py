"""What a perfect score would reach: accuracies are measured with noise, and so are rankings.

A score is judged against the mean of a few fine-tunes. Even one that knew the true accuracies would
not agree with those means entirely; how far it would is estimated here from the spread over
repeats.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.foreign import real
from toposcope.stats import Interval
from toposcope.transfer.evaluation.correlations import Array, Correlation
from toposcope.transfer.evaluation.rank_agreement import (
    FEWEST_MODELS,
    check_numbers,
    correlated,
    named,
)

Spread = Literal["pooled", "own"]
SPREADS: tuple[Spread, ...] = ("pooled", "own")
"""One standard deviation for all models, from all repeats; or one for each, from its own."""


def noise_ceiling(
    accuracies: ArrayLike,
    *,
    statistic: str = "kendall",
    spread: Spread = "pooled",
    sd: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int | np.random.Generator = 0,
) -> Interval:
    """Agreement of a perfect score with the mean of fine-tunes that vary as these do.

    Parameters
    ----------
    accuracies
        (S, M) accuracies of S repeated fine-tunes of M models, NaN where a model has fewer; or (M,)
        of one fine-tune each, which needs `sd`. Scores are judged against the mean over S.
    statistic
        As in `agreement`.
    spread
        "pooled": every model varies alike; "own": each as its own repeats do, which needs two
        repeats of every model. Where one model varies far more than others they differ widely:
        report both.
    sd
        Standard deviation of one fine-tune where it is known, one number or one per model;
        `spread` is not looked at then.
    level, n_resamples, seed
        Range and number of simulated truths.

    Returns
    -------
    Mean agreement of a perfect score with the measured means, and the range in which it lies with
    probability `level`. A score above the range agrees better than a perfect one would.

    Raises
    ------
    TooFewSamplesError
        Fewer than 4 models; too few repeats to see any noise.
    DegenerateCloudError
        Repeats that are all equal: one fine-tune written several times shows no noise.

    Notes
    -----
    True accuracies are simulated given the measured ones: m + b (x - m) + sqrt(b) s z, with x the
    mean of a model's S fine-tunes, m that of all models, s = sd / sqrt(S), b = v / (v + s^2) the
    share of the variance between models that is not noise (v as unsure as M models leave it), and z
    normal. The range of a pooled spread draws s too, as unsure as its repeats leave it: with s
    counted as known it held a perfect score in 92.8 % for 95 (12 models of two fine-tunes; drawn,
    96.1 %). Without b the means of noisy fine-tunes would be spread wider than the truth and the
    ceiling come out too high. Student's t in place of z, for spreads known from few repeats, makes
    the ceiling from own spreads of 3 repeats .06 too low where z is .01 high. Rates are in
    docs/statistics.md.

    Examples
    --------
    Differences ten times the noise leave a ranking nearly as it is:

    >>> ceiling = noise_ceiling([80.0, 81.0, 82.0, 83.0, 84.0], sd=0.1)
    >>> ceiling.value > 0.99
    True

    Means of nine fine-tunes are three times as sure as one:

    >>> one, nine = np.array([[1.0, 2, 3, 4, 5]]), np.tile([1.0, 2, 3, 4, 5], (9, 1))
    >>> noise_ceiling(one, sd=1.0).value < noise_ceiling(nine, sd=1.0).value
    True
    """
    call = "noise_ceiling()"
    function = named(statistic, call)
    table = np.atleast_2d(real(accuracies, call=call, name="accuracies").astype(np.float64))
    _check_table(table, call)
    level, n_resamples = check_numbers(level, n_resamples, table.shape[1], call)
    rng = parameters.rng(seed, call="noise_ceiling()")
    repeats = np.isfinite(table).sum(axis=0)
    means = np.nanmean(table, axis=0)
    error, freedom = _errors(table, spread, sd, call)
    error = np.broadcast_to(error / np.sqrt(repeats), (n_resamples, len(means)))
    reached = _reached(means, error, function, rng)
    value = float(reached.mean())
    if freedom:
        unsure = np.sqrt(freedom / rng.chisquare(freedom, size=(n_resamples, 1)))
        reached = _reached(means, error * unsure, function, rng)
    low, high = np.quantile(reached, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(value, float(low), float(high), level, len(means), "network")


def _check_table(table: Array, call: str) -> None:
    if table.ndim != 2:
        msg = f"{call}: (repeats, models) accuracies are needed; got shape {table.shape}."
        raise UsageError(msg)
    if table.shape[1] < FEWEST_MODELS:
        msg = f"{call}: {table.shape[1]} models; {FEWEST_MODELS} or more are needed to rank them."
        raise TooFewSamplesError(msg)
    without = int((~np.isfinite(table).any(axis=0)).sum())
    if without or np.isinf(table).any():
        msg = (
            f"{call}: {without} of {table.shape[1]} models have no accuracy"
            f"{', and some accuracies are infinite' if np.isinf(table).any() else ''}. Leave them "
            "out; NaN may stand for a missing repeat only."
        )
        raise DegenerateCloudError(msg)
    if np.ptp(np.nanmean(table, axis=0)) == 0:
        msg = f"{call}: all models have the same mean accuracy; there is nothing to rank."
        raise DegenerateCloudError(msg)


def _errors(table: Array, spread: str, sd: ArrayLike | None, call: str) -> tuple[Array, int]:
    """(M,) standard deviation of one fine-tune of each model, and how many differences a common
    one is estimated from; 0 where it counts as known.
    """
    count = table.shape[1]
    if sd is not None:
        known = real(sd, call=call, name="sd").astype(np.float64, copy=False)
        if (
            known.shape not in ((), (count,))
            or not np.isfinite(known).all()
            or (known < 0).any()
            or known.max() > 1e100
        ):
            msg = (
                f"{call}: sd must be from 0 to 1e100, one number or one for each of "
                f"{count} models; got {sd!r}."
            )
            raise UsageError(msg)
        return np.broadcast_to(known, (count,)), 0
    spread = parameters.choice(spread, SPREADS, "spread", call=call)
    repeats = np.isfinite(table).sum(axis=0)
    few = int((repeats < 2).sum())
    if (repeats < 2).all() or (spread == "own" and few):
        msg = (
            f"{call}: {few} of {count} models have one repeat, which shows no noise. Pass two or "
            f"more fine-tunes{' of every model' if spread == 'own' else ''}, or sd=."
        )
        raise TooFewSamplesError(msg)
    squares = np.nansum((table - np.nanmean(table, axis=0)) ** 2, axis=0)
    total = float(squares.sum())
    # Means of equal numbers differ from them by rounding.
    if total <= np.nanmax(np.abs(table)) ** 2 * 1e-24 * table.size:
        msg = (
            f"{call}: the repeats of every model are equal. One fine-tune written several times "
            "shows no noise; fine-tune with other seeds, or pass sd=."
        )
        raise DegenerateCloudError(msg)
    if spread == "pooled":
        freedom = int((repeats - 1).sum())
        return np.full(count, np.sqrt(total / freedom)), freedom
    return np.asarray(np.sqrt(squares / (repeats - 1))), 0


def _reached(means: Array, error: Array, function: Correlation, rng: np.random.Generator) -> Array:
    """(n_resamples,) agreement of true accuracies with the means that they were measured as."""
    truths = _truths(means, error, rng)
    return correlated(truths, np.broadcast_to(means, truths.shape), function)


def _truths(means: Array, error: Array, rng: np.random.Generator) -> Array:
    """(n_resamples, M) true accuracies that the measured means leave open."""
    count = len(means)
    # The variance between models, as unsure as M means leave it, less that of the noise.
    total = means.var(ddof=1) * (count - 1) / rng.chisquare(count - 1, size=(len(error), 1))
    between = np.maximum(total - (error**2).mean(axis=1, keepdims=True), 0.0)
    both = between + error**2
    share = np.divide(between, both, out=np.ones_like(both), where=both > 0)
    noise = rng.normal(size=error.shape)
    truths = means.mean() + share * (means - means.mean()) + np.sqrt(share) * error * noise
    # Nothing but noise between the models: any order is as likely.
    return np.where(between > 0, truths, noise)
