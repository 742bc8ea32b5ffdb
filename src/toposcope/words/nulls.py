"""How a statistic stands against the null models, in a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
import pandas as pd

from toposcope.analysis.result import Analysis
from toposcope.findings.changes import HEADLINE
from toposcope.findings.null_tests import ABOVE, BELOW, PAIRED_NULLS, against_nulls
from toposcope.pointclouds.nulls import (
    GAUSSIAN,
    PERMUTED_LABELS,
    RANDOM_INIT,
    SHUFFLED,
    SHUFFLED_VOXELS,
)
from toposcope.stats import percent
from toposcope.words.statistics import phrase

WORDS = {
    GAUSSIAN: "a Gaussian cloud with the same n, dimension and covariance",
    SHUFFLED: "its own cloud with every feature shuffled by itself",
    RANDOM_INIT: "its random-init twin on the same samples",
    SHUFFLED_VOXELS: "its own volumes with voxels in random order",
    PERMUTED_LABELS: "groups of as many samples with labels permuted",
}


def null_sentences(
    shown: Analysis, wanted: Sequence[tuple[str, int | None]], *, of: str, clouds: str
) -> str | None:
    """One sentence per null about the first wanted statistic that has nulls; None without any.

    The family that is corrected is all headline statistics at all layers against all nulls, and
    the wanted one where it is not among them.
    """
    looked_at = list(dict.fromkeys([*HEADLINE, *wanted]))
    found = against_nulls(shown, statistics=looked_at)
    family = int(found["pvalue"].notna().sum())
    for statistic, k in wanted:
        degree = found["homology_dimension"]
        same = degree.isna() if k is None else degree.eq(k).fillna(False)
        rows = found[(found["statistic"] == statistic) & same.astype(bool)]
        rows = rows[rows["status"] != "no_value"]
        if len(rows):
            what = f"{phrase(statistic, k)}{of}"
            parts = [
                _sentence(str(null), part, what, clouds, family, shown)
                for null, part in rows.groupby("null", sort=False)
            ]
            return " ".join(parts)
    return None


def _sentence(
    null: str, rows: pd.DataFrame, what: str, clouds: str, family: int, shown: Analysis
) -> str:
    against = WORDS[null]
    if (rows["status"] == "one_replicate").all():
        return (
            f"One replicate has no spread, so the {what} cannot be tested against {against}; "
            "analyze with two replicates or more, better eight."
        )
    below, above = (int((rows["verdict"] == side).sum()) for side in (BELOW, ABOVE))
    rest = len(rows) - below - above
    level = float(shown.attrs["level"])
    draws = int(rows["n"].max())
    if shown.attrs.get("overlapping"):
        how = (
            f"intervals over {draws} overlapping draws, corrected for overlap and for all looked at"
        )
    else:
        how = (
            f"permutations of {draws} draws, at most {100 * (1 - level):.3g} % false among those "
            f"named, over {family:,} tests"
        )
        floor = 2 / (2**draws if null in PAIRED_NULLS else comb(2 * draws, draws))
        if floor > 0.01 and rest:
            how += f"; {draws} draws give no p below {floor:.2g}"
    return (
        f"Against {against}, the {what} lies below at {below}, above at {above} and is not told "
        f"apart at {rest} of {len(rows)} {clouds} ({_size(rows)}{how})."
    )


def _size(rows: pd.DataFrame) -> str:
    """The median relative difference, where it is defined."""
    defined = rows[(rows["null_value"] > 0) & (rows["value"] > 0)]
    if not len(defined):
        return ""
    ratio = float(np.median(defined["value"] / defined["null_value"])) - 1.0
    return f"median difference {percent(ratio).replace('-', '−').replace('x', '×')}; "
