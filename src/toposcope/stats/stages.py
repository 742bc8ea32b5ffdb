"""Two stages: the mean over the draws of every network, then tests over networks.

Draws of one network say how it reads other samples. Taken as units of a test between groups of
trained networks they find differences where there are none (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.families import standardized
from toposcope.stats.intervals import agreeing
from toposcope.stats.nesting import Exchange, coded, exchange, parents
from toposcope.stats.units import check_level, check_resamples, finite, rejects, target_of

Array = NDArray[np.float64]

SIMULATIONS, ARRANGEMENTS = 300, 400
"""Planted data sets of the detectable difference, and arrangements of each."""


@dataclass(frozen=True)
class TwoStage:
    """The difference of two groups of networks, over networks or configurations.

    Parameters
    ----------
    groups
        The two labels; differences are second less first.
    value, low, high
        Difference of the means and its interval over units.
    pvalue
        Of all or many exchanges of units, two-sided; never 0.
    smallest_p
        Smallest p-value that so many units can give.
    detectable
        Difference that this test finds 8 times in 10; inf when there is none.
    spread
        Standard deviation of the units inside a group (and block).
    unit
        "network" or "configuration".
    n_a, n_b
        Units of the groups.
    networks, configurations, blocks
        Networks of both groups, their configurations (0 where none were told), and how many of
        these hold networks of both groups.
    level
        Coverage of the interval.
    """

    groups: tuple[Any, Any]
    value: float
    low: float
    high: float
    pvalue: float
    smallest_p: float
    detectable: float
    spread: float
    unit: str
    n_a: int
    n_b: int
    networks: int
    configurations: int
    blocks: int
    level: float

    @property
    def target(self) -> str:
        """What the difference speaks about."""
        return target_of(self.unit)


def network_means(values: ArrayLike, networks: ArrayLike) -> tuple[list[Any], Array]:
    """The first stage: the mean over the draws of each network.

    Parameters
    ----------
    values
        (draws,) or (draws, columns) finite values.
    networks
        (draws,) label of the network that each was measured in.

    Returns
    -------
    Labels in the order in which they are met, and (networks,) or (networks, columns) means.

    Examples
    --------
    >>> network_means([1.0, 3.0, 5.0], ["a", "a", "b"])
    (['a', 'b'], array([2., 5.]))
    """
    call = "network_means()"
    y = finite(call, "values", values, ndim=(1, 2))
    codes, kinds = coded(call, "networks", networks, len(y))
    sums = np.zeros((len(kinds), *y.shape[1:]))
    np.add.at(sums, codes, y)
    counts = np.bincount(codes).reshape(-1, *[1] * (y.ndim - 1))
    return kinds, np.asarray(sums / counts)


def two_stage(
    values: ArrayLike,
    groups: ArrayLike,
    *,
    networks: ArrayLike | None = None,
    configurations: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 9999,
    seed: int | np.random.Generator = 0,
) -> TwoStage:
    """Whether two groups of trained networks differ, with networks or configurations as units.

    Parameters
    ----------
    values
        (rows,) one value per draw of a network, or per network.
    groups
        (rows,) labels of exactly two kinds.
    networks
        (rows,) the network of each row; None where every row is a network.
    configurations
        (rows,) what a network shares with others but for its seed; None where every network stands
        for itself. Who changes places with whom follows, see `toposcope.stats.exchange`.
    level, n_resamples, seed
        As in `permutation_test`.

    Returns
    -------
    The difference. Its interval is Welch's over units; inside several configurations that of least
    squares with one mean per configuration. It includes 0 exactly where the test does not reject,
    see `toposcope.stats.intervals.agreeing`.

    Examples
    --------
    Two draws of each of eight networks: 8 units, not 16.

    >>> draws = [1.0, 1.2, 2.0, 2.2, 3.0, 3.2, 4.0, 4.2, 6.0, 6.2, 7.0, 7.2, 8.0, 8.2, 9.0, 9.2]
    >>> found = two_stage(draws, ["relu"] * 8 + ["tanh"] * 8, networks=np.repeat(range(8), 2))
    >>> round(found.value, 9), found.n_a, found.n_b, round(found.pvalue, 4)  # 2 of 70
    (5.0, 4, 4, 0.0286)
    """
    call = "two_stage()"
    level = check_level(call, level)
    n_resamples = check_resamples(call, n_resamples)
    y = finite(call, "values", values, ndim=(1,))
    rows = np.arange(len(y)) if networks is None else networks
    network, names = coded(call, "networks", rows, len(y))
    group, kinds = coded(call, "groups", groups, len(y))
    if len(kinds) != 2:
        msg = (
            f"{call}: groups has {len(kinds)} kinds ({', '.join(map(repr, kinds[:6]))}); needed "
            "are exactly two. Compare two of them at a time and correct with ts.stats.holm."
        )
        raise UsageError(msg)
    second = parents(call, network, group, names, name="groups")
    place = None
    if configurations is not None:
        outer, _ = coded(call, "configurations", configurations, len(y))
        place = parents(call, network, outer, names, name="configurations")
    units = exchange(second, place)
    refuse_few(call, units, kinds)
    one = units.means(network_means(y, network)[1])[:, None]
    weights, exact = units.arrangements(n_resamples, parameters.rng(seed, call=call))
    z = np.abs(standardized(weights @ one))[:, 0]
    found = differences(one, units, level=level)
    pvalue = float((z >= z[0] - 1e-9).mean())
    low, high = agreeing(
        float(found.value[0]),
        float(found.low[0]),
        float(found.high[0]),
        rejects=rejects(pvalue, level),
    )
    shift = detectable_alone(units, level=level)
    return TwoStage(
        (kinds[0], kinds[1]),
        float(found.value[0]),
        low,
        high,
        pvalue,
        units.smallest_p if exact else max(units.smallest_p, 1 / len(weights)),
        float(shift * found.spread[0]) if np.isfinite(shift) else shift,
        float(found.spread[0]),
        units.unit,
        units.n_a,
        units.n_b,
        units.networks,
        units.configurations,
        units.n_blocks if units.blocked else 0,
        level,
    )


@dataclass(frozen=True, eq=False)
class Differences:
    """(columns,) differences of two groups with intervals and the spread of units."""

    value: Array
    low: Array
    high: Array
    spread: Array


def differences(
    values: Array, units: Exchange, *, level: float, comparisons: int = 1
) -> Differences:
    """Second group less first, column by column.

    Parameters
    ----------
    values
        (units, columns).
    units
        Who belongs where.
    level, comparisons
        As in `mean_interval`.

    Notes
    -----
    One block: Welch. Several: the least-squares effect beside one mean per block, whose spread is
    that of what neither explains; of one network a side and block it is the paired t interval.
    """
    from scipy.special import stdtrit

    value = (units.weights() @ values)[0]
    tail = 1 - (1 - level) / (2 * comparisons)
    nothing = np.full(values.shape[1], np.nan)
    if units.blocked:
        rest = values.copy()
        for block in np.unique(units.blocks):
            inside = units.blocks == block
            rest[inside] -= rest[inside].mean(axis=0)
        w = units.weights()[0]
        d = w / (w @ w)  # the group, less its mean in each block
        rest -= d[:, None] * value
        freedom = float(len(values) - len(np.unique(units.blocks)) - 1)
        if freedom < 1:
            return Differences(value, nothing, nothing, nothing)
        spread = np.sqrt((rest**2).sum(axis=0) / freedom)
        half = stdtrit(freedom, tail) * spread * np.sqrt(w @ w)
        return Differences(value, value - half, value + half, spread)
    sides = [values[~units.second], values[units.second]]
    if min(map(len, sides)) < 2:
        return Differences(value, nothing, nothing, nothing)
    squares = [side.var(axis=0, ddof=1) / len(side) for side in sides]
    total = squares[0] + squares[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        freedoms = total**2 / sum(s**2 / (len(x) - 1) for s, x in zip(squares, sides, strict=True))
    half = stdtrit(np.where(total > 0, freedoms, 1.0), tail) * np.sqrt(total)
    pooled = sum(s * len(x) * (len(x) - 1) for s, x in zip(squares, sides, strict=True))
    spread = np.sqrt(pooled / (len(values) - 2))
    return Differences(value, value - half, value + half, np.asarray(spread))


def detectable_difference(
    weights: Array,
    units: Exchange,
    *,
    level: float,
    values: Array | None = None,
    kinds: Sequence[int] = (0,),
    power: float = 0.8,
    seed: int = 0,
) -> float:
    """Difference of the groups in one column that its family finds with the given power.

    Parameters
    ----------
    weights
        (arrangements, units), the given one first.
    values
        (units, columns) the family: normal noise is planted that has its correlations inside
        groups, the shift in one column after the other. None for one column alone.
    kinds
        (columns,) columns of one kind have a test of all of them together, which is in the family
        too: left out, 67 % of such differences were found between 4 and 4 configurations, not 80 %.

    Returns
    -------
    In standard deviations of a unit; inf when none, however large, is found so often. The very test
    is made: standardized squares, single and summed, and their step-down maximum.

    Examples
    --------
    Three and three networks have 20 arrangements, two of them as extreme:

    >>> units = exchange([0, 0, 0, 1, 1, 1])
    >>> weights, _ = units.arrangements(999, np.random.default_rng(0))
    >>> detectable_difference(weights, units, level=0.95)
    inf
    """
    rng = np.random.default_rng(seed)
    if len(weights) > ARRANGEMENTS:
        chosen = rng.choice(np.arange(1, len(weights)), ARRANGEMENTS - 1, replace=False)
        weights = weights[np.concatenate([[0], chosen])]
    planted = weights @ units.second.astype(np.float64)
    planted = (planted - planted.mean())[:, None]
    family = _PlantedFamily.of(weights, units, values, np.asarray(kinds), rng)

    def found(shift: float) -> float:
        own = _scaled(family.noise + shift * planted) ** 2
        single, whole = _scaled(own), _scaled(family.others + own)
        below = np.maximum(family.rivals, single)
        every = np.maximum(below, whole)
        p = _reached(every, single)
        # Where the sum is the larger one it is tested first, and the column without it.
        second = np.maximum(_reached(every, whole), _reached(below, single))
        p = np.where(whole[0] > single[0], second, p)
        return float((p <= 1 - level + 1e-12).mean())

    if found(1e4) < power:
        return float("inf")
    low, high = -4.0, float(np.log(1e4))
    for _ in range(11):
        middle = (low + high) / 2
        low, high = (low, middle) if found(np.exp(middle)) >= power else (middle, high)
    return float(np.exp(high))


@dataclass(frozen=True, eq=False)
class _PlantedFamily:
    """(arrangements, simulations) what one column meets in its family when nothing differs.

    `noise`: its own differences; `others`: sum of the squares of its kind without it; `rivals`: the
    largest statistic that it has no part in.
    """

    noise: Array
    others: Array
    rivals: Array

    @classmethod
    def of(
        cls,
        weights: Array,
        units: Exchange,
        values: Array | None,
        kinds: NDArray[Any],
        rng: np.random.Generator,
    ) -> _PlantedFamily:
        count, n = weights.shape
        shape = count, SIMULATIONS
        rest = np.zeros((n, 0)) if values is None else _residuals(values, units)
        sizes = np.sqrt((rest**2).sum(axis=0))
        varies = sizes > 1e-9 * max(float(np.abs(rest).max(initial=0.0)), 1e-300)
        if varies.sum() < 2:
            return cls(
                weights @ rng.normal(size=(n, SIMULATIONS)),
                np.zeros(shape),
                np.full(shape, -np.inf),
            )
        rest, kinds = rest[:, varies] / sizes[varies], kinds[varies]
        noise, others, rivals = (np.empty(shape) for _ in range(3))
        for j in range(SIMULATIONS):
            k = j % rest.shape[1]
            moved = weights @ (rng.normal(size=(n, n)) @ rest)
            squares = _scaled(moved) ** 2
            noise[:, j] = moved[:, k]
            mine = kinds == kinds[k]
            others[:, j] = squares[:, mine].sum(axis=1) - squares[:, k]
            sums = [squares[:, kinds == kind].sum(axis=1) for kind in np.unique(kinds[~mine])]
            away = np.column_stack([np.delete(squares, k, axis=1), *sums])
            rivals[:, j] = _scaled(away).max(axis=1)
        return cls(noise, others, rivals)


def _residuals(values: Array, units: Exchange) -> Array:
    """(units, columns) values less the mean of their block and the difference of the groups."""
    rest = np.array(values, dtype=np.float64)
    for block in np.unique(units.blocks):
        inside = units.blocks == block
        rest[inside] -= rest[inside].mean(axis=0)
    w = units.weights()[0]
    return np.asarray(rest - (w / (w @ w))[:, None] * (w @ rest))


def _scaled(statistics: Array) -> Array:
    """Columns with mean 0 and spread 1; 0 where a column is constant."""
    centered = statistics - statistics.mean(axis=0)
    spread = np.sqrt((centered**2).mean(axis=0))
    return np.asarray(centered / np.where(spread > 0, spread, 1.0))


def _reached(statistics: Array, observed: Array) -> Array:
    """(simulations,) share of arrangements that reach the given one, the first of `observed`."""
    return np.asarray((statistics >= observed[0] - 1e-9).mean(axis=0))


def detectable_alone(units: Exchange, *, level: float) -> float:
    """`detectable_difference` of a test that shares its level with no other."""
    return _alone(units.second.tobytes(), units.blocks.tobytes(), level)


@lru_cache(maxsize=256)
def _alone(second: bytes, blocks: bytes, level: float) -> float:
    """By what decides it: which unit is in which group and block."""
    member = np.frombuffer(second, dtype=np.bool_)
    place = np.frombuffer(blocks, dtype=np.intp)
    units = Exchange("network", np.arange(len(member)), member, place, len(member), 0)
    weights, _ = units.arrangements(9999, np.random.default_rng(0))
    return detectable_difference(weights, units, level=level)


def fewest_units(units: Exchange, *, level: float) -> int:
    """Units in each group (inside configurations: configurations) that can reach 1 - level.

    >>> fewest_units(exchange([0, 0, 1, 1]), level=0.95)
    4
    """
    alpha = 1 - level + 1e-12
    if units.blocked:  # of one network a side
        return next(n for n in range(2, 99) if 2 * 0.5**n <= alpha)
    return next(n for n in range(2, 99) if 2 / comb(2 * n, n) <= alpha)


def needed_text(units: Exchange, *, level: float) -> str:
    """What would be needed, for a message."""
    count = fewest_units(units, level=level)
    if units.blocked:
        return f"{count} configurations with networks of both groups, or more seeds in each"
    return f"{count} {units.unit}s in each group"


def refuse_few(call: str, units: Exchange, kinds: Any) -> None:
    """Refuse groups in which no spread can be seen."""
    if units.blocked:
        return
    if min(units.n_a, units.n_b) < 2:
        of = f", {units.networks} networks" if units.unit == "configuration" else ""
        msg = (
            f"{call}: {units.n_a} {units.unit}{'s' * (units.n_a != 1)} in {kinds[0]!r} and "
            f"{units.n_b} in {kinds[1]!r}{of}; two or more a side are needed to see a spread, "
            f"{fewest_units(units, level=0.95)} a side to reach p <= 0.05."
        )
        if units.unit == "configuration":
            msg += (
                " Seeds of one configuration are no independent witnesses of other ones: train "
                "more configurations, or compare one configuration a side."
            )
        raise UsageError(msg)
