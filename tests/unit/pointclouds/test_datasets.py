from __future__ import annotations

import numpy as np
import pytest

from toposcope.errors import UsageError
from toposcope.homology import farthest_landmarks, rips
from toposcope.pointclouds import datasets

ALL = {
    "circle": 2,
    "two_circles": 2,
    "linked_circles": 3,
    "sphere": 3,
    "torus": 3,
    "klein_bottle": 4,
    "projective_plane": 5,
    "figure_eight": 2,
    "disks": 2,
    "square_with_holes": 2,
    "annuli": 2,
    "swiss_roll": 3,
    "uniform_cube": 2,
    "gaussian": 2,
    "relu_clusters": 64,
}


@pytest.mark.parametrize(("name", "d"), ALL.items())
def test_shape_and_seed(name: str, d: int) -> None:
    make = getattr(datasets, name)
    cloud = make(40, seed=5)
    assert cloud.shape == (40, d) and cloud.dtype == np.float64
    np.testing.assert_array_equal(cloud, make(40, seed=5))
    assert not np.array_equal(cloud, make(40, seed=6))
    generator = np.random.default_rng(5)
    np.testing.assert_array_equal(cloud, make(40, seed=generator))
    with pytest.raises(UsageError, match="n=0; needed"):
        make(0)


@pytest.mark.parametrize("name", sorted(ALL.keys() - {"uniform_cube", "gaussian", "relu_clusters"}))
def test_noise_is_added(name: str) -> None:
    make = getattr(datasets, name)
    difference = make(2000, noise=0.1) - make(2000)
    assert difference.std() == pytest.approx(0.1, rel=0.05)


def test_points_lie_on_their_shapes() -> None:
    np.testing.assert_allclose(np.linalg.norm(datasets.circle(50), axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(datasets.sphere(50, dimension=3), axis=1), 1)
    x, y, z = datasets.torus(4000).T
    np.testing.assert_allclose((np.hypot(x, y) - 2) ** 2 + z**2, 1)
    # uniform in area: the outer half of the tube holds 1/2 + (r / R) / pi of it
    assert (np.hypot(x, y) > 2).mean() == pytest.approx(0.5 + 0.5 / np.pi, abs=0.03)


def test_disks_and_their_complement_share_the_square() -> None:
    inside, outside = datasets.disks(900, count=9), datasets.square_with_holes(900, count=9)
    assert np.abs(inside).max() < 1 and np.abs(outside).max() <= 1
    assert np.linalg.norm(inside[:, None] - outside, axis=2).min() > 0
    centers = np.array([[x, y] for y in (-2, 0, 2) for x in (-2, 0, 2)]) / 3
    radii = np.linalg.norm(inside[:, None] - centers, axis=2).min(axis=1)
    assert radii.max() == pytest.approx(0.2, abs=0.01)
    # uniform in area: half the points within 1 / sqrt(2) of the radius
    assert (radii < 0.2 / np.sqrt(2)).mean() == pytest.approx(0.5, abs=0.05)
    rings = np.linalg.norm(datasets.annuli(900, count=9)[:, None] - centers, axis=2).min(axis=1)
    assert rings.min() >= 0.12 and rings.max() <= 0.2 + 1e-12
    with pytest.raises(UsageError):
        datasets.disks(count=0)


def test_projective_plane_glues_opposite_points() -> None:
    vectors = datasets.sphere(50, seed=4)
    cloud = datasets.projective_plane(50, seed=4)
    squared = ((cloud[:, None] - cloud) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared, 2 - 2 * (vectors @ vectors.T) ** 2, atol=1e-12)


# name, arguments, number of landmarks, Betti numbers over Z/2 and Z/3
SPACES = [
    ("circle", {}, 40, (1, 1), (1, 1)),
    ("two_circles", {}, 60, (2, 2), (2, 2)),
    ("figure_eight", {}, 60, (1, 2), (1, 2)),
    ("linked_circles", {}, 80, (2, 2), (2, 2)),
    ("disks", {"count": 6}, 150, (6, 0), (6, 0)),
    ("disks", {"count": 9}, 200, (9, 0), (9, 0)),
    ("square_with_holes", {"count": 6}, 350, (1, 6), (1, 6)),
    ("annuli", {"count": 2}, 100, (2, 2), (2, 2)),
    ("annuli", {"count": 5}, 250, (5, 5), (5, 5)),
    ("sphere", {}, 80, (1, 0, 1), (1, 0, 1)),
    ("torus", {}, 150, (1, 2, 1), (1, 2, 1)),
    ("klein_bottle", {}, 250, (1, 2, 1), (1, 1, 0)),
    ("projective_plane", {}, 120, (1, 1, 1), (1, 0, 0)),
]


@pytest.mark.parametrize(("name", "arguments", "count", "two", "three"), SPACES)
def test_betti_numbers(name: str, arguments: dict, count: int, two: tuple, three: tuple) -> None:
    """Classes alive at one scale, above twice the covering radius, and for long."""
    cloud = getattr(datasets, name)(4000, **arguments)
    found = farthest_landmarks(cloud, count)
    scale = 2.5 * found.radius
    for coeff, expected in ((2, two), (3, three)):
        dims = tuple(range(len(expected)))
        diagrams = rips(cloud[found.rows], homology_dimensions=dims, coeff=coeff)
        alive = [(p[:, 0] <= scale) & (p[:, 1] > 1.15 * scale) for p in diagrams]
        assert tuple(int(a.sum()) for a in alive) == expected, coeff
