"""Changes over checkpoints and depth, and nulls beside them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

import toposcope as ts
from toposcope.findings import Place, Step, look
from toposcope.findings.trends import LayerTrend
from toposcope.stats import Beyond, Effect
from toposcope.words import (
    changes,
    nulls,
    trends,
)

from ..reporting.report_fixture import analysis as drawn  # noqa: TID252 - no installed package
from ..reporting.report_fixture import per_class  # noqa: TID252

NAN, INF = float("nan"), float("inf")


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
