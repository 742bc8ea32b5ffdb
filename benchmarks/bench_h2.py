"""The rule for H2 and above: is the chosen variant of GUDHI the fastest one?

Run: python -m benchmarks.bench_h2. Seeds 41 and up were not used to find the rule.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from benchmarks.clouds import KINDS, Cloud
from benchmarks.engines import gudhi_collapse, gudhi_dense, gudhi_radius
from toposcope.homology import distances, warm_up
from toposcope.homology.vietoris_rips.higher_degrees import gudhi_rips
from toposcope.pointclouds import datasets


def _shell(n: int, seed: int) -> Cloud:
    """A sphere of 19 dimensions."""
    points = np.random.default_rng(seed).normal(size=(n, 20))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _low_rank(n: int, seed: int) -> Cloud:
    """Three directions of R^100 and noise."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, 100)) + 0.05 * rng.normal(size=(n, 100))


def _two_scales(n: int, seed: int) -> Cloud:
    """A wide cluster and a narrow one in R^50."""
    rng = np.random.default_rng(seed)
    wide = np.arange(n)[:, None] < n // 2
    return np.where(wide, 1.0, 0.3) * rng.normal(size=(n, 50)) + np.where(wide, 0.0, 4.0)


SHAPES: dict[str, Callable[[int, int], Cloud]] = {
    **KINDS,
    "klein": lambda n, seed: datasets.klein_bottle(n, 0.02, seed=seed),
    "rp2": lambda n, seed: datasets.projective_plane(n, 0.01, seed=seed),
    "annuli": lambda n, seed: datasets.annuli(n, seed=seed),
    "disks": lambda n, seed: datasets.disks(n, seed=seed),
    "eight": lambda n, seed: datasets.figure_eight(n, 0.05, seed=seed),
    "simplex": lambda n, seed: np.random.default_rng(seed).dirichlet(np.ones(10), n),
    "shell": _shell,
    "low rank": _low_rank,
    "two scales": _two_scales,
}


def _seconds(action, repeats: int = 2) -> float:
    times = []
    for _ in range(repeats):
        clock = time.process_time()
        action()
        times.append(time.process_time() - clock)
    return min(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[150, 250])
    parser.add_argument("--maxdim", type=int, default=2)
    parser.add_argument("--seeds", nargs="+", type=int, default=[41])
    parser.add_argument("--kinds", nargs="+", default=list(SHAPES))
    args = parser.parse_args()
    warm_up()
    k = args.maxdim
    print(f"| H{k} | n | seed | toposcope | dense | dense to radius | collapse | ours / best |")
    print("|---|---|---|---|---|---|---|---|")
    for n in args.sizes:
        for kind in args.kinds:
            for seed in args.seeds:
                if kind == "sphere" and n > 150 // (k - 1):
                    continue
                D = distances(SHAPES[kind](n, seed))
                ours = _seconds(
                    lambda D=D: gudhi_rips(
                        D, homology_dimensions=(k,), max_edge_length=np.inf, coeff=2
                    )
                )
                peers = [
                    _seconds(lambda D=D, f=f: f(D, k))
                    for f in (gudhi_dense, gudhi_radius, gudhi_collapse)
                ]
                cells = " | ".join(f"{1e3 * s:.1f}" for s in (ours, *peers))
                print(f"| {kind} | {n} | {seed} | {cells} | {ours / min(peers):.2f} |", flush=True)


if __name__ == "__main__":
    main()
