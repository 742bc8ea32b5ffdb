"""Correlations over networks beside what else differs between them, and without the draws' noise.

A population of networks varies in depth, width and accuracy at once: two numbers that both follow
the width correlate without having to do with each other. Partial correlations take that out. Seeds
of one configuration are alike, so an interval over networks that are nested is too short; with
`configurations` whole configurations are left out one by one instead (jackknife).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.foreign import real
from toposcope.stats.nesting import coded
from toposcope.stats.ranks import mean_ranks
from toposcope.stats.units import check_level, finite, target_of
from toposcope.stats.variance import PIVOTS, VarianceComponents, variance_components

Array = NDArray[np.float64]

FEWEST_CONFIGURATIONS = 5
"""Clusters below which no cluster-robust interval or test is given."""


@dataclass(frozen=True)
class Correlation:
    """A correlation over networks.

    Parameters
    ----------
    value, low, high
        In [-1, 1]; NaN where one side does not vary (beside what is given).
    pvalue
        That it is 0, two-sided.
    method
        "pearson" or "spearman".
    given
        How many columns were taken out (names count one for each kind but one).
    n, unit
        Independent units: networks, or the configurations they are nested in.
    networks
        Networks behind it.
    level
        Coverage of the interval.
    """

    value: float
    low: float
    high: float
    pvalue: float
    method: str
    given: int
    n: int
    unit: str
    networks: int
    level: float

    @property
    def target(self) -> str:
        """What the correlation speaks about."""
        return target_of(self.unit)


def partial_correlation(
    x: ArrayLike,
    y: ArrayLike,
    given: Any = None,
    *,
    method: str = "pearson",
    configurations: ArrayLike | None = None,
    level: float = 0.95,
) -> Correlation:
    """Correlation of two numbers over networks, beside what else differs between them.

    Parameters
    ----------
    x, y
        (networks,) numbers, such as a topological statistic and the accuracy.
    given
        What is taken out of both by least squares: (networks,) or (networks, columns) numbers, a
        list of columns, or a table; columns of names are taken out as kinds. None: nothing.
    method
        "pearson"; or "spearman", the same of ranks (x, y and numbers given), which any monotone
        relation fills.
    configurations
        (networks,) what a network shares with others but for its seed. The unit is then the
        configuration; below 5 of them are refused.
    level
        Coverage of the interval.

    Returns
    -------
    The correlation. Its interval comes from Fisher's z (spearman: with the variance of Bonett &
    Wright), or from leaving out configurations in turn, and lies inside [-1, 1].

    Notes
    -----
    Ranks are freed of ranks by straight lines, which leaves a little of curved relations: two
    strong confounds of opposite sign left -0.06 where nothing was. Pearson's has none of it where
    confounds act linearly; report both.

    Examples
    --------
    Both follow the width and have nothing else in common:

    >>> rng = np.random.default_rng(0)
    >>> width = np.repeat([8.0, 16.0, 32.0], 20)
    >>> x, y = (width + rng.normal(size=60) for _ in range(2))
    >>> plain, partial = partial_correlation(x, y), partial_correlation(x, y, width)
    >>> round(plain.value, 2), round(partial.value, 2)
    (0.99, -0.11)
    >>> -1 <= partial.low < 0 < partial.high <= 1
    True

    References
    ----------
    Fisher, The distribution of the partial correlation coefficient, Metron 1924. Bonett & Wright,
    Sample size requirements for estimating Pearson, Kendall and Spearman correlations, 2000.
    """
    call = "partial_correlation()"
    level = check_level(call, level)
    method = parameters.choice(method, ("pearson", "spearman"), "method", call=call)
    pair = [finite(call, name, v, ndim=(1,)) for name, v in (("x", x), ("y", y))]
    n = len(pair[0])
    if len(pair[1]) != n:
        msg = f"{call}: x has {n} networks and y {len(pair[1])}; needed is one value of each."
        raise UsageError(msg)
    columns = given_columns(call, given, n, ranks=method == "spearman")
    taken = columns.shape[1]
    if n - taken < 5:
        msg = (
            f"{call}: {n} networks beside {taken} given columns leave {n - taken - 2} degrees of "
            f"freedom; needed are {taken + 5} networks or more, or fewer columns in given."
        )
        raise UsageError(msg)
    a, b = (_ranks(v) if method == "spearman" else v for v in pair)
    if configurations is not None:
        place, kinds = coded(call, "configurations", configurations, n)
        refuse_few_configurations(call, len(kinds))
        return _jackknifed(a, b, columns, place, method, level)
    r = _partial(a, b, columns)
    return _correlation(r, n, taken, method, level, "network", n)


def given_columns(call: str, given: Any, n: int, *, ranks: bool = False) -> Array:
    """(n, columns) numbers to take out: numbers as they are or as ranks, names as kinds."""
    columns: list[Array] = []
    for column in _listed(call, given, n):
        held = np.asarray(column)
        if held.shape != (n,):
            msg = (
                f"{call}: given holds a column of shape {held.shape}; needed are columns of "
                f"{n} entries, one for each network: (networks,) or (networks, columns)."
            )
            raise UsageError(msg)
        if held.dtype.kind in "biuf":
            numbers = finite(call, "given", held.astype(np.float64), ndim=(1,))
            columns.append(_ranks(numbers) if ranks else numbers)
            continue
        codes, kinds = coded(call, "given", held, n)
        columns += [(codes == k).astype(np.float64) for k in range(1, len(kinds))]
    varying = [one for one in columns if np.ptp(one) > 0]
    return np.column_stack(varying) if varying else np.empty((n, 0))


def refuse_few_configurations(call: str, count: int) -> None:
    """Refuse an answer over fewer than five configurations."""
    if count < FEWEST_CONFIGURATIONS:
        msg = (
            f"{call}: {count} configurations; an interval over configurations needs "
            f"{FEWEST_CONFIGURATIONS} or more, since their spread is estimated from them. Train "
            "more configurations; or leave configurations out, and say that the answer is about "
            "these configurations, trained again."
        )
        raise UsageError(msg)


def disattenuated_correlation(
    x: ArrayLike,
    y: ArrayLike,
    *,
    shared_draws: bool = False,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
) -> tuple[Correlation, float, float]:
    """Correlation of what networks are, without the noise of the draws it was measured on.

    Parameters
    ----------
    x
        (networks, draws) values.
    y
        (networks, draws) values of other draws or numbers, or (networks,) numbers that are taken as
        exact. Draws of x and y must be independent: noise that both share correlates them.
    shared_draws
        Whether draw r is the same samples in every network; what it does to all of them is no noise
        of a comparison then.
    level, seed
        As in `variance_components`.

    Returns
    -------
    correlation
        r / sqrt(reliabilities), cut to [-1, 1]. NaN where a reliability is not shown to be above 0:
        what does not differ between networks beyond its draws correlates with nothing.
    reliability_x, reliability_y
        Shares of the variance of network means that are not noise; 1 for exact numbers.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> true = rng.normal(size=200)
    >>> noisy = true[:, None] + 2 * rng.normal(size=(200, 4))  # half of a mean is noise
    >>> found, reliability, _ = disattenuated_correlation(noisy, true)
    >>> plain = partial_correlation(noisy.mean(axis=1), true)
    >>> round(plain.value, 2), round(reliability, 2), round(found.value, 2)
    (0.69, 0.52, 0.95)

    References
    ----------
    Spearman, The proof and measurement of association between two things, 1904.
    """
    call = "disattenuated_correlation()"
    shared_draws = parameters.flag(shared_draws, "shared_draws", call=call)
    level = check_level(call, level)
    rng = parameters.rng(seed, call=call)
    means, shares = [], []
    for name, values in (("x", x), ("y", y)):
        table = finite(call, name, values, ndim=(1, 2))
        if table.ndim == 1:
            means.append(table)
            shares.append(np.ones(PIVOTS + 1))
            continue
        if table.shape[1] < 2:
            msg = (
                f"{call}: {name} has one draw a network, which tells no noise; pass (networks, "
                "draws) with two or more draws, or (networks,) numbers that are exact."
            )
            raise UsageError(msg)
        if np.abs(table).max() > 1e150:
            msg = (
                f"{call}: {name} overflows when squared (up to {np.abs(table).max():.3g}); choose "
            )
            raise UsageError(msg + "a unit.")
        means.append(table.mean(axis=1))
        shares.append(_reliabilities(table, shared_draws, rng))
    n = len(means[0])
    if len(means[1]) != n or n < 5:
        msg = f"{call}: x has {n} networks and y {len(means[1])}; needed are the same, 5 or more."
        raise UsageError(msg)
    plain = _correlation(
        _partial(means[0], means[1], np.empty((n, 0))), n, 0, "pearson", level, "network", n
    )
    below = shares[0] * shares[1]
    found = [float(one[0]) for one in shares]
    tail = (1 - level) / 2
    nothing = min(float(np.quantile(one[1:], tail)) for one in shares) <= 0
    if nothing or not np.isfinite(plain.value):
        nan = float("nan")
        return (
            Correlation(nan, nan, nan, nan, "pearson", 0, n, "network", n, level),
            found[0],
            found[1],
        )
    z = np.arctanh(np.clip(plain.value, -1 + 1e-12, 1 - 1e-12))
    moved = np.tanh(z + rng.normal(size=PIVOTS) / np.sqrt(n - 3))
    with np.errstate(divide="ignore"):  # a reliability of 0 leaves any correlation: inf, then 1
        low, high = np.quantile(moved / np.sqrt(below[1:]), [tail, 1 - tail])
    value = plain.value / np.sqrt(below[0])
    value, low, high = (float(np.clip(end, -1.0, 1.0)) for end in (value, low, high))
    told = Correlation(value, low, high, plain.pvalue, "pearson", 0, n, "network", n, level)
    return told, found[0], found[1]


def reliability(
    values: ArrayLike, *, shared_draws: bool = False, level: float = 0.95, seed: int = 0
) -> VarianceComponents:
    """Variance components of a (networks, draws) table; `.reliability` is that of network means.

    Parameters
    ----------
    values
        (networks, draws), two or more of each.
    shared_draws, level, seed
        As in `disattenuated_correlation`.

    Examples
    --------
    >>> round(reliability([[1.0, 1.2], [2.0, 2.2], [3.0, 3.2]]).reliability.value, 2)
    0.99
    """
    call = "reliability()"
    table = finite(call, "values", values, ndim=(2,))
    shared_draws = parameters.flag(shared_draws, "shared_draws", call=call)
    level, seed = check_level(call, level), parameters.seed(seed, call=call)
    k, r = table.shape
    if np.abs(table).max() > 1e150:
        msg = f"{call}: values of up to {np.abs(table).max():.3g} overflow squared; choose a unit."
        raise UsageError(msg)
    if k < 2:
        msg = f"{call}: one network has no spread between networks; pass rows of two or more."
        raise UsageError(msg)
    return variance_components(
        table.ravel(),
        np.repeat(np.arange(k), r),
        draws=np.tile(np.arange(r), k) if shared_draws else None,
        level=level,
        seed=seed,
    )


def _reliabilities(table: Array, shared: bool, rng: np.random.Generator) -> Array:
    """(1 + pivots,) 1 - noise / total of network means: the estimate, and what it could be."""
    ratio, freedom = noise_ratio(table, shared=shared)
    if not np.isfinite(ratio):
        return np.zeros(PIVOTS + 1)
    free = ratio * rng.f(len(table) - 1, freedom, PIVOTS) if ratio else np.zeros(PIVOTS)
    return np.asarray(np.clip(1 - np.concatenate([[ratio], free]), 0.0, 1.0))


def noise_ratio(table: Array, *, shared: bool) -> tuple[float, int]:
    """Variance that draws leave in the means of networks over the variance of these means.

    Parameters
    ----------
    table
        (networks, draws), two or more of each.
    shared
        Whether draw r is the same samples in every network.

    Returns
    -------
    The ratio, inf where all means are equal, and the degrees of freedom of the noise.

    >>> noise_ratio(np.array([[1.0, 3.0], [4.0, 8.0]]), shared=False)
    (0.3125, 2)
    """
    k, r = table.shape
    means = table.mean(axis=1)
    left = table - means[:, None]
    freedom = k * (r - 1)
    if shared:
        left = left - (table.mean(axis=0) - table.mean())
        freedom = (k - 1) * (r - 1)
    total = float(means.var(ddof=1))
    noise = float((left**2).sum()) / freedom / r
    return (noise / total if total > 0 else float("inf")), freedom


def _partial(a: Array, b: Array, columns: Array) -> float:
    x, y = (_residuals(v, columns) for v in (a, b))
    size = np.sqrt((x @ x) * (y @ y))
    # What is left of a column that `given` explains is rounding.
    scale = np.sqrt(((a - a.mean()) ** 2).sum() * ((b - b.mean()) ** 2).sum())
    return float(np.clip(x @ y / size, -1.0, 1.0)) if size > 1e-12 * scale else float("nan")


def _residuals(values: Array, columns: Array) -> Array:
    centered = np.asarray(values - values.mean())
    if not columns.shape[1]:
        return centered
    base = columns - columns.mean(axis=0)
    base = base / np.sqrt((base**2).mean(axis=0))
    return np.asarray(centered - base @ np.linalg.lstsq(base, centered, rcond=None)[0])


def _correlation(
    r: float, n: int, taken: int, method: str, level: float, unit: str, networks: int
) -> Correlation:
    """Fisher's interval and the t test, of n units beside `taken` columns."""
    from scipy.special import ndtri, stdtr

    if not np.isfinite(r):
        nan = float("nan")
        return Correlation(nan, nan, nan, nan, method, taken, n, unit, networks, level)
    freedom = n - taken - 2
    with np.errstate(divide="ignore"):
        t = np.abs(r) * np.sqrt(freedom / max(1 - r**2, 0.0)) if abs(r) < 1 else np.inf
    wider = np.sqrt(1 + r**2 / 2) if method == "spearman" else 1.0
    half = float(ndtri((1 + level) / 2)) * wider / np.sqrt(n - taken - 3)
    z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    low, high = (np.tanh([z - half, z + half])) if abs(r) < 1 else (r, r)
    p = float(2 * stdtr(freedom, -t)) if np.isfinite(t) else 0.0
    return Correlation(
        r,
        float(low),
        float(high),
        max(p, np.finfo(float).tiny),
        method,
        taken,
        n,
        unit,
        networks,
        level,
    )


