"""The kinds of cloud that every engine is timed on, each a function of (n, seed)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks import layers
from toposcope.pointclouds import datasets

Cloud = np.ndarray


def _lifted(points: Cloud, d: int, noise: float, seed: int) -> Cloud:
    """Points in a random d-dimensional pose, with noise in every coordinate."""
    rng = np.random.default_rng([seed, d])
    basis = np.linalg.qr(rng.normal(size=(d, points.shape[1])))[0]
    return points @ basis.T + noise * rng.normal(size=(len(points), d))


def torus(n: int, seed: int) -> Cloud:
    """A noisy torus of R^3 placed in R^64."""
    return _lifted(datasets.torus(n, seed=seed), 64, 0.02, seed)


def sphere(n: int, seed: int) -> Cloud:
    """A noisy 2-sphere in R^3."""
    return datasets.sphere(n, 0.01, seed=seed)


def gauss(n: int, seed: int) -> Cloud:
    """A standard normal cloud in R^512."""
    return datasets.gaussian(n, 512, seed=seed)


def act(n: int, seed: int) -> Cloud:
    """ReLU of ten clusters of rank 20 in R^512: what activations look like."""
    return datasets.relu_clusters(n, 512, seed=seed)


def layer(network: str, name: str) -> Callable[[int, int], Cloud]:
    """Rows of one layer of a real network, without repetition."""

    def rows(n: int, seed: int) -> Cloud:
        cloud = layers.layer_cloud(network, name)
        return cloud[np.random.default_rng(seed).permutation(len(cloud))[:n]].astype(np.float64)

    return rows


KINDS: dict[str, Callable[[int, int], Cloud]] = {
    "act": act,
    "gauss": gauss,
    "torus": torus,
    "sphere": sphere,
    **{kind: layer(*names) for kind, names in layers.available().items()},
}
