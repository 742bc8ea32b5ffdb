"""Parameters declared once: type, default, limits, flag and one line of help, on a dataclass field.

What is checked, which options a command has, and how a design reads as a command line all follow
from the declaration. The command line reads it for `--help`, so nothing heavy is imported here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from toposcope.errors import UsageError

_KEY = "toposcope"


@dataclass(frozen=True)
class Parameter:
    """What is known of one parameter.

    Parameters
    ----------
    name, hint, default
        Of the field: its name, its type, and its value where none is given.
    doc
        One line of help.
    flag
        Option of the command line.
    low, high
        Smallest and largest value.
    above
        Number that values lie above.
    choices
        The values there are; () when there are others.
    named
        Names that an option offers: of these, or of several with commas, where a check elsewhere
        refuses others.
    several
        Whether several of them go with commas.
    shown
        Default in words, where the value itself does not say it.
    rare
        Whether a command line leaves it out at its default.
    """

    name: str
    hint: Any
    default: Any
    doc: str = ""
    flag: str = ""
    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    choices: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    several: bool = False
    shown: str = ""
    rare: bool = False

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The types it takes besides None."""
        parts = get_args(self.hint) if get_origin(self.hint) in (Union, UnionType) else [self.hint]
        return tuple(part for part in parts if part is not NoneType)

    def checked(self, value: object, *, call: str) -> Any:
        """The value as the declared type: numbers of NumPy and lists become those of Python.

        Raises
        ------
        UsageError
            For another type, or a value outside the limits.
        """
        try:
            fitted = _fitted(value, self.hint)
        except TypeError:
            raise self._refusal(value, call) from None
        for entry in fitted if isinstance(fitted, tuple) else (fitted,):
            number = isinstance(entry, int | float) and not isinstance(entry, bool)
            if number and not (self.low <= entry <= self.high and entry > self.above):
                raise self._refusal(value, call)
            if self.choices and entry is not None and entry not in self.choices:
                raise self._refusal(value, call)
        return fitted

    def words(self, value: object) -> list[str]:
        """The value as words of a command line.

        Examples
        --------
        >>> Parameter("neighbors", int, 12, flag="--neighbors").words(5)
        ['--neighbors', '5']
        """
        if value is None or (self.rare and value == self.default):
            return []
        if value is False:
            return [self.off] if self.default is True else []
        return [self.flag] if value is True else [self.flag, _text(value)]

    @property
    def off(self) -> str:
        """Option that says no to what is the default."""
        return f"--no-{self.flag.removeprefix('--')}"

    def _refusal(self, value: object, call: str) -> UsageError:
        if self.default is None:
            advice = f"Pass such a value ({self.flag}), or leave it out."
        else:
            typed = " ".join(replace(self, rare=False).words(self.default))
            typed = f" ({typed})" if typed else ""
            advice = (
                f"Pass {self.name}={self.default!r}{typed}, the default, or another such value."
            )
        return UsageError(f"{call}({self.name}={value!r}): needed is {self._needed()}. {advice}")

    def _needed(self) -> str:
        if self.choices:
            return f"one of {', '.join(map(repr, self.choices))}"
        said = " or ".join(_kind_words(kind) for kind in self.kinds)
        if self.above > -math.inf:
            said += f" above {self.above:g}"
        if self.low > -math.inf:
            said += f" of {self.low:g} or more"
        if self.high < math.inf:
            said += f"{' and' if self.above > -math.inf else ''} at most {self.high:g}"
        return said


