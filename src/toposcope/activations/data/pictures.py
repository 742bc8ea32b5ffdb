"""Pixels of pictures, whatever their depth and palette, and pictures joined in one array."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.source import DataSource, labels_of
from toposcope.errors import SpecError, UsageError
from toposcope.inputs.limits import refuse_larger

FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM")
"""Formats that are read, by what PIL calls them: it would start Ghostscript for an EPS, whatever
the name of the file says."""
BITS = (8, 9, 10, 11, 12, 13, 14, 15, 16)
"""Depths that a grey picture kept in 16 bits may have."""
SHOTS = ("TIFF", "GIF", "WEBP", "PNG")
"""Formats whose further frames are pictures of their own; those of a phone's MPO are not."""


def pixels(
    picture: Any, where: str, *, grey: bool = False, bits: int | None = None
) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of a picture of PIL; alpha is dropped, as torchvision does.

    Parameters
    ----------
    picture
        A `PIL.Image.Image` of any mode. 16-bit grey is scaled to 0..255.
    where
        What it is, for messages.
    grey
        Give (height, width) of a picture without color.
    bits
        Significant bits of 16-bit pictures. None is 16, and a picture that uses 12 or fewer is
        refused: cameras and scanners keep 12 bits there, which would read as nearly black.

    Raises
    ------
    SpecError
        When the depth says too little of what black and white are, or it cannot be converted.

    Examples
    --------
    >>> from PIL import Image
    >>> deep = Image.fromarray(np.array([[0, 257, 65535]], np.uint16))
    >>> pixels(deep, "it", grey=True)
    array([[  0,   1, 255]], dtype=uint8)
    """
    from PIL import Image

    if picture.mode == "F":
        msg = (
            f"{where} holds floating-point values; which of them is black and which is white is "
            "not known. Scale it to 8 bits, or pass npz:FILE with floating-point arrays."
        )
        raise SpecError(msg)
    if picture.mode == "I" or picture.mode.startswith("I;"):
        picture = Image.fromarray(_to_eight_bits(np.asarray(picture), where, bits))
    plain = picture.mode in ("1", "L", "LA", "La")
    try:
        if picture.mode == "La":
            picture = picture.convert("LA")
        if picture.mode in ("P", "PA") and "transparency" in picture.info:
            picture = picture.convert("RGBA")  # the way round that PIL asks for
        return np.asarray(picture.convert("L" if grey and plain else "RGB"))
    except (ValueError, OSError) as error:
        msg = f"{where} is a picture of mode {picture.mode} that is no color: {error}."
        raise SpecError(msg) from error


def _to_eight_bits(deep: NDArray[Any], where: str, bits: int | None) -> NDArray[np.uint8]:
    low, high = int(deep.min()), int(deep.max())
    top = (1 << (bits or 16)) - 1
    if low < 0 or high > top:
        msg = (
            f"{where} holds values from {low} to {high}; needed are 0 to {top}, grey values of "
            f"{bits or 16} bits. Scale it to 8 bits, or pass npz:FILE with floating-point arrays."
        )
        raise SpecError(msg)
    if bits is None and high < 1 << 12:
        msg = (
            f"{where} is a picture of 16 bits whose values end at {high}: perhaps it holds 12 bits "
            "or fewer, and would be nearly black. Say how many it holds: #bits=12 behind an image "
            "folder, or #bits=16 to take it as it is; other data: scale it to 8 bits."
        )
        raise SpecError(msg)
    return np.rint(deep * (255.0 / top)).astype(np.uint8)


def _is_deep_color(picture: Any) -> bool:
    """Whether a file holds 16 bits in each of several channels, of which PIL gives the upper 8."""
    told = [str(part) for tile in picture.tile for part in np.atleast_1d(np.asarray(tile[3]))]
    return picture.mode in ("RGB", "RGBA", "LA", "L") and any(";16" in part for part in told)


def _check_deep_color(rgb: NDArray[np.uint8], where: str, bits: int | None) -> None:
    if bits is not None and bits < max(BITS):
        msg = (
            f"{where} holds 16 bits in each of several channels, of which the upper 8 are read: "
            f"bits={bits} cannot be told apart there. Scale it to 8 bits."
        )
        raise SpecError(msg)
    if bits is None and int(rgb.max()) < 1 << 4:
        msg = (
            f"{where} is a color picture of 16 bits whose values end below 4096: perhaps it holds "
            "12 bits or fewer, and would be nearly black. Scale it to 8 bits, or write #bits=16 "
            "behind an image folder to take it as it is."
        )
        raise SpecError(msg)


def decode(
    stream: Any, where: str, size: int | None = None, *, bits: int | None = None
) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of an image file, upright; `size` cuts a square of that size."""
    from PIL import Image, ImageOps

    try:
        with Image.open(stream, formats=FORMATS) as picture:
            refuse_larger(picture.width * picture.height, "PIXELS", what=where)
            frames = getattr(picture, "n_frames", 1) if picture.format in SHOTS else 1
            if frames > 1:
                msg = f"{where} holds {frames} frames; save the one that is meant as a picture."
                raise SpecError(msg)
            wide = _is_deep_color(picture)
            upright = ImageOps.exif_transpose(picture)
            rgb = pixels(upright, where, bits=bits)
            if wide:
                _check_deep_color(np.asarray(rgb), where, bits)
            if size is None:
                return rgb
            square = ImageOps.fit(Image.fromarray(rgb), (size, size), Image.Resampling.BICUBIC)
            return np.asarray(square)
    except UsageError:
        raise
    except Exception as error:  # every plug-in of PIL raises its own kinds
        msg = f"{where} is not a readable image: {error}."
        raise SpecError(msg) from error


def from_jpegs(
    arrays: Mapping[str, NDArray[Any]],
    y: NDArray[Any] | None,
    class_names: Any,
    *,
    name: str,
    spec: str,
    content: str,
    without: str,
    split: str = "",
    ids_of: Callable[[str], Any] | None = None,
) -> DataSource:
    """A source over image files joined in `bytes`, file i from `offsets[i]` to `offsets[i + 1]`."""
    data, offsets = arrays["bytes"], arrays["offsets"]
    whole = offsets.dtype.kind in "iu" and offsets.ndim == 1 and len(offsets) > 1
    rising = whole and bool((offsets[1:] > offsets[:-1]).all())
    if data.dtype != np.uint8 or data.ndim != 1 or not rising or not _inside(offsets, data):
        msg = (
            f"DATA {spec!r}: 'bytes' must be uint8 and 'offsets' must rise from 0 to its length; "
            f"got {data.dtype}{data.shape} and {offsets.dtype}{offsets.shape}."
        )
        raise SpecError(msg)
    n = len(offsets) - 1
    labels, names = labels_of(y, n, class_names, spec=spec, without=without)

    def one(index: int) -> NDArray[np.uint8]:
        packed = data[offsets[index] : offsets[index + 1]].tobytes()
        return decode(io.BytesIO(packed), f"DATA {spec!r}: image {index}")

    return DataSource(
        name=name,
        n=n,
        kind="image",
        read=stacker(one, spec),
        labels=labels,
        class_names=names,
        content=content,
        spec=spec,
        split=split,
        ids_of=ids_of,
    )


def _inside(offsets: NDArray[Any], data: NDArray[Any]) -> bool:
    return bool(offsets[0] >= 0 and offsets[-1] <= len(data))


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
