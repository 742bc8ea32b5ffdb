"""What a point is: a sample, a position or token of one sample, a channel, or a token of several.

Plain arrays in, plain arrays out. Layers disagree in how many positions they have; a cloud always
has the number of points asked for, sub-sampled where there are more and refused where there are
fewer, since clouds of unequal size are not comparable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.inputs.parameters import choice
from toposcope.types import MASK

POINT_KINDS: dict[str, str] = {
    "samples": "one point per sample of a draw",
    "positions": "one point per spatial position or token of one sample",
    "channels": "one point per channel of one sample",
    "tokens": "all tokens (or positions) of a draw of samples",
}
RULER_SAMPLES = 64
"""Samples whose points a layer's scale is estimated on."""
MOST_SAMPLES = 64
"""Samples of a cloud of tokens unless told otherwise."""

Read = Callable[[str, NDArray[np.intp] | None], NDArray[Any]]


def samples_of_cloud(n: int, replicates: int) -> int:
    """Samples of each cloud of tokens, when n samples are shared out and nothing else is said.

    Examples
    --------
    >>> samples_of_cloud(120, 3), samples_of_cloud(4000, 8)
    (40, 64)
    """
    return max(1, min(MOST_SAMPLES, n // max(replicates, 1)))


def refuse_kind(points_are: str) -> None:
    """Refuse an unknown kind of points."""
    choice(points_are, POINT_KINDS, "points_are", call="clouds()")


def unfit(shape: tuple[int, ...], points_are: str, *, masked: bool = False) -> str:
    """Why a layer of this shape per sample has no points of this kind; "" when it has.

    Examples
    --------
    >>> unfit((64, 8, 8), "positions"), unfit((64,), "samples")
    ('', '')
    >>> unfit((64,), "positions")
    'holds (64,) per sample, one vector; capture with --pool volume or tokens'
    """
    if points_are == "samples" or len(shape) == 3:
        return ""
    if len(shape) != 2:
        what = "one vector" if len(shape) == 1 else "no (C, H, W) and no (tokens, width)"
        return f"holds {shape} per sample, {what}; capture with --pool volume or tokens"
    if points_are == "channels" and masked:
        return f"holds padded tokens {shape}: samples of different length have no common channels"
    return ""


def points_of(values: NDArray[Any], points_are: str) -> NDArray[Any]:
    """All points of some samples: (m, points, d), before pads are left out.

    Parameters
    ----------
    values
        (m, C, H, W) or (m, tokens, width) activations.
    points_are
        "positions" or "tokens": rows are C or width numbers; "channels": rows are H x W numbers,
        or one number per token.

    Examples
    --------
    >>> points_of(np.zeros((2, 16, 8, 8)), "positions").shape
    (2, 64, 16)
    >>> points_of(np.zeros((2, 16, 8, 8)), "channels").shape
    (2, 16, 64)
    """
    rows = values.reshape(len(values), values.shape[1], -1)
    # (C, H x W) has channels as rows, (tokens, width) has tokens as rows.
    turn = (values.ndim == 4) == (points_are in ("positions", "tokens"))
    return rows.swapaxes(1, 2) if turn else rows


def read_points(
    read: Read,
    layer: str,
    rows: NDArray[np.intp],
    *,
    points_are: str,
    points: int,
    seed: int | np.random.Generator,
    masked: bool = False,
    exactly: bool = True,
) -> NDArray[np.float64]:
    """(points, d) cloud of one layer and one draw of samples.

    Parameters
    ----------
    read
        Function (layer, rows) -> array, one row per sample.
    layer, rows
        Layer, and row numbers of the samples of the draw.
    points_are, points
        Kind and number of points; which ones is drawn without replacement. Layers with equally
        many positions get the same ones for the same seed.
    seed
        Decides the points.
    masked
        Whether there are pads, told by the pseudo-layer `MASK`.
    exactly
        False takes all points where there are fewer.

    Raises
    ------
    TooFewSamplesError
        When the samples of the draw have fewer points.
    """
    values = read(layer, rows)
    if points_are == "samples":
        return values.reshape(len(values), -1).astype(np.float64)
    why = unfit(values.shape[1:], points_are, masked=masked)
    if why:
        msg = f"layer {layer!r} {why}"
        raise UsageError(msg)
    cloud = points_of(values, points_are)
    if masked and values.ndim == 3:
        cloud = cloud[read(MASK, rows).astype(bool)[:, : cloud.shape[1]]]
    cloud = cloud.reshape(-1, cloud.shape[-1])
    if len(cloud) < points:
        if not exactly:
            return cloud.astype(np.float64)
        kind = "channels" if points_are == "channels" else "positions or tokens"
        msg = (
            f"layer {layer!r} has {len(cloud)} {kind} in the {len(rows)} sample(s) of a draw; "
            f"{points} are asked for. Pass points={len(cloud)} (--points) to measure this layer "
            "and all others at that size, or leave it out"
        )
        raise TooFewSamplesError(msg)
    chosen = np.sort(np.random.default_rng(seed).choice(len(cloud), points, replace=False))
    return cloud[chosen].astype(np.float64)
