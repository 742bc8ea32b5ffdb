"""`analyze`: from a RUN to its tables."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toposcope.analysis.registry import POINTS
from toposcope.cli.common import (
    command,
    exit_with_failures,
    exits,
    json_option,
    key_values,
    outline,
    show,
)
from toposcope.cli.design_options import DesignCommand, take_design
from toposcope.cli.places import Place
from toposcope.cli.workers_options import workers_options
from toposcope.inputs.urls import place_text

if TYPE_CHECKING:
    import pandas as pd

    from toposcope.analysis.design import Design
    from toposcope.analysis.result import Analysis
    from toposcope.execution.executors import Jobs

REASONS = 4
"""Reasons for missing numbers that are listed."""


@command(
    "toposcope analyze runs/r20\n"
    "toposcope analyze runs/r20 --homology 0,1 --points 500 --replicates 8 --dry-run\n"
    "toposcope analyze runs/r20 --complex geodesic --neighbors 12\n"
    "toposcope analyze runs/maps --points-are positions --points 64 --replicates 20\n"
    "toposcope analyze runs/maps --complex cubical --thresholds 0:2:0.25 --replicates 200\n"
    "toposcope analyze runs/r20 --null gaussian,shuffled,random_init    # after capture --twin\n"
    "toposcope analyze runs/r20 --points 500 --preregister plan.json    # before results exist\n"
    "toposcope analyze runs/r20 --points 500 --plan plan.json\n"
    "toposcope analyze runs/vgg_series --points 200\n"
    "toposcope analyze runs/r20 --per-class --points 50 --normalize quantile_distance",
    cls=DesignCommand,
)
@click.argument("run", metavar="RUN|SERIES", type=Place(urls=True))
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@workers_options()
@click.option("--dry-run", is_flag=True, help="Predict time and memory, compute nothing.")
@click.option(
    "--preregister",
    type=Place(dir_okay=False),
    help="Write down what this will test, with hash and time, and compute nothing.",
)
@click.option(
    "--plan",
    "frozen",
    type=Place(dir_okay=False),
    help="The plan this follows: kept with the results, and reports say whether it was.",
)
@click.option("--note", default="", help="For --preregister: the question, what is expected.")
@json_option
@click.pass_context
def analyze(
    ctx: click.Context,
    /,
    run: Path,
    level: float,
    jobs: Jobs,
    dry_run: bool,
    preregister: Path | None,
    frozen: Path | None,
    note: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure topology and geometry of every layer of RUN, or of every checkpoint of a SERIES."""
    with exits(ctx, resume=True):
        from toposcope.store.series import is_series

        design = take_design(options)
        _say_points(run, design)
        if preregister is not None:
            _write_plan(preregister, run, design, level=level, note=note, as_json=as_json)
            return
        if is_series(run):
            failures = _analyze_series(
                run, design, level=level, jobs=jobs, dry_run=dry_run, plan=frozen, as_json=as_json
            )
            exit_with_failures(failures)
            return
        from toposcope.analysis.run import analyze_design
        from toposcope.execution.progress import bars
        from toposcope.words.dimensions import dimension_sentence
        from toposcope.words.forecasts import forecast_line
        from toposcope.words.plans import plan_text

        if dry_run:
            summary = _dry_run(run, design, jobs)
            show(summary, as_json, key_values(summary))
            return
        analysis = analyze_design(
            run,
            design,
            level=level,
            jobs=jobs,
            progress=bars(),
            plan=frozen,
            tell=lambda expected: say(f"analyze: {forecast_line(expected)}"),
        )
        folder = run / "results" / analysis.attrs["analysis"]
        answer = _answer([analysis])
        value = {
            "run": place_text(run),
            "answer": answer,
            "analysis": analysis.attrs["analysis"],
            "table": place_text(folder / "table.parquet"),
            "failures": analysis.failures,
        }
        if frozen is not None:
            value["plan"] = plan_text(analysis.attrs["plan"])
        if told := dimension_sentence(analysis):
            value["dimensions"] = told
        text = (
            "\n".join([*answer, "", ""])
            + f"measured {len(analysis.layers)} layer{'s' * (len(analysis.layers) != 1)}, "
            f"{len(analysis.table):,} numbers: "
            f"{value['table']}\n"
            f"{not_computed(analysis.table)}failed tasks: {len(analysis.failures)}\n"
            + (f"plan: {value['plan']}\n" if frozen is not None else "")
            + (f"{told}\n" if told else "")
            + f"next: toposcope report {shlex.quote(place_text(run))} -o report.html"
        )
        show(value, as_json, text)
    exit_with_failures(analysis.failures)


