"""Worlds in which a sentence is true, and worlds in which it would be false.

Every entry names a function of `toposcope.words`, some words of a sentence of it, a call where they
have to stand and one where they must not. `test_sentences.py` holds that no function and
no template is left out.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

import toposcope as ts
from benchmarks.calibration.comparison import compared
from toposcope.analysis.preregister import Deviation, Family, Followed, Preregistration
from toposcope.findings import Place, Step, look
from toposcope.findings.trends import LayerTrend
from toposcope.stats import Beyond, Effect
from toposcope.transfer.evaluation.paired_scores import ScoreComparison
from toposcope.transfer.evaluation.rank_agreement import Agreement
from toposcope.words import (
    analysis,
    calibration,
    changes,
    comparison,
    dimensions,
    inference,
    nulls,
    plans,
    trends,
)
from toposcope.words import (
    compared as compared_words,
)

from ..reporting.report_fixture import analysis as drawn  # noqa: TID252 - no installed package
from ..reporting.report_fixture import per_class  # noqa: TID252

NAN, INF = float("nan"), float("inf")


@dataclass(frozen=True)
class World:
    """Some words of a function, where they are true and where they would be false."""

    function: str
    says: str
    true: str
    false: str


def as_text(told):
    """Whatever a function of words returns, as one text."""
    if isinstance(told, str):
        return told
    if told is None:
        return ""
    if isinstance(told, dict):
        return " ".join(map(as_text, told.values()))
    if isinstance(told, (list, tuple)):
        return " ".join(map(as_text, told))
    return as_text(list(told))


# Comparisons: one of each kind is made, and their tables are then set to what a world needs.


@cache
def made(count=2, paired=True, layers=4):
    return compared(
        np.random.default_rng(0), np.zeros(layers), count=count, paired=paired, neighbors=True
    )


def compared_in(layers=None, models=None, attrs=None, *, count=2, size=4, measure="wasserstein"):
    """A comparison in which columns of its tables have these values."""
    base = made(count, layers=size)
    kept = [base.layers.query("measure == @measure"), base.models.query("measure == @measure")]
    if measure == "wasserstein":
        kept = [table[table["homology_dimension"] == 0] for table in kept]
    tables = [table.reset_index(drop=True).copy() for table in kept]
    for table, values in zip(tables, (layers, models), strict=True):
        for name, value in (values or {}).items():
            table[name] = pd.array(value) if isinstance(value, list) else value
    return replace(base, layers=tables[0], models=tables[1], attrs={**base.attrs, **(attrs or {})})


def summed(*args, **kwargs):
    """A world of `summarize_comparison`."""
    return lambda: comparison.summarize_comparison(compared_in(*args, **kwargs))


ALIKE = {"adjusted_p": 0.4, "detectable": 1.0, "smallest_p": 1 / 128}
FOUND = {"adjusted_p": 1 / 128, "smallest_p": 1 / 128}
ONE = ALIKE | {"adjusted_p": [1 / 128, 0.4, 0.4, 0.4]}
LAST = ALIKE | {"adjusted_p": [0.4, 0.4, 1 / 128, 1 / 128]}
WHOLE = {"adjusted_p": 0.4}
STEP = {"onset": "step", "change_depth": 0.75, "change_low": 0.75, "change_high": 0.75}
GAP = {"gap": 2.0, "gap_low": 1.0, "gap_high": 3.0, "share": 0.5}
EQUAL = {"equivalent": [True] * 4}
MARGIN = {"margin": 1.0, "margin_unit": "noise"}
CKA = {"measure": "cka"}
PLAN = {"after_results": False}


def classes_in(p=1.0):
    """A comparison inside two classes."""
    base = compared_in(ALIKE)
    labels = [base.layers.assign(label=label, adjusted_p=p) for label in ("cat", "dog")]
    cka = compared_in(**CKA).layers
    cka = [cka.assign(label=label, value=v) for label, v in (("cat", 0.3), ("dog", 0.9))]
    return replace(
        base,
        layers=pd.concat([base.layers, *labels, *cka]),
        attrs={**base.attrs, "classes": ["cat", "dog"]},
    )


def comparison_worlds():
    """Sentences of comparisons."""
    name = "comparison.summarize_comparison"
    yield name, "none of 4 layers is found to differ", summed(ALIKE, WHOLE), summed(ONE, WHOLE)
    yield name, "smaller differences may be there", summed(ALIKE, WHOLE), summed(FOUND, WHOLE)
    yield name, "1 of 4 layers differs", summed(ONE, WHOLE), summed(ALIKE, WHOLE)
    yield name, "2 of 4 layers differ", summed(LAST, WHOLE), summed(ONE, WHOLE)
    yield name, "all 4 layers differ (adjusted p ≤ 0.0079)", summed(FOUND), summed(ONE)
    whole = summed(ALIKE, {"adjusted_p": 0.01})
    yield name, "over all 4 layers together they differ", whole, summed(ALIKE, WHOLE)
    yield name, "and no single layer is found to", whole, summed(ONE, {"adjusted_p": 0.01})
    alone = summed(ALIKE, WHOLE, size=1)
    yield name, "l0 is not found to differ", alone, summed(FOUND, size=1)
    untested = summed({"adjusted_p": NAN}, WHOLE)
    yield name, "nothing was tested. ", untested, summed(ALIKE, WHOLE)
    weak = summed({"smallest_p": 0.0625, "adjusted_p": 0.0625, "n": 5}, WHOLE)
    yield (
        name,
        "cannot be found with 5 draws, which give no p-value below 0.062",
        weak,
        alone,
    )
    sure = {"adjusted_p": 0.01}
    known, unknown = summed(ONE, GAP | sure), summed(ALIKE, WHOLE | {"gap_high": NAN})
    above = "Their gap (root mean square over 4 layers) is 2 [1, 3]"
    near = summed(ALIKE, WHOLE | GAP | {"gap": -0.2, "gap_low": -1.0, "gap_high": -0.1})
    most = summed(ALIKE, WHOLE | GAP | {"gap_low": -1.0, "gap_high": 1.239})
    yield name, above, known, most
    # The test decides about 0, whatever the interval says of it.
    yield name, "is 2 (0, 3]", summed(ONE, GAP | sure | {"gap_low": -1.0}), known
    yield name, "is at most 3; ", summed(ALIKE, GAP | WHOLE), known
    yield name, "is at most 1.24; ", most, known
    yield name, "no farther apart than draws of one layer are; ", near, most
    yield name, "without an interval; draws of one layer are", unknown, known
    yield name, "0.5 times the step between neighboring layers", known, most
    yield name, "They differ from depth 0.75", summed(LAST, STEP), summed(LAST, WHOLE)
    yield name, "both layers from there on, and none is found to before", summed(LAST, STEP), known
    early = {**STEP, "change_depth": 0.5}
    three = ALIKE | {"adjusted_p": [0.4, 1 / 128, 1 / 128, 1 / 128]}
    yield name, "all 3 layers from there on", summed(three, early), summed(LAST, STEP)
    yield name, "the last layer", summed(ONE, STEP | {"change_depth": 1.0}), summed(LAST, STEP)
    mostly = summed(FOUND, STEP | {"onset": "most"})
    yield name, "Most of the squared gap lies from depth 0.75", mostly, summed(LAST, STEP)
    seen = summed(ALIKE, WHOLE)
    blind = summed(ALIKE | {"detectable": INF}, WHOLE)
    yield name, "a gap of 1 in one layer would have been found 8 times in 10", seen, blind
    yield name, "no gap of a single layer, however large, would have been found", blind, seen
    spread = summed(ALIKE | {"detectable": [0.1, 1.0, 1.0, 9.0]}, WHOLE)
    yield name, "a gap in one layer of 0.1 to 9, by layer,", spread, seen
    gone = summed(ALIKE | {"status": ["ok", "ok", "ok", "failed"], "reason": "broke"}, WHOLE)
    yield name, "l3 lacks a value or a test (broke)", gone, seen
    lost = summed(ALIKE, {"status": "undefined", "reason": "no layer"})
    yield name, "no value over all layers, since no layer", lost, seen
    similar, alike = summed({"adjusted_p": 1 / 256, "smallest_p": 1 / 256}, **CKA), summed(**CKA)
    other = summed({"adjusted_p": [1 / 256, 0.4, 0.4, 0.4], "smallest_p": 1 / 256}, **CKA)
    yield name, "Every layer is more alike than unrelated samples are", similar, other
    yield name, "may be as far apart as samples without relation are", other, similar
    yield name, "Least alike in these draws is", alike, summed(**CKA, size=1)
    yield name, "; unrelated samples give ", alike, summed({"noise": NAN}, **CKA)
    shown = summed(ALIKE | EQUAL, WHOLE, MARGIN | {"plan": PLAN})
    none = summed(ALIKE | {"equivalent": [False] * 4}, WHOLE, MARGIN)
    some = summed(ALIKE | {"equivalent": [True, False, False, False]}, WHOLE, MARGIN)
    yield name, "is shown for all 4 layers", shown, some
    yield name, "is shown for no layer", none, shown
    yield name, "is shown for 1 of 4 layers: l0", some, shown
    yield name, "1 of what draws of one layer of net0 are apart", shown, seen
    plain = summed(ALIKE | EQUAL, WHOLE, MARGIN | {"margin_unit": "absolute"})
    yield name, "Equivalence within a gap of 1 is shown", plain, shown
    ratio = summed(EQUAL, attrs=MARGIN, **CKA)
    yield name, "1 of the way from equal layers to unrelated samples", ratio, shown
    yield name, "Equivalence was not asked, since that needs a margin", seen, shown
    late = summed(ALIKE | EQUAL, WHOLE, MARGIN | {"plan": {"after_results": True}})
    yield name, "The margin was chosen after a result had been stored: it is no test", late, shown
    family = [{"name": "layers differ", "tests": 5, "correction": "Holm"}]
    one_family = summed(ALIKE, WHOLE, {"families": family})
    yield name, "the chance of any false finding in one family", one_family, seen
    yield name, "in each of 2 families is at most 0.05", seen, one_family
    bare = summed(ALIKE, WHOLE, {"families": []})
    yield name, "All this is about these networks over data", bare, lambda: ""
    yield name, "8 paired draws of 1 samples; nothing was tested.", bare, seen
    three_nets = {"gap": [1.0, 5.0, 9.0], "gap_low": [0.9, 4.0, 8.0], "gap_high": [1.1, 6.0, 10.0]}
    three_nets |= sure
    vague = three_nets | {"gap_high": [5.0, 6.0, 10.0]}
    apart, close = summed(ALIKE, three_nets, count=3), summed(ALIKE, vague, count=3)
    yield name, "the smallest gap is between net0 and net1 (1 [0.9, 1.1]), the largest", apart, seen
    yield name, "; intervals do not tell the smallest from the next.", close, apart
    nil = three_nets | WHOLE | {"gap_low": [-1.0, 4.0, 8.0], "gap_high": [-0.5, 6.0, 10.0]}
    yield name, "(that of draws of one layer, or less)", summed(ALIKE, nil, count=3), apart
    up = three_nets | WHOLE | {"gap_low": [-1.0, 4.0, 8.0]}
    yield name, "(at most 1.1)", summed(ALIKE, up, count=3), apart
    kept = {"preregistered": followed().as_dict()}
    planned = summed(ALIKE, WHOLE, kept)
    yield name, "The plan was followed (written 2026", planned, seen
    entry = {"calibration": [SHUFFLED]}
    yield name, "CKA against 99 shuffles", summed(ALIKE, WHOLE, entry), seen
    name = "comparison.class_sentences"
    told = comparison.class_sentences
    yield (
        name,
        "without a class is over all of them",
        lambda: told(classes_in()),
        lambda: told(compared_in()),
    )
    yield (
        name,
        "cat (4) and dog (4), with the number of layers",
        lambda: told(classes_in(0.01)),
        lambda: told(classes_in()),
    )
    yield (
        name,
        "layers of single classes differ",
        lambda: told(classes_in()),
        lambda: told(classes_in(NAN)),
    )
    yield (
        name,
        "class by class: nothing was tested.",
        lambda: told(classes_in(NAN)),
        lambda: told(classes_in()),
    )
    yield (
        name,
        "from 0.3 (cat) to 0.9 (dog), means over layers",
        lambda: told(classes_in()),
        lambda: told(compared_in()),
    )
    name = "compared.network_matrices"
    cells = compared_words.network_matrices
    yield (
        name,
        "as draws",
        lambda: cells(compared_in(models=nil, count=3)),
        lambda: cells(compared_in(models=three_nets, count=3)),
    )
    yield (
        name,
        "gap, root mean square over layers",
        lambda: cells(compared_in(models=three_nets, count=3)),
        lambda: cells(compared_in(count=3, **CKA)),
    )
    name = "compared.compared_text"
    said = {"points": 50, "replicates": 8, "networks": [{"name": "a", "analysis": "x"}]}
    inside = said | {"classes": ["cat"]}
    yield (
        name,
        "inside each class",
        lambda: compared_words.compared_text(inside),
        lambda: compared_words.compared_text(said),
    )


SHUFFLED = {
    "network_a": "r20",
    "network_b": "vgg",
    "measure": "cka",
    "layers_a": ["stem", "head"],
    "layers_b": ["fc"],
    "best_a": "head",
    "best_b": "fc",
    "best_effect": 0.61,
    "best_pvalue": 0.01,
    "adjusted": [[0.4], [0.01]],
    "shuffles": 99,
}


def calibration_worlds():
    """The best match of two networks."""
    name = "calibration.calibration_sentence"
    tell = calibration.calibration_sentence
    chance = SHUFFLED | {"best_pvalue": 0.4, "adjusted": [[0.4], [0.5]]}

    def found():
        return tell(SHUFFLED, "CKA", 0.05)

    def lucky():
        return tell(chance, "CKA", 0.05)

    yield name, "1 of 2 pairs of layers are related", found, lucky
    yield name, "none of 2 pairs of layers are related", lucky, found
    yield name, "0.61 of the way from the best match of unrelated networks", found, lucky
    yield name, "is what a search among unrelated networks finds too (p = 0.4)", lucky, found
    constant = SHUFFLED | {"reason": "head is constant"}
    yield (
        name,
        "nothing to shuffle, since head is constant",
        lambda: tell(constant, "CKA", 0.05),
        found,
    )
    yield name, "The best match is head of r20 and fc of vgg", found, lucky


def effect(change=-0.35, low=-0.4, high=-0.3, looked_at=24, **changed):
    """A change of a layer against the one before it."""
    where = Place(0, "net", "py:nets:net", "b", "a", **changed)
    return Effect(where, "lifespan_sum", 1, change, low, high, looked_at, 0.95, 8)


def change_worlds():
    """Changes over depth, training and inside classes."""
    name, tell = "changes.change_sentence", changes.change_sentence

    def sure():
        return tell([effect()])

    def unsure():
        return tell([effect(-0.1, -0.3, 0.1)])

    yield name, "the H1 lifespan sum falls by 35 %", sure, lambda: tell([effect(0.35, 0.3, 0.4)])
    yield name, "rises by 35 %", lambda: tell([effect(0.35, 0.3, 0.4)]), sure
    yield name, "grows 12-fold", lambda: tell([effect(11.0, 10.0, 13.0)]), sure
    yield name, "corrected for all of them", sure, unsure
    yield name, "No change is sure: the intervals of all 24 changes", unsure, sure
    one = [effect(-0.1, -0.3, 0.1, 1)]
    yield name, "the interval of the one comparison contains zero", lambda: tell(one), unsure
    yield name, "No change could be compared", lambda: tell([]), sure
    same = replace(effect(), nulls=(Beyond("gaussian", -0.3, -0.02, -0.09, 0.06, 8),))
    more = replace(effect(), nulls=(Beyond("gaussian", 0.0, -0.33, -0.4, -0.2, 8),))
    yield (
        name,
        "be told from the change of the gaussian null: what is kept",
        lambda: tell([same]),
        lambda: tell([more]),
    )
    name, tell = "changes.class_sentence", changes.class_sentence
    cat = effect(label="cat", classes=5)
    dull = effect(-0.1, -0.3, 0.1, label="cat", classes=5)
    yield (
        name,
        "class cat, H1 lifespan sum −35 %",
        lambda: changes.class_sentence([cat]),
        lambda: changes.class_sentence([dull]),
    )
    yield (
        name,
        "beside the mean change of all of them",
        lambda: changes.class_sentence([cat]),
        lambda: changes.class_sentence([dull]),
    )
    yield (
        name,
        "no class is sure to change otherwise",
        lambda: changes.class_sentence([dull]),
        lambda: changes.class_sentence([cat]),
    )
    many = [effect(label=str(k), classes=9) for k in range(7)]
    yield (
        name,
        "; and 2 more",
        lambda: changes.class_sentence(many),
        lambda: changes.class_sentence(many[:5]),
    )
    name = "changes.effect_text"
    yield (
        name,
        "net: b against a: H1 lifespan_sum -35 % [-40 %, -30 %]",
        lambda: changes.effect_text(effect()),
        lambda: changes.effect_text(effect(0.2, 0.1, 0.3)),
    )


def trend_of(**changed):
    """A curve over checkpoints, as it is told."""
    steps, values = [0, 1, 2], np.array([[0.0, 1.0, 2.0]] * 8) + 0.01 * np.arange(8)[:, None]
    found = ts.stats.trend(steps, values, unit=changed.pop("unit", "draw"))
    return replace(
        LayerTrend("net", "a", "lifespan_sum", 0, found, 0.001, 0.01, 6, (Step(0.0), Step(9.0))),
        **changed,
    )


def trend_worlds():
    """Curves over checkpoints."""
    name, tell = "trends.trend_sentence", trends.trend_sentence

    def one():
        return tell([trend_of()])

    def several():
        return tell([trend_of(unit="network")])

    yield (
        name,
        "1 go one way at every step, on other samples too",
        one,
        lambda: tell([trend_of(q=0.5)]),
    )
    yield name, "is no evidence about training", one, several
    yield name, "trends looked at (each statistic in each layer), 1 stand", several, one
    weak = replace(trend_of(unit="network", q=0.5))
    weak = replace(weak, trend=replace(weak.trend, n=4))
    yield name, "4 trainings give no p-value below 0.12: train more", lambda: tell([weak]), several


@cache
def nulls_drawn():
    return look([drawn(points=40)])


def against(null="gaussian", attrs=None, **columns):
    """The sentence about null models where their table says so."""
    found = nulls_drawn()
    table = found.nulls.assign(null=null, **columns)
    shown = replace(found.analyses[0], attrs={**found.analyses[0].attrs, **(attrs or {})})
    return nulls.null_sentence(replace(found, nulls=table, analyses=(shown,)))


def null_worlds():
    """How a statistic stands against null models."""
    name = "nulls.null_sentence"
    ok = {"status": "ok", "smallest_p": 1 / 35}

    def apart():
        return against(verdict="above", **ok)

    def together():
        return against(verdict="undecided", **ok)

    yield (
        name,
        "lies below at 0, above at 6 and is not told apart at 0 of 6 layers",
        apart,
        together,
    )
    yield name, "is not told apart at 6 of 6 layers", together, apart
    yield name, "4 draws give no p below 0.028", together, apart
    for null, words in nulls.WORDS.items():
        yield (
            name,
            f"Against {words}",
            lambda null=null: against(null),
            lambda null=null: against("shuffled" if null != "shuffled" else "gaussian"),
        )
    yield (
        name,
        "One twin has no spread, so the",
        lambda: against("random_init", status="one_twin"),
        apart,
    )
    yield (
        name,
        "One replicate has no spread, so the",
        lambda: against(status="one_replicate"),
        apart,
    )
    yield name, "twins, q at most 0.05 over", lambda: against("random_init", **ok), apart
    yield (
        name,
        "overlapping draws, corrected for overlap",
        lambda: against(attrs={"overlapping": True}, **ok),
        apart,
    )
    yield name, "% false among those named, over", apart, lambda: against("random_init", **ok)

    def bare(attrs=None):
        found = nulls_drawn()
        shown = replace(found.analyses[0], attrs={**found.analyses[0].attrs, **(attrs or {})})
        return nulls.null_sentence(replace(found, nulls=found.nulls[:0], analyses=(shown,)))

    yield name, "No null model was drawn, so nothing here tells shape", bare, apart
    yield (
        name,
        "No null was drawn (--null shuffled_voxels)",
        lambda: bare({"complex": "cubical"}),
        bare,
    )

    def two(copula):
        found = nulls_drawn()
        gaussian = found.nulls.assign(null="gaussian", verdict="above", **ok)
        both = pd.concat([gaussian, gaussian.assign(null="copula", verdict=copula)])
        return nulls.null_sentence(replace(found, nulls=both))

    yield (
        name,
        "At 6 of the 6 layers apart from the Gaussian it is not told apart",
        lambda: two("undecided"),
        lambda: two("above"),
    )

    def classed():
        return nulls.null_sentence(look([per_class()]))

    yield name, "clouds (layer by class)", classed, apart
    name = "nulls.drawn_nulls"
    yield (
        name,
        "Gaussian null",
        lambda: nulls.drawn_nulls(nulls_drawn().analyses),
        lambda: nulls.drawn_nulls([]),
    )


def followed(**changed):
    """How some work stands to a plan of it."""
    family = Family("layers differ", ("wasserstein H0",), 10, "step-down maximum", 0.95)
    plan = Preregistration(
        kind="comparison",
        parameters={"margin": changed.pop("margin", 1.0), "margin_unit": "noise"},
        families=(family,),
        networks={"r20": "ab", "r56": "cd"},
        earlier=changed.pop("earlier", ()),
        command="toposcope compare r20 r56",
        version="0.1.0",
        written=changed.pop("written", "2026-01-01T00:00:00+00:00"),
        note=changed.pop("note", ""),
    )
    base = Followed(plan, "2026-01-02T00:00:00+00:00", 0, ())
    return replace(base, **changed)


def plan_worlds():
    """Plans, and whether they were followed."""
    name, tell = "plans.plan_text", plans.plan_text

    def kept():
        return tell(followed())

    def changed(*names):
        return tell(followed(deviations=tuple(Deviation(n, 10, [12]) for n in names)))

    yield name, "followed (written 2026", kept, lambda: tell(None)
    yield name, "before any of these numbers existed", kept, lambda: tell(followed(before=1))
    yield name, "none was written before the results (--preregister FILE)", lambda: tell(None), kept
    yield name, "margin 12 where 10 was planned", lambda: changed("margin"), kept
    yield name, "other networks than planned: 12", lambda: changed("networks"), kept
    yield name, "other samples were drawn than planned", lambda: changed("draws"), kept
    yield (
        name,
        "tests that layers differ where up to 10 were planned",
        lambda: changed("tests: layers differ"),
        kept,
    )
    yield (
        name,
        "one task was done before the plan was taken up",
        lambda: tell(followed(before=1)),
        kept,
    )
    yield name, "3 tasks were done before", lambda: tell(followed(before=3)), kept
    yield (
        name,
        "the results were begun 2026-01-02T00:00:00+00:00, before the plan",
        lambda: tell(followed(written="2026-01-03T00:00:00+00:00")),
        kept,
    )
    yield (
        name,
        "when one analysis of its networks existed",
        lambda: tell(followed(earlier=("r20/1",))),
        kept,
    )
    name, tell = "plans.plan_lines", lambda **k: plans.plan_lines(followed(**k).plan)
    yield (
        name,
        "results that existed by then: no analysis of these RUNs",
        tell,
        lambda: tell(earlier=("r20/1",)),
    )
    yield name, "question: alike", lambda: tell(note="alike"), tell
    yield name, "none, so that no equivalence can be claimed", lambda: tell(margin=None), tell
    yield name, "margin: 1.0, in units of noise", tell, lambda: tell(margin=None)
    yield name, "follow it with: toposcope compare r20 r56", tell, lambda: ""
    yield name, "plan of a comparison, written", tell, lambda: ""
    name = "plans.family_text"
    for about, null in {**plans.NULLS, "null copula": "a statistic is that of the copula"}.items():
        other = "change" if about != "change" else "layers differ"
        yield (
            name,
            f"rejected is that {null}",
            lambda about=about: plans.family_text(
                Family(about, ("x",), 1, "benjamini_hochberg", 0.95)
            ),
            lambda other=other: plans.family_text(Family(other, ("x",), 2, "Holm", 0.9)),
        )
    name = "plans.comparison_plan"
    yield (
        name,
        "followed (written",
        lambda: plans.comparison_plan({"preregistered": followed().as_dict()}),
        lambda: plans.comparison_plan({}),
    )


@cache
def cube(points, metric="euclidean", d=8):
    acts = ts.from_arrays({"cube": np.random.default_rng(0).random((480, d))})
    return ts.analyze(
        acts, points=points, replicates=4, null="none", metric=metric, jobs=0,
        homology_dimensions=(0,),
    )  # fmt: skip


def dimension_worlds():
    """Dimensions and their bias."""
    name, tell = "dimensions.dimension_sentence", dimensions.dimension_sentence
    yield (
        name,
        "Dimensions are biased at this n (of 120 points, cubes of",
        lambda: tell(cube(120)),
        lambda: tell(cube(20)),
    )
    yield (
        name,
        "The bias of dimensions is undefined (no cube of 20 points was",
        lambda: tell(cube(20)),
        lambda: tell(cube(120)),
    )
    yield (
        name,
        "(no cube was measured in cosine distances)",
        lambda: tell(cube(120, "cosine")),
        lambda: tell(cube(120)),
    )
    yield name, "(as a cube of ", lambda: tell(cube(120)), lambda: tell(cube(20))
    flat = replace(cube(120), intervals=cube(120).intervals.assign(mean=NAN))
    yield name, "no layer has a PH-dimension", lambda: tell(flat), lambda: tell(cube(120))

    def half():
        frame = cube(120).intervals
        lost = frame.assign(layer="gone", mean=NAN)
        return tell(replace(cube(120), intervals=pd.concat([frame, lost])))

    yield name, ", none at 1 of 2 places", half, lambda: tell(cube(120))
    yield (
        "dimensions.bias_text",
        "read 4.5, 8.3 and 16.6 as PH-dimension",
        lambda: dimensions.bias_text({"points": 500}),
        lambda: dimensions.bias_text({"points": 5000}),
    )
    yield (
        "dimensions.bias_meanings",
        "; biased: of 500 points",
        lambda: dimensions.bias_meanings("two_nn", [{"points": 500}]),
        lambda: dimensions.bias_meanings("lifespan_sum", [{"points": 500}]),
    )
    yield (
        "dimensions.cube_text",
        "above 60",
        lambda: dimensions.cube_text(INF, 50.0, INF),
        (lambda: dimensions.cube_text(10.0, 9.0, 11.0)),
    )
    yield (
        "dimensions.cube_text",
        "below 1",
        lambda: dimensions.cube_text(0.0, 0.0, 1.2),
        (lambda: dimensions.cube_text(NAN, 1.0, 2.0)),
    )


RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(8, 5))


def inference_worlds():
    """Tests over units."""
    stats = ts.stats
    name, tell = "inference.interval_text", inference.interval_text
    several = stats.mean_interval(np.arange(8.0))
    one = stats.mean_interval(np.arange(1.0))
    yield name, "(95 %, 8 draws)", lambda: tell(several), lambda: tell(one)
    yield name, "1 draw, which has no spread", lambda: tell(one), lambda: tell(several)
    lost = replace(several, low=NAN, high=NAN)
    yield name, "8 draws, without an interval", lambda: tell(lost), lambda: tell(several)
    name, tell = "inference.permutation_text", inference.permutation_text
    few = stats.permutation_test(np.arange(3.0), np.arange(3.0) + 5)
    many = stats.permutation_test(np.arange(9.0), np.arange(9.0) + 5, n_resamples=99)
    pairs = stats.permutation_test(np.arange(9.0), np.arange(9.0) + NOISE[0, 0], paired=True)
    yield name, "; p is 0.1 at least with so few units", lambda: tell(few), lambda: tell(many)
    yield name, "9 pairs of draws", lambda: tell(pairs), lambda: tell(many)
    yield name, "99 random arrangements of 9 against 9 draws", lambda: tell(many), lambda: tell(few)
    name, tell = "inference.change_point_text", inference.change_point_text
    depth = np.linspace(0.2, 1, 5)
    step = stats.change_point(depth, NOISE + 9 * (depth >= 0.6))
    bump = stats.change_point(depth, 0.3 * NOISE + 9 * np.array([1, 0, 0, 1, 1]))
    none = stats.change_point(depth, NOISE)
    weak = stats.change_point(depth, NOISE[:4])
    yield (
        name,
        "differs from depth 0.60 [0.60, 0.60] on; 3 of the 3 layers from there on",
        (lambda: tell(step)),
        lambda: tell(bump),
    )
    yield name, "differs; the best step is at", lambda: tell(bump), lambda: tell(step)
    yield name, "differ on their own", lambda: tell(step), lambda: tell(none)
    yield (
        name,
        "no difference found at any depth; smaller ones may be there",
        (lambda: tell(none)),
        lambda: tell(step),
    )
    yield (
        name,
        "undecided: p is 0.12 at least with so few units",
        lambda: tell(weak),
        (lambda: tell(none)),
    )
    name, tell = "inference.trend_of_units_text", inference.trend_of_units_text
    rise = np.arange(5.0) + 0.01 * NOISE
    yield (
        name,
        "rising at every step",
        lambda: tell(stats.trend(range(5), rise)),
        lambda: tell(stats.trend(range(5), -rise)),
    )
    dip = rise + 5 * np.array([0, 0, -0.3, 0, 0])
    yield (
        name,
        "on the whole, against it at 1 of 4 steps",
        lambda: tell(stats.trend(range(5), dip)),
        lambda: tell(stats.trend(range(5), rise)),
    )
    yield (
        name,
        "no trend found; a weaker one may be there",
        lambda: tell(stats.trend(range(5), NOISE)),
        lambda: tell(stats.trend(range(5), rise)),
    )
    yield (
        name,
        "no evidence about training, whose repetitions",
        lambda: tell(stats.trend(range(5), rise)),
        lambda: tell(stats.trend(range(5), rise, unit="network")),
    )
    name, tell = "inference.equivalence_text", inference.equivalence_text
    near, far = 0.01 * NOISE[:, 0], 5 + 0.01 * NOISE[:, 0]
    worlds = {
        "equivalent": stats.tost(near - near.mean(), 1.0),
        "different": stats.tost(far, 1.0),
        "both": stats.tost(far, 9.0),
        "undecided": stats.tost(NOISE[:, 0], 0.1),
        "constant": stats.tost(np.ones(8), 2.0),
    }
    for verdict, found in worlds.items():
        other = worlds["different" if verdict != "different" else "both"]
        yield (
            name,
            inference.VERDICTS[verdict],
            lambda found=found: tell(found),
            (lambda other=other: tell(other)),
        )
    points = np.concatenate([NOISE, NOISE + 9])
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
    name, tell = "inference.permanova_text", inference.permanova_text
    sides, mixed = [0] * 8 + [1] * 8, [0, 1] * 8
    yield (
        name,
        f"groups hold {100 * stats.permanova(apart, sides).r2:.0f} %",
        lambda: tell(stats.permanova(apart, sides)),
        lambda: tell(stats.permanova(apart, mixed)),
    )
    yield (
        name,
        "% of the squared distances",
        lambda: tell(stats.permanova(apart, sides)),
        lambda: "",
    )
    name, tell = "inference.mantel_text", inference.mantel_text
    yield (
        name,
        "the two distance matrices correlate by 1.00",
        lambda: tell(stats.mantel(apart, apart)),
        lambda: tell(stats.mantel(apart, apart[::-1, ::-1])),
    )
    yield name, "the two distance matrices", lambda: tell(stats.mantel(apart, apart)), lambda: ""
    name, tell = "inference.agreement_text", inference.agreement_text
    good = Agreement("kendall", 0.9, 0.5, 1.0, 0.95, "models", 0.001, 9, 3)
    yield (
        name,
        "kendall +0.90 [+0.50, +1.00]",
        lambda: tell(good),
        lambda: tell(replace(good, low=NAN, high=NAN)),
    )
    name, tell = "inference.score_comparison_text", inference.score_comparison_text
    told = ScoreComparison("kendall", 0.9, 0.1, 0.8, 0.2, 1.0, 0.95, 0.01, "model", 9)
    yield name, "they can be told apart", lambda: tell(told), lambda: tell(replace(told, low=-0.1))
    yield (
        name,
        "they cannot be told apart",
        lambda: tell(replace(told, pvalue=0.2)),
        lambda: tell(told),
    )


def analysis_worlds():
    """The answer of a report, and its methods."""
    one = drawn(points=40)

    def changed(**attrs):
        return replace(one, attrs=one.attrs | attrs)

    name, tell = "analysis.trust_sentence", lambda *a: analysis.trust_sentence(a)
    yield (
        name,
        "4 disjoint draws of 40 points",
        lambda: tell(one),
        lambda: tell(changed(overlapping=True)),
    )
    two = (changed(points=40), changed(points=50))
    yield name, "whose number and size differ between runs", lambda: tell(*two), lambda: tell(one)
    yield (
        name,
        "of different numbers of points must not be compared",
        lambda: tell(*two),
        lambda: tell(one),
    )
    named = changed(class_names=["cat"])
    yield (
        name,
        "classes are pooled, so well separated classes are clusters",
        lambda: tell(named),
        lambda: tell(changed(class_names=[])),
    )
    yield (
        name,
        "volumes hold fewer voxels in deeper layers",
        lambda: tell(changed(complex="cubical")),
        lambda: tell(one),
    )
    yield (
        name,
        "1 task failed and left gaps",
        lambda: tell(drawn(points=40, failures=True)),
        (lambda: tell(one)),
    )
    yield name, "that speak about this network over data", lambda: tell(one), lambda: ""
    name, tell = "analysis.scale_text", analysis.scale_text
    ruled = cube(120)
    yield (
        name,
        "part of every interval of a length",
        lambda: tell(ruled),
        lambda: tell(replace(ruled, attrs=ruled.attrs | {"normalize": "none"})),
    )
    old = replace(ruled, table=ruled.table[ruled.table["statistic"] != "ruler_share"])
    yield name, "the scale counts as known", lambda: tell(old), lambda: tell(ruled)
    name = "analysis.answer"
    yield (
        name,
        "Dimensions are biased",
        lambda: analysis.answer(look([ruled])),
        lambda: analysis.answer(
            look([replace(ruled, intervals=ruled.intervals.query("statistic == 'n_pairs'"))])
        ),
    )
    name, tell = "analysis.methods", lambda a: dict(analysis.methods([a]))
    yield (
        name,
        "overlapping draws, variance corrected",
        lambda: tell(changed(overlapping=True)),
        lambda: tell(one),
    )
    yield name, "one cloud per class", lambda: tell(changed(per_class=True)), lambda: tell(one)
    yield (
        name,
        "one set of images per class",
        lambda: tell(changed(per_class=True, complex="cubical")),
        lambda: tell(one),
    )
    yield (
        name,
        "none was written before the results",
        lambda: tell(one),
        lambda: tell(changed(plan=followed())),
    )
    yield name, "coefficients in Z/", lambda: tell(one), lambda: ""
    yield (
        "analysis.top1_text",
        "50.0 % [40.4, 59.6]",
        lambda: analysis.top1_text(ts.stats.proportion_interval(0.5, 100)),
        lambda: analysis.top1_text(None),
    )
    yield (
        "analysis.meanings",
        "; biased: of 40 points",
        lambda: analysis.meanings(["two_nn"], [one.attrs]),
        lambda: analysis.meanings(["lifespan_sum"], [one.attrs]),
    )


@cache
def all_worlds():
    """Every entry with what is said in either world."""
    found = []
    for part in (
        comparison_worlds,
        calibration_worlds,
        change_worlds,
        trend_worlds,
        null_worlds,
        plan_worlds,
        dimension_worlds,
        inference_worlds,
        analysis_worlds,
    ):
        for function, says, true, false in part():
            found.append(World(function, says, as_text(true()), as_text(false())))
    return tuple(found)
