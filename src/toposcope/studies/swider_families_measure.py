"""Distances of `swider-families`: between networks at a depth, and between layers of a network.

Runs in worker processes; imports neither torch nor pandas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.studies.materials import Subject
from toposcope.studies.swider_statistics import apart, diagrams_of, one_spectrum

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Job:
    """All networks at one relative depth, or all layers of one network.

    Parameters
    ----------
    code, subjects
        Hashes of the sources and of the networks.
    points, seed
        See `Design`.
    place
        Relative depth; -1 for all layers of the one network.
    """

    code: str
    subjects: tuple[str, ...]
    points: int
    seed: int
    place: float = -1.0


def family_of(subject: Subject) -> str:
    """What its population calls its family, else the kind of network."""
    told = subject.covariates
    return str(told.get("family") or told.get("kind") or "given")


def blocks_of(subject: Subject) -> int:
    """What its population calls its depth, else its number of layers."""
    told = subject.covariates.get("depth")
    return len(subject.open().layers) if told is None else int(told)


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Distances between networks at a depth, or between the layers of a network."""
    ours = [subjects[one] for one in job.subjects]
    return _between(job, ours) if job.place >= 0 else _layers(job, ours[0])


def _cloud(job: Job, subject: Subject, place: float) -> Array:
    """The images of the study at a relative depth."""
    acts = subject.open()
    layer = acts.layers[round(place * (len(acts.layers) - 1))]
    rows = np.sort(np.random.default_rng(job.seed).permutation(acts.n)[: job.points])
    return flat(acts.rows(layer, rows))


def _about(subject: Subject) -> dict[str, Any]:
    return {
        "network": subject.network,
        "family": family_of(subject),
        "blocks": blocks_of(subject),
    }


def _between(job: Job, ours: Sequence[Subject]) -> list[dict[str, Any]]:
    found = [(_about(one), _cloud(job, one, job.place)) for one in ours]
    # Where all images look alike there is no distance; the network's own task fails and says so.
    kept = [(about, X) for about, X in found if np.ptp(X, axis=0).any()]
    about, raw = [one for one, _ in kept], [X for _, X in kept]
    scaled = {
        "mean_distance": [estimate_normalizer(X)(X) for X in raw],
        "spectrum": one_spectrum(raw),
        "none": raw,
    }
    rows = []
    for scale, clouds in scaled.items():
        diagrams = [diagrams_of(X) for X in clouds]
        for by in _distances_of(scale):
            for i, first in enumerate(diagrams):
                for j in range(i):
                    for degree, value in enumerate(apart(first, diagrams[j], by)):
                        rows.append(
                            {
                                **about[i],
                                "other": about[j]["network"],
                                "what": "networks",
                                "place": job.place,
                                "from": -1,
                                "to": -1,
                                "scale": scale,
                                "by": by,
                                "degree": degree,
                                "value": value,
                            }
                        )
    return rows


def _distances_of(scale: str) -> tuple[str, ...]:
    return ("wasserstein", "landscape") if scale == "mean_distance" else ("wasserstein",)


def _layers(job: Job, subject: Subject) -> list[dict[str, Any]]:
    count = len(subject.open().layers)
    raw = [_cloud(job, subject, layer / max(count - 1, 1)) for layer in range(count)]
    rows = []
    for scale in ("mean_distance", "none"):
        diagrams = [diagrams_of(estimate_normalizer(X, scale)(X)) for X in raw]
        for by in _distances_of(scale):
            for i in range(count):
                for j in range(i):
                    for degree, value in enumerate(apart(diagrams[i], diagrams[j], by)):
                        rows.append(
                            {
                                **_about(subject),
                                "other": "",
                                "what": "layers",
                                "place": -1.0,
                                "from": j,
                                "to": i,
                                "scale": scale,
                                "by": by,
                                "degree": degree,
                                "value": value,
                            }
                        )
    return rows
