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
SAME = 1e-9
"""Share of a value below which a difference is rounding."""
COLUMNS = (
    "model",
    "score",
    "rank",
    "rank_low",
    "rank_high",
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
RANKS = ("rank", "rank_low", "rank_high")


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
    `tied_with` lists the candidates that cannot be told apart from this one (`ties`), and
    `rank_low` to `rank_high` are the ranks that leaves it: 1 and those told apart as better, to all
    but those told apart as worse. Candidates without a value have no rank and stand last.

    Examples
    --------
    >>> a, b = Entry(np.array([0.8, 0.82, 0.81])), Entry(np.array([0.5, 0.52, 0.5]))
    >>> table = assemble({"knn": {"a": a, "b": b}}, {"knn": (True, True, "n^2 D")})
    >>> table[["model", "rank", "rank_high"]].values.tolist(), table.tied_with.tolist()
    ([['a', 1, 1], ['b', 2, 2]], [[], []])
    """
    import pandas as pd

    from toposcope.transfer.ranking.table import Ranking

    rows = []
    for score, by_model in entries.items():
        higher, labels, cost = declared[score]
        tied = ties({m: e.values for m, e in by_model.items() if e.status == OK}, level=level)
        ranks = _ranks(by_model, tied, higher)
        for model, entry in by_model.items():
            interval = mean_interval(entry.values, level=level) if entry.status == OK else None
            rows.append(
                {
                    "model": model,
                    "score": score,
                    **dict(zip(RANKS, ranks.get(model, (pd.NA,) * 3), strict=True)),
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
    table = table.astype(dict.fromkeys(RANKS, "Int64"))
    order = {score: i for i, score in enumerate(entries)}
    table["_score"] = table["score"].map(order)
    table = table.sort_values(["_score", "rank"], na_position="last", kind="stable")
    return Ranking(table.drop(columns="_score").reset_index(drop=True))


def _ranks(
    by_model: Mapping[str, Entry], tied: Mapping[str, list[str]], higher: bool
) -> dict[str, tuple[int, int, int]]:
    """Rank of every candidate with a value, and the ranks that ties leave it."""
    sign = -1.0 if higher else 1.0
    means = {m: sign * float(e.values.mean()) for m, e in by_model.items() if e.status == OK}
    ranks = {}
    for model, mean in means.items():
        apart = [m for m in means if m != model and m not in tied[model]]
        better = sum(means[m] < mean for m in apart)
        equal = [m for m in means if abs(means[m] - mean) <= SAME * max(abs(mean), abs(means[m]))]
        before = sum(other < mean for m, other in means.items() if m not in equal)
        ranks[model] = (1 + before, 1 + better, len(means) - (len(apart) - better))
    return ranks


def ties(values: Mapping[str, NDArray[np.float64]], *, level: float = 0.95) -> dict[str, list[str]]:
    """Who cannot be told apart from whom, on the same draws.

    Parameters
    ----------
    values
        Candidate -> (R,) a score on the same R disjoint draws. R = 1 is a constant, which knows no
        noise: only equal ones are tied.
    level
        Probability that all pairs said to differ do differ (Bonferroni over the pairs).

    Returns
    -------
    Candidate -> the others whose mean paired difference has an interval that contains 0: Student's
    t over draws. Scores that count samples move in steps, and two draws may differ by the same step
    by chance, so the variance is at least g^2 / 6, with g the smallest difference between any two
    values: that of two numbers rounded to g.

    Examples
    --------
    >>> draws = {"a": np.array([1.0, 1.2, 1.1]), "b": np.array([1.1, 1.1, 1.1])}
    >>> ties(draws)
    {'a': ['b'], 'b': ['a']}
    >>> ties({"a": np.array([5.0]), "b": np.array([5.0]), "c": np.array([6.0])})
    {'a': ['b'], 'b': ['a'], 'c': []}
    """
    lengths = {len(v) for v in values.values()}
    if len(lengths) > 1:
        msg = f"ties(): candidates have {sorted(lengths)} draws; they must share the same ones."
        raise UsageError(msg)
    tied: dict[str, list[str]] = {name: [] for name in values}
    pairs = list(combinations(values, 2))
    if not pairs:
        return tied
    least = _step(np.concatenate(list(values.values())))
    for a, b in pairs:
        gap = values[a] - values[b]
        size = max(float(np.abs(values[a]).max()), float(np.abs(values[b]).max()))
        if abs(gap.mean()) <= max(SAME * size, _half(gap, least, level, len(pairs))):
            tied[a].append(b)
            tied[b].append(a)
    return tied


def _step(values: NDArray[np.float64]) -> float:
    """Smallest difference between values that are not the same but for rounding; 0 for none."""
    gaps = np.diff(np.sort(values))
    gaps = gaps[gaps > SAME * np.abs(values).max()]
    return float(gaps.min()) if len(gaps) else 0.0


def _half(gap: NDArray[np.float64], least: float, level: float, comparisons: int) -> float:
    """Half of the interval of a mean difference, at least that of values rounded to steps."""
    if len(gap) == 1:
        return 0.0
    from scipy.special import stdtrit

    variance = max(float(gap.var(ddof=1)), least**2 / 6)
    t = float(stdtrit(len(gap) - 1, 1 - (1 - level) / (2 * comparisons)))
    return t * float(np.sqrt(variance / len(gap)))


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
