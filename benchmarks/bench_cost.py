"""estimate_cost against measured CPU seconds and memory, from points.

Run: python -m benchmarks.bench_cost
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

SIZES = (500, 1000, 2000, 4000)
KINDS = ("act", "gauss", "torus", "sphere", "layer1.2", "layer3.2")


def measure(kind: str, n: int, dims: tuple[int, ...]) -> None:
    """CPU seconds, growth of the peak memory and dimension of one task, as JSON."""
    from benchmarks.clouds import KINDS as MAKE
    from toposcope.homology import rips, warm_up

    warm_up()
    cloud = MAKE[kind](n, 5)
    before = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    started = time.process_time()
    rips(cloud, homology_dimensions=dims)
    seconds = time.process_time() - started
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps([seconds, peak - before, cloud.shape[1]]))


def main() -> None:
    """Print the table."""
    from toposcope.homology import estimate_cost

    print("| degrees | kind | n | d | CPU s | predicted | ratio | MB | predicted | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for dims in ((0,), (0, 1)):
        for n in SIZES:
            for kind in KINDS:
                words = [
                    sys.executable,
                    "-m",
                    "benchmarks.bench_cost",
                    kind,
                    str(n),
                    *map(str, dims),
                ]
                out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
                seconds, size, d = json.loads(out)
                s, b = estimate_cost(n, d, dims)
                print(
                    f"| {dims} | {kind} | {n} | {d} | {seconds:.4f} | {s:.4f} | {s / seconds:.2f} "
                    f"| {size / 1e6:.1f} | {b / 1e6:.1f} | {b / size:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], int(sys.argv[2]), tuple(map(int, sys.argv[3:])))
    else:
        main()
