"""Thresholds of the check of concentration: circles in noise, seen or not, and how distances vary.

`python -m benchmarks.contrast_table` prints the table of docs/validity.md (about five minutes).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.analysis.validity_checks import directions, distance_contrast
from toposcope.pointclouds.nulls import gaussian_null

Array = NDArray[np.float64]

POINTS, REPEATS, TWINS = 300, 5, 3
NOISES = {
    10: (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.45),
    30: (0.05, 0.1, 0.15, 0.2, 0.25, 0.3),
    100: (0.05, 0.1, 0.15, 0.2, 0.3),
    300: (0.03, 0.05, 0.1, 0.15, 0.3),
}
TAILS = ("normal", "t5", "t3", "independent t3", "outliers", "log-normal")
STANDS_OUT = 1.8
"""A circle is seen when its bar is so many times the second, and that of Gaussian nulls or more."""


def noise(rng: np.random.Generator, tail: str, d: int) -> Array:
    """(POINTS, d) noise of unit size with some tails."""
    z = rng.normal(size=(POINTS, d))
    if tail in ("t5", "t3"):
        freedom = int(tail[1])
        return np.asarray(z / np.sqrt(rng.chisquare(freedom, size=(POINTS, 1)) / freedom))
    if tail == "independent t3":
        return rng.standard_t(3, size=(POINTS, d))
    if tail == "log-normal":
        return np.asarray(z * np.exp(0.7 * rng.normal(size=(POINTS, 1))))
    if tail == "outliers":
        z[: POINTS // 20] *= 10
    return z


def longest(X: Array) -> tuple[float, float]:
    """The two longest bars in H1."""
    pairs = homology.rips(X, homology_dimensions=(0, 1))[1]
    lengths = np.sort(np.ptp(pairs[np.isfinite(pairs[:, 1])], axis=1))[::-1]
    first, second, *_ = [*lengths, 0.0, 0.0]
    return float(first), float(second)


def circle(rng: np.random.Generator, d: int, size: float, tail: str) -> tuple[bool, float, float]:
    """Whether a circle in noise is seen; the variation of directions and of raw distances."""
    angle = 2 * np.pi * rng.random(POINTS)
    X = size * noise(rng, tail, d)
    X[:, 0] += np.cos(angle)
    X[:, 1] += np.sin(angle)
    null = gaussian_null(X)
    beside = np.mean([longest(null.sample(POINTS, seed=rng))[0] for _ in range(TWINS)])
    first, second = longest(X)
    seen = first > STANDS_OUT * second and first >= beside
    towards, raw = (
        distance_contrast(homology.distances(one))["distance_cv"] for one in (directions(X), X)
    )
    return seen, towards, raw


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    print("| d | directions: seen in all above | seen in none below | raw: largest not seen |")
    print("|---|---|---|---|")
    for d, sizes in NOISES.items():
        groups = [
            [circle(rng, d, size, tail) for _ in range(REPEATS)] for tail in TAILS for size in sizes
        ]
        told = [(np.mean([x[0] for x in g]), *np.mean([x[1:] for x in g], axis=0)) for g in groups]
        above = max(towards for share, towards, _ in told if share < 1)
        below = min(towards for share, towards, _ in told if share > 0)
        raw = max(raw for share, _, raw in told if share < 1)
        print(f"| {d} | {above:.3f} | {below:.3f} | {raw:.2f} |", flush=True)


if __name__ == "__main__":
    main()
