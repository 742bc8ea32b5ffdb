"""Distances between diagrams: known values, oracles, essential classes, refused input."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from toposcope.diagrams import distances, summaries
from toposcope.errors import UsageError
from toposcope.homology import rips

EMPTY = np.empty((0, 2))
ORDERS = [(1, np.inf), (1, 2), (2, np.inf), (2, 2), (3.5, 1), (1, 3)]


def bars(n: int, rng: np.random.Generator) -> np.ndarray:
    births = rng.random(n)
    return np.stack([births, births + rng.exponential(0.2, n)], axis=1)


def by_hand(a: np.ndarray, b: np.ndarray, order: float, internal_p: float) -> float:
    """Least cost over all permutations, each side filled up with the other's diagonal."""
    size = len(a) + len(b)
    costs = np.zeros((size, size))
    half = [2 ** (1 / internal_p - 1) * (x[:, 1] - x[:, 0]) for x in (a, b)]
    costs[: len(a), len(b) :] = half[0][:, None]
    costs[len(a) :, : len(b)] = half[1]
    gaps = np.abs(a[:, None] - b)
    costs[: len(a), : len(b)] = np.linalg.norm(gaps, ord=internal_p, axis=2)
    rows = np.arange(size)
    found = [costs[rows, list(p)] for p in permutations(range(size))]
    if math.isinf(order):
        return min(float(c.max()) for c in found)
    return min(float((c**order).sum()) for c in found) ** (1 / order)


def test_values_known_by_hand() -> None:
    one = np.array([[0.0, 2.0]])
    assert distances.bottleneck(one, EMPTY) == 1
    assert distances.wasserstein(one, EMPTY) == 1
    assert distances.wasserstein(one, EMPTY, internal_p=2) == pytest.approx(math.sqrt(2))
    assert distances.wasserstein(one, EMPTY, internal_p=1) == 2
    assert distances.bottleneck([[0.0, 4.0]], [[0.0, 5.0]]) == 1
    assert distances.wasserstein([[1.0, 4.0], [0.0, 1.0]], [[1.5, 4.0]], order=2) == pytest.approx(
        math.sqrt(0.5)
    )
    for name in distances_by_name():
        assert distances_by_name()[name](EMPTY, []) == 0


def distances_by_name() -> dict:
    names = "bottleneck wasserstein sliced_wasserstein landscape_distance betti_curve_distance"
    return {name: getattr(distances, name) for name in names.split()}


@pytest.mark.parametrize("shared_birth", [False, True])
def test_tiny_diagrams_against_all_matchings(shared_birth: bool) -> None:
    rng = np.random.default_rng(0)
    for sizes in [(1, 1), (2, 3), (3, 3), (4, 2), (0, 3)]:
        a, b = (bars(n, rng) for n in sizes)
        if shared_birth:
            a, b = (x - x[:, :1] + 0.25 for x in (a, b))
        assert distances.bottleneck(a, b) == pytest.approx(by_hand(a, b, np.inf, np.inf))
        for order, internal_p in ORDERS:
            value = distances.wasserstein(a, b, order=order, internal_p=internal_p)
            assert value == pytest.approx(by_hand(a, b, order, internal_p), rel=1e-12)


@pytest.mark.parametrize("shared_birth", [False, True])
@pytest.mark.parametrize("grid", [0, 8])
def test_against_hera(shared_birth: bool, grid: int) -> None:
    """On a grid, ties and repeated bars are everywhere."""
    from gudhi.hera import bottleneck_distance, wasserstein_distance

    rng = np.random.default_rng(1)
    for _ in range(15):
        a, b = (bars(n, rng) for n in rng.integers(1, 40, 2))
        if grid:
            a, b = (np.round(x * grid) / grid + [0, 1 / grid] for x in (a, b))
        if shared_birth:
            a, b = (x - x[:, :1] for x in (a, b))
        assert distances.bottleneck(a, b) == pytest.approx(bottleneck_distance(a, b, 0.0))
        for order, internal_p in ORDERS:
            value = distances.wasserstein(a, b, order=order, internal_p=internal_p)
            # Hera's auction stops from above.
            exact = wasserstein_distance(a, b, order=order, internal_p=internal_p, delta=1e-9)
            assert value == pytest.approx(exact, rel=1e-8)


def test_long_bars_that_match_crosswise() -> None:
    """Far from the diagonal everything must be matched: augmenting paths are needed."""
    from gudhi.hera import bottleneck_distance

    rng = np.random.default_rng(2)
    for n in (5, 60):
        a, b = (rng.random((n, 2)) + np.array([0, 10]) for _ in range(2))
        assert distances.bottleneck(a, b) == bottleneck_distance(a, b, 0.0)


