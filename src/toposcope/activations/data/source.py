"""`DataSource`: samples that can be read by position, and the checks every kind of them passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import SpecError

EXCERPT = 160
"""Characters of a text that the report shows."""


@dataclass(frozen=True, eq=False)
class DataSource:
    """Samples that can be read by position.

    Parameters
    ----------
    name
        Short name; sample ids are `name:position`.
    n
        Number of samples.
    kind
        "image" for uint8 arrays (height, width[, channels]) per sample, "text" for strings, else
        "feature".
    read
        Function from positions (k,) to the raw batch (k, ...); texts come as an array of objects.
    labels
        (n,) integer classes, or None.
    class_names
        Names of the classes, position = label.
    content
        Hash of the content, prefixed by what it covers.
    spec
        The DATA argument, or what kind of object it was.
    split
        Name of the split, such as "test"; "" where the data does not say.
    columns
        Keys or columns that samples and labels were read from.
    revision
        Commit of a dataset from the hub, else "".
    """

    name: str
    n: int
    kind: str
    read: Callable[[NDArray[np.int64]], NDArray[Any]] = field(repr=False)
    labels: NDArray[np.int64] | None = field(default=None, repr=False)
    class_names: tuple[str, ...] = ()
    content: str = ""
    spec: str = ""
    split: str = ""
    columns: tuple[str, ...] = ()
    revision: str = ""

    def __len__(self) -> int:
        return self.n

    def batch(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """Raw samples at some positions, (len(indices), ...)."""
        return self.read(np.asarray(indices, dtype=np.int64))


def kind_of(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """Whether samples of this type and shape are images or features."""
    grey = len(shape) == 2
    color = len(shape) == 3 and shape[-1] in (1, 3, 4)
    return "image" if dtype == np.uint8 and (grey or color) else "feature"


def check_labels(
    labels: NDArray[Any], n: int, class_names: tuple[str, ...], *, where: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as (n,) integers from 0, and the names of the classes; text becomes class names.

    Raises
    ------
    SpecError
        When labels are not one per sample, not integers, or outside the named classes.

    Examples
    --------
    >>> check_labels(np.array(["cat", "ant", "cat"]), 3, (), where="y")
    (array([1, 0, 1]), ('ant', 'cat'))
    """
    if labels.shape != (n,):
        msg = f"{where}: labels have shape {labels.shape}; needed is ({n},), one per sample."
        raise SpecError(msg)
    if labels.dtype.kind in "US":
        names, positions = np.unique(labels.astype(str), return_inverse=True)
        return positions.astype(np.int64), tuple(str(name) for name in names)
    if labels.dtype.kind not in "iu":
        msg = f"{where}: labels are {labels.dtype}; needed are whole numbers from 0, or names."
        raise SpecError(msg)
    low, high = (int(labels.min()), int(labels.max())) if n else (0, -1)
    limit = len(class_names) if class_names else 1 << 20
    if low < 0 or high >= limit:
        msg = (
            f"{where}: labels run from {low} to {high}; needed are 0 to "
            f"{limit - 1} ({len(class_names) or 'at most 2**20'} classes)."
        )
        raise SpecError(msg)
    return labels.astype(np.int64), class_names or tuple(str(i) for i in range(high + 1))
