"""One network of `swider-samples`: draws of several sizes, with and without outliers.

Runs in worker processes; imports neither torch nor pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.studies.materials import Subject
from toposcope.studies.swider_statistics import (
    DEGREES,
    DISTANCES,
    apart,
    diagrams_of,
    disjoint,
    planted,
    summaries,
    variation,
    without_outliers,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Job:
    """One trained network.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    sizes, base, repeats, scales, seed
        See `Design`.
    """

    code: str
    subject: str
    sizes: tuple[int, ...]
    base: tuple[int, ...]
    repeats: int
    scales: tuple[str, ...]
    seed: int


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Every layer of a network: draws of several sizes, with and without outliers."""
    subject = subjects[job.subject]
    acts = subject.open()
    rows: list[dict[str, Any]] = []
    base = {"network": subject.network, "kind": str(subject.covariates.get("kind", "given"))}
    for scale in job.scales:
        firsts: dict[int, list[list[Any]]] = {}
        for depth, layer in enumerate(acts.layers):
            raw = flat(acts.rows(layer, np.arange(acts.n)))
            X = estimate_normalizer(raw, scale)(raw)
            place = {**base, "layer": depth, "name": layer, "scale": scale}
            for what, points, by, degree, numbers in _layer(X, job, firsts):
                rows.append({**place, **_row(what, points, by, degree, numbers)})
        for points, draws in firsts.items():
            for by in DISTANCES:
                for degree, number in enumerate(_between(draws, by)):
                    place = {**base, "layer": -1, "name": "", "scale": scale}
                    rows.append({**place, **_row("between", points, by, degree, (number,))})
    return rows


COLUMNS = ("value", "noise", "null", "null_noise")
Numbers = tuple[str, int, str, int, tuple[float, ...]]
"""What, points, by which distance or summary, degree, numbers in the order of `COLUMNS`."""


def _row(
    what: str, points: int, by: str, degree: int, numbers: tuple[float, ...]
) -> dict[str, Any]:
    filled = [*numbers, *[float("nan")] * (len(COLUMNS) - len(numbers))]
    row = {"what": what, "points": points, "by": by, "degree": degree}
    return row | dict(zip(COLUMNS, filled, strict=True))


def _layer(X: Array, job: Job, firsts: dict[int, list[list[Any]]]) -> Iterator[Numbers]:
    """Everything of one layer; two draws of each size are kept for the distances of layers."""
    rng = np.random.default_rng([job.seed, 1])
    for points in job.sizes:
        draws = [diagrams_of(X[rows]) for rows in disjoint(len(X), points, rng)]
        firsts.setdefault(points, []).append(draws[:2])
        told = [summaries(one) for one in draws]
        for by in told[0]:
            for degree in DEGREES:
                values = np.array([one[by][degree] for one in told])
                yield "variation", points, by, degree, (variation(values),)
        noise = {by: apart(draws[0], draws[1], by) for by in DISTANCES}
        for by, numbers_of in noise.items():
            for degree in DEGREES:
                yield "draws", points, by, degree, (numbers_of[degree],)
    for points in job.base:
        ratios = [_unequal(X, points, rng) for _ in range(job.repeats)]
        for by in DISTANCES:
            mean = np.mean([one[by] for one in ratios], axis=0)  # (3, degrees)
            for degree in DEGREES:
                value, noise, null = mean[:, degree]
                yield "unequal", points, by, degree, (value, noise, null, noise)
    points = job.sizes[-1]
    parts = [X[rows] for rows in disjoint(len(X), points, rng, most=4)]
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    for way, share in (("lof", None), ("5 %", 0.05)):
        found = [without_outliers(pair, share, rng) for pair in pairs]
        far = [(planted(a, rng), planted(b, rng)) for a, b in pairs]
        worse = [without_outliers(pair, share, rng) for pair in far]
        for by in DISTANCES:
            sides = [
                np.mean([side[by] for side in many], axis=0)
                for some in (found, worse)
                for many in ([moved for moved, _, _ in some], [noise for _, noise, _ in some])
            ]
            for degree in DEGREES:
                numbers = tuple(float(one[degree]) for one in sides)
                yield f"outliers {way}", points, by, degree, numbers
        yield f"flagged {way}", points, "", -1, (float(np.mean([one[2] for one in found])),)


def _unequal(X: Array, points: int, rng: np.random.Generator) -> dict[str, Array]:
    """By distance (3, degrees): from n points to 2 n, to n others, and to half of those 2 n."""
    order = rng.permutation(len(X))
    one, other = order[:points], order[points : 2 * points]
    twice = order[2 * points : 4 * points]
    first, second = diagrams_of(X[one]), diagrams_of(X[other])
    third, double = diagrams_of(X[twice[:points]]), diagrams_of(X[twice])
    return {
        by: np.array([apart(first, d, by) for d in (double, second, third)]) for by in DISTANCES
    }


def _between(draws: list[list[Any]], by: str) -> Array:
    """(degrees,) mean distance between layers, of draws that share no image."""
    values = [
        apart(a[0], b[1], by) for i, a in enumerate(draws) for j, b in enumerate(draws) if i != j
    ]
    return np.asarray(np.mean(values, axis=0))
