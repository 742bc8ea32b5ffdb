"""The options of `toposcope analyze` are made from declarations; their flags stay as they are."""

import click
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.analysis.design import Design
from toposcope.analysis.filtrations import FILTRATIONS
from toposcope.cli import main
from toposcope.cli.analyzing import analyze
from toposcope.cli.design_options import take_design

FLAGS = (
    "--complex --neighbors --weighted --quantile --thresholds --construction --superlevel --maps "
    "--diagrams --homology --points --points-are --samples --replicates --normalize --metric "
    "--per-class --overlapping --null --max-edge-length --coeff --level --seed --jobs --executor "
    "--task-timeout --task-memory --slurm-options --dry-run "
    "--preregister --plan --note --json --config --help"
)


def taken(*words):
    return take_design(analyze.make_context("analyze", ["RUN", *words]).params)


def test_flags_are_those_there_always_were():
    options = [p for p in analyze.get_params(click.Context(analyze)) if p.opts[0] != "run"]
    assert sorted(p.opts[-1] for p in options) == sorted(FLAGS.split())


def test_help_tells_the_defaults():
    told = " ".join(CliRunner().invoke(main, ["analyze", "--help"]).stdout.split())
    for line in (
        "--complex [rips|geodesic|local|cubical] What is filtered: rips, geodesic, local, or "
        "cubical for volumes. [default: rips]",
        "--neighbors INTEGER geodesic: nearest neighbors of a point. [default: 12]",
        "--weighted geodesic: add lengths, not hops. --",
        "--thresholds TEXT cubical: 0,0.5,1 or 0:2:0.25. [default: 0:2:0.25]",
        "--construction [V|T] cubical. [default: V]",
        "--homology TEXT Degrees: 0 pieces, 1 loops, 2 voids. [default: 0,1]",
        "--points INTEGER Points of each cloud. [default: 500, or as many as there are for each "
        "draw]",
        "--replicates INTEGER Disjoint draws; cubical: images. [default: 8; cubical: 100]",
        "What lengths are divided by. [default: mean_distance; cubical: none, the other there is "
        "rms]",
        "--max-edge-length FLOAT Longest edge that is looked at, in normalized units. [default: "
        "inf]",
        "--samples INTEGER Samples of a cloud of tokens. [default: up to 64]",
    ):
        assert line in told


def test_defaults_in_words_are_those_of_the_filtrations():
    told = {p.name: p.help or "" for p in analyze.get_params(click.Context(analyze))[1:-1]}
    for name in ("replicates", "normalize", "null"):
        points, volumes = (FILTRATIONS[kind].defaults[name] for kind in ("rips", "cubical"))
        assert f"[default: {points}; cubical: {volumes}" in told[name]


def test_nothing_typed_is_the_default_design():
    assert taken() == Design()


@pytest.mark.parametrize(
    "design",
    [
        Design(
            filtration=ts.Geodesic(5, weighted=True),
            homology_dimensions=(1,),
            points=40,
            replicates=3,
            normalize="none",
            metric="cosine",
            per_class=True,
            overlapping=True,
            null="shuffled,random_init",
            max_edge_length=2.5,
            coeff=3,
            seed=4,
        ),
        Design(points_are="tokens", samples=6, filtration=ts.Local(1 / 3)),
        Design(filtration=ts.Cubical((-1.0, 0.1), "T", superlevel=True, diagrams=True)),
        Design(filtration=ts.Cubical(maps=True), null="shuffled_voxels", normalize="rms"),
    ],
)
def test_a_design_survives_its_command_line(design):
    assert taken(*design.command_words()) == design


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--complex vr", "choose one of rips, geodesic, local, cubical"),
        ("--neighbors 5", "--complex rips: --neighbors belongs to another complex"),
        ("--complex geodesic --neighbors 0", r"needed is a whole number of 1 or more"),
        ("--thresholds 1:0:0.5 --complex cubical", "goes up from its start"),
        ("--homology zero", "is not a list of degrees"),
        ("--points many", "not a valid integer"),
        ("--metric manhattan", "choose one of euclidean, cosine, correlation"),
    ],
)
def test_wrong_words_are_refused_with_exit_code_2(words, says, tmp_path):
    found = CliRunner().invoke(main, ["analyze", str(tmp_path), *words.split()])
    assert found.exit_code == 2 and says in " ".join(found.stderr.split())
