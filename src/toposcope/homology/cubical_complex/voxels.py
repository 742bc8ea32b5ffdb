"""What a volume is, which thresholds make sense, and how both reach the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError

Volume = NDArray[np.floating[Any]]


def check_volume(volume: ArrayLike, *, call: str, batch: bool = False) -> Volume:
    """The volume as float32 or float64, after checking it.

    Parameters
    ----------
    volume
        2-D or 3-D, with one axis more in front for a batch; real numbers, bool or integers.
        +inf and -inf are values like any other.
    call
        Name of the caller, for messages.
    batch
        The first axis numbers volumes.

    Raises
    ------
    UsageError
        For other shapes, no voxels, NaN, and integers that float64 cannot hold.
    """
    array = np.asarray(volume)
    extra = int(batch)
    if array.ndim - extra not in (2, 3) or 0 in array.shape[extra:]:
        needed = "(m, h, w) or (m, d, h, w)" if batch else "(h, w) or (d, h, w)"
        msg = (
            f"{call}: volume has shape {array.shape}; needed is {needed}, at least one voxel. "
            "Reshape it, or index one channel of it."
        )
        raise UsageError(msg)
    if array.dtype.kind in "biu":
        if array.dtype.itemsize == 8 and array.size and int(np.abs(array).max()) > 2**53:
            msg = (
                f"{call}: volume has integers beyond 2**53, which float64 merges. Pass ranks of "
                "the values instead."
            )
            raise UsageError(msg)
        array = array.astype(np.float64)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype.kind != "f" or array.dtype.itemsize > 8:
        msg = f"{call}: volume has dtype {array.dtype}; pass float32 or float64."
        raise UsageError(msg)
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.size and np.isnan(np.min(array)):
        where = tuple(int(i) for i in np.argwhere(np.isnan(array))[0])
        msg = (
            f"{call}: volume has {np.isnan(array).sum()} NaN, the first at {where}; NaN has no "
            "place in a filtration. Replace it, by inf for voxels that never enter."
        )
        raise UsageError(msg)
    return array


def check_construction(construction: str, *, call: str) -> bool:
    """True for V (voxels are vertices), False for T (voxels are top cells)."""
    if construction not in ("V", "T"):
        msg = (
            f"{call}: construction must be 'V' (voxels are vertices) or 'T' (voxels are top "
            f"cells); got {construction!r}."
        )
        raise UsageError(msg)
    return construction == "V"


def check_thresholds(thresholds: ArrayLike, *, call: str) -> NDArray[np.float64]:
    """(k,) float64 thresholds, after checking them."""
    array = np.asarray(thresholds, dtype=np.float64)
    if array.ndim != 1 or np.isnan(array).any():
        msg = (
            f"{call}: thresholds must be a list of numbers without NaN; got "
            f"{'NaN in it' if array.ndim == 1 else f'shape {array.shape}'}. Pass [t] for one."
        )
        raise UsageError(msg)
    return array


def limits_of(thresholds: NDArray[np.float64], dtype: np.dtype[Any]) -> Volume:
    """The largest finite number of `dtype` at or below each threshold.

    f <= threshold and f <= limit then say the same of every finite f and of -inf, while +inf
    never enters. A cast alone rounds up half of the time: float32(0.1) is above 0.1.

    Examples
    --------
    >>> limit = limits_of(np.array([0.1]), np.dtype("float32"))[0]
    >>> bool(limit <= 0.1), bool(np.float32(0.1) <= limit)
    (True, False)
    """
    clipped = np.minimum(thresholds, float(np.finfo(dtype).max))
    with np.errstate(over="ignore"):  # below the smallest finite number: -inf is right
        limits = clipped.astype(dtype)
    above = limits.astype(np.float64) > clipped
    limits[above] = np.nextafter(limits[above], dtype.type(-np.inf))
    return limits


def as_3d(volume: Volume, *, batch: bool = False) -> Volume:
    """The same volume as C-contiguous (d, h, w), axes of one voxel first.

    The order of axes does not matter to homology; the one chosen is that of memory, so that a
    transposed view is not copied.
    """
    extra = int(batch)
    axes = range(extra, volume.ndim)
    order = sorted(axes, key=lambda k: (volume.shape[k] > 1, -volume.strides[k]))
    turned = np.ascontiguousarray(volume.transpose(*range(extra), *order))
    shape = turned.shape[extra:]
    return turned.reshape(*turned.shape[:extra], *(1,) * (3 - len(shape)), *shape)
