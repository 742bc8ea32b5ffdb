"""How fast whole feature volumes reach the disk, and random rows come back.

    python benchmarks/bench_store.py [--rounds 7] [--gib 1] [--folder DIR]

Sequential writing (one file, 64 MiB at a time, one fsync at the end) and our capture of the same
number of bytes alternate on the same disk; the network of the capture does nothing, so that storing
is all it does. Random rows: 2,000 of 100,000 rows of 64 float32 from a RUN folder, hashes verified
on the first touch and not again, pages in the system's cache. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_capture import interval

BLOCK = 64 << 20
ROWS, PICKED = 100_000, 2_000


def sequential(folder: Path, total: int) -> float:
    """Bytes per second of one large file."""
    block = os.urandom(BLOCK)
    began = time.perf_counter()
    with (folder / "sequential").open("wb") as stream:
        for _ in range(total // BLOCK):
            stream.write(block)
        stream.flush()
        os.fsync(stream.fileno())
    return total / (time.perf_counter() - began)


def captured(folder: Path, x: np.ndarray) -> tuple[float, float]:
    """Bytes per second of a capture of two layers, and its processor seconds."""
    import torch
    from torch import nn

    from toposcope.activations.capture import capture

    class Pass(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    net = nn.Sequential(Pass(), Pass())
    began, cpu = time.perf_counter(), time.process_time()
    capture(net, x, layers="*", pool="volume", channels="first", batch_size=16, store=folder / "r")
    return 2 * x.nbytes / (time.perf_counter() - began), time.process_time() - cpu


def random_rows(folder: Path, rounds: int) -> tuple[float, list[float]]:
    """Seconds of the first read of random rows, and of later ones."""
    from toposcope.store.arrays import from_arrays, save_arrays
    from toposcope.store.runs import Run

    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, 64)).astype(np.float32)
    path = save_arrays(from_arrays({"layer": values}), folder / "rows")
    run = Run.open(path)
    seconds = []
    for _ in range(rounds + 1):
        rows = rng.choice(ROWS, PICKED, replace=False)
        began = time.perf_counter()
        got = run.read("layer", rows)
        seconds.append(time.perf_counter() - began)
        assert np.array_equal(got, values[rows])
    return seconds[0], seconds[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: /tmp")
    options = parser.parse_args()
    total = int(options.gib * 2**30) // BLOCK * BLOCK
    shape = (32, 64, 64)
    x = np.random.default_rng(0).normal(size=(total // 2 // (4 * 32 * 64 * 64), *shape))
    x = x.astype(np.float32)
    rates, speeds, seconds = [], [], []
    for number in range(options.rounds + 1):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            if number % 2:
                speed = sequential(Path(folder), 2 * x.nbytes)
                rate, cpu = captured(Path(folder), x)
            else:
                rate, cpu = captured(Path(folder), x)
                speed = sequential(Path(folder), 2 * x.nbytes)
        if number:  # the first round warms up
            rates.append(rate / speed)
            speeds.append(speed)
            seconds.append(cpu)
    low, high = interval(np.array(rates))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        first, later = random_rows(Path(folder), 9)
    print("| storing and reading | value |\n|---|---|")
    print(f"| bytes per round, rounds | {2 * x.nbytes / 2**30:.2f} GiB, {len(rates)} |")
    print(f"| sequential write, median | {np.median(speeds) / 2**20:.0f} MiB/s |")
    told = f"{np.median(rates):.2f} [{low:.2f}, {high:.2f}]"
    print(f"| capture of volumes / sequential write, median [95 %] | {told} |")
    print(f"| processor seconds of the capture, median | {np.median(seconds):.2f} |")
    print(f"| {PICKED:,} random rows of {ROWS:,}, first touch | {first:.4f} s |")
    print(f"| the same, later, median | {np.median(later):.4f} s |")


if __name__ == "__main__":
    main()
