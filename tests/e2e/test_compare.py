"""`ts.compare` and `toposcope compare`: what a user asks, and what is refused."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.analysis.opening import load_analysis
from toposcope.cli import main
from toposcope.errors import DesignWarning, UsageError
from toposcope.store.arrays import save_arrays
from toposcope.words.comparison import summarize_comparison

N, LAYERS = 320, 5
SMALL = {"points": 40, "replicates": 8, "jobs": 0}
RNG = np.random.default_rng(0)
LATENT = RNG.normal(size=(N, 4))
MAPS = [RNG.normal(size=(4, 12)) for _ in range(LAYERS)]


def network(seed, *, changed_from=99, n=N, first=0, layers=LAYERS, **replace):
    """Layers that share their input with other networks, and change from one layer on."""
    rng = np.random.default_rng(seed)
    latent = LATENT if not first else np.random.default_rng(first).normal(size=(N, 4))
    out = {}
    for k in range(layers):
        X = np.tanh(latent @ MAPS[k])
        if k >= changed_from:
            X *= 1 + 2 * (latent[:, :1] > 0)
        out[f"layer{k}"] = (X + 0.05 * rng.normal(size=X.shape))[:n]
    out |= replace
    ids = np.array([f"{first}:{row}" for row in range(n)])
    return ts.from_arrays(out, sample_ids=ids, name=f"net{seed}")


@pytest.fixture(scope="module")
def changed():
    measures = ("wasserstein", "landscape", "cka")
    return ts.compare(network(1), network(2, changed_from=3), measures=measures, **SMALL)


def test_the_layers_that_changed_are_found_and_no_other(changed):
    for measure in ("wasserstein", "landscape"):
        rows = changed.layers.query(f"measure == '{measure}' and homology_dimension == 0")
        assert (rows["adjusted_p"] <= 0.05).tolist() == [False, False, False, True, True]
        assert (rows["n"] == 8).all()
        assert rows["paired"].all()
        assert (rows["pvalue"] > 0).all()
    model = changed.models.query("measure == 'wasserstein' and homology_dimension == 0").iloc[0]
    assert model["change_depth"] == pytest.approx(0.8)
    assert "They differ from depth 0.80" in summarize_comparison(changed)[0]
    assert model["onset"] == "step" and model["found"] == 2


def test_similarity_has_a_floor_an_interval_and_its_own_null(changed):
    rows = changed.layers.query("measure == 'cka'")
    assert (rows["value"] > 0.7).all()
    assert (rows["noise"] < 0.3).all()
    assert (rows["low"] <= rows["value"]).all()
    assert rows["value"].iloc[:3].min() > rows["value"].iloc[3:].max()
    assert rows["null"].str.contains("unrelated").all()


def test_every_test_is_in_one_family_of_its_kind(changed):
    layers, models = changed.layers, changed.models
    between = layers["homology_dimension"].notna()
    assert set(layers.loc[between, "family"]) == {"layers differ"}
    assert set(layers.loc[~between, "family"]) == {"layers are related"}
    counted = {one["name"]: one["tests"] for one in changed.attrs["families"]}
    whole = models["pvalue"].notna().sum()
    assert counted == {
        "layers differ": layers.loc[between, "pvalue"].notna().sum() + whole,
        "layers are related": layers.loc[~between, "pvalue"].notna().sum(),
    }
    assert (layers["adjusted_p"] >= layers["pvalue"]).all()
    assert (models.loc[models["homology_dimension"].isna(), "onset"] == "none").all()


def test_the_matrix_holds_the_noise_on_its_diagonal(changed):
    table = changed.matrix("wasserstein", 0)
    assert table.shape == (2 * LAYERS, 2 * LAYERS)
    assert np.allclose(table, table.T)
    row = changed.layers.query("measure == 'wasserstein' and homology_dimension == 0").iloc[4]
    own = np.diag(table)[[4, 9]].mean()
    assert own == pytest.approx(row["noise"])
    assert np.diag(changed.matrix("cka")).tolist() == [1.0] * (2 * LAYERS)
    with pytest.raises(UsageError, match="matrix\\('wasserstein', 0\\)"):
        changed.matrix("wasserstein", 7)


def test_a_network_equals_itself():
    measures = ("wasserstein", "cka")
    found = ts.compare(network(1), network(1), measures=measures, margin=0.1, **SMALL)
    rows = found.layers.query("measure == 'wasserstein'")
    assert (rows["pvalue"] == 1).all()
    assert rows["equivalent"].all()
    assert np.allclose(found.layers.query("measure == 'cka'")["value"], 1.0)


def test_networks_of_different_depth_are_matched_by_relative_depth():
    found = ts.compare(network(1, layers=4), network(2, layers=2), measures=["cka"], **SMALL)
    met = found.layers[["layer_a", "layer_b"]].to_numpy().tolist()
    assert [b for _, b in met] == ["layer0", "layer0", "layer1", "layer1"]


def test_disjoint_samples_are_compared_without_pairs_and_similarity_is_refused():
    a, b = network(1), network(2, first=5)
    found = ts.compare(a, b, measures=["wasserstein"], **SMALL)
    assert not found.layers["paired"].any()
    with pytest.raises(UsageError, match="share 0 of 320 and 320 samples"):
        ts.compare(a, b, measures=["cka"], **SMALL)


def test_partly_shared_samples_are_refused_with_their_count_unless_equalized():
    a, b = network(1), network(2, n=240)
    design = SMALL | {"points": 30}
    with pytest.raises(UsageError, match=r"share 240 samples.*--equalize"):
        ts.compare(a, b, measures=["cka"], **design)
    found = ts.compare(a, b, measures=["wasserstein", "cka"], equalize=True, **design)
    assert found.layers["paired"].all()
    assert any("240" in text for text in found.attrs["warnings"])


def test_other_designs_are_refused_with_what_to_type():
    one = ts.analyze(network(1), points=40, replicates=4, jobs=0, null="none")
    other = ts.analyze(network(2), points=30, replicates=4, jobs=0, null="none")
    with pytest.raises(UsageError, match=r"points: 30 instead of 40.*--points 40"):
        ts.compare(one, other, jobs=0)
    found = ts.compare(one, other, measures=["bottleneck"], equalize=True, test="none", jobs=0)
    assert found.attrs["points"] == 40
    scaled = ts.analyze(network(2), points=40, replicates=4, jobs=0, normalize="zscore")
    with pytest.raises(UsageError, match="normalize: 'zscore' instead of 'mean_distance'"):
        ts.compare(one, scaled, jobs=0)


def volumes(folder, seed):
    maps = LATENT[:48, :, None, None] + np.random.default_rng(seed).normal(size=(48, 4, 4, 4))
    return save_arrays(ts.from_arrays({"a": maps, "b": maps**2}, name=f"net{seed}"), folder)


def test_clouds_of_positions_are_not_compared_with_clouds_of_channels(tmp_path):
    one, other = (volumes(tmp_path / str(seed), seed) for seed in (1, 2))
    design = {"points": 4, "replicates": 6, "jobs": 0, "null": "none"}
    a = ts.analyze(one, points_are="positions", **design)
    b = ts.analyze(other, points_are="channels", **design)
    says = r"points_are: 'channels' instead of 'positions'.*Type 'toposcope analyze .*--points-are"
    for pair in ((a, b), (one, other)):
        with pytest.raises(UsageError, match=says):
            ts.compare(*pair, measures=["wasserstein"], jobs=0)
    found = ts.compare(a, b, measures=["wasserstein"], equalize=True, test="none", jobs=0)
    assert found.attrs["points_are"] == "positions" and found.layers["n"].eq(6).all()
    text = " ".join(summarize_comparison(found))
    assert "6 paired draws of 4 positions of one sample" in text
    with pytest.raises(UsageError, match=r"cka pair samples, and the clouds of .* are made of pos"):
        ts.compare(one, one, measures=["wasserstein", "cka"], jobs=0)
    # Similarities alone pair samples, whatever the points of the analysis were.
    assert ts.compare(one, one, measures=["cka"], jobs=0).layers["value"].notna().all()


@pytest.mark.parametrize(
    "changed",
    [{"max_edge_length": 2.0}, {"coeff": 3}, {"filtration": ts.Geodesic()}, {"metric": "cosine"}],
)
def test_no_parameter_of_a_design_may_differ(changed):
    design = {"points": 20, "replicates": 3, "homology_dimensions": (0,), "null": "none", "jobs": 0}
    acts = network(1, layers=2)
    pair = ts.analyze(acts, **design), ts.analyze(acts, **design, **changed)
    with pytest.raises(UsageError, match=rf"does not fit \({next(iter(changed))}: "):
        ts.compare(*pair, measures=["wasserstein"], jobs=0)


def test_constant_and_non_finite_layers_have_a_status_and_a_reason():
    dead = np.ones((N, 12))
    holes = np.full((N, 12), np.nan)
    bad = network(2, layer1=dead, layer2=holes)
    found = ts.compare(network(1), bad, measures=["wasserstein", "cka"], **SMALL)
    status = found.layers.query("homology_dimension == 1").set_index("layer_a")["status"]
    assert status[["layer0", "layer1", "layer2"]].tolist() == ["ok", "constant", "nonfinite"]
    cka = found.layers.query("measure == 'cka'").set_index("layer_a")
    assert cka["status"].tolist() == ["ok", "constant", "nonfinite", "ok", "ok"]
    assert cka["reason"].iloc[1]
    assert any(
        "layer1, layer2 lack a value or a test" in text for text in summarize_comparison(found)
    )


def test_one_replicate_gives_values_and_says_why_nothing_more():
    with pytest.warns(DesignWarning, match="no layer can be found"):
        found = ts.compare(network(1), network(2), points=40, replicates=1, jobs=0)
    assert set(found.layers["status"]) == {"one_replicate"}
    assert found.layers["value"].notna().all()
    assert found.layers["pvalue"].isna().all()


def test_too_few_draws_to_show_anything_are_said_to_be_too_few_before_and_after():
    with pytest.warns(
        DesignWarning, match=r"5 paired draws no p-value is below 0\.062.*replicates=6"
    ):
        found = ts.compare(
            network(1), network(2), points=40, replicates=5, measures=["wasserstein"], jobs=0
        )
    assert found.layers["pvalue"].min() >= 1 / 16
    said = summarize_comparison(found)[0]
    assert "cannot be found with 5 draws, which give no p-value below 0.062" in said
    assert "layers differ (" not in said and "8 times in 10" not in said
    assert np.isinf(found.layers["detectable"]).all()


def test_empty_diagrams_have_a_status():
    line = {f"layer{k}": np.arange(N, dtype=float)[:, None] for k in range(2)}
    a, b = (ts.from_arrays(line, name=name) for name in "ab")
    found = ts.compare(a, b, measures=["wasserstein"], **SMALL)
    assert set(found.layers.query("homology_dimension == 1")["status"]) == {"empty"}


def test_three_networks_give_every_pair():
    found = ts.compare(network(1), network(2), network(3), measures=["cka"], **SMALL)
    assert found.models[["network_a", "network_b"]].to_numpy().tolist() == [
        ["net1", "net2"],
        ["net1", "net3"],
        ["net2", "net3"],
    ]


def test_wrong_arguments_are_refused_before_any_work():
    for wrong, words in (
        ({"measures": ["wassersten"]}, "Near matches: wasserstein"),
        ({"test": "t"}, "choose 'permutation'"),
        ({"margin": 0}, "margin"),
        ({"margin": {"wasserstein": -1}}, "above 0"),
        ({"margin": {"wassersten": 1}}, "margin names wassersten"),
        ({"margin": "half"}, "needed is a finite number above 0"),
        ({"margin": 1, "margin_unit": "steps"}, "choose 'noise'"),
        ({"n_resamples": 10}, "99 or more"),
        ({"level": 1}, "above 0.5 and below 1"),
        ({"measures": []}, "one or more"),
    ):
        with pytest.raises(UsageError, match=words):
            ts.compare(network(1), network(2), **wrong)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [
        str(save_arrays(net, folder / name))
        for name, net in (("before", network(1)), ("after", network(2, changed_from=3)))
    ]


def test_the_command_line_keeps_resumes_and_repeats(runs, tmp_path):
    out = tmp_path / "cmp"
    words = ["compare", *runs, "--points", "40", "--jobs", "0", "--measures", "bottleneck,cka"]
    first = CliRunner().invoke(main, [*words, "-o", str(out), "--json"])
    assert first.exit_code == 0, first.stderr
    value = json.loads(first.stdout)
    assert value["networks"] == ["net1", "net2"]
    assert value["failures"] == []
    before = ts.Comparison.load(out)
    lost = sorted((out / "ledger").glob("*.json"))[:3]
    for tick in lost:
        tick.unlink()
    kept = {p.name: p.stat().st_mtime_ns for p in (out / "ledger").glob("*.json")}
    second = CliRunner().invoke(main, [*words, "-o", str(out)])
    assert second.exit_code == 0, second.stderr
    assert "Wasserstein" not in second.stdout
    assert all((out / "ledger" / n).stat().st_mtime_ns == t for n, t in kept.items())
    assert ts.Comparison.load(out).layers.equals(before.layers)


def test_jobs_do_not_change_numbers(runs):
    design = {"points": 40, "measures": ["wasserstein"], "homology_dimensions": (0,)}
    one, two = (ts.compare(*runs, jobs=jobs, **design) for jobs in (0, 2))
    assert one.layers.equals(two.layers)


def test_a_design_tried_in_a_comparison_does_not_replace_the_analysis_of_a_run(tmp_path):
    pair = [save_arrays(network(seed), tmp_path / str(seed)) for seed in (1, 2)]
    for path in pair:
        ts.analyze(path, **SMALL, homology_dimensions=(0,), null=None)
    options = {"measures": ["wasserstein"], "test": "none", "jobs": 0}
    tried = ts.compare(*pair, points=20, replicates=2, **options)
    assert tried.layers["n"].eq(2).all()
    assert load_analysis(pair[0]).attrs["points"] == 40
    assert ts.compare(*pair, **options).layers["n"].eq(8).all()


def test_the_command_line_refuses_with_code_2(runs, tmp_path):
    for words in ([runs[0]], [*runs, "--measures", "nothing"], [*runs, "-o", runs[0]]):
        found = CliRunner().invoke(main, ["compare", *words])
        assert found.exit_code == 2
        assert found.stderr.startswith("toposcope: ")
