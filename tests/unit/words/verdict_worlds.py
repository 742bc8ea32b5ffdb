"""Verdicts of validity checks, of studies and of claims of one's own: pure functions of numbers."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from toposcope.stats import Interval
from toposcope.store.preregistration import Preregistration
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.own_claim import claim_of
from toposcope.studies.own_claim_decision import Ahead
from toposcope.studies.own_claim_run import Frozen
from toposcope.studies.verdicts import Evidence, judge
from toposcope.words import own_claim, studies, validity
from toposcope.words.validity_rules import CLAIMS, NEEDED, RULES

from ..findings.test_validity_words import SENTENCES, D, M, Q, n, verdict  # noqa: TID252
from ..studies.test_own_claim import FALLS  # noqa: TID252


def validity_text(one):
    """All that is told of a verdict."""
    words = validity.told(one)
    return [words.claim, words.text, words.advice, words.rule, words.rows]


def validity_worlds():
    """Validity verdicts: their numbers, what to do, and the rule of the check."""
    name = "validity.told"
    for one, says in SENTENCES.values():
        other = next(v for v, words in SENTENCES.values() if words != says)
        yield name, says, lambda v=one: validity_text(v), lambda v=other: validity_text(v)
    for check in CLAIMS:
        mine = verdict(check, D.NOT_CHECKED, [])
        other = verdict(next(k for k in CLAIMS if k != check), D.NOT_CHECKED, [])
        if check == "outliers":  # its advice on one draw is that of sample size
            other = verdict("metric", D.NOT_CHECKED, [])
        for says in (CLAIMS[check], RULES[check], NEEDED[check]):
            if (check, says) != ("sample_size", NEEDED["outliers"]):
                yield name, says, lambda v=mine: validity_text(v), lambda v=other: validity_text(v)

    def told(check, decision, *numbers, **parts):
        return lambda: validity_text(verdict(check, decision, list(numbers), **parts))

    less = n(Q.SHIFT, M.BELOW_NOISE, 0.1, "lof")
    more = n(Q.SHIFT, M.ABOVE_NOISE, 9.0, "lof")
    beside = n(Q.SHIFT, M.ABOVE_NOISE, 9.0, "isolation forest 10 %")
    share = n(Q.OUTLIER_SHARE, M.NOTHING, 0.02, statistic="")
    moved = n(Q.DIAGRAM_SHIFT, M.ABOVE_NOISE, 4.0, "lof", statistic="wasserstein")
    fine = told("outliers", D.HOLDS, less, shown=1)
    for says, numbers in (
        ("with care, or remove outliers by one rule everywhere and say so.", (more,)),
        (
            "(LOF, distance to the centroid, isolation forest) moves 1 of 1 numbers beyond the "
            "noise; no decision hangs on that.",
            (less, beside),
        ),
        ("share flagged by LOF", (less, share)),
        ("H0 wasserstein, outliers against random points", (moved,)),
    ):
        yield name, says, told("outliers", D.FAILS, *numbers, refuted=1), fine

    rises = n(Q.TREND, M.RISES, condition="mean_distance")
    vague = n(Q.TREND, M.NO_TREND, condition="zscore")
    alike = n(Q.TREND, M.RISES, condition="zscore")
    both = told("normalization", D.HOLDS, rises, alike, shown=1)
    yield (
        name,
        "of these have it as clearly under each of mean_distance, zscore; none is shown to turn",
        both,
        told("normalization", D.FAILS, rises, replace(alike, meaning=M.FALLS)),
    )
    yield (
        name,
        "Of H0 lifespan sum (zscore) no direction is clear: more draws or layers would tell.",
        told("normalization", D.UNDECIDED, rises, vague),
        both,
    )

    clear = n(Q.CONTRAST, M.CLEAR, statistic="")
    enough = told("concentration", D.HOLDS, clear)
    yield (
        name,
        "least at b: the coefficient of variation of their distances is 0.5 [0.4, 0.6] (8 draws).",
        enough,
        told("concentration", D.HOLDS, replace(clear, layer="c")),
    )
    for says, number in (
        ("At b more draws are needed to tell.", replace(clear, meaning=M.UNDECIDED)),
        ("At b shape can drown in dimension", replace(clear, meaning=M.BETWEEN)),
        ("At b all points are about equally far", replace(clear, meaning=M.CONCENTRATED)),
    ):
        yield name, says, told("concentration", D.UNDECIDED, number), enough
    for says, quantity in (
        ("coefficient of variation, norms included", Q.RAW_CONTRAST),
        ("that of a Gaussian of the same covariance", Q.GAUSSIAN_CONTRAST),
        ("mean over nearest distance", Q.NEAREST),
    ):
        number = n(quantity, M.NOTHING, statistic="")
        yield name, says, told("concentration", D.HOLDS, clear, number), enough

    same = n(Q.DRIFT, M.STABLE)
    half = told("sample_size", D.HOLDS, same, shown=1)
    for says, decision, number in (
        ("More draws narrow the intervals", D.UNDECIDED, replace(same, meaning=M.UNDECIDED)),
        ("they still change with n.", D.FAILS, replace(same, meaning=M.NOT_STABLE)),
        ("H0 Wasserstein distance, n to 2 n over n to n", D.HOLDS, n(Q.UNEQUAL_N, M.NOTHING)),
        ("against its growth up to 32 points carried on", D.HOLDS, n(Q.PREDICTION, M.STABLE)),
        ("told apart alike at 32 points", D.HOLDS, replace(n(Q.ORDER, M.ORDER_KEPT), pairs=3)),
        ("Sums grow with n whatever the verdict", D.HOLDS, n(Q.GROWTH, M.STABLE)),
    ):
        yield name, says, told("sample_size", decision, number), half

    order = n(Q.REPEATS, M.REPEATED, condition="euclidean")
    agrees = n(Q.AGREEMENT, M.AGREES, condition="cosine")
    kept = told("metric", D.HOLDS, order, agrees)
    turned = replace(agrees, meaning=M.CONTRADICTS)
    yield (
        name,
        "Say which metric was used when you order layers by H0 lifespan sum (cosine).",
        told("metric", D.FAILS, order, turned),
        kept,
    )
    yield name, "H0 lifespan sum, from draw to draw", kept, half
    yield name, "By H0 lifespan sum the layers have an order that other draws repeat", kept, half


def judged(rule, low, high, p=0.001, alternatives=None, against=None):
    """A verdict of a rule on an interval."""
    own = Claim("T1", "a test", "It grows.", Unit.NETWORK, "slope", rule, "shuffled", ("H0",))
    ends = Interval((low + high) / 2, low, high, 0.95, 12, "network")
    others = {
        name: Evidence(Interval(x, x - 0.1, x + 0.1, 0.95, 12, "network"), 0.001)
        for name, x in (alternatives or {}).items()
    }
    return judge(own, Evidence(ends, p, against), others)


def study_worlds():
    """Verdicts of studies, the rules they follow, and what would decide."""
    name, rule = "studies.verdict_text", Rule(threshold=0.5, least=0.8)
    within = Rule(Direction.WITHIN, threshold=0.2)
    nothing = Interval(-0.3, -0.4, -0.2, 0.95, 12, "network")

    def told(*given, **more):
        return lambda: studies.verdict_text(judged(*given, **more))

    yes, no = told(rule, 0.6, 0.9), told(rule, 0.1, 0.4)
    for says, true, false in (
        ("the whole interval lies beyond 0.5, and the null does not do it", yes, no),
        ("the whole interval lies short of 0.8, the least that is claimed", no, yes),
        ("the interval holds both answers", told(rule, 0.4, 0.9), yes),
        ("beyond 0.5, but the null cannot be told apart", told(rule, 0.6, 0.9, 0.5), yes),
        ("the null does more", told(Rule(), 0.1, 0.5, 0.9, against=nothing), yes),
        (
            "the whole interval lies within 0.2 of 0, and the null does not",
            told(within, -0.1, 0.1),
            told(within, 0.3, 0.5),
        ),
        (
            "the whole interval lies outside the margin of 0.2",
            told(within, 0.3, 0.5),
            told(within, -0.1, 0.1),
        ),
        (
            "the same under every other choice: H0",
            told(rule, 0.6, 0.9, alternatives={"H0": 0.9}),
            told(rule, 0.6, 0.9, alternatives={"H0": 0.1}),
        ),
        (
            "refuted with H0",
            told(rule, 0.6, 0.9, alternatives={"H0": 0.1}),
            told(rule, 0.6, 0.9, alternatives={"H0": 0.9}),
        ),
        (
            "networks would decide it (power 0.8, if the effect is as measured)",
            told(Rule(), -0.2, 0.8),
            told(Rule(), -0.5, 0.5),
        ),
        (
            "no number of units would decide it: the effect lies on the threshold",
            told(Rule(), -0.5, 0.5),
            told(Rule(), -0.2, 0.8),
        ),
    ):
        yield name, says, true, false

    def ruled(rule):
        return lambda: studies.rule_text(
            Claim("T1", "a test", "It grows.", Unit.NETWORK, "slope", rule, "shuffled")
        )

    name, level = "studies.rule_text", "95 % for all claims of the study together"
    above, below = ruled(Rule(threshold=0.5)), ruled(Rule(Direction.BELOW, threshold=-0.5))
    for says, true, false in (
        (f"not do it; refuted when it lies below 0.5 ({level})", above, below),
        ("confirmed when the interval lies below −0.5 and the null does not do it", below, above),
        (f"does not; refuted when it lies outside ({level})", ruled(within), above),
        ("confirmed when the interval lies within -+0.2 and the null", ruled(within), above),
        (level, above, ruled(Rule(threshold=0.5, level=0.9))),
    ):
        yield name, says, true, false


def catalog_worlds():
    """The list of all claims, and claims that need more than was handed in."""
    row = {"id": "T1", "study": "s", "unit": "network", "last_verdict": "", "claim": "It grows."}
    row |= {"paper": "a test", "cpu_seconds": {"quick": 60.0, "full": None}}
    yield (
        "studies.catalog_text",
        "It grows. (a test) costs are of one CPU of a quiet machine. Run one: toposcope study NAME",
        lambda: studies.catalog_text([row]).split(),
        lambda: studies.catalog_text([row | {"claim": "It falls."}]).split(),
    )
    missing = SimpleNamespace(untested={"T1": "two networks"})
    none = SimpleNamespace(untested={})
    yield (
        "studies.untested_texts",
        "T1 not tested: it needs two networks.",
        lambda: studies.untested_texts(missing),
        lambda: studies.untested_texts(none),
    )


def frozen(ahead, others=(), **changes):
    """A claim of one's own that is frozen and not yet decided."""
    plan = Preregistration("claim", {}, (), {}, (), "", "0", "2026-01-01T00:00:00")
    return Frozen(claim_of(FALLS | changes), ahead, plan, Path("claims"), others)


