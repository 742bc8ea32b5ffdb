"""Draws are disjoint and stratified, and one ruler serves a whole layer."""

import numpy as np
import pytest

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.pointclouds.cloudset import clouds
from toposcope.pointclouds.draws import draw_rows, scale_rows
from toposcope.pointclouds.normalize import NORMALIZATIONS, estimate_normalizer
from toposcope.pointclouds.nulls import gaussian_null
from toposcope.store.arrays import from_arrays

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5)) * [1, 2, 3, 4, 5]


def test_draws_are_disjoint_equal_and_reproducible():
    draws = draw_rows(100, points=30, replicates=3, seed=4)
    assert [len(d) for d in draws] == [30] * 3
    assert len(np.unique(np.concatenate(draws))) == 90
    again = draw_rows(100, points=30, replicates=3, seed=4)
    other = draw_rows(100, points=30, replicates=3, seed=5)
    assert all((a == b).all() for a, b in zip(draws, again, strict=True))
    assert any((a != b).any() for a, b in zip(draws, other, strict=True))


def test_draws_keep_class_proportions():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    for rows in draw_rows(100, points=20, replicates=5, seed=0, labels=labels):
        counts = np.bincount(labels[rows], minlength=3)
        assert np.abs(counts - [12, 6, 2]).max() <= 1


def test_too_few_samples_says_what_would_fit():
    with pytest.raises(TooFewSamplesError, match=r"need 1000 samples.*100\. Pass points=12\.$"):
        draw_rows(100, points=125, replicates=8, seed=0)
    with pytest.raises(TooFewSamplesError, match=r"Pass points=5 and replicates=1\.$"):
        draw_rows(5, points=125, replicates=8, seed=0)
    with pytest.raises(TooFewSamplesError, match="overlapping=True"):
        draw_rows(100, points=50, replicates=8, seed=0)
    assert len(draw_rows(100, points=50, replicates=8, seed=0, overlapping=True)) == 8


def test_too_few_samples_of_a_class_names_the_class():
    acts = from_arrays({"a": X}, labels=np.arange(120) % 100, class_names=())
    with pytest.raises(TooFewSamplesError) as caught:
        clouds(acts, points=2, replicates=1, per_class=True)
    assert "class" in caught.value.__notes__[0]


def test_per_class_needs_labels_and_stays_in_its_class():
    with pytest.raises(UsageError, match="no labels"):
        clouds(from_arrays({"a": X}), points=5, replicates=2, per_class=True)
    labels = np.arange(120) % 3
    found = clouds(from_arrays({"a": X}, labels=labels), points=10, replicates=3, per_class=True)
    assert {d.label for d in found.draws} == {"0", "1", "2"} and len(found.draws) == 9
    assert all((labels[d.rows] == int(d.label)).all() for d in found.draws)


@pytest.mark.parametrize("method", [m for m in NORMALIZATIONS if m != "none"])
def test_normalized_clouds_are_free_of_scale_and_place(method):
    a = estimate_normalizer(X, method)(X)
    b = estimate_normalizer(7 * X + 100, method)(7 * X + 100)
    np.testing.assert_allclose(a - a.mean(0), b - b.mean(0), atol=1e-9)


def mean_distance(points):
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    return gaps.sum() / (len(points) * (len(points) - 1))


def test_default_gives_mean_distance_one_and_keeps_the_scale():
    ruler = estimate_normalizer(X)
    assert mean_distance(ruler(X)) == pytest.approx(1.0)
    assert ruler.scale == pytest.approx(mean_distance(X))
    np.testing.assert_array_equal(estimate_normalizer(X, "none")(X), X)


def test_minmax_is_magai():
    scaled = estimate_normalizer(X, "minmax")(X)
    np.testing.assert_allclose([scaled.min(0), scaled.max(0)], [[0] * 5, [1] * 5], atol=1e-12)


