"""What pages say of populations, landmarks, boards and all papers together; their first lines."""

from dataclasses import replace
from functools import cache

import toposcope as ts
from toposcope.analysis.covering import LayerCover
from toposcope.findings import look, look_at_population
from toposcope.stats import Beyond
from toposcope.stats.turns import Course
from toposcope.studies.across_statistics import Across
from toposcope.words import across, covering, headline, judgement, population, ranking, verdicts
from toposcope.words.across import CHOICES
from toposcope.words.plain import PLAIN

from ..comparison.test_groups import world  # noqa: TID252
from ..findings.test_population_findings import some  # noqa: TID252
from ..reporting.report_fixture import analysis as drawn  # noqa: TID252
from .change_worlds import effect
from .comparison_worlds import ALIKE, CKA, WHOLE, compared_in
from .test_ranking_words import CEILING, board, contest, near


@cache
def base():
    """Findings of one analysis, whose changes are then set to what a world needs."""
    return look([drawn()])


def first(*changes, course=None):
    """A world of `headline`."""
    own = [replace(one, where=replace(one.where, analysis=0)) for one in changes]
    found = replace(base(), changes=tuple(own), course=course)

    def told():
        top = headline.headline(found, "images")
        return [top.sentence, f"{top.mark}.", top.why]

    return told


def headline_worlds():
    """The first line of a report and its mark."""
    name = "headline.headline"
    sure, dull = effect(), effect(-0.1, -0.3, 0.1)
    kept = replace(sure, nulls=(Beyond("gaussian", -0.3, -0.02, -0.09, 0.06, 8),))
    more = replace(sure, nulls=(Beyond("gaussian", 0.0, -0.33, -0.4, -0.2, 8),))
    for says, true, false in (
        ("One layer measured once has nothing to be compared with", first(), first(sure)),
        ("A change needs two layers or checkpoints", first(), first(sure)),
        ("nothing that was measured surely changes from layer to layer", first(dull), first(sure)),
        ("24 changes were looked at; all intervals hold together with 95 %", first(sure), first()),
        ("and those of what lies beyond the nulls, hold together with", first(kept), first(sure)),
        ("; none of them excludes zero.", first(dull), first(sure)),
        ("; comparable random clouds may do the same", first(kept), first(more)),
        ("more than comparable random clouds do", first(more), first(kept)),
    ):
        yield name, says, true, false
    layers = base().analyses[0].layers
    inner = replace(sure, where=replace(sure.where, analysis=0, layer=layers[2], against=layers[1]))
    whole = replace(inner, where=replace(inner.where, layer=layers[-1], against=layers[0]))
    falls = Course((0, len(layers) - 1), False, len(layers), 0.95)
    yield name, "; most clearly from", first(inner, course=falls), first(whole, course=falls)
    for (statistic, degree), plain in PLAIN.items():
        one = replace(sure, statistic=statistic, homology_dimension=degree)
        up = replace(one, change=0.5, low=0.4, high=0.6)
        subject = plain.subject.format(points="images")
        yield name, f"{subject} {plain.shrink} from a to b", first(one), first(up)
        yield name, f"{subject} {plain.grow} from a to b", first(up), first(one)


@cache
def groups(shift=0.0, design="two", seed=0, **how):
    """A comparison of groups of networks."""
    return ts.compare(world(design, seed, shift=shift, **how), by="group", n_resamples=199)


