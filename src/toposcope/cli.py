"""The command line: arguments in, pipeline calls, exit codes out. No science lives here.

Results go to stdout, progress and log to stderr. Exit codes: 0 done, 1 error, 2 wrong usage or
refused before starting, 3 finished with recorded failures, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from toposcope import __version__
from toposcope.errors import DegenerateCloudError, MissingExtraError, ToposcopeError, UsageError

EXIT_ERROR, EXIT_USAGE, EXIT_FAILURES, EXIT_INTERRUPTED = 1, 2, 3, 130

MODEL_HELP = """\b
MODEL  py:package.module:factory   a function of yours that returns a torch module
       timm:NAME, torchvision:NAME when those packages are installed
DATA   npz:FILE[#x=KEY,y=KEY]      arrays or JPEG-packed images, npy:FILE, imagefolder:DIR,
       sklearn:digits, py:package.module:factory (a torch Dataset)
"""

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


class Command(click.Command):
    """A command whose examples keep their line breaks and end its help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write("Examples:\n")
            for line in self.epilog.strip().splitlines():
                formatter.write(f"  {line.strip()}\n")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="toposcope")
@click.option("-v", "--verbose", is_flag=True, help="Tracebacks and log messages on stderr.")
@click.pass_context
def main(ctx: click.Context, verbose: bool) -> None:
    r"""What shape does the data take inside a neural network?

    \b
    capture -> analyze -> report; `toposcope demo` shows all of it in about two minutes.
    """
    ctx.obj = {"verbose": verbose}
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def command(epilog: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Register a subcommand with examples."""
    return main.command(cls=Command, epilog=epilog)  # type: ignore[return-value]


@contextmanager
def exits(ctx: click.Context, *, resume: bool = False) -> Iterator[None]:
    """Turn errors into messages and exit codes."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\ninterrupted; nothing finished is lost.", err=True)
        if resume:
            click.echo(f"to continue: {this_command()}", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except (UsageError, DegenerateCloudError, MissingExtraError) as error:
        _tell(ctx, error, EXIT_USAGE)
    except (ToposcopeError, OSError) as error:
        _tell(ctx, error, EXIT_ERROR)


def _tell(ctx: click.Context, error: Exception, code: int) -> NoReturn:
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", []))
    click.echo(printable(f"toposcope: {error}{notes}"), err=True)
    if ctx.obj["verbose"]:
        raise error
    sys.exit(code)


def printable(text: str) -> str:
    """Text without control characters: names come from files and could move the cursor."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def this_command() -> str:
    """The command line as the user can type it again."""
    return shlex.join(["toposcope", *sys.argv[1:]])


def show(value: dict[str, Any], as_json: bool, text: str) -> None:
    """Results on stdout: for machines or for people."""
    click.echo(json.dumps(value) if as_json else printable(text))


def key_values(value: dict[str, Any]) -> str:
    """One line per entry."""
    lines = (f"{k}: {v:,}" if type(v) is int else f"{k}: {v}" for k, v in value.items())
    return "\n".join(lines)


def outline(value: dict[str, Any]) -> str:
    """One line per entry; lists and mappings as indented lines below their name."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, dict):
            lines += [f"{key}:", *(f"  {name}: {inner}" for name, inner in entry.items())]
        elif isinstance(entry, list):
            lines.append(f"{key}:" if entry else f"{key}: none")
            lines += ["  " + ", ".join(f"{k} {v}" for k, v in item.items()) for item in entry]
        else:
            lines.append(key_values({key: entry}))
    return "\n".join(lines)


def parse_dimensions(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """Homology dimensions from "0,1"."""
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        msg = f"{value!r} is not a list of degrees like 0,1"
        raise click.BadParameter(msg) from None


@command("toposcope demo\ntoposcope demo --out /tmp/demo")
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), help="Worker processes; default: one per CPU.")
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@click.pass_context
def demo(ctx: click.Context, out: Path, jobs: int | None, seed: int, as_json: bool) -> None:
    """Train two small nets on real digits, look inside them, write OUT/report.html."""
    with exits(ctx, resume=True):
        from toposcope.activations.allocator import keep_freed_memory
        from toposcope.demo import run_demo
        from toposcope.progress import bars

        keep_freed_memory()
        found = run_demo(out, jobs=jobs, seed=seed, progress=bars())
        show(found.as_dict(), as_json, found.text())


