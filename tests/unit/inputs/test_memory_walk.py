"""What holds a number for every pair is refused with numbers before it is taken, everywhere."""

from __future__ import annotations

import re

import numpy as np
import pytest

import toposcope as ts
from tests.unit.inputs import good_calls
from toposcope.errors import UsageError
from toposcope.inputs import memory

FUNCTIONS = dict(good_calls.functions())
PAIRS = [
    *("homology.distances", "homology.rips", "homology.geodesic_distances"),
    *("homology.rips_from_distances", "homology.local_distances", "homology.longest_loops"),
    *("homology.sparse_rips", "diagrams.rips", "dimension.ph_dimension"),
    *("similarity.rsa", "similarity.rtd", "similarity.rtd_draws", "similarity.rtd_lite"),
    *("similarity.mtop_div", "similarity.cross_barcode", "similarity.calibrated"),
    *("similarity.calibrated_matrix", "calibration.cube_calibration"),
    *("stats.permanova", "stats.mantel", "landscapes.landscape_gram"),
    *("pointclouds.estimate_normalizer", "transfer.agreement", "transfer.compare_scores"),
    "landscapes.landscape_test",
]
"""Functions that hold (n, n) or pairs x pairs numbers of their input."""
MANY = {
    "stats.bootstrap_interval": {"statistic": np.mean, "method": "percentile"},
    "stats.change_point": {},
    "transfer.noise_ceiling": {},
    "landscapes.grid_gram": {},
    "summaries.landscape": {},
    "vectorize.persistence_image": {},
    "dimension.covariance_eigenvalues": {},
    "dimension.effective_rank": {},
    "dimension.participation_ratio": {},
    "nulls.gaussian_null": {},
    **{name: {} for name in good_calls.GOOD if name.startswith("datasets.")},
}
"""Functions that hold as many numbers as a parameter says, or the square of their features."""
TOLD = re.compile(r"need about .* of memory; .* are available, enough for [\d,]+\. \S")


@pytest.fixture(scope="module")
def good():
    """Good calls, whose own activations are made while there is memory."""
    return {name: good_calls.GOOD[name]() for name in (*PAIRS, *MANY)}


@pytest.fixture
def full(good, monkeypatch):
    """A machine whose memory is full."""
    monkeypatch.setattr(memory, "_ALWAYS", 0)
    monkeypatch.setattr(memory, "available_memory", lambda: 10)


@pytest.mark.parametrize("name", [*PAIRS, *MANY])
def test_what_does_not_fit_is_refused_with_numbers(name, good, full):
    with pytest.raises(UsageError, match=TOLD):
        FUNCTIONS[name](**good[name] | MANY.get(name, {}))


@pytest.mark.parametrize("name", ["rips", "geodesic_distances", "sparse_rips", "longest_loops"])
def test_distances_that_are_given_are_no_way_around_it(name, full):
    with pytest.raises(UsageError, match=TOLD):
        getattr(ts.homology, name)(good_calls.D, metric="precomputed")


def test_two_samples_of_vectors_are_compared_by_their_pairs(full):
    with pytest.raises(UsageError, match=TOLD):
        ts.stats.permutation_test(good_calls.X, good_calls.Y)


@pytest.mark.parametrize("jobs", [0, 1])
def test_an_analysis_that_does_not_fit_is_refused_before_it_starts(jobs, monkeypatch):
    monkeypatch.setattr("toposcope.analysis.plan.available_memory", lambda: 10)
    with pytest.raises(UsageError, match=r"need about .* available.* free .* of memory"):
        ts.analyze(good_calls.activations(), points=12, replicates=2, jobs=jobs)


def test_mantel_of_many_objects_takes_no_more_than_its_matrices():
    """A block of orders took n**2 / 2 numbers a row: 24 GB for 1,000 objects, 3 GB for these."""
    import tracemalloc

    X = np.random.default_rng(0).normal(size=(400, 2))
    D = ts.homology.distances(X)
    tracemalloc.start()
    found = ts.stats.mantel(D, D + (D > 0), n_resamples=99)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.pvalue == 0.01
    assert peak < 200e6
