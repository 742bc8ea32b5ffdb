"""Two-sample and paired permutation tests, for numbers, vectors and anything with a Gram matrix.

Vectors enter only through inner products: with s = 1/n_a on one side and -1/n_b on the other, the
squared distance of the two means is s' G s, so a permutation costs the same for ten features as for
ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.arrangements import Arrangements, sign_flips, tail_share, two_groups
from toposcope.stats.units import (
    check_alternative,
    check_resamples,
    check_unit,
    finite,
    group_numbers,
    refuse_overlap,
    refuse_square,
    target_of,
)

Statistic = Callable[[NDArray[np.float64], NDArray[np.float64]], float]
ROUNDING = 1e-12
"""Statistics that differ by less than this share of the data's size count as tied."""


@dataclass(frozen=True)
class PermutationResult:
    """A permutation test.

    Parameters
    ----------
    statistic
        Observed statistic: mean of a minus mean of b, its norm for vectors, or the caller's own.
    pvalue
        (b + 1) / (m + 1) over m random arrangements, b / m over all of them; never 0.
    n_resamples
        Arrangements that were looked at.
    exact
        Whether they are all there are.
    n_a, n_b
        Units a side.
    unit
        "draw" or "network".
    smallest_p
        Smallest p-value this design could have given. Above 0.05 the test cannot reject.
    alternative
        "two-sided", "greater" or "less"; a norm is always "two-sided".
    paired
        Whether pairs were swapped rather than units shuffled.
    """

    statistic: float
    pvalue: float
    n_resamples: int
    exact: bool
    n_a: int
    n_b: int
    unit: str
    smallest_p: float
    alternative: str
    paired: bool

    @property
    def target(self) -> str:
        """What the test speaks about."""
        return target_of(self.unit)


def permutation_test(
    a: ArrayLike,
    b: ArrayLike,
    *,
    statistic: Statistic | None = None,
    paired: bool = False,
    alternative: str = "two-sided",
    n_resamples: int = 9999,
    seed: int | np.random.Generator = 0,
    unit: str = "draw",
    overlap: float = 0.0,
) -> PermutationResult:
    """Test whether two sets of units could be one: shuffled labels, or swapped pairs.

    Parameters
    ----------
    a, b
        (n,) or (n, features), one row per independent unit; two or more a side. Constant features
        are harmless; features of different units of measurement should be scaled first.
    statistic
        f(a, b) -> number, called once per arrangement. None: the difference of the means (its
        Euclidean norm for vectors). A two-sided p-value is then the share of arrangements with at
        least that absolute difference; for a function of yours it is twice the smaller tail.
    paired
        Row i of a and row i of b belong together (same draw, two networks): pairs are swapped.
    alternative
        "greater": the statistic is larger than chance, "less", or "two-sided".
    n_resamples
        Random arrangements; all of them when there are no more than this.
    seed
        Decides which.
    unit
        What a row is: "draw" (disjoint draw of samples; the target is this network over data) or
        "network" (trained network; the target is the training procedure).
    overlap
        points / n of draws that share samples. Anything but 0 is refused.

    Returns
    -------
    The test; its `pvalue` is never 0.

    Examples
    --------
    All 20 ways to split six numbers into three and three; two of them are as extreme.

    >>> found = permutation_test([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    >>> found.statistic, found.pvalue, found.exact
    (-3.0, 0.1, True)

    References
    ----------
    Phipson & Smyth, Permutation p-values should never be zero, 2010.
    """
    call = "permutation_test()"
    refuse_overlap(call, overlap)
    alternative = check_alternative(call, alternative)
    n_resamples = check_resamples(call, n_resamples)
    unit, paired = check_unit(call, unit), parameters.flag(paired, "paired", call=call)
    if statistic is not None:
        parameters.function(statistic, "statistic", call=call)
    x = finite(call, "a", a, ndim=(1, 2))
    y = finite(call, "b", b, ndim=(1, 2))
    _check_sides(call, x, y, paired)
    rng = parameters.rng(seed, call=call)
    vectors = x.ndim == 2 and statistic is None
    if vectors and alternative != "two-sided":
        msg = f"{call}: a distance of mean vectors has no sign; alternative={alternative!r} needs "
        raise UsageError(msg + "(n,) values or a statistic of your own.")
    if vectors:
        both = np.concatenate([x, y])
        refuse_square(call, len(both), copies=4)
        both -= both.mean(axis=0)
        return _gram_test(both @ both.T, len(x), paired, n_resamples, rng, unit, call)
    moves = (
        sign_flips(len(x), n_resamples, rng)
        if paired
        else two_groups(len(x), len(y), n_resamples, rng)
    )
    if statistic is None:
        observed, null = _mean_difference(x, y, moves, paired)
        scale = float(max(np.abs(x).max(), np.abs(y).max()))
        two_sided_abs = True
    else:
        observed, null = _own_statistic(call, x, y, moves, paired, statistic)
        scale = float(max(np.abs(null).max(), abs(observed)))
        two_sided_abs = False
    p = _pvalue(observed, null, alternative, moves.exact, ROUNDING * scale, two_sided_abs)
    mirrored = alternative == "two-sided" and (paired or len(x) == len(y) or not two_sided_abs)
    smallest = _smallest(moves, 2 if mirrored else 1)
    return PermutationResult(
        observed,
        p,
        moves.count,
        moves.exact,
        len(x),
        len(y),
        unit,
        smallest,
        alternative,
        paired,
    )


