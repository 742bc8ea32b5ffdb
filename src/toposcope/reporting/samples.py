"""The samples that a page shows, each once: their classes, texts, and pictures on one sheet.

Runs over the same samples, as the checkpoints of a training are, share one entry. A sheet is one
image of all pictures side by side: the browser cuts out what it shows, and 500 pictures of 32 by 32
cost 0.2 to 0.5 MB instead of 1.4 MB one by one.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.result import Analysis
from toposcope.errors import DamagedError

BUDGET = 2_000_000
"""Characters of all sheets of a page; samples beyond it are told by their classes."""
LOSSLESS = 300_000
"""Characters up to which a sheet is kept as it is (PNG); larger ones are compressed (WebP)."""
QUALITIES = (85, 60, 35)
"""Of compression, tried in turn until a sheet fits the budget."""
TEXT = 160
"""Characters shown of a text, and of the name of a class."""


@dataclass
class Gallery:
    """The samples of a page, addressed by position.

    Parameters
    ----------
    entries
        What the browser is given of each group of samples.
    sheets
        Images as data URIs.
    left
        Characters that sheets may still take.
    damaged
        Why pictures or texts cannot be shown, each reason once; the page tells it.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    left: int = BUDGET
    damaged: list[str] = field(default_factory=list)
    _known: dict[str, int] = field(default_factory=dict, repr=False)
    _sheets: dict[str, dict[str, Any] | None] = field(default_factory=dict, repr=False)

    def add(self, analysis: Analysis, rows: Sequence[int], *, points_are: str = "samples") -> int:
        """Position of the entry of some samples of a run, in this order.

        Parameters
        ----------
        analysis
            The run.
        rows
            Row numbers of the samples.
        points_are
            Other kinds of points than samples, which are parts of the samples of `rows`, have
            numbers instead of classes, texts and pictures.
        """
        rows = [int(row) for row in rows]
        entry: dict[str, Any] = {"kind": points_are, "rows": rows}
        if points_are == "samples":
            entry |= _classes(class_names(analysis, rows))
            images, texts = self._seen(analysis, rows) if rows else (None, None)
            entry["texts"] = None if texts is None else [_beginning(text) for text in texts]
            entry["sheet"] = None if images is None else self._sheet(images)
            entry["left_out"] = images is not None and entry["sheet"] is None
        key = repr(entry)
        if key not in self._known:
            self._known[key] = len(self.entries)
            self.entries.append(entry)
        return self._known[key]

    def _seen(
        self, analysis: Analysis, rows: list[int]
    ) -> tuple[NDArray[np.uint8] | None, list[str] | None]:
        """Pictures or texts of samples; damaged ones cost no page its figures, which need none."""
        try:
            images = analysis.thumbnails(rows)
            return images, analysis.texts(rows) if images is None else None
        except DamagedError as error:
            if str(error) not in self.damaged:
                self.damaged.append(str(error))
            return None, None

    def _sheet(self, images: NDArray[np.uint8]) -> dict[str, Any] | None:
        """Where the pictures of some samples are: sheet, size of each, number in a row."""
        key = hashlib.sha256(repr(images.shape).encode() + images.tobytes()).hexdigest()
        if key not in self._sheets:
            self._sheets[key] = self._new_sheet(images)
        return self._sheets[key]

    def _new_sheet(self, images: NDArray[np.uint8]) -> dict[str, Any] | None:
        across = math.ceil(math.sqrt(len(images)))
        uri = sheet_uri(images, across, self.left)
        if uri is None:
            return None
        self.left -= len(uri)
        self.sheets.append(uri)
        height, width = images.shape[1:3]
        return {"at": len(self.sheets) - 1, "width": width, "height": height, "across": across}


def sheet_uri(images: NDArray[np.uint8], across: int, room: int) -> str | None:
    """Pictures side by side as one data URI; None where it has more characters than there is room.

    Parameters
    ----------
    images
        (n, h, w) or (n, h, w, 1 or 3) pictures.
    across
        Pictures in a row of the sheet.
    room
        Characters at most.

    Examples
    --------
    >>> sheet_uri(np.zeros((4, 2, 2), np.uint8), 2, 1000)[:22]
    'data:image/png;base64,'
    >>> sheet_uri(np.zeros((4, 2, 2), np.uint8), 2, 10) is None
    True
    """
    from PIL import Image

    color = images if images.ndim == 4 else images[..., None]
    n, height, width, channels = color.shape
    down = math.ceil(n / across)
    cells = np.zeros((down * across, height, width, channels), np.uint8)
    cells[:n] = color
    sheet = cells.reshape(down, across, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(down * height, across * width, channels)
    picture = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    uri = _uri(picture, "png", optimize=True)
    if len(uri) <= min(LOSSLESS, room):
        return uri
    for quality in QUALITIES:
        uri = _uri(picture.convert("RGB"), "webp", quality=quality, method=4)
        if len(uri) <= room:
            return uri
    return None


def _uri(picture: Any, kind: str, **options: Any) -> str:
    out = io.BytesIO()
    picture.save(out, format=kind.upper(), **options)
    return f"data:image/{kind};base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _beginning(text: str) -> str:
    return text if len(text) <= TEXT else text[: TEXT - 1].rstrip() + "…"


def _classes(names: list[str]) -> dict[str, Any]:
    """Class of each sample as a position among the names, which are sorted as people count."""
    known = sorted(
        set(names), key=lambda name: (not name.isdigit(), len(name) * name.isdigit(), name)
    )
    place = {name: i for i, name in enumerate(known)}
    return {"classes": [place[name] for name in names], "names": [_beginning(n) for n in known]}


def class_names(analysis: Analysis, rows: Sequence[int]) -> list[str]:
    """Class name of each sample, or its id where there are no labels."""
    acts = analysis.activations
    if acts is None:
        return [f"sample {row}" for row in rows]
    if acts.labels is None:
        return [str(acts.sample_ids[row]) for row in rows]
    names = acts.class_names or tuple(analysis.attrs.get("class_names") or ())
    labels = [int(acts.labels[row]) for row in rows]
    return [
        names[label] if 0 <= label < len(names) else "no label" if label < 0 else str(label)
        for label in labels
    ]
