"""The rules of `across-papers`: from its table of trends to evidence, one function a claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toposcope.studies.across_measure import FILTERS, METHODS
from toposcope.studies.across_statistics import (
    PARTS,
    Grid,
    at_moment,
    depth_trends,
    grid_of,
    jackknife_parts,
    parts,
)
from toposcope.studies.claims import Claim
from toposcope.studies.verdicts import Evidence, evidence_of_mean

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ARRANGEMENTS, ARRANGEMENTS_OF_PARTS = 999, 199


@dataclass(frozen=True)
class Variant:
    """Which analyses a claim is decided on.

    Parameters
    ----------
    filter, normalize, size, pooled, degree, summary
        The analysis; size counts from the end.
    filters
        Filtrations of claims that speak of several.
    family
        Networks of one family alone; "" for all.
    untrained
        Networks before their training in place of after.
    signs
        Signs of trends in place of trends.
    beyond
        Trends with depth taken out.
    which
        Which of two comparisons that a claim joins: 0 or 1; -1 for both.
    turned
        Whether `degree` is the other one than the claim's.
    """

    filter: str = "rips"
    normalize: str = "mean_distance"
    size: int = -1
    pooled: bool = False
    degree: int = 0
    summary: str = "sum"
    filters: tuple[str, ...] = FILTERS
    family: str = ""
    untrained: bool = False
    signs: bool = False
    beyond: bool = False
    which: int = -1
    turned: bool = False


VARIANTS = {
    "": Variant(),
    **{name: Variant(filter=name, filters=(name,)) for name in FILTERS},
    **{name: Variant(normalize=name) for name in METHODS},
    "H0": Variant(degree=0, turned=True),
    "H1": Variant(degree=1, turned=True),
    "classes pooled": Variant(pooled=True),
    "few points": Variant(size=0),
    "landscape": Variant(summary="landscape"),
    "entropy": Variant(summary="entropy"),
    "fully connected alone": Variant(family="mlp"),
    "convolutional alone": Variant(family="cnn"),
    "residual alone": Variant(family="resnet"),
    "untrained networks": Variant(untrained=True),
    "clouds alone": Variant(filters=FILTERS[:-1]),
    "signs alone": Variant(signs=True),
    "beyond depth": Variant(beyond=True),
    "principal axes alone": Variant(which=0),
    "spectral alone": Variant(which=1),
    "sum against longest": Variant(which=0),
    "entropy against Betti": Variant(which=1),
}


def decide(
    claim: Claim, table: pd.DataFrame, variant: Variant, *, comparisons: int
) -> Evidence | None:
    """Evidence of one claim; None where fewer networks than its rule needs have the numbers."""
    rows = table[table["family"] == variant.family] if variant.family else table
    if claim.id != "X7":
        rows = at_moment(rows, first=variant.untrained)
    deciders = {
        "X0": simplifies,
        "X1": turns,
        "X2": unrelated,
        "X4": beyond_gaussian,
        "X5": same_order,
        "X6": stable,
        "X7": rises,
        "X8": decides,
        "X9": decides,
    }
    return deciders[claim.id](claim, rows, variant, comparisons)


def _few(claim: Claim, units: int) -> bool:
    return units < claim.rule.fewest


def _size(rows: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    last = rows["size"].max()
    return rows[rows["size"] == (last if variant.size < 0 else variant.size)]


def curves(rows: pd.DataFrame, variant: Variant, *, name: str = "") -> dict[str, Array]:
    """Numbers over layers of every network under one analysis."""
    own = rows[rows["filter"] == (name or variant.filter)]
    own = own[
        (own["normalize"] == variant.normalize)
        & (own["pooled"].astype(bool) == variant.pooled)
        & (own["degree"] == variant.degree)
        & (own["summary"] == variant.summary)
    ]
    own = _size(own, variant)
    return {
        n: np.asarray(v, dtype=float) for n, v in zip(own["network"], own["values"], strict=True)
    }


def _common(*found: Mapping[str, Array]) -> list[str]:
    return sorted(set(found[0]).intersection(*found[1:]))


def simplifies(claim: Claim, rows: pd.DataFrame, variant: Variant, many: int) -> Evidence | None:
    """X0: the share of falling analyses."""
    rows = rows[rows["filter"].isin(variant.filters)]
    groups = [one for _, one in rows.groupby("network", sort=True)]
    if _few(claim, len(groups)):
        return None
    rng = np.random.default_rng(0)
    values, null = [], np.zeros(ARRANGEMENTS)
    for one in groups:
        each = np.stack(one["values"].to_list())
        layers = each.shape[1]
        weight = 1.0 / one.groupby("filter")["filter"].transform("size").to_numpy()
        weight /= weight.sum()
        values.append(float(weight @ (depth_trends(each) < 0)))
        orders = rng.permuted(np.tile(np.arange(layers), (ARRANGEMENTS, 1)), axis=1)
        null += weight @ _fall(each, orders) / len(groups)
    return evidence_of_mean(values, claim.rule, arrangements=null, bounds=(0, 1), comparisons=many)


def _fall(each: Array, orders: NDArray[np.intp]) -> Array:
    """(analyses, arrangements) whether numbers fall with layers in other orders."""
    from scipy.stats import rankdata

    unit = np.abs(each).max(axis=1, keepdims=True) * 1e-9
    ranks = rankdata(np.rint(each / np.where(unit > 0, unit, 1.0)), axis=1)
    depth = np.arange(each.shape[1]) - (each.shape[1] - 1) / 2
    back = np.argsort(orders, axis=1)
    return np.asarray(ranks @ depth[back].T < -1e-9, dtype=np.float64)


def turns(claim: Claim, rows: pd.DataFrame, variant: Variant, many: int) -> Evidence | None:
    """X1: two normalizations, chosen on all other networks, with opposite trends."""
    from dataclasses import replace

    found = [curves(rows, replace(variant, normalize=one)) for one in METHODS]
    names = _common(*found)
    if _few(claim, len(names)):
        return None
    trends = np.stack(
        [np.array([float(depth_trends(one[name][None])[0]) for name in names]) for one in found], 1
    )
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(np.broadcast_to(trends, (ARRANGEMENTS, *trends.shape)), axis=2)
    null = left_out_turn(shuffled).mean(axis=1)
    return evidence_of_mean(left_out_turn(trends), claim.rule, arrangements=null, comparisons=many)


def left_out_turn(trends: Array) -> Array:
    """(..., networks) the smaller of a trend and of minus another, chosen without the network.

    Parameters
    ----------
    trends
        (..., networks, normalizations).

    >>> left_out_turn(np.array([[1.0, -0.5], [0.9, -0.4], [0.8, -0.6]])).tolist()
    [0.5, 0.4, 0.6]
    """
    others = trends.sum(axis=-2, keepdims=True) - trends
    up = np.take_along_axis(trends, others.argmax(axis=-1)[..., None], axis=-1)[..., 0]
    down = np.take_along_axis(trends, others.argmin(axis=-1)[..., None], axis=-1)[..., 0]
    return np.asarray(np.minimum(up, -down), dtype=np.float64)


def unrelated(claim: Claim, rows: pd.DataFrame, variant: Variant, many: int) -> Evidence | None:
    """X2: correlation over layers of clouds with volumes, and of volumes with other images."""
    omega = rows[rows["filter"] == "omega"]
    halves = [
        dict(zip(one["network"], map(np.asarray, one["values"]), strict=True))
        for _, one in omega.groupby("draw", sort=True)
    ]
    cloud = curves(rows, variant)
    names = _common(cloud, *halves) if len(halves) == 2 else []
    names = [name for name in names if len(cloud[name]) == len(halves[0][name])]
    if _few(claim, len(names)):
        return None
    values = [
        np.mean([_correlation(cloud[n], half[n], variant.beyond) for half in halves]) for n in names
    ]
    null = [_correlation(halves[0][n], halves[1][n], variant.beyond) for n in names]
    return evidence_of_mean(values, claim.rule, null=null, comparisons=many)


def _correlation(a: Array, b: Array, beyond: bool) -> float:
    """Spearman correlation, of what depth leaves of both ranks where that is asked for."""
    from scipy.stats import rankdata

    x, y = (rankdata(one) - (len(one) + 1) / 2 for one in (a, b))
    if beyond:
        depth = np.arange(len(x)) - (len(x) - 1) / 2
        x, y = (one - depth * (one @ depth) / (depth @ depth) for one in (x, y))
    length = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / length) if length > 1e-9 else 0.0


def beyond_gaussian(
    claim: Claim, rows: pd.DataFrame, variant: Variant, many: int
) -> Evidence | None:
    """X4: layers beyond three standard deviations of Gaussian clouds."""
    degree = variant.degree if variant.turned else 1
    own = rows[(rows["filter"] == "gaussian") & (rows["degree"] == degree)]
    shares = [
        {n: np.mean(np.abs(v) > 3) for n, v in zip(one["network"], one["values"], strict=True)}
        for _, one in own.groupby("draw", sort=True)
    ]
    if len(shares) < 2 or _few(claim, len(shares[0])):
        return None
    names = sorted(shares[0])
    values, null = ([float(one[n]) for n in names] for one in shares)
    return evidence_of_mean(values, claim.rule, null=null, bounds=(0, 1), comparisons=many)


def same_order(claim: Claim, rows: pd.DataFrame, variant: Variant, many: int) -> Evidence | None:
    """X5: Kendall's correlation of layers under two other distances."""
    from dataclasses import replace

    asked = replace(variant, pooled=True, degree=variant.degree if variant.turned else 1)
    plain, pca, spectral = (curves(rows, asked, name=one) for one in ("rips", "pca", "spectral"))
    names = _common(plain, pca, spectral)
    names = [name for name in names if len(pca[name]) == len(plain[name])]
    if _few(claim, len(names)):
        return None
    others = (pca, spectral) if variant.which < 0 else ((pca, spectral)[variant.which],)
    rng = np.random.default_rng(0)
    values, null = [], np.zeros(ARRANGEMENTS)
    for name in names:
        orders = rng.permuted(np.tile(np.arange(len(plain[name])), (ARRANGEMENTS, 1)), axis=1)
        values.append(min(float(_kendall(plain[name], one[name][None])[0]) for one in others))
        shuffled = [_kendall(plain[name], one[name][orders]) for one in others]
        null += np.min(shuffled, axis=0) / len(names)
    return evidence_of_mean(values, claim.rule, arrangements=null, comparisons=many)


