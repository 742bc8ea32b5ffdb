"""The seeded draw of samples to capture, stratified where classes are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.source import EXCERPT, DataSource
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.inputs.label_values import is_missing
from toposcope.store.samples import Samples


def sample(
    source: DataSource,
    n: int | None = None,
    per_class: int | None = None,
    *,
    seed: int = 0,
    ids: str | Sequence[Any] | None = None,
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
    ids
        What names a sample; samples of two captures with one id are compared as one. None is
        `name:position`: positions of the same data. "position" is the position alone, "stem" the
        class folder and file name without its ending, any other word the column (key, array) of
        that name. A sequence gives the (n,) ids themselves.

    Returns
    -------
    Samples in ascending order of position.

    Raises
    ------
    TooFewSamplesError
        When there are fewer samples than asked for.
    UsageError
        When both numbers are given, or one is below 1, or `per_class` comes without labels, or
        when ids are missing, repeated or not one per sample.

    Examples
    --------
    >>> from toposcope.activations.data import load_data
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
        ids=_ids_of(source, ids)[chosen],
        indices=chosen,
        labels=None if source.labels is None else source.labels[chosen],
        class_names=source.class_names,
    )


def _ids_of(source: DataSource, ids: str | Sequence[Any] | None) -> NDArray[np.str_]:
    """(n,) ids of all samples of the data, each its own."""
    if ids is None:
        return np.array([f"{source.name}:{index}" for index in range(source.n)], dtype=str)
    if isinstance(ids, str):
        if ids == "position":
            return np.arange(source.n).astype(str)
        if source.ids_of is None:
            msg = (
                f"capture(ids={ids!r}): {source.name} has no names of samples to take. Pass "
                "ids='position' (--ids position), or in Python the ids themselves."
            )
            raise UsageError(msg)
        values = list(source.ids_of(ids))
    else:
        values = list(ids)
    told = f"capture(ids={ids!r})" if isinstance(ids, str) else "capture(ids=...)"
    if len(values) != source.n:
        msg = f"{told}: {len(values)} ids for {source.n} samples; needed is one per sample."
        raise UsageError(msg)
    missing = [position for position, value in enumerate(values) if is_missing(value)]
    if missing:
        msg = f"{told}: {len(missing)} ids are missing, the first at position {missing[0]}."
        raise UsageError(msg)
    names = [str(one.decode() if isinstance(one, bytes) else one) for one in values]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        msg = f"{told}: the id {name!r} stands {count} times; needed is another one per sample."
        raise UsageError(msg)
    return np.array(names, dtype=str)


def excerpts(source: DataSource, samples: Samples) -> tuple[str, ...]:
    r"""Beginnings of samples that are text, on one line, for people to read.

    Examples
    --------
    >>> from toposcope.activations.data import load_data
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
        other = source.left_out.get("columns") or source.left_out.get("keys") or ()
        listed = ", ".join(map(str, other[:8]))
        named = f"It has {listed} beside: name the labels by #y=NAME, or pass n." if other else ""
        msg = (
            f"sample(): per_class={per_class} needs labels, and {source.name} has none. "
            f"{named or 'Pass n.'}"
        )
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
    # Samples without a label (-1) are a stratum of a draw of n; of each class there are none.
    known = source.labels if n is not None else source.labels[source.labels >= 0]
    classes, sizes = np.unique(known, return_counts=True)
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
