"""Memory that the scores of a ranking take, from the sizes of arrays, and what takes less."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from toposcope.activations.candidates import CapturedCandidate
from toposcope.errors import WayOut
from toposcope.execution.forecasts import most_that_fit, refuse_workers_beyond_memory
from toposcope.homology.vietoris_rips.cost import estimate_cost
from toposcope.inputs.memory import available_memory
from toposcope.store.runs import Run
from toposcope.transfer.ranking.sizes import FEWEST_ADVISED
from toposcope.transfer.scores.registry import SCORES

WORKER_BYTES = 220_000_000
"""A worker that has scored something small: interpreter, libraries, machine code of kernels."""
_CLOUD = 4.0
"""Arrays as large as the features of a draw, in float64, that are there at the same time."""
_PAIR = {"knn": 16.0, "ph_dimension": 24.0, "class_persistence": 8.0, "tau": 8.0}
"""Bytes for each pair of points, besides those of the diagrams."""
_DEGREES = {"tau": (0, 1), "total_persistence": (0,), "class_persistence": (0,)}
_SQUARES = 4.0
"""(width, width) matrices of float64 of the scores of features."""
NAMED = 6
"""Scores that a message lists; of more it lists those that are left out."""
WIDEST = 4096
"""Numbers of a sample that a layer is taken to have where that decides what is advised."""


@dataclass(frozen=True)
class DrawSizes:
    """What decides the memory of a draw's scores.

    Parameters
    ----------
    points
        Samples of a draw.
    width, widths
        Numbers of a sample in the layer of the features, and in each layer that is a cloud;
        1 and none where nothing is captured yet, which is the least they can be.
    images, voxels
        Images of a draw, and voxels of their largest volume.
    """

    points: int
    width: int = 1
    widths: tuple[int, ...] = (1,)
    images: int = 0
    voxels: int = 0

    def bytes(self, scores: Sequence[str]) -> int:
        """Peak memory of a worker.

        >>> few, many = (DrawSizes(n, 64, (64,)).bytes(["tau"]) for n in (100, 10_000))
        >>> few < 230e6, 1e9 < many < 4e9
        (True, True)
        """
        return WORKER_BYTES + int(max((self._of(name) for name in scores), default=0.0))

    def _of(self, name: str) -> float:
        n, d = float(self.points), float(self.width)
        needs = SCORES[name].needs
        if needs == "volumes":
            return self.voxels * (12.0 * self.images + 80.0)
        if needs == "model":
            return 0.0
        held = 8.0 * n * d * _CLOUD + _PAIR.get(name, 0.0) * n * n
        if needs == "features":
            return held + 8.0 * _SQUARES * min(n, d) * d
        if name in _DEGREES:
            wide = max(self.widths) if name == "tau" else self.width
            held += estimate_cost(self.points, wide, _DEGREES[name])[1] + 8.0 * n * (wide - d)
        return held


def largest(captured: Mapping[str, CapturedCandidate], points: int, replicates: int) -> DrawSizes:
    """The sizes of the candidate whose arrays are the largest, in each of them.

    Parameters
    ----------
    captured
        Candidates by name.
    points, replicates
        Of the ranking.
    """
    width, widths, images, voxels = 1, [1], 0, 0
    for one in captured.values():
        layers = Run.open(one.features).layers
        width = max(width, math.prod(layers[one.layer]["shape"]))
        widths += [math.prod(layers[layer]["shape"]) for layer in one.clouds]
        for path in one.volumes.values():
            run = Run.open(path)
            images = max(images, run.n // replicates)
            voxels = max(voxels, *(math.prod(run.layers[a]["shape"]) for a in run.addresses))
    return DrawSizes(points, width, (max(widths),), images, voxels)


def refuse_what_cannot_fit(
    sizes: DrawSizes,
    scores: Sequence[str],
    *,
    workers: int,
    tasks: int,
    n: int | None = None,
) -> None:
    """Refuse a ranking whose workers would not fit in memory, with ways out that do.

    Parameters
    ----------
    sizes, scores
        What is scored, and by what.
    workers, tasks
        How many run at once, and how many there are.
    n
        Samples that are captured already, which other points leave as they are.

    Raises
    ------
    DoesNotFitError
        With what is needed, what there is, and what to pass.
    """
    captured = {} if n is None else {"n": n}
    flags = () if n is None else ("-n", str(n))
    # What is advised must fit, too, once the widths are known.
    wide = replace(sizes, width=WIDEST, widths=(WIDEST,)) if n is None else sizes

    def fewer(room: int, kept: Sequence[str]) -> int:
        """Points that fit, a little less: what is available changes until it is typed."""
        return int(0.95 * most_that_fit(sizes.points, lambda m: _at(wide, m).bytes(kept) <= room))

    def with_points(points: int) -> WayOut:
        return WayOut({"points": points, **captured}, ("--points", str(points), *flags))

    def with_scores(kept: Sequence[str], way: WayOut | None = None) -> WayOut:
        changes = {"scores": tuple(kept), **(way.changes if way else {})}
        flags = ("--scores", ",".join(kept), *(way.flags if way else ()))
        if len(kept) <= NAMED:
            return WayOut(changes, flags)
        without = ", ".join(name for name in scores if name not in kept)
        more = f" and {way}" if way else ""
        return WayOut(changes, flags, told=f"the scores without {without}{more}", brief=True)

    def ways(room: int) -> Iterator[WayOut]:
        points = fewer(room, scores)
        if points >= FEWEST_ADVISED:
            yield with_points(points)
        kept = [name for name in scores if wide.bytes([name]) <= room]
        if 0 < len(kept) < len(scores):
            yield with_scores(kept)
        # All but the score that takes most, on as many points as it leaves room for.
        rest = [name for name in scores if name != max(scores, key=lambda one: wide.bytes([one]))]
        more = fewer(room, rest) if rest else 0
        if rest != kept and more > points and more >= FEWEST_ADVISED:
            yield with_scores(rest, with_points(more))

    room, at_once = available_memory(), max(1, min(workers, tasks))
    if n is None and sizes.bytes(scores) * at_once > room:
        sizes = replace(wide, points=sizes.points)  # which decides about fewer workers as well
    refuse_workers_beyond_memory(
        lambda room: list(ways(room)),
        each=sizes.bytes(scores),
        workers=at_once,
        room=room,
        call="rank()",
    )


def _at(sizes: DrawSizes, points: int) -> DrawSizes:
    return replace(sizes, points=points)
