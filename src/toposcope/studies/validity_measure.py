"""One validity check of one layer in its full form: the body of a task.

Runs in worker processes; imports neither torch nor pandas. Larger clouds than the analysis has, H1
too, several ways to name outliers, distances between diagrams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.analysis import validity_checks
from toposcope.analysis.validity_checks import Measured
from toposcope.diagrams import distances
from toposcope.dimension import intrinsic
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.execution.legacy import Ledger
from toposcope.pointclouds.draws import draw_rows, scale_rows
from toposcope.pointclouds.normalize import NORMALIZATIONS, check_finite, estimate_normalizer, flat
from toposcope.store.runs import Run
from toposcope.store.tables import OK, Rows, put_part
from toposcope.types import DATA_CLOUD

Array = NDArray[np.float64]
Payload = Mapping[str, Any]
Found = Iterator[tuple[int, Measured]]
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


def measure_check(payload: Payload) -> None:
    """Make one check at one layer, put its part, tick it off."""
    run = Run.open(payload["run"])
    place = {name: payload[name] for name in ("layer", "depth")} | {"label": ""}
    collected = []
    try:
        raw = LayerRows(run, payload["layer"])
        for replicate, one in FULL[payload["check"]](raw, payload):
            collected.append(_row(place, replicate, one))
    except (DegenerateCloudError, TooFewSamplesError, UsageError) as error:
        status = "too_few" if isinstance(error, TooFewSamplesError) else "constant"
        gone = Measured(payload["check"], "", "", None, np.nan, 0, status, str(error))
        collected = [_row(place, 0, gone)]
    folder = Path(payload["folder"])
    digest = put_part(folder / "parts" / f"{payload['key']}.parquet", collected)
    Ledger(folder / "ledger").tick(payload["key"], part=digest)


def _row(place: Mapping[str, Any], replicate: int, one: Measured) -> dict[str, Any]:
    rows = Rows(**place, replicate=replicate, cloud=DATA_CLOUD)
    more = {"check": one.check, "condition": one.condition, "points": one.points}
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
    raw: LayerRows, payload: Payload, points: int, replicates: int
) -> list[NDArray[np.intp]]:
    labels = payload["labels"]
    return draw_rows(
        len(raw),
        points=points,
        replicates=replicates,
        seed=payload["seed"],
        labels=None if labels is None else np.asarray(labels),
    )


def _ruler(raw: LayerRows, payload: Payload, method: str | None = None) -> Callable[[Array], Array]:
    rows = scale_rows(len(raw), seed=payload["seed"])
    return estimate_normalizer(raw[rows], method or payload["normalize"])


def sample_size(raw: LayerRows, payload: Payload) -> Found:
    """Nested sizes up to twice the points of the analysis; then diagrams of n against 2 n."""
    degrees, largest = payload["degrees"], payload["largest"]
    ruler = _ruler(raw, payload)
    rng = np.random.default_rng([payload["seed"], 1])
    for r, rows in enumerate(_draws(raw, payload, largest, payload["large_replicates"])):
        D = homology.distances(ruler(raw[rows]), metric=payload["metric"])
        slope = 1.0 - 1.0 / intrinsic.ph_dimension_from_distances(D, seed=payload["seed"])[0]
        order = rng.permutation(len(D))
        for m in payload["sizes"]:
            part = np.ix_(order[:m], order[:m])
            for k, found in validity_checks.statistics_of(
                np.ascontiguousarray(D[part]), degrees
            ).items():
                if k == 0:
                    found["lifespan_sum_normalized"] = found["lifespan_sum"] / m**slope
                for name, value in found.items():
                    yield r, Measured("sample_size", f"{m} points", name, k, value, m)
    yield from _unequal_sizes(raw, payload)


def _unequal_sizes(raw: LayerRows, payload: Payload) -> Found:
    """W1 from half a draw to another draw, over W1 between halves of the two: 1 if n is nothing."""
    ruler, points = _ruler(raw, payload), payload["points"]
    halves = points // 2
    draws = _draws(raw, payload, points, payload["replicates"])
    wasserstein = DISTANCES["wasserstein_distance"]
    for r, (a, b) in enumerate(zip(draws[::2], draws[1::2], strict=False)):
        whole = _diagrams(ruler(raw[b]), payload)
        small = [
            _diagrams(ruler(raw[one[:: len(one) // halves][:halves]]), payload) for one in (a, b)
        ]
        for k, first, second, full in zip(payload["degrees"], *small, whole, strict=True):
            noise = wasserstein(first, second)
            if noise > 0:
                ratio = wasserstein(first, full) / noise
                yield r, Measured("sample_size", "n against 2 n", "unequal_n", k, ratio, points)


def _diagrams(cloud: Array, payload: Payload) -> list[Array]:
    """Finite pairs, by degree."""
    found = homology.rips(
        cloud, homology_dimensions=tuple(payload["degrees"]), metric=payload["metric"]
    )
    return [pairs[np.isfinite(pairs[:, 1])] for pairs in found]


def outliers(raw: LayerRows, payload: Payload) -> Found:
    """Every way of naming outliers, each beside as many random points; then diagram distances."""
    degrees, ruler = payload["degrees"], _ruler(raw, payload)
    rng = np.random.default_rng([payload["seed"], 2])
    draws = _draws(raw, payload, payload["points"], payload["replicates"])
    clouds = [ruler(raw[rows]) for rows in draws]
    for r, cloud in enumerate(clouds):
        D = homology.distances(cloud, metric=payload["metric"])
        whole = validity_checks.statistics_of(D, degrees)
        yield from _numbers(r, "all", whole, len(D))
        for way, mask in _ways(D, cloud, payload["seed"]).items():
            if way == "lof":
                share = float(mask.mean())
                yield r, Measured("outliers", way, "outlier_share", None, share, len(D))
            kept = np.flatnonzero(~mask)
            yield from _numbers(r, way, _without(D, kept, degrees), len(kept))
            random = [
                _without(D, np.sort(rng.permutation(len(D))[: len(kept)]), degrees)
                for _ in range(REMOVALS)
            ]
            mean = {
                k: {name: float(np.mean([one[k][name] for one in random])) for name in whole[k]}
                for k in whole
            }
            yield from _numbers(r, f"random like {way}", mean, len(kept))
    yield from _moved_diagrams(clouds, payload, rng)


def _numbers(r: int, condition: str, found: Mapping[int, Mapping[str, float]], n: int) -> Found:
    for k, numbers in found.items():
        for name, value in numbers.items():
            yield r, Measured("outliers", condition, name, k, value, n)


def _without(D: Array, kept: NDArray[np.intp], degrees: list[int]) -> dict[int, dict[str, float]]:
    return validity_checks.statistics_of(np.ascontiguousarray(D[np.ix_(kept, kept)]), degrees)


def _ways(D: Array, cloud: Array, seed: int) -> dict[str, NDArray[np.bool_]]:
    """Masks of outliers by several definitions."""
    from sklearn.ensemble import IsolationForest

    found = {"lof": validity_checks.outliers(D)}
    for share in SHARES:
        found[f"lof {100 * share:g} %"] = validity_checks.outliers(D, share=share)
    far = np.linalg.norm(cloud - cloud.mean(axis=0), axis=1)
    forest = IsolationForest(n_estimators=100, random_state=seed).fit(cloud)
    found["centroid 5 %"] = validity_checks.largest(far, round(0.05 * len(D)))
    found["isolation forest 5 %"] = validity_checks.largest(
        -forest.score_samples(cloud), round(0.05 * len(D))
    )
    return found


def _moved_diagrams(clouds: list[Array], payload: Payload, rng: np.random.Generator) -> Found:
    """Distance of diagrams without outliers to those without random points, over two draws'."""
    for r, (a, b) in enumerate(zip(clouds[::2], clouds[1::2], strict=False)):
        ratios: dict[tuple[str, str, int], list[float]] = {}
        for one, other in ((a, b), (b, a)):
            mask = validity_checks.outliers(homology.distances(one, metric=payload["metric"]))
            count = len(one) - int(mask.sum())
            thinned = [np.sort(rng.permutation(len(one))[:count]) for _ in range(2)]
            clean = _diagrams(one[~mask], payload)
            first, second = (_diagrams(one[rows], payload) for rows in thinned)
            stranger = _diagrams(other[np.sort(rng.permutation(len(other))[:count])], payload)
            for i, k in enumerate(payload["degrees"]):
                for name, distance in DISTANCES.items():
                    noise = distance(first[i], stranger[i])
                    if noise > 0:
                        moved = distance(clean[i], first[i]) / noise
                        control = distance(second[i], first[i]) / noise
                        ratios.setdefault(("lof", name, k), []).append(moved)
                        ratios.setdefault(("random like lof", name, k), []).append(control)
        for (condition, name, k), values in ratios.items():
            mean = float(np.mean(values))
            yield r, Measured("outliers", condition, name, k, mean, payload["points"])


