"""Read pictures: folders of image files, and image files joined in one array."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.files import split_of, split_spec
from toposcope.activations.data.source import DataSource, check_labels
from toposcope.errors import SpecError
from toposcope.store.objects import content_hash

PICTURES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm"))


def from_imagefolder(spec: str) -> DataSource:
    """`imagefolder:DIR[#size=K]`: one folder per class, or pictures without classes."""
    path, options = split_spec(spec, ("size",))
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
        return decode(files[index], str(files[index]), int(size) if size else None)

    name, split = split_of(path)
    return DataSource(
        name=name,
        n=len(files),
        kind="image",
        read=stacker(one, spec),
        labels=labels,
        class_names=tuple(classes) if labels is not None else (),
        content="names and sizes:" + content_hash(listing.encode()),
        spec=spec,
        split=split,
    )


def from_jpegs(
    arrays: Mapping[str, NDArray[Any]],
    y: NDArray[Any] | None,
    class_names: tuple[str, ...],
    *,
    name: str,
    spec: str,
    content: str,
    split: str = "",
) -> DataSource:
    """A source over image files joined in `bytes`, file i from `offsets[i]` to `offsets[i + 1]`."""
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
        return decode(io.BytesIO(packed), f"DATA {spec!r}: image {index}")

    return DataSource(
        name=name,
        n=n,
        kind="image",
        read=stacker(one, spec),
        labels=labels,
        class_names=class_names if labels is not None else (),
        content=content,
        spec=spec,
        split=split,
    )


def decode(stream: Any, where: str, size: int | None = None) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of an image file; `size` cuts a square of that many pixels."""
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


def stacker(
    one: Callable[[int], NDArray[Any]], spec: str
) -> Callable[[NDArray[np.int64]], NDArray[Any]]:
    """Function from positions to a batch, for samples that come one by one."""

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
