"""Volumes of images, layer against layer: the unit is an image, its value its Betti numbers.

No task is needed: Betti numbers stand in the table of the analysis, and the distance of two images
is the root mean square over the thresholds of what their Betti numbers of one degree differ by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.result import Analysis
from toposcope.analysis.statistic_names import split_statistic
from toposcope.comparison.networks import Network
from toposcope.comparison.pair_values import Layer, PairValues
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

Array = NDArray[np.float64]

BETTI_NUMBER = "betti_number"


@dataclass(frozen=True, eq=False)
class VolumeValues(PairValues):
    """Values between layers of volumes; measured when they are asked for.

    Parameters
    ----------
    betti
        (layer, degree) -> (R, T) Betti numbers of each image at each threshold, NaN for an image
        without any.
    """

    betti: Mapping[tuple[Layer, int], Array] = field(default_factory=dict, repr=False)

    def between(self, a: Layer, b: Layer, measure: str, degree: int) -> Array | None:
        """(R, R) distances from images of a to images of b; None when there are none."""
        if (a, degree) not in self.betti or (b, degree) not in self.betti:
            return None
        return betti_distances(self.betti[a, degree], self.betti[b, degree])


def betti_distances(a: Array, b: Array) -> Array:
    """(R, S) distances between the Betti numbers of images.

    Parameters
    ----------
    a, b
        (R, T) and (S, T) Betti numbers at the same T thresholds.

    Returns
    -------
    Root mean squares over the thresholds.

    Examples
    --------
    >>> betti_distances(np.array([[1.0, 5.0]]), np.array([[1.0, 5.0], [4.0, 8.0]])).tolist()
    [[0.0, 3.0]]
    """
    return np.asarray(np.sqrt(np.mean((a[:, None] - b[None]) ** 2, axis=2)))


def volume_values(networks: Sequence[Network], degrees: Sequence[int]) -> VolumeValues:
    """Betti numbers of all layers of all networks, of one class where they are of one."""
    betti = {}
    for i, network in enumerate(networks):
        assert network.analysis is not None, "volumes are compared by their analyses"
        for p, layer in enumerate(network.layers):
            for degree in degrees:
                numbers = betti_numbers(network.analysis, layer, degree, label=network.label)
                if numbers.size:
                    betti[(i, p), degree] = numbers
    return VolumeValues({}, {}, {}, {}, len(networks[0].draws), betti)


def volumes_over_classes(parts: Sequence[VolumeValues]) -> VolumeValues:
    """All classes together, one image of each a unit: thresholds of all classes side by side.

    So distances are root mean squares over the classes, as in `pair_values.over_classes`.
    """
    first = parts[0]
    betti = {
        key: np.hstack([part.betti[key] for part in parts])
        for key in first.betti
        if all(key in part.betti for part in parts)
    }
    return VolumeValues({}, {}, {}, {}, first.replicates, betti)


def betti_numbers(analysis: Analysis, layer: str, degree: int, *, label: str = "") -> Array:
    """(R, T) Betti numbers of one layer by image and threshold; NaN where there is none."""
    table = analysis.table
    columns = []
    for key, rows in analysis.rows.items():
        statistic, threshold = split_statistic(str(key[1]))
        if (key[0], statistic, *key[2:]) != (layer, BETTI_NUMBER, DATA_CLOUD, degree):
            continue
        assert threshold is not None, "a Betti number is taken at a threshold"
        chosen = table.iloc[rows]
        chosen = chosen[chosen["label"] == label].sort_values("replicate")
        values = np.where(chosen["status"] == OK, chosen["value"].astype(float), np.nan)
        columns.append((threshold, values))
    if not columns:
        return np.empty((0, 0))
    return np.column_stack([values for _, values in sorted(columns, key=lambda one: one[0])])


def betti_degrees(networks: Sequence[Network]) -> list[int]:
    """Degrees that Betti numbers were counted in, in all networks."""
    known = [
        {
            int(key[3])
            for key in network.analysis.rows
            if key[3] is not None and split_statistic(str(key[1]))[0] == BETTI_NUMBER
        }
        for network in networks
        if network.analysis is not None
    ]
    return sorted(set.intersection(*known)) if known else []
