"""Least squares over networks whose configurations are clusters: errors that know the nesting.

Standard errors are those of bias-reduced linearization (CR2) with Satterthwaite degrees of freedom,
which hold with few clusters where the usual sandwich rejects two to three times too often. Below
five clusters there is no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.stats.nesting import coded
from toposcope.stats.partial import refuse_few_configurations
from toposcope.stats.units import check_level, finite

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Coefficient:
    """One coefficient of a regression.

    Parameters
    ----------
    name
        Of its column.
    value, low, high
        Estimate with its interval.
    error, freedom
        Standard error and degrees of freedom of its t.
    pvalue
        That it is 0, two-sided.
    """

    name: str
    value: float
    low: float
    high: float
    error: float
    freedom: float
    pvalue: float


@dataclass(frozen=True)
class Regression:
    """A regression over networks, with configurations as clusters.

    Parameters
    ----------
    coefficients
        In the order of the columns, the intercept first.
    networks, configurations
        Rows and clusters.
    level
        Coverage of each interval.
    """

    coefficients: tuple[Coefficient, ...]
    networks: int
    configurations: int
    level: float

    def __getitem__(self, name: str) -> Coefficient:
        for one in self.coefficients:
            if one.name == name:
                return one
        msg = f"no coefficient {name!r}; there are {', '.join(c.name for c in self.coefficients)}."
        raise UsageError(msg)


def cluster_regression(
    y: ArrayLike,
    x: ArrayLike,
    configurations: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    level: float = 0.95,
) -> Regression:
    """Least squares with cluster-robust intervals that hold with few clusters.

    Parameters
    ----------
    y
        (networks,) numbers.
    x
        (networks,) or (networks, columns) numbers; an intercept is added.
    configurations
        (networks,) cluster of each; 5 or more.
    names
        Of the columns; "x1", "x2", ... by default.
    level
        Coverage of the intervals.

    Returns
    -------
    The coefficients. A column that few clusters decide has few degrees of freedom, and says so.

    Examples
    --------
    Eight configurations of two seeds; the slope lies between configurations, so 16 networks are
    eight clusters:

    >>> depth = np.repeat([2.0, 2, 4, 4, 6, 6, 8, 8], 2)
    >>> noise = np.repeat([0.1, -0.1, 0.2, -0.2, 0.1, -0.1, 0.2, -0.2], 2)
    >>> slope = cluster_regression(3 + depth + noise, depth, np.repeat(range(8), 2))["x1"]
    >>> round(slope.value, 6), round(slope.freedom, 1)
    (1.0, 3.6)

    References
    ----------
    Bell & McCaffrey, Bias reduction in standard errors for linear regression with multi-stage
    samples, 2002. Imbens & Kolesar, Robust standard errors in small samples, 2016.
    """
    from scipy.special import stdtr, stdtrit

    call = "cluster_regression()"
    check_level(call, level)
    out = finite(call, "y", y, ndim=(1,))
    columns = finite(call, "x", x, ndim=(1, 2))
    columns = columns[:, None] if columns.ndim == 1 else columns
    n = len(out)
    if len(columns) != n:
        msg = f"{call}: y has {n} networks and x {len(columns)} rows; needed is a row for each."
        raise UsageError(msg)
    place, kinds = coded(call, "configurations", configurations, n)
    refuse_few_configurations(call, len(kinds))
    told = [*(names or [f"x{k + 1}" for k in range(columns.shape[1])])]
    if len(told) != columns.shape[1]:
        msg = f"{call}: {len(told)} names for {columns.shape[1]} columns of x."
        raise UsageError(msg)
    # Centered and scaled: the coefficients of columns are those of x times their scale.
    scale = columns.std(axis=0)
    if (scale <= 1e-12 * np.abs(columns).max(axis=0)).any():
        flat = told[int(np.argmin(scale))]
        msg = f"{call}: column {flat!r} of x does not vary over the networks. Leave it out."
        raise UsageError(msg)
    center = columns.mean(axis=0)
    design = np.column_stack([np.ones(n), (columns - center) / scale])
    back = np.eye(design.shape[1])
    back[0, 1:] = -center / scale
    back[1:, 1:] = np.diag(1 / scale)
    if np.linalg.matrix_rank(design) < design.shape[1] or n <= design.shape[1]:
        msg = (
            f"{call}: {design.shape[1]} coefficients (with the intercept) cannot be told apart in "
            f"{n} networks: some columns of x are sums of others. Leave them out."
        )
        raise UsageError(msg)
    bread = np.linalg.inv(design.T @ design)
    beta = bread @ design.T @ out
    rest = out - design @ beta
    groups = [np.flatnonzero(place == k) for k in range(len(kinds))]
    adjusted = [_adjusted(design[m], bread) for m in groups]
    rows = []
    for position, name in enumerate(["intercept", *told]):
        w = back[position] @ bread  # coefficient = w X' y
        pieces = [design[m] @ w for m in groups]
        # Its estimated variance is a sum of squares (g_c' y)^2 with these vectors.
        scores = [a @ p for a, p in zip(adjusted, pieces, strict=True)]
        variance = float(sum((s @ rest[m]) ** 2 for s, m in zip(scores, groups, strict=True)))
        moment = _moments(design, bread, groups, scores)
        freedom = float(np.trace(moment) ** 2 / (moment**2).sum())
        value, error = float(back[position] @ beta), float(np.sqrt(variance))
        half = float(stdtrit(freedom, (1 + level) / 2)) * error
        p = float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else float("nan")
        rows.append(Coefficient(name, value, value - half, value + half, error, freedom, p))
    return Regression(tuple(rows), n, len(kinds), level)


def _adjusted(part: Array, bread: Array) -> Array:
    """(I - H)^(-1/2) of a cluster; directions that the fit takes whole have none."""
    leverage = np.eye(len(part)) - part @ bread @ part.T
    values, vectors = np.linalg.eigh(leverage)
    root = np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0.0)
    return np.asarray((vectors * root) @ vectors.T)


def _moments(
    design: Array, bread: Array, groups: Sequence[NDArray[Any]], scores: Sequence[Array]
) -> Array:
    """(clusters, clusters) products of the vectors behind a variance, for independent errors."""
    # vector of cluster c: (I - H)[:, c] scores_c
    hat = np.column_stack([design[m].T @ s for m, s in zip(groups, scores, strict=True)])
    product = -hat.T @ bread @ hat
    product[np.diag_indices(len(groups))] += [float(s @ s) for s in scores]
    return np.asarray(product)
