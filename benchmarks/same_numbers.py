"""Does this code give the numbers that an older version stored? Every task of a RUN, measured anew.

    python -m benchmarks.same_numbers RUN... [--every K]

Random null clouds come from a stream. Versions up to 0.1.0.dev (October 2026) took it from the key
of a task, which is the name of its part; the task is measured anew with that stream, and its part
must then be equal byte for byte. Later versions store streams that no longer move with the code,
and their parts are compared as they are.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import pyarrow.parquet as pq

from toposcope.analysis.design import Design
from toposcope.analysis.jobs import Inputs
from toposcope.analysis.plan import plan_analysis


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--every", default=1, help="Look at every K-th task.")
def main(runs: tuple[Path, ...], every: int) -> None:
    """Print a line per stored analysis: how many tasks give the same bytes."""
    print(
        "| RUN | filtration | points are | null | tasks | equal as stored | equal by old stream |"
    )
    print("|---|---|---|---|---|---|---|")
    different = 0
    for run in runs:
        for spec_file in sorted(run.glob("results/*/spec.json")):
            different += compare(run, spec_file.parent, every)
    raise SystemExit(1 if different else 0)


def compare(run: Path, folder: Path, every: int) -> int:
    """Measure the tasks of one analysis anew; returns how many differ either way."""
    spec = json.loads((folder / "spec.json").read_text())
    design = Design.from_spec(spec)
    parts = {}
    for part in (folder / "parts").glob("*.parquet"):
        place = pq.read_table(part, columns=["layer", "label", "replicate"]).slice(0, 1)
        parts[tuple(place.to_pylist()[0].values())] = part
    plan = plan_analysis(run, design)
    jobs = [task.job for task in plan.tasks][::every]
    stored = by_stream = 0
    for job in jobs:
        part = parts[job.layer, job.label, job.first_replicate]
        expected = part.read_bytes()
        if job.measure(Inputs(plan.run)) == expected:
            stored += 1
        elif replace(job, stream=part.stem).measure(Inputs(plan.run)) == expected:
            by_stream += 1
    shown = [run.name, repr(plan.design.filtration), plan.design.points_are, plan.design.null]
    print(f"| {' | '.join(map(str, shown))} | {len(jobs)} | {stored} | {by_stream} |", flush=True)
    return len(jobs) - stored - by_stream


if __name__ == "__main__":
    main()
