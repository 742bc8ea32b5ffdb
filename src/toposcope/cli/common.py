"""What every subcommand shares: registration, errors to exit codes, results to stdout.

Results go to stdout, progress and log to stderr. Exit codes: 0 done, 1 error, 2 wrong usage or
refused before starting, 3 finished with recorded failures, 130 interrupted.
"""

from __future__ import annotations

import difflib
import json
import logging
import math
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from toposcope import __version__
from toposcope.cli.config import config_option
from toposcope.cli.panels import panels_of
from toposcope.cli.speech import in_flags
from toposcope.errors import (
    DegenerateCloudError,
    MissingExtraError,
    ToposcopeError,
    UsageError,
    networks,
)

EXIT_ERROR, EXIT_USAGE, EXIT_FAILURES, EXIT_INTERRUPTED = 1, 2, 3, 130

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


class Names(click.ParamType):
    """Names separated by commas; an option of this type may be repeated as well.

    Every option that takes several names is of this kind, so "E0,E1" means the same everywhere.
    """

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Names from "E0, E1"."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(",") if part.strip())
        if not names:
            self.fail(f"{value!r} holds no name; write one, or several with commas", param, ctx)
        return names


def names_option(*flags: str, **attrs: Any) -> Callable[..., Any]:
    """An option for several names: with commas, repeated, or both."""

    def flat(
        ctx: click.Context, param: click.Parameter, value: Sequence[tuple[str, ...]]
    ) -> tuple[str, ...]:
        return tuple(name for names in value for name in names)

    return click.option(*flags, type=Names(), multiple=True, callback=flat, **attrs)


class Choice(click.Choice[str]):
    """One of several names: completed by shells, near matches where it is none of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name."""
        known = [str(one) for one in self.choices]
        if str(value) in known:
            return str(value)
        self.fail(f"{value!r} is unknown; {near_or_all(str(value), known)}", param, ctx)


class Choices(click.ParamType):
    """Several of some names with commas: completed by shells one by one."""

    name = "names"

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = tuple(choices)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names, as of one choice."""
        return f"[{'|'.join(self.choices)}],..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The names with commas."""
        for one in (part.strip() for part in str(value).split(",")):
            if one not in self.choices:
                told = near_or_all(one, self.choices)
                self.fail(f"{one!r} is unknown; {told} Several go with commas.", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names that may follow the last comma."""
        before, comma, begun = incomplete.rpartition(",")
        return [
            CompletionItem(f"{before}{comma}{one}") for one in self.choices if one.startswith(begun)
        ]


def near_or_all(value: str, known: Sequence[str]) -> str:
    """What to choose instead.

    >>> near_or_all("cosinus", ["euclidean", "cosine"])
    'did you mean cosine? Choose one of euclidean, cosine.'
    >>> near_or_all("x", ["euclidean", "cosine"])
    'choose one of euclidean, cosine.'
    """
    near = difflib.get_close_matches(value, known, n=1)
    choose = f"hoose one of {', '.join(known)}."
    return f"did you mean {near[0]}? C{choose}" if near else f"c{choose}"


class Command(click.Command):
    """A command with `--config`, options in panels, and examples that end its help."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters, then `--config` and `--help`."""
        *own, asked = super().get_params(ctx)
        if self._config is None:
            self._config = config_option()
        return [*own, self._config, asked]

    _config: click.Option | None = None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those that most people need first."""
        told = {
            param.name or "": record
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            and (record := param.get_help_record(ctx)) is not None
        }
        for title, names in panels_of(self.name or "", list(told)):
            with formatter.section(title):
                formatter.write_dl([told[name] for name in names])

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
    """What shape does the data take inside a neural network?

    capture -> analyze -> report; `toposcope demo` shows all of it in about two minutes.

    Completion in bash: eval "$(_TOPOSCOPE_COMPLETE=bash_source toposcope)"; zsh and fish alike.
    """
    ctx.obj = {"verbose": verbose}
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def command(
    epilog: str, cls: type[Command] = Command, **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """Register a subcommand with examples."""
    return main.command(cls=cls, epilog=epilog, **settings)  # type: ignore[return-value]


@contextmanager
def exits(ctx: click.Context, *, resume: bool = False) -> Iterator[None]:
    """Turn errors into messages and exit codes."""
    try:
        with networks(f"toposcope {ctx.info_name}"):
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
    told = in_flags(str(error), ctx.command, ctx)
    click.echo(printable(f"toposcope: {told}{notes}"), err=True)
    if ctx.obj["verbose"]:
        click.echo(printable("".join(traceback.format_exception(error))), err=True)
    sys.exit(code)


def printable(text: str) -> str:
    """Text without control characters: names come from files and could move the cursor."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def this_command() -> str:
    """The command line as the user can type it again."""
    return shlex.join(["toposcope", *sys.argv[1:]])


def show(value: dict[str, Any], as_json: bool, text: str) -> None:
    """Results on stdout: for machines or for people.

    JSON has no infinity and no NaN, and strict readers refuse Python's words for them: null.
    """
    click.echo(json.dumps(strict(value), allow_nan=False) if as_json else printable(text))


def strict(value: Any) -> Any:
    """The same with None for numbers that are not finite.

    >>> strict({"edge": float("inf"), "gaps": [0.5, float("nan")]})
    {'edge': None, 'gaps': [0.5, None]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: strict(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [strict(one) for one in value]
    return value


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
        elif isinstance(entry, list) and entry and isinstance(entry[0], str):
            lines.append(f"{key}: {', '.join(entry)}")
        elif isinstance(entry, list):
            lines.append(f"{key}:" if entry else f"{key}: none")
            lines += ["  " + ", ".join(f"{k} {v}" for k, v in item.items()) for item in entry]
        else:
            lines.append(key_values({key: entry}))
    return "\n".join(lines)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows aligned in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def exit_with_failures(failures: Sequence[dict[str, Any]]) -> None:
    """Tell what failed, and leave with the code for it."""
    for failure in failures:
        click.echo(printable(f"failed: {failure['task']}: {failure['reason']}"), err=True)
    if failures:
        sys.exit(EXIT_FAILURES)
