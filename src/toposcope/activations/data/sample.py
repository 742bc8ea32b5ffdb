"""The seeded draw of samples to capture, stratified where classes are asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.source import EXCERPT, DataSource
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.samples import Samples


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
        ids=np.array([f"{source.name}:{index}" for index in chosen], dtype=str),
        indices=chosen,
        labels=None if source.labels is None else source.labels[chosen],
        class_names=source.class_names,
    )


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
