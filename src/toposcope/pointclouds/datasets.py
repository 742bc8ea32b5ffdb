"""Small point clouds of known topology and dimension, for tests, examples and calibration.

Every function returns an (n, d) float64 array; `noise` is the standard deviation of Gaussian noise
added to each coordinate, `seed` an int or a NumPy generator.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from toposcope.inputs import parameters

_CALL = "datasets"
Seed = int | np.random.Generator
Cloud = NDArray[np.float64]


def circle(n: int = 100, noise: float = 0.0, seed: Seed = 0) -> Cloud:
    """(n, 2) uniform points of the unit circle: one class in H1, dimension 1."""
    rng = parameters.rng(seed, call=_CALL)
    return _noisy(_on_circle(rng.random(_count(n))), noise, rng)


def two_circles(
    n: int = 200, noise: float = 0.0, seed: Seed = 0, *, distance: float = 4.0
) -> Cloud:
    """(n, 2) points of two unit circles, centers `distance` apart: two classes in H1."""
    rng = parameters.rng(seed, call=_CALL)
    points = _on_circle(rng.random(_count(n)))
    points[n // 2 :, 0] += distance
    return _noisy(points, noise, rng)


def linked_circles(n: int = 200, noise: float = 0.0, seed: Seed = 0) -> Cloud:
    """(n, 3) points of two unit circles that run through each other's center (Hopf link)."""
    rng = parameters.rng(seed, call=_CALL)
    flat = _on_circle(rng.random(_count(n)))
    first, second = flat[: n // 2], flat[n // 2 :]
    points = np.concatenate(
        [
            np.stack([first[:, 0], first[:, 1], np.zeros(len(first))], axis=1),
            np.stack([second[:, 0] + 1.0, np.zeros(len(second)), second[:, 1]], axis=1),
        ]
    )
    return _noisy(points, noise, rng)


def sphere(n: int = 200, noise: float = 0.0, seed: Seed = 0, *, dimension: int = 2) -> Cloud:
    """(n, dimension + 1) uniform points of the unit sphere: one class in H_dimension."""
    rng = parameters.rng(seed, call=_CALL)
    points = rng.normal(size=(_count(n), dimension + 1))
    return _noisy(points / np.linalg.norm(points, axis=1, keepdims=True), noise, rng)


def torus(
    n: int = 500, noise: float = 0.0, seed: Seed = 0, *, major: float = 2.0, minor: float = 1.0
) -> Cloud:
    """(n, 3) points of a torus, uniform in area: two classes in H1, one in H2."""
    rng = parameters.rng(seed, call=_CALL)
    tube = _tube_angles(n, minor / major, rng)
    around = _on_circle(rng.random(_count(n)))
    radius = major + minor * np.cos(tube)
    points = np.stack([radius * around[:, 0], radius * around[:, 1], minor * np.sin(tube)], axis=1)
    return _noisy(points, noise, rng)


def klein_bottle(
    n: int = 500, noise: float = 0.0, seed: Seed = 0, *, major: float = 2.0, minor: float = 1.0
) -> Cloud:
    """(n, 4) points of a Klein bottle without self-crossing, uniform in its two angles.

    Two classes in H1 and one in H2 over Z/2; one and none over Z/3.
    """
    rng = parameters.rng(seed, call=_CALL)
    tube, angle = 2 * np.pi * rng.random((2, _count(n)))
    radius = major + minor * np.cos(tube)
    height = minor * np.sin(tube)
    points = np.stack(
        [
            radius * np.cos(angle),
            radius * np.sin(angle),
            height * np.cos(angle / 2),
            height * np.sin(angle / 2),
        ],
        axis=1,
    )
    return _noisy(points, noise, rng)


def figure_eight(n: int = 200, noise: float = 0.0, seed: Seed = 0) -> Cloud:
    """(n, 2) points of two unit circles that touch: one component, two classes in H1."""
    return two_circles(n, noise, seed, distance=2.0)


def disks(
    n: int = 500, noise: float = 0.0, seed: Seed = 0, *, count: int = 6, shrink: float = 1.0
) -> Cloud:
    """(n, 2) uniform points of `count` separate disks: `count` components, nothing in H1.

    With `square_with_holes` the two classes of the data of Wheeler et al. (count=6) and of the
    first data set of Naitzat et al. (count=9), up to the places of the disks. Disks lie in the
    cells of a grid on [-1, 1] squared, row by row; `shrink` is their radius over that of the hole
    that `square_with_holes` has there.
    """
    rng = parameters.rng(seed, call=_CALL)
    centers, radius = _holes(count)
    radius *= parameters.number(shrink, "shrink", call=_CALL, above=0.0)
    points = centers[np.arange(_count(n)) % count]
    points = points + radius * np.sqrt(rng.random((n, 1))) * _on_circle(rng.random(_count(n)))
    return _noisy(points, noise, rng)


def square_with_holes(
    n: int = 1000, noise: float = 0.0, seed: Seed = 0, *, count: int = 6, gap: float = 0.0
) -> Cloud:
    """(n, 2) uniform points of [-1, 1] squared without `count` disks: `count` classes in H1.

    One component; the complement of `disks`, with a `gap` between the two.
    """
    rng = parameters.rng(seed, call=_CALL)
    centers, radius = _holes(count)
    radius += parameters.number(gap, "gap", call=_CALL, low=0.0)
    points = np.empty((0, 2))
    while len(points) < _count(n):
        drawn = rng.uniform(-1, 1, size=(2 * n, 2))
        far = np.linalg.norm(drawn[:, None] - centers, axis=2).min(axis=1) > radius
        points = np.concatenate([points, drawn[far]])
    return _noisy(points[:n], noise, rng)


def annuli(
    n: int = 500, noise: float = 0.0, seed: Seed = 0, *, count: int = 2, inner: float = 0.6
) -> Cloud:
    """(n, 2) uniform points of `count` separate rings: `count` components and classes in H1.

    Rings lie where the disks of `disks` do; `inner` is the ratio of their radii.
    """
    rng = parameters.rng(seed, call=_CALL)
    centers, radius = _holes(count)
    points = centers[np.arange(_count(n)) % count]
    radii = radius * np.sqrt(rng.uniform(inner**2, 1, size=(n, 1)))
    return _noisy(points + radii * _on_circle(rng.random(_count(n))), noise, rng)


def projective_plane(n: int = 500, noise: float = 0.0, seed: Seed = 0) -> Cloud:
    """(n, 5) uniform points of the real projective plane, every direction alike.

    One class in H1 and one in H2 over Z/2; none over Z/3 or any other field. The Veronese surface:
    a unit vector v goes to the matrix v v^T, traceless part, so that v and -v are one point and
    squared distances are 2 - 2 cos(angle) ** 2.
    """
    rng = parameters.rng(seed, call=_CALL)
    x, y, z = sphere(n, seed=rng).T
    points = np.stack(
        [
            np.sqrt(2) * x * y,
            np.sqrt(2) * x * z,
            np.sqrt(2) * y * z,
            (x * x - y * y) / np.sqrt(2),
            (2 * z * z - x * x - y * y) / np.sqrt(6),
        ],
        axis=1,
    )
    return _noisy(points, noise, rng)


def swiss_roll(n: int = 500, noise: float = 0.0, seed: Seed = 0) -> Cloud:
    """(n, 3) points of a rolled-up strip: no homology above H0, dimension 2."""
    rng = parameters.rng(seed, call=_CALL)
    turn, width = rng.random((2, _count(n)))
    angle = 1.5 * np.pi * (1 + 2 * turn)
    points = np.stack([angle * np.cos(angle), 21 * width, angle * np.sin(angle)], axis=1)
    return _noisy(points, noise, rng)


def uniform_cube(n: int = 500, d: int = 2, seed: Seed = 0) -> Cloud:
    """(n, d) uniform points of the unit cube: dimension d."""
    return parameters.rng(seed, call=_CALL).random((_count(n), d))


def gaussian(n: int = 500, d: int = 2, seed: Seed = 0) -> Cloud:
    """(n, d) points of the standard normal distribution."""
    return parameters.rng(seed, call=_CALL).normal(size=(_count(n), d))


def relu_clusters(
    n: int = 500,
    d: int = 64,
    seed: Seed = 0,
    *,
    clusters: int = 10,
    rank: int = 20,
    noise: float = 0.3,
) -> Cloud:
    """(n, d) points shaped like activations: ReLU of noisy low-rank clusters.

    The benchmark clouds of this project: `clusters` centers, within each a Gaussian of `rank`
    directions.
    """
    rng = parameters.rng(seed, call=_CALL)
    centers = 2.0 * rng.normal(size=(clusters, d))
    directions = 0.5 * rng.normal(size=(rank, d))
    which = rng.integers(0, clusters, _count(n))
    points = centers[which] + rng.normal(size=(n, rank)) @ directions
    return np.maximum(_noisy(points, noise, rng), 0.0)


def _count(n: int) -> int:
    return parameters.whole(n, "n", call=_CALL, low=1)


def _holes(count: int) -> tuple[Cloud, float]:
    """Centers of the first `count` cells of the smallest square grid that has them; a radius."""
    across = math.ceil(math.sqrt(_count(count)))
    row, column = np.divmod(np.arange(count), across)
    centers = (2 * np.stack([column, row], axis=1) + 1) / across - 1
    return centers, 0.6 / across


def _on_circle(turns: Cloud) -> Cloud:
    _count(len(turns))
    angle = 2 * np.pi * turns
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _tube_angles(n: int, ratio: float, rng: np.random.Generator) -> Cloud:
    """Angles with density proportional to 1 + ratio * cos: area of a torus along its tube."""
    kept = np.empty(0)
    while len(kept) < _count(n):
        angle, height = 2 * np.pi * rng.random(2 * n), (1 + ratio) * rng.random(2 * n)
        kept = np.append(kept, angle[height < 1 + ratio * np.cos(angle)])
    return kept[:n]


def _noisy(points: Cloud, noise: float, rng: np.random.Generator) -> Cloud:
    spread = parameters.number(noise, "noise", call=_CALL, low=0.0)
    return points + spread * rng.normal(size=points.shape) if spread else points
