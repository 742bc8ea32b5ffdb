"""`compare`: two or more RUNs, layer against layer."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from toposcope.analysis.design import NORMALIZE
from toposcope.cli.common import (
    Choice,
    columns,
    command,
    exit_with_failures,
    exits,
    json_option,
    names_option,
    printable,
    show,
)
from toposcope.cli.comparing_groups import compare_folder, refuse_others
from toposcope.cli.design_options import parse_dimensions
from toposcope.cli.places import Place
from toposcope.cli.workers_options import workers_options
from toposcope.inputs.urls import place_text


def parse_margin(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> float | dict[str, float] | None:
    """A margin from "0.5", or one by measure from "wasserstein=0.5,cka=0.1"."""
    if value is None:
        return None
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    try:
        if len(pairs) == 1 and not pairs[0][1]:
            return float(value)
        if pairs and all(equals for _, equals, _ in pairs):
            return {name.strip(): float(number) for name, _, number in pairs}
    except ValueError:
        pass
    msg = f"{value!r} is no margin: give a number, or numbers by measure as wasserstein=0.5,cka=0.1"
    raise click.BadParameter(msg)


@contextmanager
def warnings_told() -> Iterator[None]:
    """Warnings as lines of the command line, at once: some are worth stopping for."""
    from toposcope.errors import DesignWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", DesignWarning)
        shown = warnings.showwarning

        def show_warning(message: Any, category: Any, *where: Any, **more: Any) -> None:
            if issubclass(category, DesignWarning):
                click.echo(printable(f"warning: {message}"), err=True)
            else:
                shown(message, category, *where, **more)

        warnings.showwarning = show_warning
        yield


def parse_optional(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Homology dimensions, or None when not given."""
    return parse_dimensions(ctx, param, value)


