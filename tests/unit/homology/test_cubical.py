"""Cubical persistence and Betti numbers: known shapes, a textbook oracle, GUDHI, edge cases."""

from __future__ import annotations

import gudhi
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, generate_binary_structure, label

from toposcope.errors import UsageError
from toposcope.homology import betti_curves, betti_numbers, betti_numbers_batch, cubical

from .cubical_oracle import betti_by_ranks, diagrams_by_reduction

INF = np.inf
BOTH = pytest.mark.parametrize("construction", ["V", "T"])


def betti_of(diagrams, thresholds):
    columns = [[np.sum((d[:, 0] <= t) & (t < d[:, 1])) for t in thresholds] for d in diagrams]
    return np.array(columns).T


def gudhi_diagrams(volume, construction):
    name = "vertices" if construction == "V" else "top_dimensional_cells"
    complex_ = gudhi.CubicalComplex(**{name: volume.astype(np.float64)})
    complex_.compute_persistence(homology_coeff_field=2, min_persistence=0)
    out = []
    for k in range(volume.ndim):
        pairs = np.asarray(complex_.persistence_intervals_in_dimension(k)).reshape(-1, 2)
        out.append(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])
    return out


def assert_same(actual, expected):
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        assert a.dtype == np.float64
        np.testing.assert_array_equal(a, b)


def test_corner_touching_pixels_tell_v_from_t():
    image = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert_same(cubical(image), [[[0, 1], [0, INF]], np.empty((0, 2))])
    assert_same(cubical(image, construction="T"), [[[0, INF]], np.empty((0, 2))])


@BOTH
def test_bright_pixel_in_the_middle_is_a_hole(construction):
    image = np.zeros((3, 3))
    image[1, 1] = 1
    assert_same(cubical(image, construction=construction), [[[0, INF]], [[0, 1]]])


@BOTH
def test_bright_voxel_in_the_middle_is_a_cavity(construction):
    volume = np.zeros((3, 3, 3))
    volume[1, 1, 1] = 2
    found = cubical(volume, construction=construction)
    assert_same(found, [[[0, INF]], np.empty((0, 2)), [[0, 2]]])


@BOTH
def test_bright_bar_through_the_middle_is_a_loop(construction):
    volume = np.zeros((3, 3, 3))
    volume[1, 1, :] = 2
    found = cubical(volume, construction=construction)
    assert_same(found, [[[0, INF]], [[0, 2]], np.empty((0, 2))])
    assert betti_numbers(volume, [1.0], construction=construction).tolist() == [[1, 1, 0]]


def small_volumes():
    rng = np.random.default_rng(5)
    for shape in [(4, 5), (1, 6), (1, 1), (3, 3, 3), (2, 3, 4), (1, 4, 4), (4, 1, 3), (2, 1, 1)]:
        for levels in (2, 3, 100):
            volume = rng.integers(0, levels, shape).astype(float)
            yield volume
            volume = volume.copy()
            volume[rng.random(shape) < 0.2] = INF
            volume[rng.random(shape) < 0.1] = -INF
            yield volume


@BOTH
def test_small_volumes_equal_the_textbook(construction):
    for volume in small_volumes():
        expected = diagrams_by_reduction(volume, construction)
        assert_same(cubical(volume, construction=construction), expected)
        values = np.unique(volume[np.isfinite(volume)])
        thresholds = np.concatenate([values, values[:2] + 0.5, [-INF, -1e9, 1e9, INF]])
        few = [betti_numbers(volume, [t], construction=construction)[0] for t in thresholds]
        # many thresholds go another way than few, and must agree
        padding = np.linspace(-5, -4, 20)
        many = betti_numbers(volume, [*padding, *thresholds], construction=construction)[20:]
        np.testing.assert_array_equal(few, many)
        np.testing.assert_array_equal(few[:-1], betti_of(expected, thresholds[:-1]))
        # at inf: what never dies
        essential = [np.isinf(d[:, 1]).sum() for d in expected]
        np.testing.assert_array_equal(few[-1], essential)


@BOTH
def test_small_volumes_equal_boundary_ranks(construction):
    rng = np.random.default_rng(6)
    for shape in [(5, 5), (3, 3, 3), (2, 4, 3)]:
        for _ in range(4):
            volume = rng.random(shape).astype(np.float32)
            t = float(np.quantile(volume, rng.uniform(0.2, 0.9)))
            found = betti_numbers(volume, [t], construction=construction)[0]
            assert found.tolist() == betti_by_ranks(volume, t, construction)


