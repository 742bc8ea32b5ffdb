"""Verdicts of `suresh-invariances`: curves that something moves by less than its margin, or more.

Architectures differ by templates over depth, networks by noise. What is claimed to change nothing
moves the logarithms of the numbers along one direction, the same for all networks: by a third or so
of the margin in the true world, and by a little more than the margin in the null world.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.studies import planted
from toposcope.studies.suresh_invariances import QUICK, SIMILAR

KINDS, NETWORKS, DRAWS = len(QUICK.architectures), QUICK.networks, 3
LAYERS = QUICK.depths[0]
TEMPLATES = np.array([[3.0, 2.5, 1.0, 0.5], [2.0, 2.2, 1.8, 0.8], [2.5, 3.2, 1.8, 1.5]])
"""Logarithms of the numbers of an architecture's blocks."""
ALONG = np.array([-0.4, 0.3, -0.5, 0.7])
"""What something moves them along: of length 1."""


def base(rng: np.random.Generator) -> np.ndarray:
    """(architectures, networks, layers) logarithms."""
    return TEMPLATES[:, None] + 0.1 * rng.normal(size=(KINDS, NETWORKS, LAYERS))


def moved(rng: np.random.Generator, logs: np.ndarray, size: float) -> np.ndarray:
    """The same under something that moves them so far, networks by 30 % more or less."""
    each = size * np.exp(0.3 * rng.normal(size=(*logs.shape[:2], 1)))
    return logs + each * ALONG + 0.02 * rng.normal(size=logs.shape)


def rows(
    logs: np.ndarray, *, data: str = "digits", resolution: str = "8", depth: int = LAYERS
) -> pd.DataFrame:
    """Rows of networks under one view."""
    kind, network, layer = np.indices(logs.shape).reshape(3, -1)
    name = np.char.add(np.char.add(kind.astype(str), f" {depth} seed "), network.astype(str))
    return pd.DataFrame(
        {
            "network": name,
            "architecture": np.char.add("architecture ", kind.astype(str)),
            "depth": float(depth),
            "data": data,
            "resolution": resolution,
            "layer": layer,
            "way": "",
            "voxels": 1024,
            "omega": np.exp(logs).ravel(),
        }
    )


def in_lists(rng: np.random.Generator, logs: np.ndarray, size: float, column: str) -> pd.DataFrame:
    """Rows whose changed numbers lie in lists."""
    others = np.stack([np.exp(moved(rng, logs, size)).ravel() for _ in range(DRAWS)], axis=1)
    own = np.exp(logs).ravel()
    return rows(logs).assign(
        **{
            column: others.tolist(),
            "few outside": [[value] * DRAWS for value in own],
        }
    )


@planted(
    "suresh-invariances",
    "C4",
    true="12 networks of three architectures, few images move a curve by 0.1 of their distance",
    null="12 networks, by 0.4 of it",
    topic="studies_suresh_invariances",
)
def few_images(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Curves of a few images."""
    return in_lists(rng, base(rng), 0.15 if holds else 0.68, "few inside")


@planted(
    "suresh-invariances",
    "C5",
    true="12 networks of three architectures, resolutions move a curve by 0.1 of their distance",
    null="12 networks, by 0.4 of it",
    topic="studies_suresh_invariances",
)
def resolutions(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Curves at other resolutions."""
    logs, size = base(rng), 0.15 if holds else 0.68
    return pd.concat(
        [rows(logs), *(rows(moved(rng, logs, size), resolution=one) for one in ("12", "16"))],
        ignore_index=True,
    )


@planted(
    "suresh-invariances",
    "C6",
    true="12 networks of three architectures, similar data move a curve by 0.25 of their distance",
    null="12 networks, by 0.65 of it",
    topic="studies_suresh_invariances",
)
def similar_data(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Curves on similar data."""
    logs, size = base(rng), 0.36 if holds else 1.02
    return pd.concat(
        [rows(logs), *(rows(moved(rng, logs, size), data=one) for one in SIMILAR)],
        ignore_index=True,
    )


@planted(
    "suresh-invariances",
    "C7",
    true="12 pairs of three architectures, curves of deeper networks of one template",
    null="12 pairs, moved by 0.65 of the distance between architectures",
    topic="studies_suresh_invariances",
)
def variants(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Curves of deeper networks, trained anew."""
    deeper = moved(rng, base(rng), 0.05 if holds else 1.1)
    return pd.concat([rows(base(rng)), rows(deeper, depth=6)], ignore_index=True)


@planted(
    "suresh-invariances",
    "C3-curve",
    true="12 networks of three architectures, orders of channels move a curve by 0.1 of their "
    "distance",
    null="12 networks, by 0.4 of it",
    topic="studies_suresh_invariances",
)
def orders(rng: np.random.Generator, holds: bool) -> pd.DataFrame:
    """Curves with channels in other orders."""
    return in_lists(rng, base(rng), 0.15 if holds else 0.68, "reordered")
