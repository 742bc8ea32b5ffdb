"""Verdicts follow from numbers alone: no wording can change one."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from toposcope.findings.validity.geometry import rho_interval

import toposcope as ts
from toposcope.findings.validity.judge import validity_verdicts
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.verdict import Decision, Quantity, Verdict
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
from toposcope.findings.validity.geometry import rho_interval
from toposcope.findings.validity.judge import validity_verdicts
from toposcope.findings.validity.observations import Observations
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
    one = rho_interval(Observations(frame=None), np.array(rho), 4)
    assert -1 <= one.low < one.high <= 1


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


def test_concentration_is_no_sign_of_enough_points():
    X = np.random.default_rng(0).normal(size=(256, 128))
    analysis = ts.analyze(ts.from_arrays({"a": X}), points=64, replicates=4, jobs=0, null="none")
    verdicts = {one.name: one for one in validity_verdicts(analysis)}
    infinite = analysis.table.query("statistic == 'ph_dimension'")["status"].eq("undefined").all()
    assert not infinite or verdicts["sample_size"].decision == Decision.FAILS


def test_a_claim_names_the_homology_that_was_looked_at(analysis):
    by = {one.name: told(one).claim for one in validity_verdicts(analysis)}
    assert by["normalization"].startswith("H0: ") and by["sample_size"].startswith("H0: ")
    assert not by["concentration"].startswith("H")
