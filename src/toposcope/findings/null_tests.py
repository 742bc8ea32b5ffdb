"""How far every finding lies from each null model, and whether that is more than chance.

One row per layer, statistic and null; all rows are one family and corrected together. Which test
follows from how a null is made: the Gaussian null and label permutations are clouds of their own
(two independent samples), a shuffled or random-init cloud belongs to its draw (pairs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.analysis.result import Analysis
from toposcope.analysis.scale_error import units_of
from toposcope.findings.looked_at import Looked, overlap_of
from toposcope.pointclouds.nulls import NULLS, RANDOM_INIT, SHUFFLED, SHUFFLED_VOXELS
from toposcope.stats import benjamini_hochberg, difference_interval, permutation_test
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    import pandas as pd

PAIRED_NULLS = (SHUFFLED, RANDOM_INIT, SHUFFLED_VOXELS)
"""Nulls made from the very draw they stand beside."""

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
    "verdict",
    "paired",
    "n",
    "status",
    "reason",
]


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
    give, `qvalue` corrected over the table (Benjamini-Hochberg), and `verdict` is "above", "below"
    or "undecided". Overlapping draws cannot be permuted: their intervals are corrected for overlap
    and for the number of rows instead, and decide. `status` says why there is no test: no_value,
    one_replicate, constant.
    """
    import pandas as pd

    level, overlap = float(analysis.attrs["level"]), overlap_of(analysis.attrs)
    wanted = None if statistics is None else set(statistics)
    cells = [
        cell
        for cell in _cells(analysis.table.assign(value=units_of(analysis.table)))
        if wanted is None or (cell["statistic"], cell["homology_dimension"]) in wanted
    ]
    rows = [
        _row(cell, level, overlap, len(cells), n_resamples=n_resamples, seed=seed) for cell in cells
    ]
    out = pd.DataFrame(rows, columns=COLUMNS)
    out["homology_dimension"] = out["homology_dimension"].astype("Int64")
    out["qvalue"] = benjamini_hochberg(out["pvalue"].to_numpy(float))
    sure = (out["low"] > 0) | (out["high"] < 0) if overlap else rejected(out["qvalue"], level)
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
    known = table[table["cloud"].isin([DATA_CLOUD, *NULLS])]
    for key, group in known.groupby(place, sort=False, dropna=False):
        clouds = {
            name: part.loc[part["status"] == OK].set_index("replicate")["value"].astype(float)
            for name, part in group.groupby("cloud", sort=False)
        }
        data = clouds.pop(DATA_CLOUD, None)
        where = dict(zip(place, key, strict=True))
        degree = where["homology_dimension"]
        where["homology_dimension"] = None if pd.isna(degree) else int(degree)
        for null, values in clouds.items():
            if data is not None:
                yield where | {"null": null, "data": data, "values": values}


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
    data, values = cell.pop("data"), cell.pop("values")
    if paired:
        both = data.index.intersection(values.index)
        data, values = data[both], values[both]
    a, b = data.to_numpy(), values.to_numpy()
    n = min(len(a), len(b))
    row = cell | {"paired": paired, "n": n, "status": OK, "reason": ""}
    for name in NUMBERS:
        row[name] = np.nan
    if n == 0:
        return row | {"status": "no_value", "reason": "no draw has a value on both sides"}
    interval = difference_interval(
        a, b, paired=paired, level=level, overlap=overlap, comparisons=family if overlap else 1
    )
    row |= {"value": a.mean(), "null_value": b.mean(), "difference": interval.value}
    if row["value"] > 0 and row["null_value"] > 0:
        row["ratio"] = row["value"] / row["null_value"]
    if n == 1:
        return row | {"status": "one_replicate", "reason": "one replicate has no spread"}
    row |= {"low": interval.low, "high": interval.high}
    if np.ptp(np.concatenate([a, b])) == 0.0:  # such as the number of H0 pairs: never a question
        return row | {"status": "constant", "reason": "the same value in every cloud"}
    if not overlap:
        test = permutation_test(a, b, paired=paired, n_resamples=n_resamples, seed=seed)
        row |= {"pvalue": test.pvalue, "smallest_p": test.smallest_p}
    return row
