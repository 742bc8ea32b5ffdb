"""The register of filtrations: ours, those of users, and those that installed packages add.

It knows classes by name and by the source they come from, and nothing of what they do.
"""

from __future__ import annotations

import hashlib
import inspect
from abc import ABC
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from toposcope.errors import UsageError
from toposcope.execution.plugins import Registry

POINTS, VOLUMES = "points", "volumes"
"""Units: clouds of points, or the volume of each image."""

PACKAGE = Path(__file__).parents[1]

Registered = TypeVar("Registered", bound=type[Any])

FILTRATIONS: dict[str, type[Any]] = {}
"""The filtrations that are registered so far, by name; see `known`."""

_PLUGINS: Registry[type[Any]] = Registry("toposcope.filtrations", {})


def known() -> Mapping[str, type[Any]]:
    """Every filtration by name: ours, those registered, and those that installed packages add."""
    for cls in _PLUGINS.added.values():
        if FILTRATIONS.get(cls.name) is not cls:
            register(cls)
    return FILTRATIONS


def register(cls: Registered) -> Registered:
    """Make a filtration known under its name: stored analyses name it, `--complex` finds it.

    Written above `@dataclass(frozen=True)`. A class from outside the package is known once its
    module is imported; its source file is part of the identity of every number it makes.

    Raises
    ------
    UsageError
        For a class that is no frozen dataclass, or a name that another one has.

    Examples
    --------
    The filtration by distances squared, in full; now `ts.analyze(acts, filtration=Squared())`:

    >>> from dataclasses import dataclass
    >>> from toposcope.analysis.filtrations import PointFiltration
    >>> @register
    ... @dataclass(frozen=True)
    ... class Squared(PointFiltration):
    ...     def distances(self, cloud, distances):
    ...         return distances**2
    >>> FILTRATIONS.pop("squared")().describe()
    'Vietoris-Rips of the distances of Squared()'
    """
    frozen = is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    if not frozen or "__dataclass_fields__" not in vars(cls):
        msg = f"register({cls.__name__}): write @dataclass(frozen=True) below @register."
        raise UsageError(msg)
    other = FILTRATIONS.get(cls.name, cls)
    if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        msg = (
            f"register({cls.__name__}): {other.__module__}.{other.__qualname__} has the name "
            f"{cls.name!r} already. Give the class another name."
        )
        raise UsageError(msg)
    cls.source = _source_hash(cls)
    FILTRATIONS[cls.name] = cls
    return cls


def _source_hash(cls: type[Any]) -> str | None:
    """Hash of the files of a class and its bases outside the package, read as they are loaded."""
    digest = hashlib.sha256()
    for owner in cls.__mro__:
        if issubclass(owner, ABC) and owner is not ABC:
            try:
                file = Path(inspect.getfile(owner)).resolve()
                if not file.is_relative_to(PACKAGE):
                    digest.update(file.read_bytes())
            except (OSError, TypeError):  # typed in at a prompt
                return None
    empty = hashlib.sha256().hexdigest()
    return "" if digest.hexdigest() == empty else digest.hexdigest()[:16]


def unit_of(attrs: Mapping[str, Any]) -> str:
    """POINTS or VOLUMES: what an analysis with these attributes measured."""
    cls = known().get(str(attrs.get("complex")))
    return POINTS if cls is None else cls.unit


def in_order() -> list[type[Any]]:
    """Registered filtrations: those of points first, and of them the plain one."""
    plain = known().get("rips")
    return sorted(known().values(), key=lambda cls: (cls.unit, cls is not plain, cls.name))


def is_own(cls: type[Any]) -> bool:
    """Whether a class is part of this package."""
    return bool(cls.source == "")
