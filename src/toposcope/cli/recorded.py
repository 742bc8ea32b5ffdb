"""What a RUN recorded of its commands, as a file for `--config`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from toposcope.cli.common import main
from toposcope.errors import UsageError
from toposcope.inputs.urls import place_text

NOT_KEPT = (
    "config",
    "help",
    "as_json",
    "jobs",
    "executor",
    "task_timeout",
    "task_memory",
    "dry_run",
    "preregister",
    "frozen",
    "plan",
)
"""Options that say how a command is run, not what it computes."""


def recorded_as_config(run: Path) -> str:
    """What a RUN recorded of its capture and of the analysis it shows, as a file for `--config`.

    Raises
    ------
    UsageError
        When it was captured in Python and has no analysis: then nothing can be typed.
    """
    from toposcope.analysis.stored import current_name
    from toposcope.store.commands import plain_command
    from toposcope.store.runs import Run

    opened = Run.open(run)
    parts = []
    command = plain_command(opened.spec.get("command"), imports=True)
    if command:
        parts.append(_section(shlex.split(command)[1:]))
    else:
        parts.append("# The capture was made in Python, so there is no command of it.\n")
    if current_name(opened.path) is not None:
        from toposcope.analysis.opening import load_analysis

        design = load_analysis(opened.path).design
        assert design is not None, "a stored analysis has one"
        parts.append(_section(["analyze", place_text(run), *design.command_words()]))
    elif not command:
        msg = (
            f"info --toml: {place_text(run)} was captured in Python and has no analysis, so there "
            "is no command to write down."
        )
        raise UsageError(msg)
    return "\n".join(parts).rstrip()


def _section(words: Sequence[str]) -> str:
    """A command line as a table of TOML."""
    name, *rest = words
    command = main.commands[name]
    with command.make_context(name, list(rest), resilient_parsing=True) as ctx:
        typed = {
            param.name: param
            for param in command.get_params(ctx)
            if ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
            and param.name not in NOT_KEPT
        }
        values = {_key(param): ctx.params[key] for key, param in typed.items() if key in ctx.params}
    return f"[{name}]\n" + "".join(f"{k} = {toml_value(v)}\n" for k, v in values.items())


def _key(param: click.Parameter) -> str:
    return max(param.opts, key=len).lstrip("-")


def toml_value(value: Any) -> str:
    """A plain value as TOML.

    >>> toml_value(True), toml_value(("a", "b")), toml_value(0.5), toml_value(Path("runs/x"))
    ('true', '["a", "b"]', '0.5', '"runs/x"')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        msg = f"{value!r} is no plain value"
        raise TypeError(msg)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml_value, value))}]"
    # A string of JSON is one of TOML, whatever it holds; but for DEL, which is no name's.
    return json.dumps(str(value), ensure_ascii=False)
