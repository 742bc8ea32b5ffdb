"""rips() against ripser and GUDHI on 200 clouds of many kinds, and where float32 would fail.

Reference distances are sums of squared differences in float64: nothing of ours is in them.
"""

from __future__ import annotations

import numpy as np
import pytest

from toposcope import homology
from toposcope.errors import UsageError
from toposcope.homology import distances, rips
from toposcope.homology.vietoris_rips.higher_degrees import gudhi_rips
from toposcope.pointclouds import datasets
from toposcope.testing import assert_diagrams_close


def reference(cloud: np.ndarray) -> np.ndarray:
    points = np.asarray(cloud, dtype=np.float64)
    return np.stack([np.sqrt(((points - p) ** 2).sum(axis=1)) for p in points])


def make(kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, *kind.encode()])
    n, d = int(rng.integers(2, 61)), int(rng.integers(1, 9))
    cloud = rng.normal(size=(n, d))
    halves = cloud[rng.integers(0, n, n)]
    match kind:
        case "gaussian":
            return cloud
        case "activations":
            return datasets.relu_clusters(n, 8 * d, rng, clusters=3)
        case "high dimension":
            return rng.normal(size=(n, 300))
        case "circle":
            return datasets.circle(n, 0.05, rng)
        case "torus":
            return datasets.torus(60, seed=rng)
        case "lattice":
            return rng.integers(0, 4, size=(n, min(d, 3)))
        case "line":
            return cloud[:, :1] * rng.normal(size=(1, d))
        case "duplicates":
            return halves
        case "near duplicates":
            return halves + 1e-9 * rng.normal(size=halves.shape)
        case "near duplicates far away":
            return halves + 1e-5 * rng.normal(size=halves.shape) + 1e6
        case "offset":
            return cloud + 1e7
        case "one far coordinate":
            return np.column_stack([cloud, np.full(n, 1e9)])
        case "tiny":
            return 1e-12 * cloud
        case "huge":
            return 1e12 * cloud
        case "two far parts":
            return cloud + 1e4 * (np.arange(n) % 2)[:, None]
        case "unequal scales":
            return cloud * np.geomspace(1, 1e4, d)
        case "float32":
            return cloud.astype(np.float32)
        case "float32 at 1e4":
            return (1e4 + 0.05 * cloud).astype(np.float32)
        case "float16":
            return cloud.astype(np.float16)
        case "booleans":
            return rng.random((n, 12)) < 0.4
    raise AssertionError(kind)


KINDS = (
    "gaussian",
    "activations",
    "high dimension",
    "circle",
    "torus",
    "lattice",
    "line",
    "duplicates",
    "near duplicates",
    "near duplicates far away",
    "offset",
    "one far coordinate",
    "tiny",
    "huge",
    "two far parts",
    "unequal scales",
    "float32",
    "float32 at 1e4",
    "float16",
    "booleans",
)


def assert_same(ours: np.ndarray, theirs: np.ndarray, unit: float) -> None:
    from gudhi import bottleneck_distance

    theirs = np.asarray(theirs, dtype=np.float64).reshape(-1, 2)
    assert bottleneck_distance(ours / unit, theirs / unit) < 1e-6
    long = [int((p[:, 1] - p[:, 0] > 1e-6 * unit).sum()) for p in (ours, theirs)]
    assert long[0] == long[1]


@pytest.mark.parametrize("kind", KINDS)
def test_200_clouds_against_ripser_and_gudhi(kind: str) -> None:
    import gudhi

    ripser = pytest.importorskip("ripser").ripser
    for seed in range(10):
        cloud = make(kind, seed)
        D = reference(cloud)
        unit = D.max() or 1.0
        tree = gudhi.RipsComplex(distance_matrix=D).create_simplex_tree(max_dimension=2)
        tree.compute_persistence(homology_coeff_field=2)
        # ripser computes in float32: the unit keeps tiny and huge clouds within its range
        other = ripser(D / unit, maxdim=1, distance_matrix=True, coeff=2)["dgms"]
        for k, ours in enumerate(rips(cloud)):
            assert_same(ours, tree.persistence_intervals_in_dimension(k), unit)
            assert_same(ours / unit, other[k], 1.0)


