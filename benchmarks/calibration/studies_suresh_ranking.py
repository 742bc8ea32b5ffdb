"""Verdicts of `suresh-ranking`: scores that agree with accuracies, or less than they seem to.

Every network has a quality, every target adds its own; accuracies follow both, scores see them
through noise.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies.suresh_ranking import BASELINES, QUICK

TARGETS = len(QUICK.targets)
NETWORKS = len(QUICK.kinds) * len(QUICK.depths) * len(QUICK.shapes)


def table(rng: np.random.Generator, theta: float, beta: float, others: float) -> pd.DataFrame:
    """Rows of scores whose noise, over the spread of accuracies, is what the arguments say.

    inf for a score that sees nothing. Half of the spread is that of networks, half of targets.
    """
    quality = rng.normal(size=NETWORKS)
    truth = (quality + rng.normal(size=(TARGETS, NETWORKS))) / np.sqrt(2)
    sizes = {"theta": theta, "theta of beta_1": beta, **dict.fromkeys(BASELINES, others)}
    rows = []
    target, network = np.indices(truth.shape).reshape(2, -1)
    for score, size in sizes.items():
        # Most of the noise is the network's own, the same on all targets.
        own = rng.normal(size=NETWORKS)
        seen = truth + size * (own + 0.5 * rng.normal(size=truth.shape)) / np.sqrt(1.25)
        seen = np.broadcast_to(own, truth.shape) if np.isinf(size) else seen
        rows.append(
            pd.DataFrame(
                {
                    "network": network,
                    "target": target,
                    "depth": 4,
                    "accuracy": truth.ravel(),
                    "score": score,
                    "value": seen.ravel(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


@planted(
    "suresh-ranking",
    "C8",
    true="10 targets, 16 networks, theta with noise of 0.35 of the spread, the others see nothing",
    null="10 targets, 16 networks, theta better than three baselines and like the fourth",
    topic="studies_suresh_ranking",
)
def better(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Theta better than all of the others, or than all but one."""
    made = table(rng, 0.35, 0.35, np.inf)
    if holds:
        return made
    like = table(rng, 0.35, 0.35, np.inf)  # of other networks: its noise alone is taken
    one, theta = made["score"] == BASELINES[0], like[like["score"] == "theta"]
    noise = (theta["value"] - theta["accuracy"]).to_numpy()
    made.loc[one, "value"] = made.loc[one, "accuracy"] + noise
    return made


@planted(
    "suresh-ranking",
    "C8-ranks",
    true="10 targets, 16 networks, theta with noise of half the spread of accuracies",
    null="10 targets, 16 networks, theta is a number of the network alone, whatever the target",
    topic="studies_suresh_ranking",
)
def ranks(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Theta that follows accuracies, or is each network's own on all targets."""
    return table(rng, 0.5 if holds else np.inf, 1.0, 1.0)


@planted(
    "suresh-ranking",
    "C10",
    true="10 targets, 16 networks, theta of beta_1 is theta with a little noise",
    null="10 targets, 16 networks, theta of beta_1 with tau lower by about 0.15",
    topic="studies_suresh_ranking",
)
def as_well(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """beta_1 alone: as good as all, or worse."""
    made = table(rng, 0.5, 0.9, 1.0)
    if holds:
        one = made["score"] == "theta of beta_1"
        theta = made.loc[made["score"] == "theta", "value"].to_numpy()
        made.loc[one, "value"] = theta + 0.05 * rng.normal(size=one.sum())
    return made
