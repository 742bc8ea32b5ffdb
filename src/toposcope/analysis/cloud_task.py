"""Everything that is measured on one cloud: the body of an analysis task.

Runs in worker processes; imports neither torch nor pandas. A task reads one draw of one layer,
measures the cloud and its nulls, and publishes one Parquet part, then its tick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.analysis import validity_checks
from toposcope.analysis.filtrations import filtration_distances
from toposcope.diagrams import summaries
from toposcope.dimension import intrinsic
from toposcope.errors import DegenerateCloudError, TooFewSamplesError
from toposcope.execution.legacy import Ledger
from toposcope.pointclouds.draws import SCALE_SAMPLES, scale_rows
from toposcope.pointclouds.kinds import read_points, ruler_points, unfit
from toposcope.pointclouds.normalize import Normalizer, check_finite, estimate_normalizer
from toposcope.pointclouds.nulls import (
    GAUSSIAN,
    PERMUTED_LABELS,
    RANDOM_INIT,
    SHUFFLED,
    GaussianTwin,
    gaussian_twin,
    parse_nulls,
    shuffled,
)
from toposcope.store.runs import Run, twin_of
from toposcope.store.tables import OK, Rows, put_part
from toposcope.types import DATA_CLOUD, MASK

CONTROLS = ("activation_norm", "scale", "effective_rank", "participation_ratio")
DIMENSIONS = ("ph_dimension", "ph_dimension_r2", "two_nn")
LOOPS_KEPT = 3

Payload = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Layer:
    """What the draws of a layer share: its ruler, or why it has none."""

    run: Run
    normalizer: Normalizer | None
    status: str = "ok"
    reason: str = ""


@lru_cache(maxsize=4)
def prepare(
    run_path: str, layer: str, content: str, normalize: str, seed: int, points_are: str
) -> Layer:
    """Read a layer once per worker; its replicates follow each other in the task order.

    `content` is the layer's hash: a RUN written anew at the same place is another layer.
    """
    run = Run.open(run_path)
    bad = _count_non_finite(run, layer)
    if bad:
        reason = f"{bad:,} of {run.n:,} samples of layer {layer!r} hold non-finite values"
        return Layer(run, None, "nonfinite", reason)
    masked = MASK in run.layers
    why = unfit(tuple(run.layers[layer]["shape"]), points_are, masked=masked)
    if why:
        return Layer(run, None, "undefined", f"layer {layer!r} {why}")
    values = ruler_points(
        run.read,
        layer,
        scale_rows(run.n, seed=seed),
        points_are=points_are,
        most=SCALE_SAMPLES,
        seed=seed,
        masked=masked,
    )
    try:
        normalizer = estimate_normalizer(values, normalize)
    except DegenerateCloudError as error:
        return Layer(run, None, "constant", str(error))
    return Layer(run, normalizer)


@lru_cache(maxsize=16)
def fit_twin(
    run_path: str,
    layer: str,
    content: str,
    normalize: str,
    seed: int,
    points_are: str,
    label: int | None,
) -> GaussianTwin:
    """The Gaussian twin of a layer, or of one class in it: what a draw is compared with."""
    prepared = prepare(run_path, layer, content, normalize, seed, points_are)
    run, normalizer = prepared.run, prepared.normalizer
    assert normalizer is not None, "a layer without a ruler has no twin"
    labels = run.samples.labels
    members = np.arange(run.n)
    if label is not None:
        assert labels is not None, "a draw of one class comes from labelled samples"
        members = np.flatnonzero(labels == label)
    chosen = members[scale_rows(len(members), seed=seed)]
    return gaussian_twin(normalizer(run.read(layer, chosen)))


def _count_non_finite(run: Run, layer: str) -> int:
    """Samples with a NaN or an infinity, shard by shard."""
    count = 0
    for index, _, _ in run.chunks:
        shard = run.shard(layer, index)
        # The sum is finite exactly when all values are, unless finite values overflow.
        if not np.isfinite(shard.sum(dtype=np.float64)):
            finite = np.isfinite(shard).reshape(len(shard), -1).all(axis=1)
            count += int((~finite).sum())
    return count


def measure(payload: Payload) -> None:
    """Measure one draw of one layer, put its part, tick it off."""
    layer = prepare(*_source(payload))
    place = {name: payload[name] for name in ("layer", "depth", "label", "replicate", "points")}
    rows = Rows(**place, cloud=DATA_CLOUD)
    nulls = {name: Rows(**place, cloud=name) for name in parse_nulls(payload["null"])}
    dimensions = tuple(payload["homology_dimensions"])
    if layer.normalizer is None:
        for name in CONTROLS:
            rows.missing(name, layer.status, layer.reason)
        _all_missing(rows, dimensions, layer.status, layer.reason)
    else:
        try:
            _measure_cloud(layer, rows, nulls, payload)
        except TooFewSamplesError as error:
            for name in CONTROLS:
                rows.missing(name, "too_few", str(error))
            _all_missing(rows, dimensions, "too_few", str(error))
    folder = Path(payload["folder"])
    part = folder / "parts" / f"{payload['key']}.parquet"
    digest = put_part(part, [*rows.rows, *(row for null in nulls.values() for row in null.rows)])
    Ledger(folder / "ledger").tick(payload["key"], part=digest)


def _source(payload: Payload) -> list[Any]:
    """What the layer of a task is prepared from."""
    return [payload[name] for name in ("run", "layer", "input", "normalize", "seed", "points_are")]


def _points(run: Run, rows: NDArray[np.intp], payload: Payload) -> NDArray[np.float64]:
    """(points, d) activations of some samples of the task's layer."""
    return read_points(
        run.read,
        payload["layer"],
        rows,
        points_are=payload["points_are"],
        points=payload["points"],
        seed=np.random.default_rng([payload["seed"], payload["replicate"]]),
        masked=MASK in run.layers,
    )


