"""The tasks of a comparison: which layers meet, and what their numbers depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.result import Analysis
from toposcope.comparison.layer_pairs import comparison_hash, put_diagrams
from toposcope.comparison.networks import INDEPENDENT, Network, memory_run, relation
from toposcope.execution.legacy import Task, task_key
from toposcope.store.objects import content_hash
from toposcope.store.runs import Run
from toposcope.types import DATA_CLOUD


def match_layers(a: Network, b: Network) -> list[tuple[int, int]]:
    """Index pairs (layer of a, layer of b): by name when both have the same layers, else by depth.

    Every layer of `a` meets the layer of `b` whose relative depth is nearest (the later one of
    two), so a layer of a shallower `b` can be met more than once.
    """
    if a.layers == b.layers:
        return [(k, k) for k in range(len(a.layers))]
    return nearest_depths(depths(a), depths(b))


def nearest_depths(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Index of the depth in `b` nearest to each in `a`.

    >>> nearest_depths(np.array([0.25, 0.5, 0.75, 1.0]), np.array([0.5, 1.0]))
    [(0, 0), (1, 0), (2, 1), (3, 1)]
    """
    gaps = np.abs(a[:, None] - b[None, :])
    # Reversed, so that argmin finds the later of two equal ones; rounded, so that they are equal.
    nearest = len(b) - 1 - np.round(gaps, 9)[:, ::-1].argmin(axis=1)
    return [(i, int(j)) for i, j in enumerate(nearest)]


def depths(network: Network) -> NDArray[np.float64]:
    """Relative depths of a network's layers."""
    return np.array([network.activations.depth(layer) for layer in network.layers])


def plan_tasks(
    networks: Sequence[Network],
    *,
    measures: Sequence[str],
    paired_measures: Sequence[str],
    homology_dimensions: Sequence[int],
    folder: Path,
) -> tuple[list[Task], list[list[dict[str, Any]]]]:
    """Tasks, one per layer of each network, and for each the layers it meets.

    Diagrams and activations held in memory are written to the folder on the way.
    """
    places = [_places(net, k, folder, bool(paired_measures)) for k, net in enumerate(networks)]
    tasks, met = [], []
    for i, first in enumerate(networks):
        for p, layer in enumerate(first.layers):
            others: list[dict[str, Any]] = []
            for j in range(i, len(networks)):
                second = networks[j]
                near = (
                    {p, p + 1} if i == j else {q for k, q in match_layers(first, second) if k == p}
                )
                paired = i == j or relation(first, second) != INDEPENDENT
                others += [
                    {**places[j][q], "full": q in near, "paired": paired}
                    for q in range(p if i == j else 0, len(second.layers))
                ]
            names = [*measures, *paired_measures]
            identity = {
                "code": comparison_hash(),
                "measures": names,
                "homology_dimensions": list(homology_dimensions),
                "place": _identity(places[i][p]),
                "others": [
                    [_identity(o), o["full"], o["paired"], o["id"] == places[i][p]["id"]]
                    for o in others
                ],
            }
            key = task_key(identity)
            payload = {
                "key": key,
                "folder": str(folder),
                "place": places[i][p],
                "others": others,
                "measures": names,
                "homology_dimensions": list(homology_dimensions),
                "units": list(range(len(first.draws))),
            }
            tasks.append(Task(key, f"{first.name}, {layer}", payload))
            met.append(others)
    return tasks, met


def _places(
    network: Network, index: int, folder: Path, with_activations: bool
) -> list[dict[str, Any]]:
    run = memory_run(network, folder, index) if with_activations else None
    opened = Run.open(run) if run is not None else None
    draws = [rows.tolist() for rows in network.draws]
    out = []
    for q, layer in enumerate(network.layers):
        pairs = _layer_diagrams(network.analysis, layer) if network.analysis is not None else {}
        out.append(
            {
                "id": f"{index}/{q}",
                "network": index,
                "index": q,
                "layer": layer,
                "diagrams": put_diagrams(folder, pairs) if pairs else None,
                "run": None if run is None else str(run),
                "content": None if opened is None else opened.layer_hash(layer),
                "draws": draws,
            }
        )
    return out


def _identity(place: Mapping[str, Any]) -> list[Any]:
    return [place["diagrams"], place["content"], content_hash(repr(place["draws"]).encode())]


def _layer_diagrams(analysis: Analysis, layer: str) -> dict[tuple[int, int], NDArray[np.float64]]:
    return {
        (key.replicate, key.homology_dimension): pairs
        for key, pairs in analysis.diagrams
        if key.layer == layer and key.cloud == DATA_CLOUD and not key.label
    }
