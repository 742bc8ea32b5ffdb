"""Tests on distance matrices: do groups of units differ, do two matrices agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.arrangements import BLOCK, orders, relabelings, tail_share
from toposcope.stats.permutation import ROUNDING
from toposcope.stats.units import (
    check_alternative,
    check_resamples,
    check_unit,
    distance_matrix,
    group_numbers,
    refuse_overlap,
    target_of,
)


@dataclass(frozen=True)
class PermanovaResult:
    """A permutational analysis of variance.

    Parameters
    ----------
    pseudo_f
        Between-group over within-group mean square; inf when groups have no spread.
    r2
        Share of the sum of squared distances that lies between groups.
    pvalue
        Never 0.
    n_resamples, exact
        Arrangements that were looked at; whether they are all there are.
    n, n_groups
        Units and groups.
    unit
        "draw" or "network".
    smallest_p
        Smallest p-value this design could have given.
    """

    pseudo_f: float
    r2: float
    pvalue: float
    n_resamples: int
    exact: bool
    n: int
    n_groups: int
    unit: str
    smallest_p: float

    @property
    def target(self) -> str:
        """What the test speaks about."""
        return target_of(self.unit)


def permanova(
    distances: ArrayLike,
    groups: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    n_resamples: int = 9999,
    seed: int | np.random.Generator = 0,
    unit: str = "draw",
    overlap: float = 0.0,
) -> PermanovaResult:
    """Test whether groups of units lie in different places, from their distances alone.

    Parameters
    ----------
    distances
        (N, N) distances between independent units.
    groups
        (N,) labels of two or more groups.
    strata
        (N,) blocks within which labels are shuffled, such as the draw that several networks were
        given: the paired design. None: one block.
    n_resamples, seed, unit, overlap
        As in `permutation_test`.

    Notes
    -----
    With groups of unequal size, a group that is only wider or narrower than the others changes
    pseudo-F too. Look at the spreads before saying that places differ.

    Examples
    --------
    Numbers 0, 1 against 4, 5: squared distances sum to 17 (over N), of which 1 is within groups.

    >>> x = np.array([0.0, 1.0, 4.0, 5.0])
    >>> found = permanova(np.abs(x[:, None] - x), ["a", "a", "b", "b"])
    >>> found.pseudo_f, round(found.r2, 4), round(found.pvalue, 4)  # F = (16 / 1) / (1 / 2)
    (32.0, 0.9412, 0.3333)

    References
    ----------
    Anderson, A new method for non-parametric multivariate analysis of variance, 2001.
    """
    call = "permanova()"
    refuse_overlap(call, overlap)
    n_resamples = check_resamples(call, n_resamples)
    unit = check_unit(call, unit)
    squares = distance_matrix(call, "distances", distances, copies=3) ** 2
    labels, sizes = group_numbers(call, "groups", groups, len(squares))
    blocks = np.zeros(len(squares), dtype=np.intp)
    if strata is not None:
        blocks, _ = group_numbers(call, "strata", strata, len(squares))
    k, n = len(sizes), len(squares)
    if k < 2 or n <= k:
        msg = f"{call}: {n} units in {k} groups; two or more groups and some repetition are needed."
        raise UsageError(msg)
    moves = relabelings(labels, blocks, n_resamples, parameters.rng(seed, call=call))
    if moves.total == 1:
        msg = (
            f"{call}: every stratum holds units of one group only, so nothing can be shuffled. "
            f"strata= names blocks that contain several groups, such as draws shared by networks."
        )
        raise UsageError(msg)
    total = float(squares.sum()) / (2 * n)
    if total == 0.0:
        msg = f"{call}: all distances are 0; there is no spread to divide between groups."
        raise UsageError(msg)

    def within(rows: NDArray) -> NDArray[np.float64]:
        out = np.zeros(len(rows))
        for group, size in enumerate(sizes):
            member = (rows == group).astype(np.float64)
            out += np.einsum("ij,ij->i", member @ squares, member) / (2 * size)
        return out

    inside = float(within(labels[None])[0])
    # Pseudo-F falls with the within-group sum, and the total is the same for all arrangements.
    null = moves.null(lambda rows: -within(rows))
    p = tail_share(-inside, null, exact=moves.exact, tolerance=ROUNDING * total)
    between = total - inside
    flat = inside <= ROUNDING * total
    ratio = np.inf if flat else (between / (k - 1)) / (inside / (n - k))
    lowest = 1 / moves.total if moves.exact else 1 / (moves.count + 1)
    return PermanovaResult(
        float(ratio), between / total, p, moves.count, moves.exact, n, k, unit, lowest
    )


@dataclass(frozen=True)
class MantelResult:
    """Correlation of two distance matrices.

    Parameters
    ----------
    correlation
        Over the pairs of objects.
    pvalue
        Never 0.
    n_resamples, exact
        Arrangements that were looked at; whether they are all there are.
    n
        Objects.
    method, alternative
        As asked.
    unit
        "draw" or "network".
    smallest_p
        Smallest p-value this design could have given.
    """

    correlation: float
    pvalue: float
    n_resamples: int
    exact: bool
    n: int
    method: str
    alternative: str
    unit: str
    smallest_p: float

    @property
    def target(self) -> str:
        """What the test speaks about."""
        return target_of(self.unit)


def mantel(
    a: ArrayLike,
    b: ArrayLike,
    *,
    n_resamples: int = 9999,
    seed: int | np.random.Generator = 0,
    method: str = "pearson",
    alternative: str = "two-sided",
    unit: str = "draw",
    overlap: float = 0.0,
) -> MantelResult:
    """Test whether two matrices of distances between the same objects agree.

    Parameters
    ----------
    a, b
        (N, N) distances between the same N objects in the same order, four or more.
    n_resamples, seed, unit, overlap
        As in `permutation_test`; rows and columns of b are shuffled together.
    method
        "pearson" or "spearman" (ranks).
    alternative
        "two-sided", "greater" or "less".

    Notes
    -----
    The objects must be exchangeable: independent networks or draws. Layers of one network are not
    (neighbors are alike in any matrix), and p is then far too small; the correlation still
    describes. See docs/statistics.md for how much.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 3.0, 7.0])
    >>> d = np.abs(x[:, None] - x)
    >>> found = mantel(d, 2 * d)
    >>> round(found.correlation, 6), round(found.pvalue, 4)  # 1 of 24 orders
    (1.0, 0.0417)

    References
    ----------
    Mantel, The detection of disease clustering, 1967; Guillot & Rousset, Dismantling the Mantel
    tests, 2013 (why objects must not be autocorrelated).
    """
    call = "mantel()"
    refuse_overlap(call, overlap)
    n_resamples = check_resamples(call, n_resamples)
    alternative = check_alternative(call, alternative)
    method = parameters.choice(method, ("pearson", "spearman"), "method", call=call)
    unit = check_unit(call, unit)
    x, y = (distance_matrix(call, name, given, copies=6) for name, given in (("a", a), ("b", b)))
    n = len(x)
    if x.shape != y.shape or n < 4:
        msg = f"{call}: a is {x.shape}, b is {y.shape}; needed are the same 4 or more objects."
        raise UsageError(msg)
    upper = np.triu_indices(n, 1)
    x_pairs, y_pairs = x[upper], y[upper]
    if method == "spearman":
        x_pairs, y_pairs = _ranks(x_pairs), _ranks(y_pairs)
    x_pairs, y_pairs = x_pairs - x_pairs.mean(), y_pairs - y_pairs.mean()
    size = float(np.sqrt((x_pairs @ x_pairs) * (y_pairs @ y_pairs)))
    if size <= ROUNDING * float(np.abs(x).max() * np.abs(y).max()):
        msg = f"{call}: all distances of a or of b are equal; a correlation is not defined."
        raise UsageError(msg)
    square = np.zeros((n, n))
    square[upper] = y_pairs
    square += square.T
    moves = orders(n, n_resamples, parameters.rng(seed, call=call))
    observed = float(x_pairs @ y_pairs) / size

    def correlations(rows: NDArray) -> NDArray[np.float64]:
        # A few rows at a time: a block of them takes n**2 / 2 entries a row, not n.
        few = max(1, BLOCK // len(x_pairs))
        parts = [rows[start : start + few] for start in range(0, len(rows), few)]
        found = [square[part[:, upper[0]], part[:, upper[1]]] @ x_pairs for part in parts]
        return np.concatenate(found) / size

    null = moves.null(correlations)
    if alternative == "two-sided":
        observed_tail, null = abs(observed), np.abs(null)
    else:
        sign = 1.0 if alternative == "greater" else -1.0
        observed_tail, null = sign * observed, sign * null
    p = tail_share(observed_tail, null, exact=moves.exact, tolerance=ROUNDING)
    lowest = 1 / moves.total if moves.exact else 1 / (moves.count + 1)
    return MantelResult(observed, p, moves.count, moves.exact, n, method, alternative, unit, lowest)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, ties at their mean."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[where]
