"""Scores over several targets: does one rank models better than a list that knows no target?

On one target, eight models say little. On several, the target is the unit: models are ranked on
each, and a score is compared with the constants and with the list learned from the other targets.
Models need not be on every target: each target is judged on those that are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import ToposcopeError
from toposcope.transfer import constant_ranking
from toposcope.transfer.evaluation.correlations import CORRELATIONS
from toposcope.transfer.evaluation.over_targets import mean_agreement
from toposcope.transfer.evaluation.rank_agreement import FEWEST_MODELS, checked
from toposcope.transfer.ranking.contests import LEARNED, contests
from toposcope.transfer.ranking.tables import Measured

Array = NDArray[np.float64]
"""Mean rank of each model on all other targets, the hardest of the constants."""


def judge_targets(
    one: Measured,
    directions: Mapping[str, bool],
    *,
    statistic: str = "kendall",
    level: float = 0.95,
    seed: int = 0,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Mean agreement of every score over targets, and its difference from every constant.

    Parameters
    ----------
    one
        Accuracies and scores of one protocol; NaN where a model was not measured.
    directions
        Score -> whether it recommends large values.
    statistic
        A name in `transfer.CORRELATIONS`.
    level, seed
        Coverage of the intervals, and seed of the sign flips.

    Returns
    -------
    Parts of kind "targets", as `judge` describes them (one, or none where nothing can be judged),
    and what is left out. A row has value, low, high (over targets), `targets` (how many it is
    over), `each` (target -> agreement and number of models); the list learned from the other
    targets is a row too.

    Examples
    --------
    >>> truth = np.array([[1.0, 2, 3, 4], [1, 2, 4, 3], [2, 1, 3, 4]])
    >>> one = Measured("accuracy", {}, ("a", "b", "c"), tuple("wxyz"), truth[None], {"s": truth})
    >>> (part,), _ = judge_targets(one, {"s": True})
    >>> [(row["score"], round(row["value"], 2)) for row in part["rows"]]
    [('s', 1.0), ('constant list', 0.64)]
    """
    truth = one.truth
    upward = {n: v if directions[n] else -v for n, v in one.scores.items()}
    upward[LEARNED] = constant_ranking(truth)
    rows = [
        {"score": name, "statistic": statistic}
        | _row(_agreements(values, truth, one.targets, statistic), level)
        for name, values in upward.items()
    ]
    where = {"accuracy": one.accuracy, "protocol": dict(one.protocol), "target": ""}
    if not any(row["status"] == "ok" for row in rows if row["score"] != LEARNED):
        reason = (
            f"no score has values for {FEWEST_MODELS} models with {one.accuracy} on two targets"
        )
        return [], [{"score": name, **where, "reason": reason} for name in one.scores]
    part = {
        "kind": "targets",
        **where,
        "targets": list(one.targets),
        "models": list(one.models),
        "holes": int(np.isnan(truth).sum()),
        "subset": False,
        "rows": rows,
        "contests": contests(upward, truth, statistic=statistic, level=level, seed=seed),
        "ceilings": [],
    }
    return [part], []


def _agreements(
    values: Array, truth: Array, targets: tuple[str, ...], statistic: str
) -> dict[str, dict[str, float]]:
    """Target -> agreement and number of models, where it can be said."""
    found = {}
    for target, scores, accuracies in zip(targets, values, truth, strict=True):
        known = np.isfinite(scores) & np.isfinite(accuracies)
        try:
            (row,), right = checked(scores[known], accuracies[known], "evaluate")
        except ToposcopeError:
            continue  # counted: a row says over how many targets it is
        value = float(CORRELATIONS[statistic](row, right))
        found[target] = {"value": value, "models": int(known.sum())}
    return found


def _row(each: Mapping[str, Mapping[str, float]], level: float) -> dict[str, Any]:
    if len(each) < 2:
        reason = (
            f"{len(each)} targets with {FEWEST_MODELS} models or more that it tells apart; 2 are "
            "needed"
        )
        return {"status": "failed", "reason": reason, "targets": len(each), "each": dict(each)}
    values, models = zip(*((one["value"], one["models"]) for one in each.values()), strict=True)
    mean = mean_agreement(values, models, level=level)
    return {
        "value": mean.value,
        "low": mean.low,
        "high": mean.high,
        "targets": len(each),
        "each": dict(each),
        "status": "ok",
        "reason": "",
    }