def _kendall(a: Array, many: Array) -> Array:
    """(m,) Kendall's tau-b of (n,) numbers with (m, n); 0 where one side is all alike.

    >>> _kendall(np.array([1.0, 2.0, 3.0]), np.array([[1.0, 3.0, 2.0]])).round(3).tolist()
    [0.333]
    """
    upper = np.triu_indices(len(a), 1)
    x = np.sign(a[upper[0]] - a[upper[1]])
    y = np.sign(many[:, upper[0]] - many[:, upper[1]])
    length = np.sqrt((x**2).sum() * (y**2).sum(axis=1))
    return np.asarray(np.divide(y @ x, length, out=np.zeros(len(many)), where=length > 0))


def stable(claim: Claim, rows: pd.DataFrame, variant: Variant, many: int) -> Evidence | None:
    """X6: intraclass correlations of layers over draws."""
    own = rows[(rows["filter"] == "draws") & (rows["degree"] == variant.degree)]
    found: dict[str, dict[str, Array]] = {}
    for (network, summary), one in own.groupby(["network", "summary"], sort=True):
        found.setdefault(network, {})[summary] = np.stack(one["values"].to_list())
    if _few(claim, len(found)):
        return None
    pairs = [("sum", "entropy"), ("longest", "betti")]
    if variant.which >= 0:
        pairs = [(one[variant.which],) for one in pairs]  # type: ignore[misc]
    icc = [
        [[likeness(of[name]) for name in side] for side in pairs] for _, of in sorted(found.items())
    ]
    values = [min(a) - max(b) for a, b in icc]
    null = [min(b) - max(a) for a, b in icc]
    return evidence_of_mean(values, claim.rule, null=null, comparisons=many)


