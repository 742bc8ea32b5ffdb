"""A design is one value: compared whole, stored and read back, the signature of `analyze`."""

import inspect
import json
from dataclasses import fields, replace

import numpy as np
import pytest

import toposcope as ts
from toposcope.analysis.design import BESIDE, Design
from toposcope.analysis.opening import analyze_command, load_analysis
from toposcope.errors import StoreError, UsageError
from toposcope.pointclouds.kinds import POINT_KINDS
from toposcope.store.arrays import save_arrays
from toposcope.store.objects import content_hash, put_json, read_json
from toposcope.store.seals import SEAL

OTHER = Design(
    filtration=ts.Geodesic(5, weighted=True),
    homology_dimensions=(1,),
    points=40,
    replicates=3,
    normalize="none",
    metric="cosine",
    per_class=True,
    overlapping=True,
    null="shuffled",
    max_edge_length=2.5,
    coeff=3,
    seed=4,
    points_are="tokens",
    samples=6,
)
"""Different from the default in every parameter."""


def test_analyze_takes_the_parameters_of_a_design_and_no_others():
    own = ("activations", "level", "jobs", "progress", "plan")
    taken = inspect.signature(ts.analyze).parameters
    assert [name for name in taken if name not in own] == [one.name for one in fields(Design)]
    assert all(taken[one.name].default == getattr(Design(), one.name) for one in fields(Design))


def test_every_parameter_makes_designs_differ():
    names = tuple(one.name for one in fields(Design))
    assert Design().differs(OTHER) == names
    for name in names:
        changed = {name: getattr(OTHER, name)}
        if name == "samples":
            changed["points_are"] = "tokens"
        assert name in Design().differs(replace(Design(), **changed))
    assert OTHER.differs(replace(OTHER, null="none", homology_dimensions=(0,)), but=BESIDE) == ()
    assert Design().differs(Design(filtration=ts.Geodesic())) == ("filtration",)


@pytest.mark.parametrize(
    "design",
    [
        Design(),
        OTHER,
        Design(filtration=ts.Local(0.25)),
        Design(filtration=ts.Cubical((-1.0, 0.5), "T", diagrams=True), normalize="rms"),
        Design(filtration=ts.Cubical(), null="shuffled_voxels").resolved(30),
    ],
)
def test_a_design_survives_its_stored_form(design):
    stored = json.loads(json.dumps(design.to_spec()))
    assert Design.from_spec(stored) == design
    assert stored["complex"] == design.filtration.name
    assert set(stored) == {"complex"} | {one.name for one in fields(Design)}


def test_what_is_left_open_is_filled_in():
    opened = ("points", "replicates", "normalize", "null")
    assert Design().resolved(5000).differs(Design()) == opened
    tokens = Design(points_are="tokens").resolved(80)
    assert tokens.samples == 10 and tokens.resolved(5000) == tokens
    volumes = Design(filtration=ts.Cubical()).resolved(40)
    assert (volumes.replicates, volumes.normalize, volumes.nulls) == (40, "none", ())
    assert volumes.homology_dimensions == (0, 1, 2) and volumes.points == 1
    maps = Design(filtration=ts.Cubical(maps=True), replicates=3).resolved(40)
    assert maps.homology_dimensions == (0, 1) and maps.replicates == 3


def test_kinds_of_points_are_those_there_are():
    for kind in POINT_KINDS:
        assert Design(points_are=kind).points_are == kind
    with pytest.raises(UsageError, match=", ".join(map(repr, POINT_KINDS))):
        Design(points_are="voxels")


@pytest.fixture
def run(tmp_path):
    X = np.random.default_rng(0).normal(size=(80, 3))
    path = save_arrays(ts.from_arrays({"block": X}), tmp_path / "run")
    ts.analyze(path, points=20, replicates=3, filtration=ts.Geodesic(4), jobs=0)
    return path


def test_an_analysis_knows_its_design(run):
    found = load_analysis(run)
    design = Design(filtration=ts.Geodesic(4), points=20, replicates=3).resolved(80)
    assert found.design == design
    words = "--complex geodesic --neighbors 4 --homology 0,1 --points 20 --replicates 3"
    assert words in analyze_command(run, design)


def _stored_as(spec, design):
    """Put another design where one is kept, sealed as if it had been written so."""
    put_json(spec, design)
    seal = spec.with_name(SEAL)
    record = read_json(seal)
    record["files"]["spec.json"] = content_hash(spec.read_bytes())
    put_json(seal, record)


def test_a_run_stored_before_there_were_kinds_of_points_opens(run):
    spec = next(run.glob("results/*/spec.json"))
    old = {k: v for k, v in read_json(spec).items() if k not in ("points_are", "samples")}
    _stored_as(spec, {**old, "complex": "rips", "filtration": {}})
    design = load_analysis(run).design
    assert design == Design(points=20, replicates=3).resolved(80)


def test_a_filtration_that_is_not_registered_is_not_looked_for(run):
    spec = next(run.glob("results/*/spec.json"))
    _stored_as(spec, {**read_json(spec), "complex": "os.system", "filtration": {"command": "true"}})
    with pytest.raises(StoreError, match=r"'os.system', which is not registered here.*@register"):
        load_analysis(run)
