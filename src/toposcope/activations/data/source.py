"""`DataSource`: samples that can be read by position, and what every reader says of itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import SpecError
from toposcope.inputs.labels import read_labels

log = logging.getLogger("toposcope")

EXCERPT = 160
"""Characters of a text that the report shows."""
COLORS = (1, 3, 4)
"""Numbers of channels that a picture may have."""


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
        "image" for uint8 arrays (height, width[, channels]) or (channels, height, width) per
        sample, "text" for strings, else "feature".
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
    left_out
        What the reader saw and did not take: kind of thing -> names, or a count.
    ids_of
        Function from a word such as "stem", or the name of a column, to (n,) ids of the samples;
        None where only positions can name them.
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
    left_out: Mapping[str, Any] = field(default_factory=dict)
    ids_of: Callable[[str], Sequence[Any]] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return self.n

    def batch(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """Raw samples at some positions, (len(indices), ...)."""
        return self.read(np.asarray(indices, dtype=np.int64))


def kind_of(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """Whether samples of this type and shape are images or features.

    Examples
    --------
    >>> kind_of(np.dtype("u1"), (8, 8, 3)), kind_of(np.dtype("u1"), (3, 8, 8))
    ('image', 'image')
    >>> kind_of(np.dtype("u1"), (8,)), kind_of(np.dtype("f4"), (8, 8))
    ('feature', 'feature')
    """
    grey = len(shape) == 2
    color = len(shape) == 3 and (shape[-1] in COLORS or shape[0] in COLORS)
    return "image" if dtype == np.uint8 and (grey or color) else "feature"


def labels_of(
    y: Any, n: int, class_names: Any = (), *, spec: str, without: str
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels and class names of a DATA argument, (None, ()) where `y` is None.

    Parameters
    ----------
    y, n, class_names, without
        As `values` and the rest of `inputs.labels.read_labels`.
    spec
        The DATA argument, for messages.

    Raises
    ------
    SpecError
        As `read_labels`.
    """
    if y is None:
        return None, ()
    where = f"DATA {spec!r}"
    return read_labels(y, n, class_names, where=where, without=without, error=SpecError)


def tell(spec: str, left_out: Mapping[str, Any]) -> None:
    """Say in the log what a reader left out; nothing where that is nothing."""
    for what, which in left_out.items():
        count = which if isinstance(which, int) else len(which)
        if not count:
            continue
        names = "" if isinstance(which, int) else ": " + ", ".join(map(str, which[:8]))
        more = ", …" if names and count > 8 else ""
        log.warning("DATA %r: left out %d %s%s%s", spec, count, what, names, more)
