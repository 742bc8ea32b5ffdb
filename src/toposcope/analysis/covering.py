"""Landmarks of whole layers: a few samples for all of them, and what that costs at most.

A layer of a million samples is read from its shards, block by block, and never held. The bound that
the covering radius implies is in homology/vietoris_rips/landmarks.py, with its proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.execution.progress import Progress, ensure
from toposcope.homology import distances, rips
from toposcope.homology.vietoris_rips.landmarks import Landmarks, landmarks_in_blocks
from toposcope.inputs import parameters as given
from toposcope.inputs.signatures import checked, whole_of
from toposcope.store.objects import Place, get_json, objects_in, put_json_at
from toposcope.store.runs import Run, whose_is
from toposcope.store.shapes import expect
from toposcope.store.shards import let_go
from toposcope.types import ACTIVATIONS_OR_RUN, ActivationSet

if TYPE_CHECKING:
    import pandas as pd

FILE = "landmarks.json"
"""Where a RUN keeps the last covering that was computed of it."""
RULES = ("farthest", "random")
ROWS = 8192
"""Rows of arrays in memory that are looked at in a block."""
AGAIN = "Delete it and compute the landmarks again."
SHAPE = {
    "of": str,
    "points": int,
    "rule": str,
    "seed": int,
    "layers": [
        {
            "layer": str,
            "samples": int,
            "rows": [int],
            "radius": (float, type(None)),
            "spread": (float, type(None)),
            "reason": str,
            "longest": {str: (float, type(None))},
        }
    ],
}


@dataclass(frozen=True)
class LayerCover:
    """Landmarks of one layer.

    Parameters
    ----------
    layer, samples
        What is covered, and by how many samples it is made up.
    rows
        Samples that are landmarks, in the order chosen.
    radius
        Largest Euclidean distance of a sample to the nearest landmark, in units of the activations;
        None where the layer has none, for `reason`.
    spread
        Mean distance between landmarks: what to hold the radius against.
    longest
        Degree of homology -> length of the longest finite bar of the landmarks, None without one.
    reason
        Why there is no radius: "nonfinite", or "" where there is one.
    """

    layer: str
    samples: int
    rows: tuple[int, ...]
    radius: float | None
    spread: float | None
    longest: dict[int, float | None]
    reason: str = ""

    @property
    def bound(self) -> float | None:
        """Bottleneck distance of the diagrams of landmarks and all samples at most: 2 * radius.

        A bar of the landmarks that is longer stands for one of all samples.
        """
        return None if self.radius is None else 2 * self.radius

    def certain(self, degree: int) -> bool:
        """Whether the longest bar of a degree is longer than the bound."""
        longest, bound = self.longest.get(degree), self.bound
        return longest is not None and bound is not None and longest > bound


@dataclass(frozen=True)
class Covering:
    """Landmarks of the layers of a RUN.

    Parameters
    ----------
    layers
        In network order.
    rule, seed
        "farthest" or "random", and the seed of the latter.
    """

    layers: tuple[LayerCover, ...]
    rule: str
    seed: int = 0

    @property
    def table(self) -> pd.DataFrame:
        """One row for each layer and degree of homology."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "layer": one.layer,
                    "samples": one.samples,
                    "points": len(one.rows),
                    "radius": one.radius,
                    "bound": one.bound,
                    "spread": one.spread,
                    "homology_dimension": degree,
                    "longest": longest,
                    "certain": one.certain(degree),
                    "status": one.reason or "ok",
                }
                for one in self.layers
                for degree, longest in one.longest.items()
            ]
        )


@checked(activations=ACTIVATIONS_OR_RUN, homology_dimensions=given.degrees, points=whole_of(2))
def landmarks(
    activations: ActivationSet | Path | str,
    *,
    points: int = 500,
    rule: str = "farthest",
    homology_dimensions: Sequence[int] = (0, 1),
    seed: int = 0,
    progress: Progress | None = None,
) -> Covering:
    """Some samples that stand for all of each layer, and how far off their topology is at most.

    Draws say how much numbers scatter between samples of equal size. Landmarks answer another
    question: what the diagram of *all* samples is, to a bound that holds for certain.

    Parameters
    ----------
    activations
        A RUN (folder or URL), or an `ActivationSet`. Layers are flattened to (n, d) and read in
        blocks: memory is 8 bytes a sample and one block.
    points
        Landmarks of each layer.
    rule
        "farthest": each is the sample farthest from those before it; the radius is at most twice
        the smallest possible. "random": drawn, in one pass over the layer, with a larger radius.
    homology_dimensions
        Degrees in which the diagram of the landmarks is computed, in Euclidean distances.
    seed
        Of "random".
    progress
        See `toposcope.execution.progress`.

    Returns
    -------
    A `Covering`; `ts.describe` tells it. Of a RUN it is kept there, and `info` and `report` show
    it.

    Examples
    --------
    A circle of 2,000 samples is known for certain from 60.

    >>> import numpy as np, toposcope as ts
    >>> t = np.random.default_rng(0).uniform(0, 2 * np.pi, 2000)
    >>> circle = ts.from_arrays({"layer": np.column_stack([np.cos(t), np.sin(t)])})
    >>> (one,) = ts.landmarks(circle, points=60).layers
    >>> one.certain(1), round(one.longest[1], 1), one.bound < 0.25
    (True, 1.6, True)
    """
    given.choice(rule, RULES, "rule", call="landmarks()")
    run = activations.run if isinstance(activations, ActivationSet) else Path(activations)
    opened = None if run is None else Run.open(run)
    if opened is None:
        assert isinstance(activations, ActivationSet), "what has no RUN is in memory"
        names, sizes = activations.layers, dict.fromkeys(activations.layers, activations.n)
    else:
        names, sizes = opened.addresses, dict.fromkeys(opened.addresses, opened.n)
    n = next(iter(sizes.values()))
    if points > n:
        msg = f"landmarks(): points={points:,} landmarks of {n:,} samples. Pass points={n} or less."
        raise UsageError(msg)
    found = []
    with ensure(progress).task("landmarks", len(names)) as bar:
        for layer in names:
            blocks = (
                _Blocks.of_arrays(activations, layer)
                if opened is None and isinstance(activations, ActivationSet)
                else _Blocks.of_run(opened, layer)
            )
            found.append(_cover(blocks, layer, points, rule, tuple(homology_dimensions), seed))
            bar.advance()
    covering = Covering(tuple(found), rule, seed)
    if run is not None:
        _keep(run, covering)
    return covering


