"""Which stored analyses are compared: the newest set that agrees, from either side."""

from itertools import permutations

import numpy as np
import pytest

import toposcope as ts
from toposcope.analysis.design import Design
from toposcope.analysis.picking import pick
from toposcope.analysis.stored import Stored
from toposcope.errors import UsageError
from toposcope.store.arrays import save_arrays


def stored(name, code="code", **design):
    return Stored(name, Design(**design).resolved(1000), code)


H01, H012 = stored("h01"), stored("h012", homology_dimensions=(0, 1, 2))
OLD, ZSCORE = stored("old", points=100), stored("z", normalize="zscore")
SEED, CODE = stored("seed", seed=1), stored("code", code="other")


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        ([[H012, H01], [H01]], ["h012", "h01"]),  # H2 on top breaks nothing
        ([[ZSCORE, H01], [OLD, H01]], ["h01", "h01"]),  # neither is the newest
        ([[CODE, H01], [H01]], ["h01", "h01"]),
        ([[SEED, H01], [H01], [H01, SEED]], ["h01", "h01", "h01"]),
        ([[OLD], [H01]], None),
    ],
)
def test_the_order_of_the_runs_does_not_matter(runs, names):
    for order in permutations(range(len(runs))):
        picked = pick([runs[i] for i in order], {})
        if names is None:
            assert None in picked.chosen
            continue
        found = [runs[i][rank].name for i, rank in zip(order, picked.chosen, strict=True)]
        assert found == [names[i] for i in order]


def test_what_the_caller_names_decides():
    assert pick([[H01, OLD], [H01, OLD]], {"points": 100}).chosen == (1, 1)
    assert pick([[H01, H012], [H012]], {"homology_dimensions": (2,)}).chosen == (1, 0)


def run(folder, seed):
    rng = np.random.default_rng(seed)
    maps = {"a": rng.normal(size=(64, 2, 4, 4)), "b": 2 * rng.normal(size=(64, 2, 4, 4))}
    labels = np.arange(64) % 2
    acts = ts.from_arrays(maps, labels=labels, class_names=("x", "y"), name=f"net{seed}")
    return save_arrays(acts, folder / str(seed))


QUICK = {"jobs": 0, "test": "none"}


def test_volumes_are_compared_as_they_are_or_not_at_all(tmp_path):
    pair = [run(tmp_path, seed) for seed in (1, 2)]
    for path in pair:
        ts.analyze(path, filtration=ts.Cubical(), replicates=10, jobs=0)
    found = ts.compare(*pair, **QUICK)
    assert set(found.layers["measure"]) == {"betti_numbers"}
    assert found.attrs["complex"] == "cubical" and found.layers["n"].eq(10).all()
    assert not (found.layers["homology_dimension"].isna()).any()
    with pytest.raises(UsageError, match="betti_numbers"):
        ts.compare(*pair, measures=["wasserstein"], **QUICK)


def test_classes_are_compared_together_and_one_by_one(tmp_path):
    pair = [run(tmp_path, seed) for seed in (1, 2)]
    design = {"points": 8, "replicates": 4, "null": "none", "jobs": 0, "per_class": True}
    for path in pair:
        ts.analyze(path, homology_dimensions=(0,), **design)
    found = ts.compare(*pair, measures=["wasserstein"], **QUICK)
    assert found.classes == ("x", "y") and set(found.layers["label"]) == {"", "x", "y"}
    gaps = found.layers.pivot(index="layer_a", columns="label", values="gap")
    square = np.sign(gaps) * gaps**2
    np.testing.assert_allclose(square[""], square[["x", "y"]].mean(axis=1))
    named = [one["analysis"] for one in found.attrs["networks"]]
    again = ts.compare(*pair, measures=["wasserstein"], analysis=named, **QUICK)
    assert again.layers["gap"].equals(found.layers["gap"])
