"""Percentile local homology: the homology of a space at a point, and the published procedure."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.homology import local_distances, rips
from toposcope.pointclouds import datasets

RNG = np.random.default_rng(0)
PARAMETER = RNG.uniform(-1, 1, 120)
LINE = PARAMETER[:, None] * [1.0, 0.5]
CROSS = np.concatenate([PARAMETER[:60, None] * [1.0, 0.0], PARAMETER[60:, None] * [0.0, 1.0]])


def rank(pairs: np.ndarray) -> int:
    """Number of classes that live for more than 0.35 of the radius of the ball."""
    return int((pairs[:, 1] - pairs[:, 0] > 0.35).sum())


@pytest.mark.parametrize("quantile", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("center", [True, False])
def test_a_line_has_one_loop_and_a_crossing_three(quantile: float, center: bool) -> None:
    for cloud, expected in ((LINE, 1), (CROSS, 3), (CROSS + 0.02 * RNG.normal(size=(120, 2)), 3)):
        h0, h1 = rips(local_distances(cloud, quantile, center=center), metric="precomputed")
        assert rank(h1) == expected
        assert np.isinf(h0[:, 1]).sum() == 1


def test_the_end_of_a_line_has_no_loop() -> None:
    _, h1 = rips(local_distances(np.abs(PARAMETER)[:, None], center=False), metric="precomputed")
    assert rank(h1) == 0


@pytest.mark.parametrize("quantile", [0.3, 0.5, 0.7])
def test_a_disk_in_the_plane_has_a_void_and_no_loop(quantile: float) -> None:
    disk = datasets.disks(150, count=1)
    D = local_distances(disk, quantile)
    h1, h2 = rips(D, metric="precomputed", homology_dimensions=(1, 2))
    assert (rank(h1), rank(h2)) == (0, 1)


def test_equals_the_published_procedure() -> None:
    cloud = datasets.gaussian(50, 3) + 5
    x = cloud - cloud.mean(axis=0)
    r = np.linalg.norm(x, axis=1)
    x, r = x[np.argsort(r)], np.sort(r)
    p = int(np.floor(50 * 0.6))
    y = np.concatenate([x[:p] / r[min(p, 49)], x[p:] / r[p:, None]])
    expected = np.linalg.norm(y[:, None] - y, axis=2)
    expected[p:, p:] = 0
    order = np.argsort(np.linalg.norm(cloud - cloud.mean(axis=0), axis=1))
    found = local_distances(cloud, 0.6)[np.ix_(order, order)]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(local_distances(1e3 * cloud, 0.6), local_distances(cloud, 0.6))


def test_center_and_quantile_matter_and_ties_are_one_shell() -> None:
    cloud = datasets.gaussian(30, 2) + 1
    assert not np.allclose(local_distances(cloud), local_distances(cloud, center=False))
    outside = [(local_distances(cloud, q) == 0).sum() for q in (0.29, 0.5, 1.0)]
    # floor(30 q) points inside: 22, 15 and 1 form the shell
    assert outside == [22**2 + 8, 15**2 + 15, 30]
    square = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1], [0.1, 0], [0, 0.1]])
    assert (local_distances(square, 0.9, center=False)[:4, :4] == 0).all()
    assert local_distances([[3.0]], center=False).tolist() == [[0.0]]


def test_wrong_input_is_named() -> None:
    for quantile in (0.0, 1.5, np.nan):
        with pytest.raises(UsageError, match=r"local_distances\(\): quantile=.*at most 1"):
            local_distances(LINE, quantile)
    with pytest.raises(DegenerateCloudError, match=r"4 of 4 points lie at the mean.*radius 0"):
        local_distances(np.ones((4, 2)))
    with pytest.raises(DegenerateCloudError, match=r"3 of 4 points lie at the origin"):
        local_distances([[0.0], [0.0], [0.0], [1.0]], center=False)
    with pytest.raises(DegenerateCloudError, match="not finite"):
        local_distances([[np.nan], [1.0]])
