"""From the table of an own claim to its evidence, and what its n could detect beforehand.

Pure functions: the calibration feeds them with simulated tables. A table has one row per network,
place (a layer, or a step), draw and cloud:

    network  configuration  place  position  draw  cloud  value  [covariates]

Every unit's number is a weighted sum over its places, so that a shuffled null is the same sum of
the same values in another order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.stats import (
    Interval,
    difference_interval,
    mean_interval,
    partial_correlation,
    permutation_test,
    tost,
)
from toposcope.stats.arrangements import tail_share
from toposcope.stats.partial import given_columns
from toposcope.stats.sensitivity import interval_detectable, interval_power
from toposcope.studies.claims import Direction, Rule, Unit
from toposcope.studies.own_claim import MARGIN as MARGIN_NULL
from toposcope.studies.own_claim import MEDIAN, PEARSON, RANKS, SCALES, OwnClaim, Where
from toposcope.studies.own_claim import SIGNS_FLIPPED as SIGNS
from toposcope.studies.verdicts import POWER, Evidence, evidence_of_mean
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

ARRANGEMENTS = 1999


@dataclass(frozen=True)
class Ahead:
    """What the given units could show, known before a value is read.

    Parameters
    ----------
    n
        Units, or those of both groups.
    kind
        "mean", "difference" or "correlation".
    detectable
        The effect beyond the threshold that is confirmed with probability 0.8: in standard
        deviations of units, or a correlation. For "within": the smallest margin that is confirmed
        with that probability where the true effect is 0.
    in_units
        The same in the units of the effect, where `spread` was expected; else None.
    chance
        Probability that the claim is confirmed if the effect is as expected (or 0 for "within");
        None where too little was expected to say.
    """

    n: int | tuple[int, int]
    kind: str
    detectable: float
    in_units: float | None
    chance: float | None

    @property
    def total(self) -> int:
        """Number of units."""
        return sum(self.n) if isinstance(self.n, tuple) else self.n


def ahead_of(own: OwnClaim, n: int | tuple[int, int]) -> Ahead:
    """The power of a claim with n units; needs no value.

    Raises
    ------
    TooFewSamplesError
        For fewer units than the rule takes, or than its null can be told apart with.
    """
    rule = own.rule
    total = sum(n) if isinstance(n, tuple) else n
    unit = own.unit.value
    if total < rule.fewest:
        msg = (
            f"claim {own.file}: {total} {unit}s; its rule needs {rule.fewest} or more "
            "(fewest = ...). Bring more, or say fewest = N before you look: it costs power."
        )
        raise TooFewSamplesError(msg)
    if own.correlates:
        return _ahead_of_correlation(own, total)
    within = rule.direction == Direction.WITHIN
    detectable = interval_detectable(n, level=rule.level, within=within)
    if within:
        aim: float | None = rule.threshold
    else:
        aim = None if own.expected is None else rule.sign * (own.expected - rule.threshold)
    known = own.spread is not None and aim is not None
    return Ahead(
        n,
        "difference" if own.groups else "mean",
        detectable,
        None if own.spread is None else detectable * own.spread,
        interval_power(n, aim / own.spread, level=rule.level, within=within)  # type: ignore[operator]
        if known
        else None,
    )


def _ahead_of_correlation(own: OwnClaim, n: int) -> Ahead:
    """By Fisher's z with the variance for ranks (Bonett & Wright), as the interval has it."""
    from scipy.special import ndtr, ndtri

    rule, freedom = own.rule, n - len(own.given) - 3
    if freedom < 2:
        msg = f"claim {own.file}: {n} units beside {len(own.given)} given columns are too few."
        raise TooFewSamplesError(msg)
    edge = float(ndtri(0.5 + rule.level / 2))

    def error(r: float) -> float:
        return math.sqrt((1 + r**2 / 2) / freedom)

    if rule.direction == Direction.WITHIN:
        detectable = math.tanh((edge + float(ndtri(0.5 + POWER / 2))) * error(0.0))
        reach = float(ndtr(math.atanh(rule.threshold) / error(0.0) - edge))
        return Ahead(n, "correlation", detectable, detectable, max(0.0, 2 * reach - 1))
    start, found = math.atanh(rule.sign * rule.threshold), 0.0
    for _ in range(50):  # the variance depends on the correlation it is for
        found = math.tanh(start + (edge + float(ndtri(POWER))) * error(found))
    chance = None
    if own.expected is not None and abs(own.expected) < 1:
        gap = math.atanh(rule.sign * own.expected) - start
        chance = float(ndtr(gap / error(own.expected) - edge))
    return Ahead(n, "correlation", rule.sign * found, rule.sign * found, chance)


