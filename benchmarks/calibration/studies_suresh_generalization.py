"""Verdicts of suresh-generalization: worlds where the rate of decay goes with the error, or not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies import suresh_generalization as study

GRID = study.QUICK
TOPIC = "studies_suresh_generalization"
NETWORKS = f"{len(GRID.depths) * len(GRID.widths) * len(GRID.noises) * len(GRID.decays)} networks"


def population() -> pd.DataFrame:
    """The configurations of the quick design."""
    return pd.DataFrame(
        [
            {
                "network": f"{depth}x{width} {decay} {noise}",
                "configuration": f"{depth}x{width} {decay} {noise}",
                "depth": float(depth),
                "width": float(width),
                "weight_decay": decay,
                "label_noise": noise,
            }
            for depth, width, decay, noise in product(
                GRID.depths, GRID.widths, GRID.decays, GRID.noises
            )
        ]
    )


def written(
    table: pd.DataFrame, error: np.ndarray, slope: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """As the study's workers write it: the slope as counted, everything else beside it is noise."""
    base = table.assign(error=0.2 + 0.03 * error)
    rows = [base.assign(size="own", way="", slope=slope)]
    rows += [base.assign(size="own", way=way, slope=0.0) for way in list(study.WAYS)[1:]]
    rows.append(base.assign(size="one", way="", slope=0.0))
    made = pd.concat(rows, ignore_index=True)
    beside = made["slope"].to_numpy() == 0.0
    made.loc[beside, "slope"] = rng.normal(size=int(beside.sum()))
    return made.assign(last=rng.normal(size=len(made)), theta=rng.normal(size=len(made)))


@planted(
    "suresh-generalization",
    "C11",
    true=f"{NETWORKS}, correlation 0.8",
    null=f"{NETWORKS}, no correlation",
    topic=TOPIC,
)
def with_the_error(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """The slope follows the error, or not."""
    table = population()
    error, own = rng.normal(size=(2, len(table)))
    r = 0.8 if holds else 0.0
    return written(table, error, r * error + np.sqrt(1 - r**2) * own, rng)


@planted(
    "suresh-generalization",
    "C11p",
    true=f"{NETWORKS}, 0.8 beside what was varied",
    null=f"{NETWORKS}, both follow what was varied and nothing else",
    topic=TOPIC,
)
def beside_what_was_varied(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """The slope follows the error beside depth, width and wrong labels, or only by them."""
    table = population()
    error, own = rng.normal(size=(2, len(table)))
    shared = 8 * table["label_noise"].to_numpy() - 0.2 * table["width"].to_numpy()
    r = 0.8 if holds else 0.0
    slope = r * error + np.sqrt(1 - r**2) * own
    return written(table, shared + error, shared + slope, rng)
