"""Depth trends under many analyses, and what decides them: tables and arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.stats import benjamini_hochberg, mean_interval
from toposcope.stats.arrangements import tail_share
from toposcope.studies.across_measure import FILTERS
from toposcope.studies.verdicts import jackknife

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


def parts(trends: Array, families: NDArray[Any]) -> Array:
    """(parts,) shares of the variance of trends: `PARTS`, adding up to 1.

    Choices are fixed and networks are drawn: what networks make of the mean of a choice is taken
    out of it, so that a choice that does nothing has a share of 0 in the mean (and may have less).
    "family" is what families differ in, alone and together with choices, "seed" what networks of a
    family do.

    Parameters
    ----------
    trends
        (networks, levels of every factor).
    families
        (networks,).

    >>> x = np.zeros((4, 2, 2)) + np.array([-1.0, 1.0])[:, None]
    >>> parts(x, np.array(["a", "a", "b", "b"])).round(2).tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0]
    """
    n, *rest = trends.shape
    mean = trends.mean(axis=0)
    grand = mean.mean()
    inside = (trends - mean) - (trends - mean).mean(
        axis=tuple(range(1, trends.ndim)), keepdims=True
    )
    among = float(((mean - grand) ** 2).mean()) - float((inside**2).mean()) / (n - 1)
    mains = []
    for axis in range(len(rest)):
        others = tuple(k + 1 for k in range(len(rest)) if k != axis)
        by_level = trends.mean(axis=others)
        middle = by_level.mean(axis=0)
        left = by_level - middle
        left = left - left.mean(axis=1, keepdims=True)
        mains.append(float(((middle - grand) ** 2).mean()) - float((left**2).mean()) / (n - 1))
    networks = float(((trends - mean) ** 2).mean()) * n / (n - 1)
    groups = [trends[families == one] for one in np.unique(families)]
    free = sum(len(one) - 1 for one in groups)
    squares = sum(float(((one - one.mean(axis=0)) ** 2).mean()) * len(one) for one in groups)
    seed = squares / free if free else networks
    found = np.array([*mains, among - sum(mains), networks - seed, seed])
    total = found.sum()
    return found / total if total > 0 else np.zeros(len(found))


def choices_over_networks(shares: Array) -> float:
    """Share of all choices less that of networks."""
    return float(shares[:-2].sum() - shares[-2:].sum())


def over_networks(grid: Grid, statistic: Callable[[Array], float]) -> Array:
    """(networks,) pseudo-values of a statistic of the shares."""

    def of(rows: Array) -> float:
        which = rows.astype(np.intp)
        return statistic(parts(grid.trends[which], grid.families[which]))

    return jackknife(of, np.arange(len(grid.trends)))


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
    layers = rows.groupby("network")["values"].first().map(len)
    rows = with_trends(rows)
    nulls: dict[tuple[int, ...], Array] = {}
    found, pvalues = [], []
    for choices, one in rows.groupby(list(FACTORS), sort=False):
        values = one["trend"].to_numpy()
        if len(values) < 3:
            continue
        lengths = tuple(sorted(layers[one["network"]]))
        if lengths not in nulls:
            nulls[lengths] = null_means(lengths)
        interval = mean_interval(values)
        found.append((choices, interval))
        pvalues.append(
            tail_share(abs(interval.value), nulls[lengths], exact=False, tolerance=1e-12)
        )
    told = np.asarray(benjamini_hochberg(pvalues)) <= 0.05 if found else []
    made = []
    for (choices, one), sure in zip(found, told, strict=True):
        sign = int(np.sign(one.value)) if sure and (one.low > 0 or one.high < 0) else 0
        made.append(Cell(choices, one.value, one.low, one.high, sign, one.n))
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
    untrained: float = float("nan")


def across(table: pd.DataFrame, *, fewest: int = 4) -> Across:
    """The numbers of a table of measurements."""
    grid = grid_of(table, fewest=fewest)
    cells = cells_of(table)
    before = cells_of(table, first=True)

    def share(of: Callable[[Array], float]) -> tuple[float, float, float]:
        one = mean_interval(over_networks(grid, of))
        return one.value, max(one.low, 0.0), min(one.high, 1.0)

    signs = np.array([cell.sign for cell in cells])
    return Across(
        int(table["network"].nunique()),
        int(table["family"].nunique()),
        float((signs < 0).mean()),
        float((signs > 0).mean()),
        float((signs == 0).mean()),
        {name: share(lambda x, k=k: float(x[k])) for k, name in enumerate(PARTS)},  # type: ignore[misc]
        share(lambda x: float(x[:-2].sum())),
        share(lambda x: float(x[-2:].sum())),
        len(grid.trends),
        float(np.mean([cell.sign < 0 for cell in before])) if before else float("nan"),
    )