def own_evidence(own: OwnClaim, table: pd.DataFrame, choice: str = "") -> Evidence | None:
    """Evidence under the main choices, or under one other; None where that cannot be measured."""
    scale = SCALES[1 - SCALES.index(own.scale)] if choice in SCALES else own.scale
    data = table[table["cloud"] == DATA_CLOUD]
    units = _units(own, data, scale, median=choice == MEDIAN, ranks=choice == RANKS)
    if units is None:
        if choice:
            return None
        msg = (
            f"claim {own.file}: scale = 'log', and {own.statistic} is 0 or below in "
            f"{int((data['value'] <= 0).sum())} of {len(data)} values; write scale = 'plain'."
        )
        raise UsageError(msg)
    if own.by is not None:
        covariates = data.groupby(units.key, sort=False).first()
        return _about_covariate(own, units, covariates, choice)
    x, rule, unit = units.values, own.rule, own.unit.value
    if own.cloud is not None:
        null = _units(own, table[table["cloud"] == own.cloud], scale, median=choice == MEDIAN)
        if null is None and choice:
            return None
        if null is None:
            msg = (
                f"claim {own.file}: scale = 'log', and null clouds have values of 0; write "
                "scale = 'plain'."
            )
            raise UsageError(msg)
        return evidence_of_mean(x, rule, null=null.values, unit=unit)
    if own.null == MARGIN_NULL:
        held = evidence_of_mean(x, rule, unit=unit)
        return replace(held, p=_outside(x, rule))
    rng = np.random.default_rng(0)
    if own.null == SIGNS:
        signs = rng.choice([-1.0, 1.0], size=(ARRANGEMENTS, len(x)))
        null_means = rule.threshold + (signs * (x - rule.threshold)).mean(axis=1)
    else:
        null_means = units.shuffled(rng)
    return evidence_of_mean(x, rule, arrangements=null_means, unit=unit)


@dataclass(frozen=True, eq=False)
class _Units:
    """Numbers of units, and how their places were weighted."""

    key: str
    names: list[Any]
    values: Array
    places: list[Array]
    weights: list[Array]
    mixing: Array

    def shuffled(self, rng: np.random.Generator) -> Array:
        """(ARRANGEMENTS,) means over units with places in random order inside every network."""
        each = np.empty((ARRANGEMENTS, len(self.places)))
        for k, (y, w) in enumerate(zip(self.places, self.weights, strict=True)):
            many = np.broadcast_to(y, (ARRANGEMENTS, len(y)))
            each[:, k] = rng.permuted(many, axis=1) @ w
        return np.asarray((each @ self.mixing.T).mean(axis=1))


def _units(
    own: OwnClaim, rows: pd.DataFrame, scale: str, *, median: bool = False, ranks: bool = False
) -> _Units | None:
    """One number per unit; None where a logarithm does not exist."""
    from scipy.stats import rankdata

    if scale == "log" and not (rows["value"] > 0).all():
        return None
    inner = "draw" if own.unit == Unit.DRAW else "network"
    how = "median" if median else "mean"
    value = rows.pivot_table(index=inner, columns="place", values="value", aggfunc=how, sort=False)
    where = rows.pivot_table(
        index=inner, columns="place", values="position", aggfunc="first", sort=False
    )
    places, weights = [], []
    for y, x in zip(value.to_numpy(), where.to_numpy(), strict=True):
        order = np.argsort(x[np.isfinite(y)], kind="stable")
        own_y, own_x = y[np.isfinite(y)][order], x[np.isfinite(y)][order]
        own_y = np.log(own_y) if scale == "log" else own_y
        if ranks:
            own_y, own_x = _standard(rankdata(own_y)), _standard(rankdata(own_x))
        places.append(own_y)
        weights.append(_weights(own.where, own_x))
    numbers = np.array([w @ y for w, y in zip(weights, places, strict=True)])
    names = value.index.tolist()
    mixing = np.eye(len(names))
    if own.unit == Unit.CONFIGURATION:
        of = rows.groupby("network", sort=False)["configuration"].first().loc[names].tolist()
        kinds = list(dict.fromkeys(of))
        mixing = np.array([[float(one == kind) for one in of] for kind in kinds])
        mixing /= mixing.sum(axis=1, keepdims=True)
        names = kinds
    key = "configuration" if own.unit == Unit.CONFIGURATION else inner
    return _Units(key, names, mixing @ numbers, places, weights, mixing)


