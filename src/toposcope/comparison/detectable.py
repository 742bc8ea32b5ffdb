"""How large a gap a comparison would have found in one layer, in the family it is tested in.

The squared gap is a mean of products of differences between draws, so its power hangs on two
things: how noisy those differences are, and over how many directions the noise is spread (the same
noise in one direction drowns a shift that it does not reach in fifty). Both are estimated from the
forms of the layers, a shift is planted into normal noise like it, and the very test of the family
is made: the same arrangements, the other layers' statistics as rivals. Power formulas of a t test
were tried and left: a gap they promised to see 8 times in 10 was found in 0 to 52 %.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.gaps import gap_statistics
from toposcope.stats import standardized

Array = NDArray[np.float64]

DIRECTIONS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Numbers of directions of noise that are told apart."""

SIMULATIONS = 250
ARRANGEMENTS = 400
"""Planted data sets, and arrangements of each: a random part of those of the test, if fewer."""

_USUAL, _FARTHEST = 50.0, 1e4
"""Shifts, in standard deviations: most are below the first; what the second misses has no size."""


def noise_of_pairs(form: Array) -> tuple[float, float]:
    """Size of the noise in a form of pairs, and how concentrated it is.

    Parameters
    ----------
    form
        (R, R) products of differences, 0 on the diagonal, of R >= 4 draws.

    Returns
    -------
    spread
        Root mean square of the products once a gap and its tilt by draw are taken out: for noise
        of standard deviation s in each of d directions, s^2 sqrt(d).
    concentration
        1 / sqrt(d) for large R; see `directions`. Both are NaN for fewer draws.
    """
    count = len(form)
    if count < 4:
        return float("nan"), float("nan")
    rows = form.sum(axis=1)
    total = rows.sum() / count
    tilt = (rows - total) / (count - 2)
    rest = form - total / (count - 1) - tilt[:, None] - tilt[None]
    np.fill_diagonal(rest, 0.0)
    spread = float(np.sqrt((rest**2).sum() / (count * (count - 1) - 2 * count)))
    squares = float((form**2).sum()) / (count * (count - 1))
    if squares == 0.0:
        return spread, float("nan")
    # Products around a triangle of draws have mean d s^6: no draw meets itself in them.
    triangles = float(np.trace(form @ form @ form)) / (count * (count - 1) * (count - 2))
    return spread, triangles / squares**1.5


def noise_of_labels(form: Array) -> tuple[float, float]:
    """Total noise of one draw, and over how many directions it is spread.

    Parameters
    ----------
    form
        (2 R, 2 R) negative squared distances, the draws of one layer first; R >= 2.

    Returns
    -------
    total
        Root of the summed variances of all directions: s sqrt(d) for standard deviations s.
    number
        d, from 1 on.
    """
    half = len(form) // 2
    center = np.eye(half) - 1 / half
    grams = [center @ form[k : k + half, k : k + half] @ center / 2 for k in (0, half)]
    total = sum(float(np.trace(gram)) for gram in grams) / (2 * (half - 1))
    if not total > 0:
        return float("nan"), float("nan")
    # E |gram|^2 is (R - 1) s^4 d (d + R) for each layer, where `total` is s^2 d.
    squares = sum(float((gram**2).sum()) for gram in grams) / 2
    beyond = squares / ((half - 1) * total**2) - 1
    number = half / beyond if beyond > 0 else float(DIRECTIONS[-1])
    return float(np.sqrt(total)), float(np.clip(number, 1.0, DIRECTIONS[-1]))


def nearest_number(number: float) -> int:
    """The nearest of `DIRECTIONS`, by ratio.

    >>> nearest_number(1.2), nearest_number(20.0)
    (1, 24)
    """
    return DIRECTIONS[int(np.argmin(np.abs(np.log(np.array(DIRECTIONS) / number))))]