def likeness(draws: Array) -> float:
    """Share of the variance of (draws, layers) numbers that layers have (one-way ICC).

    >>> likeness(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    1.0
    """
    n = len(draws)
    inside = float(draws.var(axis=0, ddof=1).mean())
    between = max(float(draws.mean(axis=0).var(ddof=1)) - inside / n, 0.0)
    return between / (between + inside) if between + inside > 0 else 0.0


def rises(claim: Claim, rows: pd.DataFrame, variant: Variant, many: int) -> Evidence | None:
    """X7: layers whose number grew with training."""
    before, after = (curves(at_moment(rows, first=first), variant) for first in (True, False))
    names = _common(before, after)
    if _few(claim, len(names)):
        return None
    values = np.array([np.mean((np.sign(after[name] - before[name]) + 1) / 2) for name in names])
    return evidence_of_mean(values, claim.rule, null=1 - values, bounds=(0, 1), comparisons=many)


def decides(claim: Claim, rows: pd.DataFrame, variant: Variant, many: int) -> Evidence | None:
    """X8, X9: shares of the variance of trends, over networks."""
    have = rows[rows["filter"].isin(variant.filters)]
    if _few(claim, have["network"].nunique()):
        return None
    grid = grid_of(have, fewest=claim.rule.fewest, filters=variant.filters)
    if _few(claim, len(grid.trends)) or len(grid.levels[0]) < 2:
        return None
    if variant.signs:
        grid = Grid(np.sign(grid.trends), grid.families, grid.levels)

    weights = np.zeros(len(PARTS))
    if claim.id == "X8":
        weights[:-2], weights[-2:] = 1.0, -1.0
    else:
        weights[0], weights[1] = 1.0, -1.0
    rng = np.random.default_rng(0)
    flat = grid.trends.reshape(len(grid.trends), -1)
    null: list[float] = []
    for count in _pieces(ARRANGEMENTS_OF_PARTS, flat.size):
        shuffled = rng.permuted(np.broadcast_to(flat, (count, *flat.shape)), axis=2)
        shuffled = shuffled.reshape(count, *grid.trends.shape)
        null += (parts(shuffled, grid.families, axis=1) @ weights).tolist()
    return evidence_of_mean(
        jackknife_parts(grid) @ weights, claim.rule, arrangements=null, comparisons=many
    )


def _pieces(total: int, size: int) -> list[int]:
    """Arrangements in pieces of a few million numbers.

    >>> _pieces(19, 400_000)
    [5, 5, 5, 4]
    """
    step = max(2_000_000 // max(size, 1), 1)
    return [min(step, total - start) for start in range(0, total, step)]
