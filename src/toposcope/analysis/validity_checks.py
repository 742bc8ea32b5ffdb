"""Would another choice have given another number? Clouds measured again under other conditions.

Each function measures one cloud under several conditions (fewer points, without its outliers,
another normalization or metric) and returns plain numbers; what follows from them is judged in
`findings.validity`. Statistics are those of H0 or of the degrees asked for. In the cheap form only
the check of the sample size looks at H1, on a quarter and a half of the points.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.analysis.outlier_factor import outliers
from toposcope.diagrams import summaries
from toposcope.diagrams.lengths import statistics_of as statistics_of_lengths
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

MOST_DIRECTIONS = 256
"""Points at most whose directions are compared: 8,000 pairs and more tell their spread."""

METRIC_POINTS = 128
"""Points on which the cheap form compares metrics: geodesics cost n^2 log n."""

VARIED = 8
"""Replicates on which the cheap form makes the costlier checks: all but concentration.

Of 4 draws hardly anything can be shown: Student's t with 3 degrees of freedom is 6.6 for 27 numbers
at 5 %, with 7 it is 4.2 and the error is smaller by sqrt(2).
"""

LOF, UNEQUAL_N, DIRECTIONS = "lof", "n against 2 n", "directions"
"""Conditions: no outliers by LOF; diagrams of unequal n; norms divided out."""


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
    cloud: Array,
    D: Array,
    *,
    diagrams: Mapping[int, Array],
    euclidean: bool,
    participation_ratio: float | None,
    costly: bool,
    rng: np.random.Generator,
    checks: Collection[str] = tuple(CHECKS),
) -> list[Measured]:
    """The checks of one cloud in their cheap form.

    Parameters
    ----------
    raw, D_raw
        (n, d) un-normalized points and their (n, n) distances.
    cloud, D
        (n, d) normalized points and their (n, n) distances in the metric of the analysis.
    diagrams
        Pairs of the whole cloud by degree, uncut; sub-samples are measured in H0, and in H1 where
        the cloud was.
    euclidean
        Whether that metric is Euclidean: outliers, other normalizations and metrics are about it.
    participation_ratio
        Of the covariance; None where it is undefined.
    costly
        Whether to make more checks than that of concentration.
    rng
        Decides sub-samples and random removals.
    checks
        Which checks.

    Returns
    -------
    Numbers; a check that cannot be made is one entry with its status and reason.
    """
    n = len(D)
    wanted: dict[str, Callable[[], Iterator[Measured]]] = {}
    if participation_ratio is not None:
        ratio = participation_ratio
        wanted["concentration"] = lambda: check_concentration(
            D, cloud if euclidean else None, participation_ratio=ratio
        )
    if costly:
        wanted["sample_size"] = lambda: check_sample_size(D, diagrams, rng=rng)
    if costly and euclidean:
        some = rng.permutation(n)
        half, few = some[: max(n // 2, FEWEST_POINTS)], some[:METRIC_POINTS]
        wanted["outliers"] = lambda: check_outliers(D, rng=rng)
        wanted["normalization"] = lambda: check_normalization(raw[half], D_raw[np.ix_(half, half)])
        wanted["metric"] = lambda: check_metric(raw[few])
    measured: list[Measured] = []
    for name, check in wanted.items():
        if name not in checks:
            continue
        try:
            if n < FEWEST_POINTS:
                msg = f"{n} points; validity checks need {FEWEST_POINTS} or more."
                raise TooFewSamplesError(msg)
            measured += list(check())
        except (DegenerateCloudError, TooFewSamplesError) as error:
            status = "too_few" if isinstance(error, TooFewSamplesError) else "constant"
            measured.append(Measured(name, "", "", None, np.nan, n, status, str(error)))
    return measured


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
    return statistics_of_lengths(lengths, STATISTICS)


def halved(points: int) -> tuple[int, int, int]:
    """A quarter, a half and all of some points: sizes at which a cloud is measured again.

    >>> halved(500)
    (125, 250, 500)
    """
    return points // 4, points // 2, points


def check_sample_size(
    D: Array, diagrams: Mapping[int, Array], *, rng: np.random.Generator
) -> Iterator[Measured]:
    """Statistics of quarters and halves of the points beside those of all.

    In H0 the mean over all quarters and both halves, which costs less than one spanning tree of all
    points; in H1 of one of each, which costs a third of the whole.

    Parameters
    ----------
    D
        (n, n) distances of one cloud.
    diagrams
        Pairs of the whole cloud, by degree. H0 is looked at always, H1 where it is there; higher
        degrees cost more than a check may.
    rng
        Decides which points make the parts.
    """
    *sizes, n = halved(len(D))
    order, degrees = rng.permutation(n), (0, 1) if 1 in diagrams else (0,)
    by_size = {m: of_parts(D, order, m, degrees, most={1: 1}) for m in sizes}
    by_size[n] = {
        k: statistics_of_pairs(diagrams[k]) if k in diagrams else h0_statistics(D) for k in degrees
    }
    for m, by_degree in by_size.items():
        for k, numbers in by_degree.items():
            for name, value in numbers.items():
                yield measured("sample_size", at_size(m), name, k, value, m)


def of_parts(
    D: Array,
    order: NDArray[np.intp],
    m: int,
    degrees: Sequence[int],
    *,
    most: Mapping[int, int] | None = None,
) -> dict[int, dict[str, float]]:
    """Mean statistics of the disjoint parts of m points that a cloud can be cut into.

    Parameters
    ----------
    D
        (n, n) distances.
    order
        (n,) the points in the order in which they are dealt out.
    m
        Points of a part.
    degrees
        Degrees of homology.
    most
        How many parts are looked at in a degree, where not all are.
    """
    parts = [order[i : i + m] for i in range(0, len(order) - m + 1, m)]
    out: dict[int, dict[str, float]] = {}
    of_each = []
    for i, rows in enumerate(parts):
        wanted = tuple(k for k in degrees if i < (most or {}).get(k, len(parts)))
        of_each.append(statistics_of(D, wanted, rows))
    for k in degrees:
        found = [one[k] for one in of_each if k in one]
        out[k] = {name: float(np.mean([one[name] for one in found])) for name in STATISTICS}
    return out


def measured(
    check: str, condition: str, statistic: str, k: int | None, value: float, points: int
) -> Measured:
    """A number, or that it is undefined: the entropy of a diagram without pairs."""
    if np.isfinite(value):
        return Measured(check, condition, statistic, k, value, points)
    reason = f"{statistic} of H{k} is not defined there"
    return Measured(check, condition, statistic, k, np.nan, points, "undefined", reason)


def check_outliers(D: Array, *, rng: np.random.Generator, removals: int = 2) -> Iterator[Measured]:
    """H0 without LOF's outliers, beside the mean over removals of as many random points."""
    mask = outliers(D)
    count, n = int(mask.sum()), len(D)
    yield Measured("outliers", LOF, "outlier_share", None, count / n, n)
    clean = h0_statistics(D, np.flatnonzero(~mask))
    random = [h0_statistics(D, np.sort(rng.permutation(n)[: n - count])) for _ in range(removals)]
    for name in STATISTICS:
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


