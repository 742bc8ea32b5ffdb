"""Volumes as padded integer levels, the input of merge trees and Euler steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.homology.cubical_complex.voxels import Volume
from toposcope.homology.jit import kernel

_BINS = 4096
# Keys of 31 bits hold a level and the rank of a neighbor (see cubical_union).
_MAX_LEVELS = 2**26 - 2


def levels_of_limits(volume: Volume, limits: Volume) -> NDArray[np.int32]:
    """Number of the first limit that lets each voxel in, `len(limits)` where none does.

    Parameters
    ----------
    volume
        (d, h, w), C-contiguous.
    limits
        Strictly increasing, finite or -inf, of the dtype of the volume.

    Returns
    -------
    (d + 2, h + 2, w + 2) levels, or (h + 2, w + 2) when d is 1; the shell is at `len(limits)`.

    Examples
    --------
    >>> levels_of_limits(np.array([[[0.0, 1.0, 5.0]]]), np.array([0.5, 1.0]))[1]
    array([2, 0, 1, 2, 2], dtype=int32)
    """
    finite = limits[np.isfinite(limits)].astype(np.float64)
    low = float(finite[0]) if finite.size else 0.0
    with np.errstate(over="ignore", divide="ignore"):
        span = float(finite[-1] - low) if finite.size > 1 else np.inf
        scale = float(np.float64(_BINS) / span)
    padded = _padded(volume.shape, limits.size)
    bins = _bins_of(limits.astype(np.float64), low, scale)
    # Limits in earlier bins are below a value: binning is monotone, whatever it rounds.
    before = np.searchsorted(bins, np.arange(_BINS + 1)).astype(np.int32)
    _find_levels(volume.reshape(-1, volume.shape[-1]), limits, before, low, scale, _rows(padded))
    return padded


def levels_of_values(volume: Volume, *, call: str) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Ranks of the voxels among the distinct values below +inf, and those values.

    Parameters
    ----------
    volume
        (d, h, w), C-contiguous.
    call
        Name of the caller, for the message when there are more voxels than ranks.

    Returns
    -------
    padded
        As from `levels_of_limits`; +inf and the shell are at `len(values)`.
    values
        (count,) in increasing order.
    """
    if volume.size > _MAX_LEVELS:
        msg = (
            f"{call}: volume has {volume.size} voxels; at most {_MAX_LEVELS} can be ranked. Use "
            "betti_numbers() at a few thresholds, or cut the volume."
        )
        raise UsageError(msg)
    distinct, ranks = np.unique(volume, return_inverse=True)
    values = distinct[distinct < np.inf].astype(np.float64)
    padded = _padded(volume.shape, values.size)
    inner = (slice(1, -1),) * padded.ndim
    padded[inner] = ranks.reshape(padded[inner].shape)
    return padded, values


def flipped(padded: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Levels of the superlevel filtration: `count` - level, the shell comes first."""
    return np.int32(count) - padded


def _padded(shape: tuple[int, ...], fill: int) -> NDArray[np.int32]:
    kept = shape[1:] if shape[0] == 1 else shape
    return np.full([n + 2 for n in kept], fill, np.int32)


def _rows(padded: NDArray[np.int32]) -> NDArray[np.int32]:
    """(d, h, w) view of the voxels without the shell."""
    inner = padded[(slice(1, -1),) * padded.ndim]
    return inner[None] if inner.ndim == 2 else inner


@kernel
def _bin_of(value, low, scale):  # type: ignore[no-untyped-def]
    x = (np.float64(value) - low) * scale
    if not x > 0:  # NaN too: inf * 0
        return 0
    return _BINS - 1 if x >= _BINS else int(x)


@kernel
def _bins_of(values, low, scale):  # type: ignore[no-untyped-def]
    bins = np.empty(values.size, np.int64)
    for k in range(values.size):
        bins[k] = _bin_of(values[k], low, scale)
    return bins


@kernel
def _find_levels(lines, limits, before, low, scale, levels):  # type: ignore[no-untyped-def]
    for r in range(lines.shape[0]):
        z, y = r // levels.shape[1], r % levels.shape[1]
        for x in range(lines.shape[1]):
            value = lines[r, x]
            b = _bin_of(value, low, scale)
            k, end = before[b], before[b + 1]
            while k < end:
                middle = (k + end) // 2
                if limits[middle] < value:
                    k = middle + 1
                else:
                    end = middle
            levels[z, y, x] = k
