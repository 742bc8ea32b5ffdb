"""Data that is arrays: npz and npy files, arrays in memory, torch Datasets, the user's own factory.

Pickled object arrays are refused. Pictures, text, tables and Hugging Face datasets have files of
their own beside this one.
"""

from __future__ import annotations

import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.files import damaged, file_hash, pick_key, split_of, split_spec
from toposcope.activations.data.pictures import from_jpegs, stacker
from toposcope.activations.data.source import DataSource, check_labels, kind_of
from toposcope.activations.data.text import from_texts, is_texts
from toposcope.activations.user_code import resolve
from toposcope.errors import SpecError
from toposcope.store.objects import content_hash

X_KEYS = ("image", "images", "x", "data")
Y_KEYS = ("label", "labels", "y")
NAME_KEYS = ("class_names", "classes")
_DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def from_array(
    x: NDArray[Any],
    y: NDArray[Any] | None,
    *,
    name: str,
    spec: str,
    class_names: tuple[str, ...] = (),
    content: str = "",
    split: str = "",
    columns: tuple[str, ...] = (),
) -> DataSource:
    """A source over an array (n, ...) in memory or mapped from a file."""
    if x.ndim < 2 or not len(x):
        msg = f"{spec}: the samples have shape {x.shape}; needed is (n, ...) with n of at least 1."
        raise SpecError(msg)
    if x.dtype.kind not in "fiub":
        msg = f"{spec}: the samples are {x.dtype}; needed are numbers."
        raise SpecError(msg)
    labels = None
    if y is not None:
        labels, class_names = check_labels(np.asarray(y), len(x), class_names, where=spec)
    if not content:
        content = "array:" + _array_hash(x, labels)
    return DataSource(
        name=name,
        n=len(x),
        kind=kind_of(x.dtype, x.shape[1:]),
        read=lambda indices: np.asarray(x[indices]),
        labels=labels,
        class_names=class_names if labels is not None else (),
        content=content,
        spec=spec,
        split=split,
        columns=columns,
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
            arrays = {key: stored[key] for key in keys if key is not None}
    except SpecError:
        raise
    except _DAMAGE as error:
        raise damaged(spec, path, error) from error
    y = None if y_key is None else arrays[y_key]
    names = next((tuple(map(str, arrays[key])) for key in NAME_KEYS if key in arrays), ())
    content = file_hash(path)
    name, split = split_of(path)
    if joined:
        return from_jpegs(arrays, y, names, name=name, spec=spec, split=split, content=content)
    x = arrays[str(x_key)]
    return from_array(x, y, name=name, spec=spec, split=split, class_names=names, content=content)


def from_npy(spec: str) -> DataSource:
    """`npy:FILE`, mapped from disk."""
    path, _ = split_spec(spec, ())
    try:
        x = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGE as error:
        raise damaged(spec, path, error) from error
    if not isinstance(x, np.ndarray):
        msg = f"DATA {spec!r}: {path} holds several arrays; write npz:{path}."
        raise SpecError(msg)
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


def from_python(spec: str) -> DataSource:
    """`py:module:factory`: whatever object the user's factory returns."""
    factory = resolve(spec, "DATA")
    return from_object(factory.call(), name=spec.rpartition(":")[2], spec=spec)


def from_object(value: Any, *, name: str, spec: str) -> DataSource:
    """Arrays, texts, a pair (x, y), a Dataset: anything with a length and positions."""
    if isinstance(value, DataSource):
        return value
    if hasattr(value, "column_names") and hasattr(value, "features"):
        from toposcope.activations.data.datasets import from_dataset

        return from_dataset(value, {}, name=name, spec=spec)
    if isinstance(value, tuple | list) and len(value) == 2 and is_texts(value[0]):
        return from_texts(value[0], _array(value[1]), name=name, spec=spec)
    if is_texts(value):
        return from_texts(value, None, name=name, spec=spec)
    if isinstance(value, tuple | list) and len(value) == 2 and _is_array(value[0]):
        return from_array(_array(value[0]), _array(value[1]), name=name, spec=spec)
    if _is_array(value):
        return from_array(_array(value), None, name=name, spec=spec)
    tensors = getattr(value, "tensors", None)
    names = tuple(map(str, getattr(value, "classes", ())))
    if isinstance(tensors, tuple) and 1 <= len(tensors) <= 2:
        y = _array(tensors[1]) if len(tensors) == 2 else None
        return from_array(_array(tensors[0]), y, name=name, spec=spec, class_names=names)
    if hasattr(value, "__getitem__") and hasattr(value, "__len__"):
        return _from_torch(value, names, name=name, spec=spec)
    msg = (
        f"DATA {spec!r} is {type(value).__name__}; needed is an array (n, ...), a list of texts, a "
        "pair (x, y), or a torch Dataset with a length and items x or (x, y)."
    )
    raise SpecError(msg)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (hasattr(value, "detach") and hasattr(value, "numpy"))


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _from_torch(dataset: Any, class_names: tuple[str, ...], *, name: str, spec: str) -> DataSource:
    n = len(dataset)
    if n == 0:
        msg = f"DATA {spec!r} is empty."
        raise SpecError(msg)
    first = dataset[0]
    paired = isinstance(first, tuple | list) and len(first) == 2

    def one(index: int) -> NDArray[Any]:
        item = dataset[index][0] if paired else dataset[index]
        values = _array(item)
        if values.dtype.kind not in "fiub":
            msg = f"DATA {spec!r}: item {index} is {type(item).__name__}, not numbers or an image."
            raise SpecError(msg)
        return values

    labels = None
    if paired:
        known = getattr(dataset, "targets", getattr(dataset, "labels", None))
        # Without a list of targets each item is read once here: strata need all labels.
        y = _array(known) if known is not None else np.array([int(dataset[i][1]) for i in range(n)])
        labels, class_names = check_labels(y, n, class_names, where=spec)
    if isinstance(first[0] if paired else first, str):
        texts = [dataset[i][0] if paired else dataset[i] for i in range(n)]
        odd = next((i for i, text in enumerate(texts) if not isinstance(text, str)), None)
        if odd is not None:
            kind = type(texts[odd]).__name__
            msg = f"DATA {spec!r}: item {odd} is {kind} and item 0 is text; needed is one kind."
            raise SpecError(msg)
        return from_texts(texts, labels, name=name, spec=spec, class_names=class_names)
    few = np.unique(np.linspace(0, n - 1, 32).astype(int))
    probe = content_hash(b"".join(one(int(index)).tobytes() for index in few))
    example = one(0)
    return DataSource(
        name=name,
        n=n,
        kind=kind_of(example.dtype, example.shape),
        read=stacker(one, spec),
        labels=labels,
        class_names=class_names if labels is not None else (),
        content=f"{len(few)} of {n} items:{probe}",
        spec=spec,
    )
