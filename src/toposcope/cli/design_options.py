"""The options of a design: made from the declarations of its parameters, and read back into one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, get_args

import click

from toposcope.analysis.design import Design, filtration_named
from toposcope.analysis.parameters import Parameter, parameters
from toposcope.analysis.registry import POINTS, in_order
from toposcope.cli.common import Choice, Choices, Command

COMPLEX = "complex"


class DesignCommand(Command):
    """A command with an option for every parameter of a design and of every filtration.

    They are made when the command is asked for, so that other commands load no plug-in.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Arguments, options of the design, options of the command."""
        own = super().get_params(ctx)
        arguments = [one for one in own if isinstance(one, click.Argument)]
        return [*arguments, *self._design, *(one for one in own if one not in arguments)]

    @cached_property
    def _design(self) -> list[click.Option]:
        return [
            _complex_option(),
            *_filtration_options(),
            *(
                _option(declared, declared.doc, default=declared.default)
                for name, declared in parameters(Design).items()
                if name != "filtration"
            ),
        ]


def take_design(options: dict[str, Any]) -> Design:
    """The design that these options ask for; they are taken out."""
    name = options.pop(COMPLEX)
    values = {key: options.pop(key) for key in parameters(Design) if key in options}
    own = {key for cls in in_order() for key in parameters(cls)}
    given = {key: options.pop(key) for key in own & options.keys()}
    told = {key: value for key, value in given.items() if value is not None}
    return Design(filtration=filtration_named(name, told), **values)


def _complex_option() -> click.Option:
    known = parameters(Design)["filtration"]
    names = [cls.name + ("" if cls.unit == POINTS else f" for {cls.unit}") for cls in in_order()]
    return click.Option(
        [known.flag, COMPLEX],
        type=Choice([cls.name for cls in in_order()]),
        default=known.default.name,
        show_default=True,
        help=f"What is filtered: {', '.join(names[:-1])}, or {names[-1]}.",
    )


def _filtration_options() -> list[click.Option]:
    """Options without default, so that one that belongs to another filtration is seen."""
    owners: dict[str, list[str]] = {}
    declared: dict[str, Parameter] = {}
    for cls in in_order():
        for name, known in parameters(cls).items():
            if name not in parameters(Design):
                owners.setdefault(name, []).append(cls.name)
                declared.setdefault(name, known)
    made = []
    for name, known in declared.items():
        said = ", ".join(owners[name]) + (f": {known.doc}" if known.doc else ".")
        shown = known.shown or ("" if known.default is False else str(known.default))
        made.append(_option(known, said, default=None, shown=shown))
    return made


def _option(known: Parameter, doc: str, *, default: Any, shown: str | None = None) -> click.Option:
    """One option of click; with a default in words where the value does not say it."""
    words = known.shown if shown is None else shown
    said = "  ".join(part for part in (doc, f"[default: {words}]" if words else "") if part)
    attrs: dict[str, Any] = {"default": default, "help": said or None}
    kind = known.kinds[0]
    if kind is bool:
        both = f"{known.flag}/{known.off}" if known.default is True else known.flag
        return click.Option([both, known.name], is_flag=True, **attrs)
    attrs["show_default"] = default is not None
    if get_args(kind):
        entry = get_args(kind)[0]
        attrs["callback"] = parse_dimensions if entry is int else _numbers
        attrs["default"] = None if default is None else ",".join(map(str, default))
    elif known.choices:
        attrs["type"] = Choice(known.choices)
    elif known.named:
        attrs["type"] = Choices(known.named) if known.several else Choice(known.named)
    elif kind is not str:
        attrs["type"] = kind
    return click.Option([known.flag, known.name], **attrs)


def parse_dimensions(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Whole numbers, as homology dimensions are, from "0,1"."""
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        msg = f"{value!r} is not a list of degrees like 0,1"
        raise click.BadParameter(msg) from None


def _numbers(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> Sequence[float] | None:
    """Numbers from "0,0.25,1", or from "0:2:0.25" with the end left out."""
    if value is None:
        return None
    try:
        if ":" not in value:
            return tuple(float(part) for part in value.split(","))
        start, stop, step = (float(part) for part in value.split(":"))
        count = math.ceil((stop - start) / step - 1e-9)
        if count < 1:
            msg = f"{value!r} holds no threshold: a range goes up from its start, as 0:2:0.25"
            raise click.BadParameter(msg)
        return tuple(round(start + i * step, 12) for i in range(count))
    except (ValueError, ZeroDivisionError, OverflowError):
        msg = f"{value!r} is no list like 0,0.5,1 and no range like 0:2:0.25"
        raise click.BadParameter(msg) from None
