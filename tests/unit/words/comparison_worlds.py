"""Comparisons: one of each kind is made, and their tables are then set to what a world needs."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from benchmarks.calibration.comparison import compared
from toposcope.words import (
    calibration,
    comparison,
)
from toposcope.words import (
    compared as compared_words,
)

from .plan_worlds import followed

NAN, INF = float("nan"), float("inf")


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
    one = summed(ALIKE | {"adjusted_p": 1.0}, WHOLE)
    yield name, "is found to differ (adjusted p = 1); smaller", one, summed(ALIKE, WHOLE)
    yield name, "is found to differ (adjusted p ≥ 0.4); smaller", summed(ALIKE, WHOLE), one
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
