"""`study`: claims and validity checks, each measured in full and answered with a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


class Studies(click.Group):
    """A group with a command for every registered study; lists them when asked for another."""

    format_epilog = Command.format_epilog

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a study; those without options of their own share one."""
        known = super().get_command(ctx, cmd_name)
        if known is not None or cmd_name.startswith("-"):
            return known
        from toposcope.studies import STUDIES

        return _plain_command(cmd_name) if cmd_name in STUDIES else None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all studies."""
        from toposcope.studies import STUDIES

        return list(STUDIES)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the study, or say which there are."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from toposcope.studies import STUDIES

            known = "\n".join(f"  {name}: {one.question}" for name, one in STUDIES.items())
            msg = f"there is no study {printable(args[0])!r}; known are:\n{known}"
            raise click.UsageError(msg, ctx)
        return super().resolve_command(ctx, args)


def _plain_command(name: str) -> click.Command:
    """The command of a study that takes a RUN and nothing of its own."""
    from toposcope.studies import STUDIES

    @click.command(name, cls=Command, help=STUDIES[name].question)
    @click.argument("run", type=click.Path(path_type=Path))
    @jobs_option
    @json_option
    @click.pass_context
    def command(ctx: click.Context, run: Path, jobs: int | None, as_json: bool) -> None:
        with exits(ctx, resume=True):
            from toposcope import studies
            from toposcope.execution.progress import bars

            studied = studies.run(name, run, jobs=jobs, progress=bars())
            verdicts = [one.as_dict() for one in studied.verdicts]
            text = "\n".join(f"{one.decision.upper():<15}{one}" for one in studied.verdicts)
            show(_value(name, run, verdicts, studied.failures), as_json, text)
        exit_with_failures(studied.failures)

    return command


def _value(
    name: str, run: Path, verdicts: list[dict[str, Any]], failures: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What `--json` prints of any study."""
    return {"study": name, "run": str(run), "verdicts": verdicts, "failures": list(failures)}


jobs_option = click.option(
    "--jobs", type=click.IntRange(min=0), help="Worker processes; default: one per CPU."
)


@main.group(cls=Studies, epilog="toposcope study validity runs/r20")
def study() -> None:
    """Measure a claim or a validity check in full, with a verdict."""


@study.command(
    cls=Command,
    epilog="toposcope study validity runs/r20\n"
    "toposcope study validity runs/r20 --checks outliers,metric --json",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--checks", help="Some of sample_size,outliers,normalization,concentration,metric.")
@click.option("--points", type=int, help="Design to check; default: the last analysis of RUN.")
@click.option("--replicates", type=int, help="Disjoint draws; default: the last analysis of RUN.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder; default: RUN/studies/validity."
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
    jobs: int | None,
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
            "folder": str(studied.folder),
            "design": {k: spec[k] for k in ("points", "replicates", "sizes", "normalize")},
        }
        text = (
            f"{spec['replicates']} disjoint draws of {spec['points']} points, up to "
            f"{spec['largest']} for the sample size\n\n{plain_text(studied.verdicts)}\n\n"
            f"all numbers: {studied.folder / 'measurements.parquet'}, verdicts.json beside it"
        )
        show(value, as_json, text)
    exit_with_failures(studied.failures)