@command(
    "toposcope layers py:examples.cifar_resnet:resnet20 --data npz:cifar10.npz\n"
    "toposcope layers py:mynets:net --data sklearn:digits --layers 'block*'"
)
@click.argument("model")
@click.option("--data", required=True, help="DATA to run one batch of, for shapes and order.")
@click.option("--layers", default="blocks", show_default=True, help="Selection to show.")
@click.option("--weights", help="Weights file, as for capture.")
@json_option
@click.pass_context
def layers(
    ctx: click.Context, model: str, data: str, layers: str, weights: str | None, as_json: bool
) -> None:
    """Modules of MODEL: what can be captured, what LAYERS would choose, and why."""
    with exits(ctx):
        from dataclasses import asdict

        from toposcope.activations.describe import describe_layers

        table = describe_layers(model, data, layers=layers, weights=weights)
        show({"layers": [asdict(row) for row in table]}, as_json, _layer_table(table))


def _layer_table(table: Sequence[Any]) -> str:
    rows = [("", "layer", "type", "output", "bytes/sample", "calls", "why")]
    rows += [
        (
            "*" if row.selected else "",
            row.address,
            row.type,
            "-" if row.shape is None else "x".join(map(str, row.shape)),
            f"{row.bytes_per_sample:,}",
            str(row.calls),
            row.why,
        )
        for row in table
    ]
    chosen = sum(row.selected for row in table)
    return f"{columns(rows)}\n{chosen} of {len(table)} would be captured (*)"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows aligned in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


