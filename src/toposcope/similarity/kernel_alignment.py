"""Centered kernel alignment (CKA) of two layers, and between all pairs of many.

Debiased unless asked otherwise: of two layers of independent noise, 2,048 wide, on 300 samples, the
biased estimator says .87, since it grows with width / n whatever the layers hold; the debiased one
has mean 0 there. Compare numbers of one estimator only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.homology.metrics import refuse_pairs
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_cloud
from toposcope.similarity.gram_tiles import TILE, Gram, inner_products, unit_matrix
from toposcope.similarity.paired_rows import check_count, check_varies, paired
from toposcope.similarity.streamed_alignment import Moments, ratios

Array = NDArray[np.float64]

KERNELS = ("linear", "rbf")

# Below this share of n, moments of all layers side by side cost less than tiles of Gram matrices.
_NARROW = 0.5


def cka(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    kernel: str = "linear",
    debiased: bool = True,
    bandwidth: float = 1.0,
) -> float:
    """Centered kernel alignment of two layers on the same samples.

    Parameters
    ----------
    X, Y
        (n, p) and (n, q) activations, n >= 4; row i of both is the same sample.
    kernel
        "linear", or "rbf": exp(-d^2 / (2 s^2)) of Euclidean distances d.
    debiased
        True: from the U-statistic (HSIC_1 of Song et al.), in [-1, 1] and 0 on average for
        unrelated layers. False: in [0, 1], as in most papers, and biased upwards when p or q is not
        small against n: compare it with other values of the same n and widths only.
    bandwidth
        s in units of the median distance between different samples, each layer's own; "rbf" only.
        Kornblith's code takes the median of squared distances with the zero diagonal.

    Returns
    -------
    Larger is more similar; 1 for layers that are equal up to rotation, scale and translation.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations; and where the debiased value is
        0 / 0: one sample alone differs, or all are equally far apart.

    Notes
    -----
    Computed in float64 whatever the dtype, to about 12 digits also when one sample is 1e10 or 1e150
    times the others. Memory does not grow with n^2, but for the rbf kernel's median.

    Examples
    --------
    A layer and its reflection:

    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> round(cka(X, -X), 12)
    1.0

    References
    ----------
    Kornblith et al., Similarity of neural network representations revisited, ICML 2019. Song et
    al., Feature selection via dependence maximization, JMLR 2012. Nguyen, Raghu and Kornblith, Do
    wide and deep networks learn the same things?, ICLR 2021.
    """
    call = "cka()"
    kernel, debiased, bandwidth = _terms(kernel, debiased, bandwidth, call)
    left, right = paired(X, Y, call=call)
    values = _all_pairs(
        {f"{call}, X": left},
        {f"{call}, Y": right},
        kernel=kernel,
        debiased=debiased,
        bandwidth=bandwidth,
    )
    return float(values[0, 0])


def cka_matrix(
    layers: Sequence[ArrayLike],
    others: Sequence[ArrayLike] | None = None,
    *,
    kernel: str = "linear",
    debiased: bool = True,
    bandwidth: float = 1.0,
) -> Array:
    """CKA between all pairs of layers on the same samples, in memory that does not grow with n^2.

    Parameters
    ----------
    layers
        Arrays (n, p_i), n >= 4; row i of all is the same sample. Memory-mapped arrays are read in
        blocks of rows.
    others
        Layers of another network on the same samples; None: the same ones.
    kernel, debiased, bandwidth
        As in `cka`. The rbf kernel needs one layer's n^2 / 2 distances at a time for their median.

    Returns
    -------
    (layers, others) values of `cka`; the same up to rounding.

    Raises
    ------
    UsageError, TooFewSamplesError, DegenerateCloudError
        For unpaired, too few, constant or non-finite activations; the message names the layer.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(50, 3)), rng.normal(size=(50, 4))
    >>> M = cka_matrix([X, Y, 2 * X[:, ::-1] + 1])
    >>> bool(M[0, 2].round(9) == 1), bool(np.isclose(M[0, 1], M[1, 2]))
    (True, True)
    """
    call = "cka_matrix()"
    kernel, debiased, bandwidth = _terms(kernel, debiased, bandwidth, call)
    rows = _checked(layers, f"{call}, layer")
    columns = {} if others is None else _checked(others, f"{call}, other layer")
    if not rows or (others is not None and not columns):
        return np.empty((len(rows), len(rows if others is None else columns)))
    counts = sorted({len(x) for x in (rows | columns).values()})
    if len(counts) > 1:
        msg = (
            f"{call}: all layers need the same samples; got {counts} rows. Select the rows of the "
            "shared sample ids first."
        )
        raise UsageError(msg)
    check_count(counts[0], call=call)
    return _all_pairs(rows, columns, kernel=kernel, debiased=debiased, bandwidth=bandwidth)


def cka_pairs(
    X: ArrayLike, *, kernel: str = "linear", debiased: bool = True, bandwidth: float = 1.0
) -> Array:
    """(n, n) matrix A with cka(X, Y) = sum of A(X) * A(Y): what shuffling samples moves.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(2, 20, 3))
    >>> bool(np.isclose((cka_pairs(X) * cka_pairs(Y)).sum(), cka(X, Y)))
    True
    """
    call = "cka_pairs()"
    kernel, debiased, bandwidth = _terms(kernel, debiased, bandwidth, call)
    cloud = read_cloud(X, call=call)
    refuse_pairs(*cloud.shape, per_pair=24, call=call)
    gram = Gram(cloud, kernel=kernel, bandwidth=bandwidth, debiased=debiased, call=call)
    return unit_matrix(gram, call)


def _terms(kernel: str, debiased: bool, bandwidth: float, call: str) -> tuple[str, bool, float]:
    return (
        parameters.choice(kernel, KERNELS, "kernel", call=call),
        parameters.flag(debiased, "debiased", call=call),
        parameters.number(bandwidth, "bandwidth", call=call, above=0.0),
    )


def _checked(layers: Sequence[ArrayLike], kind: str) -> dict[str, NDArray]:
    """Layers by the name that an error calls them."""
    out = {}
    call, _, what = kind.partition(", ")
    listed = parameters.entries(layers, f"{what}s".replace(" ", "_"), call=call)
    for i, values in enumerate(listed):
        name = f"{kind} {i}"
        out[name] = read_cloud(values, call=name)
        check_varies(out[name], call=name)
    return out


def _all_pairs(
    layers: dict[str, NDArray],
    others: dict[str, NDArray],
    *,
    kernel: str,
    debiased: bool,
    bandwidth: float,
) -> Array:
    """CKA between layers and others: `cka` and `cka_matrix` give one number, both from here.

    Equal layers are computed once, and their CKA is 1 to the last bit.
    """
    kept: dict[str, NDArray] = {}
    places: list[int] = []
    for name, X in [*layers.items(), *others.items()]:
        known = list(kept.values())
        twin = next((j for j, Y in enumerate(known) if _equal(X, Y)), len(known))
        if twin == len(known):
            kept[name] = X
        places.append(twin)
    rows, columns = places[: len(layers)], places[len(layers) :] or places
    clouds, names = list(kept.values()), list(kept)
    if kernel == "linear" and sum(x.shape[1] for x in clouds) <= _NARROW * len(clouds[0]):
        products = _moments(clouds).inner_products(names, debiased=debiased)
        inner, own = products[np.ix_(rows, columns)], products.diagonal()
    else:
        grams = [
            Gram(x, kernel=kernel, bandwidth=bandwidth, debiased=debiased, call=name)
            for x, name in zip(clouds, names, strict=True)
        ]
        inner, own = inner_products(grams, names, rows, columns)
    values = ratios(inner, own[rows], own[columns], debiased=debiased)
    values[np.equal.outer(rows, columns)] = 1.0
    return values


def _moments(clouds: Sequence[NDArray]) -> Moments:
    origin = np.concatenate([np.median(x.astype(np.float64), axis=0) for x in clouds])
    moments = Moments([x.shape[1] for x in clouds], origin)
    for start in range(0, len(clouds[0]), TILE):
        block = [np.asarray(x[start : start + TILE], dtype=np.float64) for x in clouds]
        moments.add(np.concatenate(block, axis=1))
    return moments


def _equal(X: NDArray, Y: NDArray) -> bool:
    return X is Y or (X.shape == Y.shape and np.array_equal(X[0], Y[0]) and np.array_equal(X, Y))
