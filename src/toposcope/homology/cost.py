"""Time and memory of a Rips task, predicted before it starts."""

from __future__ import annotations

from collections.abc import Sequence

# CPU seconds on one core of an AMD EPYC (Zen 4), least squares over n = 500, 1000, 2000, 4000 and
# three kinds of cloud (ReLU clusters, Gaussian, torus); off by a factor of 2 on the same machine.
_PER_FLOP = 2.0e-11  # matrix product in float64
_DISTANCES_PER_PAIR = 2.0e-9
_TREE_PER_PAIR = 1.5e-9
_H1_PER_PAIR = 5.5e-8  # ranks, lunes, cofacets
_H1_PER_TRIPLE = 3.5e-11  # bit sets of n / 64 words per edge
_H2_PER_TRIPLE = 2.7e-9  # GUDHI, ReLU clusters; a dense sphere took 100 times longer

_MATRIX_BYTES = 8
_H1_BYTES = 40  # ranks, edges, triangles and cofacets, per entry of the matrix
_H2_BYTES = 60
_FIXED_BYTES = 10_000_000


def estimate_cost(n: int, d: int, homology_dimensions: Sequence[int] = (0, 1)) -> tuple[float, int]:
    """Rough CPU seconds and peak bytes of `rips` for n points in d dimensions, over Z/2.

    Meant for `--dry-run` and for refusing what cannot fit: expect a factor of 2 for H0 and H1.
    H2 depends so much on the cloud that its time may be 100 times larger than said here.

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
    pairs, highest = float(n) ** 2, max(homology_dimensions)
    seconds = pairs * (2 * d * _PER_FLOP + _DISTANCES_PER_PAIR + _TREE_PER_PAIR)
    size = _FIXED_BYTES + pairs * _MATRIX_BYTES
    if highest >= 1:
        seconds += pairs * _H1_PER_PAIR + pairs * n * _H1_PER_TRIPLE
        size += pairs * _H1_BYTES
    if highest >= 2:
        seconds += pairs * n * _H2_PER_TRIPLE
        size += pairs * _H2_BYTES
    return seconds, int(size)
