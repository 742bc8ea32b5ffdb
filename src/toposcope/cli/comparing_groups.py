"""`compare FOLDER --by COLUMN`: groups of the networks of a population."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from toposcope.cli.common import columns, printable, show
from toposcope.inputs.urls import place_text

TAKEN = (
    *("runs", "out", "by", "groups", "statistics", "configuration", "analysis", "level", "seed"),
    *("preregister", "plan", "note"),
)
"""Options that a comparison of groups takes, besides `report` and `as_json`."""


def refuse_others(ctx: click.Context) -> None:
    """Refuse options of a comparison of networks, which groups would drop in silence."""
    from toposcope.errors import UsageError

    if ctx.params.get("jobs") is not None:
        msg = (
            "compare --by: groups of a population are compared by numbers that are there, as one "
            "task of some seconds in this process. Leave --jobs and --executor out."
        )
        raise UsageError(msg)
    for name in ctx.params:
        given = ctx.get_parameter_source(name) not in (ParameterSource.DEFAULT, None)
        if given and name not in (*TAKEN, "report", "as_json"):
            flag = next(p.opts[-1] for p in ctx.command.params if p.name == name)
            msg = (
                f"compare --by: {flag} is about two networks, not about groups of a population, "
                "which takes --by, --groups, --statistics, --configuration, --analysis, --level, "
                f"--seed, --preregister, --plan, --note, --out and --report. Leave {flag} out."
            )
            raise UsageError(msg)


def compare_folder(
    folder: Path,
    *,
    by: str | None,
    groups: Sequence[str],
    statistics: Sequence[str],
    configuration: Sequence[str],
    analysis: Sequence[str],
    level: float,
    seed: int,
    out: Path | None,
    report: Path | None,
    preregister: Path | None,
    plan: Path | None,
    note: str,
    as_json: bool,
) -> None:
    """Compare and show, or write a plan and show that."""
    from toposcope.analysis.population_folder import population
    from toposcope.comparison.population import compare_groups
    from toposcope.comparison.preregister_groups import preregister_groups
    from toposcope.errors import UsageError
    from toposcope.words.plans import comparison_plan, plan_lines
    from toposcope.words.population import group_sentences

    if len(analysis) > 1:
        msg = f"compare --by: one --analysis names that of all networks; got {len(analysis)}."
        raise UsageError(msg)
    networks = population(
        folder,
        configuration=list(configuration) or None,
        analysis=analysis[0] if analysis else None,
    )
    asked: dict[str, Any] = {
        "by": by,
        "groups": list(groups) or None,
        "statistics": list(statistics) or None,
        "level": level,
        "seed": seed,
    }
    if preregister is not None:
        frozen = preregister_groups(preregister, networks, **asked, note=note)
        value = {"path": str(preregister), **frozen.as_dict()}
        show(value, as_json, "\n".join(plan_lines(frozen)))
        return
    found = compare_groups(networks, **asked, store=out, plan=plan)
    if report is not None:
        from toposcope.reporting.population_page import write_groups

        write_groups(found, report)
    summary = group_sentences(found)
    table = [_row(row, level) for row in found.layers.to_dict("records")]
    header = ("groups", "statistic", "H", "layer", "difference [interval]", "p", "detectable")
    value = {
        "by": found.by,
        "groups": found.attrs["groups"],
        "configuration": found.attrs["configuration"],
        "networks": found.attrs["networks"],
        "pairs": found.pairs.to_dict("records"),
        "summary": summary,
        "layers": [_plain(row) for row in found.layers.to_dict("records")],
        "out": None if out is None else place_text(out),
        "report": None if report is None else str(report),
        "warnings": list(found.attrs["notes"]),
        "plan": comparison_plan(found.attrs),
    }
    text = "\n".join(f"- {sentence}" for sentence in summary)
    kept = (
        f"kept in {place_text(out)}" if out is not None else "not kept; pass -o FOLDER to keep it"
    )
    show(value, as_json, f"{text}\n\n{columns([header, *table])}\n\n{kept}")
    for note in networks.notes:
        click.echo(printable(f"warning: {note}"), err=True)


def _row(row: dict[str, Any], level: float) -> tuple[str, ...]:
    from toposcope.words.formats import number, with_interval

    degree = str(row["homology_dimension"])
    differs = row["adjusted_p"] <= 1 - level + 1e-12 if row["status"] == "ok" else None
    return (
        f"{row['group_b']} less {row['group_a']}",
        str(row["statistic"]),
        degree if degree.isdigit() else "",
        str(row["layer"]),
        with_interval(row["value"], row["low"], row["high"], differs=differs),
        number(row["adjusted_p"], 2),
        number(row["detectable"], 2),
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON holds it: what is no number is null."""
    import math

    out: dict[str, Any] = {}
    for name, value in row.items():
        lost = value is None or str(value) == "<NA>"
        if isinstance(value, float) and not math.isfinite(value):
            lost = True
        out[name] = None if lost else value
    return out
