"""Where the spread of a number over networks comes from: configurations, seeds, draws of samples.

Sums of squares (analysis of variance) give the components. Their intervals are generalized ones:
every mean square is replaced by what it could have been, MS df / chi-squared(df), and the component
is computed anew (Weerahandi). One method so serves components, shares and reliabilities alike;
coverage is in docs/statistics.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.intervals import Interval
from toposcope.stats.nesting import coded, parents
from toposcope.stats.units import check_level, finite

Array = NDArray[np.float64]

PIVOTS = 20_000
"""Chi-squared draws behind an interval: its ends err by about 1 % of its width."""


@dataclass(frozen=True)
class VarianceComponents:
    """Variances of a number: between configurations, networks of one configuration, draws.

    Parameters
    ----------
    configuration
        Between configurations; None where none were told.
    network
        Between networks (of one configuration): seeds.
    draw
        Between draws of samples, shared by all networks; None where draws are not shared. It moves
        all networks alike, so it blurs no difference between them.
    rest
        Between draws of one network, beyond `draw`.
    share_configuration, share_network, share_rest
        Of the variance of one draw, `draw` left out; the first is None where there is none.
    likeness
        Intraclass correlation of networks: configuration / (configuration + network), how much two
        seeds of a configuration have in common. None without configurations.
    reliability
        Of the mean over the draws of a network: (configuration + network) / (the same + rest / R).
    networks, configurations, draws
        Counts; draws is their harmonic mean per network.
    level
        Coverage of each interval.
    """

    configuration: Interval | None
    network: Interval
    draw: Interval | None
    rest: Interval
    share_configuration: Interval | None
    share_network: Interval
    share_rest: Interval
    likeness: Interval | None
    reliability: Interval
    networks: int
    configurations: int
    draws: float
    level: float


def variance_components(
    values: ArrayLike,
    networks: ArrayLike,
    configurations: ArrayLike | None = None,
    *,
    draws: ArrayLike | None = None,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
) -> VarianceComponents:
    """Variance between configurations, between their networks, and between draws.

    Parameters
    ----------
    values
        (rows,) one per network and draw.
    networks
        (rows,) network of each; one label is one network, whatever its configuration.
    configurations
        (rows,) configuration of each network; None to leave that level out.
    draws
        (rows,) number of the draw where one number is the same samples in every network. Then what
        a draw does to all networks is a component of its own. None: draws of one network are its
        own.
    level
        Coverage of the intervals.
    seed
        Of the pivots behind the intervals.

    Returns
    -------
    The components; an estimate below 0 is told as 0. Networks of one draw alone have no `rest`: it
    is NaN, and `network` holds it.

    Notes
    -----
    Networks count alike, whatever their draws, and so do configurations (unweighted means): exact
    for balanced designs, close for others.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> place = np.repeat(np.arange(12), 20)  # 12 configurations of 4 networks of 5 draws
    >>> network = np.repeat(np.arange(48), 5)
    >>> y = 3 * rng.normal(size=12)[place] + 2 * rng.normal(size=48)[network] + rng.normal(size=240)
    >>> found = variance_components(y, network, place)
    >>> [round(x.value, 2) for x in (found.configuration, found.network, found.rest)]
    [5.36, 2.95, 1.08]
    >>> found.configuration.low < 9 < found.configuration.high
    True

    References
    ----------
    Weerahandi, Generalized confidence intervals, JASA 1993. Burdick & Graybill, Confidence
    intervals on variance components, 1992.
    """
    call = "variance_components()"
    check_level(call, level)
    y = finite(call, "values", values, ndim=(1,))
    network, names = coded(call, "networks", networks, len(y))
    place = None
    if configurations is not None:
        outer, _ = coded(call, "configurations", configurations, len(y))
        place = parents(call, network, outer, names, name="configurations")
    table = _squares(call, y, network, place, draws)
    return _components(table, level, parameters.rng(seed, call=call))


def networks_by_draws(call: str, values: Array, network: NDArray[np.intp], draws: Any) -> Array:
    """(networks, draws) values of a complete design, or a refusal."""
    drawn, kinds = coded(call, "draws", draws, len(values))
    table = np.full((int(network.max()) + 1, len(kinds)), np.nan)
    table[network, drawn] = values
    if len(values) != table.size or np.isnan(table).any():
        msg = (
            f"{call}: {len(values)} values of {table.shape[0]} networks and {len(kinds)} draws: "
            "shared draws need each draw exactly once in each network. Leave out what is not in "
            "all, or pass draws=None where draws are not the same samples."
        )
        raise UsageError(msg)
    return table


@dataclass(frozen=True, eq=False)
class _Squares:
    """Mean squares with their degrees of freedom, and what multiplies the components in them."""

    configuration: tuple[float, int] | None
    network: tuple[float, int]
    draw: tuple[float, int] | None
    rest: tuple[float, int]
    inner: float
    """Share of `rest` in the mean square of networks: 1 / R."""
    outer: float
    """Share of the mean square of networks in that of configurations: 1 / s."""
    networks: int
    configurations: int


def _squares(
    call: str, y: Array, network: NDArray[np.intp], place: NDArray[np.intp] | None, draws: Any
) -> _Squares:
    count = np.bincount(network)
    k = len(count)
    if k < 2:
        msg = f"{call}: {k} network has no spread between networks; pass values of two or more."
        raise UsageError(msg)
    means = np.bincount(network, weights=y) / count
    inside = y - means[network]
    draw = None
    if draws is not None:
        table = networks_by_draws(call, y, network, draws)
        common = table.mean(axis=0) - table.mean()
        draw = (k * float((common**2).sum()) / max(table.shape[1] - 1, 1), table.shape[1] - 1)
        left = table - means[:, None] - common
        freedom = (k - 1) * (table.shape[1] - 1)
        rest = (float((left**2).sum()) / max(freedom, 1), freedom)
    else:
        freedom = len(y) - k
        rest = (float((inside**2).sum()) / max(freedom, 1), freedom)
    if place is None:
        between = (float(means.var(ddof=1)), k - 1)
        return _Squares(None, between, draw, rest, float((1 / count).mean()), 0.0, k, 0)
    sizes = np.bincount(place)
    g = len(sizes)
    if g < 2 or k == g:
        msg = (
            f"{call}: {k} networks in {g} configurations; needed are two or more configurations, "
            "one of them with two or more networks. Leave configurations out to tell networks "
            "from draws alone."
        )
        raise UsageError(msg)
    centers = np.bincount(place, weights=means) / sizes
    within = means - centers[place]
    inner = float((1 / count * (1 - 1 / sizes[place])).sum() / (k - g))
    return _Squares(
        (float(centers.var(ddof=1)), g - 1),
        (float((within**2).sum()) / (k - g), k - g),
        draw,
        rest,
        inner,
        float((1 / sizes).mean()),
        k,
        g,
    )


def _components(table: _Squares, level: float, rng: np.random.Generator) -> VarianceComponents:
    """Each number with its pivots: position 0 is the estimate, the others what it could be."""

    def pivots(square: tuple[float, int] | None) -> Array:
        if square is None or square[1] == 0:
            return np.zeros(PIVOTS + 1)
        ms, df = square
        return np.concatenate([[ms], ms * df / rng.chisquare(df, PIVOTS)])

    known = table.rest[1] > 0
    mean_rest, mean_network = pivots(table.rest), pivots(table.network)
    mean_place, mean_draw = pivots(table.configuration), pivots(table.draw)
    rest = mean_rest
    network = np.maximum(mean_network - table.inner * mean_rest, 0.0)
    place = np.maximum(mean_place - table.outer * mean_network, 0.0)
    draw = np.maximum(mean_draw - mean_rest, 0.0) / table.networks
    between = place + network
    one, mean = between + rest, between + table.inner * rest

    def told(values: Array, n: int, *, defined: bool = True) -> Interval:
        if not defined:
            return Interval(np.nan, np.nan, np.nan, level, n, "network")
        low, high = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2])
        return Interval(float(values[0]), float(low), float(high), level, n, "network")

    def ratio(top: Array, below: Array, n: int, *, defined: bool = True) -> Interval:
        share = np.divide(top, below, out=np.zeros_like(top), where=below > 0)
        return told(share, n, defined=defined and bool(below[0] > 0))

    g, k = table.configurations, table.networks
    nested = table.configuration is not None
    return VarianceComponents(
        told(place, g) if nested else None,
        told(network, k),
        told(draw, table.draw[1] + 1) if table.draw is not None else None,
        told(rest, k, defined=known),
        ratio(place, one, g, defined=known) if nested else None,
        ratio(network, one, k, defined=known),
        ratio(rest, one, k, defined=known),
        ratio(place, between, g) if nested else None,
        ratio(between, mean, k, defined=known),
        k,
        g,
        1 / table.inner if table.inner else 1.0,
        level,
    )
