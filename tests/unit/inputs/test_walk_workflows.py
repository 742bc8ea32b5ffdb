"""Whatever is wrong in a parameter of a workflow is refused before its work begins.

Every public function that `good_calls` counts among the workflows gets, in every parameter, values
that cannot be right there, told from its annotation. What comes back is a `ToposcopeError` that
names the call and the parameter. The places in the calls do not exist: whatever gets past the check
fails for another reason, which does not name the parameter.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import toposcope as ts
from tests.unit.inputs import good_calls
from toposcope.errors import ToposcopeError, UsageError
from toposcope.inputs.signatures import BY_NAME, checked
from toposcope.studies.claims import Claim, Rule, Unit
from toposcope.studies.verdicts import evidence_of_mean

FUNCTIONS = dict(good_calls.functions())
X = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
DATA = (X, np.arange(24) % 2)
CLAIM = Claim("T1", "a test", "It grows.", Unit.NETWORK, "slope", Rule(), "signs flipped")
EVIDENCE = evidence_of_mean(np.linspace(0.8, 1.2, 8), CLAIM.rule, null=np.zeros(8))
ALWAYS = {"object": object(), "complex": 1j, "bytes": b"x", "class": int, "nan": float("nan")}
NUMBER = {"text": "3", "flag": True, "list": [1], "array": np.ones(2), "tensor": torch.ones(2)}
COUNT = {"negative": -1, "half": 1.5, "inf": float("inf"), "np negative": np.int64(-1)}
TEXT = {"number": 3, "flag": True, "negative": -1, "dict": {"a": 1}, "array": np.ones((2, 3))}
PATH = {"NUL": "a\0b", "empty": ""}
FLAG = {"text": "no", "number": 2, "None": None, "list": []}

CHECKED_LATER = {
    **dict.fromkeys(
        ("capture.data", "capture_series.data", "zoo.data", "rank.target"), "load_data"
    ),
    **dict.fromkeys(("capture.model", "capture_series.model"), "load_model"),
    "report.items": "any result or folder; see tests/unit/reporting",
    "describe.result": "any result; see tests/unit/words",
}
"""Parameters that may be of many kinds, whose readers refuse them: typed, in words of their own."""


@cache
def population() -> ts.Population:
    return ts.population([good_calls.analysis("one"), good_calls.analysis("two!")])


def good(name: str) -> dict[str, Any]:
    analysis = good_calls.analysis()
    bars, clouds = good_calls.BARS, good_calls.diagrams()
    pair = {"a": "nowhere", "b": "nowhere"}
    calls: dict[str, dict[str, Any]] = {
        "analyze": {"activations": "nowhere"},
        "analyze_series": {"series": "nowhere"},
        "capture": {"model": nn.Linear(4, 2), "data": "npz:nowhere"},
        "capture_series": {
            **{"model": nn.Linear(4, 2), "data": "npz:nowhere"},
            **{"weights": "nowhere", "store": "nowhere"},
        },
        "compare": pair,
        "describe": {"result": 3},
        "export": {"run": "nowhere", "to": "npz", "out": "nowhere.npz"},
        "findings.against_nulls": {"analysis": analysis},
        "findings.look": {"analyses": [analysis]},
        "findings.look_at_population": {"population": population()},
        "findings.trends_of_trainings": {"trainings": [[analysis] * 2]},
        "open": {"place": "nowhere"},
        "open_series": {"place": "nowhere"},
        "load_analysis": {"path": "nowhere"},
        "preregister": {"path": "plan.json"},
        "preregister_comparison": {"path": "plan.json", **pair},
        "rank": {"models": "nowhere", "target": "npz:nowhere"},
        "report": {"items": "nowhere"},
        "population": {"items": "nowhere"},
        "landmarks": {"activations": "nowhere"},
        "store.save_batches": {"path": "nowhere", "batches": [{"a": good_calls.SMALL}], "n": 9},
        "store.save_arrays": {"activations": good_calls.activations(), "path": "nowhere"},
        "store.twin_of": {"run": "nowhere"},
        "store.twins_of": {"run": "nowhere"},
        "studies.run": {"name": "nowhere"},
        "studies.judge": {"claim": CLAIM, "evidence": EVIDENCE},
        "studies.trust_verdicts": {"analysis": analysis},
        "studies.validity": {"run": "nowhere"},
        "studies.validity_verdicts": {"analysis": analysis},
        "plots.plot_barcode": {"pairs": good_calls.A},
        "plots.plot_betti_curve": {"pairs_list": bars},
        "plots.plot_cloud": {"analysis": analysis, "layer": "a"},
        "plots.plot_depth": {"analyses": analysis, "statistic": "total_persistence"},
        "plots.plot_diagram": {"pairs": good_calls.A},
        "plots.plot_landscape": {"pairs_list": bars},
        "plots.plot_landscape_panel": {"diagrams": clouds, "homology_dimension": 0},
        "plots.plot_layer_distances": {"diagrams": clouds, "homology_dimension": 0},
        "zoo": {"models": "nowhere", "data": "npz:nowhere", "store": "nowhere"},
    }
    return calls[name]


def parameters(name: str) -> list[inspect.Parameter]:
    found = inspect.signature(FUNCTIONS[name]).parameters.values()
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def wrong_values(parameter: inspect.Parameter) -> dict[str, Any]:
    """What cannot be right in a parameter, by its annotation."""
    kinds = {part.strip() for part in str(parameter.annotation).split("|")}
    wrong = dict(ALWAYS)
    if "Callable" in str(parameter.annotation) or kinds & {"Say"}:
        del wrong["class"]  # which can be called
    if parameter.default is not None:
        wrong["None"] = None
    if kinds <= {"int", "float", "None", "np.random.Generator"}:
        wrong |= NUMBER
    if kinds <= {"int", "None"} and parameter.name != "step":
        wrong |= COUNT
    if kinds <= {"str", "Path", "None", "Place"}:
        wrong |= TEXT
    if kinds <= {"Path", "str", "None"} and "Path" in kinds:
        wrong |= PATH
    if kinds == {"bool"}:
        wrong |= FLAG
    return wrong


@pytest.mark.parametrize("name", sorted(good_calls.WORKFLOWS))
def test_what_cannot_be_right_is_refused_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, given = FUNCTIONS[name], good(name)
    called = name.rpartition(".")[2]
    wrong = []
    for parameter in parameters(name):
        later = f"{called}.{parameter.name}" in CHECKED_LATER
        for label, nasty in wrong_values(parameter).items():
            try:
                function(**{**given, parameter.name: nasty})
            except ToposcopeError as error:
                told = f"{called}(" in str(error) and parameter.name in str(error)
                if not (told or later):
                    wrong.append((parameter.name, label, "not named", str(error)[:100]))
            except Exception as error:
                wrong.append((parameter.name, label, type(error).__name__, str(error)[:100]))
            else:
                wrong.append((parameter.name, label, "accepted", ""))
    assert wrong == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_to_readers_is_a_parameter_of_a_workflow():
    known = {
        f"{name.rpartition('.')[2]}.{one.name}"
        for name in good_calls.WORKFLOWS
        for one in parameters(name)
    }
    assert known >= set(CHECKED_LATER)


@pytest.mark.parametrize("held", [np.int64(3), np.array(3), torch.tensor(3)])
def test_a_count_is_a_count_whatever_holds_it(held):
    for name in ("points", "replicates", "n", "seed", "n_resamples", "calibrate", "batch_size"):
        found = BY_NAME[name](held, name, call="f()")
        assert (found, type(found)) == (3, int)


def test_values_arrive_as_python_s_own_and_none_only_where_it_is_the_default():
    @checked()
    def walk(store: str, *more: str, n: int | None = None, quick: bool = False, **rest: Any) -> Any:
        return store, more, n, quick, rest

    assert walk("a", "b", n=np.int64(2), quick=np.True_, x=1) == ("a", ("b",), 2, True, {"x": 1})
    assert type(walk("a", n=np.int64(2))[2]) is int
    with pytest.raises(UsageError, match=r"walk\(\): store=None; needed is a path"):
        walk(None)
    with pytest.raises(TypeError, match="store"):
        walk()
