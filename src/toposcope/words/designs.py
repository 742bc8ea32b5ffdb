"""What a replicate is, in words: a draw of samples, one image, a cloud of positions or tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toposcope.analysis.filtrations.base import VOLUMES, unit_of


def is_cubical(attrs: Mapping[str, Any]) -> bool:
    """Whether images' volumes were measured, not clouds of points."""
    return unit_of(attrs) == VOLUMES


def one_sample(attrs: Mapping[str, Any]) -> bool:
    """Whether a replicate is a single sample, in which classes cannot form clusters."""
    return is_cubical(attrs) or attrs.get("points_are") in ("positions", "channels")


def design_text(attrs: Mapping[str, Any]) -> str:
    """Replicates of an analysis and what each of them is.

    Examples
    --------
    >>> design_text({"complex": "cubical", "replicates": 200, "n": 4000})
    '200 images, n = 4,000'
    >>> design_text({"replicates": 8, "points": 64, "points_are": "positions", "n": None})
    '8 samples, 64 positions of each'
    >>> design_text({"replicates": 8, "points": 500, "n": 4000})
    '8 draws of 500 points, n = 4,000'
    """
    n = attrs.get("n")
    end = "" if n is None else f", n = {int(n):,}"
    count, each = f"{attrs.get('replicates')}", ""
    kind = attrs.get("points_are") or "samples"
    if is_cubical(attrs):
        return f"{count} images{end}"
    points = f"{int(attrs['points']):,}"
    if kind in ("positions", "channels"):
        each = f"{count} samples, {points} {kind} of each"
    elif kind == "tokens":
        each = f"{count} draws of {points} tokens of {attrs.get('samples')} samples"
    else:
        each = f"{count} draws of {points} points"
    return each + end


def draws_text(attrs: Mapping[str, Any]) -> str:
    """The same as a cell of the first table.

    Examples
    --------
    >>> draws_text({"complex": "cubical", "replicates": 200})
    '200 images'
    >>> draws_text({"replicates": 8, "points": 64, "points_are": "positions"})
    '8 × 64 positions'
    """
    if is_cubical(attrs):
        return f"{attrs['replicates']} images"
    kind = attrs.get("points_are") or "samples"
    of = "" if kind == "samples" else f" {kind}"
    return f"{attrs['replicates']} × {int(attrs['points']):,}{of}"


def points_text(attrs: Mapping[str, Any]) -> str:
    """What one draw holds.

    Examples
    --------
    >>> points_text({"points": 500})
    '500 samples'
    >>> points_text({"points": 64, "points_are": "positions"})
    '64 positions of one sample'
    """
    points, kind = attrs["points"], attrs.get("points_are") or "samples"
    if kind == "tokens":
        return f"{points} tokens of {attrs['samples']} samples"
    return f"{points} {kind}" + ("" if kind == "samples" else " of one sample")
