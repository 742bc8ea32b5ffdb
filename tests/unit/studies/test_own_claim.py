"""A claim of one's own: read, refused, its power said, frozen, decided, kept."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import toposcope as ts
from benchmarks.calibration.claims import load, rate
from benchmarks.calibration.studies_own import planted_table
from toposcope.cli import main
from toposcope.errors import UsageError
from toposcope.store import save_arrays
from toposcope.studies.own_claim import claim_of, read_claim
from toposcope.studies.own_claim_decision import ahead_of, own_evidence
from toposcope.studies.own_claim_run import prepare
from toposcope.studies.stored import load_study

FALLS = {
    "id": "D1",
    "sentence": "The last layer is flatter than the first.",
    "statistic": "lifespan_sum",
    "homology_dimension": 0,
    "where": "last_against_first",
    "unit": "network",
    "direction": "below",
    "null": "depth_shuffled",
    "scale": "log",
}
X = np.random.default_rng(0).normal(size=(80, 4))


def network(folder, seed, shrink, *, draws=3, layers=4, null="none"):
    """A RUN whose layers lose two of four dimensions when `shrink`, and are alike otherwise."""
    rng = np.random.default_rng(seed)
    made, own = {}, rng.uniform(0.7, 1.0)
    for k in range(layers):
        turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        flat = (1 - shrink * own * k / (layers - 1)) if shrink else rng.uniform(0.8, 1.0)
        made[f"l{k}"] = (X * [1, 1, flat, flat]) @ turn
    run = save_arrays(ts.from_arrays(made, name=folder.name), folder)
    ts.analyze(run, points=20, replicates=draws, jobs=0, null=null)
    return run


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Two populations of eight networks: one that flattens with depth, one that does not."""
    place = tmp_path_factory.mktemp("worlds")
    for name, shrink in (("flat", 0.99), ("same", 0.0)):
        for seed in range(8):
            network(place / name / f"net{seed}", seed + 10 * (name == "same"), shrink)
        rows = [f"net{k},{('relu', 'tanh')[k % 2]},{k},8,{k // 2}" for k in range(8)]
        text = "\n".join(["run,activation,index,width,pair", *rows])
        (place / name / "population.csv").write_text(text + "\n", encoding="utf-8")
    network(place / "alone", 3, 0.99, draws=4, null="shuffled")
    return place


def write(path, **changes):
    values = {key: value for key, value in {**FALLS, **changes}.items() if value is not None}
    path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()), "utf-8")
    return path


def typed(*words):
    return CliRunner().invoke(main, ["study", *map(str, words)])


def test_a_true_and_a_false_world_through_the_command(worlds, tmp_path):
    file = write(tmp_path / "claim.toml")
    said = typed(file, worlds / "flat", "-o", tmp_path / "flat", "--json")
    assert said.exit_code == 0, said.stderr
    found = json.loads(said.stdout)
    (one,) = found["verdicts"]
    assert (one["verdict"], one["n"], one["unit"]) == ("confirmed", 8, "network")
    assert one["effect"] < -0.2 and one["p"] < 0.01
    assert one["alternatives"] == {"median of draws": "confirmed", "plain": "confirmed"}
    assert "power 0.8" in said.stderr and "hash" in said.stderr
    assert (tmp_path / "flat" / "study.html").exists()
    kept = load_study(tmp_path / "flat")
    assert kept.verdict("D1").decision == "confirmed" and "D1" in ts.describe(kept)
    false = ts.studies.run(file, worlds / "same", out=tmp_path / "same")
    assert false.verdict("D1").decision != "confirmed"


def test_python_says_the_same(worlds, tmp_path):
    file = write(tmp_path / "claim.toml")
    runs = sorted(worlds.glob("flat/net*"))
    a = ts.studies.run(file, runs, out=tmp_path / "a").verdict("D1")
    b = ts.studies.run(file, ts.population(worlds / "flat"), out=tmp_path / "b").verdict("D1")
    assert (a.effect, a.p, a.decision) == (b.effect, b.p, b.decision)
    with pytest.raises(UsageError, match="none of quick="):
        ts.studies.run(file, runs, quick=True)


def test_draws_speak_about_one_network_only(worlds, tmp_path):
    file = write(tmp_path / "c.toml", unit="draw", fewest=4)
    said = typed(file, worlds / "alone", "-o", tmp_path / "out")
    assert said.exit_code == 0, said.stderr
    assert "about this network only" in said.stderr
    assert "this network over data only" in said.stdout
    assert "4 draws" in said.stdout
    several = typed(file, *sorted(worlds.glob("flat/net*")))
    assert several.exit_code == 2 and "unit = 'network'" in several.stderr


