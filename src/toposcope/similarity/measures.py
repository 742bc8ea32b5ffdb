"""Every measure of similarity by name, with what it promises: direction, range and invariances.

Tests and tables read these declarations. All measures take (n, p) and (n, q) arrays whose rows are
the same samples in the same order; widths may differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.similarity.canonical_correlation import cca, pwcca, svcca
from toposcope.similarity.distance_agreement import knn_pairs, mutual_knn, rsa, rsa_pairs
from toposcope.similarity.kernel_alignment import cka, cka_pairs
from toposcope.similarity.shape_distances import angular, procrustes
from toposcope.similarity.topology_divergence import rtd, rtd_lite

TRANSFORMATIONS = (
    "permutation",
    "orthogonal",
    "isotropic_scaling",
    "translation",
    "invertible_linear",
)
"""Changes of one layer's coordinates that a measure may ignore."""


@dataclass(frozen=True)
class Measure:
    """A measure of similarity and what it promises.

    Parameters
    ----------
    function
        f(X, Y) with all options at the values this entry stands for.
    larger_is_more_similar
        Direction.
    range
        Smallest and largest value.
    at_identity
        Value of f(X, X).
    invariant_to
        The `TRANSFORMATIONS` of X or Y that leave the value as it is.
    symmetric
        Whether f(X, Y) = f(Y, X).
    metric
        Whether f is a distance: symmetric, 0 only between equivalent layers, and with the triangle
        inequality.
    pairs
        A with f(X, Y) = sum of A(X) * A(Y), (n, n) matrices, where there is one: shuffling the
        samples of Y is then cheap.
    """

    function: Callable[[ArrayLike, ArrayLike], float]
    larger_is_more_similar: bool
    range: tuple[float, float]
    at_identity: float
    invariant_to: frozenset[str]
    symmetric: bool = True
    metric: bool = False
    pairs: Callable[[ArrayLike], NDArray[np.float64]] | None = None


_RIGID = frozenset({"permutation", "orthogonal", "isotropic_scaling", "translation"})


def _cka(*, kernel: str = "linear", debiased: bool = True) -> Measure:
    return Measure(
        partial(cka, kernel=kernel, debiased=debiased),
        True,
        (-1.0 if debiased else 0.0, 1.0),
        1.0,
        _RIGID,
        pairs=partial(cka_pairs, kernel=kernel, debiased=debiased),
    )


MEASURES: dict[str, Measure] = {
    "cka": _cka(),
    "cka_rbf": _cka(kernel="rbf"),
    "cka_biased": _cka(debiased=False),
    "cka_rbf_biased": _cka(kernel="rbf", debiased=False),
    # `cka` with its estimator in the name, for tables that hold both.
    "cka_debiased": _cka(),
    "cca": Measure(cca, True, (0.0, 1.0), 1.0, _RIGID | {"invertible_linear"}),
    "svcca": Measure(svcca, True, (0.0, 1.0), 1.0, _RIGID),
    "pwcca": Measure(
        pwcca,
        True,
        (0.0, 1.0),
        1.0,
        frozenset({"permutation", "isotropic_scaling", "translation"}),
        symmetric=False,
    ),
    "procrustes": Measure(procrustes, False, (0.0, math.sqrt(2)), 0.0, _RIGID, metric=True),
    "angular": Measure(angular, False, (0.0, math.pi / 2), 0.0, _RIGID, metric=True),
    "rsa": Measure(rsa, True, (-1.0, 1.0), 1.0, _RIGID, pairs=rsa_pairs),
    "rsa_correlation": Measure(
        partial(rsa, metric="correlation"),
        True,
        (-1.0, 1.0),
        1.0,
        frozenset({"permutation", "isotropic_scaling"}),
        pairs=partial(rsa_pairs, metric="correlation"),
    ),
    "mutual_knn": Measure(mutual_knn, True, (0.0, 1.0), 1.0, _RIGID, pairs=knn_pairs),
    "rtd": Measure(rtd, False, (0.0, math.inf), 0.0, _RIGID),
    "rtd_lite": Measure(rtd_lite, False, (0.0, math.inf), 0.0, _RIGID),
}
"""Every measure by name, with its declarations."""
