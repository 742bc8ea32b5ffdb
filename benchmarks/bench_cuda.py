"""Rips on a GPU against the same call on one CPU thread and against PyTorch with SciPy.

Run: python -m benchmarks.bench_cuda [--device cuda] [--large]

H0: `rips(X, device=...)`, the same on the CPU, and the obvious script (torch.cdist on the device in
float64, SciPy's spanning tree on the CPU). Distances and H1: what the device saves of the whole.
Wall seconds, least of three for the device, once for the CPU; every result is held to the CPU's.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.clouds import KINDS
from toposcope.homology import rips, warm_up
from toposcope.homology.metrics import distances
from toposcope.homology.vietoris_rips import cuda

_WHOLE = 20_000  # points whose matrix of distances is held
_SCRIPT = 5_000  # points that the script takes (148 s for 20,000)
_LOOPS = 5_000  # points for H1


def least(action: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Least wall seconds and the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
    return min(times), result


def script(cloud: np.ndarray, device: str) -> np.ndarray:
    """Spanning tree as one writes it: cdist on the device, SciPy's tree on the CPU."""
    import torch
    from scipy.sparse.csgraph import minimum_spanning_tree

    x = torch.from_numpy(cloud).to(device)
    matrix = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").cpu().numpy()
    return np.sort(minimum_spanning_tree(matrix).data)


def worst(found: np.ndarray, expected: np.ndarray) -> str:
    """Largest relative difference of sorted births and deaths."""
    ours, theirs = (np.sort(d[np.isfinite(d).all(1)], axis=0) for d in (found, expected))
    return f"{(np.abs(ours - theirs) / np.maximum(theirs, 1e-300)).max(initial=0.0):.1e}"


def rows(kind: str, cloud: np.ndarray, device: str) -> None:
    """Print the rows of one cloud."""
    n, d = cloud.shape

    def row(task: str, fast: float, slow: float, plain: str, error: str) -> None:
        print(f"| {kind} | {n} | {d} | {task} | {fast:.3g} | {slow:.3g} | {plain} | {error} |")

    def diagrams(degrees: tuple[int, ...], place: str) -> Callable[[], Any]:
        return lambda: rips(cloud, homology_dimensions=degrees, device=place)

    fast, found = least(diagrams((0,), device))
    slow, expected = least(diagrams((0,), "cpu"), 1)
    plain = f"{least(lambda: script(cloud, device), 1)[0]:.3g}" if n <= _SCRIPT else "-"
    row("H0", fast, slow, plain, worst(found[0], expected[0]))
    if n <= _WHOLE:
        fast, found = least(lambda: cuda.distances(cloud, device=device), 2)
        slow, expected = least(lambda: distances(cloud), 1)
        row("distances", fast, slow, "-", worst(found, expected))
    if n <= _LOOPS:
        fast, found = least(diagrams((0, 1), device), 1)
        slow, expected = least(diagrams((0, 1), "cpu"), 1)
        row("H0, H1", fast, slow, "-", worst(found[1], expected[1]))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000, 5000, 20_000])
    parser.add_argument("--large", action="store_true", help="also n = 100,000 and 200,000, d = 64")
    args = parser.parse_args()
    import torch

    warm_up()
    rips(np.random.default_rng(0).normal(size=(500, 8)), device=args.device)
    name = torch.cuda.get_device_name() if args.device == "cuda" else args.device
    print(f"torch {torch.__version__} on {name}\n")
    print("| cloud | n | d | task | device s | one CPU thread s | script s | worst rel. error |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for kind in ("gauss", "act"):
        for n in args.sizes:
            rows(kind, KINDS[kind](n, 11).astype(np.float64), args.device)
    for n in (100_000, 200_000) if args.large else ():
        cloud = np.random.default_rng(11).normal(size=(n, 64))
        start = time.perf_counter()
        rips(cloud, homology_dimensions=(0,), device=args.device)
        print(f"| gauss | {n} | 64 | H0 | {time.perf_counter() - start:.3g} | - | - | - |")
    if args.device == "cuda":
        print(f"\npeak GPU memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
