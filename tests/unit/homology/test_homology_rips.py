"""rips(): numbers known from topology, oracles, ties, degenerate input, messages."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.homology import distances, rips, rips_from_distances
from toposcope.pointclouds import datasets
from toposcope.testing import assert_diagrams_close


def longest(pairs: np.ndarray) -> np.ndarray:
    return np.sort(pairs[:, 1] - pairs[:, 0])[::-1]


def gudhi_pairs(D: np.ndarray, dims: tuple[int, ...] = (0, 1), limit: float = np.inf) -> list:
    """Independent answer: a simplex tree, without cone radius, collapse or clearing of ours."""
    import gudhi

    if np.isinf(D).any():
        limit = min(limit, D[np.isfinite(D)].max())
    tree = gudhi.RipsComplex(distance_matrix=D, max_edge_length=limit).create_simplex_tree(
        max_dimension=max(dims) + 1
    )
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0, persistence_dim_max=True)
    return [tree.persistence_intervals_in_dimension(k).reshape(-1, 2) for k in dims]


def random_matrix(kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, len(kind)])
    n = int(rng.integers(2, 26))
    if kind == "generic":
        return distances(rng.normal(size=(n, rng.integers(1, 6))))
    if kind == "grid":
        return distances(rng.integers(0, 4, size=(n, rng.integers(1, 4))))
    if kind == "duplicates":
        return distances(rng.normal(size=(n, 3))[rng.integers(0, n, n)])
    if kind == "hops":
        upper = np.triu(rng.integers(1, 4, size=(n, n)), 1).astype(float)
    elif kind == "not a metric":
        upper = np.triu(rng.random((n, n)), 1)
    else:
        upper = np.triu(rng.choice([1.0, 2.0, np.inf], size=(n, n)), 1)
        upper[np.tril_indices(n)] = 0.0
    return upper + upper.T


KINDS = ("generic", "grid", "duplicates", "hops", "not a metric", "disconnected")


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_a_simplex_tree_exactly(kind: str) -> None:
    for seed in range(40):
        D = random_matrix(kind, seed)
        for ours, theirs in zip(rips_from_distances(D), gudhi_pairs(D), strict=True):
            assert_diagrams_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_max_edge_length_agrees_with_a_simplex_tree(kind: str) -> None:
    for seed in range(20):
        D = random_matrix(kind, 100 + seed)
        limit = float(np.median(D[np.isfinite(D)]))
        ours = rips_from_distances(D, max_edge_length=limit)
        for mine, theirs in zip(ours, gudhi_pairs(D, limit=limit), strict=True):
            assert_diagrams_close(mine, theirs, rtol=0, atol=0)


@pytest.mark.parametrize(
    "cloud",
    [
        datasets.relu_clusters(600, 64),
        datasets.gaussian(500, 20),
        datasets.torus(700, 0.05),
        np.round(3 * datasets.gaussian(400, 3)),
    ],
    ids=["relu", "gaussian", "torus", "lattice"],
)
def test_agrees_with_gudhi_at_realistic_size(cloud: np.ndarray) -> None:
    from toposcope.homology.vietoris_rips.higher_degrees import gudhi_rips

    D = distances(cloud)
    theirs = gudhi_rips(D, homology_dimensions=(0, 1), max_edge_length=np.inf, coeff=2)
    h0, h1 = rips_from_distances(D)
    assert_diagrams_close(h0, theirs[0], rtol=0, atol=0)
    assert_diagrams_close(h1, theirs[1], rtol=0, atol=0)
    assert len(h1) > 50


@pytest.mark.parametrize("kind", KINDS)
def test_higher_degrees_and_other_fields_pass_through_gudhi(kind: str) -> None:
    for seed in range(5):
        D = random_matrix(kind, 200 + seed)[:14, :14]
        (h2,) = rips_from_distances(D, homology_dimensions=(2,))
        assert_diagrams_close(h2, gudhi_pairs(D, (0, 1, 2))[2], rtol=0, atol=0)
        # in tiny complexes H1 has no torsion, so that the field does not matter
        (h1,) = rips_from_distances(D, homology_dimensions=(1,), coeff=3)
        assert_diagrams_close(h1, rips_from_distances(D)[1], rtol=0, atol=0)


def test_read_only_and_fortran_arrays_give_the_same() -> None:
    cloud = datasets.relu_clusters(40, 8)
    expected = rips(cloud)
    frozen = np.asfortranarray(cloud)
    frozen.flags.writeable = False
    D = distances(cloud)
    D.flags.writeable = False
    for found in (rips(frozen), rips(D, metric="precomputed"), rips(cloud.astype(object).tolist())):
        for a, b in zip(found, expected, strict=True):
            assert_diagrams_close(a, b, rtol=1e-9)


def test_agrees_with_ripser() -> None:
    ripser = pytest.importorskip("ripser")
    D = distances(datasets.relu_clusters(300, 32))
    theirs = ripser.ripser(D, maxdim=1, distance_matrix=True, coeff=2)["dgms"]
    for ours, other in zip(rips_from_distances(D), theirs, strict=True):
        # ripser rounds to float32, which makes and drops the shortest pairs
        keep = ours[:, 1] - ours[:, 0] > 1e-3
        kept = np.asarray(other, dtype=float)
        kept = kept[kept[:, 1] - kept[:, 0] > 1e-3]
        assert_diagrams_close(ours[keep], kept, rtol=1e-5, atol=1e-4)


def test_circle_has_one_long_loop() -> None:
    _, h1 = rips(datasets.circle(80, seed=1))
    assert longest(h1)[0] > 1.2
    assert (longest(h1)[1:] < 0.3).all()


def test_hexagon_dies_at_its_long_diagonal() -> None:
    angle = np.arange(6) * np.pi / 3
    h0, h1 = rips(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    np.testing.assert_allclose(h0[:, 1], [1, 1, 1, 1, 1, np.inf])
    np.testing.assert_allclose(h1, [[1.0, np.sqrt(3)]])


def test_torus_and_linked_circles_have_two_loops() -> None:
    for cloud in (
        datasets.torus(600),
        datasets.linked_circles(120),
        datasets.two_circles(120),
    ):
        _, h1 = rips(cloud)
        lengths = longest(h1)
        assert lengths[1] > 1.5 * lengths[2:].max(initial=0.0)


def test_sphere_has_a_void() -> None:
    h2, h0 = rips(datasets.sphere(80), homology_dimensions=(2, 0))
    assert longest(h2)[0] > 0.3
    assert len(h0) == 80


def test_projective_plane_depends_on_the_field() -> None:
    # Six vertices, every edge; triangles of the minimal RP2 fill, barycentric subdivision as hops.
    D = projective_plane()
    two, three = (
        rips(D, homology_dimensions=(1,), metric="precomputed", coeff=p)[0] for p in (2, 3)
    )
    assert (two[:, 0] <= 1).sum() == 1
    assert (three[:, 0] <= 1).sum() == 0


def projective_plane() -> np.ndarray:
    """Path lengths in the barycentric subdivision of the six-vertex projective plane.

    A flag complex at length 1, so that its Rips complex there is the projective plane itself.
    """
    faces = ("123", "134", "145", "156", "162", "235", "346", "452", "563", "624")
    cells: list[frozenset[str]] = sorted(
        {frozenset(s) for f in faces for s in (*f, f[:2], f[1:], f[0] + f[2], f)},
        key=lambda c: (len(c), sorted(c)),
    )
    n = len(cells)
    D = np.full((n, n), 2.0)
    for i in range(n):
        D[i, i] = 0.0
        for j in range(i):
            if cells[i] < cells[j] or cells[j] < cells[i]:
                D[i, j] = D[j, i] = 1.0
    return D


def test_small_clouds_have_decided_answers() -> None:
    one = rips([[3.0, 4.0]])
    np.testing.assert_array_equal(one[0], [[0.0, np.inf]])
    assert one[1].shape == (0, 2)
    two = rips([[0.0], [2.0]])
    np.testing.assert_array_equal(two[0], [[0.0, 2.0], [0.0, np.inf]])
    # No triangle has H1: its sides and its inside come together.
    three = rips([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]], homology_dimensions=(0, 1, 2))
    np.testing.assert_array_equal(three[0], [[0.0, 3.0], [0.0, 4.0], [0.0, np.inf]])
    assert three[1].shape == three[2].shape == (0, 2)
    same = rips(np.ones((7, 3)), homology_dimensions=(0, 1, 2))
    np.testing.assert_array_equal(same[0], [[0.0, np.inf]])
    assert same[1].shape == same[2].shape == (0, 2)
    assert same[2].dtype == np.float64


def test_order_of_homology_dimensions_is_kept() -> None:
    cloud = datasets.circle(30)
    h0, h1 = rips(cloud)
    again = rips(cloud, homology_dimensions=(1, 0, 1))
    for ours, expected in zip(again, (h1, h0, h1), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_tiled_h0_equals_the_dense_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = np.round(datasets.gaussian(300, 2), 1)
    dense = rips(cloud, homology_dimensions=(0,))[0]
    for name in ("TREE_ABOVE", "TILE_ABOVE"):
        monkeypatch.setattr(f"toposcope.homology.vietoris_rips.persistence.{name}", 100)
        assert_diagrams_close(rips(cloud, homology_dimensions=(0,))[0], dense, atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"X": [1.0, 2.0]}, r"rips\(\): .*shape \(2,\).*reshape\(-1, 1\)"),
        ({"X": np.zeros((2, 3)), "metric": "precomputed"}, r"square; got shape \(2, 3\)"),
        ({"X": [[0.0, 1.0], [2.0, 0.0]], "metric": "precomputed"}, "not symmetric"),
        ({"X": [[0.0, -1.0], [-1.0, 0.0]], "metric": "precomputed"}, "negative"),
        ({"X": [[1.0, 1.0], [1.0, 0.0]], "metric": "precomputed"}, "diagonal"),
        ({"X": [[0.0], [1.0]], "metric": "manhattan"}, "'manhattan' is unknown; choose"),
        ({"X": [[0.0], [1.0]], "coeff": 4}, "prime"),
        ({"X": [[0.0], [1.0]], "homology_dimensions": ()}, "at least one"),
        ({"X": [[0.0], [1.0]], "homology_dimensions": 1}, r"pass \(1,\)"),
        ({"X": [[0.0], [1.0]], "homology_dimensions": (0.5,)}, "integers"),
        ({"X": [[0.0], [1.0]], "max_edge_length": -1.0}, "max_edge_length"),
        ({"X": [["a"], ["b"]]}, "real numbers"),
    ],
)
def test_wrong_use_is_named(arguments: dict, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        rips(**arguments)


@pytest.mark.parametrize(
    ("cloud", "metric", "match"),
    [
        (np.empty((0, 3)), "euclidean", "empty"),
        (np.empty((0, 0)), "precomputed", "empty"),
        ([[np.nan, 0.0], [np.inf, 1.0]], "euclidean", "2 of 4 values are not finite"),
        ([[0.0, np.nan], [np.nan, 0.0]], "precomputed", "2 NaN"),
        ([[0.0, 0.0], [1.0, 0.0]], "cosine", "1 of 2 points"),
        ([[2.0, 2.0], [1.0, 0.0]], "correlation", "constant rows"),
    ],
)
def test_degenerate_clouds_are_named(cloud: np.ndarray, metric: str, match: str) -> None:
    with pytest.raises(DegenerateCloudError, match=match):
        rips(cloud, metric=metric)
