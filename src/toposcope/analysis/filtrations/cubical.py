"""`Cubical`: the feature volume of every image, filtered by its own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from toposcope.analysis.design import Design, Filtration, refuse_unknown
from toposcope.analysis.parameters import parameter, parameters
from toposcope.analysis.registry import VOLUMES, register
from toposcope.analysis.statistic_names import at
from toposcope.errors import UsageError
from toposcope.inputs.parameters import numbers

if TYPE_CHECKING:
    from toposcope.types import ActivationSet

MOST_THRESHOLDS = 256

CONVENTIONS = {
    "Betti number": "pairs with births <= t < deaths (Suresh et al.: <= on both sides), Z/2",
    "unit": "one image is one replicate; intervals are over images",
    "per voxel": "divided by the C x H x W values of the layer, which shrink with depth",
}


@register
@dataclass(frozen=True)
class Cubical(Filtration):
    """Betti numbers of each image's (C, H, W) volume, filtered by its own values.

    A replicate is one image; `normalize` is "none" (thresholds in the units of the activations) or
    "rms" (in units of the layer's root mean square).

    Parameters
    ----------
    thresholds
        Where Betti numbers are taken; the default is that of Suresh et al.
    construction
        "V" (voxels are vertices) or "T" (voxels are top cells).
    superlevel
        Superlevel sets {f >= t} instead of sublevel sets {f <= t}.
    maps
        Each channel's map by itself, in 2-D, instead of the volume.
    diagrams
        Keep persistence diagrams in `homology_dimensions` too.

    References
    ----------
    Suresh et al., 2024: Betti numbers of feature volumes over depth.
    """

    thresholds: Sequence[float] = parameter(
        (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75), "0,0.5,1 or 0:2:0.25.", shown="0:2:0.25"
    )
    construction: str = parameter("V", choices=("V", "T"))
    superlevel: bool = parameter(False, "{f >= t}, not {f <= t}.")
    maps: bool = parameter(False, "each channel by itself, in 2-D.")
    diagrams: bool = parameter(False, "keep diagrams too.")

    unit: ClassVar[str] = VOLUMES
    defaults: ClassVar[Mapping[str, Any]] = {"normalize": "none", "replicates": 100, "null": "none"}
    unused: ClassVar[Sequence[str]] = (
        "points",
        "metric",
        "max_edge_length",
        "coeff",
        "overlapping",
        "points_are",
        "samples",
    )

    def __post_init__(self) -> None:
        """Check the parameters; thresholds rise and differ."""
        super().__post_init__()
        try:
            given = numbers(self.thresholds, "thresholds", call="Cubical()")
        except UsageError:
            given = ()
        rising = tuple(sorted({t + 0.0 for t in given}))  # adding 0 makes 0 of -0
        if not rising or len(rising) > MOST_THRESHOLDS:
            msg = (
                f"Cubical(thresholds={self.thresholds!r}): needed are finite numbers, 1 to "
                f"{MOST_THRESHOLDS} of them. Pass thresholds=(0.0, 0.5, 1.0) (--thresholds "
                "0,0.5,1), for example."
            )
            raise UsageError(msg)
        object.__setattr__(self, "thresholds", rising)
        if self.diagrams and self.maps:
            msg = (
                "Cubical(maps=True, diagrams=True): diagrams of maps are not kept; leave out one "
                "of them."
            )
            raise UsageError(msg)

    def check(self, design: Design) -> None:
        """Refuse what belongs to clouds of points."""
        from toposcope.pointclouds.nulls import SHUFFLED_VOXELS

        refuse_unknown(design, {"normalize": ("none", "rms")})
        misplaced = [name for name in design.nulls if name != SHUFFLED_VOXELS]
        if misplaced:
            msg = (
                f"analyze(): null={', '.join(misplaced)} does not go with filtration=Cubical(), "
                f"which takes {SHUFFLED_VOXELS!r} or 'none'."
            )
            raise UsageError(msg)
        declared = parameters(type(design))
        # The points of a resolved design are 1, an image.
        foreign = [
            name
            for name in self.unused
            if getattr(design, name) != declared[name].default
            and not (name == "points" and design.points == 1)
        ]
        if foreign:
            msg = (
                f"analyze(): {', '.join(foreign)} belongs to clouds of points; "
                "filtration=Cubical() filters the volume of each image by its own values. Leave "
                "it out."
            )
            raise UsageError(msg)

    def resolve(self, design: Design, n: int) -> Design:
        """The design with nothing left open: not more images than there are."""
        given = design.replicates
        design = super().resolve(design, n)
        if given is None and not design.per_class:
            design = replace(design, replicates=min(self.defaults["replicates"], n))
        degrees: Sequence[int] = design.homology_dimensions
        if not self.diagrams:
            # All degrees together cost what one costs: the Euler number gives the middle one.
            degrees = (0, 1) if self.maps else (0, 1, 2)
        return replace(design, points=1, homology_dimensions=degrees)

    @property
    def headline(self) -> Sequence[tuple[str, int | None]]:
        """Total Betti numbers at every threshold."""
        totals = ("betti_total", "total_per_voxel")
        return [(at(name, t), None) for name in totals for t in self.thresholds]

    def describe(self) -> str:
        """The filtration in words, for reports."""
        side = "superlevel sets {f >= t}" if self.superlevel else "sublevel sets {f <= t}"
        cells = "vertices" if self.construction == "V" else "top cells"
        what = (
            "each channel's (H, W) map, numbers added over channels"
            if self.maps
            else "the (C, H, W) volume"
        )
        return (
            f"cubical, {side} of {what} of one image, {self.construction} construction (voxels "
            f"are {cells}), births <= t < deaths, Z/2"
        )

    def conventions(self, design: Design) -> dict[str, str]:
        """How Betti numbers are counted."""
        return dict(CONVENTIONS)

    def reservations(self, design: Design, activations: ActivationSet) -> list[str]:
        """What a reader of Betti numbers at thresholds has to know."""
        said = [
            "deeper layers hold fewer voxels: see the per-voxel statistics before a decay is read"
        ]
        if design.normalize == "none":
            said.append(
                "thresholds are in units of the activations: what they select depends on scale"
            )
        if any(t > 0 or (t == 0 and not self.superlevel) for t in self.thresholds):
            said.append(
                "Betti numbers at thresholds above 0 (sublevel: from 0 on) are the same before and "
                "after a ReLU: they cannot see what it does"
            )
        return said
