"""Graph distances: known graphs, the off-by-one of k, ties, duplicates, components, oracles."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.homology import geodesic_distances, rips
from toposcope.pointclouds import datasets

LINE = np.arange(6.0)[:, None]


def ring(n: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def wheeler(X: np.ndarray, k: int, *, unweighted: bool) -> np.ndarray:
    """The published procedure: the cloud passed explicitly, so that k counts the point itself."""
    from scipy.sparse.csgraph import shortest_path
    from sklearn.neighbors import NearestNeighbors

    mode = "connectivity" if unweighted else "distance"
    graph = NearestNeighbors(n_neighbors=k, algorithm="ball_tree").fit(X)
    graph = graph.kneighbors_graph(X, mode=mode).maximum(graph.kneighbors_graph(X, mode=mode).T)
    return shortest_path(graph, directed=False, unweighted=unweighted)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "cloud",
    [datasets.relu_clusters(150, 16), datasets.torus(150), datasets.disks(150)],
    ids=["relu", "torus", "disks"],
)
def test_equals_the_published_procedure(cloud: np.ndarray, weighted: bool) -> None:
    ours = geodesic_distances(cloud, 7, weighted=weighted, count_self=True)
    np.testing.assert_allclose(ours, wheeler(cloud, 7, unweighted=not weighted), rtol=1e-9)
    np.testing.assert_array_equal(ours, ours.T)
    np.testing.assert_array_equal(ours, geodesic_distances(cloud, 6, weighted=weighted))


def test_hops_on_a_ring_are_known() -> None:
    steps = np.abs(np.arange(12)[:, None] - np.arange(12))
    around = np.minimum(steps, 12 - steps)
    np.testing.assert_array_equal(geodesic_distances(ring(12), 2), around)
    np.testing.assert_array_equal(geodesic_distances(ring(12), 4), np.ceil(around / 2))
    side = np.linalg.norm(ring(12)[1] - ring(12)[0])
    np.testing.assert_allclose(geodesic_distances(ring(12), 2, weighted=True), around * side)


def test_a_ring_of_hops_has_one_loop_from_1_to_a_third() -> None:
    D = geodesic_distances(ring(12), 2)
    _, h1 = rips(D, metric="precomputed")
    np.testing.assert_array_equal(h1, [[1.0, 4.0]])


def test_components_are_essential_classes() -> None:
    cloud = np.concatenate([LINE, LINE + 100, LINE + 300])
    D = geodesic_distances(cloud, 2)
    assert np.isinf(D[0, 6]) and D[0, 5] == 3
    h0, _ = rips(D, metric="precomputed")
    assert np.isinf(h0[:, 1]).sum() == 3
    assert geodesic_distances(cloud, 2, unreachable=1000)[0, 6] == 1000


def test_cutoff_is_that_of_topnn() -> None:
    D = geodesic_distances(np.arange(30.0)[:, None], 1, cutoff=10, unreachable=1000)
    assert D[0, 10] == 10 and D[0, 11] == 1000
    assert np.isinf(geodesic_distances(LINE, 1, cutoff=0)[0, 1])


def test_ties_are_all_neighbors_wherever_the_lattice_lies() -> None:
    lattice = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    blocks = np.abs(lattice[:, None] - lattice).sum(axis=2)
    # 2 is the number of nearest sides at a corner; everybody else has 3 or 4 tied ones
    for moved in (lattice, 0.1 * lattice + 7.3, lattice @ np.array([[0.6, -0.8], [0.8, 0.6]])):
        np.testing.assert_array_equal(geodesic_distances(moved, 2), blocks)


def test_equal_points_are_one_vertex() -> None:
    order = [0, 0, 0, 0, 3, 1, 2, 3, 4, 5]
    D = geodesic_distances(LINE[order], 1)
    np.testing.assert_array_equal(D, geodesic_distances(LINE, 1)[np.ix_(order, order)])
    assert D[0, 3] == 0


def test_other_metrics_and_given_distances() -> None:
    cloud = datasets.gaussian(40, 3)
    from toposcope.homology import distances

    D = distances(cloud)
    np.testing.assert_array_equal(
        geodesic_distances(D, 5, metric="precomputed"), geodesic_distances(cloud, 5)
    )
    cosine = geodesic_distances(cloud * np.linspace(1, 9, 40)[:, None], 5, metric="cosine")
    np.testing.assert_array_equal(cosine, geodesic_distances(cloud, 5, metric="cosine"))
    apart = np.full((4, 4), np.inf)
    apart[0, 1] = apart[1, 0] = apart[2, 3] = apart[3, 2] = 1.0
    np.fill_diagonal(apart, 0.0)
    # the second neighbor is at inf: it is none
    np.testing.assert_array_equal(geodesic_distances(apart, 2, metric="precomputed"), apart)


def test_distance_zero_need_not_be_transitive() -> None:
    D = np.array([[0.0, 0, 1, 2], [0, 0, 0, 2], [1, 0, 0, 2], [2, 2, 2, 0]])
    expected = [[0.0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 0]]
    np.testing.assert_array_equal(geodesic_distances(D, 1, metric="precomputed"), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"k": 0}, UsageError, "leaves 0 real neighbors.*k=1 or more"),
        ({"k": 1, "count_self": True}, UsageError, "leaves 0 real neighbors.*k=2 or more"),
        ({"k": 6}, TooFewSamplesError, "6 neighbors need 7 distinct points; the cloud has 6"),
        ({"k": 2, "unreachable": 0.0}, UsageError, "unreachable=0.0; needed is a number above 0"),
        ({"k": 2, "cutoff": -1.0}, UsageError, "cutoff"),
        ({"k": 2, "metric": "hops"}, UsageError, "'hops' is unknown"),
    ],
)
def test_wrong_use_is_named(arguments: dict, error: type, match: str) -> None:
    with pytest.raises(error, match=rf"geodesic_distances\(\): .*{match}"):
        geodesic_distances(LINE, **arguments)


def test_too_few_distinct_points_are_degenerate() -> None:
    with pytest.raises(DegenerateCloudError, match=r"has 1 \(of 20 points\)"):
        geodesic_distances(np.ones((20, 2)))
    with pytest.raises(TooFewSamplesError):
        geodesic_distances([[0.0]])