def normalization(raw: LayerRows, payload: Payload) -> Found:
    """Every normalization, estimated once per layer as in an analysis."""
    draws = _draws(raw, payload, payload["points"], payload["replicates"])
    for method in NORMALIZATIONS:
        ruler = _ruler(raw, payload, method)
        for r, rows in enumerate(draws):
            D = homology.distances(ruler(raw[rows]))
            for k, found in validity_checks.statistics_of(D, payload["degrees"]).items():
                for name, value in found.items():
                    yield r, Measured("normalization", method, name, k, value, len(rows))


def concentration(raw: LayerRows, payload: Payload) -> Found:
    """Contrast of distances, in every draw."""
    ruler = _ruler(raw, payload)
    for r, rows in enumerate(_draws(raw, payload, payload["points"], payload["replicates"])):
        cloud = ruler(raw[rows])
        D = homology.distances(cloud, metric=payload["metric"])
        ratio = intrinsic.participation_ratio(cloud)
        for one in validity_checks.check_concentration(D, participation_ratio=ratio):
            yield r, one


def metric(raw: LayerRows, payload: Payload) -> Found:
    """Euclidean, cosine and kNN-geodesic distances on all points of every draw."""
    for r, rows in enumerate(_draws(raw, payload, payload["points"], payload["replicates"])):
        for one in validity_checks.check_metric(raw[rows], degrees=payload["degrees"]):
            yield r, one


FULL: dict[str, Callable[[LayerRows, Payload], Found]] = {
    "sample_size": sample_size,
    "outliers": outliers,
    "normalization": normalization,
    "concentration": concentration,
    "metric": metric,
}
