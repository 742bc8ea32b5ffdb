"""What a volume is, which thresholds make sense, and how both reach the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs.foreign import real

Volume = NDArray[np.floating[Any]]


def check_construction(construction: str, *, call: str) -> bool:
    """True for V (voxels are vertices), False for T (voxels are top cells)."""
    if not isinstance(construction, str) or construction not in ("V", "T"):
        msg = (
            f"{call}: construction must be 'V' (voxels are vertices) or 'T' (voxels are top "
            f"cells); got {construction!r}."
        )
        raise UsageError(msg)
    return construction == "V"


def check_thresholds(thresholds: ArrayLike, *, call: str) -> NDArray[np.float64]:
    """(k,) float64 thresholds, after checking them."""
    array = real(thresholds, call=call, name="thresholds").astype(np.float64)
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
