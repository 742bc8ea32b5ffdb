"""Dimensions: known clouds, honest intervals, degenerate input."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope import dimension
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.homology import distances
from toposcope.pointclouds import datasets


@pytest.mark.parametrize("d", [1, 2, 3])
def test_cubes_have_their_dimension(d: int) -> None:
    cloud = datasets.uniform_cube(600, d)
    for result in (dimension.ph_dimension(cloud), dimension.two_nn(cloud), dimension.mle(cloud)):
        assert result.value == pytest.approx(d, rel=0.12)
        assert result.low < result.value < result.high
        assert result.n == 600


def test_dimension_ignores_embedding_scale_and_order() -> None:
    cloud = datasets.uniform_cube(300, 2)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(7, 7)))[0][:2]
    for function in (dimension.ph_dimension, dimension.two_nn, dimension.mle):
        assert function(50 + 1e3 * cloud @ rotation).value == pytest.approx(function(cloud).value)
    assert dimension.two_nn(cloud[::-1]).value == pytest.approx(dimension.two_nn(cloud).value)


def test_alpha_enters_as_alpha_over_one_minus_slope() -> None:
    cloud = datasets.uniform_cube(600, 3)
    result = dimension.ph_dimension(cloud, alpha=0.5)
    assert result.value == pytest.approx(0.5 / (1 - result.slope))
    assert result.value == pytest.approx(3, rel=0.1)


def test_birdals_schedule_gives_the_reference_value() -> None:
    # 1.96 (sd 0.03) for the square, measured independently with this schedule
    cloud = datasets.uniform_cube(1000, 2, seed=3)
    result = dimension.ph_dimension(cloud, schedule=range(200, 1000, 50), replicates=1)
    assert result.value == pytest.approx(1.96, abs=0.09)
    assert result.sizes == tuple(range(200, 1000, 50))


def test_from_distances_is_the_same_number() -> None:
    cloud = datasets.relu_clusters(120, 16)
    full = dimension.ph_dimension(cloud, alpha=1.5, replicates=3, seed=4)
    quick = dimension.ph_dimension_from_distances(distances(cloud), alpha=1.5, replicates=3, seed=4)
    assert quick == (full.value, full.r2)


def test_seed_and_replicates_matter() -> None:
    cloud = datasets.uniform_cube(100, 2)
    values = {
        dimension.ph_dimension(cloud, seed=s, replicates=r).value for s in (0, 1) for r in (1, 5)
    }
    assert len(values) == 4


@pytest.mark.parametrize("name", ["ph_dimension", "two_nn", "mle"])
def test_intervals_cover_the_expectation(name: str) -> None:
    """60 draws; the docstrings state the coverage of 400. Fewer than 51 hits of 60 at a true 95 %
    happens once in 2,000 times."""
    function = getattr(dimension, name)
    results = [function(datasets.uniform_cube(150, 2, seed=s)) for s in range(60)]
    center = np.mean([r.value for r in results])
    assert sum(r.low <= center <= r.high for r in results) >= 51
    width = np.mean([r.high - r.low for r in results])
    assert width < 2.3 * 3.92 * np.std([r.value for r in results]), "informative, not only safe"


def test_duplicates_are_dropped_and_counted() -> None:
    cloud = datasets.uniform_cube(100, 2)
    doubled = np.concatenate([cloud, cloud[:30]])
    for function in (dimension.two_nn, dimension.mle):
        result = function(doubled)
        assert (result.n, result.duplicates) == (100, 30)
        assert result.value == pytest.approx(function(cloud).value)


def test_effective_rank_and_participation_ratio() -> None:
    share = np.array([0.5, 0.25, 0.25])
    cloud = np.concatenate([np.diag(np.sqrt(share)), -np.diag(np.sqrt(share))])
    rank, ratio = np.exp(-(share * np.log(share)).sum()), 1 / (share**2).sum()
    wide = cloud @ np.eye(3, 50) * 1e-8 + 3.0
    for points, rtol in ((cloud, 1e-9), (wide, 1e-6)):
        assert dimension.effective_rank(points) == pytest.approx(rank, rel=rtol)
        assert dimension.participation_ratio(points) == pytest.approx(ratio, rel=rtol)


def test_activation_norm() -> None:
    assert dimension.activation_norm(2 * datasets.circle(9)) == pytest.approx(2)


@pytest.mark.parametrize("name", ["ph_dimension", "two_nn", "mle", "effective_rank"])
def test_constant_clouds_carry_no_dimension(name: str) -> None:
    with pytest.raises(DegenerateCloudError, match="distinct"):
        getattr(dimension, name)(np.ones((40, 3)))


@pytest.mark.parametrize("name", ["ph_dimension", "two_nn", "mle"])
def test_small_clouds_are_refused(name: str) -> None:
    with pytest.raises(TooFewSamplesError, match=rf"{name}\(\): the cloud has 9 points; at least"):
        getattr(dimension, name)(datasets.circle(9))


def test_lattices_defeat_two_nn() -> None:
    lattice = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    with pytest.raises(DegenerateCloudError, match="lattice"):
        dimension.two_nn(lattice)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"alpha": 0.0}, UsageError, "alpha=0.0; needed"),
        ({"replicates": 0}, UsageError, "replicates=0; needed"),
        ({"schedule": [10, 20]}, UsageError, "3 different sizes"),
        ({"schedule": [2, 10, 20]}, UsageError, "at least 8 points"),
        ({"schedule": [10, 20, 99]}, TooFewSamplesError, "99 points but the cloud has 50"),
    ],
)
def test_wrong_schedules_are_named(arguments: dict, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        dimension.ph_dimension(datasets.uniform_cube(50, 2), **arguments)
    with pytest.raises(UsageError, match="k=1; needed"):
        dimension.mle(datasets.uniform_cube(50, 2), k=1)
