"""Every score against every constant list: is it worth more than what costs nothing?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import ToposcopeError
from toposcope.transfer import compare_scores
from toposcope.transfer.scores.registry import CONSTANTS

LEARNED = "constant list"
"""The order of models that the other targets share, as a score of its own."""


def contests(
    upward: Mapping[str, NDArray[np.float64]],
    truth: NDArray[np.float64],
    *,
    statistic: str = "kendall",
    level: float,
    seed: int,
) -> list[dict[str, Any]]:
    """One entry per score and constant list that is there.

    Parameters
    ----------
    upward
        Score -> (M,) values, or (T, M) over targets, larger is better; constant lists among them.
    truth
        Accuracies of the shape of each score, NaN where a model is missing.
    statistic, level, seed
        As in `compare_scores`.

    Returns
    -------
    `difference` of the agreements with [low, high], `pvalue`, `unit` and `n`; where there is none,
    `reason` says why.
    """
    baselines = [name for name in (LEARNED, *CONSTANTS) if name in upward]
    found: list[dict[str, Any]] = []
    for baseline in baselines:
        for name, values in upward.items():
            if name in baselines:
                continue
            entry: dict[str, Any] = {"score": name, "baseline": baseline, "reason": ""}
            found.append(entry)
            try:
                gap = compare_scores(
                    values, upward[baseline], truth, statistic=statistic, level=level, seed=seed
                )
            except ToposcopeError as error:
                entry["reason"] = str(error)
                continue
            entry |= {
                "difference": gap.difference,
                "low": gap.low,
                "high": gap.high,
                "pvalue": gap.pvalue,
                "unit": gap.unit,
                "n": gap.n,
            }
    return found
