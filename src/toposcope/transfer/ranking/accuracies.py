"""How far scores can be trusted: a board, or anybody's table, against measured accuracies.

One target: the models are the unit. Several: the targets are (targets.py). Protocols and accuracy
columns are judged apart, and every score on the models it has a value for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError, ToposcopeError, UsageError
from toposcope.transfer import evaluate_scores, noise_ceiling
from toposcope.transfer.evaluation.ceilings import SPREADS
from toposcope.transfer.evaluation.rank_agreement import FEWEST_MODELS
from toposcope.transfer.ranking.board import plain
from toposcope.transfer.ranking.contests import contests
from toposcope.transfer.ranking.tables import Measured, Table, mean_of_known
from toposcope.transfer.ranking.targets import judge_targets
from toposcope.transfer.scores.registry import CONSTANTS, HONEST, SCORES

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Part = dict[str, Any]
SCHEMA = 2
"""Of a judgement as it is stored; 1 had ceilings of single fine-tunes and averaged targets."""


def judge(
    table: Table,
    board: pd.DataFrame | None = None,
    *,
    target: str | None = None,
    lower_is_better: Sequence[str] = (),
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Agreement of every score with every accuracy, beside the constants and the noise ceiling.

    Parameters
    ----------
    table
        From `read_accuracies`.
    board
        A board of `rank`; None judges the score columns of the file.
    target
        The target to judge; None takes all of a file, and the board's own beside a board.
    lower_is_better
        Score columns of the file that recommend small values; a board knows its directions.
    level, seed
        Coverage of intervals, and the seed of their bootstrap.

    Returns
    -------
    JSON-able. `parts`, one per protocol, accuracy column and set of models, each with `kind`
    ("models" or "targets": the unit), `accuracy`, `protocol`, `target` or `targets`, `models`,
    `subset` (scores with values for some models only, beside the plain baselines there), `rows`
    (agreements), `contests` (difference of every score from every constant, with interval, p and q)
    and `ceilings` (agreement of a perfect score). `between`: Kendall agreement of the accuracy
    columns with each other. `left_out`: what could not be judged, with the reason. `reading`: what
    the file's columns were taken for.

    Raises
    ------
    TooFewSamplesError
        Nowhere are there four models with accuracies and scores.
    """
    measured = _chosen(table, board, target)
    known = table.scores if board is None else tuple(map(str, dict.fromkeys(board["score"])))
    _check_scores(table, known, board, lower_is_better)
    directions = {
        name: name not in lower_is_better if board is None else SCORES[name].higher_is_better
        for name in known
    }
    parts: list[Part] = []
    left_out: list[dict[str, str]] = []
    for one in measured:
        if len(one.targets) > 1:
            found, without = judge_targets(one, directions, level=level, seed=seed)
        else:
            scores = _of_file(one) if board is None else _of_board(one, board)
            found, without = _judge_models(one, scores, directions, level=level, seed=seed)
        parts += found
        left_out += without
    if not parts:
        reasons = "; ".join(dict.fromkeys(entry["reason"] for entry in left_out))
        apart = table.reading["kept_apart"]
        held = f" Rows are kept apart by {', '.join(apart)}." if apart else ""
        msg = (
            f"evaluate: nothing can be judged: {reasons}. At least {FEWEST_MODELS} models with an "
            f"accuracy and a score are needed for a ranking to say anything.{held}"
        )
        raise TooFewSamplesError(msg)
    _adjust([row for part in parts for row in part["rows"] if row.get("pvalue") is not None])
    _adjust([row for part in parts for row in part["contests"] if not row["reason"]])
    return {
        "schema": SCHEMA,
        "parts": parts,
        "between": _between(measured),
        "left_out": left_out,
        "reading": dict(table.reading),
        "level": level,
    }


