"""From activations to point clouds: which samples, in which draw, at which scale.

A replicate is a disjoint draw of samples, the same for every layer, so that layers are compared on
equal n and on the same data. Normalization is estimated once per layer, on a fixed draw, and shared
by its replicates and classes: otherwise every replicate would have its own ruler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.pointkinds import MOST_SAMPLES, read_points, refuse_kind, ruler_points
from toposcope.types import MASK, ActivationSet

NORMALIZATIONS: dict[str, str] = {
    "mean_distance": "divide by the mean off-diagonal distance of the layer",
    "median_distance": "divide by the median off-diagonal distance of the layer",
    "quantile_distance": "divide by the 0.9-quantile of the layer's distances (as RTD does)",
    "max_distance": "divide by the largest distance of the layer's draw (its diameter becomes 1)",
    "zscore": "standardize every feature, then divide by the mean distance",
    "minmax": "map every feature to [0, 1] (as Magai 2023 does)",
    "none": "activations as they are: scale decides the sign of depth trends",
}
SCALE_SAMPLES = 2000
"""Rows a scale is estimated on: 2 million distances, sampling error below 1 %."""

Seed = int | np.random.Generator


@dataclass(frozen=True)
class Draw:
    """Rows of one replicate, of one class or of all.

    Parameters
    ----------
    replicate
        Number of the draw.
    label
        Class name, or "" for pooled classes.
    rows
        (points,) row numbers in the `ActivationSet`.
    """

    replicate: int
    label: str
    rows: NDArray[np.intp] = field(repr=False)


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
    X = np.asarray(X)
    return X.reshape(len(X), -1).astype(np.float64)


def draw_rows(
    n: int,
    *,
    points: int,
    replicates: int,
    seed: Seed,
    labels: NDArray[np.int64] | None = None,
    overlapping: bool = False,
) -> list[NDArray[np.intp]]:
    """Draws of `points` rows out of n: disjoint unless `overlapping`, stratified by label.

    Parameters
    ----------
    n
        Number of samples.
    points, replicates
        Size and number of draws; points x replicates <= n unless overlapping.
    seed
        Seed of the shuffle.
    labels
        (n,) classes; each draw then has the class proportions of the whole, up to one sample.
    overlapping
        Each draw is taken from all n samples.

    Returns
    -------
    One sorted (points,) index array per replicate.

    Examples
    --------
    >>> draws = draw_rows(10, points=3, replicates=3, seed=0)
    >>> len(set(np.concatenate(draws).tolist()))
    9
    """
    needed = points if overlapping else points * replicates
    if points < 1 or replicates < 1:
        msg = f"clouds(): points={points}, replicates={replicates}; both must be 1 or more."
        raise UsageError(msg)
    if needed > n:
        msg = (
            f"clouds(): {replicates} disjoint draws of {points} points need "
            f"{needed} samples; there are {n}. Pass {_what_fits(n, points, replicates)}."
        )
        raise TooFewSamplesError(msg)
    rng = np.random.default_rng(seed)
    if overlapping:
        order = [_stratified_order(n, labels, rng)[:points] for _ in range(replicates)]
    else:
        # Any stretch of a stratified order has nearly the class proportions of the whole.
        spread = _stratified_order(n, labels, rng)
        order = [spread[r * points : (r + 1) * points] for r in range(replicates)]
    return [np.sort(rows) for rows in order]


def _what_fits(n: int, points: int, replicates: int) -> str:
    """Designs that n samples are enough for, in words."""
    ways = []
    if n >= replicates:
        ways.append(f"points={n // replicates}")
    if n >= points:
        ways += [f"replicates={n // points}", "overlapping=True (--overlapping)"]
    return ", or ".join(ways) or f"points={n} and replicates=1"


def _stratified_order(
    n: int, labels: NDArray[np.int64] | None, rng: np.random.Generator
) -> NDArray[np.intp]:
    """A random order in which every stretch has nearly the class proportions of the whole."""
    shuffled = rng.permutation(n)
    if labels is None:
        return shuffled
    position = np.empty(n)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        # The j-th of m members belongs at (j + u) / m of the way.
        position[members] = (np.arange(len(members)) + rng.random()) / len(members)
    return np.argsort(position, kind="stable")


def scale_rows(n: int, *, seed: Seed) -> NDArray[np.intp]:
    """The rows a scale is estimated on: all of n, or `SCALE_SAMPLES` of them, sorted."""
    if n <= SCALE_SAMPLES:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, SCALE_SAMPLES, replace=False))


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
    if method not in NORMALIZATIONS:
        msg = f"normalize={method!r} is unknown; choose one of {', '.join(NORMALIZATIONS)}."
        raise UsageError(msg)
    X = flat(X)
    check_finite(X)
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


@dataclass(frozen=True, eq=False)
class CloudSet:
    """A plan of point clouds over activations; clouds are cut when they are asked for.

    Parameters
    ----------
    activations
        Where the points come from.
    draws
        Which rows make which replicate, the same for all layers.
    normalize
        One of `NORMALIZATIONS`.
    points, replicates, overlapping, seed, points_are, samples
        As given to `clouds`.
    """

    activations: ActivationSet
    draws: tuple[Draw, ...]
    normalize: str
    points: int
    replicates: int
    overlapping: bool
    seed: int
    points_are: str = "samples"
    samples: int | None = None
    _normalizers: dict[str, Normalizer] = field(default_factory=dict, repr=False)

    def normalizer(self, layer: str) -> Normalizer:
        """The shared normalization of a layer, estimated once."""
        if layer not in self._normalizers:
            try:
                ruler = ruler_points(
                    self.activations.rows_of,
                    layer,
                    scale_rows(self.activations.n, seed=self.seed),
                    points_are=self.points_are,
                    most=SCALE_SAMPLES,
                    seed=self.seed,
                    masked=MASK in self.activations.pseudo,
                )
                self._normalizers[layer] = estimate_normalizer(ruler, self.normalize)
            except DegenerateCloudError as error:
                error.add_note(f"layer {layer!r}")
                raise
        return self._normalizers[layer]

    def cloud(self, layer: str, draw: Draw) -> NDArray[np.float64]:
        """(points, d) normalized cloud of one layer and one draw."""
        points = read_points(
            self.activations.rows_of,
            layer,
            draw.rows,
            points_are=self.points_are,
            points=self.points,
            seed=np.random.default_rng([self.seed, draw.replicate]),
            masked=MASK in self.activations.pseudo,
        )
        return self.normalizer(layer)(points)

    def __len__(self) -> int:
        return len(self.activations.layers) * len(self.draws)

    def __iter__(self) -> Iterator[tuple[str, Draw]]:
        return ((layer, draw) for layer in self.activations.layers for draw in self.draws)

    @property
    def conventions(self) -> Mapping[str, Any]:
        """What has to be said beside every number that comes from these clouds."""
        return {
            "points": self.points,
            "replicates": self.replicates,
            "overlapping": self.overlapping,
            "normalize": self.normalize,
            "seed": self.seed,
            "n": self.activations.n,
            "points_are": self.points_are,
            "samples": self.samples,
        }

    def __repr__(self) -> str:
        kind = "overlapping" if self.overlapping else "disjoint"
        return (
            f"CloudSet({len(self.activations)} layers, {len(self.draws)} {kind} draws of "
            f"{self.points} {'points' if self.points_are == 'samples' else self.points_are}, "
            f"normalize={self.normalize!r})"
        )


def clouds(
    activations: ActivationSet,
    *,
    points: int = 500,
    replicates: int = 8,
    normalize: str = "mean_distance",
    per_class: bool = False,
    overlapping: bool = False,
    seed: int = 0,
    points_are: str = "samples",
    samples: int | None = None,
) -> CloudSet:
    """Point clouds of every layer: `replicates` disjoint draws of `points` samples.

    Parameters
    ----------
    activations
        From `capture`, `open` or `from_arrays`.
    points, replicates
        Size and number of draws. Clouds of different size are not comparable, so there is one size.
    normalize
        One of `NORMALIZATIONS`; the default makes results free of the layer's scale.
    per_class
        Draw inside every class (labels are needed) instead of over all classes pooled. A pooled
        cloud of a k-class classifier has k clusters by construction.
    overlapping
        Let draws share samples when there are too few; intervals are then widened, and the draws
        are no units for a permutation test.
    seed
        Decides the draws.
    points_are
        What a point is, one of `pointkinds.POINT_KINDS`: "samples"; "positions" or "channels" of
        one sample, of layers captured with pool "volume" or "tokens"; "tokens" of several samples.
        A replicate is then one sample, or a disjoint group of them, and of its points `points` are
        drawn: layers with fewer have no cloud.
    samples
        For "tokens": samples of each cloud; None for n / replicates, at most 64.

    Examples
    --------
    >>> from toposcope.store import from_arrays
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> clouds(from_arrays({"block": X}), points=20, replicates=3)
    CloudSet(1 layers, 3 disjoint draws of 20 points, normalize='mean_distance')
    """
    if normalize not in NORMALIZATIONS:
        msg = f"normalize={normalize!r} is unknown; choose one of {', '.join(NORMALIZATIONS)}."
        raise UsageError(msg)
    refuse_kind(points_are)
    if points_are != "samples" and overlapping:
        msg = f"clouds(points_are={points_are!r}): draws of other kinds than samples are disjoint."
        raise UsageError(msg)
    if samples is not None and points_are != "tokens":
        msg = f"clouds(samples={samples}): it belongs to points_are='tokens'."
        raise UsageError(msg)
    if points_are == "tokens" and samples is None:
        samples = max(1, min(MOST_SAMPLES, activations.n // max(replicates, 1)))
    drawn = {"samples": points, "tokens": samples or 1}.get(points_are, 1)
    if per_class:
        draws = _draws_per_class(activations, drawn, replicates, seed, overlapping)
    else:
        rows = draw_rows(
            activations.n,
            points=drawn,
            replicates=replicates,
            seed=seed,
            labels=activations.labels,
            overlapping=overlapping,
        )
        draws = [Draw(r, "", chosen) for r, chosen in enumerate(rows)]
    return CloudSet(
        activations,
        tuple(draws),
        normalize,
        points,
        replicates,
        overlapping,
        seed,
        points_are,
        samples,
    )


def _draws_per_class(
    activations: ActivationSet, points: int, replicates: int, seed: int, overlapping: bool
) -> list[Draw]:
    if activations.labels is None:
        msg = "clouds(per_class=True): these activations have no labels. Capture data with labels."
        raise UsageError(msg)
    draws = []
    for label in np.unique(activations.labels):
        members = np.flatnonzero(activations.labels == label)
        named = label < len(activations.class_names)
        name = activations.class_names[label] if named else str(label)
        try:
            chosen = draw_rows(
                len(members),
                points=points,
                replicates=replicates,
                seed=np.random.default_rng([seed, int(label)]),
                overlapping=overlapping,
            )
        except TooFewSamplesError as error:
            error.add_note(f"class {name!r}")
            raise
        draws += [Draw(r, name, members[rows]) for r, rows in enumerate(chosen)]
    return draws
