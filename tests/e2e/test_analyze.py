"""analyze: same numbers for any jobs, kill or resume; degenerate layers get a status."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import toposcope as ts
from tests.command import command
from toposcope.analysis.design import Design
from toposcope.analysis.plan import plan_analysis, refuse_what_cannot_fit
from toposcope.errors import StoreError, TooFewSamplesError, UsageError
from toposcope.store.arrays import save_arrays
from toposcope.store.verify import verify

RNG = np.random.default_rng(0)
ANGLE = RNG.uniform(0, 2 * np.pi, 240)
CIRCLE = np.column_stack([np.cos(ANGLE), np.sin(ANGLE)])
LAYERS = {
    "circle": 5 * CIRCLE + RNG.normal(0, 0.05, (240, 2)),
    "blob": RNG.normal(size=(240, 6)),
    "line": np.outer(RNG.uniform(size=240), np.ones(3)),
}
OPTIONS = {"points": 60, "replicates": 4}


@pytest.fixture
def run(tmp_path):
    labels = np.arange(240) % 3
    acts = ts.from_arrays(LAYERS, labels=labels, class_names=("a", "b", "c"), name="shapes")
    return save_arrays(acts, tmp_path / "run")


def value(found, layer, statistic, k=None, cloud="data"):
    rows = found.intervals.query("layer == @layer and statistic == @statistic and cloud == @cloud")
    degree = rows["homology_dimension"]
    rows = rows[degree.isna() if k is None else degree.eq(k)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_numbers_are_what_geometry_says(run):
    found = ts.analyze(run, **OPTIONS, jobs=0)
    assert found.failures == [] and found.layers == ("circle", "blob", "line")
    assert value(found, "circle", "n_pairs", 0)["mean"] == 59
    loop, null = (value(found, "circle", "max_persistence", 1, c) for c in ("data", "gaussian"))
    # A circle of radius r has mean distance 4r/pi and a loop that dies at sqrt(3) r: 1.36 once
    # normalized, minus a birth of about the largest gap. The Gaussian has no such loop.
    assert 0.8 < loop["low"] < loop["high"] < 1.4 and null["high"] < 0.6
    assert value(found, "line", "two_nn")["mean"] == pytest.approx(1.0, abs=0.25)
    assert value(found, "line", "effective_rank")["mean"] == pytest.approx(1.0, abs=1e-6)
    assert value(found, "line", "max_persistence", 1)["status"] in ("undefined", "ok")
    norm = np.linalg.norm(LAYERS["circle"], axis=1).mean()
    assert value(found, "circle", "activation_norm")["mean"] == pytest.approx(norm, rel=0.01)
    assert set(found.intervals["replicates"]) <= {0, 1, 2, 3, 4}


def test_diagrams_agree_with_the_step_by_step_way(run):
    found = ts.analyze(run, **OPTIONS, jobs=0)
    acts = ts.open(run)
    by_hand = ts.rips(ts.clouds(acts, **OPTIONS, seed=0))
    for key, pairs in by_hand:
        stored = found.diagrams.pairs(key.layer, key.homology_dimension, replicate=key.replicate)
        np.testing.assert_allclose(np.sort(stored, axis=0), np.sort(pairs, axis=0), atol=1e-9)
    table = ts.summarize(by_hand)
    assert set(table.columns) <= set(found.table.columns)
    merged = table.merge(
        found.table[found.table["cloud"] == "data"],
        on=["layer", "replicate", "homology_dimension", "statistic"],
    )
    assert len(merged) == len(table)
    np.testing.assert_allclose(
        merged["value_x"].astype(float), merged["value_y"].astype(float), atol=1e-9
    )


def test_loops_are_samples_of_the_layer(run):
    found = ts.analyze(run, **OPTIONS, jobs=0)
    loop = found.loops[found.loops["layer"] == "circle"].iloc[0]
    path = LAYERS["circle"][loop["samples"]]
    steps = np.linalg.norm(path - np.roll(path, 1, axis=0), axis=1)
    longest = np.linalg.norm(LAYERS["circle"], axis=1).mean() * 4 / np.pi * loop["birth"]
    assert steps.max() <= longest * 1.1
    turns = np.unwrap(np.arctan2(path[:, 1], path[:, 0]))
    assert abs(turns[-1] - turns[0]) > np.pi  # it goes around the hole


def test_arrays_in_memory_are_analyzed_the_same_way(run):
    acts = ts.from_arrays(LAYERS, labels=np.arange(240) % 3)
    a, b = ts.analyze(acts, **OPTIONS, jobs=0), ts.analyze(run, **OPTIONS, jobs=0)
    np.testing.assert_array_equal(
        a.table["value"].to_numpy(float), b.table["value"].to_numpy(float)
    )
    assert a.run is None and a.activations is acts


def test_digest_does_not_depend_on_jobs(tmp_path):
    digests = set()
    for jobs in (0, 2):  # a killed run is continued by one worker, below
        path = save_arrays(ts.from_arrays(LAYERS), tmp_path / f"run{jobs}")
        ts.analyze(path, **OPTIONS, jobs=jobs)
        digests.add(verify(path).digest)
    assert len(digests) == 1 and "" not in digests


def cli(*words):
    return command(".", *words)


def test_killed_at_any_moment_and_run_again_gives_the_same_digest(tmp_path):
    undisturbed = save_arrays(ts.from_arrays(LAYERS), tmp_path / "whole")
    ts.analyze(undisturbed, **OPTIONS, jobs=0)
    path = save_arrays(ts.from_arrays(LAYERS), tmp_path / "killed")
    words = ["analyze", path, "--points", 60, "--replicates", 4, "--jobs"]
    finished_before: set[str] = set()
    for wanted in (1, 7):
        process = subprocess.Popen(
            [sys.executable, "-m", "toposcope.cli", *map(str, words), "2"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if len(list(path.glob("results/*/ledger/*.json"))) >= wanted:
                break
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        ticks = {
            tick.name: tick.stat().st_mtime_ns for tick in path.glob("results/*/ledger/*.json")
        }
        assert finished_before <= set(ticks.items()), "a finished task was done again"
        finished_before = set(ticks.items())
    assert cli(*words, 1).returncode == 0
    ticks = {(t.name, t.stat().st_mtime_ns) for t in path.glob("results/*/ledger/*.json")}
    assert finished_before <= ticks and len(ticks) == 12
    assert verify(path).digest == verify(undisturbed).digest


def test_broken_layers_get_a_status_and_others_go_on(tmp_path):
    layers = {k: v.copy() for k, v in LAYERS.items()} | {"dead": np.full((240, 4), 3.0)}
    layers["blob"][5, 2] = np.nan
    layers["blob"][9] = np.inf
    path = save_arrays(ts.from_arrays(layers), tmp_path / "run")
    found = ts.analyze(path, **OPTIONS, jobs=0)
    assert found.failures == []
    blob = value(found, "blob", "lifespan_sum", 0)
    assert blob["status"] == "nonfinite" and "2 of 240" in blob["reason"]
    assert value(found, "dead", "two_nn")["status"] == "constant"
    assert value(found, "circle", "lifespan_sum", 0)["status"] == "ok"


def test_damage_is_found_before_a_number_is_computed(run):
    shard = run / "acts" / "0" / "circle" / "000000.safetensors"
    data = bytearray(shard.read_bytes())
    data[-3] ^= 8
    shard.write_bytes(data)
    found = cli("analyze", run, "--points", 60, "--replicates", 4, "--jobs", 1, "--json")
    assert found.returncode == 3, found.stderr
    result = json.loads(found.stdout)
    assert {f["layer"] for f in result["failures"]} == {"circle"}
    assert "does not match its recorded hash" in result["failures"][0]["reason"]
    assert cli("verify", run).returncode == 1


def test_dry_run_predicts_and_computes_nothing(run):
    found = cli("analyze", run, "--points", 60, "--replicates", 4, "--dry-run", "--json")
    plan = json.loads(found.stdout)
    assert found.returncode == 0 and plan["tasks"] == 12 and plan["done"] == 0
    assert plan["predicted_cpu_seconds"] > 0 and plan["predicted_bytes_per_worker"] > 0
    assert not (run / "results").exists()


def test_what_cannot_fit_is_refused_with_the_numbers(tmp_path):
    path = save_arrays(ts.from_arrays({"wide": np.zeros((60_000, 1))}), tmp_path / "run")
    plan = plan_analysis(path, Design(points=60_000, replicates=1))
    with pytest.raises(UsageError, match=r"GiB.*Pass points="):
        refuse_what_cannot_fit(plan, 2)


def test_bad_requests_are_refused_with_exit_code_2(run, tmp_path):
    with pytest.raises(TooFewSamplesError, match="points=30"):
        ts.analyze(run, points=500, replicates=8)
    assert cli("analyze", run, "--points", 500).returncode == 2
    assert cli("analyze", run, "--normalize", "meen").returncode == 2
    assert cli("analyze", run, "--homology", "zero").returncode == 2
    assert cli("analyze", run, "--complex", "vr").returncode == 2
    assert cli("analyze", run, "--metric", "manhattan").returncode == 2
    assert cli("analyze", run, "--coeff", 4).returncode == 2
    assert not (run / "results").exists()
    nowhere = cli("analyze", tmp_path / "nowhere")
    assert nowhere.returncode == 1 and "toposcope capture" in nowhere.stderr


def test_per_class_and_other_normalizations(run):
    found = ts.analyze(
        run, points=20, replicates=3, per_class=True, normalize="zscore", null="none", jobs=0
    )
    assert set(found.table["label"]) == {"a", "b", "c"} and set(found.table["cloud"]) == {"data"}


def test_the_null_of_a_class_has_the_covariance_of_that_class():
    labels = np.arange(300) % 2
    spread = np.where(labels == 0, 0.1, 3.0)[:, None]
    acts = ts.from_arrays({"x": spread * RNG.normal(size=(300, 4))}, labels=labels)
    found = ts.analyze(acts, points=40, replicates=3, per_class=True, jobs=0)
    null = found.intervals.query("cloud == 'gaussian' and statistic == 'lifespan_sum'")
    tight, wide = null[null["homology_dimension"] == 0].set_index("label")["mean"][["0", "1"]]
    assert wide / tight == pytest.approx(30.0, rel=0.25)


def test_report_needs_an_analysis(run):
    with pytest.raises(StoreError, match="toposcope analyze"):
        ts.report([run], to=run / "x.html")


def test_info_status_verify_doctor(run):
    ts.analyze(run, **OPTIONS, jobs=0)
    info = json.loads(cli("info", run, "--json").stdout)
    assert info["samples"] == 240 and list(info["layers"]) == list(LAYERS)
    text = cli("info", run).stdout
    assert "  circle: [2]" in text and "points 60, replicates 4" in text and "{" not in text
    status = json.loads(cli("status", run, "--json").stdout)
    assert status["capture"] == "complete"
    assert status["analyses"][0]["done"] == 12 and status["analyses"][0]["complete"]
    assert cli("verify", run, "--digest").stdout.strip() == verify(run).digest
    doctor = json.loads(cli("doctor", "--json").stdout)
    assert doctor["numpy"] == np.__version__
