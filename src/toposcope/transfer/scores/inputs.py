"""What every score asks of its input: features (n, D), labels (n,), source probabilities (n, Z)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.inputs.foreign import real
from toposcope.inputs.label_values import Reading, label_values

Array = NDArray[np.float64]


def features_and_labels(
    F: ArrayLike, y: ArrayLike | None, *, call: str, per_class: int = 2
) -> tuple[Array, NDArray[np.int64]]:
    """(n, D) float64 features in a unit of their own, and (n,) classes renumbered 0, 1, ..., C - 1.

    The features are divided by a power of two that brings the largest into [0.5, 1): no digit is
    lost, no square over- or underflows, and no score can see the unit but through that factor.

    Raises
    ------
    UsageError
        Shapes that do not fit.
    DegenerateCloudError
        Non-finite features, or the same for all samples.
    TooFewSamplesError
        Fewer than two classes, or a class with fewer than `per_class` samples.
    """
    values = _finite(F, call)
    labels = classes(y, len(values), call=call, per_class=per_class)
    return _of_use(values, call), labels


def features(F: ArrayLike, *, call: str) -> Array:
    """(n, D) float64 features in a unit of their own, where there are no classes."""
    return _of_use(_finite(F, call), call)


def _finite(F: ArrayLike, call: str) -> Array:
    values = real(F, call=f"{call}()", name="F").astype(np.float64, copy=False)
    if values.ndim != 2 or 0 in values.shape:
        msg = f"{call}(): features have shape {values.shape}; needed is (n, D), one row per sample."
        raise UsageError(msg)
    bad = int((~np.isfinite(values)).any(axis=1).sum())
    if bad:
        msg = f"{call}(): {bad} of {len(values)} rows have features that are NaN or infinite."
        raise DegenerateCloudError(msg)
    return values


def _of_use(values: Array, call: str) -> Array:
    if (values == values[0]).all():
        msg = (
            f"{call}(): all {len(values)} samples have the same features; they tell nothing of any "
            "label."
        )
        raise DegenerateCloudError(msg)
    return in_own_unit(values)


def in_own_unit(values: Array) -> Array:
    """Values divided by the power of two that brings the largest into [0.5, 1).

    >>> in_own_unit(np.array([3.0, -6.0]))
    array([ 0.375, -0.75 ])
    """
    _, exponent = np.frexp(np.abs(values).max())
    return np.ldexp(values, -int(exponent))


def _refuse_targets(y: Any, call: str) -> None:
    """Refuse numbers to predict where classes are needed, and say which score takes them."""
    if hasattr(y, "detach") or (hasattr(y, "dtypes") and not hasattr(y, "dtype")):
        return  # a tensor or a table, which `label_values` reads
    try:
        given = np.asarray(y)
    except (ValueError, TypeError, RuntimeError):  # ragged, masked: refused by `label_values`
        return
    if given.dtype.kind == "f":
        between = given[np.isfinite(given) & (given != np.round(given))]
        if between.size:
            msg = (
                f"{call}(): labels such as {float(between[0]):g} are numbers to predict, no "
                "classes. logme(F, y, regression=True) takes them; the other scores need classes."
            )
            raise UsageError(msg)


def classes(y: Any, n: int, *, call: str, per_class: int = 2) -> NDArray[np.int64]:
    """(n,) labels renumbered without gaps; a missing one is refused, also one under a mask.

    A class with one sample is refused: whatever is fitted to it fits it perfectly.
    """
    if y is None:
        msg = f"{call}(): no labels. This score needs a label of every target sample."
        raise UsageError(msg)
    _refuse_targets(y, call)
    reading = Reading(f"{call}()", "give each a label")
    labels = label_values(y, n, reading=reading)
    names, renumbered, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(names) < 2:
        msg = f"{call}(): all {n} samples have the label {names[0]}; two classes are needed."
        raise TooFewSamplesError(msg)
    if counts.min() < per_class:
        rare = names[counts.argmin()]
        few = int((counts < per_class).sum())
        more = f" (as {few} of {len(names)} classes have too few)" if few > 1 else ""
        msg = (
            f"{call}(): class {rare} has {counts.min()} of {n} samples{more}; {per_class} are "
            "needed. Take more samples per class, or leave the class out."
        )
        raise TooFewSamplesError(msg)
    return renumbered.astype(np.int64)


def probabilities_and_labels(
    P: ArrayLike, y: ArrayLike, *, call: str
) -> tuple[Array, NDArray[np.int64]]:
    """(n, Z) rows that are distributions over source classes, and the target classes."""
    values = real(P, call=f"{call}()", name="P").astype(np.float64, copy=False)
    if values.ndim != 2 or 0 in values.shape:
        msg = (
            f"{call}(): P has shape {values.shape}; needed is (n, source classes): the softmax of "
            "the source head."
        )
        raise UsageError(msg)
    sums = values @ np.ones(values.shape[1])  # NaN and inf show up here too
    if not (np.isfinite(sums).all() and values.min() >= 0):
        msg = f"{call}(): P holds values that are negative, NaN or infinite; pass the softmax."
        raise DegenerateCloudError(msg)
    if not np.allclose(sums, 1.0, atol=1e-3):
        msg = f"{call}(): rows of P do not add up to 1; pass the softmax of the source head."
        raise UsageError(msg)
    return values, classes(y, len(values), call=call)


def class_means(F: Array, y: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """(C, D) means and (C,) sizes of the classes."""
    counts = np.bincount(y)
    one_hot = np.zeros((len(counts), len(y)))
    one_hot[y, np.arange(len(y))] = 1.0 / counts[y]
    return one_hot @ F, counts


def left_coordinates(F: Array, Y: Array) -> tuple[Array, Array]:
    """Squared singular values of F, and Y in coordinates along its left singular vectors.

    From the eigenvectors of the smaller of F'F and FF': a third of the time of an SVD. Directions
    whose squared singular value is below n eps (or D eps) of the largest are rounding and left out.

    Parameters
    ----------
    F
        (n, D) features.
    Y
        (n, C) targets.

    Returns
    -------
    (k,) squared singular values, largest first, and (k, C) coordinates U'Y; k = 0 for F = 0.

    Examples
    --------
    >>> sigma, along = left_coordinates(np.array([[3.0, 0], [0, 2], [0, 0]]), np.ones((3, 1)))
    >>> sigma, abs(along).ravel()
    (array([9., 4.]), array([1., 1.]))
    """
    from scipy.linalg import eigh

    tall = len(F) > F.shape[1]
    gram = F.T @ F if tall else F @ F.T
    sigma, axes = eigh(gram, overwrite_a=True, check_finite=False, driver="evd")
    kept = sigma > sigma[-1] * max(F.shape) * np.finfo(np.float64).eps
    sigma, axes = sigma[kept][::-1], axes[:, kept][:, ::-1]
    along = axes.T @ (F.T @ Y if tall else Y)
    if tall:
        along /= np.sqrt(sigma)[:, None]
    return sigma, along