def own_worlds():
    """What the units of an own claim could show, before a value is read."""
    name = "own_claim.ahead_text"

    def ahead(n=8, kind="mean", detectable=1.2, in_units=None, chance=None, **changes):
        ready = frozen(Ahead(n, kind, detectable, in_units, chance), **changes)
        return lambda: own_claim.ahead_text(ready)

    within = {"direction": "within", "margin": 0.5, "null": "margin"}
    mean, margin = ahead(), ahead(**within)
    related = {"kind": "correlation", "detectable": 0.7}
    for says, true, false in (
        ("the answer is about networks trained like these", mean, ahead(unit="draw")),
        ("whatever comes out is about this network only", ahead(unit="draw"), mean),
        (
            "is confirmed in 60 %",
            ahead(chance=0.6, expected=-1.0),
            ahead(chance=0.3, expected=-1.0),
        ),
        ("an effect of −1, as expected, is confirmed", ahead(chance=0.6, expected=-1.0), mean),
        ("a true effect of 0 is confirmed within 0.5", ahead(chance=0.6, **within), margin),
        ("for an effect below 0 by 1.2 standard deviations between networks", mean, margin),
        ("= 0.6, if that deviation is 0.5", ahead(in_units=0.6, spread=0.5), mean),
        ("(write spread = the deviation", mean, ahead(in_units=0.6, spread=0.5)),
        ("networks (write spread = the deviation you expect", mean, ahead(unit="draw")),
        ("where the true effect is 0", margin, mean),
        ("for a correlation of 0.7 or stronger", ahead(**related), mean),
        ("for a margin of 0.7, if it is 0", ahead(**related, **within), ahead(**related)),
    ):
        yield name, says, true, false
    name = "own_claim.freeze_text"
    alone = frozen(Ahead(8, "mean", 1.0, None, None))
    beside = frozen(Ahead(8, "mean", 1.0, None, None), ("D2", "D3"))
    yield (
        name,
        "before its values are read; the analyses exist already, so this shows only that the claim",
        lambda: own_claim.freeze_text(alone),
        lambda: own_claim.ahead_text(alone),
    )
    yield (
        name,
        "2 other claims about these networks are kept beside it (D2 and D3): its level is that of",
        lambda: own_claim.freeze_text(beside),
        lambda: own_claim.freeze_text(alone),
    )
