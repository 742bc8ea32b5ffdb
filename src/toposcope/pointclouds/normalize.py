"""Normalizations of a layer: one ruler, estimated once and shared by its replicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DegenerateCloudError
from toposcope.inputs.foreign import real
from toposcope.inputs.parameters import choice

NORMALIZATIONS: dict[str, str] = {
    "mean_distance": "divide by the mean off-diagonal distance of the layer",
    "median_distance": "divide by the median off-diagonal distance of the layer",
    "quantile_distance": "divide by the 0.9-quantile of the layer's distances (as RTD does)",
    "max_distance": "divide by the largest distance of the layer's draw (its diameter becomes 1)",
    "zscore": "standardize every feature, then divide by the mean distance",
    "minmax": "map every feature to [0, 1] (as Magai 2023 does)",
    "none": "activations as they are: scale decides the sign of depth trends",
}


@dataclass(frozen=True)
class Normalizer:
    """An affine map of the features, estimated on one layer: x -> (x - shift) / factor.

    Parameters
    ----------
    method
        One of `NORMALIZATIONS`.
    shift, factor
        Scalars or (d,) arrays.
    scale
        The mean off-diagonal distance of the un-normalized layer, in activation units.
    """

    method: str
    shift: NDArray[np.float64]
    factor: NDArray[np.float64]
    scale: float

    def __call__(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Normalized float64 copy of (m, d) activations."""
        return (flat(X) - self.shift) / self.factor


def flat(X: NDArray[Any]) -> NDArray[np.float64]:
    """Any (n, ...) array as an (n, d) float64 matrix."""
    X = real(X, call="normalize")
    if not X.ndim or not X.size:
        msg = f"normalize: needed are (n, ...) activations, not empty; got shape {X.shape}."
        raise DegenerateCloudError(msg)
    return X.reshape(len(X), -1).astype(np.float64)


def estimate_normalizer(X: NDArray[Any], method: str = "mean_distance") -> Normalizer:
    """The normalization of one layer.

    Parameters
    ----------
    X
        (n, ...) activations of a layer; non-finite values are refused. All n x n distances are
        formed, so callers pass `scale_rows` of a large layer.
    method
        One of `NORMALIZATIONS`.

    Raises
    ------
    DegenerateCloudError
        Non-finite values, or all rows equal (no distance to divide by).

    Examples
    --------
    >>> square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> round(estimate_normalizer(square).scale, 4)  # (4 sides of 1, 2 diagonals) / 6
    1.1381
    """
    method = choice(method, NORMALIZATIONS, "normalize", call="estimate_normalizer()")
    X = flat(X)
    check_finite(X)
    from toposcope.homology.metrics import refuse_pairs

    # The matrix, the rows and columns of its upper half, and that half.
    refuse_pairs(*X.shape, per_pair=20, call="estimate_normalizer()")
    zero, one = np.zeros(1), np.ones(1)
    raw = _distances(X)
    scale = float(raw.mean())
    if scale == 0.0:
        msg = f"all {len(X)} rows are equal: there is no distance to divide by."
        raise DegenerateCloudError(msg)
    divisors: dict[str, Callable[[], Any]] = {
        "mean_distance": raw.mean,
        "median_distance": lambda: np.median(raw),
        "quantile_distance": lambda: np.quantile(raw, 0.9),
        "max_distance": raw.max,
    }
    if method in divisors:
        factor = float(divisors[method]())
        if factor == 0.0:
            msg = f"the {method} is 0 (most rows are equal); use normalize='mean_distance'."
            raise DegenerateCloudError(msg)
        return Normalizer(method, zero, np.array([factor]), scale)
    if method == "zscore":
        deviation = X.std(axis=0)
        deviation[deviation == 0.0] = 1.0  # a constant feature adds nothing to any distance
        mean = float(_distances(X / deviation).mean())
        return Normalizer(method, X.mean(axis=0), deviation * mean, scale)
    if method == "minmax":
        low, high = X.min(axis=0), X.max(axis=0)
        return Normalizer(method, low, np.where(high > low, high - low, 1.0), scale)
    return Normalizer(method, zero, one, scale)


def check_finite(X: NDArray[np.float64]) -> None:
    """Refuse non-finite activations with their count."""
    bad = ~np.isfinite(X)
    if bad.any():
        msg = (
            f"{int(bad.sum()):,} non-finite values in {int(bad.any(axis=1).sum()):,} of "
            f"{len(X):,} samples"
        )
        raise DegenerateCloudError(msg)


def _distances(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Off-diagonal Euclidean distances, condensed."""
    from toposcope.homology.metrics import distances

    upper = np.triu_indices(len(X), 1)
    return np.asarray(distances(X), dtype=np.float64)[upper]
