"""Everything that is measured on one cloud: the job of one draw of one layer.

Runs in worker processes; imports neither torch nor pandas. A job reads one draw of one layer,
measures the cloud and its nulls, and gives one Parquet part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import dimension, homology
from toposcope.analysis import validity_checks
from toposcope.analysis.filtrations import PointFiltration
from toposcope.analysis.jobs import Inputs, Job
from toposcope.analysis.rulers import Layer, Source, fit_copula_null, fit_gaussian_null, prepare
from toposcope.analysis.scale_error import RULER
from toposcope.analysis.statistic_names import DUPLICATES
from toposcope.diagrams import summaries
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UndefinedError
from toposcope.pointclouds.copula import copula_null
from toposcope.pointclouds.kinds import read_points
from toposcope.pointclouds.normalize import check_finite
from toposcope.pointclouds.nulls import (
    COPULA,
    GAUSSIAN,
    PERMUTED_LABELS,
    RANDOM_INIT,
    SHUFFLED,
    gaussian_null,
    null_of,
    shuffled,
    twin_cloud,
)
from toposcope.store.runs import Run, twin_of
from toposcope.store.tables import OK, Rows, part_bytes
from toposcope.types import DATA_CLOUD, MASK

CONTROLS = ("activation_norm", "scale", "effective_rank", "participation_ratio")
_NO_FINITE_DIMENSION = (
    "it is infinite: the lengths of the spanning trees grow at least as fast as the number of "
    "points; more points may show a finite one"
)
DIMENSIONS = ("ph_dimension", "ph_dimension_r2", "two_nn")
LOOPS_KEPT = 3


@dataclass(frozen=True, kw_only=True)
class CloudJob(Job):
    """One draw of one layer, with its null clouds.

    Parameters
    ----------
    replicate
        Number of the draw.
    twins
        Hash of the layer's values in every random-init twin; none where that is no null.
    strangers
        Samples of the null "permuted_labels"; None where that is none.
    drawn
        Hash of the samples of all draws, which the ruler is estimated on.
    """

    replicate: int
    drawn: str
    twins: tuple[str, ...]
    strangers: tuple[int, ...] | None

    @property
    def first_replicate(self) -> int:
        """The replicate."""
        return self.replicate

    @property
    def title(self) -> str:
        """Layer, replicate and class."""
        end = f", {self.label}" if self.label else ""
        return f"{self.layer}, replicate {self.replicate}{end}"

    @property
    def filtration(self) -> PointFiltration:
        """What the cloud is filtered by."""
        filtration = self.design.filtration
        assert isinstance(filtration, PointFiltration), "clouds are laid out for those alone"
        return filtration

    def source(self, inputs: Inputs) -> Source:
        """What the layer is prepared from."""
        return Source(inputs.run, self.layer, self.content, self.design)

    def measure(self, inputs: Inputs) -> bytes:
        """Everything that is measured on the cloud and its nulls."""
        return measure_cloud(self, inputs)


def measure_cloud(job: CloudJob, inputs: Inputs) -> bytes:
    """Measure one draw of one layer and its nulls; the bytes of a Parquet part."""
    layer = prepare(job.source(inputs))
    rows = Rows(
        layer=job.layer,
        depth=job.depth,
        label=job.label,
        replicate=job.replicate,
        points=job.design.size,
        cloud=DATA_CLOUD,
    )
    nulls = {name: rows.twin(cloud=name) for name in null_clouds(job)}
    if layer.normalizer is None:
        for name in CONTROLS:
            rows.missing(name, layer.status, layer.reason)
        _all_missing(rows, job, layer.status, layer.reason)
    else:
        try:
            _measure_clouds(layer, rows, nulls, job, inputs)
        except TooFewSamplesError as error:
            for name in CONTROLS:
                rows.missing(name, "too_few", str(error))
            _all_missing(rows, job, "too_few", str(error))
    return part_bytes([*rows.rows, *(row for null in nulls.values() for row in null.rows)])


def null_clouds(job: CloudJob) -> list[str]:
    """Names of the null clouds of a job: one of each null, one of each random-init twin."""
    return [
        name
        for null in job.design.nulls
        for name in (map(twin_cloud, range(len(job.twins))) if null == RANDOM_INIT else [null])
    ]


def _points(run: Run, rows: NDArray[np.intp], job: CloudJob) -> NDArray[np.float64]:
    """(points, d) activations of some samples of the job's layer."""
    return read_points(
        run.read,
        job.layer,
        rows,
        points_are=job.design.points_are,
        points=job.design.size,
        seed=np.random.default_rng([job.design.seed, job.replicate]),
        masked=MASK in run.layers,
    )