def test_a_claim_against_null_clouds_of_the_analysis(worlds, tmp_path):
    terms = {"unit": "draw", "fewest": 4, "where": "layer", "layer": "l3", "scale": None}
    file = write(tmp_path / "c.toml", **terms, null="shuffled", direction="above")
    said = typed(file, worlds / "alone", "-o", tmp_path / "out", "--json")
    assert said.exit_code == 2 and "smallest p is 0.0625" in said.stderr
    lower = write(tmp_path / "c.toml", **terms, null="shuffled", level=0.9)
    (one,) = ts.studies.run(lower, worlds / "alone", out=tmp_path / "low").verdicts
    assert one.decision == "refuted"  # a length is never below 0
    missing = write(tmp_path / "m.toml", **terms, null="copula", level=0.9)
    with pytest.raises(UsageError, match=r"it has shuffled\).*--null copula"):
        ts.studies.run(missing, worlds / "alone", out=tmp_path / "missing")


def test_the_power_is_said_and_nothing_is_written_by_a_dry_run(worlds, tmp_path):
    file = write(tmp_path / "c.toml", spread=0.1, expected=-0.2)
    said = typed(file, worlds / "flat", "-o", tmp_path / "out", "--dry-run", "--json")
    found = json.loads(said.stdout)
    assert not (tmp_path / "out").exists()
    assert found["n"] == 8 and found["in_units"] == pytest.approx(0.1 * found["detectable"])
    assert found["chance"] > 0.99


