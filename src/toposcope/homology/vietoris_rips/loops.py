"""Points on the longest loops of a cloud: a picture of a class, not a canonical one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.homology.jit import kernel
from toposcope.homology.metrics import METRICS, distances, refuse_pairs
from toposcope.homology.vietoris_rips.persistence import lasting
from toposcope.homology.vietoris_rips.ranks import RankedEdges, enclosing_radius, rank_edges
from toposcope.homology.vietoris_rips.reduction import H1Pairs, h1_pairs
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.parameters import choice, whole


@dataclass(frozen=True, eq=False)
class Loop:
    """A cycle that appears together with a class of H1.

    Parameters
    ----------
    birth, death
        The pair of the class, in filtration units.
    vertices
        Row numbers of the points, in cyclic order; the edge between the last and the first is the
        one that starts the class.
    """

    birth: float
    death: float
    vertices: NDArray[np.int64]


def longest_loops(X: ArrayLike, *, count: int = 3, metric: str = "euclidean") -> list[Loop]:
    """Loops of the most persistent classes of H1, longest first.

    For each class: the shortest cycle (by sum of lengths) through the edge that starts it, among
    edges that are there before it. Such a cycle is born with the class. It is not unique: it may
    differ from a cycle that dies with the class by classes that are older, and the class has many
    other cycles. Read it as an example of points around the hole.

    Parameters
    ----------
    X
        (n, d) cloud, or (n, n) distances with metric="precomputed".
    count
        Number of loops at most; fewer when there are fewer classes.
    metric
        As in `rips`.

    Returns
    -------
    List of `Loop`, by decreasing death - birth.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> sorted(longest_loops(square)[0].vertices.tolist())
    [0, 1, 2, 3]
    """
    call = "longest_loops()"
    count = whole(count, "count", call=call, low=0)
    metric = choice(metric, METRICS, "metric", call=call)
    if metric != "precomputed":
        X = read_cloud(X, call=call)
        refuse_pairs(*X.shape, per_pair=28, call=call)
    D = distances(X, metric=metric, call=call)
    refuse_pairs(len(D), 0, per_pair=20, call=call)  # the edges beside the distances
    edges = rank_edges(D, limit=enclosing_radius(D))
    return loops_of_pairs(edges, h1_pairs(edges), count=count)


def loops_of_pairs(edges: RankedEdges, h1: H1Pairs, *, count: int = 3) -> list[Loop]:
    """As `longest_loops`, from an H1 computation that is already there."""
    order = np.argsort(h1.pairs[:, 0] - h1.pairs[:, 1], kind="stable")[:count]
    loops = []
    for i in order:
        if not len(lasting(h1.pairs[i : i + 1])):
            continue
        r = int(h1.birth_rank[i])
        vertices = _shortest_path(edges.rank, edges.lengths, r, *edges.ends[r].astype(np.int64))
        loops.append(
            Loop(birth=float(h1.pairs[i, 0]), death=float(h1.pairs[i, 1]), vertices=vertices)
        )
    return loops


@kernel
def _shortest_path(rank, lengths, limit, source, target):  # type: ignore[no-untyped-def]
    """Vertices of the shortest path over edges of rank below `limit` (dense Dijkstra)."""
    n = rank.shape[0]
    best = np.full(n, np.inf)
    before = np.full(n, -1, np.int64)
    done = np.zeros(n, np.bool_)
    best[target] = 0.0
    x = target
    while x != source:
        done[x] = True
        following = -1
        for y in range(n):
            if done[y]:
                continue
            if rank[x, y] < limit and best[x] + lengths[rank[x, y]] < best[y]:
                best[y] = best[x] + lengths[rank[x, y]]
                before[y] = x
            if best[y] < np.inf and (following < 0 or best[y] < best[following]):
                following = y
        x = following
    count = 1
    while x != target:
        x = before[x]
        count += 1
    path = np.empty(count, np.int64)
    x = source
    for k in range(count):
        path[k] = x
        x = before[x]
    return path
