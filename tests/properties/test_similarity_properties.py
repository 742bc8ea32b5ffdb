"""Properties of every similarity measure, generated from its declarations in `MEASURES`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from toposcope.similarity.measures import MEASURES, TRANSFORMATIONS

QUICK = settings(max_examples=15, deadline=None, derandomize=True)

# Differences of nearly equal distances are rounding; everything else is accurate to 1e-9.
CLOSE = {"rel": 1e-6, "abs": 1e-7}


def layer(seed: int, n: int, width: int) -> np.ndarray:
    """A rectified, uneven cloud off the origin, like activations."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, width)) * np.geomspace(1, 4, width) + 0.5
    return np.where(values > 0, values, 0.05 * values)


def transformed(X: np.ndarray, name: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    width = X.shape[1]
    if name == "permutation":
        return X[:, rng.permutation(width)]
    if name == "orthogonal":
        return X @ ortho_group.rvs(width, random_state=rng)
    if name == "isotropic_scaling":
        return X * rng.choice([0.01, 0.5, 40.0])
    if name == "translation":
        return X + rng.normal(size=width) * 5
    assert name == "invertible_linear"
    turns = ortho_group.rvs(width, size=2, random_state=rng)
    return X @ (turns[0] * np.geomspace(0.2, 5, width)) @ turns[1]


DECLARED = [(m, t) for m in MEASURES for t in TRANSFORMATIONS if t in MEASURES[m].invariant_to]
UNDECLARED = [
    (m, t) for m in MEASURES for t in TRANSFORMATIONS if t not in MEASURES[m].invariant_to
]
SIZES = st.integers(16, 40), st.integers(2, 6), st.integers(2, 6)
SEEDS = st.integers(0, 10**6)


@pytest.mark.parametrize(("name", "transformation"), DECLARED)
def test_declared_invariances_hold(name: str, transformation: str) -> None:
    f = MEASURES[name].function

    @QUICK
    @given(SEEDS, *SIZES)
    def check(seed: int, n: int, p: int, q: int) -> None:
        X, Y = layer(seed, n, p), layer(seed + 1, n, q)
        assert f(transformed(X, transformation, seed), Y) == pytest.approx(f(X, Y), **CLOSE)
        assert f(X, transformed(Y, transformation, seed)) == pytest.approx(f(X, Y), **CLOSE)

    check()


@pytest.mark.parametrize(("name", "transformation"), UNDECLARED)
def test_what_is_not_declared_does_not_hold(name: str, transformation: str) -> None:
    """So that the declarations are complete: one example where the value moves."""
    f = MEASURES[name].function
    X, Y = layer(0, 40, 6), layer(0, 40, 6) + layer(1, 40, 6)
    assert f(transformed(X, transformation, 3), Y) != pytest.approx(f(X, Y), rel=1e-4)


@pytest.mark.parametrize("name", MEASURES)
def test_range_identity_and_direction(name: str) -> None:
    measure = MEASURES[name]
    low, high = measure.range

    @QUICK
    @given(SEEDS, *SIZES)
    def check(seed: int, n: int, p: int, q: int) -> None:
        X, Y = layer(seed, n, p), layer(seed + 1, n, q)
        value = measure.function(X, Y)
        assert isinstance(value, float)
        assert low - 1e-9 <= value <= high + 1e-9
        same = measure.function(X, X)
        assert same == pytest.approx(measure.at_identity, abs=1e-9)
        # Nothing is more similar to a layer than itself.
        best = high if measure.larger_is_more_similar else low
        assert measure.at_identity == best
        assert value <= same + 1e-9 if measure.larger_is_more_similar else value >= same - 1e-9

    check()


@pytest.mark.parametrize("name", [m for m in MEASURES if MEASURES[m].symmetric])
def test_symmetric(name: str) -> None:
    f = MEASURES[name].function

    @QUICK
    @given(SEEDS, *SIZES)
    def check(seed: int, n: int, p: int, q: int) -> None:
        X, Y = layer(seed, n, p), layer(seed + 1, n, q)
        assert f(X, Y) == pytest.approx(f(Y, X), rel=1e-9, abs=1e-12)

    check()


@pytest.mark.parametrize("name", MEASURES)
def test_order_of_samples_is_irrelevant_but_pairing_counts(name: str) -> None:
    f = MEASURES[name].function
    X = layer(0, 40, 4)
    Y = X + 0.2 * layer(1, 40, 4)
    order = np.random.default_rng(2).permutation(40)
    assert f(X[order], Y[order]) == pytest.approx(f(X, Y), **CLOSE)
    unpaired = f(X[order], Y)
    assert unpaired != pytest.approx(f(X, Y), rel=0.05)
    assert (unpaired < f(X, Y)) == MEASURES[name].larger_is_more_similar


@pytest.mark.parametrize("name", [m for m in MEASURES if MEASURES[m].metric])
def test_metrics_obey_the_triangle_inequality(name: str) -> None:
    f = MEASURES[name].function
    assert MEASURES[name].symmetric and MEASURES[name].at_identity == 0

    @QUICK
    @given(SEEDS, *SIZES, st.integers(2, 6), st.floats(0, 1))
    def check(seed: int, n: int, p: int, q: int, r: int, mix: float) -> None:
        X, Z = layer(seed, n, p), layer(seed + 1, n, q)
        width = min(p, q)
        # Between the two, where the inequality is tight.
        Y = (1 - mix) * X[:, :width] + mix * Z[:, :width]
        assume(np.ptp(Y) > 0)
        assert f(X, Z) <= f(X, Y) + f(Y, Z) + 1e-9
        other = layer(seed + 2, n, r)
        assert f(X, Z) <= f(X, other) + f(other, Z) + 1e-9

    check()


@pytest.mark.parametrize("name", MEASURES)
def test_inputs_stay_as_they_are(name: str) -> None:
    X, Y = layer(0, 30, 3).astype(np.float32), layer(1, 30, 4)
    before = X.copy(), Y.copy()
    MEASURES[name].function(X, Y)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_extreme_scales(name: str, factor: float) -> None:
    f = MEASURES[name].function
    X, Y = layer(0, 30, 3), layer(1, 30, 4)
    assert f(factor * X, Y) == pytest.approx(f(X, Y), **CLOSE)
