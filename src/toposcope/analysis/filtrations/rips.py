"""`Rips`: the metric as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from toposcope.analysis.filtrations.points import PointFiltration
from toposcope.analysis.registry import register

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@register
@dataclass(frozen=True)
class Rips(PointFiltration):
    """The Vietoris-Rips filtration of a cloud in its metric."""

    cheap_checks: ClassVar[bool] = True

    def distances(
        self, cloud: NDArray[np.float64], distances: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The distances as they are."""
        return distances

    def describe(self) -> str:
        """The filtration in words, for reports."""
        return "Vietoris-Rips, diameter scale"
