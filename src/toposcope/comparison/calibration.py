"""Similarities of a comparison against shuffled samples, searched pairs of layers included.

Samples are shuffled inside each draw and values averaged over draws, so a shuffle is one of all
samples that were drawn. Measures that are no sums over pairs of samples are computed anew for each
shuffle, and are calibrated on the first draw alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.networks import Network
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.similarity.calibration import count_of, draw_values, known_measure, summary

Array = NDArray[np.float64]


def calibrate_networks(
    networks: Sequence[Network], measures: Sequence[str], *, shuffles: int, seed: int
) -> list[dict[str, Any]]:
    """One entry per pair of networks and measure, as JSON can hold it.

    `layers_a`, `layers_b` name the rows and columns of the lists `value`, `expected`, `effect`,
    `pvalue` and `adjusted`; `left_out` says why a layer is in none of them.
    """
    return [
        _calibrated(a, b, measure, shuffles=shuffles, seed=seed)
        for a, b in combinations(networks, 2)
        for measure in measures
    ]


def _calibrated(
    a: Network, b: Network, measure: str, *, shuffles: int, seed: int
) -> dict[str, Any]:
    declared = known_measure(measure, "compare()")
    draws = len(a.draws) if declared.pairs is not None else 1
    count = count_of(declared, shuffles, "compare(calibrate=)")
    left_out: dict[str, str] = {}
    sides = [_layers(network, measure, draws, left_out) for network in (a, b)]
    entry: dict[str, Any] = {
        "network_a": a.name,
        "network_b": b.name,
        "measure": measure,
        "draws": draws,
        "shuffles": count,
        "layers_a": list(sides[0]),
        "layers_b": list(sides[1]),
        "left_out": left_out,
    }
    if not all(sides):
        return entry | {"reason": "; ".join(dict.fromkeys(left_out.values()))}
    pairs = [
        ([clouds[r] for clouds in sides[0].values()], [clouds[r] for clouds in sides[1].values()])
        for r in range(draws)
    ]
    try:
        values = draw_values(pairs, declared, shuffles=count, rng=np.random.default_rng(seed))
    except (DegenerateCloudError, TooFewSamplesError, UsageError) as error:
        return entry | {"reason": str(error)}
    found = summary(values, measure)
    tables = ("value", "expected", "effect", "pvalue", "adjusted")
    return entry | {
        **{name: getattr(found, name).tolist() for name in tables},
        "best_a": entry["layers_a"][found.best[0]],
        "best_b": entry["layers_b"][found.best[1]],
        "best_effect": found.best_effect,
        "best_pvalue": found.best_pvalue,
    }


def _layers(
    network: Network, measure: str, draws: int, left_out: dict[str, str]
) -> dict[str, list[Array]]:
    """Activations of each layer in each draw; layers that have no value with themselves are out."""
    declared = known_measure(measure, "compare()")
    out = {}
    for layer in network.layers:
        clouds = []
        try:
            for rows in network.draws[:draws]:
                values = network.activations.read(layer, rows)
                cloud = values.reshape(len(values), -1).astype(np.float64)
                declared.function(cloud, cloud)
                clouds.append(cloud)
        except (DegenerateCloudError, TooFewSamplesError, UsageError) as error:
            left_out[f"{network.name}, {layer}"] = str(error)
        else:
            out[layer] = clouds
    return out
