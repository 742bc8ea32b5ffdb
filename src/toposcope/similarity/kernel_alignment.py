"""Centered kernel alignment (CKA): in memory for any kernel, in one pass over batches for linear.

The biased estimator grows with width / n even for unrelated layers; the debiased one has mean 0
there. Compare numbers of the same estimator only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.homology.metrics import distances
from toposcope.inputs.arrays import read_cloud
from toposcope.similarity.paired_rows import centered, check_count, check_varies, paired

Array = NDArray[np.float64]

KERNELS = ("linear", "rbf")

# Rows per block of `LinearCKA`: batches are cut anew, so that sums do not depend on their size.
_BLOCK = 256


def cka(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    kernel: str = "linear",
    debiased: bool = False,
    bandwidth: float = 1.0,
) -> float:
    """Centered kernel alignment of two layers on the same samples.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.
    kernel
        "linear", or "rbf": exp(-d^2 / (2 s^2)) of Euclidean distances d.
    debiased
        False: in [0, 1], biased upwards when p or q is not small against n. True: the U-statistic
        (HSIC_1 of Song et al.), in [-1, 1] and 0 on average for unrelated layers.
    bandwidth
        s in units of the median distance between different samples, each layer's own; "rbf" only.
        Kornblith's code takes the median of squared distances with the zero diagonal.

    Returns
    -------
    Larger is more similar; 1 for layers that are equal up to rotation, scale and translation.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations.

    Notes
    -----
    Memory is 8 n^2 bytes a layer, or 8 (p + q)^2 for the linear kernel when that is less.

    Examples
    --------
    A layer and its reflection:

    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> round(cka(X, -X), 12)
    1.0

    References
    ----------
    Kornblith et al., Similarity of neural network representations revisited, ICML 2019. Song et
    al., Feature selection via dependence maximization, JMLR 2012. Nguyen, Raghu and Kornblith, Do
    wide and deep networks learn the same things?, ICLR 2021.
    """
    call = "cka()"
    if kernel not in KERNELS:
        msg = f"{call}: kernel {kernel!r} is unknown; choose one of {', '.join(KERNELS)}."
        raise UsageError(msg)
    if not 0 < bandwidth < math.inf:
        msg = f"{call}: bandwidth must be positive and finite; got {bandwidth!r}."
        raise UsageError(msg)
    left, right = paired(X, Y, call=call)
    left, right = centered(left), centered(right)
    if kernel == "linear" and left.shape[1] + right.shape[1] < len(left):
        stream = LinearCKA()
        stream.update([left, right])
        return float(stream.matrix(debiased=debiased)[0, 1])
    grams = [x @ x.T if kernel == "linear" else _rbf(x, bandwidth) for x in (left, right)]
    K, L = (_doubly_centered(gram, debiased=debiased) for gram in grams)
    return float((K * L).sum() / (np.linalg.norm(K) * np.linalg.norm(L)))


class LinearCKA:
    """Linear CKA between all pairs of layers, from one pass over batches of samples.

    The result does not depend on how the samples were cut into batches, to the last bit: rows are
    gathered into blocks of one size before they are summed. This is exact CKA over all samples,
    not an average of CKA over batches. Memory: 8 (p_1 + ... + p_L)^2 bytes for layers of widths
    p_i, whatever the number of samples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> first, second = rng.normal(size=(100, 3)), rng.normal(size=(100, 5))
    >>> stream = LinearCKA()
    >>> for start in range(0, 100, 20):
    ...     stream.update([first[start : start + 20], second[start : start + 20]])
    >>> stream.n
    100
    >>> bool(np.isclose(stream.matrix()[0, 1], cka(first, second, debiased=True)))
    True
    """

    def __init__(self) -> None:
        self.n = 0
        self._widths: tuple[int, ...] = ()
        self._block = np.empty((0, 0))
        self._sums: _Sums | None = None

    def update(self, layers: Sequence[ArrayLike]) -> None:
        """Add a batch: one (m, p_i) array per layer, the same m samples and layers each time."""
        call = "LinearCKA.update()"
        batch = [read_cloud(x, call=f"{call}, layer {i}") for i, x in enumerate(layers)]
        widths = tuple(x.shape[1] for x in batch)
        if len({len(x) for x in batch}) != 1 or (self._widths and widths != self._widths):
            msg = (
                f"{call}: layers of the same samples and of widths {self._widths or 'any'} are "
                f"needed; got shapes {[x.shape for x in batch]}."
            )
            raise UsageError(msg)
        if not self._widths:
            self._widths = widths
            self._block = np.empty((_BLOCK, sum(widths)))
        rows = np.concatenate(batch, axis=1, dtype=np.float64)
        done = 0
        while done < len(rows):
            filled = self.n % _BLOCK
            taken = min(_BLOCK - filled, len(rows) - done)
            self._block[filled : filled + taken] = rows[done : done + taken]
            done += taken
            self.n += taken
            if self.n % _BLOCK == 0:
                self._sums = self._sums or _Sums(self._widths, self._block)
                self._sums.add(self._block)

    def matrix(self, *, debiased: bool = True) -> Array:
        """(L, L) CKA of the samples so far; more may follow.

        Raises
        ------
        TooFewSamplesError, DegenerateCloudError
            For fewer than 4 samples, or a layer that is the same for all of them.
        """
        check_count(self.n, call="LinearCKA.matrix()")
        rest = self._block[: self.n % _BLOCK]
        sums = self._sums.copy() if self._sums else _Sums(self._widths, rest)
        if len(rest):
            sums.add(rest)
        sums.check_varies()
        products = sums.hsic(debiased=debiased)
        size = np.sqrt(products.diagonal())
        result: Array = products / np.outer(size, size)
        return result


class _Sums:
    """Sums over samples from which linear HSIC follows; all layers side by side in one matrix."""

    def __init__(self, widths: tuple[int, ...], first: Array) -> None:
        ends = np.cumsum(widths)
        self.parts = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
        self.n = 0
        # Moments around a point near the mean: with an offset their differences lose digits.
        self.origin = first.mean(axis=0)
        self.lowest = first.min(axis=0)
        self.highest = first.max(axis=0)
        total, layers = sum(widths), len(widths)
        self.cross = np.zeros((total, total))  # sum of z z'
        self.first = np.zeros(total)  # sum of z
        self.norms = np.zeros(layers)  # sum of |z_l|^2
        self.norm_products = np.zeros((layers, layers))  # sum of |z_l|^2 |z_m|^2
        self.weighted = np.zeros((total, layers))  # sum of z |z_m|^2

    def copy(self) -> _Sums:
        twin = object.__new__(_Sums)
        for name, value in vars(self).items():
            setattr(twin, name, value.copy() if isinstance(value, np.ndarray) else value)
        return twin

    def add(self, rows: Array) -> None:
        z = rows - self.origin
        squares = np.stack([(z[:, part] ** 2).sum(axis=1) for part in self.parts], axis=1)
        self.n += len(z)
        self.lowest = np.minimum(self.lowest, rows.min(axis=0))
        self.highest = np.maximum(self.highest, rows.max(axis=0))
        self.cross += z.T @ z
        self.first += z.sum(axis=0)
        self.norms += squares.sum(axis=0)
        self.norm_products += squares.T @ squares
        self.weighted += z.T @ squares

    def check_varies(self) -> None:
        for i, part in enumerate(self.parts):
            ends = np.stack([self.lowest[part], self.highest[part]])
            check_varies(ends, call=f"LinearCKA.matrix(), layer {i}")

    def hsic(self, *, debiased: bool) -> Array:
        """(L, L) HSIC up to a factor that CKA cancels.

        Debiased: with the diagonals of K and L set to 0, <K, L> + 1'K1 1'L1 / ((n-1)(n-2)) -
        2 / (n-2) 1'KL1; a row sum of K is x_i . sum(x) - |x_i|^2.
        """
        n = self.n
        if not debiased:
            centered = self.cross - np.outer(self.first, self.first) / n
            return self._squares(centered)
        sums = self._per_part(self.first**2) - self.norms  # 1'K1
        mixed = np.stack([self.weighted[p].T @ self.first[p] for p in self.parts])
        rows = self.norm_products - mixed - mixed.T
        for i, left in enumerate(self.parts):
            for j, right in enumerate(self.parts):
                rows[i, j] += self.first[left] @ self.cross[left, right] @ self.first[right]
        return (
            self._squares(self.cross)
            - self.norm_products
            + np.outer(sums, sums) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * rows
        )

    def _squares(self, cross: Array) -> Array:
        return np.array([[float((cross[a, b] ** 2).sum()) for b in self.parts] for a in self.parts])

    def _per_part(self, values: Array) -> Array:
        return np.array([values[part].sum() for part in self.parts])


def _rbf(X: Array, bandwidth: float) -> Array:
    D = distances(X, call="cka()")
    scale = bandwidth * float(np.median(D[np.triu_indices(len(D), k=1)]))
    if not scale:
        msg = (
            "cka(): more than half of all pairs of samples are equal, so the median distance that "
            "sets the width of the rbf kernel is 0. Use kernel='linear' or drop repeated samples."
        )
        raise UsageError(msg)
    gram: Array = np.exp(-0.5 * (D / scale) ** 2)
    return gram


def _doubly_centered(gram: Array, *, debiased: bool) -> Array:
    """H gram H, or its U-centered form with zero diagonal (Szekely and Rizzo 2014)."""
    n = len(gram)
    if not debiased:
        gram = gram - gram.mean(axis=0)
        both: Array = gram - gram.mean(axis=1, keepdims=True)
        return both
    np.fill_diagonal(gram, 0.0)
    means = gram.sum(axis=0) / (n - 2)
    result: Array = gram - means - means[:, None] + gram.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(result, 0.0)
    return result
