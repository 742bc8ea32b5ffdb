"""How far every finding lies from each null model, and whether that is more than chance.

One row per layer, statistic and null. The rows of one null are one family and corrected together:
a null that everything differs from would buy the others a lenient threshold. Which test follows
from how a null is made: Gaussian, copula and label permutations are clouds of their own (two
independent samples of draws), a shuffled cloud belongs to its draw (pairs), and of the random-init
null the twin is the unit: could the network be one more of them?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.result import ANALYSIS, Analysis
from toposcope.analysis.scale_error import RULER
from toposcope.errors import UsageError
from toposcope.findings.looked_at import Looked, overlap_of
from toposcope.inputs import parameters as given
from toposcope.inputs.signatures import checked
from toposcope.pointclouds.nulls import NULLS, RANDOM_INIT, SHUFFLED, SHUFFLED_VOXELS, null_of
from toposcope.stats import (
    benjamini_hochberg,
    difference_interval,
    permutation_test,
    prediction_test,
)
from toposcope.stats.prediction import Prediction
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    import pandas as pd

PAIRED_NULLS = (SHUFFLED, SHUFFLED_VOXELS)
"""Nulls made from the very draw they stand beside."""

CEILINGS = {"normalized_entropy": 1.0, "ph_dimension_r2": 1.0}
"""Statistics whose largest possible value is a number; all others are looked at from 0."""

ABOVE, BELOW, UNDECIDED = "above", "below", "undecided"
NUMBERS = (
    "value",
    "null_value",
    "difference",
    "low",
    "high",
    "ratio",
    "pvalue",
    "smallest_p",
)
COLUMNS = [
    "layer",
    "depth",
    "label",
    "null",
    "homology_dimension",
    "statistic",
    *NUMBERS,
    "qvalue",
    "family",
    "verdict",
    "paired",
    "n",
    "status",
    "reason",
]


def _looked(value: object, name: str, *, call: str) -> list[Looked]:
    found: list[Looked] = []
    for i, one in enumerate(given.entries(value, name, call=call, of="(statistic, degree)")):
        if not isinstance(one, tuple | list) or len(one) != 2:
            msg = f"{call}: {name}[{i}]={given.shown(one)}; needed is (statistic, degree or None)."
            raise UsageError(msg)
        statistic = given.text(one[0], f"{name}[{i}][0]", call=call)
        degree = one[1]
        if degree is not None:
            degree = given.whole(degree, f"{name}[{i}][1]", call=call, low=0)
        found.append((statistic, degree))
    return found


@checked(analysis=ANALYSIS, statistics=_looked, n_resamples=given.resamples)
def against_nulls(
    analysis: Analysis,
    *,
    statistics: Sequence[Looked] | None = None,
    n_resamples: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """Every layer against every null that was measured beside it.

    Parameters
    ----------
    analysis
        With null clouds (`analyze(null=...)`).
    statistics
        (statistic, homology dimension) to look at, by default all that nulls have. They are the
        family that is corrected: choose before looking.
    n_resamples, seed
        As in `stats.permutation_test`.

    Returns
    -------
    `value` and `null_value` are means over draws, `difference` is their difference with its t
    interval [low, high] at the level of the analysis, `ratio` value / null_value where both are
    positive. `pvalue` is of a permutation test of draws, `smallest_p` the smallest that so many can
    give, `qvalue` corrected over the rows of the same null (Benjamini-Hochberg), `family` their
    number, and `verdict` is "above", "below" or "undecided". Overlapping draws cannot be permuted:
    their intervals are corrected for overlap and for the number of rows instead, and decide. For
    random_init `n` counts twins and the test is `stats.prediction_test` over their means, in
    logarithms of what is positive and of what entropies lack to their maximum, PH-dimensions by
    their reciprocals. `status`
    says why there is no test: no_value, one_replicate, one_twin, constant.
    """
    import pandas as pd

    level, overlap = float(analysis.attrs["level"]), overlap_of(analysis.attrs)
    cells = list(_cells(analysis, None if statistics is None else set(statistics)))
    sizes = Counter(cell.null for cell in cells)
    pairs = _pairs(analysis)
    rows = [
        _row_of_twins(cell, level, pairs)
        if cell.null == RANDOM_INIT
        else _row(cell, level, overlap, sizes[cell.null], n_resamples=n_resamples, seed=seed)
        for cell in cells
    ]
    out = pd.DataFrame(rows, columns=COLUMNS)
    out["homology_dimension"] = out["homology_dimension"].astype("Int64")
    tested = out["pvalue"].notna()
    out["family"] = tested.groupby(out["null"], sort=False).transform("sum").astype(int)
    for _, family in out.groupby("null", sort=False):
        out.loc[family.index, "qvalue"] = benjamini_hochberg(family["pvalue"].to_numpy(float))
    sure = rejected(out["qvalue"].astype(float), level)
    if overlap:
        apart = (out["low"] > 0) | (out["high"] < 0)
        sure = sure.where(out["null"] == RANDOM_INIT, apart)
    side = np.where(out["difference"] > 0, ABOVE, BELOW)
    out["verdict"] = np.where(sure, side, UNDECIDED)
    return out


def rejected(q: pd.Series, level: float) -> pd.Series:
    """Where corrected p-values are at most 1 - level; NaN is not."""
    return q <= 1.0 - level + 1e-12


Draws = dict[int, float]
"""Values of one statistic of one cloud by draw; draws without a value are left out."""


@dataclass(frozen=True)
class _Cell:
    """One statistic of one layer, and the clouds of one null beside it."""

    layer: str
    depth: float
    label: str
    homology_dimension: int | None
    statistic: str
    null: str
    data: Draws
    clouds: list[Draws]


_PLACE = ("layer", "depth", "label", "homology_dimension", "statistic")


def _cells(analysis: Analysis, wanted: Collection[Looked] | None) -> Iterator[_Cell]:
    """Cells in the order of the table, of some statistics or of all that nulls have.

    By numbers and not by groups of a DataFrame: those took 26 ms each, half of `toposcope analyze`.
    """
    coded, units = analysis.columns, analysis.units
    kinds = [None if cloud is None else null_of(cloud) for cloud in coded.values["cloud"]]
    if not any(kind in NULLS for kind in kinds):
        return
    asked = np.array([kind == DATA_CLOUD or kind in NULLS for kind in kinds])
    rows = asked[coded.codes["cloud"]] & ~coded.having("statistic", RULER)
    if wanted is not None:
        rows &= coded.having("statistic", *(statistic for statistic, _ in wanted))
    fine, clouds = coded.having("status", OK), coded.codes["cloud"]
    groups = coded.groups(_PLACE, np.flatnonzero(rows))
    for group in groups.appearance.tolist():
        mine = groups.of(group)
        place = [coded.taken(name, mine[:1])[0] for name in _PLACE]
        degree = None if place[3] is None else int(place[3])
        if wanted is not None and (place[4], degree) not in wanted:
            continue
        by_null: dict[str | None, list[Draws]] = {}
        of_row = clouds[mine]
        for cloud in dict.fromkeys(of_row.tolist()):
            known = mine[(of_row == cloud) & fine[mine]]
            replicates = map(int, coded.taken("replicate", known))
            draws = dict(zip(replicates, units[known].tolist(), strict=True))
            by_null.setdefault(kinds[cloud], []).append(draws)
        if DATA_CLOUD not in by_null:
            continue
        (data,) = by_null.pop(DATA_CLOUD)
        layer, depth, label, _, statistic = place
        for null, beside in by_null.items():
            yield _Cell(layer, depth, label, degree, statistic, str(null), data, beside)


def _values(draws: Draws, chosen: Iterable[int]) -> NDArray[np.float64]:
    return np.array([draws[replicate] for replicate in chosen], dtype=np.float64)


def _empty_row(cell: _Cell, *, paired: bool, n: int) -> dict[str, Any]:
    """A row without numbers."""
    where = {name: getattr(cell, name) for name in (*_PLACE, "null")}
    row = where | {"paired": paired, "n": n, "status": OK, "reason": "", "qvalue": np.nan}
    return row | dict.fromkeys(NUMBERS, np.nan)


Pairs = dict[tuple[str, str, int | None], float]


def _pairs(analysis: Analysis) -> Pairs:
    """(layer, label, degree) -> number of pairs, where it is one number in all clouds."""
    coded, columns = analysis.columns, ("layer", "label", "homology_dimension")
    counts = coded.having("statistic", "n_pairs") & coded.having("status", OK)
    groups = coded.groups(columns, np.flatnonzero(counts))
    out = {}
    for group in range(len(groups)):
        mine = groups.of(group)
        if np.ptp(coded.numbers[mine]) == 0:
            layer, label, k = (coded.taken(name, mine[:1])[0] for name in columns)
            place = (str(layer), str(label), None if k is None else int(k))
            out[place] = float(coded.numbers[mine[0]])
    return out


def _bound(cell: _Cell, values: Sequence[float], pairs: Pairs) -> float | None:
    """What no value of a statistic can reach; None where values are compared as they are.

    Networks spread by factors: of lengths, and of what an entropy lacks to its maximum. Entropies
    as they are have a tail (skewness -0.65), and 5 twins told an untrained network apart in 7.8 %.
    """
    statistic = cell.statistic
    bound: float | None = CEILINGS.get(statistic, 0.0)
    if statistic == "persistence_entropy":
        count = pairs.get((cell.layer, cell.label, cell.homology_dimension), 0.0)
        bound = float(np.log(count)) if count > 1 else None
    if bound is None:
        return None
    apart = np.array(values) - bound
    return bound if (apart > 0).all() or (apart < 0).all() else None


def _one_more_dimension(value: float, others: NDArray[np.float64], *, level: float) -> Prediction:
    """Whether a PH-dimension could be one more of others, by reciprocals.

    Fitted is the exponent 1 - 1 / d with which lifespan sums grow, and reciprocals spread evenly:
    those of 1,784 untrained networks of three ReLU layers have a skewness of -0.1, logarithms of
    1.1, by which one of three layers was told apart in 6.9 % (reciprocals: 5.1 %). The
    interval is NaN where one more could have any large dimension.
    """
    found = prediction_test(1 / value, 1 / others, level=level)
    smallest, largest = 1 / value - found.high, 1 / value - found.low
    known = smallest > 0
    low, high = (value - 1 / smallest, value - 1 / largest) if known else (np.nan, np.nan)
    return Prediction(float(value - others.mean()), low, high, found.pvalue, found.n)


def _row_of_twins(cell: _Cell, level: float, pairs: Pairs) -> dict[str, Any]:
    """A layer against its random-init twins: each is one unit, by its mean over the same draws."""
    twins = [one for one in cell.clouds if one]
    both = [draw for draw in cell.data if all(draw in twin for twin in twins)]
    row = _empty_row(cell, paired=False, n=len(twins))
    if not twins or not both:
        return row | {"status": "no_value", "reason": "no draw has a value on both sides"}
    means = np.array([_values(twin, both).mean() for twin in twins])
    value = float(_values(cell.data, both).mean())
    if cell.statistic == "ph_dimension":
        found = _one_more_dimension(value, means, level=level)
    else:
        bound = _bound(cell, [value, *means], pairs)
        found = prediction_test(value, means, level=level, below=bound)
    row |= _sides(value, float(means.mean()))
    if len(twins) == 1:
        reason = "one twin has no spread; capture --twin 5 or more (ts.capture(..., twin=5))"
        return row | {"status": "one_twin", "reason": reason}
    row |= {"low": found.low, "high": found.high}
    if np.ptp([*means, row["value"]]) == 0.0:
        return row | {"status": "constant", "reason": "the same value in every cloud"}
    return row | {"pvalue": found.pvalue}


def _sides(value: float, null_value: float) -> dict[str, float]:
    """Both sides and what lies between them."""
    sides = {"value": value, "null_value": null_value, "difference": value - null_value}
    return sides | ({"ratio": value / null_value} if value > 0 and null_value > 0 else {})


def _row(
    cell: _Cell,
    level: float,
    overlap: float,
    family: int,
    *,
    n_resamples: int,
    seed: int,
) -> dict[str, Any]:
    paired = cell.null in PAIRED_NULLS
    data, null = cell.data, cell.clouds[0]
    both = [draw for draw in data if draw in null]
    a = _values(data, both if paired else data)
    b = _values(null, both if paired else null)
    n = min(len(a), len(b))
    row = _empty_row(cell, paired=paired, n=n)
    if n == 0:
        return row | {"status": "no_value", "reason": "no draw has a value on both sides"}
    interval = difference_interval(
        a, b, paired=paired, level=level, overlap=overlap, comparisons=family if overlap else 1
    )
    row |= _sides(float(a.mean()), float(b.mean())) | {"difference": interval.value}
    if n == 1:
        return row | {"status": "one_replicate", "reason": "one replicate has no spread"}
    row |= {"low": interval.low, "high": interval.high}
    if np.ptp(np.concatenate([a, b])) == 0.0:  # such as the number of H0 pairs: never a question
        return row | {"status": "constant", "reason": "the same value in every cloud"}
    if not overlap:
        test = permutation_test(a, b, paired=paired, n_resamples=n_resamples, seed=seed)
        row |= {"pvalue": test.pvalue, "smallest_p": test.smallest_p}
    return row
