"""What `across-papers` measures: every layer of one network under every crossing of choices.

Diagrams of one cloud serve all summaries and all normalizations that are a scale alone: they are
computed once, and their numbers divided by the power of the scale that each summary has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.diagrams.summaries import (
    finite,
    landscape_norm,
    lifespan_sum,
    max_persistence,
    persistence_entropy,
)
from toposcope.pointclouds.normalize import (
    NORMALIZATIONS,
    Normalizer,
    estimate_normalizer,
    flat,
)
from toposcope.pointclouds.nulls import gaussian_null
from toposcope.studies.materials import Subject
from toposcope.studies.materials_digits import DIGIT_SOURCES
from toposcope.studies.resistance import resistance_distances
from toposcope.studies.suresh_statistics import Way, total_betti
from toposcope.types import ActivationSet

Array = NDArray[np.float64]

FILTERS = ("rips", "geodesic", "local", "spectral", "cubical")
"""Distances of the cloud, hops, percentile local homology, resistance; feature volumes of images.

Only "cubical" is of single images; its numbers are means over images.
"""
METHODS = tuple(NORMALIZATIONS)
FEATUREWISE = ("zscore", "minmax")
"""Normalizations that are more than a scale, and change which points are near."""
SUMMARIES = {"sum": 1.0, "longest": 1.0, "landscape": 1.5, "entropy": 0.0}
"""Summaries of a diagram, and the power of the scale that each grows with."""
SCALED = ("rips", "cubical")
"""Filtrations whose diagrams grow with the scale; the others have units of their own."""
RULER = 300
"""Rows of which the scale of a layer is estimated."""
BETTI_AT = 0.5
"""Scale of "betti", in mean distances."""
NULLS, PCA = 20, 20
"""Gaussian clouds that a cloud is held against; dimensions that "pca" keeps."""


@dataclass(frozen=True)
class Job:
    """One network at one moment.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    points, images
        Points of a cloud and images of a mean over volumes: few and many.
    clouds
        Clouds that a number is the mean of: draws of all classes together, or classes.
    sizes
        Which of the two, by place.
    neighbors
        Of the graphs behind hops and resistances.
    seed
        Of the draws.
    """

    code: str
    subject: str
    points: tuple[int, ...]
    images: tuple[int, ...]
    clouds: int
    sizes: tuple[int, ...]
    neighbors: int
    seed: int


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """One row per crossing of choices, with its numbers over layers."""
    subject = subjects[job.subject]
    acts = subject.open()
    found: dict[tuple[Any, ...], list[float]] = {}
    for layer in acts.layers:
        for key, value in _of_layer(acts, layer, job):
            found.setdefault(key, []).append(value)
    base = {
        "network": subject.network,
        "family": str(subject.covariates.get("kind", "given")),
        "moment": subject.moment,
    }
    names = ("filter", "normalize", "size", "pooled", "degree", "summary", "draw")
    return [
        {**base, **dict(zip(names, key, strict=True)), "values": values}
        for key, values in found.items()
    ]


def _of_layer(acts: ActivationSet, layer: str, job: Job) -> Iterator[tuple[tuple[Any, ...], float]]:
    kept = np.asarray(acts.rows(layer, np.arange(acts.n)), dtype=np.float64)
    volume = kept.ndim == 4 and kept.shape[2] * kept.shape[3] > 1
    X = kept.mean(axis=(2, 3)) if volume else flat(kept)
    labels = np.asarray(acts.labels)
    order = np.random.default_rng(job.seed).permutation(acts.n)
    rows = drawn(order, labels, max(job.points), job.clouds)
    rulers = rulers_of(X[order[:RULER]])
    scales = {m: float(rulers[m].factor[0]) for m in METHODS if m not in FEATUREWISE}
    for method in ("none", *FEATUREWISE):
        Z = rulers[method](X)
        units = scales if method == "none" else {method: 1.0}
        for pooled, groups in rows.items():
            for size in job.sizes:
                clouds = [Z[chosen[: job.points[size]]] for chosen in groups]
                yield from _of_clouds(clouds, units, (size, pooled), job)
    many = [X[chosen] for chosen in rows[True]]
    yield from _of_draws(many, rulers["mean_distance"].scale, len(job.points) - 1, job.seed)
    if volume:
        yield from _of_volumes(kept, order, labels, job)


def rulers_of(X: Array) -> dict[str, Normalizer]:
    """All normalizations of a layer; one that sends all samples to one point has no unit, and 1."""
    if np.ptp(X.reshape(len(X), -1), axis=0).any():
        return {method: estimate_normalizer(X, method) for method in METHODS}
    return {method: Normalizer(method, np.zeros(1), np.ones(1), 1.0) for method in METHODS}


def drawn(
    order: NDArray[np.intp], labels: NDArray[Any], points: int, clouds: int
) -> dict[bool, list[NDArray[np.intp]]]:
    """Rows of the clouds: draws of all classes together (True), and classes (False).

    Draws share no sample as long as there are enough for all.

    >>> rows = drawn(np.arange(6), np.array([0, 1, 0, 1, 0, 1]), 3, 2)
    >>> [one.tolist() for one in rows[True]], [one.tolist() for one in rows[False]]
    ([[0, 1, 2], [3, 4, 5]], [[0, 2, 4], [1, 3, 5]])
    """
    classes = np.unique(labels[labels >= 0])[:clouds]
    inside = [order[labels[order] == k] for k in classes]
    many = np.arange(clouds)[:, None] * points + np.arange(points)
    return {
        True: list(order[many % len(order)]),
        False: [one[:points] for one in inside if len(one) >= points],
    }


def _of_clouds(
    clouds: Sequence[Array], units: Mapping[str, float], place: tuple[int, bool], job: Job
) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Means over clouds, by filtration, degree and summary, in every unit of length."""
    for name in FILTERS[:-1]:
        numbers = np.mean([_numbers(_diagrams(one, name, job.neighbors)) for one in clouds], axis=0)
        yield from _in_units(name, numbers, units, place)


