"""Which samples make which replicate: disjoint seeded draws of equal size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError
from toposcope.inputs import parameters
from toposcope.inputs.label_values import Reading, group_values
from toposcope.inputs.memory import refuse_beyond_memory

SCALE_SAMPLES = 2000
"""Rows a scale is estimated on: 2 million distances, sampling error below 1 %."""

Seed = int | np.random.Generator


@dataclass(frozen=True)
class Draw:
    """Rows of one replicate, of one class or of all.

    Parameters
    ----------
    replicate
        Number of the draw.
    label
        Class name, or "" for pooled classes.
    rows
        (points,) row numbers in the `ActivationSet`.
    """

    replicate: int
    label: str
    rows: NDArray[np.intp] = field(repr=False)


def draw_rows(
    n: int,
    *,
    points: int,
    replicates: int,
    seed: Seed,
    labels: NDArray[np.int64] | None = None,
    overlapping: bool = False,
    call: str = "draw_rows()",
) -> list[NDArray[np.intp]]:
    """Draws of `points` rows out of n: disjoint unless `overlapping`, stratified by label.

    Parameters
    ----------
    n
        Number of samples.
    points, replicates
        Size and number of draws; points x replicates <= n unless overlapping.
    seed
        Seed of the shuffle.
    labels
        (n,) classes; each draw then has the class proportions of the whole, up to one sample.
    overlapping
        Each draw is taken from all n samples.
    call
        Of the caller, for messages.

    Returns
    -------
    One sorted (points,) index array per replicate.

    Examples
    --------
    >>> draws = draw_rows(10, points=3, replicates=3, seed=0)
    >>> len(set(np.concatenate(draws).tolist()))
    9
    """
    n = parameters.whole(n, "n", call=call, low=0)
    points = parameters.whole(points, "points", call=call, low=1)
    replicates = parameters.whole(replicates, "replicates", call=call, low=1)
    overlapping = parameters.flag(overlapping, "overlapping", call=call)
    if labels is not None:
        labels = group_values(labels, n, reading=Reading(f"{call}: labels"))
    needed = points if overlapping else points * replicates
    if needed > n:
        draws = f"draws of {points} points" if overlapping else f"disjoint draws of {points} points"
        msg = (
            f"{call}: {replicates} {draws} need {needed} samples; there are {n}. "
            f"{_what_fits(n, points, replicates)}."
        )
        raise TooFewSamplesError(msg)
    refuse_beyond_memory(
        n, lambda m: 40.0 * m, call=call, of="samples", advice="Draw from {most} of them."
    )
    rng = parameters.rng(seed, call=call)
    if overlapping:
        order = [_stratified_order(n, labels, rng)[:points] for _ in range(replicates)]
    else:
        # Any stretch of a stratified order has nearly the class proportions of the whole.
        spread = _stratified_order(n, labels, rng)
        order = [spread[r * points : (r + 1) * points] for r in range(replicates)]
    return [np.sort(rows) for rows in order]


def _what_fits(n: int, points: int, replicates: int) -> str:
    """Designs that n samples are enough for, in words."""
    if not n:
        return "No design fits: capture samples first"
    ways = []
    if n >= replicates:
        ways.append(f"points={n // replicates}")
    if n >= points:
        ways += [f"replicates={n // points}", "overlapping=True (--overlapping)"]
    return "Pass " + (", or ".join(ways) or f"points={n} and replicates=1")


def _stratified_order(
    n: int, labels: NDArray[Any] | None, rng: np.random.Generator
) -> NDArray[np.intp]:
    """A random order in which every stretch has nearly the class proportions of the whole."""
    shuffled = rng.permutation(n)
    if labels is None:
        return shuffled
    position = np.empty(n)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        # The j-th of m members belongs at (j + u) / m of the way.
        position[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(position, kind="stable")


def scale_rows(n: int, *, seed: Seed) -> NDArray[np.intp]:
    """The rows a scale is estimated on: all of n, or `SCALE_SAMPLES` of them, sorted."""
    if n <= SCALE_SAMPLES:
        return np.arange(n)
    return np.sort(parameters.rng(seed, call="clouds()").choice(n, SCALE_SAMPLES, replace=False))
