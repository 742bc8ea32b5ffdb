"""Equal n with repeated points is said; ties of discrete activations make no pairs of their own."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.homology import rips
from toposcope.pointclouds import NORMALIZATIONS

RNG = np.random.default_rng(0)
KEEP = {"points": 100, "replicates": 2, "jobs": 0, "null": "none"}


def test_repeated_points_are_counted_and_warned_of():
    plain = RNG.normal(size=(200, 3))
    found = ts.analyze(ts.from_arrays({"plain": plain, "rounded": np.rint(plain)}), **KEEP)
    counts = found.table[found.table["statistic"] == "duplicates"]
    assert set(counts["layer"]) == {"rounded"}
    pairs = found.table.query("statistic == 'n_pairs' and homology_dimension == 0")
    pairs = pairs[pairs["layer"] == "rounded"].set_index("replicate")["value"]
    assert (pairs + counts.set_index("replicate")["value"] == 99).all()
    assert sum("layer rounded" in said for said in found.attrs["warnings"]) == 1
    assert not any("layer plain" in said for said in found.attrs["warnings"])
    nn = found.table[(found.table["statistic"] == "two_nn") & (found.table["layer"] == "rounded")]
    assert set(nn["status"]) == {"undefined"}
    assert nn["reason"].str.contains("lattice|distinct").all()


@pytest.mark.parametrize("normalize", [n for n in NORMALIZATIONS if n not in ("zscore", "minmax")])
@pytest.mark.parametrize(
    "X",
    [
        RNG.integers(0, 2, (100, 12)),
        RNG.integers(0, 3, (100, 12)),
        RNG.poisson(3, (100, 6)),
        np.eye(30)[RNG.integers(0, 30, 100)],
        np.floor(RNG.pareto(1, (100, 5))),
    ],
    ids=["binary", "0-2", "counts", "one-hot", "heavy-tailed"],
)
def test_discrete_activations_have_the_pairs_of_their_exact_lengths(X, normalize):
    cloud = ts.clouds(ts.from_arrays({"l": X}), points=100, replicates=1, normalize=normalize)
    exact = rips(X)
    for key, pairs in ts.rips(cloud):
        whole = exact[key.homology_dimension]
        assert len(pairs) == len(whole)
        a, b = (ts.summaries.persistence_entropy(ts.summaries.finite(x)) for x in (pairs, whole))
        assert a == pytest.approx(b, rel=1e-9, nan_ok=True)


def test_exact_lengths_are_those_of_integer_arithmetic():
    X = RNG.integers(0, 3, (60, 5))
    squares = ((X[:, None] - X) ** 2).sum(axis=2)
    assert (ts.homology.distances(X) == np.sqrt(squares)).all()
    for k, pairs in enumerate(rips(X)):
        assert len(pairs) == len(rips(np.sqrt(squares), metric="precomputed")[k])


def test_an_infinite_dimension_says_so_and_leaves_the_other_draws():
    X = np.random.default_rng(3).normal(size=(400, 64))
    found = ts.analyze(ts.from_arrays({"l": X}), **KEEP | {"points": 50, "replicates": 8})
    rows = found.table[found.table["statistic"] == "ph_dimension"]
    gone = rows[rows["status"] != "ok"]
    assert len(gone)
    assert gone["reason"].str.contains("infinite").all()
    told = found.intervals[found.intervals["statistic"] == "ph_dimension"].iloc[0]
    if len(gone) < len(rows):
        assert f"{len(gone)} of 8 draws have no value" in told["reason"]
