"""`report`: turn whatever the user holds into analyses, find what stands out, write the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope.analysis.population import Population
from toposcope.analysis.population_folder import is_population, population
from toposcope.analysis.result import Analysis, analysis_of_diagrams
from toposcope.analysis.run import load_analysis
from toposcope.analysis.trajectory import Trajectory, load_trajectory
from toposcope.comparison.groups import GroupComparison
from toposcope.comparison.result import Comparison, is_comparison
from toposcope.errors import UsageError
from toposcope.findings.findings import look
from toposcope.findings.population import look_at_population
from toposcope.inputs.signatures import checked
from toposcope.inputs.urls import url_of
from toposcope.reporting.comparison_page import write_comparison
from toposcope.reporting.names import in_training_order, steps_apart, told_apart
from toposcope.reporting.population_page import write_groups, write_population
from toposcope.reporting.ranking_page import write_board
from toposcope.reporting.report_page import write_report
from toposcope.reporting.study_page import write_studies
from toposcope.store.folders import GROUPS, MARKS, STUDY, folder_kind
from toposcope.store.objects import objects_in
from toposcope.store.series import is_series
from toposcope.studies.stored import load_study, study_folders
from toposcope.studies.study import Study
from toposcope.transfer.ranking.kept import BOARD, load_board
from toposcope.types import ActivationSet, DiagramSet

if TYPE_CHECKING:
    import pandas as pd


@checked()
def report(
    items: Sequence[Any] | Any,
    *,
    to: Path | str = "report.html",
    title: str | None = None,
    analysis: str | Sequence[str | None] | None = None,
    configuration: Sequence[str] | None = None,
) -> Path:
    """Write one self-contained HTML report; returns its path.

    Parameters
    ----------
    items
        RUN or SERIES folders, `Analysis`, what `analyze_series` returns, `ActivationSet` of
        analyzed RUNs, or `DiagramSet`; one or several. Or one board: what `toposcope.rank`
        returned, or its folder. Or one `Comparison`, or the folder it is kept in. Or one
        `Population`, its folder, or a comparison of its groups, or the folder that is kept in. Or a
        `Study`, its folder, or a folder of studies.
    to
        File to write; it opens offline and asks the network for nothing.
    title
        Heading; by default made from the names of the runs.
    analysis
        Which analysis of each RUN or SERIES; None for the last one finished. One name for all of
        them, or a sequence with one for each item: so one RUN, given three times, is shown by three
        of its analyses, each named by what differs.
    configuration
        Of a population's folder: as in `toposcope.population`.
    """
    table = as_board(items)
    if table is not None:
        return write_board(table, to, title=title)
    several = items if isinstance(items, (list, tuple)) else [items]
    studies = as_studies(several)
    if studies:
        return write_studies(studies, Path(to), title=title)
    networks = [item for item in several if _holds_population(item)]
    if networks:
        if len(several) > 1:
            msg = (
                f"report(): a population has a page of its own; got {len(several)} items. Pass it "
                "alone, or its RUNs one by one."
            )
            raise UsageError(msg)
        return _write_networks(networks[0], to, title, analysis, configuration)
    if configuration is not None:
        msg = "report(): configuration= (--configuration) is about the folder of a population."
        raise UsageError(msg)
    compared = [item for item in several if _holds_comparison(item)]
    if compared:
        if len(several) > 1:
            msg = (
                f"report(): a comparison has a page of its own; got {len(several)} items. Pass it "
                "alone, and the RUNs in a second call."
            )
            raise UsageError(msg)
        return write_comparison(_as_comparison(compared[0]), Path(to), title=title)
    return write_report(look(analyses_shown(several, analysis)), Path(to), title=title)


def analyses_shown(
    items: Sequence[Any], analysis: str | Sequence[str | None] | None = None
) -> list[Analysis]:
    """The analyses that a report of some items shows, named apart and in training order.

    Parameters
    ----------
    items, analysis
        As in `report`.
    """
    named = [analysis] if isinstance(analysis, str) else list(analysis or [None])
    if len(named) not in (1, len(items)) and items:
        msg = (
            f"report(): {len(named)} analyses are named for {len(items)} items. Name one for all "
            "of them, or one for each in their order (--analysis, repeated)."
        )
        raise UsageError(msg)
    named = named * len(items) if len(named) == 1 else named
    analyses = [
        one for item, name in zip(items, named, strict=True) for one in analyses_of(item, name)
    ]
    if not analyses:
        msg = "report(): got no runs; pass at least one RUN folder or Analysis."
        raise UsageError(msg)
    return steps_apart(in_training_order(told_apart(analyses)))


def as_board(items: object) -> pd.DataFrame | None:
    """The board that is meant, or None when it is something else."""
    one = items[0] if isinstance(items, (list, tuple)) and len(items) == 1 else items
    if isinstance(one, (str, Path)) and objects_in(one).exists(BOARD):
        return load_board(one)
    return one if getattr(one, "attrs", {}).get("kind") == "board" else None  # type: ignore[return-value]


def as_studies(items: Sequence[Any]) -> list[Study]:
    """The studies that are meant; empty when it is something else.

    Raises
    ------
    UsageError
        For studies and other things at once.
    """
    found: list[list[Study]] = []
    for item in items:
        if isinstance(item, Study):
            found.append([item])
        elif isinstance(item, (str, Path)):
            there = url_of(item) is not None or Path(item).is_dir()
            kind = folder_kind(item) if there else None
            folders = study_folders(item) if there and kind in (None, STUDY) else []
            found.append([load_study(folder) for folder in folders])
        else:
            found.append([])
    if any(found) and not all(found):
        msg = (
            f"report(): studies have a page of their own; got {len(items)} items, of which "
            f"{sum(not one for one in found)} are something else. Pass studies alone."
        )
        raise UsageError(msg)
    return [study for one in found for study in one]


def analyses_of(item: object, analysis: str | None = None) -> list[Analysis]:
    """The analyses behind an item: those of all checkpoints of a SERIES, or the one."""
    if isinstance(item, (str, Path)) and is_series(item):
        item = load_trajectory(item, analysis)
    if not isinstance(item, Trajectory):
        return [as_analysis(item, analysis)]
    told = [f"{f['weights']}: {f['reason']}" for f in item.series.failures] + list(
        item.series.notes
    )
    return [
        replace(one, attrs={**one.attrs, "warnings": [*one.attrs["warnings"], *told]})
        for one in item.analyses
    ]


def has_own_page(items: object) -> bool:
    """Whether something has a page of its own: a comparison, a ranking, studies, a population."""
    several = items if isinstance(items, (list, tuple)) else [items]
    if as_studies(several):
        return True
    own = (_holds_comparison, _holds_population)
    return as_board(items) is not None or any(holds(one) for one in several for holds in own)


def _holds_population(item: object) -> bool:
    return isinstance(item, (Population, GroupComparison)) or is_population(item) or _kept(item)


def _kept(item: object) -> bool:
    """Whether it is the folder of a comparison of groups."""
    return isinstance(item, (str, Path)) and objects_in(item).exists(MARKS[GROUPS])


def _write_networks(
    item: Any, to: Path | str, title: str | None, analysis: Any, configuration: Any
) -> Path:
    if _kept(item):
        item = GroupComparison.load(item)
    if isinstance(item, GroupComparison):
        return write_groups(item, to, title=title)
    if not isinstance(item, Population):
        names = [analysis] if isinstance(analysis, str) else list(analysis or [None])
        item = population(item, analysis=names[0], configuration=configuration)
    return write_population(look_at_population(item), to, title=title)


def _holds_comparison(item: object) -> bool:
    return isinstance(item, Comparison) or (isinstance(item, (str, Path)) and is_comparison(item))


def _as_comparison(item: Any) -> Comparison:
    return item if isinstance(item, Comparison) else Comparison.load(item)


def as_analysis(item: object, analysis: str | None = None) -> Analysis:
    """An `Analysis` from anything `report` accepts."""
    if isinstance(item, Analysis):
        return item
    if isinstance(item, DiagramSet):
        return analysis_of_diagrams(item)
    if isinstance(item, ActivationSet) and item.run is not None:
        return load_analysis(item.run, analysis)
    if isinstance(item, (str, Path)):
        return load_analysis(item, analysis)
    msg = (
        f"report(): cannot show a {type(item).__name__}; pass RUN folders, the Analysis that "
        "toposcope.analyze() returns, or the DiagramSet that toposcope.rips() returns."
    )
    raise UsageError(msg)
