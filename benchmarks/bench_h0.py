"""H0 of points against peers and against one float32 X X^T on one thread.

Run: python -m benchmarks.bench_h0 [--large]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.bench_rips import measure
from benchmarks.clouds import KINDS

ENGINES = ("toposcope_points", "ripser_points", "gudhi_sklearn_points", "giotto_points")


def product_seconds(cloud: np.ndarray) -> float:
    """CPU seconds of one float32 X X^T: NumPy computes half of it and mirrors."""
    x = cloud.astype(np.float32)
    return min(_timed(lambda: x @ x.T) for _ in range(3))


def _timed(action) -> float:
    clock = time.process_time()
    action()
    return time.process_time() - clock


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000, 2000, 5000])
    parser.add_argument("--kinds", nargs="+", default=["gauss", "act"])
    parser.add_argument("--giotto", help="Python with giotto-ph")
    parser.add_argument("--large", action="store_true", help="n = 100,000, d = 64, alone")
    args = parser.parse_args()
    import sys

    if args.large:
        from toposcope.homology import rips, warm_up

        warm_up()
        cloud = np.random.default_rng(11).normal(size=(100_000, 64))
        clock, started = time.process_time(), time.perf_counter()
        h0 = rips(cloud, homology_dimensions=(0,))[0]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"n = 100,000, d = 64: {time.process_time() - clock:.1f} CPU s, "
            f"{time.perf_counter() - started:.1f} wall s, whole process {peak:.2f} GB, "
            f"{len(h0)} pairs"
        )
        return
    print("| cloud | n | d | X X^T float32 | toposcope | ripser | gudhi | giotto | ratios |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.kinds:
            for n in args.sizes:
                cloud = KINDS[kind](n, 11)
                path = Path(folder) / "data.npy"
                np.save(path, cloud.astype(np.float32))
                found = {}
                for engine in ENGINES:
                    python = args.giotto if engine.startswith("giotto") else sys.executable
                    found[engine] = measure(engine, path, 0, 3, python, 300) if python else None
                ours, product = found[ENGINES[0]]["cpu"], product_seconds(cloud)
                cells = [
                    f"{r['cpu']:.4g} s / {r['bytes'] / 1e6:.0f} MB" if r else "-"
                    for r in found.values()
                ]
                ratios = ", ".join(f"{r['cpu'] / ours:.1f}" for r in list(found.values())[1:] if r)
                print(
                    f"| {kind} | {n} | {cloud.shape[1]} | {product:.4g} s | {' | '.join(cells)} "
                    f"| {ratios}; {ours / product:.2f} of X X^T |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
