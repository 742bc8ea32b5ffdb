"""CKA between all pairs of layers at once, for widths and kernels that one pass cannot serve.

An n x n Gram matrix per layer would be 200 MB each for 5,000 samples. Here they exist only as tiles
of 256 x 256: each tile of each layer is made once, and one matrix product adds the inner products
of all pairs of layers on that tile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.homology.metrics import distances
from toposcope.inputs.arrays import read_cloud
from toposcope.similarity.kernel_alignment import KERNELS, LinearCKA
from toposcope.similarity.paired_rows import check_count, check_varies

Array = NDArray[np.float64]

_TILE = 256
# Below this share of n, moments of all layers side by side cost less than tiles of Gram matrices.
_NARROW = 0.5


def cka_matrix(
    layers: Sequence[ArrayLike],
    others: Sequence[ArrayLike] | None = None,
    *,
    kernel: str = "linear",
    debiased: bool = True,
    bandwidth: float = 1.0,
) -> Array:
    """CKA between all pairs of layers on the same samples, in memory that does not grow with n^2.

    Parameters
    ----------
    layers
        Arrays (n, p_i), n >= 4; row i of all is the same sample. Memory-mapped arrays are read in
        blocks of rows.
    others
        Layers of another network on the same samples; None: the same ones.
    kernel, debiased, bandwidth
        As in `cka`. The rbf kernel needs one layer's n^2 / 2 distances at a time for their median.

    Returns
    -------
    (layers, others) values of `cka`; the same up to rounding.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations; the message names the layer.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(50, 3)), rng.normal(size=(50, 4))
    >>> M = cka_matrix([X, Y, 2 * X[:, ::-1] + 1])
    >>> bool(M[0, 2].round(9) == 1), bool(np.isclose(M[0, 1], M[1, 2]))
    (True, True)
    """
    call = "cka_matrix()"
    if kernel not in KERNELS:
        msg = f"{call}: kernel {kernel!r} is unknown; choose one of {', '.join(KERNELS)}."
        raise UsageError(msg)
    if not 0 < bandwidth < math.inf:
        msg = f"{call}: bandwidth must be positive and finite; got {bandwidth!r}."
        raise UsageError(msg)
    rows = _checked(layers, "layer", call)
    columns = rows if others is None else _checked(others, "other layer", call)
    if not rows or not columns:
        return np.empty((len(rows), len(columns)))
    every = rows if others is None else [*rows, *columns]
    if len({len(x) for x in every}) != 1:
        msg = (
            f"{call}: all layers need the same samples; got {sorted({len(x) for x in every})} "
            "rows. Select the rows of the shared sample ids first."
        )
        raise UsageError(msg)
    check_count(len(every[0]), call=call)
    at = slice(0, None) if others is None else slice(len(rows), None)
    if kernel == "linear" and sum(x.shape[1] for x in every) <= _NARROW * len(every[0]):
        stream = LinearCKA()
        for start in range(0, len(every[0]), _TILE):
            stream.update([x[start : start + _TILE] for x in every])
        return stream.matrix(debiased=debiased)[: len(rows), at]
    kernels = [_Tiles(x, kernel, bandwidth) for x in every]
    products = _products(kernels, len(rows), at, debiased=debiased)
    return products[0] / np.sqrt(np.outer(products[1][: len(rows)], products[1][at]))


def _checked(layers: Sequence[ArrayLike], kind: str, call: str) -> list[NDArray]:
    arrays = []
    for i, values in enumerate(layers):
        array = read_cloud(values, call=f"{call}, {kind} {i}")
        check_varies(array, call=f"{call}, {kind} {i}")
        arrays.append(array)
    return arrays


class _Tiles:
    """One layer's Gram matrix, tile by tile."""

    def __init__(self, X: NDArray, kernel: str, bandwidth: float) -> None:
        self.X = X
        # Scaled before squaring: activations beyond 1e154 would overflow.
        self.unit = float(np.abs(X).max())
        self.mean = (X / self.unit).mean(axis=0, dtype=np.float64)
        self.squares: Array | None = None
        if kernel == "rbf":
            self.squares = np.empty(len(X))
            for start in range(0, len(X), _TILE):
                rows = slice(start, start + _TILE)
                self.squares[rows] = (self.rows(rows) ** 2).sum(axis=1)
            self.rate = -0.5 / (bandwidth * _median_distance(X / self.unit)) ** 2

    def rows(self, rows: slice) -> Array:
        """A block of centered rows."""
        block: Array = np.asarray(self.X[rows], dtype=np.float64) / self.unit - self.mean
        return block

    def tile(self, left: Array, right: Array, rows: slice, columns: slice) -> Array:
        products: Array = left @ right.T
        if self.squares is None:
            return products
        apart = self.squares[rows, None] + self.squares[columns] - 2 * products
        return np.asarray(np.exp(self.rate * np.maximum(apart, 0.0)))


def _products(
    kernels: list[_Tiles], layers: int, others: slice, *, debiased: bool
) -> tuple[Array, Array]:
    """HSIC of layers with others, and of every layer with itself, up to a factor CKA cancels."""
    n = len(kernels[0].X)
    inner = np.zeros((layers, len(kernels[others])))
    own = np.zeros(len(kernels))
    sums = np.zeros((len(kernels), n))  # of the rows of each Gram matrix
    for top in range(0, n, _TILE):
        rows = slice(top, min(top + _TILE, n))
        left = [k.rows(rows) for k in kernels]
        for start in range(top, n, _TILE):
            columns = slice(start, min(start + _TILE, n))
            tiles = np.stack(
                [
                    k.tile(a, a if start == top else k.rows(columns), rows, columns)
                    for k, a in zip(kernels, left, strict=True)
                ]
            )
            weight = 2.0
            if start == top:
                weight = 1.0
                if debiased:
                    tiles[:, np.arange(len(left[0])), np.arange(len(left[0]))] = 0.0
            else:
                sums[:, columns] += tiles.sum(axis=1)
            sums[:, rows] += tiles.sum(axis=2)
            flat = tiles.reshape(len(kernels), -1)
            inner += weight * (flat[:layers] @ flat[others].T)
            own += weight * np.einsum("ij,ij->i", flat, flat)
    # <HKH, HLH> is <K, L> - 2 K1.L1 / n + 1'K1 1'L1 / n^2; the debiased form has other divisors.
    first, second = (n - 2, (n - 1) * (n - 2)) if debiased else (n, n * n)
    totals = sums.sum(axis=1)
    inner += np.outer(totals[:layers], totals[others]) / second
    inner -= 2 / first * (sums[:layers] @ sums[others].T)
    own += totals**2 / second - 2 / first * np.einsum("ij,ij->i", sums, sums)
    return inner, own


def _median_distance(X: NDArray) -> float:
    D = distances(X, call="cka_matrix()")
    median = float(np.median(D[np.triu_indices(len(D), k=1)]))
    if not median:
        msg = (
            "cka_matrix(): more than half of all pairs of samples are equal, so the median "
            "distance that sets the width of the rbf kernel is 0. Use kernel='linear' or drop "
            "repeated samples."
        )
        raise UsageError(msg)
    return median
