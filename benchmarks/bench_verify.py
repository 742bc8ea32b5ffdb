"""How fast `verify` reads a RUN, with one thread and with several, and what memory it takes.

    python -m benchmarks.bench_verify [--gib 2] [--rounds 3] [--folder DIR]

The RUN lies in the cache of the system, so that the disk is not what is measured. Rounds of one and
of several threads alternate; CPU seconds tell what other programs on the machine do not change.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import toposcope as ts
from toposcope.execution.forecasts import peak_memory
from toposcope.store import verify as verifying


def main(gib: float, rounds: int, folder: Path | None) -> None:
    """Measure, and print a Markdown table."""
    many = verifying.threads()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        rows = int(gib * 2**30 / 4 / (4 * 1024))
        values = np.random.default_rng(0).random((rows, 1024), dtype=np.float32)
        run = ts.store.save_arrays(
            ts.from_arrays({f"layer{i}": values for i in range(4)}), Path(place) / "run"
        )
        del values
        before = peak_memory()
        size = sum(file.stat().st_size for file in run.rglob("*") if file.is_file())
        first = verifying.verify(run)  # and into the cache
        found: dict[int, list[tuple[float, float]]] = {1: [], many: []}
        for _ in range(rounds):
            for count, times in found.items():
                verifying.threads = lambda count=count: count  # type: ignore[misc]
                begun, cpu = time.perf_counter(), time.process_time()
                said = verifying.verify(run)
                times.append((time.perf_counter() - begun, time.process_time() - cpu))
                assert said.digest == first.digest and not said.problems
    lines = ["| threads | GB/s by the clock, best | CPU s a GB | bytes |", "|---|---|---|---|"]
    for count, times in found.items():
        wall, cpu = min(one for one, _ in times), min(one for _, one in times)
        lines.append(f"| {count} | {size / wall / 1e9:.2f} | {cpu / size * 1e9:.3f} | {size:,} |")
    grown = (peak_memory() - before) / 1e6
    lines.append(
        f"\nthe peak grew by {grown:.0f} MB of mapped pages, load {os.getloadavg()[0]:.1f}"
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None)
    words = parser.parse_args()
    main(words.gib, words.rounds, words.folder)
