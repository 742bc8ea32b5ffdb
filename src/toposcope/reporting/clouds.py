"""The data moving through the network: every layer's cloud in the plane, and what joins its points.

One draw is shown, the first, since diagrams and loops are of single draws too: a bar of its diagram
and the points of its cloud belong together. Each plane holds the two widest directions of its cloud
and is turned onto the plane of the layer before (`similarity.planes`); what such a picture keeps is
told beside it. Nothing here is a measurement, and nothing of it is stored.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.analysis.filtrations import PointFiltration
from toposcope.analysis.plan import draws_of
from toposcope.analysis.result import Analysis
from toposcope.errors import ToposcopeError, UsageError
from toposcope.findings.looked_at import training_names
from toposcope.homology.spanning import prim
from toposcope.pointclouds.draws import Draw
from toposcope.pointclouds.kinds import read_points
from toposcope.reporting.samples import Gallery
from toposcope.similarity.planes import principal_plane, rank_agreement, turned_onto
from toposcope.types import MASK, near_matches

Array = NDArray[np.float64]

SHOWN = 2000
"""Points of a cloud in the picture; of larger draws the first ones."""
POINTS_BUDGET = 500_000
"""Points of all clouds of a page (2.7 MB); beyond it each cloud shows fewer."""
REPRESENTATIVES = 24
"""Longest classes of H1 in each cloud whose points are looked up."""
COST = 1.5e9
"""Sum over clouds of points cubed up to which they are (about 20 s); beyond, those stored."""
NEARLY_ALL = 0.995
"""Share of the coordinates of a layer inside the picture; the rest stand at its edge."""
STEPS = 65_535
SHEAR = ("zscore", "minmax")
"""Normalizations that change the shape of a cloud; the others scale it."""


@dataclass(frozen=True, eq=False)
class _Plane:
    """One layer's cloud in the plane, with what is said of it."""

    plane: Array
    shares: Array
    agreement: float
    tree: NDArray[np.int64]
    loops: Sequence[homology.Loop] | None


