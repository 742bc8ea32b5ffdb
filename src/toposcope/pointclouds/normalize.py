"""Normalizations of a layer: one ruler, estimated once and shared by its replicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DegenerateCloudError
from toposcope.inputs.foreign import real
from toposcope.inputs.parameters import choice

NORMALIZATIONS: dict[str, str] = {
    "mean_distance": "divide by the mean off-diagonal distance of the layer",
    "median_distance": "divide by the median off-diagonal distance of the layer",
    "quantile_distance": "divide by the 0.9-quantile of the layer's distances (as RTD does)",
    "max_distance": "divide by the largest distance of the layer's draw (its diameter becomes 1)",
    "zscore": "standardize every feature, then divide by the mean distance",
    "minmax": "map every feature to [0, 1] (as Magai 2023 does)",
    "none": "activations as they are: scale decides the sign of depth trends",
}

QUANTILES = {"median_distance": 0.5, "quantile_distance": 0.9}
ALL_PAIRS, BLOCK = 2000, 500
"""Rows of which all pairs are formed (2 million distances), and rows of a block beyond that."""

_FAR = 1e3
"""Mean over spread from which rows are centered before their products: 1e-10 of a distance."""
Block = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]


@dataclass(frozen=True)
class Normalizer:
    """An affine map of the features, estimated on one layer: x -> (x - shift) / factor.

    Parameters
    ----------
    method
        One of `NORMALIZATIONS`.
    shift, factor
        Scalars or (d,) arrays.
    scale
        The mean off-diagonal distance of the un-normalized layer, in activation units.
    pull
        (n,) by how much each row that it was estimated on pulls the length unit, relatively; mean
        0. n rows of another sample would have given a unit that differs by the mean of theirs. None
        where that is not known: an extreme ("max_distance", "minmax") has no such expansion.
    """

    method: str
    shift: NDArray[np.float64]
    factor: NDArray[np.float64]
    scale: float
    pull: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)

    def __call__(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Normalized float64 copy of (m, d) activations."""
        return (flat(X) - self.shift) / self.factor


def flat(X: NDArray[Any], *, call: str = "normalize") -> NDArray[np.float64]:
    """Any (n, ...) array as an (n, d) float64 matrix."""
    X = real(X, call=call)
    if not X.ndim or not X.size:
        msg = f"{call}: needed are (n, ...) activations, not empty; got shape {X.shape}."
        raise DegenerateCloudError(msg)
    return X.reshape(len(X), -1).astype(np.float64)


def estimate_normalizer(X: NDArray[Any], method: str = "mean_distance") -> Normalizer:
    """The normalization of one layer.

    Parameters
    ----------
    X
        (n, ...) activations of a layer; non-finite values are refused. Up to 2,000 rows all n x n
        distances are formed; of more rows each is compared with 1,000 others, see `row_distances`.
    method
        One of `NORMALIZATIONS`.

    Raises
    ------
    DegenerateCloudError
        Non-finite values, or all rows equal (no distance to divide by).

    Examples
    --------
    >>> square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> round(estimate_normalizer(square).scale, 4)  # (4 sides of 1, 2 diagonals) / 6
    1.1381
    """
    method = choice(method, NORMALIZATIONS, "normalize", call="estimate_normalizer()")
    X = flat(X, call="estimate_normalizer()")
    check_finite(X, call="estimate_normalizer(): ")
    from toposcope.homology.metrics import refuse_pairs

    # The matrix, the rows and columns of its upper half, and that half.
    refuse_pairs(*X.shape, per_pair=20, call="estimate_normalizer()")
    zero, one = np.zeros(1), np.ones(1)
    raw = list(row_distances(X))
    means, scale = _mean(raw, len(X))
    if not scale > 0.0:
        msg = (
            f"estimate_normalizer(): all {len(X)} rows are equal: there is no distance to divide "
            "by."
        )
        raise DegenerateCloudError(msg)
    if method == "mean_distance":
        return Normalizer(method, zero, np.array([scale]), scale, 2 * (means / scale - 1))
    if method in QUANTILES:
        factor, pull = _quantile(raw, len(X), QUANTILES[method])
        if factor == 0.0:
            msg = f"the {method} is 0 (most rows are equal); use normalize='mean_distance'."
            raise DegenerateCloudError(msg)
        return Normalizer(method, zero, np.array([factor]), scale, pull)
    if method == "max_distance":
        largest = max(float(D.max()) for _, _, D in raw)
        return Normalizer(method, zero, np.array([largest]), scale)
    if method == "zscore":
        deviation = X.std(axis=0)
        deviation[deviation == 0.0] = 1.0  # a constant feature adds nothing to any distance
        means, mean = _mean(row_distances(X / deviation), len(X))
        return Normalizer(method, X.mean(axis=0), deviation * mean, scale, 2 * (means / mean - 1))
    if method == "minmax":
        low, high = X.min(axis=0), X.max(axis=0)
        return Normalizer(method, low, np.where(high > low, high - low, 1.0), scale)
    return Normalizer(method, zero, one, scale, np.zeros(len(X)))


