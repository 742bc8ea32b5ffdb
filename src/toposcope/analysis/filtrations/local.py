"""`Local`: the outer shell of the cloud collapsed to a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toposcope.analysis.design import Design
from toposcope.analysis.filtrations.points import PointFiltration
from toposcope.analysis.parameters import parameter
from toposcope.analysis.registry import register
from toposcope.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@register
@dataclass(frozen=True)
class Local(PointFiltration):
    """The Vietoris-Rips filtration of a ball whose outside is one point: local homology.

    Parameters
    ----------
    quantile
        Share of the points inside the ball.

    References
    ----------
    Wheeler, Bouza & Bubenik, Activation landscapes as a topological summary of neural network
    performance, 2021 (percentile local homology).
    """

    quantile: float = parameter(0.5, "share of points in the ball.", above=0, high=1)

    def check(self, design: Design) -> None:
        """Refuse other metrics: the ball is a Euclidean one."""
        super().check(design)
        if design.metric != "euclidean":
            msg = (
                f"analyze(filtration={self!r}): it is defined for metric='euclidean', not "
                f"{design.metric!r}."
            )
            raise UsageError(msg)

    def distances(
        self, cloud: NDArray[np.float64], distances: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Distances where the way over the shell is free."""
        from toposcope import homology

        return homology.local_distances(cloud, self.quantile)

    def value_unit(self) -> str:
        """The ball has radius 1."""
        return "in radii of the ball"

    def describe(self) -> str:
        """The filtration in words, for reports."""
        return (
            "Vietoris-Rips of the cloud in its ball, the shell beyond the "
            f"{self.quantile:g}-quantile of norms collapsed to a point (local homology)"
        )
