"""Depth trends under many analyses, and what decides them: tables and arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.stats import benjamini_hochberg, mean_interval
from toposcope.stats.arrangements import tail_share
from toposcope.studies.across_measure import FILTERS
from toposcope.studies.figures import curve_of_means

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
FACTORS = ("filter", "normalize", "size", "pooled", "degree", "summary")
"""Choices of an analysis, in the order of the axes of a grid."""
PARTS = (*FACTORS, "interplay", "family", "seed")
"""What the variance of trends is split into: choices, their interplay, and networks."""
ARRANGEMENTS = 9999


def depth_trends(curves: ArrayLike) -> Array:
    """(n,) Spearman correlation with depth of (n, layers) numbers; 0 where all are the same.

    Numbers that differ by less than 1e-9 of the largest are ties.

    >>> depth_trends([[9.0, 5.0, 6.0, 1.0], [2.0, 2.0, 2.0, 2.0 + 1e-12]]).round(2).tolist()
    [-0.8, 0.0]
    """
    from scipy.stats import rankdata

    x = np.asarray(curves, dtype=np.float64)
    unit = np.abs(x).max(axis=1, keepdims=True) * 1e-9
    ranks = rankdata(np.rint(x / np.where(unit > 0, unit, 1.0)), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    depth = np.arange(x.shape[1]) - (x.shape[1] - 1) / 2
    length = np.sqrt((ranks**2).sum(axis=1) * (depth**2).sum())
    return np.asarray(np.divide(ranks @ depth, length, out=np.zeros(len(x)), where=length > 0))


def with_trends(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column "trend"."""
    trend = np.zeros(len(rows))
    length = rows["values"].map(len).to_numpy()
    for layers in np.unique(length):
        which = np.flatnonzero(length == layers)
        trend[which] = depth_trends(np.stack(rows["values"].iloc[which].to_list()))
    return rows.assign(trend=trend)


def at_moment(table: pd.DataFrame, *, first: bool = False) -> pd.DataFrame:
    """Rows of every network at its last moment, or at its first where that is another one."""
    moments = table.groupby("network")["moment"]
    last = table["moment"] == moments.transform("max")
    if not first:
        return table[last]
    return table[(table["moment"] == moments.transform("min")) & ~last]


@dataclass(frozen=True, eq=False)
class Grid:
    """Trends of networks under every crossing of choices.

    Parameters
    ----------
    trends
        (networks, filters, normalizations, sizes, pooled, degrees, summaries).
    families
        (networks,) family of each.
    levels
        The levels of every factor, in the order of the axes.
    """

    trends: Array
    families: NDArray[Any]
    levels: tuple[tuple[Any, ...], ...]


def grid_of(table: pd.DataFrame, *, fewest: int, filters: Sequence[str] = FILTERS) -> Grid:
    """Trends at the last moment of the networks that have all filtrations that enough have.

    Parameters
    ----------
    table
        Measurements.
    fewest
        A filtration that fewer networks have is left out.
    filters
        Filtrations that are asked for.
    """
    rows = with_trends(at_moment(table[table["filter"].isin(filters)]))
    have = rows.groupby("filter")["network"].nunique()
    kept = [name for name in filters if have.get(name, 0) >= fewest]
    rows = rows[rows["filter"].isin(kept)]
    full = rows.groupby("network")["filter"].nunique() == len(kept)
    names = sorted(full.index[full])
    rows = rows[rows["network"].isin(names)]
    levels = tuple(tuple(dict.fromkeys(rows[one])) for one in FACTORS)
    places = [{name: i for i, name in enumerate(names)}]
    places += [{level: i for i, level in enumerate(one)} for one in levels]
    shape = tuple(len(one) for one in places)
    trends = np.full(shape, np.nan)
    columns = ["network", *FACTORS]
    where = tuple(
        rows[one].map(place).to_numpy() for one, place in zip(columns, places, strict=True)
    )
    trends[where] = rows["trend"].to_numpy()
    families = rows.groupby("network")["family"].first().loc[names].to_numpy()
    return Grid(trends, families, levels)


