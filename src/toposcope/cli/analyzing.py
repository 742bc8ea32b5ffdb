"""`analyze`: from a RUN to its tables."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toposcope.cli.common import (
    command,
    exit_with_failures,
    exits,
    json_option,
    key_values,
    outline,
    show,
)

if TYPE_CHECKING:
    import pandas as pd

REASONS = 4
"""Reasons for missing numbers that are listed."""


def parse_dimensions(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """Homology dimensions from "0,1"."""
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        msg = f"{value!r} is not a list of degrees like 0,1"
        raise click.BadParameter(msg) from None


def parse_thresholds(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    """Thresholds from "0,0.25,1", or from "0:2:0.25" with the end left out."""
    if value is None:
        return None
    try:
        if ":" not in value:
            return tuple(float(part) for part in value.split(","))
        start, stop, step = (float(part) for part in value.split(":"))
        count = math.ceil((stop - start) / step - 1e-9)
        if count < 1:
            msg = f"{value!r} holds no threshold: a range goes up from its start, as 0:2:0.25"
            raise click.BadParameter(msg)
        return tuple(round(start + i * step, 12) for i in range(count))
    except (ValueError, ZeroDivisionError, OverflowError):
        msg = f"{value!r} is no list like 0,0.5,1 and no range like 0:2:0.25"
        raise click.BadParameter(msg) from None


@command(
    "toposcope analyze runs/r20\n"
    "toposcope analyze runs/r20 --homology 0,1 --points 500 --replicates 8 --dry-run\n"
    "toposcope analyze runs/r20 --complex geodesic --neighbors 12\n"
    "toposcope analyze runs/maps --points-are positions --points 64 --replicates 20\n"
    "toposcope analyze runs/maps --complex cubical --thresholds 0:2:0.25 --replicates 200\n"
    "toposcope analyze runs/r20 --null gaussian,shuffled,random_init    # after capture --twin\n"
    "toposcope analyze runs/vgg_series --points 200\n"
    "toposcope analyze runs/r20 --per-class --points 50 --normalize quantile_distance"
)
@click.argument("run", metavar="RUN|SERIES", type=click.Path(path_type=Path))
@click.option(
    "--complex",
    default="rips",
    show_default=True,
    help="rips, geodesic, local, or cubical for volumes.",
)
@click.option(
    "--neighbors", type=int, help="geodesic: nearest neighbors of a point.  [default: 12]"
)
@click.option("--weighted", is_flag=True, default=None, help="geodesic: add lengths, not hops.")
@click.option("--quantile", type=float, help="local: share of points in the ball.  [default: 0.5]")
@click.option(
    "--thresholds",
    callback=parse_thresholds,
    help="cubical: 0,0.5,1 or 0:2:0.25.  [default: 0:2:0.25]",
)
@click.option("--construction", type=click.Choice(["V", "T"]), help="cubical.  [default: V]")
@click.option("--superlevel", is_flag=True, default=None, help="cubical: {f >= t}, not {f <= t}.")
@click.option("--maps", is_flag=True, default=None, help="cubical: each channel by itself, in 2-D.")
@click.option("--diagrams", is_flag=True, default=None, help="cubical: keep diagrams too.")
@click.option(
    "--homology", "homology_dimensions", default="0,1", show_default=True, callback=parse_dimensions
)
@click.option("--points", type=int, default=500, show_default=True, help="Points of each cloud.")
@click.option(
    "--points-are",
    type=click.Choice(["samples", "positions", "channels", "tokens"]),
    default="samples",
    show_default=True,
    help="What a point is; all but samples need --pool volume or tokens.",
)
@click.option("--samples", type=int, help="Samples of a cloud of tokens.  [default: up to 64]")
@click.option(
    "--replicates", type=int, help="Disjoint draws; cubical: images.  [default: 8; cubical: 100]"
)
@click.option("--normalize", help="[default: mean_distance; cubical: none, the other there is rms]")
@click.option(
    "--metric", default="euclidean", show_default=True, help="euclidean, cosine, correlation."
)
@click.option("--per-class", is_flag=True, help="Clouds inside each class instead of pooled.")
@click.option("--overlapping", is_flag=True, help="Let draws share samples (wider intervals).")
@click.option(
    "--null",
    help="gaussian, shuffled, random_init, permuted_labels (several with commas), or none.  "
    "[default: gaussian; cubical: none, the other there is shuffled_voxels]",
)
@click.option("--max-edge-length", type=float, default=float("inf"), show_default=True)
@click.option("--coeff", type=int, default=2, show_default=True, help="Prime field.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(min=0), help="Worker processes; default: one per CPU.")
@click.option("--dry-run", is_flag=True, help="Predict time and memory, compute nothing.")
@json_option
@click.pass_context
def analyze(
    ctx: click.Context,
    /,
    run: Path,
    level: float,
    jobs: int | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure topology and geometry of every layer of RUN, or of every checkpoint of a SERIES."""
    with exits(ctx, resume=True):
        from toposcope.store.series import is_series

        if is_series(run):
            failures = _analyze_series(
                run, options, level=level, jobs=jobs, dry_run=dry_run, as_json=as_json
            )
            exit_with_failures(failures)
            return
        from toposcope.analysis import plan as planning
        from toposcope.analysis import run as pipeline
        from toposcope.execution.executors import default_jobs
        from toposcope.execution.progress import bars

        if dry_run:
            plan = planning.plan_analysis(run, planning.Design(**options))
            summary = plan.summary(jobs or default_jobs())
            show(
                summary,
                as_json,
                key_values(summary),
            )
            return
        found = pipeline.analyze(run, level=level, jobs=jobs, progress=bars(), **options)
        folder = run / "results" / found.attrs["analysis"]
        value = {
            "run": str(run),
            "analysis": found.attrs["analysis"],
            "table": str(folder / "table.parquet"),
            "failures": found.failures,
        }
        text = (
            f"measured {len(found.layers)} layers, {len(found.table):,} numbers: {value['table']}\n"
            f"{not_computed(found.table)}failed tasks: {len(found.failures)}\n"
            f"next: toposcope report {shlex.quote(str(run))} -o report.html"
        )
        show(value, as_json, text)
    exit_with_failures(found.failures)