def _standard(ranks: Array) -> Array:
    """Ranks of mean 0 and unit sum of squares: products of two are rank correlations."""
    centered = ranks - ranks.mean()
    size = float(np.sqrt((centered**2).sum()))
    return np.asarray(centered / size if size else centered)


def _weights(where: Where, x: Array) -> Array:
    """Weights of the places whose sum is the unit's number."""
    if where == Where.LAYER:
        return np.ones(1)
    if where == Where.LAST_AGAINST_FIRST:
        out = np.zeros(len(x))
        out[0], out[-1] = -1.0, 1.0
        return out
    centered = x - x.mean()
    return np.asarray(centered / (centered**2).sum())


def _outside(x: Array, rule: Rule) -> float:
    """p-value of an effect as large as the margin."""
    if np.ptp(x) == 0.0:
        return 0.0 if abs(x[0]) < rule.threshold else 1.0
    return tost(x, rule.threshold, level=rule.level).pvalue


def _about_covariate(
    own: OwnClaim, units: _Units, covariates: pd.DataFrame, choice: str
) -> Evidence:
    rule, x = own.rule, units.values
    assert own.by is not None
    column = covariates.loc[units.names, own.by]
    if own.groups:
        told = column.astype(str).to_numpy()
        a, b = (x[told == group] for group in own.groups)
        interval = difference_interval(a, b, level=rule.level, unit=own.unit.value)
        interval = replace(interval, n=len(a) + len(b))
        if rule.direction == Direction.WITHIN:
            return Evidence(interval, _beyond_margin(interval, rule.threshold))
        side = "less" if rule.direction == Direction.BELOW else "greater"
        return Evidence(interval, permutation_test(a, b, alternative=side).pvalue)
    y = np.asarray(column, dtype=np.float64)
    given = [covariates.loc[units.names, name].to_numpy() for name in own.given]
    method = "pearson" if choice == PEARSON else "spearman"
    if np.ptp(x) == 0.0:
        msg = (
            f"claim {own.file}: {units.key}s do not differ in {own.statistic}: all are {x[0]:.4g}."
        )
        raise UsageError(msg)
    found = partial_correlation(x, y, given or None, method=method, level=rule.level)
    interval = Interval(found.value, found.low, found.high, rule.level, len(x), own.unit.value)
    if rule.direction == Direction.WITHIN:
        value, low, high = (math.atanh(one) for one in (found.value, found.low, found.high))
        z = Interval(value, low, high, rule.level, len(x))
        return Evidence(interval, _beyond_margin(z, math.atanh(rule.threshold)))
    return Evidence(interval, _permuted(x, y, given, rule.sign, method))


def _beyond_margin(interval: Interval, margin: float) -> float:
    """The larger p-value of the two one-sided tests, by the width of the interval."""
    from scipy.special import ndtr, ndtri

    error = interval.half / float(ndtri(0.5 + interval.level / 2))
    if not error > 0:
        return 0.0 if abs(interval.value) < margin else 1.0
    return float(ndtr((abs(interval.value) - margin) / error))


def _permuted(x: Array, y: Array, given: list[Any], sign: int, method: str) -> float:
    """One-sided p-value of a (partial) correlation, what is left of the covariate permuted."""
    from scipy.stats import rankdata

    ranks = method == "spearman"
    columns = given_columns("claim", given or None, len(x), ranks=ranks)
    design = np.column_stack([np.ones(len(x)), columns])
    left = []
    for values in (rankdata(x), rankdata(y)) if ranks else (x, y):
        fit = design @ np.linalg.lstsq(design, values, rcond=None)[0]
        left.append(values - fit)
    rng = np.random.default_rng(0)
    many = rng.permuted(np.broadcast_to(left[1], (ARRANGEMENTS, len(x))), axis=1)
    return tail_share(
        sign * float(left[0] @ left[1]), sign * (many @ left[0]), exact=False, tolerance=1e-12
    )


def numbers_of_units(own: OwnClaim, table: pd.DataFrame) -> tuple[list[str], Array, Interval]:
    """Names and numbers of all units, and the interval of their mean: what a page shows."""
    units = _units(own, table[table["cloud"] == DATA_CLOUD], own.scale)
    assert units is not None, "the evidence exists"
    names = [str(one) for one in units.names]
    return names, units.values, mean_interval(units.values, level=own.level)
