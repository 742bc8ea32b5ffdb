"""Diagrams as vectors: silhouettes and persistence images; landscapes have a file of their own.

Array functions on (n, 2) pairs, in the conventions of `summaries`: Bubenik's scale of tents,
`cutoff` ends essential classes, an empty diagram gives zeros. Vectors of several diagrams can be
compared only on the same grid, so grids and ranges are always passed.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.diagrams.landscapes import landscape_gram, mean_landscape
from toposcope.diagrams.summaries import by_birth, ended
from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_grid
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.inputs.parameters import number, span

__all__ = ["landscape_gram", "mean_landscape", "persistence_image", "silhouette"]

Array = NDArray[np.float64]


def silhouette(
    pairs: ArrayLike, grid: ArrayLike, *, power: float = 1.0, cutoff: float | None = None
) -> Array:
    """Mean of the tents of a diagram, each weighted by length ** power, at the points of a grid.

    Parameters
    ----------
    pairs
        (n, 2) births and deaths.
    grid
        (m,) filtration values in any order.
    power
        0 counts all pairs alike; large values leave the longest alone.
    cutoff
        Filtration value at which essential classes end.

    Returns
    -------
    (m,) values in filtration units, exact up to rounding (1e-14 of the largest); zeros for a
    diagram without a pair of positive length. The tent over (b, d) peaks at (d - b) / 2 (GUDHI:
    sqrt(2) times larger).

    Examples
    --------
    Lengths 2 and 4, hence weights 1/3 and 2/3:

    >>> silhouette([[0.0, 2.0], [0.0, 4.0]], [0.0, 1.0, 2.0, 3.0])
    array([0.        , 1.        , 1.33333333, 0.66666667])

    References
    ----------
    Chazal et al., Stochastic convergence of persistence landscapes and silhouettes, SoCG 2014.
    """
    call = "silhouette()"
    t = read_grid(grid, call=call)
    power = number(power, "power", call=call, low=0.0)
    kept = by_birth(ended(pairs, cutoff, call=call))
    if not len(kept):
        return np.zeros(len(t))
    lengths = kept[:, 1] - kept[:, 0]
    # Divided by the longest first: large powers of large lengths would overflow.
    weights = (lengths / lengths.max()) ** power
    weights /= weights.sum()
    # A sum of tents is piecewise linear: its slope changes at births, middles and deaths. Summing
    # slopes takes n log n steps where summing tents takes n m (100 times as long for 1,000 pairs).
    middles = kept[:, 0] + lengths / 2
    knots = np.concatenate([kept[:, 0], middles, kept[:, 1]])
    order = np.argsort(knots, kind="stable")
    knots = knots[order]
    slopes = np.cumsum(np.concatenate([weights, -2 * weights, weights])[order])
    heights = np.concatenate([[0.0], np.cumsum(slopes[:-1] * np.diff(knots))])
    # Rounding leaves about -1e-17 where the sum is 0.
    result: Array = np.maximum(np.interp(t, knots, heights, left=0.0, right=0.0), 0.0)
    return result


def persistence_image(
    pairs: ArrayLike,
    resolution: int | tuple[int, int] = (20, 20),
    *,
    bandwidth: float,
    birth_range: tuple[float, float],
    length_range: tuple[float, float],
    power: float = 1.0,
    cutoff: float | None = None,
) -> Array:
    """Weighted Gaussians around the points (birth, length), integrated exactly over pixels.

    Parameters
    ----------
    pairs
        (n, 2) births and deaths.
    resolution
        Number of pixels along births and along lengths; one number for both.
    bandwidth
        Standard deviation of the Gaussians, filtration units.
    birth_range, length_range
        Outer edges of the image. Mass beyond them is lost. All births of H0 are 0: a range around
        0 a few bandwidths wide keeps them.
    power
        A pair weighs length ** power; it must be positive for the image to be stable when short
        pairs come and go.
    cutoff
        Filtration value at which essential classes end.

    Returns
    -------
    (lengths, births) image, short pairs in row 0 (draw it with origin="lower"). The sum over an
    image that holds everything is the sum of the weights. persim's image is the transpose; GUDHI
    samples the density at points instead (divide by the area of a pixel to compare).

    Examples
    --------
    One bar of length 2 in the middle of four pixels gives a quarter of its weight to each:

    >>> persistence_image(
    ...     [[1.0, 3.0]], (2, 2), bandwidth=0.1, birth_range=(0, 2), length_range=(1, 3)
    ... )
    array([[0.5, 0.5],
           [0.5, 0.5]])

    References
    ----------
    Adams et al., Persistence images: a stable vector representation of persistent homology, JMLR
    2017.
    """
    call = "persistence_image()"
    bandwidth = number(bandwidth, "bandwidth", call=call, low=1e-300)
    power = number(power, "power", call=call, low=0.0)
    pixels = parameters.resolution(resolution, call=call)
    birth_range = span(birth_range, "birth_range", call=call)
    length_range = span(length_range, "length_range", call=call)
    checked = ended(pairs, cutoff, call=call)
    lengths = checked[:, 1] - checked[:, 0]
    refuse_beyond_memory(
        max(pixels),
        lambda m: 40.0 * m * len(lengths) + 8.0 * m * min(pixels),
        call=call,
        of="pixels along an axis",
        advice="Pass resolution={most}, or fewer pairs.",
    )
    births = _pixel_mass(checked[:, 0], birth_range, pixels[0], bandwidth)
    heights = _pixel_mass(lengths, length_range, pixels[1], bandwidth)
    with np.errstate(over="ignore", under="ignore"):
        weights = lengths**power
    heaviest = float(weights.max(initial=0.0))
    if lengths.any() and not 0 < heaviest < math.inf:
        msg = (
            f"{call}: with power={power:g} all weights over- or underflow (bars are up to "
            f"{lengths.max():g} long). Pass a smaller power, or divide the pairs by a unit first."
        )
        raise UsageError(msg)
    result: Array = (heights * weights) @ births.T
    return result


def _pixel_mass(centers: Array, edges: tuple[float, float], pixels: int, bandwidth: float) -> Array:
    """(pixels, n) mass of a normal distribution around each center, by pixel."""
    from scipy.special import ndtr

    borders = np.linspace(*edges, pixels + 1)
    with np.errstate(over="ignore"):  # inf bandwidths away: no mass, or all of it
        z = (borders[:, None] - centers) / bandwidth
    # Both tails from the side where ndtr keeps its digits.
    below, above = ndtr(z), ndtr(-z)
    mass: Array = np.where(z[:-1] > 0, above[:-1] - above[1:], below[1:] - below[:-1])
    return mass
