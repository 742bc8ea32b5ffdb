"""H1 from the short edges alone, with a proof that the long ones change nothing.

The diagram is complete at a length when no class is alive there and no longer edge starts one. The
last birth is found first (`births.py`); then the filtration is scanned up to a little more than
that, and further while a class is alive. On clouds from networks this takes a tenth to a third of
the edges up to the enclosing radius: the others are neither sorted nor scanned. The diagram is
exact in every case, up to the whole filtration if need be.
"""

from __future__ import annotations

from itertools import count

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.spanning import tree_lengths
from toposcope.homology.vietoris_rips.births import last_birth
from toposcope.homology.vietoris_rips.lunes import LuneScan
from toposcope.homology.vietoris_rips.ranks import (
    RankedEdges,
    enclosing_radius,
    sampled_lengths,
    sorted_codes,
)
from toposcope.homology.vietoris_rips.reduction import pairs_of_triangles

_SAMPLE = 1 << 14
_FIRST_SHARE = 1 / 32  # of the edges: births among them are not looked for
_BEYOND_LAST_BIRTH = 1.2  # edges scanned, as a multiple of those up to the last birth
_ONCE_MORE = 1.5  # the same, when a class is alive there
_LAST_SHARE = 0.7  # a stop beyond it is not worth its price
_FEW_POINTS = 150  # scanned at once


def h1_diagram(
    D: NDArray[np.float64],
    *,
    max_edge_length: float = np.inf,
    tree: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """H1 over Z/2 of the Rips filtration of a distance matrix.

    Parameters
    ----------
    D
        (n, n) valid distances.
    max_edge_length
        Where the filtration stops; classes alive there get death inf.
    tree
        Lengths of a minimum spanning tree of `D` when the caller has them already.

    Returns
    -------
    (k, 2) pairs of positive length, sorted by (birth, death).

    Examples
    --------
    >>> corners = np.exp(1j * np.pi / 3 * np.arange(6))
    >>> h1_diagram(np.abs(corners[:, None] - corners)).round(3)
    array([[1.   , 1.732]])
    """
    limit = min(enclosing_radius(D), max_edge_length)
    scan = LuneScan(D)
    if len(D) <= _FEW_POINTS:
        return _extended(scan, D, -1.0, limit)
    lengths = sampled_lengths(D, limit, _SAMPLE)
    low = _quantile(lengths, _FIRST_SHARE, limit)
    tree = tree_lengths(D) if tree is None else tree
    born = last_birth(D, tree, scan.order, low=low, limit=limit)
    share, low = _BEYOND_LAST_BIRTH * _share(lengths, born), -1.0
    for attempt in count():
        high = limit if share > _LAST_SHARE else max(born, _quantile(lengths, share, limit))
        pairs = _extended(scan, D, low, high)
        if high >= limit or np.isfinite(pairs[:, 1]).all():
            break
        # A class that outlives two attempts is a large one, and those show in a sub-sample.
        low, share = high, _ONCE_MORE * share if not attempt else max(2 * share, _guess(D, lengths))
    return pairs


def _extended(
    scan: LuneScan, D: NDArray[np.float64], low: float, high: float
) -> NDArray[np.float64]:
    """Pairs of the filtration up to `high` after a scan up to `low`."""
    scan.extend(sorted_codes(D, low, high))
    return pairs_of_triangles(RankedEdges(D=D, codes=scan.codes()), scan.triangles()).pairs


def _quantile(lengths: NDArray[np.float64], share: float, limit: float) -> float:
    return float(lengths[int(share * len(lengths))]) if len(lengths) else limit


def _share(lengths: NDArray[np.float64], value: float) -> float:
    return float(np.searchsorted(lengths, value, side="right") / max(len(lengths), 1))


def _guess(D: NDArray[np.float64], lengths: NDArray[np.float64]) -> float:
    """Share of the edges up to the last death of an eighth of the points."""
    pairs = h1_diagram(np.ascontiguousarray(D[::8, ::8]))
    ends = pairs[np.isfinite(pairs[:, 1]), 1]
    return _share(lengths, float(ends.max(initial=0.0)))
