"""The filtration decides what is filtered, and is named in every result."""

import importlib
import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest

import toposcope as ts
from toposcope.analysis.design import Design, filtration_named
from toposcope.analysis.filtrations import FILTRATIONS, PointFiltration, register
from toposcope.analysis.opening import load_analysis
from toposcope.analysis.parameters import parameter
from toposcope.analysis.plan import plan_analysis
from toposcope.errors import StoreError, UsageError
from toposcope.store.arrays import save_arrays

RNG = np.random.default_rng(0)
ANGLE = np.sort(RNG.uniform(0, 2 * np.pi, 200))
CIRCLE = np.column_stack([np.cos(ANGLE), np.sin(ANGLE)])
ACTS = ts.from_arrays({"circle": CIRCLE + RNG.normal(0, 0.01, CIRCLE.shape)})


LINE = ts.from_arrays({"line": np.outer(RNG.uniform(-1, 1, 200), [3.0, 4.0])})


def longest(acts=ACTS, **options):
    found = ts.analyze(acts, points=100, replicates=2, null="none", jobs=0, **options)
    pairs = found.diagrams.pairs(acts.layers[0], 1)
    return found, pairs[np.argmax(pairs[:, 1] - pairs[:, 0])] if len(pairs) else None


def test_geodesic_counts_hops():
    found, pair = longest(filtration=ts.Geodesic(4))
    assert pair == pytest.approx(np.round(pair)) and pair[0] == 1 and pair[1] >= 5
    assert "4 nearest neighbors" in found.attrs["conventions"]["filtration"]
    assert "--complex geodesic --neighbors 4" in found.attrs["commands"][-1]


def test_weighted_geodesic_is_the_length_of_the_arc():
    _, pair = longest(filtration=ts.Geodesic(4, weighted=True))
    # Circumference 2 pi in units of the mean distance 4 / pi: a loop of length L dies at L / 3.
    assert pair[1] == pytest.approx(2 * np.pi / (4 / np.pi) / 3, rel=0.1)


def test_a_line_with_its_ends_collapsed_is_a_loop():
    _, pair = longest(LINE, filtration=ts.Local(0.8))
    _, none = longest(LINE)
    assert none is None or none[1] - none[0] < 1e-9
    # Both ends are one point now; the middle is first joined to both at one radius.
    assert pair[0] < 0.3 and pair[1] == pytest.approx(1.0, abs=0.05)


def test_dimensions_do_not_depend_on_the_filtration():
    a, b = longest()[0], longest(filtration=ts.Geodesic())[0]
    values = [
        t.table.query("statistic in ['ph_dimension', 'two_nn']")["value"].tolist() for t in (a, b)
    ]
    assert values[0] == values[1]


SIXTH = '''
from dataclasses import dataclass

import numpy as np

from toposcope.analysis.filtrations import PointFiltration, register
from toposcope.analysis.parameters import parameter


@register
@dataclass(frozen=True)
class Powered(PointFiltration):
    """Distances to a power."""

    power: int = parameter(2, "power of the distances.", low=1)

    def distances(self, cloud, distances):
        return np.power(distances, self.power)
'''


@pytest.fixture
def sixth(tmp_path, monkeypatch):
    """A module outside the package, written now and imported; unknown again after the test."""
    (tmp_path / "sixth_filtration.py").write_text(SIXTH)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("sixth_filtration")
    del sys.modules["sixth_filtration"]
    FILTRATIONS.pop("powered", None)


def test_a_sixth_filtration_joins_in_one_file_from_outside(sixth, tmp_path):
    path = save_arrays(ACTS, tmp_path / "run")
    options = {"points": 50, "replicates": 2, "null": "none"}
    plain = ts.analyze(path, **options, jobs=0)
    here, there = (
        ts.analyze(path, filtration=sixth.Powered(), jobs=jobs, **options) for jobs in (0, 2)
    )
    assert here.failures == there.failures == []
    pairs = there.diagrams.pairs("circle", 1)
    np.testing.assert_allclose(pairs, plain.diagrams.pairs("circle", 1) ** 2)
    assert here.table.equals(there.table)
    assert there.design.filtration == sixth.Powered(2)
    assert there.attrs["conventions"]["filtration"].endswith("of Powered(power=2)")
    assert "--complex powered --power 2" in there.attrs["commands"][-1]
    # Numbers of an edited file are others: it is part of the identity.
    before = plan_analysis(path, there.design)
    (tmp_path / "sixth_filtration.py").write_text(SIXTH + "# edited\n")
    edited = importlib.reload(sixth)
    after = plan_analysis(path, Design(filtration=edited.Powered(), **options))
    assert before.done == 2 and after.done == 0 and before.folder != after.folder


