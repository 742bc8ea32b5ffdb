"""Several trainings, several analyses of one RUN: each is named, and each is in the page."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn

import toposcope as ts
from toposcope.cli import main
from toposcope.store import save_arrays

X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
DESIGN = {"points": 12, "replicates": 5, "null": "none", "jobs": 0}


def run(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """Two SERIES of three checkpoints."""
    folder = tmp_path_factory.mktemp("trainings")
    for seed in (0, 1):
        weights = folder / f"weights_{seed}"
        weights.mkdir()
        for step in (0, 10, 20):
            torch.manual_seed(100 * seed + step)
            net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU())
            save_file(net.state_dict(), weights / f"step_{step}.safetensors")
        place = folder / f"seed_{seed}"
        ts.capture_series(net, X, weights=weights, store=place, layers="all", name="net")
        ts.analyze_series(place, **DESIGN)
    return folder


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory):
    """A RUN with three analyses: rips, geodesic and local."""
    folder = tmp_path_factory.mktemp("several") / "run"
    blobs = np.concatenate([X[:30], X[30:] + 100])
    save_arrays(ts.from_arrays({"first": X, "second": blobs}, name="net"), folder)
    for filtration in (ts.Rips(), ts.Geodesic(neighbors=3), ts.Local()):
        ts.analyze(folder, filtration=filtration, **DESIGN)
    return folder


def test_a_report_of_two_trainings_shows_both(trainings, tmp_path):
    page = tmp_path / "page.html"
    run("report", trainings / "seed_0", trainings / "seed_1", "-o", page)
    text = page.read_text()
    assert "seed_0" in text and "seed_1" in text
    assert "step 20" in text


def test_compare_takes_the_checkpoint_that_step_names(trainings, tmp_path):
    told = {
        step: json.loads(
            run(
                *("compare", trainings / "seed_0", trainings / "seed_1", "--step", step),
                *("--json", "-o", tmp_path / f"at_{step}"),
            )
        )
        for step in (0, 20)
    }
    for step, found in told.items():
        assert found["networks"] == [f"seed_0 step {step}", f"seed_1 step {step}"]


def test_a_report_shows_three_analyses_of_one_run_each_by_its_filtration(analyzed, tmp_path):
    names = [path.name for path in (analyzed / "results").iterdir() if path.is_dir()]
    assert len(names) == 3
    page = tmp_path / "page.html"
    options = [word for name in names for word in ("--analysis", name)]
    run("report", analyzed, analyzed, analyzed, *options, "-o", page)
    text = page.read_text()
    assert all(name in text for name in names)
    assert "geodesic" in text and "local" in text
    commas = tmp_path / "commas.html"
    run("report", analyzed, analyzed, analyzed, "--analysis", ",".join(names), "-o", commas)
    assert all(name in commas.read_text() for name in names)


def test_info_names_filtration_and_scale_of_each_analysis(analyzed):
    text = run("info", analyzed)
    assert "geodesic" in text and "mean_distance" in text
    held = json.loads(run("info", analyzed, "--json"))["analyses"]
    told = json.dumps(held)
    assert len(held) == 3
    for word in ("geodesic", "local", "rips", "mean_distance"):
        assert word in told


def test_essential_classes_of_the_geodesic_filtration_are_in_the_table(analyzed):
    """Two groups that no edge of 3 neighbors joins: two components that never die."""
    found = ts.analyze(analyzed, filtration=ts.Geodesic(neighbors=3), **DESIGN)
    table = found.table.query("statistic == 'n_essential' and homology_dimension == 0")
    apart = table[table["layer"] == "second"]["value"]
    assert (apart >= 2).all()
    assert (table[table["layer"] == "first"]["value"] >= 1).all()


def test_options_with_commas_are_lists(analyzed, tmp_path):
    run(
        *("analyze", analyzed, "--points", 12, "--replicates", 3, "--homology", "0,1"),
        *("--null", "gaussian,shuffled", "--jobs", 0),
    )
    design = ts.analyze(
        analyzed, points=12, replicates=3, null=("gaussian", "shuffled"), jobs=0
    ).attrs
    assert set(design["null"].split(",")) == {"gaussian", "shuffled"}
