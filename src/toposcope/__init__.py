"""toposcope: the shape of data inside neural networks, layer by layer, with honest statistics.

>>> import toposcope as ts
>>> acts = ts.from_arrays({"block": [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]})
>>> acts
ActivationSet(1 layers, 4 samples)

Names load on first use, so importing the package stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_NAMES = {
    "ActivationSet": "types",
    "DiagramSet": "types",
    "Analysis": "results",
    "CloudSet": "pointclouds",
    "Comparison": "comparing.noun",
    "Monitor": "monitoring",
    "analyze": "pipeline",
    "analyze_series": "trajectory",
    "capture": "activations.run",
    "capture_series": "activations.stepwise",
    "clouds": "pointclouds",
    "compare": "comparing.run",
    "from_arrays": "store",
    "open": "store:open_run",
    "rank": "ranking.run",
    "open_series": "series",
    "report": "reporting.entry",
    "rips": "diagrams",
    "summarize": "summaries",
}
__all__ = [
    "ActivationSet",
    "Analysis",
    "CloudSet",
    "Comparison",
    "DiagramSet",
    "Monitor",
    "analyze",
    "analyze_series",
    "calibration",
    "capture",
    "capture_series",
    "clouds",
    "compare",
    "datasets",
    "dimension",
    "distances",
    "errors",
    "estimators",
    "from_arrays",
    "homology",
    "landscapes",
    "nulls",
    "open",
    "open_series",
    "plots",
    "rank",
    "report",
    "rips",
    "similarity",
    "stats",
    "store",
    "studies",
    "summaries",
    "summarize",
    "transfer",
    "vectorize",
]

if TYPE_CHECKING:
    from toposcope import (
        calibration,
        datasets,
        dimension,
        distances,
        errors,
        estimators,
        homology,
        landscapes,
        nulls,
        plots,
        similarity,
        stats,
        store,
        studies,
        summaries,
        transfer,
        vectorize,
    )
    from toposcope.activations.run import capture
    from toposcope.activations.stepwise import capture_series
    from toposcope.comparing.noun import Comparison
    from toposcope.comparing.run import compare
    from toposcope.diagrams import rips
    from toposcope.monitoring import Monitor
    from toposcope.pipeline import analyze
    from toposcope.pointclouds import CloudSet, clouds
    from toposcope.ranking.run import rank
    from toposcope.reporting.entry import report
    from toposcope.results import Analysis
    from toposcope.series import open_series
    from toposcope.store import from_arrays
    from toposcope.store import open_run as open
    from toposcope.summaries import summarize
    from toposcope.trajectory import analyze_series
    from toposcope.types import ActivationSet, DiagramSet


def __getattr__(name: str) -> Any:
    if name in __all__ and name not in _NAMES:
        return import_module(f"toposcope.{name}")
    if name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        value = getattr(import_module(f"toposcope.{module}"), attribute or name)
        globals()[name] = value
        return value
    from toposcope.types import near_matches

    msg = f"toposcope has no name {name!r}. {near_matches(name, __all__)}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
