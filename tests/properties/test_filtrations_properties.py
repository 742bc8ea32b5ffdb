"""What mathematics promises for the filtrations beside Rips, and for vectors of diagrams."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from toposcope.diagrams import vectorize
from toposcope.homology import (
    distances,
    farthest_landmarks,
    geodesic_distances,
    local_distances,
    rips,
    sparse_rips,
)
from toposcope.testing import assert_diagrams_close, clouds, diagrams

QUICK = settings(max_examples=50, deadline=None, derandomize=True)
several = clouds(min_points=4)
GRID = np.arange(0, 52) / 8


def distinct(cloud: np.ndarray) -> int:
    return len(np.unique(cloud, axis=0))


@QUICK
@given(several, st.booleans(), st.randoms(use_true_random=False))
def test_graph_distances_depend_on_the_set_of_points(cloud, weighted, random) -> None:
    assume(distinct(cloud) > 2)
    order = list(range(len(cloud)))
    random.shuffle(order)
    order += order[:2]
    D = geodesic_distances(cloud, 2, weighted=weighted)
    moved = 10 - 4 * cloud[order][:, ::-1]
    again = geodesic_distances(moved, 2, weighted=weighted)
    np.testing.assert_allclose(again, D[np.ix_(order, order)] * (4 if weighted else 1), rtol=1e-9)


@QUICK
@given(several, st.integers(1, 3))
def test_graph_distances_are_a_metric_above_the_straight_one(cloud, k: int) -> None:
    assume(distinct(cloud) > k)
    hops, lengths = (geodesic_distances(cloud, k, weighted=w) for w in (False, True))
    straight = distances(cloud)
    assert (lengths >= straight * (1 - 1e-9)).all()
    assert ((hops == 0) == (straight == 0)).all()
    assert (np.isinf(hops) == np.isinf(lengths)).all()
    # more neighbors never make a way longer
    if distinct(cloud) > k + 1:
        assert (geodesic_distances(cloud, k + 1) <= hops).all()
    for D in (hops, lengths):
        assert (D == D.T).all() and not D.diagonal().any()
        assert (D[:, None] <= (D[:, :, None] + D[None]).min(axis=1)[:, None] + 1e-9).all()


@QUICK
@given(several, st.sampled_from([0.3, 0.5, 0.8]), st.randoms(use_true_random=False))
def test_local_distances_ignore_order_scale_and_place(cloud, quantile, random) -> None:
    # with their mirror images: the mean is exact, every radius is tied
    cloud = np.concatenate([cloud, -cloud])
    norms = np.sort(np.linalg.norm(cloud, axis=1))
    assume(norms[int(len(cloud) * quantile)] > 0)
    order = list(range(len(cloud)))
    random.shuffle(order)
    D = local_distances(cloud, quantile)
    np.testing.assert_allclose(
        local_distances(4 * cloud[order] + 8, quantile), D[np.ix_(order, order)], atol=1e-12
    )
    assert (D == D.T).all() and D.max() <= 2 + 1e-12


@QUICK
@given(several, st.integers(1, 14))
def test_landmarks_keep_their_bound(cloud, count: int) -> None:
    from gudhi import bottleneck_distance

    found = farthest_landmarks(cloud, min(count, distinct(cloud)))
    assert (np.diff(found.radii) <= 0).all()
    assert (found.radius == 0) == (len(found.rows) == distinct(cloud))
    for whole, part in zip(rips(cloud), rips(cloud[found.rows]), strict=True):
        assert bottleneck_distance(whole, part) <= found.bound + 1e-9


@QUICK
@given(several, st.sampled_from([0.2, 0.5, 0.8]))
def test_sparse_rips_keeps_its_factor(cloud, epsilon: float) -> None:
    from gudhi import bottleneck_distance

    sparse = sparse_rips(cloud, epsilon)
    (h0, h1), (whole0, whole1) = sparse.diagrams, rips(cloud)
    ratio = h0[:-1, 1] / whole0[:-1, 1]
    assert ((ratio >= 1 - 1e-9) & (ratio <= sparse.factor * (1 + 1e-9))).all()
    assert np.isinf(h0[-1, 1])
    log_distance = bottleneck_distance(np.log(h1), np.log(whole1))
    assert log_distance <= np.log(sparse.factor) + 1e-9


@QUICK
@given(diagrams(), st.sampled_from([0.0, 1.0, 3.0]))
def test_silhouette_is_below_the_first_landscape(pairs, power: float) -> None:
    found = vectorize.silhouette(pairs, GRID, power=power)
    top = vectorize.mean_landscape([pairs], 1, GRID)[0]
    assert (found >= 0).all() and (found <= top + 1e-12).all()


@QUICK
@given(st.lists(diagrams(), min_size=1, max_size=4))
def test_gram_is_positive_semidefinite(found) -> None:
    gram = vectorize.landscape_gram(found)
    assert np.linalg.eigvalsh(gram).min() >= -1e-9 * max(gram.max(), 1)


@QUICK
@given(diagrams(), diagrams())
def test_images_add_up(a, b) -> None:
    ranges = {"bandwidth": 0.5, "birth_range": (0.0, 4.0), "length_range": (0.0, 4.0)}
    both, left, right = (
        vectorize.persistence_image(x, (5, 6), **ranges) for x in (np.concatenate([a, b]), a, b)
    )
    np.testing.assert_allclose(both, left + right, atol=1e-12)


def test_duplicates_do_not_change_the_hops_diagram() -> None:
    cloud = np.random.default_rng(0).normal(size=(40, 2))
    for a, b in zip(
        rips(geodesic_distances(cloud, 3), metric="precomputed"),
        rips(geodesic_distances(np.repeat(cloud, 3, axis=0), 3), metric="precomputed"),
        strict=True,
    ):
        assert_diagrams_close(a, b)
