"""Linear CKA between all pairs of layers in one pass over batches of samples.

Only sums over samples are kept. Debiased CKA leaves the products of samples with themselves out;
here they never enter a sum (a block is met by the samples before it, and by itself without its
diagonal), since what one huge sample adds could not be subtracted again: at 1e10 among 60 samples
the rest had no digit left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs.arrays import read_cloud
from toposcope.similarity.gram_tiles import SIZE, TILE, divisors, nothing_left
from toposcope.similarity.paired_rows import check_count, check_varies, largest, medians

Array = NDArray[np.float64]

# Share of the squared kernel matrix below which its centered form is rounding.
_ROUNDING = 1e-11
# Scaled entries may grow by this much before the sums are scaled anew.
_ROOM = 20


class LinearCKA:
    """Linear CKA between all pairs of layers, from one pass over batches of samples.

    The result does not depend on how the samples were cut into batches, to the last bit: rows are
    gathered into blocks of one size before they are summed. This is exact CKA over all samples,
    not an average of CKA over batches. Memory: 8 (p_1 + ... + p_L)^2 bytes for layers of widths
    p_i, whatever the number of samples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> from toposcope.similarity import cka
    >>> first, second = rng.normal(size=(100, 3)), rng.normal(size=(100, 5))
    >>> stream = LinearCKA()
    >>> for start in range(0, 100, 20):
    ...     stream.update([first[start : start + 20], second[start : start + 20]])
    >>> stream.n
    100
    >>> bool(np.isclose(stream.matrix()[0, 1], cka(first, second)))
    True
    """

    def __init__(self) -> None:
        self.n = 0
        self._widths: tuple[int, ...] = ()
        self._block = np.empty((0, 0))
        self._sums: Moments | None = None

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
            self._block = np.empty((TILE, sum(widths)))
        rows = np.concatenate([x.astype(np.float64) for x in batch], axis=1)
        done = 0
        while done < len(rows):
            filled = self.n % TILE
            taken = min(TILE - filled, len(rows) - done)
            self._block[filled : filled + taken] = rows[done : done + taken]
            done += taken
            self.n += taken
            if self.n % TILE == 0:
                self._sums = self._sums or Moments(self._widths, medians(self._block))
                self._sums.add(self._block)

    def matrix(self, *, debiased: bool = True) -> Array:
        """(L, L) CKA of the samples so far; more may follow.

        Raises
        ------
        TooFewSamplesError, DegenerateCloudError
            For fewer than 4 samples, a layer that is the same for all of them, or one whose
            debiased CKA is 0 / 0, as in `cka`.
        """
        call = "LinearCKA.matrix()"
        check_count(self.n, call=call)
        rest = self._block[: self.n % TILE]
        sums = self._sums.copy() if self._sums else Moments(self._widths, medians(rest))
        if len(rest):
            sums.add(rest)
        names = [f"{call}, layer {i}" for i in range(len(self._widths))]
        inner = sums.inner_products(names, debiased=debiased)
        values = ratios(inner, inner.diagonal(), inner.diagonal(), debiased=debiased)
        np.fill_diagonal(values, 1.0)
        return values


class Moments:
    """Sums over samples from which linear HSIC follows; all layers side by side in one matrix.

    With z_j the scaled sample j of all layers from the origin, and k_j its L sums of products with
    all *other* samples, each layer by itself.

    Parameters
    ----------
    widths
        Of the layers.
    origin
        A point near most samples: medians of a block.
    """

    def __init__(self, widths: Sequence[int], origin: Array) -> None:
        ends = np.cumsum(widths)
        self.parts = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
        total, layers = int(ends[-1]), len(widths)
        self.n = 0
        self.origin = origin
        self.exponents: list[int | None] = [None] * layers
        self.lowest = np.full(total, np.inf)
        self.highest = np.full(total, -np.inf)
        self.cross = np.zeros((total, total))  # sum of z z'
        self.first = np.zeros(total)  # sum of z
        self.weighted = np.zeros((total, layers))  # sum of z k'
        self.row_products = np.zeros((layers, layers))  # sum of k k'
        self.rows = np.zeros(layers)  # sum of k
        self.pairs = np.zeros((layers, layers))  # sum over i != j of <z_i, z_j> of both layers

    def copy(self) -> Moments:
        """These sums, to add more without changing them."""
        twin = object.__new__(Moments)
        for name, value in vars(self).items():
            kept = value.copy() if isinstance(value, np.ndarray | list) else value
            setattr(twin, name, kept)
        return twin

    def add(self, rows: Array) -> None:
        """Another block of samples, (m, sum of widths)."""
        self.lowest = np.minimum(self.lowest, rows.min(axis=0))
        self.highest = np.maximum(self.highest, rows.max(axis=0))
        z = self._scaled(rows)
        layers = [z[:, part] for part in self.parts]
        grams = np.stack([x @ x.T for x in layers])
        grams[:, np.arange(len(z)), np.arange(len(z))] = 0.0
        met = np.stack([x @ self.first[p] for x, p in zip(layers, self.parts, strict=True)], axis=1)
        k = grams.sum(axis=2).T + met
        own, sums = z.T @ z, z.sum(axis=0)
        # Samples before meet those of the block: their k grows by <z, sums>.
        grown = np.stack([self.cross[:, p] @ sums[p] for p in self.parts], axis=1)
        turned = np.stack([self.weighted[p].T @ sums[p] for p in self.parts], axis=1)
        self.row_products += turned + turned.T + self._inner(grown, sums) + k.T @ k
        self.weighted += grown + z.T @ k
        self.rows += met.sum(axis=0) + k.sum(axis=0)
        flat = grams.reshape(len(grams), -1)
        self.pairs += flat @ flat.T + 2 * self._blocks(self.cross * own)
        self.cross += own
        self.first += sums
        self.n += len(z)

    def inner_products(self, names: Sequence[str], *, debiased: bool) -> Array:
        """(L, L) inner products of doubly centered kernel matrices: HSIC up to a common factor."""
        for name, part in zip(names, self.parts, strict=True):
            check_varies(np.stack([self.lowest[part], self.highest[part]]), call=name)
        if not debiased:
            centered = self.cross - np.outer(self.first, self.first) / self.n
            return self._blocks(centered * centered)
        first, second = divisors(self.n, debiased=True)
        inner: Array = (
            self.pairs + np.outer(self.rows, self.rows) / second - 2 / first * self.row_products
        )
        for name, own, plain in zip(names, inner.diagonal(), self.pairs.diagonal(), strict=True):
            if own <= _ROUNDING * plain:
                raise nothing_left(name, debiased=True)
        return inner

    def _scaled(self, rows: Array) -> Array:
        """Rows from the origin, each layer times a power of two that fits all so far."""
        z = np.empty_like(rows)
        for i, part in enumerate(self.parts):
            size = largest(rows[:, part])
            if size:
                wanted = SIZE - int(np.frexp(size)[1])
                now = self.exponents[i]
                if now is None:
                    self.exponents[i] = wanted
                elif wanted < now - _ROOM:
                    self._rescale(i, wanted - now)
                    self.exponents[i] = wanted
            exponent = self.exponents[i] or 0
            z[:, part] = np.ldexp(rows[:, part], exponent) - np.ldexp(self.origin[part], exponent)
        return z

    def _rescale(self, i: int, by: int) -> None:
        part = self.parts[i]
        for values, times in (
            (self.cross[part], 1),
            (self.cross[:, part], 1),
            (self.first[part], 1),
            (self.weighted[part], 1),
            (self.weighted[:, i], 2),
            (self.row_products[i], 2),
            (self.row_products[:, i], 2),
            (self.rows[i : i + 1], 2),
            (self.pairs[i], 2),
            (self.pairs[:, i], 2),
        ):
            np.ldexp(values, by * times, out=values)

    def _blocks(self, products: Array) -> Array:
        """(L, L) sums of the blocks of layers."""
        starts = [part.start for part in self.parts]
        tall = np.add.reduceat(products, starts, axis=0)
        return np.asarray(np.add.reduceat(tall, starts, axis=1))

    def _inner(self, grown: Array, sums: Array) -> Array:
        """(L, L) of grown[part of l, m] . sums[part of l]."""
        return np.stack([grown[p].T @ sums[p] for p in self.parts])


def ratios(inner: Array, left: Array, right: Array, *, debiased: bool) -> Array:
    """CKA from inner products of centered kernel matrices, and of each with itself."""
    values = inner / np.sqrt(right) / np.sqrt(left)[:, None]
    return np.asarray(np.clip(values, -1.0 if debiased else 0.0, 1.0))
