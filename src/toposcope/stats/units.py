"""The unit of a test and what its answer is about; refusals that all tests share.

A p-value speaks about what its units were drawn from. Disjoint draws of samples through one network
say what other samples would do; they say nothing about training it again. Trained networks do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_distances
from toposcope.inputs.foreign import real
from toposcope.inputs.label_values import Reading, group_values
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.inputs.parameters import number

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
    return TARGETS[check_unit("target_of()", unit)]


def check_unit(call: str, unit: str) -> str:
    """The unit, known, or a refusal."""
    if not isinstance(unit, str) or unit not in TARGETS:
        msg = (
            f"{call}: unit={unit!r} is not known. Use unit='draw' when every row is a disjoint "
            f"draw of samples through one network, unit='network' when every row is a trained "
            f"network, unit='configuration' when it is the mean of networks that differ in their "
            f"seed."
        )
        raise UsageError(msg)
    return str(unit)


def count_units(n: int, unit: str) -> str:
    """A number of units in words: "8 draws", "1 network"."""
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def finite(
    call: str, name: str, values: ArrayLike, *, ndim: tuple[int, ...]
) -> NDArray[np.float64]:
    """(n, ...) float64 copy-free view of values that a test may use, or a refusal."""
    names = {1: "(units,)", 2: "(units, columns)", 3: "(units, draws, columns)"}
    shapes = " or ".join(names[k] for k in ndim)
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
    share = number(overlap, "overlap", call=call, low=0.0, below=1.0)
    if share != 0.0:
        msg = (
            f"{call}: overlap={share:g}: draws that share samples are copies of each other, not "
            f"independent units, and a permutation test on them rejects a true null several times "
            f"too often (pseudo-replication). Cut disjoint draws (points x replicates <= n), or "
            f"give an interval that knows the overlap: mean_interval(values, overlap=points / n)."
        )
        raise UsageError(msg)


def check_level(call: str, level: float) -> float:
    """The level, in (0, 1), or a refusal."""
    return parameters.level(level, call=call)


def rejects(p: float, level: float) -> bool:
    """Whether p is at most 1 - level, rounding of 1 - level aside; False for NaN."""
    return p <= 1.0 - level + 1e-12


def check_resamples(call: str, n_resamples: int) -> int:
    """A number of resamples that can carry a p-value or an interval, or a refusal."""
    return parameters.resamples(n_resamples, call=call)


def check_alternative(call: str, alternative: str) -> str:
    """The alternative, known, or a refusal."""
    return parameters.choice(
        alternative, ("two-sided", "greater", "less"), "alternative", call=call
    )


def distance_matrix(call: str, name: str, values: ArrayLike, *, copies: int) -> NDArray[np.float64]:
    """(N, N) symmetric finite distances with a zero diagonal, or a refusal.

    `copies`: how many (N, N) float64 arrays the test holds at its peak.
    """
    shape = getattr(values, "shape", None) or (len(values) if isinstance(values, list) else 0,)
    refuse_square(call, int(shape[0]), copies=copies)
    return read_distances(values, call=call, name=name, finite=True)


def refuse_square(call: str, n: int, *, copies: int) -> None:
    """Refuse more units than (n, n) float64 arrays fit for."""
    refuse_beyond_memory(
        n,
        lambda m: 8.0 * copies * m * m,
        call=call,
        of="units",
        advice="Pass {most} units, or fewer.",
    )


def group_numbers(
    call: str, name: str, values: Any, n: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Labels of groups as 0 .. k - 1, and how many of each; whole numbers, truth values or names.

    >>> group_numbers("permanova()", "groups", ["b", "a", "b"], 3)
    (array([1, 0, 1]), array([1, 2]))
    """
    reading = Reading(f"{call}: {name}", without="leave those units out")
    _, labels, sizes = np.unique(
        group_values(values, n, reading=reading), return_inverse=True, return_counts=True
    )
    return labels, sizes