def _measure_clouds(
    layer: Layer, rows: Rows, nulls: Mapping[str, Rows], job: CloudJob, inputs: Inputs
) -> None:
    """Measure the cloud of a job and its null clouds."""
    assert layer.normalizer is not None, "a layer without a ruler has no cloud"
    chosen = np.asarray(job.rows, dtype=np.intp)
    raw = _points(layer.run, chosen, job)
    cloud = layer.normalizer(raw)
    raw_distances = _controls(rows, raw, cloud)
    _ruler_share(rows, layer, job)
    # Positions and channels of one sample have no pictures of their own.
    loops = job.replicate == 0 and job.design.points_are == "samples"
    measured = _topology(rows, cloud, job, loop_rows=chosen if loops else None)
    if measured is not None and job.filtration.cheap_checks:
        _checks(rows, raw, raw_distances, cloud, *measured, job)
    for name, null in nulls.items():
        twin = _null_cloud(name, layer, cloud, job, inputs)
        if isinstance(twin, Layer):
            _all_missing(null, job, twin.status, f"{name}: {twin.reason}")
        else:
            if null_of(name) == RANDOM_INIT:  # it has a ruler of its own
                _ruler_share(null, _fresh(name, job, inputs), job)
            _topology(null, twin, job)


def _ruler_share(rows: Rows, layer: Layer, job: CloudJob) -> None:
    """How this draw pulled the scale, where lengths hang on it; see `Analysis.units`.

    They do not under cosine distances or in hops, and cut filtrations are not proportional to it.
    """
    design = job.design
    in_lengths = design.metric == "euclidean" and not job.filtration.value_unit()
    if layer.shares is not None and in_lengths and np.isinf(design.max_edge_length):
        rows.value(RULER, float(layer.shares[job.replicate]))


def _fresh(null: str, job: CloudJob, inputs: Inputs) -> Layer:
    """The same layer in a random-init twin of the network."""
    assert null_of(null) == RANDOM_INIT, f"planned nulls are known, got {null!r}"
    number = null_clouds(job).index(null) - null_clouds(job).index(RANDOM_INIT)
    twin = twin_of(inputs.run, number)
    return prepare(replace(job.source(inputs), run=twin, content=job.twins[number]))


def _null_cloud(
    null: str, layer: Layer, cloud: NDArray[np.float64], job: CloudJob, inputs: Inputs
) -> NDArray[np.float64] | Layer:
    """The cloud of one null for one draw, or the layer without a ruler that it would come from."""
    normalizer = layer.normalizer
    assert normalizer is not None, "a layer without a ruler has no nulls"
    source, chosen = job.source(inputs), np.asarray(job.rows, dtype=np.intp)
    if null in (GAUSSIAN, COPULA) and source.design.points_are != "samples":
        # Of this very cloud: between samples the covariance is another one.
        if null == GAUSSIAN:
            return gaussian_null(cloud).sample(len(cloud), seed=job.rng())
        return copula_null(cloud).sample(len(cloud), seed=job.rng(3))
    if null == GAUSSIAN:
        gaussian = fit_gaussian_null(source, _class_of(layer.run, job.label, chosen))
        return gaussian.sample(len(cloud), seed=job.rng())
    if null == COPULA:
        copula = fit_copula_null(source, _class_of(layer.run, job.label, chosen))
        return copula.sample(len(cloud), seed=job.rng(3))
    if null == SHUFFLED:
        return shuffled(cloud, seed=job.rng(1))
    if null == PERMUTED_LABELS:
        assert job.strangers is not None, "a null that is asked for has its samples"
        return normalizer(_points(layer.run, np.asarray(job.strangers, dtype=np.intp), job))
    fresh = _fresh(null, job, inputs)
    if fresh.normalizer is None:
        return fresh
    return fresh.normalizer(_points(fresh.run, chosen, job))


def _class_of(run: Run, label: str, rows: NDArray[np.intp]) -> int | None:
    """The class a draw was restricted to; None for pooled draws."""
    if not label or run.samples.labels is None:
        return None
    return int(run.samples.labels[rows[0]])


