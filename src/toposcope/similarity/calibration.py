"""Similarity against no relation: what a value is worth at this width, depth and n.

Shuffling the samples of one side keeps both layers as they are and leaves no relation between them.
From the values of shuffled pairings follow a p-value, and an effect that is 0 on average where
layers are unrelated and 1 where they are equal. Searching many pairs of layers for the best one is
part of the null: all pairs are shuffled alike, and the best of each shuffle is kept.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.similarity.measures import MEASURES, Measure
from toposcope.similarity.paired_rows import check_count, check_varies, medians
from toposcope.similarity.permuted_pairs import choose, rotated_values, shuffled_values

Array = NDArray[np.float64]

LOG = logging.getLogger(__name__)

MANY, FEW = 999, 99
"""Shuffles unless asked otherwise: of measures that are sums over pairs of samples, and of others,
which are computed anew for each."""

# Values closer than this are one value: a shuffle that moves equal samples only gives back the
# true pairing up to rounding, and counts as reaching it.
_EQUAL = 1e-10


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Similarities of layers against those of shuffled samples.

    Parameters
    ----------
    value
        (L, M) values of the measure.
    expected
        (L, M) mean over shuffles: what unrelated layers of this width and n give.
    effect
        (value - expected) / (value at identity - expected): 0 on average for unrelated layers, 1
        for equal ones, whatever the width and n.
    pvalue
        Share of pairings, the true one included, that are at least as similar; no smaller than
        1 / (shuffles + 1). Each pair by itself.
    adjusted
        The same after searching all pairs: the chance that any pair of unrelated networks stands
        out this much from its own shuffles, in their standard deviations (Westfall and Young).
    best
        (row, column) of the largest effect.
    best_effect
        Its effect after the search: 0 on average for unrelated networks, however many layers.
    best_pvalue
        Chance of an effect this large as the best one of unrelated networks.
    measure, shuffles
        What was computed, and how many shuffles.
    """

    value: Array = field(repr=False)
    expected: Array = field(repr=False)
    effect: Array = field(repr=False)
    pvalue: Array = field(repr=False)
    adjusted: Array = field(repr=False)
    best: tuple[int, int]
    best_effect: float
    best_pvalue: float
    measure: str
    shuffles: int


def calibrated(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    measure: str = "cka",
    shuffles: int | None = None,
    seed: int | np.random.Generator = 0,
) -> Calibrated:
    """Similarity of two layers against that of shuffled samples; see `calibrated_matrix`.

    Examples
    --------
    Biased CKA of two layers of noise, 200 wide on 60 samples:

    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(2, 60, 200))
    >>> one = calibrated(X, Y, measure="cka_biased")
    >>> round(one.value.item(), 2), round(one.effect.item(), 2), one.pvalue.item() > 0.05
    (0.77, -0.01, True)
    >>> same = calibrated(X, X[:, ::-1])
    >>> round(same.effect.item(), 9), same.pvalue.item()
    (1.0, 0.001)
    """
    return _calibrated(
        {"X": X}, {"Y": Y}, measure=measure, shuffles=shuffles, seed=seed, call="calibrated()"
    )


