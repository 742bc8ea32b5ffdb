from __future__ import annotations

import numpy as np
import pytest

from toposcope import datasets
from toposcope.errors import UsageError

ALL = {
    "circle": 2,
    "two_circles": 2,
    "linked_circles": 3,
    "sphere": 3,
    "torus": 3,
    "klein_bottle": 4,
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
    with pytest.raises(UsageError, match="at least one point"):
        make(0)


@pytest.mark.parametrize(
    "name", ["circle", "two_circles", "linked_circles", "sphere", "torus", "klein_bottle"]
)
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