def test_parameters_of_a_sixth_filtration_are_checked_and_have_flags(sixth):
    with pytest.raises(UsageError, match=r"Powered\(power=0\).*1 or more.*--power 2"):
        sixth.Powered(0)
    assert filtration_named("powered", {"power": 3}) == sixth.Powered(3)
    with pytest.raises(UsageError, match=r"--neighbors belongs to another.*takes --power"):
        filtration_named("powered", {"neighbors": 3})


def test_a_stored_analysis_of_a_filtration_that_is_gone_says_so(sixth, tmp_path):
    path = save_arrays(ACTS, tmp_path / "run")
    ts.analyze(path, filtration=sixth.Powered(), points=20, replicates=2, jobs=0)
    FILTRATIONS.pop("powered")
    with pytest.raises(StoreError, match="'powered', which is not registered here"):
        load_analysis(path)


def distances_as_they_are(self, cloud, distances):
    return distances


def point_filtration(name, **attributes):
    """A class that is not registered yet, as one written in this file."""
    body = {"distances": distances_as_they_are, "__module__": __name__, **attributes}
    return type(name, (PointFiltration,), body)


def test_classes_that_cannot_be_registered_say_why():
    with pytest.raises(UsageError, match=r"register\(Plain\): write @dataclass\(frozen=True\)"):
        register(point_filtration("Plain"))
    with pytest.raises(UsageError, match=r"rips\.Rips has the name 'rips' already"):
        register(dataclass(frozen=True)(point_filtration("Rips")))
    with pytest.raises(UsageError, match=r"Loose is not registered. Write @register"):
        Design(filtration=dataclass(frozen=True)(point_filtration("Loose"))())


def test_a_filtration_typed_in_at_a_prompt_is_asked_to_move_into_a_file():
    prompt = types.ModuleType("prompt")
    sys.modules["prompt"] = prompt
    try:
        cls = register(dataclass(frozen=True)(point_filtration("Typed", __module__="prompt")))
        with pytest.raises(UsageError, match="Typed has no source file"):
            Design(filtration=cls())
    finally:
        del sys.modules["prompt"]
        FILTRATIONS.pop("typed", None)


def test_a_parameter_that_every_design_has_is_refused():
    attributes = {"points": parameter(3), "__annotations__": {"points": "int"}}
    try:
        cls = register(dataclass(frozen=True)(point_filtration("Own", **attributes)))
        with pytest.raises(UsageError, match="every design has a parameter points already"):
            Design(filtration=cls())
    finally:
        FILTRATIONS.pop("own", None)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("alpha", {}, "choose one of rips, geodesic, local, cubical"),
        ("rips", {"neighbors": 5}, "--neighbors belongs to another complex; this one takes no"),
        ("geodesic", {"quantile": 0.5}, "takes --neighbors, --weighted"),
    ],
)
def test_parameters_of_another_filtration_are_refused(name, given, message):
    with pytest.raises(UsageError, match=message):
        filtration_named(name, given)


def test_cubical_says_that_it_takes_no_points():
    """`points=300` was read, and 1 point an image recorded, without a word."""
    acts = ts.from_arrays({"maps": np.random.default_rng(0).normal(size=(6, 2, 4, 4))})
    with pytest.raises(UsageError, match="points belongs to clouds of points"):
        ts.analyze(acts, filtration=ts.Cubical(), points=300, jobs=0)


@pytest.mark.parametrize("wrong", [5, None, "abc", [1.0, float("nan")], [], {"a": 1}])
def test_thresholds_are_numbers(wrong):
    with pytest.raises(UsageError, match=r"Cubical\(thresholds="):
        ts.Cubical(thresholds=wrong)
