"""CKA keeps its digits: against rational arithmetic, for every path, dtype and size of a sample."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from toposcope import similarity
from toposcope.errors import DegenerateCloudError, ToposcopeError
from toposcope.similarity import MEASURES, LinearCKA

RNG = np.random.default_rng(5)
N = 16
BASE = RNG.normal(size=(N, 3))
OTHER = BASE @ RNG.normal(size=(3, 2)) + 0.3 * RNG.normal(size=(N, 2))


def rational_cka(X: np.ndarray, Y: np.ndarray, *, debiased: bool) -> float:
    """The textbook formula without any rounding before the last root."""
    centered = []
    for cloud in (X, Y):
        rows = [[Fraction(float(v)) for v in row] for row in cloud]
        K = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in rows] for x in rows]
        n = len(K)
        first, second = (n - 2, (n - 1) * (n - 2)) if debiased else (n, n * n)
        if debiased:
            for i in range(n):
                K[i][i] = Fraction(0)
        sums = [sum(row) for row in K]
        middle = sum(sums) / second
        centered.append(
            [
                K[i][j] - (sums[i] + sums[j]) / first + middle
                for i in range(n)
                for j in range(n)
                if i != j or not debiased
            ]
        )
    K, L = centered
    inner = sum(a * b for a, b in zip(K, L, strict=True))
    own = sum(a * a for a in K) * sum(b * b for b in L)
    return math.copysign(math.sqrt(inner * inner / own), 1 if inner > 0 else -1)


def _changed(**entries: float) -> np.ndarray:
    X = BASE.copy()
    for where, value in entries.items():
        X[int(where[1:])] = value
    return X


LAYERS = {
    "plain": BASE,
    "one huge row": _changed(r3=1e10),
    "one row of 1e150": _changed(r3=1e150),
    "two huge rows": _changed(r3=1e12, r9=-1e12),
    "one huge value": np.where(np.arange(N)[:, None] + np.arange(3) == 0, 1e16, BASE),
    "nearly constant": 1 + 1e-12 * BASE,
    "far away": BASE + 1e8,
    "tiny": 1e-200 * BASE,
    "large": 1e300 * BASE,
    "two samples differ": np.where(np.arange(N)[:, None] < 2, BASE, 0.1),
    "one differs, nearly": np.where(np.arange(N)[:, None] < 1, 0.7, 0.1) + 1e-9 * BASE,
    "float16": (1e4 * BASE).astype(np.float16),
    "int8": (40 * BASE).astype(np.int8),
    "uint8": (40 * BASE + 128).clip(0, 255).astype(np.uint8),
    "bool": BASE > 0,
}


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_every_path_gives_the_digits_of_rational_arithmetic(name: str, debiased: bool) -> None:
    X = LAYERS[name]
    expected = rational_cka(X, OTHER, debiased=debiased)
    wide = np.concatenate([X, np.zeros((N, 40), dtype=X.dtype)], axis=1)
    stream = LinearCKA()
    for start in range(0, N, 5):
        stream.update([X[start : start + 5], OTHER[start : start + 5]])
    found = [
        similarity.cka(X, OTHER, debiased=debiased),  # by moments
        similarity.cka(wide, OTHER, debiased=debiased),  # by tiles
        similarity.cka_matrix([OTHER, X], [wide, OTHER], debiased=debiased)[0, 0],
        stream.matrix(debiased=debiased)[0, 1],
    ]
    assert np.allclose(found, expected, rtol=0, atol=1e-11), (found, expected)


def test_a_stream_meets_a_huge_sample_late_or_early() -> None:
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(600, 4)), rng.normal(size=(600, 3))
    Y[:, 0] += X[:, 0]
    for row in (2, 300, 590):
        for size in (1e10, 1e100):
            huge = X.copy()
            huge[row] = size
            stream = LinearCKA()
            stream.update([huge, Y])
            wide = np.concatenate([huge, np.zeros((600, 600))], axis=1)
            expected = similarity.cka(wide, Y)
            assert stream.matrix()[0, 1] == pytest.approx(expected, abs=1e-11)
            assert similarity.cka(huge, Y) == pytest.approx(expected, abs=1e-11)


def test_zero_by_zero_is_refused_by_name() -> None:
    one = np.zeros((N, 5))
    one[-1] = 1
    rotated = np.linalg.qr(RNG.normal(size=(N, N)))[0]  # equally far apart, up to rounding
    for flat in (one, one + 0.1, np.eye(N), rotated):
        for call, match in (
            (lambda X=flat: similarity.cka(X, OTHER), r"cka\(\), X"),
            (lambda X=flat: similarity.cka_matrix([OTHER, X]), r"cka_matrix\(\), layer 1"),
            (lambda X=flat: similarity.cka_matrix([OTHER], [X]), r"other layer 0"),
        ):
            with pytest.raises(DegenerateCloudError, match=rf"{match}: debiased CKA is 0 / 0"):
                call()
        assert 0 < similarity.cka(flat, OTHER, debiased=False) < 1
    stream = LinearCKA()
    stream.update([OTHER, one])
    with pytest.raises(DegenerateCloudError, match="layer 1: debiased CKA is 0 / 0"):
        stream.matrix()
    with pytest.raises(DegenerateCloudError, match=r"Choose another bandwidth|debiased=False"):
        similarity.cka(BASE, OTHER, kernel="rbf", bandwidth=1e-3)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("debiased", [True, False])
def test_matrix_is_cka_for_every_dtype(kernel: str, debiased: bool) -> None:
    rng = np.random.default_rng(3)
    X = (rng.normal(size=(40, 30)) * 0.01).astype(np.float16)
    X[0, 0] = 6e4
    layers = [X, *(v.astype(t) for v, t in zip(_whole(rng), ("u1", "i1", "?", "f4"), strict=True))]
    options = {"kernel": kernel, "debiased": debiased}
    found = similarity.cka_matrix(layers, **options)
    assert np.array_equal(found.diagonal(), np.ones(len(layers)))
    for i, left in enumerate(layers):
        for j, right in enumerate(layers):
            value = similarity.cka(left, right, **options)
            assert found[i, j] == pytest.approx(value, abs=1e-12)
            double = similarity.cka(left.astype(float), right.astype(float), **options)
            assert value == double


def _whole(rng: np.random.Generator) -> list[np.ndarray]:
    return [
        rng.integers(0, 256, (40, 7)),
        rng.integers(-128, 128, (40, 3)),
        rng.random((40, 50)) < 0.5,
        rng.normal(size=(40, 2)),
    ]


@pytest.mark.parametrize("bandwidth", [0.2, 1.0, 50.0, 1e7])
def test_rbf_keeps_its_digits_at_every_bandwidth_and_offset(bandwidth: float) -> None:
    """A wide kernel is nearly linear in squared distances: its CKA tends to the linear one."""
    value = similarity.cka(BASE, OTHER, kernel="rbf", bandwidth=bandwidth)
    moved = similarity.cka(BASE + 1024, OTHER / 64, kernel="rbf", bandwidth=bandwidth)
    assert value == pytest.approx(moved, abs=1e-9)
    if bandwidth == 1e7:
        assert value == pytest.approx(similarity.cka(BASE, OTHER), abs=1e-9)


def _awkward(n: int, d: int) -> list[np.ndarray]:
    rng = np.random.default_rng([n, d])
    huge = rng.normal(size=(n, d))
    huge[0] *= 1e12
    return [
        rng.normal(size=(n, d)),
        rng.integers(0, 2, (n, d)).astype(np.uint8),
        rng.normal(size=(n, 1)) @ rng.normal(size=(1, d)),
        (1e-3 * rng.normal(size=(n, d))).astype(np.float16),
        huge,
        np.where(np.arange(n)[:, None] < 1, 1.0, np.zeros(d)),
        np.eye(n, d),
        1e200 * rng.normal(size=(n, d)),
    ]


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "rtd"])
def test_no_value_leaves_the_declared_range(name: str) -> None:
    """Over random and degenerate layers: a value in the range, or a typed refusal."""
    measure = MEASURES[name]
    low, high = measure.range
    values = 0
    for n, d in ((4, 2), (8, 300), (40, 5)):
        layers = _awkward(n, d)
        for i, X in enumerate(layers):
            for Y in (X, layers[i - 1], -3.0 * X):
                try:
                    value = measure.function(X, Y)
                except ToposcopeError:
                    continue
                values += 1
                assert low <= value <= high, (n, d, i)
                if Y is X:
                    assert value == pytest.approx(measure.at_identity, abs=1e-9)
                    assert value == 1 or not name.startswith("cka")
    assert values > 8
