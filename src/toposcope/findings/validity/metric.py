"""Do layers keep their order under cosine and geodesic distances?

Curves of one draw share its noise whatever the metric, and would agree on layers that have no order
at all. The curve of one draw is therefore held against the curves of the others.
"""

from __future__ import annotations

import numpy as np

from toposcope.analysis.validity_checks import STATISTICS
from toposcope.findings.validity.deciding import (
    Array,
    Estimate,
    combined,
    leave_one_out,
    rank_estimate,
)
from toposcope.findings.validity.normalization import FEWEST_LAYERS
from toposcope.findings.validity.observations import Observations, paired, ranked
from toposcope.findings.validity.verdict import (
    Decision,
    Meaning,
    Number,
    Part,
    Quantity,
    Verdict,
)

SAME_ORDER = 0.7
"""Two metrics agree when Spearman's rho of their layer curves is above this, interval included."""
EUCLIDEAN = "euclidean"


def metric(observations: Observations) -> Verdict:
    """Do layer curves keep their order under other metrics, from one draw to another?"""
    others = [one for one in observations.conditions("metric") if one != EUCLIDEAN]
    degrees = observations.degrees("metric")
    orders = max(1, len(degrees) * len(STATISTICS))
    family = orders * max(1, len(others))
    numbers: list[Number] = []
    parts = []
    for k in degrees:
        own: list[Number] = []
        for statistic in STATISTICS:
            repeats = _compared(observations, EUCLIDEAN, statistic, k)
            if repeats is None:
                continue
            # Where layers have no order that other draws repeat, there is none to keep.
            ordered = repeats.above(SAME_ORDER) <= observations.alpha / orders
            numbers.append(
                _number(
                    observations,
                    Quantity.REPEATS,
                    repeats,
                    Meaning.REPEATED if ordered else Meaning.UNDECIDED,
                    statistic,
                    k,
                    EUCLIDEAN,
                )
            )
            for other in others:
                rho = _compared(observations, other, statistic, k)
                if rho is not None:
                    meaning = _meaning(rho, observations.alpha, family, ordered=ordered)
                    own.append(
                        _number(observations, Quantity.AGREEMENT, rho, meaning, statistic, k, other)
                    )
        if own:
            numbers += own
            parts.append(_part(k, own))
    decision = combined(part.decision for part in parts)
    points = max(observations.sizes("metric"), default=0)
    return Verdict("metric", decision, tuple(numbers), parts=tuple(parts), points=points)


def _part(k: int, numbers: list[Number]) -> Part:
    """Of orders that there are: holds where all agree, fails where one is contradicted.

    In part where all are decided, and some are neither.
    """
    meanings = [number.meaning for number in numbers if number.meaning != Meaning.NO_ORDER]
    agree, against = meanings.count(Meaning.AGREES), meanings.count(Meaning.CONTRADICTS)
    decision = Decision.UNDECIDED
    if against:
        decision = Decision.FAILS
    elif agree and agree == len(meanings):
        decision = Decision.HOLDS
    elif agree and Meaning.UNDECIDED not in meanings:
        decision = Decision.IN_PART
    return Part(k, decision, agree, against, len(meanings))


def _meaning(rho: Estimate, alpha: float, family: int, *, ordered: bool) -> Meaning:
    """What a correlation is shown to be; agreement of all is shown by each on its own."""
    if not ordered:
        return Meaning.NO_ORDER
    if rho.above(SAME_ORDER) <= alpha:
        return Meaning.AGREES
    if rho.below(0.0) <= alpha / family:
        return Meaning.CONTRADICTS
    part = rho.inside(0.0, SAME_ORDER) <= alpha / family
    return Meaning.IN_PART if part else Meaning.UNDECIDED


def _compared(observations: Observations, other: str, statistic: str, k: int) -> Estimate | None:
    """Mean rho of the Euclidean curve of a draw with the other metric's curve of another draw."""
    a, b = paired(
        observations.curves("metric", EUCLIDEAN, statistic, k),
        observations.curves("metric", other, statistic, k),
    )
    whole = np.isfinite(a.values).all(axis=1) & np.isfinite(b.values).all(axis=1)
    if len(a.layers) < FEWEST_LAYERS or whole.sum() < 3:
        return None
    x, y = a.values[whole], b.values[whole]
    rho = across_draws(x, y)
    if not np.isfinite(rho).all():
        return None
    return rank_estimate(rho, len(a.layers), overlap=observations.overlap)


def across_draws(x: Array, y: Array) -> Array:
    """Pseudo-values of the mean Spearman's rho of x in one draw with y in another.

    Parameters
    ----------
    x, y
        (R, L) curves of R draws; draw r of both comes from the same samples.

    Returns
    -------
    (R,) jackknife pseudo-values over draws: their mean is the mean over all pairs of different
    draws, their spread its error (a U-statistic's).

    Examples
    --------
    >>> x = np.array([[1.0, 2, 3], [1, 2, 3], [1, 3, 2]])
    >>> across_draws(x, x).round(2).tolist()
    [1.0, 1.0, 0.0]
    """
    count = len(x)
    rho = ranked(x) @ ranked(y).T
    rho = (rho + rho.T) / 2
    np.fill_diagonal(rho, 0.0)  # a draw with itself shares its noise
    total = float(rho.sum())
    whole = total / (count * (count - 1))
    # Row and column of a draw go with it.
    rest = (count - 1) * (count - 2)
    return leave_one_out(((total - 2 * rho[r].sum()) / rest for r in range(count)), whole)


def _number(
    observations: Observations,
    quantity: Quantity,
    rho: Estimate,
    meaning: Meaning,
    statistic: str,
    k: int,
    condition: str,
) -> Number:
    ends = rho.ends(observations.level)
    what = {"statistic": statistic, "degree": k, "condition": condition}
    return Number(quantity, rho.value, *ends, rho.freedom + 1, meaning, **what)  # type: ignore[arg-type]
