"""A capture of 1,000,000 samples that nobody ever holds: written, analyzed, covered, reported.

    python -m benchmarks.bench_million [--samples 1000000] [--jobs 2] [--folder DIR]

Three layers of 64 numbers (float32, 768 MB): a circle, a torus and a cloud without shape, each with
noise in 64 dimensions. Peaks are those of the kernel (`ru_maxrss`): the driver's own, and the
largest of its workers. Pages of mapped shards count in them.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WIDTH, BATCH = 64, 10_000


def batches(n: int):
    """Layers of a synthetic network, batch by batch."""
    import numpy as np

    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(WIDTH, WIDTH)))[0]
    for number, start in enumerate(range(0, n, BATCH)):
        rng = np.random.default_rng([0, number])
        m = min(BATCH, n - start)
        t, u = rng.uniform(0, 2 * np.pi, (2, m))
        circle = np.column_stack([np.cos(t), np.sin(t)])
        torus = np.column_stack([circle, np.cos(u), np.sin(u)])
        yield {
            name: (shape @ axes[: shape.shape[1]] + 0.02 * rng.normal(size=(m, WIDTH))).astype("f4")
            for name, shape in (
                ("circle", circle),
                ("torus", torus),
                ("cloud", rng.normal(size=(m, WIDTH))),
            )
        }


def step(name: str, run: str, n: int, jobs: int) -> None:
    """One step in a process of its own."""
    import toposcope as ts

    if name == "write":
        ts.store.save_batches(run, batches(n), n=n, name="synthetic")
    elif name == "analyze":
        ts.analyze(run, points=500, replicates=8, jobs=jobs)
    elif name in ("farthest", "random"):
        found = ts.landmarks(run, points=300, rule=name)
        print(ts.describe(found))
    else:
        ts.report(run, to=Path(run).parent / "report.html")


def measured(name: str, run: Path, n: int, jobs: int) -> dict:
    """Run a step; its seconds and the peaks of its process and of its workers."""
    code = (
        "import resource, json, sys\n"
        "from benchmarks.bench_million import step\n"
        "if __name__ == '__main__':\n"
        f"    step({name!r}, {str(run)!r}, {n}, {jobs})\n"
        "    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in\n"
        "             (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]\n"
        "    print(json.dumps(peaks))\n"
    )
    script = run.parent / "step.py"
    script.write_text(code)
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *said, peaks = done.stdout.strip().splitlines()
    own, workers = json.loads(peaks)
    return {
        "step": name,
        "seconds": time.perf_counter() - began,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "driver MiB": own,
        "largest worker MiB": workers,
        "said": said,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--steps", default="write,analyze,farthest,random,report")
    parser.add_argument("--folder", type=Path, help="Kept; default: a temporary one.")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="million-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        print("| step | wall s | CPU s | driver MiB | largest worker MiB |\n|---|---|---|---|---|")
        for name in given.steps.split(","):
            one = measured(name, folder / "run", given.samples, given.jobs)
            print(
                f"| {name} | {one['seconds']:.0f} | {one['cpu']:.0f} | {one['driver MiB']:.0f} | "
                f"{one['largest worker MiB']:.0f} |",
                flush=True,
            )
            for line in one["said"]:
                print(f"    {line}")
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
