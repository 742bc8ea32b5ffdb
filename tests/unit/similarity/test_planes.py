"""Planes for pictures: what they hold, how they turn, and what is said of them."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from toposcope.similarity import planes
from toposcope.similarity.planes import principal_plane, rank_agreement, turned_onto


@pytest.mark.parametrize("shape", [(30, 4), (4, 30), (30, 1), (2, 5), (1, 3), (500, 450)])
def test_the_plane_is_that_of_the_singular_vectors(shape):
    X = np.random.default_rng(0).normal(size=shape) * np.linspace(3, 1, shape[1])
    plane, shares = principal_plane(X)
    U, s, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
    width = min(2, int((s > 1e-9).sum()))
    assert abs(plane[:, :width]) == pytest.approx(abs(U[:, :width] * s[:width]), abs=1e-6)
    if width:
        assert shares[:width] == pytest.approx(s[:width] ** 2 / (s**2).sum())
    assert not plane[:, width:].any() and not shares[width:].any()


def test_a_constant_cloud_has_no_directions():
    plane, shares = principal_plane(np.full((5, 3), 7.0))
    assert not plane.any() and not shares.any()


def test_the_same_cloud_has_the_same_picture():
    X = np.random.default_rng(1).normal(size=(planes.DENSE + 50, planes.DENSE + 20))
    assert np.array_equal(principal_plane(X)[0], principal_plane(X.copy())[0])


def test_turning_keeps_distances_and_undoes_rotations_and_mirrors():
    rng = np.random.default_rng(2)
    to = rng.normal(size=(20, 2))
    Q, _ = np.linalg.qr(rng.normal(size=(2, 2)))
    other = rng.normal(size=(20, 2))
    assert turned_onto(to @ Q, to) == pytest.approx(to)
    assert pdist(turned_onto(other, to)) == pytest.approx(pdist(other))
    assert np.linalg.norm(turned_onto(other, to) - to) <= np.linalg.norm(other - to)


def test_rank_agreement_is_spearmans_of_the_distances():
    X = np.random.default_rng(3).normal(size=(60, 9))
    plane, _ = principal_plane(X)
    expected = spearmanr(pdist(X), pdist(plane)).statistic
    assert rank_agreement(squareform(pdist(X)), plane) == pytest.approx(expected)
    assert rank_agreement(squareform(pdist(plane)), plane) == 1


@pytest.mark.parametrize("n", [1, 2, 5])
def test_without_an_order_there_is_no_agreement(n):
    assert np.isnan(rank_agreement(np.ones((n, n)) - np.eye(n), np.zeros((n, 2))))


def test_infinite_distances_are_the_farthest():
    D = np.array([[0, 1, np.inf, 2], [1, 0, 3, 4], [np.inf, 3, 0, 5], [2, 4, 5, 0]], dtype=float)
    assert np.isfinite(rank_agreement(D, np.arange(8.0).reshape(4, 2) ** 2))
