"""Time and memory of a Rips task, predicted before it starts."""

from __future__ import annotations

from collections.abc import Sequence

from toposcope.inputs.parameters import degrees, whole

TREE_ABOVE = 500
"""Above this many points H0 alone does without the distance matrix."""
TILE_ABOVE = 8000
"""Above this many it works on tiles: one float32 matrix would take more than 256 MB."""

# CPU seconds on one core of an AMD EPYC (Zen 5), fitted to n = 500, 1000, 2000, 4000 of ReLU
# clusters, Gaussian, torus, sphere and two layers of a ResNet (`benchmarks/bench_cost.py`).
_PER_PRODUCT = 1.2e-11  # one multiplication and addition of X X^T, float32, half of the matrix
_PER_PRODUCT_64 = 3.0e-11
_PER_COORDINATE = 1.0e-8
_FIXED_SECONDS = 5e-4
_TREE_PER_PAIR = 3.2e-9
_H1_PER_PAIR = 1.7e-8  # distances, hubs, ranks, triangles
_H1_PER_TRIPLE = 6.0e-12  # bit sets of n / 64 words per edge
_H2_PER_TRIPLE = 5.0e-9  # ReLU clusters, n = 400; a sphere took ten times longer

_COORDINATE_BYTES = 24
_H1_BYTES = 5.7  # edges, triangles and cofacets, per entry of the matrix
_H2_BYTES = 60
_FIXED_BYTES = 1_500_000


def estimate_cost(n: int, d: int, homology_dimensions: Sequence[int] = (0, 1)) -> tuple[float, int]:
    """Rough CPU seconds and peak bytes of `rips` for n points in d dimensions, over Z/2.

    Meant for `--dry-run` and for refusing what cannot fit: expect a factor of 2 for H0 and H1, and
    less time than predicted for surfaces such as a sphere (up to 3 times). H2 depends so much on
    the cloud that its time may be ten times larger than said here.

    Parameters
    ----------
    n, d
        Number of points and of coordinates.
    homology_dimensions
        Degrees asked for.

    Returns
    -------
    seconds, bytes beyond the cloud itself (kernels already compiled).

    Examples
    --------
    >>> seconds, size = estimate_cost(500, 64)
    >>> seconds < 0.1 and size < 50e6
    True
    """
    call = "estimate_cost()"
    n = whole(n, "n", call=call, low=0, high=10**12)
    d = whole(d, "d", call=call, low=0, high=10**12)
    pairs, highest = float(n) ** 2, max(degrees(homology_dimensions, call=call))
    if highest == 0 and n > TREE_ABOVE:
        return _tree_cost(n, d)
    seconds = _FIXED_SECONDS + pairs * _TREE_PER_PAIR
    seconds += pairs * d * _PER_PRODUCT_64 + n * d * _PER_COORDINATE
    temporary = n * d * 16.0
    if highest >= 1:
        seconds += pairs * _H1_PER_PAIR + pairs * n * _H1_PER_TRIPLE
        temporary = max(temporary, pairs * _H1_BYTES)
    if highest >= 2:
        seconds += pairs * n * _H2_PER_TRIPLE
        temporary += pairs * _H2_BYTES
    return seconds, int(_FIXED_BYTES + 8 * pairs + temporary)


def _tree_cost(n: int, d: int) -> tuple[float, int]:
    """H0 alone: one float32 matrix, or one for each pair of tiles."""
    tiles = 2 if n <= TILE_ABOVE else -(-2 * n // TILE_ABOVE)
    unions, points = tiles * (tiles - 1) // 2, 2 * n / tiles
    seconds = points**2 * (d * _PER_PRODUCT + _TREE_PER_PAIR) + points * d * _PER_COORDINATE
    seconds += _FIXED_SECONDS
    size = _FIXED_BYTES + 4 * points**2 + points * d * _COORDINATE_BYTES
    # The trees of all pairs of tiles are kept until the end: two vertices, a length, their order.
    kept = 32 * unions * points if unions > 1 else 0
    return unions * seconds, int(size + kept)
