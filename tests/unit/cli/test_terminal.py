"""What a newcomer meets in the terminal: defaults that fit, answers, flags, files of options."""

import json
import tomllib

import click
import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import toposcope as ts
from toposcope.analysis.design import METRIC, MOST_POINTS, NORMALIZE, NULL, Design
from toposcope.analysis.plan import opened, plan_analysis
from toposcope.analysis.preregister import capture_hash
from toposcope.cli import main
from toposcope.cli.panels import FIRST, PANELS
from toposcope.cli.speech import in_flags
from toposcope.homology.metrics import METRICS
from toposcope.pointclouds.normalize import NORMALIZATIONS
from toposcope.pointclouds.nulls import NULLS
from toposcope.store import save_arrays
from toposcope.store.runs import Run

QUICK = ("--jobs", 0, "--null", "none", "--replicates", 4)


def run(*words, code=0):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done


def commands():
    """Every command with its context, studies included."""
    for name, one in main.commands.items():
        inner = getattr(one, "commands", {})
        for key, command in ({name: one} | inner).items():
            yield key, command, click.Context(command, info_name=key)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two RUNs of 80 samples with labels, the second one noisier."""
    folder = tmp_path_factory.mktemp("terminal")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 5))
    for name, noise in (("a", 0.0), ("b", 0.4)):
        layers = {k: X * s + noise * rng.normal(size=X.shape) for k, s in (("l0", 1), ("l1", 2))}
        labels = np.arange(80) % 4
        save_arrays(ts.from_arrays(layers, labels=labels, name=name), folder / name)
    return folder


@pytest.mark.parametrize("n", [16, 80, 1001, 3999])
@pytest.mark.parametrize("replicates", [None, 2, 7])
def test_points_are_those_that_fit_where_none_are_asked_for(n, replicates):
    """min(500, n // replicates), and never a number that the draws refuse."""
    design = Design(replicates=replicates).resolved(n)
    assert design.points == max(min(MOST_POINTS, n // (replicates or 8)), 2)
    assert design.points * design.replicates <= n
    assert Design(replicates=replicates, points=7).resolved(n).points == 7


def test_points_fit_classes_and_other_kinds_of_points_too(place):
    acts = ts.open(place / "a")
    assert opened(acts, Design(per_class=True, replicates=4)).points == 5
    assert opened(acts, Design(per_class=True, replicates=4, overlapping=True)).points == 20
    assert opened(acts, Design(overlapping=True)).points == 80
    maps = np.random.default_rng(0).normal(size=(6, 3, 5, 4))
    small = ts.from_arrays({"wide": maps, "narrow": maps[:, :, :3, :3]})
    assert opened(small, Design(points_are="positions")).points == 9
    assert opened(small, Design(points_are="channels")).points == 3
    assert opened(small, Design(points_are="tokens", samples=2)).points == 18
    assert opened(acts, Design(filtration=ts.Cubical())).points == 1


def test_python_takes_the_points_that_fit_as_well(place):
    found = ts.analyze(place / "a", replicates=4, null="none", jobs=0)
    assert found.attrs["points"] == 20
    asked = ts.analyze(place / "a", replicates=4, points=20, null="none", jobs=0)
    assert asked.attrs["analysis"] == found.attrs["analysis"]
    with pytest.raises(ts.errors.UsageError, match="points=20"):
        ts.analyze(place / "a", replicates=4, points=21, null="none", jobs=0)


def test_analyze_says_its_points_and_answers_in_three_sentences(place):
    done = run("analyze", place / "a", *QUICK)
    assert "points: 20 for each of 4 draws" in done.stderr and "80 samples" in done.stderr
    told = done.stdout.splitlines()
    assert told[2].startswith("How sure: ") and told[3] == ""
    assert "Inside a" in told[0] or "No change is sure" in told[0]
    assert told[-1].startswith("next: toposcope report ")
    assert len(json.loads(run("analyze", place / "a", *QUICK, "--json").stdout)["answer"]) == 3
    assert "points:" not in run("analyze", place / "a", *QUICK, "--points", 20).stderr


def test_the_next_command_that_is_printed_works(place, tmp_path):
    command = run("analyze", place / "a", *QUICK).stdout.splitlines()[-1]
    words = command.removeprefix("next: toposcope ").split()
    run(*words[:-1], tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_compare_answers_first_and_needs_no_analysis_before(place):
    done = run("compare", place / "a", place / "b", "--jobs", 0, "--replicates", 4)
    told = done.stdout.splitlines()
    assert told[0].startswith(("The shapes of a and b", "No difference", "Whether the shapes"))
    assert told[1].startswith("Sample by sample") and told[2].startswith("How sure: ")
    assert told[4].split()[:2] == ["measure", "verdict"]


@pytest.mark.parametrize(
    ("words", "says", "not_said"),
    [
        ("--points 500", "Pass --points 10", "points="),
        ("--points 0", "analyze --points 0: needed is", "points="),
        ("--null permuted_labels", "Pass --per-class.", "per_class="),
        ("--null random_init", "--null random_init", "analyze()"),
        ("--points-are tokens --overlapping", "analyze --points-are tokens", "points_are="),
        ("--complex cubical --points 9", "Leave it out", "analyze()"),
        ("--samples 4", "--samples 4", "samples="),
    ],
)
def test_errors_of_a_command_speak_in_its_flags(place, words, says, not_said):
    done = run("analyze", place / "a", "--jobs", 0, *words.split(), code=2)
    assert says in done.stderr and not_said not in done.stderr


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("f(): Pass points=4 (--points 4) or more.", "analyze: Pass --points 4 or more."),
        ("f(points=4): no", "analyze --points 4: no"),
        ("f(metric='cosine', points=4): no", "analyze --metric cosine --points 4: no"),
        ("Pass per_class=True (--per-class).", "Pass --per-class."),
        ("Pass homology_dimensions=(0, 1).", "Pass --homology 0,1."),
        ("x=3 is unknown; a file of y=KEY", "x=3 is unknown; a file of y=KEY"),
        ("npz:FILE#x=KEY,points=2", "npz:FILE#x=KEY,points=2"),
        ("open(path): it is /a/points=3/b", "open(path): it is /a/points=3/b"),
        ("f(filtration=Cubical()): no", "analyze --complex cubical: no"),
    ],
)
def test_keywords_become_flags_where_the_command_has_them(said, told):
    command = main.commands["analyze"]
    assert in_flags(said, command, click.Context(command)) == told


@pytest.mark.parametrize("typed", ["cifar.npz", "npx:cifar.npz", "cifar.npz#x=a"])
def test_the_kind_of_data_that_was_left_out_is_guessed(typed):
    done = run("layers", "py:math:sqrt", "--data", typed, code=2)
    if "math" not in done.stderr:
        assert f"Did you mean npz:{typed.removeprefix('npx:')}?" in done.stderr


@pytest.mark.parametrize("name", PANELS)
def test_help_shows_five_options_first_and_loses_none(name):
    command = main.commands[name]
    told = run(name, "--help").stdout
    assert told.index(FIRST) < told.index("--json") and 3 <= len(PANELS[name][FIRST]) <= 5
    ctx = click.Context(command)
    names = {p.name for p in command.get_params(ctx)}
    for panel in PANELS[name].values():
        assert set(panel) <= names
    for param in command.get_params(ctx):
        if isinstance(param, click.Option):
            assert told.count(f"{param.opts[-1]} ") + told.count(f"{param.opts[-1]}\n") >= 1


def test_every_option_is_explained():
    bare = [
        f"{name} {p.opts[-1]}"
        for name, command, ctx in commands()
        for p in command.get_params(ctx)
        if isinstance(p, click.Option) and not p.help
    ]
    assert bare == []


def test_choices_are_those_of_the_registries_and_are_completed():
    assert set(NORMALIZE) == {*NORMALIZATIONS, "rms"}
    assert set(NULL) == {*NULLS, "none"}
    assert set(METRIC) == set(METRICS) - {"precomputed"}
    complete = ShellComplete(main, {}, "toposcope", "_TOPOSCOPE_COMPLETE")
    asked = {
        ("--metric", "co"): {"cosine", "correlation"},
        ("--complex", "ge"): {"geodesic"},
        ("--null", "gaussian,sh"): {"gaussian,shuffled", "gaussian,shuffled_voxels"},
        ("--normalize", "m"): {"mean_distance", "median_distance", "max_distance", "minmax"},
    }
    for (flag, begun), wanted in asked.items():
        found = complete.get_completions(["analyze", "run", flag], begun)
        assert {item.value for item in found} == wanted


def test_every_command_takes_a_file_of_options(tmp_path):
    for name, command, ctx in commands():
        if not isinstance(command, click.Group):
            assert "--config" in {p.opts[-1] for p in command.get_params(ctx)}, name


def test_a_file_of_options_is_read_and_what_is_typed_goes_first(place, tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(
        f'[analyze]\nrun = "{place / "a"}"\npoints = 10\nreplicates = 3\nhomology = [0]\n'
        'null = ["gaussian", "shuffled"]\njobs = 0\nper-class = false\n[compare]\nmargin = 1\n'
    )
    told = json.loads(run("analyze", "--config", file, "--json").stdout)
    design = ts.load_analysis(place / "a", told["analysis"]).design
    assert (design.points, design.replicates, design.homology_dimensions) == (10, 3, (0,))
    assert design.null == "gaussian,shuffled"
    told = json.loads(run("analyze", "--config", file, "--points", 9, "--json").stdout)
    assert ts.load_analysis(place / "a", told["analysis"]).design.points == 9
    runs = tmp_path / "b.toml"
    runs.write_text(
        f'runs = ["{place / "a"}", "{place / "b"}"]\nmeasures = ["cka"]\nreplicates = 4\njobs = 0\n'
    )
    assert "CKA" in run("compare", "--config", runs).stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[analyze]\npoint = 3\n", "no option 'point'. Near matches: points"),
        ("[compare]\nmargin = 3\n", "holds [compare], and no [analyze]"),
        ("points = \n", "it is not TOML"),
        ("points = 'many'\n", "not a valid integer"),
        ("", "holds nothing"),
        (None, "no readable file"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_key(place, tmp_path, text, says):
    file = tmp_path / "x.toml"
    if text is not None:
        file.write_text(text)
    done = run("analyze", place / "a", "--config", file, code=2)
    assert says in " ".join(done.stderr.split())


def test_what_a_run_recorded_runs_again_from_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine_again.py").write_text(
        "import torch\nfrom torch import nn\n\ndef net():\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 4))\n"
    )
    words = ["capture", "py:mine_again:net", "sklearn:digits", "--layers", "all", "-n", "40"]
    monkeypatch.setattr("sys.argv", ["toposcope", *words, "-o", "run"])
    run(*words, "-o", "run")
    run("analyze", "run", "--jobs", 0, "--null", "none", "--replicates", 2)
    text = run("info", "run", "--toml").stdout
    assert tomllib.loads(text)["capture"]["layers"] == ["all"]
    (tmp_path / "again.toml").write_text(text)
    monkeypatch.setattr("sys.argv", ["toposcope", "capture", "--config", "again.toml"])
    run("capture", "--config", "again.toml", "-o", "second")
    assert capture_hash(Run.open("second")) == capture_hash(Run.open("run"))
    run("analyze", "--config", "again.toml", "--jobs", 0)
    design = plan_analysis("run", ts.load_analysis("run").design).design
    assert len(list((tmp_path / "run" / "results").glob("*/done.json"))) <= 1
    assert design.points == 20


def test_a_run_made_in_python_says_that_there_is_no_command(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 3))
    save_arrays(ts.from_arrays({"l": X}), tmp_path / "r")
    assert "captured in Python" in run("info", tmp_path / "r", "--toml", code=2).stderr
