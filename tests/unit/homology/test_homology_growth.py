"""The shortcuts of the engine against the long way round: order, births, early stop, trees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from toposcope.errors import UsageError
from toposcope.homology import distances, rips, rips_from_distances
from toposcope.homology.neighbors import nearest
from toposcope.homology.spanning import euclidean_tree, tiled_tree, tree_lengths
from toposcope.homology.vietoris_rips import growth, higher_degrees
from toposcope.homology.vietoris_rips.births import last_birth
from toposcope.homology.vietoris_rips.growth import h1_diagram
from toposcope.homology.vietoris_rips.lunes import CRITICAL, central_first, reduced_triangles
from toposcope.homology.vietoris_rips.ranks import (
    enclosing_radius,
    ends_of,
    rank_edges,
    sorted_codes,
)
from toposcope.homology.vietoris_rips.reduction import h1_pairs
from toposcope.pointclouds import datasets


def clouds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    relu = datasets.relu_clusters(260, 32)
    return {
        "relu": relu,
        "torus": datasets.torus(300, 0.02),
        "lattice": np.round(2 * datasets.gaussian(240, 3)),
        "duplicates": np.vstack([relu[:150], relu[:60], relu[:30] + 1e-9]),
        "outlier": np.vstack([datasets.circle(200, 0.05), [[1e9, 0.0]]]),
        "two scales": np.concatenate([datasets.circle(100), 50 + 10 * rng.normal(size=(100, 2))]),
        "all equal": np.ones((170, 3)),
    }


KINDS = tuple(clouds())


def matrix(kind: str) -> np.ndarray:
    return distances(clouds()[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_codes_are_in_the_order_of_length_and_vertices(kind: str) -> None:
    D = matrix(kind)
    i, j = np.triu_indices(len(D), 1)
    for low, high in ((-1.0, np.inf), (float(np.median(D)), float(np.quantile(D, 0.9)))):
        inside = (low < D[i, j]) & (D[i, j] <= high)
        order = np.lexsort((j[inside], i[inside], D[i, j][inside]))
        expected = np.stack([i[inside], j[inside]], axis=1)[order]
        np.testing.assert_array_equal(ends_of(sorted_codes(D, low, high), len(D)), expected)


def test_lengths_of_very_different_size_are_sorted() -> None:
    # all but one length fall on the lowest level of the linear scale
    rng = np.random.default_rng(0)
    upper = np.triu(np.exp(rng.uniform(-300, 0, (80, 80))), 1)
    upper[0, 1] = 1e200
    D = upper + upper.T
    lengths = rank_edges(D, limit=np.inf).lengths
    assert (np.diff(lengths) > 0).all() and len(lengths) == 80 * 79 / 2


@pytest.mark.parametrize("kind", KINDS)
def test_last_birth_is_that_of_the_whole_scan(kind: str) -> None:
    D = matrix(kind)
    limit = enclosing_radius(D)
    edges = rank_edges(D, limit=limit)
    births = edges.lengths[reduced_triangles(edges).first == CRITICAL]
    for low in (0.0, float(np.quantile(D, 0.1)), float(np.median(D))):
        found = last_birth(D, tree_lengths(D), central_first(D), low=low, limit=limit)
        assert found == births.max(initial=low)


@pytest.mark.parametrize("kind", KINDS)
def test_early_stop_gives_the_whole_diagram(kind: str) -> None:
    D = matrix(kind)
    radius = enclosing_radius(D)
    for limit in (np.inf, radius, float(np.quantile(D, 0.05)), float(np.median(D))):
        whole = h1_pairs(rank_edges(D, limit=min(limit, radius))).pairs
        np.testing.assert_array_equal(h1_diagram(D, max_edge_length=limit), whole)


def test_most_edges_are_never_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    ranked = []

    def spy(D: np.ndarray, low: float, high: float) -> np.ndarray:
        codes = sorted_codes(D, low, high)
        ranked.append(len(codes))
        return codes

    monkeypatch.setattr(growth, "sorted_codes", spy)
    h1_diagram(distances(datasets.sphere(600)))
    assert sum(ranked) < 0.2 * 600 * 599 / 2


@pytest.mark.parametrize(
    "kind", ["lattice", "sizes", "offset", "copies", "relu", "outlier", "few places", "one place"]
)
@pytest.mark.parametrize("d", [1, 3, 40])
def test_trees_of_hard_clouds_are_those_of_float64(kind: str, d: int) -> None:
    rng = np.random.default_rng(d)
    cloud = rng.normal(size=(230, d))
    if kind == "lattice":
        cloud = np.rint(2 * cloud)
    elif kind == "sizes":
        cloud *= 10.0 ** rng.uniform(-6, 6, (230, 1))
    elif kind == "offset":
        cloud = 1e4 + 1e-3 * cloud
    elif kind == "copies":
        cloud = cloud[rng.integers(0, 230, 230)] + 1e-7 * cloud
    elif kind == "relu":
        cloud = np.maximum(cloud @ rng.normal(size=(d, d)), 0)
    elif kind == "outlier":
        cloud[7] += 1e8
    else:
        cloud = np.rint(cloud) * np.eye(d)[0] * (kind == "few places")
    expected = np.sort(tree_lengths(distances(cloud)))
    for lengths in (euclidean_tree(cloud)[1], tiled_tree(cloud, tile=60)[1]):
        np.testing.assert_allclose(np.sort(lengths), expected, rtol=1e-9, atol=0)
    near, rows, _ = nearest(cloud, 5)
    exact = cdist(cloud, cloud)
    np.fill_diagonal(exact, np.inf)
    np.testing.assert_allclose(near, np.sort(exact, axis=1)[:, :5], rtol=1e-9, atol=0)
    np.testing.assert_allclose(np.take_along_axis(exact, rows, axis=1), near, rtol=1e-9, atol=0)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_float32_products_choose_the_tree_of_float64(offset: float) -> None:
    rng = np.random.default_rng(1)
    cloud = offset + rng.normal(size=(300, 100))
    cloud[100:200] = cloud[:100] + 1e-6 * rng.normal(size=(100, 100))
    cloud[200:220] = cloud[:20]
    cloud[250] = cloud.mean(axis=0)
    expected = np.sort(tree_lengths(distances(cloud)))
    for edges, lengths in (euclidean_tree(cloud), tiled_tree(cloud, tile=90)):
        np.testing.assert_allclose(np.sort(lengths), expected, rtol=1e-9, atol=0)
        apart = np.linalg.norm(cloud[edges[:, 0]] - cloud[edges[:, 1]], axis=1)
        np.testing.assert_allclose(apart, lengths, rtol=1e-9, atol=0)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e150])
def test_trees_of_any_scale(scale: float) -> None:
    cloud = datasets.gaussian(60, 5)
    lengths = euclidean_tree(scale * cloud)[1]
    np.testing.assert_allclose(lengths, scale * euclidean_tree(cloud)[1], rtol=1e-12)
    assert len(euclidean_tree(cloud[:1])[1]) == 0
    assert not euclidean_tree(np.ones((5, 2)))[1].any()


@pytest.mark.parametrize("kind", ["sphere", "torus", "relu"])
def test_gudhi_with_and_without_collapse(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = {
        "sphere": datasets.sphere(40),
        "torus": datasets.torus(40),
        "relu": datasets.relu_clusters(40, 16),
    }[kind]
    D = distances(cloud)
    found = []
    for keeps in (0.0, 2.0):
        monkeypatch.setattr(
            higher_degrees, "_collapse_pays", lambda D, limit, keeps=keeps: keeps > 1
        )
        monkeypatch.setattr(higher_degrees, "_COLLAPSE_KEEPS", keeps)
        found.append(rips_from_distances(D, homology_dimensions=(2, 3)))
    for dense, collapsed in zip(*found, strict=True):
        np.testing.assert_array_equal(dense, collapsed)


def test_degrees_beyond_numbering_are_refused() -> None:
    with pytest.raises(UsageError, match="128 bits"):
        rips(datasets.gaussian(2000, 2), homology_dimensions=(14,))
