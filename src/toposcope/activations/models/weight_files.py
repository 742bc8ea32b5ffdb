"""Read files of weights without running anything that they say, and tell what was read.

Files are untrusted: safetensors, or pickles through torch's weights_only reader. There is no
fallback to full unpickling, since that would run code from the file: see unpickling.py. Which of
the entries of a file is meant, and whether it fits, is in state_dicts.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toposcope.activations.data.files import expanded
from toposcope.activations.models.unpickling import unpickled
from toposcope.activations.reasons import reason_of
from toposcope.errors import UsageError, WeightsError
from toposcope.inputs.limits import refuse_larger

PICKLES = (".pt", ".pth", ".th", ".bin", ".ckpt", ".tar")
SUFFIXES = (".safetensors", *PICKLES)
IN_FOLDER = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Weights of a Hugging Face folder, in the order its own loader looks for them."""
INDEX = ".index.json"
LONGEST_NAME = 255
"""Bytes of a file's name: what file systems take."""
MARK = "#"
"""What parts a file from the entry that is meant: `last.ckpt#teacher`."""
NO_WEIGHTS = {
    b"version https://git-lfs": "it is a pointer of Git LFS; get the file with 'git lfs pull'",
    b"<!doctype": "it is a web page; download the file itself",
    b"<html": "it is a web page; download the file itself",
    b"<?xml": "it is an XML page; download the file itself",
    b"gguf": "it is a GGUF file; needed is safetensors or a PyTorch file",
    b"\x89hdf": "it is an HDF5 file; needed is safetensors or a PyTorch file",
}
"""Beginnings of files that stand in for weights after a download, and what to do."""
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.(safetensors|bin)$")


@dataclass(frozen=True)
class WeightFile:
    """What a file of weights holds and how it was read.

    Parameters
    ----------
    content
        What the file holds: a state dict, or a mapping that holds one somewhere.
    kind
        "safetensors" or "torch, weights_only"; of several files with their number.
    sha256
        Hash of the bytes; of several files, of the names and hashes of all of them.
    unopened
        Names of the objects beside the weights that were read as nothing.
    """

    content: Any
    kind: str
    sha256: str
    unopened: list[str] = field(default_factory=list)


def split_entry(weights: Path | str) -> tuple[Path, str]:
    """File and entry of `FILE#ENTRY`; a file that has the sign in its name stays whole.

    Examples
    --------
    >>> split_entry("last.ckpt#teacher")[1], split_entry("last.ckpt")[1]
    ('teacher', '')
    """
    whole = expanded(weights)
    if MARK not in whole.name or whole.exists():
        return whole, ""
    name, _, entry = whole.name.rpartition(MARK)
    return whole.with_name(name) if name else whole, entry if name else ""


def weights_file(place: Path) -> Path:
    """The file to load for a file, or for a folder that holds the weights of one network.

    Raises
    ------
    WeightsError
        When the folder holds none, or several and nothing says which.
    """
    place, entry = split_entry(place)
    if not place.is_dir():
        return with_entry(place, entry)
    present = next((place / name for name in IN_FOLDER if (place / name).is_file()), None)
    if present is None:
        present = _only_weights(place)
    return with_entry(present, entry)


def with_entry(place: Path, entry: str) -> Path:
    """`FILE#ENTRY`, or the file alone for an empty entry."""
    return place.with_name(f"{place.name}{MARK}{entry}") if entry else place


def holds_one_network(folder: Path) -> bool:
    """Whether a folder says by its names that all its weights are those of one network."""
    return any((folder / name).is_file() for name in IN_FOLDER) or _together(folder) is not None


def _together(folder: Path) -> Path | None:
    """The index of a folder, or the first of one row of shards, which stands for all of them."""
    inside = sorted(one for one in folder.iterdir() if one.is_file())
    indexes = [one for one in inside if one.name.endswith(INDEX)]
    if len(indexes) == 1:
        return indexes[0]
    rows = [(_SHARD.match(one.name), one) for one in inside if one.suffix in SUFFIXES]
    stems = {match and match.group(1) for match, _ in rows}
    return rows[0][1] if len(stems) == 1 and None not in stems else None


def _only_weights(folder: Path) -> Path:
    together = _together(folder)
    files = sorted(one for one in folder.iterdir() if one.is_file() and one.suffix in SUFFIXES)
    if together is not None or len(files) == 1:
        return together or files[0]
    holds = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing"
    if (folder / ".metadata").exists():
        todo = (
            "It is a distributed checkpoint: make one file of it with "
            "'python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE.pt'."
        )
    elif files:
        todo = "Name the one file that is meant."
    else:
        todo = f"Needed is a file that ends in {', '.join(SUFFIXES)}, or an index of shards."
    msg = f"the folder {folder} does not say which weights are meant; it holds {holds}. {todo}"
    raise WeightsError(msg)


