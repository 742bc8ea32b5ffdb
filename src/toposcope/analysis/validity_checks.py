"""Would another choice have given another number? Clouds measured again under other conditions.

Each function measures one cloud under several conditions (fewer points, without its outliers,
another normalization or metric) and returns plain numbers; what follows from them is judged in
`findings.validity`. Statistics are those of H0 or of the degrees asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.diagrams import summaries
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.homology.spanning import tree_lengths

Array = NDArray[np.float64]

CHECKS: dict[str, str] = {
    "sample_size": "is n large enough?",
    "outliers": "do outliers decide the numbers?",
    "normalization": "does the scale decide the trend over depth?",
    "concentration": "do distances differ enough for a filtration to see anything?",
    "metric": "does the metric decide the order of the layers?",
}
"""The validity checks, and the question each one answers."""

STATISTICS = ("lifespan_sum", "max_persistence", "normalized_entropy")
"""What is watched while conditions change: a sum, an extreme, a shape."""

FEWEST_POINTS = 32
"""A cloud of fewer points is not cut into halves or searched for outliers."""

METRIC_POINTS = 128
"""Points on which the cheap form compares metrics: geodesics cost n^2 log n."""

VARIED = 4
"""Replicates on which the cheap form makes the costlier checks: all but n and concentration."""

LOF_NEIGHBORS, LOF_THRESHOLD = 20, 1.5
"""As in scikit-learn's LocalOutlierFactor with contamination="auto"."""


ALL, LOF, UNEQUAL_N = "all", "lof", "n against 2 n"
"""Conditions: nothing left out; without LOF's outliers; diagrams of unequal n."""


def at_size(points: int) -> str:
    """The condition of a cloud cut down to some of its points.

    >>> at_size(250)
    '250 points'
    """
    return f"{points} points"


def control(way: str) -> str:
    """The condition of leaving out random points, as many as some way names outliers.

    >>> control("lof")
    'random like lof'
    """
    return f"random like {way}"


@dataclass(frozen=True)
class Measured:
    """One number under one condition.

    Parameters
    ----------
    check, condition
        Which check, and what was different: "250 points", "lof", "zscore", "cosine".
    statistic, homology_dimension
        Which number; None for numbers that are not of a diagram.
    value
        The number; NaN where it is undefined.
    points
        Number of points of the cloud it was measured on.
    status, reason
        "ok", or why there is no number.
    """

    check: str
    condition: str
    statistic: str
    homology_dimension: int | None
    value: float
    points: int
    status: str = "ok"
    reason: str = ""