def _controls(
    rows: Rows, raw: NDArray[np.float64], cloud: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Numbers that stand beside every topology; returns the un-normalized distances."""
    check_finite(raw)
    distances = homology.distances(raw)
    n = len(raw)
    rows.value("activation_norm", dimension.activation_norm(raw))
    rows.value("scale", float(distances.sum()) / (n * (n - 1)) if n > 1 else np.nan)
    # Equal n is not equal numbers of distinct points: a layer rounded to whole numbers had 51 of 99
    # pairs in H0, and an E0 that was "surely" 58 % smaller.
    repeated = int(np.tril(distances == 0, -1).any(axis=1).sum())
    if repeated:
        rows.value(DUPLICATES, repeated)
    _guarded(rows, "effective_rank", lambda: dimension.effective_rank(cloud))
    _guarded(rows, "participation_ratio", lambda: dimension.participation_ratio(cloud))
    return distances


def _topology(
    rows: Rows,
    cloud: NDArray[np.float64],
    job: CloudJob,
    *,
    loop_rows: NDArray[np.intp] | None = None,
) -> tuple[NDArray[np.float64], dict[int, NDArray[np.float64]]] | None:
    """Diagrams, statistics, dimensions and, where asked for, the longest loops.

    Returns the distances and the diagrams by degree, or None where there are none.
    """
    design = job.design
    try:
        distances = homology.distances(cloud, metric=design.metric)
    except DegenerateCloudError as error:
        _all_missing(rows, job, "nonfinite", str(error))
        return None
    grown = job.filtration.distances(cloud, distances)
    diagrams = homology.rips_from_distances(
        grown,
        homology_dimensions=design.homology_dimensions,
        max_edge_length=design.max_edge_length,
        coeff=design.coeff,
    )
    for k, pairs in zip(design.homology_dimensions, diagrams, strict=True):
        rows.diagram(pairs, k)
        for name, value in summaries.cloud_statistics(pairs).items():
            rows.value(
                name,
                value,
                homology_dimension=k,
                reason=summaries.undefined_reason(name, int(np.isfinite(pairs[:, 1]).sum())),
            )
    _dimensions(rows, cloud, distances, job)
    if loop_rows is not None and 1 in design.homology_dimensions:
        for loop in homology.longest_loops(grown, count=LOOPS_KEPT, metric="precomputed"):
            rows.loop(loop.birth, loop.death, loop_rows[loop.vertices].tolist())
    return distances, dict(zip(design.homology_dimensions, diagrams, strict=True))


def _checks(
    rows: Rows,
    raw: NDArray[np.float64],
    raw_distances: NDArray[np.float64],
    cloud: NDArray[np.float64],
    distances: NDArray[np.float64],
    diagrams: Mapping[int, NDArray[np.float64]],
    job: CloudJob,
) -> None:
    """The cheap form of the validity checks, which are about Rips filtrations of points."""
    # Parts of a cloud are measured whole and over F2; a diagram that is not has nothing to be
    # compared with.
    plain = np.isinf(job.design.max_edge_length) and job.design.coeff == 2
    checks = validity_checks.cheap_checks(
        raw,
        raw_distances,
        cloud,
        distances,
        diagrams=diagrams if plain else {},
        euclidean=job.design.metric == "euclidean",
        participation_ratio=rows.found("participation_ratio"),
        costly=job.replicate < validity_checks.VARIED,
        rng=job.rng(2),
    )
    for check in checks:
        place: dict[str, Any] = {
            "check": check.check,
            "condition": check.condition,
            "points": check.points,
        }
        k = check.homology_dimension
        if check.status == OK:
            rows.value(check.statistic, check.value, homology_dimension=k, **place)
        else:
            rows.missing(check.statistic, check.status, check.reason, homology_dimension=k, **place)


def _dimensions(
    rows: Rows, cloud: NDArray[np.float64], distances: NDArray[np.float64], job: CloudJob
) -> None:
    try:
        value, r2 = dimension.ph_dimension_from_distances(distances, seed=job.design.seed)
        rows.value("ph_dimension", value, reason=_NO_FINITE_DIMENSION)
        rows.value("ph_dimension_r2", r2)
    except (DegenerateCloudError, TooFewSamplesError) as error:
        for name in DIMENSIONS[:2]:
            rows.missing(name, _status(error), str(error))
    _guarded(rows, "two_nn", lambda: dimension.two_nn(cloud).value)


def _guarded(rows: Rows, name: str, compute: Callable[[], float]) -> None:
    """Add a number, or the reason a cloud has none."""
    try:
        rows.value(name, compute())
    except (DegenerateCloudError, TooFewSamplesError) as error:
        rows.missing(name, _status(error), str(error))


def _status(error: Exception) -> str:
    if isinstance(error, UndefinedError):
        return "undefined"
    return "too_few" if isinstance(error, TooFewSamplesError) else "constant"


def _all_missing(rows: Rows, job: CloudJob, status: str, reason: str) -> None:
    names = summaries.cloud_statistics(np.empty((0, 2)))
    for k in job.design.homology_dimensions:
        for name in names:
            rows.missing(name, status, reason, homology_dimension=k)
    for name in DIMENSIONS:
        rows.missing(name, status, reason)
