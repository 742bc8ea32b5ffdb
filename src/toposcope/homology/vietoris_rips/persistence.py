"""Vietoris-Rips persistence of point clouds: one front door, exact engines behind it.

H0 is a minimum spanning tree (`spanning`), H1 over Z/2 the reduced triangle set (`lunes`,
`reduction`); H2 and above, and other fields, go to GUDHI (`higher_degrees`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.homology.metrics import METRICS, distances
from toposcope.homology.spanning import euclidean_tree, tiled_tree, tree_lengths
from toposcope.homology.vietoris_rips.cost import TILE_ABOVE, TREE_ABOVE, estimate_cost
from toposcope.homology.vietoris_rips.growth import h1_diagram
from toposcope.inputs.arrays import read_cloud, read_square, read_values
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.inputs.parameters import choice, degrees, number, prime, text

Pairs = NDArray[np.float64]

# Lengths that agree to 13 digits are equal up to the rounding of distances (2^-53 times the number
# of products that are added, and division by a scale): what lives so shortly has length zero.
_ROUNDING = 2.0**-44


def rips(
    X: ArrayLike,
    *,
    homology_dimensions: Sequence[int] = (0, 1),
    metric: str = "euclidean",
    max_edge_length: float = np.inf,
    coeff: int = 2,
    device: str = "cpu",
) -> list[Pairs]:
    """Persistence diagrams of the Vietoris-Rips filtration of a point cloud.

    Parameters
    ----------
    X
        (n, d) point cloud, or (n, n) distances with metric="precomputed".
    homology_dimensions
        Degrees k of H_k to compute.
    metric
        "euclidean", "cosine", "correlation" or "precomputed".
    max_edge_length
        Filtration value (diameter scale) at which the filtration stops, itself included; classes
        alive there get death inf.
    coeff
        Prime p of the field Z/p.
    device
        "cpu", or a torch device such as "cuda" for the distances (metric="euclidean"), and for H0
        alone for the spanning tree, up to 200,000 points; the rest is done on the CPU.

    Returns
    -------
    One (n_k, 2) float64 array of (birth, death) per degree, in the order of
    `homology_dimensions`, sorted by birth, then death. An edge appears at its length (not half
    of it). Essential classes have death inf; pairs of length zero are left out.

    Raises
    ------
    DegenerateCloudError
        For an empty or non-finite cloud.
    UsageError
        For arguments without meaning.

    Notes
    -----
    One point has one essential class in H0 and nothing else.

    Examples
    --------
    The unit square: three gaps of length 1, and one loop from the sides to the diagonals.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> h0, h1 = rips(square)
    >>> h0
    array([[ 0.,  1.],
           [ 0.,  1.],
           [ 0.,  1.],
           [ 0., inf]])
    >>> h1
    array([[1.        , 1.41421356]])
    """
    call = "rips()"
    dims, max_edge_length, coeff = check_arguments(
        homology_dimensions, max_edge_length, coeff, call=call
    )
    metric = choice(metric, METRICS, "metric", call=call)
    device = text(device, "device", call=call)
    if device != "cpu":
        if metric != "euclidean":
            msg = f"rips(): device={device!r} is for metric='euclidean'; got metric={metric!r}."
            raise UsageError(msg)
        from toposcope.homology.vietoris_rips import cuda

        if set(dims) == {0}:
            h0 = h0_from_lengths(
                cuda.spanning_tree(X, device=device, call=call)[1], max_edge_length
            )
            return [h0.copy() for _ in dims]
        X, metric = cuda.distances(X, device=device, call=call), "precomputed"
    if metric != "precomputed":
        X = read_cloud(X, call=call)
        n, d = X.shape
        less = "fewer points" if max(dims) == 0 else "fewer points or lower homology_dimensions"
        refuse_beyond_memory(
            n,
            lambda m: estimate_cost(m, d, dims)[1],
            call=call,
            advice=f"Pass {less}: X[toposcope.homology.farthest_landmarks(X, {{most}}).rows] stand "
            "for the cloud within a known error, X[rng.permutation(len(X))[:{most}]] is a sample.",
        )
        if metric == "euclidean" and set(dims) == {0} and n > TREE_ABOVE:
            spanning = tiled_tree if n > TILE_ABOVE else euclidean_tree
            h0 = h0_from_lengths(spanning(X.astype(np.float64))[1], max_edge_length)
            return [h0.copy() for _ in dims]
    D = distances(X, metric=metric, call=call)
    return rips_from_distances(
        D, homology_dimensions=dims, max_edge_length=max_edge_length, coeff=coeff
    )


def rips_from_distances(
    D: NDArray[np.float64],
    *,
    homology_dimensions: Sequence[int] = (0, 1),
    max_edge_length: float = np.inf,
    coeff: int = 2,
    lengths: NDArray[np.float64] | None = None,
) -> list[Pairs]:
    """`rips` of a distance matrix that is known to be valid, as `distances` returns it.

    Parameters
    ----------
    D
        (n, n) distances, not checked again.
    homology_dimensions, max_edge_length, coeff
        As in `rips`.
    lengths
        Lengths of a minimum spanning tree of `D` when the caller has them already.

    Returns
    -------
    As `rips`.
    """
    call = "rips_from_distances()"
    dims, max_edge_length, coeff = check_arguments(
        homology_dimensions, max_edge_length, coeff, call=call
    )
    D = read_square(D, call=call)
    refuse_beyond_memory(
        len(D),
        lambda m: estimate_cost(m, 0, dims)[1] - 8.0 * m * m,  # the distances are there already
        call=call,
        advice="Pass the rows and columns of {most} points, or lower homology_dimensions.",
    )
    if lengths is not None:
        lengths = read_values(lengths, "lengths", call=call, least=0, finite=False)
    diagrams: dict[int, Pairs] = {}
    if {0, 1} & set(dims):
        tree = tree_lengths(D) if lengths is None else lengths
        diagrams[0] = h0_from_lengths(tree, max_edge_length)
        if 1 in dims and coeff == 2:
            diagrams[1] = h1_diagram(D, max_edge_length=max_edge_length, tree=tree)
    missing = sorted(set(dims) - set(diagrams))
    if missing:
        from toposcope.homology.vietoris_rips.higher_degrees import gudhi_rips

        diagrams |= gudhi_rips(
            D, homology_dimensions=missing, max_edge_length=max_edge_length, coeff=coeff
        )
    for k in set(dims) - {0}:
        diagrams[k] = lasting(diagrams[k])
    return [diagrams[k].copy() if dims.count(k) > 1 else diagrams[k] for k in dims]


def lasting(pairs: Pairs) -> Pairs:
    """The pairs that live longer than the rounding of distances.

    Examples
    --------
    >>> lasting(np.array([[1.0, 1.0 + 1e-15], [1.0, 2.0], [1.0, np.inf]]))
    array([[ 1.,  2.],
           [ 1., inf]])
    """
    return pairs[pairs[:, 0] < pairs[:, 1] * (1.0 - _ROUNDING)]


def h0_from_lengths(
    lengths: NDArray[np.float64], max_edge_length: float = np.inf
) -> NDArray[np.float64]:
    """H0 diagram from the lengths of a minimum spanning tree.

    Lengths of 0 (duplicates) are left out; those beyond `max_edge_length` are essential, and so
    is one class more.

    Examples
    --------
    >>> h0_from_lengths(np.array([2.0, 0.0, 1.0]))
    array([[ 0.,  1.],
           [ 0.,  2.],
           [ 0., inf]])
    """
    deaths = np.sort(np.append(lengths[lengths > 0], np.inf))
    deaths[deaths > max_edge_length] = np.inf
    return np.stack([np.zeros_like(deaths), deaths], axis=1)


def check_arguments(
    homology_dimensions: Sequence[int], max_edge_length: float, coeff: int, *, call: str
) -> tuple[tuple[int, ...], float, int]:
    """Degrees, edge length and field as plain numbers, after checking all three."""
    return (
        degrees(homology_dimensions, call=call),
        number(max_edge_length, "max_edge_length", call=call, low=0.0, finite=False),
        prime(coeff, call=call),
    )
