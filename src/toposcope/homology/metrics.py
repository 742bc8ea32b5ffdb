"""Distance matrices between the points of a cloud, with errors that are stated and small.

The plain |x|^2 + |y|^2 - 2 x.y trick loses all digits for points that are close compared with
their norm (duplicates come out at 6e-7 instead of 0, and then create classes that do not exist).
Here the cloud is centered, the product is float64, and every pair whose squared distance is below
`_EXACT_BELOW` of its norms is computed again from its differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.homology.jit import kernel

METRICS = ("euclidean", "cosine", "correlation", "precomputed")

# Rounding of the product is about 1e-15 (|x|^2 + |y|^2): above this fraction the squared distance
# keeps a relative error below 1e-10.
_EXACT_BELOW = 1e-5

# Relative error of a float32 number.
U32 = 2.0**-24


def check_cloud(X: ArrayLike, *, call: str) -> NDArray[Any]:
    """`X` as an (n, d) array of finite numbers with n >= 1, or an error that names `call`."""
    cloud = np.asarray(X)
    if cloud.ndim != 2:
        hint = " Pass X.reshape(-1, 1) for points on a line." if cloud.ndim == 1 else ""
        msg = f"{call}: a point cloud of shape (n, d) is needed; got shape {cloud.shape}.{hint}"
        raise UsageError(msg)
    if cloud.dtype.kind not in "fiub":
        msg = f"{call}: real numbers are needed; got dtype {cloud.dtype}."
        raise UsageError(msg)
    if 0 in cloud.shape:
        msg = f"{call}: the cloud is empty (shape {cloud.shape}); at least one point is needed."
        raise DegenerateCloudError(msg)
    bad = cloud.size - int(np.count_nonzero(np.isfinite(cloud)))
    if bad:
        rows = int((~np.isfinite(cloud).all(axis=1)).sum())
        msg = (
            f"{call}: {bad} of {cloud.size} values are not finite (in {rows} of {len(cloud)} "
            f"points). Remove those points first, e.g. X[np.isfinite(X).all(axis=1)]."
        )
        raise DegenerateCloudError(msg)
    return cloud


def distances(
    X: ArrayLike, *, metric: str = "euclidean", call: str = "distances()"
) -> NDArray[np.float64]:
    """(n, n) distances between all points: exactly symmetric, zero diagonal.

    Parameters
    ----------
    X
        (n, d) point cloud; for metric="precomputed" an (n, n) matrix, which is checked and
        returned as float64 (inf is allowed and means "never joined").
    metric
        "euclidean"; "cosine" (1 - cosine of the angle); "correlation" (cosine after subtracting
        each point's own mean); "precomputed". Cosine and correlation are not metrics: the
        triangle inequality fails.
    call
        Name used in error messages.

    Returns
    -------
    float64 array. Euclidean: relative error below 1e-9 relative to the points as given in
    float64, and equal points are at distance exactly 0.

    Raises
    ------
    DegenerateCloudError
        For an empty or non-finite cloud, or points whose cosine is undefined.
    UsageError
        For another shape, an unknown metric, or a matrix that is not one of distances.

    Examples
    --------
    >>> distances(np.array([[0.0, 0.0], [3.0, 4.0]]))
    array([[0., 5.],
           [5., 0.]])
    """
    if metric == "precomputed":
        return check_distances(X, call=call)
    if metric not in METRICS:
        msg = f"{call}: metric {metric!r} is unknown; choose one of {', '.join(METRICS)}."
        raise UsageError(msg)
    points = check_cloud(X, call=call).astype(np.float64)
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
    result: NDArray[np.float64] = 0.5 * chord * chord
    return result


def check_distances(D: ArrayLike, *, call: str = "distances()") -> NDArray[np.float64]:
    """`D` as a float64 distance matrix, or an error saying which property fails."""
    # Kernels are compiled for writable C-ordered arrays only; a memory map would compile them anew.
    matrix = np.require(D, dtype=np.float64, requirements=["C", "W"])
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        msg = f"{call}: a distance matrix must be square; got shape {matrix.shape}."
        raise UsageError(msg)
    if not len(matrix):
        msg = f"{call}: the distance matrix is empty; at least one point is needed."
        raise DegenerateCloudError(msg)
    missing, negative, crooked = _faults(matrix)
    if missing:
        msg = f"{call}: the distance matrix holds {missing} NaN."
        raise DegenerateCloudError(msg)
    problem = None
    if negative:
        problem = f"{negative} entries are negative (min {matrix.min():g})"
    elif matrix.diagonal().any():
        problem = f"the diagonal is not zero (max {matrix.diagonal().max():g})"
    elif crooked:
        problem = "it is not symmetric; pass np.maximum(D, D.T) or (D + D.T) / 2"
    if problem:
        msg = f"{call}: not a distance matrix: {problem}."
        raise UsageError(msg)
    return matrix


def largest(points: NDArray[np.float64]) -> float:
    """Largest absolute value, without an array of absolute values."""
    return float(max(points.max(), -points.min()))


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
    middle, exponent = centered(points)
    gram = middle @ middle.T
    # Differences are those of the points as given: near ones lose digits by centering.
    _finish_euclidean(gram, _as_given(points, exponent), _EXACT_BELOW)
    return np.ldexp(gram, exponent) if exponent else gram


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


@kernel
def _faults(matrix):  # type: ignore[no-untyped-def]
    """How many entries are NaN and negative, and how many pairs differ from their mirror image."""
    n = matrix.shape[0]
    missing = 0
    negative = 0
    crooked = 0
    # Square blocks: a whole column would be read across the whole memory.
    for top in range(0, n, 64):
        for left in range(top, n, 64):
            for i in range(top, min(top + 64, n)):
                for j in range(max(left, i + 1), min(left + 64, n)):
                    value = matrix[i, j]
                    mirror = matrix[j, i]
                    missing += (value != value) + (mirror != mirror)
                    negative += (value < 0.0) + (mirror < 0.0)
                    crooked += value != mirror
    for i in range(n):
        missing += matrix[i, i] != matrix[i, i]
        negative += matrix[i, i] < 0.0
    return missing, negative, crooked