def test_replicates_share_one_ruler():
    found = clouds(from_arrays({"a": X}), points=40, replicates=3)
    factor = X[found.draws[0].rows][0, 0] / found.cloud("a", found.draws[0])[0, 0]
    for draw in found.draws:
        np.testing.assert_allclose(found.cloud("a", draw) * factor, X[draw.rows])


def test_scale_rows_are_bounded_and_reproducible():
    assert len(scale_rows(50, seed=0)) == 50
    rows = scale_rows(5000, seed=1)
    assert len(np.unique(rows)) == 2000 and (rows == scale_rows(5000, seed=1)).all()


def test_degenerate_layers_are_refused_with_the_reason():
    with pytest.raises(DegenerateCloudError, match="equal"):
        estimate_normalizer(np.ones((5, 3)))
    bad = X.copy()
    bad[3, 1] = np.nan
    bad[7] = np.inf
    with pytest.raises(DegenerateCloudError, match="6 non-finite values in 2 of 120"):
        estimate_normalizer(bad)
    acts = from_arrays({"dead": np.ones((20, 2))})
    with pytest.raises(DegenerateCloudError) as caught:
        clouds(acts, points=5, replicates=2).normalizer("dead")
    assert caught.value.__notes__ == ["layer 'dead'"]


def test_unknown_normalization_lists_the_known():
    with pytest.raises(UsageError, match="mean_distance"):
        clouds(from_arrays({"a": X}), normalize="meen")


@pytest.mark.parametrize("shape", [(400, 6), (30, 80)])
def test_gaussian_null_has_mean_and_covariance_and_nothing_else(shape):
    n, d = shape
    basis = RNG.normal(size=(4, d))
    data = np.sign(RNG.normal(size=(n, 4))) @ basis + 0.1 * RNG.normal(size=(n, d)) + 3
    twin = gaussian_null(data)
    sample = twin.sample(20000, seed=1)
    empirical = np.cov(data.T, bias=True)
    target = (1 - twin.shrinkage) * empirical + twin.shrinkage * np.trace(empirical) / d * np.eye(d)
    error = np.linalg.norm(np.cov(sample.T) - target) / np.linalg.norm(target)
    assert error < 0.05
    np.testing.assert_allclose(sample.mean(0), data.mean(0), atol=0.1)
    kurtosis = ((sample - sample.mean(0)) ** 4).mean(0) / sample.var(0) ** 2
    np.testing.assert_allclose(kurtosis, 3.0, atol=0.2)


def test_gaussian_null_keeps_the_spread_of_the_spectrum():
    """The weight of Ledoit and Wolf is right for the matrix, and too large for its eigenvalues."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    for n, d in [(400, 6), (30, 80), (64, 64)]:
        data = RNG.normal(size=(n, d)) @ RNG.normal(size=(d, d))
        weight = 1 - np.sqrt(1 - ledoit_wolf_shrinkage(data))
        assert gaussian_null(data).shrinkage == pytest.approx(weight)
    squares = []  # mean of the squared eigenvalues of a known covariance, (1 + 4 + 9 + ...) / 30
    spectrum = np.arange(1.0, 31.0)
    for _ in range(60):
        data = RNG.normal(size=(60, 30)) * np.sqrt(spectrum)
        null = gaussian_null(data)
        matrix = null.root.T @ null.root + null.noise**2 * np.eye(30)
        squares.append((matrix**2).sum() / 30)
    assert np.mean(squares) == pytest.approx((spectrum**2).mean(), rel=0.03)


@pytest.mark.parametrize(("far", "unit"), [(1e8, 1.0), (0.0, 1e160), (0.0, 1e-170)])
def test_a_unit_of_many_rows_keeps_its_digits_far_from_0_and_at_any_scale(far, unit):
    """Products of rows lost a fifth of it at a mean of 1e8, and all of it at 1e160."""
    X = np.random.default_rng(0).normal(size=(2500, 3))
    expected = estimate_normalizer(X).scale
    assert estimate_normalizer(far + unit * X).scale / unit == pytest.approx(expected, rel=1e-8)
