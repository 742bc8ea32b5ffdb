"""Groups of networks: units, families, sentences that are false in other worlds, refusals."""

import json
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import toposcope as ts
from benchmarks.calibration.population import DESIGNS, planted
from toposcope.cli import main
from toposcope.errors import DamagedError, DesignWarning, StoreError, UsageError
from toposcope.store import save_arrays
from toposcope.store.preregistration import Preregistration
from toposcope.store.verify import verify
from toposcope.words.population import group_sentences


def world(design, seed=0, **how):
    place, group, _ = DESIGNS[design]
    return planted(np.random.default_rng(seed), place, group, **how)


def test_a_planted_difference_is_named_with_its_layer_and_side():
    found = ts.compare(world("two", sds=(0.0, 0.5, 0.5), shift=[0, 0, 9]), by="group")
    rows = found.layers.query("status == 'ok'").set_index("layer")
    assert rows.loc["l2", "adjusted_p"] <= 0.05 < rows.loc["l0", "adjusted_p"]
    assert rows.loc["l2", "low"] < 9 < rows.loc["l2", "high"]
    said = group_sentences(found)
    assert said[0].startswith("H0 lifespan sum differs between g0 and g1 (group) in 1 of 3 layers")
    assert "l2:" in said[0] and "larger in g1" in said[0]
    assert "No difference" not in " ".join(said)
    turned = ts.compare(world("two", sds=(0.0, 0.5, 0.5), shift=[0, 0, -9]), by="group")
    assert "larger in g0" in group_sentences(turned)[0]


def test_an_interval_includes_0_exactly_where_no_difference_is_found():
    """Of any design and size: interval and decision are one answer."""
    seen = set()
    for seed in range(8):
        for design in DESIGNS:
            shift = [0, 1.5, 3] if seed % 2 else [0, 0, 1]
            table = ts.compare(world(design, seed, shift=shift), by="group", n_resamples=199).layers
            for row in table[table["status"] == "ok"].to_dict("records"):
                found = row["adjusted_p"] <= 0.05
                if found:
                    assert row["low"] >= 0 if row["value"] > 0 else row["high"] <= 0
                else:
                    assert row["low"] <= 0 <= row["high"]
                assert row["low"] <= row["value"] <= row["high"]
                seen.add((found, 0.0 in (row["low"], row["high"])))
    assert seen == {(True, True), (True, False), (False, True), (False, False)}


def test_networks_that_do_not_differ_are_not_said_to_and_not_said_to_be_alike():
    said = group_sentences(ts.compare(world("nested", seed=3), by="group"))
    assert said[0].startswith("No difference between g0 and g1 was found in H0 lifespan sum")
    assert "; smaller ones may be there: a difference of" in said[0] and "8 times in 10" in said[0]
    assert "longest persistence" not in said[0]  # was never measured
    assert any("could not be compared" in one and "H1" in one for one in said)


def test_the_unit_follows_from_the_nesting_and_is_told():
    said = {name: group_sentences(ts.compare(world(name), by="group"))[-1] for name in DESIGNS}
    assert "Unit: network (10 networks in 2 configurations)" in said["two"]
    assert "training these configurations again" in said["two"]
    assert "Unit: configuration (8 of them, the means of 24 networks)" in said["nested"]
    assert "configurations like these" in said["nested"]
    assert "compared inside the 6 of 6 configurations that hold both" in said["crossed"]
    alone = group_sentences(ts.compare(world("nested", told=False), by="group"))[-1]
    assert "(24 networks, each taken as a configuration of its own)" in alone
    assert "training networks like these" in alone


def test_too_few_networks_are_told_with_the_number_needed_and_nothing_is_found():
    place, group = np.repeat([0, 1], 3), np.repeat([0, 1], 3)
    few = planted(np.random.default_rng(0), place, group, shift=99.0)
    with pytest.warns(DesignWarning, match=r"3 and 3 networks: no p-value.*4 networks"):
        found = ts.compare(few, by="group")
    said = group_sentences(found)
    assert said[0].startswith("g0 against g1: undecidable. 3 and 3 networks cannot give")
    assert "4 networks in each are needed" in said[0] and "differs" not in " ".join(said)
    lone = planted(np.random.default_rng(0), np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1]))
    with pytest.raises(UsageError, match=r"1 configuration in 'g0' and 2 in 'g1', 5 networks.*4 a"):
        ts.compare(lone, by="group")


