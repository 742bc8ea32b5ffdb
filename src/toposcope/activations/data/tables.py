"""Data that is a table: CSV and Parquet files with a column of text or columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.arrays import from_array
from toposcope.activations.data.files import damaged, file_hash, pick_key, split_of, split_spec
from toposcope.activations.data.source import DataSource
from toposcope.activations.data.text import LABEL_KEYS, TEXT_KEYS, from_texts
from toposcope.errors import SpecError
from toposcope.types import near_matches

if TYPE_CHECKING:
    import pyarrow as pa


def from_csv(spec: str) -> DataSource:
    """`csv:FILE[.gz][#x=COLUMN,y=COLUMN]`, with a line of column names."""
    import pyarrow as pa
    from pyarrow import csv

    path, options = split_spec(spec, ("x", "y"))
    try:
        # Text stays text: words such as NA or null are not missing values.
        with pa.input_stream(str(path), compression="detect") as stream:
            table = csv.read_csv(
                stream, convert_options=csv.ConvertOptions(strings_can_be_null=False)
            )
    except (OSError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise damaged(spec, path, error) from error
    name, split = split_of(path)
    return from_table(table, options, name=name, spec=spec, split=split, content=file_hash(path))


def from_parquet(spec: str) -> DataSource:
    """`parquet:FILE[#x=COLUMN,y=COLUMN]`."""
    import pyarrow as pa
    from pyarrow import parquet

    path, options = split_spec(spec, ("x", "y"))
    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise damaged(spec, path, error) from error
    name, split = split_of(path)
    return from_table(table, options, name=name, spec=spec, split=split, content=file_hash(path))


def from_table(
    table: pa.Table,
    options: Mapping[str, str],
    *,
    name: str,
    spec: str,
    split: str = "",
    content: str = "",
) -> DataSource:
    """A source over the columns of a table.

    Parameters
    ----------
    table
        The table.
    options
        `x`: a column of text, or columns of numbers joined by `+`, each a name or a glob; without
        it a column called text, sentence, question or content, else every column of numbers but
        the label. `y`: the column of classes, numbers or names; without it label, labels or y.
    name, spec, split, content
        As in `DataSource`.

    Raises
    ------
    SpecError
        When a column is missing, holds something else, or has empty cells.
    """
    if not table.num_rows:
        msg = f"DATA {spec!r}: the table has no rows."
        raise SpecError(msg)
    columns = list(map(str, table.column_names))
    y_key = pick_key(columns, options, "y", LABEL_KEYS, spec, needed=False, what="column")
    chosen = _chosen(table, options.get("x"), y_key, spec)
    used = (*chosen, *([y_key] if y_key is not None else []))
    y = None if y_key is None else _column(table, y_key, spec)
    about: dict[str, Any] = {"name": name, "spec": spec, "split": split, "columns": used}
    about["content"] = content
    first = table.column(chosen[0])
    if len(chosen) == 1 and _is_text(first.type):
        return from_texts(_column(table, chosen[0], spec), y, **about)
    features = [_column(table, column, spec) for column in chosen]
    for column, values in zip(chosen, features, strict=True):
        if values.dtype.kind not in "fiub":
            msg = (
                f"DATA {spec!r}: column {column!r} holds {table.column(column).type}; needed is "
                "one column of text, or columns of numbers."
            )
            raise SpecError(msg)
    return from_array(np.stack(features, axis=1).astype(np.float32), y, **about)


def _chosen(table: pa.Table, asked: str | None, y_key: str | None, spec: str) -> list[str]:
    """Names of the columns that make a sample."""
    columns = list(map(str, table.column_names))
    if asked is None:
        text = next((key for key in TEXT_KEYS if key in columns), None)
        if text is not None:
            return [text]
        numbers = [c for c in columns if c != y_key and _is_number(table.column(c).type)]
        if not numbers:
            msg = (
                f"DATA {spec!r}: no column called {', '.join(TEXT_KEYS)} and none of numbers; it "
                f"has {', '.join(columns)}. Name one: {spec.partition('#')[0]}#x=COLUMN."
            )
            raise SpecError(msg)
        return numbers
    chosen: list[str] = []
    for part in asked.split("+"):
        matching = [c for c in columns if c == part or fnmatchcase(c, part)]
        if not matching:
            msg = f"DATA {spec!r}: no column {part!r}. " + near_matches(part, columns)
            raise SpecError(msg)
        chosen += [column for column in matching if column not in (*chosen, y_key)]
    if not chosen:
        msg = f"DATA {spec!r}: x={asked} names the label column {y_key!r} alone."
        raise SpecError(msg)
    return chosen


def _column(table: pa.Table, name: str, spec: str) -> NDArray[Any]:
    """One column as an array; an empty cell is an error that names its row."""
    column: Any = table.column(name)
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        msg = (
            f"DATA {spec!r}: column {name!r} has {column.null_count} empty cells, the first in row "
            f"{row}. Fill them or leave those rows out."
        )
        raise SpecError(msg)
    values = np.asarray(column.to_pylist()) if _is_text(column.type) else column.to_numpy()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        msg = f"DATA {spec!r}: column {name!r} has {values[row]} in row {row}; needed are numbers."
        raise SpecError(msg)
    return np.asarray(values)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
