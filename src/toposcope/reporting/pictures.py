"""The samples on the longest loops of each layer, in cyclic order: their pictures or texts."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.result import Analysis

BUDGET = 1_200_000
"""Characters of pictures in one report; loops beyond it are listed by class names."""

RING = 24
"""Samples drawn on one ring; a longer loop shows every second, third ... sample and says so."""


@dataclass
class Album:
    """Pictures as data URIs, each stored once.

    Parameters
    ----------
    uris
        The pictures, addressed by position.
    left
        Characters that may still be added.
    """

    uris: list[str] = field(default_factory=list)
    left: int = BUDGET
    _known: dict[tuple[int, int], int] = field(default_factory=dict, repr=False)

    def add(self, run: int, rows: list[int], images: NDArray[np.uint8]) -> list[int] | None:
        """Positions of the pictures of some samples, or None where they exceed the budget."""
        fresh = {
            (run, row): png_uri(image)
            for row, image in zip(rows, images, strict=True)
            if (run, row) not in self._known
        }
        cost = sum(len(uri) for uri in fresh.values())
        if cost > self.left:
            return None
        self.left -= cost
        for key, uri in fresh.items():
            self._known[key] = len(self.uris)
            self.uris.append(uri)
        return [self._known[run, row] for row in rows]


def png_uri(image: NDArray[np.uint8]) -> str:
    """A (h, w) or (h, w, 1 or 3) picture as a data URI.

    >>> png_uri(np.zeros((2, 2), np.uint8))[:22]
    'data:image/png;base64,'
    """
    from PIL import Image

    squeezed = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(squeezed)).save(out, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def loops_payload(analysis: Analysis, run: int, album: Album) -> list[dict[str, Any]]:
    """Loops of one analysis for the browser, longest of each layer first.

    Every layer's longest loop asks for pictures before any layer's second one, so that a tight
    budget leaves no layer without.
    """
    if not len(analysis.loops):
        return []
    frame = analysis.loops.assign(length=analysis.loops["death"] - analysis.loops["birth"])
    frame = frame.sort_values("length", ascending=False, kind="stable")
    place = ["layer", "label"] if "label" in frame else ["layer"]
    frame = frame.assign(rank=frame.groupby(place, sort=False).cumcount())
    out = []
    for row in frame.sort_values("rank", kind="stable").itertuples():
        samples = [int(i) for i in row.samples]
        every = -(-len(samples) // RING)
        shown = samples[::every]
        images = analysis.thumbnails(shown) if shown else None
        out.append(
            {
                "layer": row.layer,
                "label": getattr(row, "label", "") or "",
                "birth": float(row.birth),
                "death": float(row.death),
                "size": len(samples),
                "every": every,
                "rows": shown,
                "classes": class_names(analysis, shown),
                "pictures": album.add(run, shown, images) if images is not None else None,
                "has_pictures": images is not None,
                "texts": analysis.texts(shown) if images is None and shown else None,
            }
        )
    return out


def class_names(analysis: Analysis, rows: list[int]) -> list[str]:
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