def cheap_checks(
    raw: Array,
    D_raw: Array,
    D: Array,
    *,
    growth: float | None,
    participation_ratio: float | None,
    costly: bool,
    rng: np.random.Generator,
) -> list[Measured]:
    """Every check of one cloud in its cheap form: H0 alone, at most a tenth of an analysis.

    Parameters
    ----------
    raw, D_raw
        (n, d) un-normalized points and their (n, n) distances.
    D
        (n, n) distances of the normalized points in the metric of the analysis.
    growth
        PH-dimension d of the cloud, sums grow like n^((d - 1) / d); None where it is undefined.
    participation_ratio
        Of the covariance; None where it is undefined.
    costly
        Whether to remove outliers and to measure other normalizations and metrics.
    rng
        Decides sub-samples and random removals.

    Returns
    -------
    Numbers; a check that cannot be made is one entry with its status and reason.
    """
    n = len(D)
    slope = None if growth is None else 1.0 - 1.0 / growth
    wanted: dict[str, Callable[[], Iterator[Measured]]] = {
        "sample_size": lambda: check_sample_size(D, slope=slope, rng=rng),
    }
    if participation_ratio is not None:
        ratio = participation_ratio
        wanted["concentration"] = lambda: check_concentration(D, participation_ratio=ratio)
    if costly:
        some = rng.permutation(n)
        half, few = some[: max(n // 2, FEWEST_POINTS)], some[:METRIC_POINTS]
        wanted["outliers"] = lambda: check_outliers(D, rng=rng)
        wanted["normalization"] = lambda: check_normalization(raw[half], D_raw[np.ix_(half, half)])
        wanted["metric"] = lambda: check_metric(raw[few])
    measured: list[Measured] = []
    for name, check in wanted.items():
        try:
            if n < FEWEST_POINTS:
                msg = f"{n} points; validity checks need {FEWEST_POINTS} or more."
                raise TooFewSamplesError(msg)
            measured += list(check())
        except (DegenerateCloudError, TooFewSamplesError) as error:
            status = "too_few" if isinstance(error, TooFewSamplesError) else "constant"
            measured.append(Measured(name, "", "", None, np.nan, n, status, str(error)))
    return measured


def local_outlier_factor(D: Array, neighbors: int = LOF_NEIGHBORS) -> Array:
    """How much sparser each point lies than its neighbors; 1 is as dense as they.

    The numbers of scikit-learn's LocalOutlierFactor, from distances that are there already (its
    import alone takes longer than an analysis of a small network).

    Parameters
    ----------
    D
        (n, n) distances.
    neighbors
        Number of neighbors k, the point itself not counted, less than n.

    Returns
    -------
    (n,) factors.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0, 50.0])
    >>> local_outlier_factor(abs(x[:, None] - x), 2).argmax()
    np.int64(4)

    References
    ----------
    Breunig, Kriegel, Ng and Sander, LOF: identifying density-based local outliers, SIGMOD 2000.
    """
    n = len(D)
    if not 0 < neighbors < n:
        msg = f"local_outlier_factor(): {n} points have no {neighbors} neighbors each; pass fewer."
        raise TooFewSamplesError(msg)
    near = _nearest(D, neighbors)
    length = np.take_along_axis(D, near, axis=1)
    reach = np.maximum(length, length.max(axis=1)[near])  # k-distance of the neighbor at least
    density = 1.0 / (reach.mean(axis=1) + 1e-10)  # the constant is scikit-learn's
    result: Array = density[near].mean(axis=1) / density
    return result


def _nearest(D: Array, count: int) -> NDArray[np.intp]:
    """(n, count) rows of the nearest other points, in no order."""
    n = len(D)
    radius = np.partition(D, count, axis=1)[:, count]
    rows, near = np.nonzero(radius[:, None] >= D)
    near = near[rows != near]
    if len(near) == n * count:  # no ties: three times faster than argpartition
        return np.asarray(near.reshape(n, count))
    others = D.copy()
    np.fill_diagonal(others, np.inf)
    nearest: NDArray[np.intp] = np.argpartition(others, count - 1, axis=1)[:, :count]
    return nearest


def outliers(D: Array, *, share: float | None = None) -> NDArray[np.bool_]:
    """(n,) mask of outliers by LOF: beyond 1.5, or the `share` of the points that lie sparsest."""
    factor = local_outlier_factor(D, min(LOF_NEIGHBORS, len(D) - 1))
    if share is None:
        return factor > LOF_THRESHOLD
    return largest(factor, round(share * len(D)))


def largest(score: Array, count: int) -> NDArray[np.bool_]:
    """(n,) mask of the `count` largest scores.

    >>> largest(np.array([3.0, 1.0, 2.0]), 2).tolist()
    [True, False, True]
    """
    mask = np.zeros(len(score), dtype=bool)
    mask[np.argsort(-score, kind="stable")[:count]] = True
    return mask


def distance_contrast(D: Array) -> dict[str, float]:
    """How much distances differ: coefficient of variation, and mean over nearest distance.

    Parameters
    ----------
    D
        (n, n) distances with at least two different points.

    Returns
    -------
    `distance_cv`, the standard deviation of off-diagonal distances over their mean: 1/sqrt(2 d)
    for a round Gaussian of d dimensions, large d. `relative_contrast`, the mean distance over the
    mean distance to the nearest neighbor: 1 when all points are equally far.

    Examples
    --------
    >>> distance_contrast(1.0 - np.eye(5))
    {'distance_cv': 0.0, 'relative_contrast': 1.0}

    References
    ----------
    Beyer et al., When is "nearest neighbor" meaningful?, ICDT 1999; He, Kumar and Chang, On the
    difficulty of nearest neighbor search, ICML 2012 (relative contrast).
    """
    n = len(D)
    count = n * (n - 1)
    mean = float(D.sum()) / count
    if not mean > 0:
        msg = f"distance_contrast(): all {n} points are equal; distances have no contrast."
        raise DegenerateCloudError(msg)
    spread = np.sqrt(max(float(np.vdot(D, D)) / count - mean**2, 0.0))
    others = D + np.diag(np.full(n, np.inf))
    nearest = float(others.min(axis=1).mean())
    return {
        "distance_cv": float(spread / mean),
        "relative_contrast": mean / nearest if nearest > 0 else np.inf,
    }


def gaussian_cv(participation_ratio: float) -> float:
    """Coefficient of variation of distances in a Gaussian with that participation ratio.

    Squared distances have mean 2 tr S and variance 8 tr S^2; to first order their root varies half
    as much, relative to its mean: 1 / sqrt(2 (tr S)^2 / tr S^2).

    Examples
    --------
    >>> gaussian_cv(50.0)
    0.1
    """
    return float(1.0 / np.sqrt(2.0 * participation_ratio))


def h0_statistics(D: Array, kept: NDArray[np.intp] | None = None) -> dict[str, float]:
    """`STATISTICS` of H0 of some rows of a distance matrix, by one spanning tree."""
    lengths = tree_lengths(D, np.arange(len(D)) if kept is None else kept)
    lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
    numbers = summaries.diagram_statistics(np.column_stack([np.zeros_like(lengths), lengths]))
    return {name: numbers[name] for name in STATISTICS}


def sizes_of(points: int) -> list[int]:
    """Numbers of points at which a cloud is measured again: eighths doubling up to all.

    >>> sizes_of(500)
    [62, 125, 250, 500]
    """
    return sorted({points >> k for k in range(4) if points >> k >= 16} | {points})


def check_sample_size(
    D: Array, *, slope: float | None, rng: np.random.Generator
) -> Iterator[Measured]:
    """H0 of nested sub-samples; sums also divided by their growth n^slope, slope = (d - 1) / d.

    Parameters
    ----------
    D
        (n, n) distances of one cloud.
    slope
        Growth exponent: 1 - 1 / PH-dimension of the cloud; None where that is infinite: a sum
        then has no growth to be divided by, and counts as not settled.
    rng
        Decides the order in which points enter.
    """
    order = rng.permutation(len(D))
    for m in sizes_of(len(D)):
        numbers = h0_statistics(D, order[:m])
        if slope is not None:
            numbers["lifespan_sum_normalized"] = numbers["lifespan_sum"] / m**slope
        for name, value in numbers.items():
            yield Measured("sample_size", at_size(m), name, 0, value, m)


def check_outliers(D: Array, *, rng: np.random.Generator, removals: int = 3) -> Iterator[Measured]:
    """H0 without LOF's outliers, beside the mean over removals of as many random points."""
    mask = outliers(D)
    count, n = int(mask.sum()), len(D)
    yield Measured("outliers", LOF, "outlier_share", None, count / n, n)
    whole, clean = h0_statistics(D), h0_statistics(D, np.flatnonzero(~mask))
    random = [h0_statistics(D, np.sort(rng.permutation(n)[: n - count])) for _ in range(removals)]
    for name in STATISTICS:
        yield Measured("outliers", ALL, name, 0, whole[name], n)
        yield Measured("outliers", LOF, name, 0, clean[name], n - count)
        mean = float(np.mean([one[name] for one in random]))
        yield Measured("outliers", control(LOF), name, 0, mean, n - count)


def check_normalization(raw: Array, D_raw: Array) -> Iterator[Measured]:
    """H0 under several normalizations, each estimated on this cloud.

    Parameters
    ----------
    raw
        (n, d) un-normalized points.
    D_raw
        (n, n) their distances.
    """
    n = len(raw)
    deviation, width = raw.std(axis=0), np.ptp(raw, axis=0)
    standard = homology.distances(raw / np.where(deviation > 0, deviation, 1.0))
    boxed = homology.distances(raw / np.where(width > 0, width, 1.0))
    plain = h0_statistics(D_raw)
    quantile = float(np.quantile(D_raw[np.triu_indices(n, 1)], 0.9))
    for name, numbers, unit in (
        ("mean_distance", plain, float(D_raw.sum()) / (n * (n - 1))),
        ("quantile_distance", plain, quantile),
        ("none", plain, 1.0),
        ("zscore", h0_statistics(standard), float(standard.sum()) / (n * (n - 1))),
        ("minmax", h0_statistics(boxed), 1.0),
    ):
        if not unit > 0:
            msg = f"normalization {name}: at least nine in ten distances are 0."
            raise DegenerateCloudError(msg)
        for statistic, value in numbers.items():
            lengths = statistic != "normalized_entropy"
            scaled = value / unit if lengths else value
            yield Measured("normalization", name, statistic, 0, scaled, n)


def check_concentration(D: Array, *, participation_ratio: float) -> Iterator[Measured]:
    """Contrast of the distances, beside that of a Gaussian with the same covariance."""
    n = len(D)
    for name, value in distance_contrast(D).items():
        yield Measured("concentration", "data", name, None, value, n)
    expected = gaussian_cv(participation_ratio)
    yield Measured("concentration", "gaussian", "distance_cv", None, expected, n)


def check_metric(
    raw: Array, *, neighbors: int = 12, degrees: Sequence[int] = (0,)
) -> Iterator[Measured]:
    """The same points under Euclidean, cosine and kNN-geodesic distances, each over its mean."""
    euclidean = homology.distances(raw)
    matrices: Mapping[str, Array] = {
        "euclidean": euclidean,
        "cosine": homology.distances(raw, metric="cosine"),
        "geodesic": homology.geodesic_distances(
            euclidean, min(neighbors, len(raw) - 1), weighted=True, metric="precomputed"
        ),
    }
    for name, D in matrices.items():
        finite = np.isfinite(D)
        unit = float(D[finite].sum()) / max(int(finite.sum()) - len(D), 1)
        for k, numbers in statistics_of(D / unit if unit > 0 else D, degrees).items():
            for statistic, value in numbers.items():
                yield Measured("metric", name, statistic, k, value, len(raw))


def statistics_of(D: Array, degrees: Sequence[int]) -> dict[int, dict[str, float]]:
    """`STATISTICS` of the diagrams of a distance matrix, by degree."""
    if tuple(degrees) == (0,):
        return {0: h0_statistics(D)}
    diagrams = homology.rips_from_distances(
        D, homology_dimensions=tuple(degrees), max_edge_length=np.inf, coeff=2
    )
    by_degree = {}
    for k, pairs in zip(degrees, diagrams, strict=True):
        numbers = summaries.diagram_statistics(summaries.finite(pairs))
        by_degree[k] = {name: numbers[name] for name in STATISTICS}
    return by_degree


def check_names(checks: Sequence[str] | str | None) -> tuple[str, ...]:
    """Names of checks from a sequence or "outliers,metric"; None for all of them.

    >>> check_names("metric,outliers")
    ('outliers', 'metric')
    """
    if checks is None:
        return tuple(CHECKS)
    words = checks.split(",") if isinstance(checks, str) else checks
    wanted = {word.strip() for word in words}
    unknown = sorted(wanted - set(CHECKS))
    if unknown or not wanted:
        known = ", ".join(CHECKS)
        msg = f"checks={checks!r}: {', '.join(unknown) or 'none'} unknown; choose from {known}."
        raise UsageError(msg)
    return tuple(name for name in CHECKS if name in wanted)
