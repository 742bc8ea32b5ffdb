"""`Design`: the parameters of an analysis, each declared once, and their form in a stored RUN."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from toposcope.analysis.filtrations import Filtration, Rips
from toposcope.analysis.filtrations.base import filtration_of, refuse_unfit
from toposcope.analysis.parameters import checked, command_words, parameter, parameters
from toposcope.errors import UsageError

BESIDE = ("homology_dimensions", "null")
"""Parameters that add numbers beside others and change none of those."""


@dataclass(frozen=True)
class Design:
    """The parameters of an analysis that decide its numbers, with their defaults.

    What each one means stands in `toposcope.analyze`. None is filled in from the filtration's
    defaults by `resolved`.

    Raises
    ------
    UsageError
        For a value outside its limits, and for parameters that do not go together.

    Examples
    --------
    >>> Design(points=100).differs(Design(points=200, seed=1))
    ('points', 'seed')
    """

    filtration: Filtration = parameter(Rips(), flag="--complex")  # noqa: RUF009
    homology_dimensions: Sequence[int] = parameter((0, 1), flag="--homology")
    points: int = parameter(500, "Points of each cloud.", low=1)
    replicates: int | None = parameter(
        None, "Disjoint draws; cubical: images.", low=1, shown="8; cubical: 100"
    )
    normalize: str | None = parameter(
        None, shown="mean_distance; cubical: none, the other there is rms"
    )
    metric: str = parameter("euclidean", "euclidean, cosine, correlation.")
    per_class: bool = parameter(False, "Clouds inside each class instead of pooled.")
    overlapping: bool = parameter(False, "Let draws share samples (wider intervals).")
    null: str | Sequence[str] | None = parameter(
        None,
        "gaussian, shuffled, random_init, permuted_labels (several with commas), or none.",
        shown="gaussian; cubical: none, the other there is shuffled_voxels",
    )
    max_edge_length: float = parameter(math.inf, rare=True)
    coeff: int = parameter(2, "Prime field.", rare=True)
    seed: int = parameter(0, low=0)
    points_are: str = parameter(
        "samples",
        "What a point is; all but samples need --pool volume or tokens.",
        choices=("samples", "positions", "channels", "tokens"),
        rare=True,
    )
    samples: int | None = parameter(None, "Samples of a cloud of tokens.", low=1, shown="up to 64")

    def __post_init__(self) -> None:
        """Check every value, then what goes together."""
        from toposcope.homology.vietoris_rips.persistence import check_arguments
        from toposcope.pointclouds.nulls import parse_nulls

        refuse_unfit(self.filtration, call="analyze", taken=parameters(type(self)))
        checked(self, call="analyze")
        degrees = check_arguments(
            self.homology_dimensions, self.max_edge_length, self.coeff, call="analyze()"
        )
        if len(set(degrees)) != len(degrees):
            msg = f"analyze(): homology_dimensions={degrees} names a degree twice."
            raise UsageError(msg)
        if self.null is not None:
            object.__setattr__(self, "null", ",".join(parse_nulls(self.null)) or "none")
        self.filtration.check(self)

    @property
    def nulls(self) -> tuple[str, ...]:
        """Names of the null clouds measured beside the data."""
        from toposcope.pointclouds.nulls import parse_nulls

        return parse_nulls(self.null or "none")

    def resolved(self, n: int) -> Design:
        """The design with nothing left open, for n samples."""
        return self.filtration.resolve(self, n)

    def differs(self, other: Design, *, but: Sequence[str] = ()) -> tuple[str, ...]:
        """Names of the parameters that differ, except some."""
        return tuple(
            one.name
            for one in fields(self)
            if one.name not in but and getattr(self, one.name) != getattr(other, one.name)
        )

    def to_spec(self) -> dict[str, Any]:
        """The design as it is stored: plain values, the filtration as its name and parameters."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            **values,
            "complex": self.filtration.name,
            "filtration": self.filtration.to_spec(),
            "homology_dimensions": list(self.homology_dimensions),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Self:
        """The design of a stored analysis; other entries of the spec are none of its business.

        Raises
        ------
        StoreError
            When the filtration is not registered here.
        """
        filtration = filtration_of(spec.get("complex", Rips.name), spec.get("filtration") or {})
        known = parameters(cls).keys() & spec.keys() - {"filtration"}
        return cls(filtration=filtration, **{name: spec[name] for name in known})

    def command_words(self) -> list[str]:
        """The design as flags of `toposcope analyze`."""
        return [
            *("--complex", self.filtration.name),
            *command_words(self.filtration),
            *command_words(self, leave_out=("filtration", *self.filtration.unused)),
        ]
