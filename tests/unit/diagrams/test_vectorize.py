"""Vectors of diagrams: closed forms, GUDHI as oracle, empty diagrams, messages."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.diagrams import summaries, vectorize
from toposcope.errors import UsageError

EMPTY = np.empty((0, 2))
ESSENTIAL = np.array([[0.0, 1.0], [0.5, np.inf]])
GRID = np.linspace(0, 2, 41)
RANGES = {"bandwidth": 0.1, "birth_range": (-1.0, 3.0), "length_range": (-1.0, 3.0)}


def some_pairs(seed: int, n: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    births = rng.random(n)
    return np.stack([births, births + rng.random(n)], axis=1)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.5])
def test_silhouette_is_gudhis_over_root_two(power: float) -> None:
    from gudhi.representations import Silhouette

    pairs = some_pairs(0)
    theirs = Silhouette(
        weight=lambda p: (p[1] - p[0]) ** power,
        resolution=len(GRID),
        sample_range=[GRID[0], GRID[-1]],
        keep_endpoints=True,
    )(pairs)
    ours = vectorize.silhouette(pairs, GRID, power=power)
    np.testing.assert_allclose(np.sqrt(2) * ours, theirs, atol=1e-12)


def test_landscapes_are_gudhis_over_root_two() -> None:
    from gudhi.representations import Landscape

    pairs = [some_pairs(seed) for seed in range(4)]
    theirs = Landscape(
        num_landscapes=5, resolution=41, sample_range=[0.0, 2.0], keep_endpoints=True
    ).fit_transform(pairs)
    ours = vectorize.mean_landscape(pairs, 5, GRID)
    np.testing.assert_allclose(np.sqrt(2) * ours.ravel(), theirs.mean(axis=0), atol=1e-12)


def test_silhouette_limits() -> None:
    pairs = np.array([[0.0, 2.0], [1.0, 1.5], [1.0, 1.0]])
    tents = np.minimum(GRID - pairs[:, :1], pairs[:, 1:] - GRID).clip(0)
    # pairs of length 0 carry no tent and no weight, whatever the power
    np.testing.assert_allclose(vectorize.silhouette(pairs, GRID, power=0), tents[:2].mean(axis=0))
    top = vectorize.silhouette(pairs, GRID, power=1e4)
    np.testing.assert_allclose(top, tents[0], atol=1e-15)
    np.testing.assert_allclose(
        vectorize.silhouette(1e200 * pairs, 1e200 * GRID, power=3),
        1e200 * vectorize.silhouette(pairs, GRID, power=3),
    )
    np.testing.assert_array_equal(
        vectorize.silhouette(pairs, GRID[::-1]), vectorize.silhouette(pairs, GRID)[::-1]
    )


def test_silhouette_of_many_pairs_is_the_mean_of_their_tents() -> None:
    pairs = some_pairs(1, 2000) + 1e3
    grid = GRID + 1e3
    tents = np.minimum(grid - pairs[:, :1], pairs[:, 1:] - grid).clip(0)
    lengths = pairs[:, 1] - pairs[:, 0]
    found = vectorize.silhouette(pairs, grid)
    np.testing.assert_allclose(found, lengths @ tents / lengths.sum(), atol=1e-13)
    assert (found >= 0).all()


def test_image_is_gudhis_density_times_the_pixel() -> None:
    from gudhi.representations import PersistenceImage

    pairs = some_pairs(2, 12)
    theirs = PersistenceImage(
        bandwidth=0.1,
        weight=lambda p: p[1] ** 2,
        resolution=[60, 50],
        im_range=[0.0, 2.0, 0.0, 1.5],
    )(pairs).reshape(50, 60)
    wide, high = 2.0 / 59, 1.5 / 49  # GUDHI's values are at the centers of our pixels
    ours = vectorize.persistence_image(
        pairs,
        (60, 50),
        bandwidth=0.1,
        birth_range=(-wide / 2, 2 + wide / 2),
        length_range=(-high / 2, 1.5 + high / 2),
        power=2,
    )
    np.testing.assert_allclose(ours / (wide * high), theirs, atol=0.01 * theirs.max())


def test_image_holds_the_weights() -> None:
    pairs = some_pairs(3)
    lengths = pairs[:, 1] - pairs[:, 0]
    for power, total in ((0, 30), (1, lengths.sum()), (2, lengths @ lengths)):
        image = vectorize.persistence_image(pairs, (7, 9), power=power, **RANGES)
        assert image.shape == (9, 7)
        assert image.sum() == pytest.approx(total, rel=1e-12)
    # finer pixels add up to coarse ones: integrated, not sampled
    fine = vectorize.persistence_image(pairs, (8, 8), **RANGES)
    coarse = vectorize.persistence_image(pairs, (4, 4), **RANGES)
    np.testing.assert_allclose(fine.reshape(4, 2, 4, 2).sum(axis=(1, 3)), coarse, atol=1e-14)


def test_image_keeps_its_digits_in_both_tails() -> None:
    image = vectorize.persistence_image(
        [[0.0, 1.0]], (3, 3), bandwidth=0.1, birth_range=(-1.5, 1.5), length_range=(-0.5, 2.5)
    )
    np.testing.assert_allclose(image, image[::-1, ::-1], rtol=1e-12)
    assert 0 < image[0, 0] < 1e-12


def test_rows_of_the_image_are_lengths() -> None:
    image = vectorize.persistence_image(
        [[0.2, 2.0]], (2, 2), bandwidth=0.01, birth_range=(0, 2), length_range=(0, 2), power=0
    )
    np.testing.assert_allclose(image, [[0, 0], [1, 0]], atol=1e-12)


def test_mean_landscape_pads_with_zeros() -> None:
    pairs = [some_pairs(4, 3), some_pairs(5, 6), EMPTY]
    mean = vectorize.mean_landscape(pairs, 8, GRID)
    each = [summaries.landscape(x, 8, GRID) for x in pairs]
    np.testing.assert_allclose(mean, np.mean(each, axis=0), atol=1e-15)
    assert not mean[6:].any() and mean[1].any()
    np.testing.assert_array_equal(vectorize.mean_landscape(pairs[:1], 8, GRID), each[0])


def test_gram_gives_norms_of_means() -> None:
    pairs = [some_pairs(seed, 8) for seed in range(4)]
    gram = vectorize.landscape_gram(pairs)
    for i, x in enumerate(pairs):
        assert gram[i, i] == pytest.approx(summaries.landscape_norm(x) ** 2)
        assert gram[i, 0] == summaries.landscape_inner(x, pairs[0])
    fine = np.linspace(0, 2, 20001)
    left, right = (vectorize.mean_landscape(part, 8, fine) for part in (pairs[:3], pairs[3:]))
    weights = np.array([1 / 3, 1 / 3, 1 / 3, -1])
    assert np.trapezoid((left**2).sum(axis=0), fine) == pytest.approx(gram[:3, :3].mean(), rel=1e-6)
    expected = np.trapezoid(((left - right) ** 2).sum(axis=0), fine)
    assert weights @ gram @ weights == pytest.approx(expected, rel=1e-6)


def test_empty_diagrams_are_zero() -> None:
    for empty in (EMPTY, [], [[1.0, 1.0]]):
        assert not vectorize.silhouette(empty, GRID).any()
        assert not vectorize.persistence_image(empty, (3, 4), **RANGES).any()
        assert not vectorize.mean_landscape([empty], 2, GRID).any()
        assert vectorize.landscape_gram([empty, [[0.0, 2.0]]])[0].tolist() == [0.0, 0.0]
    assert vectorize.landscape_gram([]).shape == (0, 0)
    assert vectorize.silhouette(ESSENTIAL[:1], []).shape == (0,)


def test_cutoff_ends_essential_classes() -> None:
    finite = np.array([[0.0, 1.0], [0.5, 1.5]])
    calls = (
        lambda x, **c: vectorize.silhouette(x, GRID, **c),
        lambda x, **c: vectorize.persistence_image(x, **RANGES, **c),
        lambda x, **c: vectorize.mean_landscape([x], 2, GRID, **c),
        lambda x, **c: vectorize.landscape_gram([x], **c),
    )
    for call in calls:
        np.testing.assert_array_equal(call(ESSENTIAL, cutoff=1.5), call(finite))
        with pytest.raises(UsageError, match="1 of 2 pairs never die"):
            call(ESSENTIAL)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: vectorize.silhouette(EMPTY, GRID, power=-1), r"silhouette\(\): .*power=-1"),
        (lambda: vectorize.silhouette(EMPTY, [GRID]), r"one-dimensional grid.*\(1, 41\)"),
        (lambda: vectorize.silhouette([[2.0, 1.0]], GRID), r"silhouette\(\): births"),
        (
            lambda: vectorize.persistence_image(EMPTY, **RANGES | {"bandwidth": 0}),
            r"persistence_image\(\): bandwidth=0; needed",
        ),
        (lambda: vectorize.persistence_image(EMPTY, (0, 3), **RANGES), "resolution=0; needed"),
        (
            lambda: vectorize.persistence_image(EMPTY, **RANGES | {"birth_range": (0, 0)}),
            r"birth_range=\(0, 0\); needed is \(low, high\)",
        ),
        (lambda: vectorize.mean_landscape([], 1, GRID), r"mean_landscape\(\): at least one"),
    ],
)
def test_wrong_input_is_named(call, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        call()
