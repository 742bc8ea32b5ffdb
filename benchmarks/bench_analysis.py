"""The analysis of one network against the script a researcher writes today, same numbers.

Peers: ripser.py for diagrams, GUDHI's representations for Betti curves and landscapes, persim for
entropies, scikit-learn and NumPy for dimensions. Homology and every summary are timed part by part
in CPU seconds; the whole in wall seconds. The peer script runs as people write it (one process),
and once more over 2 processes. Both sides' numbers are compared, not only their times.

    python -m benchmarks.bench_analysis RUN [--layers 27] [--points 500] [--replicates 8]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np

from benchmarks.peers import PARTS, measure_with_peers
from toposcope.pointclouds.cloudset import clouds
from toposcope.pointclouds.draws import scale_rows
from toposcope.pointclouds.nulls import gaussian_null
from toposcope.store.runs import open_run

LEVELS, RESOLUTION = 5, 100


def cut(run: Path, points: int, replicates: int):
    """Every cloud and its Gaussian null, so that both sides measure the same points."""
    acts = open_run(run)
    cloud_set = clouds(acts, points=points, replicates=replicates)
    for layer in acts.layers:
        ruler = cloud_set.normalizer(layer)
        gaussian = gaussian_null(ruler(acts.rows(layer, scale_rows(acts.n, seed=0))))
        for draw in cloud_set.draws:
            yield layer, draw.replicate, "data", cloud_set.cloud(layer, draw)
            yield layer, draw.replicate, "gaussian", gaussian.sample(points, seed=draw.replicate)


def peer_script(run: Path, points: int, replicates: int, share: int, shares: int) -> None:
    """The peer script as a process of its own; prints its times and numbers."""
    cpu: dict[str, float] = defaultdict(float)
    numbers = {}
    started = time.perf_counter()
    for i, (layer, replicate, kind, cloud) in enumerate(cut(run, points, replicates)):
        if i % shares == share:
            numbers[f"{layer}/{replicate}/{kind}"] = measure_with_peers(cloud, cpu)
    out = {
        "cpu": cpu,
        "wall": time.perf_counter() - started,
        "total_cpu": time.process_time(),
        "numbers": numbers,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(out))


def run_peers(run: Path, points: int, replicates: int, processes: int) -> tuple[float, list[dict]]:
    """Wall seconds and outputs of the peer script over some processes."""
    words = [sys.executable, "-m", "benchmarks.bench_analysis", str(run), "--peer"]
    words += ["--points", str(points), "--replicates", str(replicates)]
    started = time.perf_counter()
    running = [
        subprocess.Popen([*words, "--share", f"{i}/{processes}"], stdout=subprocess.PIPE)
        for i in range(processes)
    ]
    outputs = [json.loads(process.communicate()[0]) for process in running]
    return time.perf_counter() - started, outputs


def run_toposcope(run: Path, points: int, replicates: int, jobs: int) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak summed memory of `toposcope analyze`, cold process."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        subprocess.run(["cp", "-r", str(run), str(copy)], check=True)
        subprocess.run(["rm", "-rf", str(copy / "results")], check=True)
        words = [sys.executable, "-m", "toposcope.cli", "analyze", str(copy), "--jobs", str(jobs)]
        words += ["--points", str(points), "--replicates", str(replicates)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            time.sleep(0.1)
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert process.returncode == 0, "analyze failed"
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return wall, cpu, peak


def tree_memory(root: int) -> float:
    """Proportional set size, in bytes, of a process and its descendants."""
    total, stack = 0.0, [root]
    while stack:
        pid = stack.pop()
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            for task in Path(f"/proc/{pid}/task").iterdir():
                stack += [int(c) for c in (task / "children").read_text().split()]
        except OSError:  # it ended between two looks
            continue
        total += sum(int(x.split()[1]) for x in rollup.splitlines() if x.startswith("Pss:"))
    return total * 1024


def our_parts(run: Path, points: int, replicates: int) -> tuple[dict[str, float], dict]:
    """CPU seconds of our own kernels part by part, one process, kernels compiled."""
    from toposcope import dimension, homology
    from toposcope.diagrams import summaries

    homology.warm_up()
    cpu: dict[str, float] = defaultdict(float)
    numbers = {}
    grid = np.linspace(0, 2, RESOLUTION)
    for layer, replicate, kind, cloud in cut(run, points, replicates):
        clock = time.process_time()

        def lap(part: str) -> None:
            nonlocal clock
            now = time.process_time()
            cpu[part] += now - clock
            clock = now

        distances = homology.distances(cloud)
        diagrams = homology.rips(distances, metric="precomputed")
        lap("homology")
        finite = [summaries.finite(pairs) for pairs in diagrams]
        scalars = [summaries.diagram_statistics(pairs) for pairs in finite]
        lap("scalars")
        for pairs in finite:
            summaries.betti_curve(pairs, grid)
        lap("betti curves")
        for pairs in finite:
            summaries.landscape(pairs, LEVELS, grid)
        lap("landscapes")
        ph, _ = dimension.ph_dimension_from_distances(distances, seed=0)
        lap("ph_dimension")
        nn = dimension.two_nn(cloud).value
        lap("two_nn")
        rank = dimension.effective_rank(cloud)
        lap("effective rank")
        numbers[f"{layer}/{replicate}/{kind}"] = {
            **{
                f"{k}{d}": s[k]
                for d, s in enumerate(scalars)
                for k in (
                    "lifespan_sum",
                    "max_persistence",
                    "persistence_entropy",
                    "landscape_norm",
                    "n_pairs",
                )
            },
            "ph_dimension": ph,
            "two_nn": nn,
            "effective_rank": rank,
        }
    return cpu, numbers


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=8)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--share", default="0/1")
    args = parser.parse_args()
    if args.peer:
        share, shares = map(int, args.share.split("/"))
        peer_script(args.run, args.points, args.replicates, share, shares)
        return
    ours, numbers = our_parts(args.run, args.points, args.replicates)
    wall1, outputs1 = run_peers(args.run, args.points, args.replicates, 1)
    theirs = outputs1[0]["cpu"]
    worst = compare(numbers, outputs1[0]["numbers"])
    walls = [run_toposcope(args.run, args.points, args.replicates, 2) for _ in range(3)]
    wall, cpu, peak = sorted(walls)[1]
    wall2, outputs2 = run_peers(args.run, args.points, args.replicates, 2)
    count = len(numbers)
    print(f"{count} clouds of {args.points} points (data and Gaussian nulls)\n")
    print("| part | toposcope CPU s | peers CPU s | ratio |\n|---|---|---|---|")
    for part in PARTS:
        print(
            f"| {part} | {ours[part]:.2f} | {theirs[part]:.2f} | {theirs[part] / ours[part]:.1f} |"
        )
    a, b = sum(ours.values()), sum(theirs.values())
    print(f"| all parts | {a:.2f} | {b:.2f} | {b / a:.1f} |\n")
    print("| whole | wall s | CPU s | memory MB |\n|---|---|---|---|")
    ours_name = "toposcope analyze --jobs 2 (cold process, median of 3)"
    print(f"| {ours_name} | {wall:.1f} | {cpu:.1f} | {peak / 1e6:.0f} |")
    rss = outputs1[0]["rss"] / 1e6
    print(f"| peer script, 1 process | {wall1:.1f} | {outputs1[0]['total_cpu']:.1f} | {rss:.0f} |")
    cpu2, rss2 = (sum(o[k] for o in outputs2) for k in ("total_cpu", "rss"))
    print(f"| peer script, 2 processes | {wall2:.1f} | {cpu2:.1f} | {rss2 / 1e6:.0f} |\n")
    print(f"wall ratio {wall1 / wall:.1f} (1 process), {wall2 / wall:.1f} (2 processes)")
    print(
        "largest relative difference of any number: "
        + ", ".join(f"{k} {v:.1e}" for k, v in worst.items())
    )


def compare(ours: dict, theirs: dict) -> dict[str, float]:
    """Largest relative difference by statistic."""
    worst: dict[str, float] = defaultdict(float)
    for key, numbers in ours.items():
        for name, value in numbers.items():
            other = theirs[key][name]
            worst[name] = max(worst[name], abs(value - other) / max(abs(other), 1e-12))
    return dict(worst)


if __name__ == "__main__":
    main()
