"""What a replicate is, in words: a draw of samples, one image, a cloud of positions or tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from toposcope.analysis.registry import VOLUMES, unit_of
from toposcope.analysis.result import Analysis
from toposcope.words.formats import count


def is_cubical(attrs: Mapping[str, Any]) -> bool:
    """Whether images' volumes were measured, not clouds of points."""
    return unit_of(attrs) == VOLUMES


def one_sample(attrs: Mapping[str, Any]) -> bool:
    """Whether a replicate is a single sample, in which classes cannot form clusters."""
    return is_cubical(attrs) or attrs.get("points_are") in ("positions", "channels")


def per_class(analysis: Analysis) -> bool:
    """Whether clouds hold one class each."""
    return bool(analysis.attrs.get("per_class")) or any(k.label for k in analysis.diagrams.keys)


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
    many = f"{attrs.get('replicates')}"
    kind = attrs.get("points_are") or "samples"
    if is_cubical(attrs):
        return f"{many} images{end}"
    points = f"{int(attrs['points']):,}"
    if kind in ("positions", "channels"):
        each = f"{many} samples, {points} {kind} of each"
    elif kind == "tokens":
        each = f"{many} draws of {points} tokens of {attrs.get('samples')} samples"
    else:
        each = f"{many} draws of {points} points"
    return each + end


def replicates_text(attrs: Mapping[str, Any], *, classes: bool = False) -> str:
    """What every number is a mean over, with how draws were taken.

    Examples
    --------
    >>> replicates_text({"replicates": 8, "points": 500, "n": 4000, "overlapping": False})
    '8 disjoint draws of 500 points out of n = 4,000 samples'
    >>> replicates_text({"replicates": 8, "points": 64, "points_are": "positions", "n": None})
    '8 samples, 64 positions of each,'
    """
    many, kind = attrs["replicates"], attrs.get("points_are") or "samples"
    draws = "overlapping" if attrs.get("overlapping") else "disjoint"
    each = " per class" if classes else ""
    if is_cubical(attrs):
        text = f"{many} images{each}"
    elif kind in ("positions", "channels"):
        text = f"{many} samples{each}, {attrs['points']:,} {kind} of each,"
    elif kind == "tokens":
        of = f"{attrs.get('samples')} samples"
        text = f"{many} {draws} draws of {attrs['points']:,} tokens of {of}{each}"
    else:
        text = f"{many} {draws} draws of {attrs['points']:,} points{each}"
    n = attrs.get("n")
    return text if n is None else f"{text} out of n = {count(n)} samples"


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


def filtration_text(attrs: Mapping[str, Any]) -> str:
    """Filtration, its parameters and the scale, in one line; empty where nothing was filtered.

    Examples
    --------
    >>> filtration_text({"complex": "geodesic", "filtration": {"neighbors": 5, "weighted": False},
    ...                  "normalize": "mean_distance", "metric": "cosine"})
    'geodesic (neighbors 5), normalize mean_distance, metric cosine'
    >>> filtration_text({"complex": "cubical", "normalize": "rms", "metric": "euclidean"})
    'cubical, normalize rms'
    """
    if attrs.get("complex") is None:
        return ""
    own = [
        name if value is True else f"{name} {_value_text(value)}"
        for name, value in (attrs.get("filtration") or {}).items()
        if value not in (False, None, [])
    ]
    text = str(attrs["complex"]) + (f" ({', '.join(own)})" if own else "")
    said = [text, f"normalize {attrs.get('normalize')}"]
    if not is_cubical(attrs):
        said.append(f"metric {attrs.get('metric')}")
        if attrs.get("max_edge_length") not in (None, math.inf):
            said.append(f"max_edge_length {attrs['max_edge_length']:g}")
    if attrs.get("coeff", 2) != 2:
        said.append(f"coefficients in Z/{attrs['coeff']}")
    return ", ".join(said)


def _value_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(_value_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def what_differs(designs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A few words for each of several analyses of one network: what tells it from the others.

    Parameters
    ----------
    designs
        Their attributes, as `Design.to_spec` gives them.

    Examples
    --------
    >>> rips = {"complex": "rips", "filtration": {}, "points": 100, "null": "none"}
    >>> what_differs([rips, rips | {"points": 200}])
    ['points 100', 'points 200']
    >>> what_differs([rips, rips | {"complex": "geodesic", "filtration": {"neighbors": 9}}])
    ['rips', 'geodesic neighbors 9']
    """
    names: list[str] = []
    for name in DESIGN_WORDS:
        told = len({tuple(_said(one, n) for n in names) for one in designs})
        if len({tuple(_said(one, n) for n in (*names, name)) for one in designs}) > told:
            names.append(name)  # of parameters that tell the same ones apart, the first alone
    return [", ".join(filter(None, (_said(one, name) for name in names))) for one in designs]


DESIGN_WORDS = (
    "complex",
    "homology_dimensions",
    "points",
    "replicates",
    "points_are",
    "samples",
    "normalize",
    "metric",
    "per_class",
    "overlapping",
    "max_edge_length",
    "coeff",
    "null",
    "seed",
    "level",
)
"""Parameters that tell two analyses of one network apart, in the order they are named in."""


def _said(attrs: Mapping[str, Any], name: str) -> str:
    """One parameter in the name of an analysis."""
    value = attrs.get(name)
    if name == "complex":
        words = filtration_text(attrs).partition(", normalize")[0]
        return words.replace(" (", " ").replace(")", "").replace(",", "")
    if name == "homology_dimensions":
        return " ".join(f"H{k}" for k in value or ())
    if name == "per_class":
        return "per class" if value else "pooled"
    if name == "overlapping":
        return "overlapping" if value else "disjoint"
    return f"{name.replace('_', ' ')} {_value_text(value)}"


def points_text(attrs: Mapping[str, Any]) -> str:
    """What one draw holds.

    Examples
    --------
    >>> points_text({"points": 500})
    '500 samples'
    >>> points_text({"points": 64, "points_are": "positions"})
    '64 positions of one sample'
    """
    if is_cubical(attrs):
        return "one image"
    points, kind = attrs["points"], attrs.get("points_are") or "samples"
    if kind == "tokens":
        return f"{points} tokens of {attrs['samples']} samples"
    return f"{points} {kind}" + ("" if kind == "samples" else " of one sample")
