"""`Geodesic`: along the graph of nearest neighbors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toposcope.analysis.filtrations.points import PointFiltration
from toposcope.analysis.parameters import parameter
from toposcope.analysis.registry import register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@register
@dataclass(frozen=True)
class Geodesic(PointFiltration):
    """The Vietoris-Rips filtration of distances along the graph of nearest neighbors.

    Parameters
    ----------
    neighbors
        Neighbors of a point, itself not counted; a k of code that counts the point itself is
        neighbors + 1.
    weighted
        Whether the lengths of edges are added up; otherwise the edges are counted.

    References
    ----------
    Naitzat, Zhitnikov & Lim, Topology of deep neural networks, JMLR 2020. Wheeler, Bouza & Bubenik,
    Activation landscapes as a topological summary of neural network performance, 2021.
    """

    neighbors: int = parameter(12, "nearest neighbors of a point.", low=1)
    weighted: bool = parameter(False, "add lengths, not hops.")

    def distances(
        self, cloud: NDArray[np.float64], distances: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Shortest paths in the graph."""
        from toposcope import homology

        return homology.geodesic_distances(
            distances, self.neighbors, weighted=self.weighted, metric="precomputed"
        )

    def value_unit(self) -> str:
        """Edges are counted, unless their lengths are added."""
        return "" if self.weighted else "in hops along the graph of nearest neighbors"

    def describe(self) -> str:
        """The filtration in words, for reports."""
        how = "lengths of edges added up" if self.weighted else "edges counted (hops)"
        return (
            f"Vietoris-Rips of graph-geodesic distances: {self.neighbors} nearest neighbors, "
            f"the point itself not counted, {how}"
        )
