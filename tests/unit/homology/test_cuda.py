"""Distances and spanning trees through PyTorch: equal to the CPU's on any device."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.errors import UsageError
from toposcope.homology import rips
from toposcope.homology.metrics import distances
from toposcope.homology.spanning import tree_lengths
from toposcope.homology.vietoris_rips import cuda
from toposcope.pointclouds import datasets

torch = pytest.importorskip("torch")
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
DEVICES = ["cpu", pytest.param("cuda", marks=GPU)]


def clouds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(150, 20))
    return {
        "normal": normal,
        "relu": datasets.relu_clusters(150, 64),
        "lattice": np.rint(1.5 * rng.normal(size=(150, 2))),
        "near copies": np.concatenate([normal[:80], normal[:80] + 1e-9]) + 1e4,
        "sizes": normal * 10.0 ** rng.uniform(-5, 5, (150, 1)),
        "one place": np.ones((20, 3)),
        "one point": np.ones((1, 3)),
        "two points": np.array([[0.0], [1e-200]]),
    }


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", list(clouds()))
def test_trees_and_distances_are_those_of_the_cpu(kind: str, device: str) -> None:
    cloud = clouds()[kind]
    D = distances(cloud)
    np.testing.assert_allclose(cuda.distances(cloud, device=device, tile=40), D, rtol=1e-9)
    edges, lengths = cuda.spanning_tree(cloud, device=device, tile=40)
    np.testing.assert_allclose(lengths, np.sort(tree_lengths(D)), rtol=1e-9, atol=0)
    np.testing.assert_allclose(D[edges[:, 0], edges[:, 1]], lengths, rtol=1e-9, atol=0)


@GPU
def test_rips_on_the_gpu_gives_the_diagrams_of_the_cpu() -> None:
    cloud = datasets.torus(300, 0.05)
    for dims in ((0,), (0, 1)):
        found = rips(cloud, homology_dimensions=dims, device="cuda")
        for ours, expected in zip(found, rips(cloud, homology_dimensions=dims), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-9)


def test_wrong_devices_are_named() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="sees no GPU"):
            rips(datasets.circle(20), device="cuda")
    with pytest.raises(UsageError, match="metric='euclidean'"):
        rips(datasets.circle(20), device="cuda", metric="cosine")


@GPU
def test_a_full_gpu_takes_smaller_tiles_or_says_so() -> None:
    cloud = np.random.default_rng(1).normal(size=(3000, 8))
    expected = cuda.spanning_tree(cloud, device="cuda")[1]
    free = torch.cuda.mem_get_info()[0]
    held = torch.empty(free - (200 << 20), dtype=torch.uint8, device="cuda")
    try:
        assert cuda._fitting(torch, "cuda", 8192) < 3000
        np.testing.assert_allclose(cuda.spanning_tree(cloud, device="cuda")[1], expected, 1e-12)
    finally:
        del held
        torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        with pytest.raises(UsageError, match=r"rips\(\).*too little free memory.*device='cpu'"):
            rips(cloud, homology_dimensions=(0,), device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@GPU
def test_clouds_on_the_gpu_are_read_wherever_an_array_is() -> None:
    cloud = datasets.torus(200, 0.05)
    there = torch.from_numpy(cloud).cuda().requires_grad_()
    for device in ("cpu", "cuda"):
        np.testing.assert_array_equal(rips(there, device=device)[1], rips(cloud, device=device)[1])