def _measure_cloud(layer: Layer, rows: Rows, nulls: Mapping[str, Rows], payload: Payload) -> None:
    """Measure the cloud of a task and its null clouds."""
    assert layer.normalizer is not None, "a layer without a ruler has no cloud"
    dimensions = tuple(payload["homology_dimensions"])
    chosen = np.asarray(payload["rows"], dtype=np.intp)
    raw = _points(layer.run, chosen, payload)
    cloud = layer.normalizer(raw)
    raw_distances = _controls(rows, raw, cloud)
    # Positions and channels of one sample have no pictures of their own.
    loops = payload["replicate"] == 0 and payload["points_are"] == "samples"
    distances = _topology(rows, cloud, payload, dimensions, loop_rows=chosen if loops else None)
    if distances is not None:
        _checks(rows, raw, raw_distances, distances, payload)
    for name, null in nulls.items():
        twin = _null_cloud(name, layer, chosen, cloud, payload)
        if isinstance(twin, Layer):
            _all_missing(null, dimensions, twin.status, f"{name}: {twin.reason}")
        else:
            _topology(null, twin, payload, dimensions)


def _null_cloud(
    null: str,
    layer: Layer,
    chosen: NDArray[np.intp],
    cloud: NDArray[np.float64],
    payload: Payload,
) -> NDArray[np.float64] | Layer:
    """The cloud of one null for one draw, or the layer without a ruler that it would come from."""
    normalizer = layer.normalizer
    assert normalizer is not None, "a layer without a ruler has no nulls"
    source = _source(payload)
    if null == GAUSSIAN and payload["points_are"] != "samples":
        # Of this very cloud: between samples the covariance is another one.
        return gaussian_twin(cloud).sample(len(cloud), seed=_stream(payload))
    if null == GAUSSIAN:
        twin = fit_twin(*source, _class_of(layer.run, payload["label"], chosen))
        return twin.sample(len(cloud), seed=_stream(payload))
    if null == SHUFFLED:
        return shuffled(cloud, seed=_stream(payload, 1))
    if null == PERMUTED_LABELS:
        strangers = np.asarray(payload["strangers"], dtype=np.intp)
        return normalizer(_points(layer.run, strangers, payload))
    assert null == RANDOM_INIT, f"planned nulls are known, got {null!r}"
    fresh = prepare(str(twin_of(payload["run"])), payload["layer"], payload["twin"], *source[3:])
    if fresh.normalizer is None:
        return fresh
    return fresh.normalizer(_points(fresh.run, chosen, payload))


def _class_of(run: Run, label: str, rows: NDArray[np.intp]) -> int | None:
    """The class a draw was restricted to; None for pooled draws."""
    if not label or run.samples.labels is None:
        return None
    return int(run.samples.labels[rows[0]])


def _stream(payload: Payload, *use: int) -> np.random.Generator:
    """A random stream of the task's own: the same for any worker, order or resume."""
    return np.random.default_rng(np.random.SeedSequence([int(payload["key"], 16), *use]))