def not_computed(table: pd.DataFrame) -> str:
    """Lines on how many numbers have no value, and the most frequent reasons; empty if all have.

    Examples
    --------
    >>> import pandas as pd
    >>> told = pd.DataFrame({"status": ["ok", "too_few"], "reason": ["", "16 are needed."]})
    >>> print(not_computed(told), end="")
    not computed: 1 of 2 (see the columns status and reason)
      1: 16 are needed.
    """
    missing = table[table["status"] != "ok"]
    if missing.empty:
        return ""
    counts = missing["reason"].value_counts()
    lines = [f"  {count:,}: {reason}" for reason, count in counts.head(REASONS).items()]
    if len(counts) > REASONS:
        lines.append(f"  {int(counts[REASONS:].sum()):,}: {len(counts) - REASONS} other reasons")
    head = f"not computed: {len(missing):,} of {len(table):,} (see the columns status and reason)"
    return "\n".join([head, *lines, ""])


def _analyze_series(
    path: Path,
    options: dict[str, Any],
    *,
    level: float,
    jobs: int | None,
    dry_run: bool,
    as_json: bool,
) -> list[dict[str, Any]]:
    """Analyze every checkpoint and show what there is; returns the failed tasks."""
    from toposcope.analysis import plan as planning
    from toposcope.analysis.trajectory import analyze_series
    from toposcope.execution.executors import default_jobs
    from toposcope.execution.progress import bars
    from toposcope.store.series import number, open_series

    series = open_series(path)
    design = planning.Design(**options)
    if dry_run:
        plans = [planning.plan_analysis(run, design) for run in series.runs]
        summary = {
            f"{series.unit} {number(step)}": plan.summary(jobs or default_jobs())
            for step, plan in zip(series.steps, plans, strict=True)
        }
        show(summary, as_json, outline(summary))
        return []
    found = analyze_series(series, design, level=level, jobs=jobs, progress=bars())
    steps = ", ".join(map(number, found.steps))
    value = {
        "series": str(path),
        "steps": list(found.steps),
        "analyses": [one.attrs["analysis"] for one in found.analyses],
        "failures": found.failures,
    }
    text = (
        f"measured {len(found.layers)} layers at {len(found.steps)} {series.unit}s ({steps}): "
        f"{len(found.table):,} numbers\n"
        f"{not_computed(found.table)}failed tasks: {len(found.failures)}\n"
        f"next: toposcope report {shlex.quote(str(path))} -o report.html"
    )
    show(value, as_json, text)
    return found.failures