def find_covering(run: Place) -> Covering | None:
    """The landmarks that a RUN keeps; None where there are none, or they are of another capture."""
    objects = objects_in(run)
    try:
        kept = get_json(objects, FILE)
    except FileNotFoundError:
        return None
    expect(kept, SHAPE, where=objects.where(FILE), again=AGAIN)
    if kept["of"] != whose_is(objects):
        return None
    layers = [
        LayerCover(
            one["layer"],
            one["samples"],
            tuple(one["rows"]),
            one["radius"],
            one["spread"],
            {int(degree): longest for degree, longest in one["longest"].items()},
            one["reason"],
        )
        for one in kept["layers"]
    ]
    return Covering(tuple(layers), kept["rule"], kept["seed"])


def _keep(run: Path | str, covering: Covering) -> None:
    objects = objects_in(run)
    layers = [
        {
            "layer": one.layer,
            "samples": one.samples,
            "rows": list(one.rows),
            "radius": one.radius,
            "spread": one.spread,
            "reason": one.reason,
            "longest": {str(degree): longest for degree, longest in one.longest.items()},
        }
        for one in covering.layers
    ]
    record = {
        "of": whose_is(objects),
        "points": max((len(one.rows) for one in covering.layers), default=0),
        "rule": covering.rule,
        "seed": covering.seed,
        "layers": layers,
    }
    with objects.lock():
        put_json_at(objects, FILE, record)


def _cover(
    blocks: _Blocks,
    layer: str,
    points: int,
    rule: str,
    degrees: tuple[int, ...],
    seed: int,
) -> LayerCover:
    nothing: dict[int, float | None] = dict.fromkeys(degrees)
    if not blocks.finite():
        return LayerCover(layer, blocks.n, (), None, None, nothing, "nonfinite")
    chosen: Landmarks = landmarks_in_blocks(blocks, points, rule=rule, seed=seed)
    X = blocks.rows(chosen.rows)
    for block in blocks:
        let_go(block)
    spread = float(distances(X).sum() / (len(X) * (len(X) - 1)))
    diagrams = rips(X, homology_dimensions=degrees)
    longest: dict[int, float | None] = {}
    for degree, diagram in zip(degrees, diagrams, strict=True):
        finite = diagram[np.isfinite(diagram[:, 1])]
        lengths = finite[:, 1] - finite[:, 0]
        longest[degree] = float(lengths.max()) if len(lengths) else None
    rows = tuple(int(row) for row in chosen.rows)
    return LayerCover(layer, blocks.n, rows, chosen.radius, spread, longest)


class _Blocks(Sequence[NDArray[Any]]):
    """A layer as (m, d) arrays that are read when they are looked at."""

    def __init__(self, reads: Sequence[Any], sizes: Sequence[int]) -> None:
        self._reads, self._sizes = reads, sizes
        self.n = sum(sizes)

    @classmethod
    def of_run(cls, run: Run | None, layer: str) -> _Blocks:
        """The shards of a layer."""
        assert run is not None, "a layer of a RUN"
        reads = [lambda index=index: run.shard(layer, index) for index, _, _ in run.chunks]
        return cls(reads, [stop - start for _, start, stop in run.chunks])

    @classmethod
    def of_arrays(cls, activations: ActivationSet, layer: str) -> _Blocks:
        """Rows of an array in memory."""
        starts = range(0, activations.n, ROWS)
        spans = [np.arange(start, min(start + ROWS, activations.n)) for start in starts]
        reads = [lambda span=span: activations.rows(layer, span) for span in spans]
        return cls(reads, [len(span) for span in spans])

    def __len__(self) -> int:
        return len(self._reads)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[block] for block in range(len(self)))

    def __getitem__(self, block: Any) -> Any:
        values = self._reads[block]().reshape(self._sizes[block], -1)
        # What the kernels know; float32 and float64 are looked at where they lie.
        return values if values.dtype.itemsize >= 4 else values.astype(np.float32)

    def finite(self) -> bool:
        """Whether all values are finite."""
        for values in self:
            good = bool(np.isfinite(values).all())
            let_go(values)
            if not good:
                return False
        return True

    def rows(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(m, d) some rows."""
        starts = np.concatenate([[0], np.cumsum(self._sizes)])
        where = np.searchsorted(starts, rows, side="right") - 1
        return np.array(
            [self[block][row - starts[block]] for block, row in zip(where, rows, strict=True)],
            dtype=np.float64,
        )
