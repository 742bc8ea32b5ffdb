"""Every number between two layers: what a task of a comparison holds, and what a worker does.

A task takes one layer of one network and measures it against the layers that come after it. Which
draws meet is fixed here: between diagrams always different draws (`cross`), so that a distance
between layers and the distance between two draws of one layer are the same kind of number; between
paired activations the same draw, and for the floor the next one, whose rows are other samples.

Workers import neither torch nor pandas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toposcope.diagrams import distances
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.similarity.measures import MEASURES
from toposcope.similarity.paired_rows import medians
from toposcope.store.objects import Objects, content_hash, get_checked
from toposcope.store.runs import Run

Array = NDArray[np.float64]

BETTI_NUMBERS = "betti_numbers"


def betti_distance(a: Array, b: Array) -> float:
    """Distance of the Betti numbers of two images: root mean square over the thresholds.

    >>> betti_distance(np.array([1.0, 5.0]), np.array([4.0, 8.0]))
    3.0
    """
    return float(np.sqrt(np.mean((a - b) ** 2)))


DIAGRAM_MEASURES: dict[str, Callable[..., float]] = {
    "wasserstein": distances.wasserstein,
    "bottleneck": distances.bottleneck,
    "sliced_wasserstein": distances.sliced_wasserstein,
    "landscape": distances.landscape_distance,
    "betti_curve": distances.betti_curve_distance,
    BETTI_NUMBERS: betti_distance,
}
"""Measures between diagrams: W1 with ground norm inf, bottleneck, sliced W1, landscape L2, Betti
curve L1; and between the Betti numbers of two images, for volumes."""

SOURCES = ("diagrams/distances.py", "similarity", "comparison/layer_pairs.py")
"""Sources that decide the numbers of a task, besides those of an analysis."""

SLOW = frozenset({"rtd"})
"""Measures of seconds a pair: beyond matched and neighboring layers, one draw only."""

SAME, FLOOR, CROSS = "same", "floor", "cross"


@dataclass(frozen=True)
class Side:
    """One layer of one network, by content.

    Parameters
    ----------
    network, index
        Position of the network among those compared, and of the layer in it.
    layer
        Address of the layer.
    diagrams, draws
        Names of the stored diagrams of the network (None: there are none of this layer) and rows
        of the draws: hashes of their content.
    content
        Hash of the layer's activations; None when no measure pairs them.
    """

    network: int
    index: int
    layer: str
    diagrams: str | None
    draws: str
    content: str | None

    @property
    def place(self) -> tuple[int, int]:
        """(network, position of the layer)."""
        return self.network, self.index


@dataclass(frozen=True)
class Meeting:
    """A layer that is met, and how.

    Parameters
    ----------
    side
        The layer.
    full
        Whether all draws meet, as for matched and neighboring layers; else each the next one.
    paired
        Whether draws of one number hold the same samples.
    """

    side: Side
    full: bool
    paired: bool


@dataclass(frozen=True)
class PairsJob:
    """One layer against the layers that come after it.

    Parameters
    ----------
    code
        Hash of the sources that decide a number.
    side, others
        The layer, and those it meets.
    measures
        Between diagrams and between paired activations.
    homology_dimensions
        Degrees of the diagrams.
    replicates
        Number of draws.
    """

    code: str
    side: Side
    others: tuple[Meeting, ...]
    measures: tuple[str, ...]
    homology_dimensions: tuple[int, ...]
    replicates: int


@dataclass(frozen=True)
class PairsInputs:
    """Where the layers of a comparison lie.

    Parameters
    ----------
    objects
        The comparison's own place, with the stored diagrams and draws.
    runs
        RUN folder of each network; None where no activations are read.
    """

    objects: Objects
    runs: tuple[Path | None, ...]


Diagrams = Mapping[tuple[int, int], Array]
"""Diagrams of one layer, by (replicate, degree)."""


def pack_diagrams(layers: Mapping[str, Diagrams]) -> bytes:
    """Diagrams of all layers of a network, as bytes that are equal for equal diagrams.

    One object for all, since every task reads most of them and a put is a request that is paid.
    """
    each = [(layer, *key, rows) for layer, pairs in layers.items() for key, rows in pairs.items()]
    head = [[layer, replicate, degree, len(rows)] for layer, replicate, degree, rows in each]
    body = np.concatenate([np.empty((0, 2)), *(rows for *_, rows in each)])
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + np.ascontiguousarray(body, "<f8").tobytes()


def unpack_diagrams(data: bytes) -> dict[str, dict[tuple[int, int], Array]]:
    """The inverse of `pack_diagrams`.

    >>> one = {"block": {(0, 1): np.array([[0.0, 2.0]])}}
    >>> unpack_diagrams(pack_diagrams(one))
    {'block': {(0, 1): array([[0., 2.]])}}
    """
    size = int.from_bytes(data[:8], "little")
    body = np.frombuffer(data, dtype="<f8", offset=8 + size).reshape(-1, 2)
    out: dict[str, dict[tuple[int, int], Array]] = {}
    start = 0
    for layer, replicate, degree, count in json.loads(data[8 : 8 + size]):
        out.setdefault(layer, {})[replicate, degree] = body[start : start + count]
        start += count
    return out


def put_input(objects: Objects, data: bytes) -> str:
    """Place diagrams or draws among the inputs of tasks; returns their name, a content hash."""
    name = content_hash(data)
    if not objects.exists(_input(name)) or content_hash(objects.get(_input(name))) != name:
        objects.put(_input(name), data)
    return name


INPUTS = "inputs/"


def _input(name: str) -> str:
    return f"{INPUTS}{name}"


def _read_input(objects: Objects, name: str) -> bytes:
    """An input, held against the hash that is its name."""
    again = "Delete it and compare again."
    return get_checked(objects, _input(name), name, again=again)


@lru_cache(maxsize=8)
def _diagrams(objects: Objects, name: str) -> dict[str, dict[tuple[int, int], Array]]:
    return unpack_diagrams(_read_input(objects, name))


@lru_cache(maxsize=16)
def _draws(objects: Objects, name: str) -> list[NDArray[np.intp]]:
    return [np.asarray(rows, dtype=np.intp) for rows in json.loads(_read_input(objects, name))]


@lru_cache(maxsize=4)
def _run(path: Path) -> Run:
    return Run.open(path)


@lru_cache(maxsize=64)
def _activations(side: Side, inputs: PairsInputs, draw: int, *, rotated: bool) -> Array:
    """(points, d) activations of one draw; `rotated` into at most `points` coordinates."""
    run = inputs.runs[side.network]
    assert run is not None, "paired measures are planned with activations"
    values = _run(run).read(side.layer, _draws(inputs.objects, side.draws)[draw])
    X = values.reshape(len(values), -1).astype(np.float64)
    if rotated and X.shape[1] > len(X) and np.isfinite(X).all():
        # Inner products between rows are all that counts, from any origin: from the medians, since
        # the mean of few samples is where none of them lies when one is huge.
        X = np.asarray(np.linalg.qr((X - medians(X)).T, mode="r"), dtype=np.float64).T
    return X


def measure_pairs(job: PairsJob, inputs: PairsInputs) -> bytes:
    """One layer against others: rows of (index of the other, measure, degree, kind, draws, value).

    A value that is text is the reason why there is none.
    """
    rows = [
        (index, *row)
        for index, other in enumerate(job.others)
        for row in _between(job, other, inputs)
    ]
    return json.dumps(rows).encode()


def _between(
    job: PairsJob, other: Meeting, inputs: PairsInputs
) -> Iterator[tuple[str, int | None, str, int, int, float | str]]:
    """(measure, degree, kind, draw, other draw, value or reason) of one pair of layers."""
    mine, theirs = job.side, other.side
    for measure in job.measures:
        if measure in DIAGRAM_MEASURES:
            if mine.diagrams is None or theirs.diagrams is None:
                continue
            left = _diagrams(inputs.objects, mine.diagrams)[mine.layer]
            right = _diagrams(inputs.objects, theirs.diagrams)[theirs.layer]
            within = mine.place == theirs.place
            for degree in job.homology_dimensions:
                units = [
                    r for r in range(job.replicates) if (r, degree) in left and (r, degree) in right
                ]
                for i, j in draw_pairs(units, within=within, full=other.full):
                    value = DIAGRAM_MEASURES[measure](left[i, degree], right[j, degree])
                    yield measure, degree, CROSS, i, j, value
        elif other.paired and mine.place != theirs.place:
            yield from _similarities(job, other, inputs, measure)


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
    job: PairsJob, other: Meeting, inputs: PairsInputs, measure: str
) -> Iterator[tuple[str, None, str, int, int, float | str]]:
    declared = MEASURES[measure]
    rotated = "orthogonal" in declared.invariant_to
    units = range(job.replicates)
    wanted = [(SAME, r, r) for r in units]
    if other.full and len(units) > 1:
        wanted += [(FLOOR, r, (r + 1) % len(units)) for r in units]
    elif measure in SLOW:
        wanted = wanted[:1]
    for kind, i, j in wanted:
        try:
            left = _activations(job.side, inputs, i, rotated=rotated)
            right = _activations(other.side, inputs, j, rotated=rotated)
            value: float | str = declared.function(left, right)
        except (DegenerateCloudError, TooFewSamplesError, UsageError) as error:
            value = str(error)
        yield measure, None, kind, i, j, value
