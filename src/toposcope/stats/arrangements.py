"""Relabelings under which a null hypothesis leaves the data alike: all of them, or a random sample.

A set of arrangements comes in blocks of rows, so that memory stays bounded. When there are no more
than `n_resamples` of them, all are made once, the given one included, and the test is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, permutations, product
from math import comb, factorial, prod

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 21
"""Entries of one block of arrangements (16 MB of float64)."""


@dataclass(frozen=True, eq=False)
class Arrangements:
    """Blocks of arrangements.

    Parameters
    ----------
    blocks
        Arrays (rows, units), one arrangement a row.
    count
        Rows of all blocks together.
    exact
        Whether they are all that exist.
    total
        How many exist.
    """

    blocks: Iterator[NDArray]
    count: int
    exact: bool
    total: int

    def null(self, evaluate: Callable[[NDArray], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Statistic of every arrangement, block by block."""
        return np.concatenate([evaluate(block) for block in self.blocks])


def sign_flips(n: int, n_resamples: int, rng: np.random.Generator) -> Arrangements:
    """Rows of +1 and -1 for n paired differences."""
    total = 2**n
    if total <= n_resamples:
        bits = (np.arange(total)[:, None] >> np.arange(n)) & 1
        return Arrangements(iter([1.0 - 2.0 * bits]), total, True, total)

    def blocks() -> Iterator[NDArray]:
        for rows in _rows(n_resamples, n):
            yield 1.0 - 2.0 * rng.integers(0, 2, size=(rows, n), dtype=np.int8)

    return Arrangements(blocks(), n_resamples, False, total)


def two_groups(n_a: int, n_b: int, n_resamples: int, rng: np.random.Generator) -> Arrangements:
    """Rows of true (first group) and false; the given arrangement has its true entries first."""
    n, total = n_a + n_b, comb(n_a + n_b, n_a)
    if total <= n_resamples:
        chosen = np.array(list(combinations(range(n), n_a)))
        masks = np.zeros((total, n), dtype=np.bool_)
        np.put_along_axis(masks, chosen, True, axis=1)
        return Arrangements(iter([masks]), total, True, total)

    def blocks() -> Iterator[NDArray]:
        for rows in _rows(n_resamples, n):
            yield _random_halves(rows, n, n_a, rng)

    return Arrangements(blocks(), n_resamples, False, total)


def relabelings(
    labels: NDArray[np.intp],
    strata: NDArray[np.intp],
    n_resamples: int,
    rng: np.random.Generator,
) -> Arrangements:
    """Rows of labels, permuted within each stratum."""
    members = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    total = prod(_multinomial(labels[m]) for m in members)
    if total <= n_resamples:
        each = [list(_distinct(labels[m])) for m in members]
        order = np.argsort(np.concatenate(members))
        rows = np.array([np.concatenate(choice) for choice in product(*each)])
        return Arrangements(iter([rows[:, order]]), total, True, total)
    grouped = labels[np.argsort(strata, kind="stable")]

    def blocks() -> Iterator[NDArray]:
        for rows in _rows(n_resamples, len(labels)):
            keys = rng.random((rows, len(labels))) + strata  # sorts by stratum, then at random
            shuffled = np.empty((rows, len(labels)), dtype=labels.dtype)
            values = np.broadcast_to(grouped, shuffled.shape)
            np.put_along_axis(shuffled, np.argsort(keys, axis=1), values, axis=1)
            yield shuffled

    return Arrangements(blocks(), n_resamples, False, total)


def orders(n: int, n_resamples: int, rng: np.random.Generator) -> Arrangements:
    """Rows of permutations of 0 .. n - 1."""
    total = factorial(n)
    if total <= n_resamples:
        return Arrangements(iter([np.array(list(permutations(range(n))))]), total, True, total)

    def blocks() -> Iterator[NDArray]:
        for rows in _rows(n_resamples, n * n):
            yield np.argsort(rng.random((rows, n)), axis=1)

    return Arrangements(blocks(), n_resamples, False, total)


def tail_share(
    observed: float, null: NDArray[np.float64], *, exact: bool, tolerance: float
) -> float:
    """Share of arrangements at least as extreme; never 0.

    Parameters
    ----------
    observed
        Statistic as the data came; large is extreme.
    null
        (m,) statistics of the arrangements; `exact` when all of them, the given one included.
    tolerance
        Differences that are rounding: ties count as extreme.

    Examples
    --------
    >>> tail_share(3.0, np.array([1.0, 2.0, 3.0, 0.0]), exact=False, tolerance=0.0)  # (1+1)/(4+1)
    0.4
    """
    extreme = int((null >= observed - tolerance).sum())
    return extreme / len(null) if exact else (extreme + 1) / (len(null) + 1)


def _random_halves(rows: int, n: int, n_a: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Rows with n_a entries true: those with the smallest keys of 32 random bits.

    Finding the n_a-th key and comparing takes a third of the time that ordering the keys does. A
    row in which two keys tie at the threshold (once in a million) is drawn again.
    """
    keys = rng.integers(0, 2**32, size=(rows, n), dtype=np.uint32)
    chosen = keys <= np.partition(keys, n_a - 1, axis=1)[:, n_a - 1 : n_a]
    if np.count_nonzero(chosen) > rows * n_a:
        tied = np.flatnonzero(chosen.sum(axis=1) > n_a)
        chosen[tied] = _random_halves(len(tied), n, n_a, rng)
    return chosen


def _rows(count: int, width: int) -> Iterator[int]:
    size = max(1, BLOCK // width)
    for start in range(0, count, size):
        yield min(size, count - start)


def _multinomial(labels: NDArray[np.intp]) -> int:
    counts = np.unique(labels, return_counts=True)[1]
    return factorial(len(labels)) // prod(factorial(int(c)) for c in counts)


def _distinct(labels: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Every distinct order of the labels: choose the places of the first one, then of the rest."""
    first = labels == labels[0]
    if first.all():
        yield labels
        return
    places = np.arange(len(labels))
    for chosen in combinations(places, int(first.sum())):
        free = np.setdiff1d(places, chosen)
        for rest in _distinct(labels[~first]):
            out = np.full_like(labels, labels[0])
            out[free] = rest
            yield out
