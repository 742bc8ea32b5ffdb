"""Read the kinds of files and objects that a DATA argument may name.

Files are untrusted: pickled object arrays are refused, and whatever is damaged becomes a
`SpecError` that names the file and the reason.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data import DataSource, check_labels
from toposcope.activations.imports import resolve
from toposcope.errors import SpecError
from toposcope.objects import content_hash
from toposcope.types import near_matches

X_KEYS = ("image", "images", "x", "data")
Y_KEYS = ("label", "labels", "y")
NAME_KEYS = ("class_names", "classes")
PICTURES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm"))
_DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def kind_of(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """Whether samples of this type and shape are images or features."""
    grey = len(shape) == 2
    color = len(shape) == 3 and shape[-1] in (1, 3, 4)
    return "image" if dtype == np.uint8 and (grey or color) else "feature"


def from_array(
    x: NDArray[Any],
    y: NDArray[Any] | None,
    *,
    name: str,
    spec: str,
    class_names: tuple[str, ...] = (),
    content: str = "",
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
    )


def _array_hash(x: NDArray[Any], labels: NDArray[np.int64] | None) -> str:
    parts = [f"{x.dtype}{x.shape}".encode(), content_hash(np.ascontiguousarray(x)).encode()]
    if labels is not None:
        parts.append(content_hash(labels).encode())
    return content_hash(b"|".join(parts))


def file_hash(path: Path) -> str:
    """Hash of a file's bytes, read in pieces."""
    import xxhash

    digest = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 22):
            digest.update(piece)
    return "file:" + digest.hexdigest()


