"""Landmarks of whole layers: from shards as from arrays, with a bound that holds."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.analysis.covering import FILE, find_covering
from toposcope.cli.common import main
from toposcope.errors import DamagedError, DegenerateCloudError, UsageError
from toposcope.homology import farthest_landmarks, landmarks_in_blocks, random_landmarks
from toposcope.store import runs
from toposcope.store.verify import verify

RNG = np.random.default_rng(0)
ANGLES = RNG.uniform(0, 2 * np.pi, 400)
CIRCLE = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]).astype(np.float32)
CLOUD = RNG.normal(size=(400, 40)).astype(np.float32)
LAYERS = {"circle": CIRCLE, "cloud": CLOUD.reshape(400, 8, 5), "half": CLOUD.astype(np.float16)}


@pytest.fixture
def run(tmp_path, monkeypatch):
    from toposcope.store import arrays

    monkeypatch.setattr(arrays, "CHUNK_BYTES", 7000)  # 29 rows a shard
    return ts.store.save_arrays(ts.from_arrays(LAYERS), tmp_path / "run")


@pytest.mark.parametrize("sizes", [(400,), (1, 399), (0, 150, 0, 250), (100,) * 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_landmarks_in_blocks_are_those_of_the_cloud(sizes, dtype):
    X = (100 * CLOUD).astype(dtype)
    ends = np.cumsum(sizes)
    blocks = [X[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    for one, other in (
        (farthest_landmarks(X, 60), landmarks_in_blocks(blocks, 60)),
        (random_landmarks(X, 60, seed=5), landmarks_in_blocks(blocks, 60, rule="random", seed=5)),
    ):
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.radii, other.radii)


def test_more_landmarks_than_there_are_points_are_refused():
    with pytest.raises(UsageError, match="5 landmarks asked for, but the cloud has 4 points"):
        landmarks_in_blocks([CLOUD[:1], CLOUD[1:4]], 5)
    with pytest.raises(DegenerateCloudError, match=r"only 2 distinct points. Pass count=2"):
        landmarks_in_blocks([np.zeros((3, 2)), np.ones((3, 2))], 3)
    assert landmarks_in_blocks([np.zeros((3, 2)), np.ones((3, 2))], 2).radius == 0


def test_a_layer_is_covered_alike_from_shards_and_from_arrays(run):
    assert len(runs.Run.open(run).chunks) > 5
    for rule in ("farthest", "random"):
        kept = ts.landmarks(run, points=30, rule=rule, seed=3)
        held = ts.landmarks(ts.from_arrays(LAYERS), points=30, rule=rule, seed=3)
        assert kept.layers == held.layers == find_covering(run).layers
    one = kept.layers[1]
    flat = CLOUD.astype(float)
    nearest = np.linalg.norm(flat[:, None] - flat[list(one.rows)], axis=-1).min(axis=1)
    assert one.radius == pytest.approx(nearest.max()) and one.bound == 2 * one.radius


def test_the_bound_holds_for_the_diagrams_of_all_samples():
    """The landmarks' diagram is within the bound of that of all samples, and its sure bars are."""
    some = ts.from_arrays({"circle": CIRCLE[:200], "cloud": CLOUD[:200, :3]})
    for one in ts.landmarks(some, points=25).layers:
        whole = ts.homology.rips(np.asarray(some[one.layer], float))
        few = ts.homology.rips(np.asarray(some[one.layer], float)[list(one.rows)])
        for degree in (0, 1):
            a, b = (part[degree][np.isfinite(part[degree][:, 1])] for part in (whole, few))
            assert ts.diagrams.distances.bottleneck(a, b) <= one.bound + 1e-9
            longest = max(a[:, 1] - a[:, 0], default=0)
            assert one.longest[degree] == pytest.approx(max(b[:, 1] - b[:, 0], default=0))
            if one.certain(degree):
                assert longest >= one.longest[degree] - one.bound
    circle, cloud = ts.landmarks(some, points=25).layers
    assert circle.certain(1) and not cloud.certain(1)


def test_it_is_told_by_describe_info_and_report_and_vouched_for(run, tmp_path):
    ts.analyze(run, points=40, replicates=3, null="none", jobs=0)
    before = ts.report(run, to=tmp_path / "before.html").read_text()
    assert "Landmarks of all samples" not in before
    done = CliRunner().invoke(main, ["landmarks", str(run), "--points", "30", "--homology", "1"])
    assert done.exit_code == 0, done.output
    covering = find_covering(run)
    told = ts.describe(covering)
    assert told in done.output and "30 farthest-point landmarks stand for 400 samples" in told
    assert set(covering.table["homology_dimension"]) == {1}
    page = ts.report(run, to=tmp_path / "after.html").read_text()
    assert "Landmarks of all samples" in page and told.splitlines()[0][:60] in page
    info = json.loads(CliRunner().invoke(main, ["info", str(run), "--json"]).stdout)
    assert info["landmarks"]["circle"]["bottleneck bound"] == covering.layers[0].bound
    assert verify(run).problems == ()
    (run / FILE).write_bytes((run / FILE).read_bytes().replace(b"400", b"401", 1))
    assert verify(run).problems
    with pytest.raises(DamagedError, match=r"landmarks\.json"):
        find_covering(run)


def test_landmarks_of_another_capture_are_not_shown(run, tmp_path):
    ts.landmarks(run, points=20)
    other = ts.store.save_arrays(ts.from_arrays({"circle": CIRCLE + 1}), tmp_path / "other")
    (other / FILE).write_bytes((run / FILE).read_bytes())
    assert find_covering(other) is None and find_covering(run) is not None


def test_what_has_no_landmarks_says_why():
    bad = CIRCLE.copy()
    bad[3, 1] = np.nan
    (one,) = ts.landmarks(ts.from_arrays({"layer": bad}), points=5).layers
    assert (one.radius, one.bound, one.reason, one.rows) == (None, None, "nonfinite", ())
    assert "no landmarks, since some values are not finite" in ts.describe(
        ts.landmarks(ts.from_arrays({"layer": bad}), points=5)
    )
    acts = ts.from_arrays({"layer": CIRCLE})
    with pytest.raises(UsageError, match=r"points=500 landmarks of 400 samples. Pass points=400"):
        ts.landmarks(acts)
    with pytest.raises(UsageError, match="rule 'maxmin' is unknown"):
        ts.landmarks(acts, points=5, rule="maxmin")
