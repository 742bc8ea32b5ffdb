"""Data that is a table: a column of text, or columns of numbers and of lists of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.arrays import from_array
from toposcope.activations.data.columns import (
    check_cells,
    is_index,
    is_list,
    is_number,
    is_text,
    numbers_of,
    plain_column,
)
from toposcope.activations.data.files import no_labels, pick_key, usual_name
from toposcope.activations.data.source import DataSource, tell
from toposcope.activations.data.text import LABEL_KEYS, TEXT_KEYS, from_texts
from toposcope.errors import SpecError
from toposcope.types import near_matches

if TYPE_CHECKING:
    import pyarrow as pa


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
        labels and numbers of rows, else the one column of lists. `y`: the column of classes,
        numbers or names; without it label, labels, y, class or target; `y=` for none.
    name, spec, split, content
        As in `DataSource`.

    Raises
    ------
    SpecError
        When a column is missing, stands twice, holds something else, or has empty cells.
    """
    columns = list(map(str, table.column_names))
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        msg = f"DATA {spec!r}: column {twice[0]!r} stands {columns.count(twice[0])} times; rename."
        raise SpecError(msg)
    if not table.num_rows:
        msg = f"DATA {spec!r}: the table has no rows."
        raise SpecError(msg)
    held = {column: plain_column(table.column(i)) for i, column in enumerate(columns)}
    y_key = pick_key(columns, options, "y", LABEL_KEYS, spec, needed=False, what="column")
    left_out: dict[str, Any] = {}
    chosen = _chosen(held, options.get("x"), y_key, left_out, spec)
    used = (*chosen, *([y_key] if y_key is not None else []))
    told = [column for names in left_out.values() for column in names]
    left_out["columns"] = [column for column in columns if column not in (*used, *told)]
    y = None if y_key is None else held[y_key].to_pylist()
    in_file = spec.partition(":")[0] in ("csv", "parquet")
    about: dict[str, Any] = {"name": name, "spec": spec, "split": split, "columns": used}
    about["without"] = no_labels(spec) if in_file else f"leave the column {y_key!r} out"
    about |= {"content": content, "left_out": left_out}
    about["ids_of"] = lambda key: _ids(held, key, spec)
    tell(spec, left_out)
    if len(chosen) == 1 and is_text(held[chosen[0]].type):
        check_cells(held[chosen[0]], chosen[0], spec)
        return from_texts(held[chosen[0]].to_pylist(), y, **about)
    features = [numbers_of(held[column], column, spec) for column in chosen]
    if len(features) == 1 and features[0].ndim > 2:
        return from_array(_single(features[0], chosen, spec), y, **about)
    flat = [_single(part.reshape(len(part), -1), chosen[i : i + 1], spec)
            for i, part in enumerate(features)]  # fmt: skip
    return from_array(np.concatenate(flat, axis=1), y, **about)


LOST = 1e-3
"""Share of a column's range by which its numbers may change in float32."""


def _single(values: NDArray[Any], chosen: Sequence[str], spec: str) -> NDArray[np.float32]:
    """Values in float32, where they fit into it."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if not np.isfinite(single).all():
        msg = (
            f"DATA {spec!r}: among {', '.join(chosen[:5])} are numbers beyond float32, such as "
            f"{values[~np.isfinite(single)][0]}. Scale them first."
        )
        raise SpecError(msg)
    if values.dtype.kind == "b" or values.dtype.itemsize <= 2 or values.dtype == np.float32:
        return single
    exact = values.reshape(len(values), -1).astype(np.longdouble)  # holds every int64
    lost = np.abs(single.reshape(exact.shape) - exact).max(axis=0)
    spread = np.ptp(exact, axis=0)
    blurred = (spread > 0) & (lost > LOST * spread)
    if blurred.any():
        column = int(np.argmax(blurred))
        msg = (
            f"DATA {spec!r}: {chosen[0]!r} varies by {spread[column]:g} around "
            f"{exact[0, column]:g}; float32, which networks take, is wrong by up to "
            f"{lost[column]:g} there. Subtract its smallest value first, or name other columns: "
            "#x=A+B."
        )
        raise SpecError(msg)
    return single


def _chosen(
    held: Mapping[str, Any],
    asked: str | None,
    y_key: str | None,
    left_out: dict[str, Any],
    spec: str,
) -> list[str]:
    """Names of the columns that make a sample; what looks like one and is none is left out."""
    columns = list(held)
    start = spec.partition("#")[0]
    if asked is not None:
        return _asked(columns, asked, y_key, spec)
    text = usual_name([c for c in columns if is_text(held[c].type)], TEXT_KEYS)
    if text is not None:
        return [text]
    free = [c for c in columns if c != y_key]
    left_out["columns of labels"] = [c for c in free if c.strip().lower() in LABEL_KEYS]
    left_out["columns that number the rows"] = [
        c for c in free if is_index(c, held[c], first=c == columns[0])
    ]
    beside = [*left_out["columns of labels"], *left_out["columns that number the rows"]]
    free = [c for c in free if c not in beside]
    for column in free:
        check_cells(held[column], column, spec, mixed=True)
    numbers = [c for c in free if is_number(held[c].type)]
    lists = [c for c in free if is_list(held[c].type)]
    if numbers and lists:
        msg = (
            f"DATA {spec!r}: columns of numbers ({', '.join(numbers[:5])}) and of lists "
            f"({', '.join(lists[:5])}). Name those that make a sample: {start}#x={lists[0]}."
        )
        raise SpecError(msg)
    if not numbers and len(lists) != 1:
        msg = (
            f"DATA {spec!r}: no column called {', '.join(TEXT_KEYS)} and none of numbers; it has "
            f"{', '.join(columns)}. Name one: {start}#x=COLUMN."
        )
        raise SpecError(msg)
    return numbers or lists


def _asked(columns: Sequence[str], asked: str, y_key: str | None, spec: str) -> list[str]:
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


def _ids(held: Mapping[str, Any], key: str, spec: str) -> list[Any]:
    if key not in held:
        msg = f"DATA {spec!r}: ids={key!r} is no column. " + near_matches(key, list(held))
        raise SpecError(msg)
    return list(held[key].to_pylist())
