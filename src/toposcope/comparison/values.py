"""The numbers of all finished tasks, found again by the two layers they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.layer_pairs import CROSS, SAME
from toposcope.errors import DamagedError
from toposcope.execution.legacy import Ledger, Task
from toposcope.store.objects import content_hash

Array = NDArray[np.float64]
Layer = tuple[int, int]
"""(network, position of the layer)."""


@dataclass(frozen=True, eq=False)
class Evidence:
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
        found = self.cross.get((b, a, measure, degree))
        return None if found is None else found.T

    def paired(self, a: Layer, b: Layer, measure: str) -> tuple[Array, Array]:
        """(R,) values and floors of paired draws, NaN where there are none."""
        nothing = np.full(self.replicates, np.nan)
        key = (a, b, measure) if (a, b, measure) in self.same else (b, a, measure)
        return self.same.get(key, nothing), self.floor.get(key, nothing)


def read_evidence(
    tasks: Sequence[Task],
    met: Sequence[Sequence[Mapping[str, Any]]],
    folder: Path,
    replicates: int,
) -> Evidence:
    """Collect the parts of all tasks that are done."""
    ledger = Ledger(folder / "ledger")
    cross: dict[tuple[Layer, Layer, str, int], Array] = {}
    same: dict[tuple[Layer, Layer, str], Array] = {}
    floor: dict[tuple[Layer, Layer, str], Array] = {}
    reasons: dict[tuple[Layer, Layer, str], str] = {}
    for task, others in zip(tasks, met, strict=True):
        entry = ledger.entry(task.key)
        if entry is None or entry["status"] != "done":
            continue
        mine = _layer(task.payload["place"])
        for index, measure, degree, kind, i, j, value in _part(folder, task.key, entry["part"]):
            other = _layer(others[index])
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
    return Evidence(cross, same, floor, reasons, replicates)


def _layer(place: Mapping[str, Any]) -> Layer:
    return int(place["network"]), int(place["index"])


def _part(folder: Path, key: str, expected: str) -> list[Any]:
    path = folder / "parts" / f"{key}.json"
    data = path.read_bytes() if path.exists() else b""
    if content_hash(data) != expected:
        msg = f"{path} does not match its recorded hash. Delete it and its tick, compare again."
        raise DamagedError(msg)
    return list(json.loads(data))