def _in_units(
    name: str, numbers: Array, units: Mapping[str, float], place: tuple[int, bool]
) -> Iterator[tuple[tuple[Any, ...], float]]:
    for degree, row in enumerate(numbers):
        for (summary, power), value in zip(SUMMARIES.items(), row, strict=True):
            for method, unit in units.items():
                scale = unit**power if name in SCALED else 1.0
                yield (name, method, *place, degree, summary, -1), float(value / scale)


def _diagrams(cloud: Array, name: str, neighbors: int) -> list[Array]:
    k = min(neighbors, len(cloud) - 1)
    if not np.ptp(cloud, axis=0).any():  # one point, in any metric
        return [np.empty((0, 2)), np.empty((0, 2))]
    if name == "geodesic":
        D = _along_graph(cloud, k)
    elif name == "spectral":
        D = resistance_distances(_along_graph(cloud, k))
    elif name == "local":
        D = homology.local_distances(cloud, 0.5) if _spread(cloud) else homology.distances(cloud)
    else:
        D = homology.distances(cloud)
    return [np.asarray(pairs) for pairs in homology.rips_from_distances(D)]


def _along_graph(cloud: Array, k: int) -> Array:
    distinct = len(np.unique(cloud, axis=0))
    return homology.geodesic_distances(cloud, min(k, max(distinct - 1, 1)))