def test_pairs_of_groups_share_the_level():
    place = np.repeat(np.arange(3), 5)
    three = planted(np.random.default_rng(1), place, place)
    both = ts.compare(three, by="group", groups=["g0", "g1"]).layers
    every = ts.compare(three, by="group").layers
    first = every[(every["group_a"] == "g0") & (every["group_b"] == "g1")]
    alone, shared = (t[t["status"] == "ok"] for t in (both, first))
    np.testing.assert_allclose(shared["pvalue"], alone["pvalue"])
    np.testing.assert_allclose(shared["adjusted_p"], np.minimum(3 * alone["adjusted_p"], 1))
    assert (shared["high"].to_numpy() > alone["high"].to_numpy()).all()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"by": "activation"}, "no covariate 'activation'"),
        ({"by": "configuration"}, "8 values"),
        ({}, r"by=COLUMN \(--by COLUMN\)\. There are group, configuration"),
        ({"by": "group", "groups": ["g0", "g7"]}, "no network has group=g7"),
        ({"by": "group", "groups": "g0"}, r"1 group \(g0\)"),
        ({"by": "group", "statistics": ["lifespan"]}, "no statistic 'lifespan'.*lifespan_sum"),
        ({"by": "group", "level": 0.4}, "level"),
        ({"by": "group", "n_resamples": 9}, "n_resamples"),
    ],
)
def test_what_cannot_be_compared_is_refused(how, told):
    with pytest.raises(UsageError, match=told):
        ts.compare(world("nested"), **how)


def test_compare_of_networks_and_of_a_population_are_told_apart():
    some = world("two")
    with pytest.raises(UsageError, match=r"group against group; got 2 items"):
        ts.compare(some, some)
    with pytest.raises(UsageError, match=r"by='group' tells groups of a population"):
        ts.compare(some.analyses[0], some.analyses[1], by="group")


def test_the_page_says_the_unit_and_draws_a_line_for_every_network(tmp_path):
    some = world("two", sds=(0.0, 0.5, 0.5), shift=[0, 0, 9])
    page = ts.report(ts.compare(some, by="group"), to=tmp_path / "g.html").read_text("utf-8")
    assert "Unit: network (10 networks in 2 configurations)" in page
    # One statistic has values in this world; the others are named and not drawn.
    assert page.count("<title>net") == 10 and "mean of g1" in page
    assert page.count("<polyline") == 12 and "so that there is nothing to draw: " in page
    own = ts.report(some, to=tmp_path / "p.html").read_text("utf-8")
    assert "10 networks in 2 configurations, by configuration" in own
    assert "Where the spread comes from" in own


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("population")
    X = np.random.default_rng(0).normal(size=(60, 4))
    lines = ["run,activation,seed"]
    for k in range(8):
        turned = X @ np.random.default_rng(k).normal(size=(4, 4))
        thin = turned * ([1, 1, 1e-3, 1e-3] if k >= 4 else 1)
        run = save_arrays(ts.from_arrays({"a": turned, "b": thin}, name=f"n{k}"), place / f"n{k}")
        ts.analyze(run, points=20, replicates=3, jobs=0)
        lines.append(f"n{k},{'tanh' if k >= 4 else 'relu'},{k % 4}")
    (place / "population.csv").write_text("\n".join(lines) + "\n")
    return place


def cli(*words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DesignWarning)
        return CliRunner().invoke(main, list(map(str, words)))


def test_the_command_line_compares_and_reports_a_folder(folder, tmp_path):
    page = tmp_path / "groups.html"
    how = ("compare", folder, "--by", "activation", "--configuration", "activation")
    done = cli(*how, "--report", page, "-o", tmp_path / "kept")
    assert done.exit_code == 0, done.output
    assert f"kept in {tmp_path / 'kept'}" in done.output
    again = cli("report", tmp_path / "kept", "-o", tmp_path / "again.html")
    assert again.exit_code == 0 and (tmp_path / "again.html").read_bytes() == page.read_bytes()
    assert cli("verify", tmp_path / "kept").exit_code == 0
    assert "Unit: network (8 networks in 2 configurations)" in done.output and page.exists()
    held = json.loads(cli(*how, "--statistics", "lifespan_sum,scale", "--json").stdout)
    assert {row["statistic"] for row in held["layers"]} == {"lifespan_sum", "scale"}
    assert held["pairs"][0]["n_a"] == 4 and held["groups"] == ["relu", "tanh"]
    written = cli("report", folder, "--configuration", "activation", "-o", tmp_path / "r.html")
    assert written.exit_code == 0, written.output
    assert "configurations are told one by one" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--by activation", "--configuration activation"),
        ("--configuration activation", "--by COLUMN"),
        ("--by activation --configuration activation --measures cka", "--measures is about two"),
        ("--by activation --configuration activation --margin 1", "--margin is about two"),
        ("--by activatoin --configuration activation", "activation"),
        ("--by activation --configuration depth", "--configuration depth is no covariate"),
    ],
)
def test_the_command_line_refuses_with_code_two(folder, words, told):
    done = cli("compare", folder, *words.split())
    assert done.exit_code == 2 and told in done.output


