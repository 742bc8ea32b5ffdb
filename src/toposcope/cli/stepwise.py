"""What `capture` does when it is given the checkpoints of a training."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from toposcope.cli.common import EXIT_FAILURES, columns, printable, show, this_command
from toposcope.errors import UsageError
from toposcope.inputs.urls import place_text


def parse_steps(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    """Training steps from "0,98,390"."""
    if value is None:
        return None
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        msg = f"{value!r} is not a list of numbers like 0,98,390"
        raise click.BadParameter(msg) from None


def capture_checkpoints(
    weights: tuple[str, ...], store: Path, as_json: bool, options: dict[str, Any]
) -> int:
    """Capture a series and show it; returns the exit code."""
    from toposcope.activations.checkpoint_series import capture_series
    from toposcope.cli.forecasts import announced
    from toposcope.store.runs import Run
    from toposcope.store.series import number

    if options.pop("twin", False):
        msg = (
            "--twin is for one network. The first checkpoint of a series is usually its untrained "
            "state already; else capture one of them alone with --twin."
        )
        raise UsageError(msg)
    if options.pop("step", None) is not None:
        msg = "--step is for one file of weights; a series takes --steps, one for each checkpoint."
        raise UsageError(msg)
    series = capture_series(
        options.pop("model"),
        options.pop("data"),
        weights=weights,
        store=store,
        progress=announced(),
        command=this_command(),
        **options,
    )
    rows = [(series.unit, "weights", "top-1", "n")]
    top1 = {}
    notes: dict[str, None] = {}
    for member, run in zip(series.members, series.runs, strict=True):
        summary = Run.open(run).summary or {}
        share = summary.get("top1")
        top1[number(member.step)] = share
        notes[str(summary.get("top1_note") or "")] = None
        shown = "-" if share is None else f"{share:.4f}"
        rows.append((number(member.step), member.weights, shown, f"{summary['n']:,}"))
    value = {
        "series": place_text(store),
        "unit": series.unit,
        "steps": list(series.steps),
        "top1": top1,
        "failures": list(series.failures),
        "notes": list(series.notes),
    }
    text = (
        f"{len(series)} checkpoints on the same samples in {place_text(store)}\n{columns(rows)}\n"
        f"next: toposcope analyze {shlex.quote(place_text(store))}"
    )
    show(value, as_json, text)
    for note in filter(None, notes):
        click.echo(printable(f"top-1: {note}"), err=True)
    for note in series.notes:
        click.echo(printable(f"note: {note}"), err=True)
    for failure in series.failures:
        click.echo(printable(f"failed: {failure['weights']}: {failure['reason']}"), err=True)
    return EXIT_FAILURES if series.failures else 0
