"""The numbers of all finished tasks, by the two layers they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.layer_pairs import CROSS, SAME, PairsJob
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook

Array = NDArray[np.float64]
Layer = tuple[int, int]
"""(network, position of the layer)."""


@dataclass(frozen=True, eq=False)
class PairValues:
    """Values between layers.

    Parameters
    ----------
    cross
        (layer, layer, measure, degree) -> (R, R) distances from draws of the first to draws of the
        second; NaN where not measured. Within a layer symmetric with a diagonal of 0.
    same, floor
        (layer, layer, measure) -> (R,) similarity of paired draws, and of unrelated samples.
    reasons
        (layer, layer, measure) -> why a paired measure has no value.
    replicates
        R.
    """

    cross: Mapping[tuple[Layer, Layer, str, int], Array] = field(repr=False)
    same: Mapping[tuple[Layer, Layer, str], Array] = field(repr=False)
    floor: Mapping[tuple[Layer, Layer, str], Array] = field(repr=False)
    reasons: Mapping[tuple[Layer, Layer, str], str] = field(repr=False)
    replicates: int

    def between(self, a: Layer, b: Layer, measure: str, degree: int) -> Array | None:
        """(R, R) distances from draws of a to draws of b; None when there are none."""
        if (a, b, measure, degree) in self.cross:
            return self.cross[a, b, measure, degree]
        turned = self.cross.get((b, a, measure, degree))
        return None if turned is None else turned.T

    def paired(self, a: Layer, b: Layer, measure: str) -> tuple[Array, Array]:
        """(R,) values and floors of paired draws, NaN where there are none."""
        nothing = np.full(self.replicates, np.nan)
        key = (a, b, measure) if (a, b, measure) in self.same else (b, a, measure)
        return self.same.get(key, nothing), self.floor.get(key, nothing)


def over_classes(parts: Sequence[PairValues]) -> PairValues:
    """All classes together: the draws of one number of every class are one unit.

    Distances are root mean squares over the classes, those of the product space, so that a squared
    gap is the mean of the squared gaps inside the classes; similarities are means. A pair of layers
    that one class has no value for has none.

    Examples
    --------
    >>> key = (0, 0), (1, 0), "landscape", 0
    >>> three, four = (PairValues({key: np.full((2, 2), d)}, {}, {}, {}, 2) for d in (3.0, 4.0))
    >>> float(over_classes([three, four]).between(*key)[0, 1]) == 12.5**0.5
    True
    """
    first = parts[0]
    cross = {
        key: np.sqrt(np.mean([part.cross[key] ** 2 for part in parts], axis=0))
        for key in first.cross
        if all(key in part.cross for part in parts)
    }
    same, floor = (
        {
            key: np.mean([getattr(part, name)[key] for part in parts], axis=0)
            for key in getattr(first, name)
            if all(key in getattr(part, name) for part in parts)
        }
        for name in ("same", "floor")
    )
    reasons = {key: why for part in reversed(parts) for key, why in part.reasons.items()}
    return PairValues(cross, same, floor, reasons, first.replicates)


def read_values(workbook: Workbook, tasks: Sequence[Task[PairsJob]], replicates: int) -> PairValues:
    """Collect the parts of all tasks that are done."""
    cross: dict[tuple[Layer, Layer, str, int], Array] = {}
    same: dict[tuple[Layer, Layer, str], Array] = {}
    floor: dict[tuple[Layer, Layer, str], Array] = {}
    reasons: dict[tuple[Layer, Layer, str], str] = {}
    for task, part in workbook.parts(tasks):
        mine = task.job.side.place
        for index, measure, degree, kind, i, j, value in json.loads(part):
            other = task.job.others[index].side.place
            if kind == CROSS:
                key = (mine, other, measure, degree)
                if key not in cross:
                    cross[key] = np.full((replicates, replicates), np.nan)
                    if mine == other:
                        np.fill_diagonal(cross[key], 0.0)
                cross[key][i, j] = value
                if mine == other:
                    cross[key][j, i] = value
                continue
            target = same if kind == SAME else floor
            values = target.setdefault((mine, other, measure), np.full(replicates, np.nan))
            if isinstance(value, str):
                reasons.setdefault((mine, other, measure), value)
            else:
                values[i] = value
    return PairValues(cross, same, floor, reasons, replicates)
