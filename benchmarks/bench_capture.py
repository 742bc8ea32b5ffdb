"""What capture costs over the bare forward pass, and whether its memory stays flat.

    python benchmarks/bench_capture.py [--pairs 15] [--samples 4000]

ResNet-56 on 32 x 32 images, batch 128, all 27 blocks pooled by gap, written to a RUN folder. Pairs
of (bare, capture) alternate in order; the bare pass reads and preprocesses the same batches. The
memory rows are peak resident sizes of separate processes that hold the same 20,000 images.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BATCH = 128
HELD = 20_000
QUIET_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 33)}
"""glibc otherwise hands every large activation back to the kernel and faults it in again: a quarter
of the processor time, by turns in one loop or the other, which drowns what is measured here."""


def images(n: int) -> np.ndarray:
    """(n, 32, 32, 3) uint8 noise, tiled from 1000 images."""
    tile = np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3), dtype=np.uint8)
    return np.tile(tile, (-(-n // 1000), 1, 1, 1))[:n]


def load():
    from toposcope.activations.models import load_model

    sys.path.insert(0, str(ROOT))
    return load_model("py:examples.cifar_resnet:resnet56")


def bare(loaded, x: np.ndarray) -> tuple[float, float]:
    """Wall and processor seconds of the plain loop: slice, preprocess, forward."""
    import torch

    loaded.model.eval()
    began, cpu = time.perf_counter(), time.process_time()
    with torch.no_grad():
        for start in range(0, len(x), BATCH):
            loaded.model(loaded.preprocess(x[start : start + BATCH]))
    return time.perf_counter() - began, time.process_time() - cpu


def captured(loaded, source) -> tuple[float, float, float]:
    """Wall and processor seconds of a whole capture, and its share in hooks and store."""
    from toposcope.activations.run import capture

    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        where = Path(folder) / "run"
        acts = capture(loaded, source, pool="gap", batch_size=BATCH, store=where)
        spent = time.perf_counter() - began, time.process_time() - cpu
        assert len(acts) == 27
        return *spent, acts.attrs["overhead"]["share"]


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the median by order statistics."""
    from scipy.stats import binom

    ranked = np.sort(values)
    k = int(binom.ppf(0.025, len(ranked), 0.5))
    return float(ranked[max(k - 1, 0)]), float(ranked[min(len(ranked) - k, len(ranked) - 1)])


def peak(n: int) -> float:
    """Peak resident MiB of a process that captures n of the images it holds."""
    command = [sys.executable, __file__, "--peak", str(n)]
    plain = {key: value for key, value in os.environ.items() if key not in QUIET_MALLOC}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain)
    return float(done.stdout)


def run_peak(n: int) -> None:
    from toposcope.activations.data import load_data

    source = load_data(images(HELD))
    loaded = load()
    with tempfile.TemporaryDirectory() as folder:
        from toposcope.activations.run import capture

        if n:
            capture(loaded, source, pool="gap", n=n, batch_size=BATCH, store=Path(folder) / "run")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--peak", type=int)
    options = parser.parse_args()
    if options.peak is not None:
        run_peak(options.peak)
        return
    if not QUIET_MALLOC.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **QUIET_MALLOC})
    import torch

    from toposcope.activations.data import load_data

    x = images(options.samples)
    loaded, source = load(), load_data(x)
    bare(loaded, x[: 2 * BATCH]), captured(loaded, source)
    ratios, shares, plain = [], [], []
    processor: list[float] = []
    for pair in range(options.pairs):
        if pair % 2:
            seconds, cpu, share = captured(loaded, source)
            base, base_cpu = bare(loaded, x)
        else:
            base, base_cpu = bare(loaded, x)
            seconds, cpu, share = captured(loaded, source)
        ratios.append(seconds / base)
        processor.append(cpu / base_cpu)
        shares.append(share)
        plain.append(base)
    low, high = interval(np.array(ratios))
    low_cpu, high_cpu = interval(np.array(processor))
    print("| capture of ResNet-56, 27 blocks, gap, batch 128 | value |\n|---|---|")
    threads = torch.get_num_threads()
    print(f"| samples per pass, pairs, threads | {len(x)}, {len(ratios)}, {threads} |")
    print(f"| bare forward pass, median s | {np.median(plain):.2f} |")
    print(f"| capture / bare, median [95 %] | {np.median(ratios):.3f} [{low:.3f}, {high:.3f}] |")
    cpu_text = f"{np.median(processor):.3f} [{low_cpu:.3f}, {high_cpu:.3f}]"
    print(f"| the same in processor time | {cpu_text} |")
    print(f"| share of time in hooks and store, median | {np.median(shares):.3f} |")
    for n in (0, 1000, HELD):
        print(f"| peak resident MiB at n = {n:,} | {peak(n):.0f} |")


if __name__ == "__main__":
    main()
