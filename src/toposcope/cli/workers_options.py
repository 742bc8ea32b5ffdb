"""The options that say where tasks run and what each may take: the same for every command."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

KEPT = "toposcope.workers"
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class Seconds(click.ParamType):
    """A time such as 90, 90s, 15m, 2h or 1d."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        found = re.fullmatch(r"([0-9]*\.?[0-9]+) *([smhd]?)", str(value).strip().lower())
        if not found or not float(found[1]):
            self.fail(f"{value!r} is no time; write 90s, 15m, 2h or 1d", param, ctx)
        return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


class Bytes(click.ParamType):
    """A size such as 800M or 2GiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        found = re.fullmatch(r"([0-9]*\.?[0-9]+) *([kmgt]?)(i?b)?", str(value).strip().lower())
        size = int(float(found[1]) * UNITS[found[2]]) if found else 0
        if not size:
            self.fail(f"{value!r} is no size of memory; write 800M or 2GiB", param, ctx)
        return size


def workers_options(*, least: int = 0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --jobs, --executor, --task-timeout, --task-memory and --slurm-options.

    All of them arrive as one argument, `jobs`: see `toposcope.execution.executors.Jobs`.

    Parameters
    ----------
    least
        Smallest number of workers.
    """

    def kept(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value is not None:
            ctx.meta.setdefault(KEPT, {})[param.name] = value

    def joined(ctx: click.Context, param: click.Parameter, value: int | None) -> Any:
        others = ctx.meta.get(KEPT)
        if not others:
            return value
        from toposcope.errors import MissingExtraError, UsageError
        from toposcope.execution.executors import Workers

        try:
            return Workers(value, **others)
        except (UsageError, MissingExtraError) as error:
            raise click.BadParameter(str(error), ctx) from error

    def early(*names: str, **attrs: Any) -> Callable[[Any], Any]:
        # Eager and not exposed: they are read before --jobs, which takes them along.
        return click.option(*names, expose_value=False, is_eager=True, callback=kept, **attrs)

    options = (
        click.option(
            "--jobs",
            type=click.IntRange(min=least),
            callback=joined,
            help="Worker processes, or jobs of Slurm at once; default: one per CPU, 16 jobs.",
        ),
        early(
            "--executor",
            metavar="NAME",
            help="processes, loky, dask:local, dask://HOST:PORT, slurm, slurm:PARTITION, ray:local "
            "or ray:HOST:PORT.  [default: processes]",
        ),
        early(
            "--task-timeout",
            type=Seconds(),
            help="Time of one task, as 15m; longer is its failure.  [default: by its forecast]",
        ),
        early(
            "--task-memory",
            type=Bytes(),
            help="Memory of one task, as 2G; twice it in one more try.  [default: its share]",
        ),
        early(
            "--slurm-options",
            metavar="WORDS",
            help="More words for sbatch, as '--account=physics --time=8:00:00'.",
        ),
    )

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorated
