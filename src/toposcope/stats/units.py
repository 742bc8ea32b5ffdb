"""The unit of a test and what its answer is about; refusals that all tests share.

A p-value speaks about what its units were drawn from. Disjoint draws of samples through one network
say what other samples would do; they say nothing about training it again. Trained networks do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_distances
from toposcope.inputs.foreign import real
from toposcope.inputs.parameters import number, whole

TARGETS = {
    "draw": "this network over data",
    "network": "the training procedure",
    "configuration": "configurations like these, each trained again",
}
"""Target of inference by unit."""


def target_of(unit: str) -> str:
    """What a result over such units speaks about.

    >>> target_of("draw"), target_of("network")
    ('this network over data', 'the training procedure')
    """
    if unit not in TARGETS:
        msg = (
            f"unit={unit!r} is not known. Use unit='draw' when every row is a disjoint draw of "
            f"samples through one network, unit='network' when every row is a trained network, "
            f"unit='configuration' when it is the mean of networks that differ in their seed."
        )
        raise UsageError(msg)
    return TARGETS[unit]


def count_units(n: int, unit: str) -> str:
    """A number of units in words: "8 draws", "1 network"."""
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def finite(
    call: str, name: str, values: ArrayLike, *, ndim: tuple[int, ...]
) -> NDArray[np.float64]:
    """(n, ...) float64 copy-free view of values that a test may use, or a refusal."""
    shapes = " or ".join({1: "(units,)", 2: "(units, columns)"}[k] for k in ndim)
    array = real(values, call=call, name=name).astype(np.float64, copy=False)
    if array.ndim not in ndim or not array.size:
        msg = f"{call}: {name} has shape {array.shape}; needed is {shapes}, nothing empty."
        if array.ndim > 2 and 2 in ndim:
            msg += f" Flatten each unit: {name}.reshape(len({name}), -1)."
        raise UsageError(msg)
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
        msg = (
            f"{call}: {name} has NaN or infinite values in {len(bad)} of {len(array)} units (the "
            f"first is unit {bad[0]}). Leave those units out on both sides, and say how many."
        )
        raise UsageError(msg)
    return array


def refuse_overlap(call: str, overlap: float) -> None:
    """Refuse overlapping draws as permutation units."""
    if number(overlap, "overlap", call=call, low=0.0, below=1.0) != 0.0:
        msg = (
            f"{call}: overlap={overlap:g}: draws that share samples are copies of each other, not "
            f"independent units, and a permutation test on them rejects a true null several times "
            f"too often (pseudo-replication). Cut disjoint draws (points x replicates <= n), or "
            f"give an interval that knows the overlap: mean_interval(values, overlap=points / n)."
        )
        raise UsageError(msg)


def check_level(call: str, level: float) -> None:
    """Refuse a level outside (0, 1)."""
    parameters.level(level, call=call)


def rejects(p: float, level: float) -> bool:
    """Whether p is at most 1 - level, rounding of 1 - level aside; False for NaN."""
    return p <= 1.0 - level + 1e-12


def check_resamples(call: str, n_resamples: int) -> None:
    """Refuse a number of resamples that cannot carry a p-value or an interval."""
    if whole(n_resamples, "n_resamples", call=call) < 99:
        msg = f"{call}: n_resamples={n_resamples} is too few; pass 99 or more (9999 is usual)."
        raise UsageError(msg)


def check_alternative(call: str, alternative: str) -> None:
    """Refuse an unknown alternative."""
    if alternative not in ("two-sided", "greater", "less"):
        msg = f"{call}: alternative={alternative!r} is not 'two-sided', 'greater' or 'less'."
        raise UsageError(msg)


def distance_matrix(call: str, name: str, values: ArrayLike) -> NDArray[np.float64]:
    """(N, N) symmetric finite distances with a zero diagonal, or a refusal."""
    return read_distances(values, call=call, name=name, finite=True)