@command(
    "toposcope compare runs/r20 runs/r56\n"
    "toposcope compare runs/before runs/after --measures wasserstein,cka --report change.html\n"
    "toposcope compare runs/r20 runs/vgg19 runs/vit --points 250 -o comparisons/nets\n"
    "toposcope compare runs/train runs/test --measures wasserstein,bottleneck --margin 0.5\n"
    "toposcope compare runs/seed_0 runs/seed_1 --step 390\n"
    "toposcope compare runs/r20 runs/jpeg --margin 1 --preregister plan.json   # before results\n"
    "toposcope compare population --by activation -o comparisons/relu --report groups.html\n"
    "toposcope compare runs/r20 runs/jpeg --margin 1 --plan plan.json"
)
@click.argument(
    "runs",
    metavar="RUN|SERIES...|POPULATION",
    type=Place(urls=True),
    nargs=-1,
    required=True,
)
@names_option(
    "--measures",
    help="Between diagrams: wasserstein, bottleneck, sliced_wasserstein, landscape, betti_curve. "
    "Between paired activations: cka, cka_biased, procrustes, rsa, mutual_knn, rtd, rtd_lite … "
    "Of volumes: betti_numbers.  [default: wasserstein,cka; of volumes betti_numbers]",
)
@names_option(
    "--analysis",
    help="Which analysis to take: one for all RUNs, or one for each, repeated in their order.  "
    "[default: the newest that agree]",
)
@click.option(
    "--step", type=float, help="Checkpoint of each SERIES.  [default: the last one of each]"
)
@click.option(
    "--test",
    type=Choice(["permutation", "none"]),
    default="permutation",
    show_default=True,
    help="Whether differences are tested.",
)
@click.option(
    "--homology",
    "homology_dimensions",
    callback=parse_optional,
    help="Degrees.  [default: those analyzed]",
)
@click.option(
    "--points",
    type=int,
    help="Points of each cloud.  [default: as analyzed, else 500 or what there is for each draw]",
)
@click.option("--replicates", type=int, help="Disjoint draws.  [default: as analyzed, else 8]")
@click.option(
    "--normalize",
    type=Choice(NORMALIZE),
    help="Scale of a layer.  [default: as analyzed, else mean_distance]",
)
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@click.option(
    "--margin",
    callback=parse_margin,
    help="Gap that counts as equivalent, chosen beforehand: 0.5, or by measure "
    "wasserstein=0.5,cka=0.1.  [default: no equivalence is tested]",
)
@click.option(
    "--margin-unit",
    type=click.Choice(["noise", "absolute"]),
    default="noise",
    show_default=True,
    help="noise: multiples of what draws of one layer of the first RUN are apart.",
)
@click.option(
    "--calibrate",
    type=int,
    default=0,
    help="Shuffles that similarities are held against, for all pairs of layers (999).",
)
@click.option("--equalize", is_flag=True, help="Analyze anew what does not agree.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of permutations and shuffles.",
)
@workers_options()
@click.option(
    "-o", "--out", type=Place(urls=True), help="Folder or URL to keep it in; resumes there."
)
@click.option("--report", type=Place(), help="HTML file to write.")
@click.option("--by", help="Of a POPULATION: the column of population.csv that tells groups.")
@names_option("--groups", help="Of a POPULATION: values of --by to compare.  [default: all]")
@names_option(
    "--statistics",
    help="Of a POPULATION: which statistics to compare.  [default: those of every report]",
)
@names_option(
    "--configuration",
    help="Of a POPULATION: columns in which networks agree that differ by their seed alone.  "
    "[default: the column configuration]",
)
@click.option(
    "--preregister",
    type=Place(dir_okay=False),
    help="Write down what this will test, with hash and time, and compare nothing.",
)
@click.option(
    "--plan",
    type=Place(dir_okay=False),
    help="The plan this follows: kept with the results, which say whether it was.",
)
@click.option("--note", default="", help="For --preregister: the question, what is expected.")
@json_option
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    runs: tuple[Path, ...],
    out: Path | None,
    report: Path | None,
    preregister: Path | None,
    note: str,
    by: str | None,
    groups: tuple[str, ...],
    statistics: tuple[str, ...],
    configuration: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Compare RUNs, or groups of a POPULATION (--by), layer by layer, with corrected tests."""
    with exits(ctx, resume=out is not None):
        if _of_population(runs, by, groups, statistics, configuration):
            refuse_others(ctx)
            with warnings_told():
                compare_folder(
                    runs[0],
                    by=by,
                    groups=groups,
                    statistics=statistics,
                    configuration=configuration,
                    analysis=options["analysis"],
                    level=options["level"],
                    seed=options["seed"],
                    out=out,
                    report=report,
                    preregister=preregister,
                    plan=options["plan"],
                    note=note,
                    as_json=as_json,
                )
            return
        from toposcope.comparison.run import compare as run_comparison
        from toposcope.errors import UsageError
        from toposcope.execution.progress import bars
        from toposcope.words.compared import (
            compared_text,
            design_of_comparison,
            network_matrices,
        )
        from toposcope.words.comparison import lead, summarize_comparison
        from toposcope.words.plans import comparison_plan
        from toposcope.words.verdicts import comparison_answer, verdict_table

        if len(runs) < 2:
            msg = f"compare takes two RUNs or more; got {len(runs)}: toposcope compare RUN RUN"
            raise UsageError(msg)
        first, second, *others = runs
        measures = options.pop("measures") or None
        if preregister is not None:
            with warnings_told():
                _write_plan(
                    preregister, runs, options, measures=measures, note=note, as_json=as_json
                )
            return
        with warnings_told():
            comparison = run_comparison(
                first, second, *others, measures=measures, store=out, progress=bars(), **options
            )
        summary = summarize_comparison(comparison)
        level = float(comparison.attrs["level"])
        table = [_row(row, level) for row in comparison.of_class().models.to_dict("records")]
        header = ("measure", "H", "networks", "value [interval]", "gap [interval]", "p", "n")
        if report is not None:
            from toposcope.reporting.comparison_page import write_comparison

            write_comparison(comparison, report)
        value = {
            "networks": list(comparison.networks),
            "design": design_of_comparison(comparison.attrs),
            "analyses": {one["name"]: one["analysis"] for one in comparison.attrs["networks"]},
            "classes": list(comparison.classes),
            "answer": (answer := comparison_answer(comparison)),
            "summary": summary,
            "table": None if out is None else place_text(out / "layers.parquet"),
            "models": None if out is None else place_text(out / "models.parquet"),
            "folder": None if out is None else place_text(out),
            "report": None if report is None else str(report),
            "families": comparison.attrs["families"],
            "failures": [dict(failure) for failure in comparison.failures],
            "warnings": list(comparison.attrs["warnings"]),
            "plan": comparison_plan(comparison.attrs),
        }
        short = lead(comparison)
        text = "\n".join(f"- {sentence}" for sentence in summary[:short])
        if len(comparison.networks) > 2:
            made = (f"{title}\n{columns(rows)}" for title, rows in network_matrices(comparison))
            text = "\n\n".join([*made, text])
        details = [f"- {sentence}" for sentence in summary[short:]]
        if len(comparison.networks) > 2:
            page = (
                f"toposcope report {place_text(out)}" if out is not None else "--report PAGE.html"
            )
            text += f"\n\npair by pair: {len(details)} paragraphs, {len(table)} rows: {page}"
            table = []
        elif details:
            text += "\n\npair by pair:\n" + "\n".join(details)
        kept = (
            f"\n\nkept in {place_text(out)}"
            if out is not None
            else "\n\nnot kept; pass -o FOLDER to keep it"
        )
        said = [
            "\n".join(answer),
            columns(verdict_table(comparison)),
            compared_text(comparison.attrs),
            text,
            columns([header, *table]) if table else "",
        ]
        show(value, as_json, "\n\n".join(part for part in said if part) + kept)
        for warning in comparison.attrs["warnings"]:
            click.echo(printable(f"warning: {warning}"), err=True)
    exit_with_failures(comparison.failures)


def _of_population(runs: Sequence[Path], by: str | None, *others: Sequence[str]) -> bool:
    """Whether groups of a population are meant; refuses what could be either."""
    from toposcope.analysis.population_folder import is_population
    from toposcope.errors import UsageError

    if len(runs) == 1 and is_population(runs[0]):
        return True
    if by is not None or any(others):
        msg = (
            "compare --by, --groups, --statistics and --configuration are about one POPULATION: a "
            f"folder of RUNs with population.csv (columns run, ...). Got {len(runs)} item"
            f"{'s' * (len(runs) != 1)} ({', '.join(map(place_text, runs[:3]))})."
        )
        raise UsageError(msg)
    return False


def _write_plan(
    path: Path,
    runs: Sequence[Path],
    options: dict[str, Any],
    *,
    measures: Sequence[str] | None,
    note: str,
    as_json: bool,
) -> None:
    """Write a plan and show it."""
    from toposcope.comparison.preregister import preregister_comparison
    from toposcope.words.plans import plan_lines

    asked = {name: value for name, value in options.items() if name not in ("jobs", "plan")}
    first, second, *others = runs
    plan = preregister_comparison(
        path, first, second, *others, measures=measures, note=note, **asked
    )
    show({"path": str(path), **plan.as_dict()}, as_json, "\n".join(plan_lines(plan)))


def _row(row: dict[str, Any], level: float) -> tuple[str, ...]:
    from toposcope.words.comparison import found_apart
    from toposcope.words.formats import number, with_interval

    degree = str(row["homology_dimension"])
    return (
        str(row["measure"]),
        degree if degree.isdigit() else "",
        f"{row['network_a']} / {row['network_b']}",
        with_interval(row["value"], row["low"], row["high"], 4),
        with_interval(
            row["gap"], row["gap_low"], row["gap_high"], 4, differs=found_apart(row, 1 - level)
        ),
        number(row["adjusted_p"], 2),
        str(row["n"]),
    )
