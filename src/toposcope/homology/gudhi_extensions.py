"""The parts of GUDHI that are used, each loaded from its own file without the package around it.

Any `import gudhi`, also of a submodule, runs the package's `__init__`, which loads modules built
on CGAL under the GPL. The five extension modules here are under the MIT license (Hera: BSD), as
each says in its `__license__`, link nothing but the C++ runtime, and are loaded one by one. So
nothing else in toposcope imports gudhi.

Arrays in, arrays out: what the numbers mean is said where these functions are called.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from threading import Lock
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError

Pairs = NDArray[np.float64]
Edges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]

LICENSES = {
    "_ripser_ext": "MIT",
    "_edge_collapse_ext": "MIT",
    "_simplex_tree_ext": "MIT",
    "_cubical_complex_ext": "MIT",
    "_hera_ext": "BSD 3-Clause",
}
"""The extension modules that are loaded, and the license each of them names."""

_loading = Lock()


def dense_rips_pairs(D: NDArray[np.float64], highest: int, coeff: int) -> list[Pairs]:
    """Pairs of H0 to H`highest` of the Rips filtration of (n, n) distances, by GUDHI's Ripser."""
    return list(_extension("_ripser_ext")._full(D, highest, np.inf, coeff))


def edge_rips_pairs(edges: Edges, n: int, highest: int, coeff: int) -> list[Pairs]:
    """Pairs of the clique filtration of `n` points and the (first, second, length) of edges."""
    # These types exactly: for others GUDHI converts the lengths to float32.
    ends = (edges[0].astype(np.int32), edges[1].astype(np.int32))
    return list(_extension("_ripser_ext")._sparse(*ends, edges[2], n, highest, np.inf, coeff))


def collapsed_edges(edges: Edges) -> Edges:
    """Fewer edges, some of them later, with the same persistence: one round of edge collapse."""
    (first, second), lengths = _extension("_edge_collapse_ext")._collapse_edges(*edges, 1)
    return first.astype(np.int64), second.astype(np.int64), lengths


def simplicial_pairs(
    levels: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
    homology_dimensions: Sequence[int],
    coeff: int,
) -> list[Pairs]:
    """(n_k, 2) pairs per degree of a complex given as vertices (m, k + 1) and values (m,)."""
    extension = _extension("_simplex_tree_ext")
    tree = extension._Simplex_tree_python_interface()
    for simplices, values in levels:
        if len(values):
            vertices = np.ascontiguousarray(simplices.T, dtype=np.intc)
            tree._insert_batch(np.unique(vertices), vertices, values)
    # True: classes of the top dimension count, too.
    persistence = extension._Simplex_tree_persistence_interface(tree, True)
    persistence._compute_persistence(coeff, 0.0)
    return [_in_dimension(persistence, k) for k in homology_dimensions]


def cubical_pairs(values: NDArray[np.float64], k: int, *, vertices: bool) -> Pairs:
    """(n, 2) pairs of degree `k` over Z/2 of voxels that are vertices, or else top cells."""
    extension = _extension("_cubical_complex_ext")
    cells = extension._Bitmap_cubical_complex_interface(
        values.shape, values.ravel(order="F"), not vertices
    )
    # True: classes of the top dimension count, too.
    persistence = extension._Cubical_complex_persistence_interface(cells, True)
    persistence._compute_persistence(2, 0.0)
    return _in_dimension(persistence, k)


def auction_wasserstein(
    A: NDArray[np.float64],
    B: NDArray[np.float64],
    *,
    order: float,
    internal_p: float,
    relative_error: float,
) -> float:
    """Wasserstein distance of two (n, 2) diagrams by Hera's auction, up to `relative_error`."""
    matching = False
    return float(
        _extension("_hera_ext")._wasserstein_distance(
            A, B, order, internal_p, relative_error, matching
        )
    )


def _in_dimension(persistence: object, k: int) -> Pairs:
    pairs = persistence._intervals_in_dimension(k)  # type: ignore[attr-defined]
    return np.asarray(pairs, dtype=np.float64).reshape(-1, 2)


def _extension(stem: str) -> ModuleType:
    """An extension module of GUDHI, without the package around it.

    It becomes `gudhi.<stem>` in `sys.modules`, where a later `import gudhi` finds it: C++ classes
    can be registered once per process only.
    """
    assert stem in LICENSES
    name = f"gudhi.{stem}"
    with _loading:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, _file(stem))
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
        return module


def _file(stem: str) -> Path:
    package = importlib.util.find_spec("gudhi")
    for folder in (package.submodule_search_locations or []) if package else []:
        for suffix in EXTENSION_SUFFIXES:
            path = Path(folder) / f"{stem}{suffix}"
            if path.exists():
                return path
    msg = (
        f"homology: GUDHI's module {stem} was not found; gudhi >= 3.12 is needed for H2 and above, "
        "fields other than Z/2, sparse_rips(), H1 of volumes and wasserstein() with a "
        "relative_error. Install it with: pip install -U gudhi"
    )
    raise UsageError(msg)
