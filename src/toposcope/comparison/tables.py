"""The two tables of a comparison: layers and models, with the tests of their families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.families import Group, Whole, test_families
from toposcope.comparison.judgement import (
    FEWEST_DRAWS,
    LAYER_COLUMNS,
    SAME_BETTI_NUMBERS,
    SAME_DISTRIBUTION,
    UNRELATED,
    LayerPair,
    Rules,
    judge,
    layer_row,
    measured,
    steps,
)
from toposcope.comparison.layer_pairs import BETTI_NUMBERS, DIAGRAM_MEASURES
from toposcope.comparison.networks import PAIRED, Network, relation
from toposcope.comparison.onset import Onset, onset_of
from toposcope.comparison.pair_values import PairValues
from toposcope.comparison.plan import depths, match_layers
from toposcope.similarity.measures import MEASURES
from toposcope.stats import mean_interval
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]


Part = tuple[Sequence[Network], PairValues]
"""Networks and what lies between their layers: of pooled draws, of one class, of all classes."""


def compare_layers(
    parts: Mapping[str, Part],
    rules: Rules,
    *,
    measures: Sequence[str],
    homology_dimensions: Sequence[int],
) -> tuple[Rows, Rows, Rows]:
    """Rows of the table of layers, of the table of models, and the families of tests.

    `parts` is by class, "" for pooled draws or all classes together. A draw is one of every class,
    so the layers of all classes share their arrangements and are one family.
    """
    groups: list[Group] = []
    for label, (networks, values) in parts.items():
        for measure, degree in measured(measures, homology_dimensions):
            inside = steps(values, networks, measure, degree)
            for i, j in combinations(range(len(networks)), 2):
                known = [step for step in (inside[i], inside[j]) if np.isfinite(step)]
                step = float(np.mean(known)) if known else float("nan")
                key = (measure, degree)
                groups.append(_group(networks, (i, j), values, rules, key, step, label))
    wholes, families = test_families(groups, rules)
    models = [_model_row(group, whole, rules) for group, whole in zip(groups, wholes, strict=True)]
    return [row for group in groups for row in group.rows], models, families


def _group(
    networks: Sequence[Network],
    which: tuple[int, int],
    values: PairValues,
    rules: Rules,
    measure_and_degree: tuple[str, int | None],
    step: float,
    label: str,
) -> Group:
    i, j = which
    a, b = networks[i], networks[j]
    measure, degree = measure_and_degree
    paired = relation(a, b) == PAIRED
    names = {
        "label": label,
        "network_a": a.name,
        "network_b": b.name,
        "measure": measure,
        "homology_dimension": degree,
        "paired": paired,
    }
    judged, rows = [], []
    depths_a, depths_b = depths(a), depths(b)
    for p, q in match_layers(a, b):
        why = _why(a, p) or _why(b, q)
        pair = LayerPair((i, p), (j, q), measure, degree, paired=paired, why=why)
        where = names | {
            "layer_a": a.layers[p],
            "depth_a": float(depths_a[p]),
            "layer_b": b.layers[q],
            "depth_b": float(depths_b[q]),
            "null": _null(measure),
        }
        judged.append(judge(values, pair))
        rows.append(layer_row(judged[-1], rules, step=step, where=where))
    return Group(names, judged, rows, step, values.replicates)


def _model_row(group: Group, whole: Whole, rules: Rules) -> dict[str, Any]:
    """Two networks in one row: over the matched layers, with an interval over draws.

    Value and gap of diagrams are both root mean squares over the layers, so that the gap of two
    networks is no larger than their distance by the way it is averaged; similarities are means.
    """
    rows, judged, step = group.rows, group.judged, group.step
    good = [k for k, one in enumerate(judged) if one.status == OK]
    out: dict[str, Any] = dict(group.names)
    out |= {"layers": len(rows), "measured": len(good), "step": step}
    for name in ("value", "low", "high", "gap", "gap_low", "gap_high", "share"):
        out[name] = np.nan
    out |= {"family": rows[0]["family"], "pvalue": whole.pvalue, "adjusted_p": whole.adjusted_p}
    out["found"] = sum(row["adjusted_p"] <= rules.alpha for row in rows)
    seen = [row["detectable"] for row in rows if not row["adjusted_p"] <= rules.alpha]
    seen = [gap for gap in seen if not np.isnan(gap)]
    out["detectable"] = float(np.median(seen)) if seen else np.nan
    out |= Onset().columns() | {"n": 0}
    counts = {len(judged[k].units) for k in good}
    if not good or len(counts) > 1:
        reasons = sorted({one.reason for one in judged if one.reason})
        return out | {"status": "undefined", "reason": "; ".join(reasons)[:300] or "no layer"}
    each = np.array([judged[k].value for k in good])
    value = root_mean_square_units(each) if judged[good[0]].squared else each.mean(axis=0)
    units = np.array([judged[k].units for k in good]).T  # (draws, layers)
    mean = mean_interval(value, level=rules.level)
    bounds = (-np.inf, np.inf) if group.names["measure"] not in MEASURES else _range(group)
    low, high = np.clip([mean.low, mean.high], *bounds).tolist()
    out |= {"value": mean.value, "low": low, "high": high}
    length = judged[good[0]].length
    mean = mean_interval(units.mean(axis=1), level=rules.level)
    out |= {"gap": length(mean.value), "gap_low": length(mean.low), "gap_high": length(mean.high)}
    if not judged[good[0]].squared:
        out["gap_low"] = max(out["gap_low"], 0.0)
    out["n"] = counts.pop()
    out["share"] = out["gap"] / step if np.isfinite(step) and step > 0 else np.nan
    squared = judged[good[0]].squared
    if squared and len(good) > 1 and units.shape[0] >= FEWEST_DRAWS and rules.test:
        found = onset_of(
            np.array([rows[k]["depth_a"] for k in good]),
            units,
            np.array([rows[k]["adjusted_p"] <= rules.alpha for k in good]),
            level=rules.level,
            seed=rules.seed,
        )
        out |= found.columns(length)
    missing = len(rows) - len(good)
    reason = f"{missing} of {len(rows)} layers have no value" if missing else ""
    return out | {"status": OK, "reason": reason}


def _null(measure: str) -> str:
    if measure == BETTI_NUMBERS:
        return SAME_BETTI_NUMBERS
    return SAME_DISTRIBUTION if measure in DIAGRAM_MEASURES else UNRELATED


def root_mean_square_units(values: Array) -> Array:
    """(R,) one number per draw, whose mean is the root mean square over layers of their means.

    To first order: what a draw adds to it, so that its spread gives the interval.

    Parameters
    ----------
    values
        (layers, R) values whose mean over draws is that of the layer.

    Examples
    --------
    >>> root_mean_square_units(np.array([[3.0, 3.0], [4.0, 4.0]])).round(3).tolist()
    [3.536, 3.536]
    """
    means = values.mean(axis=1)
    total = float(np.sqrt(np.mean(means**2)))
    if not total > 0:
        return np.asarray(values.mean(axis=0))
    return np.asarray((means[:, None] * values).mean(axis=0) / total)


def _range(group: Group) -> tuple[float, float]:
    return MEASURES[group.names["measure"]].range


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
    counts = [len(net.layers) for net in networks]
    starts = np.concatenate([[0], np.cumsum(counts)])
    values, squares = np.full((2, starts[-1], starts[-1]), np.nan)
    stored = pairs.same if degree is None else pairs.cross
    for key in stored:  # what was measured, not all pairs of 300 layers
        if key[2:] != ((measure,) if degree is None else (measure, degree)):
            continue
        s, t = (int(starts[net] + position) for net, position in key[:2])
        if degree is None:
            values[s, t] = values[t, s] = _mean(pairs.same[key[0], key[1], measure])
            continue
        draws = pairs.cross[key[0], key[1], measure, degree]
        several = len(draws) > 1
        if several or s != t:
            met = draws[~np.eye(len(draws), dtype=bool)] if several else draws.ravel()
            values[s, t] = values[t, s] = _mean(met)
            squares[s, t] = squares[t, s] = _mean(met**2)
    if degree is None:
        np.fill_diagonal(values, MEASURES[measure].at_identity)
    if degree is None:
        return values, np.abs(values - MEASURES[measure].at_identity)
    own = np.diag(squares)
    excess = squares - (own[:, None] + own[None]) / 2
    return values, np.sign(excess) * np.sqrt(np.abs(excess))


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


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