def calibrated_matrix(
    layers: Sequence[ArrayLike],
    others: Sequence[ArrayLike],
    *,
    measure: str = "cka",
    shuffles: int | None = None,
    seed: int | np.random.Generator = 0,
) -> Calibrated:
    """Similarities of all pairs of layers of two networks against those of shuffled samples.

    Parameters
    ----------
    layers, others
        Arrays (n, p_i) and (n, q_j), n >= 4; row i of all is the same sample.
    measure
        Any name in `MEASURES`. CKA, RSA and mutual kNN are sums over pairs of samples, of which
        n shuffles cost as much as one; others are computed anew for each shuffle, and the forecast
        of their time is logged.
    shuffles
        Random permutations of the samples of `others`, one for all pairs. None: 999 of sums over
        pairs, 99 of others. The smallest p-value is 1 / (shuffles + 1).
    seed
        Of the permutations.

    Returns
    -------
    `Calibrated` (layers, others) arrays.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        As the measure, and for fewer than 19 shuffles, which reach no 5 %.

    Notes
    -----
    Samples must be exchangeable when layers are unrelated: independent draws are, frames of one
    video or tokens of one text are not, since neighbors are alike in any network. Memory: 8 n^2
    bytes a layer for sums over pairs, and 8 L M (shuffles + 1).

    Examples
    --------
    Two networks that share their second and first layer:

    >>> rng = np.random.default_rng(1)
    >>> shared = rng.normal(size=(50, 3))
    >>> noise = rng.normal(size=(3, 50, 80))
    >>> found = calibrated_matrix([noise[0], shared], [2 * shared, noise[1], noise[2]])
    >>> found.best, round(found.best_effect, 9), found.best_pvalue
    ((1, 0), 1.0, 0.001)
    >>> (found.adjusted < 0.05).tolist()
    [[False, False, False], [True, False, False]]

    References
    ----------
    Groeger, Wen and Brbic, Revisiting the Platonic representation hypothesis, ICML 2026. Westfall
    and Young, Resampling-based multiple testing, 1993.
    """
    call = "calibrated_matrix()"
    sides = [
        {f"{name}[{i}]": x for i, x in enumerate(parameters.entries(side, name, call=call))}
        for name, side in (("layers", layers), ("others", others))
    ]
    return _calibrated(*sides, measure=measure, shuffles=shuffles, seed=seed, call=call)


def _calibrated(
    layers: Mapping[str, ArrayLike],
    others: Mapping[str, ArrayLike],
    *,
    measure: str,
    shuffles: int | None,
    seed: int | np.random.Generator,
    call: str,
) -> Calibrated:
    """Layers by what the caller calls them."""
    declared = known_measure(measure, call)
    clouds = [_checked(side, call) for side in (layers, others)]
    counts = sorted({len(x) for side in clouds for x in side})
    if not all(clouds) or len(counts) > 1:
        msg = (
            f"{call}: layers of two networks on the same samples are needed; got "
            f"{len(clouds[0])} and {len(clouds[1])} layers of {counts} rows. Select the rows of "
            "the shared sample ids first."
        )
        raise UsageError(msg)
    check_count(counts[0], call=call)
    rng = parameters.rng(seed, call=call)
    count = count_of(declared, shuffles, call)
    refuse_square(counts[0], len(clouds[0]), len(clouds[1]), declared, count, call=call)
    values = draw_values([(clouds[0], clouds[1])], declared, shuffles=count, rng=rng)
    return summary(values, measure)


def refuse_square(
    n: int, layers: int, others: int, measure: Measure, shuffles: int, *, call: str
) -> None:
    """Refuse what would not fit: an (n, n) matrix of each layer, a value of each shuffle and pair.

    >>> refuse_square(50, 2, 2, MEASURES["cka"], 999, call="calibrated_matrix()")
    """
    values = 40.0 * shuffles * layers * others  # read five times over by `summary`
    # Two matrices more while one is made.
    copies = layers + others + 2 if measure.pairs is not None else 3
    refuse_beyond_memory(
        n,
        lambda m: 8.0 * m * (copies * m + 3 * layers * others) + values,
        call=call,
        of="samples",
        advice="Pass {most} of the samples (the same rows of all layers), fewer layers at a time, "
        "or fewer shuffles.",
    )


def known_measure(measure: str, call: str) -> Measure:
    """What a measure declares, or an error that names those there are."""
    return MEASURES[parameters.choice(measure, MEASURES, "measure", call=call)]


def count_of(measure: Measure, shuffles: int | None, call: str) -> int:
    """How many shuffles: those asked for, or what a measure affords."""
    if shuffles is None:
        return FEW if measure.pairs is None else MANY
    count = parameters.whole(shuffles, "shuffles", call=call, high=parameters.MOST_RESAMPLES)
    if count < 19:
        msg = f"{call}: {count} shuffles; at least 19 are needed for a p-value of 5 %. Pass {MANY}."
        raise UsageError(msg)
    return count


