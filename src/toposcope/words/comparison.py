"""A comparison in sentences: what differs, by how much, from where on, what could be seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from toposcope.comparison.layer_pairs import DIAGRAM_MEASURES
from toposcope.words.calibration import calibration_sentence
from toposcope.words.designs import points_text
from toposcope.words.formats import all_of, lower, number, runs_of, upper, with_interval
from toposcope.words.plans import comparison_plan

if TYPE_CHECKING:
    import pandas as pd

    from toposcope.comparison.result import Comparison

NAMES = {
    "wasserstein": "Wasserstein distance",
    "bottleneck": "bottleneck distance",
    "sliced_wasserstein": "sliced Wasserstein distance",
    "landscape": "landscape distance",
    "betti_curve": "Betti-curve distance",
    "betti_numbers": "distance of Betti numbers",
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
    """Sentences: who is near whom, one per pair of networks and measure, and how sure they are.

    Several networks: who is nearest and how sure that is come first, pairs behind, see `lead`.
    """
    whole = comparison.of_class()
    pairs = [" ".join(_pair_sentences(whole, row)) for row in whole.models.itertuples()]
    classes = list(class_sentences(comparison))
    alpha = 1 - float(comparison.attrs["level"])
    shuffled = [
        calibration_sentence(entry, measure_name(entry["measure"], None), alpha)
        for entry in comparison.attrs.get("calibration", ())
    ]
    if len(comparison.networks) > 2:
        return [*_ranking(whole), _basis(comparison), *classes, *pairs, *shuffled]
    return [*pairs, *shuffled, *classes, _basis(comparison)]


def lead(comparison: Comparison) -> int:
    """How many sentences of the summary are its short form."""
    if len(comparison.networks) < 3:
        return len(summarize_comparison(comparison))
    return len(list(_ranking(comparison.of_class()))) + 1


def class_sentences(comparison: Comparison) -> Iterator[str]:
    """What was found inside single classes, one sentence per pair of networks and measure."""
    if not comparison.classes:
        return
    alpha = 1 - float(comparison.attrs["level"]) + 1e-12
    count = len(comparison.classes)
    yield (
        f"Draws were taken inside {count} classes: what is said without a class is over all of "
        "them (diagrams: root mean square; similarities: mean)."
    )
    inside = comparison.layers[comparison.layers["label"] != ""]
    by = ["network_a", "network_b", "measure", "homology_dimension"]
    for (a, b, measure, degree), rows in inside.groupby(by, dropna=False, sort=False):
        name = f"{a} and {b}, {measure_name(str(measure), degree)} class by class"
        if str(measure) not in DIAGRAM_MEASURES:
            means = rows.groupby("label", sort=False)["value"].mean().dropna()
            if len(means):
                low, high = means.idxmin(), means.idxmax()
                yield (
                    f"{name}: from {number(means[low])} ({low}) to {number(means[high])} ({high}), "
                    "means over layers."
                )
            continue
        tested = rows[rows["adjusted_p"].notna()]
        if not len(tested):
            yield f"{name}: nothing was tested."
            continue
        differ = tested[tested["adjusted_p"] <= alpha]
        found = [f"{label} ({len(part)})" for label, part in differ.groupby("label", sort=False)]
        where = f": {all_of(found)}, with the number of layers" if found else ""
        yield f"{name}: {len(differ)} of {len(tested)} layers of single classes differ{where}."


def _ranking(comparison: Comparison) -> Iterator[str]:
    """Smallest and largest gap between networks under each measure, and whether they stand out."""
    alpha = 1 - float(comparison.attrs["level"])
    for _, rows in comparison.models.groupby(
        ["measure", "homology_dimension"], dropna=False, sort=False
    ):
        rows = rows[rows["gap"].notna()]
        if len(rows) < 2:
            continue
        rows = rows.sort_values("gap", kind="stable")
        near, far = rows.iloc[0], rows.iloc[-1]
        name = measure_name(str(near["measure"]), near["homology_dimension"])
        text = (
            f"By {name}, the smallest gap is between {near['network_a']} and {near['network_b']} "
            f"({_gap(near, alpha)}), the largest between {far['network_a']} and {far['network_b']} "
            f"({_gap(far, alpha)})"
        )
        apart = float(near["gap_high"]) < float(rows["gap_low"].iloc[1:].min())
        yield text + ("." if apart else "; intervals do not tell the smallest from the next.")


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
        yield f"{who}: {' '.join(_differences(good, comparison, model))}"
    else:
        yield f"{who}: {' '.join(_similarities(good, comparison))}"
    equal = _equivalence(good, comparison.attrs)
    if equal:
        yield equal
    bad = rows[rows["status"] != "ok"]
    if len(bad):
        yield (
            f"{_layers(bad, rows)} {'lacks' if len(bad) == 1 else 'lack'} a value or a test "
            f"({'; '.join(dict.fromkeys(bad['reason']))[:200]})."
        )


def _differences(good: pd.DataFrame, comparison: Comparison, model: Any) -> Iterator[str]:
    """What was found, how large it is, from where on, and what could have been found."""
    alpha = 1 - float(comparison.attrs["level"])
    if not good["adjusted_p"].notna().any():
        yield f"nothing was tested. {_size(good, model, alpha)}"
        return
    draws, smallest = int(good["n"].min()), float(good["smallest_p"].max())
    if smallest > alpha + 1e-12:
        yield (
            f"whether layers differ cannot be found with {draws} draws, which give no p-value "
            f"below {lower(smallest, 2)}; more draws can (replicates, --replicates). "
            f"{_size(good, model, alpha)}"
        )
        return
    differ = good[good["adjusted_p"] <= alpha + 1e-12]
    alike = good[~(good["adjusted_p"] <= alpha + 1e-12)]
    found = _found(good, differ, float(model.adjusted_p), alpha)
    yield f"{found}. {_size(good, model, alpha)}"
    onset = _onset(good, differ, model)
    if onset:
        yield onset
    if len(alike):
        seen = _could_be_seen(alike, draws)
        if seen:
            yield seen


def _found(good: pd.DataFrame, differ: pd.DataFrame, whole: float, alpha: float) -> str:
    """Which layers were found to differ, or whether the networks were."""
    many = len(good)
    if len(differ) == many > 1:
        return f"all {many} layers differ (adjusted p ≤ {upper(differ['adjusted_p'].max(), 2)})"
    if len(differ):
        p = upper(differ["adjusted_p"].max(), 2)
        verb = "differs" if len(differ) == 1 else "differ"
        return f"{len(differ)} of {many} layers {verb} (adjusted p ≤ {p}): {_layers(differ, good)}"
    if whole <= alpha + 1e-12:
        return (
            f"over all {many} layers together they differ (adjusted p = {number(whole, 2)}), and "
            "no single layer is found to"
        )
    least = lower(float(good["adjusted_p"].min()), 2)
    which = f"none of {many} layers is" if many > 1 else f"{good['layer_a'].iloc[0]} is not"
    at = f"= {least}" if least == "1" else f"≥ {least}"  # a p-value is never above 1
    return f"{which} found to differ (adjusted p {at}); smaller differences may be there"


def found_apart(row: Mapping[str, Any], alpha: float) -> bool | None:
    """Whether a row's test finds a gap; None where it was not made, or asks another question.

    Intervals of a gap agree with it: a gap above 0 stands beside such a finding alone.

    >>> row = {"measure": "wasserstein", "adjusted_p": 0.03}
    >>> found_apart(row, 0.05), found_apart(row, 0.01), found_apart(row | {"measure": "cka"}, 0.05)
    (True, False, None)
    """
    p = float(row["adjusted_p"])
    if str(row["measure"]) not in DIAGRAM_MEASURES or math.isnan(p):
        return None
    return p <= alpha + 1e-12


def surely_apart(row: Mapping[str, Any], alpha: float) -> bool:
    """Whether a gap is told as a number, rather than as what it is at most.

    The test decides where there is one, elsewhere the interval.

    >>> row = {"measure": "wasserstein", "adjusted_p": 0.8, "gap": 0.07, "gap_low": 0.002}
    >>> surely_apart(row, 0.05), surely_apart(row | {"adjusted_p": 0.01}, 0.05)
    (False, True)
    """
    differs = found_apart(row, alpha)
    return float(row["gap"]) > 0 if differs else differs is None and float(row["gap_low"]) > 0


def _size(good: pd.DataFrame, model: Any, alpha: float) -> str:
    """How far apart the networks are over all layers."""
    over = f"root mean square over {len(good)} layers" if len(good) > 1 else "noise taken out"
    differs = found_apart(model._asdict(), alpha)
    noise = f"draws of one layer are {number(good['noise'].mean())} apart"
    if not math.isfinite(model.gap_high):
        known = math.isfinite(model.gap)
        return f"Their gap is {number(model.gap)}, without an interval; {noise}." if known else ""
    if model.gap_high <= 0:
        return f"The layers of the two are no farther apart than draws of one layer are; {noise}."
    if surely_apart(model._asdict(), alpha):
        shown = with_interval(model.gap, model.gap_low, model.gap_high, differs=differs)
        text = f"Their gap ({over}) is {shown}"
        if math.isfinite(model.share):
            text += f", {model.share:.2g} times the step between neighboring layers"
        return f"{text}; {noise}."
    return f"Their gap ({over}) is at most {upper(model.gap_high)}; {noise}."


def _onset(good: pd.DataFrame, differ: pd.DataFrame, model: Any) -> str:
    """From which depth on, where the layers bear it out one by one."""
    if model.onset == "none":
        return ""
    place = f"depth {model.change_depth:.2f} [{model.change_low:.2f}, {model.change_high:.2f}]"
    after = int((good["depth_a"] >= model.change_depth).sum())
    before = int((differ["depth_a"] < model.change_depth).sum())
    those = {1: "the last layer", 2: "both layers from there on"}.get(
        after, f"all {after} layers from there on"
    )
    if model.onset == "step":
        return f"They differ from {place} on: {those}, and none is found to before it."
    verb = "differs" if after == 1 else "differ"
    return f"Most of the squared gap lies from {place} on: {those} {verb}, and {before} before it."


def _could_be_seen(alike: pd.DataFrame, draws: int) -> str:
    """What was not found would have been found, had it been so large."""
    gaps = alike["detectable"]
    gaps = gaps[gaps.notna()]
    if not len(gaps):
        return ""
    if not gaps.map(math.isfinite).all():
        return f"With {draws} draws no gap of a single layer, however large, would have been found."
    least, most = float(gaps.min()), float(gaps.max())
    # Estimated from so few draws, equal gaps spread by a factor of about three over many layers.
    if most <= 4 * least or least <= 0:
        size = f"a gap of {number(float(gaps.median()), 2)} in one layer"
    else:
        size = f"a gap in one layer of {number(least, 2)} to {number(most, 2)}, by layer,"
    return f"With {draws} draws {size} would have been found 8 times in 10."


def _similarities(good: pd.DataFrame, comparison: Comparison) -> Iterator[str]:
    model = _mean_row(good, comparison)
    text = f"mean {model} over {len(good)} layers"
    if good["noise"].notna().any():
        text += f"; unrelated samples give {number(good['noise'].mean(), 2)}"
    if good["effect"].notna().any() and len(good) > 1:
        lowest = good.loc[good["effect"].idxmin()]
        value = with_interval(lowest["value"], lowest["low"], lowest["high"])
        text += f". Least alike in these draws is {lowest['layer_a']} ({value})"
    yield f"{text}."
    alpha = 1 - float(comparison.attrs["level"])
    tested = good[good["adjusted_p"].notna()]
    unrelated = tested[tested["adjusted_p"] > alpha + 1e-12]
    if len(tested) and float(tested["smallest_p"].max()) <= alpha + 1e-12:
        if len(unrelated):
            which = f"All {len(tested)} layers" if len(unrelated) == len(tested) > 1 else ""
            which = which or _layers(unrelated, tested)
            yield f"{which} may be as far apart as samples without relation are."
        else:
            p = upper(float(tested["adjusted_p"].max()), 2)
            yield f"Every layer is more alike than unrelated samples are (adjusted p ≤ {p})."


def _mean_row(good: pd.DataFrame, comparison: Comparison) -> str:
    first = good.iloc[0]
    models = comparison.models
    row = models[
        (models["network_a"] == first["network_a"])
        & (models["network_b"] == first["network_b"])
        & (models["measure"] == first["measure"])
    ].iloc[0]
    return with_interval(row["value"], row["low"], row["high"])


def _gap(model: Any, alpha: float) -> str:
    """A gap over all layers in brackets."""
    differs = found_apart(model, alpha)
    if not math.isfinite(model.gap_high) or surely_apart(model, alpha):
        return with_interval(model.gap, model.gap_low, model.gap_high, differs=differs)
    if model.gap_high > 0:
        return f"at most {upper(model.gap_high)}"
    return "that of draws of one layer, or less"


def _equivalence(good: pd.DataFrame, attrs: Mapping[str, Any]) -> str:
    """What is shown to be equivalent within the margin, where one was fixed."""
    judged = good[good["equivalent"].notna()]
    if not len(judged):
        return ""
    shown = judged[judged["equivalent"].astype(bool)]
    where = f"Equivalence within {_margin(judged.iloc[0], attrs)}"
    if not len(shown):
        return f"{where} is shown for no layer."
    if len(shown) == len(judged):
        return f"{where} is shown for all {len(judged)} layers."
    return f"{where} is shown for {len(shown)} of {len(judged)} layers: {_layers(shown, judged)}."


def _margin(row: Any, attrs: Mapping[str, Any]) -> str:
    """A margin in its unit."""
    given = attrs["margin"]
    value = float(given[row["measure"]] if isinstance(given, Mapping) else given)
    if attrs["margin_unit"] == "absolute":
        return f"a gap of {value:g}"
    if row["measure"] in DIAGRAM_MEASURES:
        return f"{value:g} of what draws of one layer of {row['network_a']} are apart"
    return f"{value:g} of the way from equal layers to unrelated samples"


def _basis(comparison: Comparison) -> str:
    """What all sentences are about, how the tests were corrected, and what was not asked."""
    attrs = comparison.attrs
    how = all_of(sorted(set(attrs["paired"].values())))
    text = (
        f"All this is about {attrs['target']}: {attrs['replicates']} {how} "
        f"draw{'' if attrs['replicates'] == 1 else 's'} of {points_text(attrs)}; "
    )
    share = number(1 - float(attrs["level"]), 2)
    told = [
        f"{one['tests']} test{'s' * (one['tests'] != 1)} that {one['name']} ({one['correction']})"
        for one in attrs["families"]
    ]
    if told:
        many = "one family" if len(told) == 1 else f"each of {len(told)} families"
        text += f"the chance of any false finding in {many} is at most {share}: {all_of(told)}."
    else:
        text += "nothing was tested."
    if attrs.get("preregistered"):
        text += f" The plan was {comparison_plan(attrs)}."
    if attrs["margin"] is None:
        return f"{text} Equivalence was not asked, since that needs a margin (margin, --margin)."
    plan = attrs.get("plan")
    if plan and plan["after_results"]:
        return f"{text} The margin was chosen after a result had been stored: it is no test."
    return text


def _layers(rows: pd.DataFrame, of: pd.DataFrame) -> str:
    return runs_of([str(name) for name in rows["layer_a"]], [str(name) for name in of["layer_a"]])