@BOTH
@pytest.mark.parametrize(
    "shape", [(40, 37), (130, 65), (18, 17, 19), (3, 70, 5), (9, 8, 64), (1, 63, 30)]
)
@pytest.mark.parametrize("kind", ["noise", "smooth", "ties", "relu"])
def test_larger_volumes_equal_gudhi(construction, shape, kind):
    volume = np.random.default_rng(len(kind)).normal(size=shape).astype(np.float32)
    if kind == "smooth":
        volume = gaussian_filter(volume, 1.5)
    elif kind == "ties":
        volume = np.round(volume * 2) / 2
    elif kind == "relu":
        volume = np.maximum(volume, 0)
    expected = gudhi_diagrams(volume, construction)
    assert_same(cubical(volume, construction=construction), expected)
    thresholds = np.quantile(volume, np.linspace(0, 1, 30))
    found = betti_numbers(volume, thresholds, construction=construction)
    np.testing.assert_array_equal(found, betti_of(expected, thresholds))
    for t, row in list(zip(thresholds, found, strict=True))[::7]:
        assert betti_numbers(volume, [t], construction=construction)[0].tolist() == row.tolist()
    values, curves = betti_curves(volume, construction=construction)
    np.testing.assert_array_equal(values, np.unique(volume))
    np.testing.assert_array_equal(curves, betti_of(expected, values))


@pytest.mark.parametrize("width", [61, 62, 63, 64, 65, 125, 126, 127, 128, 129])
def test_components_across_the_borders_of_machine_words(width):
    rng = np.random.default_rng(width)
    for density in (0.1, 0.4, 0.6, 0.9):
        volume = rng.random((4, 5, width)).astype(np.float32)
        inside = volume <= density
        outside = np.pad(~inside, 1, constant_values=True)
        for construction, near, far in (("V", 1, 3), ("T", 3, 1)):
            found = betti_numbers(volume, [density], construction=construction)[0]
            assert found[0] == label(inside, generate_binary_structure(3, near))[1]
            assert found[2] == label(outside, generate_binary_structure(3, far))[1] - 1


def test_volumes_too_large_to_rank(monkeypatch):
    monkeypatch.setattr("toposcope.homology.cubical_complex.levels._MAX_LEVELS", 8)
    monkeypatch.setattr("toposcope.homology.cubical_complex.betti._TOGETHER_VOXELS", 8)
    volume = np.arange(9.0).reshape(3, 3)
    with pytest.raises(UsageError, match=r"cubical\(\): volume has 9 voxels; at most 8"):
        cubical(volume)
    assert betti_numbers(volume, np.arange(20.0))[:, 0].tolist() == [1] * 20


@BOTH
def test_superlevel_sets_run_from_high_to_low(construction):
    volume = np.random.default_rng(2).integers(0, 5, (5, 6, 4)).astype(float)
    volume[0, 0, 0] = -INF
    down = cubical(volume, construction=construction, sublevel=False)
    up = cubical(-volume, construction=construction)
    assert_same([-d for d in down], up)
    assert all((d[:, 0] > d[:, 1]).all() for d in down)
    assert [4, -INF] in down[0].tolist()
    options = {"construction": construction, "sublevel": False}
    found = betti_numbers(volume, [3.0, 1.5], **options)
    by_hand = [[np.sum((d[:, 0] >= t) & (t > d[:, 1])) for d in down] for t in (3.0, 1.5)]
    assert found.tolist() == by_hand
    values, curves = betti_curves(volume, **options)
    assert values.tolist() == [4, 3, 2, 1, 0]
    np.testing.assert_array_equal(curves, betti_numbers(volume, values, **options))


def test_float32_is_compared_without_rounding_the_threshold():
    image = np.array([[0.1, 0.5]], dtype=np.float32)  # float32(0.1) is above 0.1
    for padding in ([], list(range(-30, 0))):
        found = betti_numbers(image, [*padding, 0.1, float(np.float32(0.1))])
        assert found[-2:, 0].tolist() == [0, 1]
        tiny = betti_numbers(image * 0 + 3e38, [*padding, 2e38, 1e300, INF, -1e300])
        assert tiny[-4:, 0].tolist() == [0, 1, 1, 0]