def group_worlds():
    """Groups of networks."""
    name, tell = "population.group_sentences", population.group_sentences
    apart = groups((0.0, 0.0, 9.0), sds=(0.0, 0.5, 0.5))
    alike = groups(seed=3)

    def changed(layers=None, models=None, pairs=None):
        made = {"layers": layers, "models": models, "pairs": pairs}
        tables = {
            key: getattr(alike, key).assign(**values) for key, values in made.items() if values
        }
        return lambda: tell(replace(alike, **tables))

    everywhere = changed({"adjusted_p": 0.4}, {"adjusted_p": 0.01})
    few = changed({"smallest_p": 0.2})
    endless = changed({"adjusted_p": 0.4, "detectable": float("inf")}, {"adjusted_p": 0.4})
    found = changed({"adjusted_p": 0.4, "detectable": 2.0, "spread": 1.0}, {"adjusted_p": 0.4})
    unsized = changed({"adjusted_p": 0.01, "low": -0.1, "high": 9.0, "value": 4.0})
    lost = changed(None, {"measured": 2})
    for says, true, false in (
        ("differs between g0 and g1 (group) in 1 of 3 layers", lambda: tell(apart), few),
        ("over all layers together (adjusted p = 0.01); in which layer is not", everywhere, few),
        ("undecidable.", few, everywhere),
        ("cannot give a p-value below 0.2;", few, everywhere),
        ("; that it is above 0 the exact test shows, how far these units do not", unsized, found),
        ("since networks lack values: H0 lifespan sum (1 of 3)", lost, few),
        ("; smaller ones may be there: a difference of", found, endless),
        ("; so few units would have missed any, however large", endless, found),
        (
            "Intervals include 0 exactly where nothing is found; they are made to hold together "
            "with 95 %, and did with 92 % or more where few units were simulated.",
            lambda: tell(alike),
            lambda: population.population_sentences(of_networks()),
        ),
    ):
        yield name, says, true, false


@cache
def untold():
    """Four networks whose configurations nobody told."""
    return some(1, 4, told=False)


def of(one):
    """What stands out in a population."""
    return look_at_population(one)


@cache
def of_networks(g=1, s=6, **how):
    return look_at_population(some(g, s, **how))


UNITS = {"n_a": 4, "n_b": 4, "networks": 8, "configurations": 0, "blocks": 0, "unit": "network"}


def unit_worlds():
    """Units of groups, and what they speak about."""

    def units(**changed):
        return lambda: population.unit_text(UNITS | changed)

    def targets(**changed):
        return lambda: population.target_text(UNITS | changed)

    name, nested = "population.unit_text", units(configurations=2)
    inside = units(configurations=2, blocks=2)
    yield name, "8 networks, each taken as a configuration of its own", units(), nested
    yield name, "the 2 of 2 configurations that hold both groups", inside, nested
    yield name, "the means of 8 networks", units(configurations=7, unit="configuration"), nested
    name, again = "population.target_text", targets(configurations=2)
    yield name, "training networks like these", targets(), again
    yield name, "training these configurations again", again, targets()
    few = groups(design="crossed")

    def undecidable(blocks):
        pairs = few.pairs.assign(blocks=blocks)
        one = replace(few, layers=few.layers.assign(smallest_p=0.2), pairs=pairs)
        return lambda: population.group_sentences(one)

    name, says = "population.group_sentences", "configurations that hold both"
    yield name, f"networks in 4 {says} cannot give", undecidable(4), undecidable(0)
    yield name, f"{says} are needed", undecidable(4), undecidable(0)

    def networks(told):
        one = some(1, 4) if told else untold()
        return lambda: [population.networks_text(one), population.unit_sentence(of(one))]

    name, alone = "population.networks_text", "4 networks, each taken as a configuration of its own"
    yield name, alone, networks(False), networks(True)
    yield name, "The answer is about training networks like these", networks(False), networks(True)


def population_worlds():
    """Change, spread and unit of one population."""
    name, tell = "population.population_sentences", population.population_sentences
    one, many = of_networks(slope=5.0), of_networks(6, 2, slope=5.0)
    noisy = of_networks(seed=1, sds=(0.0, 0.01, 3.0))
    plain = of_networks(sds=(0.0, 1.0, 0.3))
    for says, true, false in (
        ("of them are sure (rising: H0 lifespan sum)", one, replace(one, changes=())),
        ("No change over depth could be compared: needed are", replace(one, changes=()), one),
        ("between networks of one configuration", many, one),
        ("over draws of all networks:", one, replace(one, components={})),
        ("correlations with these are bounded by that noise.", noisy, plain),
        ("Unit: configuration (6 of them, the means of 12 networks). The answer is", many, one),
        ("networks). The answer is about", many, one),
        ("The answer is about training this configuration again", one, many),
    ):
        yield name, says, lambda found=true: tell(found), lambda found=false: tell(found)


