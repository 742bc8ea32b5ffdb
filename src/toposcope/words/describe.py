"""`describe`: any result in sentences."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from toposcope.analysis.covering import Covering
from toposcope.analysis.population import Population
from toposcope.analysis.result import Analysis
from toposcope.analysis.trajectory import Trajectory
from toposcope.comparison.groups import GroupComparison
from toposcope.comparison.result import Comparison
from toposcope.errors import UsageError
from toposcope.findings.findings import Findings, look
from toposcope.findings.population import PopulationFindings, look_at_population
from toposcope.stats import (
    ChangePoint,
    Equivalence,
    Interval,
    MantelResult,
    PermanovaResult,
    PermutationResult,
    Trend,
)
from toposcope.studies.study import Study
from toposcope.studies.validity_study import ValidityStudy
from toposcope.transfer.evaluation.paired_scores import ScoreComparison
from toposcope.transfer.evaluation.rank_agreement import Agreement
from toposcope.words.analysis import answer
from toposcope.words.comparison import summarize_comparison
from toposcope.words.covering import cover_sentences
from toposcope.words.inference import (
    agreement_text,
    change_point_text,
    equivalence_text,
    interval_text,
    mantel_text,
    permanova_text,
    permutation_text,
    score_comparison_text,
    trend_of_units_text,
)
from toposcope.words.population import group_sentences, population_sentences
from toposcope.words.ranking import board_text, missing_text, ranking_answer
from toposcope.words.studies import study_text
from toposcope.words.trends import trend_sentence
from toposcope.words.validity import plain_text


def describe(result: Any) -> str:
    """A result in words: what was found, how sure it is, and what it speaks about.

    Parameters
    ----------
    result
        What `analyze`, `analyze_series`, `compare`, `population`, `rank`, `studies.run`,
        `studies.validity` or `findings.look` returned, or an interval or a test of `stats` or
        `transfer.evaluation`.

    Returns
    -------
    Sentences, one a line; verdicts as paragraphs, boards with a line per score.

    Raises
    ------
    UsageError
        For anything else.

    Examples
    --------
    >>> import numpy as np
    >>> import toposcope as ts
    >>> X = np.random.default_rng(0).normal(size=(120, 4))
    >>> layers = ts.from_arrays({"thin": X * [1, 1, 0.01, 0.01], "round": X})
    >>> text = ts.describe(ts.analyze(layers, points=30, replicates=4, jobs=0))
    >>> print(text.splitlines()[0][:36])
    The clearest of 6 changes looked at:
    """
    return str(_told(result))


@singledispatch
def _told(result: Any) -> str:
    attrs = getattr(result, "attrs", None)
    if isinstance(attrs, dict) and attrs.get("kind") == "board":
        parts = [*ranking_answer(result), board_text(result), missing_text(result)]
        return "\n".join(part for part in parts if part)
    msg = (
        f"describe(): cannot put a {type(result).__name__} into words; pass what ts.analyze(), "
        "ts.analyze_series(), ts.compare(), ts.rank(), ts.studies.run(), ts.studies.validity(), "
        "ts.findings.look() or a test of ts.stats returned."
    )
    raise UsageError(msg)


@_told.register
def _(result: Findings) -> str:
    trends = trend_sentence(result.trends)
    lines = [*answer(result), *([trends] if trends else [])]
    for analysis, verdicts in zip(result.analyses, result.validity, strict=True):
        if verdicts:
            lines += [f"{analysis.name}:"] if len(result.analyses) > 1 else []
            lines.append(plain_text(verdicts))
    return "\n".join(lines)


@_told.register
def _(result: Analysis) -> str:
    return describe(look([result]))


@_told.register
def _(result: Trajectory) -> str:
    return describe(look(result.analyses))


@_told.register
def _(result: Covering) -> str:
    return "\n".join(cover_sentences(result))


@_told.register
def _(result: Comparison) -> str:
    return "\n".join(summarize_comparison(result))


@_told.register
def _(result: ValidityStudy) -> str:
    return plain_text(result.verdicts)


@_told.register
def _(result: GroupComparison) -> str:
    return "\n".join(group_sentences(result))


@_told.register
def _(result: PopulationFindings) -> str:
    return "\n".join(population_sentences(result))


@_told.register
def _(result: Population) -> str:
    return describe(look_at_population(result))


@_told.register
def _(result: Study) -> str:
    return study_text(result)


for _result, _text in (
    (Interval, interval_text),
    (PermutationResult, permutation_text),
    (ChangePoint, change_point_text),
    (Trend, trend_of_units_text),
    (Equivalence, equivalence_text),
    (PermanovaResult, permanova_text),
    (MantelResult, mantel_text),
    (Agreement, agreement_text),
    (ScoreComparison, score_comparison_text),
):
    _told.register(_result, _text)
