"""What is filtered: which distances between the points of a cloud the Rips complex grows by.

"rips" takes the metric as it is, "geodesic" measures along the graph of nearest neighbors (Naitzat
et al. 2020; Wheeler, Bouza & Bubenik 2021), "local" collapses the outer shell of the cloud to a
point (percentile local homology, Wheeler et al.). "cubical" has no cloud at all: every image's
feature volume is filtered by its own values (Suresh et al. 2024). They are different sciences: the
choice is named in every result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.errors import UsageError

COMPLEXES: dict[str, dict[str, Any]] = {
    "rips": {},
    "geodesic": {"neighbors": 12, "weighted": False},
    "local": {"quantile": 0.5},
    "cubical": {
        "thresholds": (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75),
        "construction": "V",
        "superlevel": False,
        "maps": False,
        "diagrams": False,
    },
}
"""Names, each with its own parameters and their defaults; thresholds are those of Suresh et al."""

MOST_THRESHOLDS = 256


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
    if complex == "cubical":
        spec["thresholds"] = _thresholds(spec["thresholds"])
        if spec["construction"] not in ("V", "T"):
            msg = (
                f"analyze(construction={spec['construction']!r}): choose 'V' (voxels are vertices) "
                "or 'T' (voxels are top cells)."
            )
            raise UsageError(msg)
        if spec["diagrams"] and spec["maps"]:
            msg = (
                "analyze(complex='cubical'): diagrams of maps are not kept; leave out one of them."
            )
            raise UsageError(msg)
    if complex == "local" and metric != "euclidean":
        msg = f"analyze(complex='local'): it is defined for metric='euclidean', not {metric!r}."
        raise UsageError(msg)
    return spec


def _thresholds(given: Sequence[float]) -> list[float]:
    """Rising distinct thresholds."""
    found = sorted({float(t) + 0.0 for t in given})  # adding 0 makes 0 of -0
    if not found or not np.isfinite(found).all() or len(found) > MOST_THRESHOLDS:
        msg = (
            f"analyze(thresholds={list(given)!r}): needed are finite numbers, 1 to "
            f"{MOST_THRESHOLDS} of them."
        )
        raise UsageError(msg)
    return found


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
    if complex == "cubical":
        side = "superlevel sets {f >= t}" if spec["superlevel"] else "sublevel sets {f <= t}"
        cells = "vertices" if spec["construction"] == "V" else "top cells"
        what = (
            "each channel's (H, W) map, numbers added over channels"
            if spec["maps"]
            else ("the (C, H, W) volume")
        )
        return (
            f"cubical, {side} of {what} of one image, {spec['construction']} construction (voxels "
            f"are {cells}), births <= t < deaths, Z/2"
        )
    return "Vietoris-Rips, diameter scale"
