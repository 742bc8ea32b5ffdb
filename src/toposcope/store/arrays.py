"""Activations of any framework, given as arrays: in memory, and kept as a RUN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.foreign import real
from toposcope.inputs.labels import count_unlabelled, read_class_names, read_labels
from toposcope.inputs.signatures import checked, store
from toposcope.store.runs import CHUNK_BYTES, Run
from toposcope.store.samples import Samples
from toposcope.store.shards import STORED_TYPES
from toposcope.types import ACTIVATIONS, ActivationSet


def from_arrays(
    layers: Mapping[str, NDArray[Any]],
    *,
    labels: ArrayLike | None = None,
    sample_ids: ArrayLike | None = None,
    class_names: Sequence[str] = (),
    name: str = "arrays",
) -> ActivationSet:
    """Activations of any framework, from arrays in memory.

    Parameters
    ----------
    layers
        Layer name -> (n, ...) array, in network order; every layer has the same n. "@mask" is no
        layer: (n, tokens), 1 for real tokens and 0 for pads of layers (n, tokens, width). Complex
        layers can be held, to take their parts or absolute values; measuring them is refused.
        Arrays are copied, so that later changes of them change no result; one that is read-only
        down to its memory, such as a file mapped with mode "r", is kept as it is.
    labels
        (n,) classes, whole numbers from 0 or names, or None. -1 marks a sample without a label: it
        is in no class, and counted in `attrs["unlabelled"]`. Other missing labels (NaN, None, "")
        are refused.
    sample_ids
        (n,) unique ids; default "0", "1", …: equal positions are then the same sample.
    class_names
        Names of the classes, position = label. Names among `labels` are looked up here.
    name
        Shown in tables and reports.

    Returns
    -------
    An `ActivationSet` in memory.

    Examples
    --------
    >>> acts = from_arrays({"first": np.zeros((5, 3)), "second": np.ones((5, 2))})
    >>> acts.n, acts.layers, acts.depth("first")
    (5, ('first', 'second'), 0.5)
    """
    call = "from_arrays()"
    if not isinstance(layers, Mapping):
        msg = (
            f"{call}: layers are {type(layers).__name__}; needed are names with arrays. Pass "
            "{'layer': X}"
        )
        if isinstance(layers, list | tuple):
            msg += ", or {f'layer{i}': X for i, X in enumerate(layers)} for several layers"
        raise UsageError(msg)
    names = [str(key) for key in layers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        same = ", ".join(repr(key) for key in layers if str(key) == twice)
        msg = f"from_arrays(): the keys {same} are one name, {twice!r}; give each layer its own."
        raise UsageError(msg)
    arrays = {
        str(key): _kept(real(value, call=call, name=f"layers[{key!r}]", imaginary=True))
        for key, value in layers.items()
    }
    sizes = {key: value.shape[:1] for key, value in arrays.items()}
    if (
        not arrays
        or any(value.ndim < 2 for value in arrays.values())
        or len(set(sizes.values())) > 1
    ):
        shapes = {key: value.shape for key, value in arrays.items()}
        msg = (
            f"from_arrays(): got {shapes or 'no layers'}; needed is at least one layer, each "
            "(n, d) or (n, ...) with one row per sample and the same n."
        )
        raise UsageError(msg)
    n = next(iter(arrays.values())).shape[0]
    ids = np.arange(n).astype(str) if sample_ids is None else read_ids(sample_ids, call)
    if ids.shape != (n,) or len(np.unique(ids)) != n:
        msg = (
            f"from_arrays(): {n} samples need {n} unique sample_ids; got {ids.size}, "
            f"{len(np.unique(ids))} of them unique."
        )
        raise UsageError(msg)
    if labels is None:
        classes, named = None, read_class_names(class_names, where="from_arrays()")
    else:
        without = "pass labels=None"
        classes, named = read_labels(labels, n, class_names, where="from_arrays()", without=without)

    def read(layer: str, rows: NDArray[np.intp] | None) -> NDArray[Any]:
        return arrays[layer] if rows is None else arrays[layer][rows]

    return ActivationSet(
        layers=tuple(name for name in arrays if not name.startswith("@")),
        sample_ids=ids,
        read=read,
        labels=classes,
        class_names=named,
        attrs={"model": name, "data": "arrays in memory", "n": n, **count_unlabelled(classes)},
        pseudo=tuple(name for name in arrays if name.startswith("@")),
    )


def read_ids(sample_ids: ArrayLike, call: str) -> NDArray[np.str_]:
    """Names of samples as texts; numbers of any kind are names too."""
    given: Any = sample_ids
    if hasattr(given, "detach"):
        given = real(given, call=call, name="sample_ids")
    elif not isinstance(given, np.ndarray):
        given = parameters.entries(given, "sample_ids", call=call, of="names of samples")
    flat = isinstance(given, list) or np.ndim(given) == 1
    if not flat or isinstance(given, np.ma.MaskedArray) or any(map(_is_sequence, given)):
        msg = f"{call}: sample_ids must be a flat sequence of names, none of them missing."
        raise UsageError(msg)
    return np.asarray([str(one) for one in given])


def _is_sequence(one: object) -> bool:
    return isinstance(one, list | tuple | dict | set) or bool(getattr(one, "ndim", 0))


def _kept(values: NDArray[Any]) -> NDArray[Any]:
    """A copy, unless nobody can change the memory behind the array."""
    memory: Any = values
    while isinstance(memory, np.ndarray):
        if memory.flags.writeable:
            return values.copy()
        memory = memory.base
    return values


@checked(activations=ACTIVATIONS, path=store)
def save_arrays(activations: ActivationSet, path: Path | str) -> Path:
    """Write activations held in memory as a RUN; returns its folder."""
    arrays = {layer: np.asarray(activations.rows(layer)) for layer in activations.layers}
    arrays |= {name: np.asarray(activations.read(name, None)) for name in activations.pseudo}
    for layer, values in arrays.items():
        real(values, call="measuring activations", name=f"layers[{layer!r}]")
    arrays = {k: v if v.dtype in STORED_TYPES else v.astype(np.float64) for k, v in arrays.items()}
    row_bytes = sum(v[:1].nbytes for v in arrays.values())
    samples = Samples(
        activations.sample_ids,
        np.arange(activations.n),
        activations.labels,
        activations.class_names,
    )
    plan = {k: {"shape": list(v.shape[1:]), "dtype": v.dtype.name} for k, v in arrays.items()}
    spec = {**activations.attrs, "class_names": list(activations.class_names)}
    rows = max(1, min(activations.n, CHUNK_BYTES // max(row_bytes, 1)))
    with Run.begin(path, spec=spec, samples=samples, layers=plan, chunk_rows=rows) as run:
        for layer, values in arrays.items():
            for index, start, stop in run.chunks:
                if not run.has_chunk(layer, index):
                    run.write_chunk(layer, index, values[start:stop])
        run.finish({"n": activations.n, "top1": None})
    return run.path
