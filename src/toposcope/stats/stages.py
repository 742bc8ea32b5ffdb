"""Two stages: the mean over the draws of every network, then tests over networks.

Draws of one network say how it reads other samples. Taken as units of a test between groups of
trained networks they find differences where there are none (docs/statistics.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.stats.families import standardized
from toposcope.stats.nesting import Exchange, coded, exchange, parents
from toposcope.stats.units import check_level, check_resamples, finite, target_of

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
    squares with one mean per configuration.

    Examples
    --------
    Two draws of each of eight networks: 8 units, not 16.

    >>> draws = [1.0, 1.2, 2.0, 2.2, 3.0, 3.2, 4.0, 4.2, 6.0, 6.2, 7.0, 7.2, 8.0, 8.2, 9.0, 9.2]
    >>> found = two_stage(draws, ["relu"] * 8 + ["tanh"] * 8, networks=np.repeat(range(8), 2))
    >>> round(found.value, 9), found.n_a, found.n_b, round(found.pvalue, 4)  # 2 of 70
    (5.0, 4, 4, 0.0286)
    """
    call = "two_stage()"
    check_level(call, level)
    check_resamples(call, n_resamples)
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
    shift = detectable_alone(units, level=level)
    return TwoStage(
        (kinds[0], kinds[1]),
        float(found.value[0]),
        float(found.low[0]),
        float(found.high[0]),
        float((z >= z[0] - 1e-9).mean()),
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
    rivals: Array,
    *,
    level: float,
    power: float = 0.8,
    seed: int = 0,
) -> float:
    """Difference of the groups in one column that its family finds with the given power.

    Parameters
    ----------
    weights
        (arrangements, units), the given one first.
    rivals
        (arrangements,) largest standardized statistic of the other tests; -inf without any.

    Returns
    -------
    In standard deviations of a unit; inf when none, however large, is found so often. Normal noise
    is planted and the very test is made.

    Examples
    --------
    Three and three networks have 20 arrangements, two of them as extreme:

    >>> units = exchange([0, 0, 0, 1, 1, 1])
    >>> weights, _ = units.arrangements(999, np.random.default_rng(0))
    >>> detectable_difference(weights, units, np.full(20, -np.inf), level=0.95)
    inf
    """
    rng = np.random.default_rng(seed)
    if len(weights) > ARRANGEMENTS:
        chosen = rng.choice(np.arange(1, len(weights)), ARRANGEMENTS - 1, replace=False)
        rows = np.concatenate([[0], chosen])
        weights, rivals = weights[rows], rivals[rows]
    noise = weights @ rng.normal(size=(weights.shape[1], SIMULATIONS))
    noise -= noise.mean(axis=0)
    planted = weights @ units.second.astype(np.float64)
    planted = (planted - planted.mean())[:, None]
    moments = (noise**2).mean(axis=0), (noise * planted).mean(axis=0), float((planted**2).mean())
    alone = bool(np.isneginf(rivals).all())

    def found(shift: float) -> float:
        spread = np.sqrt(moments[0] + 2 * shift * moments[1] + shift**2 * moments[2])
        z = np.abs(noise + shift * planted) / spread
        reached = (z if alone else np.maximum(z, rivals[:, None])) >= z[0] - 1e-9
        return float((reached.mean(axis=0) <= 1 - level + 1e-12).mean())

    if found(1e4) < power:
        return float("inf")
    low, high = -4.0, float(np.log(1e4))
    for _ in range(11):
        middle = (low + high) / 2
        low, high = (low, middle) if found(np.exp(middle)) >= power else (middle, high)
    return float(np.exp(high))


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
    return detectable_difference(weights, units, np.full(len(weights), -np.inf), level=level)


def fewest(units: Exchange, level: float) -> str:
    """What would be needed for a p-value at the level, in words for a message."""
    alpha = 1 - level
    if units.blocked:
        count = next(n for n in range(1, 60) if 2 * 0.5**n <= alpha)
        return f"{count} configurations with a network of both groups (or more seeds in each)"
    side = next(n for n in range(2, 60) if 2 / comb(2 * n, n) <= alpha)
    return f"{side} {units.unit}s in each group"


def refuse_few(call: str, units: Exchange, kinds: Any) -> None:
    """Refuse groups in which no spread can be seen."""
    if units.blocked:
        return
    if min(units.n_a, units.n_b) < 2:
        of = f", {units.networks} networks" if units.unit == "configuration" else ""
        msg = (
            f"{call}: {units.n_a} {units.unit}{'s' * (units.n_a != 1)} in {kinds[0]!r} and "
            f"{units.n_b} in {kinds[1]!r}{of}; two or more a side are needed to see a spread, "
            f"{fewest(units, 0.95)} to reach p <= 0.05."
        )
        if units.unit == "configuration":
            msg += (
                " Seeds of one configuration are no independent witnesses of other ones: train "
                "more configurations, or compare one configuration a side."
            )
        raise UsageError(msg)