def pictured(analyses: Sequence[Analysis], gallery: Gallery) -> list[list[dict[str, Any]]]:
    """The clouds of every run for the browser, one entry for each class of draws.

    Parameters
    ----------
    analyses
        Runs of a page.
    gallery
        Takes up their samples.
    """
    drawn = [_draws_or_why(analysis) for analysis in analyses]
    clouds = [draws for draws, _ in drawn]
    total = sum(
        len(analysis.layers) * min(_size(analysis), SHOWN) * len(draws)
        for analysis, draws in zip(analyses, clouds, strict=True)
    )
    shown = SHOWN if total <= POINTS_BUDGET else max(50, SHOWN * POINTS_BUDGET // total)
    cost = sum(
        len(analysis.layers) * float(min(_size(analysis), 10**5)) ** 3 * len(draws)
        for analysis, draws in zip(analyses, clouds, strict=True)
    )
    # The later checkpoint of a training leads: what is there in the end is where all else moves to.
    trainings = training_names(analyses)
    after: dict[str, Mapping[tuple[str, str], Array]] = {}
    found: list[list[dict[str, Any]]] = [[] for _ in analyses]
    for place in reversed(range(len(analyses))):
        training = trainings[place]
        lead = after.get(training, {}) if training else {}
        entries, planes = _run(
            analyses[place], *drawn[place], gallery, shown=shown, lead=lead, look_up=cost <= COST
        )
        found[place] = entries
        after[training] = planes
    return found


def plane_of(analysis: Analysis, layer: str, label: str = "") -> tuple[Array, Array, float, Draw]:
    """One layer's cloud in the plane: (n, 2) coordinates, (2,) shares of variance, rank agreement.

    Parameters
    ----------
    analysis
        With its activations.
    layer, label
        A layer, and a class where classes were drawn apart.

    Raises
    ------
    UsageError
        When the analysis has no such cloud; says why.
    """
    if layer not in analysis.layers:
        msg = f"plot_cloud(): there is no layer {layer!r}. {near_matches(layer, analysis.layers)}"
        raise UsageError(msg)
    draws, why = _draws_or_why(analysis)
    found = {draw.label: draw for draw in draws}
    if label not in found:
        known = f"there are {sorted(found)}" if found else why or "it measured no point clouds here"
        msg = f"plot_cloud(): no cloud of label={label!r}; {known}."
        raise UsageError(msg)
    read = _read(analysis, layer, found[label], look_up=False)
    if isinstance(read, str):
        msg = f"plot_cloud(): {layer!r} has no picture: {read}"
        raise UsageError(msg)
    return read.plane, read.shares, read.agreement, found[label]


def _size(analysis: Analysis) -> int:
    return int(analysis.attrs.get("points") or 0)


def _draws_or_why(analysis: Analysis) -> tuple[list[Draw], str]:
    """The draws that are shown, or why there are none; tables stay what they are."""
    try:
        return _draws(analysis), ""
    except ToposcopeError as error:  # such as activations of other samples than were measured
        return [], str(error)


def _draws(analysis: Analysis) -> list[Draw]:
    """The first draw of every class; none of volumes, and of analyses without activations."""
    design = analysis.design
    if analysis.activations is None or design is None:
        return []
    if not isinstance(design.filtration, PointFiltration):
        return []
    draws = draws_of(analysis.activations, design).draws
    return [draw for draw in draws if draw.replicate == 0]


def _run(
    analysis: Analysis,
    draws: Sequence[Draw],
    why: str,
    gallery: Gallery,
    *,
    shown: int,
    lead: Mapping[tuple[str, str], Array],
    look_up: bool,
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], Array]]:
    """Clouds of one run, and its planes by (class, layer) for the checkpoint before to turn to."""
    by_label: dict[str, Draw | None] = {draw.label: draw for draw in draws}
    if len(analysis.loops):
        for label in analysis.loops.get("label", [""]):
            by_label.setdefault(str(label or ""), None)
    if why and not by_label:
        by_label[""] = None
    kind = "samples" if analysis.design is None else analysis.design.points_are
    out, planes = [], {}
    for label, draw in by_label.items():
        layers: list[dict[str, Any]] = []
        before: Array | None = None
        seen = 0 if draw is None else min(shown, _size(analysis))
        for layer in analysis.layers:
            one: _Plane | str | None = why or None
            if draw is not None:
                one = _read(analysis, layer, draw, look_up=look_up)
            entry: dict[str, Any] = {}
            if isinstance(one, str):
                entry = {"why": one}
            elif one is not None:
                to = lead.get((label, layer), before)
                plane = one.plane if to is None or len(to) != len(one.plane) else None
                plane = turned_onto(one.plane, to) if plane is None else plane  # type: ignore[arg-type]
                before = planes[label, layer] = plane
                entry = {
                    "xy": plane[:seen],
                    "share": [round(float(share), 4) for share in one.shares],
                    "agreement": None if np.isnan(one.agreement) else round(one.agreement, 3),
                    "tree": packed(one.tree),
                    "points": len(plane),
                }
            entry["loops"], entry["looked_up"] = _loops(analysis, layer, label, one)
            layers.append(entry)
        rows = [] if draw is None or kind != "samples" else [int(row) for row in draw.rows]
        rows = _with_loops(rows, layers)
        half = _half([entry["xy"] for entry in layers if "xy" in entry])
        for entry in layers:
            if "xy" in entry:
                entry["xy"] = packed(quantized(entry["xy"], half))
        out.append(
            {
                "label": label,
                "samples": gallery.add(analysis, rows, points_are=kind),
                "shown": seen,
                "half": half,
                "layers": dict(zip(analysis.layers, layers, strict=True)),
            }
        )
    return out, planes


