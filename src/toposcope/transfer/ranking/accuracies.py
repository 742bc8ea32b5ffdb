"""How far scores can be trusted: a board, or anybody's table, against measured accuracies.

The table is a CSV with a column `model`, one or more columns of accuracies (`accuracy`, or names
beginning with `accuracy_`, or those named by the caller) and, when no board is given, columns of
scores. A model may have several rows, one per repeated fine-tune (column `seed`): their mean is the
truth, and their spread the noise that no score can rise above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import SpecError, TooFewSamplesError, ToposcopeError, UsageError
from toposcope.transfer import compare_scores, evaluate_scores, noise_ceiling
from toposcope.transfer.evaluation.rank_agreement import FEWEST_MODELS
from toposcope.transfer.ranking.board import plain
from toposcope.transfer.scores.registry import SCORES
from toposcope.types import near_matches

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ACCURACY = "accuracy"
NOT_SCORES = ("model", "seed", "train", "test")
HONEST, CONSTANTS = ("linear_probe", "knn"), ("source_accuracy", "parameters")
"""Baselines that look at the target's labels in the plainest way, and that do not look at all."""
CONSTANT = "source_accuracy"
"""The constant every score is compared with, where the board has it."""


@dataclass(frozen=True)
class Accuracies:
    """What was measured by fine-tuning.

    Parameters
    ----------
    models
        Names, in the order of the file.
    truths
        Accuracy column -> (repeats, models); NaN where a model has fewer repeats.
    scores
        Other numeric columns -> (models,) means: scores of somebody else.
    """

    models: tuple[str, ...]
    truths: Mapping[str, Array]
    scores: Mapping[str, Array]


def read_accuracies(path: Path | str, accuracy: Sequence[str] = ()) -> Accuracies:
    """Read a CSV of accuracies.

    Parameters
    ----------
    path
        The file.
    accuracy
        Names of accuracy columns; empty: `accuracy` and all that begin with `accuracy_`.

    Raises
    ------
    SpecError
        Unreadable files, missing columns, accuracies that are no numbers, models named nowhere.
    """
    import pandas as pd

    file = Path(path)
    table = read_table(file)
    columns = [str(name) for name in table.columns]
    names = list(accuracy) or [
        name for name in columns if name == "accuracy" or name.startswith("accuracy_")
    ]
    if not names:
        msg = (
            f"evaluate: {file} has no column 'accuracy'; it has {', '.join(columns)}. Name one "
            "with --accuracy COLUMN."
        )
        raise SpecError(msg)
    for name in names:
        if name not in columns:
            msg = f"evaluate: {file} has no column {name!r}. {near_matches(name, columns)}"
            raise SpecError(msg)
        if not pd.api.types.is_numeric_dtype(table[name]) or table[name].isna().any():
            msg = f"evaluate: column {name!r} of {file} holds values that are no numbers."
            raise SpecError(msg)
    others = [
        name
        for name in columns
        if name not in (*NOT_SCORES, *names) and pd.api.types.is_numeric_dtype(table[name])
    ]
    table["model"] = table["model"].astype(str)
    models = tuple(dict.fromkeys(table["model"]))
    groups = dict(iter(table.groupby("model", sort=False)))
    return Accuracies(
        models=models,
        truths={name: _repeats(groups, models, name) for name in names},
        scores={name: np.array([groups[m][name].mean() for m in models]) for name in others},
    )


def read_table(file: Path) -> pd.DataFrame:
    """A CSV with a column `model`."""
    import pandas as pd

    try:
        table = pd.read_csv(file)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        msg = f"evaluate: {file} is not a readable CSV: {error}."
        raise SpecError(msg) from error
    if "model" not in table.columns:
        msg = f"evaluate: {file} has no column 'model'; it has {', '.join(map(str, table))}."
        raise SpecError(msg)
    return table