def test_options_of_populations_need_one(folder):
    done = cli("compare", folder / "n0", folder / "n1", "--by", "activation")
    assert done.exit_code == 2 and "about one POPULATION" in done.output
    done = cli("report", folder / "n0", "--configuration", "x")
    assert done.exit_code == 2 and "about the folder of a population" in done.output


# Kept in a folder.


def kept_world(tmp_path, **how):
    found = ts.compare(world("crossed", shift=[0, 0, 3]), by="group", n_resamples=199, **how)
    return found, tmp_path / "kept"


def test_what_was_kept_says_and_shows_the_same(tmp_path):
    found, folder = kept_world(tmp_path, store=tmp_path / "kept")
    again = ts.GroupComparison.load(folder)
    assert again.population is None and again.folder == folder
    assert group_sentences(again) == group_sentences(found)
    assert ts.describe(again) == ts.describe(found)
    for name in ("layers", "models", "pairs"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name))
    pages = [ts.report(one, to=tmp_path / "page.html").read_text() for one in (found, folder)]
    assert pages[0] == pages[1]
    assert verify(folder).problems == ()


def test_a_number_changed_in_a_kept_comparison_is_seen(tmp_path):
    _, folder = kept_world(tmp_path, store=tmp_path / "kept")
    table = pd.read_parquet(folder / "layers.parquet")
    table.assign(adjusted_p=0.001).to_parquet(folder / "layers.parquet")
    assert "layers.parquet" in " ".join(verify(folder).problems)
    with pytest.raises(DamagedError, match=r"layers\.parquet"):
        ts.GroupComparison.load(folder)
    (folder / "done.json").unlink()
    assert "not complete" in " ".join(verify(folder).problems)
    with pytest.raises(StoreError, match="no finished comparison of groups"):
        ts.GroupComparison.load(folder)


def test_a_folder_holds_one_question(tmp_path):
    found, folder = kept_world(tmp_path, store=tmp_path / "kept")
    kept_world(tmp_path, store=folder)  # the same again
    with pytest.raises(UsageError, match=r"holds a comparison of groups with level 0\.95"):
        kept_world(tmp_path, store=folder, level=0.99)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="is a RUN already"):
        kept_world(tmp_path, store=tmp_path / "run")
    with pytest.raises(StoreError, match="no finished comparison of groups"):
        ts.GroupComparison.load(tmp_path / "nothing")
    with pytest.raises(UsageError, match=r"holds no networks"):
        replace(found, networks=None).save(tmp_path / "other")


def test_a_plan_of_groups_says_whether_it_was_followed(folder, tmp_path):
    """Who is in which group belongs to it: a network that changes sides is another question."""
    path = tmp_path / "plan.json"
    how = ("compare", folder, "--by", "activation", "--configuration", "activation")
    told = cli(*how, "--preregister", path, "--note", "relu?")
    assert told.exit_code == 0, told.stderr
    assert "that groups differ (" in told.stdout and "question: relu?" in told.stdout
    command = told.stdout.partition("follow it with: toposcope ")[2].split()
    done = json.loads(cli(*command, "--json", "-o", tmp_path / "kept").stdout)
    assert done["plan"].startswith("followed (") and "Its plan was followed" in done["summary"][-1]
    again = cli(*command, "-o", tmp_path / "kept", "--json")
    assert json.loads(again.stdout)["plan"] == done["plan"]
    other = json.loads(cli(*command, "--seed", 5, "--json").stdout)["plan"]
    assert other.startswith("not followed (") and "seed 5 where 0 was planned" in other
    rows = (folder / "population.csv").read_text().splitlines()
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    first, last = rows[1].split(","), rows[-1].split(",")
    column = rows[0].split(",").index("activation")
    first[column], last[column] = last[column], first[column]
    changed = [rows[0], ",".join(first), *rows[2:-1], ",".join(last)]
    (moved / "population.csv").write_text("\n".join(changed) + "\n")
    command[1] = str(moved)
    assert "members" in json.loads(cli(*command, "--json").stdout)["plan"]


def test_a_plan_of_groups_is_none_of_networks_and_holds_saved_networks(folder, tmp_path):
    plan = tmp_path / "plan.json"
    population = ts.population(folder, configuration=["activation"])
    frozen = ts.preregister_comparison(plan, population, by="activation")
    assert Preregistration.read(plan) == frozen and frozen.kind == "comparison of groups"
    runs = sorted(one for one in folder.iterdir() if one.is_dir())[:2]
    with pytest.raises(UsageError, match="compare POPULATION --by COLUMN"):
        ts.compare(*runs, plan=plan, jobs=0)
    with pytest.raises(UsageError, match="Pass it alone"):
        ts.preregister_comparison(tmp_path / "x.json", population, population, by="activation")
    with pytest.raises(UsageError, match="lies in memory"):
        ts.preregister_comparison(tmp_path / "y.json", world("two"), by="group")
    with pytest.raises(UsageError, match="exists already"):
        ts.preregister_comparison(plan, population, by="activation")
