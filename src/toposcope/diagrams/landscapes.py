"""Persistence landscapes as vectors of a Hilbert space: corners, means, inner products, distances.

Everything here is linear algebra on one Gram matrix of closed-form inner products, over all levels
and without a grid. The mean of a network's replicates, the mean over networks, their norms, their
distances and permutation tests follow from it; nothing is computed twice.

Bubenik's scale: the tent over (b, d) peaks at (d - b) / 2. `summaries` has the landscape of one
diagram on a grid and its norm.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.diagrams.summaries import corners_of, top_landscape
from toposcope.errors import UsageError
from toposcope.homology.landscape_kernels import inner_product
from toposcope.inputs.arrays import read_grid, read_values
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.inputs.parameters import entries, labels, whole
from toposcope.stats.permutation import PermutationResult, two_sample_gram

Array = NDArray[np.float64]
Corners = tuple[Array, NDArray[np.int64]]


def landscape_corners(pairs: ArrayLike, *, cutoff: float | None = None) -> list[Array]:
    """Corners of every level of a landscape: the exact landscape, which is linear between them.

    Parameters
    ----------
    pairs
        (n, 2) births and deaths.
    cutoff
        Filtration value at which essential classes end.

    Returns
    -------
    One (m_k, 2) array of (filtration value, height) per level, from the top; empty for a diagram
    without a pair of positive length. Heights are in filtration units.

    Examples
    --------
    Two crossing tents: the upper hull, and what is under both.

    >>> upper, lower = landscape_corners([[0.0, 2.0], [1.0, 3.0]])
    >>> upper.tolist()
    [[0.0, 0.0], [1.0, 1.0], [1.5, 0.5], [2.0, 1.0], [3.0, 0.0]]
    >>> lower.tolist()
    [[1.0, 0.0], [1.5, 0.5], [2.0, 0.0]]

    References
    ----------
    Bubenik and Dlotko, A persistence landscapes toolbox for topological statistics, 2017.
    """
    points, starts = corners_of(pairs, cutoff, call="landscape_corners()")
    return np.split(points, starts[1:-1]) if len(points) else []


def mean_landscape(
    diagrams: Sequence[ArrayLike], levels: int, grid: ArrayLike, *, cutoff: float | None = None
) -> Array:
    """Pointwise mean of persistence landscapes; levels that a diagram lacks count as zero.

    Parameters
    ----------
    diagrams
        At least one (n_i, 2) array of births and deaths.
    levels, grid, cutoff
        As in `summaries.landscape`.

    Returns
    -------
    (levels, m) values in filtration units, exact at the grid points. It is the landscape of no
    diagram in general; its norms and distances follow from `landscape_gram`.

    Examples
    --------
    >>> mean_landscape([[[0.0, 2.0]], [[0.0, 4.0]], np.empty((0, 2))], 1, [1.0, 2.0, 3.0])
    array([[0.66666667, 0.66666667, 0.33333333]])

    References
    ----------
    Bubenik, Statistical topological data analysis using persistence landscapes, JMLR 2015.
    """
    call = "mean_landscape()"
    diagrams = entries(diagrams, "diagrams", call=call, of="diagrams")
    if not diagrams:
        msg = f"{call}: at least one diagram is needed; got an empty list."
        raise UsageError(msg)
    total = top_landscape(diagrams[0], levels, grid, cutoff, call=call)
    for pairs in diagrams[1:]:
        total += top_landscape(pairs, levels, grid, cutoff, call=call)
    total /= len(diagrams)
    return total


def landscape_gram(
    diagrams: Sequence[ArrayLike],
    others: Sequence[ArrayLike] | None = None,
    *,
    cutoff: float | None = None,
) -> Array:
    """Matrix of `summaries.landscape_inner` between all diagrams: exact, all levels, no grid.

    Everything linear follows from it: with G the result, the L2 norm of the mean landscape is
    sqrt(G.mean()), and that of the difference of the means of two groups sqrt(w @ G @ w) with
    weights 1 / |A| on the one group and -1 / |B| on the other. The landscape kernel of Wheeler et
    al. is the sum of such matrices over layers and degrees.

    Parameters
    ----------
    diagrams
        m arrays (n_i, 2) of births and deaths.
    others
        k more; None: the same ones, and the matrix is symmetric.
    cutoff
        Filtration value at which essential classes end.

    Returns
    -------
    (m, m) or (m, k), units of filtration ** 3.

    Examples
    --------
    >>> G = landscape_gram([[[0.0, 2.0]], [[0.0, 2.0]], [[5.0, 6.0]]])
    >>> G.round(6)
    array([[0.666667, 0.666667, 0.      ],
           [0.666667, 0.666667, 0.      ],
           [0.      , 0.      , 0.083333]])

    References
    ----------
    Wheeler, Bouza and Bubenik, Activation landscapes as a topological summary of neural network
    performance, 2021.
    """
    return _exact_gram(diagrams, others, cutoff, call="landscape_gram()")


def _exact_gram(
    diagrams: Sequence[ArrayLike],
    others: Sequence[ArrayLike] | None,
    cutoff: float | None,
    *,
    call: str,
) -> Array:
    landscapes = exact_landscapes(diagrams, cutoff=cutoff, call=call)
    right = landscapes if others is None else exact_landscapes(others, cutoff=cutoff, call=call)
    refuse_beyond_memory(
        len(landscapes),
        lambda m: 8.0 * m * len(right),
        call=call,
        of="diagrams",
        advice="Pass {most} diagrams, or fewer.",
    )
    if others is not None:
        return products(landscapes, right)
    gram = np.zeros((len(landscapes), len(landscapes)))
    for i, left in enumerate(landscapes):
        for j in range(i + 1):
            gram[i, j] = gram[j, i] = inner_product(*left, *landscapes[j])
    return gram


def grid_gram(
    diagrams: Sequence[ArrayLike],
    levels: int,
    grid: ArrayLike,
    *,
    cutoff: float | None = None,
) -> Array:
    """`landscape_gram` of the first `levels` levels, integrated by the trapezoid rule on a grid.

    For H1 diagrams with thousands of pairs, whose exact inner products take long: one landscape per
    diagram and one matrix product.

    Parameters
    ----------
    diagrams, levels, grid, cutoff
        As in `mean_landscape`; two grid points or more.

    Returns
    -------
    (m, m) symmetric, units of filtration ** 3.

    Examples
    --------
    >>> fine = np.linspace(0, 2, 201)
    >>> round(float(grid_gram([[[0.0, 2.0]]], 1, fine)[0, 0]), 4)
    0.6667
    """
    call = "grid_gram()"
    t = read_grid(grid, call=call, rising=True)
    if len(t) < 2:
        msg = f"{call}: a grid of two points or more is needed; got shape {t.shape}."
        raise UsageError(msg)
    levels = whole(levels, "levels", call=call, low=1)
    diagrams = entries(diagrams, "diagrams", call=call, of="diagrams")
    refuse_beyond_memory(
        levels,
        lambda m: 8.0 * len(diagrams) * (m * len(t) + len(diagrams)),
        call=call,
        of="levels",
        advice="Pass levels={most}, or fewer diagrams or grid values.",
    )
    gaps = np.diff(t)
    widths = (np.append(gaps, 0.0) + np.append(0.0, gaps)) / 2
    rows = np.empty((len(diagrams), levels * len(t)))
    for i, pairs in enumerate(diagrams):
        values = top_landscape(pairs, levels, t, cutoff, call=call)
        rows[i] = (values * np.sqrt(np.maximum(widths, 0.0))).ravel()
    gram: Array = rows @ rows.T
    return gram


def mean_gram(gram: ArrayLike, groups: Sequence[Hashable]) -> tuple[list[Hashable], Array]:
    """Inner products between the mean landscapes of groups, from those between the members.

    Averages the replicates of each network, so that networks become the units of a test.

    Parameters
    ----------
    gram
        (m, m) inner products, such as `landscape_gram`.
    groups
        m labels: the network that each diagram belongs to.

    Returns
    -------
    The k distinct labels in the order they were met, and the (k, k) matrix.

    Examples
    --------
    Values 1 and 3 of one network and 10 of another have means 2 and 10:

    >>> x = np.array([1.0, 10.0, 3.0])
    >>> mean_gram(np.outer(x, x), ["a", "b", "a"])
    (['a', 'b'], array([[  4.,  20.],
           [ 20., 100.]]))
    """
    matrix = read_values(gram, "gram", call="mean_gram()", ndim=(2,))
    groups = labels(groups, "groups", call="mean_gram()")
    if matrix.shape != (len(groups), len(groups)) or not len(groups):
        msg = (
            f"mean_gram(): one label per row of a square matrix is needed; got shape "
            f"{matrix.shape} and {len(groups)} labels."
        )
        raise UsageError(msg)
    names = list(dict.fromkeys(groups))
    member = np.array([[group == name for group in groups] for name in names], dtype=np.float64)
    member /= member.sum(axis=1, keepdims=True)
    return names, np.asarray(member @ matrix @ member.T)


def landscape_test(
    a: Sequence[ArrayLike],
    b: Sequence[ArrayLike],
    *,
    paired: bool = False,
    n_resamples: int = 9999,
    seed: int | np.random.Generator = 0,
    unit: str = "draw",
    overlap: float = 0.0,
    cutoff: float | None = None,
) -> PermutationResult:
    """Permutation test of two sets of diagrams: are their mean landscapes the same?

    The statistic is the L2 distance between the mean landscapes, exact and over all levels. The
    Gram matrix is computed once; every permutation costs a few sums over it.

    Parameters
    ----------
    a, b
        Two diagrams or more a side, one per independent unit, all of equal n. For networks with
        several replicates each, average those first: `mean_gram`, then
        `stats.permutation_test_gram`.
    paired, n_resamples, seed, unit, overlap
        As in `stats.permutation_test`.
    cutoff
        Filtration value at which essential classes end.

    Returns
    -------
    The test; its `pvalue` is never 0.

    Examples
    --------
    Bars of length 2 against bars of length 3, all 20 ways to share them out:

    >>> a, b = ([[[0.0, length]]] * 3 for length in (2.0, 3.0))
    >>> test = landscape_test(a, b)
    >>> test.pvalue
    0.1

    References
    ----------
    Wheeler, Bouza and Bubenik, Activation landscapes as a topological summary of neural network
    performance, 2021.
    """
    call = "landscape_test()"
    a, b = (entries(x, name, call=call, of="diagrams") for x, name in ((a, "a"), (b, "b")))
    if not len(a) or not len(b):
        msg = f"landscape_test(): {len(a)} and {len(b)} diagrams; two or more a side are needed."
        raise UsageError(msg)
    gram = _exact_gram([*a, *b], None, cutoff, call=call)
    sides = np.repeat([0, 1], [len(a), len(b)])
    return two_sample_gram(gram, sides, paired, n_resamples, seed, unit, overlap, call=call)


def gram_norms(gram: ArrayLike) -> Array:
    """L2 norms of the landscapes behind a Gram matrix.

    Examples
    --------
    >>> gram_norms([[4.0, 0.0], [0.0, 9.0]])
    array([2., 3.])
    """
    return np.sqrt(
        np.maximum(np.diagonal(read_values(gram, "gram", call="gram_norms()", ndim=(2,))), 0.0)
    )


def gram_distances(gram: ArrayLike) -> Array:
    """L2 distances between the landscapes behind a Gram matrix.

    Differences below about 1e-8 of the norms drown in rounding; `distances.landscape_distance`
    keeps their digits.

    Examples
    --------
    >>> gram_distances([[4.0, 0.0], [0.0, 9.0]]).round(3)
    array([[0.   , 3.606],
           [3.606, 0.   ]])
    """
    matrix = read_values(gram, "gram", call="gram_distances()", ndim=(2,))
    if matrix.shape[0] != matrix.shape[1]:
        msg = f"gram_distances(): gram must be square; got shape {matrix.shape}."
        raise UsageError(msg)
    squares = np.diagonal(matrix)
    apart = squares[:, None] + squares - 2 * matrix
    # Rounding of equal landscapes is no distance.
    apart[apart <= 1e-15 * (squares[:, None] + squares)] = 0.0
    return np.sqrt(apart)


def exact_landscapes(
    diagrams: Sequence[ArrayLike], *, cutoff: float | None, call: str
) -> list[Corners]:
    """Corners and starts of levels of each diagram, as `products` takes them."""
    listed = entries(diagrams, "diagrams", call=call, of="diagrams")
    return [corners_of(pairs, cutoff, call=call) for pairs in listed]


def products(left: Sequence[Corners], right: Sequence[Corners]) -> Array:
    """(len(left), len(right)) inner products of exact landscapes."""
    return np.array([[inner_product(*a, *b) for b in right] for a in left]).reshape(
        len(left), len(right)
    )
