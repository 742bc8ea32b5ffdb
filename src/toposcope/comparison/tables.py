"""The two tables of a comparison: layers and models, with p-values corrected together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.judgement import (
    FEWEST_DRAWS,
    LAYER_COLUMNS,
    SAME_DISTRIBUTION,
    UNRELATED,
    Judgement,
    LayerPair,
    Rules,
    judge,
    layer_row,
    measured,
    steps,
)
from toposcope.comparison.layer_pairs import DIAGRAM_MEASURES
from toposcope.comparison.networks import PAIRED, Network, relation
from toposcope.comparison.pair_values import PairValues
from toposcope.comparison.plan import depths, match_layers
from toposcope.similarity.measures import MEASURES
from toposcope.stats import benjamini_hochberg, change_point, mean_interval
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def compare_layers(
    networks: Sequence[Network],
    values: PairValues,
    rules: Rules,
    *,
    measures: Sequence[str],
    homology_dimensions: Sequence[int],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the table of layers and of the table of models, without q-values."""
    layers: list[dict[str, Any]] = []
    models: list[dict[str, Any]] = []
    for measure, degree in measured(measures, homology_dimensions):
        inside = steps(values, networks, measure, degree)
        for i, j in combinations(range(len(networks)), 2):
            a, b = networks[i], networks[j]
            paired = relation(a, b) == PAIRED
            step = (
                float(np.nanmean([inside[i], inside[j]])) if _any(inside[i], inside[j]) else np.nan
            )
            names = {
                "network_a": a.name,
                "network_b": b.name,
                "measure": measure,
                "homology_dimension": degree,
                "paired": paired,
            }
            judged, rows = [], []
            for p, q in match_layers(a, b):
                why = _why(a, p) or _why(b, q)
                pair = LayerPair((i, p), (j, q), measure, degree, paired=paired, why=why)
                where = names | {
                    "layer_a": a.layers[p],
                    "depth_a": float(depths(a)[p]),
                    "layer_b": b.layers[q],
                    "depth_b": float(depths(b)[q]),
                    "null": SAME_DISTRIBUTION if measure in DIAGRAM_MEASURES else UNRELATED,
                }
                judged.append(judge(values, pair, rules))
                rows.append(layer_row(judged[-1], rules, step=step, where=where))
            layers += rows
            models.append(_model_row(names, rows, judged, rules, step=step))
    return layers, models


def _model_row(
    names: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    judged: Sequence[Judgement],
    rules: Rules,
    *,
    step: float,
) -> dict[str, Any]:
    """Two networks in one row: means over the matched layers, interval over draws."""
    good = [k for k, one in enumerate(judged) if one.status == OK]
    out: dict[str, Any] = dict(names) | {"layers": len(rows), "measured": len(good), "step": step}
    for name in ("value", "low", "high", "gap", "gap_low", "gap_high", "share"):
        out[name] = np.nan
    for name in ("depth", "low", "high", "size", "pvalue"):
        out[f"change_{name}"] = np.nan
    out["n"] = 0
    counts = {len(judged[k].units) for k in good}
    if not good or len(counts) > 1:
        reasons = sorted({one.reason for one in judged if one.reason})
        return out | {"status": "undefined", "reason": "; ".join(reasons)[:300] or "no layer"}
    value = np.mean([judged[k].value for k in good], axis=0)
    units = np.array([judged[k].units for k in good]).T  # (draws, layers)
    mean = mean_interval(value, level=rules.level)
    out |= {"value": mean.value, "low": mean.low, "high": mean.high}
    length = judged[good[0]].length
    mean = mean_interval(units.mean(axis=1), level=rules.level)
    out |= {"gap": length(mean.value), "gap_low": length(mean.low), "gap_high": length(mean.high)}
    out["n"] = counts.pop()
    out["share"] = out["gap"] / step if np.isfinite(step) and step > 0 else np.nan
    if len(good) > 1 and units.shape[0] >= FEWEST_DRAWS and rules.test:
        depth = [rows[k]["depth_a"] for k in good]
        # A gap below 0 is noise: only more distance than noise means that layers differ.
        change = change_point(
            depth, units, level=rules.level, alternative="greater", seed=rules.seed
        )
        for name in ("depth", "low", "high", "size", "pvalue"):
            out[f"change_{name}"] = float(getattr(change, name))
        out["change_size"] = length(change.size)
    missing = len(rows) - len(good)
    reason = f"{missing} of {len(rows)} layers have no value" if missing else ""
    return out | {"status": OK, "reason": reason}


