"""What trusting a score costs, and what it should be held against.

Regret and top-k speak about the choice itself, in points of accuracy. A constant list learned from
other targets is the score to beat: it has never seen the target. What a perfect score would reach
stands in ceilings.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, ToposcopeError, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_values
from toposcope.inputs.foreign import real
from toposcope.stats import benjamini_hochberg
from toposcope.transfer.evaluation.correlations import CORRELATIONS
from toposcope.transfer.evaluation.rank_agreement import (
    FEWEST_MODELS,
    agreement,
    check_numbers,
    checked,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def regret(
    scores: ArrayLike, accuracies: ArrayLike, *, k: int = 1, higher_is_better: bool = True
) -> float:
    """Accuracy lost by fine-tuning only the k models that a score recommends.

    Parameters
    ----------
    scores, accuracies
        (M,) one per model.
    k
        How many are tried; the best of them is kept.
    higher_is_better
        Direction of the score.

    Returns
    -------
    Accuracy of the best model less that of the best one tried, in the units of the accuracies; 0
    when the best is among the k. Among models tied at the edge the least accurate are tried.

    Examples
    --------
    The score recommends the second best first, and the best next:

    >>> regret([3.0, 2.0, 1.0, 0.0], [90.0, 93.0, 80.0, 70.0])
    3.0
    >>> regret([3.0, 2.0, 1.0, 0.0], [90.0, 93.0, 80.0, 70.0], k=2)
    0.0
    """
    rows, truth = checked(scores, accuracies, "regret()")
    k = parameters.whole(k, "k", call="regret()", low=1, high=len(truth))
    up = parameters.flag(higher_is_better, "higher_is_better", call="regret()")
    values = rows.mean(axis=0) * (1.0 if up else -1.0)
    tried = np.lexsort((truth, -values))[:k]
    return float(truth.max() - truth[tried].max())


def chance_regret(accuracies: ArrayLike, *, k: int = 1) -> float:
    """Expected regret of trying k models at random: what `regret` is compared with.

    Examples
    --------
    >>> chance_regret([90.0, 93.0, 80.0, 70.0])
    9.75
    """
    from math import comb

    call = "chance_regret()"
    truth = np.sort(read_values(accuracies, "accuracies", call=call))
    k = parameters.whole(k, "k", call=call, low=1, high=len(truth))
    # The i-th smallest is the best of k in C(i, k - 1) of C(M, k) choices.
    every = comb(len(truth), k)
    if every >= 2**1000:  # no float holds the numbers; their ratio is one
        shares = np.array([comb(i, k - 1) / every for i in range(len(truth))])
        return float(truth[-1] - shares @ truth)
    ways = np.array([comb(i, k - 1) for i in range(len(truth))], dtype=np.float64)
    return float(truth[-1] - ways @ truth / every)


def constant_ranking(accuracies: ArrayLike) -> Array:
    """For each target, a list of the models learned from the other targets alone.

    Parameters
    ----------
    accuracies
        (T, M) accuracies of M models on T targets, two or more; NaN where a model was not measured
        on a target.

    Returns
    -------
    (T, M) scores, larger recommended: row t is the mean rank of each model (1 the worst) on all
    targets but t; NaN for models measured on no other target. A rank among m of the M models is
    stretched to (r - 1/2) M / m + 1/2. A transfer score that does not agree better than this needs
    no target data.

    Examples
    --------
    >>> constant_ranking([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0]])[0]
    array([2. , 2.5, 1.5])

    References
    ----------
    Agostinelli et al., How stable are transferability metrics evaluations?, ECCV 2022.
    """
    from scipy.stats import rankdata

    table = real(accuracies, call="constant_ranking()", name="accuracies").astype(np.float64)
    if table.ndim != 2 or len(table) < 2 or table.shape[1] < 2:
        msg = (
            f"constant_ranking(): (targets, models) accuracies of two targets or more are needed; "
            f"got shape {table.shape}."
        )
        raise UsageError(msg)
    if np.isinf(table).any():
        msg = "constant_ranking(): some accuracies are infinite; NaN stands for what is missing."
        raise DegenerateCloudError(msg)
    known = ~np.isnan(table)
    ranks = rankdata(table, axis=1, nan_policy="omit")
    stretched = (ranks - 0.5) * (table.shape[1] / np.maximum(known.sum(axis=1, keepdims=True), 1))
    stretched = np.where(known, stretched + 0.5, 0.0)
    others = known.sum(axis=0) - known
    total = stretched.sum(axis=0) - stretched
    return np.asarray(np.divide(total, others, out=np.full_like(total, np.nan), where=others > 0))


def evaluate_scores(
    scores: Mapping[str, ArrayLike],
    accuracies: ArrayLike,
    *,
    higher_is_better: Mapping[str, bool] | None = None,
    statistics: tuple[str, ...] = tuple(CORRELATIONS),
    over: str = "models",
    top: int = 3,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Every score against the same accuracies: anybody's table of scores, not only ours.

    Parameters
    ----------
    scores
        Name -> (M,) or (R, M) scores, in the order of the accuracies.
    accuracies
        (M,) accuracies after fine-tuning.
    higher_is_better
        Name -> direction; names left out count as True.
    statistics
        Correlations, from `CORRELATIONS`.
    over, level, n_resamples, seed
        As in `agreement`.
    top
        k of the top-k regret.

    Returns
    -------
    One row per score and statistic: score, statistic, value, low, high, level, over, pvalue,
    qvalue (Benjamini-Hochberg over the whole table), n, draws, regret, regret_top (best of `top`),
    chance_regret, status ("ok", or "failed" with the reason), reason. A score that cannot be
    evaluated has a row that says why; the others go on.

    Examples
    --------
    >>> table = evaluate_scores(
    ...     {"good": [1, 2, 3, 4, 5], "flat": [1, 1, 1, 1, 1]},
    ...     [70, 75, 80, 85, 90],
    ...     statistics=("kendall",),
    ... )
    >>> table[["score", "value", "regret", "status"]].values.tolist()
    [['good', 1.0, 0.0, 'ok'], ['flat', nan, nan, 'failed']]
    """
    import pandas as pd

    call = "evaluate_scores()"
    if not isinstance(scores, Mapping) or not scores:
        msg = f"{call}: scores is {type(scores).__name__}; needed is a mapping of names to scores."
        raise UsageError(msg)
    if higher_is_better is not None and not isinstance(higher_is_better, Mapping):
        msg = (
            f"{call}: higher_is_better={higher_is_better!r}; needed is a mapping of names of "
            "scores to True or False."
        )
        raise UsageError(msg)
    # What holds for the whole table is refused at once; what one score lacks fills its row.
    statistics = parameters.names(statistics, "statistics", call=call, options=CORRELATIONS)
    over = parameters.choice(over, ("models", "data", "both"), "over", call=call)
    truth = read_values(accuracies, "accuracies", call=call, least=FEWEST_MODELS)
    level, n_resamples = check_numbers(level, n_resamples, len(truth), call)
    top = parameters.whole(top, "top", call=call, low=1)
    seed = parameters.seed(seed, call=call)
    directions = {
        name: parameters.flag(up, f"higher_is_better[{name!r}]", call=call)
        for name, up in (higher_is_better or {}).items()
    }
    unknown = set(directions) - set(scores)
    if unknown:
        msg = f"evaluate_scores(): directions of unknown scores {sorted(unknown)} were given."
        raise UsageError(msg)
    rows = []
    for name, values in scores.items():
        up = directions.get(name, True)
        for statistic in statistics:
            row: dict[str, object] = {
                "score": name,
                "statistic": statistic,
                "status": "ok",
                "reason": "",
            }
            try:
                measured = agreement(
                    values,
                    accuracies,
                    statistic=statistic,
                    higher_is_better=up,
                    over=over,
                    level=level,
                    n_resamples=n_resamples,
                    seed=seed,
                )
                tried = min(top, measured.n)
                row |= {
                    "value": measured.value,
                    "low": measured.low,
                    "high": measured.high,
                    "pvalue": measured.pvalue,
                    "n": measured.n,
                    "draws": measured.draws,
                    "regret": regret(values, accuracies, higher_is_better=up),
                    "regret_top": regret(values, accuracies, k=tried, higher_is_better=up),
                    "chance_regret": chance_regret(accuracies),
                }
            except ToposcopeError as error:
                row |= {"status": "failed", "reason": str(error)}
            rows.append(row | {"level": level, "over": over})
    names = "score statistic value low high level over pvalue qvalue n draws regret regret_top"
    table = pd.DataFrame(rows, columns=[*names.split(), "chance_regret", "status", "reason"])
    ok = table["status"] == "ok"
    if ok.any():
        table.loc[ok, "qvalue"] = benjamini_hochberg(table.loc[ok, "pvalue"].to_numpy(float))
    return table
