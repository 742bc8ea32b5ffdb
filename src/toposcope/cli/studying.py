"""`study`: the claims of the papers, each measured and answered with a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toposcope.cli.common import (
    Command,
    exit_with_failures,
    exits,
    json_option,
    main,
    printable,
    show,
)
from toposcope.cli.places import Place
from toposcope.cli.workers_options import workers_options
from toposcope.inputs.urls import place_text

if TYPE_CHECKING:
    from toposcope.execution.executors import Jobs


class Studies(click.Group):
    """A group with a command for every registered study; lists all claims when nothing is named."""

    format_epilog = Command.format_epilog

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a study; those without options of their own share one."""
        known = super().get_command(ctx, cmd_name)
        if known is not None or cmd_name.startswith("-"):
            return known
        from toposcope.studies import STUDIES, OwnStudy
        from toposcope.studies.own_claim import is_claim_file

        if is_claim_file(cmd_name):
            return _claim_command(cmd_name)
        if cmd_name not in STUDIES:
            return None
        study = STUDIES[cmd_name]
        make = _own_command if isinstance(study, OwnStudy) else _study_command
        return make(cmd_name, study.question)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all studies."""
        from toposcope.studies import STUDIES

        return [*STUDIES, *(name for name in super().list_commands(ctx) if name not in STUDIES)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the study, or say which there are."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from toposcope.studies import STUDIES

            known = "\n".join(f"  {name}: {one.question}" for name, one in STUDIES.items())
            msg = (
                f"there is no study {printable(args[0])!r}; known are:\n{known}\nand a claim of "
                "your own: toposcope study CLAIM.toml RUN..."
            )
            raise click.UsageError(msg, ctx)
        return super().resolve_command(ctx, args)


def _own_command(name: str, question: str) -> click.Command:
    """The command of a study that runs itself: it takes a RUN and nothing of its own."""

    @click.command(name, cls=Command, help=question)
    @click.argument("run", type=Place(urls=True))
    @jobs_option
    @json_option
    @click.pass_context
    def command(ctx: click.Context, run: Path, jobs: Jobs, as_json: bool) -> None:
        with exits(ctx, resume=True):
            from toposcope import studies
            from toposcope.execution.progress import bars

            studied = studies.run(name, run, jobs=jobs, progress=bars())
            verdicts = [one.as_dict() for one in studied.verdicts]
            text = "\n".join(f"{one.decision.upper():<15}{one}" for one in studied.verdicts)
            show(_value(name, run, verdicts, studied.failures), as_json, text)
        exit_with_failures(studied.failures)

    return command


def _claim_command(path: str) -> click.Command:
    """The command of a claim of the user's own."""

    @click.command(
        "CLAIM.toml",
        cls=Command,
        help="Decide a claim of your own; the power of its n is said before a value is read.",
        epilog="toposcope study claim.toml population\ntoposcope study claim.toml runs/r20",
    )
    @click.argument("runs", metavar="[RUN|SERIES|POPULATION]...", nargs=-1, type=Place(urls=True))
    @out_option
    @click.option("--dry-run", is_flag=True, help="Say the power; freeze and read nothing.")
    @json_option
    @click.pass_context
    def command(
        ctx: click.Context, runs: tuple[Path, ...], out: Path | None, dry_run: bool, as_json: bool
    ) -> None:
        with exits(ctx):
            _run_claim(path, runs, out, dry_run, as_json)

    return command


