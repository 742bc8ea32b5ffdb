"""The ruler of a layer: its scale, estimated on the samples that are drawn, and each draw's share.

A scale that is estimated on other samples than the draws has an error of its own, which no spread
between draws shows; one that is estimated on the draws themselves lets every draw say how far it
pulled the scale. `stats.linearized` takes that out of a number, and what is left spreads as the
number over its scale does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.pointclouds.draws import Draw
from toposcope.pointclouds.kinds import RULER_SAMPLES, Read, read_points
from toposcope.pointclouds.normalize import Normalizer, estimate_normalizer

MOST_POINTS = 2000
"""Points of other kinds than samples that a ruler is estimated on."""
ROOM = 2**25
"""Numbers (256 MB) that the samples of a ruler may take; 2,000 samples may always."""


@dataclass(frozen=True, eq=False)
class Ruler:
    """The scale of a layer.

    Parameters
    ----------
    normalizer
        Divides by it.
    shares
        (R,) the scale as each replicate alone would set it, over the scale: 1 on average. None
        where the normalization does not tell.
    """

    normalizer: Normalizer
    shares: NDArray[np.float64] | None


def ruler_rows(draws: Sequence[Draw], *, most: int) -> list[NDArray[np.intp]]:
    """Rows of every replicate that a scale is estimated on: all that are drawn, or `most` of them.

    Parameters
    ----------
    draws
        Of all classes; the draws of a replicate belong together.
    most
        How many in all. Replicates keep equal numbers, spread evenly over their rows.

    Examples
    --------
    >>> draws = [Draw(r, "", np.arange(10) + 10 * r) for r in range(2)]
    >>> [rows.tolist() for rows in ruler_rows(draws, most=4)]
    [[0, 5], [10, 15]]
    """
    replicates = sorted({draw.replicate for draw in draws})
    chosen = []
    for replicate in replicates:
        rows = np.concatenate([draw.rows for draw in draws if draw.replicate == replicate])
        each = min(len(rows), max(1, most // len(replicates)))
        chosen.append(rows[(np.arange(each) * len(rows)) // each])
    return chosen


def layer_ruler(
    read: Read,
    layer: str,
    draws: Sequence[Draw],
    *,
    method: str,
    points_are: str,
    width: int,
    seed: int,
    masked: bool = False,
) -> Ruler:
    """The ruler of one layer, from what is drawn.

    Parameters
    ----------
    read, layer, points_are, seed, masked
        As in `read_points`.
    draws
        All draws of the analysis, of every class.
    method
        One of `NORMALIZATIONS`.
    width
        Numbers per sample.

    Raises
    ------
    DegenerateCloudError
        As from `estimate_normalizer`.
    """
    if points_are == "samples":
        groups = ruler_rows(draws, most=max(MOST_POINTS, ROOM // max(width, 1)))
        # Read at once: every call opens the shards again.
        values = read_points(
            read, layer, np.concatenate(groups), points_are=points_are, points=0, seed=seed
        )
        sizes = [len(rows) for rows in groups]
    else:
        groups = ruler_rows(draws, most=max(RULER_SAMPLES, len(draws)))
        parts = [
            read_points(
                read,
                layer,
                rows,
                points_are=points_are,
                points=max(2, MOST_POINTS // len(groups)),
                seed=seed,
                masked=masked,
                exactly=False,
            )
            for rows in groups
        ]
        values, sizes = np.concatenate(parts), [len(part) for part in parts]
    normalizer = estimate_normalizer(values, method)
    if normalizer.pull is None:
        return Ruler(normalizer, None)
    ends = np.cumsum(sizes)[:-1]
    count, n = len(sizes), len(values)
    sums = np.array([part.sum() for part in np.split(normalizer.pull, ends)])
    return Ruler(normalizer, 1.0 + sums * count / n)
