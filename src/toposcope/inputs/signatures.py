"""What every parameter of a workflow must be, checked before any of its work begins.

Workflows (`capture`, `analyze`, `compare`, `report` and the like) name their parameters alike, so
one table by name holds for all of them; `checked` applies it to a call, and takes what a function
has of its own. None passes where it is the default. Limits that depend on other parameters, and
which names there are, stay with the functions.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from toposcope.errors import UsageError, networks
from toposcope.inputs import parameters as given

__all__ = [
    "Check",
    "checked",
    "having",
    "instance",
    "line",
    "models_file_or_entries",
    "place",
    "places",
    "sample_ids",
    "sequence",
    "several",
    "texts",
    "whole_of",
]

P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[..., Any]
"""Takes a value, its name and `call=`; returns the value, or refuses it."""


def place(value: object, name: str, *, call: str) -> Any:
    """A path, as it was given.

    >>> place("run", "store", call="capture()")
    'run'
    """
    found = given.path(value, name, call=call)
    return value if isinstance(value, str) and not value.lower().startswith("file:/") else found


def store(value: object, name: str, *, call: str) -> Any:
    """A path or a URL, as it was given.

    >>> store("s3://bucket/run", "run", call="open()")
    's3://bucket/run'
    """
    found = given.path(value, name, call=call, url=True)
    return value if isinstance(value, str) and not value.lower().startswith("file:/") else found


def places(value: object, name: str, *, call: str) -> Any:
    """One path or several.

    >>> places(["a", "b"], "weights", call="capture_series()")
    ['a', 'b']
    """
    if isinstance(value, str | os.PathLike):
        return place(value, name, call=call)
    listed = given.entries(value, name, call=call, of="paths")
    return [place(one, f"{name}[{i}]", call=call) for i, one in enumerate(listed)]


def line(value: object, name: str, *, call: str) -> str:
    """A text that may be empty.

    >>> line("", "label", call="plot_depth()")
    ''
    """
    if isinstance(value, str):
        return str(value)
    msg = f"{call}: {name}={given.shown(value)}; needed is a text."
    raise UsageError(msg)


def texts(value: object, name: str, *, call: str) -> Any:
    """A text or a sequence of texts, as they were given.

    >>> texts(("cka", "rsa"), "measures", call="compare()")
    ('cka', 'rsa')
    """
    if isinstance(value, str):
        return str(value)
    listed = given.entries(value, name, call=call, of="names")
    for i, one in enumerate(listed):
        line(one, f"{name}[{i}]", call=call)
    return value if isinstance(value, list | tuple) else listed


def analyses(value: object, name: str, *, call: str) -> Any:
    """The name of an analysis, or one for each network, None for the newest.

    >>> analyses(["first", None], "analysis", call="report()")
    ['first', None]
    """
    if isinstance(value, str):
        return given.text(value, name, call=call)
    listed = given.entries(value, name, call=call, of="names")
    return [
        None if one is None else given.text(one, f"{name}[{i}]", call=call)
        for i, one in enumerate(listed)
    ]


def sample_ids(value: object, name: str, *, call: str) -> Any:
    """What names samples: a word, or the names themselves.

    >>> sample_ids("stem", "ids", call="capture()")
    'stem'
    """
    if isinstance(value, str):
        return given.text(value, name, call=call)
    given.entries(value, name, call=call, of="ids, one for each sample")
    return value


def models_file_or_entries(value: object, name: str, *, call: str) -> Any:
    """A models.toml, or a sequence of models.

    >>> models_file_or_entries("models.toml", "models", call="rank()")
    'models.toml'
    """
    if isinstance(value, str | os.PathLike):
        return place(value, name, call=call)
    return given.entries(value, name, call=call, of="models, or the path of a models.toml")


def layer_patterns(value: object, name: str, *, call: str) -> Any:
    """A selection of layers, as it was given: a text, a whole number, or several of them.

    >>> layer_patterns([0, "fc"], "layers", call="capture()")
    [0, 'fc']
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return [layer_patterns(one, f"{name}[{i}]", call=call) for i, one in enumerate(value)]
    try:
        return given.whole(value, name, call=call)
    except UsageError:
        got = f"{type(value).__name__} {given.shown(value)}"
        msg = (
            f"{call}: {name}= has {got}; needed are 'blocks', 'all', 'heads', 'type:NAME', names "
            "or globs of layers, or numbers of modules of a Sequential."
        )
        raise UsageError(msg) from None


def workers(value: object, name: str, *, call: str) -> Any:
    """A number of workers, the name of an executor, or an executor.

    >>> workers(2, "jobs", call="analyze()")
    2
    """
    of_ours = any(hasattr(value, one) for one in ("submit", "executor"))
    if isinstance(value, str) or (of_ours and not isinstance(value, type)):
        return value
    try:
        return given.whole(value, name, call=call, low=0)
    except UsageError:
        msg = (
            f"{call}: {name}={given.shown(value)}; needed is a number of workers, 1 or more, 0 for "
            "none, the name of an executor, or an executor."
        )
        raise UsageError(msg) from None


def step(value: object, name: str, *, call: str) -> int | float:
    """A training step: a whole number stays one, since it is written as it is (`--step 3`).

    >>> step(3, "step", call="capture()"), step(0.5, "step", call="capture()")
    (3, 0.5)
    """
    if type(value) is int:
        return value
    return given.number(value, name, call=call)


def margin(value: object, name: str, *, call: str) -> Any:
    """A margin of equivalence, or one for each measure.

    >>> margin({"cka": 1}, "margin", call="compare()")
    {'cka': 1.0}
    """
    if isinstance(value, Mapping):
        each = value.items()
        return {str(k): given.number(v, f"{name}[{k!r}]", call=call, above=0) for k, v in each}
    return given.number(value, name, call=call, above=0)