def _spread(cloud: Array) -> bool:
    """Whether more than half of the points lie off the mean."""
    norms = np.linalg.norm(cloud - cloud.mean(axis=0), axis=1)
    return bool(np.sort(norms)[len(norms) // 2] > 0)


def _numbers(diagrams: Sequence[Array]) -> Array:
    """(2, summaries) of the finite pairs; a diagram without pairs has 0 of everything."""
    made = []
    for pairs in (finite(one) for one in diagrams[:2]):
        entropy = persistence_entropy(pairs)
        made.append(
            [
                lifespan_sum(pairs),
                max_persistence(pairs) if len(pairs) else 0.0,
                landscape_norm(pairs, 2),
                entropy if np.isfinite(entropy) else 0.0,
            ]
        )
    return np.array(made)


def _of_draws(
    clouds: Sequence[Array], scale: float, size: int, seed: int
) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Draw by draw in mean distances; against Gaussian clouds; and of few principal axes."""
    place = ("mean_distance", size, True)
    for r, cloud in enumerate(clouds):
        diagrams = _diagrams(cloud / scale, "rips", 0)
        for k, row in enumerate(_numbers(diagrams)):
            for summary, value in zip(SUMMARIES, row, strict=True):
                yield ("draws", *place, k, summary, r), float(value)
            alive = (diagrams[k][:, 0] <= BETTI_AT) & (diagrams[k][:, 1] > BETTI_AT)
            yield ("draws", *place, k, "betti", r), float(alive.sum())
    sums = [_numbers(_diagrams(cloud, "rips", 0))[:, 0] for cloud in clouds]
    law = gaussian_null(clouds[0])
    rng = np.random.default_rng([seed, 1])
    made = [law.sample(len(clouds[0]), seed=rng) for _ in range(NULLS)]
    null = np.array([_numbers(_diagrams(one, "rips", 0))[:, 0] for one in made])
    for k in (0, 1):
        for r, (value, others) in enumerate(((sums[0][k], null[1:, k]), (null[0, k], null[1:, k]))):
            spread = max(float(others.std(ddof=1)), 1e-12)
            yield ("gaussian", *place, k, "sum", r), float((value - others.mean()) / spread)
    if clouds[0].shape[1] > PCA:
        _, _, axes = np.linalg.svd(clouds[0] - clouds[0].mean(axis=0), full_matrices=False)
        numbers = np.mean(
            [_numbers(_diagrams(one @ axes[:PCA].T / scale, "rips", 0)) for one in clouds], axis=0
        )
        yield from _in_units("pca", numbers, {"mean_distance": 1.0}, (size, True))


def _of_volumes(
    kept: Array, order: NDArray[np.intp], labels: NDArray[Any], job: Job
) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Diagrams of single images; and Betti numbers at fixed thresholds, on two halves of them."""
    chosen = by_turns(order, labels)[: max(job.images)]
    rulers = rulers_of(kept[order[:RULER]])
    scales = {m: float(rulers[m].factor[0]) for m in METHODS if m not in FEATUREWISE}
    for method in ("none", *FEATUREWISE):
        volumes = rulers[method](kept[chosen]).reshape(len(chosen), *kept.shape[1:])
        each = np.stack([_numbers(homology.cubical(one)) for one in volumes])
        units = scales if method == "none" else {method: 1.0}
        for size in job.sizes:
            some, of = each[: job.images[size]], labels[chosen[: job.images[size]]]
            classes = np.mean([some[of == k].mean(axis=0) for k in np.unique(of)], axis=0)
            for pooled, numbers in ((True, some.mean(axis=0)), (False, classes)):
                yield from _in_units("cubical", numbers, units, (size, pooled))
    omega = total_betti(kept[chosen], Way()).mean(axis=1)
    for half in (0, 1):
        key = ("omega", "none", len(job.images) - 1, True, -1, "betti", half)
        yield key, float(omega[half::2].mean())


def by_turns(order: NDArray[np.intp], labels: NDArray[Any]) -> NDArray[np.intp]:
    """Rows in an order in which classes take turns.

    >>> by_turns(np.arange(4), np.array([0, 0, 1, 1])).tolist()
    [0, 2, 1, 3]
    """
    turn = np.zeros(len(order), dtype=np.intp)
    for k in np.unique(labels):
        among = labels[order] == k
        turn[among] = np.arange(among.sum())
    return order[np.argsort(turn, kind="stable")]


MEASURED_BY = (
    "studies/across_measure.py",
    "studies/resistance.py",
    "studies/suresh_statistics.py",
    *DIGIT_SOURCES,
)
"""Sources that decide the rows."""
