"""Distances between diagrams: metric axioms, order relations, behavior under scaling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toposcope.diagrams import distances
from toposcope.testing import diagrams

QUICK = settings(max_examples=40, deadline=None, derandomize=True)

METRICS = {
    "bottleneck": distances.bottleneck,
    "W1": distances.wasserstein,
    "W2, Euclidean": lambda a, b: distances.wasserstein(a, b, order=2, internal_p=2),
    "W3": lambda a, b: distances.wasserstein(a, b, order=3),
    "sliced": lambda a, b: distances.sliced_wasserstein(a, b, directions=7),
    "landscape L1": lambda a, b: distances.landscape_distance(a, b, order=1),
    "landscape L2": distances.landscape_distance,
    "landscape sup": lambda a, b: distances.landscape_distance(a, b, order=np.inf),
    "Betti L1": distances.betti_curve_distance,
    "Betti L2": lambda a, b: distances.betti_curve_distance(a, b, order=2),
}
SCALING = {"landscape L1": 2, "landscape L2": 1.5, "Betti L2": 0.5}


@st.composite
def any_diagrams(draw) -> np.ndarray:
    """Finite diagrams, some with one common birth, some with an essential class."""
    pairs = draw(diagrams(max_pairs=6))
    if draw(st.booleans()):
        pairs = pairs - pairs[:, :1]
    if draw(st.booleans()):
        pairs = np.vstack([pairs, [0.0, np.inf]])
    return pairs


@pytest.mark.parametrize("name", METRICS)
def test_metric_axioms(name: str) -> None:
    d = METRICS[name]

    @QUICK
    @given(any_diagrams(), any_diagrams(), any_diagrams())
    def check(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
        ab, bc, ac = d(a, b), d(b, c), d(a, c)
        assert min(ab, bc, ac) >= 0
        assert d(a, a) == pytest.approx(0, abs=1e-12)
        assert d(b, a) == pytest.approx(ab, rel=1e-9, abs=1e-12)
        assert ac <= (ab + bc) * (1 + 1e-9) + 1e-12

    check()


@pytest.mark.parametrize("name", METRICS)
def test_scaling_and_shifts(name: str) -> None:
    d = METRICS[name]

    @QUICK
    @given(any_diagrams(), any_diagrams(), st.sampled_from([0.1, 3.0]))
    def check(a: np.ndarray, b: np.ndarray, factor: float) -> None:
        expected = factor ** SCALING.get(name, 1) * d(a, b)
        assert d(factor * a, factor * b) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        # Moved diagrams have no bars born at 0, but bars with a common birth keep one.
        assert d(a + 2.5, b + 2.5) == pytest.approx(d(a, b), rel=1e-9, abs=1e-12)

    check()


@QUICK
@given(any_diagrams(), any_diagrams())
def test_order_of_the_distances(a: np.ndarray, b: np.ndarray) -> None:
    bottleneck = distances.bottleneck(a, b)
    third, second, first = (distances.wasserstein(a, b, order=p) for p in (3, 2, 1))
    slack = 1 + 1e-9
    assert bottleneck <= third * slack <= second * slack**2 <= first * slack**3
    assert distances.landscape_distance(a, b, order=np.inf) <= bottleneck * slack + 1e-12
    # Projections do not stretch, and the diagonal is entered twice.
    euclidean = distances.wasserstein(a, b, internal_p=2)
    assert distances.sliced_wasserstein(a, b, directions=9) <= 2 * euclidean * slack + 1e-12
    # A Betti curve changes by one over the distance that a birth or a death moves.
    ground = distances.wasserstein(a, b, internal_p=1)
    assert distances.betti_curve_distance(a, b) <= ground * slack + 1e-12


@QUICK
@given(diagrams(max_pairs=6), st.integers(0, 100), st.floats(0.001, 0.1))
def test_stability(pairs: np.ndarray, seed: int, size: float) -> None:
    """Moving every end by at most `size` moves the diagram by at most `size`."""
    shift = np.random.default_rng(seed).uniform(-size, size, pairs.shape)
    moved = pairs + shift
    moved = moved[moved[:, 1] > moved[:, 0]]
    assert distances.bottleneck(pairs, moved) <= size + 1e-12
    bound = size * max(len(pairs), 1)
    assert distances.wasserstein(pairs, moved) <= bound + 1e-12


@QUICK
@given(
    st.integers(0, 10**6),
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from([0.01, 0.1, 0.5, 0.9]),
    st.booleans(),
)
def test_declared_errors_hold(seed: int, n: int, m: int, error: float, ties: bool) -> None:
    """Never below the distance, and at most the declared share above it."""
    rng = np.random.default_rng(seed)
    a, b = (np.sort(rng.random((k, 2)), axis=1) * rng.choice([1e-3, 1, 1e4]) for k in (n, m))
    if ties:
        a, b = (np.round(x, 1) for x in (a, b))
    found = [
        (distances.bottleneck(a, b), distances.bottleneck(a, b, relative_error=error)),
    ]
    for order, ground in ((1, np.inf), (1, 2), (2, np.inf), (3, 1), (1.5, 4)):
        near = distances.wasserstein(a, b, order=order, internal_p=ground, relative_error=error)
        found.append((distances.wasserstein(a, b, order=order, internal_p=ground), near))
    for exact, near in found:
        assert exact * (1 - 1e-9) <= near <= exact * (1 + error) * (1 + 1e-9)