def _repeats(groups: Mapping[Any, pd.DataFrame], models: Sequence[str], name: str) -> Array:
    most = max(len(groups[model]) for model in models)
    columns = np.full((most, len(models)), np.nan)
    for column, model in enumerate(models):
        values = groups[model][name].to_numpy(float)
        columns[: len(values), column] = values
    return columns


def judge(
    accuracies: Accuracies,
    board: pd.DataFrame | None = None,
    *,
    lower_is_better: Sequence[str] = (),
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Agreement of every score with every accuracy, beside the constants and the noise ceiling.

    Parameters
    ----------
    accuracies
        From `read_accuracies`.
    board
        A board of `rank`; None judges the score columns of the file.
    lower_is_better
        Score columns of the file that recommend small values; a board knows its directions.
    level, seed
        Coverage of intervals, and the seed of their bootstrap.

    Returns
    -------
    JSON-able: `rows` (evaluate_scores per accuracy column, with the column's name in `accuracy`),
    `contests` (each score against the constant list by source accuracy), `ceilings` (Kendall
    agreement a perfect score would reach, from repeated fine-tunes), `between` (Kendall agreement
    of the accuracy columns with each other), `models`; `subsets`, the same for scores with a value
    for some models only, beside the plain baselines there; `left_out`, scores with values for fewer
    than four.

    Raises
    ------
    TooFewSamplesError
        Fewer than four models have both accuracies and scores.
    """
    models, scores, directions, partial = _scores(accuracies, board, lower_is_better)
    judged = _judge(accuracies, models, scores, directions, level=level, seed=seed)
    subsets = []
    left_out = []
    for some, names in partial.items():
        if len(some) < FEWEST_MODELS:
            reason = f"values for {len(some)} models only"
            left_out += [{"score": name, "reason": reason} for name in names]
            continue
        # On other models it is another question: what it is compared with is judged there too.
        beside = [n for n in (*HONEST, *CONSTANTS) if n in scores]
        own = {name: _columns(board, name, some) for name in (*names, *beside)}
        ways = {name: SCORES[name].higher_is_better for name in own}
        subsets.append(
            {"models": list(some)}
            | _judge(accuracies, list(some), own, ways, level=level, seed=seed)
        )
    _adjust([row for part in (judged, *subsets) for row in part["rows"]])
    return {
        **judged,
        "models": models,
        "subsets": subsets,
        "left_out": left_out,
        "level": level,
    }


def _judge(
    accuracies: Accuracies,
    models: Sequence[str],
    scores: Mapping[str, Array],
    directions: Mapping[str, bool],
    *,
    level: float,
    seed: int,
) -> dict[str, Any]:
    """Everything that is said of one set of models."""
    if len(models) < FEWEST_MODELS:
        msg = (
            f"evaluate: {len(models)} models have accuracies and scores; at least {FEWEST_MODELS} "
            "are needed for a ranking to say anything."
        )
        raise TooFewSamplesError(msg)
    where = [accuracies.models.index(model) for model in models]
    rows, contests, ceilings = [], [], []
    for name, repeats in accuracies.truths.items():
        values = repeats[:, where]
        truth = np.nanmean(values, axis=0)
        for score, numbers in scores.items():
            table = evaluate_scores(
                {score: numbers},
                truth,
                higher_is_better={score: directions[score]},
                over="both" if numbers.ndim == 2 and len(numbers) > 1 else "models",
                level=level,
                seed=seed,
            )
            rows += [{"accuracy": name, **row} for row in plain(table)]
        contests += _contests(name, scores, directions, truth, level=level, seed=seed)
        if len(values) > 1 and np.isfinite(values).all():
            ceiling = noise_ceiling(values, level=level, seed=seed)
            ceilings.append(
                {"accuracy": name, "value": ceiling.value, "low": ceiling.low, "high": ceiling.high}
                | {"repeats": len(values)}
            )
    return {
        "rows": rows,
        "contests": contests,
        "ceilings": ceilings,
        "between": _between(accuracies, where),
    }


def _columns(board: pd.DataFrame | None, score: str, models: Sequence[str]) -> Array:
    """(R, M) draws of a score, or (M,) for constants."""
    assert board is not None, "only boards have scores without a value for some models"
    numbers = np.array([board.attrs["draws"][score][model] for model in models]).T
    return numbers if len(numbers) > 1 else numbers[0]


def _scores(
    accuracies: Accuracies, board: pd.DataFrame | None, lower_is_better: Sequence[str]
) -> tuple[list[str], dict[str, Array], dict[str, bool], dict[tuple[str, ...], list[str]]]:
    """Models to judge, scores that have a value for all of them, directions, and the other scores.

    The others are grouped by the models they do have a value for.
    """
    if board is None:
        unknown = [name for name in lower_is_better if name not in accuracies.scores]
        if unknown or not accuracies.scores:
            known = ", ".join(accuracies.scores) or "none"
            msg = (
                f"evaluate: --lower-is-better names {', '.join(unknown)}; "
                f"score columns are {known}."
                if unknown
                else "evaluate: the file has no score columns beside its accuracies; add them, or "
                "pass --board FOLDER of a ranking (toposcope rank MODELS.toml --target DATA)."
            )
            raise UsageError(msg)
        directions = {name: name not in lower_is_better for name in accuracies.scores}
        return list(accuracies.models), dict(accuracies.scores), directions, {}
    failed = {failure["model"] for failure in board.attrs["failures"]}
    known_models = set(board.attrs["candidates"]) - failed
    models = [model for model in accuracies.models if model in known_models]
    if not models:
        msg = (
            f"evaluate: none of the models {', '.join(accuracies.models)} is on the board; it has "
            f"{', '.join(sorted(known_models))}. The column 'model' holds the names of MODELS.toml."
        )
        raise UsageError(msg)
    scores: dict[str, Array] = {}
    partial: dict[tuple[str, ...], list[str]] = {}
    for name in map(str, dict.fromkeys(board["score"])):
        valued = tuple(model for model in models if board.attrs["draws"][name].get(model))
        if len(valued) < len(models):
            partial.setdefault(valued, []).append(name)
        else:
            scores[name] = _columns(board, name, models)
    return models, scores, {name: SCORES[name].higher_is_better for name in scores}, partial


def _contests(
    accuracy: str,
    scores: Mapping[str, Array],
    directions: Mapping[str, bool],
    truth: Array,
    *,
    level: float,
    seed: int,
) -> list[dict[str, Any]]:
    if CONSTANT not in scores:
        return []

    def upward(name: str) -> Array:
        mean: Array = np.atleast_2d(scores[name]).mean(axis=0)
        return mean if directions[name] else -mean

    contests: list[dict[str, Any]] = []
    for name in scores:
        if name == CONSTANT:
            continue
        try:
            one = compare_scores(upward(name), upward(CONSTANT), truth, level=level, seed=seed)
        except ToposcopeError as error:
            contests.append({"accuracy": accuracy, "score": name, "reason": str(error)})
            continue
        contests.append(
            {
                "accuracy": accuracy,
                "score": name,
                "difference": one.difference,
                "low": one.low,
                "high": one.high,
                "pvalue": one.pvalue,
                "reason": "",
            }
        )
    return contests


def _between(accuracies: Accuracies, where: Sequence[int]) -> list[dict[str, Any]]:
    from scipy.stats import kendalltau

    means = {name: np.nanmean(r[:, where], axis=0) for name, r in accuracies.truths.items()}
    names = list(means)
    return [
        {"a": a, "b": b, "kendall": float(kendalltau(means[a], means[b]).statistic)}
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]


def _adjust(rows: list[dict[str, Any]]) -> None:
    """Q values over the whole family that was tested, not table by table."""
    from toposcope.stats import benjamini_hochberg

    tested = [row for row in rows if row["status"] == "ok"]
    adjusted = benjamini_hochberg(np.array([row["pvalue"] for row in tested], dtype=float))
    for row, q in zip(tested, adjusted, strict=True):
        row["qvalue"] = float(q)