def parts(trends: Array, families: NDArray[Any], *, axis: int = 0) -> Array:
    """(..., parts) shares of the variance of trends: `PARTS`, adding up to 1.

    Choices are fixed and networks are drawn: what networks make of the mean of a choice is taken
    out of it, so that a choice that does nothing has a share of 0 in the mean (and may have less).
    "family" is what families differ in, alone and together with choices, "seed" what networks of a
    family do.

    Parameters
    ----------
    trends
        (..., networks, levels of every factor).
    families
        (networks,).
    axis
        That of networks: before it, tables that are split each by itself.

    >>> x = np.zeros((4, 2, 2)) + np.array([-1.0, 1.0])[:, None]
    >>> parts(x, np.array(["a", "a", "b", "b"])).round(2).tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0]
    """
    n, levels = trends.shape[axis], tuple(range(axis + 1, trends.ndim))
    mean = trends.mean(axis=axis, keepdims=True)
    apart = trends - mean
    inside = apart - apart.mean(axis=levels, keepdims=True)
    every = (axis, *levels)
    centered = mean - mean.mean(axis=every, keepdims=True)
    among = (centered**2).mean(axis=every) - (inside**2).mean(axis=every) / (n - 1)
    mains = []
    for own in levels:
        others = tuple(k for k in levels if k != own)
        middle = centered.mean(axis=others, keepdims=True)
        left = inside.mean(axis=others, keepdims=True)
        mains.append((middle**2).mean(axis=every) - (left**2).mean(axis=every) / (n - 1))
    networks = (apart**2).mean(axis=every) * n / (n - 1)
    groups = [np.compress(families == one, trends, axis=axis) for one in np.unique(families)]
    free = sum(one.shape[axis] - 1 for one in groups)
    squares = sum(
        one.var(axis=axis, keepdims=True).mean(axis=every) * one.shape[axis] for one in groups
    )
    seed = squares / free if free else networks
    found = np.stack([*mains, among - sum(mains), networks - seed, seed], axis=-1)
    total = found.sum(axis=-1, keepdims=True)
    shares = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
    return np.asarray(shares, dtype=np.float64)


@dataclass(frozen=True)
class Cell:
    """One analysis: what was chosen, and the trend that came out.

    Parameters
    ----------
    choices
        Level of every factor.
    trend, low, high
        Mean over networks with its 95 % t-interval.
    sign
        -1 where it falls, 1 where it rises, 0 where neither could be told: intervals over networks
        and layers shuffled inside them (false discovery rate of 5 % over all analyses) have to say
        the same.
    networks
        How many.
    """

    choices: tuple[Any, ...]
    trend: float
    low: float
    high: float
    sign: int
    networks: int


def cells_of(table: pd.DataFrame, *, first: bool = False) -> list[Cell]:
    """Every analysis, sorted by its trend."""
    rows = at_moment(table[table["filter"].isin(FILTERS)], first=first)
    if not len(rows):
        return []
    layers = rows.groupby("network")["values"].first().map(len)
    by_network = with_trends(rows).set_index([*FACTORS, "network"])["trend"].unstack("network")
    by_network = by_network[by_network.notna().sum(axis=1) >= 3]
    pvalues = np.ones(len(by_network))
    have = by_network.notna().to_numpy()
    trends = by_network.to_numpy()
    means = np.nanmean(trends, axis=1)
    for pattern in np.unique(have, axis=0):
        which = np.flatnonzero((have == pattern).all(axis=1))
        null = null_means(layers[by_network.columns[pattern]].to_list())
        pvalues[which] = [
            tail_share(one, null, exact=False, tolerance=1e-12) for one in np.abs(means[which])
        ]
    band = curve_of_means("", range(len(trends)), trends.T)
    made = []
    sure = np.asarray(benjamini_hochberg(pvalues)) <= 0.05
    for place, choices in enumerate(by_network.index):
        low, high = band.low[place], band.high[place]
        sign = int(np.sign(means[place])) if sure[place] and (low > 0 or high < 0) else 0
        count = int(have[place].sum())
        made.append(Cell(choices, float(means[place]), low, high, sign, count))
    return sorted(made, key=lambda cell: cell.trend)


