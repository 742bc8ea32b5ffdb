"""What a notebook shows of a result: a headline, how sure it is, and one compact table.

Results lie below the words and the figures, so they ask for this file by name when they are shown;
see `toposcope.types.shown`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from toposcope.analysis.result import Analysis
from toposcope.analysis.trajectory import Trajectory
from toposcope.comparison.result import Comparison
from toposcope.errors import UsageError
from toposcope.findings.findings import Findings, look
from toposcope.reporting.axes import COLORS, axes_or_new
from toposcope.reporting.plots import plot_depth
from toposcope.reporting.result_plots import (
    plot_comparison,
    plot_cubical,
    plot_ranking,
    plot_study,
    plot_training,
    plot_validity,
)
from toposcope.store.runs import Run
from toposcope.store.series import Series, number
from toposcope.store.tables import OK
from toposcope.studies.study import Study
from toposcope.studies.validity_study import ValidityStudy
from toposcope.transfer.ranking.table import Ranking
from toposcope.types import DATA_CLOUD, _html_table
from toposcope.words.designs import is_cubical
from toposcope.words.headline import headline
from toposcope.words.ranking import choice_text, leading_score
from toposcope.words.statistics import phrase
from toposcope.words.studies import study_text
from toposcope.words.validity import told as validity_told
from toposcope.words.verdicts import comparison_answer, verdict_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LAYERS = 40
"""Rows of a table of layers; of more, every second, third ... is shown."""
MOST_COLUMNS = 6


@singledispatch
def shown(result: Any) -> str:
    """HTML of a result; every name in it is escaped."""
    return f"<pre>{html.escape(repr(result))}</pre>"


@singledispatch
def drawn(result: Any, *, ax: Axes | None = None, **options: Any) -> Axes:
    """The figure of a result that answers its question."""
    msg = f"plot(): there is no figure of a {type(result).__name__}."
    raise UsageError(msg)


def _page(sentences: Sequence[str], table: str) -> str:
    """Sentences above a table, the first one large."""
    head, *rest = [html.escape(one) for one in sentences]
    small = "".join(f"<p style='margin:.2em 0;opacity:.8'>{one}</p>" for one in rest)
    return f"<p style='font-size:1.15em;margin:.2em 0'>{head}</p>{small}{table}"


def _analysis_table(analysis: Analysis) -> str:
    """Layers down, the statistics of its filtration across: means with half an interval."""
    design = analysis.design
    looked = () if design is None else design.filtration.headline
    table = analysis.intervals
    known = table[table["cloud"] == DATA_CLOUD]
    label = known["label"].iloc[0] if len(known) else ""
    rows = {
        (r.layer, r.statistic, _degree(r.homology_dimension)): r
        for r in known[known["label"] == label].itertuples()
    }
    columns = [one for one in looked if any(key[1:] == one for key in rows)][:MOST_COLUMNS]
    columns = columns or list(dict.fromkeys(key[1:] for key in rows))[:MOST_COLUMNS]
    layers = analysis.layers
    every = max(1, -(-len(layers) // MOST_LAYERS))
    body = [
        (layer, *(_cell(rows.get((layer, *column))) for column in columns))
        for layer in layers[::every]
    ]
    title = f"{analysis.name}: {len(layers)} layer{'s' * (len(layers) != 1)}"
    title += f", 1 of {every} shown" if every > 1 else ""
    title += f", class {label}" if label else ""
    return _html_table(title, ("layer", *(phrase(*one) for one in columns)), body)


def _degree(value: Any) -> int | None:
    return None if str(value) in ("<NA>", "nan", "None") else int(value)


def _cell(row: Any) -> str:
    """A mean with half its interval; a dash without a value."""
    if row is None or not math.isfinite(row.mean):
        return "–"
    half = (row.high - row.low) / 2
    return f"{row.mean:.4g}" + (f" ± {half:.2g}" if math.isfinite(half) else "")


def _told(findings: Findings) -> list[str]:
    top = headline(findings)
    return [top.sentence, f"{top.mark}: {top.why}"]


def _leading(findings: Findings) -> tuple[str, int | None]:
    """The statistic that the headline is about."""
    if not findings.changes:
        return "lifespan_sum", 0
    return findings.changes[0].statistic, findings.changes[0].homology_dimension


@shown.register(Analysis)
def _(result: Analysis) -> str:
    return _page(_told(look([result])), _analysis_table(result))


@drawn.register(Analysis)
def _(
    result: Analysis,
    statistic: str | None = None,
    homology_dimension: int | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    if is_cubical(result.attrs):
        return plot_cubical(result, statistic or "betti_total", ax=ax)
    if statistic is None:
        statistic, homology_dimension = _leading(look([result]))
    return plot_depth(result, statistic, homology_dimension, ax=ax)


@shown.register(Trajectory)
def _(result: Trajectory) -> str:
    steps = ", ".join(map(number, result.steps))
    told = [*_told(look(result.analyses)), f"{result.series.unit}s: {steps}; below: the last one"]
    return _page(told, _analysis_table(result.analyses[-1]))


@drawn.register(Trajectory)
def _(
    result: Trajectory,
    statistic: str | None = None,
    homology_dimension: int | None = None,
    *,
    layers: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    if statistic is None:
        statistic, homology_dimension = _leading(look(result.analyses))
    return plot_training(result, statistic, homology_dimension, layers=layers, ax=ax)


@shown.register(Comparison)
def _(result: Comparison) -> str:
    header, *rows = verdict_table(result)
    answer = comparison_answer(result) or [f"{len(result.networks)} networks, pair by pair."]
    return _page(answer, _html_table(repr(result), header, rows))


@drawn.register(Comparison)
def _(
    result: Comparison,
    measure: str | None = None,
    homology_dimension: int | None = None,
    *,
    gap: bool = False,
    ax: Axes | None = None,
) -> Axes:
    return plot_comparison(result, measure, homology_dimension, gap=gap, ax=ax)


def _rates(series: Series) -> list[tuple[float, float | None, str]]:
    """Step, accuracy and weights of every checkpoint."""
    return [
        (member.step, (Run.open(run).summary or {}).get("top1"), member.weights)
        for member, run in zip(series.members, series.runs, strict=True)
    ]


@shown.register(Series)
def _(result: Series) -> str:
    rows = [
        (number(step), "–" if top1 is None else f"{top1:.4f}", weights)
        for step, top1, weights in _rates(result)
    ]
    failed = f"; {len(result.failures)} could not be captured" if result.failures else ""
    told = [f"{len(rows)} checkpoints on the same samples{failed}.", "Next: ts.analyze_series(…)"]
    return _page(told, _html_table("", (result.unit, "top-1", "weights"), rows))


@drawn.register(Series)
def _(result: Series, *, ax: Axes | None = None) -> Axes:
    known = [(step, top1) for step, top1, _ in _rates(result) if top1 is not None]
    if not known:
        msg = "Series.plot(): no checkpoint has an accuracy. Analyze it: ts.analyze_series(series)."
        raise UsageError(msg)
    ax = axes_or_new(ax)
    ax.plot(*zip(*known, strict=True), "o-", color=COLORS[0])
    ax.set_xlabel(result.unit)
    ax.set_ylabel("top-1 accuracy on these samples")
    return ax


@shown.register(Ranking)
def _(result: Ranking) -> str:
    lead = leading_score(result)
    rows = result[(result["score"] == lead) & (result["status"] == OK)]
    body = [
        (r.rank, r.model, f"{r.value:.3g}", f"[{r.low:.3g}, {r.high:.3g}]", ", ".join(r.tied_with))
        for r in rows.itertuples()
    ]
    header = ("rank", "candidate", str(lead), "interval", "not told apart from")
    scores = len(dict.fromkeys(result["score"]))
    told = [choice_text(result) or "No candidate has a value.", f"{scores} scores in all."]
    return _page(told, _html_table("", header, body))


@drawn.register(Ranking)
def _(result: Ranking, score: str | None = None, *, ax: Axes | None = None) -> Axes:
    return plot_ranking(result, score, ax=ax)


@shown.register(Study)
def _(result: Study) -> str:
    rows = [
        (
            one.claim.id,
            one.claim.sentence,
            one.decision.value,
            f"{one.effect:.3g} [{one.low:.3g}, {one.high:.3g}]",
            f"{one.n} {one.claim.unit.value}s",
            ", ".join(one.flips),
        )
        for one in result.verdicts
    ]
    header = ("claim", "sentence", "verdict", "effect", "n", "flipped by")
    told = study_text(result).strip().splitlines()[:1]
    return _page(told, _html_table("", header, rows))


@drawn.register(Study)
def _(result: Study, *, ax: Axes | None = None) -> Axes:
    return plot_study(result, ax=ax)


@shown.register(ValidityStudy)
def _(result: ValidityStudy) -> str:
    rows = [(validity_told(one).claim, one.decision.value) for one in result.verdicts]
    holds = sum(decision == "holds" for _, decision in rows)
    return _page(
        [f"{holds} of {len(rows)} checks hold."], _html_table("", ("check", "decision"), rows)
    )


@drawn.register(ValidityStudy)
def _(result: ValidityStudy, *, ax: Axes | None = None) -> Axes:
    return plot_validity(result, ax=ax)
