"""Every number between two layers: the tasks of a comparison, and what a worker does in one.

A task takes one layer of one network and measures it against the layers that come after it. Which
draws meet is fixed here: between diagrams always different draws (`cross`), so that a distance
between layers and the distance between two draws of one layer are the same kind of number; between
paired activations the same draw, and for the floor the next one, whose rows are other samples.

Workers import neither torch nor pandas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.plan import SCIENCE, code_hash
from toposcope.diagrams import distances
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.execution.legacy import Ledger
from toposcope.similarity.measures import MEASURES
from toposcope.store.objects import content_hash, put
from toposcope.store.runs import Run

Array = NDArray[np.float64]

DIAGRAM_MEASURES: dict[str, Callable[..., float]] = {
    "wasserstein": distances.wasserstein,
    "bottleneck": distances.bottleneck,
    "sliced_wasserstein": distances.sliced_wasserstein,
    "landscape": distances.landscape_distance,
    "betti_curve": distances.betti_curve_distance,
}
"""Measures between diagrams: W1 with ground norm inf, bottleneck, sliced W1, landscape L2, Betti
curve L1."""

SOURCES = ("diagrams/distances.py", "similarity", "comparison/layer_pairs.py")
"""Sources that decide the numbers of a block, besides those of an analysis."""

SLOW = frozenset({"rtd"})
"""Measures of seconds a pair: beyond matched and neighboring layers, one draw only."""

SAME, FLOOR, CROSS = "same", "floor", "cross"
COLUMNS = ("other", "measure", "homology_dimension", "kind", "draw", "other_draw", "value")


@cache
def comparison_hash() -> str:
    """Hash of all sources that decide a distance or a similarity."""
    return code_hash((*SCIENCE, *SOURCES))


def pack_diagrams(pairs: Mapping[tuple[int, int], Array]) -> bytes:
    """Diagrams of one layer, by (replicate, degree), as bytes that are equal for equal diagrams."""
    head = [[replicate, degree, len(rows)] for (replicate, degree), rows in pairs.items()]
    body = np.concatenate([np.empty((0, 2)), *pairs.values()])
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + np.ascontiguousarray(body, "<f8").tobytes()


def unpack_diagrams(data: bytes) -> dict[tuple[int, int], Array]:
    """The inverse of `pack_diagrams`.

    >>> one = {(0, 1): np.array([[0.0, 2.0]])}
    >>> unpack_diagrams(pack_diagrams(one))
    {(0, 1): array([[0., 2.]])}
    """
    size = int.from_bytes(data[:8], "little")
    body = np.frombuffer(data, dtype="<f8", offset=8 + size).reshape(-1, 2)
    out, start = {}, 0
    for replicate, degree, count in json.loads(data[8 : 8 + size]):
        out[replicate, degree] = body[start : start + count]
        start += count
    return out


def put_diagrams(store: Path, pairs: Mapping[tuple[int, int], Array]) -> str:
    """Place the diagrams of one layer in the store; returns their name, a hash of the content."""
    data = pack_diagrams(pairs)
    name = content_hash(data)
    if not (store / "inputs" / name).exists():
        put(store / "inputs" / name, data)
    return name


@lru_cache(maxsize=256)
def _diagrams(path: str) -> dict[tuple[int, int], Array]:
    return unpack_diagrams(Path(path).read_bytes())


@lru_cache(maxsize=4)
def _run(path: str) -> Run:
    return Run.open(path)


def _activations(place: Mapping[str, Any], draw: int, *, rotated: bool) -> Array:
    """(points, d) activations of one draw; `rotated` into at most `points` coordinates."""
    return _rows(
        place["run"], place["layer"], place["content"], tuple(place["draws"][draw]), rotated
    )


@lru_cache(maxsize=64)
def _rows(run: str, layer: str, content: str, rows: tuple[int, ...], rotated: bool) -> Array:
    # `content` is the layer's hash: a RUN written anew at the same place is another layer.
    values = _run(run).read(layer, np.asarray(rows, dtype=np.intp))
    X = values.reshape(len(values), -1).astype(np.float64)
    if rotated and X.shape[1] > len(X) and np.isfinite(X).all():
        # Inner products between rows are all that counts, after the mean is gone.
        X = np.asarray(np.linalg.qr((X - X.mean(axis=0)).T, mode="r"), dtype=np.float64).T
    return X


def measure_block(payload: Mapping[str, Any]) -> None:
    """One layer against others: publish the numbers as one file, tick it off."""
    rows: list[tuple[Any, ...]] = []
    for index, other in enumerate(payload["others"]):
        rows += [(index, *found) for found in _between(payload, other)]
    folder = Path(payload["folder"])
    data = json.dumps(rows).encode()
    put(folder / "parts" / f"{payload['key']}.json", data)
    Ledger(folder / "ledger").tick(payload["key"], part=content_hash(data))


def _between(
    payload: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[tuple[str, int | None, str, int, int, float | str]]:
    """(measure, degree, kind, draw, other draw, value or reason) of one pair of layers."""
    mine = payload["place"]
    for measure in payload["measures"]:
        if measure in DIAGRAM_MEASURES:
            if mine["diagrams"] is None or other["diagrams"] is None:
                continue
            left, right = (
                _diagrams(str(Path(payload["folder"]) / "inputs" / place["diagrams"]))
                for place in (mine, other)
            )
            same = mine["id"] == other["id"]
            for degree in payload["homology_dimensions"]:
                units = [
                    r for r in payload["units"] if (r, degree) in left and (r, degree) in right
                ]
                for i, j in draw_pairs(units, within=same, full=other["full"]):
                    value = DIAGRAM_MEASURES[measure](left[i, degree], right[j, degree])
                    yield measure, degree, CROSS, i, j, value
        elif other["paired"] and mine["id"] != other["id"]:
            yield from _similarities(payload, other, measure)


def draw_pairs(units: Sequence[int], *, within: bool, full: bool) -> list[tuple[int, int]]:
    """Draws that meet: all, or each with the next one; never a draw with itself inside a layer.

    Between layers draws of one number are measured too, where all are: they are the distance of
    the pair, and enter no comparison with the noise.

    >>> draw_pairs([0, 1, 2], within=True, full=True)
    [(0, 1), (0, 2), (1, 2)]
    >>> draw_pairs([0, 1, 2], within=False, full=False)
    [(0, 1), (1, 2), (2, 0)]
    """
    if within:
        return [(i, j) for i in units for j in units if i < j]
    if full or len(units) < 2:
        return [(i, j) for i in units for j in units]
    return [(units[k], units[(k + 1) % len(units)]) for k in range(len(units))]


def _similarities(
    payload: Mapping[str, Any], other: Mapping[str, Any], measure: str
) -> Iterator[tuple[str, None, str, int, int, float | str]]:
    declared = MEASURES[measure]
    rotated = "orthogonal" in declared.invariant_to
    units = payload["units"]
    wanted = [(SAME, r, r) for r in units]
    if other["full"] and len(units) > 1:
        wanted += [(FLOOR, units[k], units[(k + 1) % len(units)]) for k in range(len(units))]
    elif measure in SLOW:
        wanted = wanted[:1]
    for kind, i, j in wanted:
        try:
            left = _activations(payload["place"], i, rotated=rotated)
            right = _activations(other, j, rotated=rotated)
            value: float | str = declared.function(left, right)
        except (DegenerateCloudError, TooFewSamplesError, UsageError) as error:
            value = str(error)
        yield measure, None, kind, i, j, value
