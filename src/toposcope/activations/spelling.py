"""What somebody meant who left out, or misspelled, the kind of a MODEL or DATA."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

FILES = {
    ".npz": "npz",
    ".npy": "npy",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
"""Kind of DATA by the end of a name."""


def meant_data(spec: str, kinds: Sequence[str]) -> str:
    """A question with the DATA that was probably meant, or "".

    Examples
    --------
    >>> meant_data("cifar10.npz", ["npz", "npy"]), meant_data("digits", ["sklearn"])
    ('Did you mean npz:cifar10.npz? ', 'Did you mean sklearn:digits? ')
    >>> meant_data("npx:cifar10.npz", ["npz", "npy"]), meant_data("what", ["npz"])
    ('Did you mean npz:cifar10.npz? ', '')
    """
    kind, colon, rest = spec.partition(":")
    place = rest if colon and rest and not _is_module(kind) else spec
    name = place.partition("#")[0].lower()
    by_end = next((k for end, k in FILES.items() if name.endswith(end)), "")
    if by_end:
        return _asked(f"{by_end}:{place}")
    if name == "digits":
        return _asked("sklearn:digits")
    if _is_folder(place):
        return _asked(f"imagefolder:{place}")
    return _misspelled(kind, rest, kinds) or _code(spec)


def meant_model(spec: str, kinds: Sequence[str]) -> str:
    """A question with the MODEL that was probably meant, or "".

    Examples
    --------
    >>> meant_model("resnet18", ["py", "hf", "timm", "torchvision"])
    'Did you mean torchvision:resnet18 or timm:resnet18? '
    >>> meant_model("tim:resnet18", ["py", "hf", "timm", "torchvision"])
    'Did you mean timm:resnet18? '
    >>> meant_model("sentence-transformers/all-MiniLM-L6-v2", ["hf"])
    'Did you mean hf:sentence-transformers/all-MiniLM-L6-v2? '
    """
    kind, colon, rest = spec.partition(":")
    if colon:
        return _misspelled(kind, rest, kinds) or _code(spec)
    if _is_folder(spec) or re.fullmatch(r"[\w.-]+/[\w.-]+", spec):
        return _asked(f"hf:{spec}")
    if code := _code(spec):
        return code
    if re.fullmatch(r"[a-z][a-z0-9_]*", spec) and re.search(r"\d", spec):
        return f"Did you mean torchvision:{spec} or timm:{spec}? "
    return ""


def meant_code(spec: str) -> str:
    """A question with `py:module:factory` where a dot stands before the factory, or "".

    >>> meant_code("py:mynets.net")
    'Did you mean py:mynets:net? '
    """
    module, dot, name = spec.removeprefix("py:").rpartition(".")
    return _asked(f"py:{module}:{name}") if dot and module and name else ""


def _code(spec: str) -> str:
    """A question with `py:` in front of what names something that can be imported, or ""."""
    module, colon, name = spec.rpartition(":")
    if not colon:
        module, _, name = spec.rpartition(".")
    module = module.removesuffix(".py")  # a file, as other tools take one
    return _asked(f"py:{module}:{name}") if name and _is_module(module) else ""


def _is_module(name: str) -> bool:
    """Whether there is a module of that name, here or installed; nothing is imported."""
    first = name.partition(".")[0]
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        return False
    here = Path(first)
    return here.with_suffix(".py").is_file() or here.is_dir() or bool(_spec(first))


def _spec(name: str) -> object:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _is_folder(place: str) -> bool:
    # A name too long for a file system is none of its folders.
    try:
        return bool(place) and Path(place).is_dir()
    except OSError:
        return False


def _misspelled(kind: str, rest: str, kinds: Sequence[str]) -> str:
    near = difflib.get_close_matches(kind, kinds, n=1, cutoff=0.6)
    return _asked(f"{near[0]}:{rest}") if near and rest else ""


def _asked(meant: str) -> str:
    return f"Did you mean {meant}? "
