"""Tests over units, and the answer and methods of a report."""

from dataclasses import replace

import numpy as np

import toposcope as ts
from toposcope.findings import look
from toposcope.transfer.evaluation.paired_scores import ScoreComparison
from toposcope.transfer.evaluation.rank_agreement import Agreement
from toposcope.words import (
    analysis,
    inference,
)

from ..reporting.report_fixture import analysis as drawn  # noqa: TID252 - no installed package
from .plan_worlds import cube, followed

NAN, INF = float("nan"), float("inf")


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
