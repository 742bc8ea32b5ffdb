"""The tasks of a comparison: which layers meet, and what their numbers depend on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.depths import nearest_depths
from toposcope.analysis.plan import SCIENCE, code_hash
from toposcope.analysis.result import Analysis
from toposcope.comparison.layer_pairs import (
    SOURCES,
    Meeting,
    PairsInputs,
    PairsJob,
    Side,
    pack_diagrams,
    put_input,
)
from toposcope.comparison.networks import INDEPENDENT, Network, memory_run, relation
from toposcope.execution.tasks import Task
from toposcope.store.objects import Objects, objects_in
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


def depths(network: Network) -> NDArray[np.float64]:
    """Relative depths of a network's layers."""
    return np.array([network.activations.depth(layer) for layer in network.layers])


def plan_tasks(
    networks: Sequence[Network],
    folder: Path,
    *,
    measures: Sequence[str],
    paired_measures: Sequence[str],
    homology_dimensions: Sequence[int],
) -> tuple[list[Task[PairsJob]], PairsInputs]:
    """Tasks, one per layer of each network, and where they read.

    Diagrams, draws, and activations held in memory are written to the comparison on the way.
    """
    objects = objects_in(folder)
    runs = tuple(
        memory_run(network, folder, index) if paired_measures else None
        for index, network in enumerate(networks)
    )
    sides = [_sides(net, k, objects, runs[k]) for k, net in enumerate(networks)]
    tasks = []
    for i, first in enumerate(networks):
        for p, layer in enumerate(first.layers):
            job = PairsJob(
                code=comparison_hash(),
                side=sides[i][p],
                others=tuple(_met(networks, sides, i, p)),
                measures=(*measures, *paired_measures),
                homology_dimensions=tuple(homology_dimensions),
                replicates=len(first.draws),
            )
            inside = f", {first.label}" if first.label else ""
            tasks.append(Task(job, f"{first.name}, {layer}{inside}"))
    return tasks, PairsInputs(objects, runs)


@cache
def comparison_hash() -> str:
    """Hash of all sources that decide a distance or a similarity."""
    return code_hash((*SCIENCE, *SOURCES))


def _met(
    networks: Sequence[Network], sides: Sequence[Sequence[Side]], i: int, p: int
) -> Iterator[Meeting]:
    """The layers that layer p of network i is measured against."""
    first = networks[i]
    for j, second in enumerate(networks[i:], start=i):
        near = {p, p + 1} if i == j else {q for k, q in match_layers(first, second) if k == p}
        paired = i == j or relation(first, second) != INDEPENDENT
        for q in range(p if i == j else 0, len(second.layers)):
            yield Meeting(sides[j][q], full=q in near, paired=paired)


def _sides(network: Network, index: int, objects: Objects, run: Path | None) -> list[Side]:
    opened = None if run is None else Run.open(run)
    rows = [draw.tolist() for draw in network.draws]
    draws = put_input(objects, json.dumps(rows).encode())
    held = {} if network.analysis is None else _diagrams(network.analysis, network.label)
    diagrams = put_input(objects, pack_diagrams(held)) if held else None
    return [
        Side(
            network=index,
            index=position,
            layer=layer,
            diagrams=diagrams if layer in held else None,
            draws=draws,
            content=None if opened is None else opened.layer_hash(layer),
        )
        for position, layer in enumerate(network.layers)
    ]


def _diagrams(
    analysis: Analysis, label: str
) -> dict[str, dict[tuple[int, int], NDArray[np.float64]]]:
    """Diagrams of the data by layer, and by (replicate, degree)."""
    out: dict[str, dict[tuple[int, int], NDArray[np.float64]]] = {}
    for key, pairs in analysis.diagrams:
        if key.cloud == DATA_CLOUD and key.label == label:
            out.setdefault(key.layer, {})[key.replicate, key.homology_dimension] = pairs
    return out
