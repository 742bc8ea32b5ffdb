"""Many clouds over two processes against one, and two threads on one cloud.

Run: python -m benchmarks.bench_scaling, on a machine with nothing else to do: wall seconds count.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from loky import get_reusable_executor
from threadpoolctl import threadpool_limits

from benchmarks.clouds import act
from toposcope.homology import rips, warm_up


def diagrams(cloud: np.ndarray) -> int:
    """H0 and H1 of one cloud; the number of pairs."""
    return sum(map(len, rips(cloud)))


def stored(place: tuple[str, int]) -> int:
    """The same of a cloud that is read where it is measured, as the tasks of an analysis do."""
    path, index = place
    return diagrams(np.load(path, mmap_mode="r")[index])


def wall(action, repeats: int) -> float:
    """Least wall seconds."""
    best = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clouds", type=int, default=64)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    warm_up()
    clouds = [act(args.points, 11 + k) for k in range(args.clouds)]
    alone = wall(lambda: [diagrams(x) for x in clouds], args.repeats)
    pool = get_reusable_executor(2)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/clouds.npy"
        np.save(path, np.stack(clouds))
        places = [(path, k) for k in range(len(clouds))]
        list(pool.map(stored, places))  # processes start, kernels load
        processes = wall(lambda: list(pool.map(stored, places, chunksize=8)), args.repeats)
    pool.shutdown(wait=True)
    with ThreadPoolExecutor(2) as workers:
        threads = wall(lambda: list(workers.map(diagrams, clouds)), args.repeats)
    print(f"| {args.clouds} clouds of {args.points} points, H0 and H1 | wall s | of one process |")
    print("|---|---|---|")
    for label, seconds in (
        ("one process", alone),
        ("two processes", processes),
        ("two threads, a cloud each", threads),
    ):
        print(f"| {label} | {seconds:.3f} | {alone / seconds:.2f} |")
    print("\n| one cloud | n | one thread s | two threads s | ratio |\n|---|---|---|---|---|")
    for dims, n in (((0,), 5000), ((0, 1), 1000), ((0, 1), 2000)):
        cloud, times = act(n, 11), []
        for count in (1, 2):
            with threadpool_limits(count):
                times.append(wall(lambda c=cloud, d=dims: rips(c, homology_dimensions=d), 3))
        label = "H0" if dims == (0,) else "H0, H1"
        ratio = times[0] / times[1]
        print(f"| {label} | {n} | {times[0]:.3f} | {times[1]:.3f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
