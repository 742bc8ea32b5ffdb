"""`demo` and `report`, and what reads a RUN or a SERIES: `verify`, `info`, `status`, `doctor`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toposcope.cli.common import (
    EXIT_ERROR,
    command,
    exits,
    json_option,
    key_values,
    names_option,
    outline,
    printable,
    show,
)
from toposcope.cli.places import Place
from toposcope.cli.workers_options import workers_options
from toposcope.inputs.urls import place_text

if TYPE_CHECKING:
    from toposcope.execution.executors import Jobs


@command("toposcope demo\ntoposcope demo --out digits")
@click.option(
    "--out",
    type=Place(),
    default=Path("demo"),
    show_default=True,
    help="Folder.",
)
@workers_options(least=1)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of both trainings."
)
@json_option
@click.pass_context
def demo(ctx: click.Context, out: Path, jobs: Jobs, seed: int, as_json: bool) -> None:
    """Train two small nets on real digits, look inside them, write OUT/report.html."""
    with exits(ctx, resume=True):
        from toposcope.activations.allocator import keep_freed_memory
        from toposcope.cli.demo import run_demo
        from toposcope.execution.progress import bars

        keep_freed_memory()
        shown = run_demo(out, jobs=jobs, seed=seed, progress=bars())
        show(shown.as_dict(), as_json, shown.text())


@command(
    "toposcope report runs/r20 -o r20.html\n"
    "toposcope report runs/step_* -o training.html\n"
    "toposcope report runs/seed_0 runs/seed_1 -o trainings.html\n"
    "toposcope report population -o networks.html\n"
    "toposcope report runs/r20 runs/r20 --analysis 0a1b2c3d4e5f --analysis 6a7b8c9d0e1f"
)
@click.argument(
    "runs",
    metavar="RUN|SERIES|COMPARISON|RANKING|STUDIES|POPULATION...",
    type=Place(urls=True),
    nargs=-1,
    required=True,
)
@click.option(
    "-o",
    "--out",
    type=Place(),
    default=Path("report.html"),
    show_default=True,
    help="HTML file to write.",
)
@click.option("--title", help="Title of the page.")
@names_option(
    "--analysis",
    help="Which analysis: one for all, or one for each, repeated in their order; one RUN given "
    "three times shows three.  [default: the last one finished of each]",
)
@names_option(
    "--configuration",
    help="Of a POPULATION: columns in which networks agree that differ by their seed alone.  "
    "[default: the column configuration]",
)
@json_option
@click.pass_context
def report(
    ctx: click.Context,
    runs: tuple[Path, ...],
    out: Path,
    title: str | None,
    analysis: tuple[str, ...],
    configuration: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write one self-contained HTML file about one or several analyzed RUNs or SERIES."""
    with exits(ctx):
        from toposcope.reporting.entry import analyses_shown, has_own_page
        from toposcope.reporting.entry import report as write
        from toposcope.words.designs import design_text, filtration_text

        items: list[Any] = list(runs)
        shown = []
        if not has_own_page(items):
            items = analyses_shown(items, analysis or None)
            shown = [
                {
                    "name": one.name,
                    "run": place_text(one.run) if one.run else None,
                    "analysis": one.attrs.get("analysis"),
                }
                | {
                    key: one.attrs.get(key)
                    for key in ("complex", "filtration", "normalize", "metric")
                }
                | {key: one.attrs.get(key) for key in ("points", "replicates")}
                for one in items
            ]
            analysis = ()
        path = write(
            items,
            to=out,
            title=title,
            analysis=analysis or None,
            configuration=configuration or None,
        )
        lines = [
            f"{one.name}: {filtration_text(one.attrs)}; {design_text(one.attrs)} "
            f"(analysis {one.attrs.get('analysis')})"
            for one in (items if shown else ())
        ]
        value = {"report": str(path), "bytes": path.stat().st_size, "shown": shown}
        show(value, as_json, "\n".join([*lines, str(path)]))


