"""How a statistic stands against the null models, in a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toposcope.analysis.result import Analysis
from toposcope.findings.findings import Findings
from toposcope.findings.looked_at import Looked
from toposcope.findings.null_tests import ABOVE, BELOW, UNDECIDED
from toposcope.pointclouds.nulls import (
    COPULA,
    GAUSSIAN,
    NULLS,
    PERMUTED_LABELS,
    RANDOM_INIT,
    SHUFFLED,
    SHUFFLED_VOXELS,
)
from toposcope.words.changes import network_text
from toposcope.words.designs import is_cubical, per_class
from toposcope.words.formats import signed
from toposcope.words.statistics import phrase

if TYPE_CHECKING:
    import pandas as pd

WORDS = {
    GAUSSIAN: "a Gaussian cloud with the same n, dimension and covariance",
    COPULA: "a cloud with the same n, the same marginals and rank correlation of features",
    SHUFFLED: "its own cloud with every feature shuffled by itself",
    RANDOM_INIT: "random-init twins on the same samples",
    SHUFFLED_VOXELS: "its own volumes with voxels in random order",
    PERMUTED_LABELS: "groups of as many samples with labels permuted",
}


TITLES = {
    GAUSSIAN: "Gaussian null",
    COPULA: "copula null",
    SHUFFLED: "shuffled null",
    RANDOM_INIT: "random-init null",
    SHUFFLED_VOXELS: "shuffled-voxels null",
    PERMUTED_LABELS: "permuted-labels null",
}
"""Names of null models in legends and pickers."""


def drawn_nulls(analyses: Sequence[Analysis]) -> dict[str, str]:
    """Null models that some analyses hold, in the order of `NULLS`, and their titles."""
    present = {str(cloud) for one in analyses for cloud in one.intervals["cloud"].unique()}
    return {name: TITLES[name] for name in NULLS if name in present}


def null_sentence(findings: Findings) -> str:
    """At how many layers a statistic of the subject is told apart from each null model."""
    shown = findings.analyses[findings.subject]
    for statistic, k in findings.told:
        rows = _rows(findings.nulls, (statistic, k))
        if len(rows):
            what = f"{phrase(statistic, k)}{_of(findings)}"
            parts = {str(null): part for null, part in rows.groupby("null", sort=False)}
            said = [_sentence(null, part, what, shown) for null, part in parts.items()]
            if GAUSSIAN in parts and COPULA in parts:
                said += _marginals_alone(parts[GAUSSIAN], parts[COPULA], shown)
            return " ".join(said)
    if is_cubical(shown.attrs):
        return (
            "No null was drawn (--null shuffled_voxels), so nothing here tells the network's "
            "topology from that of any volume with the same values."
        )
    return "No null model was drawn, so nothing here tells shape from covariance alone."


def _rows(table: pd.DataFrame, looked: Looked) -> pd.DataFrame:
    """Rows of one statistic that have a value."""
    statistic, k = looked
    degree = table["homology_dimension"]
    same = degree.isna() if k is None else degree.eq(k).fillna(False)
    rows = table[(table["statistic"] == statistic) & same.astype(bool)]
    return rows[rows["status"] != "no_value"]


def _of(findings: Findings) -> str:
    """Whose statistic it is; said where several runs are shown."""
    if len(findings.analyses) == 1:
        return ""
    if findings.changes:
        return f" of {network_text(findings.changes[0].where)}"
    return f" of {findings.analyses[findings.subject].name}"


def _marginals_alone(gaussian: pd.DataFrame, copula: pd.DataFrame, shown: Analysis) -> list[str]:
    """Where the Gaussian null is beaten and the copula is not: no finding about shape."""
    place = ["layer", "label"]
    known = copula.set_index(place)["verdict"]
    beaten = gaussian[gaussian["verdict"].isin([ABOVE, BELOW])].set_index(place).index
    alone = [where for where in beaten if where in known.index and known[where] == UNDECIDED]
    if not alone:
        return []
    return [
        f"At {len(alone)} of the {len(beaten)} {_places(shown)} apart from the Gaussian it is not "
        "told apart from the copula cloud: there the distributions of single features are enough."
    ]


def _sentence(null: str, rows: pd.DataFrame, what: str, shown: Analysis) -> str:
    against, family = WORDS[null], int(rows["family"].max())
    if (rows["status"] == "one_twin").all():
        return (
            f"One twin has no spread, so the {what} cannot be tested against {against}; capture "
            "with --twin 5 or more."
        )
    if (rows["status"] == "one_replicate").all():
        return (
            f"One replicate has no spread, so the {what} cannot be tested against {against}; "
            "analyze with two replicates or more, better eight."
        )
    below, above = (int((rows["verdict"] == side).sum()) for side in (BELOW, ABOVE))
    rest = len(rows) - below - above
    draws, floor = int(rows["n"].max()), float(rows["smallest_p"].min())
    if null == RANDOM_INIT:
        how = (
            f"the network as one more of {draws} twins, q at most "
            f"{1 - shown.attrs['level']:.2g} over {family:,} tests, if twins spread normally"
        )
    elif shown.attrs.get("overlapping"):
        how = (
            f"intervals over {draws} overlapping draws, corrected for overlap and for all looked at"
        )
    else:
        how = (
            f"permutations of {draws} draws, at most {100 * (1 - shown.attrs['level']):.3g} % "
            f"false among those named, over {family:,} tests"
        )
        if floor > 0.01 and rest:
            how += f"; {draws} draws give no p below {floor:.2g}"
    return (
        f"Against {against}, the {what} lies below at {below}, above at {above} and is not told "
        f"apart at {rest} of {len(rows)} {_places(shown)} ({_size(rows)}{how})."
    )


def _places(shown: Analysis) -> str:
    """What the rows of one statistic and null are."""
    return "clouds (layer by class)" if per_class(shown) else "layers"


def _size(rows: pd.DataFrame) -> str:
    """The median relative difference, where it is defined."""
    ratio = float(rows["ratio"].median()) if rows["ratio"].notna().any() else None
    return "" if ratio is None else f"median difference {signed(ratio - 1.0)}; "
