"""`report`: turn whatever the user holds into analyses, find what stands out, write the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope.analysis.result import Analysis, analysis_of_diagrams
from toposcope.analysis.run import load_analysis
from toposcope.analysis.trajectory import Trajectory, load_trajectory
from toposcope.comparison.result import Comparison, is_comparison
from toposcope.errors import UsageError
from toposcope.findings.findings import look
from toposcope.reporting.comparison_page import write_comparison
from toposcope.reporting.ranking_page import write_board
from toposcope.reporting.report_page import write_report
from toposcope.store.series import is_series
from toposcope.transfer.ranking.run import BOARD, load_board
from toposcope.types import ActivationSet, DiagramSet

if TYPE_CHECKING:
    import pandas as pd


def report(
    items: Sequence[Any] | Any,
    *,
    to: Path | str = "report.html",
    title: str | None = None,
    analysis: str | None = None,
) -> Path:
    """Write one self-contained HTML report; returns its path.

    Parameters
    ----------
    items
        RUN or SERIES folders, `Analysis`, what `analyze_series` returns, `ActivationSet` of
        analyzed RUNs, or `DiagramSet`; one or several. Or one board: what `toposcope.rank`
        returned, or its folder. Or one `Comparison`, or the folder it is kept in.
    to
        File to write; it opens offline and asks the network for nothing.
    title
        Heading; by default made from the names of the runs.
    analysis
        Which analysis of each RUN; None for the last one finished.
    """
    table = as_board(items)
    if table is not None:
        return write_board(table, to, title=title)
    several = items if isinstance(items, (list, tuple)) else [items]
    compared = [item for item in several if _holds_comparison(item)]
    if compared:
        if len(several) > 1:
            msg = (
                f"report(): a comparison has a page of its own; got {len(several)} items. Pass it "
                "alone, and the RUNs in a second call."
            )
            raise UsageError(msg)
        return write_comparison(_as_comparison(compared[0]), Path(to), title=title)
    analyses = [one for item in several for one in analyses_of(item, analysis)]
    if not analyses:
        msg = "report(): got no runs; pass at least one RUN folder or Analysis."
        raise UsageError(msg)
    analyses = told_apart(in_training_order(analyses))
    return write_report(look(analyses), Path(to), title=title)


def as_board(items: object) -> pd.DataFrame | None:
    """The board that is meant, or None when it is something else."""
    one = items[0] if isinstance(items, (list, tuple)) and len(items) == 1 else items
    if isinstance(one, (str, Path)) and (Path(one) / BOARD).exists():
        return load_board(one)
    return one if getattr(one, "attrs", {}).get("kind") == "board" else None  # type: ignore[return-value]


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


def _holds_comparison(item: object) -> bool:
    return isinstance(item, Comparison) or (isinstance(item, (str, Path)) and is_comparison(item))


def _as_comparison(item: Any) -> Comparison:
    return item if isinstance(item, Comparison) else Comparison.load(item)


def in_training_order(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Checkpoints of a model by rising step; models in the order given.

    A shell sorts step150 before step30.
    """
    models = list(dict.fromkeys(str(a.attrs.get("model")) for a in analyses))

    def place(analysis: Analysis) -> tuple[int, float]:
        step = analysis.attrs.get("step")
        return models.index(str(analysis.attrs.get("model"))), -1 if step is None else float(step)

    return sorted(analyses, key=place)


def told_apart(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Runs without steps that share a name, named after what differs: data, weights or folder."""
    out = list(analyses)
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(analyses):
        if one.attrs.get("step") is None:
            groups.setdefault(one.name, []).append(place)
    for name, places in groups.items():
        for differs in (_data_name, _weights_name, _folder_name):
            words = [differs(analyses[place]) for place in places]
            if len(places) > 1 and len({*words} - {""}) == len(places):
                for place, word in zip(places, words, strict=True):
                    out[place] = replace(analyses[place], name=f"{name} ({word})")
                break
    return out


def _data_name(analysis: Analysis) -> str:
    return str(analysis.attrs.get("data_name") or "")


def _weights_name(analysis: Analysis) -> str:
    return Path(str(analysis.attrs.get("weights") or "")).stem


def _folder_name(analysis: Analysis) -> str:
    return "" if analysis.run is None else analysis.run.name


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