def _answer(analyses: Sequence[Analysis]) -> list[str]:
    """What was found, in three sentences."""
    from toposcope.findings.findings import look
    from toposcope.words.headline import brief

    return brief(look(analyses))


def _say_points(path: Path, design: Design) -> None:
    """Say how many points were chosen, where no number was asked for and there are few samples."""
    from toposcope.analysis.design import MOST_POINTS
    from toposcope.analysis.plan import opened
    from toposcope.store.runs import open_run
    from toposcope.store.series import is_series, open_series

    if design.points is not None or design.filtration.unit != POINTS:
        return
    acts = open_run(open_series(path).runs[0] if is_series(path) else path)
    chosen = opened(acts, design)
    if chosen.size < MOST_POINTS:
        click.echo(
            f"points: {chosen.size} for each of {chosen.replicates} draws, which is what "
            f"{acts.n:,} samples are enough for (--points; {MOST_POINTS} where there are more)",
            err=True,
        )


def _dry_run(run: Path, design: Design, jobs: Jobs) -> dict[str, Any]:
    """What an analysis would take; refused where it would not fit."""
    from toposcope.analysis.forecast import forecast, refuse_a_full_disk
    from toposcope.analysis.plan import plan_analysis, refuse_what_cannot_fit
    from toposcope.execution.executors import workers_of
    from toposcope.words.forecasts import forecast_numbers

    plan, workers = plan_analysis(run, design), workers_of(jobs)
    refuse_what_cannot_fit(plan, workers)
    expected = forecast(plan, workers)
    refuse_a_full_disk(expected, run)
    return {"run": place_text(run), "analysis": plan.folder.name, **forecast_numbers(expected)}


def say(line: str) -> None:
    """Tell something on the way, on stderr."""
    click.echo(line, err=True)


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


def _write_plan(
    path: Path, run: Path, design: Design, *, level: float, note: str, as_json: bool
) -> None:
    """Write a plan and show it."""
    from toposcope.analysis.preregister import plan_of
    from toposcope.words.plans import plan_lines

    plan = plan_of(design, [run], level=level, note=note, path=path)
    plan.write(path)
    show({"path": str(path), **plan.as_dict()}, as_json, "\n".join(plan_lines(plan)))


def _analyze_series(
    path: Path,
    design: Design,
    *,
    level: float,
    jobs: Jobs,
    dry_run: bool,
    plan: Path | None,
    as_json: bool,
) -> list[dict[str, Any]]:
    """Analyze every checkpoint and show what there is; returns the failed tasks."""
    from toposcope.analysis.trajectory import analyze_series
    from toposcope.execution.progress import bars
    from toposcope.store.series import number, open_series
    from toposcope.words.dimensions import dimension_sentence
    from toposcope.words.forecasts import forecast_line

    series = open_series(path)
    if dry_run:
        summary = {
            f"{series.unit} {number(step)}": _dry_run(member, design, jobs)
            for step, member in zip(series.steps, series.runs, strict=True)
        }
        show(summary, as_json, outline(summary))
        return []
    trajectory = analyze_series(
        series,
        design,
        level=level,
        jobs=jobs,
        progress=bars(),
        plan=plan,
        tell=lambda expected: say(f"analyze: {forecast_line(expected)}"),
    )
    steps = ", ".join(map(number, trajectory.steps))
    told = dimension_sentence(trajectory.analyses[-1])
    answer = _answer(trajectory.analyses)
    value = {
        "series": place_text(path),
        "answer": answer,
        "steps": list(trajectory.steps),
        "analyses": [one.attrs["analysis"] for one in trajectory.analyses],
        "failures": trajectory.failures,
        **({"dimensions": told} if told else {}),
    }
    text = (
        "\n".join([*answer, "", ""])
        + f"measured {len(trajectory.layers)} layers at {len(trajectory.steps)} {series.unit}s "
        f"({steps}): "
        f"{len(trajectory.table):,} numbers\n"
        f"{not_computed(trajectory.table)}failed tasks: {len(trajectory.failures)}\n"
        + (f"last checkpoint: {told}\n" if told else "")
        + f"next: toposcope report {shlex.quote(place_text(path))} -o report.html"
    )
    show(value, as_json, text)
    return trajectory.failures
