"""Stores written by versions before are opened, verified and read as they were written."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import toposcope as ts
from toposcope.analysis.opening import load_analysis
from toposcope.cli.inspecting import describe, progress_of
from toposcope.store.verify import verify

RUN_V1 = Path(__file__).parents[1] / "archives" / "run_v1"


@pytest.fixture(autouse=True)
def unchanged():
    """Reading writes nothing."""
    before = {path: path.read_bytes() for path in RUN_V1.rglob("*") if path.is_file()}
    yield
    assert before == {path: path.read_bytes() for path in RUN_V1.rglob("*") if path.is_file()}


def test_it_opens():
    acts = ts.open(RUN_V1)
    assert acts.layers == ("circle", "ball") and acts.n == 40
    assert acts.class_names == ("even", "odd") and acts.labels.tolist() == [0, 1] * 20
    radius = np.linalg.norm(acts["circle"][:, :2], axis=1)
    np.testing.assert_allclose(radius, 1.0, rtol=1e-6)


def test_it_verifies_to_the_digest_recorded_when_it_was_written():
    whole = verify(RUN_V1)
    assert whole.digest == "10c1167080ba7bf33c81eb8e42fb952a"
    assert (whole.shards, whole.analyses, whole.parts, whole.problems) == (2, 1, 4, ())


def test_its_analysis_loads():
    analysis = load_analysis(RUN_V1)
    assert analysis.layers == ("circle", "ball") and analysis.failures == []
    assert len(analysis.table) == 92 and len(analysis.diagrams.keys) == 8
    pairs = analysis.table.query("statistic == 'n_pairs' and homology_dimension == 0")
    assert pairs["value"].tolist() == [19.0] * 4  # 20 points make 19 edges of a tree
    loops = {
        key.layer: np.diff(pairs, axis=1).max()
        for key, pairs in analysis.diagrams
        if key.homology_dimension == 1 and key.replicate == 0
    }
    assert loops["circle"] > 2 * loops["ball"]


def test_info_and_status_tell_of_it():
    told = describe(RUN_V1)
    assert told["samples"] == 40 and told["complete"] and told["bytes"] == 45_363
    assert [each["points"] for each in told["analyses"]] == [20]
    (progress,) = progress_of(RUN_V1)["analyses"]
    assert (progress["done"], progress["failed"], progress["complete"]) == (4, 0, True)


def test_the_same_analysis_today_gives_the_same_numbers(tmp_path):
    shutil.copytree(RUN_V1, tmp_path / "run", ignore=shutil.ignore_patterns("results"))
    today = ts.analyze(tmp_path / "run", points=20, replicates=2, null="none", seed=0, jobs=0)
    essential = today.table["statistic"] == "n_essential"
    assert today.table[essential & today.table["homology_dimension"].eq(0)]["value"].eq(1).all()
    added = today.table["statistic"].isin(["n_essential", "ruler_share"])  # kept since then
    known = today.table[~added].reset_index(drop=True)
    assert_frame_equal(known, load_analysis(RUN_V1).table, rtol=1e-9)
