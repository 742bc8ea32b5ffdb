"""The figure of `wheeler-landscapes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.wheeler_shapes import BRANCHES, KNOWN

if TYPE_CHECKING:
    import pandas as pd


def figure(table: pd.DataFrame, grouped: bool, plateau: int) -> Figure:
    """Landscape norms of the groups, plateaus of neighbors and ranks of local homology."""
    rows = table[table["landscape"].notna()]
    rows = rows[(rows["scale"] == "mean_distance") & (rows["degree"] == 1)]
    if grouped:
        rows = rows[~rows["final"].astype(bool)]
    norms = []
    for name, one in rows.groupby("group", sort=False):
        means = one.groupby(["network", "layer"])["norm"].mean().unstack("layer")
        norms.append(curve_of_means(str(name), means.columns.tolist(), means.to_numpy()))
    panels = [
        Panel("groups at equal accuracy", "layer (0 is the input)", "landscape norm, H1", norms)
    ]
    known = table[table["choice"] == ""] if "choice" in table else table[:0]
    if len(known):
        runs = [
            curve_of_means(
                kind, [kind], known[known["kind"] == kind]["plateau"].to_numpy()[:, None]
            )
            for kind in KNOWN
        ]
        panels.append(
            Panel("hops", "data", "numbers of neighbors in a row", runs, plateau, "points")
        )
        ranks = []
        for name in ("local", "global"):
            means = [float(known[known["kind"] == kind][name].mean()) for kind in BRANCHES]
            ranks.append(Curve(name, list(BRANCHES), means))
        ranks.append(Curve("half-lines less one", list(BRANCHES), list(BRANCHES.values())))
        panels.append(Panel("branches", "cloud", "rank of H1", ranks, None, "points"))
    caption = (
        "Landscape norms over layers of networks at equal accuracy (means with 95 % t-intervals "
        "over networks); numbers of neighbors in a row at which the known Betti numbers come out, "
        "and ranks of H1 (means over draws)."
    )
    return Figure(caption, panels)
