"""Rules and verdicts: pure functions of measured numbers."""

import json

import numpy as np
import pytest

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.stats import Interval
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.verdicts import (
    Decided,
    Evidence,
    Reason,
    Verdict,
    evidence_of_largest,
    evidence_of_mean,
    evidence_of_share,
    judge,
    units_needed,
)

RNG = np.random.default_rng(0)


def claim(rule, choices=()):
    return Claim("T1", "a test", "It grows.", Unit.NETWORK, "slope", rule, "shuffled", choices)


def decided(rule, low, high, p=0.001, against=None):
    interval = Interval((low + high) / 2, low, high, 0.95, 12, "network")
    found = judge(claim(rule), Evidence(interval, p, against))
    return found.decision.value, found.reason


@pytest.mark.parametrize("sign", [1, -1])
def test_the_rule_reads_the_interval_in_the_direction_of_the_claim(sign):
    side = Direction.ABOVE if sign > 0 else Direction.BELOW
    rule = Rule(side, threshold=sign * 0.5, least=sign * 0.8)

    def told(low, high, p=0.001):
        return decided(rule, *sorted((sign * low, sign * high)), p)

    assert told(0.6, 0.9) == ("confirmed", Reason.BEYOND)
    assert told(0.6, 0.7) == ("refuted", Reason.SHORT)  # sure, and too small
    assert told(0.1, 0.4) == ("refuted", Reason.SHORT)
    assert told(0.4, 0.9) == ("undecided", Reason.WIDE)
    assert told(0.6, 0.9, p=0.06) == ("undecided", Reason.NULL_CLOSE)
    assert told(0.6, 0.9, p=np.nan) == ("undecided", Reason.NULL_CLOSE)


def test_a_null_that_does_more_refutes():
    worse = Interval(-0.3, -0.4, -0.2, 0.95, 12, "network")
    assert decided(Rule(), 0.1, 0.5, 0.9, worse) == ("refuted", Reason.NULL_ALSO)
    better = Interval(0.3, 0.2, 0.4, 0.95, 12, "network")
    assert decided(Rule(), 0.1, 0.5, 0.001, better)[0] == "confirmed"


def test_equivalence_needs_the_margin_on_both_sides_and_a_null_outside():
    rule = Rule(Direction.WITHIN, threshold=0.2)
    assert decided(rule, -0.1, 0.1) == ("confirmed", Reason.WITHIN)
    assert decided(rule, -0.1, 0.1, p=0.5) == ("undecided", Reason.NULL_CLOSE)
    assert decided(rule, 0.1, 0.3) == ("undecided", Reason.WIDE)
    assert decided(rule, -0.5, -0.3) == ("refuted", Reason.OUTSIDE)
    units = evidence_of_mean(0.01 * RNG.normal(size=12), rule, null=1 + 0.1 * RNG.normal(size=12))
    assert judge(claim(rule), units).decision == "confirmed"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"threshold": 0.5, "least": 0.4}, "short of threshold"),
        ({"direction": Direction.BELOW, "threshold": 0.5, "least": 0.6}, "short of threshold"),
        ({"direction": Direction.WITHIN}, "above 0"),
        ({"direction": Direction.WITHIN, "threshold": 1.0, "least": 1.0}, "no least effect"),
        ({"fewest": 2}, "fewest"),
        ({"level": 1.5}, "level"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule, text):
    with pytest.raises(UsageError, match=text):
        Rule(**rule)


def test_too_few_units_say_how_many_are_needed():
    with pytest.raises(TooFewSamplesError, match="5 networks; the rule of this claim needs 8"):
        evidence_of_mean(np.ones(5), Rule(), null=np.zeros(5))


def test_more_claims_widen_intervals_and_raise_p():
    values = RNG.normal(1.0, 1.0, size=12)
    one, five = (evidence_of_mean(values, Rule(), null=np.zeros(12), comparisons=k) for k in (1, 5))
    assert five.interval.low < one.interval.low and five.interval.level == pytest.approx(0.99)
    assert five.p == pytest.approx(5 * one.p)


def test_a_share_has_wilsons_interval():
    found = evidence_of_share([True] * 12, Rule(threshold=0.5), null=[False] * 12)
    assert found.interval.value == 1.0 and 0.7 < found.interval.low < 0.8
    assert found.p == pytest.approx(1 / 2**12)


def test_the_largest_difference_counts_all_pairs_of_conditions():
    table = RNG.normal(size=(14, 4))
    assert judge(claim(Rule(threshold=0.25)), evidence_of_largest(table, Rule())).decision != (
        "confirmed"
    )
    table[:, 2] -= 3
    table[:, 0] += 3
    found = evidence_of_largest(table, Rule(threshold=0.25))
    assert found.interval.value > 4 and found.p < 0.01


def test_the_units_that_would_decide_do():
    rule = Rule()
    rng = np.random.default_rng(1)

    def evidence(n):
        values = rng.normal(0.3, 1.0, size=n)
        return evidence_of_mean(values, rule, null=np.zeros(n))

    # 88 = (1.96 + 0.84)^2 / 0.3^2: the sample's own effect and spread stand in for the true ones.
    exact = Evidence(Interval(0.3, 0.3 - 0.62, 0.3 + 0.62, 0.95, 10), 0.3)
    n = units_needed(rule, exact)
    assert 80 < n < 100
    said = [judge(claim(rule), evidence(n)).decision == Decided.CONFIRMED for _ in range(100)]
    assert np.mean(said) == pytest.approx(0.8, abs=0.12)


def test_an_effect_on_the_threshold_is_decided_by_no_number_of_units():
    assert units_needed(Rule(), Evidence(Interval(0.0, -1.0, 1.0, 0.95, 10), 0.5)) is None


def test_flips_are_the_choices_that_decide_otherwise():
    far = Evidence(Interval(1.0, 0.5, 1.5, 0.95, 12), 0.001)
    wide = Evidence(Interval(0.1, -0.5, 0.7, 0.95, 12), 0.3)
    other = Evidence(Interval(-1.0, -1.5, -0.5, 0.95, 12), 1.0)
    one = claim(Rule(), ("H0", "local", "geodesic"))
    found = judge(one, far, {"H0": far, "local": wide, "geodesic": other})
    assert found.flips == ("local", "geodesic") and found.turns == ("geodesic",)
    with pytest.raises(UsageError, match="none of the choices"):
        judge(one, far, {"cosine": far})
    plain = json.loads(json.dumps(found.as_dict()))
    assert Verdict.from_dict(plain, Claim.from_dict(json.loads(json.dumps(one.as_dict())))) == found
