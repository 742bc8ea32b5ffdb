"""Open pickled checkpoints without running anything that they ask for.

Torch's weights_only reader stops at every name that is no tensor. What a training keeps beside its
weights (its command line, configuration, best accuracy, paths, the optimizer itself) has such
names, and none of it is needed: a stand-in whose code is ours takes the place of each, and neither
the package nor the file is asked for anything. Names that only harm asks for are refused, and so
are those that hold tensors in ways torch does not open.
"""

from __future__ import annotations

import pickle
import re
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import _weights_only_unpickler

from toposcope.activations.reasons import reason_of
from toposcope.errors import WeightsError

HARMFUL = frozenset(
    [
        *("asyncio", "code", "codecs", "ctypes", "importlib", "multiprocessing", "nt", "operator"),
        *("os", "pdb", "pickle", "posix", "pty", "runpy", "shutil", "socket", "subprocess", "sys"),
        *("threading", "timeit", "webbrowser", "__builtin__", "commands", "bdb", "dill"),
    ]
)
"""Packages whose functions a file of weights has no use for: such a file is refused aloud."""
PLAIN = frozenset(
    [
        *("frozenset", "slice", "range", "complex", "bytearray", "list", "dict", "tuple", "set"),
        *("int", "float", "str", "bool", "bytes", "object"),
    ]
)
"""Names of builtins that only hold values; `eval` or `getattr` are none of them."""
MOST = 300
"""Names that one file may have read as nothing: each is one more reading of the file."""
LONGEST = 1_000
"""Characters of a message of torch's reader that are kept. It quotes names from the file and then
searches them with expressions whose time grows with their square: 140,000 took minutes."""
_GLOBAL = re.compile(r"GLOBAL\s+`?([\w.]+)")
_OPENING = threading.RLock()
_INTO = re.compile(r"Can only (SETITEM|append|extend).* but got <class 'nothing\.(.+)'>")


class Nothing:
    """Stands for an object of a file that is no weight; takes whatever it is given, does nothing.

    >>> Nothing(1, key=2)
    Nothing()
    """

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        """One more of them."""
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __repr__(self) -> str:
        return "Nothing()"


class _Entries(Nothing):
    """Stands for a kind of dictionary: what is put into it may be weights."""

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        return OrderedDict()


class _Items(Nothing):
    """Stands for a kind of list."""

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        return []


def unpickled(path: Path) -> tuple[Any, list[str]]:
    """What a pickled file holds, and the names in it that were read as nothing.

    Raises
    ------
    WeightsError
        When it cannot be read, asks for what runs code, or is a pickled object as a whole.
    """
    stand_ins: dict[str, type[Nothing]] = {}
    while True:
        try:
            named = [(kind, name) for name, kind in stand_ins.items()]
            with _short_messages(), torch.serialization.safe_globals(named):
                content = torch.load(path, map_location="cpu", weights_only=True)
            break
        except pickle.UnpicklingError as error:
            new = _stand_in(str(error), stand_ins)
            if new is None or len(stand_ins) >= MOST:
                raise WeightsError(refused(str(path), name_of_refused(error))) from error
            stand_ins |= new
        except Exception as error:  # a damaged pickle may raise anything
            msg = f"{path} is not a readable PyTorch file: {_reason(path, error)}."
            raise WeightsError(msg) from error
    unopened = [name.removeprefix("builtins.") for name in stand_ins]
    if unopened and not isinstance(content, (Mapping, list, tuple)):
        raise WeightsError(refused(str(path), unopened[0]))
    return content, unopened


class _Unpickler(_weights_only_unpickler.Unpickler):  # type: ignore[misc]
    """Torch's weights_only reader; what a file puts into its messages is cut."""

    def load(self) -> Any:
        """The content; the reader's own error, cut, where it refuses."""
        try:
            return super().load()
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(str(error)[:LONGEST]) from None


@contextmanager
def _short_messages() -> Iterator[None]:
    """Torch opens files by `_Unpickler`, whose refusals are the same but for their length."""
    with _OPENING:
        theirs = _weights_only_unpickler.Unpickler
        _weights_only_unpickler.Unpickler = _Unpickler
        try:
            yield
        finally:
            _weights_only_unpickler.Unpickler = theirs


def _stand_in(told: str, known: Mapping[str, type[Nothing]]) -> dict[str, type[Nothing]] | None:
    """One more name that is read as nothing, or in another way than so far; None to refuse."""
    filled = _INTO.search(told)
    if filled:
        how, name = filled.groups()
        shape = _Entries if how == "SETITEM" else _Items
        first = name in known and known[name].__base__ is Nothing
        return {name: _named(shape, name)} if first else None
    found = _GLOBAL.search(told)
    name = found.group(1) if found else ""
    package = name.partition(".")[0]
    if not name or package in HARMFUL or name.startswith(("torch._", "torch.storage", "torch.jit")):
        return None
    if "." not in name:  # torch leaves "builtins." out of what it says
        if name not in PLAIN:
            return None
        name = f"builtins.{name}"
    return None if name in known else {name: _named(Nothing, name)}


def _named(kind: type[Nothing], name: str) -> type[Nothing]:
    """A class of its own for every name: torch's messages then tell which one they mean."""
    return type(name, (kind,), {"__module__": "nothing"})


def _reason(path: Path, error: Exception) -> str:
    """What torch said, or that the file is an archive of another kind."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()]
    except Exception:  # a damaged archive may raise anything; torch's error is told
        return reason_of(error)
    if "constants.pkl" in names:
        return (
            "it is a TorchScript archive, which is code; save the weights alone with "
            "torch.save(torch.jit.load(FILE).state_dict(), ...)"
        )
    if "data.pkl" not in names:
        return f"a zip archive that holds {', '.join(names[:4])}; not what torch.save writes"
    return reason_of(error)


def refused(what: str, name: str) -> str:
    """The message for a file that holds more than tensors; `name` is the first such object."""
    holds = f"it holds {name!r}" if name else "it holds more than tensors"
    return (
        f"{what} was refused: {holds}, and opening that could run code from the file. Where the "
        "training runs, save the weights alone: torch.save(model.state_dict(), ...), better as "
        "safetensors."
    )


def name_of_refused(error: BaseException) -> str:
    """Name of the object at which torch's weights_only reader stopped, "" when it tells none."""
    found = _GLOBAL.search(str(error))
    return found.group(1)[:200] if found else ""