@command(
    "toposcope capture py:examples.cifar_resnet:resnet20 npz:cifar10.npz \\\n"
    "    --weights resnet20.safetensors --layers blocks --pool gap -n 4000 -o runs/r20\n"
    "toposcope capture py:mynets:net sklearn:digits --layers 'encoder.*' --pool flatten -o runs/d"
)
@click.argument("model")
@click.argument("data")
@click.option(
    "-o", "--out", "run", type=click.Path(path_type=Path), required=True, help="RUN folder."
)
@click.option("--weights", help="A .safetensors file, or a .pt/.th state dict.")
@click.option(
    "--layers",
    multiple=True,
    default=("blocks",),
    show_default=True,
    help="blocks, all, type:NAME or globs over module names; may be repeated.",
)
@click.option(
    "--pool",
    default="auto",
    show_default=True,
    help="auto, flatten, gap, cls, mean_token, or project:K.",
)
@click.option("-n", "n", type=click.IntRange(min=1), help="Samples, stratified; default: all.")
@click.option(
    "--per-class", type=click.IntRange(min=1), help="Samples of each class, instead of -n."
)
@click.option("--batch-size", type=click.IntRange(min=1), default=128, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps or auto.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--name", help="Name shown in tables and reports.")
@click.option("--step", type=int, help="Training step of these weights, for series of checkpoints.")
@json_option
@click.pass_context
def capture(
    ctx: click.Context, /, as_json: bool, run: Path, layers: tuple[str, ...], **options: Any
) -> None:
    """Run MODEL over DATA and keep the activations of its layers in a RUN folder."""
    with exits(ctx, resume=True):
        from toposcope.activations.allocator import keep_freed_memory
        from toposcope.activations.run import capture as do_capture
        from toposcope.progress import bars
        from toposcope.stats import proportion_interval

        keep_freed_memory()
        selection = layers[0] if len(layers) == 1 else list(layers)
        acts = do_capture(
            options.pop("model"),
            options.pop("data"),
            layers=selection,
            store=run,
            progress=bars(),
            command=this_command(),
            **options,
        )
        top1 = acts.attrs.get("top1")
        bad = acts.attrs.get("nonfinite") or {}
        value = {
            "run": str(run),
            "layers": list(acts.layers),
            "n": acts.n,
            "top1": top1,
            "nonfinite": bad,
        }
        accuracy = "no labels or no class scores"
        if top1 is not None:
            found = proportion_interval(top1, acts.n)
            accuracy = (
                f"{top1:.4f} (95 % interval {found.low:.4f} to {found.high:.4f}, n = {acts.n:,})"
            )
        text = (
            f"captured {len(acts)} layers x {acts.n} samples into {run}\n"
            f"top-1 accuracy on these samples: {accuracy}\n"
            f"next: toposcope analyze {shlex.quote(str(run))}"
        )
        show(value, as_json, text)
        for layer, count in bad.items():
            click.echo(printable(f"warning: {layer}: {count:,} values are not finite"), err=True)


capture.help = f"{capture.help}\n\n{MODEL_HELP}"
layers.help = f"{layers.help}\n\n{MODEL_HELP}"


@command(
    "toposcope analyze runs/r20\n"
    "toposcope analyze runs/r20 --homology 0,1 --points 500 --replicates 8 --dry-run\n"
    "toposcope analyze runs/r20 --complex geodesic --neighbors 12\n"
    "toposcope analyze runs/r20 --per-class --points 50 --normalize quantile_distance"
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--complex", default="rips", show_default=True, help="rips, geodesic or local.")
@click.option(
    "--neighbors", type=int, help="geodesic: nearest neighbors of a point.  [default: 12]"
)
@click.option("--weighted", is_flag=True, default=None, help="geodesic: add lengths, not hops.")
@click.option("--quantile", type=float, help="local: share of points in the ball.  [default: 0.5]")
@click.option(
    "--homology", "homology_dimensions", default="0,1", show_default=True, callback=parse_dimensions
)
@click.option("--points", type=int, default=500, show_default=True, help="Points of each cloud.")
@click.option("--replicates", type=int, default=8, show_default=True, help="Disjoint draws.")
@click.option("--normalize", default="mean_distance", show_default=True)
@click.option(
    "--metric", default="euclidean", show_default=True, help="euclidean, cosine, correlation."
)
@click.option("--per-class", is_flag=True, help="Clouds inside each class instead of pooled.")
@click.option("--overlapping", is_flag=True, help="Let draws share samples (wider intervals).")
@click.option("--null", default="gaussian", show_default=True, help="gaussian or none.")
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
    """Measure topology and geometry of every layer of RUN."""
    with exits(ctx, resume=True):
        from toposcope import pipeline, planning
        from toposcope.progress import bars
        from toposcope.tasks import default_jobs

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
        missing = found.table[found.table["status"] != "ok"]
        text = (
            f"measured {len(found.layers)} layers, {len(found.table):,} numbers: {value['table']}\n"
            f"not computed: {len(missing):,} (see the status column); "
            f"failed tasks: {len(found.failures)}\n"
            f"next: toposcope report {shlex.quote(str(run))} -o report.html"
        )
        show(value, as_json, text)
    _exit_with_failures(found.failures)


def _exit_with_failures(failures: Sequence[dict[str, Any]]) -> None:
    for failure in failures:
        click.echo(printable(f"failed: {failure['task']}: {failure['reason']}"), err=True)
    if failures:
        sys.exit(EXIT_FAILURES)


@command("toposcope report runs/r20 -o r20.html\ntoposcope report runs/step_* -o training.html")
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True
)
@click.option("--title")
@click.option("--analysis", help="Which analysis of the RUNs; default: the last one finished.")
@json_option
@click.pass_context
def report(
    ctx: click.Context,
    runs: tuple[Path, ...],
    out: Path,
    title: str | None,
    analysis: str | None,
    as_json: bool,
) -> None:
    """Write one self-contained HTML file about one or several analyzed RUNs."""
    with exits(ctx):
        from toposcope.reporting.entry import report as write

        path = write(list(runs), to=out, title=title, analysis=analysis)
        show({"report": str(path), "bytes": path.stat().st_size}, as_json, str(path))


@command("toposcope verify runs/r20\ntoposcope verify runs/r20 --digest")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--digest", is_flag=True, help="Print the digest over all values only.")
@json_option
@click.pass_context
def verify(ctx: click.Context, run: Path, digest: bool, as_json: bool) -> None:
    """Check every byte of RUN against its recorded hash."""
    with exits(ctx):
        from dataclasses import asdict

        from toposcope.verify import verify as check

        found = check(run)
        text = f"{found.shards} shards and {found.analyses} analyses are as they were written"
        full = f"{text}\ndigest: {found.digest}" if not found.problems else "damaged or incomplete"
        show(asdict(found), as_json, found.digest if digest else full)
        for problem in found.problems:
            click.echo(printable(problem), err=True)
    if found.problems:
        sys.exit(EXIT_ERROR)


@command("toposcope info runs/r20")
@click.argument("run", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def info(ctx: click.Context, run: Path, as_json: bool) -> None:
    """What RUN holds: model, data, layers, accuracy, analyses."""
    with exits(ctx):
        from toposcope.inspect_run import describe

        found = describe(run)
        show(found, as_json, outline(found))


@command("toposcope status runs/r20")
@click.argument("run", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def status(ctx: click.Context, run: Path, as_json: bool) -> None:
    """How far the work in RUN is, and what failed."""
    with exits(ctx):
        from toposcope.inspect_run import progress_of

        found = progress_of(run)
        lines = [f"capture: {found['capture']}"]
        lines += [
            f"analysis {a['analysis']}: {a['done']} tasks done, {a['failed']} failed, "
            + ("complete" if a["complete"] else "not complete")
            for a in found["analyses"]
        ]
        show(found, as_json, "\n".join(lines))


@command("toposcope doctor")
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Versions, cores, memory, disk, kernel cache: what to send with a bug report."""
    with exits(ctx):
        from toposcope.inspect_run import environment

        found = environment()
        show(found, as_json, key_values(found))


if __name__ == "__main__":
    main()