def _jackknifed(
    a: Array, b: Array, columns: Array, place: NDArray[np.intp], method: str, level: float
) -> Correlation:
    """Interval of z from leaving out one configuration after the other, t with g - 1."""
    from scipy.special import stdtr, stdtrit

    g, n = int(place.max()) + 1, len(a)
    taken = columns.shape[1]
    r = _partial(a, b, columns)
    nan = float("nan")
    if not np.isfinite(r) or abs(r) >= 1:
        p = nan if not np.isfinite(r) else float(np.finfo(float).tiny)
        return Correlation(r, r, r, p, method, taken, g, "configuration", n, level)
    without = []
    for k in range(g):
        kept = place != k
        inner = columns[kept]
        inner = inner[:, np.ptp(inner, axis=0) > 0] if taken else inner
        without.append(_partial(a[kept], b[kept], inner))
    z = np.arctanh(np.clip(without, -1 + 1e-12, 1 - 1e-12))
    center = float(np.arctanh(r))
    if not np.isfinite(z).all():
        return Correlation(r, nan, nan, nan, method, taken, g, "configuration", n, level)
    error = float(np.sqrt((g - 1) / g * ((z - z.mean()) ** 2).sum()))
    half = float(stdtrit(g - 1, (1 + level) / 2)) * error
    low, high = np.tanh([center - half, center + half])
    p = float(2 * stdtr(g - 1, -abs(center) / error)) if error > 0 else nan
    return Correlation(r, float(low), float(high), p, method, taken, g, "configuration", n, level)


def _ranks(values: Array) -> Array:

    return np.asarray(mean_ranks(values), dtype=np.float64)


def _listed(call: str, given: Any, n: int) -> list[Any]:
    if given is None:
        return []
    if hasattr(given, "detach"):
        given = real(given, call=call, name="given")
    if hasattr(given, "columns"):
        return [given[name].to_numpy() for name in given.columns]
    if isinstance(given, dict):
        return list(given.values())
    if isinstance(given, (list, tuple)):
        held = list(given)
        return held if held and np.ndim(held[0]) == 1 else [np.asarray(held)]
    table = np.asarray(given)
    return list(table.T) if table.ndim == 2 else [table]