def test_errors_asked_for_are_kept() -> None:
    rng = np.random.default_rng(3)
    a, b = bars(60, rng), bars(50, rng)
    for exact, near in (
        (distances.bottleneck(a, b), distances.bottleneck(a, b, relative_error=0.2)),
        (distances.wasserstein(a, b), distances.wasserstein(a, b, relative_error=0.2)),
        (
            distances.wasserstein(a, b, order=2),
            distances.wasserstein(a, b, order=2, relative_error=0.2),
        ),
    ):
        assert exact * (1 - 1e-12) <= near <= 1.2 * exact
    assert distances.wasserstein(a, b, relative_error=0.2) != distances.wasserstein(a, b)


def test_extreme_orders_neither_overflow_nor_vanish() -> None:
    a, b = np.array([[0.0, 3e200], [1e200, 2e200]]), np.array([[0.0, 3.2e200]])
    high = distances.wasserstein(a, b, order=100)
    assert high == pytest.approx(distances.bottleneck(a, b), rel=1e-2)
    with pytest.raises(UsageError, match="costs vanish"):
        distances.wasserstein(a, b, order=1e4)
    assert distances.landscape_distance(a, b, order=50) > 0
    assert distances.wasserstein([[0.0, 1e-200]], EMPTY, order=50) == pytest.approx(5e-201)


def test_stability_of_diagrams_of_points() -> None:
    rng = np.random.default_rng(4)
    cloud = rng.normal(size=(40, 3))
    moved = cloud + rng.uniform(-0.02, 0.02, cloud.shape)
    largest = np.linalg.norm(moved - cloud, axis=1).max()
    for a, b in zip(rips(cloud), rips(moved), strict=True):
        d = distances.bottleneck(a, b)
        assert 0 < d <= 2 * largest
        assert distances.landscape_distance(a, b, order=np.inf) <= d + 1e-12
        assert distances.wasserstein(a, b) >= d


def test_essential_classes_are_the_limit_of_a_far_cutoff() -> None:
    rng = np.random.default_rng(5)
    lasting = [[0.0, np.inf], [0.3, np.inf]]
    a, b = np.vstack([bars(9, rng), lasting]), np.vstack([bars(7, rng), lasting])
    later = b + np.where(np.isinf(b), 0.1, 0.0)[:, ::-1]  # births of the essential classes
    for function in distances_by_name().values():
        # 48 directions: none is at 0 or 45 degrees, where a far cutoff separates nothing.
        options = {"directions": 48} if "sliced" in function.__name__ else {}
        far = function(a, b, cutoff=1e4, **options)
        assert function(a, b, **options) == pytest.approx(far, rel=1e-9)
        assert function(a, b, cutoff=2.0, **options) > 0
        assert function(a, np.vstack([b, [0.0, np.inf]]), **options) == math.inf
    for function in (distances.bottleneck, distances.wasserstein, distances.betti_curve_distance):
        assert function(a, later) == pytest.approx(function(a, later, cutoff=1e4))
    pair = distances.sliced_wasserstein(a, later, directions=48)
    far = distances.sliced_wasserstein(a, later, directions=48, cutoff=1e4)
    assert pair == pytest.approx(far, rel=1e-9)
    assert distances.landscape_distance(a, later) == math.inf
    sup = distances.landscape_distance(a, later, order=np.inf)
    assert sup == pytest.approx(distances.landscape_distance(a, later, order=np.inf, cutoff=1e4))
    assert distances.bottleneck([[0.0, np.inf]], [[0.5, np.inf]]) == 0.5
    assert distances.wasserstein([[0.0, np.inf]] * 2, [[0.5, np.inf]] * 2, order=2) == math.sqrt(
        0.5
    )
    assert distances.betti_curve_distance([[0.0, np.inf]], EMPTY, order=np.inf) == 1


def test_landscape_distance_is_exact() -> None:
    rng = np.random.default_rng(6)
    a, b = bars(20, rng), bars(17, rng)
    inner = summaries.landscape_inner
    square = inner(a, a) - 2 * inner(a, b) + inner(b, b)
    assert distances.landscape_distance(a, b) ** 2 == pytest.approx(square, rel=1e-12)
    grid = np.linspace(0, 3, 60001)
    gap = np.abs(summaries.landscape(a, 20, grid) - summaries.landscape(b, 20, grid))
    for order in (1, 2, 3.5):
        expected = np.trapezoid((gap**order).sum(axis=0), grid) ** (1 / order)
        assert distances.landscape_distance(a, b, order=order) == pytest.approx(expected, rel=1e-6)
        norm = summaries.landscape_norm(a, order=order)
        assert distances.landscape_distance(a, EMPTY, order=order) == pytest.approx(norm)
    sup = distances.landscape_distance(a, b, order=np.inf)
    assert sup == pytest.approx(gap.max(), abs=1e-4)


