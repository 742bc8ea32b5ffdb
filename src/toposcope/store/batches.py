"""Activations that nobody holds whole: written as a RUN batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.foreign import real
from toposcope.inputs.labels import count_unlabelled, read_class_names, read_labels
from toposcope.inputs.signatures import checked, store, whole_of
from toposcope.store.arrays import read_ids
from toposcope.store.runs import CHUNK_BYTES, Run
from toposcope.store.samples import Samples
from toposcope.store.shards import STORED_TYPES

CALL = "save_batches()"
Batch = Mapping[str, NDArray[Any]]


@checked(path=store, n=whole_of(1), name=parameters.text)
def save_batches(
    path: Path | str,
    batches: Iterable[Batch],
    *,
    n: int,
    labels: ArrayLike | None = None,
    sample_ids: ArrayLike | None = None,
    class_names: Sequence[str] = (),
    name: str = "arrays",
) -> Path:
    """Write activations of any framework as a RUN, batch by batch; returns its folder or URL.

    Held at a time are one batch and one chunk of 64 MiB over all layers, whatever n is. Called
    again after an interruption it writes all of it again: batches carry no name to know them by.

    Parameters
    ----------
    path
        Folder or URL of the RUN.
    batches
        Of samples in order: layer name -> (m, ...) array, m at least 1 and free to differ. Layers,
        shapes and types are those of the first batch. "@mask" as in `from_arrays`.
    n
        Number of samples over all batches: it stands in the RUN before the first of them.
    labels, sample_ids, class_names, name
        As in `from_arrays`, for all n samples.

    Raises
    ------
    UsageError
        When a batch does not fit the first one, or they hold more or fewer samples than n. The RUN
        is then not complete, and is not read.

    Examples
    --------
    >>> import tempfile, toposcope as ts
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     batches = ({"layer": X[i : i + 3]} for i in range(0, 10, 3))
    ...     made = save_batches(f"{place}/run", batches, n=10)
    ...     acts = ts.open(made)
    ...     acts.n, bool((acts["layer"] == X).all())
    (10, True)
    """
    ids = np.arange(n).astype(str) if sample_ids is None else read_ids(sample_ids, CALL)
    if ids.shape != (n,) or len(np.unique(ids)) != n:
        msg = (
            f"{CALL}: {n} samples need {n} unique sample_ids; got {ids.size}, "
            f"{len(np.unique(ids))} of them unique."
        )
        raise UsageError(msg)
    if labels is None:
        classes, named = None, read_class_names(class_names, where=CALL)
    else:
        classes, named = read_labels(labels, n, class_names, where=CALL, without="pass labels=None")
    if not isinstance(batches, Iterable) or isinstance(batches, str | bytes | Mapping):
        msg = (
            f"{CALL}: batches={parameters.shown(batches)}; needed is an iterable of mappings "
            "{layer: array}, one for each batch."
        )
        raise UsageError(msg)
    given = iter(batches)
    first = _read(next(given, {}), 0)
    plan = {
        layer: {"shape": list(one.shape[1:]), "dtype": one.dtype.name}
        for layer, one in first.items()
    }
    row_bytes = sum(one[:1].nbytes for one in first.values())
    rows = max(1, min(n, CHUNK_BYTES // max(row_bytes, 1)))
    samples = Samples(ids, np.arange(n), classes, named)
    spec = {
        "model": name,
        "data": "arrays in batches",
        "n": n,
        "class_names": list(named),
        **count_unlabelled(classes),
    }
    with Run.begin(path, spec=spec, samples=samples, layers=plan, chunk_rows=rows) as run:
        chunks = _chunks(first, given, [stop - start for _, start, stop in run.chunks])
        for index, chunk in enumerate(chunks):
            for layer, values in chunk.items():
                run.write_chunk(layer, index, values)
        run.finish({"n": n, "top1": None})
    return run.path


def _chunks(first: Batch, given: Iterator[Batch], sizes: Sequence[int]) -> Iterator[Batch]:
    """Batches cut anew into chunks of the sizes of a RUN."""
    n, seen, number = sum(sizes), 0, 0
    waiting = list(sizes)
    chunk, filled = _room(first, waiting[0]), 0
    batch: Batch | None = first
    while batch is not None:
        many = len(next(iter(batch.values())))
        seen += many
        if seen > n:
            told = f"{seen:,} samples up to there"
            msg = f"{CALL}: batches[{number}] goes past n={n:,}: {told}. Pass the n of all."
            raise UsageError(msg)
        taken = 0
        while taken < many:
            step = min(many - taken, waiting[0] - filled)
            for layer, values in batch.items():
                chunk[layer][filled : filled + step] = values[taken : taken + step]
            taken, filled = taken + step, filled + step
            if filled == waiting[0]:
                yield chunk
                waiting.pop(0)
                filled = 0
                if waiting and waiting[0] != len(next(iter(chunk.values()))):
                    chunk = _room(first, waiting[0])
        number += 1
        following = next(given, None)
        batch = None if following is None else _read(following, number, like=first)
    if seen < n:
        msg = f"{CALL}: batches end after {seen:,} samples; n={n:,}. Pass n={seen}."
        raise UsageError(msg)


def _room(like: Batch, rows: int) -> dict[str, NDArray[Any]]:
    return {layer: np.empty((rows, *one.shape[1:]), dtype=one.dtype) for layer, one in like.items()}


def _read(batch: object, number: int, *, like: Batch | None = None) -> Batch:
    """A batch as arrays of types that are stored, held against the first one."""
    where = f"{CALL}: batches[{number}]"
    if not isinstance(batch, Mapping) or not batch:
        msg = f"{where} is {parameters.shown(batch)}; needed are names of layers with arrays."
        raise UsageError(msg)
    arrays = {
        str(layer): real(values, call=CALL, name=f"batches[{number}][{layer!r}]")
        for layer, values in batch.items()
    }
    sizes = {one.shape[:1] for one in arrays.values()}
    if len(sizes) > 1 or any(one.ndim < 2 or not len(one) for one in arrays.values()):
        shapes = {layer: one.shape for layer, one in arrays.items()}
        msg = f"{where} is {shapes}; needed are (m, ...) arrays with one row for each sample."
        raise UsageError(msg)
    if like is None:
        return {
            layer: one if one.dtype in STORED_TYPES else one.astype(np.float64)
            for layer, one in arrays.items()
        }
    want = {layer: (one.dtype, one.shape[1:]) for layer, one in like.items()}
    have = {
        layer: (one.dtype if one.dtype in STORED_TYPES else np.dtype(float), one.shape[1:])
        for layer, one in arrays.items()
    }
    odd = [layer for layer in want.keys() | have.keys() if want.get(layer) != have.get(layer)]
    if odd:
        told = sorted(odd)[0]
        msg = (
            f"{where}: layer {told!r} is {_told(have.get(told))}, and in the first batch it is "
            f"{_told(want.get(told))}. All batches need the same layers, types and shapes."
        )
        raise UsageError(msg)
    return {layer: arrays[layer] for layer in like}


def _told(one: tuple[np.dtype[Any], tuple[int, ...]] | None) -> str:
    """Type and shape of a layer in a batch.

    >>> _told((np.dtype("float32"), (3,))), _told(None)
    ('float32 (m, 3)', 'not there')
    """
    return "not there" if one is None else f"{one[0]} (m, {', '.join(map(str, one[1]))})"
