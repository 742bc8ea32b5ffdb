"""Persistence diagrams of every cloud of a `CloudSet`: the array engine looped over layers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.errors import UsageError
from toposcope.execution.executors import workers_of
from toposcope.homology.metrics import METRICS
from toposcope.homology.vietoris_rips.persistence import check_arguments
from toposcope.inputs.parameters import choice
from toposcope.pointclouds.cloudset import CloudSet
from toposcope.pointclouds.draws import Draw
from toposcope.types import DiagramKey, DiagramSet


def rips(
    clouds: CloudSet,
    *,
    homology_dimensions: Sequence[int] = (0, 1),
    metric: str = "euclidean",
    max_edge_length: float = np.inf,
    coeff: int = 2,
    jobs: int | None = None,
) -> DiagramSet:
    """Vietoris-Rips persistence of every layer and replicate.

    Parameters
    ----------
    clouds
        From `toposcope.clouds`.
    homology_dimensions, metric, max_edge_length, coeff
        As in `toposcope.homology.rips`; lengths are in the normalized units of the clouds.
    jobs
        Threads (the kernels release the interpreter lock); None for one per CPU.

    Returns
    -------
    One diagram per (layer, draw, degree), in network order; the conventions are in `.attrs`.

    Examples
    --------
    >>> from toposcope.pointclouds import clouds
    >>> from toposcope.store import from_arrays
    >>> square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> acts = from_arrays({"block": square})
    >>> dgms = rips(clouds(acts, points=4, replicates=1, normalize="none"))
    >>> dgms.pairs("block", 1).round(3).tolist()  # born with its sides, filled by its diagonals
    [[1.0, 1.414]]
    """
    if not isinstance(clouds, CloudSet):
        msg = (
            f"rips(): got {type(clouds).__name__}; needed is a CloudSet, from "
            "toposcope.clouds(acts, points=…, replicates=…). "
            "For one plain array call toposcope.homology.rips(X)."
        )
        raise UsageError(msg)

    workers = workers_of(jobs, call="rips()")

    def one(place: tuple[str, Draw]) -> list[NDArray[np.float64]]:
        layer, draw = place
        try:
            return homology.rips(
                clouds.cloud(layer, draw),
                homology_dimensions=dimensions,
                metric=metric,
                max_edge_length=max_edge_length,
                coeff=coeff,
            )
        except Exception as error:
            error.add_note(f"layer {layer!r}, replicate {draw.replicate}")
            raise

    # Once, before the threads: every argument is wrong for all clouds or for none.
    call = "rips()"
    dimensions, max_edge_length, coeff = check_arguments(
        homology_dimensions, max_edge_length, coeff, call=call
    )
    metric = choice(metric, METRICS, "metric", call=call)
    for layer in clouds.activations.layers:
        clouds.normalizer(layer)  # once, before threads share it
    homology.warm_up(load=False)
    with ThreadPoolExecutor(workers) as pool:
        computed = list(pool.map(one, clouds))
    keys, pairs = [], []
    for (layer, draw), diagrams in zip(clouds, computed, strict=True):
        depth = clouds.activations.depth(layer)
        for k, diagram in zip(dimensions, diagrams, strict=True):
            keys.append(
                DiagramKey(layer, depth, draw.replicate, k, draw.label, points=clouds.points)
            )
            pairs.append(diagram)
    attrs = {
        **clouds.activations.attrs,
        **clouds.conventions,
        "homology_dimensions": list(dimensions),
        "metric": metric,
        "max_edge_length": max_edge_length,
        "coeff": coeff,
    }
    return DiagramSet(tuple(keys), tuple(pairs), attrs)
