"""`CloudSet`: a plan of draws over activations, each at the scale of its layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.inputs import parameters
from toposcope.pointclouds.draws import Draw, draw_rows
from toposcope.pointclouds.kinds import read_points, refuse_kind, samples_of_cloud
from toposcope.pointclouds.normalize import NORMALIZATIONS, Normalizer
from toposcope.pointclouds.rulers import layer_ruler
from toposcope.types import MASK, ActivationSet


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
                ruler = layer_ruler(
                    self.activations.rows_of,
                    layer,
                    self.draws,
                    method=self.normalize,
                    points_are=self.points_are,
                    width=_width(self.activations, layer),
                    seed=self.seed,
                    masked=MASK in self.activations.pseudo,
                )
                self._normalizers[layer] = ruler.normalizer
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
        Decides the draws; of a NumPy generator a seed is drawn.
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
    call = "clouds()"
    if not isinstance(activations, ActivationSet):
        msg = (
            f"{call}: activations are {type(activations).__name__}; needed is an ActivationSet. "
            "Pass ts.from_arrays({'layer': X}) for an array, ts.open(path) for a RUN."
        )
        raise UsageError(msg)
    normalize = parameters.choice(normalize, NORMALIZATIONS, "normalize", call=call)
    points = parameters.whole(points, "points", call=call, low=1)
    replicates = parameters.whole(replicates, "replicates", call=call, low=1)
    per_class = parameters.flag(per_class, "per_class", call=call)
    overlapping = parameters.flag(overlapping, "overlapping", call=call)
    seed = parameters.seed(seed, call=call)
    if samples is not None:
        samples = parameters.whole(samples, "samples", call=call, low=1)
    refuse_kind(points_are)
    if points_are != "samples" and overlapping:
        msg = f"clouds(points_are={points_are!r}): draws of other kinds than samples are disjoint."
        raise UsageError(msg)
    if samples is not None and points_are != "tokens":
        msg = f"clouds(samples={samples}): it belongs to points_are='tokens'."
        raise UsageError(msg)
    if points_are == "tokens" and samples is None:
        samples = samples_of_cloud(activations.n, replicates)
    draws = all_draws(
        activations.n,
        activations.labels,
        activations.class_names,
        drawn={"samples": points, "tokens": samples or 1}.get(points_are, 1),
        replicates=replicates,
        per_class=per_class,
        overlapping=overlapping,
        seed=seed,
    )
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


def all_draws(
    n: int,
    labels: NDArray[np.int64] | None,
    class_names: Sequence[str] = (),
    *,
    drawn: int,
    replicates: int,
    per_class: bool,
    overlapping: bool,
    seed: int,
) -> list[Draw]:
    """Which samples make which draw: what `clouds` takes, the same in every process.

    Parameters
    ----------
    n, labels, class_names
        Number of samples, their (n,) classes or None, and the names of the classes.
    drawn
        Samples of each draw.
    replicates, per_class, overlapping, seed
        As in `clouds`.
    """
    if not per_class:
        rows = draw_rows(
            n,
            points=drawn,
            replicates=replicates,
            seed=seed,
            labels=labels,
            overlapping=overlapping,
            call="clouds()",
        )
        return [Draw(r, "", chosen) for r, chosen in enumerate(rows)]
    if labels is None:
        msg = "clouds(per_class=True): these activations have no labels. Capture data with labels."
        raise UsageError(msg)
    draws = []
    # -1 marks samples without a label: they are in no class.
    for label in np.unique(labels[labels >= 0]):
        members = np.flatnonzero(labels == label)
        named = label < len(class_names)
        name = class_names[label] if named else str(label)
        try:
            chosen = draw_rows(
                len(members),
                points=drawn,
                replicates=replicates,
                seed=np.random.default_rng([seed, int(label)]),
                overlapping=overlapping,
                call="clouds()",
            )
        except TooFewSamplesError as error:
            error.add_note(f"class {name!r}")
            raise
        draws += [Draw(r, name, members[rows]) for r, rows in enumerate(chosen)]
    return draws


def _width(activations: ActivationSet, layer: str) -> int:
    """Numbers per sample of a layer."""
    return int(np.prod(activations.rows(layer, np.arange(0)).shape[1:], dtype=np.int64))
