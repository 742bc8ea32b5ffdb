"""GUDHI for what the own engine does not cover: H2 and above, and fields other than Z/2.

GUDHI's fork of Ripser takes a dense matrix, or a sparse graph that an edge collapse has made
smaller without changing persistence. Which is faster for H2 depends on how many edges are left
(time of dense / collapse at n = 300, five seeds; edges left as a share of all pairs of points):

    ResNet-20 layer3.2 1.0-1.5 (0.06)    layer1.2 1.0-1.2 (0.11)    torus 1.4-1.5 (0.13)
    layer2.2 0.8-0.9 (0.16)    ReLU clusters 0.6-0.7 (0.22)    Gaussian 0.5 (0.5)
    sphere 0.75 (0.9)

So the collapse of every third point decides, at 2-4 % of the time. From H3 on the collapse costs
nothing beside the rest and pays (3 to 18 times) unless it removes next to nothing.

Only two extension modules of GUDHI are loaded, both under the MIT license. Any `import gudhi`,
also of a submodule, runs the package's `__init__`, which loads parts under the GPL.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.homology.ranks import enclosing_radius

Edges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]

_SAMPLE_STEP = 3
_COLLAPSE_LEAVES = 0.15  # of all pairs of the sample: the collapse pays for H2 below this
_COLLAPSE_KEEPS = 0.7  # of all edges: the same from H3 on


def gudhi_rips(
    D: NDArray[np.float64],
    *,
    homology_dimensions: Sequence[int],
    max_edge_length: float,
    coeff: int,
) -> dict[int, NDArray[np.float64]]:
    """Diagrams by GUDHI's fork of Ripser in float64, with or without edge collapse.

    Raises
    ------
    UsageError
        When simplices of the highest degree cannot be numbered in 128 bits.
    """
    n = len(D)
    highest = min(max(homology_dimensions), max(0, n - 3))
    # The bits are shared by the simplex, of highest + 2 vertices, and its coefficient.
    if math.comb(n, min(n // 2, highest + 2)) >= 1 << (128 - (coeff - 2).bit_length()):
        msg = (
            f"rips(): H{highest} of {n} points over Z/{coeff} is beyond what can be numbered "
            "in 128 bits; take fewer points or a lower degree."
        )
        raise UsageError(msg)
    raw = _diagrams(D, highest, max_edge_length, coeff)
    result: dict[int, NDArray[np.float64]] = {}
    for k in homology_dimensions:
        pairs = np.asarray(raw[k] if k < len(raw) else [], dtype=np.float64).reshape(-1, 2)
        pairs = pairs[pairs[:, 1] > pairs[:, 0]]
        result[k] = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return result


def _diagrams(
    D: NDArray[np.float64], highest: int, max_edge_length: float, coeff: int
) -> list[NDArray[np.float64]]:
    # Beyond the enclosing radius the complex is a cone: longer edges change nothing.
    radius = enclosing_radius(D)
    ripser = _extension("_ripser_ext")
    use_collapse = highest > 2 or (highest == 2 and _collapse_pays(D))
    whole = radius <= max_edge_length and radius < np.inf
    if whole and not use_collapse:
        return list(ripser._full(D, highest, np.inf, coeff))
    edges = _edges(D, min(radius, max_edge_length))
    if use_collapse and len(edges[0]):
        fewer = _collapsed(edges)
        if whole and len(fewer[0]) > _COLLAPSE_KEEPS * len(edges[0]):
            return list(ripser._full(D, highest, np.inf, coeff))
        edges = fewer
    # These types exactly: for others GUDHI converts the lengths to float32.
    ends = (edges[0].astype(np.int32), edges[1].astype(np.int32))
    return list(ripser._sparse(*ends, edges[2], len(D), highest, np.inf, coeff))


def _edges(D: NDArray[np.float64], limit: float) -> Edges:
    first, second = np.nonzero(np.triu((limit >= D) & np.isfinite(D), k=1))
    return first.astype(np.int64), second.astype(np.int64), D[first, second]


def _collapsed(edges: Edges) -> Edges:
    (first, second), lengths = _extension("_edge_collapse_ext")._collapse_edges(*edges, 1)
    return first.astype(np.int64), second.astype(np.int64), lengths


def _collapse_pays(D: NDArray[np.float64]) -> bool:
    sample = D[::_SAMPLE_STEP, ::_SAMPLE_STEP]
    edges = _edges(sample, enclosing_radius(sample))
    pairs = len(sample) * (len(sample) - 1) / 2
    return not len(edges[0]) or len(_collapsed(edges)[0]) < _COLLAPSE_LEAVES * pairs


@cache
def _extension(stem: str) -> ModuleType:
    """An extension module of GUDHI, loaded without the package around it."""
    package = importlib.util.find_spec("gudhi")
    for folder in (package.submodule_search_locations or []) if package else []:
        for suffix in EXTENSION_SUFFIXES:
            path = Path(folder) / f"{stem}{suffix}"
            if path.exists():
                spec = importlib.util.spec_from_file_location(f"gudhi.{stem}", path)
                assert spec is not None and spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                return module
    msg = (
        f"rips(): GUDHI's module {stem} was not found; H2 and above and fields other than Z/2 "
        "need gudhi >= 3.12. Install it with: pip install -U gudhi"
    )
    raise UsageError(msg)