def check_finite(X: NDArray[np.float64], *, call: str = "") -> None:
    """Refuse non-finite activations with their count."""
    bad = ~np.isfinite(X)
    if bad.any():
        msg = (
            f"{call}{int(bad.sum()):,} non-finite values in {int(bad.any(axis=1).sum()):,} of "
            f"{len(X):,} samples"
        )
        raise DegenerateCloudError(msg)


def row_distances(X: NDArray[np.float64]) -> Iterator[Block]:
    """Distances between rows, block by block, so that every row has equally many.

    Parameters
    ----------
    X
        (n, d) rows.

    Yields
    ------
    (i, j, D): row numbers and their (len(i), len(j)) distances. Up to `ALL_PAIRS` rows one block of
    all with all, the diagonal included; of more rows blocks of 500 in a random order, each with the
    next: the mean over these pairs has the error of the mean over all pairs to first order, since
    that comes from the rows (4 Var E[D | row] / n), and costs n / 500 blocks instead of their
    square.
    """
    from toposcope.homology.metrics import distances

    n = len(X)
    if n <= ALL_PAIRS:
        everyone = np.arange(n)
        yield everyone, everyone, np.asarray(distances(X), dtype=np.float64)
        return
    X, exponent = _for_products(X)
    parts = np.array_split(np.random.default_rng(0).permutation(n), max(3, n // BLOCK))
    for i, j in zip(parts, [*parts[1:], parts[0]], strict=True):
        A, B = X[i], X[j]
        squared = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T
        yield i, j, np.ldexp(np.sqrt(np.maximum(squared, 0.0)), exponent)


def _for_products(X: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Rows whose squared norms and products give their distances, times 2^-exponent; exponent.

    Rows far from 0 lose the digits of their distances in them (a mean of 1e8 and a spread of 1: a
    fifth of the distance), those of 1e160 overflow.
    """
    from toposcope.homology.metrics import centered, largest

    size = largest(np.abs(X.mean(axis=0, keepdims=True)))
    tame = 1e-70 < largest(X) < 1e70
    if tame and size < _FAR * float(np.sqrt(X.var(axis=0).sum())):
        return X, 0
    return centered(X)


def _mean(blocks: Iterable[Block], n: int) -> tuple[NDArray[np.float64], float]:
    """(n,) mean distance of each row to the rows it was compared with, and the mean of all."""
    total, count = np.zeros((2, n))
    for i, j, D in blocks:
        _add(total, count, i, j, D)
    means = total / np.maximum(count, 1)
    return means, float(total.sum() / count.sum()) if count.sum() else 0.0


def _quantile(blocks: Sequence[Block], n: int, p: float) -> tuple[float, NDArray[np.float64]]:
    """A quantile of the distances, and the pull of each row on it.

    A row pulls by 2 (p - F_row(q)) / (q f(q)): Bahadur's expansion of the quantile of a
    U-statistic's pairs; the density f from the quantiles 0.02 to either side.
    """
    alike = [i is j for i, j, _ in blocks]
    pooled = np.concatenate(
        [
            D[np.triu_indices(len(D), 1)] if same else D.ravel()
            for same, (_, _, D) in zip(alike, blocks, strict=True)
        ]
    )
    value, low, high = (float(x) for x in np.quantile(pooled, [p, p - 0.02, p + 0.02]))
    if value == 0.0:
        return 0.0, np.zeros(n)
    below, count = np.zeros((2, n))
    for i, j, D in blocks:
        _add(below, count, i, j, np.asarray(value >= D, dtype=np.float64), diagonal=1.0)
    share = below / np.maximum(count, 1)
    return value, 2 * (share.mean() - share) * (high - low) / (0.04 * value)


def _add(
    total: NDArray[np.float64],
    count: NDArray[np.float64],
    i: NDArray[np.intp],
    j: NDArray[np.intp],
    D: NDArray[np.float64],
    *,
    diagonal: float = 0.0,
) -> None:
    """Add a block's row sums to both of its sides; a row is not compared with itself."""
    if i is j:
        total[i] += D.sum(axis=1) - diagonal
        count[i] += len(j) - 1
        return
    total[i] += D.sum(axis=1)
    total[j] += D.sum(axis=0)
    count[i] += len(j)
    count[j] += len(i)
