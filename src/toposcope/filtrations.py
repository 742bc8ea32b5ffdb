"""What is filtered: which distances between the points of a cloud the Rips complex grows by.

"rips" takes the metric as it is, "geodesic" measures along the graph of nearest neighbors (Naitzat
et al. 2020; Wheeler, Bouza & Bubenik 2021), "local" collapses the outer shell of the cloud to a
point (percentile local homology, Wheeler et al.). They are different sciences: the choice is named
in every result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.errors import UsageError

COMPLEXES: dict[str, dict[str, Any]] = {
    "rips": {},
    "geodesic": {"neighbors": 12, "weighted": False},
    "local": {"quantile": 0.5},
}
"""Names, each with its own parameters and their defaults."""


def complex_spec(complex: str, given: Mapping[str, Any], *, metric: str) -> dict[str, Any]:
    """The parameters of a complex with defaults filled in; refuses those of another one.

    Parameters
    ----------
    complex
        One of `COMPLEXES`.
    given
        Parameters by name; None means not given.
    metric
        Metric of the analysis.

    Examples
    --------
    >>> complex_spec("geodesic", {"neighbors": 5, "quantile": None}, metric="euclidean")
    {'neighbors': 5, 'weighted': False}
    """
    if complex not in COMPLEXES:
        msg = f"analyze(complex={complex!r}): choose one of {', '.join(COMPLEXES)}."
        raise UsageError(msg)
    own = COMPLEXES[complex]
    foreign = [name for name, value in given.items() if value is not None and name not in own]
    if foreign:
        msg = (
            f"analyze(complex={complex!r}): {', '.join(foreign)} belongs to another complex; "
            f"this one takes {', '.join(own) or 'no parameters of its own'}."
        )
        raise UsageError(msg)
    spec = {
        name: default if given.get(name) is None else given[name] for name, default in own.items()
    }
    if spec.get("neighbors", 1) < 1 or not 0.0 < spec.get("quantile", 1.0) <= 1.0:
        msg = f"analyze(complex={complex!r}): neighbors >= 1 and 0 < quantile <= 1; got {spec}."
        raise UsageError(msg)
    if complex == "local" and metric != "euclidean":
        msg = f"analyze(complex='local'): it is defined for metric='euclidean', not {metric!r}."
        raise UsageError(msg)
    return spec


def filtration_distances(
    cloud: NDArray[np.float64],
    distances: NDArray[np.float64],
    complex: str,
    spec: Mapping[str, Any],
) -> NDArray[np.float64]:
    """(n, n) distances the Rips complex of `complex` grows by.

    Parameters
    ----------
    cloud
        (n, d) normalized points.
    distances
        (n, n) distances of the cloud in the metric of the analysis.
    complex, spec
        As from `complex_spec`.
    """
    if complex == "geodesic":
        return homology.geodesic_distances(
            distances, spec["neighbors"], weighted=spec["weighted"], metric="precomputed"
        )
    if complex == "local":
        return homology.local_distances(cloud, spec["quantile"])
    return distances


def describe_complex(complex: str, spec: Mapping[str, Any]) -> str:
    """The filtration in words, for reports."""
    if complex == "geodesic":
        how = "lengths of edges added up" if spec["weighted"] else "edges counted (hops)"
        return (
            f"Vietoris-Rips of graph-geodesic distances: {spec['neighbors']} nearest neighbors, "
            f"the point itself not counted, {how}"
        )
    if complex == "local":
        return (
            "Vietoris-Rips of the cloud in its ball, the shell beyond the "
            f"{spec['quantile']:g}-quantile of norms collapsed to a point (local homology)"
        )
    return "Vietoris-Rips, diameter scale"
