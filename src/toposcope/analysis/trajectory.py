"""`analyze_series`: the same analysis of every checkpoint, as tables with the step as a column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope.analysis.design import Design
from toposcope.analysis.forecast import Forecast
from toposcope.analysis.opening import load_analysis
from toposcope.analysis.parameters import from_keywords
from toposcope.analysis.result import Analysis
from toposcope.analysis.run import analyze_design
from toposcope.errors import StoreError, UsageError
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress, ensure
from toposcope.inputs import parameters as given
from toposcope.inputs.signatures import checked, instance
from toposcope.store.series import Series, open_series
from toposcope.types import Shown

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Trajectory(Shown):
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


SERIES = instance(Series, path=True, url=True, needed="a Series, as ts.open_series() returns it")


@checked(series=SERIES, design=instance(Design, needed="a Design"), level=given.level)
def analyze_series(
    series: Series | Path | str,
    design: Design | None = None,
    *,
    level: float = 0.95,
    jobs: Jobs = None,
    progress: Progress | None = None,
    plan: Path | str | None = None,
    tell: Callable[[Forecast], None] | None = None,
    **parameters: Any,
) -> Trajectory:
    """Measure every checkpoint of a SERIES with one design; what is measured is kept.

    Parameters
    ----------
    series
        A SERIES folder, or what `capture_series` returned.
    design
        What to measure. Equal replicate numbers are equal samples at every step.
    level, jobs, progress, plan, tell
        As in `analyze` and `analyze_design`.
    parameters
        Those of the design, as in `analyze` (`filtration=`, `points=`, ...), instead of it.

    Returns
    -------
    The analyses, with `.table` and `.intervals` that have a column `step`.

    Raises
    ------
    UsageError
        When a design and some parameters are given, or a parameter that there is not.
    """
    if design is not None and parameters:
        told = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
        msg = f"analyze_series(): got a design and {told}. Pass one or the other."
        raise UsageError(msg)
    chosen = design or from_keywords(Design, parameters, call="analyze_series()")
    opened = series if isinstance(series, Series) else open_series(series)
    _refuse_empty(opened)
    reporter = ensure(progress)
    analyses = [
        analyze_design(run, chosen, level=level, jobs=jobs, progress=reporter, plan=plan, tell=tell)
        for run in opened.runs
    ]
    return Trajectory(tuple(analyses), opened)


def load_trajectory(series: Series | Path | str, analysis: str | None = None) -> Trajectory:
    """The finished analyses of a SERIES: the one named, or the last one of each checkpoint."""
    opened = series if isinstance(series, Series) else open_series(series)
    _refuse_empty(opened)
    try:
        return Trajectory(tuple(load_analysis(run, analysis) for run in opened.runs), opened)
    except StoreError as error:
        error.add_note(f"'toposcope analyze {opened.path}' measures what is missing in the series")
        raise


def _refuse_empty(series: Series) -> None:
    if not len(series):
        msg = f"{series.path} holds no captured checkpoint. Capture one first."
        raise StoreError(msg)
