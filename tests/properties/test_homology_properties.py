"""What mathematics promises for every cloud and every diagram."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from toposcope import homology
from toposcope.diagrams import summaries
from toposcope.homology import distances, rips, rips_from_distances
from toposcope.testing import assert_diagrams_close, clouds, diagrams

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
homology.warm_up()


@QUICK
@given(clouds(), st.randoms(use_true_random=False))
def test_order_of_points_is_irrelevant(cloud: np.ndarray, random) -> None:
    order = list(range(len(cloud)))
    random.shuffle(order)
    D = distances(cloud)
    for a, b in zip(
        rips_from_distances(D), rips_from_distances(D[np.ix_(order, order)]), strict=True
    ):
        np.testing.assert_array_equal(a, b)


@QUICK
@given(clouds())
def test_isometries_and_scalings(cloud: np.ndarray) -> None:
    moved = 10 - 4 * cloud[:, ::-1]
    for a, b in zip(rips(cloud), rips(moved), strict=True):
        assert_diagrams_close(4 * a, b, rtol=1e-12, atol=1e-9)


@QUICK
@given(clouds(min_points=2), st.integers(0, 100))
def test_repeating_a_point_changes_nothing(cloud: np.ndarray, which: int) -> None:
    again = np.vstack([cloud, cloud[which % len(cloud)]])
    for a, b in zip(rips(cloud), rips(again), strict=True):
        assert_diagrams_close(a, b, rtol=1e-12, atol=1e-9)


@QUICK
@given(clouds(min_points=1))
def test_h0_counts_points_and_h1_lies_inside(cloud: np.ndarray) -> None:
    h0, h1 = rips(cloud)
    assert len(h0) == len(np.unique(cloud, axis=0))
    assert np.isinf(h0[:, 1]).sum() == 1
    assert np.isfinite(h1).all() and (h1[:, 1] > h1[:, 0]).all()
    # beyond the enclosing radius the complex is a cone
    assert h1.size == 0 or h1[:, 1].max() <= distances(cloud).max(axis=1).min()


@QUICK
@given(clouds(min_points=4), st.floats(0.0, 0.2), st.integers(0, 5))
def test_total_h0_is_stable(cloud: np.ndarray, size: float, seed: int) -> None:
    """Each death moves by at most twice the largest shift of a point."""
    shift = np.random.default_rng(seed).uniform(-1, 1, cloud.shape)
    shift *= size / max(np.linalg.norm(shift, axis=1).max(), 1e-9)
    deaths = [np.sort(homology.spanning.tree_lengths(distances(X))) for X in (cloud, cloud + shift)]
    assert np.abs(deaths[0] - deaths[1]).max() <= 2 * size + 1e-9


@QUICK
@given(diagrams(), diagrams())
def test_landscape_inner_is_an_inner_product(a: np.ndarray, b: np.ndarray) -> None:
    ab = summaries.landscape_inner(a, b)
    assert np.isclose(ab, summaries.landscape_inner(b, a), rtol=1e-12, atol=1e-15)
    norms = summaries.landscape_norm(a), summaries.landscape_norm(b)
    assert ab <= norms[0] * norms[1] + 1e-9
    assert np.isclose(summaries.landscape_inner(a, a), norms[0] ** 2, rtol=1e-10, atol=1e-15)


@QUICK
@given(diagrams())
def test_landscape_levels_sum_to_the_tents(pairs: np.ndarray) -> None:
    grid = np.arange(0, 52) / 8
    levels = summaries.landscape(pairs, max(len(pairs), 1), grid)
    tents = np.minimum(grid - pairs[:, :1], pairs[:, 1:] - grid).clip(0)
    np.testing.assert_array_equal(levels.sum(axis=0), tents.sum(axis=0))
    assert (np.diff(levels, axis=0) <= 0).all()


@QUICK
@given(diagrams())
def test_betti_curve_counts(pairs: np.ndarray) -> None:
    grid = np.arange(0, 52) / 8
    alive = (pairs[:, :1] <= grid) & (grid < pairs[:, 1:])
    np.testing.assert_array_equal(summaries.betti_curve(pairs, grid), alive.sum(axis=0))


@QUICK
@given(clouds(min_points=1, max_points=6), st.floats(0.1, 6.0))
def test_euler_poincare(cloud: np.ndarray, t: float) -> None:
    D = distances(cloud)
    n = len(D)
    characteristic = 0
    for k in range(1, n + 1):
        for simplex in combinations(range(n), k):
            characteristic += (-1) ** (k - 1) * bool((D[np.ix_(simplex, simplex)] <= t).all())
    diagrams = rips_from_distances(D, homology_dimensions=range(n))
    betti = [int(((d[:, 0] <= t) & (d[:, 1] > t)).sum()) for d in diagrams]
    assert sum((-1) ** k * b for k, b in enumerate(betti)) == characteristic
