"""The table of validity measurements as arrays: (replicates, layers) of one number."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.findings.validity.deciding import Estimate, mean_estimate
from toposcope.stats.ranks import mean_ranks
from toposcope.store.tables import OK
from toposcope.store.tidy import rows_by

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
KEYS = ("check", "condition", "statistic", "homology_dimension", "status")


@dataclass(frozen=True)
class Curves:
    """One number of every layer in every draw.

    Parameters
    ----------
    layers
        In network order; those without a value in any draw are left out.
    depth
        (L,) relative depth.
    draws
        (R,) numbers of the draws, rising.
    values
        (R, L); NaN where a draw has no value.
    """

    layers: tuple[str, ...]
    depth: Array
    draws: tuple[int, ...]
    values: Array

    @property
    def whole(self) -> Array:
        """(r, L) values of the draws that have one at every layer."""
        rows: Array = self.values[np.isfinite(self.values).all(axis=1)]
        return rows


NO_CURVES = Curves((), np.empty(0), (), np.empty((0, 0)))


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

    @cached_property
    def _rows(self) -> dict[tuple[Any, ...], NDArray[np.intp]]:
        return rows_by(self.frame, KEYS)

    @cached_property
    def _layers(self) -> tuple[str, ...]:
        return tuple(self.frame["layer"].unique())

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        """Columns as numbers; a layer is its place in network order."""
        place = {layer: i for i, layer in enumerate(self._layers)}
        layer = np.array([place[one] for one in self.frame["layer"]], dtype=np.intp)
        rest = {k: self.frame[k].to_numpy(np.float64) for k in ("replicate", "value", "depth")}
        return {"layer": layer, **rest}

    def of(self, check: str) -> pd.DataFrame:
        """Rows of one check that have a value."""
        frame = self.frame
        return frame[(frame["check"] == check) & (frame["status"] == OK)]

    def without(self, check: str, degrees: Collection[int | None]) -> Observations:
        """The same observations less some degrees of homology of one check."""
        k = self.frame["homology_dimension"]
        gone = (self.frame["check"] == check) & k.isin([one for one in degrees if one is not None])
        return replace(self, frame=self.frame[~gone])

    def conditions(self, check: str) -> list[str]:
        """Conditions of a check, in the order in which they were measured."""
        return list(dict.fromkeys(self.of(check)["condition"]))

    @property
    def alpha(self) -> float:
        """Probability of a false alarm, at most."""
        return 1.0 - self.level

    def sizes(self, check: str = "sample_size") -> list[int]:
        """Numbers of points at which clouds were measured, rising."""
        rows = self.of(check)
        nested = rows.loc[rows["statistic"] == "lifespan_sum", "points"]
        return sorted(int(points) for points in nested.unique())

    def degrees(self, check: str) -> list[int]:
        """Degrees of homology a check has numbers of."""
        return sorted(int(k) for k in self.of(check)["homology_dimension"].dropna().unique())

    def curves(
        self, check: str, condition: str, statistic: str, homology_dimension: int | None = 0
    ) -> Curves:
        """One number of every layer and draw; classes of a draw are averaged."""
        rows = self._rows.get((check, condition, statistic, homology_dimension, OK))
        if rows is None:
            return NO_CURVES
        columns, layer = np.unique(self._columns["layer"][rows], return_inverse=True)
        draws, draw = np.unique(self._columns["replicate"][rows], return_inverse=True)
        total, count = np.zeros((2, len(draws), len(columns)))
        np.add.at(total, (draw, layer), self._columns["value"][rows])
        np.add.at(count, (draw, layer), 1)
        # The mean over some of the classes is another number than that over all.
        whole = count == count.max(axis=0)
        depth = np.empty(len(columns))
        depth[layer] = self._columns["depth"][rows]
        return Curves(
            tuple(str(self._layers[code]) for code in columns),
            depth,
            tuple(int(one) for one in draws),
            np.where(whole, total / np.maximum(count, 1), np.nan),
        )

    def mean(self, values: Array, *, scale: str = "plain") -> Estimate:
        """Mean over draws, see `mean_estimate`."""
        return mean_estimate(values, overlap=self.overlap, scale=scale)

    def reasons(self, check: str) -> dict[str, list[str]]:
        """Why a check has no numbers at some layers: reason -> layers."""
        rows = self.frame[(self.frame["check"] == check) & (self.frame["status"] != OK)]
        layers = rows.groupby("reason", sort=False)["layer"].unique()
        return {
            str(reason): [str(layer) for layer in several] for reason, several in layers.items()
        }


def paired(*curves: Curves) -> list[Curves]:
    """The same curves with the layers and the draws that all of them have."""
    layers = [one for one in curves[0].layers if all(one in other.layers for other in curves)]
    draws = [one for one in curves[0].draws if all(one in other.draws for other in curves)]
    if not layers or not draws:
        return [NO_CURVES] * len(curves)
    out = []
    for one in curves:
        columns = [one.layers.index(layer) for layer in layers]
        rows = [one.draws.index(draw) for draw in draws]
        values = one.values[np.ix_(rows, columns)]
        out.append(Curves(tuple(layers), one.depth[columns], tuple(draws), values))
    return out


def together(*columns: Array) -> list[Array]:
    """Values of the draws that all of some columns have a value in.

    >>> a, b = together(np.array([1.0, np.nan, 3.0]), np.array([4.0, 5.0, 6.0]))
    >>> a.tolist(), b.tolist()
    ([1.0, 3.0], [4.0, 6.0])
    """
    whole = np.logical_and.reduce([np.isfinite(one) for one in columns])
    return [one[whole] for one in columns]


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rho of two vectors; NaN when one of them is constant.

    >>> round(rank_correlation(np.array([1.0, 2, 3]), np.array([3.0, 9, 5])), 3)
    0.5
    """
    x, y = ranked(np.stack([a, b]))
    return float(x @ y)


def ranked(curves: Array) -> Array:
    """(R, L) centered ranks of curves, of length 1: their products are Spearman's rho.

    NaN where a curve is constant.
    """
    ranks = mean_ranks(curves, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    out: Array = ranks / np.where(length > 0, length, np.nan)
    return out