def permutation_test_gram(
    gram: ArrayLike,
    groups: ArrayLike,
    *,
    paired: bool = False,
    n_resamples: int = 9999,
    seed: int | np.random.Generator = 0,
    unit: str = "draw",
    overlap: float = 0.0,
) -> PermutationResult:
    """Test ||mean of a - mean of b|| in the Hilbert space of a kernel, from inner products alone.

    Parameters
    ----------
    gram
        (N, N) inner products of the units, such as `landscape_inner` or a kernel.
    groups
        (N,) two distinct labels; the first one met is group a.
    paired
        The i-th unit of a belongs to the i-th unit of b, in the order of the rows.
    n_resamples, seed, unit, overlap
        As in `permutation_test`.

    Returns
    -------
    The test; `statistic` is the distance of the two means.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    >>> found = permutation_test_gram(np.outer(x, x), [0, 0, 0, 1, 1, 1])
    >>> round(found.statistic, 9), found.pvalue
    (3.0, 0.1)
    """
    call = "permutation_test_gram()"
    return two_sample_gram(gram, groups, paired, n_resamples, seed, unit, overlap, call=call)


def two_sample_gram(
    gram: ArrayLike,
    groups: ArrayLike,
    paired: bool,
    n_resamples: int,
    seed: int | np.random.Generator,
    unit: str,
    overlap: float,
    *,
    call: str,
) -> PermutationResult:
    """`permutation_test_gram` under the name of its caller."""
    refuse_overlap(call, overlap)
    n_resamples = check_resamples(call, n_resamples)
    unit, paired = check_unit(call, unit), parameters.flag(paired, "paired", call=call)
    g = finite(call, "gram", gram, ndim=(2,))
    labels = group_numbers(call, "groups", groups, len(g))[0]
    if g.shape[0] != g.shape[1] or not np.allclose(g, g.T, rtol=1e-8, atol=1e-12 * np.abs(g).max()):
        msg = f"{call}: gram of shape {g.shape} is not a symmetric matrix of inner products."
        raise UsageError(msg)
    first = labels == labels[0]
    if first.all() or len(set(labels[~first].tolist())) != 1:
        msg = f"{call}: groups must be {len(g)} labels of exactly two kinds; got {groups!r}."
        raise UsageError(msg)
    if (np.diag(g) < 0).any():
        msg = f"{call}: gram has a negative diagonal; squared norms cannot be negative."
        raise UsageError(msg)
    order = np.concatenate([np.flatnonzero(first), np.flatnonzero(~first)])
    g = g[np.ix_(order, order)]
    n_a = int(first.sum())
    _check_sides(call, g[:n_a], g[n_a:], paired)
    return _gram_test(g, n_a, paired, n_resamples, parameters.rng(seed, call=call), unit, call)


def _check_sides(call: str, x: NDArray[np.float64], y: NDArray[np.float64], paired: bool) -> None:
    if min(len(x), len(y)) < 2:
        msg = f"{call}: {len(x)} and {len(y)} units; two or more a side are needed to see a spread."
        raise UsageError(msg)
    if x.shape[1:] != y.shape[1:]:
        msg = f"{call}: units have {x.shape[1:]} and {y.shape[1:]} features; needed are equal ones."
        raise UsageError(msg)
    if paired and len(x) != len(y):
        msg = f"{call}: paired=True needs as many units in a as in b; got {len(x)} and {len(y)}."
        raise UsageError(msg)


