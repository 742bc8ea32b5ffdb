"""H2 and above, and fields other than Z/2, by GUDHI: which of its two ways is the faster one.

GUDHI's fork of Ripser takes a dense matrix, or a sparse graph that an edge collapse has made
smaller without changing persistence. Both are given the points in the order of `hubs.py`, which
makes them 1.1 to 3 times faster than in the order as given. The collapse is the faster one for H2
when few edges are left, measured on every fourth point, and when no point lies in most lunes, as on
manifolds and clusters: when left < 0.28 sqrt(missed + 0.01), all pairs and all triangles counted as
1. That was fitted to 106 clouds of 36 kinds, n = 100 to 280; `benchmarks/RESULTS.md` has others.
From H3 on the collapse costs nothing beside the rest and pays (3 to 18 times) unless it
removes next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.homology.gudhi_extensions import (
    Edges,
    collapsed_edges,
    dense_rips_pairs,
    edge_rips_pairs,
)
from toposcope.homology.vietoris_rips.hubs import hubs_last, missed_by_center
from toposcope.homology.vietoris_rips.ranks import enclosing_radius

_SAMPLE_STEP = 4
_FEWEST_TO_COLLAPSE = 60
_COLLAPSE_PAYS = 0.28
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
    limit = min(enclosing_radius(D), max_edge_length)
    order = hubs_last(D, limit)
    D = D[np.ix_(order, order)]
    if highest > 2 or (highest == 2 and _collapse_pays(D, limit)):
        return _collapsing(D, highest, max_edge_length, coeff)
    return _plain(D, highest, max_edge_length, coeff)


def _plain(
    D: NDArray[np.float64], highest: int, max_edge_length: float, coeff: int
) -> list[NDArray[np.float64]]:
    radius = enclosing_radius(D)
    if radius <= max_edge_length and radius < np.inf:
        return dense_rips_pairs(D, highest, coeff)
    return edge_rips_pairs(_edges(D, min(radius, max_edge_length)), len(D), highest, coeff)


def _collapsing(
    D: NDArray[np.float64], highest: int, max_edge_length: float, coeff: int
) -> list[NDArray[np.float64]]:
    # The collapse looks for dominating points from the first on: here hubs come first.
    edges = _edges(np.ascontiguousarray(D[::-1, ::-1]), min(enclosing_radius(D), max_edge_length))
    if not len(edges[0]):
        return _plain(D, highest, max_edge_length, coeff)
    first, second, lengths = collapsed_edges(edges)
    if highest > 2 and len(first) > _COLLAPSE_KEEPS * len(edges[0]):
        return _plain(D, highest, max_edge_length, coeff)
    last = len(D) - 1
    return edge_rips_pairs((last - second, last - first, lengths), len(D), highest, coeff)


def _edges(D: NDArray[np.float64], limit: float) -> Edges:
    first, second = np.nonzero(np.triu((limit >= D) & np.isfinite(D), k=1))
    return first.astype(np.int64), second.astype(np.int64), D[first, second]


def _collapse_pays(D: NDArray[np.float64], limit: float) -> bool:
    """Whether the collapse is faster for H2; both ways give the same diagrams."""
    rows = np.random.default_rng(0).permutation(len(D))[: len(D) // _SAMPLE_STEP]
    sample = D[np.ix_(rows, rows)]
    edges = _edges(sample, min(enclosing_radius(sample), limit))
    if len(D) < _FEWEST_TO_COLLAPSE or not len(edges[0]):
        return False
    left = len(collapsed_edges(edges)[0]) / (len(rows) * (len(rows) - 1) / 2)
    return left < _COLLAPSE_PAYS * math.sqrt(missed_by_center(D, limit) + 0.01)
