"""Data that is arrays: npz and npy files, arrays in memory, scikit-learn's digits.

Pickled object arrays are refused. Pictures, text, tables, items of a Dataset and Hugging Face
datasets have files of their own beside this one.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.files import (
    damaged,
    file_hash,
    no_labels,
    pick_key,
    split_of,
    split_spec,
)
from toposcope.activations.data.pictures import from_jpegs
from toposcope.activations.data.source import DataSource, kind_of, labels_of
from toposcope.errors import SpecError, UsageError
from toposcope.inputs.limits import refuse_bomb, refuse_larger
from toposcope.store.objects import content_hash
from toposcope.types import near_matches

X_KEYS = ("image", "images", "x", "data")
Y_KEYS = ("label", "labels", "y")
NAME_KEYS = ("class_names", "classes")
_DAMAGE = (
    *(OSError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError),
    *(NotImplementedError, RuntimeError, AttributeError),
)
"""What NumPy and zipfile raise of files that are damaged, encrypted or packed in other ways."""


def from_array(
    x: NDArray[Any],
    y: Any,
    *,
    name: str,
    spec: str,
    class_names: Any = (),
    content: str = "",
    split: str = "",
    columns: tuple[str, ...] = (),
    without: str = "pass x alone",
    left_out: Mapping[str, Any] | None = None,
    ids_of: Callable[[str], Any] | None = None,
) -> DataSource:
    """A source over an array (n, ...) in memory or mapped from a file.

    Raises
    ------
    SpecError
        When it has no sample, holds no numbers, or labels do not fit.
    """
    if x.ndim < 2 or 0 in x.shape:
        msg = f"{spec}: the samples have shape {x.shape}; needed is (n, ...) with n of at least 1."
        if x.ndim == 1 and x.dtype.kind in "fb" and len(x):
            msg += " Samples of one number each are x[:, None], one sample of many is x[None]."
        if x.ndim == 1 and x.dtype.kind in "iu" and len(x):
            msg += " The token ids of one text are x[None]; samples of one number are x[:, None]."
        raise SpecError(msg)
    if x.dtype.kind not in "fiub":
        msg = f"{spec}: the samples are {x.dtype}; needed are numbers."
        raise SpecError(msg)
    labels, names = labels_of(y, len(x), class_names, spec=spec, without=without)
    if not content:
        content = "array:" + _array_hash(x, labels)
    return DataSource(
        name=name,
        n=len(x),
        kind=kind_of(x.dtype, x.shape[1:]),
        read=lambda indices: np.asarray(x[indices]),
        labels=labels,
        class_names=names,
        content=content,
        spec=spec,
        split=split,
        columns=columns,
        left_out=left_out or {},
        ids_of=ids_of,
    )


def _array_hash(x: NDArray[Any], labels: NDArray[np.int64] | None) -> str:
    parts = [f"{x.dtype}{x.shape}".encode(), content_hash(np.ascontiguousarray(x)).encode()]
    if labels is not None:
        parts.append(content_hash(labels).encode())
    return content_hash(b"|".join(parts))


def from_npz(spec: str) -> DataSource:
    """`npz:FILE[#x=KEY,y=KEY]`, arrays or joined JPEG files."""
    path, options = split_spec(spec, ("x", "y"))
    x_key = None
    try:
        # Opened here: np.load leaves a damaged file open.
        with path.open("rb") as stream:
            stored = np.load(stream, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                msg = f"DATA {spec!r}: {path} holds a single array; write npy:{path}."
                raise SpecError(msg)
            members = set(stored.files)
            joined = {"bytes", "offsets"} <= members and "x" not in options
            y_key = pick_key(members, options, "y", Y_KEYS, spec, needed=False)
            keys = [y_key, *[key for key in NAME_KEYS if key in members][:1]]
            if joined:
                keys += ["bytes", "offsets"]
            else:
                x_key = pick_key(members, options, "x", X_KEYS, spec, needed=True)
                keys.append(x_key)
            chosen = [key for key in keys if key is not None]
            for key in chosen:
                _refuse_large(stored, key, what=f"DATA {spec!r}: {path}")
            arrays = {key: stored[key] for key in chosen}
    except UsageError:
        raise
    except _DAMAGE as error:
        raise damaged(spec, path, error) from error
    y = None if y_key is None else arrays[y_key]
    names = next((arrays[key] for key in NAME_KEYS if key in arrays), ())
    name, split = split_of(path)
    about: dict[str, Any] = {"name": name, "spec": spec, "split": split, "content": file_hash(path)}
    about["without"] = no_labels(spec)
    about["ids_of"] = lambda word: _member(path, word, sorted(members), spec)
    if joined:
        return from_jpegs(arrays, y, names, **about)
    return from_array(arrays[str(x_key)], y, class_names=names, **about)


def _refuse_large(stored: Any, key: str, *, what: str) -> None:
    """Refuse an array whose header or archive says more than there can be, before it is read."""
    archive = stored.zip
    names = [name for name in (key, f"{key}.npy") if name in archive.namelist()]
    if not names:
        return
    info = archive.getinfo(names[0])
    what = f"{what}, array {key!r}"
    refuse_larger(info.file_size, "ARRAY", what=what)
    refuse_bomb(info.compress_size, info.file_size, what=what)
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        held = math.prod(shape) * dtype.itemsize
    if held > info.file_size and not dtype.hasobject:
        msg = f"{what}: its header says {held:,} bytes, and the file holds {info.file_size:,}."
        raise SpecError(msg)


def _member(path: Path, key: str, members: list[str], spec: str) -> NDArray[Any]:
    """An array of ids in an npz file."""
    if key not in members:
        msg = f"DATA {spec!r}: ids={key!r} is no array in the file. " + near_matches(key, members)
        raise SpecError(msg)
    try:
        with path.open("rb") as stream:
            stored = np.load(stream, allow_pickle=False)
            _refuse_large(stored, key, what=f"DATA {spec!r}: {path}")
            return np.asarray(stored[key])
    except UsageError:
        raise
    except _DAMAGE as error:
        raise damaged(spec, path, error) from error


def from_npy(spec: str) -> DataSource:
    """`npy:FILE`, mapped from disk."""
    path, _ = split_spec(spec, ())
    try:
        with path.open("rb") as stream:
            archive = stream.read(2) == b"PK"  # np.load leaves a damaged archive open
        if archive:
            msg = f"DATA {spec!r}: {path} is an archive of arrays; write npz:{path}."
            raise SpecError(msg)
        x = np.load(path, mmap_mode="r", allow_pickle=False)
    except SpecError:
        raise
    except _DAMAGE as error:
        raise damaged(spec, path, error) from error
    name, split = split_of(path)
    return from_array(x, None, name=name, spec=spec, split=split, content=file_hash(path))


def from_sklearn(spec: str) -> DataSource:
    """`sklearn:digits`: 1797 images of 8 x 8; the values 0..16 are scaled to 0..255 uint8."""
    name = spec.partition(":")[2]
    if name != "digits":
        msg = f"DATA {spec!r}: of scikit-learn's data sets only sklearn:digits has images."
        raise SpecError(msg)
    images, labels = digits_arrays()
    return from_array(images, labels, name="digits", spec=spec)


def digits_arrays() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Scikit-learn's digits: (1797, 8, 8) uint8 images, 0..16 scaled to 0..255, and classes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    # One-to-one: 17 grey values, 15.9 apart.
    return np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target.astype(np.int64)
