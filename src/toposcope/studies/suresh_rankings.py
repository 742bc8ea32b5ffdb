"""Rankings of networks on targets, and evidence that speaks of other networks on other targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toposcope.stats.crossed import crossed_interval
from toposcope.studies.claims import Rule
from toposcope.studies.verdicts import Evidence
from toposcope.transfer import CORRELATIONS

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
FEWEST, FEWEST_NETWORKS = 8, 6
"""Targets, and networks on each: fewer have no order to speak of."""


def read_rankings(table: pd.DataFrame, scores: Sequence[str]) -> tuple[Array, Array] | None:
    """(scores, targets, networks) values and (targets, networks) accuracies of what has all.

    None for too few targets or networks.
    """
    table = table[table["score"].isin(scores)]
    targets, target = np.unique(table["target"].to_numpy(), return_inverse=True)
    networks, network = np.unique(table["network"].to_numpy(), return_inverse=True)
    score = table["score"].map({name: k for k, name in enumerate(scores)}).to_numpy()
    values = np.full((len(scores), len(targets), len(networks)), np.nan)
    truth = np.full(values.shape[1:], np.nan)
    values[score, target, network] = table["value"].to_numpy()
    truth[target, network] = table["accuracy"].to_numpy()
    # The same networks are ranked on all targets: those that most targets have.
    there = np.isfinite(values).all(axis=0) & np.isfinite(truth)
    kept = there.sum(axis=0) == there.sum(axis=0).max()
    whole = there[:, kept].all(axis=1)
    if whole.sum() < FEWEST or kept.sum() < FEWEST_NETWORKS:
        return None
    return values[:, whole][..., kept], truth[whole][:, kept]


def agreement(values: Array, truth: Array, statistic: str) -> Array:
    """Correlations over the last axis; 0 where a score or the truth does not vary."""
    return np.nan_to_num(np.asarray(CORRELATIONS[statistic](values, truth), dtype=np.float64))


def crossed(
    found: Evidence,
    of_networks: Callable[[NDArray[np.intp]], Array],
    networks: int,
    rule: Rule,
    comparisons: int,
) -> Evidence:
    """The same evidence with the interval for other networks on other targets.

    A score that errs about a network errs on all targets, which their spread does not show: with
    targets alone as units, two scores with noise of one size were told apart in 7 % of 60
    simulated populations. Networks are left out one at a time, from all targets.
    """
    every = np.arange(networks)
    whole = of_networks(every)
    without = np.stack([of_networks(np.delete(every, k)) for k in every])
    pseudo = networks * whole - (networks - 1) * without
    interval = crossed_interval(pseudo, level=rule.level, comparisons=comparisons)
    half = interval.half
    own, against = found.interval, found.against
    if against is not None:  # of a null that is one number: as far from it as the interval is
        against = replace(against, low=against.value - half, high=against.value + half)
    return Evidence(replace(own, low=own.value - half, high=own.value + half), found.p, against)