def _split(spec: str, allowed: tuple[str, ...]) -> tuple[Path, dict[str, str]]:
    """File and options of `kind:FILE#key=value,key=value`."""
    body = spec.partition(":")[2]
    name, _, tail = body.partition("#")
    options: dict[str, str] = {}
    for part in filter(None, tail.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in allowed:
            msg = f"DATA {spec!r}: option {part!r} cannot be understood; accepted: " + ", ".join(
                f"{key}=…" for key in allowed
            )
            raise SpecError(msg)
        options[key] = value
    path = Path(name).expanduser()
    if not path.exists():
        beside = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
        msg = f"DATA {spec!r}: there is no {path}. " + near_matches(path.name, beside)
        raise SpecError(msg)
    return path, options


def from_npz(spec: str) -> DataSource:
    """`npz:FILE[#x=KEY,y=KEY]`, arrays or joined JPEG files."""
    path, options = _split(spec, ("x", "y"))
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
            y_key = _key(members, options, "y", Y_KEYS, spec, needed=False)
            keys = [y_key, *[key for key in NAME_KEYS if key in members][:1]]
            if joined:
                keys += ["bytes", "offsets"]
            else:
                x_key = _key(members, options, "x", X_KEYS, spec, needed=True)
                keys.append(x_key)
            arrays = {key: stored[key] for key in keys if key is not None}
    except SpecError:
        raise
    except _DAMAGE as error:
        raise _damaged(spec, path, error) from error
    y = None if y_key is None else arrays[y_key]
    names = next((tuple(map(str, arrays[key])) for key in NAME_KEYS if key in arrays), ())
    content = file_hash(path)
    if joined:
        return _from_jpegs(arrays, y, names, name=path.stem, spec=spec, content=content)
    x = arrays[str(x_key)]
    return from_array(x, y, name=path.stem, spec=spec, class_names=names, content=content)


def _key(
    members: set[str],
    options: Mapping[str, str],
    option: str,
    usual: tuple[str, ...],
    spec: str,
    *,
    needed: bool,
) -> str | None:
    asked = options.get(option)
    if asked is not None:
        if asked in members:
            return asked
        msg = f"DATA {spec!r}: no array {asked!r} in the file. " + near_matches(
            asked, sorted(members)
        )
        raise SpecError(msg)
    found = next((key for key in usual if key in members), None)
    if found is None and needed:
        msg = (
            f"DATA {spec!r}: none of the arrays {', '.join(usual)} is in the file; it has "
            f"{', '.join(sorted(members)) or 'nothing'}. Name one: {spec.partition('#')[0]}#x=KEY."
        )
        raise SpecError(msg)
    return found


def _damaged(spec: str, path: Path, error: Exception) -> SpecError:
    reason = " ".join(str(error).split()) or type(error).__name__
    if "allow_pickle" in reason or "Python objects" in reason:
        reason = "it holds pickled Python objects, which are refused because reading them runs code"
    return SpecError(f"DATA {spec!r}: {path} cannot be read: {reason}.")


def _from_jpegs(
    arrays: Mapping[str, NDArray[Any]],
    y: NDArray[Any] | None,
    class_names: tuple[str, ...],
    *,
    name: str,
    spec: str,
    content: str,
) -> DataSource:
    data, offsets = arrays["bytes"], arrays["offsets"]
    rising = offsets.ndim == 1 and len(offsets) > 1 and bool((np.diff(offsets) > 0).all())
    if data.dtype != np.uint8 or not rising or offsets[0] < 0 or offsets[-1] > len(data):
        msg = (
            f"DATA {spec!r}: 'bytes' must be uint8 and 'offsets' must rise from 0 to its length; "
            f"got {data.dtype}{data.shape} and {offsets.dtype}{offsets.shape}."
        )
        raise SpecError(msg)
    n = len(offsets) - 1
    labels = None
    if y is not None:
        labels, class_names = check_labels(y, n, class_names, where=spec)

    def one(index: int) -> NDArray[np.uint8]:
        packed = data[offsets[index] : offsets[index + 1]].tobytes()
        return _decode(io.BytesIO(packed), f"DATA {spec!r}: image {index}")

    return DataSource(
        name=name,
        n=n,
        kind="image",
        read=_stacker(one, spec),
        labels=labels,
        class_names=class_names if labels is not None else (),
        content=content,
        spec=spec,
    )


def _decode(stream: Any, where: str, size: int | None = None) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    try:
        with Image.open(stream) as picture:
            rgb = picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        msg = f"{where} is not a readable image: {error}."
        raise SpecError(msg) from error
    if size is not None:
        rgb = ImageOps.fit(rgb, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(rgb)


def _stacker(
    one: Callable[[int], NDArray[Any]], spec: str
) -> Callable[[NDArray[np.int64]], NDArray[Any]]:
    def read(indices: NDArray[np.int64]) -> NDArray[Any]:
        items = [one(int(index)) for index in indices]
        shapes = {item.shape for item in items}
        if len(shapes) > 1:
            msg = (
                f"DATA {spec!r}: samples have different shapes, such as {sorted(shapes)[:3]}; a "
                "batch needs one. For an image folder add #size=224 to cut squares."
            )
            raise SpecError(msg)
        return np.stack(items)

    return read


def from_npy(spec: str) -> DataSource:
    """`npy:FILE`, mapped from disk."""
    path, _ = _split(spec, ())
    try:
        x = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGE as error:
        raise _damaged(spec, path, error) from error
    if not isinstance(x, np.ndarray):
        msg = f"DATA {spec!r}: {path} holds several arrays; write npz:{path}."
        raise SpecError(msg)
    return from_array(x, None, name=path.stem, spec=spec, content=file_hash(path))


def from_imagefolder(spec: str) -> DataSource:
    """`imagefolder:DIR[#size=K]`: one folder per class, or pictures without classes."""
    path, options = _split(spec, ("size",))
    size = options.get("size")
    if size is not None and not (size.isdecimal() and int(size) > 0):
        msg = f"DATA {spec!r}: size={size!r} must be a number of pixels, such as size=224."
        raise SpecError(msg)
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES and p.is_file())
    if not files:
        msg = f"DATA {spec!r}: no pictures below {path}; looked for {', '.join(sorted(PICTURES))}."
        raise SpecError(msg)
    relative = [file.relative_to(path) for file in files]
    classes = sorted({part.parts[0] for part in relative if len(part.parts) > 1})
    labels = None
    if classes and all(len(part.parts) > 1 for part in relative):
        labels = np.array([classes.index(part.parts[0]) for part in relative], dtype=np.int64)
    listing = "\n".join(
        f"{part.as_posix()} {file.stat().st_size}"
        for part, file in zip(relative, files, strict=True)
    )

    def one(index: int) -> NDArray[np.uint8]:
        return _decode(files[index], str(files[index]), int(size) if size else None)

    return DataSource(
        name=path.resolve().name,
        n=len(files),
        kind="image",
        read=_stacker(one, spec),
        labels=labels,
        class_names=tuple(classes) if labels is not None else (),
        content="names and sizes:" + content_hash(listing.encode()),
        spec=spec,
    )


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
    found = resolve(spec, "DATA")
    return from_object(found.call(), name=spec.rpartition(":")[2], spec=spec)


def from_object(value: Any, *, name: str, spec: str) -> DataSource:
    """An array, a pair (x, y), or a torch Dataset: anything with a length and positions."""
    if isinstance(value, DataSource):
        return value
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
        return _from_dataset(value, names, name=name, spec=spec)
    msg = (
        f"DATA {spec!r} is {type(value).__name__}; needed is an array (n, ...), a pair (x, y), or "
        "a torch Dataset with a length and items x or (x, y)."
    )
    raise SpecError(msg)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (hasattr(value, "detach") and hasattr(value, "numpy"))


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _from_dataset(
    dataset: Any, class_names: tuple[str, ...], *, name: str, spec: str
) -> DataSource:
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
    few = np.unique(np.linspace(0, n - 1, 32).astype(int))
    probe = content_hash(b"".join(one(int(index)).tobytes() for index in few))
    example = one(0)
    return DataSource(
        name=name,
        n=n,
        kind=kind_of(example.dtype, example.shape),
        read=_stacker(one, spec),
        labels=labels,
        class_names=class_names if labels is not None else (),
        content=f"{len(few)} of {n} items:{probe}",
        spec=spec,
    )
