"""`PointFiltration`: clouds of points, filtered by distances between them.

A filtration joins with its distances and its parameters, in one file.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from toposcope.analysis.design import Design, Filtration, refuse_unknown
from toposcope.analysis.registry import POINTS
from toposcope.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toposcope.types import ActivationSet

HEADLINE: tuple[tuple[str, int | None], ...] = (
    ("lifespan_sum", 0),
    ("lifespan_sum", 1),
    ("max_persistence", 1),
    ("persistence_entropy", 0),
    ("ph_dimension", None),
    ("two_nn", None),
)
"""Statistics that comparisons are made in: the papers' own, one per question."""

CONVENTIONS = {
    "essential classes": "stored in diagrams, left out of sums",
    "persistence entropy": "natural logarithm",
    "total persistence": "sum of squared lifespans",
    "landscape": "Bubenik's scaling (peak = half the lifespan)",
    "lifespan sum": "alpha = 1, not halved",
    "PH-dimension": "alpha / (1 - slope) of log E0 against log n, alpha = 1",
}


class PointFiltration(Filtration):
    """A Vietoris-Rips filtration of the points of a cloud, by distances of its own."""

    unit: ClassVar[str] = POINTS
    defaults: ClassVar[Mapping[str, Any]] = {
        "normalize": "mean_distance",
        "replicates": 8,
        "null": "gaussian,copula",
    }
    cheap_checks: ClassVar[bool] = False
    """Whether the cheap validity checks, which measure plain Rips clouds anew, speak of it."""

    @abstractmethod
    def distances(
        self, cloud: NDArray[np.float64], distances: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(n, n) distances the complex grows by.

        Parameters
        ----------
        cloud
            (n, d) normalized points.
        distances
            (n, n) distances of the cloud in the metric of the analysis; not to be written to.
        """

    def check(self, design: Design) -> None:
        """Refuse what does not go together."""
        from toposcope.inputs.parameters import METRICS
        from toposcope.pointclouds.normalize import NORMALIZATIONS
        from toposcope.pointclouds.nulls import PERMUTED_LABELS, SHUFFLED_VOXELS

        metrics = [name for name in METRICS if name != "precomputed"]
        refuse_unknown(design, {"metric": metrics, "normalize": list(NORMALIZATIONS)})
        if SHUFFLED_VOXELS in design.nulls:
            msg = (
                f"analyze(): null={SHUFFLED_VOXELS} does not go with filtration={self!r}, which "
                "takes the others."
            )
            raise UsageError(msg)
        if PERMUTED_LABELS in design.nulls and not design.per_class:
            msg = (
                f"analyze(): null={PERMUTED_LABELS!r} asks whether classes differ from random "
                "groups; a pooled cloud does not depend on labels. Pass per_class=True "
                "(--per-class)."
            )
            raise UsageError(msg)

    def resolve(self, design: Design, n: int) -> Design:
        """The design with nothing left open, for n samples."""
        from toposcope.pointclouds.kinds import samples_of_cloud

        design = super().resolve(design, n)
        if design.points_are != "tokens" or design.samples is not None:
            return design
        return replace(design, samples=samples_of_cloud(n, design.replicates or 1))

    @property
    def headline(self) -> Sequence[tuple[str, int | None]]:
        """The papers' statistics."""
        return HEADLINE

    def describe(self) -> str:
        """The filtration in words, for reports."""
        return f"Vietoris-Rips of the distances of {self!r}"

    def conventions(self, design: Design) -> dict[str, str]:
        """What a point is, and how numbers of diagrams are scaled."""
        return {"points": _points_words(design), **CONVENTIONS}

    def reservations(self, design: Design, activations: ActivationSet) -> list[str]:
        """What scale and pooled classes do by themselves."""
        import numpy as np

        said = []
        if design.normalize == "none":
            said.append(
                "activations are not normalized: the sign of depth trends follows their scale"
            )
        one_sample = design.points_are in ("positions", "channels")
        if not design.per_class and activations.labels is not None and not one_sample:
            k = len(np.unique(activations.labels[activations.labels >= 0]))
            classifier = activations.attrs.get("top1") is not None
            said.append(
                f"classes are pooled: the last layers of a classifier form about {k} clusters by "
                "construction"
                if classifier
                else f"classes are pooled: a layer that separates the {k} classes shows clusters "
                "for that reason alone"
            )
        return said


def _points_words(design: Design) -> str:
    """What a point is, in words."""
    from toposcope.pointclouds.kinds import POINT_KINDS, RULER_SAMPLES

    kind = design.points_are
    if kind == "samples":
        return POINT_KINDS[kind]
    group = f"{design.samples} samples" if kind == "tokens" else "one sample"
    return (
        f"{POINT_KINDS[kind]}; {design.points:,} of those of {group} drawn without "
        "replacement, the same number in all layers; layers with fewer are not measured; pads are "
        f"left out; the scale is estimated on the points of up to {RULER_SAMPLES} of the "
        "samples drawn"
    )
