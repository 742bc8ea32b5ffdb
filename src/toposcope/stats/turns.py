"""What the eye sees in a curve and draws bear out: where it rises, falls and turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.stats.intervals import mean_interval


@dataclass(frozen=True)
class Course:
    """The stretches of a curve over which it surely rises or falls, one after another.

    Parameters
    ----------
    at
        Positions where the stretches meet, the ends included: one more than there are stretches; ()
        where the curve surely goes nowhere.
    rises
        Whether the first stretch rises; the following ones alternate.
    size
        Number of positions of the curve.
    level
        Probability that all that is said here holds together.
    """

    at: tuple[int, ...]
    rises: bool
    size: int
    level: float

    @property
    def stretches(self) -> list[tuple[int, int, bool]]:
        """(from, to, whether it rises) of each stretch."""
        ends = zip(self.at, self.at[1:], strict=False)
        return [(a, b, self.rises == (i % 2 == 0)) for i, (a, b) in enumerate(ends)]


def course(values: NDArray[np.float64], *, level: float = 0.95, overlap: float = 0.0) -> Course:
    """Where a curve surely rises and falls.

    Parameters
    ----------
    values
        (R, L) a curve of L positions for each of R replicates, paired: a row is one draw.
    level
        Probability that all stretches told are true ones. Every stretch holds two positions whose
        difference excludes 0, corrected for all L (L - 1) / 2 pairs of positions (Bonferroni), so
        it may be looked for where it is largest.
    overlap
        As in `mean_interval`.

    Returns
    -------
    A turn stands at the highest or lowest mean of its stretch: that there is one is sure, at which
    position is not.

    Examples
    --------
    >>> up_and_down = np.array([0.0, 1.0, 2.0, 1.0]) + 0.01 * np.array([[1.0], [2.0], [4.0]])
    >>> course(up_and_down).stretches
    [(0, 2, True), (2, 3, False)]
    """
    replicates, size = values.shape
    nowhere = Course((), True, size, level)
    if replicates < 2 or size < 2 or not np.isfinite(values).all():
        return nowhere
    mean, pairs = values.mean(axis=0), size * (size - 1) // 2

    def sign(a: int, b: int) -> int:
        interval = mean_interval(
            values[:, b] - values[:, a], level=level, overlap=overlap, comparisons=pairs
        )
        return int(interval.low > 0) - int(interval.high < 0)

    at: list[int] = []
    direction, low, high = 0, 0, 0
    for j in range(1, size):
        if direction >= 0 and sign(high, j) < 0:
            at.append(high)
            direction, low = -1, j
        elif direction <= 0 and sign(low, j) > 0:
            at.append(low)
            direction, high = 1, j
        if direction >= 0 and mean[j] > mean[high]:
            high = j
        if direction <= 0 and mean[j] < mean[low]:
            low = j
    if not direction:
        return nowhere
    at.append(high if direction > 0 else low)
    rises = (direction > 0) == (len(at) % 2 == 0)
    return Course(tuple(at), rises, size, level)
