"""A comparison in sentences: what differs, from where on, what cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from toposcope.comparison.layer_pairs import DIAGRAM_MEASURES
from toposcope.words.calibration import calibration_sentence
from toposcope.words.designs import points_text
from toposcope.words.formats import all_of, first_to_last, number, with_interval

if TYPE_CHECKING:
    import pandas as pd

    from toposcope.comparison.result import Comparison

NAMES = {
    "wasserstein": "Wasserstein distance",
    "bottleneck": "bottleneck distance",
    "sliced_wasserstein": "sliced Wasserstein distance",
    "landscape": "landscape distance",
    "betti_curve": "Betti-curve distance",
    "cka": "CKA",
    "cka_rbf": "RBF CKA",
    "cka_biased": "biased CKA",
    "cka_rbf_biased": "biased RBF CKA",
    "cka_debiased": "debiased CKA",
    "cca": "CCA",
    "procrustes": "Procrustes distance",
    "angular": "angular distance",
    "rsa": "RSA",
    "rsa_correlation": "RSA (correlation distances)",
    "mutual_knn": "mutual kNN",
    "rtd": "RTD",
    "rtd_lite": "RTD-Lite",
}


def measure_name(measure: str, degree: Any) -> str:
    """A measure as people write it.

    >>> measure_name("wasserstein", 1)
    'Wasserstein distance in H1'
    """
    name = NAMES.get(measure, measure)
    return name if str(degree) in ("None", "nan", "<NA>") else f"{name} in H{int(degree)}"


def summarize_comparison(comparison: Comparison) -> list[str]:
    """Sentences: who is near whom, one per pair of networks and measure, and how sure they are."""
    several = len(comparison.networks) > 2
    pairs = [" ".join(_pair_sentences(comparison, row)) for row in comparison.models.itertuples()]
    alpha = 1 - float(comparison.attrs["level"])
    shuffled = [
        calibration_sentence(entry, measure_name(entry["measure"], None), alpha)
        for entry in comparison.attrs.get("calibration", ())
    ]
    return [*(_ranking(comparison) if several else []), *pairs, *shuffled, _basis(comparison)]


def _ranking(comparison: Comparison) -> Iterator[str]:
    """Nearest and farthest pair of networks under each measure."""
    for _, rows in comparison.models.groupby(
        ["measure", "homology_dimension"], dropna=False, sort=False
    ):
        rows = rows[rows["gap"].notna()]
        if len(rows) < 2:
            continue
        near, far = rows.loc[rows["gap"].idxmin()], rows.loc[rows["gap"].idxmax()]
        name = measure_name(str(near["measure"]), near["homology_dimension"])
        yield (
            f"By {name}, {near['network_a']} and {near['network_b']} are nearest (gap "
            f"{_apart(near)}), {far['network_a']} and {far['network_b']} farthest ({_apart(far)})."
        )


def _pair_sentences(comparison: Comparison, model: Any) -> Iterator[str]:
    import pandas as pd

    degree = None if pd.isna(model.homology_dimension) else int(model.homology_dimension)
    rows = comparison.layers
    rows = rows[
        (rows["network_a"] == model.network_a)
        & (rows["network_b"] == model.network_b)
        & (rows["measure"] == model.measure)
    ]
    if degree is not None:
        rows = rows[rows["homology_dimension"] == degree]
    who = f"{model.network_a} and {model.network_b}, {measure_name(model.measure, degree)}"
    if model.status != "ok":
        yield f"{who}: no value over all layers, since {model.reason}."
        return
    good = rows[rows["status"] == "ok"]
    if model.measure in DIAGRAM_MEASURES:
        yield f"{who}: {_differences(good, comparison, model)}"
    else:
        yield f"{who}: {_similarities(good, comparison, model)}"
    equal = _equivalence(good, float(comparison.attrs["margin"]))
    if equal:
        yield equal
    bad = rows[rows["status"] != "ok"]
    if len(bad):
        yield (
            f"{_layers(bad)} {'has' if len(bad) == 1 else 'have'} no value or no test "
            f"({'; '.join(dict.fromkeys(bad['reason']))[:200]})."
        )


def _differences(good: pd.DataFrame, comparison: Comparison, model: Any) -> str:
    alpha = 1 - float(comparison.attrs["level"])
    size = (
        f"with the noise of draws taken out they are {_apart(model)} apart (root mean square over "
        f"{len(good)} layers; other draws of one layer are {good['noise'].mean():.3g} apart)"
    )
    if math.isfinite(model.share) and model.gap_low > 0:
        size += f", {model.share:.2g} times the step between neighboring layers"
    if not good["qvalue"].notna().any():
        return f"{size}. Nothing was tested."
    draws = int(good["n"].min())
    smallest = float(good["smallest_p"].max())
    if smallest > alpha:
        return (
            f"{size}. Whether layers differ cannot be shown with {draws} draws: no p-value is "
            f"below {smallest:.2g}. Pass replicates=8 (--replicates 8)."
        )
    differ = good[good["qvalue"] <= alpha]
    alike = good[~(good["qvalue"] <= alpha)]
    few = 0 < len(differ) < len(good) and len(differ) <= len(alike)
    named = f": {_layers(differ)}" if few else ""
    text = f"{len(differ)} of {len(good)} layers differ (q ≤ {alpha:.2g}){named}; {size}."
    if comparison.onset_known(model._asdict()):
        sooner = (differ["depth_a"] < model.change_depth).any()
        start = "Most of the difference lies" if sooner else "They differ"
        text = f"{text} {start} from {_depth(model, good)} on."
    if len(alike):
        seen = alike["detectable"].median()
        also = (
            f"; with {int(alike['n'].min())} draws a gap of {seen:.2g} would have been seen 8 "
            "times in 10"
            if math.isfinite(seen)
            else ""
        )
        text = f"{text} {_layers(alike)} cannot be told apart{also}."
    return text


def _similarities(good: pd.DataFrame, comparison: Comparison, model: Any) -> str:
    lowest = good.loc[good["effect"].idxmin()] if good["effect"].notna().any() else None
    mean = with_interval(model.value, model.low, model.high)
    text = f"mean {mean} over {len(good)} layers"
    if good["noise"].notna().any():
        text += f"; unrelated samples give {number(good['noise'].mean(), 2)}"
    if lowest is not None:
        value = with_interval(lowest["value"], lowest["low"], lowest["high"])
        text += f". Least alike is {lowest['layer_a']} ({value})"
    if comparison.onset_known(model._asdict()) and model.change_depth > good["depth_a"].min():
        text += f". They grow apart from {_depth(model, good)} on"
    return f"{text}."


def _apart(model: Any) -> str:
    if model.gap_low > 0:
        return with_interval(model.gap, model.gap_low, model.gap_high)
    return f"at most {number(max(model.gap_high, 0.0))}"


def _depth(model: Any, good: pd.DataFrame) -> str:
    place = f"depth {model.change_depth:.2f} [{model.change_low:.2f}, {model.change_high:.2f}]"
    return f"the first layer, {place}," if model.change_depth == good["depth_a"].min() else place


def _equivalence(good: pd.DataFrame, margin: float) -> str:
    judged = good[good["equivalent"].notna()]
    if not len(judged):
        return ""
    shown = judged[judged["equivalent"].astype(bool)]
    where = f"within {margin:g} of the step between neighboring layers"
    if not len(shown):
        return f"Equivalence {where} is shown for no layer."
    if len(shown) == len(judged):
        return f"Equivalence {where} is shown for all of them."
    many = f"{len(shown)} of {len(judged)} layers"
    return f"Equivalence {where} is shown for {many}: {_layers(shown)}."


def _basis(comparison: Comparison) -> str:
    attrs = comparison.attrs
    kinds = sorted(set(attrs["paired"].values()))
    how = all_of(kinds)
    tested = (
        f"{attrs['family']} permutation tests are corrected together (Benjamini-Hochberg)"
        if attrs["family"]
        else "nothing was tested"
    )
    return (
        f"All this is about {attrs['target']}: {attrs['replicates']} {how} "
        f"draw{'' if attrs['replicates'] == 1 else 's'} of {points_text(attrs)}; {tested}."
    )


def _layers(rows: pd.DataFrame) -> str:
    return first_to_last([str(name) for name in rows["layer_a"]])
