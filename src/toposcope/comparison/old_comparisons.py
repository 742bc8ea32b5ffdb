"""Comparisons stored by earlier versions, read as what they still show.

Their p-values are good, their conclusions are not: one Benjamini-Hochberg family let similarities
lend to the tests of diagrams, the margin of equivalence grew with the difference under test, and an
onset was said of every curve. p-values are corrected anew, in families, by Holm's method, since the
arrangements are gone; equivalence and onset are taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.comparison.families import DIFFER, RELATED
from toposcope.stats import holm

if TYPE_CHECKING:
    import pandas as pd

NOTE = (
    "stored by an earlier version: p-values corrected anew by Holm's method in families, without "
    "detectable gaps, onsets and equivalence. Compare again into the same folder for all of them; "
    "what was measured is kept"
)


def upgraded(tables: dict[str, pd.DataFrame], attrs: dict[str, Any]) -> dict[str, Any]:
    """Bring tables of schema 1 to the present columns, in place; returns the present attributes."""
    import pandas as pd

    layers, models = tables["layers"], tables["models"]
    if "smallest_p" not in layers:  # the oldest did not keep it
        layers["smallest_p"] = np.nan
    for table in (layers, models):
        table["family"] = np.where(table["homology_dimension"].notna(), DIFFER, RELATED)
    layers["adjusted_p"] = np.nan
    families = []
    for name, rows in layers.groupby("family", sort=False):
        adjusted = holm(rows["pvalue"].to_numpy(dtype=np.float64))
        layers.loc[rows.index, "adjusted_p"] = adjusted
        count = int(np.isfinite(adjusted).sum())
        least = float(np.nanmax(rows["smallest_p"])) if rows["smallest_p"].notna().any() else 0.0
        if count:
            told = {"name": str(name), "tests": count, "smallest_p": least * count}
            families.append(told | {"correction": "Holm"})
    layers["detectable"] = layers["margin"] = np.nan
    layers["equivalence_p"] = layers["equivalence_adjusted_p"] = np.nan
    layers["equivalent"] = pd.array([pd.NA] * len(layers), dtype="boolean")
    keys = ["network_a", "network_b", "measure", "homology_dimension"]
    alpha = 1 - float(attrs["level"]) + 1e-12
    grouped = layers.assign(found=layers["adjusted_p"] <= alpha).groupby(
        keys, dropna=False, sort=False
    )
    known = grouped.agg(adjusted_p=("adjusted_p", "min"), found=("found", "sum")).reset_index()
    merged = models[keys].merge(known, on=keys, how="left")
    models["adjusted_p"], models["found"] = merged["adjusted_p"].array, merged["found"].array
    models["pvalue"] = models["detectable"] = np.nan
    models["onset"] = "none"
    for name in ("depth", "low", "high", "size"):
        models[f"change_{name}"] = np.nan
    tables["layers"] = layers.drop(columns="qvalue", errors="ignore")
    tables["models"] = models.drop(columns=["change_pvalue", "change_qvalue"], errors="ignore")
    rest = {name: value for name, value in attrs.items() if name not in ("family", "margin")}
    return rest | {
        "families": families,
        "margin": None,
        "margin_unit": "noise",
        "plan": None,
        "warnings": [*attrs.get("warnings", ()), NOTE],
    }
