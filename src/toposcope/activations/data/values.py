"""Numbers of whatever library they come from, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from toposcope.errors import SpecError


def plain(value: Any) -> Any:
    """An array of what holds nothing but numbers; texts as a list, anything else as it came.

    Examples
    --------
    >>> plain([[1, 2], [3, 4]]).shape, plain(["a"]), plain([(np.zeros(2), 1)])
    ((2, 2), ['a'], [(array([0., 0.]), 1)])
    """
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.getmaskarray(value).any():
            msg = (
                f"DATA: {int(np.ma.getmaskarray(value).sum())} values of the samples are masked; "
                "needed are numbers. Leave those samples out, or fill them: x.filled(value)."
            )
            raise SpecError(msg)
        return np.asarray(value)
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        tensor = value.detach().cpu()
        # NumPy has no bfloat16; float32 holds every value of it.
        return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    if type(value).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow") and hasattr(
        value, "__array__"
    ):
        held = np.asarray(value)
        return held.tolist() if held.dtype == object and held.ndim == 1 else held
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        return _nested(value)
    return value


def _nested(value: Any) -> Any:
    """An array of nested lists of numbers of one shape; other lists as they came."""
    try:
        held = np.array(value)
    except (ValueError, TypeError, OverflowError):
        return value
    whole = held.dtype.kind in "fiub" and held.ndim >= 2
    return held if whole and _all_numbers(value) else value


def _all_numbers(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_all_numbers, value))
    return isinstance(value, (int, float, bool, np.number, np.bool_))
