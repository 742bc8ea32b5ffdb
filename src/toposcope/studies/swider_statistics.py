"""Arrays of the studies of Świder 2024: diagrams of a cloud, and how far apart they are.

Degrees are kept apart until a claim is decided, and then put together: Wasserstein distances of H0
and H1 add, of bottleneck distances the larger counts, squares of landscape distances add.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.analysis import outlier_factor
from toposcope.diagrams import distances
from toposcope.diagrams.summaries import finite, lifespan_sum, persistence_entropy

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Diagrams = Sequence[Array]
"""Finite pairs, one array per degree."""

DISTANCES: Mapping[str, Callable[[Array, Array], float]] = {
    "wasserstein": lambda a, b: distances.wasserstein(a, b, order=1.0),
    "bottleneck": lambda a, b: distances.bottleneck(a, b),
    "landscape": lambda a, b: distances.landscape_distance(a, b, order=2),
}
DEGREES = (0, 1)
PLANTED, MOVED = 0.05, 3.0
"""Share of planted outliers, and how many times as far from the centroid they go."""


def diagrams_of(cloud: Array) -> Diagrams:
    """Finite pairs of H0 and H1 of the Rips filtration.

    >>> [len(pairs) for pairs in diagrams_of(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]))]
    [3, 1]
    """
    return [finite(pairs) for pairs in homology.rips(cloud)]


def apart(a: Diagrams, b: Diagrams, name: str) -> list[float]:
    """Distance in every degree."""
    return [DISTANCES[name](x, y) for x, y in zip(a, b, strict=True)]


def together(by_degree: Array, name: str) -> Array:
    """(..., degrees) distances as one number.

    >>> both = np.array([3.0, 4.0])
    >>> [float(together(both, name)) for name in DISTANCES]
    [7.0, 4.0, 5.0]
    """
    if name == "bottleneck":
        return np.asarray(by_degree.max(axis=-1))
    if name == "landscape":
        return np.asarray(np.sqrt((by_degree**2).sum(axis=-1)))
    return np.asarray(by_degree.sum(axis=-1))


def summaries(diagrams: Diagrams) -> dict[str, list[float]]:
    """Lifespan sums and persistence entropy in every degree."""
    return {
        "sum": [lifespan_sum(pairs) for pairs in diagrams],
        "entropy": [persistence_entropy(pairs) if len(pairs) else 0.0 for pairs in diagrams],
    }


def variation(values: Array) -> float:
    """Coefficient of variation of independent draws.

    >>> round(variation(np.array([9.0, 10.0, 11.0])), 3)
    0.1
    """
    mean = float(values.mean())
    return float(values.std(ddof=1)) / mean if mean > 0 else 0.0


def disjoint(n: int, size: int, rng: np.random.Generator, *, most: int = 10) -> list[NDArray]:
    """Rows of draws that share none: as many as there are, up to `most`.

    >>> [len(rows) for rows in disjoint(10, 4, np.random.default_rng(0))]
    [4, 4]
    """
    order = rng.permutation(n)
    return [order[k * size : (k + 1) * size] for k in range(min(most, n // size))]


def planted(cloud: Array, rng: np.random.Generator) -> Array:
    """The cloud with a twentieth of its points moved three times as far from its centroid."""
    moved, center = cloud.copy(), cloud.mean(axis=0)
    rows = rng.permutation(len(cloud))[: max(1, round(PLANTED * len(cloud)))]
    moved[rows] = center + MOVED * (cloud[rows] - center)
    return moved


def without_outliers(
    clouds: tuple[Array, Array], share: float | None, rng: np.random.Generator
) -> tuple[dict[str, Array], dict[str, Array], float]:
    """What removing outliers of two draws moves, beside how far the draws are apart.

    Parameters
    ----------
    clouds
        Two draws of one size.
    share
        Of the points that are removed; None for those with a local outlier factor beyond 1.5.
    rng
        Which points are removed at random.

    Returns
    -------
    By distance (degrees,) from a diagram without outliers to that without as many random points,
    mean of both draws; the same between the two draws without outliers, of one size; the share
    removed. Removing none moves nothing.
    """
    masks = [outlier_factor.outliers(homology.distances(one), share=share) for one in clouds]
    clean = [one[~mask] for one, mask in zip(clouds, masks, strict=True)]
    thinned = [
        one[np.sort(rng.permutation(len(one))[: len(few)])]
        for one, few in zip(clouds, clean, strict=True)
    ]
    size = min(len(few) for few in clean)
    # Unequal numbers of points alone would move the diagrams (claim S1).
    sides = [diagrams_of(few[np.sort(rng.permutation(len(few))[:size])]) for few in clean]
    before, after = ([diagrams_of(one) for one in some] for some in (thinned, clean))
    moved = {
        name: np.mean([apart(a, b, name) for a, b in zip(before, after, strict=True)], axis=0)
        for name in DISTANCES
    }
    noise = {name: np.array(apart(sides[0], sides[1], name)) for name in DISTANCES}
    return moved, noise, float(np.mean(masks))


def one_spectrum(clouds: Sequence[Array]) -> list[Array]:
    """Clouds with the same eigenvalues of their covariance: the geometric mean of all of theirs.

    What is left to differ is how points lie along the axes. Mean distances are 1 then.

    >>> rng = np.random.default_rng(0)
    >>> some = one_spectrum([rng.normal(size=(50, 3)) * [1, 2, 3], rng.normal(size=(50, 5))])
    >>> a, b = (np.linalg.svd(X, compute_uv=False)[:3] / np.linalg.norm(X) for X in some)
    >>> bool(np.allclose(a, b))
    True
    """
    from toposcope.pointclouds.normalize import estimate_normalizer

    parts = [np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[:2] for X in clouds]
    kept = min(int((1e-9 * S[0] < S).sum()) for _, S in parts)
    shares = np.array([S[:kept] / np.linalg.norm(S[:kept]) for _, S in parts])
    common = np.exp(np.log(shares).mean(axis=0))
    turned = [U[:, :kept] * common for U, _ in parts]
    return [estimate_normalizer(X)(X) for X in turned]


def silhouettes(D: Array, families: NDArray[np.intp], blocks: NDArray[np.intp]) -> Array:
    """(..., networks) silhouette of networks in their families; those of one depth do not count.

    Parameters
    ----------
    D
        (networks, networks) distances.
    families
        (..., networks) numbers of the family; more than one row for shuffled ones.
    blocks
        (networks,) depth.

    Returns
    -------
    0 for a network that has none of its family, or of another, at another depth.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 10.0, 11.0])
    >>> silhouettes(abs(x[:, None] - x), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])).round(2)
    array([0.91, 0.89, 0.89, 0.91])
    """
    other_depth = (blocks[:, None] != blocks).astype(np.float64)
    members = np.eye(families.max() + 1)[families]  # (..., networks, families)
    counts = other_depth @ members
    sums = (other_depth * D) @ members
    means = np.divide(sums, counts, out=np.full_like(sums, np.inf), where=counts > 0)
    own = np.take_along_axis(means, families[..., None], axis=-1)[..., 0]
    nearest = np.where(members > 0, np.inf, means).min(axis=-1)
    larger = np.maximum(own, nearest)
    known = np.isfinite(larger) & (larger > 0)
    difference = np.subtract(nearest, own, out=np.zeros_like(own), where=known)
    return np.asarray(difference / np.where(known, larger, 1.0))


def shuffled_within(
    labels: NDArray[np.intp], strata: NDArray[np.intp], count: int, seed: int = 0
) -> NDArray[np.intp]:
    """(count, n) labels shuffled inside strata; over all of them where no stratum holds two kinds.

    >>> shuffled_within(np.array([0, 1, 0]), np.array([0, 0, 1]), 50)[:, 2].max()
    np.int64(0)
    """
    rng = np.random.default_rng(seed)
    out = np.tile(labels, (count, 1))
    groups = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    if all(len(set(labels[one])) < 2 for one in groups):
        groups = [np.arange(len(labels))]
    for one in groups:
        out[:, one] = rng.permuted(out[:, one], axis=1)
    return out


def excess(a: Sequence[Diagrams], b: Sequence[Diagrams], name: str) -> dict[str, Array]:
    """How much farther two sides are apart than draws of one side.

    Parameters
    ----------
    a, b
        Diagrams of the draws of each side, two or more, all of the same number of points. Draw i of
        one side and draw i of the other may be of the same samples; they are not compared.
    name
        Of the distance.

    Returns
    -------
    "cross" and "within" (degrees,) mean distances between sides and within them. Their ratio is 1
    where the sides do not differ.
    """
    count = len(a)
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    cross = [apart(a[i], b[j], name) for i, j in pairs]
    within = [apart(side[i], side[j], name) for side in (a, b) for i, j in pairs if i < j]
    return {"cross": np.mean(cross, axis=0), "within": np.mean(within, axis=0)}


def excess_rows(
    a: Sequence[Diagrams], b: Sequence[Diagrams], place: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """`excess` as rows of a table; the landscape distance only of the main scale."""
    main = place["scale"] == "mean_distance"
    found = {by: excess(a, b, by) for by in ("wasserstein", "landscape") if main or by[0] == "w"}
    return [
        {**place, "by": by, "degree": degree} | {k: float(v[degree]) for k, v in sides.items()}
        for by, sides in found.items()
        for degree in DEGREES
    ]


def excess_curves(
    table: pd.DataFrame, *, scale: str, by: str, degrees: Sequence[int]
) -> Iterator[tuple[str, pd.Series, Array]]:
    """Every network of a table of `excess_rows`: its name, its first row, its (layers,) excess."""
    rows = table[(table["scale"] == scale) & (table["by"] == by) & table["degree"].isin(degrees)]
    for name, one in rows.groupby("network", sort=True):
        sides = (
            one.pivot(index="layer", columns="degree", values=side).to_numpy(dtype=np.float64)
            for side in ("cross", "within")
        )
        yield str(name), one.iloc[0], beyond(*(together(side, by) for side in sides))


def beyond(cross: Array, within: Array) -> Array:
    """Relative excess of the distance between sides over that within them.

    >>> beyond(np.array([3.0, 2.0]), np.array([2.0, 2.0])).tolist()
    [0.5, 0.0]
    """
    return np.divide(cross, within, out=np.ones_like(cross), where=within > 0) - 1.0
