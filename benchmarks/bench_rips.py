"""Rips persistence against every peer, from a float32 distance matrix and from points.

Run: python -m benchmarks.bench_rips --maxdim 1 --sizes 250 500 1000 2000 4000 --json out.json
giotto-ph (AGPL) takes part when --giotto names a Python that has it. Seeds 11 and up were not
used while the engine was tuned. Every run is a process of its own, one thread, CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.clouds import KINDS
from toposcope.homology import distances

FROM_MATRIX = (
    "toposcope_matrix",
    "ripser_matrix",
    "gudhi_dense",
    "gudhi_radius",
    "gudhi_sklearn_matrix",
    "gudhi_collapse",
    "giotto_matrix",
)
FROM_POINTS = ("toposcope_points", "ripser_points", "gudhi_sklearn_points", "giotto_points")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def measure(
    engine: str, path: Path, maxdim: int, repeats: int, python: str, timeout: float
) -> dict[str, float] | None:
    """Result of one engine in a process of its own; None when it takes too long or fails."""
    words = [python, "-m", "benchmarks.engines", engine, str(path), str(maxdim), str(repeats)]
    environment = {**os.environ, **ONE_THREAD}
    try:
        out = subprocess.run(
            words, capture_output=True, text=True, timeout=timeout, env=environment, check=True
        )
    except subprocess.TimeoutExpired:
        return None
    except subprocess.CalledProcessError as error:
        print(engine, error.stderr[-300:], file=sys.stderr)
        return None
    result: dict[str, float] = json.loads(out.stdout.splitlines()[-1])
    return result


def table(rows: list[dict], engines: list[str]) -> str:
    """Markdown: CPU ms / MB of each engine, ratio of the best peer, of ripser's memory."""
    ours, peers = engines[0], engines[1:]
    names = " | ".join(e.removesuffix("_matrix").removesuffix("_points") for e in engines)
    lines = [
        f"| cloud | n | {names} | best peer / toposcope | memory, ripser / toposcope |",
        "|" + "---|" * (len(engines) + 4),
    ]
    for row in rows:
        found = row["engines"]
        cells = [
            f"{1e3 * r['cpu']:.4g} / {r['bytes'] / 1e6:.0f}" if (r := found.get(e)) else "-"
            for e in engines
        ]
        best = min((found[e]["cpu"] for e in peers if found.get(e)), default=float("nan"))
        ratio = best / found[ours]["cpu"]
        ripser = found.get("ripser" + ours.removeprefix("toposcope"))
        memory = f"{ripser['bytes'] / max(found[ours]['bytes'], 1):.1f}" if ripser else "-"
        lines.append(
            f"| {row['kind']} | {row['n']} | {' | '.join(cells)} | **{ratio:.1f}** | {memory} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[250, 500, 1000])
    parser.add_argument("--maxdim", type=int, default=1)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--input", choices=("matrix", "points"), default="matrix")
    parser.add_argument("--engines", nargs="+")
    parser.add_argument("--giotto", help="Python with giotto-ph")
    parser.add_argument("--timeout", type=float, default=120.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    engines = args.engines or list(FROM_MATRIX if args.input == "matrix" else FROM_POINTS)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in args.sizes:
            for kind in args.kinds:
                cloud = KINDS[kind](n, args.seed)
                data = distances(cloud) if args.input == "matrix" else cloud
                path = Path(folder) / "data.npy"
                np.save(path, np.ascontiguousarray(data, dtype=np.float32))
                found = {}
                for engine in engines:
                    python = args.giotto if engine.startswith("giotto") else sys.executable
                    # The collapse is slow in H1; nobody would use it on many points.
                    hopeless = args.maxdim == 1 and engine == "gudhi_collapse" and n > 500
                    if not python or hopeless:
                        continue
                    repeats = 5 if n <= 1000 and args.maxdim == 1 else 2
                    found[engine] = measure(
                        engine, path, args.maxdim, repeats, python, args.timeout
                    )
                rows.append({"kind": kind, "n": n, "engines": found})
                sums = [r["persistence"] for r in found.values() if r]
                assert max(sums) - min(sums) <= 1e-3 * max(sums) + 1e-6, (kind, n, found)
                print(table(rows[-1:], engines).splitlines()[-1], flush=True)
                if args.json:
                    args.json.write_text(json.dumps(rows))
    print()
    print(table(rows, engines))


if __name__ == "__main__":
    main()