def rest_worlds():
    """Landmarks, boards, judgements, similarities, and all papers together."""
    cover = LayerCover("fc", 100, (0, 7), 0.5, 4.0, {})
    none = LayerCover("fc", 9, (), None, None, {0: None}, "nonfinite")
    yield (
        "covering.cover_sentence",
        "Every sample is within 0.5 of one (0.125 of their mean distance), so the diagram of all "
        "samples is within 1 of theirs (bottleneck distance).",
        lambda: covering.cover_sentence(cover, "random"),
        lambda: covering.cover_sentence(none, "random"),
    )

    table = board({"knn": near(9, 5, 1)})
    design = {
        "target": "pets",
        "points": 50,
        "images": 9,
        "threshold": 0.5,
        "level": 0.9,
        "seed": 0,
    }

    def terms(**changed):
        made = table.copy()
        made.attrs = table.attrs | design | changed
        return lambda: ranking.ranking_design(made)

    name = "ranking.ranking_design"
    yield name, "9 over all draws, threshold 0.5", terms(), terms(images=4)
    yield name, "Student t over draws, 90 %", terms(), terms(level=0.95)
    yield (
        "ranking.ranking_answer",
        "Scores estimate how well frozen features fit; only fine-tuning shows what fine-tuning",
        lambda: ranking.ranking_answer(table),
        lambda: ranking.choice_text(table),
    )

    free = board({"knn": near(9, 5, 1), "parameters": near(3, 2, 1)})
    knows = "A score that knows the target should do better."
    name = "ranking.ranking_answer"
    answer = lambda one: lambda: ranking.ranking_answer(one)  # noqa: E731 - two worlds of one call
    yield name, knows, answer(free), answer(table)
    yield (
        "ranking.reading",
        "for all pairs of a score together); = equal; ranks a-b: those that ties leave; intervals",
        lambda: ranking.reading(table),
        lambda: ranking.choice_text(table),
    )
    yield (
        "judgement.ceiling_sentences",
        "range of 95 % of the truths that the fine-tunes leave open.",
        lambda: judgement.ceiling_sentences([CEILING], 0.95),
        lambda: judgement.ceiling_sentences([CEILING | {"reason": "equal."}], 0.95),
    )
    more = contest("r", difference=0.1, qvalue=0.5)
    for says, mine, other in (
        (". The largest difference is that of s", [contest()], [contest(qvalue=0.5)]),
        ("p is never below 0.06", [contest(n=5)], [contest()]),
        (
            "None of 2 scores can be told from parameters; the largest difference is that of s",
            [contest(qvalue=0.5), more],
            [contest(), more],
        ),
    ):
        yield (
            "judgement.contest_sentence",
            says,
            lambda made=mine: judgement.contest_sentence("parameters", made),
            lambda made=other: judgement.contest_sentence("parameters", made),
        )
    part = {"accuracy": "top1", "protocol": {}, "kind": "targets", "holes": 1}
    part |= {"targets": ["x", "y"], "models": ["a", "b"]}
    yield (
        "judgement.part_title",
        "(1 of 4 not measured, each target judged on those that are)",
        lambda: judgement.part_title(part),
        lambda: judgement.part_title(part | {"holes": 0}),
    )

    similar = compared_in(CKA | ALIKE, measure="cka")
    yield (
        "verdicts.comparison_answer",
        "Sample by sample, over all layers: CKA",
        lambda: verdicts.comparison_answer(similar),
        lambda: verdicts.comparison_answer(compared_in(ALIKE)),
    )

    weak = compared_in({"smallest_p": 0.0625, "adjusted_p": 0.0625, "n": 5}, WHOLE)
    yield (
        "verdicts.comparison_answer",
        "Whether the shapes of net0 and net1 differ was not tested, or cannot be with so few draws",
        lambda: verdicts.comparison_answer(weak),
        lambda: verdicts.comparison_answer(compared_in(ALIKE, WHOLE)),
    )

    thing = (0.1, 0.0, 0.2)
    shares = dict.fromkeys((*CHOICES, "interplay"), thing) | {"filter": (0.4, 0.3, 0.5)}
    both = (0.8, 0.7, 0.9), (0.2, 0.1, 0.3)
    told = Across(18, 3, 0.5, 0.3, 0.2, shares, *both, 10, (0.6, 0.4, 0.8), ("filter",), 1120)
    name, tell = "across.headline", across.headline
    for choice, words in CHOICES.items():
        mine = replace(told, largest=(choice,))
        other = replace(told, largest=tuple(one for one in CHOICES if one != choice)[:1])
        yield (
            name,
            f"of single choices, most is decided by {words}",
            lambda found=mine: tell(found),
            lambda found=other: tell(found),
        )