def directions(points: Array) -> Array:
    """Points moved to the sphere around their median: what is left when norms are divided out.

    Parameters
    ----------
    points
        (n, d) points.

    Returns
    -------
    (m, d) unit vectors; points that equal the median of every feature have no direction.

    Examples
    --------
    >>> directions(np.array([[0.0, 0], [3, 0], [0, 4], [0, -4], [-3, 0]])).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [-1.0, 0.0]]
    """
    centered = points - np.median(points, axis=0)
    largest = np.abs(centered).max(axis=1, keepdims=True)
    centered, largest = centered[largest[:, 0] > 0], largest[largest[:, 0] > 0]
    scaled = centered / largest  # squares of huge and of tiny numbers stay numbers
    out: Array = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return out


def check_concentration(
    D: Array, points: Array | None = None, *, participation_ratio: float
) -> Iterator[Measured]:
    """Contrast of the distances and of directions, beside that of a Gaussian of equal covariance.

    Parameters
    ----------
    D
        (n, n) distances.
    points
        (n, d) points whose norms can be divided out; None where distances have none (cosine).
    participation_ratio
        Of the covariance.
    """
    n = len(D)
    contrast = distance_contrast(D)
    for name, value in contrast.items():
        yield Measured("concentration", "data", name, None, value, n)
    towards = contrast
    if points is not None:
        unit = directions(points)
        if len(unit) < FEWEST_POINTS:
            msg = f"{n - len(unit)} of {n} points are the median itself and have no direction."
            raise DegenerateCloudError(msg)
        # Spread over the rows, which may be sorted by class.
        some = unit[:: -(-len(unit) // MOST_DIRECTIONS)]
        towards = distance_contrast(homology.distances(some))
    value = towards["distance_cv"]
    yield Measured("concentration", DIRECTIONS, "distance_cv", None, value, n)
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


def statistics_of(
    D: Array, degrees: Sequence[int], kept: NDArray[np.intp] | None = None
) -> dict[int, dict[str, float]]:
    """`STATISTICS` of the diagrams of some rows of a distance matrix, by degree."""
    if tuple(degrees) == (0,):  # without a copy of the distances
        return {0: h0_statistics(D, kept)}
    if kept is not None:
        D = np.ascontiguousarray(D[np.ix_(kept, kept)])
    diagrams = homology.rips_from_distances(
        D, homology_dimensions=tuple(degrees), max_edge_length=np.inf, coeff=2
    )
    return {k: statistics_of_pairs(one) for k, one in zip(degrees, diagrams, strict=True)}


def statistics_of_pairs(pairs: Array) -> dict[str, float]:
    """`STATISTICS` of a diagram; essential classes are left out."""
    ended = summaries.finite(pairs)
    return statistics_of_lengths(ended[:, 1] - ended[:, 0], STATISTICS)


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