def test_thresholds_of_any_spread_and_order():
    volume = np.random.default_rng(3).normal(size=(6, 7, 8))
    spread = np.concatenate([-(10.0 ** np.arange(-12, 300, 40)), [0, 0], 10.0 ** np.arange(-12, 9)])
    found = betti_numbers(volume, spread[::-1])[::-1]
    np.testing.assert_array_equal(found, betti_of(cubical(volume), spread))
    assert betti_numbers(volume, []).shape == (0, 3)


@BOTH
def test_constants_and_single_voxels(construction):
    for volume in (np.full((4, 4), 2.0), np.full((3, 4, 5), 2.0), np.full((1, 1), 2.0)):
        h0, *rest = cubical(volume, construction=construction)
        assert h0.tolist() == [[2, INF]] and all(len(d) == 0 for d in rest)
        assert betti_numbers(volume, [1.9, 2.0], construction=construction).sum() == 1
    assert all(len(d) == 0 for d in cubical(np.full((3, 3), INF), construction=construction))
    assert betti_curves(np.full((3, 3), INF))[1].shape == (0, 2)


@pytest.mark.parametrize("jobs", [None, 1, 2])
@pytest.mark.parametrize("shape", [(23, 9, 11), (5, 4, 9, 7), (0, 4, 4)])
def test_batches_equal_single_calls(shape, jobs):
    volumes = np.random.default_rng(4).normal(size=shape)
    for thresholds in ([0.3, -0.2], np.linspace(-2, 2, 40)):
        found = betti_numbers_batch(volumes, thresholds, construction="T", jobs=jobs)
        assert found.shape == (shape[0], len(thresholds), len(shape) - 1)
        for volume, betti in zip(volumes, found, strict=True):
            single = betti_numbers(volume, thresholds, construction="T")
            np.testing.assert_array_equal(betti, single)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, ">f4", "<f8"])
def test_other_number_types(dtype):
    volume = np.random.default_rng(7).integers(0, 2, (5, 6)).astype(dtype)
    assert_same(cubical(volume), cubical(volume.astype(np.float64)))
    expected = betti_numbers(volume.astype(np.float64), [0])
    np.testing.assert_array_equal(betti_numbers(volume, [0]), expected)


def test_input_is_left_alone_and_views_are_welcome():
    volume = np.random.default_rng(8).normal(size=(6, 10, 7))
    before = volume.copy()
    view = volume.transpose(2, 0, 1)[::-1, :, ::2]
    assert_same(cubical(view), cubical(view.copy()))
    np.testing.assert_array_equal(betti_numbers(view, [0.0]), betti_numbers(view.copy(), [0.0]))
    np.testing.assert_array_equal(volume, before)


def test_degrees_are_returned_in_the_order_asked_for():
    volume = np.random.default_rng(9).normal(size=(4, 5, 6))
    every = cubical(volume)
    assert_same(cubical(volume, homology_dimensions=(2, 0, 2)), [every[2], every[0], every[2]])
    assert cubical(volume, homology_dimensions=(3,))[0].shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cubical(np.zeros(4)), r"cubical\(\): volume has shape \(4,\)"),
        (lambda: cubical(np.zeros((2, 0, 3))), r"at least one voxel"),
        (lambda: cubical([[0.0, np.nan]]), r"1 NaN, the first at \(0, 1\)"),
        (lambda: cubical(np.zeros((2, 2), complex)), r"dtype complex128"),
        (lambda: cubical([[2**60, 1]]), r"beyond 2\*\*53"),
        (lambda: cubical([[0.0]], construction="v"), r"construction must be 'V'"),
        (lambda: cubical([[0.0]], homology_dimensions=1), r"pass \(1,\)"),
        (lambda: cubical([[0.0]], homology_dimensions=(-1,)), r"integers >= 0"),
        (lambda: betti_numbers([[np.nan]], [0.0]), r"betti_numbers\(\): volume has 1 NaN"),
        (lambda: betti_numbers([[0.0]], 0.5), r"Pass \[t\] for one"),
        (lambda: betti_numbers([[0.0]], [np.nan]), r"NaN in it"),
        (lambda: betti_numbers_batch(np.zeros((3, 3)), [0.0]), r"\(m, h, w\)"),
        (
            lambda: betti_numbers_batch(np.zeros((1, 3, 3)), [0.0], jobs=0),
            r"jobs=0; needed",
        ),
        (lambda: betti_curves(np.zeros((1, 1, 1, 1))), r"betti_curves\(\): volume has shape"),
    ],
)
def test_messages(call, message):
    with pytest.raises(UsageError, match=message):
        call()
