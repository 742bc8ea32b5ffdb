"""Plans and whether they were followed; dimensions and their bias."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

import toposcope as ts
from toposcope.analysis.preregister import Deviation, Family, Followed, Preregistration
from toposcope.words import (
    dimensions,
    plans,
)

NAN, INF = float("nan"), float("inf")


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