def _run_claim(
    path: str, runs: tuple[Path, ...], out: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Say the power of an own claim, freeze it, decide it and show it."""
    from toposcope.reporting.study_page import write_studies
    from toposcope.studies.own_claim import read_claim
    from toposcope.studies.own_claim_run import Frozen, prepare, run_claim
    from toposcope.words.own_claim import ahead_text, freeze_text
    from toposcope.words.studies import study_text

    if dry_run:
        _, ready = prepare(read_claim(path), runs, path=path, out=out)
        show({"folder": str(ready.folder), **ready.as_dict()}, as_json, ahead_text(ready))
        return

    def told(ready: Frozen) -> None:
        text = printable(f"{ahead_text(ready)}\n{freeze_text(ready)}")
        click.echo(text, err=True)

    found = run_claim(path, runs, out=out, told=told)
    written = write_studies([found], found.folder / "study.html")
    value = {key: value for key, value in found.as_dict().items() if key != "figure"}
    (one,) = found.verdicts
    text = f"{study_text(found)}\n  {one.claim.main}\n\nkept in {found.folder}; figure: {written}"
    show({**value, "page": str(written)}, as_json, text)


def _study_command(name: str, question: str) -> click.Command:
    """The command of a study of the frame."""

    @click.command(
        name,
        cls=Command,
        help=f"{question} Without RUNs it trains what it needs.",
        epilog=f"toposcope study {name} --quick\ntoposcope study {name} series/* -o studies/mine",
    )
    @click.argument("runs", metavar="[RUN|SERIES]...", nargs=-1, type=Place(urls=True))
    @models_option
    @data_option
    @quick_option
    @out_option
    @jobs_option
    @dry_option
    @json_option
    @click.pass_context
    def command(
        ctx: click.Context,
        runs: tuple[Path, ...],
        models: Path | None,
        data: str | None,
        quick: bool,
        out: Path | None,
        jobs: Jobs,
        dry_run: bool,
        as_json: bool,
    ) -> None:
        with exits(ctx, resume=True):
            found = _run(name, runs, models, data, quick, out, jobs, dry_run, as_json)
        exit_with_failures(found)

    return command


def _run(
    name: str,
    runs: tuple[Path, ...],
    models: Path | None,
    data: str | None,
    quick: bool,
    out: Path | None,
    jobs: Jobs,
    dry_run: bool,
    as_json: bool,
) -> Sequence[dict[str, Any]]:
    """Run one study and show it; returns its failures."""
    from toposcope import studies
    from toposcope.execution.progress import bars
    from toposcope.inputs.durations import duration
    from toposcope.reporting.study_page import write_studies
    from toposcope.studies.registry import forecast
    from toposcope.words.studies import study_text

    if dry_run:
        ahead = forecast(name, runs, models=models, data=data, quick=quick, out=out, jobs=jobs)
        text = (
            f"{name}: about {duration(ahead.seconds)} on {ahead.workers} workers, in "
            f"{place_text(ahead.folder)}"
        )
        show(ahead.as_dict(), as_json, text)
        return []

    def say(what: str, seconds: float) -> None:
        click.echo(f"{what}: about {duration(seconds)}", err=True)

    found = studies.run(
        name,
        runs,
        models=models,
        data=data,
        quick=quick,
        out=out,
        jobs=jobs,
        progress=bars(),
        say=say,
    )
    written = write_studies([found], found.folder / "study.html")
    value = {key: value for key, value in found.as_dict().items() if key != "figure"}
    took = f"took {duration(found.seconds['took'])}; figure: {place_text(written)}"
    text = f"{study_text(found)}\n\n{took}"
    show({**value, "page": place_text(written)}, as_json, text)
    failures: Sequence[dict[str, Any]] = found.failures
    return failures


def _value(
    name: str, run: Path, verdicts: list[dict[str, Any]], failures: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What `--json` prints of a study that runs itself."""
    return {"study": name, "run": place_text(run), "verdicts": verdicts, "failures": list(failures)}


jobs_option = workers_options()
models_option = click.option(
    "--models", type=Place(), help="A MODELS.toml, for studies that take one."
)
data_option = click.option("--data", metavar="DATA", help="With --models: what they are run on.")
quick_option = click.option(
    "--quick", is_flag=True, help="The small design: at most three minutes on two cores."
)
out_option = click.option(
    "-o", "--out", type=Place(urls=True), help="Folder or URL; default: studies/NAME."
)
dry_option = click.option("--dry-run", is_flag=True, help="Say how long it takes; do nothing.")


@main.group(
    cls=Studies,
    invoke_without_command=True,
    epilog="toposcope study\ntoposcope study wheeler-training --quick\n"
    "toposcope study validity runs/r20\ntoposcope study claim.toml population",
)
@json_option
@click.pass_context
def study(ctx: click.Context, as_json: bool) -> None:
    """Measure the claims of the papers, each with a verdict; alone: list all claims."""
    if ctx.invoked_subcommand is None:
        with exits(ctx):
            from toposcope.studies.catalog import catalog
            from toposcope.words.studies import catalog_text

            rows = catalog(Path("studies"))
            show({"claims": rows}, as_json, catalog_text(rows))


@study.command(name="all", cls=Command, epilog="toposcope study all --quick")
@quick_option
@out_option
@jobs_option
@dry_option
@json_option
@click.pass_context
def run_all(
    ctx: click.Context,
    quick: bool,
    out: Path | None,
    jobs: Jobs,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Every study on networks that it trains, one after the other; resumable at any point."""
    failures: list[dict[str, Any]] = []
    with exits(ctx, resume=True):
        from toposcope.studies import STUDIES, OwnStudy

        for name, one in STUDIES.items():
            if not isinstance(one, OwnStudy):
                where = None if out is None else out / name
                failures += _run(name, (), None, None, quick, where, jobs, dry_run, as_json)
    exit_with_failures(failures)


@study.command(
    cls=Command,
    epilog="toposcope study validity runs/r20\n"
    "toposcope study validity runs/r20 --checks outliers,metric --json",
)
@click.argument("run", type=Place(urls=True))
@click.option("--checks", help="Some of sample_size,outliers,normalization,concentration,metric.")
@click.option("--points", type=int, help="Design to check; default: the last analysis of RUN.")
@click.option("--replicates", type=int, help="Disjoint draws; default: the last analysis of RUN.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@click.option(
    "-o", "--out", type=Place(urls=True), help="Folder or URL; default: RUN/studies/validity."
)
@jobs_option
@json_option
@click.pass_context
def validity(
    ctx: click.Context,
    run: Path,
    checks: str | None,
    points: int | None,
    replicates: int | None,
    level: float,
    out: Path | None,
    jobs: Jobs,
    as_json: bool,
) -> None:
    """Can the analysis of RUN be trusted? Sample size, outliers, scale, concentration, metric."""
    with exits(ctx, resume=True):
        from toposcope.execution.progress import bars
        from toposcope.studies import validity as do_study
        from toposcope.words.validity import as_json as told_as_json
        from toposcope.words.validity import plain_text

        studied = do_study(
            run,
            checks=checks,
            points=points,
            replicates=replicates,
            level=level,
            out=out,
            jobs=jobs,
            progress=bars(),
        )
        spec, verdicts = studied.spec, [told_as_json(one) for one in studied.verdicts]
        value = _value("validity", run, verdicts, studied.failures) | {
            "folder": place_text(studied.folder),
            "design": {k: spec[k] for k in ("points", "replicates", "sizes", "normalize")},
        }
        text = (
            f"{spec['replicates']} disjoint draws of {spec['points']} points, up to "
            f"{spec['largest']} for the sample size\n\n{plain_text(studied.verdicts)}\n\n"
            f"all numbers: {place_text(studied.folder / 'measurements.parquet')}, "
            "verdicts.json beside it"
        )
        show(value, as_json, text)
    exit_with_failures(studied.failures)
