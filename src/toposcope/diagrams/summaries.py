"""Persistence diagrams to numbers, curves and landscapes.

Array functions take (n, 2) (birth, death) pairs. A pair that never dies has no length: functions
that need one raise unless `cutoff` names the filtration value at which to end it (or `finite`
removes such pairs first). `summarize` makes the tidy table of a whole `DiagramSet`.

Conventions: Betti numbers count births <= t < deaths; entropy uses the natural log; landscapes are
Bubenik's (the tent over (b, d) peaks at (d - b) / 2; GUDHI's values are sqrt(2) times larger).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.diagrams.lengths import (
    OF_LENGTHS,
    entropy_of,
    held,
    landscape_norm_of,
    mean_of,
    normalized_entropy_of,
    statistics_of,
    sum_of_powers,
)
from toposcope.errors import UsageError
from toposcope.execution.plugins import Registry
from toposcope.homology.landscape_kernels import corners, inner_product, top_levels
from toposcope.inputs.arrays import read_diagram, read_grid
from toposcope.inputs.foreign import real
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.inputs.parameters import number, text, whole
from toposcope.types import DiagramSet

if TYPE_CHECKING:
    import pandas as pd

Pairs = NDArray[np.float64]


def finite(pairs: ArrayLike) -> Pairs:
    """The pairs that die: essential classes removed.

    Examples
    --------
    >>> finite(np.array([[0.0, 1.0], [0.0, np.inf]]))
    array([[0., 1.]])
    """
    checked = read_diagram(pairs, call="finite()")
    return checked[np.isfinite(checked[:, 1])]


def as_sublevel(pairs: ArrayLike) -> Pairs:
    """Pairs of a superlevel filtration as those of the sublevel filtration of -volume.

    Both signs change, so births come before deaths and what never dies has death inf: the form
    that all functions of diagrams take. Lengths stay; grids and cutoffs change sign with them.

    Examples
    --------
    >>> as_sublevel([[3.0, 1.0], [2.0, -np.inf]])
    array([[-3., -1.],
           [-2., inf]])
    """
    call = "as_sublevel()"
    array = real(pairs, call=call, name="pairs").astype(np.float64)
    rising = int((array[:, 0] < array[:, 1]).sum()) if array.shape[1:] == (2,) else 0
    if rising:
        msg = (
            f"{call}: {rising} of {len(array)} pairs are born below their death: they are of a "
            "sublevel filtration already. Pass them as they are."
        )
        raise UsageError(msg)
    return read_diagram(0.0 - array, call=call)


def ended(pairs: ArrayLike, cutoff: float | None, *, call: str) -> Pairs:
    """The pairs, checked, with essential classes ended at `cutoff`; errors name `call`.

    Examples
    --------
    >>> ended([[0.0, 1.0], [0.5, np.inf]], 2.0, call="example()")
    array([[0. , 1. ],
           [0.5, 2. ]])
    """
    checked = read_diagram(pairs, call=call)
    if cutoff is not None:
        cutoff = number(cutoff, "cutoff", call=call, finite=False)
    endless = int(np.isinf(checked[:, 1]).sum())
    if not endless:
        return checked
    if cutoff is None or not np.isfinite(cutoff):
        msg = (
            f"{call}: {endless} of {len(checked)} pairs never die and have no length. Pass a "
            "finite cutoff= to end them there, or finite(pairs) to leave them out."
        )
        raise UsageError(msg)
    return _cut(checked, cutoff, call)


def by_birth(pairs: Pairs) -> Pairs:
    """Pairs of positive length by birth, longest first among equal births."""
    pairs = read_diagram(pairs, call="by_birth()")
    kept = pairs[pairs[:, 1] > pairs[:, 0]]
    return np.ascontiguousarray(kept[np.lexsort((-kept[:, 1], kept[:, 0]))])


def betti_curve(
    pairs: ArrayLike, grid: ArrayLike, *, cutoff: float | None = None
) -> NDArray[np.int64]:
    """Number of classes alive at each value of `grid`: births <= t < deaths.

    Parameters
    ----------
    pairs
        (n, 2) births and deaths; essential classes count from their birth on.
    grid
        (m,) filtration values in any order.
    cutoff
        Filtration value at which essential classes end; None lets them live on.

    Returns
    -------
    (m,) integers.

    Examples
    --------
    >>> betti_curve(np.array([[0.0, 1.0], [0.0, np.inf]]), [0.0, 0.5, 1.0])
    array([2, 2, 1])
    """
    call = "betti_curve()"
    checked = read_diagram(pairs, call=call)
    if cutoff is not None:
        checked = _cut(checked, number(cutoff, "cutoff", call=call, finite=False), call)
    t = read_grid(grid, call=call)
    born = np.searchsorted(np.sort(checked[:, 0]), t, side="right")
    dead = np.searchsorted(np.sort(checked[:, 1]), t, side="right")
    return (born - dead).astype(np.int64)


def n_pairs(pairs: ArrayLike) -> int:
    """Number of pairs, essential ones included.

    >>> n_pairs([[0.0, 1.0], [0.0, np.inf]])
    2
    """
    return len(read_diagram(pairs, call="n_pairs()"))


def n_essential(pairs: ArrayLike) -> int:
    """Number of essential classes: those that never die.

    In H0 the components of the whole: 1 for Rips without a largest edge, the pieces of the graph
    for geodesic distances.

    >>> n_essential([[0.0, 1.0], [0.0, np.inf]])
    1
    """
    return int(np.isinf(read_diagram(pairs, call="n_essential()")[:, 1]).sum())


def lifespan_sum(pairs: ArrayLike, alpha: float = 1.0, *, cutoff: float | None = None) -> float:
    """Sum of (death - birth) ** alpha; 0 for an empty diagram.

    Diameter units, not halved: Magai's code reports half of this for alpha=1. For H0 of a Rips
    filtration and alpha=1 this is the length of the minimum spanning tree.

    Examples
    --------
    >>> lifespan_sum(np.array([[0.0, 1.0], [1.0, 3.0]]), alpha=2.0)
    5.0
    """
    call = "lifespan_sum()"
    alpha = number(alpha, "alpha", call=call, low=0.0)
    return sum_of_powers(_lengths(pairs, cutoff, call), alpha, "alpha", call)


def mean_persistence(pairs: ArrayLike, *, cutoff: float | None = None) -> float:
    """Mean of death - birth over the pairs given; nan for an empty diagram.

    Examples
    --------
    >>> mean_persistence(np.array([[0.0, 1.0], [1.0, 3.0]]))
    1.5
    """
    lengths = _lengths(pairs, cutoff, "mean_persistence()")
    return mean_of(lengths)


def max_persistence(pairs: ArrayLike, *, cutoff: float | None = None) -> float:
    """Largest death - birth; 0 for an empty diagram.

    Examples
    --------
    >>> max_persistence(np.array([[0.0, 1.0], [1.0, 3.0]]))
    2.0
    """
    return float(_lengths(pairs, cutoff, "max_persistence()").max(initial=0.0))


def total_persistence(
    pairs: ArrayLike, order: float = 2.0, *, cutoff: float | None = None
) -> float:
    """Sum of (death - birth) ** order, without a root; 0 for an empty diagram.

    The degree-p total persistence of Cohen-Steiner et al. 2010. It is `lifespan_sum` under the
    name and the default exponent that stability theorems use; a scaled cloud scales it by
    scale ** order.

    Examples
    --------
    >>> total_persistence(np.array([[0.0, 3.0], [1.0, 5.0]]))
    25.0
    """
    call = "total_persistence()"
    order = number(order, "order", call=call, low=1.0)
    return sum_of_powers(_lengths(pairs, cutoff, call), order, "order", call)


def persistence_entropy(pairs: ArrayLike, *, cutoff: float | None = None) -> float:
    """Entropy -sum p log p (natural log) of the shares p of each pair in the total length.

    log n for n pairs of equal length, nan for an empty diagram.

    Examples
    --------
    >>> bool(np.isclose(persistence_entropy([[0.0, 1.0], [1.0, 2.0]]), np.log(2)))
    True
    """
    return entropy_of(_lengths(pairs, cutoff, "persistence_entropy()"))


def normalized_entropy(pairs: ArrayLike, *, cutoff: float | None = None) -> float:
    """`persistence_entropy` divided by its maximum log n; nan for fewer than two pairs.

    Examples
    --------
    >>> round(normalized_entropy([[0.0, 1.0], [1.0, 2.0], [5.0, 6.0]]), 12)
    1.0
    """
    lengths = _lengths(pairs, cutoff, "normalized_entropy()")
    return normalized_entropy_of(lengths)


def landscape(
    pairs: ArrayLike, levels: int, grid: ArrayLike, *, cutoff: float | None = None
) -> NDArray[np.float64]:
    """Persistence landscape at the points of a grid, exact there.

    Level k at t is the k-th largest of the tents max(0, min(t - birth, death - t)).

    Parameters
    ----------
    pairs
        (n, 2) births and deaths.
    levels
        Number of levels, from the top.
    grid
        (m,) non-decreasing filtration values.
    cutoff
        Filtration value at which essential classes end.

    Returns
    -------
    (levels, m) values in filtration units, zero below the last level present.

    Examples
    --------
    >>> landscape(np.array([[0.0, 2.0], [1.0, 3.0]]), 2, [0.5, 1.0, 1.5])
    array([[0.5, 1. , 0.5],
           [0. , 0. , 0.5]])

    References
    ----------
    Bubenik, Statistical topological data analysis using persistence landscapes, JMLR 2015.
    """
    return top_landscape(pairs, levels, grid, cutoff, call="landscape()")


def top_landscape(
    pairs: ArrayLike, levels: int, grid: ArrayLike, cutoff: float | None, *, call: str
) -> NDArray[np.float64]:
    """`landscape` under the name of its caller."""
    levels = whole(levels, "levels", call=call, low=1, high=10**6)
    t = read_grid(grid, call=call, rising=True)
    checked = np.require(ended(pairs, cutoff, call=call), requirements=["C", "W"])
    refuse_beyond_memory(
        levels,
        lambda m: 16.0 * m * len(t),
        call=call,
        of="levels",
        advice="Pass levels={most}, or a shorter grid.",
    )
    first = np.searchsorted(t, checked[:, 0], side="right")
    last = np.searchsorted(t, checked[:, 1], side="left")
    return np.asarray(top_levels(checked, t, first, last, levels).T, order="C")


def landscape_inner(a: ArrayLike, b: ArrayLike, *, cutoff: float | None = None) -> float:
    """L2 inner product of two landscapes, summed over all levels, without a grid.

    Both landscapes are piecewise linear; their corners are computed exactly (Bubenik and Dlotko)
    and the products integrated in closed form. With a = b this is `landscape_norm(a) ** 2`.

    Examples
    --------
    One bar of length 2 with itself: length ** 3 / 12.

    >>> bar = np.array([[0.0, 2.0]])
    >>> round(landscape_inner(bar, bar), 12)
    0.666666666667
    """
    call = "landscape_inner()"
    left, right = (corners_of(x, cutoff, call=call) for x in (a, b))
    return float(inner_product(*left, *right))


def corners_of(
    pairs: ArrayLike, cutoff: float | None, *, call: str
) -> tuple[Pairs, NDArray[np.int64]]:
    """Corners of the landscape of pairs whose cubes float64 can hold.

    >>> len(corners_of([[0.0, 2.0]], None, call="example()")[0])
    3
    """
    kept = by_birth(ended(pairs, cutoff, call=call))
    longest = float((kept[:, 1] - kept[:, 0]).max(initial=0.0))
    largest = float(np.abs(kept).max(initial=0.0))
    if len(kept) and not (longest > 1e-90 and largest < 1e90):
        msg = (
            f"{call}: bars up to {longest:g} long at values up to {largest:g}: their cubes over- "
            f"or underflow. Divide the pairs by a unit first, such as pairs / {longest:g}."
        )
        raise UsageError(msg)
    points, starts = corners(kept)
    return points, starts


def landscape_norm(pairs: ArrayLike, order: float = 2, *, cutoff: float | None = None) -> float:
    """L_order norm of the landscape over all levels, in closed form; 0 for an empty diagram.

    At each t the levels are the tents in sorted order, so the sum over levels is the sum over
    tents: (sum of 2 (l / 2) ** (order + 1) / (order + 1)) ** (1 / order). For order 2 that is
    sqrt(sum l ** 3 / 12), for order inf max l / 2.

    Examples
    --------
    >>> landscape_norm(np.array([[0.0, 2.0]]), order=1)
    1.0
    """
    call = "landscape_norm()"
    order = number(order, "order", call=call, low=1.0, finite=False)
    lengths = _lengths(pairs, cutoff, call)
    return held(landscape_norm_of(lengths, order), lengths, "order", order, call)


def diagram_statistics(pairs: ArrayLike) -> dict[str, float]:
    """Every statistic of a diagram, by name, in the order of `STATISTICS`.

    Parameters
    ----------
    pairs
        (n, 2) births and finite deaths; use `finite` first.

    Returns
    -------
    n_pairs, lifespan_sum, mean_persistence, max_persistence, total_persistence (order 2),
    persistence_entropy, normalized_entropy, landscape_norm (L2), and what installed packages add;
    nan where undefined.

    Examples
    --------
    >>> diagram_statistics(np.array([[0.0, 1.0], [0.0, 3.0]]))["mean_persistence"]
    2.0
    """
    checked = ended(pairs, None, call="diagram_statistics()")
    lengths = checked[:, 1] - checked[:, 0]
    own = statistics_of(lengths)
    return own | {name: float(statistic(checked)) for name, statistic in STATISTICS.added.items()}


ESSENTIAL = "n_essential"


def cloud_statistics(pairs: ArrayLike) -> dict[str, float]:
    """Every number of a whole diagram: its essential classes, and the statistics of the others.

    >>> numbers = cloud_statistics([[0.0, 1.0], [0.0, np.inf], [0.0, np.inf]])
    >>> numbers["n_essential"], numbers["n_pairs"]
    (2, 1.0)
    """
    pairs = read_diagram(pairs, call="cloud_statistics()")
    return {**diagram_statistics(finite(pairs)), ESSENTIAL: n_essential(pairs)}


def undefined_reason(statistic: str, pairs: int) -> str:
    """Why a statistic of a diagram with `pairs` finite pairs has no value."""
    call = "undefined_reason()"
    statistic = text(statistic, "statistic", call=call)
    pairs = whole(pairs, "pairs", call=call, low=0)
    needed = 2 if statistic == "normalized_entropy" else 1
    if pairs >= needed:
        return f"{statistic} of these {pairs} pairs is beyond what float64 holds; choose a unit"
    return f"{pairs} finite pairs; {statistic} needs at least {needed}"


def summarize(dgms: DiagramSet) -> pd.DataFrame:
    """Tidy table with one row per diagram and statistic.

    Essential classes are counted (`n_essential`) and left out of everything else: they have no
    length.

    Returns
    -------
    Columns layer, depth, label, cloud, replicate, homology_dimension (Int64), statistic, value,
    status ("ok", or "undefined" with a value of nan), reason, points. Statistics as in
    `diagram_statistics`.

    Examples
    --------
    The four corners of a square of side 1 are joined by three edges of length 1:

    >>> import toposcope as ts
    >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> acts = ts.from_arrays({"layer": corners})
    >>> cloud = ts.clouds(acts, points=4, replicates=1, normalize="none")
    >>> table = ts.summarize(ts.rips(cloud, homology_dimensions=(0,)))
    >>> table.set_index("statistic")["value"]["lifespan_sum"].item()
    3.0
    """
    import pandas as pd

    if not isinstance(dgms, DiagramSet):
        msg = (
            f"summarize(): got {type(dgms).__name__}; needed is a DiagramSet, from "
            "toposcope.rips(clouds). Of one diagram pass its pairs to diagram_statistics()."
        )
        raise UsageError(msg)
    rows = []
    for key, pairs in dgms:
        dying = finite(pairs)
        for statistic, value in cloud_statistics(pairs).items():
            missing = math.isnan(value)
            reason = undefined_reason(statistic, len(dying)) if missing else ""
            rows.append(
                (
                    *(key.layer, key.depth, key.label, key.cloud, key.replicate),
                    *(key.homology_dimension, statistic, value),
                    *("undefined" if missing else "ok", reason, key.points),
                )
            )
    names = "layer depth label cloud replicate homology_dimension statistic value status reason"
    table = pd.DataFrame(rows, columns=[*names.split(), "points"])
    kinds = {"depth": "float64", "value": "float64", "homology_dimension": "Int64"}
    return table.astype(kinds | {"replicate": "int64", "points": "int64"})


def _cut(pairs: Pairs, cutoff: float, call: str) -> Pairs:
    """Pairs with essential deaths replaced by `cutoff`."""
    endless = np.isinf(pairs[:, 1])
    if endless.any() and not cutoff >= pairs[endless, 0].max():
        msg = (
            f"{call}: cutoff={cutoff!r} lies before the birth of an essential class "
            f"({pairs[endless, 0].max():g}). Pass a cutoff at or after every birth."
        )
        raise UsageError(msg)
    return np.stack([pairs[:, 0], np.where(endless, cutoff, pairs[:, 1])], axis=1)


def _lengths(pairs: ArrayLike, cutoff: float | None, call: str) -> NDArray[np.float64]:
    checked = ended(pairs, cutoff, call=call)
    lengths: NDArray[np.float64] = checked[:, 1] - checked[:, 0]
    return lengths


def _of_pairs(of_lengths: Callable[[NDArray[np.float64]], float]) -> Callable[[Pairs], float]:
    return lambda pairs: of_lengths(pairs[:, 1] - pairs[:, 0])


STATISTICS: Registry[Callable[[Pairs], float]] = Registry(
    "toposcope.statistics", {name: _of_pairs(own) for name, own in OF_LENGTHS.items()}
)
"""Every statistic of a diagram: a function of (n, 2) pairs with finite deaths, to one number."""
