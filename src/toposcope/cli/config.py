"""`--config FILE.toml`: the options of a command from a file, and what a RUN recorded as one.

Keys are options without their dashes, or arguments; a table named after a command holds those of
that command, so that one file is good for all. What is typed goes before what a file says.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click

from toposcope.cli.places import Place


def config_option() -> click.Option:
    """The option, eager: what a file says has to be known before other options are read."""
    return click.Option(
        ["--config"],
        metavar="FILE.toml",
        type=Place(dir_okay=False),
        is_eager=True,
        expose_value=False,
        callback=_take,
        help="Options and arguments from a file; what is typed goes first.",
    )


def _take(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Make the values of a file the defaults of a command."""
    if path is None:
        return
    values = read_config(path, ctx.command, ctx)
    ctx.default_map = {**(ctx.default_map or {}), **values}


def read_config(path: Path, command: click.Command, ctx: click.Context) -> dict[str, Any]:
    """What a file says for one command, by parameter.

    Raises
    ------
    click.BadParameter
        For a file that is none, and for keys that the command does not have.
    """
    from toposcope.errors import UsageError
    from toposcope.inputs.toml_files import read_toml

    try:
        told = read_toml(path, where=f"--config {path}")
    except UsageError as error:
        raise click.BadParameter(str(error), ctx) from None
    name = command.name or ""
    plain = {key: value for key, value in told.items() if not isinstance(value, dict)}
    own = told.get(name, {})
    if not plain and name not in told:
        tables = ", ".join(f"[{key}]" for key in told) or "nothing"
        msg = f"--config {path}: it holds {tables}, and no [{name}]. Write a table [{name}]."
        raise click.BadParameter(msg, ctx)
    known = _known(command, ctx)
    out = {}
    for key, value in {**plain, **own}.items():
        param = known.get(key.lstrip("-").replace("-", "_"))
        if param is None:
            near = difflib.get_close_matches(key, [one.replace("_", "-") for one in known], n=3)
            hint = f"Near matches: {', '.join(near)}." if near else f"See {ctx.command_path} --help"
            msg = f"--config {path}: {name} has no option {key!r}. {hint}"
            raise click.BadParameter(msg, ctx)
        out[param.name or ""] = _value(value, param)
    return out


def _known(command: click.Command, ctx: click.Context) -> dict[str, click.Parameter]:
    """Parameters of a command by every name they go by."""
    known: dict[str, click.Parameter] = {}
    for param in command.get_params(ctx):
        if param.name in ("config", "help"):
            continue
        for name in (*param.opts, param.name or ""):
            known[name.lstrip("-").replace("-", "_")] = param
    return known


def _value(value: Any, param: click.Parameter) -> Any:
    """A value of TOML as the parameter reads it: lists are what is typed with commas."""
    several = param.multiple if isinstance(param, click.Option) else param.nargs != 1
    if isinstance(value, list):
        return [str(one) for one in value] if several else ",".join(map(str, value))
    return [value] if several else value
