"""What similarities become when the samples of one network are shuffled, for thousands of shuffles.

A measure that is a sum over pairs of samples, f(X, Y) = sum_ij A_ij B_ij (CKA of any kernel and
estimator, RSA, mutual kNN), costs n^2 for a shuffle of Y. Here n shuffles cost n^2 together: the
shuffled samples are rotated, B_{i+t,j+t} for t = 0 ... n - 1, and the n values are a correlation
along the diagonals of both matrices, hence sums of products of their Fourier transforms. Every
diagonal of every layer is transformed once; all pairs of layers are one small matrix product per
frequency.

The permutations are sigma_b C tau_b', with C the n rotations, sigma_b and tau_b random, and tau_0 =
sigma_0, so that the first set holds the identity. Seen from any of its members the whole set has
the distribution it has seen from the identity, which is what makes a permutation test exact
(Hemerik and Goeman, Exact testing with random permutations, TEST 2018); it need not consist of
independent draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Permutation = NDArray[np.intp]

# Entries of all layers that are transformed at once: 64 MB of complex numbers.
_TOGETHER = 1 << 22


def permutations(n: int, count: int, rng: np.random.Generator) -> Iterator[Permutation]:
    """The identity and `count` shuffles of n samples, each its own draw."""
    yield np.arange(n)
    for _ in range(count):
        yield rng.permutation(n)


def shuffled_values(
    function: Callable[[NDArray, NDArray], float],
    layers: Sequence[NDArray],
    others: Sequence[NDArray],
    *,
    count: int,
    rng: np.random.Generator,
) -> Array:
    """(count + 1, layers, others) values of any measure, those of the true pairing first."""
    return np.array(
        [
            [[function(X, Y[order]) for Y in others] for X in layers]
            for order in permutations(len(layers[0]), count, rng)
        ]
    )


def rotated_values(
    layers: Sequence[Array],
    others: Sequence[Array],
    *,
    count: int,
    rng: np.random.Generator,
    chosen: NDArray[np.intp] | None = None,
) -> Array:
    """(count + 1, layers, others) sums over pairs of samples, those of the true pairing first.

    Parameters
    ----------
    layers, others
        (n, n) matrices A and B of each layer.
    count
        Shuffles, drawn without replacement from whole sets of n rotations.
    chosen
        Which of them: draws of samples that are shuffled together choose alike (`choose`).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> A, B = rng.normal(size=(2, 7, 7))
    >>> values = rotated_values([A], [B], count=20, rng=rng)
    >>> values.shape, bool(np.isclose(values[0, 0, 0], (A * B).sum()))
    ((21, 1, 1), True)
    """
    n = len(layers[0])
    if chosen is None:
        chosen = choose(n, count, rng)
    sets = -(-(count + 1) // n)
    found = np.empty((sets * n, len(layers), len(others)))
    # A diagonal and its mirror image hold the same numbers of a symmetric matrix.
    mirrored = all(np.array_equal(M, M.T) for M in (*layers, *others))
    for b in range(sets):
        sigma = rng.permutation(n)
        tau = sigma if b == 0 else rng.permutation(n)
        found[b * n : (b + 1) * n] = _rotations(layers, others, sigma, tau, mirrored=mirrored)
    return np.asarray(found[np.append(0, chosen)])


def choose(n: int, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Places of `count` shuffles among the fewest whole sets of n rotations; 0 is the identity."""
    sets = -(-(count + 1) // n)
    return np.asarray(1 + rng.choice(sets * n - 1, size=count, replace=False))


def _rotations(
    layers: Sequence[Array],
    others: Sequence[Array],
    sigma: Permutation,
    tau: Permutation,
    *,
    mirrored: bool,
) -> Array:
    """(n, layers, others) values of the n rotations between two orders of the samples."""
    n = len(sigma)
    total = np.zeros((n // 2 + 1, len(layers), len(others)), dtype=np.complex128)
    last = n // 2 if mirrored else n - 1
    step = max(1, _TOGETHER // (n * (len(layers) + len(others))))
    start = np.arange(n)
    for first in range(0, last + 1, step):
        lags = np.arange(first, min(first + step, last + 1))
        ends = (start + lags[:, None]) % n
        weights = np.ones(len(lags))
        if mirrored:
            weights[(lags > 0) & (2 * lags != n)] = 2.0
        A = _transformed(layers, tau, ends)
        B = _transformed(others, sigma, ends)
        A *= weights[:, None]
        # (frequencies, layers, lags) @ (frequencies, lags, others)
        total += np.matmul(A.conj().transpose(2, 0, 1), B.transpose(2, 1, 0))
    return np.fft.irfft(total, n=n, axis=0)


def _transformed(
    matrices: Sequence[Array], order: Permutation, ends: NDArray[np.intp]
) -> NDArray[np.complex128]:
    """(matrices, lags, frequencies) of the diagonals, samples in another order."""
    flat = order[None, :] * len(order) + order[ends]
    return np.stack([np.fft.rfft(M.ravel()[flat], axis=1) for M in matrices])
