"""`describe`: any result in sentences."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from toposcope.analysis.result import Analysis
from toposcope.analysis.trajectory import Trajectory
from toposcope.comparison.result import Comparison
from toposcope.errors import UsageError
from toposcope.findings.findings import Findings, look
from toposcope.studies.study import Study
from toposcope.studies.validity_study import ValidityStudy
from toposcope.words.analysis import answer
from toposcope.words.comparison import summarize_comparison
from toposcope.words.ranking import board_text, missing_text, ranking_answer
from toposcope.words.studies import study_text
from toposcope.words.trends import trend_sentence
from toposcope.words.validity import plain_text


@singledispatch
def describe(result: Any) -> str:
    """A result in words: what was found, how sure it is, and what it speaks about.

    Parameters
    ----------
    result
        What `analyze`, `analyze_series`, `compare`, `rank`, `studies.run`, `studies.validity` or
        `findings.look` returned.

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
    if getattr(result, "attrs", {}).get("kind") == "board":
        parts = [*ranking_answer(result), board_text(result), missing_text(result)]
        return "\n".join(part for part in parts if part)
    msg = (
        f"describe(): cannot put a {type(result).__name__} into words; pass what ts.analyze(), "
        "ts.analyze_series(), ts.compare(), ts.rank(), ts.studies.run(), ts.studies.validity() or "
        "ts.findings.look() returned."
    )
    raise UsageError(msg)


@describe.register
def _(result: Findings) -> str:
    trends = trend_sentence(result.trends)
    lines = [*answer(result), *([trends] if trends else [])]
    for analysis, verdicts in zip(result.analyses, result.validity, strict=True):
        if verdicts:
            lines += [f"{analysis.name}:"] if len(result.analyses) > 1 else []
            lines.append(plain_text(verdicts))
    return "\n".join(lines)


@describe.register
def _(result: Analysis) -> str:
    return describe(look([result]))


@describe.register
def _(result: Trajectory) -> str:
    return describe(look(result.analyses))


@describe.register
def _(result: Comparison) -> str:
    return "\n".join(summarize_comparison(result))


@describe.register
def _(result: ValidityStudy) -> str:
    return plain_text(result.verdicts)


@describe.register
def _(result: Study) -> str:
    return study_text(result)
