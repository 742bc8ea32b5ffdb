"""toposcope: the shape of data inside neural networks, layer by layer, with honest statistics.

>>> import toposcope as ts
>>> acts = ts.from_arrays({"block": [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]})
>>> acts
ActivationSet(1 layers, 4 samples)

Names load on first use, so importing the package stays light. They are listed once, in
__init__.pyi.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

__version__ = "0.1.0"


def _listed() -> dict[str, tuple[str, str]]:
    """Public names, each with the module it comes from and its name there."""
    listed: dict[str, tuple[str, str]] = {}
    for line in ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8")).body:
        match line:
            case ast.ImportFrom(module=str(module), names=names):
                listed |= {alias.asname or alias.name: (module, alias.name) for alias in names}
            case ast.Assign(targets=[ast.Name(name)], value=ast.Name(there)):
                listed[name] = listed.pop(there)
    return listed


_NAMES = _listed()
__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        module, there = _NAMES[name]
        if module == __name__:
            return import_module(f"{module}.{there}")
        try:
            home = import_module(module)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            return _without_torch(name, error)
        value = getattr(home, there, None) or import_module(f"{module}.{there}")
        globals()[name] = value
        return value
    from toposcope.types import near_matches

    msg = f"toposcope has no name {name!r}. {near_matches(name, __all__)}"
    raise AttributeError(msg)


def _without_torch(name: str, error: ModuleNotFoundError) -> Any:
    """What stands for a function that runs networks: the error comes when it is called."""

    def missing(*args: object, **options: object) -> NoReturn:
        from toposcope.errors import networks

        with networks(f"{name}()"):
            raise error
        raise AssertionError

    missing.__name__ = missing.__qualname__ = name
    return missing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
