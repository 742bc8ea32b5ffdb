"""What other packages add: statistics, filtrations, transfer scores and studies.

A package names what it adds in its pyproject.toml, under one of `GROUPS`, and is installed; every
process, worker processes included, then finds it:

    [project.entry-points."toposcope.statistics"]
    longest_share = "mypackage:longest_share"

docs/extending.md has a recipe for each group. What decides numbers enters the identity of tasks:
`plugin_hash` is over the sources of all modules that add something.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from toposcope.errors import UsageError

Value = TypeVar("Value")

GROUPS = (
    "toposcope.statistics",
    "toposcope.filtrations",
    "toposcope.scores",
    "toposcope.studies",
)


class Registry(Mapping[str, Value], Generic[Value]):
    """Values by name: ours, and those that installed packages add.

    Plug-ins are imported on the first look, so that importing toposcope imports none of them.

    Parameters
    ----------
    group
        One of `GROUPS`.
    own
        Ours, in the order in which they are shown.

    Raises
    ------
    UsageError
        On the first look, when a plug-in takes a name that is taken.

    Examples
    --------
    >>> numbers = Registry("toposcope.statistics", {"one": 1})
    >>> numbers["one"], "two" in numbers
    (1, False)
    """

    def __init__(self, group: str, own: Mapping[str, Value]) -> None:
        assert group in GROUPS, group
        self.group, self.own = group, own

    @cached_property
    def added(self) -> dict[str, Value]:
        """What installed packages add, by name."""
        points = _points(self.group)
        taken = [point for point in points if point.name in self.own]
        twice = [point for point in points if sum(p.name == point.name for p in points) > 1]
        if taken or twice:
            names = ", ".join(f"{point.name!r} ({point.value})" for point in [*taken, *twice])
            msg = (
                f"{self.group}: the name of a plug-in is taken: {names}. Uninstall one of the "
                "packages, or give the entry point another name in its pyproject.toml."
            )
            raise UsageError(msg)
        return {point.name: point.load() for point in points}

    @cached_property
    def _all(self) -> dict[str, Value]:
        return {**self.own, **self.added}

    def __getitem__(self, name: str) -> Value:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


@cache
def plugin_hash() -> str:
    """Hash of the sources of all modules that add something; "" where none does."""
    digest, modules = hashlib.sha256(), set()
    for group in GROUPS:
        for point in _points(group):
            modules.add((point.name, point.value, source_file(point.load())))
    for name, value, source in sorted(modules, key=str):
        digest.update(f"{name}\0{value}\0".encode() + source.read_bytes())
    return digest.hexdigest()[:16] if modules else ""


def source_file(value: Any) -> Path:
    """The file that defines a function, a class or the class of a value."""
    defined = value if inspect.isroutine(value) or inspect.isclass(value) else type(value)
    module = inspect.getmodule(defined)
    path = getattr(module, "__file__", None)
    if path is None:
        msg = (
            f"{value!r} is defined in no file, so that results could not be told from those of "
            "another version of it. Write it into a module of its own."
        )
        raise UsageError(msg)
    return Path(path)


@cache
def _points(group: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))
