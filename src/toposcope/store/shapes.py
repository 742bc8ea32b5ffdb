"""What a stored value must look like: a file of ours may be a stranger's, or of another version.

Only what readers rest on is named; more keys may be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from toposcope.errors import DamagedError, ToposcopeError

Shape = Any
"""A type, a tuple of types, [shape of every entry], {key: shape}; "key?" may be absent. In
{str: shape} every entry has the shape."""


def expect(value: Any, shape: Shape, *, where: str, again: str, at: str = "") -> Any:
    """The value, if it has the shape.

    Raises
    ------
    DamagedError
        Naming the file, the entry, what it holds and what is needed.

    Examples
    --------
    >>> expect({"n": 3, "x": None}, {"n": int, "m?": str}, where="a.json", again="Delete it.")
    {'n': 3, 'x': None}
    >>> try:
    ...     expect({"n": [3, "4"]}, {"n": [int]}, where="a.json", again="Delete it.")
    ... except DamagedError as error:
    ...     print(error)
    a.json is damaged: n[1] is '4'; needed is int. Delete it.
    """
    if isinstance(shape, list):
        _be(isinstance(value, list), value, "a list", where, again, at)
        for number, entry in enumerate(value):
            expect(entry, shape[0], where=where, again=again, at=f"{at}[{number}]")
    elif isinstance(shape, Mapping):
        _be(isinstance(value, Mapping), value, "a mapping", where, again, at)
        if set(shape) == {str}:
            for key, entry in value.items():
                expect(entry, shape[str], where=where, again=again, at=f"{at}.{key}".strip("."))
            return value
        for key, inner in shape.items():
            name = key.removesuffix("?")
            here = f"{at}.{name}".strip(".")
            if name in value:
                expect(value[name], inner, where=where, again=again, at=here)
            elif name == key:
                _say(f"{here} is missing", where, again)
    else:
        kinds = shape if isinstance(shape, tuple) else (shape,)
        fits = isinstance(value, kinds) and (
            not isinstance(value, bool) or bool in kinds or object in kinds
        )
        names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        _be(fits, value, names, where, again, at)
    return value


@contextmanager
def understood(where: str, *, again: str) -> Iterator[None]:
    """Turn what a reader stumbles over in a file of ours into an error that names the file.

    Examples
    --------
    >>> try:
    ...     with understood("spec.json", again="Delete it."):
    ...         {}["points"]
    ... except DamagedError as error:
    ...     print(error)
    spec.json is damaged (KeyError: 'points'). Delete it.
    """
    try:
        yield
    except ToposcopeError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        msg = f"{where} is damaged ({type(error).__name__}: {str(error)[:200]}). {again}"
        raise DamagedError(msg) from error


def _be(fits: bool, value: Any, needed: str, where: str, again: str, at: str) -> None:
    if not fits:
        _say(f"{at or 'it'} is {repr(value)[:60]}; needed is {needed}", where, again)


def _say(what: str, where: str, again: str) -> None:
    msg = f"{where} is damaged: {what}. {again}"
    raise DamagedError(msg)