def whole_of(low: int) -> Check:
    """A checker of whole numbers of `low` or more.

    >>> whole_of(1)(3, "points", call="rank()")
    3
    """

    def check(value: object, name: str, *, call: str) -> int:
        return given.whole(value, name, call=call, low=low)

    return check


def having(method: str, needed: str) -> Check:
    """A checker of objects that have a method.

    >>> having("append", "a list")([], "x", call="f()")
    []
    """

    def check(value: object, name: str, *, call: str) -> Any:
        if callable(getattr(value, method, None)) and not isinstance(value, type):
            return value
        msg = f"{call}: {name}={given.shown(value)}; needed is {needed}."
        raise UsageError(msg)

    return check


def instance(
    *kinds: type,
    needed: str,
    path: bool = False,
    url: bool = False,
    like: tuple[str, ...] = (),
) -> Check:
    """A checker of what one of our own calls returned; with `path`, or a folder of it; or a URL.

    With `like`, whatever has those attributes passes too.

    >>> instance(dict, needed="a dict")({}, "result", call="describe()")
    {}
    """

    def check(value: object, name: str, *, call: str) -> Any:
        alike = bool(like) and all(hasattr(value, one) for one in like)
        if isinstance(value, kinds) or (alike and not isinstance(value, type)):
            return value
        if path and isinstance(value, str | os.PathLike):
            return (store if url else place)(value, name, call=call)
        or_path = ", or the path of its folder" if path else ""
        kind = type(value).__name__
        msg = f"{call}: {name}={given.shown(value)} ({kind}); needed is {needed}{or_path}."
        raise UsageError(msg)

    return check


def sequence(check: Check, *, of: str, fewest: int = 0) -> Check:
    """A checker of sequences, each entry by a checker.

    >>> sequence(whole_of(0), of="numbers")([1, 2], "x", call="f()")
    [1, 2]
    """

    def check_all(value: object, name: str, *, call: str) -> Any:
        listed = given.entries(value, name, call=call, of=of)
        if len(listed) < fewest:
            msg = f"{call}: {name} is empty; needed is a sequence of {of}, at least {fewest}."
            raise UsageError(msg)
        found = [check(one, f"{name}[{i}]", call=call) for i, one in enumerate(listed)]
        return tuple(found) if isinstance(value, tuple) else found

    return check_all


def several(check: Check, *, of: str) -> Check:
    """A checker of one value, or of a list or tuple of them.

    >>> several(whole_of(0), of="numbers")(1, "x", call="f()")
    1
    """
    listed = sequence(check, of=of)

    def check_any(value: object, name: str, *, call: str) -> Any:
        return (listed if isinstance(value, list | tuple) else check)(value, name, call=call)

    return check_any


BY_NAME: Mapping[str, Check] = {
    **dict.fromkeys(("path", "to", "out", "store", "plan"), place),
    **dict.fromkeys(("points", "replicates", "n", "samples", "images"), whole_of(1)),
    **dict.fromkeys(("batch_size", "max_tokens", "per_class"), whole_of(1)),
    **dict.fromkeys(("device", "pool", "channels", "dtype", "metric", "normalize"), given.text),
    **dict.fromkeys(("test", "margin_unit", "step_unit", "points_are", "statistic"), given.text),
    **dict.fromkeys(("name", "title", "command", "layer"), given.text),
    **dict.fromkeys(("note", "label"), line),
    **dict.fromkeys(("threshold", "level"), given.number),
    **dict.fromkeys(("measures", "scores", "checks", "configuration"), texts),
    "calibrate": whole_of(0),
    "n_resamples": given.whole,
    "homology_dimension": whole_of(0),
    "seed": given.seed,
    "analysis": analyses,
    "layers": layer_patterns,
    "jobs": workers,
    "step": step,
    "margin": margin,
    "progress": having("task", "a progress with .task(name, total), or None for silence"),
    "say": given.function,
    "tell": given.function,
}
"""What a parameter of that name must be, in every workflow that does not say otherwise."""


def checked(called: str = "", /, **own: Check) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the arguments of a function before it begins, by `BY_NAME` and by `own`.

    Parameters whose default is True or False are flags. `called` is the name of a function that is
    public under another one.

    Examples
    --------
    >>> @checked(parts=whole_of(2))
    ... def cut(*, parts: int, n: int | None = None) -> int | None:
    ...     return n
    >>> cut(parts=2) is None, cut(parts=2, n=3)
    (True, 3)
    >>> cut(parts=2, n="3")
    Traceback (most recent call last):
    toposcope.errors.UsageError: cut(): n='3'; needed is a whole number of 1 or more.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        call = f"{called or function.__name__}()"

        @wraps(function)
        def front(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:  # Python says what is missing or too much
                return function(*args, **kwargs)
            for name, value in bound.arguments.items():
                parameter = signature.parameters[name]
                check = own.get(name) or _usual(parameter)
                if check is None or value is parameter.default:
                    continue
                if parameter.kind is parameter.VAR_POSITIONAL:
                    found = tuple(check(v, f"{name}[{i}]", call=call) for i, v in enumerate(value))
                    bound.arguments[name] = found
                else:
                    bound.arguments[name] = check(value, name, call=call)
            with networks(call):
                return function(*bound.args, **bound.kwargs)

        return front

    return decorate


def _usual(parameter: inspect.Parameter) -> Check | None:
    if parameter.kind is parameter.VAR_KEYWORD:
        return None
    return given.flag if isinstance(parameter.default, bool) else BY_NAME.get(parameter.name)