def _read(analysis: Analysis, layer: str, draw: Draw, *, look_up: bool) -> _Plane | str:
    """The plane of one cloud, or why there is none."""
    design, activations = analysis.design, analysis.activations
    assert design is not None and activations is not None, "draws come from both"
    filtration = design.filtration
    assert isinstance(filtration, PointFiltration), "draws are of points"
    try:
        if design.normalize in SHEAR:
            cloud = draws_of(activations, design).cloud(layer, draw)
        else:
            cloud = read_points(
                activations.rows_of,
                layer,
                draw.rows,
                points_are=design.points_are,
                points=design.size,
                seed=np.random.default_rng([design.seed, draw.replicate]),
                masked=MASK in activations.pseudo,
            )
        distances = homology.distances(cloud, metric=design.metric)
        grown = filtration.distances(cloud, distances)
        edges, lengths = prim(grown)
        joined = np.isfinite(lengths) & (lengths > 0)
        order = np.argsort(-lengths[joined], kind="stable")
        loops = None
        if look_up and 1 in design.homology_dimensions:
            loops = homology.longest_loops(grown, count=REPRESENTATIVES, metric="precomputed")
        plane, shares = principal_plane(_directions(cloud, design.metric))
        size = float(np.sqrt((plane**2).sum(axis=1).mean()))
        plane = plane / size if size > 0 else plane
        return _Plane(plane, shares, rank_agreement(distances, plane), edges[joined][order], loops)
    except ToposcopeError as error:
        return str(error)


def _directions(cloud: Array, metric: str) -> Array:
    """Points whose Euclidean distances grow with those of the metric."""
    if metric == "correlation":
        cloud = cloud - cloud.mean(axis=1, keepdims=True)
    if metric in ("cosine", "correlation"):
        return np.asarray(cloud / np.linalg.norm(cloud, axis=1, keepdims=True))
    return cloud


def _loops(
    analysis: Analysis, layer: str, label: str, one: _Plane | str | None
) -> tuple[list[Any], bool]:
    """(birth, death, points) of the longest loops, longest first, and whether they are positions.

    Looked up now, points are positions in the draw; as stored, row numbers of samples.
    """
    stored = analysis.loops
    if len(stored):
        chosen = stored["layer"] == layer
        if "label" in stored:
            chosen &= stored["label"].fillna("") == label
        stored = stored[chosen]
    if isinstance(one, _Plane) and one.loops is not None:
        # Births and deaths in the units of the diagram, where that is known.
        loops = [[loop.birth, loop.death, loop.vertices.tolist()] for loop in one.loops]
        if len(stored) and loops:
            first = float((stored["death"] - stored["birth"]).max())
            scale = first / (loops[0][1] - loops[0][0])
            loops = [[birth * scale, death * scale, points] for birth, death, points in loops]
        return loops, True
    loops = [
        [float(r.birth), float(r.death), [int(i) for i in r.samples]] for r in stored.itertuples()
    ]
    return sorted(loops, key=lambda loop: loop[0] - loop[1]), False


def _with_loops(rows: list[int], layers: list[dict[str, Any]]) -> list[int]:
    """The samples shown, those of stored loops put behind; their rows become positions."""
    place = {row: i for i, row in enumerate(rows)}
    for entry in layers:
        if not entry.pop("looked_up"):
            for loop in entry["loops"]:
                for row in loop[2]:
                    place.setdefault(row, len(place))
                loop[2] = [place[row] for row in loop[2]]
    return list(place)


def _half(planes: Sequence[Array]) -> float:
    """Half the side of the common picture: room for all but the outermost points."""
    far = [float(np.quantile(abs(plane), NEARLY_ALL)) for plane in planes if len(plane)]
    return round(1.08 * max(far, default=1.0) or 1.0, 3)


def quantized(plane: Array, half: float) -> NDArray[np.int64]:
    """Coordinates in [-half, half] as whole numbers of 0 to 65,535; those beyond at the edge.

    >>> quantized(np.array([[-1.0, 1.0], [0.0, 9.0]]), 1.0).tolist()
    [[0, 65535], [32768, 65535]]
    """
    share = (np.clip(plane, -half, half) / half + 1) / 2
    return np.asarray(np.round(share * STEPS), dtype=np.int64)


def packed(values: NDArray[np.int64]) -> str:
    """Whole numbers below 65,536 as text: little-endian, two bytes each, in base64.

    >>> packed(np.array([[1, 2]]))
    'AQACAA=='
    """
    return base64.b64encode(np.ascontiguousarray(values, dtype="<u2").tobytes()).decode("ascii")
