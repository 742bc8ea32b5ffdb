"""Distance matrices between the points of a cloud, with errors that are stated and small.

The plain |x|^2 + |y|^2 - 2 x.y trick loses all digits for points that are close compared with
their norm (duplicates come out at 6e-7 instead of 0, and then create classes that do not exist).
Here the cloud is centered, the product is float64, and every pair whose squared distance is below
`_EXACT_BELOW` of its norms is computed again from its differences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError
from toposcope.homology.jit import kernel
from toposcope.inputs.arrays import read_cloud, read_distances
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.inputs.parameters import METRICS as METRICS
from toposcope.inputs.parameters import choice

# Rounding of the product is about 1e-15 (|x|^2 + |y|^2): above this fraction the squared distance
# keeps a relative error below 1e-10.
_EXACT_BELOW = 1e-5

# Relative error of a float32 number.
U32 = 2.0**-24


def distances(
    X: ArrayLike, *, metric: str = "euclidean", call: str = "distances()"
) -> NDArray[np.float64]:
    """(n, n) distances between all points: exactly symmetric, zero diagonal.

    Parameters
    ----------
    X
        (n, d) point cloud; for metric="precomputed" an (n, n) matrix, which is checked and
        returned as float64 (inf is allowed and means "never joined"; sparse matrices and rounding
        as in `inputs.arrays.read_distances`).
    metric
        "euclidean"; "cosine" (1 - cosine of the angle); "correlation" (cosine after subtracting
        each point's own mean); "precomputed". Cosine and correlation are not metrics: the
        triangle inequality fails.
    call
        Name used in error messages.

    Returns
    -------
    float64 array. Euclidean: relative error below 1e-9 relative to the points as given in
    float64, and equal points are at distance exactly 0. Whole multiples of a step (counts,
    quantized and one-hot activations, also divided by a scale) have distances from exact products,
    so that equal lengths are equal.

    Raises
    ------
    DegenerateCloudError
        For an empty or non-finite cloud, or points whose cosine is undefined.
    UsageError
        For another shape, an unknown metric, a matrix that is not one of distances, and more
        points than memory has room for.

    Examples
    --------
    >>> distances(np.array([[0.0, 0.0], [3.0, 4.0]]))
    array([[0., 5.],
           [5., 0.]])
    """
    if choice(metric, METRICS, "metric", call=call) == "precomputed":
        return read_distances(X, call=call)
    cloud = read_cloud(X, call=call)
    refuse_pairs(*cloud.shape, per_pair=8, call=call)
    points = cloud.astype(np.float64)
    if metric == "euclidean":
        return _euclidean(points)
    if metric == "correlation":
        points -= points.mean(axis=1, keepdims=True)
    points = _scaled(points)[0]
    norms = np.linalg.norm(points, axis=1)
    if not norms.all():
        what = "constant rows" if metric == "correlation" else "zero rows"
        msg = (
            f"{call}: metric {metric!r} is undefined for {int((norms == 0).sum())} of "
            f"{len(norms)} points ({what}). Remove them or use metric='euclidean'."
        )
        raise DegenerateCloudError(msg)
    # For unit vectors 1 - cos = |u - v|^2 / 2, which keeps its digits for small angles.
    chord = _euclidean(points / norms[:, None])
    np.multiply(chord, chord, out=chord)
    chord *= 0.5
    return chord


def refuse_pairs(n: int, d: int, *, per_pair: float, call: str, advice: str = "") -> None:
    """Refuse n points in d dimensions where `per_pair` bytes for each pair would not fit.

    >>> refuse_pairs(1000, 3, per_pair=8, call="rips()")
    """
    refuse_beyond_memory(
        n,
        lambda m: per_pair * m * m + 16.0 * m * d,
        call=call,
        advice=advice
        or "Pass {most} points at most, such as X[rng.permutation(len(X))[:{most}]] or "
        "X[toposcope.homology.farthest_landmarks(X, {most}).rows].",
    )


def largest(points: NDArray[np.float64]) -> float:
    """Largest absolute value, without an array of absolute values."""
    return float(max(points.max(), -points.min()))


def scaled(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """`points` times a power of two where squares would over- or underflow, else as they are.

    >>> scaled(np.array([[3.0]])).tolist()
    [[3.0]]
    """
    return _scaled(points)[0]


def _scaled(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """`points` times a power of two, so that squares neither overflow nor vanish."""
    size = largest(points)
    if size == 0 or 1e-70 < size < 1e70:
        return points, 0
    exponent = int(np.frexp(size)[1])
    return np.ldexp(points, -exponent), exponent


def centered(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Points minus their mean, times 2^-exponent, of a size that squares can hold; exponent."""
    points, exponent = _scaled(points)
    points = points - points.mean(axis=0)
    if not exponent:  # a tiny spread around a large mean
        points, exponent = _scaled(points)
    return points, exponent


def _euclidean(points: NDArray[np.float64]) -> NDArray[np.float64]:
    lattice = _lattice(points)
    if lattice is not None:
        whole, step = lattice
        gram = whole @ whole.T
        _finish_euclidean(gram, whole, _EXACT_BELOW)
        return gram if step == 1.0 else np.multiply(gram, step, out=gram)
    middle, exponent = centered(points)
    gram = middle @ middle.T
    # Differences are those of the points as given: near ones lose digits by centering.
    _finish_euclidean(gram, _as_given(points, exponent), _EXACT_BELOW)
    return np.ldexp(gram, exponent) if exponent else gram


def _lattice(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float] | None:
    """Points less the first one as whole numbers times a step; None where they are no such thing.

    Counts, quantized and one-hot activations, also divided by a scale. Centering a lattice rounds:
    220 classes of H1 of 300 binary rows became 400, 180 of them of length 1e-16. Products of small
    whole numbers are exact, so equal lengths are equal.
    """
    limit = 2.0 ** ((51 - math.ceil(math.log2(points.shape[1] + 1))) // 2)  # 4 d size^2 < 2^53
    found = None
    for few in (8, len(points)):  # a few rows show that ordinary numbers are none
        with np.errstate(over="ignore"):
            moved = points[:few] - points[0]
        size, given = largest(np.abs(moved)), largest(np.abs(points[:few]))
        if not math.isfinite(size):
            return None
        if not size:
            continue
        # In units of a power of two near the largest, so that no product leaves float64.
        unit = math.frexp(size)[1]
        moved, size, given = (np.ldexp(one, -unit) for one in (moved, size, given))
        # What subtraction and division by a scale have rounded.
        error = 4 * np.finfo(np.float64).eps * given
        values = np.unique(np.abs(moved))
        gaps = np.diff(values, prepend=0.0)
        gaps = gaps[gaps > 4 * error]
        if not len(gaps) or size > limit * gaps.min():
            return None
        count = np.rint(moved / gaps.min())
        step = float((moved * count).sum() / (count * count).sum())
        count = np.rint(moved / step)
        if largest(np.abs(moved - count * step)) > error or error > step / 64:
            return None
        found = np.require(count, requirements=["C", "W"]), math.ldexp(step, unit)
    return found


def _as_given(points: NDArray[np.float64], exponent: int) -> NDArray[np.float64]:
    """Points times 2^-exponent, as the kernels take them."""
    return np.require(np.ldexp(points, -exponent) if exponent else points, requirements=["C", "W"])


@dataclass(frozen=True, eq=False)
class Products:
    """What a search by float32 inner products needs; all lengths are times 2^-exponent.

    For points x, y of d coordinates (centered) the float32 product is off by at most
    (d + 4) 2^-24 |x| |y|, so a squared distance |x|^2 + |y|^2 - 2 xy by at most `slack` |x| |y|.

    Parameters
    ----------
    small
        (n, d) float32 points, centered.
    points
        (n, d) float64 points as given: near ones would lose digits by centering.
    squares
        (n,) squared norms of the centered points.
    slack
        Bound of the error.
    exponent
        Scale: no square overflows or vanishes in float32.
    """

    small: NDArray[np.float32]
    points: NDArray[np.float64]
    squares: NDArray[np.float64]
    slack: float
    exponent: int


def products(X: NDArray[np.float64]) -> Products:
    """Points ready for products in float32."""
    middle, exponent = centered(X)
    # The squares of a float32 end at 1e38.
    size = int(np.frexp(largest(middle))[1])
    if abs(size) > 30:
        middle, exponent = np.ldexp(middle, -size), exponent + size
    return Products(
        small=middle.astype(np.float32),
        points=_as_given(X, exponent),
        squares=np.einsum("ij,ij->i", middle, middle),
        slack=2 * (X.shape[1] + 8) * U32,
        exponent=exponent,
    )


@kernel
def _difference(A, i, B, j):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(A.shape[1]):
        step = A[i, k] - B[j, k]
        total += step * step
    return total


@kernel
def _finish_euclidean(gram, points, exact_below):  # type: ignore[no-untyped-def]
    """Turn the Gram matrix into distances, in place."""
    n = gram.shape[0]
    squares = np.empty(n)
    for i in range(n):
        squares[i] = gram[i, i]
    for i in range(n):
        gram[i, i] = 0.0
        for j in range(i + 1, n):
            both = squares[i] + squares[j]
            value = both - 2.0 * gram[i, j]
            if value <= exact_below * both:
                value = _difference(points, i, points, j)
            gram[i, j] = np.sqrt(value)
    for i in range(n):
        for j in range(i):
            gram[i, j] = gram[j, i]
