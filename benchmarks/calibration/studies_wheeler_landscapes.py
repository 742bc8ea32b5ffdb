"""wheeler-landscapes: landscapes, plateaus and ranks, planted, through the rules of the study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies import wheeler_landscapes as study
from toposcope.studies.wheeler_shapes import BRANCHES, KNOWN

DESIGN = study.QUICK
NETWORKS, LAYERS, NUMBERS = DESIGN.networks, 6, 8
DRAWS = DESIGN.clouds * DESIGN.branch_draws
GROUPS = tuple(f"{activation} {width}" for activation, width in DESIGN.groups)[:2]


@planted(
    "wheeler-landscapes",
    "W5",
    true="24 networks, landscapes of two activations three spreads apart in one direction",
    null="24 networks, landscapes of one distribution",
    topic="studies_wheeler_landscapes",
)
def groups(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Landscapes of two groups that differ or not."""
    network, layer = np.indices((2 * NETWORKS, LAYERS)).reshape(2, -1)
    which = network // NETWORKS
    values = rng.normal(size=(2 * NETWORKS, LAYERS, NUMBERS)).reshape(-1, NUMBERS)
    if holds:
        values[:, 0] += 3.0 * which
    return pd.DataFrame(
        {
            "network": network,
            "group": np.array(GROUPS)[which],
            "final": False,
            "scale": "mean_distance",
            "degree": 1,
            "layer": layer,
            "landscape": list(values),
        }
    )


@planted(
    "wheeler-landscapes",
    "W6",
    true="16 draws of three kinds of data, a plateau in 98 % of them, of random points in none",
    null="16 draws, a plateau in half of the draws of one kind of data",
    topic="studies_wheeler_landscapes",
)
def plateaus(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Runs of neighbors at which the known numbers come out."""
    rows = []
    for kind in KNOWN:
        share = 0.98 if holds or kind != "rings" else 0.5
        found = rng.random(DESIGN.clouds) < share
        rows.append(
            pd.DataFrame(
                {
                    "draw": np.arange(DESIGN.clouds),
                    "kind": kind,
                    "choice": "",
                    "plateau": np.where(found, 6, 2),
                    "null": 0,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


@planted(
    "wheeler-landscapes",
    "W7",
    true="48 draws, each of three ranks right in 99 %, global ranks 0",
    null="48 draws, the rank of the cross right in three of four",
    topic="studies_wheeler_landscapes",
)
def ranks(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Ranks of local and global H1."""
    rows = []
    for kind, wanted in BRANCHES.items():
        share = 0.99 if holds or kind != "cross" else 0.75
        right = rng.random(DRAWS) < share
        rows.append(
            pd.DataFrame(
                {
                    "draw": np.arange(DRAWS),
                    "kind": kind,
                    "choice": "",
                    "local": np.where(right, wanted, wanted + 1),
                    "global": 0,
                    "wanted": wanted,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)
