"""The frozen plan of a comparison: hypotheses before results, and whether it was followed."""

import inspect
import json

import numpy as np
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.cli import main
from toposcope.comparison.preregister import COPY
from toposcope.errors import DamagedError, DesignWarning, UsageError
from toposcope.store.arrays import save_arrays
from toposcope.store.objects import put_json, read_json
from toposcope.store.preregistration import Followed, Preregistration
from toposcope.words.comparison import summarize_comparison
from toposcope.words.plans import comparison_plan, plan_lines

NOT_PLANNED = {"plan", "store", "progress", "jobs"}
"""What decides no number of a comparison."""
ASKED = {"points": 20, "replicates": 6, "homology_dimensions": (0,), "margin": 1.0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two networks of two layers, analyzed once: every comparison below only measures pairs."""
    folder = tmp_path_factory.mktemp("plan")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 4))
    paths = [folder / "one", folder / "two"]
    for path in paths:
        noisy = X + 0.01 * rng.normal(size=X.shape)
        save_arrays(ts.from_arrays({"a": noisy, "b": noisy[:, :2]}, name=path.name), path)
    ts.compare(*paths, jobs=0, measures=["wasserstein"], **ASKED)
    return paths


def done(runs, plan, store=None, **changed):
    found = ts.compare(*runs, plan=plan, store=store, jobs=0, **ASKED | changed)
    return Followed.from_dict(found.attrs["preregistered"], where="here"), found


@pytest.mark.parametrize(("draws", "least"), [(3, "0.25"), (4, "0.12"), (5, "0.062")])
def test_a_plan_that_can_find_nothing_says_so_and_what_would_help(runs, tmp_path, draws, least):
    few = ASKED | {"replicates": draws}
    told = rf"with {draws} paired draws no p-value is below {least}.*replicates=6 or more"
    with pytest.warns(DesignWarning, match=told):
        ts.preregister_comparison(tmp_path / "plan.json", *runs, **few)
    enough = ASKED | {"replicates": 6}  # warnings are errors
    ts.preregister_comparison(tmp_path / "enough.json", *runs, **enough)
    ts.preregister_comparison(tmp_path / "values.json", *runs, **few, test="none")


def test_what_is_tested_stands_in_the_plan(runs, tmp_path):
    plan = ts.preregister_comparison(tmp_path / "plan.json", *runs, note="alike", **ASKED)
    assert plan == Preregistration.read(tmp_path / "plan.json")
    assert [(one.about, one.statistics, one.tests) for one in plan.families] == [
        ("layers differ", ("wasserstein H0",), 3),
        ("layers are related", ("cka",), 2),
        ("layers are equivalent", ("wasserstein H0", "cka"), 4),
    ]
    told = "\n".join(plan_lines(plan))
    for words in (
        "question: alike",
        "up to 3 tests that layers differ (wasserstein H0): rejected is that both layers give",
        "up to 4 tests that layers are equivalent (wasserstein H0, cka): rejected is that the gap "
        "is the margin or more; Holm, at most 5 % false",
        "margin: 1.0, in units of noise",
        plan.hash,
    ):
        assert words in told
    bare = ts.preregister_comparison(
        tmp_path / "bare.json", *runs, measures=["cka"], test="none", points=20, replicates=6
    )
    assert bare.families == ()
    assert "margin: none, so that no equivalence can be claimed" in plan_lines(bare)


def test_the_tests_made_are_those_planned(runs, tmp_path):
    plan = ts.preregister_comparison(tmp_path / "plan.json", *runs, **ASKED)
    _, found = done(runs, tmp_path / "plan.json")
    made = {one["name"]: one["tests"] for one in found.attrs["families"]}
    assert made == {one.about: one.tests for one in plan.families}


def test_a_plan_that_is_followed_and_told_so(runs, tmp_path):
    ts.preregister_comparison(tmp_path / "plan.json", *runs, **ASKED)
    followed, found = done(runs, tmp_path / "plan.json", tmp_path / "kept")
    assert followed.kept and followed.plan.earlier
    again = ts.Comparison.load(tmp_path / "kept")
    for one in (found, again):
        assert "The plan was followed (written" in summarize_comparison(one)[-1]
    assert "existed), before any of these numbers" in comparison_plan(again.attrs)
    page = ts.report(again, to=tmp_path / "page.html").read_text("utf-8")
    assert "<dt>Plan</dt><dd>followed (written" in page
    plain = ts.compare(*runs, jobs=0, **ASKED)
    assert comparison_plan(plain.attrs).startswith("none was written before the results")
    assert "plan" not in summarize_comparison(plain)[-1]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"margin": 2.0}, "margin 2.0 where 1.0 was planned"),
        ({"margin": None}, "margin none where 1.0 was planned"),
        ({"margin_unit": "absolute"}, "margin_unit absolute where noise was planned"),
        ({"level": 0.9}, "level 0.9 where 0.95 was planned"),
        ({"measures": ["wasserstein"]}, "measures wasserstein where wasserstein, cka was planned"),
        ({"measures": ["wasserstein", "rsa", "cka"]}, "3 tests that layers are equivalent"),
        ({"n_resamples": 99}, "n_resamples 99 where 9999 was planned"),
        ({"seed": 3}, "seed 3 where 0 was planned"),
        ({"test": "none"}, "test False where True was planned"),
    ],
)
def test_what_is_done_otherwise_is_named(runs, tmp_path, changed, says):
    planned = ASKED | ({"measures": ["wasserstein", "cka"]})
    if "rsa" in changed.get("measures", ()):
        planned["margin"], says = None, "6 tests that layers are equivalent where up to 0"
    ts.preregister_comparison(tmp_path / "plan.json", *runs, **planned)
    followed, found = done(runs, tmp_path / "plan.json", **changed)
    assert not followed.kept
    assert says in comparison_plan(found.attrs)
    assert "The plan was not followed" in summarize_comparison(found)[-1]


def test_other_networks_and_other_samples_are_seen(runs, tmp_path):
    ts.preregister_comparison(tmp_path / "plan.json", *runs, **ASKED)
    X = np.random.default_rng(9).normal(size=(160, 4))
    save_arrays(ts.from_arrays({"a": X, "b": X[:, :2]}, name="third"), tmp_path / "third")
    followed, found = done([runs[0], tmp_path / "third"], tmp_path / "plan.json")
    assert [one.parameter for one in followed.deviations] == ["networks"]
    assert "other networks than planned: third" in comparison_plan(found.attrs)
    similar = {"measures": ["cka"], "points": 20, "replicates": 6, "margin": None}
    ts.preregister_comparison(tmp_path / "cka.json", *runs, **similar)
    same, _ = done(runs, tmp_path / "cka.json", homology_dimensions=None, **similar)
    assert same.kept
    more = similar | {"homology_dimensions": None, "points": 16}
    other, found = done(runs, tmp_path / "cka.json", **more)
    assert {one.parameter for one in other.deviations} == {"points", "draws"}
    assert "other samples were drawn than planned" in comparison_plan(found.attrs)


def test_a_plan_after_results_is_none(runs, tmp_path):
    ts.compare(*runs, store=tmp_path / "kept", jobs=0, **ASKED)
    ts.preregister_comparison(tmp_path / "late.json", *runs, **ASKED)
    followed, found = done(runs, tmp_path / "late.json", tmp_path / "kept")
    assert not followed.kept and followed.before == 4
    assert "4 tasks were done before the plan was taken up" in comparison_plan(found.attrs)


def test_edited_second_and_foreign_plans_are_refused(runs, tmp_path):
    path = tmp_path / "plan.json"
    ts.preregister_comparison(path, *runs, **ASKED)
    done(runs, path, tmp_path / "kept")
    ts.preregister_comparison(tmp_path / "second.json", *runs, **ASKED | {"margin": 3.0})
    with pytest.raises(UsageError, match=r"were begun .* under another one .* a second plan"):
        done(runs, tmp_path / "second.json", tmp_path / "kept", margin=3.0)
    with pytest.raises(UsageError, match="it exists already"):
        ts.preregister_comparison(path, *runs, **ASKED)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"written": "2020-01-01T00:00:00+00:00"}))
    with pytest.raises(DamagedError, match="was changed after it was written"):
        done(runs, path)
    ts.preregister(tmp_path / "analysis.json", runs[0], points=20, replicates=6)
    with pytest.raises(UsageError, match="a plan for 'toposcope analyze'"):
        done(runs, tmp_path / "analysis.json")
    memory = ts.from_arrays({"a": np.eye(30)})
    with pytest.raises(UsageError, match=r"lies in memory.*ts\.store\.save_arrays"):
        ts.preregister_comparison(tmp_path / "no.json", memory, memory)


def test_a_copy_beside_the_results_cannot_be_edited(runs, tmp_path):
    ts.preregister_comparison(tmp_path / "plan.json", *runs, **ASKED)
    done(runs, tmp_path / "plan.json", tmp_path / "kept")
    assert (tmp_path / "kept" / COPY).exists()
    stored = tmp_path / "kept" / "comparison.json"
    content = read_json(stored)
    content["attrs"]["preregistered"]["plan"]["parameters"]["margin"] = 9.0
    put_json(stored, content)
    with pytest.raises(DamagedError, match="does not match its recorded hash"):
        ts.describe(ts.Comparison.load(tmp_path / "kept"))


def typed(*words):
    return CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)


def test_the_command_writes_shows_and_refuses(runs, tmp_path):
    plan, asked = tmp_path / "plan.json", ["--points", 20, "--replicates", 6, "--homology", 0]
    wrote = typed("plan", plan, "compare", *runs, *asked, "--margin", 1)
    assert wrote.exit_code == 0 and "plan of a comparison, written" in wrote.stdout
    assert typed("plan", plan).stdout == wrote.stdout
    follow = next(line for line in wrote.stdout.splitlines() if line.startswith("follow it"))
    words = follow.partition(": toposcope ")[2].split()
    told = typed(*words, "--jobs", 0)
    assert told.exit_code == 0 and "The plan was followed" in told.stdout
    one = typed("plan", "--json", tmp_path / "one.json", "analyze", runs[0], "--points", 20)
    assert json.loads(one.stdout)["kind"] == "analysis"
    assert typed("plan", tmp_path / "x.json", "rank", runs[0]).exit_code == 2
    assert typed("plan", tmp_path / "none.json").exit_code == 2
    twice = typed("plan", tmp_path / "x.json", "compare", *runs, "--plan", plan)
    assert twice.exit_code == 2 and "leave --plan and --preregister away" in twice.stderr


def test_a_plan_takes_what_the_comparison_takes():
    asked = inspect.signature(ts.compare).parameters
    planned = inspect.signature(ts.preregister_comparison).parameters
    shared = [name for name in planned if name in asked]
    assert {n: asked[n].default for n in shared} == {n: planned[n].default for n in shared}
    assert set(asked) - set(planned) == NOT_PLANNED