def _gram_test(
    gram: NDArray[np.float64],
    n_a: int,
    paired: bool,
    n_resamples: int,
    rng: np.random.Generator,
    unit: str,
    call: str,
) -> PermutationResult:
    """Units of a come first in `gram`."""
    n_b = len(gram) - n_a
    scale = float(np.abs(gram).max()) or 1.0  # no overflow in single precision below
    gram = gram / scale
    if paired:
        crossed = gram[:n_a, n_a:]
        gram = gram[:n_a, :n_a] + gram[n_a:, n_a:] - crossed - crossed.T
        moves = sign_flips(n_a, n_resamples, rng)
        given, factor = np.ones((1, n_a)), 1.0 / n_a**2
    else:
        # Centered, the weights 1/n_a and -1/n_b become one factor on the members of a.
        means = gram.mean(axis=0)
        gram = gram - means[:, None] - means[None, :] + means.mean()
        moves = two_groups(n_a, n_b, n_resamples, rng)
        given, factor = np.repeat([1.0, 0.0], [n_a, n_b])[None, :], (1.0 / n_a + 1.0 / n_b) ** 2
    observed = float(_quadratic(given, gram)[0])
    if observed < -1e-9 * len(gram) ** 2:
        msg = f"{call}: gram gives a negative squared distance; it is no kernel."
        raise UsageError(msg)
    single = gram.astype(np.float32)
    # Bound for sums of N^2 terms in single precision: what lies nearer is done again in double.
    doubtful = len(gram) * float(np.finfo(np.float32).eps) * float(np.abs(gram).sum())

    def screened(rows: NDArray) -> NDArray[np.float64]:
        values = _quadratic(rows.astype(np.float32), single).astype(np.float64)
        near = np.abs(values - observed) <= doubtful
        values[near] = _quadratic(rows[near].astype(np.float64), gram)
        return values

    null = moves.null(screened)
    p = tail_share(observed, null, exact=moves.exact, tolerance=ROUNDING / factor)
    smallest = _smallest(moves, 2 if paired or n_a == n_b else 1)
    apart = float(np.sqrt(max(scale * factor * observed, 0.0)))
    return PermutationResult(
        apart, p, moves.count, moves.exact, n_a, n_b, unit, smallest, "two-sided", paired
    )


def _quadratic(rows: NDArray, gram: NDArray) -> NDArray:
    """Value s' G s of every row s."""
    values: NDArray = np.einsum("ij,ij->i", rows @ gram, rows)
    return values


def _mean_difference(
    x: NDArray[np.float64], y: NDArray[np.float64], moves: Arrangements, paired: bool
) -> tuple[float, NDArray[np.float64]]:
    observed = float(x.mean() - y.mean())
    if paired:
        return observed, moves.null(lambda flips: flips @ (x - y) / len(x))
    both = np.concatenate([x, y])
    both = both - both.mean()
    factor = 1.0 / len(x) + 1.0 / len(y)
    return observed, moves.null(lambda masks: factor * (masks @ both))


def _own_statistic(
    call: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    moves: Arrangements,
    paired: bool,
    statistic: Statistic,
) -> tuple[float, NDArray[np.float64]]:
    both = np.concatenate([x, y])

    def rearranged(row: NDArray) -> float:
        if paired:
            swap = (row < 0).reshape(-1, *[1] * (x.ndim - 1))
            return one(np.where(swap, y, x), np.where(swap, x, y))
        return one(both[row], both[~row])

    def one(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return parameters.returned(statistic, a, b, name="statistic", call=call)

    observed = one(x, y)
    null = moves.null(lambda rows: np.array([rearranged(row) for row in rows]))
    if not (np.isfinite(observed) and np.isfinite(null).all()):
        bad = int((~np.isfinite(null)).sum())
        msg = f"{call}: statistic is {observed} as given and not finite in {bad} arrangements."
        raise UsageError(msg)
    return observed, null


def _pvalue(
    observed: float,
    null: NDArray[np.float64],
    alternative: str,
    exact: bool,
    tolerance: float,
    two_sided_abs: bool,
) -> float:
    if alternative == "two-sided" and two_sided_abs:
        return tail_share(abs(observed), np.abs(null), exact=exact, tolerance=tolerance)
    above = tail_share(observed, null, exact=exact, tolerance=tolerance)
    below = tail_share(-observed, -null, exact=exact, tolerance=tolerance)
    return {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[
        alternative
    ]


def _smallest(moves: Arrangements, ties: int) -> float:
    """The extreme arrangement and its mirror image give the same statistic."""
    lowest = ties / moves.total
    return lowest if moves.exact else max(lowest, 1 / (moves.count + 1))
