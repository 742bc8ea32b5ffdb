"""Clouds of known topology, and what hops and local homology find in them: arrays in and out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.studies.materials import KNOWN_BETTI, shapes
from toposcope.studies.naitzat_statistics import hop_betti

Array = NDArray[np.float64]
KNOWN = {"disks": "disks9", "rings": "rings9", "spheres": "spheres9"}
"""Kinds of which class 0 is looked at, as `materials.shapes` calls them."""
BRANCHES = {"line": 1, "cross": 3, "disk": 0}
"""Shapes and the rank of their local H1 at the center: m half-lines make m - 1 loops when their
ends are one point, a disk none."""
ALIVE = 0.25
"""Loops that live longer, in radii of the ball, are counted."""


def right_neighbors(
    kind: str, points: int, neighbors: Sequence[int], hops: float, seed: int, *, null: bool = False
) -> NDArray[np.bool_]:
    """(neighbors,) whether beta_0 and beta_1 of a draw come out at a scale of hops.

    Parameters
    ----------
    kind
        One of `KNOWN`.
    points, seed
        Of the draw.
    neighbors, hops
        Of the graph, and the scale.
    null
        Points anywhere in the box of the class instead.
    """
    name = KNOWN[kind]
    x, y = shapes(name, 2 * points, seed)
    cloud = x[y == 0]
    if null:
        rng = np.random.default_rng([seed, 9])
        cloud = rng.uniform(cloud.min(axis=0), cloud.max(axis=0), size=cloud.shape)
    wanted = KNOWN_BETTI[name][0][:2]
    found = [tuple(hop_betti(cloud, k, (hops,))[0]) for k in neighbors]
    return np.array([one == wanted for one in found])


def longest_run(right: NDArray[np.bool_]) -> int:
    """Length of the longest run of True.

    >>> longest_run(np.array([True, False, True, True]))
    2
    """
    longest = here = 0
    for one in right:
        here = here + 1 if one else 0
        longest = max(longest, here)
    return longest


def branching(
    kind: str, points: int, seed: int, *, noise: float = 0.03, dimension: int = 2
) -> Array:
    """(points, dimension) of one of `BRANCHES` around the origin, radius 1, with noise.

    The plane that a shape lies in has a random place in the space.
    """
    rng = np.random.default_rng([seed, points, dimension])
    flat = np.zeros((points, dimension))
    if kind == "disk":
        angle, radius = 2 * np.pi * rng.random(points), np.sqrt(rng.random(points))
        flat[:, 0], flat[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
    else:
        place = rng.uniform(-1, 1, points)
        arm = rng.integers(0, 2, points) if kind == "cross" else np.zeros(points, dtype=int)
        flat[np.arange(points), arm] = place
    turned = flat @ np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    return np.asarray(turned + noise * rng.normal(size=turned.shape))


def local_rank(cloud: Array, quantile: float, *, alive: float = ALIVE) -> int:
    """Number of loops of the cloud around its mean, its outer shell one point.

    >>> local_rank(branching("cross", 150, 0), 0.5)
    3
    """
    return _loops(homology.local_distances(cloud, quantile), alive)


def global_rank(cloud: Array, quantile: float, *, alive: float = ALIVE) -> int:
    """The same count of the cloud as it is, distances over the same radius."""
    radii = np.linalg.norm(cloud - cloud.mean(axis=0), axis=1)
    return _loops(homology.distances(cloud) / np.quantile(radii, quantile), alive)


def _loops(D: Array, alive: float) -> int:
    pairs = homology.rips_from_distances(D)[1]
    lives = np.minimum(pairs[:, 1], float(D.max())) - pairs[:, 0]
    return int((lives > alive).sum())
