"""Data handed over in Python: arrays, pairs, tables, texts, Datasets, the user's own factory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from toposcope.activations.data.arrays import from_array
from toposcope.activations.data.items import class_names_of, from_items
from toposcope.activations.data.source import DataSource, labels_of
from toposcope.activations.data.tables import from_table
from toposcope.activations.data.text import from_texts, is_texts
from toposcope.activations.data.values import plain
from toposcope.activations.user_code import resolve
from toposcope.errors import SpecError
from toposcope.store.objects import content_hash


def from_python(spec: str) -> DataSource:
    """`py:module:factory`: whatever object the user's factory returns."""
    factory = resolve(spec, "DATA")
    return from_object(factory.call(), name=spec.rpartition(":")[2], spec=spec)


def from_object(value: Any, *, name: str, spec: str) -> DataSource:
    """Arrays, tables, texts, a pair (x, y), a Dataset: anything with a length and positions."""
    if isinstance(value, DataSource):
        return value
    if hasattr(value, "column_names") and hasattr(value, "features"):
        from toposcope.activations.data.datasets import from_dataset

        return from_dataset(value, {}, name=name, spec=spec)
    _refuse_sparse(value, spec)
    table = _as_table(value)
    if table is not None:
        return from_table(table, {}, name=name, spec=spec)
    _refuse_ragged_ids(value, spec)
    _refuse_masks(value, spec)
    x, y = value, None
    if isinstance(value, tuple | list) and len(value) == 2 and not is_texts(value):
        table = _as_table(value[0])
        if table is not None:  # its columns of labels and row numbers are no features
            held = from_table(table, {"y": ""}, name=name, spec=spec)
            about = {"spec": spec, "without": "pass the table alone"}
            labels, names = labels_of(value[1], held.n, **about)
            content = held.content + ("" if labels is None else content_hash(labels))
            return replace(held, labels=labels, class_names=names, content=content)
        first = plain(value[0])
        if is_texts(first) or isinstance(first, np.ndarray):
            # (X, None) is data without labels.
            x, y = first, value[1]
    x = plain(x)
    if is_texts(x):
        return from_texts(x, y, name=name, spec=spec, without="pass the texts alone")
    if isinstance(x, np.ndarray):
        return from_array(x, y, name=name, spec=spec)
    names = class_names_of(value, spec)
    tensors = getattr(value, "tensors", None)
    if isinstance(tensors, tuple) and 1 <= len(tensors) <= 2 and hasattr(tensors[0], "detach"):
        y = tensors[1] if len(tensors) == 2 else None
        return from_array(plain(tensors[0]), y, name=name, spec=spec, class_names=names)
    if isinstance(value, Mapping):
        parts = ", ".join(map(repr, list(value)[:5])) or "nothing"
        first = next(iter(value), "x")
        msg = (
            f"DATA {spec!r} is a {type(value).__name__} of {parts}; needed is one of its parts, or "
            f"a pair of samples and labels: data[{first!r}], or (data['x'], data['y'])."
        )
        raise SpecError(msg)
    if hasattr(value, "__getitem__") and hasattr(value, "__len__") and not _is_word(value):
        return from_items(value, names, name=name, spec=spec)
    msg = (
        f"DATA {spec!r} is {type(value).__name__}; needed is an array (n, ...), a list of texts, a "
        "pair (x, y), a table, or a torch Dataset with a length and items x or (x, y)."
    )
    raise SpecError(msg)


def _refuse_sparse(value: Any, spec: str) -> None:
    # A Dataset may be a list with a reader of its own, which is asked later.
    first = value[0] if type(value) in (tuple, list) and value else value
    if hasattr(first, "toarray") and hasattr(first, "nnz"):
        msg = (
            f"DATA {spec!r}: the samples are a sparse {type(first).__name__} of shape "
            f"{first.shape}; networks take dense arrays: x.toarray()."
        )
        raise SpecError(msg)


def _refuse_masks(value: Any, spec: str) -> None:
    """Refuse token ids beside their attention mask, which is no label."""
    parts = getattr(value, "tensors", value)
    if isinstance(parts, Mapping):
        if not {"input_ids", "attention_mask"} <= set(parts):
            return
        ids = "data['input_ids']"
    else:
        if not isinstance(parts, tuple | list) or len(parts) not in (2, 3):
            return
        if any(isinstance(one, np.ma.MaskedArray) for one in parts[:2]):
            return  # labels that are missing, say: told by who reads them
        first, mask = plain(parts[0]), plain(parts[1])
        both = isinstance(first, np.ndarray) and isinstance(mask, np.ndarray)
        if not both or first.ndim != 2 or first.shape != mask.shape or 0 in first.shape:
            return
        if first.dtype.kind not in "iu" or not np.isin(mask, (0, 1)).all():
            return
        ids = "data[0]" if parts is value else "data.tensors[0]"
    msg = (
        f"DATA {spec!r} is token ids beside a mask; needed are the ids alone, or a pair of them "
        f"and labels: {ids}, or ({ids}, labels). Pads at the end of a text are masked where ids "
        "are padded with the network's own pad."
    )
    raise SpecError(msg)


def _refuse_ragged_ids(value: Any, spec: str) -> None:
    """Refuse token ids of texts of unequal length: only a network's tokenizer knows its pad."""
    held = value
    if isinstance(value, tuple) and len(value) == 2 and not _lengths(value):
        held = value[0]
    lengths = _lengths(held)
    if len(set(lengths)) > 1:
        msg = (
            f"DATA {spec!r} holds whole numbers of {len(lengths)} texts of unequal length "
            f"({min(lengths)} to {max(lengths)}); needed is one array (n, tokens). Pad token ids "
            "with the pad of the network, whose run at the end of a text is masked: "
            "tokenizer.pad({'input_ids': ids}, return_tensors='np')['input_ids']. Or pass the "
            "texts themselves."
        )
        raise SpecError(msg)


def _lengths(value: Any) -> list[int]:
    """Lengths of flat sequences of whole numbers; none where an entry is anything else."""
    if not isinstance(value, list | tuple):
        return []
    lengths = []
    for row in value:  # left at the first that is something else: pictures, pairs, texts
        held = plain(row)
        if isinstance(held, list) and held and all(type(one) is int for one in held):
            held = np.asarray(held)
        if not isinstance(held, np.ndarray) or held.ndim != 1 or held.dtype.kind not in "iu":
            return []
        lengths.append(len(held))
    return lengths


def _is_word(value: object) -> bool:
    return isinstance(value, (str, bytes, set, range))


def _as_table(value: Any) -> Any:
    """An Arrow table of a table of pandas, polars or Arrow; None of anything else."""
    kind = type(value).__module__.partition(".")[0], type(value).__name__
    if kind not in (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")):
        return None
    import pyarrow as pa

    if kind[0] == "pyarrow":
        return value
    if kind[0] == "polars":
        return value.to_arrow()
    try:
        return pa.Table.from_pandas(value.rename(columns=str), preserve_index=False)
    except (pa.ArrowException, ValueError, TypeError) as error:
        reason = " ".join(" ".join(map(str, error.args)).split())
        msg = (
            f"DATA: the DataFrame has a column that cannot be read ({reason}); needed are plain "
            "columns of one kind each: numbers, truth values or text. Of a sparse column take "
            "df[COLUMN].sparse.to_dense()."
        )
        raise SpecError(msg) from error