def _chosen(table: Table, board: pd.DataFrame | None, target: str | None) -> list[Measured]:
    """What is to be judged: all, or one target."""
    names = table.targets
    if target is None and board is not None and len(names) > 1:
        own = [board.attrs.get("target_name"), board.attrs.get("target")]
        target = next((str(name) for name in own if str(name) in names), None)
        if target is None:
            msg = (
                f"evaluate: the board is of {' or '.join(str(o) for o in own if o)}, and the file "
                f"has the targets {', '.join(names)}. Say which one it is: --target {names[0]}."
            )
            raise UsageError(msg)
    if target is None:
        return list(table.measured)
    if target not in names:
        known = ", ".join(names) or "no column 'target'"
        msg = f"evaluate: --target {target} is not in the file; it has {known}."
        raise UsageError(msg)
    return [one.only(target) for one in table.measured if target in one.targets]


def _check_scores(
    table: Table, known: Sequence[str], board: pd.DataFrame | None, lower_is_better: Sequence[str]
) -> None:
    unknown = [name for name in lower_is_better if name not in known]
    if unknown:
        msg = (
            f"evaluate: --lower-is-better names {', '.join(unknown)}; score columns are "
            f"{', '.join(known) or 'none'}."
        )
        raise UsageError(msg)
    if lower_is_better and board is not None:
        msg = "evaluate: a board knows its directions; leave out --lower-is-better."
        raise UsageError(msg)
    if not known:
        ignored = ", ".join(f"{name} ({why})" for name, why in table.reading["ignored"].items())
        msg = (
            "evaluate: the file has no score columns beside its accuracies"
            f"{f', and left out are {ignored}' if ignored else ''}; add columns of numbers, or "
            "pass --board FOLDER of a ranking (toposcope rank MODELS.toml --target DATA -o FOLDER)."
        )
        raise UsageError(msg)


def _of_file(one: Measured) -> dict[str, dict[str, Array]]:
    """Score -> model -> (1,) value, where there is one."""
    return {
        name: {
            model: values[0, m : m + 1]
            for m, model in enumerate(one.models)
            if np.isfinite(values[0, m])
        }
        for name, values in one.scores.items()
    }


def _of_board(one: Measured, board: pd.DataFrame) -> dict[str, dict[str, Array]]:
    """Score -> model -> (R,) draws, where there are any."""
    failed = {failure["model"] for failure in board.attrs["failures"]}
    candidates = set(board.attrs["candidates"]) - failed
    if not candidates.intersection(one.models):
        msg = (
            f"evaluate: none of the models {', '.join(one.models)} is on the board; it has "
            f"{', '.join(sorted(candidates))}. The column 'model' holds the names of MODELS.toml."
        )
        raise UsageError(msg)
    return {
        str(name): {
            model: np.asarray(draws, dtype=np.float64)
            for model, draws in board.attrs["draws"][name].items()
            if draws and model in candidates and model in one.models
        }
        for name in dict.fromkeys(board["score"])
    }


def _judge_models(
    one: Measured,
    scores: Mapping[str, Mapping[str, Array]],
    directions: Mapping[str, bool],
    *,
    level: float,
    seed: int,
) -> tuple[list[Part], list[dict[str, str]]]:
    """The parts of one target: a set of models and the scores with values for all of them."""
    truth = mean_of_known(one.repeats)[0]
    models = tuple(m for m, value in zip(one.models, truth, strict=True) if np.isfinite(value))
    somewhere = {model for valued in scores.values() for model in valued}
    models = tuple(model for model in models if model in somewhere)
    sets: dict[tuple[str, ...], list[str]] = {models: []}
    for name, valued in scores.items():
        sets.setdefault(tuple(m for m in models if m in valued), []).append(name)
    parts, left_out = [], []
    for some, names in sets.items():
        if not names:
            continue
        if len(some) < FEWEST_MODELS:
            left_out += [
                {"score": name, "accuracy": one.accuracy, **_where(one)}
                | {"reason": f"{len(some)} models have both its values and {one.accuracy}"}
                for name in names
            ]
            continue
        # On other models it is another question: what it is compared with is judged there too.
        beside = [n for n in (*HONEST, *CONSTANTS) if n in scores and n not in names]
        beside = [n for n in beside if all(m in scores[n] for m in some)] if some != models else []
        own = {name: _draws(scores[name], some) for name in (*names, *beside)}
        parts.append(_part(one, some, own, directions, level=level, seed=seed))
        parts[-1]["subset"] = some != models
    return parts, left_out


