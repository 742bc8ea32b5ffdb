"""The parts of the engine: cache, distances, trees, loops, cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from toposcope import homology
from toposcope.errors import UsageError
from toposcope.homology import distances, estimate_cost, longest_loops, rips
from toposcope.homology.neighbors import nearest
from toposcope.homology.spanning import prim, tiled_tree, tree_lengths
from toposcope.homology.vietoris_rips.lunes import CRITICAL, reduced_triangles
from toposcope.homology.vietoris_rips.ranks import rank_edges
from toposcope.pointclouds import datasets


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(homology.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": source, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )


def test_import_is_light_and_leaves_numba_alone(tmp_path: Path) -> None:
    code = (
        "import numba, sys; before = numba.config.CACHE_DIR; import toposcope.homology as h\n"
        "assert numba.config.CACHE_DIR == before\n"
        "heavy = {'gudhi', 'sklearn', 'scipy.stats', 'pandas', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(h.kernel_hash())"
    )
    out = run_python(code, TOPOSCOPE_CACHE=str(tmp_path))
    assert out.stdout.strip() == homology.kernel_hash()
    folder = next(tmp_path.iterdir())
    assert homology.kernel_hash()[:16] in folder.name
    assert not list(folder.rglob("*.nbi")), "importing must compile nothing"


def test_unwritable_cache_falls_back_with_a_warning(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    out = run_python("import toposcope.homology", TOPOSCOPE_CACHE=str(blocked))
    assert "kernel cache cannot be used" in out.stderr
    assert "TOPOSCOPE_CACHE" in out.stderr


def test_second_process_compiles_nothing(tmp_path: Path) -> None:
    code = (
        "import numpy as np\n"
        "from toposcope.homology.metrics import _finish_euclidean, distances\n"
        "distances(np.eye(3))\n"
        "print(sum(_finish_euclidean.stats.cache_misses.values()))"
    )
    assert run_python(code, TOPOSCOPE_CACHE=str(tmp_path)).stdout.strip() == "1"
    assert run_python(code, TOPOSCOPE_CACHE=str(tmp_path)).stdout.strip() == "0"


def test_old_kernel_folders_are_pruned(tmp_path: Path) -> None:
    names = [f"kernels-{k:016x}-numba0" for k in range(8)]
    for age, name in enumerate(names):
        (tmp_path / name).mkdir()
        days = 3600 * 24 * (5 if age == 4 else 10 + age)
        os.utime(tmp_path / name, (time.time() - days, time.time() - days))
    (tmp_path / "results").mkdir()
    os.utime(tmp_path / "results", (0, 0))
    run_python("import toposcope.homology", TOPOSCOPE_CACHE=str(tmp_path))
    left = {path.name for path in tmp_path.iterdir()}
    # the one just made and the three newest others; what is not ours stays
    assert {n for n in names if n in left} == {names[4], names[0], names[1]}
    assert "results" in left and len(left) == 5
    # a week of use protects a folder, however many there are
    for name in names:
        (tmp_path / name).mkdir(exist_ok=True)
        os.utime(tmp_path / name)
    (tmp_path / f"kernels-{homology.kernel_hash()[:16]}-numba{numba.__version__}").rename(
        tmp_path / "kernels-old-numba0"
    )
    run_python("import toposcope.homology", TOPOSCOPE_CACHE=str(tmp_path))
    assert set(names) <= {path.name for path in tmp_path.iterdir()}


def test_distances_match_scipy_and_duplicates_are_zero() -> None:
    rng = np.random.default_rng(0)
    cloud = 1e4 + rng.normal(size=(60, 50))
    cloud[7] = cloud[3]
    cloud[8] = cloud[3] + 1e-7
    for metric in ("euclidean", "cosine", "correlation"):
        D = distances(cloud, metric=metric)
        exact = cdist(cloud.astype(np.longdouble), cloud.astype(np.longdouble), metric)
        assert D[3, 7] == 0 and (D == D.T).all() and not D.diagonal().any()
        if metric == "euclidean":
            np.testing.assert_allclose(D, exact, rtol=1e-9)


def test_cosine_keeps_small_angles() -> None:
    D = distances([[1.0, 0.0], [1.0, 1e-6], [0.0, 2.0]], metric="cosine")
    np.testing.assert_allclose(D[0], [0.0, 0.5e-12, 1.0], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-200, 1e150])
def test_extreme_scales_neither_overflow_nor_vanish(scale: float) -> None:
    cloud = datasets.circle(12)
    np.testing.assert_allclose(distances(scale * cloud), scale * distances(cloud), rtol=1e-12)


def test_distances_leave_the_input_alone() -> None:
    cloud = datasets.circle(10)
    before = cloud.copy()
    for metric in ("euclidean", "cosine", "correlation"):
        distances(cloud, metric=metric)
    np.testing.assert_array_equal(cloud, before)


def test_spanning_trees_agree_with_scipy() -> None:
    cloud = datasets.gaussian(90, 4)
    D = distances(cloud)
    expected = np.sort(minimum_spanning_tree(D).data)
    np.testing.assert_allclose(np.sort(tree_lengths(D)), expected)
    edges, lengths = tiled_tree(cloud, tile=20)
    np.testing.assert_allclose(lengths, expected, rtol=1e-9)
    np.testing.assert_allclose(D[edges[:, 0], edges[:, 1]], lengths, rtol=1e-9)
    subset = np.array([3, 50, 7, 22, 81])
    block = D[np.ix_(subset, subset)]
    np.testing.assert_allclose(np.sort(tree_lengths(D, subset)), np.sort(prim(block)[1]))


def test_lengths_of_trees_are_those_of_the_edges_in_their_order() -> None:
    """Sums over trees end up in numbers that are equal to the bit; ties, gaps and few rows too."""
    stream = np.random.default_rng(0)
    plain = distances(stream.normal(size=(90, 4)))
    tied = distances(np.round(stream.normal(size=(90, 3))))
    apart = np.where(plain > np.median(plain), np.inf, plain)
    for D in (plain, tied, apart, np.zeros((7, 7))):
        for size in (0, 1, 2, 3, 6, 7, len(D)):
            subset = stream.permutation(len(D))[:size]
            np.testing.assert_array_equal(tree_lengths(D, subset), prim(D, subset)[1])
        np.testing.assert_array_equal(tree_lengths(D), prim(D)[1])


def test_critical_edges_are_the_births() -> None:
    D = distances(datasets.relu_clusters(150, 16))
    triangles = reduced_triangles(rank_edges(D, limit=np.inf))
    assert (triangles.first == CRITICAL).sum() == len(rips(D, metric="precomputed")[1])
    # one triangle per edge and few more, of about n^3 / 6 = 562,500
    assert len(triangles.edge) < 1.1 * 150 * 149 / 2


def test_loop_of_a_circle_runs_around_it() -> None:
    cloud = datasets.circle(60, noise=0.02, seed=3)
    (loop,) = longest_loops(cloud, count=1)
    h1 = rips(cloud)[1]
    assert loop.death - loop.birth == pytest.approx((h1[:, 1] - h1[:, 0]).max())
    corners = cloud[loop.vertices]
    steps = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    assert steps.max() == pytest.approx(loop.birth)
    turn = np.unwrap(np.arctan2(*np.vstack([corners, corners[:1]]).T))
    assert abs(turn[-1] - turn[0]) == pytest.approx(2 * np.pi)


def test_loops_of_a_cloud_without_any() -> None:
    assert longest_loops([[0.0], [1.0], [2.0]]) == []
    assert longest_loops(datasets.circle(20), count=0) == []
    with pytest.raises(UsageError, match="count"):
        longest_loops(datasets.circle(20), count=-1)


def test_two_loops_come_longest_first() -> None:
    small = datasets.circle(30, seed=2) + np.array([6.0, 0.0])
    first, second = longest_loops(np.concatenate([2 * datasets.circle(40, seed=1), small]), count=2)
    assert first.vertices.max() < 40 <= second.vertices.min()


def test_nearest_neighbors_over_several_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toposcope.homology.neighbors._TILE", 16 * 50)
    cloud = datasets.gaussian(50, 3)
    cloud[40] = cloud[5]
    near, rows, repeated = nearest(cloud, 4)
    assert np.flatnonzero(repeated).tolist() == [40]
    D = cdist(cloud, cloud)
    np.fill_diagonal(D, np.inf)
    np.testing.assert_allclose(near, np.sort(D, axis=1)[:, :4], atol=1e-12)
    np.testing.assert_allclose(np.take_along_axis(D, rows, axis=1), near, atol=1e-12)


def test_cost_grows_with_everything() -> None:
    base = estimate_cost(500, 64)
    for other in (estimate_cost(600, 64), estimate_cost(500, 64, (0, 1, 2))):
        assert other[0] > base[0] and other[1] > base[1]
    assert estimate_cost(500, 640)[0] > base[0]
    assert estimate_cost(500, 64, (0,))[0] < base[0]