def read_weights(path: Path) -> WeightFile:
    """What a file of weights, an index of several, or a folder of them holds.

    Raises
    ------
    WeightsError
        When it cannot be read, or holds more than tensors.
    """
    if path.is_dir():
        path = weights_file(path)
    _refuse_absent(path)
    parts = _parts_of(path)
    if parts == [path]:
        content, kind, unopened = _read_one(path)
        return WeightFile(content, kind, _sha256(path), unopened)
    together: dict[str, Any] = {}
    kinds = set()
    left: list[str] = []
    digest = hashlib.sha256()
    for part in parts:
        _refuse_absent(part)
        content, kind, unopened = _read_one(part)
        left += unopened
        if not isinstance(content, dict):
            msg = f"{part} is a part of {path.name} and holds {type(content).__name__}, no tensors."
            raise WeightsError(msg)
        together |= content
        kinds.add(kind)
        digest.update(f"{part.name} {_sha256(part)}\n".encode())
    told = " and ".join(sorted(kinds))
    return WeightFile(together, f"{told}, {len(parts)} files", digest.hexdigest(), left)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_absent(path: Path) -> None:
    if path.is_file():
        return
    beside = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
    have = f" The folder holds {', '.join(beside[:8])}." if beside else ""
    msg = f"no weights file {path}.{have}"
    raise WeightsError(msg)


def _parts_of(path: Path) -> list[Path]:
    """The files that belong together: those of an index, those of `x-00001-of-00003`, or one."""
    shard = _SHARD.match(path.name)
    if shard:
        stem, _, count, suffix = shard.groups()
        names = [f"{stem}-{i:05d}-of-{count}.{suffix}" for i in range(1, int(count) + 1)]
        return [path.with_name(name) for name in names]
    if not path.name.endswith(INDEX):
        return [path]
    try:
        refuse_larger(path.stat().st_size, "JSON", what=str(path))
        listed = json.loads(path.read_bytes())["weight_map"].values()
        names = sorted({str(name) for name in listed})
    except UsageError:
        raise
    except (ValueError, LookupError, AttributeError, TypeError, OSError, RecursionError) as error:
        msg = f"{path} is not a readable index of weights: {reason_of(error)}."
        raise WeightsError(msg) from error
    if path.name in names:
        msg = f"{path} lists itself; needed are the files of its weights."
        raise WeightsError(msg)
    odd = [name for name in names if not _is_file_name(name)]
    if odd:
        msg = f"{path} names no file of its folder ({odd[0][:200]!r}), which is refused."
        raise WeightsError(msg)
    if not names:
        msg = f"{path} lists no file of weights."
        raise WeightsError(msg)
    return [path.with_name(name) for name in names]


def _is_file_name(name: str) -> bool:
    """Whether it can name a file of the folder it stands in."""
    plain = Path(name).name == name and name not in ("", "..") and "\0" not in name
    return plain and len(name.encode(errors="replace")) <= LONGEST_NAME


def _read_one(path: Path) -> tuple[Any, str, list[str]]:
    """Content and kind of one file, and what was not opened; its first bytes say what it is."""
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError as error:
        msg = f"{path} cannot be read: {reason_of(error)}."
        raise WeightsError(msg) from error
    if not head:
        msg = f"{path} is empty (0 bytes); needed is a file of weights."
        raise WeightsError(msg)
    for start, told in NO_WEIGHTS.items():
        if head.lstrip()[:40].lower().startswith(start):
            msg = f"{path} holds no weights: {told}."
            raise WeightsError(msg)
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        from safetensors.torch import load_file

        try:
            return load_file(path), "safetensors", []
        except Exception as error:  # a damaged header may raise anything
            msg = f"{path} is not a readable safetensors file: {reason_of(error)}."
            raise WeightsError(msg) from error
    pickled = head[:2] == b"PK" or head[:1] == b"\x80"
    if path.suffix not in PICKLES and not pickled:
        msg = (
            f"{path}: unknown kind of weights {path.suffix!r}; accepted are "
            f"{', '.join(SUFFIXES)}, an index of several ({INDEX}) or their folder."
        )
        raise WeightsError(msg)
    content, unopened = unpickled(path)
    return content, "torch, weights_only", unopened
