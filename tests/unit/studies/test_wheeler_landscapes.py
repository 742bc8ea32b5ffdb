"""wheeler-landscapes: worlds of its claims, and the whole path on tiny networks and own RUNs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.wheeler_landscapes import CLAIMS, QUICK, STUDY
from toposcope.studies.wheeler_shapes import BRANCHES, branching, local_rank, right_neighbors
from toposcope.studies.wheeler_statistics import left_out_alone


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    name = f"studies_wheeler_landscapes.wheeler-landscapes.{claim}"
    assert rate(worlds[f"{name}.true"], 8).rate >= 0.6
    assert rate(worlds[f"{name}.null"], 8).rate <= 0.2


def test_what_is_left_out_is_what_a_fit_without_it_says():
    rng = np.random.default_rng(0)
    x, truth = rng.normal(size=(9, 4)), np.repeat([-1.0, 1.0], [4, 5])
    right = left_out_alone(x, truth[None])[0]
    centered = x - x.mean(axis=0)
    gram = centered @ centered.T
    ridge = 0.1 * np.trace(gram) / 9
    for i in range(9):
        others = np.delete(np.arange(9), i)
        A = np.c_[centered[others], np.ones(8)]
        penalty = np.diag([ridge] * 4 + [0.0])
        coefficients = np.linalg.solve(A.T @ A + penalty, A.T @ truth[others])
        assert right[i] == float((centered[i] @ coefficients[:4] + coefficients[4]) * truth[i] > 0)


def test_branches_are_counted_in_any_position():
    for seed in range(3):
        for kind in ("line", "cross"):
            cloud = branching(kind, 150, seed, dimension=4)
            assert local_rank(5 * cloud + 7, 0.5) == BRANCHES[kind]


def test_random_points_have_no_known_betti_numbers():
    assert right_neighbors("spheres", 300, (12, 16), 2.0, 0).all()
    assert not right_neighbors("spheres", 300, (12, 16), 2.0, 0, null=True).any()


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        QUICK,
        networks=5,
        steps=2,
        milestones=(0.01,),
        points=40,
        draws=1,
        clouds=8,
        branch_draws=1,
        known_points=60,
        among=(8, 12),
        branch_points=40,
        groups=(("tanh", 15), ("relu", 15)),
    )
    found = run_definition(replace(STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0)
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS]
    assert not found.failures and [one.n for one in found.verdicts] == [10, 8, 8]
    assert len(found.figure.panels) == 3


def population(folder, *, groups=2, layers=(3, 3), accuracy=(0.9, 0.9), column="activation"):
    """Ten RUNs and their table."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(10):
        which = k % groups
        made = {f"l{i}": rng.normal(size=(80, 3)) for i in range(layers[which % 2])}
        save_arrays(from_arrays(made), folder / f"net{k}")
        rows.append({"run": f"net{k}", column: f"kind{which}", "accuracy": accuracy[which % 2]})
    pd.DataFrame(rows).to_csv(folder / "population.csv", index=False)
    return Given((folder,))


def test_own_runs_decide_the_claim_of_networks_alone(tmp_path):
    given = population(tmp_path / "own")
    found = run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)
    assert found.verdict("W5").n == 10 and set(found.untested) == {"W6", "W7"}


@pytest.mark.parametrize(
    ("made", "error", "needed"),
    [
        ({"groups": 1}, TooFewSamplesError, "two groups of five.*column group"),
        ({"column": "other"}, TooFewSamplesError, "no group: 10"),
        ({"layers": (3, 4)}, UsageError, "3 to 4 layers"),
        ({"accuracy": (0.9, 0.7)}, UsageError, "at equal accuracy"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(tmp_path, made, error, needed):
    given = population(tmp_path / "own", **made)
    with pytest.raises(error, match=needed):
        run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)
