"""Landmarks and sparse Rips: the rule, the bounds that are promised, decided answers."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.homology import (
    distances,
    farthest_landmarks,
    random_landmarks,
    rips,
    sparse_rips,
)
from toposcope.pointclouds import datasets
from toposcope.testing import assert_diagrams_close

SHAPES = {
    "circle": datasets.circle(300, 0.05),
    "torus": datasets.torus(300),
    "relu": datasets.relu_clusters(200, 32),
}


def bottleneck(a: np.ndarray, b: np.ndarray) -> float:
    from gudhi import bottleneck_distance

    return bottleneck_distance(a, b)


def farthest_by_definition(X: np.ndarray, count: int, start: int) -> tuple[list, list]:
    D = np.linalg.norm(X[:, None] - X, axis=2)
    rows, radii = [start], []
    for _ in range(count):
        near = D[rows].min(axis=0)
        radii.append(near.max())
        rows.append(int(near.argmax()))
    return rows[:-1], radii


@pytest.mark.parametrize(("d", "start"), [(1, 0), (3, 7), (31, 0), (32, 5), (100, 0)])
def test_each_landmark_is_the_farthest_point(d: int, start: int) -> None:
    cloud = datasets.gaussian(80, d)
    found = farthest_landmarks(cloud, 20, start=start)
    rows, radii = farthest_by_definition(cloud, 20, start)
    assert found.rows.tolist() == rows
    np.testing.assert_allclose(found.radii, radii)
    assert found.radius == found.radii[-1] and found.bound == 2 * found.radius
    # a longer list starts with the shorter one
    np.testing.assert_array_equal(farthest_landmarks(cloud, 30, start=start).rows[:20], rows)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("choose", [farthest_landmarks, random_landmarks])
def test_diagrams_of_landmarks_are_within_the_bound(name: str, choose) -> None:
    cloud = SHAPES[name]
    full = rips(cloud)
    for count in (20, 60, 150):
        found = choose(cloud, count)
        for whole, part in zip(full, rips(cloud[found.rows]), strict=True):
            assert bottleneck(whole, part) <= found.bound * (1 + 1e-9)
            # landmarks are late, never early: half of the bound after a shift by half of it
            assert bottleneck(whole, part - found.radius) <= found.radius * (1 + 1e-9)


def test_the_bound_is_attained() -> None:
    # two pairs of points: the outer ends are 2 r farther apart than the inner ones
    cloud = np.array([[0.0], [1.0], [9.0], [10.0]])
    found = farthest_landmarks(cloud, 2)
    (whole,), (part,) = (rips(x, homology_dimensions=(0,)) for x in (cloud, cloud[found.rows]))
    assert found.rows.tolist() == [0, 3]
    assert bottleneck(whole, part) == found.bound == 2.0


def test_random_landmarks_report_their_own_radius() -> None:
    cloud = datasets.torus(200)
    found = random_landmarks(cloud, 40, seed=3)
    assert len(set(found.rows.tolist())) == 40
    D = distances(cloud)
    np.testing.assert_allclose(found.radii[[0, -1]], [D[found.rows[0]].max(), found.radius])
    assert found.radius == pytest.approx(D[:, found.rows].min(axis=1).max())
    np.testing.assert_array_equal(found.rows, random_landmarks(cloud, 40, seed=3).rows)
    assert not np.array_equal(found.rows, random_landmarks(cloud, 40, seed=4).rows)
    assert farthest_landmarks(cloud, 40).radius < found.radius


def test_all_points_cover_exactly() -> None:
    cloud = datasets.gaussian(30, 2)
    found = farthest_landmarks(cloud, 30)
    assert sorted(found.rows.tolist()) == list(range(30)) and found.bound == 0
    assert farthest_landmarks([[5.0]], 1).radii.tolist() == [0.0]
    # float32 and integers are read as they are
    np.testing.assert_array_equal(
        farthest_landmarks(np.round(9 * cloud).astype(np.int32), 9).rows,
        farthest_landmarks(np.round(9 * cloud), 9).rows,
    )


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: farthest_landmarks([[0.0], [1.0]], 0), UsageError, "count=0"),
        (
            lambda: farthest_landmarks([[0.0], [1.0]], 3),
            TooFewSamplesError,
            "3 landmarks.*2 points",
        ),
        (lambda: farthest_landmarks([[0.0], [1.0]], 1, start=2), UsageError, "start=2; needed"),
        (
            lambda: farthest_landmarks([[0.0], [1.0], [1.0]], 3),
            DegenerateCloudError,
            "only 2 distinct points. Pass count=2",
        ),
        (lambda: random_landmarks([[0.0], [np.inf]], 1), DegenerateCloudError, "not finite"),
        (lambda: random_landmarks([[0.0]], 2), TooFewSamplesError, r"random_landmarks\(\)"),
        (
            lambda: sparse_rips([[0.0]], 1.0),
            UsageError,
            "or more and below 1",
        ),
        (lambda: sparse_rips([[0.0]], np.nan), UsageError, "epsilon"),
        (lambda: sparse_rips([[1.0]], metric="cosine"), UsageError, "triangle inequality"),
        (lambda: sparse_rips([[1.0]], coeff=4), UsageError, r"sparse_rips\(\): coeff"),
    ],
)
def test_wrong_use_is_named(call, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def assert_within_factor(whole: np.ndarray, sparse: np.ndarray, factor: float) -> None:
    """On the logarithmic scale: at most log(factor), and late only."""
    if (whole[:, 0] == 0).any():
        ratio = np.sort(sparse[:, 1])[:-1] / np.sort(whole[:, 1])[:-1]
        assert len(sparse) == len(whole) and ((ratio >= 1 - 1e-9) & (ratio <= factor)).all()
        return
    a, b = np.log(whole), np.log(sparse)
    assert bottleneck(a, b) <= np.log(factor) + 1e-9
    assert bottleneck(a, b - np.log(factor) / 2) <= np.log(factor) / 2 + 1e-9


@pytest.mark.parametrize("name", ["circle", "torus"])
@pytest.mark.parametrize("epsilon", [0.3, 0.5, 0.7, 0.9])
def test_sparse_diagrams_are_within_their_factor(name: str, epsilon: float) -> None:
    cloud = SHAPES[name]
    sparse = sparse_rips(cloud, epsilon)
    assert sparse.factor == pytest.approx(1 / (1 - epsilon))
    assert sparse.edges < 0.4 * len(cloud) * (len(cloud) - 1) / 2
    for whole, part in zip(rips(cloud), sparse.diagrams, strict=True):
        assert_within_factor(whole, part, sparse.factor)


def test_sparse_voids_and_fields() -> None:
    cloud = datasets.projective_plane(60)
    for coeff in (2, 3):
        sparse = sparse_rips(cloud, 0.4, homology_dimensions=(2, 1), coeff=coeff)
        full = rips(cloud, homology_dimensions=(2, 1), coeff=coeff)
        for whole, part in zip(full, sparse.diagrams, strict=True):
            assert_within_factor(whole, part, sparse.factor)


def test_sparse_complex_is_that_of_its_definition() -> None:
    """Edges and triangles from the growth of balls, by search over the scale."""
    cloud, epsilon = datasets.torus(25), 0.6
    rows, radii = farthest_by_definition(cloud, 25, 0)
    insertion = np.array([np.inf, *radii[:-1]])
    D = np.linalg.norm(cloud[rows][:, None] - cloud[rows], axis=2)
    removed = insertion / (epsilon * (1 - epsilon))
    births = np.full((25, 25), np.inf)
    for i in range(25):
        for j in range(i):
            grown = [min(radius, D[i, j]) for radius in insertion[[i, j]] / epsilon]
            if sum(grown) >= D[i, j]:
                # both reach D / 2, or the smaller ball stops and the other one goes on
                births[i, j] = births[j, i] = 2 * max(D[i, j] / 2, D[i, j] - min(grown))
    births[births / 2 > np.minimum.outer(removed, removed)] = np.inf
    triangles = 0
    for i in range(25):
        for j in range(i):
            for k in range(j):
                appears = max(births[i, j], births[i, k], births[j, k])
                triangles += appears < np.inf and appears / 2 <= removed[[i, j, k]].min()
    sparse = sparse_rips(cloud, epsilon, homology_dimensions=(1,))
    edges = int(np.isfinite(births).sum()) // 2
    assert (sparse.edges, sparse.simplices) == (edges, 25 + edges + triangles)
    assert edges < 300


def test_a_small_epsilon_leaves_nothing_out() -> None:
    cloud = datasets.relu_clusters(60, 8)
    sparse = sparse_rips(cloud, 0.01)
    assert sparse.edges == 60 * 59 / 2
    for whole, part in zip(rips(cloud), sparse.diagrams, strict=True):
        assert_diagrams_close(whole, part)


def test_sparse_degenerate_clouds_have_decided_answers() -> None:
    for cloud in ([[3.0]], np.ones((5, 2))):
        h0, h1 = sparse_rips(cloud).diagrams
        np.testing.assert_array_equal(h0, [[0.0, np.inf]])
        assert h1.shape == (0, 2)
    # duplicates and separate parts change nothing that they should not
    cloud = datasets.circle(40)
    twice = np.concatenate([cloud, cloud[::2]])
    for a, b in zip(sparse_rips(cloud).diagrams, sparse_rips(twice).diagrams, strict=True):
        assert_diagrams_close(a, b)
    D = np.full((80, 80), np.inf)
    D[:40, :40] = D[40:, 40:] = distances(cloud)
    h0, h1 = sparse_rips(D, metric="precomputed").diagrams
    assert np.isinf(h0[:, 1]).sum() == 2
    assert len(h1) == 2 and (h1[0] == h1[1]).all()
