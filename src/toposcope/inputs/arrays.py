"""Clouds, distances, diagrams, volumes and values that users hand in: read once, by one rule each.

Every array of any library comes in through `foreign.real`. A reader returns what the array is, or
refuses it with what to type; what is made exact (rounding of a distance matrix) is documented.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.inputs.foreign import is_sparse, real, stored
from toposcope.inputs.memory import refuse_beyond_memory

Array = NDArray[np.float64]

ROUNDING = {8: 1e-9, 4: 1e-5, 2: 5e-3}
"""Share of the scale that counts as rounding in a distance matrix, by bytes of its floats."""

_BLOCK = 512


def read_cloud(X: ArrayLike, *, call: str, name: str = "X") -> NDArray[Any]:
    """`X` as an (n, d) array of finite numbers with n >= 1, or an error that names `call`.

    Raises
    ------
    UsageError
        For other shapes, and for anything but real numbers (see `foreign.real`).
    DegenerateCloudError
        For an empty cloud, NaN and inf.

    Examples
    --------
    >>> read_cloud([[0, 1], [2, 3]], call="rips()").shape
    (2, 2)
    """
    cloud = real(X, call=call, name=name)
    if cloud.ndim != 2:
        hint = {
            1: f" Pass {name}.reshape(-1, 1) for points on a line.",
            0: "",
        }.get(cloud.ndim, f" Pass {name}.reshape(len({name}), -1) to flatten each point.")
        msg = f"{call}: a point cloud of shape (n, d) is needed; got shape {cloud.shape}.{hint}"
        raise UsageError(msg)
    if 0 in cloud.shape:
        msg = f"{call}: the cloud is empty (shape {cloud.shape}); at least one point is needed."
        raise DegenerateCloudError(msg)
    _refuse_merged(cloud, call, name)
    bad = cloud.size - int(np.count_nonzero(np.isfinite(cloud)))
    if bad:
        rows = int((~np.isfinite(cloud).all(axis=1)).sum())
        msg = (
            f"{call}: {bad} of {cloud.size} values are not finite (in {rows} of {len(cloud)} "
            f"points). Remove those points first, e.g. {name}[np.isfinite({name}).all(axis=1)]."
        )
        raise DegenerateCloudError(msg)
    return cloud


def read_distances(D: ArrayLike, *, call: str, name: str = "D", finite: bool = False) -> Array:
    """`D` as an (n, n) float64 distance matrix: symmetric and with a zero diagonal, exactly.

    Parameters
    ----------
    D
        (n, n) distances. inf: the two points are never joined. SciPy's sparse matrices and torch's
        sparse tensors: entries not stored are inf, as in Ripser (stored zeros are distances of
        0, and one of two mirrored entries is enough).
    call, name
        Of the caller and its argument, for messages.
    finite
        Refuse inf.

    Returns
    -------
    C-ordered, writable float64. Rounding is made exact: where entries on the diagonal, negative
    entries and differences of mirrored entries are all at most a share of the scale (`ROUNDING`:
    1e-9 for float64, 1e-5 for float32), the diagonal and negative entries become 0 and mirrored
    entries their mean. The scale is the largest finite distance, at most 1000 times the median one
    (so that a 1e12 for "far" does not excuse everything). `1 - np.corrcoef(X)` passes.

    Raises
    ------
    DegenerateCloudError
        For an empty matrix and NaN.
    UsageError
        For anything else that is no distance matrix, with the amount and what to type.

    Examples
    --------
    >>> read_distances([[2e-16, 1.0], [1.0, 0.0]], call="rips()").tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    if isinstance(D, np.ma.MaskedArray) and np.ma.getmaskarray(D).any():
        msg = (
            f"{call}: {int(np.ma.getmaskarray(D).sum())} of {D.size} distances in {name} are "
            f"masked. Pass {name}.filled(np.inf) for pairs that are never joined, or leave those "
            "points out of rows and columns."
        )
        raise UsageError(msg)
    if is_sparse(D):
        matrix, size = _filled(D, call, name), 8
    else:
        given = real(D, call=call, name=name)
        if given.ndim != 2 or given.shape[0] != given.shape[1]:
            hint = ""
            if given.ndim == 1 and len(given):
                hint = f" Pass scipy.spatial.distance.squareform({name}) for condensed distances."
            elif given.ndim == 2:
                hint = f" Pass metric='euclidean' if {name} holds points."
            msg = f"{call}: a distance matrix must be square; got shape {given.shape}.{hint}"
            raise UsageError(msg)
        _refuse_merged(given, call, name)
        size = given.dtype.itemsize if given.dtype.kind == "f" else 8
        # Kernels are compiled for writable C-ordered arrays only; a memory map would compile them
        # anew.
        matrix = np.require(given, dtype=np.float64, requirements=["C", "W"])
    if not len(matrix):
        msg = f"{call}: the distance matrix is empty; at least one point is needed."
        raise DegenerateCloudError(msg)
    if not _exact(matrix):
        if finite and np.isnan(matrix).any():
            msg = f"{call}: {name} holds {int(np.isnan(matrix).sum())} NaN. Leave those units out."
            raise UsageError(msg)
        matrix = _rounded(matrix, ROUNDING[size], call, name)
    if finite and not np.isfinite(matrix).all():
        endless = int(np.isinf(matrix).sum()) // 2
        msg = (
            f"{call}: {endless} of the {len(matrix) * (len(matrix) - 1) // 2} distances in {name} "
            f"are infinite (never joined, or not stored in a sparse matrix); needed are finite "
            f"ones. Leave those units out, or replace the inf by a distance that means far."
        )
        raise UsageError(msg)
    return matrix


