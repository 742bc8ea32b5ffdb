"""What it takes to open a finished analysis of very many tasks, and to finish one.

Run: python -m benchmarks.bench_open [--layers 1500] [--replicates 20] [--folder DIR]

A store of layers x replicates tasks is made of one measured part, its numbers moved a little, and
without waiting for the disk. Then each step is a process of its own: `finish` finds every task done
and makes the tables and the seal, `again` is the same call once more, `open` loads the analysis and
asks for its layers and intervals, `all` for its table and diagrams as well. CPU seconds, wall
seconds and the largest resident memory, imports included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

POINTS = 20


def make(folder: Path, layers: int, replicates: int) -> None:
    """A RUN whose tasks are all done, and nothing made of them yet."""
    import pyarrow as pa

    import toposcope as ts
    from toposcope.analysis.jobs import Inputs, measure_job
    from toposcope.store.ledger import part_name
    from toposcope.store.objects import content_hash
    from toposcope.store.tables import parquet_bytes, table_of

    os.fsync = lambda _: None  # 60,000 files: only what is read is measured
    rng = np.random.default_rng(0)
    X = rng.normal(size=(POINTS * replicates, 2)).astype(np.float32)
    ts.store.save_arrays(ts.from_arrays({f"layer{i:04d}": X for i in range(layers)}), folder)
    plan = planned(folder, replicates)
    whole = table_of(measure_job(plan.tasks[0].job, Inputs(folder)))
    places = {name: whole.schema.get_field_index(name) for name in ("layer", "depth", "replicate")}
    at, values = whole.schema.get_field_index("value"), np.array(whole["value"].to_pylist(), float)
    for task in plan.tasks:
        part = whole
        for name, place in places.items():
            column = pa.array([getattr(task.job, name)] * len(whole), whole.schema.field(name).type)
            part = part.set_column(place, whole.schema.field(name), column)
        moved = values + 0.01 * rng.normal(size=len(values))
        part = part.set_column(at, whole.schema.field(at), pa.array(moved, from_pandas=True))
        data = parquet_bytes(part)
        name = part_name(task.key, plan.workbook.suffix)
        plan.workbook.objects.put(name, data)
        plan.workbook.ledger.tick(task.key, part=content_hash(data))


def planned(folder: Path, replicates: int):
    """The plan of the analysis."""
    from toposcope.analysis.design import Design
    from toposcope.analysis.plan import plan_analysis

    return plan_analysis(folder, Design(points=POINTS, replicates=replicates, null="gaussian"))


def finish(folder: Path, replicates: int) -> None:
    """Plan, find all done, make what is not there."""
    from toposcope.analysis.run import run_plan

    run_plan(planned(folder, replicates), jobs=0)


def opened(folder: Path, _: int):
    """Load, and what a report asks first."""
    import toposcope as ts

    analysis = ts.load_analysis(folder)
    print(f"{len(analysis.layers)} layers, {len(analysis.intervals)} intervals", file=sys.stderr)
    return analysis


def everything(folder: Path, replicates: int) -> None:
    """Load, and everything that is made when it is asked for."""
    analysis = opened(folder, replicates)
    print(f"{len(analysis.table)} numbers, {len(analysis.diagrams)} diagrams", file=sys.stderr)


STEPS = {"make": make, "finish": finish, "again": finish, "open": opened, "all": everything}


def main() -> None:
    """Make a store and measure the steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=1500)
    parser.add_argument("--replicates", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="a store that was made before, or where to")
    parser.add_argument("--step", choices=list(STEPS))
    options = parser.parse_args()
    if options.step:
        begun = time.perf_counter()
        if options.step == "make":
            make(options.folder, options.layers, options.replicates)
        else:
            STEPS[options.step](options.folder, options.replicates)
        peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
        spent = f"{time.process_time():.1f} | {time.perf_counter() - begun:.1f}"
        print(f"| {options.step} | {spent} | {int(peak) / 1e3:.0f} |")
        return
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or Path(place, "run")
        tasks = options.layers * options.replicates
        print(f"| {tasks:,} tasks | CPU s | wall s | MB |\n|---|---|---|---|", flush=True)
        for step in STEPS:
            if step == "make" and folder.exists():
                continue
            words = ["--step", step, "--folder", str(folder)]
            words += ["--layers", str(options.layers), "--replicates", str(options.replicates)]
            subprocess.run([sys.executable, "-m", "benchmarks.bench_open", *words], check=True)


if __name__ == "__main__":
    main()
