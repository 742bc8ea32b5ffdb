"""Diagrams in the forms of GUDHI, ripser, giotto-tda and persim, and back.

Here a cloud has a list of (n, 2) arrays, position = degree of homology, as ripser's; essential
classes have death inf. The libraries themselves are not needed: they hold arrays and tuples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs.arrays import read_diagram
from toposcope.inputs.foreign import real
from toposcope.inputs.parameters import entries

Array = NDArray[np.float64]
HIGHEST = 100
"""Degrees beyond it are another column read as degrees: no complex that can be built has them."""


def from_gudhi(persistence: Any) -> list[Array]:
    """Diagrams by degree from GUDHI's `persistence()`: (degree, (birth, death)) tuples.

    Parameters
    ----------
    persistence
        The list, or a complex of GUDHI whose `persistence()` was computed or can be.

    Returns
    -------
    One (n, 2) array per degree, from 0 to the highest there is.

    Examples
    --------
    >>> from_gudhi([(1, (1.0, 1.5)), (0, (0.0, float("inf"))), (0, (0.0, 1.0))])
    [array([[ 0., inf],
           [ 0.,  1.]]), array([[1. , 1.5]])]
    """
    call = "from_gudhi()"
    if callable(getattr(persistence, "persistence", None)):
        persistence = persistence.persistence()
    found: dict[int, list[tuple[float, float]]] = {}
    for one in entries(persistence, "persistence", call=call, of="(degree, (birth, death)) tuples"):
        try:
            degree, (birth, death) = one
            found.setdefault(int(degree), []).append((float(birth), float(death)))
        except (TypeError, ValueError):
            msg = (
                f"{call}: {one!r} is no (degree, (birth, death)); pass what persistence() of a "
                "complex of GUDHI returned. Arrays (n, 2) of one degree are diagrams here already."
            )
            raise UsageError(msg) from None
    return _by_degree(found, call)


def to_gudhi(diagrams: Sequence[ArrayLike]) -> list[tuple[int, tuple[float, float]]]:
    """(degree, (birth, death)) tuples, highest degree first, as GUDHI lists them.

    Parameters
    ----------
    diagrams
        One (n, 2) array per degree, from 0.

    Examples
    --------
    >>> to_gudhi([[[0.0, 1.0]], [[1.0, 1.5]]])
    [(1, (1.0, 1.5)), (0, (0.0, 1.0))]
    """
    read = _read(diagrams, "to_gudhi()")
    return [
        (degree, (float(birth), float(death)))
        for degree in range(len(read) - 1, -1, -1)
        for birth, death in read[degree][np.argsort(read[degree][:, 0] - read[degree][:, 1])]
    ]


def from_ripser(result: Mapping[str, Any] | Sequence[ArrayLike]) -> list[Array]:
    """Diagrams by degree from what `ripser.ripser` returned, or from its "dgms".

    Parameters
    ----------
    result
        The dictionary, or the list of (n, 2) arrays in it, which persim takes as well.

    Examples
    --------
    >>> from_ripser({"dgms": [np.array([[0.0, np.inf]]), np.empty((0, 2))]})[0]
    array([[ 0., inf]])
    """
    call = "from_ripser()"
    if isinstance(result, Mapping):
        if "dgms" not in result:
            known = ", ".join(map(str, result)) or "nothing"
            msg = f"{call}: the mapping holds {known} and no 'dgms'. Pass ripser(X), or its 'dgms'."
            raise UsageError(msg)
        result = result["dgms"]
    return _read(result, call)


def to_ripser(diagrams: Sequence[ArrayLike]) -> dict[str, list[Array]]:
    """{"dgms": one (n, 2) array per degree}, as `ripser.ripser` returns them.

    Parameters
    ----------
    diagrams
        One (n, 2) array per degree, from 0.

    Examples
    --------
    >>> to_ripser([[[0.0, 1.0]]])
    {'dgms': [array([[0., 1.]])]}
    """
    return {"dgms": _read(diagrams, "to_ripser()")}


def from_persim(diagrams: Sequence[ArrayLike] | ArrayLike) -> list[Array]:
    """Diagrams by degree from what persim takes: a list of (n, 2) arrays, or one array.

    Parameters
    ----------
    diagrams
        The list; a single (n, 2) array counts as degree 0.

    Examples
    --------
    >>> len(from_persim(np.array([[0.0, 1.0]]))), len(from_persim([np.empty((0, 2))] * 2))
    (1, 2)
    """
    one = isinstance(diagrams, np.ndarray) and diagrams.ndim == 2
    return _read([diagrams] if one else diagrams, "from_persim()")  # type: ignore[list-item, arg-type]


def to_persim(diagrams: Sequence[ArrayLike]) -> list[Array]:
    """One (n, 2) array per degree without essential classes, which persim's distances drop.

    Parameters
    ----------
    diagrams
        One (n, 2) array per degree, from 0.

    Examples
    --------
    >>> to_persim([[[0.0, 1.0], [0.0, np.inf]]])
    [array([[0., 1.]])]
    """
    return [pairs[np.isfinite(pairs[:, 1])] for pairs in _read(diagrams, "to_persim()")]


def from_giotto(diagrams: ArrayLike) -> list[list[Array]]:
    """Diagrams of every sample, by degree, from giotto-tda's (samples, features, 3) array.

    Parameters
    ----------
    diagrams
        Births, deaths and degrees; (features, 3) is one sample. Points on the diagonal pad samples
        with fewer features: they are dropped.

    Returns
    -------
    For every sample one (n, 2) array per degree, from 0 to the highest of all.

    Examples
    --------
    >>> from_giotto([[[0.0, 1.0, 0], [2.0, 2.0, 1]]])
    [[array([[0., 1.]]), array([], shape=(0, 2), dtype=float64)]]
    """
    call = "from_giotto()"
    array = real(diagrams, call=call, name="diagrams").astype(np.float64, copy=False)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] != 3:
        msg = (
            f"{call}: (samples, features, 3) births, deaths and degrees are needed; got shape "
            f"{array.shape}. Pass what fit_transform of a persistence of giotto-tda returned."
        )
        raise UsageError(msg)
    degrees = array[:, :, 2]
    if not ((degrees % 1 == 0) & (degrees >= 0) & (degrees <= HIGHEST)).all():
        msg = f"{call}: the third column holds degrees, whole numbers from 0 to {HIGHEST}."
        raise UsageError(msg)
    highest = int(degrees.max(initial=0))
    return [
        [
            read_diagram(one[(one[:, 2] == k) & (one[:, 1] > one[:, 0]), :2], call=call)
            for k in range(highest + 1)
        ]
        for one in array
    ]


def to_giotto(samples: Sequence[Sequence[ArrayLike]]) -> Array:
    """(samples, features, 3) births, deaths and degrees, padded as giotto-tda pads them.

    Parameters
    ----------
    samples
        For every sample one (n, 2) array per degree, from 0. Essential classes are refused, since
        giotto-tda leaves them out of H0 and has no room for others.

    Returns
    -------
    The array: samples have the same number of features of each degree, the missing ones at the
    earliest birth of that degree with a life of 0.

    Examples
    --------
    >>> to_giotto([[[[0.0, 1.0]]], [[[0.0, 2.0], [0.0, 3.0]]]])[0]
    array([[0., 1., 0.],
           [0., 0., 0.]])
    """
    call = "to_giotto()"
    read = [_read(one, call) for one in entries(samples, "samples", call=call, of="diagrams")]
    if any(np.isinf(pairs).any() for one in read for pairs in one):
        msg = (
            f"{call}: essential classes (death inf) have no place there. Drop them with "
            "toposcope.summaries.finite(pairs), or end them."
        )
        raise UsageError(msg)
    blocks = []
    for k in range(max((len(one) for one in read), default=0)):
        here = [one[k] if k < len(one) else np.empty((0, 2)) for one in read]
        most = max(1, *(len(pairs) for pairs in here)) if here else 1
        births = [pairs[:, 0].min() for pairs in here if len(pairs)]
        pad = min(births, default=0.0)
        block = np.full((len(read), most, 3), [pad, pad, float(k)])
        for row, pairs in zip(block, here, strict=True):
            row[: len(pairs), :2] = pairs
        blocks.append(block)
    return np.concatenate(blocks, axis=1) if blocks else np.empty((len(read), 0, 3))


def _read(diagrams: Any, call: str) -> list[Array]:
    found = entries(diagrams, "diagrams", call=call, of="(n, 2) arrays, one per degree")
    return [read_diagram(pairs, call=call, name=f"diagrams[{k}]") for k, pairs in enumerate(found)]


def _by_degree(found: Mapping[int, Sequence[tuple[float, float]]], call: str) -> list[Array]:
    if any(not 0 <= degree <= HIGHEST for degree in found):
        msg = f"{call}: degrees are whole numbers from 0 to {HIGHEST}; got {sorted(found)[:5]}."
        raise UsageError(msg)
    count = max(found, default=-1) + 1
    return [read_diagram(found.get(k) or np.empty((0, 2)), call=call) for k in range(count)]
