"""Find what a `py:package.module:factory` argument names, in the user's own code."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from toposcope.activations.spelling import meant_code
from toposcope.errors import SpecError, ToposcopeError
from toposcope.types import near_matches


@dataclass(frozen=True)
class UserObject:
    """An object of the user's code and the module it stands in."""

    spec: str
    module: ModuleType
    value: Any

    def call(self) -> Any:
        """What the factory returns; a thing that is not callable stands for itself."""
        # A network is callable as well, but it is the answer, not the factory.
        if not callable(self.value) or (
            hasattr(self.value, "named_modules") and not isinstance(self.value, type)
        ):
            return self.value
        try:
            with _current_directory_first():
                return self.value()
        except ToposcopeError:
            raise
        except Exception as error:
            msg = (
                f"{self.spec}: calling {self.value.__name__}() raised {type(error).__name__}: "
                f"{error}. The factory is called without arguments."
            )
            raise SpecError(msg) from error

    def code_hash(self) -> str | None:
        """SHA-256 of the source file, or None when there is none."""
        path = getattr(self.module, "__file__", None)
        if path is None:
            return None
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@contextmanager
def _current_directory_first() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def resolve(spec: str, what: str) -> UserObject:
    """The object that `py:package.module:name` stands for.

    Parameters
    ----------
    spec
        `py:package.module:name`; modules are looked up in the current directory first.
    what
        "MODEL" or "DATA", for messages.

    Raises
    ------
    SpecError
        When the module or the name is not there; lists near matches.

    Examples
    --------
    >>> resolve("py:math:sqrt", "MODEL").value(9.0)
    3.0
    """
    module_name, colon, name = spec.removeprefix("py:").rpartition(":")
    if not colon or not module_name or not name:
        msg = (
            f"{what} {spec!r} cannot be understood. {meant_code(spec)}Write "
            "py:package.module:factory."
        )
        raise SpecError(msg)
    module = _import(spec, module_name, what)
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            public = [key for key in vars(value) if not key.startswith("_")]
            msg = f"{what} {spec!r}: {module_name} has no {part!r}. " + near_matches(part, public)
            raise SpecError(msg)
        value = getattr(value, part)
    return UserObject(spec, module, value)


def _import(spec: str, name: str, what: str) -> ModuleType:
    try:
        with _current_directory_first():
            importlib.invalidate_caches()
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        ours = error.name is not None and (name == error.name or name.startswith(error.name + "."))
        if not ours:
            msg = f"{what} {spec!r}: importing {name} needs the module {error.name!r}, not found."
            raise SpecError(msg) from error
        known = _modules_here()
        msg = (
            f"{what} {spec!r}: no module {name!r} in {Path.cwd()} or among the installed packages. "
        ) + near_matches(name, known)
        raise SpecError(msg) from error
    except Exception as error:
        msg = f"{what} {spec!r}: importing {name} raised {type(error).__name__}: {error}."
        raise SpecError(msg) from error


def _modules_here() -> list[str]:
    """Dotted names of the Python files in the current directory and one level below."""
    here = Path.cwd()
    files = [*here.glob("*.py"), *here.glob("*/*.py")]
    return sorted(
        ".".join(path.relative_to(here).with_suffix("").parts)
        for path in files
        if path.stem != "__init__"
    )