def _where(one: Measured) -> dict[str, Any]:
    return {"protocol": dict(one.protocol), "target": one.targets[0]}


def _draws(valued: Mapping[str, Array], models: Sequence[str]) -> Array:
    """(R, M) draws of a score, or (M,) where there is one value each."""
    fewest = min(len(valued[model]) for model in models)
    numbers = np.array([valued[model][:fewest] for model in models]).T
    return numbers if len(numbers) > 1 else np.asarray(numbers[0])


def _part(
    one: Measured,
    models: tuple[str, ...],
    scores: Mapping[str, Array],
    directions: Mapping[str, bool],
    *,
    level: float,
    seed: int,
) -> Part:
    """Everything that is said of one set of models."""
    values = one.repeats[:, 0, [one.models.index(model) for model in models]]
    truth = mean_of_known(values)
    rows = []
    for score, numbers in scores.items():
        table = evaluate_scores(
            {score: numbers},
            truth,
            higher_is_better={score: directions[score]},
            over="both" if numbers.ndim == 2 else "models",
            level=level,
            seed=seed,
        )
        rows += plain(table)
    return {
        "kind": "models",
        "accuracy": one.accuracy,
        **_where(one),
        "models": list(models),
        "rows": rows,
        "contests": contests(
            {name: _upward(scores[name], directions[name]) for name in scores},
            truth,
            level=level,
            seed=seed,
        ),
        "ceilings": ceilings(values, level=level, seed=seed),
    }


def ceilings(repeats: Array, *, level: float, seed: int) -> list[Part]:
    """Agreement of a perfect score from (S, M) repeats, by both kinds of spread; [] for S = 1."""
    counts = np.isfinite(repeats).sum(axis=0)
    if counts.max() < 2:
        return []
    several = repeats[:, counts > 1]
    means = mean_of_known(several)
    squares = np.nansum((several - means) ** 2, axis=0)
    sds = np.sqrt(squares / (counts[counts > 1] - 1))
    found = []
    for spread in SPREADS:
        entry: Part = {
            "spread": spread,
            "repeats": [int(counts.min()), int(counts.max())],
            "sds": [float(sds.min()), float(sds.max())],
            "reason": "",
        }
        try:
            ceiling = noise_ceiling(repeats, spread=spread, level=level, seed=seed)
            entry |= {"value": ceiling.value, "low": ceiling.low, "high": ceiling.high}
        except ToposcopeError as error:
            entry["reason"] = str(error)
        found.append(entry)
    return found


def _upward(values: Array, larger_is_better: bool) -> Array:
    """(M,) mean over draws of a score, turned so that larger is better."""
    mean: Array = np.atleast_2d(values).mean(axis=0)
    return mean if larger_is_better else -mean


def _between(measured: Sequence[Measured]) -> list[Part]:
    """Agreement of accuracy columns of one protocol and target, on the models that have both."""
    from scipy.stats import kendalltau

    found = []
    for i, a in enumerate(measured):
        for b in measured[i + 1 :]:
            if a.protocol != b.protocol or a.accuracy == b.accuracy:
                continue
            for target in (t for t in a.targets if t in b.targets):
                first = dict(zip(a.models, a.only(target).truth[0], strict=True))
                second = dict(zip(b.models, b.only(target).truth[0], strict=True))
                shared = [m for m in first if np.isfinite(first[m] + second.get(m, np.nan))]
                if len(shared) < FEWEST_MODELS:
                    continue
                value = kendalltau([first[m] for m in shared], [second[m] for m in shared])
                entry: Part = {"a": a.accuracy, "b": b.accuracy, "protocol": dict(a.protocol)}
                entry |= {"target": target, "models": len(shared)}
                if np.isfinite(value.statistic):
                    found.append(entry | {"kendall": float(value.statistic)})
    return found


def _adjust(rows: list[Part]) -> None:
    """Q values over the whole family that was tested, not table by table."""
    from toposcope.stats import benjamini_hochberg

    adjusted = benjamini_hochberg(np.array([row["pvalue"] for row in rows], dtype=float))
    for row, q in zip(rows, adjusted, strict=True):
        row["qvalue"] = float(q)
