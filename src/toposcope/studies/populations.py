"""What studies over a population of networks share: shuffling and leaving out by configuration.

Seeds of one configuration are alike. Whatever is shuffled is shuffled in whole configurations, and
whatever is left out is left out in whole configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.stats import Interval, mean_interval
from toposcope.stats.arrangements import tail_share
from toposcope.stats.partial import given_columns
from toposcope.studies.verdicts import jackknife

Array = NDArray[np.float64]

RIDGE = 1.0
"""Added to the squares of standardized columns: as one more network would weigh."""


def known(values: Any) -> bool:
    """Whether a column holds names or finite numbers that are not all the same."""
    held = np.asarray(values)
    if held.dtype.kind in "OUS":
        return len(set(held.tolist())) > 1
    return bool(np.isfinite(held).all() and np.ptp(held) > 0)


def shuffled_rows(configurations: Any, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """(count, networks) rows in which whole configurations changed places.

    Configurations change places with those of as many networks; which of its networks comes first
    is drawn too.

    >>> shuffled_rows(["a", "a", "b", "b"], 2, np.random.default_rng(0)).shape
    (2, 4)
    """
    place = np.unique(np.asarray(configurations), return_inverse=True)[1]
    members = [np.flatnonzero(place == k) for k in range(place.max() + 1)]
    rows = np.tile(np.arange(len(place)), (count, 1))
    for size in {len(one) for one in members}:
        same = np.array([one for one in members if len(one) == size])
        for row in rows:
            row[same] = rng.permuted(same[rng.permutation(len(same))], axis=1)
    return rows


def shuffled_correlations(
    x: ArrayLike,
    y: ArrayLike,
    given: Mapping[str, Any],
    configurations: Any,
    count: int,
    *,
    ranks: bool = False,
    seed: int = 0,
) -> Array:
    """(count,) partial correlations with what is given left of y shuffled (Freedman and Lane).

    Parameters
    ----------
    x, y, given
        As in `stats.partial_correlation`.
    configurations
        (networks,) names.
    count
        Arrangements.
    ranks
        Of everything, as Spearman's.
    seed
        Of the arrangements.
    """
    a, b = (np.asarray(one, dtype=np.float64) for one in (x, y))
    if ranks:
        from scipy.stats import rankdata

        a, b = rankdata(a), rankdata(b)
    columns = given_columns("shuffled_correlations()", dict(given), len(a), ranks=ranks)
    basis = np.linalg.qr(np.column_stack([np.ones(len(a)), _standard(columns)]))[0]

    def left(values: Array) -> Array:
        return values - (values @ basis) @ basis.T

    a, b = left(a), left(b)
    rows = shuffled_rows(configurations, count, np.random.default_rng(seed))
    moved = left(b[rows])
    scale = np.linalg.norm(a) * np.linalg.norm(moved, axis=1)
    return np.asarray(moved @ a / np.where(scale > 0, scale, 1.0), dtype=np.float64)


@dataclass(frozen=True)
class Gain:
    """What more columns add to a prediction.

    Parameters
    ----------
    interval
        Share of the variance of left-out configurations that is explained, with them less without;
        over configurations (jackknife).
    p
        One-sided, against what the first columns leave of them shuffled over configurations.
    without, together
        The two shares.
    """

    interval: Interval
    p: float
    without: float
    together: float


def gain(
    base: Array,
    more: Array,
    y: Array,
    configurations: Any,
    *,
    arrangements: int,
    level: float = 0.95,
    seed: int = 0,
) -> Gain:
    """How much better left-out configurations are predicted with more columns.

    Parameters
    ----------
    base, more
        (networks, columns) what is known anyway, and what may add to it.
    y
        (networks,) what is predicted.
    configurations
        (networks,) names; left out one after the other, and the units of the interval.
    arrangements, seed
        Of the null.
    level
        Of the interval.

    Raises
    ------
    UsageError
        For fewer than 8 configurations.
    """
    place = np.unique(np.asarray(configurations), return_inverse=True)[1]
    groups = int(place.max()) + 1
    if groups < 8 or not more.shape[1]:
        msg = (
            f"gain(): {groups} configurations and {more.shape[1]} more columns; needed are 8 and 1 "
            "or more."
        )
        raise UsageError(msg)

    def added(kept: NDArray[np.intp]) -> float:
        rows = np.flatnonzero(np.isin(place, kept))
        both = np.column_stack([base, more])
        return _explained(both[rows], y[rows], place[rows]) - _explained(
            base[rows], y[rows], place[rows]
        )

    everyone = np.arange(groups)
    pseudo = jackknife(lambda kept: added(kept.astype(np.intp)), everyone)
    half = mean_interval(pseudo, level=level).half
    without = _explained(base, y, place)
    together = _explained(np.column_stack([base, more]), y, place)
    value = together - without
    basis = np.linalg.qr(np.column_stack([np.ones(len(y)), _standard(base)]))[0]
    fitted = basis @ (basis.T @ more)
    left = more - fitted
    null = np.array(
        [
            _explained(np.column_stack([base, fitted + left[rows]]), y, place) - without
            for rows in shuffled_rows(place, arrangements, np.random.default_rng(seed))
        ]
    )
    p = tail_share(value, null, exact=False, tolerance=1e-12)
    return Gain(Interval(value, value - half, value + half, level, groups), p, without, together)


def _standard(columns: Array) -> Array:
    """Mean 0 and variance 1; columns that do not vary are left out."""
    if not columns.shape[1]:
        return columns
    spread = columns.std(axis=0)
    varying = spread > 1e-12 * np.maximum(np.abs(columns).max(axis=0), 1e-300)
    return np.asarray((columns - columns.mean(axis=0))[:, varying] / spread[varying])


def _explained(x: Array, y: Array, place: NDArray[np.intp]) -> float:
    """1 - squared errors of left-out groups by ridge over those of the mean; closed form.

    Residuals of a group that is left out are (I - H)^-1 (y - H y) inside it; of all groups of one
    size at once.
    """
    z = _standard(x)
    n = len(y)
    hat = z @ np.linalg.solve(z.T @ z + RIDGE * np.eye(z.shape[1]), z.T) + 1.0 / n
    residual, plain = y - hat @ y, y - y.mean()
    errors = totals = 0.0
    members = [np.flatnonzero(place == k) for k in np.unique(place)]
    for size in {len(one) for one in members}:
        same = np.array([one for one in members if len(one) == size])
        inside = np.eye(size) - hat[same[:, :, None], same[:, None, :]]
        left_out = np.linalg.solve(inside, residual[same][..., None])
        errors += float((left_out**2).sum())
        # Of the mean of the others alone: H is 1/n everywhere.
        out = plain[same] + plain[same].sum(axis=1, keepdims=True) / (n - size)
        totals += float((out**2).sum())
    return 1.0 - errors / totals if totals > 0 else 0.0
