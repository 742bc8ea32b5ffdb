"""From a DATA argument to batches of raw samples, and the seeded draw of samples to capture.

Reading the various kinds of files is in sources.py; preprocessing belongs to the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import SpecError, TooFewSamplesError, UsageError
from toposcope.store import Samples

EXCERPT = 160
"""Characters of a text that the report shows."""
PREFIXES = (
    "npz:FILE",
    "npy:FILE",
    "imagefolder:DIR",
    "jsonl:FILE",
    "csv:FILE",
    "parquet:FILE",
    "hf:DATASET",
    "sklearn:digits",
    "py:module:factory",
)


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


def load_data(spec: Any) -> DataSource:
    """Open a DATA argument.

    Parameters
    ----------
    spec
        `npz:FILE` (an array named image, images, x or data, optionally label, labels or y; other
        names by `npz:FILE#x=KEY,y=KEY`; or JPEG files joined in `bytes` and `offsets`),
        `npy:FILE`, `imagefolder:DIR` (one folder per class; `#size=K` cuts squares of K pixels),
        `jsonl:FILE[.gz]` (`text`, optionally `label`, or `#x=KEY,y=KEY`), `csv:FILE` and
        `parquet:FILE` (a column of text, or columns of numbers, `#x=a+b+c,y=COLUMN`),
        `hf:DATASET` (an id or a folder; `#split=test,x=COLUMN,y=COLUMN`), `sklearn:digits` (8 x 8
        images, 0..16 scaled to 0..255), `py:module:factory`, or an array, a list of texts, a pair
        (x, y), or a Dataset of torch or Hugging Face.

    Returns
    -------
    The source; nothing is copied that can be read in place.

    Raises
    ------
    SpecError
        When the argument cannot be understood, or a file is missing, damaged or not what it says.

    Examples
    --------
    >>> load_data(np.zeros((10, 4), np.float32)).n
    10
    """
    from toposcope.activations import (
        sources,
        sources_datasets,
        sources_pictures,
        sources_tables,
        sources_text,
    )

    if isinstance(spec, DataSource):
        return spec
    if not isinstance(spec, str):
        return sources.from_object(spec, name="array", spec=type(spec).__name__)
    kind, colon, _ = spec.partition(":")
    readers: dict[str, Callable[[str], DataSource]] = {
        "npz": sources.from_npz,
        "npy": sources.from_npy,
        "imagefolder": sources_pictures.from_imagefolder,
        "jsonl": sources_text.from_jsonl,
        "csv": sources_tables.from_csv,
        "parquet": sources_tables.from_parquet,
        "hf": sources_datasets.from_hub,
        "sklearn": sources.from_sklearn,
        "py": sources.from_python,
    }
    if not colon or kind not in readers:
        msg = f"DATA {spec!r} cannot be understood. Accepted are {', '.join(PREFIXES)}."
        raise SpecError(msg)
    return readers[kind](spec)


def sample(
    source: DataSource, n: int | None = None, per_class: int | None = None, *, seed: int = 0
) -> Samples:
    """Draw samples without replacement, stratified by class when there are labels.

    Parameters
    ----------
    source
        The data.
    n
        Number of samples, spread over the classes in proportion to their sizes (largest
        remainder). None with `per_class` None takes everything.
    per_class
        Number of samples of each class instead.
    seed
        Seed of the draw.

    Returns
    -------
    Samples in ascending order of position, with ids `name:position`.

    Raises
    ------
    TooFewSamplesError
        When there are fewer samples than asked for.
    UsageError
        When both numbers are given, or one is below 1, or `per_class` comes without labels.

    Examples
    --------
    >>> source = load_data((np.zeros((6, 2)), np.array([0, 0, 0, 0, 1, 1])))
    >>> sample(source, n=3, seed=0).labels.tolist()
    [0, 0, 1]
    """
    _check_request(source, n, per_class)
    rng = np.random.default_rng(seed)
    if n is None and per_class is None:
        chosen = np.arange(source.n)
    elif source.labels is None:
        chosen = rng.permutation(source.n)[:n]
    else:
        chosen = _stratified(source, n, per_class, rng)
    chosen = np.sort(chosen).astype(np.int64)
    return Samples(
        ids=np.array([f"{source.name}:{index}" for index in chosen], dtype=str),
        indices=chosen,
        labels=None if source.labels is None else source.labels[chosen],
        class_names=source.class_names,
    )


def excerpts(source: DataSource, samples: Samples) -> tuple[str, ...]:
    r"""Beginnings of samples that are text, on one line, for people to read.

    Examples
    --------
    >>> source = load_data(["one   two", "three"])
    >>> excerpts(source, sample(source))
    ('one two', 'three')
    """
    texts = [" ".join(str(text).split()) for text in source.batch(samples.indices)]
    cut = [text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…" for text in texts]
    # JSON may hold halves of characters, which no file of text can.
    return tuple(text.encode(errors="replace").decode() for text in cut)


def _check_request(source: DataSource, n: int | None, per_class: int | None) -> None:
    if n is not None and per_class is not None:
        msg = f"sample(): got n={n} and per_class={per_class}; pass one of them."
        raise UsageError(msg)
    for name, value in (("n", n), ("per_class", per_class)):
        if value is not None and value < 1:
            msg = f"sample(): {name} is {value}; at least 1 is needed."
            raise UsageError(msg)
    if per_class is not None and source.labels is None:
        msg = f"sample(): per_class={per_class} needs labels, and {source.name} has none. Pass n."
        raise UsageError(msg)
    if n is not None and n > source.n:
        msg = (
            f"sample(): {n} samples were asked for and {source.name} has {source.n}. "
            f"Pass n={source.n} or less."
        )
        raise TooFewSamplesError(msg)


def _stratified(
    source: DataSource, n: int | None, per_class: int | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    assert source.labels is not None
    classes, sizes = np.unique(source.labels, return_counts=True)
    if n is None:
        assert per_class is not None
        small = int(np.argmin(sizes))
        if sizes[small] < per_class:
            label = int(classes[small])
            msg = (
                f"sample(): per_class={per_class}, and class {source.class_names[label]!r} of "
                f"{source.name} has {sizes[small]} samples. Pass per_class={sizes[small]} or less."
            )
            raise TooFewSamplesError(msg)
        quotas = np.full(len(classes), per_class)
    else:
        exact = n * sizes / sizes.sum()
        quotas = np.floor(exact).astype(np.int64)
        rest = np.argsort(-(exact - quotas), kind="stable")[: n - quotas.sum()]
        quotas[rest] += 1
    drawn = [
        rng.permutation(np.flatnonzero(source.labels == label))[:quota]
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return np.concatenate(drawn)


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
