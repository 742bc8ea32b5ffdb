"""What is filtered, one file each: a value with its parameters, and all that follows from it.

`Rips` takes the metric as it is, `Geodesic` measures along the graph of nearest neighbors, `Local`
collapses the outer shell of the cloud to a point, `Cubical` filters every image's feature volume by
its own values. They are different sciences: the choice is named in every result.

A filtration joins by a class under `@register`: in a file here, or in a module of your own, see
`register`. The command line reads these files for `--help`: they import nothing heavy but inside
methods.
"""

from importlib import import_module
from pkgutil import iter_modules

from toposcope.analysis.design import Filtration
from toposcope.analysis.filtrations.cubical import Cubical
from toposcope.analysis.filtrations.geodesic import Geodesic
from toposcope.analysis.filtrations.local import Local
from toposcope.analysis.filtrations.points import PointFiltration
from toposcope.analysis.filtrations.rips import Rips
from toposcope.analysis.registry import FILTRATIONS, register

__all__ = [
    "FILTRATIONS",
    "Cubical",
    "Filtration",
    "Geodesic",
    "Local",
    "PointFiltration",
    "Rips",
    "register",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
