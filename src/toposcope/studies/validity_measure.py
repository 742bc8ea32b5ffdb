"""One validity check of one layer in its full form: the body of a task.

Runs in worker processes; imports neither torch nor pandas. Larger clouds than the analysis has, H1
too, several ways to name outliers, distances between diagrams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import dimension, homology
from toposcope.analysis import outlier_factor, validity_checks
from toposcope.analysis.validity_checks import STATISTICS, Measured, measured
from toposcope.diagrams import distances
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.pointclouds.draws import Draw, draw_rows
from toposcope.pointclouds.normalize import (
    NORMALIZATIONS,
    Normalizer,
    check_finite,
    estimate_normalizer,
    flat,
)
from toposcope.pointclouds.rulers import layer_ruler
from toposcope.store.runs import Run
from toposcope.store.tables import OK, Rows, part_bytes
from toposcope.types import DATA_CLOUD

Array = NDArray[np.float64]
Numbers = Iterator[tuple[int, Measured]]
"""(replicate, number) pairs."""

REMOVALS = 4
SHARES = (0.01, 0.05, 0.1)
"""Fixed shares of outliers by LOF; 5 % by the other two ways of naming them."""
DISTANCES: dict[str, Callable[[Array, Array], float]] = {
    "bottleneck_distance": lambda a, b: distances.bottleneck(a, b),
    "wasserstein_distance": lambda a, b: distances.wasserstein(a, b, order=1.0),
    "landscape_distance": lambda a, b: distances.landscape_distance(a, b, order=2),
}


@dataclass(frozen=True)
class CheckDesign:
    """The design that is checked, and the sizes that the samples allow.

    Parameters
    ----------
    points, replicates
        Size and number of the disjoint draws.
    largest, large_replicates, sizes
        Size and number of the largest clouds, and the nested sizes inside them.
    degrees
        Degrees of homology.
    normalize, metric, seed
        As in the analysis.
    """

    points: int
    replicates: int
    largest: int
    large_replicates: int
    sizes: tuple[int, ...]
    degrees: tuple[int, ...]
    normalize: str
    metric: str
    seed: int


@dataclass(frozen=True)
class CheckJob:
    """One check of one layer.

    Parameters
    ----------
    code
        Hash of the sources that decide a number.
    design
        What is checked.
    check, layer, depth
        Which check, of which layer, at which relative depth.
    content, labels
        Hashes of the layer's activations and of the labels that draws are stratified by.
    """

    code: str
    design: CheckDesign
    check: str
    layer: str
    depth: float
    content: str
    labels: str


@dataclass(frozen=True)
class LayerRows:
    """Un-normalized rows of one layer, read when they are asked for."""

    run: Run
    layer: str

    def __len__(self) -> int:
        return self.run.n

    def __getitem__(self, rows: NDArray[np.intp]) -> Array:
        points = flat(self.run.read(self.layer, rows))
        check_finite(points)
        return points


def measure_check(job: CheckJob, run: Path) -> bytes:
    """Make one check at one layer; its rows as a part."""
    place = {"layer": job.layer, "depth": job.depth, "label": ""}
    try:
        raw = LayerRows(Run.open(run), job.layer)
        rows = [
            _row(place, replicate, number) for replicate, number in FULL[job.check](raw, job.design)
        ]
    except (DegenerateCloudError, TooFewSamplesError, UsageError) as error:
        status = "too_few" if isinstance(error, TooFewSamplesError) else "constant"
        gone = Measured(job.check, "", "", None, np.nan, 0, status, str(error))
        rows = [_row(place, 0, gone)]
    return part_bytes(rows)


def _row(place: Mapping[str, Any], replicate: int, one: Measured) -> dict[str, Any]:
    rows = Rows(**place, replicate=replicate, cloud=DATA_CLOUD)
    more: dict[str, Any] = {"check": one.check, "condition": one.condition, "points": one.points}
    if one.status == OK:
        rows.value(one.statistic, one.value, homology_dimension=one.homology_dimension, **more)
    else:
        rows.missing(
            one.statistic,
            one.status,
            one.reason,
            homology_dimension=one.homology_dimension,
            **more,
        )
    return rows.rows[0]


def _draws(
    raw: LayerRows, design: CheckDesign, points: int, replicates: int
) -> list[NDArray[np.intp]]:
    return draw_rows(
        len(raw),
        points=points,
        replicates=replicates,
        seed=design.seed,
        labels=raw.run.samples.labels,
    )


def _ruler(raw: LayerRows, design: CheckDesign) -> Normalizer:
    """The ruler of the analysis: estimated on the draws that it makes."""
    draws = _draws(raw, design, design.points, design.replicates)
    shape = tuple(raw.run.layers[raw.layer]["shape"])
    return layer_ruler(
        raw.run.read,
        raw.layer,
        [Draw(r, "", rows) for r, rows in enumerate(draws)],
        method=design.normalize,
        points_are="samples",
        width=int(np.prod(shape, dtype=np.int64)),
        seed=design.seed,
    ).normalizer


def sample_size(raw: LayerRows, design: CheckDesign) -> Numbers:
    """Sizes up to twice the points of the analysis, every size by all parts that a cloud is cut
    into; then diagrams of n against 2 n.
    """
    degrees, largest = design.degrees, design.largest
    ruler = _ruler(raw, design)
    rng = np.random.default_rng([design.seed, 1])
    for r, rows in enumerate(_draws(raw, design, largest, design.large_replicates)):
        D = homology.distances(ruler(raw[rows]), metric=design.metric)
        order = rng.permutation(len(D))
        for m in design.sizes:
            for k, statistics in validity_checks.of_parts(D, order, m, degrees).items():
                condition = validity_checks.at_size(m)
                for name, value in statistics.items():
                    yield r, measured("sample_size", condition, name, k, value, m)
    yield from _unequal_sizes(raw, design)


def _unequal_sizes(raw: LayerRows, design: CheckDesign) -> Numbers:
    """W1 from half a draw to another draw, over W1 between halves of the two: 1 if n is nothing."""
    ruler, points = _ruler(raw, design), design.points
    halves = points // 2
    draws = _draws(raw, design, points, design.replicates)
    wasserstein = DISTANCES["wasserstein_distance"]
    for r, (a, b) in enumerate(zip(draws[::2], draws[1::2], strict=False)):
        whole = _diagrams(ruler(raw[b]), design)
        small = [
            _diagrams(ruler(raw[one[:: len(one) // halves][:halves]]), design) for one in (a, b)
        ]
        for k, first, second, full in zip(design.degrees, *small, whole, strict=True):
            noise = wasserstein(first, second)
            if noise > 0:
                ratio = wasserstein(first, full) / noise
                yield (
                    r,
                    Measured(
                        "sample_size", validity_checks.UNEQUAL_N, "unequal_n", k, ratio, points
                    ),
                )


def _diagrams(cloud: Array, design: CheckDesign) -> list[Array]:
    """Finite pairs, by degree."""
    diagrams = homology.rips(cloud, homology_dimensions=tuple(design.degrees), metric=design.metric)
    return [pairs[np.isfinite(pairs[:, 1])] for pairs in diagrams]


def outliers(raw: LayerRows, design: CheckDesign) -> Numbers:
    """Every way of naming outliers, each beside as many random points; then diagram distances."""
    degrees, ruler = design.degrees, _ruler(raw, design)
    rng = np.random.default_rng([design.seed, 2])
    draws = _draws(raw, design, design.points, design.replicates)
    clouds = [ruler(raw[rows]) for rows in draws]
    for r, cloud in enumerate(clouds):
        D = homology.distances(cloud, metric=design.metric)
        for way, mask in _ways(D, cloud, design.seed).items():
            if way == validity_checks.LOF:
                share = float(mask.mean())
                yield r, Measured("outliers", way, "outlier_share", None, share, len(D))
            kept = np.flatnonzero(~mask)
            yield from _numbers(r, way, _without(D, kept, degrees), len(kept))
            random = [
                _without(D, np.sort(rng.permutation(len(D))[: len(kept)]), degrees)
                for _ in range(REMOVALS)
            ]
            mean = {
                k: {name: float(np.mean([one[k][name] for one in random])) for name in STATISTICS}
                for k in degrees
            }
            yield from _numbers(r, validity_checks.control(way), mean, len(kept))
    yield from _moved_diagrams(clouds, design, rng)


def _numbers(
    r: int, condition: str, by_degree: Mapping[int, Mapping[str, float]], n: int
) -> Numbers:
    for k, numbers in by_degree.items():
        for name, value in numbers.items():
            yield r, measured("outliers", condition, name, k, value, n)


def _without(
    D: Array, kept: NDArray[np.intp], degrees: Sequence[int]
) -> dict[int, dict[str, float]]:
    return validity_checks.statistics_of(np.ascontiguousarray(D[np.ix_(kept, kept)]), degrees)


def _ways(D: Array, cloud: Array, seed: int) -> dict[str, NDArray[np.bool_]]:
    """Masks of outliers by several definitions."""
    from sklearn.ensemble import IsolationForest

    masks = {validity_checks.LOF: outlier_factor.outliers(D)}
    for share in SHARES:
        masks[f"lof {100 * share:g} %"] = outlier_factor.outliers(D, share=share)
    far = np.linalg.norm(cloud - cloud.mean(axis=0), axis=1)
    forest = IsolationForest(n_estimators=100, random_state=seed).fit(cloud)
    masks["centroid 5 %"] = outlier_factor.largest(far, round(0.05 * len(D)))
    masks["isolation forest 5 %"] = outlier_factor.largest(
        -forest.score_samples(cloud), round(0.05 * len(D))
    )
    return masks


def _moved_diagrams(clouds: list[Array], design: CheckDesign, rng: np.random.Generator) -> Numbers:
    """Distance of diagrams without outliers to those without random points, over two draws'.

    The two draws are without outliers: far points of their own would make them as far apart as any
    removal could.
    """
    for r, (a, b) in enumerate(zip(clouds[::2], clouds[1::2], strict=False)):
        ratios: dict[tuple[str, str, int], list[float]] = {}
        masks = [
            outlier_factor.outliers(homology.distances(x, metric=design.metric)) for x in (a, b)
        ]
        clean_a, clean_b = (
            _diagrams(x[~mask], design) for x, mask in zip((a, b), masks, strict=True)
        )
        for one, mask, clean, stranger in (
            (a, masks[0], clean_a, clean_b),
            (b, masks[1], clean_b, clean_a),
        ):
            count = len(one) - int(mask.sum())
            thinned = [np.sort(rng.permutation(len(one))[:count]) for _ in range(2)]
            first, second = (_diagrams(one[rows], design) for rows in thinned)
            for i, k in enumerate(design.degrees):
                for name, distance in DISTANCES.items():
                    noise = distance(clean[i], stranger[i])
                    if noise > 0:
                        moved = distance(clean[i], first[i]) / noise
                        control = distance(second[i], first[i]) / noise
                        ratios.setdefault((validity_checks.LOF, name, k), []).append(moved)
                        ratios.setdefault(
                            (validity_checks.control(validity_checks.LOF), name, k), []
                        ).append(control)
        for (condition, name, k), values in ratios.items():
            mean = float(np.mean(values))
            yield r, Measured("outliers", condition, name, k, mean, design.points)


def normalization(raw: LayerRows, design: CheckDesign) -> Numbers:
    """Every normalization, estimated on every draw.

    One scale for all draws would put its own error into all of their curves alike, and layers that
    do not differ would rise or fall in every draw: false trends that no spread between draws shows.
    """
    draws = _draws(raw, design, design.points, design.replicates)
    for method in NORMALIZATIONS:
        for r, rows in enumerate(draws):
            points = raw[rows]
            D = homology.distances(estimate_normalizer(points, method)(points))
            for k, statistics in validity_checks.statistics_of(D, design.degrees).items():
                for name, value in statistics.items():
                    yield r, measured("normalization", method, name, k, value, len(rows))


def concentration(raw: LayerRows, design: CheckDesign) -> Numbers:
    """Contrast of distances, in every draw."""
    ruler = _ruler(raw, design)
    for r, rows in enumerate(_draws(raw, design, design.points, design.replicates)):
        cloud = ruler(raw[rows])
        D = homology.distances(cloud, metric=design.metric)
        ratio = dimension.participation_ratio(cloud)
        with_norms = cloud if design.metric == "euclidean" else None
        for one in validity_checks.check_concentration(D, with_norms, participation_ratio=ratio):
            yield r, one


def metric(raw: LayerRows, design: CheckDesign) -> Numbers:
    """Euclidean, cosine and kNN-geodesic distances on all points of every draw."""
    for r, rows in enumerate(_draws(raw, design, design.points, design.replicates)):
        for one in validity_checks.check_metric(raw[rows], degrees=design.degrees):
            yield r, one


FULL: dict[str, Callable[[LayerRows, CheckDesign], Numbers]] = {
    "sample_size": sample_size,
    "outliers": outliers,
    "normalization": normalization,
    "concentration": concentration,
    "metric": metric,
}
