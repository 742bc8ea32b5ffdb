"""Kernel matrices of layers as tiles, and their inner products after double centering.

An n x n Gram matrix per layer would be 200 MB each for 5,000 samples. Here they exist only as tiles
of 256 x 256: each tile of each layer is made once, and one matrix product adds the inner products
of all pairs of layers on that tile.

What keeps the digits: samples are measured from the medians of the units and row means are taken
out of every tile before it is squared. One sample of 1e10 then costs the others nothing; from the
mean, debiased CKA was off by 1 % at 1e8, 25 times too small at 1e10 and NaN beyond. All of it is
float64, whatever the dtype of the layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.homology.metrics import distances
from toposcope.similarity.paired_rows import largest, medians

Array = NDArray[np.float64]

TILE = 256

SIZE = 200
"""Binary exponent of the largest entry after scaling: its fourth power, summed over all pairs, is
a float64, and so is that of entries 1e-130 as large."""

# Digits of a product that are rounding: below this share of the norms there is nothing to centre.
_ROUNDING = 1e3 * float(np.finfo(np.float64).eps)
# Squared distances below this share of the norms are computed again from differences.
_EXACT_BELOW = 1e-5


class Gram:
    """One layer's kernel matrix, tile by tile, less its row means.

    Parameters
    ----------
    X
        (n, d) activations of any real dtype, finite and not constant; read in blocks of rows.
    kernel, bandwidth
        As in `cka`.
    debiased
        Whether the diagonal is left out, of the row means as well.
    call
        Name used in error messages.
    """

    def __init__(
        self, X: NDArray, *, kernel: str, bandwidth: float, debiased: bool, call: str
    ) -> None:
        self.X, self.debiased = X, debiased
        self.exponent = SIZE - int(np.frexp(largest(X))[1])
        self.origin = self._medians()
        self.squares = np.concatenate([(z * z).sum(axis=1) for z in self._blocks()])
        self.shifts = np.zeros(len(X))
        self.scale: float | None = None
        if kernel == "rbf":
            self.scale = bandwidth * self._median_distance(call)
            self.level = 0.5 / bandwidth**2 if bandwidth > 1e-150 else np.inf
        else:
            self.shifts = self._row_means()

    def __len__(self) -> int:
        return len(self.X)

    def raw(self, rows: slice) -> Array:
        """A block of rows, scaled by a power of two."""
        return times(np.asarray(self.X[rows], dtype=np.float64), self.exponent)

    def rows(self, rows: slice) -> Array:
        """A block of rows from the medians, scaled by a power of two."""
        return self.raw(rows) - self.origin

    def tile(self, left: Array, right: Array, rows: slice, columns: slice) -> Array:
        """Kernel between two blocks of `rows`, less row means (rbf: less its middle value)."""
        products: Array = left @ right.T
        if self.scale is not None:
            tile = self._rbf(products, rows, columns)
        else:
            tile = products - self.shifts[rows, None]
            tile -= self.shifts[columns]
        if self.debiased and rows == columns:
            np.fill_diagonal(tile, 0.0)
        return tile

    def rounding(self, *, entrywise: bool) -> float:
        """Norm of what rounding may have made of the centered kernel matrix.

        The products of samples are off by their norms times the rounding of float64; `entrywise`,
        a second pass, by what was added up. An rbf kernel is as far off as its distances.
        """
        n = len(self)
        if self.scale is not None:
            slope = self.level * np.exp(-self.level) if np.isfinite(self.level) else 0.0
            return float(_ROUNDING * slope * n)
        if not entrywise:
            before = np.cumsum(self.squares)
            return float(_ROUNDING * np.sqrt(2 * (self.squares[1:] * before[:-1]).sum()))
        total = 0.0
        for rows, columns in tiles(n):
            size = np.abs(self.rows(rows)) @ np.abs(self.rows(columns)).T
            if rows == columns:
                np.fill_diagonal(size, 0.0)
            total += (1 if rows == columns else 2) * float((size * size).sum())
        return float(_ROUNDING * np.sqrt(total))

    def _blocks(self) -> Iterator[Array]:
        for start in range(0, len(self.X), TILE):
            yield self.rows(slice(start, start + TILE))

    def _medians(self) -> Array:
        columns = max(1, (1 << 22) // len(self.X))  # 32 MB at a time
        return np.concatenate(
            [
                medians(
                    times(
                        np.asarray(self.X[:, start : start + columns], dtype=np.float64),
                        self.exponent,
                    )
                )
                for start in range(0, self.X.shape[1], columns)
            ]
        )

    def _row_means(self) -> Array:
        """What double centering takes out of row i and column i of the linear kernel.

        Sums over the *other* samples: one huge sample would swallow them if its own square were
        added first and subtracted later.
        """
        n = len(self.X)
        parts = np.array([z.sum(axis=0) for z in self._blocks()])
        nothing = np.zeros((1, parts.shape[1]))
        before = np.concatenate([nothing, np.cumsum(parts, axis=0)[:-1]])
        after = np.concatenate([np.cumsum(parts[::-1], axis=0)[::-1][1:], nothing])
        sums = np.empty(n)
        for b, z in enumerate(self._blocks()):
            inside = z @ z.T
            if self.debiased:
                np.fill_diagonal(inside, 0.0)
            sums[b * TILE : b * TILE + len(z)] = inside.sum(axis=1) + z @ (before[b] + after[b])
        first, second = divisors(n, debiased=self.debiased)
        means: Array = sums / first - sums.sum() / second / 2
        return means

    def _median_distance(self, call: str) -> float:
        D = distances(np.asarray(self.X, dtype=np.float64), call=call)
        # Scaled before the mean of the two middle ones, as everything else here.
        median = float(np.ldexp(np.median(D[np.triu_indices(len(D), k=1)]), self.exponent))
        if not median:
            msg = (
                f"{call}: more than half of all pairs of samples are equal, so the median distance "
                "that sets the width of the rbf kernel is 0. Use kernel='linear' or drop repeated "
                "samples."
            )
            raise UsageError(msg)
        return median

    def _rbf(self, products: Array, rows: slice, columns: slice) -> Array:
        """exp(-d^2 / (2 s^2)) less its value at the median distance: centering ignores constants,
        and the digits of what varies are kept.
        """
        both = self.squares[rows, None] + self.squares[columns]
        apart = np.maximum(both - 2 * products, 0.0)
        near = np.argwhere(apart <= _EXACT_BELOW * both)
        if len(near):
            left, right = self.raw(rows), self.raw(columns)
            step = max(1, (1 << 20) // left.shape[1])
            for start in range(0, len(near), step):
                i, j = near[start : start + step].T
                apart[i, j] = ((left[i] - right[j]) ** 2).sum(axis=1)
        with np.errstate(over="ignore"):
            exponents = -0.5 * (np.sqrt(apart) / self.scale) ** 2
        if self.level < 0.5:  # a wide kernel: 1 - exp would lose its digits
            return np.asarray(np.expm1(exponents) - np.expm1(-self.level))
        return np.asarray(np.exp(exponents) - np.exp(-self.level))


def times(X: Array, exponent: int) -> Array:
    """`X` times 2^exponent, exactly (a product is five times faster than ldexp)."""
    if abs(exponent) < 1000:
        return np.asarray(X * 2.0**exponent)
    return np.asarray(np.ldexp(X, exponent))


def tiles(n: int) -> Iterator[tuple[slice, slice]]:
    """(rows, columns) of the tiles on and above the diagonal.

    >>> [(rows.start, columns.start) for rows, columns in tiles(300)]
    [(0, 0), (0, 256), (256, 256)]
    """
    for top in range(0, n, TILE):
        for start in range(top, n, TILE):
            yield slice(top, min(top + TILE, n)), slice(start, min(start + TILE, n))


def divisors(n: int, *, debiased: bool) -> tuple[int, int]:
    """What sums of rows and of everything are divided by: HKH, or U-centering (Szekely 2014)."""
    return (n - 2, (n - 1) * (n - 2)) if debiased else (n, n * n)


def inner_products(
    grams: Sequence[Gram], names: Sequence[str], left: Sequence[int], right: Sequence[int]
) -> tuple[Array, Array]:
    """Inner products of doubly centered kernel matrices: HSIC up to a common factor.

    Returns
    -------
    (left, right) products of those places, and (L,) of every matrix with itself.

    Raises
    ------
    DegenerateCloudError
        For a matrix that centering leaves nothing of, by its name.
    """
    n, debiased = len(grams[0]), grams[0].debiased
    inner, own = np.zeros((len(left), len(right))), np.zeros(len(grams))
    sums = np.zeros((len(grams), n))  # of the rows of each matrix
    blocks: list[Array] = []
    for rows, columns in tiles(n):
        if rows == columns:
            blocks = [g.rows(rows) for g in grams]
        stack = np.stack(
            [
                g.tile(z, z if rows == columns else g.rows(columns), rows, columns)
                for g, z in zip(grams, blocks, strict=True)
            ]
        )
        if rows != columns:
            sums[:, columns] += stack.sum(axis=1)
        sums[:, rows] += stack.sum(axis=2)
        flat = stack.reshape(len(grams), -1)
        weight = 1 if rows == columns else 2
        inner += weight * (flat[left] @ flat[right].T)
        own += weight * np.einsum("ij,ij->i", flat, flat)
    plain = own.copy()
    # What row means are left: <K, L> - 2 K1.L1 / n + 1'K1 1'L1 / n^2, or with other divisors.
    first, second = divisors(n, debiased=debiased)
    totals = sums.sum(axis=1)
    inner += np.outer(totals[left], totals[right]) / second
    inner -= 2 / first * (sums[left] @ sums[right].T)
    own += totals**2 / second - 2 / first * np.einsum("ij,ij->i", sums, sums)
    for gram, name, after, before in zip(grams, names, own, plain, strict=True):
        if after <= 1e-12 * before or (
            after <= gram.rounding(entrywise=False) ** 2
            and after <= gram.rounding(entrywise=True) ** 2
        ):
            raise nothing_left(name, debiased=debiased)
    return inner, own


def unit_matrix(gram: Gram, name: str) -> Array:
    """(n, n) doubly centered kernel matrix of norm 1: CKA is the sum of two of them, multiplied."""
    inner_products([gram], [name], [0], [0])  # refuses 0 / 0
    n = len(gram)
    full = np.empty((n, n))
    for rows, columns in tiles(n):
        full[rows, columns] = gram.tile(gram.rows(rows), gram.rows(columns), rows, columns)
        full[columns, rows] = full[rows, columns].T
    full /= np.abs(full).max()
    first, second = divisors(n, debiased=gram.debiased)
    means = full.sum(axis=1) / first
    full -= means + means[:, None] - full.sum() / second
    if gram.debiased:
        np.fill_diagonal(full, 0.0)
    return np.asarray(full / np.linalg.norm(full))


def nothing_left(where: str, *, debiased: bool) -> DegenerateCloudError:
    """The error for a layer whose CKA is 0 / 0."""
    why, way = "its kernel is the same for all pairs of samples", "Choose another bandwidth."
    if debiased:
        why = (
            "without each sample's product with itself its kernel holds nothing but row means "
            "(one sample differs from all others, or all are equally far apart)"
        )
        way = "Leave the layer out, or pass debiased=False."
    kind = "debiased CKA" if debiased else "CKA"
    return DegenerateCloudError(f"{where}: {kind} is 0 / 0 here: {why}. {way}")
