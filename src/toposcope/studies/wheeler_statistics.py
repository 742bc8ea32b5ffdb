"""Statistics of landscape norms of networks: arrays in, one number per network out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def complexity(rows: pd.DataFrame) -> Array:
    """(networks, moments, layers) landscape norms, means over draws; NaN where there is none."""
    means = rows.groupby(["network", "moment", "layer"], sort=True)["norm"].mean()
    return np.asarray(means.to_xarray().to_numpy(), dtype=np.float64)


def rising(norms: Array) -> Array:
    """(..., networks) share of layers whose norm rises by Kendall's tau over moments; ties are 1/2.

    Parameters
    ----------
    norms
        (..., networks, moments, layers); NaN where there is no such moment.

    >>> rising(np.array([[[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]])).tolist()
    [0.5]
    """
    moments = norms.shape[-2]
    tau = sum(
        np.nansum(np.sign(norms[..., lag:, :] - norms[..., :-lag, :]), axis=-2)
        for lag in range(1, moments)
    )
    return np.asarray(((np.sign(tau) + 1) / 2).mean(axis=-1), dtype=np.float64)


def shuffled(norms: Array, rng: np.random.Generator, *, arrangements: int) -> Array:
    """(arrangements, ...): the second axis in another order for every network and arrangement."""
    n, places, *rest = norms.shape
    order = rng.permuted(np.tile(np.arange(places), (arrangements, n, 1)), axis=2)
    return np.take_along_axis(norms[None], order.reshape(*order.shape, *[1] * len(rest)), axis=2)


def largest_increase(steps: Array) -> Array:
    """(networks,) of (networks, draws, steps): chosen on the even draws, measured on the odd ones.

    And the other way around, averaged: no draw both chooses and measures, so that noise alone gives
    0 in the mean, and layers that all lessen it a number below 0.

    >>> largest_increase(np.array([[[1.0, 0.0], [0.0, 2.0]]])).tolist()
    [0.0]
    """
    a, b = steps[:, ::2].mean(axis=1), steps[:, 1::2].mean(axis=1)
    rows = np.arange(len(a))
    return np.asarray((b[rows, a.argmax(axis=1)] + a[rows, b.argmax(axis=1)]) / 2, dtype=float)


def landscapes(rows: pd.DataFrame) -> Array:
    """(networks, 2, numbers): landscapes of all layers and degrees, means over draws."""
    made = []
    for _, of_network in rows.groupby("network", sort=True):
        ends = (of_network["moment"].min(), of_network["moment"].max())
        if ends[0] == ends[1]:
            continue
        pair = []
        for moment in ends:
            groups = of_network[of_network["moment"] == moment].groupby(["layer", "degree"])
            pair.append(
                np.concatenate(
                    [np.mean(np.stack(one.to_list()), 0) for _, one in groups["landscape"]]
                )
            )
        made.append(np.stack(pair))
    return np.stack(made)


def left_out(features: Array, truth: Array) -> Array:
    """(arrangements, networks) share right of kernel least squares, left out network by network.

    Parameters
    ----------
    features
        (networks, 2, numbers); the kernel is their inner product.
    truth
        (arrangements, networks, 2) of -1 and 1.

    Notes
    -----
    Ridge with a tenth of the mean of the kernel's diagonal, an intercept by centering. What is
    left out is known in closed form: residuals y - H y, divided by I - H inside the network.
    """
    n = len(features)
    x = features.reshape(2 * n, -1)
    x = x - x.mean(axis=0)
    gram = x @ x.T
    ridge = 0.1 * np.trace(gram) / len(gram) or 1.0
    hat = gram @ np.linalg.inv(gram + ridge * np.eye(2 * n)) + 1.0 / (2 * n)
    y = truth.reshape(len(truth), 2 * n)
    residual = (y - y @ hat.T).reshape(-1, n, 2)
    inside = np.stack([np.eye(2) - hat[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] for i in range(n)])
    without = truth - np.einsum("nij,anj->ani", np.linalg.inv(inside), residual)
    return np.asarray((without * truth > 0).mean(axis=2), dtype=np.float64)


def layer_share(norms: Array) -> Array:
    """(...) variance between layers minus that between networks at a layer, over their sum.

    Analysis of variance of (..., networks, layers): with M the mean square between layers and E
    that inside layers, the components are (M - E) / networks and E.

    >>> float(layer_share(np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])))
    1.0
    """
    n = norms.shape[-2]
    inside = norms.var(axis=-2, ddof=1).mean(axis=-1)
    between = np.maximum(norms.mean(axis=-2).var(axis=-1, ddof=1) - inside / n, 0.0)
    total = between + inside
    shares = (between - inside) / np.where(total > 0, total, 1.0)
    return np.asarray(shares, dtype=np.float64)


def left_out_alone(features: Array, truth: Array) -> Array:
    """(arrangements, networks) 1 where kernel least squares without a network puts it right.

    Parameters
    ----------
    features
        (networks, numbers); the kernel is their inner product, as in `left_out`.
    truth
        (arrangements, networks) of -1 and 1; both groups weigh alike.

    >>> left_out_alone(np.array([[-3.0], [-2.0], [2.0], [3.0]]), np.array([[-1.0, -1, 1, 1]]))
    array([[1., 1., 1., 1.]])
    """
    n = len(features)
    x = features - features.mean(axis=0)
    gram = x @ x.T
    ridge = 0.1 * np.trace(gram) / n or 1.0
    hat = gram @ np.linalg.inv(gram + ridge * np.eye(n)) + 1.0 / n
    residual = truth - truth @ hat.T
    without = truth - residual / (1 - np.diag(hat))
    return np.asarray(without * truth > 0, dtype=np.float64)