def test_landscape_distance_of_close_diagrams_keeps_its_digits() -> None:
    """From inner products, a difference of 1e-9 would drown in rounding."""
    a = np.array([[0.0, 1.0]])
    # The second half of the tent moves by 1e-9: the integral of its square is 1e-18 / 2.
    close = distances.landscape_distance(a, [[0.0, 1 + 1e-9]])
    assert close == pytest.approx(1e-9 * math.sqrt(0.5), rel=1e-6)


def test_betti_curve_distance_is_exact() -> None:
    a, b = np.array([[0.0, 3.0], [1.0, 2.0]]), np.array([[0.0, 2.0], [2.0, 2.5]])
    # Curves 1 2 1 1 against 1 1 1(2 to 2.5) 0(2.5 to 3) on unit steps.
    assert distances.betti_curve_distance(a, b) == 1.5
    assert distances.betti_curve_distance(a, b, order=2) == pytest.approx(math.sqrt(1.5))
    assert distances.betti_curve_distance(a, b, order=np.inf) == 1
    grid = (np.arange(300) + 0.5) / 100
    gap = np.abs(summaries.betti_curve(a, grid) - summaries.betti_curve(b, grid))
    assert distances.betti_curve_distance(a, b) == pytest.approx(gap.mean() * 3)


def test_sliced_wasserstein_converges_to_the_integral() -> None:
    rng = np.random.default_rng(7)
    a, b = bars(200, rng), bars(150, rng)
    fine = distances.sliced_wasserstein(a, b, directions=2000)
    assert distances.sliced_wasserstein(a, b) == pytest.approx(fine, rel=0.01)
    # One bar: |cos| of the angle to the antidiagonal, on average 2 / pi.
    one = distances.sliced_wasserstein([[0.0, 1.0]], EMPTY, directions=2000)
    assert one == pytest.approx(2 / math.pi / math.sqrt(2), rel=1e-5)


@pytest.mark.parametrize("name", list(distances_by_name()))
def test_bars_without_length_and_order_change_nothing(name: str) -> None:
    rng = np.random.default_rng(8)
    a, b = bars(12, rng), bars(9, rng)
    function = distances_by_name()[name]
    padded = np.vstack([a[::-1], [[0.3, 0.3]]])
    assert function(padded, b) == pytest.approx(function(a, b), rel=1e-12)
    assert function(a, a[::-1]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", list(distances_by_name()))
def test_wrong_diagrams_are_named(name: str) -> None:
    function = distances_by_name()[name]
    for wrong, match in (
        ([[0.0, np.nan]], "births must be finite"),
        ([[np.nan, np.inf]], "births must be finite"),
        ([[-np.inf, 0.0]], "births must be finite"),
        ([[2.0, 1.0]], "births must be finite"),
        ([1.0, 2.0], r"\(n, 2\) pairs"),
    ):
        with pytest.raises(UsageError, match=rf"{name}\(\).*{match}"):
            function(EMPTY, wrong)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: distances.wasserstein(EMPTY, EMPTY, order=0.5), "order must be at least 1"),
        (lambda: distances.wasserstein(EMPTY, EMPTY, order=np.inf), r"bottleneck\(\) is the limit"),
        (lambda: distances.wasserstein(EMPTY, EMPTY, internal_p=0.5), "internal_p must be"),
        (lambda: distances.wasserstein(EMPTY, EMPTY, relative_error=1), "below 1"),
        (lambda: distances.bottleneck(EMPTY, EMPTY, relative_error=np.nan), "below 1"),
        (lambda: distances.sliced_wasserstein(EMPTY, EMPTY, directions=0), "directions=0; needed"),
        (lambda: distances.landscape_distance(EMPTY, EMPTY, order=0), "order must be"),
        (lambda: distances.betti_curve_distance(EMPTY, EMPTY, order=np.nan), "order=nan; needed"),
        (lambda: distances.bottleneck([[2.0, np.inf]], EMPTY, cutoff=1.0), "before the birth"),
    ],
)
def test_wrong_arguments_are_named(call, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        call()
