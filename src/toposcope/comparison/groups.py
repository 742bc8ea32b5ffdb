"""`GroupComparison`: groups of networks against each other, layer by layer, networks as units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.draw_values import Looked
from toposcope.analysis.network_means import NetworkMeans
from toposcope.analysis.population import MatchedLayer, Population
from toposcope.comparison import kept_groups
from toposcope.errors import UsageError
from toposcope.stats import standardized, step_down
from toposcope.stats.intervals import agreeing
from toposcope.stats.nesting import Exchange
from toposcope.stats.partial import noise_ratio
from toposcope.stats.stages import Differences, detectable_difference, differences
from toposcope.stats.units import rejects
from toposcope.store.tables import OK
from toposcope.types import _html_table

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two groups that are compared.

    Parameters
    ----------
    groups
        Their names; differences are second less first.
    rows
        Positions of their networks in the population.
    units
        Which of these are units together, and who may change places.
    """

    groups: tuple[str, str]
    rows: NDArray[np.intp]
    units: Exchange


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Groups of networks, compared in every statistic and layer.

    Parameters
    ----------
    by
        The covariate that tells the groups.
    layers
        One row per pair of groups, statistic and layer: `mean_a`, `mean_b` over units, `value` =
        mean_b - mean_a (inside configurations: their effect there) with `low`, `high` (all
        intervals of the table hold together; they include 0 exactly where `adjusted_p` is above
        1 - level, an end at 0 beside a smaller one is open), `spread` of the units of a group,
        `effect` = value / spread, `reliability` of a network's mean (1: its draws leave no noise),
        `pvalue` alone, `smallest_p` that so many units can give, `adjusted_p` for the family,
        `detectable` difference, `status`, `reason`.
    models
        One row per pair and statistic: the test that no layer differs, and how many were `found`.
    pairs
        One row per pair: `unit`, how many of them (`n_a`, `n_b`), `networks`, `configurations`, and
        `blocks`: configurations that hold networks of both groups; `needed`: units in each group
        (with blocks: blocks) from which on something can be found.
    attrs
        Design, level, resamples, versions, commands.
    population
        What was compared; None for one that was read from a folder.
    networks
        Means of all networks, which the page shows.
    folder
        Where it is stored, or None.
    """

    by: str
    layers: pd.DataFrame = field(repr=False)
    models: pd.DataFrame = field(repr=False)
    pairs: pd.DataFrame = field(repr=False)
    attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    population: Population | None = field(default=None, repr=False)
    networks: NetworkMeans | None = field(default=None, repr=False)
    folder: Path | None = None

    def save(self, folder: Path | str) -> None:
        """Put it into a folder; the seal comes last, over all that lies in it."""
        if self.networks is None:
            msg = "GroupComparison.save(): it holds no networks. Compare again: ts.compare(by=)."
            raise UsageError(msg)
        tables = {"layers": self.layers, "models": self.models, "pairs": self.pairs}
        kept_groups.keep(Path(folder), self.by, tables, self.attrs, self.networks)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a comparison of groups that was stored with `store=` or `-o`."""
        by, tables, attrs, networks = kept_groups.read(Path(folder))
        return cls(by, **tables, attrs=attrs, networks=networks, folder=Path(folder))

    def __repr__(self) -> str:
        told = " / ".join(str(name) for name in self.attrs["groups"])
        return f"GroupComparison({self.by}: {told}, {self.attrs['networks']} networks)"

    def _repr_html_(self) -> str:
        rows = [
            (
                f"{r.group_b} - {r.group_a}",
                r.statistic,
                r.homology_dimension,
                r.layer,
                f"{r.value:.4g} [{r.low:.4g}, {r.high:.4g}]",
                f"{r.adjusted_p:.3g}",
                r.status,
            )
            for r in self.layers.itertuples()
        ]
        header = ("groups", "statistic", "H", "layer", "difference [interval]", "adjusted p", "")
        return _html_table(repr(self), header, rows)


@dataclass(frozen=True, eq=False)
class Measured:
    """Network means of one statistic of one layer, with what its draws leave of noise."""

    looked: Looked
    layer: MatchedLayer
    means: Array
    reliability: float


def measure(
    population: Population, statistics: Sequence[Looked], rows: NDArray[np.intp]
) -> list[Measured]:
    """(networks,) means over draws of every statistic in every layer; NaN where a network lacks it.

    `rows` are the networks that are compared: the reliability is over these.
    """
    out = []
    layers = population.layers
    for looked in statistics:
        for layer in layers:
            values = population.values(layer, *looked)[rows]
            share = float("nan")
            if np.isfinite(values).all() and values.shape[1] > 1 and len(rows) > 1:
                share = max(0.0, 1 - noise_ratio(values, shared=True)[0])
            out.append(Measured(looked, layer, values.mean(axis=1), share))
    return out


