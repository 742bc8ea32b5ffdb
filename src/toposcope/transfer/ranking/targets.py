"""Scores over several targets: does one rank models better than a list that knows no target?

On one target, eight models say little. On several, the target is the unit: the same models are
ranked on each, and a score is compared with the constant list learned from the other targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError, ToposcopeError, UsageError
from toposcope.stats import mean_interval
from toposcope.transfer import compare_scores, constant_ranking
from toposcope.transfer.evaluation.correlations import CORRELATIONS
from toposcope.transfer.evaluation.rank_agreement import FEWEST_MODELS
from toposcope.transfer.ranking.accuracies import ACCURACY, NOT_SCORES, read_table

Array = NDArray[np.float64]
CONSTANT = "constant list"


@dataclass(frozen=True)
class Grid:
    """The same models on several targets.

    Parameters
    ----------
    targets, models
        Names of rows and columns.
    accuracies
        (targets, models), means over repeats.
    scores
        Score -> (targets, models).
    left_out
        Models that are not on every target.
    """

    targets: tuple[str, ...]
    models: tuple[str, ...]
    accuracies: Array
    scores: dict[str, Array]
    left_out: tuple[str, ...]


def read_grid(path: Path | str, accuracy: str = ACCURACY) -> Grid | None:
    """The targets of a CSV with a column `target`; None when it has no such column.

    Parameters
    ----------
    path
        CSV with columns `target`, `model`, the accuracy, and scores.
    accuracy
        Name of the accuracy column.
    """
    import pandas as pd

    table = read_table(Path(path))
    if "target" not in table.columns:
        return None
    if accuracy not in table.columns:
        msg = f"evaluate: {path} has no column {accuracy!r}; name it with --accuracy COLUMN."
        raise UsageError(msg)
    names = [
        str(name)
        for name in table.columns
        if name not in (*NOT_SCORES, "target", accuracy)
        and not str(name).startswith(ACCURACY)
        and pd.api.types.is_numeric_dtype(table[name])
    ]
    wide = table.pivot_table(index="target", columns="model", values=accuracy, sort=False)
    complete = wide.columns[wide.notna().all()]
    scores = {}
    for name in names:
        values = table.pivot_table(index="target", columns="model", values=name, sort=False)
        scores[name] = values.reindex(index=wide.index, columns=complete).to_numpy(float)
    return Grid(
        targets=tuple(map(str, wide.index)),
        models=tuple(map(str, complete)),
        accuracies=wide[complete].to_numpy(float),
        scores=scores,
        left_out=tuple(str(name) for name in wide.columns if name not in complete),
    )


def judge_targets(
    grid: Grid,
    *,
    statistic: str = "kendall",
    lower_is_better: Sequence[str] = (),
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Mean agreement of every score over targets, and its difference from the constant list.

    Parameters
    ----------
    grid
        From `read_grid`.
    statistic
        A name in `transfer.CORRELATIONS`.
    lower_is_better
        Scores that recommend small values.
    level, seed
        Coverage of the intervals (Student t over targets), and seed of the sign flips.

    Returns
    -------
    JSON-able: `rows` with score, value, low, high, difference from the constant list with its own
    interval and p-value, reason; the constant list itself (mean rank on all other targets) is a
    row. `targets`, `models`, `left_out`.

    Raises
    ------
    TooFewSamplesError
        Fewer than two targets, or fewer than four models on all of them.

    Examples
    --------
    >>> accuracies = np.array([[1.0, 2, 3, 4], [1, 2, 4, 3], [2, 1, 3, 4]])
    >>> grid = Grid(("a", "b", "c"), tuple("wxyz"), accuracies, {"oracle": accuracies}, ())
    >>> [(row["score"], round(row["value"], 2)) for row in judge_targets(grid)["rows"]]
    [('oracle', 1.0), ('constant list', 0.64)]
    """
    if len(grid.targets) < 2 or len(grid.models) < FEWEST_MODELS:
        msg = (
            f"evaluate: {len(grid.targets)} targets with {len(grid.models)} models on all of them; "
            f"needed are 2 targets and {FEWEST_MODELS} models."
        )
        raise TooFewSamplesError(msg)
    unknown = [name for name in lower_is_better if name not in grid.scores]
    if unknown:
        msg = f"evaluate: no score column {unknown[0]!r}; there are {', '.join(grid.scores)}."
        raise UsageError(msg)
    constant = constant_ranking(grid.accuracies)
    upward = {n: -v if n in lower_is_better else v for n, v in grid.scores.items()}
    rows: list[dict[str, Any]] = []
    for name, values in {**upward, CONSTANT: constant}.items():
        row: dict[str, Any] = {"score": name, "reason": ""}
        rows.append(row)
        try:
            each = _agreements(values, grid.accuracies, statistic)
            mean = mean_interval(each, level=level)
            row |= {"value": mean.value, "low": mean.low, "high": mean.high}
            if name != CONSTANT:
                gap = compare_scores(
                    values, constant, grid.accuracies, statistic=statistic, level=level, seed=seed
                )
                row |= {
                    "difference": gap.difference,
                    "difference_low": gap.low,
                    "difference_high": gap.high,
                    "pvalue": gap.pvalue,
                }
        except ToposcopeError as error:
            row["reason"] = str(error)
    return {
        "rows": rows,
        "statistic": statistic,
        "targets": list(grid.targets),
        "models": list(grid.models),
        "left_out": list(grid.left_out),
        "level": level,
    }


def _agreements(values: Array, accuracies: Array, statistic: str) -> Array:
    """(targets,) correlations; what is missing or constant on a target is refused."""
    if not np.isfinite(values).all():
        missing = int((~np.isfinite(values)).sum())
        msg = f"{missing} of {values.size} values are missing or not finite."
        raise UsageError(msg)
    agreements = np.array(
        [float(CORRELATIONS[statistic](v, a)) for v, a in zip(values, accuracies, strict=True)]
    )
    if not np.isfinite(agreements).all():
        msg = "it gives all models of a target one value."
        raise UsageError(msg)
    return agreements
