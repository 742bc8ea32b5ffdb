"""Does a score rank models as fine-tuning does? Correlations with intervals and p-values.

A ranking of ten models says little: an agreement of 0.3 is what chance gives. So every agreement
comes with an interval over models (other candidates would have been looked at) or over the target
data (other samples would have been drawn), and a permutation p-value. `contests` compares scores
with each other, `choices` says what trusting one costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.foreign import real
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.transfer.evaluation.correlations import CORRELATIONS, Correlation

Array = NDArray[np.float64]

FEWEST_MODELS = 4
"""With three, six orders exist: chance alone is in full agreement once in six times."""

# Entries of a block of resamples times pairs of models.
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Agreement:
    """How well a score ranks models.

    Parameters
    ----------
    statistic
        "pearson", "spearman", "kendall" (tau-b) or "weighted_tau".
    value
        The correlation; positive when the score recommends what is accurate.
    low, high, level
        Its interval and nominal coverage.
    over
        What was resampled: "models", "data" or "both".
    pvalue
        Two-sided permutation p-value of no agreement; never 0.
    n
        Number of models.
    draws
        Draws of the target data behind the score.
    """

    statistic: str
    value: float
    low: float
    high: float
    level: float
    over: str
    pvalue: float
    n: int
    draws: int


def agreement(
    scores: ArrayLike,
    accuracies: ArrayLike,
    *,
    statistic: str = "kendall",
    higher_is_better: bool = True,
    over: str = "models",
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int | np.random.Generator = 0,
) -> Agreement:
    """Correlation of a score with accuracies, its interval and its p-value.

    Parameters
    ----------
    scores
        (M,) one number per model, or (R, M): on R disjoint draws of the target, the same draws for
        every model. The correlation is that of the mean over draws.
    accuracies
        (M,) accuracies after fine-tuning.
    statistic
        "pearson", "spearman", "kendall" (tau-b) or "weighted_tau" (`scipy.stats.weightedtau`).
    higher_is_better
        False for scores such as theta that recommend small values: they change sign first.
    over
        What the interval is over: "models", "data" (draws; (R, M) scores with R >= 2), or "both".
    level
        Coverage.
    n_resamples
        Bootstrap samples and permutations.
    seed
        Decides both.

    Returns
    -------
    The agreement.

    Raises
    ------
    UsageError
        For shapes that do not fit.
    TooFewSamplesError
        For fewer than 4 models.
    DegenerateCloudError
        For values that are not finite, or constant scores or accuracies.

    Notes
    -----
    Simulated coverage of nominal 95 % over 8 to 20 models with normal scores and true correlations
    0, 0.5 and 0.9 (300 simulations each): 0.92 to 0.99 for the three rank statistics (percentiles
    of the bootstrap), 0.93 to 0.99 for Pearson (bootstrap standard error and Student's t on
    Fisher's scale; its percentiles cover 0.85 to 0.92). Resamples in which one side is constant are
    drawn again; after a perfect order, which every resample repeats, the end nearer to 0 is that of
    `perfect_order_bound`. The spread over draws is widened by sqrt(R / (R - 1)), which the
    bootstrap is short of.

    Examples
    --------
    Four models in the right order, of 24 orders; two are as extreme:

    >>> kendall = agreement([0.1, 0.2, 0.3, 0.4], [70.0, 75.0, 80.0, 90.0])
    >>> kendall.value, round(kendall.pvalue, 4)
    (1.0, 0.0833)

    References
    ----------
    Vigna, A weighted correlation index for rankings with ties, WWW 2015. Agostinelli et al., How
    stable are transferability metrics evaluations?, ECCV 2022.
    """
    call = "agreement()"
    draws, truth = checked(scores, accuracies, call)
    function = named(statistic, call)
    over = parameters.choice(over, ("models", "data", "both"), "over", call=call)
    higher_is_better = parameters.flag(higher_is_better, "higher_is_better", call=call)
    if over != "models" and len(draws) < 2:
        msg = f"{call}: over={over!r} needs scores on two draws or more; got {len(draws)}."
        raise UsageError(msg)
    level, n_resamples = check_numbers(level, n_resamples, len(truth), call)
    draws = draws if higher_is_better else -draws
    mean = draws.mean(axis=0)
    value = float(function(mean, truth))
    rng = parameters.rng(seed, call=call)
    resampled = _resampled(draws, truth, function, over, n_resamples, rng)
    low, high = _ends(value, resampled, len(truth), level, fisher=statistic == "pearson")
    if over != "data" and statistic != "pearson" and abs(value) > 1 - 1e-9:
        # Every resample of a perfect order is perfect: the bootstrap alone would be sure of it.
        least = perfect_order_bound(len(truth), level)
        low, high = (min(low, least), high) if value > 0 else (low, max(high, -least))
    elif over != "data" and high - low < 1e-9:
        # Ties can repeat any value in every resample; that is no more certainty than above.
        open_ = 1 - perfect_order_bound(len(truth), level)
        low, high = max(value - open_, -1.0), min(value + open_, 1.0)
    p = permutation_pvalue(mean, truth, function, n_resamples, rng)
    return Agreement(statistic, value, low, high, level, over, p, len(truth), len(draws))


def perfect_order_bound(models: ArrayLike, level: float = 0.95) -> float:
    """Least Kendall agreement at which a perfectly ordered sample of models is not too surprising.

    Parameters
    ----------
    models
        Number of models that were ordered without a mistake; (T,) numbers when T targets were.
    level
        The agreement returned is the one under which a perfect order (of all targets) has
        probability (1 - level) / 2, in Mallows' model of rankings.

    Returns
    -------
    Expected Kendall's tau of that model: the low end of an interval whose high end is 1.

    Examples
    --------
    Four models say nothing: chance alone orders them perfectly once in 24 times.

    >>> perfect_order_bound(4) < 0 < perfect_order_bound(6) < perfect_order_bound(12)
    True
    >>> perfect_order_bound([4, 4, 4]) > 0
    True

    References
    ----------
    Mallows, Non-null ranking models, Biometrika 1957.
    """
    from scipy.optimize import brentq

    counts = np.atleast_1d(np.asarray(models, dtype=np.int64))
    ranks = [np.arange(1, count + 1) for count in counts]

    def log_probability(log_q: float) -> float:
        """Of the perfect orders: products of (1 - q) / (1 - q^i)."""
        return float(sum(np.sum(np.log(np.expm1(log_q) / np.expm1(i * log_q))) for i in ranks))

    edge = 1e-9  # q = 1 is the uniform distribution, where the formula is 0 / 0
    target = np.log((1 - level) / 2)
    side = (-30.0, -edge) if log_probability(-edge) < target else (edge, 30.0)
    log_q = float(brentq(lambda x: log_probability(x) - target, *side))
    q = np.exp(log_q)
    agreements = []
    for count, i in zip(counts, ranks, strict=True):
        powers = np.exp(i * log_q)
        inversions = count * q / (1 - q) - float(np.sum(i * powers / (1 - powers)))
        agreements.append(1 - 4 * inversions / (count * (count - 1)))
    return float(np.mean(agreements))


def permutation_pvalue(
    scores: Array, truth: Array, function: Correlation, n_resamples: int, rng: np.random.Generator
) -> float:
    """Two-sided p-value of no agreement: accuracies shuffled over models; never 0."""
    from itertools import permutations

    m = len(truth)
    exact = factorial(m) <= n_resamples
    orders = (
        np.array(list(permutations(range(m))))
        if exact
        else np.argsort(rng.random((n_resamples, m)), axis=1)
    )
    null = np.abs(correlated(np.broadcast_to(scores, orders.shape), truth[orders], function))
    extreme = int((null >= abs(float(function(scores, truth))) - 1e-12).sum())
    return extreme / len(null) if exact else (extreme + 1) / (len(null) + 1)


def _resampled(
    draws: Array,
    truth: Array,
    function: Correlation,
    over: str,
    n_resamples: int,
    rng: np.random.Generator,
) -> Array:
    r, m = draws.shape
    mean = draws.mean(axis=0)
    rows = np.broadcast_to(mean, (n_resamples, m))
    if over != "models":
        chosen = rng.integers(0, r, size=(n_resamples, r))
        rows = mean + np.sqrt(r / (r - 1)) * (draws[chosen].mean(axis=1) - mean)
    targets = np.broadcast_to(truth, rows.shape)
    if over != "data":
        models = distinct_models(m, n_resamples, mean[None], truth, rng)
        rows = np.take_along_axis(rows, models, axis=1)
        targets = truth[models]
    values = correlated(rows, targets, function)
    return values[np.isfinite(values)]


def correlated(rows: Array, targets: Array, function: Correlation) -> Array:
    """(n,) correlation of each row, in blocks of bounded memory."""
    step = max(1, _BLOCK // rows.shape[1] ** 2)
    parts = [function(rows[i : i + step], targets[i : i + step]) for i in range(0, len(rows), step)]
    return np.concatenate(parts)


def distinct_models(
    m: int, n_resamples: int, scores: Array, truth: Array, rng: np.random.Generator
) -> NDArray[np.intp]:
    """(n_resamples, m) models with replacement, none with constant scores or accuracies."""
    chosen = rng.integers(0, m, size=(n_resamples, m))
    while True:
        flat = np.ptp(truth[chosen], axis=1) == 0
        for row in scores:
            flat |= np.ptp(row[chosen], axis=1) == 0
        if not flat.any():
            return chosen
        chosen[flat] = rng.integers(0, m, size=(int(flat.sum()), m))


def _ends(
    value: float, resampled: Array, m: int, level: float, *, fisher: bool
) -> tuple[float, float]:
    if not fisher:
        low, high = np.quantile(resampled, [0.5 - level / 2, 0.5 + level / 2])
        return float(low), float(high)
    from scipy.special import stdtrit

    edge = 1 - 1e-3  # a resample of two models correlates by exactly 1, which is infinite there
    z = np.arctanh(np.clip(resampled, -edge, edge))
    half = float(stdtrit(m - 1, 0.5 + level / 2)) * float(z.std()) * np.sqrt(m / (m - 1))
    middle = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def named(statistic: str, call: str) -> Correlation:
    """The correlation of that name."""
    return CORRELATIONS[parameters.choice(statistic, CORRELATIONS, "statistic", call=call)]


def check_numbers(level: float, n_resamples: int, models: int, call: str) -> tuple[float, int]:
    """A level in (0, 1) and a number of resamples that is enough and fits, or a refusal."""
    n_resamples = parameters.resamples(n_resamples, call=call)
    refuse_beyond_memory(
        n_resamples,
        lambda m: 64.0 * m * models,
        call=call,
        of="resamples",
        advice="Pass n_resamples={most}, or fewer.",
    )
    return parameters.level(level, call=call), n_resamples


def checked(scores: ArrayLike, accuracies: ArrayLike, call: str) -> tuple[Array, Array]:
    """(R, M) scores and (M,) accuracies."""
    given = real(scores, call=call, name="scores").astype(np.float64, copy=False)
    rows = np.atleast_2d(given)
    truth = real(accuracies, call=call, name="accuracies").astype(np.float64, copy=False)
    if truth.ndim != 1 or rows.ndim != 2 or rows.shape[1] != len(truth):
        msg = (
            f"{call}: one score per model and accuracy is needed; got scores of shape "
            f"{given.shape} and accuracies of shape {truth.shape}."
        )
        raise UsageError(msg)
    if len(truth) < FEWEST_MODELS:
        msg = f"{call}: {len(truth)} models; {FEWEST_MODELS} or more are needed to rank them."
        raise TooFewSamplesError(msg)
    refuse_beyond_memory(
        len(truth),
        lambda m: 64.0 * m * m,
        call=call,
        of="models",
        advice="Every pair of models is looked at. Pass {most} of them, or fewer.",
    )
    bad = ~(np.isfinite(rows).all(axis=0) & np.isfinite(truth))
    if bad.any():
        msg = (
            f"{call}: {int(bad.sum())} of {len(truth)} models have no finite score or accuracy "
            f"(the first is number {int(bad.argmax())}). Leave them out, and say so."
        )
        raise DegenerateCloudError(msg)
    for name, values in (("score", rows.mean(axis=0)), ("accuracy", truth)):
        if np.ptp(values) == 0:
            msg = f"{call}: every model has the {name} {values[0]:g}; there is nothing to rank."
            raise DegenerateCloudError(msg)
    return rows, truth
