"""The rule for H2 and above: is the chosen variant of GUDHI the fastest one?

Run: python -m benchmarks.bench_h2. Seeds 41 and up were not used to find the rule.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.clouds import KINDS
from benchmarks.engines import gudhi_collapse, gudhi_dense, gudhi_radius
from toposcope.homology import distances, warm_up
from toposcope.homology.backends import gudhi_rips


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
    parser.add_argument("--sizes", nargs="+", type=int, default=[150, 300, 500])
    parser.add_argument("--maxdim", type=int, default=2)
    parser.add_argument("--seeds", nargs="+", type=int, default=[41])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
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
                D = distances(KINDS[kind](n, seed))
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