def _controls(
    rows: Rows, raw: NDArray[np.float64], cloud: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Numbers that stand beside every topology; returns the un-normalized distances."""
    check_finite(raw)
    distances = homology.distances(raw)
    n = len(raw)
    rows.value("activation_norm", intrinsic.activation_norm(raw))
    rows.value("scale", float(distances.sum()) / (n * (n - 1)) if n > 1 else np.nan)
    _guarded(rows, "effective_rank", lambda: intrinsic.effective_rank(cloud))
    _guarded(rows, "participation_ratio", lambda: intrinsic.participation_ratio(cloud))
    return distances


def _topology(
    rows: Rows,
    cloud: NDArray[np.float64],
    payload: Payload,
    dimensions: tuple[int, ...],
    *,
    loop_rows: NDArray[np.intp] | None = None,
) -> NDArray[np.float64] | None:
    """Diagrams, statistics, dimensions and, where asked for, the longest loops.

    Returns the distances, or None where there are none.
    """
    metric = payload["metric"]
    try:
        distances = homology.distances(cloud, metric=metric)
    except DegenerateCloudError as error:
        _all_missing(rows, dimensions, "nonfinite", str(error))
        return None
    grown = filtration_distances(cloud, distances, payload["complex"], payload["filtration"])
    diagrams = homology.rips_from_distances(
        grown,
        homology_dimensions=dimensions,
        max_edge_length=payload["max_edge_length"],
        coeff=payload["coeff"],
    )
    for k, pairs in zip(dimensions, diagrams, strict=True):
        rows.diagram(pairs, k)
        for name, value in summaries.diagram_statistics(summaries.finite(pairs)).items():
            rows.value(name, value, homology_dimension=k)
    _dimensions(rows, cloud, distances, payload)
    if loop_rows is not None and 1 in dimensions:
        for loop in homology.longest_loops(grown, count=LOOPS_KEPT, metric="precomputed"):
            rows.loop(loop.birth, loop.death, loop_rows[loop.vertices].tolist())
    return distances


def _checks(
    rows: Rows,
    raw: NDArray[np.float64],
    raw_distances: NDArray[np.float64],
    distances: NDArray[np.float64],
    payload: Payload,
) -> None:
    """The cheap form of the validity checks, which are about Rips filtrations of points."""
    if payload["complex"] != "rips":
        return
    found = validity_checks.cheap_checks(
        raw,
        raw_distances,
        distances,
        growth=rows.found("ph_dimension"),
        participation_ratio=rows.found("participation_ratio"),
        costly=payload["replicate"] < validity_checks.VARIED and payload["metric"] == "euclidean",
        rng=_stream(payload, 2),
    )
    for one in found:
        place = {"check": one.check, "condition": one.condition, "points": one.points}
        k = one.homology_dimension
        if one.status == OK:
            rows.value(one.statistic, one.value, homology_dimension=k, **place)
        else:
            rows.missing(one.statistic, one.status, one.reason, homology_dimension=k, **place)


def _dimensions(
    rows: Rows, cloud: NDArray[np.float64], distances: NDArray[np.float64], payload: Payload
) -> None:
    try:
        value, r2 = intrinsic.ph_dimension_from_distances(distances, seed=payload["seed"])
        rows.value("ph_dimension", value)
        rows.value("ph_dimension_r2", r2)
    except (DegenerateCloudError, TooFewSamplesError) as error:
        for name in DIMENSIONS[:2]:
            rows.missing(name, _status(error), str(error))
    _guarded(rows, "two_nn", lambda: intrinsic.two_nn(cloud).value)


def _guarded(rows: Rows, name: str, compute: Callable[[], float]) -> None:
    """Add a number, or the reason a cloud has none."""
    try:
        rows.value(name, compute())
    except (DegenerateCloudError, TooFewSamplesError) as error:
        rows.missing(name, _status(error), str(error))


def _status(error: Exception) -> str:
    return "too_few" if isinstance(error, TooFewSamplesError) else "constant"


def _all_missing(rows: Rows, dimensions: tuple[int, ...], status: str, reason: str) -> None:
    names = summaries.diagram_statistics(np.empty((0, 2)))
    for k in dimensions:
        for name in names:
            rows.missing(name, status, reason, homology_dimension=k)
    for name in DIMENSIONS:
        rows.missing(name, status, reason)