def test_power_is_that_of_the_rule():
    """What is promised for 8 units comes out of 2,000 simulated data sets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 8))
    half = 2.3646 * x.std(axis=1, ddof=1) / math.sqrt(8)
    above = claim_of({**FALLS, "direction": "above"})
    size = ahead_of(above, 8).detectable
    assert np.mean(x.mean(axis=1) + size - half > 0) == pytest.approx(0.8, abs=0.02)
    within = {**FALLS, "direction": "within", "null": "margin", "margin": 1.0, "spread": 1.0}
    ahead = ahead_of(claim_of(within), 8)
    assert np.mean(np.abs(x.mean(axis=1)) + half < ahead.detectable) == pytest.approx(0.8, abs=0.02)
    inside = np.mean(np.abs(x.mean(axis=1)) + half < 1.0)
    assert ahead.chance == pytest.approx(inside, abs=0.02)


def test_power_of_correlations_is_near_what_simulations_give():
    own = claim_of({**FALLS, "by": "acc", "null": "covariate_permuted", "direction": "above"})
    r = ahead_of(own, 20).detectable
    rng, hits = np.random.default_rng(1), 0
    for _ in range(300):
        x = rng.normal(size=20)
        y = r * x + math.sqrt(1 - r**2) * rng.normal(size=20)
        hits += ts.stats.partial_correlation(x, y, method="spearman").low > 0
    assert 0.68 < hits / 300 < 0.88


def test_a_frozen_claim_is_not_changed_after_its_values(worlds, tmp_path):
    file, runs = write(tmp_path / "c.toml"), worlds / "flat"
    first = ts.studies.run(file, runs, out=tmp_path / "studies" / "one")
    again = ts.studies.run(file, runs, out=tmp_path / "studies" / "one")
    assert again.spec["design"]["hash"] == first.spec["design"]["hash"]
    write(file, threshold=-0.5)
    changed = typed(file, runs, "-o", tmp_path / "studies" / "one")
    assert changed.exit_code == 2
    assert "threshold was 0.0, is -0.5" in changed.stderr and "another id" in changed.stderr
    write(file, id="D2", threshold=-0.5)
    _, ready = prepare(read_claim(file), runs, path=file, out=tmp_path / "studies" / "two")
    assert ready.others == ("D1",)
    other = typed(file, worlds / "same", "-o", tmp_path / "studies" / "one")
    assert other.exit_code == 2 and "networks was" in other.stderr


def test_where_a_claim_is_kept_follows_from_its_id_and_captures(worlds, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "c.toml", id="D/1")
    found = ts.studies.run(file, worlds / "flat")
    assert found.folder.parent.name == "studies" and found.folder.name.startswith("D-1-")


def test_the_order_of_layers_is_what_a_slope_is_made_of(worlds, tmp_path):
    file = write(tmp_path / "c.toml", where="slope_over_depth")
    one = ts.studies.run(file, worlds / "flat", out=tmp_path / "a").verdict("D1")
    assert one.decision == "confirmed" and one.alternatives["ranks"] == "confirmed"
    up = write(tmp_path / "c.toml", where="slope_over_depth", direction="above")
    assert ts.studies.run(up, worlds / "flat", out=tmp_path / "b").verdict("D1").decision == (
        "refuted"
    )


def test_covariates_are_correlated_and_compared(worlds, tmp_path):
    about = {"by": "index", "null": "covariate_permuted", "direction": "above"}
    file = write(tmp_path / "c.toml", **about)
    one = ts.studies.run(file, worlds / "flat", out=tmp_path / "a").verdict("D1")
    means = ts.population(worlds / "flat").means("lifespan_sum", 0)
    ratio = np.log(means["l3"] / means["l0"])
    assert one.effect == pytest.approx(
        ts.stats.partial_correlation(ratio, np.arange(8.0), method="spearman").value
    )
    assert set(one.alternatives) == {"median of draws", "plain", "pearson"}
    groups = {**about, "by": "activation", "groups": ["relu", "tanh"]}
    file = write(tmp_path / "c.toml", **groups)
    two = ts.studies.run(file, worlds / "flat", out=tmp_path / "b").verdict("D1")
    assert two.effect == pytest.approx(ratio[::2].mean() - ratio[1::2].mean()) and two.n == 8
    inside = {**groups, "direction": "within", "null": "margin", "margin": 5.0}
    file = write(tmp_path / "c.toml", **inside)
    assert ts.studies.run(file, worlds / "flat", out=tmp_path / "c").verdict("D1").decision == (
        "confirmed"
    )


def test_configurations_are_units_where_seeds_are_alike(worlds, tmp_path):
    nested = {"configuration": ["pair"]}
    refused = typed(write(tmp_path / "c.toml", **nested), worlds / "flat")
    assert refused.exit_code == 2 and "8 networks of 4 configurations" in refused.stderr
    few = typed(write(tmp_path / "c.toml", **nested, unit="configuration"), worlds / "flat")
    assert few.exit_code == 2 and "4 configurations; its rule needs 8" in few.stderr
    file = write(tmp_path / "c.toml", **nested, unit="configuration", fewest=4)
    one = ts.studies.run(file, worlds / "flat", out=tmp_path / "a").verdict("D1")
    assert (one.n, one.claim.unit) == (4, "configuration")
    means = ts.population(worlds / "flat").means("lifespan_sum", 0)
    assert one.effect == pytest.approx(np.log(means["l3"] / means["l0"]).mean())


REFUSED = [
    ({"statistik": "x"}, "unknown key 'statistik'. Near matches: statistic"),
    ({"sentence": None}, "'sentence' is missing"),
    ({"homology_dimension": "0"}, "homology_dimension = '0' is not a whole number"),
    ({"fewest": 2.5}, "fewest = 2.5 is not a whole number"),
    ({"threshold": "low"}, "threshold = 'low' is not a number"),
    ({"groups": "relu"}, "groups = 'relu' is not a list of texts"),
    ({"unit": "networks"}, "Near matches: network"),
    ({"unit": "image"}, "needed is one of draw, network, configuration"),
    ({"where": "last"}, "where = 'last' is unknown"),
    ({"direction": "higher"}, "needed is one of above, below, within"),
    ({"null": "depth_shufled"}, "Near matches: depth_shuffled"),
    ({"null": "steps_shuffled"}, "cannot break this claim"),
    ({"direction": "within"}, "needs margin ="),
    ({"direction": "within", "margin": 0.0, "null": "margin"}, "margin of an equivalence"),
    ({"margin": 0.1}, "margin does not go with direction = 'below'"),
    ({"direction": "within", "margin": 0.1, "least": 0.2, "null": "margin"}, "least does not go"),
    ({"least": 0.5}, "lies short of threshold"),
    ({"level": 1.5}, "level"),
    ({"fewest": 2}, "fewest"),
    ({"where": "layer", "null": "signs_flipped"}, "needs layer or depth"),
    ({"depth": 0.5}, "does not go with where"),
    ({"by": "index"}, "goes with null = covariate_permuted"),
    ({"by": "index", "null": "covariate_permuted", "unit": "draw"}, "draws share"),
    ({"by": "index", "null": "covariate_permuted", "groups": ["relu"]}, "groups needs two names"),
    ({"by": "index", "null": "covariate_permuted", "threshold": -1.0}, "between -1 and 1"),
    ({"spread": 0.0}, "spread = 0.0 is not above 0"),
    ({"unit": "configuration"}, "needs configuration = [COLUMNS]"),
    ({"statistic": "lifespan_sums"}, "Near matches: lifespan_sum"),
    ({"homology_dimension": 7}, "write homology_dimension = 0 or 1"),
    ({"homology_dimension": None}, "write homology_dimension = 0 or 1"),
    ({"where": "layer", "layer": "l9", "null": "signs_flipped"}, "layer = 'l9' is no layer"),
    ({"where": "slope_over_steps", "layer": "l1", "null": "steps_shuffled"}, "needs a SERIES"),
    ({"null": "shuffled"}, "--null shuffled"),
    ({"fewest": 9}, "8 networks; its rule needs 9"),
    ({"by": "accurcy", "null": "covariate_permuted"}, "by = 'accurcy' is no covariate"),
    ({"by": "width", "null": "covariate_permuted"}, "does not vary: it is 8"),
    ({"by": "activation", "null": "covariate_permuted"}, "write groups = ['relu', 'tanh']"),
    (
        {"by": "activation", "null": "covariate_permuted", "groups": ["relu", "gelu"]},
        "no network has activation = 'gelu'",
    ),
    ({"unit": "draw"}, "speaks about one network; got 8"),
]


@pytest.mark.parametrize(("changes", "told"), REFUSED)
def test_what_cannot_be_decided_is_refused_before_anything_is_written(
    worlds, tmp_path, changes, told
):
    said = typed(write(tmp_path / "c.toml", **changes), worlds / "flat", "-o", tmp_path / "out")
    assert said.exit_code == 2, (said.stdout, said.stderr, said.exception)
    assert told in said.stderr and "c.toml" in said.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_claims(worlds, tmp_path):
    runs = worlds / "flat"
    (tmp_path / "bad.toml").write_text("id = ", "utf-8")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for name, told in (("no", "no readable"), ("bad", "not TOML"), ("bytes", "not UTF-8")):
        said = typed(tmp_path / f"{name}.toml", runs)
        assert said.exit_code == 2 and told in said.stderr and f"{name}.toml" in said.stderr


def test_folders_that_a_claim_cannot_be_decided_on(worlds, tmp_path):
    file = write(tmp_path / "c.toml")
    nothing = typed(file)
    assert nothing.exit_code == 2 and "toposcope study c.toml RUN" in nothing.stderr
    (tmp_path / "empty").mkdir()
    assert "not a RUN" in typed(file, tmp_path / "empty").stderr
    bare = [
        save_arrays(ts.from_arrays({"l0": X, "l1": X}), tmp_path / f"bare{k}") for k in range(8)
    ]
    unmeasured = typed(file, *bare)
    assert unmeasured.exit_code == 2 and "toposcope analyze" in unmeasured.stderr
    fewer = save_arrays(ts.from_arrays({"l0": X[:60], "l1": X[:60]}), tmp_path / "fewer")
    ts.analyze(fewer, points=20, replicates=3, jobs=0)
    unlike = typed(file, *sorted(worlds.glob("flat/net*")), fewer)
    assert unlike.exit_code == 2 and "same samples" in unlike.stderr
    twice = typed(file, worlds / "flat", worlds / "same")
    assert twice.exit_code == 2 and "pass it alone" in twice.stderr


def test_a_logarithm_of_zero_is_refused_rather_than_left_out():
    table = planted_table(np.random.default_rng(0), claim_of(FALLS), 0.0)
    table.loc[0, "value"] = 0.0
    with pytest.raises(UsageError, match=r"0 or below in 1 of .*scale = 'plain'"):
        own_evidence(claim_of(FALLS), table)


@pytest.mark.parametrize("name", [name for name in load() if name.startswith("studies_own.")])
def test_planted_worlds_keep_their_rates(name):
    assert rate(load()[name], 20).kept


def test_a_choice_that_was_not_claimed_is_no_verdict():
    own = claim_of(FALLS)
    assert own.choices == ("median of draws", "plain")
    assert replace(own, threshold=-0.1).choices == ("median of draws",)