def large(offset: float) -> np.ndarray:
    """1,300 activation-like points, a fifth of them copies at distances around 1e-6."""
    cloud = datasets.relu_clusters(1300, 12, clusters=6, rank=4)
    rng = np.random.default_rng(1)
    cloud[1040:] = cloud[:260] + 3e-7 * rng.normal(size=(260, 12))
    return cloud + offset


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_large_clouds_keep_near_duplicates_apart(
    offset: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = large(offset)
    D = reference(cloud)
    diameter = D.max()
    found = distances(cloud)
    off = ~np.eye(len(D), dtype=bool)
    assert (np.abs(found - D)[off] / D[off]).max() < 1e-9

    # What this guards against: the centered product in float32.
    centered = (cloud - cloud.mean(axis=0)).astype(np.float32)
    squares = (centered**2).sum(axis=1)
    single = squares[:, None] + squares - 2 * centered @ centered.T
    assert np.abs(np.sqrt(single.clip(0)) - D).max() > 1e-4 * diameter

    h0, h1 = rips(cloud)
    # ripser, because edge collapse takes long here: float32, so pairs below 1e-6 are not its own
    other = pytest.importorskip("ripser").ripser(D / diameter, distance_matrix=True)["dgms"][1]
    assert_same(h1 / diameter, other, 1.0)
    exact = gudhi_rips(D, homology_dimensions=(0,), max_edge_length=np.inf, coeff=2)[0]
    monkeypatch.setattr("toposcope.homology.vietoris_rips.persistence.TILE_ABOVE", 1000)
    for ours in (h0, rips(cloud, homology_dimensions=(0,))[0]):
        # near-duplicates make pairs of 1e-6, to be told apart, hence the small tolerance
        assert_diagrams_close(ours, exact, rtol=1e-9, atol=1e-12 * diameter)
        assert len(ours) == len(cloud)


def test_float32_near_1e4_keeps_its_loop() -> None:
    circle = 0.05 * datasets.circle(200)
    cloud = (1e4 + circle).astype(np.float32)
    spacing = np.spacing(np.float32(1e4))
    assert spacing > 9e-4  # 50 steps of float32 across the circle
    h0, h1 = rips(cloud)
    exact = rips(reference(cloud), metric="precomputed")
    assert_diagrams_close(h0, exact[0], rtol=1e-9)
    assert_diagrams_close(h1, exact[1], rtol=1e-9, atol=1e-12)
    assert len(h0) == len(np.unique(cloud, axis=0))
    lengths = np.sort(h1[:, 1] - h1[:, 0])
    assert lengths[-1] > 0.05 and (lengths[:-1] < 0.01).all()


def test_small_classes_beside_large_ones_are_not_lost() -> None:
    # a loop of radius 1e-6 and one of radius 1, 1e4 apart
    circle = datasets.circle(40)
    cloud = np.concatenate([circle, 1e-6 * circle + [1e4, 0.0]])
    _, h1 = rips(cloud)
    lengths = np.sort(h1[:, 1] - h1[:, 0])[::-1]
    expected = np.sort(rips(circle)[1][:, 1] - rips(circle)[1][:, 0])[::-1]
    assert lengths[0] == pytest.approx(expected[0], rel=1e-6)
    # coordinates near 1e4 have steps of 2e-12, a millionth of the small loop
    assert (np.abs(lengths / (1e-6 * expected[0]) - 1) < 1e-4).sum() == 1


def test_matrices_that_are_not_symmetric_beyond_rounding_are_refused() -> None:
    D = reference(datasets.gaussian(30, 3))
    exact = rips(D, metric="precomputed")
    D[3, 7] = np.nextafter(D[3, 7], 9)
    for a, b in zip(rips(D, metric="precomputed"), exact, strict=True):
        assert_diagrams_close(a, b)
    D[3, 7] *= 1 + 1e-6
    with pytest.raises(UsageError, match=r"not symmetric; pass np\.maximum"):
        rips(D, metric="precomputed")
    for a, b in zip(
        rips(np.maximum(D, D.T), metric="precomputed"),
        rips((D + D.T) / 2, metric="precomputed"),
        strict=True,
    ):
        assert_diagrams_close(a, b)


def test_hop_distances_of_a_large_cloud_where_nearly_all_lengths_tie() -> None:
    D = homology.geodesic_distances(datasets.uniform_cube(1250, 3), 8)
    assert len(np.unique(D)) < 30
    h1 = rips(D, metric="precomputed")[1]
    exact = gudhi_rips(D, homology_dimensions=(1,), max_edge_length=np.inf, coeff=2)[1]
    np.testing.assert_array_equal(h1, exact)
    assert len(h1)