def parameter(
    default: Any = None,
    doc: str = "",
    *,
    flag: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    above: float = -math.inf,
    choices: Sequence[str] = (),
    named: Sequence[str] = (),
    several: bool = False,
    shown: str = "",
    rare: bool = False,
    factory: Callable[[], Any] | None = None,
) -> Any:
    """A field of a dataclass that says all there is to know of a parameter; see `Parameter`.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Ball:
    ...     points: int = parameter(500, "Points inside.", low=2)
    >>> parameters(Ball)["points"].flag
    '--points'
    >>> checked(Ball(points=1), call="Ball")
    Traceback (most recent call last):
    toposcope.errors.UsageError: Ball(points=1): needed is a whole number of 2 or more. Pass \
points=500 (--points 500), the default, or another such value.
    """
    said = {"doc": doc, "flag": flag, "low": low, "high": high, "above": above}
    more = {"choices": tuple(choices), "shown": shown, "rare": rare}
    more |= {"named": tuple(named), "several": several}
    if factory is not None:
        return field(default_factory=factory, metadata={_KEY: {**said, **more}})
    return field(default=default, metadata={_KEY: {**said, **more}})


def parameters(owner: type[Any]) -> Mapping[str, Parameter]:
    """The parameters of a dataclass by name, in the order of its fields."""
    return _read(cast("Any", owner))


@cache
def _read(owner: type[Any]) -> Mapping[str, Parameter]:
    hints = get_type_hints(owner)
    known = {}
    for one in fields(owner):
        told = dict(one.metadata.get(_KEY, {}))
        told["flag"] = told.get("flag") or "--" + one.name.replace("_", "-")
        default = one.default if one.default_factory is MISSING else one.default_factory()
        known[one.name] = Parameter(one.name, hints[one.name], default, **told)
    return known


def checked(values: object, *, call: str) -> None:
    """Check the fields of a frozen dataclass, in its `__post_init__`; they become Python's own."""
    for name, known in parameters(type(values)).items():
        object.__setattr__(values, name, known.checked(getattr(values, name), call=call))


def from_keywords(owner: type[Any], given: Mapping[str, Any], *, call: str) -> Any:
    """A dataclass made of keywords; those it does not have are refused by name.

    Raises
    ------
    UsageError
        For a name that is no parameter, with near matches.
    """
    known = parameters(owner)
    for name in given:
        if name not in known:
            from toposcope.types import near_matches

            msg = f"{call}: there is no parameter {name!r}. {near_matches(name, list(known))}"
            raise UsageError(msg)
    return owner(**given)


def command_words(values: object, *, leave_out: Sequence[str] = ()) -> list[str]:
    """The values of a dataclass as words of a command line."""
    return [
        word
        for name, known in parameters(type(values)).items()
        if name not in leave_out
        for word in known.words(getattr(values, name))
    ]


def _fitted(value: Any, hint: Any) -> Any:
    """The value as a type; TypeError when it is of another one."""
    value = value.tolist() if hasattr(value, "tolist") else value
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        for part in parts:
            try:
                return _fitted(value, part)
            except TypeError:
                continue
    elif origin is not None and issubclass(origin, Iterable):
        if isinstance(value, Iterable) and not isinstance(value, str | bytes):
            return tuple(_fitted(entry, parts[0]) for entry in value)
    elif hint is int:
        if isinstance(value, Integral) and not isinstance(value, bool):
            return int(value)
    elif hint is float:
        if isinstance(value, Real) and not isinstance(value, bool):
            return float(value)
    elif isinstance(value, hint):
        return value
    raise TypeError


def _kind_words(kind: Any) -> str:
    if get_args(kind):
        return f"a sequence, each entry {_kind_words(get_args(kind)[0])}"
    plain = {int: "a whole number", float: "a number", bool: "True or False", str: "a text"}
    return plain.get(kind, f"a {kind.__name__}")


def _text(value: object) -> str:
    """A value as it is typed.

    >>> _text((-0.5, 0.0, 1 / 3)), _text(8)
    ('-0.5,0,0.3333333333333333', '8')
    """
    if isinstance(value, tuple | list):
        return ",".join(map(_text, value))
    if isinstance(value, float):
        short = f"{value:.12g}"
        return short if float(short) == value else repr(value)
    return str(value)
