"""What a point is: positions, channels and tokens, always as many as asked for."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.analysis.opening import analyze_command
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.pointclouds.kinds import points_of, unfit
from toposcope.store.arrays import save_arrays

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(24, 5, 6, 4)).astype(np.float32)
SMALL = RNG.normal(size=(24, 9, 3, 2)).astype(np.float32)
TOKENS = RNG.normal(size=(24, 7, 3)).astype(np.float32)
LENGTHS = 2 + np.arange(24) % 6
MASK = (np.arange(7) < LENGTHS[:, None]).astype(np.uint8)
PADDED = np.where(MASK[:, :, None] == 1, TOKENS, 0.0).astype(np.float32)
RAW = {"normalize": "none", "replicates": 4, "seed": 1}


def rows_in(cloud, candidates):
    """How many rows of a cloud are rows of an array."""
    known = {row.tobytes() for row in np.ascontiguousarray(candidates, dtype=np.float64)}
    return sum(row.tobytes() in known for row in np.ascontiguousarray(cloud))


def test_positions_are_columns_of_one_samples_maps():
    chosen = ts.clouds(ts.from_arrays({"a": MAPS}), points=20, points_are="positions", **RAW)
    rows = [draw.rows.tolist() for draw in chosen.draws]
    assert all(len(one) == 1 for one in rows) and len({one[0] for one in rows}) == 4
    for draw in chosen.draws:
        cloud = chosen.cloud("a", draw)
        positions = MAPS[draw.rows[0]].reshape(5, 24).T
        assert cloud.shape == (20, 5) and rows_in(cloud, positions) == 20
        assert len(np.unique(cloud, axis=0)) == 20  # without replacement


def test_channels_are_flattened_maps():
    chosen = ts.clouds(ts.from_arrays({"a": MAPS}), points=5, points_are="channels", **RAW)
    cloud = chosen.cloud("a", chosen.draws[2])
    assert np.array_equal(cloud, MAPS[chosen.draws[2].rows[0]].reshape(5, 24))


def test_layers_of_equal_size_give_the_same_positions():
    both = ts.from_arrays({"a": MAPS, "b": 2 * MAPS})
    chosen = ts.clouds(both, points=10, points_are="positions", **RAW)
    for draw in chosen.draws:
        assert np.array_equal(2 * chosen.cloud("a", draw), chosen.cloud("b", draw))


def test_pads_are_no_points():
    acts = ts.from_arrays({"a": PADDED, "@mask": MASK})
    assert acts.layers == ("a",)
    chosen = ts.clouds(acts, points=12, points_are="tokens", samples=6, **RAW)
    real = PADDED[MASK.astype(bool)]
    seen = np.concatenate([draw.rows for draw in chosen.draws])
    assert len(np.unique(seen)) == 24  # disjoint groups of six
    for draw in chosen.draws:
        cloud = chosen.cloud("a", draw)
        assert rows_in(cloud, real) == 12 and not (cloud == 0).all(axis=1).any()
    one = ts.clouds(acts, points=2, points_are="positions", **RAW)
    assert one.cloud("a", one.draws[0]).shape == (2, 3)
    with pytest.raises(TooFewSamplesError, match=r"layer 'a' has \d positions or tokens.*--points"):
        wide = ts.clouds(acts, points=8, points_are="positions", **RAW)
        wide.cloud("a", wide.draws[0])
    with pytest.raises(UsageError, match="no common channels"):
        ts.clouds(acts, points=2, points_are="channels", **RAW).normalizer("a")


def test_the_scale_is_the_layers_and_not_the_samples():
    # Sample i is scaled by i + 1: with one ruler for all, their clouds keep their sizes.
    scaled = MAPS * (1 + np.arange(24))[:, None, None, None]
    chosen = ts.clouds(ts.from_arrays({"a": scaled}), points=24, points_are="positions", seed=1)
    sizes = [np.ptp(chosen.cloud("a", draw)) for draw in chosen.draws]
    rows = [draw.rows[0] for draw in chosen.draws]
    assert np.corrcoef(sizes, rows)[0, 1] > 0.9


def test_unfit_layers_say_why():
    assert unfit((8,), "samples") == ""
    assert "one vector" in unfit((8,), "tokens")
    assert "pool volume" in unfit((2, 3, 4, 5), "positions")
    assert points_of(TOKENS, "positions").shape == (24, 7, 3)
    assert points_of(TOKENS, "channels").shape == (24, 3, 7)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"points_are": "pixels"}, "positions"),
        ({"points_are": "positions", "samples": 3}, "points_are='tokens'"),
        ({"points_are": "positions", "overlapping": True}, "disjoint"),
        ({"points_are": "tokens", "samples": 10}, "4 disjoint draws of 10"),
    ],
)
def test_bad_requests_are_refused(options, says):
    with pytest.raises(UsageError, match=says):
        ts.clouds(ts.from_arrays({"a": MAPS}), points=5, **{**RAW, **options})


@pytest.fixture
def run(tmp_path):
    layers = {"wide": MAPS, "small": SMALL, "vector": SMALL[:, :, 0, 0]}
    return save_arrays(ts.from_arrays(layers), tmp_path / "run")


def test_an_analysis_names_the_points_and_leaves_no_layer_out_in_silence(run):
    options = {"points": 20, "points_are": "positions", "replicates": 3, "jobs": 0}
    found = ts.analyze(run, **options)
    status = found.table.groupby("layer")["status"].agg(set)
    assert status["small"] == {"too_few"} and status["vector"] == {"undefined"}
    reason = found.table.query("layer == 'small'")["reason"].iloc[0]
    assert "has 6 positions" in reason and "--points" in reason
    pairs = found.table.query("layer == 'wide' and statistic == 'n_pairs' and cloud == 'data'")
    assert (pairs.query("homology_dimension == 0")["value"] == 19).all()
    assert "20 of those of one sample" in found.attrs["conventions"]["points"]
    assert found.attrs["points_are"] == "positions" and found.loops.empty
    assert "--points-are positions" in analyze_command(run, found.design)
    # The diagrams are those of the step-by-step way.
    chosen = ts.clouds(ts.open(run), points=20, points_are="positions", replicates=3)
    cloud = chosen.cloud("wide", chosen.draws[1])
    assert np.array_equal(ts.homology.rips(cloud)[0], found.diagrams.pairs("wide", 0, replicate=1))


def test_an_analysis_of_tokens_leaves_pads_out(tmp_path):
    path = save_arrays(ts.from_arrays({"a": PADDED, "@mask": MASK}), tmp_path / "run")
    options = {"points": 12, "points_are": "tokens", "samples": 6, "replicates": 4, "jobs": 0}
    found = ts.analyze(path, **options)
    chosen = ts.clouds(ts.open(path), points=12, points_are="tokens", samples=6, replicates=4)
    cloud = chosen.cloud("a", chosen.draws[3])
    want = ts.homology.rips(cloud)[0]
    assert np.array_equal(want, found.diagrams.pairs("a", 0, replicate=3))
    # Other pads, other numbers: the mask is part of what a task is made from.
    fewer = np.minimum(MASK, (np.arange(7) < 4).astype(np.uint8))
    other = ts.analyze(ts.from_arrays({"a": PADDED, "@mask": fewer}), **options)
    assert not np.array_equal(want, other.diagrams.pairs("a", 0, replicate=3))


def test_a_kind_that_no_layer_has_is_refused(tmp_path):
    with pytest.raises(UsageError, match="every layer is unfit; 'a' holds"):
        ts.analyze(ts.from_arrays({"a": TOKENS[:, 0]}), points_are="positions", points=3, jobs=0)


def test_points_that_no_layer_has_are_refused_with_the_number_that_fits(tmp_path):
    layers = {"wide": np.ones((6, 2, 4, 4)), "narrow": np.ones((6, 8, 2, 2))}
    path = save_arrays(ts.from_arrays(layers), tmp_path / "maps")
    says = r"'wide' has the most, 16 in the 1 sample.* the smallest layer 4\. Pass points=4 "
    with pytest.raises(TooFewSamplesError, match=says):
        ts.analyze(path, points_are="positions", points=17, replicates=6, jobs=0)
    with pytest.raises(TooFewSamplesError, match="48 in the 3 sample"):
        ts.analyze(path, points_are="tokens", points=49, samples=3, replicates=2, jobs=0)
