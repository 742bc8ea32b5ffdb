"""Exact landscapes: closed forms, means over replicates and networks, kernels on a grid."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.diagrams import distances, landscapes, summaries
from toposcope.errors import UsageError
from toposcope.homology import rips
from toposcope.stats import permutation_test_gram

EMPTY = np.empty((0, 2))


def some(seed: int, n: int = 25) -> np.ndarray:
    rng = np.random.default_rng(seed)
    births = rng.random(n)
    return np.stack([births, births + rng.exponential(0.3, n)], axis=1)


def power_integral(corners: np.ndarray, order: float) -> float:
    """Integral of a level ** order, which is linear between corners."""
    (x, u), (x2, v) = corners[:-1].T, corners[1:].T
    flat = np.isclose(u, v, rtol=1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (v ** (order + 1) - u ** (order + 1)) / ((order + 1) * (v - u))
    return float(((x2 - x) * np.where(flat, ((u + v) / 2) ** order, mean)).sum())


@pytest.mark.parametrize("order", [1, 2, 3, 4.5])
def test_levels_add_up_to_the_closed_form(order: float) -> None:
    """Sum over levels of ||lambda_k||_p^p = sum over pairs of 2 (l / 2) ** (p + 1) / (p + 1)."""
    cloud = np.random.default_rng(0).normal(size=(60, 3))
    for pairs in (some(1), some(2) - some(2)[:, :1], rips(cloud, homology_dimensions=(1,))[0]):
        levels = landscapes.landscape_corners(pairs)
        half = (pairs[:, 1] - pairs[:, 0]) / 2
        expected = (2 * half ** (order + 1) / (order + 1)).sum()
        found = sum(power_integral(level, order) for level in levels)
        assert found == pytest.approx(expected, rel=1e-10)
        assert found ** (1 / order) == pytest.approx(summaries.landscape_norm(pairs, order))


def test_corners_are_the_landscape() -> None:
    pairs = some(3)
    grid = np.linspace(-0.1, 3, 400)
    levels = landscapes.landscape_corners(pairs)
    values = summaries.landscape(pairs, len(levels), grid)
    for corners, row in zip(levels, values, strict=True):
        level = np.interp(grid, *corners.T, left=0, right=0)
        np.testing.assert_allclose(level, row, atol=1e-12)
    assert landscapes.landscape_corners(EMPTY) == []
    assert landscapes.landscape_corners([[1.0, 1.0]]) == []
    with pytest.raises(UsageError, match=r"landscape_corners\(\): 1 of 1 pairs never die"):
        landscapes.landscape_corners([[0.0, np.inf]])


def test_rectangular_gram_is_a_block_of_the_square_one() -> None:
    diagrams = [some(seed) for seed in range(6)]
    whole = landscapes.landscape_gram(diagrams)
    block = landscapes.landscape_gram(diagrams[:2], diagrams[2:])
    np.testing.assert_allclose(block, whole[:2, 2:], rtol=1e-12)
    assert landscapes.landscape_gram([], diagrams).shape == (0, 6)
    assert landscapes.landscape_gram(diagrams, []).shape == (6, 0)


def test_norms_and_distances_of_a_gram() -> None:
    diagrams = [some(0), some(1), some(1), EMPTY]
    gram = landscapes.landscape_gram(diagrams)
    norms, apart = landscapes.gram_norms(gram), landscapes.gram_distances(gram)
    for i, a in enumerate(diagrams):
        assert norms[i] == pytest.approx(summaries.landscape_norm(a))
        for j, b in enumerate(diagrams):
            assert apart[i, j] == pytest.approx(distances.landscape_distance(a, b), abs=1e-9)


def test_gram_on_a_grid_converges_to_the_exact_one() -> None:
    diagrams = [some(seed, 10) for seed in range(3)]
    exact = landscapes.landscape_gram(diagrams)
    fine = landscapes.grid_gram(diagrams, 10, np.linspace(0, 4, 4001))
    np.testing.assert_allclose(fine, exact, rtol=1e-5)
    uneven = np.unique(np.concatenate([np.linspace(0, 4, 1500), np.linspace(0, 1, 3000)]))
    np.testing.assert_allclose(landscapes.grid_gram(diagrams, 10, uneven), exact, rtol=1e-4)
    first = landscapes.grid_gram(diagrams, 1, np.linspace(0, 4, 4001))
    assert (np.diagonal(first) < np.diagonal(exact)).all()


def test_means_over_replicates_and_networks() -> None:
    """Replicates of a network are averaged first, however many there are."""
    networks = ["a", "b", "a", "a", "b"]
    diagrams = [some(seed, 8) for seed in range(5)]
    names, gram = landscapes.mean_gram(landscapes.landscape_gram(diagrams), networks)
    assert names == ["a", "b"]
    grid = np.linspace(0, 4, 8001)
    means = [
        landscapes.mean_landscape(
            [d for d, n in zip(diagrams, networks, strict=True) if n == k], 8, grid
        )
        for k in names
    ]
    for i, left in enumerate(means):
        for j, right in enumerate(means):
            expected = np.trapezoid((left * right).sum(axis=0), grid)
            assert gram[i, j] == pytest.approx(expected, rel=1e-5)


def test_two_sample_test() -> None:
    same = [some(seed, 10) for seed in range(24)]
    assert landscapes.landscape_test(same[:12], same[12:]).pvalue > 0.05
    longer = [d * [1, 2.0] for d in same[12:]]
    found = landscapes.landscape_test(same[:12], longer, unit="network", n_resamples=999)
    assert found.pvalue == 0.001 and found.target == "the training procedure"
    # The statistic is the distance between the mean landscapes.
    grid = np.linspace(0, 5, 5001)
    means = [landscapes.mean_landscape(part, 10, grid) for part in (same[:12], longer)]
    squared = np.trapezoid(((means[0] - means[1]) ** 2).sum(axis=0), grid)
    assert found.statistic == pytest.approx(np.sqrt(squared), rel=1e-4)
    with pytest.raises(UsageError, match="pseudo-replication"):
        landscapes.landscape_test(same[:12], longer, overlap=0.5)
    paired = landscapes.landscape_test(same[12:], longer, paired=True, n_resamples=999)
    assert paired.pvalue < 0.01


def test_two_sample_test_is_calibrated() -> None:
    """Uniform p under the null: rejections at 5 % stay within simulation error of 400 tests."""
    rng = np.random.default_rng(3)
    pool = [some(seed, 6) for seed in range(40)]
    gram = landscapes.landscape_gram(pool)
    low = 0
    for _ in range(400):
        rows = rng.permutation(40)[:16]
        part = gram[np.ix_(rows, rows)]
        low += (
            permutation_test_gram(part, [0] * 8 + [1] * 8, n_resamples=199, seed=rng).pvalue <= 0.05
        )
    assert 6 <= low <= 36  # binomial(400, 0.05), 99.9 %


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: landscapes.mean_landscape([], 2, [0.0, 1.0]), "at least one diagram"),
        (lambda: landscapes.landscape_test([EMPTY], []), "1 and 0 diagrams"),
        (lambda: landscapes.landscape_test([EMPTY], [EMPTY]), "1 and 1 units"),
        (lambda: landscapes.grid_gram([EMPTY], 2, [0.0]), "two points or more"),
        (lambda: landscapes.grid_gram([EMPTY], 2, [1.0, 0.0]), "np.sort"),
        (lambda: landscapes.mean_gram(np.eye(2), ["a"]), "1 labels"),
        (lambda: landscapes.landscape_gram([[[2.0, 1.0]]]), r"landscape_gram\(\): births"),
    ],
)
def test_wrong_arguments_are_named(call, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        call()