def directions(concentration: float, count: int) -> tuple[int, float]:
    """Number of directions that noise of so many draws seems to have, and a correction.

    Returns
    -------
    number
        One of `DIRECTIONS`: that in which simulated noise looks as concentrated.
    correction
        By which a standard deviation from so few draws is too small in the median.
    """
    known = _references(count)
    best = int(np.argmin(np.abs(known[:, 0] - concentration)))
    return DIRECTIONS[best], float(known[best, 1])


def detectable_shift(
    weights: Array,
    rivals: Array,
    number: int,
    *,
    paired: bool,
    level: float,
    power: float = 0.8,
    seed: int = 0,
) -> float:
    """Shift of one layer that the family finds with the given power, in sd of its noise.

    Parameters
    ----------
    weights
        (arrangements, R or 2 R) of the family, the observed one first.
    rivals
        (arrangements,) largest standardized statistic of the other tests; -inf without any.
    number
        Directions of the noise; the shift lies in one of them.
    paired, level, seed
        As in the comparison.

    Returns
    -------
    The shift; inf when none, however large, is found so often.

    Examples
    --------
    Five pairs have 16 arrangements, and 1 / 16 is above 0.05:

    >>> from toposcope.comparison.gaps import gap_arrangements
    >>> five, six = (
    ...     gap_arrangements(n, paired=True, n_resamples=99, seed=0) for n in (5, 6)
    ... )
    >>> detectable_shift(five, np.full(16, -np.inf), 1, paired=True, level=0.95)
    inf
    >>> 1.5 < detectable_shift(six, np.full(32, -np.inf), 1, paired=True, level=0.95) < 2.5
    True
    """
    rng = np.random.default_rng(seed)
    smallest = 1 / len(weights)
    if smallest > 1 - level + 1e-12:
        return float("inf")
    if len(weights) > ARRANGEMENTS:
        chosen = rng.choice(np.arange(1, len(weights)), ARRANGEMENTS - 1, replace=False)
        rows = np.concatenate([[0], chosen])
        weights, rivals = weights[rows], rivals[rows]
    units = weights.shape[1]
    noise = rng.normal(size=(SIMULATIONS, units, number))
    side = np.ones(units) if paired else np.repeat([1.0, 0.0], units // 2)
    along = noise[:, :, 0]
    products = np.stack(
        [
            noise @ noise.transpose(0, 2, 1),
            side[:, None] * along[:, None, :] + along[:, :, None] * side,
            np.broadcast_to(np.outer(side, side), (SIMULATIONS, units, units)),
        ]
    )
    if paired:
        products[:, :, np.arange(units), np.arange(units)] = 0.0
    plain, tilted, pure = (gap_statistics(part, weights) for part in products)

    def found(shift: float) -> float:
        z = standardized(plain + shift * tilted + shift**2 * pure)
        reached = np.maximum(z, rivals[:, None]) >= z[0] - 1e-9
        return float((reached.mean(axis=0) <= 1 - level + 1e-12).mean())

    if found(_FARTHEST) < power:
        return float("inf")
    low, high = -2.0, float(np.log(_FARTHEST if found(_USUAL) < power else _USUAL))
    for _ in range(9):  # to 1 %
        middle = (low + high) / 2
        low, high = (low, middle) if found(np.exp(middle)) >= power else (middle, high)
    return float(np.exp(high))


@lru_cache(maxsize=64)
def _references(count: int) -> Array:
    """(directions, 2): mean concentration of simulated noise, and true over median estimated sd."""
    rng = np.random.default_rng(0)
    out = np.empty((len(DIRECTIONS), 2))
    for row, number in enumerate(DIRECTIONS):
        noise = rng.normal(size=(SIMULATIONS, count, number))
        forms = noise @ noise.transpose(0, 2, 1)
        forms[:, np.arange(count), np.arange(count)] = 0.0
        seen = np.array([noise_of_pairs(form) for form in forms])
        out[row] = seen[:, 1].mean(), 1 / np.median((seen[:, 0] / np.sqrt(number)) ** 0.5)
    return out