def pair_tested(
    pair: Pair,
    measured: Sequence[Measured],
    *,
    level: float,
    n_resamples: int,
    seed: int,
    pairs: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the tables of layers and of models of one pair of groups.

    All statistics in all layers are one family with common arrangements, corrected by the step-down
    maximum of squared differences in their spread over arrangements, beside one statistic for all
    layers together. `pairs` pairs share the level, since they have no arrangement in common.
    """
    units = pair.units
    told = [np.isfinite(one.means).all() for one in measured]
    known = [one for one, good in zip(measured, told, strict=True) if good]
    weights, exact = units.arrangements(n_resamples, np.random.default_rng(seed))
    smallest = units.smallest_p if exact else max(units.smallest_p, 1 / len(weights))
    where = {"group_a": pair.groups[0], "group_b": pair.groups[1]}
    found: dict[int, dict[str, Any]] = {}
    wholes: dict[Looked, tuple[float, float]] = {}
    if known:
        values = np.column_stack([units.means(one.means) for one in known])
        z = standardized(weights @ values)
        kinds = list(dict.fromkeys(one.looked for one in known))
        squares = [z**2] + [
            (z[:, [one.looked == kind for one in known]] ** 2).sum(axis=1, keepdims=True)
            for kind in kinds
        ]
        # Squares of one layer and sums of squares, brought to one scale.
        alone, adjusted = step_down(standardized(np.concatenate(squares, axis=1)))
        adjusted = np.minimum(adjusted * pairs, 1.0)
        count = len(known)
        apart = differences(values, units, level=level, comparisons=count * pairs)
        shift = detectable_difference(
            weights,
            units,
            level=1 - (1 - level) / pairs,
            values=values,
            kinds=[kinds.index(one.looked) for one in known],
        )
        for k, one in enumerate(known):
            row = _tested(k, values, units, apart, shift)
            differs = rejects(float(adjusted[k]), level)
            ends = agreeing(row["value"], row["low"], row["high"], rejects=differs)
            found[id(one)] = row | {
                "low": ends[0], "high": ends[1],
                "pvalue": float(alone[k]), "adjusted_p": float(adjusted[k]),
            }  # fmt: skip
        for k, kind in enumerate(kinds, start=count):
            wholes[kind] = float(alone[k]), float(adjusted[k])
    rows = []
    for one, good in zip(measured, told, strict=True):
        lacking = int((~np.isfinite(one.means)).sum())
        status = OK if good else "undefined"
        rows.append(
            {
                **where,
                "statistic": one.looked[0],
                "homology_dimension": one.looked[1],
                "layer": one.layer.name,
                "depth": one.layer.depth,
                **(found[id(one)] if good else _nothing()),
                "reliability": one.reliability,
                "smallest_p": smallest,
                "status": status,
                "reason": "" if good else f"{lacking} networks lack a draw's value",
            }
        )
    return rows, _models(where, measured, rows, wholes, level)


def _tested(k: int, values: Array, units: Exchange, apart: Differences, shift: float) -> dict:
    spread = float(apart.spread[k])
    value = float(apart.value[k])
    return {
        "mean_a": float(values[~units.second, k].mean()),
        "mean_b": float(values[units.second, k].mean()),
        "value": value,
        "low": float(apart.low[k]),
        "high": float(apart.high[k]),
        "spread": spread,
        "effect": value / spread if spread > 0 else float("nan"),
        "detectable": shift * spread if np.isfinite(shift) else shift,
    }


def _nothing() -> dict[str, float]:
    names = ("mean_a", "mean_b", "value", "low", "high", "spread", "effect", "detectable")
    return dict.fromkeys([*names, "pvalue", "adjusted_p"], float("nan"))


def _models(
    where: Mapping[str, Any],
    measured: Sequence[Measured],
    rows: Sequence[Mapping[str, Any]],
    wholes: Mapping[Looked, tuple[float, float]],
    level: float,
) -> list[dict[str, Any]]:
    """A layer that differs makes the groups differ, so their p-value is no larger than its."""
    out = []
    for kind in dict.fromkeys(one.looked for one in measured):
        mine = [r for one, r in zip(measured, rows, strict=True) if one.looked == kind]
        alone, adjusted = wholes.get(kind, (float("nan"), float("nan")))
        layers = [r["adjusted_p"] for r in mine if np.isfinite(r["adjusted_p"])]
        out.append(
            {
                **where,
                "statistic": kind[0],
                "homology_dimension": kind[1],
                "layers": len(mine),
                "measured": len(layers),
                "found": sum(p <= 1 - level + 1e-12 for p in layers),
                "pvalue": alone,
                "adjusted_p": min([adjusted, *layers]) if layers else adjusted,
            }
        )
    return out
