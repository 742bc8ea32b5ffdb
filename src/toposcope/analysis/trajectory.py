"""`analyze_series`: the same analysis of every checkpoint, as tables with the step as a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope.analysis.plan import Design
from toposcope.analysis.result import Analysis
from toposcope.analysis.run import analyze, load_analysis
from toposcope.errors import StoreError, UsageError
from toposcope.execution.progress import Progress, ensure
from toposcope.store.series import Series, open_series

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One network through its training: an `Analysis` per checkpoint.

    Parameters
    ----------
    analyses
        By rising step, all of one design, on the same samples.
    series
        The checkpoints behind it, those that could not be captured included.
    """

    analyses: tuple[Analysis, ...]
    series: Series = field(repr=False)

    @property
    def steps(self) -> tuple[float, ...]:
        """Step of each analysis."""
        return tuple(float(one.attrs["step"]) for one in self.analyses)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers in network order."""
        return self.analyses[-1].layers

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Failed tasks of all analyses, with their `step`."""
        return [
            {"step": step, **failure}
            for step, one in zip(self.steps, self.analyses, strict=True)
            for failure in one.failures
        ]

    @property
    def table(self) -> pd.DataFrame:
        """`Analysis.table` of all checkpoints, `step` first."""
        return self._together("table")

    @property
    def intervals(self) -> pd.DataFrame:
        """`Analysis.intervals` of all checkpoints, `step` first."""
        return self._together("intervals")

    def _together(self, name: str) -> pd.DataFrame:
        import pandas as pd

        parts = []
        for step, one in zip(self.steps, self.analyses, strict=True):
            part = getattr(one, name).copy()
            part.insert(0, "step", step)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)


def analyze_series(
    series: Series | Path | str,
    design: Design | None = None,
    *,
    complex: str = Design.complex,
    homology_dimensions: Sequence[int] = Design.homology_dimensions,
    points: int = Design.points,
    replicates: int | None = Design.replicates,
    normalize: str | None = Design.normalize,
    metric: str = Design.metric,
    per_class: bool = Design.per_class,
    overlapping: bool = Design.overlapping,
    null: str | Sequence[str] | None = Design.null,
    max_edge_length: float = Design.max_edge_length,
    coeff: int = Design.coeff,
    seed: int = Design.seed,
    neighbors: int | None = Design.neighbors,
    weighted: bool | None = Design.weighted,
    quantile: float | None = Design.quantile,
    thresholds: Sequence[float] | None = Design.thresholds,
    construction: str | None = Design.construction,
    superlevel: bool | None = Design.superlevel,
    maps: bool | None = Design.maps,
    diagrams: bool | None = Design.diagrams,
    points_are: str = Design.points_are,
    samples: int | None = Design.samples,
    level: float = 0.95,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Trajectory:
    """Measure every checkpoint of a SERIES with one design; what is measured is kept.

    Parameters
    ----------
    series
        A SERIES folder, or what `capture_series` returned.
    design
        The keywords from `complex` to `samples` as one object, instead of them. Equal replicate
        numbers are equal samples at every step.
    complex, homology_dimensions, points, replicates, normalize, metric, per_class, overlapping, \
    null, max_edge_length, coeff, seed, neighbors, weighted, quantile, thresholds, construction, \
    superlevel, maps, diagrams, points_are, samples, level, jobs, progress
        As in `analyze`.

    Returns
    -------
    The analyses, with `.table` and `.intervals` that have a column `step`.

    Raises
    ------
    UsageError
        When a design and some of its keywords are given.
    """
    given = Design(
        complex=complex,
        homology_dimensions=homology_dimensions,
        points=points,
        replicates=replicates,
        normalize=normalize,
        metric=metric,
        per_class=per_class,
        overlapping=overlapping,
        null=null,
        max_edge_length=max_edge_length,
        coeff=coeff,
        seed=seed,
        neighbors=neighbors,
        weighted=weighted,
        quantile=quantile,
        thresholds=thresholds,
        construction=construction,
        superlevel=superlevel,
        maps=maps,
        diagrams=diagrams,
        points_are=points_are,
        samples=samples,
    )
    if design is not None and given != Design():
        told = ", ".join(f"{key}={value!r}" for key, value in _changed(given).items())
        msg = f"analyze_series(): got a design and {told}. Pass one or the other."
        raise UsageError(msg)
    found = series if isinstance(series, Series) else open_series(series)
    _refuse_empty(found)
    reporter = ensure(progress)
    chosen = design or given
    options = {one.name: getattr(chosen, one.name) for one in fields(Design)}
    analyses = [
        analyze(run, **options, level=level, jobs=jobs, progress=reporter) for run in found.runs
    ]
    return Trajectory(tuple(analyses), found)


def _changed(design: Design) -> dict[str, Any]:
    """The parameters that are not at their defaults."""
    values = {one.name: getattr(design, one.name) for one in fields(Design)}
    return {key: value for key, value in values.items() if value != getattr(Design(), key)}


def load_trajectory(series: Series | Path | str, analysis: str | None = None) -> Trajectory:
    """The finished analyses of a SERIES: the one named, or the last one of each checkpoint."""
    found = series if isinstance(series, Series) else open_series(series)
    _refuse_empty(found)
    try:
        return Trajectory(tuple(load_analysis(run, analysis) for run in found.runs), found)
    except StoreError as error:
        error.add_note(f"'toposcope analyze {found.path}' measures what is missing in the series")
        raise


def _refuse_empty(series: Series) -> None:
    if not len(series):
        msg = f"{series.path} holds no captured checkpoint. Capture one first."
        raise StoreError(msg)
