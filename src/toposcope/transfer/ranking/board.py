"""The board: scores of candidates with intervals, ranks, and who cannot be told apart from whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.stats import mean_interval

if TYPE_CHECKING:
    import pandas as pd

OK = "ok"
COLUMNS = (
    "model",
    "score",
    "rank",
    "value",
    "low",
    "high",
    "level",
    "replicates",
    "points",
    "tied_with",
    "higher_is_better",
    "labels",
    "seconds",
    "cost",
    "status",
    "reason",
)


@dataclass(frozen=True)
class Entry:
    """One score of one candidate.

    Parameters
    ----------
    values
        (replicates,) the score on disjoint draws of the target, the same draws for every candidate;
        empty when there is none.
    points
        Samples of each draw; 0 for constants.
    seconds
        Processor seconds of one draw.
    status, reason
        "ok", or why there is no value.
    """

    values: NDArray[np.float64]
    points: int = 0
    seconds: float = float("nan")
    status: str = OK
    reason: str = ""


def assemble(
    entries: Mapping[str, Mapping[str, Entry]],
    declared: Mapping[str, tuple[bool, bool, str]],
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """The board as a tidy table.

    Parameters
    ----------
    entries
        Score name -> candidate -> what was found.
    declared
        Score name -> (higher is better, needs labels, cost).
    level
        Coverage of each interval; the comparisons behind `tied_with` hold together with it.

    Returns
    -------
    One row per score and candidate. `rank` is 1 for the candidate the score recommends;
    `tied_with` lists the candidates whose paired difference from this one has an interval that
    contains 0 (Student t over draws, Bonferroni over all pairs of the score); candidates without a
    value have no rank and stand last.

    Examples
    --------
    >>> a, b = Entry(np.array([0.8, 0.82, 0.81])), Entry(np.array([0.5, 0.52, 0.5]))
    >>> table = assemble({"knn": {"a": a, "b": b}}, {"knn": (True, True, "n^2 D")})
    >>> table[["model", "rank"]].values.tolist(), table.tied_with.tolist()
    ([['a', 1], ['b', 2]], [[], []])
    """
    import pandas as pd

    rows = []
    for score, by_model in entries.items():
        higher, labels, cost = declared[score]
        ranks = _ranks(by_model, higher)
        tied = ties(
            {m: e.values for m, e in by_model.items() if e.status == OK and len(e.values) > 1},
            level=level,
        )
        for model, entry in by_model.items():
            interval = mean_interval(entry.values, level=level) if entry.status == OK else None
            rows.append(
                {
                    "model": model,
                    "score": score,
                    "rank": ranks.get(model, pd.NA),
                    "value": interval.value if interval else np.nan,
                    "low": interval.low if interval else np.nan,
                    "high": interval.high if interval else np.nan,
                    "level": level,
                    "replicates": len(entry.values),
                    "points": entry.points,
                    "tied_with": tied.get(model, []),
                    "higher_is_better": higher,
                    "labels": labels,
                    "seconds": entry.seconds,
                    "cost": cost,
                    "status": entry.status,
                    "reason": entry.reason,
                }
            )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["rank"] = table["rank"].astype("Int64")
    order = {score: i for i, score in enumerate(entries)}
    table["_score"] = table["score"].map(order)
    table = table.sort_values(["_score", "rank"], na_position="last", kind="stable")
    return table.drop(columns="_score").reset_index(drop=True)


def _ranks(by_model: Mapping[str, Entry], higher: bool) -> dict[str, int]:
    means = {m: float(e.values.mean()) for m, e in by_model.items() if e.status == OK}
    sign = -1.0 if higher else 1.0
    return {
        m: 1 + sum(sign * other < sign * mean for other in means.values())
        for m, mean in means.items()
    }


def ties(values: Mapping[str, NDArray[np.float64]], *, level: float = 0.95) -> dict[str, list[str]]:
    """Who cannot be told apart from whom, on the same draws.

    Parameters
    ----------
    values
        Candidate -> (R,) a score on the same R disjoint draws, R of at least 2.
    level
        Probability that all pairs said to differ do differ (Bonferroni over the pairs).

    Returns
    -------
    Candidate -> the others whose mean paired difference has an interval that contains 0.

    Examples
    --------
    >>> draws = {"a": np.array([1.0, 1.2, 1.1]), "b": np.array([1.1, 1.1, 1.1])}
    >>> ties(draws)
    {'a': ['b'], 'b': ['a']}
    """
    lengths = {len(v) for v in values.values()}
    if len(lengths) > 1:
        msg = f"ties(): candidates have {sorted(lengths)} draws; they must share the same ones."
        raise UsageError(msg)
    tied: dict[str, list[str]] = {name: [] for name in values}
    pairs = list(combinations(values, 2))
    for a, b in pairs:
        gap = mean_interval(values[a] - values[b], level=level, comparisons=len(pairs))
        if gap.low <= 0.0 <= gap.high:
            tied[a].append(b)
            tied[b].append(a)
    return tied


def plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them: None for what is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> plain(pd.DataFrame({"score": ["knn"], "low": [float("nan")]}))
    [{'score': 'knn', 'low': None}]
    """
    rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
    return [{str(key): value for key, value in row.items()} for row in rows]
