"""How far every finding lies from each null model, and whether that is more than chance.

One row per layer, statistic and null. The rows of one null are one family and corrected together:
a null that everything differs from would buy the others a lenient threshold. Which test follows
from how a null is made: Gaussian, copula and label permutations are clouds of their own (two
independent samples of draws), a shuffled cloud belongs to its draw (pairs), and of the random-init
null the twin is the unit: could the network be one more of them?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.analysis.result import ANALYSIS, Analysis
from toposcope.analysis.scale_error import RULER, units_of
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
from toposcope.store.coded import Coded
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
    logarithms of what is positive and of what entropies lack to their maximum. `status`
    says why there is no test: no_value, one_replicate, one_twin, constant.
    """
    import pandas as pd

    level, overlap = float(analysis.attrs["level"]), overlap_of(analysis.attrs)
    wanted = None if statistics is None else set(statistics)
    cells = [
        cell
        for cell in _cells(analysis.table.assign(value=units_of(analysis.table)))
        if wanted is None or (cell["statistic"], cell["homology_dimension"]) in wanted
    ]
    sizes = Counter(cell["null"] for cell in cells)
    pairs = _pairs(analysis.table)
    rows = [
        _row_of_twins(cell, level, pairs)
        if cell["null"] == RANDOM_INIT
        else _row(cell, level, overlap, sizes[cell["null"]], n_resamples=n_resamples, seed=seed)
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


def _cells(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Values by replicate of one statistic of one layer, and of one null beside it."""
    import pandas as pd

    place = ["layer", "depth", "label", "homology_dimension", "statistic"]
    coded = Coded.of_frame(table, [*place, "cloud", "replicate", "status"])
    nulls = [cloud and null_of(cloud) for cloud in coded.values["cloud"]]
    if not any(null in NULLS for null in nulls):  # half of the time of a look, for nothing
        return
    asked = np.array([null == DATA_CLOUD or null in NULLS for null in nulls])[coded.codes["cloud"]]
    rows = np.flatnonzero(asked & ~coded.having("statistic", RULER))
    # As numbers: a frame for each cloud of each cell took a third of the time of an analysis of 5
    # twins and of its tests.
    groups = coded.groups([*place, "cloud"], rows)
    cells: dict[tuple[Any, ...], dict[str, list[pd.Series]]] = {}
    fine = coded.having("status", OK)
    for group in groups.appearance:
        begin = groups.begins[group]
        own = groups.rows[begin : begin + groups.sizes[group]]
        first, known = own[:1], own[fine[own]]
        key = tuple(coded.taken(name, first)[0] for name in place)
        values = pd.Series(coded.numbers[known], index=coded.taken("replicate", known))
        null = str(nulls[coded.codes["cloud"][first[0]]])
        cells.setdefault(key, {}).setdefault(null, []).append(values)
    for key, clouds in cells.items():
        (data,) = clouds.pop(DATA_CLOUD, [None])
        where = dict(zip(place, key, strict=True))
        degree = where["homology_dimension"]
        where["homology_dimension"] = None if degree is None else int(degree)
        for null, beside in clouds.items():
            if data is not None:
                yield where | {"null": null, "data": data, "clouds": beside}


def _empty_row(cell: dict[str, Any], *, paired: bool, n: int) -> dict[str, Any]:
    """A row without numbers."""
    row = {key: value for key, value in cell.items() if key not in ("data", "clouds")}
    row |= {"paired": paired, "n": n, "status": OK, "reason": "", "qvalue": np.nan}
    return row | dict.fromkeys(NUMBERS, np.nan)


Pairs = dict[tuple[str, str, int], float]


def _pairs(table: pd.DataFrame) -> Pairs:
    """(layer, label, degree) -> number of pairs, where it is one number in all clouds."""
    counts = table[(table["statistic"] == "n_pairs") & (table["status"] == OK)]
    groups = counts.groupby(["layer", "label", "homology_dimension"], sort=False)["value"]
    return {
        (str(layer), str(label), int(k)): float(values.iloc[0])
        for (layer, label, k), values in groups
        if values.nunique() == 1
    }


def _bound(cell: Mapping[str, Any], values: Sequence[float], pairs: Pairs) -> float | None:
    """What no value of a statistic can reach; None where values are compared as they are.

    Networks spread by factors: of lengths, and of what an entropy lacks to its maximum. Entropies
    as they are have a tail (skewness -0.65), and 5 twins told an untrained network apart in 7.8 %.
    """
    statistic = cell["statistic"]
    bound: float | None = CEILINGS.get(statistic, 0.0)
    if statistic == "persistence_entropy":
        count = pairs.get((cell["layer"], cell["label"], cell["homology_dimension"]), 0.0)
        bound = float(np.log(count)) if count > 1 else None
    if bound is None:
        return None
    apart = np.array(values) - bound
    return bound if (apart > 0).all() or (apart < 0).all() else None


def _row_of_twins(cell: dict[str, Any], level: float, pairs: Pairs) -> dict[str, Any]:
    """A layer against its random-init twins: each is one unit, by its mean over the same draws."""
    data, twins = cell["data"], [one for one in cell["clouds"] if len(one)]
    both = data.index
    for twin in twins:
        both = both.intersection(twin.index)
    row = _empty_row(cell, paired=False, n=len(twins))
    if not twins or not len(both):
        return row | {"status": "no_value", "reason": "no draw has a value on both sides"}
    means = np.array([twin[both].mean() for twin in twins])
    value = float(data[both].mean())
    found = prediction_test(value, means, level=level, below=_bound(cell, [value, *means], pairs))
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
    cell: dict[str, Any],
    level: float,
    overlap: float,
    family: int,
    *,
    n_resamples: int,
    seed: int,
) -> dict[str, Any]:
    paired = cell["null"] in PAIRED_NULLS
    data, values = cell["data"], cell["clouds"][0]
    if paired:
        both = data.index.intersection(values.index)
        data, values = data[both], values[both]
    a, b = data.to_numpy(), values.to_numpy()
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
