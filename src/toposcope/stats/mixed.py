"""Mixed models of draws in networks in configurations, fitted by statsmodels.

Restricted maximum likelihood with a random intercept of each network, and of each configuration.
Likelihood theory counts its units as many; intervals here are Student's, with the degrees of
freedom of the level at which a column varies (that of configurations, networks or draws), since
eight networks are eight, however many draws they have.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import FitError, UsageError
from toposcope.stats.clusters import Coefficient
from toposcope.stats.nesting import coded, parents
from toposcope.stats.units import check_level, finite

Array = NDArray[np.float64]

OPTIMIZERS = ("bfgs", "lbfgs", "cg", "powell")
"""Tried in this order until one converges."""


@dataclass(frozen=True)
class MixedModel:
    """A mixed model.

    Parameters
    ----------
    coefficients
        Of the intercept and the columns.
    varies
        Where each coefficient varies: "configuration", "network" or "draw"; the level its degrees
        of freedom come from.
    configuration, network, rest
        Variances; configuration is None where none were told.
    at_zero
        Levels whose variance was estimated as 0.
    draws, networks, configurations
        Counts.
    level
        Coverage of each interval.
    """

    coefficients: tuple[Coefficient, ...]
    varies: tuple[str, ...]
    configuration: float | None
    network: float
    rest: float
    at_zero: tuple[str, ...]
    draws: int
    networks: int
    configurations: int
    level: float

    def __getitem__(self, name: str) -> Coefficient:
        for one in self.coefficients:
            if one.name == name:
                return one
        msg = f"no coefficient {name!r}; there are {', '.join(c.name for c in self.coefficients)}."
        raise UsageError(msg)


def mixed_model(
    values: ArrayLike,
    x: ArrayLike,
    networks: ArrayLike,
    configurations: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    level: float = 0.95,
) -> MixedModel:
    """A linear model of draws, with random intercepts of networks and of configurations.

    Parameters
    ----------
    values
        (draws,) numbers.
    x
        (draws,) or (draws, columns) numbers; an intercept is added. Groups are columns of 0 and 1.
    networks, configurations
        (draws,) labels, as in `variance_components`.
    names
        Of the columns; "x1", "x2", ... by default.
    level
        Coverage of the intervals.

    Returns
    -------
    The model. For balanced draws the coefficient of a column that is constant in each network is
    that of least squares of network means, so `two_stage` says the same with fewer assumptions; a
    mixed model is for columns at several levels and for unequal numbers of draws.

    Raises
    ------
    FitError
        When no optimizer converges. It names the two-stage analysis instead; nothing else is
        fitted in silence.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> network = np.repeat(np.arange(16), 6)
    >>> tanh = (network >= 8).astype(float)
    >>> y = 1.0 + 2.0 * tanh + rng.normal(size=16)[network] + 0.5 * rng.normal(size=96)
    >>> effect = mixed_model(y, tanh, network, names=["tanh"])["tanh"]
    >>> effect.freedom, effect.low < 2 < effect.high
    (14.0, True)

    References
    ----------
    Pinheiro & Bates, Mixed-effects models in S and S-PLUS, 2000, section 2.4 (degrees of freedom).
    """
    from scipy.special import stdtr, stdtrit

    call = "mixed_model()"
    check_level(call, level)
    y = finite(call, "values", values, ndim=(1,))
    columns = finite(call, "x", x, ndim=(1, 2))
    columns = columns[:, None] if columns.ndim == 1 else columns
    n, width = len(y), columns.shape[1]
    told = [*(names or [f"x{k + 1}" for k in range(width)])]
    if len(columns) != n or len(told) != width:
        msg = (
            f"{call}: values has {n} draws, x {len(columns)} rows and {width} columns, and there "
            f"are {len(told)} names; needed is one row a draw and one name a column."
        )
        raise UsageError(msg)
    network, kinds = coded(call, "networks", networks, n)
    k = len(kinds)
    place, g = None, 0
    if configurations is not None:
        outer, outer_kinds = coded(call, "configurations", configurations, n)
        place, g = parents(call, network, outer, kinds, name="configurations"), len(outer_kinds)
    if n == k or (place is not None and k == g):
        of = (k, "networks", "draw") if n == k else (g, "configurations", "network")
        msg = (
            f"{call}: each of {of[0]} {of[1]} has one {of[2]}: "
            "their variances cannot be told apart. Leave out the inner labels, or use "
            "ts.stats.two_stage."
        )
        raise UsageError(msg)
    design = np.column_stack([np.ones(n), columns])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        msg = f"{call}: the columns of x (with the intercept) are not independent. Leave some out."
        raise UsageError(msg)
    varies = _levels(columns, network, None if place is None else place[network])
    freedoms = _freedoms(varies, n, k, g, call)
    fit = _fitted(call, y, design, network, place)
    rows = []
    for position, name in enumerate(["intercept", *told]):
        value, error = float(fit.fe_params[position]), float(fit.bse_fe[position])
        freedom = freedoms[position]
        half = float(stdtrit(freedom, (1 + level) / 2)) * error
        p = float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else float("nan")
        rows.append(Coefficient(name, value, value - half, value + half, error, freedom, p))
    rest = float(fit.scale)
    outermost = float(np.asarray(fit.cov_re)[0, 0])
    inner = float(fit.vcomp[0]) if place is not None else outermost
    found = {"network": inner} | ({"configuration": outermost} if place is not None else {})
    total = rest + sum(found.values())
    return MixedModel(
        tuple(rows),
        varies,
        found.get("configuration"),
        inner,
        rest,
        tuple(name for name, size in found.items() if size <= 1e-6 * total),
        n,
        k,
        g,
        level,
    )


def _levels(
    columns: Array, network: NDArray[np.intp], place: NDArray[np.intp] | None
) -> tuple[str, ...]:
    """The outermost level in which each column is constant; the intercept's is the outermost."""

    def constant(column: Array, labels: NDArray[np.intp]) -> bool:
        low = np.full(int(labels.max()) + 1, np.inf)
        high = -low
        np.minimum.at(low, labels, column)
        np.maximum.at(high, labels, column)
        return bool((low == high).all())

    out = ["network" if place is None else "configuration"]
    for column in columns.T:
        if place is not None and constant(column, place):
            out.append("configuration")
        else:
            out.append("network" if constant(column, network) else "draw")
    return tuple(out)


