"""The table of validity measurements as arrays: (replicates, layers) of one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.results import OK
from toposcope.stats import Interval, mean_interval

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """One number of every layer in every draw.

    Parameters
    ----------
    layers
        In network order; those without a value in any draw are left out.
    depth
        (L,) relative depth.
    values
        (R, L); draws with a gap are left out.
    """

    layers: tuple[str, ...]
    depth: Array
    values: Array


@dataclass(frozen=True, eq=False)
class Observations:
    """Validity measurements of one network, with what intervals need to know.

    Parameters
    ----------
    frame
        As `Analysis.validity`.
    level
        Coverage of each interval.
    overlap
        points / n when draws overlap, else 0.
    normalize
        The normalization of the analysis that is checked.
    """

    frame: pd.DataFrame
    level: float = 0.95
    overlap: float = 0.0
    normalize: str = "mean_distance"

    def of(self, check: str) -> pd.DataFrame:
        """Rows of one check that have a value."""
        frame = self.frame
        return frame[(frame["check"] == check) & (frame["status"] == OK)]

    def conditions(self, check: str) -> list[str]:
        """Conditions of a check, in the order in which they were measured."""
        return list(dict.fromkeys(self.of(check)["condition"]))

    def degrees(self, check: str) -> list[int]:
        """Degrees of homology a check has numbers of."""
        return sorted(int(k) for k in self.of(check)["homology_dimension"].dropna().unique())

    def curves(
        self, check: str, condition: str, statistic: str, homology_dimension: int | None = 0
    ) -> Curves:
        """One number of every layer and draw; classes of a draw are averaged."""
        rows = self.of(check)
        k = rows["homology_dimension"]
        same = k.isna() if homology_dimension is None else k.eq(homology_dimension).fillna(False)
        rows = rows[(rows["condition"] == condition) & (rows["statistic"] == statistic) & same]
        if not len(rows):
            return Curves((), np.empty(0), np.empty((0, 0)))
        order = list(dict.fromkeys(self.frame["layer"]))
        table = rows.pivot_table(index="replicate", columns="layer", values="value")
        table = table[[layer for layer in order if layer in table.columns]].dropna(axis=0)
        depth = rows.groupby("layer")["depth"].first()
        return Curves(
            tuple(map(str, table.columns)),
            np.array([float(depth[layer]) for layer in table.columns]),
            table.to_numpy(dtype=np.float64),
        )

    def interval(self, values: Array, *, comparisons: int = 1) -> Interval:
        """t-interval over draws; without ends for one draw."""
        return mean_interval(
            values, level=self.level, overlap=self.overlap, comparisons=comparisons
        )

    def reasons(self, check: str) -> list[str]:
        """Why a check has no numbers at some layers, each reason once with its layers."""
        rows = self.frame[(self.frame["check"] == check) & (self.frame["status"] != OK)]
        found = rows.groupby("reason", sort=False)["layer"].unique()
        return [f"{names(list(layers))}: {reason}" for reason, layers in found.items()]


def paired(*curves: Curves) -> list[Curves]:
    """The same curves with the layers and numbers of draws that all of them have."""
    if not all(len(one.layers) for one in curves):
        return [Curves((), np.empty(0), np.empty((0, 0)))] * len(curves)
    if len({len(one.values) for one in curves}) > 1:
        msg = "paired(): conditions were measured on different numbers of draws."
        raise UsageError(msg)
    shared = [layer for layer in curves[0].layers if all(layer in one.layers for one in curves)]
    out = []
    for one in curves:
        columns = [one.layers.index(layer) for layer in shared]
        out.append(Curves(tuple(shared), one.depth[columns], one.values[:, columns]))
    return out


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rho of two vectors; NaN when one of them is constant.

    >>> round(rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 9, 5])), 3)
    0.5
    """
    from scipy.stats import rankdata

    x, y = rankdata(a), rankdata(b)
    if x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def names(layers: list[str], *, shown: int = 3) -> str:
    """A few names and how many more.

    >>> names(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    rest = len(layers) - shown
    return ", ".join(layers[:shown]) + (f" and {rest} more" if rest > 0 else "")