def draw_values(
    draws: Sequence[tuple[Sequence[NDArray], Sequence[NDArray]]],
    measure: Measure,
    *,
    shuffles: int,
    rng: np.random.Generator,
) -> Array:
    """Mean of `null_values` over draws of equally many samples, each shuffled within itself."""
    chosen = choose(len(draws[0][0][0]), shuffles, rng)
    every = [
        null_values(*sides, measure, shuffles=shuffles, rng=rng, chosen=chosen) for sides in draws
    ]
    return np.asarray(np.clip(np.mean(every, axis=0), *measure.range))


def null_values(
    layers: Sequence[NDArray],
    others: Sequence[NDArray],
    measure: Measure,
    *,
    shuffles: int,
    rng: np.random.Generator,
    chosen: NDArray[np.intp] | None = None,
) -> Array:
    """(shuffles + 1, layers, others) values, those of the true pairing first."""
    if measure.pairs is not None:
        forms = [[measure.pairs(x) for x in side] for side in (layers, others)]
        return rotated_values(*forms, count=shuffles, rng=rng, chosen=chosen)
    small = [[_narrowed(x, measure) for x in side] for side in (layers, others)]
    began = time.monotonic()
    measure.function(small[0][0], small[1][0])
    each = time.monotonic() - began
    total = each * (shuffles + 1) * len(layers) * len(others)
    LOG.info(
        "%d shuffles of %d pairs of layers: about %.0f s at %.2g s each",
        shuffles,
        len(layers) * len(others),
        total,
        each,
    )
    return shuffled_values(measure.function, *small, count=shuffles, rng=rng)


def summary(values: Array, measure: str) -> Calibrated:
    """What follows from (shuffles + 1, L, M) values, those of the true pairing first.

    Examples
    --------
    >>> values = np.array([0.9, 0.1, 0.2, 0.0, 0.1])[:, None, None]
    >>> one = summary(values, "cka")
    >>> one.expected.item().__round__(3), one.effect.item().__round__(3), one.pvalue.item()
    (0.1, 0.889, 0.2)
    """
    declared = MEASURES[measure]
    ideal = declared.at_identity
    near = values if declared.larger_is_more_similar else -values
    true, shuffled = near[0], near[1:]
    expected = values[1:].mean(axis=0)
    room = ideal - expected
    with np.errstate(divide="ignore", invalid="ignore"):
        effects = np.where(np.abs(room) > _EQUAL, (values - expected) / room, 0.0)
    pvalue = _share(shuffled, true)
    # Standardized over all pairings, the true one as well: else it would be treated unlike others.
    spread = near.std(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(spread > _EQUAL, (near - near.mean(axis=0)) / spread, 0.0)
    adjusted = _share(apart[1:].max(axis=(1, 2))[:, None, None], apart[0])
    largest = effects.max(axis=(1, 2))
    best = np.unravel_index(int(effects[0].argmax()), true.shape)
    usual = float(largest[1:].mean())
    return Calibrated(
        value=values[0],
        expected=expected,
        effect=effects[0],
        pvalue=pvalue,
        adjusted=adjusted,
        best=(int(best[0]), int(best[1])),
        best_effect=float((largest[0] - usual) / (1 - usual)),
        best_pvalue=float(_share(largest[1:], largest[0])),
        measure=measure,
        shuffles=len(values) - 1,
    )


def _share(shuffled: Array, true: Array) -> Array:
    """Share of pairings at least as similar as the true one, which is one of them."""
    reached = (shuffled >= true - _EQUAL).sum(axis=0)
    return np.asarray((1 + reached) / (1 + len(shuffled)))


def _checked(layers: Mapping[str, ArrayLike], call: str) -> list[NDArray]:
    out = []
    for name, values in layers.items():
        array = read_cloud(values, call=f"{call}, {name}").astype(np.float64)
        check_varies(array, call=f"{call}, {name}")
        out.append(array)
    return out


def _narrowed(X: Array, measure: Measure) -> Array:
    """`X` in at most n coordinates where only products between samples count."""
    if "orthogonal" not in measure.invariant_to or X.shape[1] <= len(X):
        return X
    return np.asarray(np.linalg.qr((X - medians(X)).T, mode="r"), dtype=np.float64).T