def null_means(layers: Sequence[int]) -> Array:
    """(arrangements,) |mean trend| of networks of so many layers whose layers are shuffled."""
    rng = np.random.default_rng(0)
    total = np.zeros(ARRANGEMENTS)
    for count in layers:
        depth = np.arange(count) - (count - 1) / 2
        orders = rng.permuted(np.tile(depth, (ARRANGEMENTS, 1)), axis=1)
        total += orders @ depth / (depth**2).sum()
    return np.abs(total / len(layers))


@dataclass(frozen=True)
class Across:
    """The result in numbers: how many analyses say what, and what decides it.

    Parameters
    ----------
    networks, families
        Counts of trained networks, of all analyses.
    falling, rising, neither
        Shares of analyses.
    shares
        By part, as (value, low, high): jackknife over networks, 95 % each.
    choices, within
        Likewise of all choices together, and of networks (families and seeds).
    split
        How many networks the shares are of.
    lead
        How far all choices are ahead of networks: the difference of the two, likewise.
    largest
        The single choices whose share is the largest, or cannot be told from it (95 % for all
        comparisons together).
    analyses
        How many.
    untrained
        Share of analyses that fall before training; NaN where that was not looked at.
    """

    networks: int
    families: int
    falling: float
    rising: float
    neither: float
    shares: dict[str, tuple[float, float, float]]
    choices: tuple[float, float, float]
    within: tuple[float, float, float]
    split: int
    lead: tuple[float, float, float]
    largest: tuple[str, ...]
    analyses: int
    untrained: float = float("nan")


def across(table: pd.DataFrame, *, fewest: int = 4) -> Across:
    """The numbers of a table of measurements."""
    grid = grid_of(table, fewest=fewest)
    cells = cells_of(table)
    before = cells_of(table, first=True)

    pseudo = jackknife_parts(grid)

    def share(values: Array, *, low: float = 0.0) -> tuple[float, float, float]:
        one = mean_interval(values)
        return one.value, max(one.low, low), min(one.high, 1.0)

    signs = np.array([cell.sign for cell in cells])
    choices, within = pseudo[:, :-2].sum(axis=1), pseudo[:, -2:].sum(axis=1)
    return Across(
        int(table["network"].nunique()),
        int(table["family"].nunique()),
        float((signs < 0).mean()),
        float((signs > 0).mean()),
        float((signs == 0).mean()),
        {name: share(pseudo[:, k]) for k, name in enumerate(PARTS)},
        share(choices),
        share(within),
        len(grid.trends),
        share(choices - within, low=-1.0),
        largest_of(pseudo[:, : len(FACTORS)]),
        len(cells),
        float(np.mean([cell.sign < 0 for cell in before])) if before else float("nan"),
    )


def jackknife_parts(grid: Grid) -> Array:
    """(networks, parts) pseudo-values of all shares."""
    n = len(grid.trends)
    whole = parts(grid.trends, grid.families)
    without = [parts(np.delete(grid.trends, i, 0), np.delete(grid.families, i)) for i in range(n)]
    return np.asarray(n * whole - (n - 1) * np.array(without))


def largest_of(shares: Array) -> tuple[str, ...]:
    """Names of the factors of (networks, factors) shares that may be the largest; that one first.

    >>> largest_of(np.tile([0.5, 0.1, 0.0, 0.0, 0.0, 0.0], (8, 1)))
    ('filter',)
    """
    first = int(shares.mean(axis=0).argmax())
    others = [k for k in range(shares.shape[1]) if k != first]
    apart = {
        k: mean_interval(shares[:, first] - shares[:, k], comparisons=len(others)) for k in others
    }
    return tuple(FACTORS[k] for k in (first, *(k for k in others if not apart[k].low > 0)))