def corrected(layers: list[dict[str, Any]], models: list[dict[str, Any]]) -> int:
    """Write q-values over every test that was made into the rows; returns how many there were.

    One family: all layers under all measures, and the onset of every pair of networks.
    """
    family = [row["pvalue"] for row in layers] + [row["change_pvalue"] for row in models]
    adjusted = benjamini_hochberg(family)
    for row, q in zip(layers, adjusted[: len(layers)], strict=True):
        row["qvalue"] = float(q)
    for row, q in zip(models, adjusted[len(layers) :], strict=True):
        row["change_qvalue"] = float(q)
    return int(np.isfinite(adjusted).sum())


def layer_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table of layers."""
    import pandas as pd

    out = pd.DataFrame(rows, columns=list(LAYER_COLUMNS))
    out["homology_dimension"] = out["homology_dimension"].astype("Int64")
    out["equivalent"] = out["equivalent"].astype("boolean")
    return out


def model_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table of models."""
    import pandas as pd

    out = pd.DataFrame(rows)
    out["homology_dimension"] = out["homology_dimension"].astype("Int64")
    return out


def matrix_values(
    networks: Sequence[Network], pairs: PairValues, measure: str, degree: int | None
) -> tuple[Array, Array]:
    """(L, L) values and gaps between all layers of all networks.

    Values of diagrams are mean distances between different draws, so that the diagonal holds what
    other draws of one layer alone produce; gaps have that noise taken out. Similarities are means
    over draws, and their gaps the distances from the value of equal layers.
    """
    places = [(i, p) for i, net in enumerate(networks) for p in range(len(net.layers))]
    values, squares = np.full((2, len(places), len(places)), np.nan)
    for s, a in enumerate(places):
        for t in range(s, len(places)):
            b = places[t]
            if degree is None:
                same = pairs.paired(a, b, measure)[0]
                values[s, t] = MEASURES[measure].at_identity if s == t else _mean(same)
            else:
                draws = pairs.between(a, b, measure, degree)
                if draws is not None:
                    several = len(draws) > 1
                    met = draws[~np.eye(len(draws), dtype=bool)] if several else draws.ravel()
                    if several or s != t:
                        values[s, t], squares[s, t] = _mean(met), _mean(met**2)
            values[t, s], squares[t, s] = values[s, t], squares[s, t]
    if degree is None:
        return values, np.abs(values - MEASURES[measure].at_identity)
    own = np.diag(squares)
    excess = squares - (own[:, None] + own[None]) / 2
    return values, np.sign(excess) * np.sqrt(np.abs(excess))


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _any(*values: float) -> bool:
    return any(np.isfinite(value) for value in values)


def _why(network: Network, position: int) -> tuple[str, str] | None:
    """Status and reason of a layer without diagrams, from its analysis."""
    if network.analysis is None:
        return None
    table, layer = network.analysis.table, network.layers[position]
    rows = table[(table["layer"] == layer) & (table["cloud"] == DATA_CLOUD)]
    rows = rows[(rows["statistic"] == "n_pairs") & (rows["status"] != OK)]
    if len(rows):
        return str(rows["status"].iloc[0]), f"{network.name}: {rows['reason'].iloc[0]}"
    for failure in network.analysis.failures:
        if failure["layer"] == layer:
            return "failed", f"{network.name}: {failure['reason']}"
    return None
