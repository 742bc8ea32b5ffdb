"""Similarities against shuffled samples: exact values, exact p-values, and what a search costs."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope import similarity
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.similarity import MEASURES, calibrated, calibrated_matrix
from toposcope.similarity.permuted_pairs import _rotations

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [12, 13])
@pytest.mark.parametrize("symmetric", [True, False])
def test_rotations_are_the_values_of_shuffled_matrices(n: int, symmetric: bool) -> None:
    rng = np.random.default_rng(n)
    layers, others = rng.normal(size=(2, 3, n, n))
    if symmetric:
        layers, others = (side + side.transpose(0, 2, 1) for side in (layers, others))
    sigma, tau = rng.permutation(n), rng.permutation(n)
    found = _rotations(layers, others, sigma, tau, mirrored=symmetric)
    for t in range(n):
        order = np.empty(n, dtype=int)  # sample tau[i] of layers meets sigma[i + t] of others
        order[tau] = np.roll(sigma, -t)
        for i, A in enumerate(layers):
            for j, B in enumerate(others):
                expected = (A * B[np.ix_(order, order)]).sum()
                assert found[t, i, j] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", [name for name, m in MEASURES.items() if m.pairs])
def test_pairs_are_the_measure(name: str) -> None:
    X = RNG.normal(size=(30, 40))
    Y = X[:, :4] + RNG.normal(size=(30, 4))
    measure = MEASURES[name]
    assert measure.pairs is not None
    value = measure.function(X, Y)
    assert (measure.pairs(X) * measure.pairs(Y)).sum() == pytest.approx(value, abs=1e-12)
    assert calibrated(X, Y, measure=name, shuffles=19).value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "rtd"])
def test_effect_is_1_at_identity_and_0_on_average_without_relation(name: str) -> None:
    X, Y = RNG.normal(size=(2, 40, 6))
    same = calibrated(X, X, measure=name, shuffles=39)
    assert same.effect.item() == pytest.approx(1, abs=1e-9)
    assert same.pvalue.item() == same.adjusted.item() == same.best_pvalue == 1 / 40
    noise = calibrated(X, Y, measure=name, shuffles=39)
    assert abs(noise.effect.item()) < 0.5
    assert noise.pvalue.item() > 0.02
    again = calibrated(X, Y, measure=name, shuffles=39)
    assert again.pvalue == noise.pvalue and again.effect == noise.effect
    other = calibrated(X, Y, measure=name, shuffles=39, seed=1)
    assert other.expected != noise.expected


def test_width_and_n_leave_the_effect_where_they_move_the_value() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(60, 3))
    layers = [np.hstack([shared, 0.01 * rng.normal(size=(60, d))]) for d in (1, 400)]
    wide = [rng.normal(size=(60, 400)) for _ in range(2)]
    assert similarity.cka(*wide, debiased=False) > 0.8
    noise = calibrated(*wide, measure="cka_biased")
    assert abs(noise.effect.item()) < 0.05 < noise.pvalue.item()
    assert noise.expected.item() == pytest.approx(noise.value.item(), abs=0.02)
    real = calibrated(*layers, measure="cka_biased")
    assert real.effect.item() > 0.9 and real.pvalue.item() == 0.001


def test_the_best_of_many_pairs_is_judged_as_the_best_of_many() -> None:
    """20 x 20 pairs of noise: some pair is below 1 %, and the search says so."""
    rng = np.random.default_rng(2)
    layers, others = rng.normal(size=(2, 20, 40, 5))
    found = calibrated_matrix(layers, others, shuffles=999)
    assert found.pvalue.min() < 0.01
    assert found.adjusted.min() > 0.05
    assert found.best_pvalue > 0.05
    assert found.effect[found.best] == found.effect.max() > 0.05 > found.best_effect
    assert (found.adjusted >= found.pvalue).all()


def test_p_values_of_samples_in_any_order_are_uniform() -> None:
    """Rows sorted by class: rotations by one sample alone would be no other pairing."""
    rng = np.random.default_rng(3)
    below = 0
    for _ in range(400):
        X, Y = rng.normal(size=(2, 24, 3))
        X += 6 * np.repeat(np.eye(3), 8, axis=0)
        below += calibrated(X, Y, shuffles=39, seed=rng).pvalue.item() <= 0.05
    assert 8 <= below <= 34


def test_fewest_shuffles_forecast_and_refusals(caplog: pytest.LogCaptureFixture) -> None:
    X, Y = RNG.normal(size=(2, 30, 4))
    with caplog.at_level("INFO", "toposcope.similarity"):
        assert calibrated(X, Y, measure="rtd_lite").shuffles == 99
    assert "99 shuffles of 1 pairs of layers: about" in caplog.text
    assert calibrated(X, Y).shuffles == 999
    for call, error, match in (
        (lambda: calibrated(X, Y, shuffles=5), UsageError, "5 shuffles; at least 19"),
        (lambda: calibrated(X, Y, measure="ckaa"), UsageError, "'ckaa' is unknown"),
        (lambda: calibrated(X, Y[:9]), UsageError, r"same samples.*\[9, 30\] rows"),
        (lambda: calibrated_matrix([X], []), UsageError, "1 and 0 layers"),
        (lambda: calibrated(X[:3], Y[:3]), TooFewSamplesError, "3 samples"),
        (lambda: calibrated(X, 0 * Y), DegenerateCloudError, "calibrated.., Y.*constant"),
        (lambda: calibrated(np.eye(30), Y), DegenerateCloudError, "0 / 0"),
    ):
        with pytest.raises(error, match=match):
            call()
