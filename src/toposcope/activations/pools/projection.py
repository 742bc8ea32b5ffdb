"""Random projection of wide outputs to a few numbers, without a matrix of floats in memory."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 16384
"""Input features multiplied at once by a projection; part of its definition (summation order)."""
CACHED_ENTRIES = 1 << 26
"""Projection matrices up to this size (256 MiB as float32) stay expanded between batches."""


class SignMatrix:
    """Random projection (d -> k) by a matrix of signs divided by sqrt(k).

    Squared distances are kept in expectation, with relative standard deviation below sqrt(2/k):
    the same guarantee as Gaussian entries, at one bit per entry. The matrix is drawn in blocks of
    input features and expanded to float32 one block at a time when it is large, so that no
    d x k matrix of floats is ever needed.

    Parameters
    ----------
    d, k
        Numbers of input features and of output features.
    seed
        Seed; (seed, d, k) determine the matrix.

    References
    ----------
    Achlioptas, Database-friendly random projections, J. Comput. Syst. Sci. 66, 2003.
    """

    def __init__(self, d: int, k: int, seed: int) -> None:
        self._d, self._k, self._seed = d, k, seed
        self._bits: list[NDArray[np.uint8]] = []
        self._expanded: list[Tensor] = []

    def apply(self, outputs: Tensor) -> Tensor:
        """(batch, ...) -> (batch, k) float32."""
        flat = outputs.flatten(1).float()
        total = flat.new_zeros(len(flat), self._k)
        for index, start in enumerate(range(0, self._d, BLOCK)):
            total += flat[:, start : start + BLOCK] @ self._block(index, flat.device)
        return total

    def _block(self, index: int, device: torch.device) -> Tensor:
        if self._expanded:
            return self._expanded[index].to(device)
        if not self._bits:
            self._draw()
        if self._d * self._k <= CACHED_ENTRIES:
            self._expanded = [self._expand(i).to(device) for i in range(len(self._bits))]
            return self._expanded[index]
        return self._expand(index).to(device)

    def _draw(self) -> None:
        for index, start in enumerate(range(0, self._d, BLOCK)):
            rows = min(BLOCK, self._d - start)
            stream = np.random.SeedSequence(self._seed, spawn_key=(self._d, self._k, index))
            generator = np.random.Generator(np.random.Philox(stream))
            self._bits.append(np.frombuffer(generator.bytes(-(-rows * self._k // 8)), np.uint8))

    def _expand(self, index: int) -> Tensor:
        rows = min(BLOCK, self._d - index * BLOCK)
        bits = np.unpackbits(self._bits[index], count=rows * self._k)
        # The tiny matrix of two values looks a bit up: 0 -> -1/sqrt(k), 1 -> +1/sqrt(k).
        values = np.array([-1.0, 1.0], np.float32) / np.float32(math.sqrt(self._k))
        return torch.from_numpy(values[bits].reshape(rows, self._k))
