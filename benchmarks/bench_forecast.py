"""The forecast of an analysis against what its worker took: peak memory, and time by the clock.

Run: python -m benchmarks.bench_forecast [memory|time] [FIRST:LAST]   (cells of the grid)

Every cell is a process of its own that stores activations, asks for the forecast and runs the
analysis, while the largest resident memory of its worker is read from /proc. Rows are kept in
benchmarks/forecast.jsonl, and the tables in docs/forecast.md are written from all of them; cells
that are not there were not run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

KEPT = Path(__file__).with_name("forecast.jsonl")
DOC = Path(__file__).parents[1] / "docs" / "forecast.md"
BEGIN, END = "<!-- forecast: {} -->", "<!-- end -->"

# kind, points, width, degrees, complex, nulls, replicates, layers, workers
MEMORY = [
    ("memory", n, d, degrees, kind, null, 1, 1, 1)
    for n, d in ((200, 64), (1000, 16), (1000, 1024), (3000, 64), (3000, 512), (6000, 32))
    for degrees in ((0,), (0, 1))
    for kind, null in (("rips", "none"), ("rips", "gaussian,copula"), ("geodesic", "none"))
] + [
    ("memory", 400, 64, (0, 1, 2), "rips", "none", 1, 1, 1),
    ("memory", 1200, 64, (0, 1, 2), "rips", "none", 1, 1, 1),
    ("memory", 3000, 64, (0, 1), "local", "none", 1, 1, 1),
    ("memory", 500, 4096, (0, 1), "rips", "gaussian,copula", 1, 1, 1),
    ("memory", 500, 512, (0, 1), "rips", "gaussian,copula", 8, 4, 1),
    ("memory", 10000, 16, (0,), "rips", "none", 1, 1, 1),
]
TIME = [
    ("time", 40, 16, (0, 1), "rips", "none", 2, 1500, 2),
    ("time", 500, 256, (0, 1), "rips", "gaussian,copula", 8, 12, 2),
    ("time", 2000, 64, (0, 1), "rips", "none", 8, 2, 2),
    ("time", 5000, 32, (0,), "rips", "none", 4, 3, 2),
    ("time", 1000, 64, (0, 1), "geodesic", "gaussian", 8, 3, 2),
    ("time", 500, 16, (0, 1, 2), "rips", "none", 8, 2, 2),
]
Cell = tuple[str, int, int, tuple[int, ...], str, str, int, int, int]


def activations(n: int, d: int, layers: int) -> dict[str, np.ndarray]:
    """Clusters behind a ReLU, other ones in each layer."""
    out = {}
    for i in range(layers):
        rng = np.random.default_rng(i)
        centers = 2 * rng.normal(size=(8, d))
        X = centers[rng.integers(8, size=n)] + rng.normal(size=(n, d))
        out[f"layer{i}"] = np.maximum(X, 0).astype(np.float32)
    return out


def measure(cell: Cell) -> dict[str, object]:
    """One row: what was predicted, and what was taken."""
    import toposcope as ts
    from toposcope.analysis.design import Design
    from toposcope.analysis.forecast import forecast
    from toposcope.analysis.plan import plan_analysis
    from toposcope.analysis.run import run_plan

    kind, n, d, degrees, name, null, replicates, layers, workers = cell
    filtration = {"rips": ts.Rips(), "geodesic": ts.Geodesic(), "local": ts.Local()}[name]
    with tempfile.TemporaryDirectory() as place:
        run = Path(place, "run")
        ts.store.save_arrays(ts.from_arrays(activations(n * replicates, d, layers)), run)
        design = Design(
            filtration=filtration,
            points=n,
            replicates=replicates,
            homology_dimensions=degrees,
            null=null,
        )
        plan = plan_analysis(run, design)
        plan.work.warm_up()
        sizes = forecast(plan, workers, budget=0)
        probed = forecast(plan, workers)
        with Watch() as watch:
            begun = time.perf_counter()
            run_plan(plan, jobs=workers)
            spent = time.perf_counter() - begun
    return {
        "kind": kind,
        "cell": [n, d, list(degrees), name, null, replicates, layers, workers],
        "memory": [sizes.worker_bytes, probed.worker_bytes, watch.peak],
        "seconds": [sizes.seconds, probed.seconds, spent],
        "probe_seconds": probed.probed,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


class Watch:
    """Largest resident memory of the children of this process while it is open."""

    def __enter__(self) -> Watch:
        """Begin."""
        self.peak, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        own = str(os.getpid())
        while not self._over.wait(0.02):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    status = (folder / "status").read_text()
                    if status.split("PPid:")[1].split()[0] == own and "VmHWM:" in status:
                        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
                        self.peak = max(self.peak, peak)
                except OSError:  # it has ended
                    continue


def rows() -> list[dict[str, object]]:
    """The newest row of every cell, in the order of the grid."""
    found = {}
    if KEPT.exists():
        for line in KEPT.read_text().splitlines():
            row = json.loads(line)
            found[row["kind"], json.dumps(row["cell"])] = row
    order = [(cell[0], json.dumps([cell[1], cell[2], list(cell[3]), *cell[4:]])) for cell in GRID]
    return [found[key] for key in order if key in found]


def tables() -> dict[str, str]:
    """The tables of docs/forecast.md by their names."""
    memory = [
        "| points | width | degrees | complex | nulls | replicates x layers | MB from sizes | MB "
        "after probe | MB taken | ratios |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    times = [
        "| points | width | degrees | complex | nulls | replicates x layers | s from sizes | s "
        "after probe | s taken | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows():
        n, d, degrees, name, null, replicates, layers, _ = row["cell"]  # type: ignore[misc]
        start = f"| {n} | {d} | {','.join(map(str, degrees))} | {name} | {null} | {replicates} x "
        start += f"{layers} |"
        if row["kind"] == "memory":
            a, b, c = row["memory"]  # type: ignore[misc]
            memory.append(
                f"{start} {a / 1e6:.0f} | {b / 1e6:.0f} | {c / 1e6:.0f} | {a / c:.2f}, "
                f"{b / c:.2f} |"
            )
        else:
            a, b, c = row["seconds"]  # type: ignore[misc]
            times.append(f"{start} {a:.0f} | {b:.0f} | {c:.0f} | {b / c:.2f} |")
    return {"memory": "\n".join(memory), "time": "\n".join(times)}


GRID = MEMORY + TIME


def main(kinds: list[str], part: slice) -> None:
    """Measure some cells, then write the tables."""
    for cell in [cell for cell in GRID if cell[0] in kinds][part]:
        words = [sys.executable, "-m", "benchmarks.bench_forecast", "--cell", json.dumps(cell)]
        out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        with KEPT.open("a") as stream:
            stream.write(out)
        print(out, end="", flush=True)
    text = DOC.read_text()
    for name, table in tables().items():
        begin = BEGIN.format(name)
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table}\n{END}{rest.split(END, 1)[1]}"
    DOC.write_text(text)


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["--cell"]:
        kind, n, d, degrees, *rest = json.loads(words[1])
        print(json.dumps(measure((kind, n, d, tuple(degrees), *rest))))
    else:
        span = next((word for word in words if ":" in word), ":").split(":")
        bounds = [int(end) if end else None for end in span]
        main([word for word in words if ":" not in word] or ["memory", "time"], slice(*bounds))