def read_square(D: ArrayLike, *, call: str, name: str = "D") -> Array:
    """`D` as a C-ordered, writable (n, n) float64 matrix, its values not looked at.

    For matrices that are distances already, as `homology.distances` returns them.

    >>> read_square([[0, 1], [1, 0]], call="rips_from_distances()").dtype
    dtype('float64')
    """
    matrix = real(D, call=call, name=name)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        msg = (
            f"{call}: {name} must be an (n, n) matrix of distances; got shape {matrix.shape}. For "
            f"a point cloud X pass toposcope.homology.distances(X)."
        )
        raise UsageError(msg)
    return np.require(matrix, dtype=np.float64, requirements=["C", "W"])


def read_diagram(pairs: ArrayLike, *, call: str, name: str = "pairs") -> Array:
    """(n, 2) float64 pairs: births finite, deaths at or after them, inf for what never dies.

    Raises
    ------
    UsageError
        For anything else; for pairs of a superlevel filtration (births above deaths, essential
        classes at -inf) with the function that turns them.

    Examples
    --------
    >>> read_diagram([[0, 1]], call="n_pairs()")
    array([[0., 1.]])
    """
    array = real(pairs, call=call, name=name).astype(np.float64, copy=False)
    if array.size == 0 and array.ndim <= 2:
        return np.empty((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        hint = ""
        if array.ndim == 2 and array.shape[1] == 3:
            hint = f" Pass {name}[{name}[:, 2] == k, :2] for degree k of a column of degrees."
        msg = f"{call}: (n, 2) pairs of birth and death are needed; got shape {array.shape}.{hint}"
        raise UsageError(msg)
    births, deaths = array[:, 0], array[:, 1]
    wrong = ~(deaths >= births) | ~np.isfinite(births)
    if wrong.any():
        msg = (
            f"{call}: births must be finite and no later than deaths; wrong in {int(wrong.sum())} "
            f"of {len(array)} pairs, first {array[wrong][0].tolist()}."
        )
        if (births >= deaths).all() and np.isfinite(births).all():
            msg += (
                " If they are pairs of a superlevel filtration (cubical(..., sublevel=False)), "
                f"pass toposcope.summaries.as_sublevel({name}): the same pairs of -volume."
            )
        raise UsageError(msg)
    return array


def read_volume(volume: ArrayLike, *, call: str, batch: bool = False) -> NDArray[np.floating[Any]]:
    """The volume as float32 or float64, after checking it.

    Parameters
    ----------
    volume
        2-D or 3-D, with one axis more in front for a batch; real numbers, bool or integers.
        +inf and -inf are values like any other.
    call
        Name of the caller, for messages.
    batch
        The first axis numbers volumes.

    Raises
    ------
    UsageError
        For other shapes, no voxels, NaN, and integers that float64 cannot hold.

    Examples
    --------
    >>> read_volume([[0, 1], [2, 3]], call="cubical()").dtype
    dtype('float64')
    """
    array = real(volume, call=call, name="volume")
    extra = int(batch)
    if array.ndim - extra not in (2, 3) or 0 in array.shape[extra:]:
        needed = "(m, h, w) or (m, d, h, w)" if batch else "(h, w) or (d, h, w)"
        msg = (
            f"{call}: volume has shape {array.shape}; needed is {needed}, at least one voxel. "
            "Reshape it, or index one channel of it."
        )
        raise UsageError(msg)
    _refuse_merged(array, call, "volume")
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.size and np.isnan(np.min(array)):
        where = tuple(int(i) for i in np.argwhere(np.isnan(array))[0])
        msg = (
            f"{call}: volume has {np.isnan(array).sum()} NaN, the first at {where}; NaN has no "
            "place in a filtration. Replace it, by inf for voxels that never enter."
        )
        raise UsageError(msg)
    # Kernels are compiled for C-ordered arrays; columns first would compile them anew, for seconds.
    return np.ascontiguousarray(array)


def read_values(
    values: ArrayLike,
    name: str,
    *,
    call: str,
    ndim: tuple[int, ...] = (1,),
    least: int = 1,
    finite: bool = True,
) -> Array:
    """Float64 numbers of one of some numbers of axes: values, scores, a grid.

    Parameters
    ----------
    values
        Real numbers.
    name, call
        Of the argument and the caller, for messages.
    ndim
        Numbers of axes that are taken.
    least
        Fewest entries.
    finite
        Refuse inf; NaN is refused always.

    Examples
    --------
    >>> read_values([1, 2.5], "scores", call="agreement()")
    array([1. , 2.5])
    """
    array = real(values, call=call, name=name).astype(np.float64, copy=False)
    if array.ndim not in ndim or array.size < least:
        axes = " or ".join(map(str, ndim))
        advice = f" Pass [{array.item():g}] for one." if array.ndim == 0 and 1 in ndim else ""
        count = f", at least {least} of them" if least else ""
        msg = (
            f"{call}: {name} has shape {array.shape}; needed are numbers along {axes} "
            f"ax{'i' if ndim == (1,) else 'e'}s{count}.{advice}"
        )
        raise UsageError(msg)
    bad = ~np.isfinite(array) if finite else np.isnan(array)
    if bad.any():
        kind = "not finite" if finite else "NaN"
        where = [int(i) for i in np.argwhere(bad)[0]]
        msg = (
            f"{call}: {int(bad.sum())} of {array.size} values of {name} are {kind}, the first at "
            f"{where[0] if len(where) == 1 else tuple(where)}. Leave them out first, and say how "
            "many."
        )
        raise UsageError(msg)
    return array


def read_grid(grid: ArrayLike, *, call: str, name: str = "grid", rising: bool = False) -> Array:
    """(m,) filtration values without NaN, non-decreasing where `rising`; inf is a value.

    >>> read_grid([0, 0.5], call="betti_curve()")
    array([0. , 0.5])
    """
    t = real(grid, call=call, name=name).astype(np.float64, copy=False)
    missing = int(np.isnan(t).sum())
    if t.ndim != 1 or missing or (rising and (t[1:] < t[:-1]).any()):
        what = "one-dimensional non-decreasing" if rising else "one-dimensional"
        got = f"{missing} NaN in it" if missing else f"a grid of shape {t.shape}"
        advice = f"np.sort({name})" if rising else f"{name}.ravel()"
        if missing:
            advice = f"{name}[~np.isnan({name})]"
        msg = f"{call}: a {what} {name} is needed; got {got}. Pass {advice}."
        raise UsageError(msg)
    return np.require(t, requirements=["C", "W"])


def _refuse_merged(array: NDArray[Any], call: str, name: str) -> None:
    """Refuse integers that float64 cannot tell apart."""
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and array.size:
        size = max(int(array.max()), -int(array.min()))
        if size > 2**53:
            msg = (
                f"{call}: {name} has integers beyond 2**53 (up to {size}), which float64 merges. "
                f"Pass {name} - {name}.min(), or ranks of the values."
            )
            raise UsageError(msg)


def _filled(D: Any, call: str, name: str) -> Array:
    """A sparse matrix of distances as a full one, inf where nothing is stored."""
    rows, columns, data, shape = stored(D, call=call, name=name)
    if shape[0] != shape[1]:
        msg = f"{call}: a distance matrix must be square; got a sparse one of shape {shape}."
        raise UsageError(msg)
    n = shape[0]
    refuse_beyond_memory(
        n,
        lambda m: 16.0 * m * m,
        call=call,
        advice="A sparse matrix is filled with inf here. Pass the rows and columns of {most} "
        "points: D[:{most}, :{most}].",
    )
    flat = rows.astype(np.int64) * n + columns
    twice = len(flat) - len(np.unique(flat))
    if twice:
        msg = (
            f"{call}: {twice} entries of the sparse {name} are stored twice, and SciPy would add "
            f"them up. Store each distance once, or call {name}.sum_duplicates() if that is meant."
        )
        raise UsageError(msg)
    matrix = np.full((n, n), np.inf)
    matrix[rows, columns] = data
    # A triangle is enough: where one of two mirrored entries is stored, it is the distance.
    known = np.zeros((n, n), dtype=bool)
    known[rows, columns] = True
    one_sided = known & ~known.T
    np.copyto(matrix.T, matrix, where=one_sided)
    diagonal = np.einsum("ii->i", matrix)
    diagonal[~np.einsum("ii->i", known)] = 0.0
    return matrix


def _exact(D: Array) -> bool:
    """Whether a matrix is a distance matrix to the last bit."""
    if D.diagonal().any():  # NaN counts as true
        return False
    for top in range(0, len(D), _BLOCK):
        for left in range(top, len(D), _BLOCK):
            part = D[top : top + _BLOCK, left : left + _BLOCK]
            mirror = D[left : left + _BLOCK, top : top + _BLOCK].T
            if not (part >= 0).all() or not (part == mirror).all():
                return False
    return True


def _rounded(D: Array, share: float, call: str, name: str) -> Array:
    """A copy in which rounding is made exact; more than rounding is refused."""
    missing = int(np.isnan(D).sum())
    if missing:
        msg = f"{call}: the distance matrix holds {missing} NaN."
        msg += " Leave those points out, or pass np.inf for pairs that are never joined."
        raise DegenerateCloudError(msg)
    off = np.abs(D[~np.eye(len(D), dtype=bool)])
    off = off[np.isfinite(off) & (off > 0)]
    scale = min(float(off.max()), 1000 * float(np.median(off))) if len(off) else 0.0
    room = share * scale
    diagonal = float(np.abs(D.diagonal()).max())
    negative, least = int((D < 0).sum()), float(D.min())
    with np.errstate(invalid="ignore"):
        apart = np.abs(D - D.T)
    apart[D == D.T] = 0.0  # inf and inf
    crooked = float(apart.max())
    problem = ""
    if least < -room:
        problem = (
            f"{negative} entries are negative (min {least:g}). Turn a similarity s into a distance "
            "first, such as 1 - s"
        )
        if np.allclose(D.diagonal(), 1.0):
            problem += f" (the diagonal is 1: {name} looks like one)"
    elif diagonal > room:
        problem = (
            f"the diagonal is not zero (max {diagonal:g}, rounding would be below {room:g}). Call "
            f"np.fill_diagonal({name}, 0) if it means nothing, or pass 1 - {name} if {name} holds "
            "similarities"
        )
    elif crooked > room:
        problem = (
            f"it is not symmetric; pass np.maximum({name}, {name}.T) or ({name} + {name}.T) / 2 "
            f"(mirrored entries differ by up to {crooked:g}, rounding would be below {room:g})"
        )
    if problem:
        msg = f"{call}: not a distance matrix: {problem}."
        raise UsageError(msg)
    clean = np.where(D == D.T, D, D / 2 + D.T / 2)
    np.maximum(clean, 0.0, out=clean)
    np.fill_diagonal(clean, 0.0)
    return clean
