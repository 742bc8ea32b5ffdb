"""Curves and panels over a whole network, computed once for papers (plots) and for the report.

Mean landscapes, Betti curves and distances between layers, all on grids of filtration values.
Nothing is drawn here. Essential classes carry no landscape (reduced homology) and count in Betti
curves from their birth on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from toposcope.diagrams.summaries import betti_curve, finite, landscape
from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.types import DATA_CLOUD, DiagramSet

GRID_SIZE = 160
"""Filtration values per curve: a hundred is too few for short H1 bars, more is not seen."""

SPLITS = 20
"""Random halvings behind a noise floor; more of them do not add replicates."""

Array = NDArray[np.float64]


def common_grid(pairs_list: Iterable[Array], *, size: int = GRID_SIZE) -> Array:
    """(size,) evenly spaced filtration values, from 0 to just past the last finite death.

    Diagrams are only compared on a grid they share. Without any finite pair the grid ends at 1.

    >>> common_grid([np.array([[0.0, 2.0], [0.0, np.inf]])], size=3)
    array([0.  , 1.02, 2.04])
    """
    deaths = [finite(pairs)[:, 1].max(initial=0.0) for pairs in pairs_list]
    last = max(deaths, default=0.0)
    return np.linspace(0.0, 1.02 * last if last > 0 else 1.0, size)


def betti_curves(pairs_list: Sequence[Array], grid: Array) -> Array:
    """(R, len(grid)) Betti number of each diagram at each filtration value, births <= t < deaths.

    >>> betti_curves([np.array([[0.0, 1.0], [0.0, np.inf]])], np.array([0.0, 0.5, 1.0]))
    array([[2., 2., 1.]])
    """
    return np.array([betti_curve(pairs, grid) for pairs in pairs_list], dtype=np.float64)


def all_levels(pairs: Array, grid: Array) -> Array:
    """(m, len(grid)) every level of the landscape of m finite pairs: the sorted tents.

    `summaries.landscape` inserts tents level by level, which is the faster way to a few levels;
    for all levels of 500 pairs sorting took 1 ms where inserting took 15 ms.

    >>> all_levels(np.array([[0.0, 2.0], [1.0, 3.0]]), np.array([1.0, 1.5, 2.0]))
    array([[1. , 0.5, 1. ],
           [0. , 0.5, 0. ]])
    """
    tents = np.minimum(grid - pairs[:, :1], pairs[:, 1:] - grid)
    return np.sort(np.maximum(0.0, tents), axis=0)[::-1]


def landscapes(pairs_list: Sequence[Array], levels: int, grid: Array) -> Array:
    """(R, levels, len(grid)) landscapes in Bubenik's scaling, without essential classes.

    >>> landscapes([np.array([[0.0, 2.0]])], 1, np.array([0.0, 1.0, 2.0]))
    array([[[0., 1., 0.]]])
    """
    out = np.zeros((len(pairs_list), levels, len(grid)))
    for i, pairs in enumerate(pairs_list):
        kept = finite(pairs)
        if levels >= len(kept):
            out[i, : len(kept)] = all_levels(kept, grid)
        else:
            out[i] = landscape(kept, levels, grid)
    return out


def landscape_l2(difference: Array, grid: Array) -> float:
    """L2 norm over levels and filtration of a (levels, len(grid)) landscape difference.

    >>> round(landscape_l2(np.ones((1, 5)), np.linspace(0, 4, 5)), 6)
    2.0
    """
    return float(np.sqrt(np.trapezoid((difference**2).sum(axis=0), grid)))


def split_half_noise(stack: Array, grid: Array, *, splits: int = SPLITS, seed: int = 0) -> float:
    """Distance that draws of samples alone produce between two mean landscapes of R replicates.

    The replicates of one layer are halved at random, the distance between the two mean landscapes
    is averaged over `splits` halvings, and scaled from halves to means of R: the variance of a
    difference of means of a and b replicates is s^2 (1/a + 1/b), against 2 s^2 / R.

    Parameters
    ----------
    stack
        (R, levels, len(grid)) landscapes of one layer.
    grid
        Filtration values.
    splits, seed
        Number of halvings and their random seed.

    Returns
    -------
    Distance in the units of `landscape_l2`; NaN for fewer than two replicates.

    Examples
    --------
    >>> split_half_noise(np.ones((4, 1, 5)), np.linspace(0, 4, 5))
    0.0
    """
    count = len(stack)
    if count < 2:
        return float("nan")
    rng = parameters.rng(seed, call="split_half_noise()")
    half = count // 2
    scale = np.sqrt((2 / count) / (1 / half + 1 / (count - half)))
    gaps = []
    for _ in range(splits):
        order = rng.permutation(count)
        first, second = stack[order[:half]].mean(axis=0), stack[order[half:]].mean(axis=0)
        gaps.append(landscape_l2(first - second, grid))
    return float(scale * np.mean(gaps))


@dataclass(frozen=True, eq=False)
class LayerDistances:
    """Distances between the mean landscapes of all pairs of layers.

    Parameters
    ----------
    layers
        Layers in network order.
    matrix
        (L, L) symmetric L2 distances.
    noise
        (L,) distance that resampling alone produces within each layer (`split_half_noise`).
    replicates
        Smallest number of replicates behind a mean.
    """

    layers: tuple[str, ...]
    matrix: Array = field(repr=False)
    noise: Array = field(repr=False)
    replicates: int

    @property
    def floor(self) -> float:
        """Mean noise over layers; distances below it are not told apart from resampling."""
        known = self.noise[np.isfinite(self.noise)]
        return float(known.mean()) if len(known) else float("nan")


def layer_diagrams(
    diagrams: DiagramSet, homology_dimension: int, *, label: str = "", cloud: str = DATA_CLOUD
) -> dict[str, list[Array]]:
    """Diagrams of each layer, in network order, one per replicate.

    Raises
    ------
    UsageError
        No diagram has this degree, label and cloud.
    """
    of_layer: dict[str, list[Array]] = {}
    for key, pairs in diagrams:
        if (key.homology_dimension, key.label, key.cloud) == (homology_dimension, label, cloud):
            of_layer.setdefault(key.layer, []).append(pairs)
    if not of_layer:
        msg = (
            f"no diagrams of homology_dimension={homology_dimension}, label={label!r}, "
            f"cloud={cloud!r}. Present: homology dimensions {diagrams.homology_dimensions}, "
            f"labels {sorted({key.label for key in diagrams.keys})}, "
            f"clouds {sorted({key.cloud for key in diagrams.keys})}."
        )
        raise UsageError(msg)
    return of_layer


def landscape_panel(
    diagrams: DiagramSet,
    homology_dimension: int,
    *,
    level: int = 1,
    grid_size: int = GRID_SIZE,
    label: str = "",
    cloud: str = DATA_CLOUD,
) -> tuple[Array, tuple[str, ...], Array]:
    """Mean landscape level of every layer: the shape of a whole network in one picture.

    Parameters
    ----------
    diagrams
        Diagrams of all layers and replicates.
    homology_dimension
        Degree k of H_k.
    level
        Landscape level, counted from 1.
    grid_size
        Number of filtration values.
    label, cloud
        Which clouds: a class name or "" for pooled classes; "data" or a null model.

    Returns
    -------
    (grid, layers, panel): (G,) filtration values, layers in network order, (L, G) mean over
    replicates of the landscape level.

    References
    ----------
    Wheeler, Bouza, Bubenik, Activation landscapes as a topological summary of neural network
    performance, 2021.
    """
    of_layer = layer_diagrams(diagrams, homology_dimension, label=label, cloud=cloud)
    grid = common_grid((p for group in of_layer.values() for p in group), size=grid_size)
    panel = np.stack(
        [landscapes(group, level, grid)[:, level - 1].mean(axis=0) for group in of_layer.values()]
    )
    return grid, tuple(of_layer), panel


def layer_distances(
    diagrams: DiagramSet,
    homology_dimension: int,
    *,
    grid_size: int = GRID_SIZE,
    label: str = "",
    cloud: str = DATA_CLOUD,
    splits: int = SPLITS,
    seed: int = 0,
) -> LayerDistances:
    """L2 distances between the mean landscapes of all layers, with their noise floor.

    All levels enter; the integral is the trapezoid rule on one grid that all layers share.

    Parameters
    ----------
    diagrams
        Diagrams of all layers and replicates.
    homology_dimension
        Degree k of H_k.
    grid_size
        Number of filtration values.
    label, cloud
        Which clouds, as in `landscape_panel`.
    splits, seed
        Random halvings behind the noise floor.

    Notes
    -----
    Draws use the same samples in every layer, so two layers err together and the floor, which
    assumes independent draws, is on the cautious side.
    """
    of_layer = layer_diagrams(diagrams, homology_dimension, label=label, cloud=cloud)
    everything = [pairs for group in of_layer.values() for pairs in group]
    grid = common_grid(everything, size=grid_size)
    levels = max(1, *(len(pairs) for pairs in everything))
    means, noise = [], []
    for group in of_layer.values():
        stack = landscapes(group, levels, grid)
        means.append(stack.mean(axis=0))
        noise.append(split_half_noise(stack, grid, splits=splits, seed=seed))
    matrix = np.zeros((len(of_layer), len(of_layer)))
    for i in range(len(means)):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = landscape_l2(means[i] - means[j], grid)
    return LayerDistances(
        tuple(of_layer), matrix, np.asarray(noise), min(len(group) for group in of_layer.values())
    )