def _freedoms(varies: Sequence[str], n: int, k: int, g: int, call: str) -> list[float]:
    """Units of a level, less those of the level around it and the columns that vary there."""
    counts = {"configuration": (g, 0), "network": (k, g), "draw": (n, k)}
    out = []
    for level in varies:
        units, around = counts[level]
        freedom = units - around - sum(one == level for one in varies)
        if freedom < 1:
            msg = (
                f"{call}: {sum(one == level for one in varies)} coefficients vary between "
                f"{level}s, of which there are {units - around} beyond those around them: no "
                f"degree of freedom is left. Train more {level}s, or leave columns out."
            )
            raise UsageError(msg)
        out.append(float(freedom))
    return out


def _fitted(
    call: str, y: Array, design: Array, network: NDArray[np.intp], place: NDArray[np.intp] | None
) -> Any:
    """The fit of the first optimizer that converges, in a scale of about 1."""
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    groups = network if place is None else place[network]
    components = None
    if place is not None:
        matrices, names = [], []
        for group in np.unique(groups):
            inside = network[groups == group]
            kinds = np.unique(inside)
            matrices.append((inside[:, None] == kinds).astype(np.float64))
            names.append([str(kind) for kind in kinds])
        components = VCSpec(["network"], [names], [matrices])
    told = []
    for optimizer in OPTIMIZERS:
        model = MixedLM(y, design, groups=groups, exog_re=np.ones((len(y), 1)), exog_vc=components)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            try:
                fit = model.fit(reml=True, method=optimizer)
            except (np.linalg.LinAlgError, ValueError) as error:
                told.append(f"{optimizer}: {error}")
                continue
        if fit.converged and np.isfinite(fit.bse_fe).all():
            return fit
        told.append(f"{optimizer}: {seen[-1].message if seen else 'did not converge'}")
    msg = (
        f"{call}: no optimizer converged ({'; '.join(told)[:400]}). Few units or a variance of 0 "
        "do this; ts.stats.two_stage needs no fit and answers the same question by network means."
    )
    raise FitError(msg)