@command("toposcope verify runs/r20\ntoposcope verify runs/vgg_series --digest")
@click.argument("run", metavar="RUN|SERIES|COMPARISON|RANKING", type=Place(urls=True))
@click.option("--digest", is_flag=True, help="Print the digest over all values only.")
@json_option
@click.pass_context
def verify(ctx: click.Context, run: Path, digest: bool, as_json: bool) -> None:
    """Check every file of a RUN, a SERIES, a comparison or a ranking against its recorded hash."""
    with exits(ctx):
        from dataclasses import asdict

        from toposcope.store.verify import verify as check

        verified = check(run)
        text = (
            f"{verified.shards} shards, {verified.parts} parts of tasks and {verified.analyses} "
            "analyses "
            "are as they were written"
        )
        held = f"{verified.files} files ({verified.bytes:,} bytes) were held against a hash"
        full = (
            f"{held}\n{text}\ndigest: {verified.digest}"
            if not verified.problems
            else "damaged or incomplete"
        )
        show(asdict(verified), as_json, verified.digest if digest else full)
        for problem in (*verified.problems, *(f"note: {note}" for note in verified.notes)):
            click.echo(printable(problem), err=True)
    if verified.problems:
        sys.exit(EXIT_ERROR)


@command(
    "toposcope info runs/r20\n"
    "toposcope info runs/vgg_series\n"
    "toposcope info runs/r20 --toml > r20.toml    # then: toposcope capture --config r20.toml"
)
@click.argument("run", metavar="RUN|SERIES", type=Place(urls=True))
@click.option("--toml", is_flag=True, help="What was typed for it, as a file for --config.")
@json_option
@click.pass_context
def info(ctx: click.Context, run: Path, toml: bool, as_json: bool) -> None:
    """What a RUN, SERIES or POPULATION holds: model, data, layers, accuracy, analyses."""
    with exits(ctx):
        if toml:
            from toposcope.cli.recorded import recorded_as_config

            click.echo(printable(recorded_as_config(run)))
            return
        from toposcope.cli.inspecting import describe

        described = describe(run)
        show(described, as_json, outline(described))


@command("toposcope status runs/r20\ntoposcope status runs/vgg_series\ntoposcope status runs/zoo")
@click.argument("run", metavar="FOLDER", type=Place(urls=True))
@json_option
@click.pass_context
def status(ctx: click.Context, run: Path, as_json: bool) -> None:
    """How far the work in a folder is, on any executor: done, failed, rate, time left.

    FOLDER is a RUN, a SERIES, a zoo or whatever else tasks are done in: a comparison, a study.
    """
    with exits(ctx):
        from toposcope.cli.inspecting import progress_of, work_in
        from toposcope.store.folders import POPULATION, RUN, SERIES, folder_kind
        from toposcope.words.work import work_text

        work = work_in(run)
        # Anything else than a RUN or a SERIES shows what is done in it, and nothing more.
        progress = (
            progress_of(run) if folder_kind(run) in (RUN, SERIES, POPULATION) or not work else {}
        )
        lines = []
        for one in progress.get("runs", [progress] if progress else []):
            member = f"{one['member']}: " if "member" in one else ""
            lines.append(f"{member}capture: {one['capture']}")
            lines += [
                f"{member}analysis {a['analysis']}: {a['done']} tasks done, {a['failed']} failed, "
                + ("complete" if a["complete"] else "not complete")
                for a in one["analyses"]
            ]
        lines += [
            f"failed: {f.get('weights') or f['network']}: {f['reason']}"
            for f in progress.get("failures", [])
        ]
        lines += [f"{one['place']}: {work_text(one)}" for one in work]
        show({**progress, "work": work}, as_json, "\n".join(lines))


@command("toposcope doctor")
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Versions, cores, memory, disk, kernel cache: what to send with a bug report."""
    with exits(ctx):
        from toposcope.cli.inspecting import environment

        machine = environment()
        show(machine, as_json, key_values(machine))
