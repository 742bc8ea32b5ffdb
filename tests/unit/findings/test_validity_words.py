"""Verdicts follow from numbers alone: no wording can change one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import toposcope as ts
from toposcope.findings.validity.deciding import rank_estimate
from toposcope.findings.validity.judge import validity_verdicts
from toposcope.findings.validity.verdict import Decision, Meaning, Number, Part, Quantity, Verdict
from toposcope.words import formats, statistics, validity
from toposcope.words.validity import as_json, told

RNG = np.random.default_rng(3)
LAYERS = {f"b{d}": RNG.normal(size=(240, d)) for d in (2, 3, 4, 6)}


@pytest.fixture(scope="module")
def analysis():
    return ts.analyze(ts.from_arrays(LAYERS), points=60, replicates=4, jobs=0)


def test_rewording_changes_no_verdict(analysis, monkeypatch):
    before = validity_verdicts(analysis)
    assert sum(len(one.of(Quantity.DRIFT, Quantity.TREND)) for one in before) > 20
    for module in (validity, statistics, formats):
        for name, value in list(vars(module).items()):
            if callable(value) and getattr(value, "__module__", "") == module.__name__:
                monkeypatch.setattr(module, name, lambda *_, **__: "with 7 % points order of H9")
    again = validity_verdicts(analysis)
    assert [one.as_dict() for one in again] == [one.as_dict() for one in before]


JUDGE = """
import sys
import numpy as np
import toposcope as ts
from toposcope.findings.validity.judge import validity_verdicts
X = np.random.default_rng(0).normal(size=(120, 3))
verdicts = validity_verdicts(ts.analyze(ts.from_arrays({"a": X}), points=40, replicates=3, jobs=0))
print(len(verdicts), [m for m in sys.modules if m.startswith("toposcope.words")])
"""


def test_judging_needs_no_words():
    done = subprocess.run([sys.executable, "-c", JUDGE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "5 []"


def test_every_verdict_is_told_and_read_back(analysis):
    for verdict in validity_verdicts(analysis):
        plain = as_json(verdict)
        assert json.loads(json.dumps(plain)) == plain
        assert plain["claim"] and plain["text"] and len(plain["numbers"]) == len(verdict.numbers)
        assert Verdict.from_dict(verdict.as_dict()).as_dict() == verdict.as_dict()


@pytest.mark.parametrize("name", list(validity.CLAIMS))
def test_what_was_not_measured_is_said(name):
    reasons = {"too few": ["a", "b", "c", "d"]}
    missing = Verdict(name, Decision.NOT_CHECKED, measured=False, reasons=reasons)
    assert told(missing).text == "a, b, c and 1 more: too few" and told(missing).rule == ""
    nothing = Verdict(name, Decision.NOT_CHECKED, measured=False)
    assert told(nothing).text == "It was not measured (Rips filtrations of points only)."
    assert told(Verdict(name, Decision.NOT_CHECKED)).text == validity.NEEDED[name]


@pytest.mark.parametrize("rho", [[0.8] * 4, [1.0] * 4, [0.4, 0.9, 1.0, 1.0]])
def test_intervals_of_rho_lie_inside_and_have_a_width(rho):
    low, high = rank_estimate(np.array(rho), 4).ends(0.95)
    assert -1 < low < np.mean(rho) - 0.005 and low < high < 1


def test_layers_without_an_order_are_not_said_to_keep_it():
    """Identical layers: neither "in part" nor a contradiction; the data cannot decide."""
    said = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        same = {f"b{i}": rng.normal(size=(240, 10)) for i in range(5)}
        analysis = ts.analyze(ts.from_arrays(same), points=60, replicates=4, jobs=0, null="none")
        verdicts = {one.name: one for one in validity_verdicts(analysis)}
        said.append(verdicts["metric"].decision)
        assert verdicts["normalization"].decision != Decision.FAILS
    assert set(said) == {Decision.UNDECIDED}
    assert "there is none to keep" in told(verdicts["metric"]).text
    # Nothing is claimed of statistics that decide nothing.
    assert told(verdicts["metric"]).claim.startswith("At 60 points: The order")


def test_concentration_is_no_sign_of_enough_points():
    X = np.random.default_rng(0).normal(size=(8 * 64, 128))
    analysis = ts.analyze(ts.from_arrays({"a": X}), points=64, jobs=0, null="none")
    verdicts = {one.name: one for one in validity_verdicts(analysis)}
    assert verdicts["sample_size"].decision != Decision.HOLDS
    growth = verdicts["sample_size"].of(Quantity.GROWTH)
    # H1 counts, and its sum grows faster than the number of points.
    assert {number.degree for number in growth} == {0, 1}
    assert next(number for number in growth if number.degree == 1).value > 1


def test_a_claim_names_the_statistics_and_points_it_is_about(analysis):
    by = {one.name: told(one).claim for one in validity_verdicts(analysis)}
    assert by["sample_size"].startswith(
        "H0 and H1 normalized persistence entropy, lifespan sum at 60 points: "
    )
    assert by["outliers"].startswith(
        "H0 lifespan sum, longest persistence, normalized persistence entropy at 60 points: "
    )
    assert "H1" not in by["normalization"] and "H1" not in by["metric"]
    assert by["concentration"].startswith("At 60 points: ")


def verdict(name, decision, numbers, *, shown=0, refuted=0, degree=0):
    """A verdict of one part."""
    parts = (Part(degree, decision, shown, refuted, len(numbers)),)
    more = {"parts": parts, "points": 64, "normalization": "mean_distance"}
    return Verdict(name, decision, tuple(numbers), **more)


def n(quantity, meaning, value=0.5, condition="", statistic="lifespan_sum", layer="b"):
    degree = 0 if statistic else None
    ends = (value, value - 0.1, value + 0.1, 8, meaning)
    return Number(quantity, *ends, layer, statistic, degree, condition, 32)


Q, M, D = Quantity, Meaning, Decision
SENTENCES = {
    "same at half": (
        verdict("sample_size", D.HOLDS, [n(Q.DRIFT, M.STABLE)] * 3, shown=3),
        "Of 3 numbers 3 are shown to be the same at 32 points as at 64, 0 not to be",
    ),
    "not at half": (
        verdict("sample_size", D.FAILS, [n(Q.DRIFT, M.NOT_STABLE)] * 3, refuted=3),
        "Of 3 numbers 0 are shown to be the same at 32 points as at 64, 3 not to be",
    ),
    "endless": (
        verdict("sample_size", D.FAILS, [n(Q.GROWTH, M.NOT_STABLE, 1.4)], refuted=1),
        "as in no finite dimension: H0 lifespan sum at b (most: exponent 1.4 [1.3, 1.5]",
    ),
    "turned pair": (
        verdict("sample_size", D.FAILS, [replace(n(Q.ORDER, M.ORDER_CHANGES), pairs=4)]),
        "some the other way",
    ),
    "exceptions": (
        verdict(
            "sample_size",
            D.HOLDS,
            [n(Q.DRIFT, M.STABLE)] * 9 + [n(Q.DRIFT, M.UNDECIDED, layer="odd")],
            shown=9,
        ),
        "Up to 1 may be otherwise; not shown: H0 lifespan sum at odd.",
    ),
    "moved less": (
        verdict("outliers", D.HOLDS, [n(Q.SHIFT, M.BELOW_NOISE, 0.1, "lof")] * 3, shown=3),
        "Of 3 numbers 3 are shown to be moved less by their removal than by drawing other",
    ),
    "moved more": (
        verdict("outliers", D.FAILS, [n(Q.SHIFT, M.ABOVE_NOISE, 9.0, "lof")] * 3, refuted=3),
        "Outliers move above all: H0 lifespan sum.",
    ),
    "kept": (
        verdict("normalization", D.HOLDS, [n(Q.TREND, M.RISES, condition="mean_distance")]),
        "1 of 1 statistics have a clear trend under mean_distance",
    ),
    "no trend": (
        verdict("normalization", D.UNDECIDED, [n(Q.TREND, M.NO_TREND, condition="none")]),
        "there is nothing to keep",
    ),
    "flips": (
        verdict(
            "normalization",
            D.FAILS,
            [
                n(Q.TREND, M.RISES, condition="mean_distance"),
                n(Q.TREND, M.FALLS, condition="zscore"),
            ],
        ),
        "Conclusions flip: H0 lifespan sum rises under mean_distance, falls under zscore.",
    ),
    "clear": (
        verdict("concentration", D.HOLDS, [n(Q.CONTRAST, M.CLEAR, statistic="")] * 2),
        "Directions vary enough at 2 of 2 layers",
    ),
    "blind": (
        verdict("concentration", D.FAILS, [n(Q.CONTRAST, M.CONCENTRATED, statistic="")] * 2),
        "Directions vary enough at 0 of 2 layers",
    ),
    "same order": (
        verdict(
            "metric",
            D.HOLDS,
            [
                n(Q.REPEATS, M.REPEATED, condition="euclidean"),
                n(Q.AGREEMENT, M.AGREES, condition="cosine"),
            ],
        ),
        "1 of 1 curves under other metrics are shown to keep it, 0 to turn it around",
    ),
    "other order": (
        verdict(
            "metric",
            D.FAILS,
            [
                n(Q.REPEATS, M.REPEATED, condition="euclidean"),
                n(Q.AGREEMENT, M.CONTRADICTS, condition="cosine"),
            ],
        ),
        "0 of 1 curves under other metrics are shown to keep it, 1 to turn it around",
    ),
    "no order": (
        verdict("metric", D.UNDECIDED, [n(Q.REPEATS, M.UNDECIDED, condition="euclidean")]),
        "there is none to keep",
    ),
}


@pytest.mark.parametrize("name", list(SENTENCES))
def test_each_sentence_is_said_of_its_own_numbers_and_of_no_others(name):
    own, sentence = SENTENCES[name]
    for other, (one, _) in SENTENCES.items():
        assert (sentence in told(one).text) == (other == name), told(one).text
    assert own.name in validity.CLAIMS
