"""Nested sub-samples: the growing tree against Prim's on every leading block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.homology import distances, rips_from_distances
from toposcope.homology.spanning import prim, tree_lengths
from toposcope.homology.vietoris_rips.nested import _grow, nested_h0, nested_tree_sums


def two_islands() -> np.ndarray:
    D = distances(np.random.default_rng(4).normal(size=(30, 2)))
    side = np.arange(30) % 2
    D[side[:, None] != side] = np.inf
    return D


def ranked() -> np.ndarray:
    """Not a metric: the tree must not use the triangle inequality."""
    upper = np.triu(np.random.default_rng(5).integers(1, 9, size=(40, 40)).astype(float), 1)
    return upper + upper.T


def with_duplicates() -> np.ndarray:
    X = np.random.default_rng(3).normal(size=(20, 3))
    return distances(np.concatenate([X, X, X[:7]]))


MATRICES = {
    "cloud": distances(np.random.default_rng(0).normal(size=(80, 3))),
    "line": distances(np.random.default_rng(1).random((60, 1))),
    "grid": distances(np.indices((7, 8)).reshape(2, -1).T.astype(float)),
    "cube": distances(np.random.default_rng(2).integers(0, 3, size=(50, 3)).astype(float)),
    "duplicates": with_duplicates(),
    "one place": np.zeros((12, 12)),
    "islands": two_islands(),
    "never joined": np.where(np.eye(9) > 0, 0.0, np.inf),
    "not a metric": ranked(),
}


@pytest.fixture(params=list(MATRICES))
def D(request: pytest.FixtureRequest) -> np.ndarray:
    return MATRICES[request.param]


def orders(n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(6)
    return [np.arange(n), np.arange(n)[::-1], rng.permutation(n), rng.permutation(n)[: n // 2]]


def test_tree_has_the_lengths_of_prim_on_every_prefix(D: np.ndarray) -> None:
    for order in orders(len(D)):
        ends, lengths = np.empty((len(order), 2), np.int64), np.empty(len(order))
        for m in range(1, len(order) + 1):
            _grow(D, np.ascontiguousarray(order), ends, lengths, m - 1 or 1, m)
            expected = np.sort(tree_lengths(D, order[:m].copy()))
            # Both choose among the same entries of D: equal to the last bit.
            np.testing.assert_array_equal(np.sort(lengths[: m - 1]), expected)


def test_edges_are_a_spanning_tree_with_these_lengths(D: np.ndarray) -> None:
    rows = np.random.default_rng(7).permutation(len(D))
    m = len(rows)
    ends, lengths = np.empty((m, 2), np.int64), np.empty(m)
    _grow(D, rows, ends, lengths, 1, m)
    edges = rows[ends[: m - 1]]
    np.testing.assert_array_equal(D[edges[:, 0], edges[:, 1]], lengths[: m - 1])
    graph = np.full((m, m), np.inf)
    graph[edges[:, 0], edges[:, 1]] = graph[edges[:, 1], edges[:, 0]] = 1.0
    assert np.isfinite(prim(graph)[1]).all()


@pytest.mark.parametrize("alpha", [0.5, 1, 2.0])
def test_sums_of_all_prefixes(D: np.ndarray, alpha: float) -> None:
    for order in orders(len(D)):
        sizes = np.arange(1, len(order) + 1)
        expected = [(tree_lengths(D, order[:m].copy()) ** alpha).sum() for m in sizes]
        sums = nested_tree_sums(D, order, sizes, alpha=alpha)
        assert sums.dtype == np.float64
        assert sums.shape == (len(order),)
        np.testing.assert_allclose(sums, expected, rtol=1e-12, atol=0)


def test_sizes_with_gaps_take_the_values_of_all_sizes(D: np.ndarray) -> None:
    order, sizes = np.random.default_rng(8).permutation(len(D)), np.array([2, 3, 9])
    every = nested_tree_sums(D, order, np.arange(1, len(D) + 1))
    np.testing.assert_array_equal(nested_tree_sums(D, order, sizes), every[sizes - 1])


def test_diagrams_are_those_of_rips(D: np.ndarray) -> None:
    order, sizes = np.random.default_rng(9).permutation(len(D)), [1, 2, 5, len(D)]
    diagrams = nested_h0(D, order, sizes)
    assert len(diagrams) == len(sizes)
    for m, diagram in zip(sizes, diagrams, strict=True):
        block = np.ascontiguousarray(D[np.ix_(order[:m], order[:m])])
        expected = rips_from_distances(block, homology_dimensions=(0,))[0]
        np.testing.assert_array_equal(diagram, expected)


def test_unreachable_points_are_essential() -> None:
    diagram = nested_h0(MATRICES["islands"], np.arange(30), [30])[0]
    assert np.isinf(diagram[:, 1]).sum() == 2
    assert nested_tree_sums(MATRICES["islands"], np.arange(30), [1, 2]).tolist() == [0.0, np.inf]


def test_midpoints_halve_a_gap() -> None:
    # 0, 1, then the midpoints of every level: 2^k gaps of length 2^-k.
    points = [0.0, 1.0]
    for k in range(1, 6):
        points += [(2 * i + 1) / 2**k for i in range(2 ** (k - 1))]
    sizes = [2**k + 1 for k in range(6)]
    D = distances(np.array(points)[:, None])
    sums = nested_tree_sums(D, np.arange(33), sizes, alpha=2)
    np.testing.assert_array_equal(sums, [2.0**-k for k in range(6)])
    np.testing.assert_array_equal(nested_tree_sums(D, np.arange(33), sizes), np.ones(6))


def test_a_path_as_deep_as_the_cloud() -> None:
    x = np.arange(3000.0)[:, None]
    assert nested_tree_sums(distances(x), np.arange(3000), [3000]).tolist() == [2999.0]


def test_inputs_are_not_changed() -> None:
    D, order, sizes = MATRICES["cloud"].copy(), np.arange(80), np.array([3, 80])
    nested_tree_sums(D, order, sizes)
    np.testing.assert_array_equal(D, MATRICES["cloud"])
    assert (order == np.arange(80)).all()
    assert sizes.tolist() == [3, 80]


def test_read_only_and_strided_inputs() -> None:
    D = MATRICES["cloud"]
    expected = nested_tree_sums(D, np.arange(80), [10, 80])
    frozen = D.copy()
    frozen.flags.writeable = False
    wide = np.repeat(D, 2, axis=1)[:, ::2]
    for same in (frozen, wide, np.asfortranarray(D)):
        given_order = np.arange(80, dtype=np.uint16)
        np.testing.assert_array_equal(nested_tree_sums(same, given_order, [10, 80]), expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=14))
def test_any_small_cloud_of_integers(points: list[tuple[int, int]]) -> None:
    D = distances(np.array(points, dtype=float), metric="euclidean")
    order = np.arange(len(D))
    expected = [tree_lengths(D, order[:m]).sum() for m in order + 1]
    np.testing.assert_allclose(nested_tree_sums(D, order, order + 1), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("order", "sizes", "message"),
    [
        ([0, 1, 1], [2], "1 comes more than once"),
        ([0, 3], [2], "from 0 to 2; got 0 to 3"),
        ([-1, 0], [1], "got -1 to 0"),
        ([], [1], "order must be a one-dimensional array of integers"),
        ([[0, 1]], [1], "order must be a one-dimensional"),
        ([True, False, True], [1], "order must be .* of bool"),
        ([0, 1, 2], [], "sizes must be a one-dimensional array of integers, at least one"),
        ([0, 1, 2], 3, "sizes must be a one-dimensional"),
        ([0, 1, 2], [1.0, 2.0], "sizes must be .* of float64"),
        ([0, 1, 2], [0, 2], "at least 1 and strictly increasing"),
        ([0, 1, 2], [2, 2], r"strictly increasing; got \[2, 2\]"),
        ([0, 1, 2], [3, 2], r"strictly increasing; got \[3, 2\]"),
    ],
)
def test_orders_and_sizes_without_meaning(order: list, sizes: list, message: str) -> None:
    D = np.zeros((3, 3))
    with pytest.raises(UsageError, match=r"nested_tree_sums\(\): .*" + message):
        nested_tree_sums(D, order, sizes)
    with pytest.raises(UsageError, match=r"nested_h0\(\): .*" + message):
        nested_h0(D, order, sizes)


def test_more_points_than_the_order_has() -> None:
    with pytest.raises(TooFewSamplesError, match="ask for 3 points but order has 2"):
        nested_tree_sums(np.zeros((3, 3)), [0, 2], [1, 3])


@pytest.mark.parametrize("shape", [(3, 2), (3,), (2, 3, 3)])
def test_a_cloud_is_no_distance_matrix(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"\(n, n\) matrix of distances; got shape"):
        nested_h0(np.zeros(shape), [0], [1])


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.inf, np.nan])
def test_exponents_without_meaning(alpha: float) -> None:
    with pytest.raises(UsageError, match="needed is a finite number above 0"):
        nested_tree_sums(np.zeros((3, 3)), [0], [1], alpha=alpha)
