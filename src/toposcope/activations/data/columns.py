"""Columns of a table: what kind each is, and its numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import SpecError
from toposcope.inputs.label_values import is_missing

if TYPE_CHECKING:
    import pyarrow as pa

UNNAMED = re.compile(r"|Unnamed: \d+(\.\d+)*|__index_level_\d+__|__null_dask_index__|level_\d+")
ROW_IDS = re.compile(r"(?i:(.*[\W_])?(ids?|uid|uuid|guid)|idx|index|row|row_?id)|.*[a-z](Id|ID)")
"""Names of columns that tell rows apart: `id`, `patient_id`, `image id`, `PassengerId`."""
FEWEST = 5
"""Rows from which on a first column 0, 1, 2, ... is the number of the row and no feature."""
THOUSANDS = re.compile(r"\s*[-+]?\d{1,3}(,\d{3})+\s*")
MOSTLY = 0.5
"""Share of cells that are numbers from which on a column of text is one of numbers with flaws."""


def plain_column(column: Any) -> Any:
    """A column without the wrappers of Arrow: dictionaries, views, extensions, decimals."""
    import pyarrow as pa
    from pyarrow import types

    if isinstance(column.type, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in column.chunks]
        return plain_column(pa.chunked_array(chunks, type=column.type.storage_type))
    if types.is_dictionary(column.type):
        return plain_column(column.cast(column.type.value_type))
    if types.is_string_view(column.type) or types.is_large_string(column.type):
        return column.cast(pa.string() if types.is_string_view(column.type) else column.type)
    if types.is_decimal(column.type):
        return column.cast(pa.float64())
    return column


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text."""
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether a column holds numbers or truth values."""
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def is_list(kind: pa.DataType) -> bool:
    """Whether a column holds lists of numbers, or lists of such lists."""
    from pyarrow import types

    if not (
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    ):
        return False
    return is_number(kind.value_type) or is_list(kind.value_type)


def is_index(name: str, column: Any, *, first: bool = False) -> bool:
    """Whether a column numbers the rows: one without a name, as pandas writes it, or called so.

    A column called id, index and the like counts where it is unique in every row; the first one
    of a table, whatever its name, where it counts from 0 or 1.
    """
    from pyarrow import compute, types

    if UNNAMED.fullmatch(name):
        return True
    if first and types.is_integer(column.type) and len(column) >= FEWEST and not column.null_count:
        cells = column.to_numpy()
        if cells[0] in (0, 1) and bool((np.diff(cells.astype(np.float64)) == 1).all()):
            return True
    named = ROW_IDS.fullmatch(name.strip()) and not is_list(column.type)
    if not named:
        return False
    if types.is_floating(column.type):
        cells = column.to_numpy()
        if not bool((cells == np.floor(cells)).all()):
            return False
    return bool(compute.count_distinct(column, mode="all").as_py() == len(column))


def check_cells(column: Any, name: str, spec: str, *, mixed: bool = False) -> None:
    """Refuse empty cells, and with `mixed` a column of numbers that some cells make one of text."""
    if column.null_count and not mixed:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        msg = (
            f"DATA {spec!r}: column {name!r} has {column.null_count} empty cells, the first in row "
            f"{row}. Fill them or leave those rows out."
        )
        raise SpecError(msg)
    if not mixed or not is_text(column.type):
        return
    cells = column.to_pylist()
    known = [(row, cell) for row, cell in enumerate(cells) if not is_missing(cell)]
    odd = [(row, cell) for row, cell in known if not _is_float(cell)]
    good = len(known) - len(odd)
    commas = sum(bool(re.fullmatch(r"\s*[-+]?\d+,\d+\s*", cell)) for _, cell in odd)
    if commas and all(THOUSANDS.fullmatch(cell) for _, cell in odd):
        row, cell = odd[0]
        msg = (
            f"DATA {spec!r}: column {name!r} has {len(odd)} numbers with a comma, such as {cell!r} "
            f"in row {row}, which may part thousands or be the decimal mark. Say which and save "
            "them plain: pandas.read_csv(FILE, thousands=',') or (FILE, decimal=',')."
        )
        raise SpecError(msg)
    if commas and good + commas >= MOSTLY * len(known):
        row, cell = next((r, c) for r, c in odd if "," in c)
        msg = (
            f"DATA {spec!r}: column {name!r} has {commas} numbers with a decimal comma, such as "
            f"{cell!r} in row {row}; needed are points: pandas.read_csv(FILE, decimal=',')."
            "to_csv(...)."
        )
        raise SpecError(msg)
    if good and good >= MOSTLY * len(known):
        bad = odd or [(row, cell) for row, cell in enumerate(cells) if is_missing(cell)]
        if not bad:
            msg = (
                f"DATA {spec!r}: column {name!r} holds numbers written as text, such as "
                f"{cells[0]!r}. Make numbers of them: table[{name!r}].astype(float) in pandas, and "
                "save that."
            )
            raise SpecError(msg)
        row, cell = bad[0]
        count = len(cells) - good
        msg = (
            f"DATA {spec!r}: column {name!r} holds numbers and {count} cells that are none, such "
            f"as {cell!r} in row {row}. Fill them, leave those rows out, or name the columns "
            f"without them: {spec.partition('#')[0]}#x=COLUMN+COLUMN."
        )
        raise SpecError(msg)


def _is_float(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def numbers_of(column: Any, name: str, spec: str) -> NDArray[Any]:
    """(n,) numbers of a column, (n, k) or more of one with lists of equal length.

    Raises
    ------
    SpecError
        When it holds something else, an empty cell, NaN or inf, or lists of different lengths.
    """
    check_cells(column, name, spec)
    if is_list(column.type):
        values = _nested(column, name, spec)
    elif is_number(column.type):
        values = np.asarray(column.to_numpy())
    else:
        check_cells(column, name, spec, mixed=True)
        msg = (
            f"DATA {spec!r}: column {name!r} holds {column.type}; needed is one column of text, or "
            "columns of numbers or of lists of numbers."
        )
        raise SpecError(msg)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        bad = values[row] if values.ndim == 1 else "NaN or inf"
        msg = f"DATA {spec!r}: column {name!r} has {bad} in row {row}; needed are numbers."
        raise SpecError(msg)
    return values


def _nested(column: Any, name: str, spec: str) -> NDArray[Any]:
    """An array of lists, and of lists of lists, whose lengths are all equal."""
    from pyarrow import compute

    held = column.combine_chunks()
    shape = [len(held)]
    while is_list(held.type):
        lengths = compute.unique(compute.list_value_length(held)).to_pylist()
        if len(lengths) != 1 or not lengths[0]:
            few = ", ".join(map(str, sorted(filter(None, lengths))[:5])) or "none"
            msg = (
                f"DATA {spec!r}: column {name!r} holds lists of {len(lengths)} lengths ({few}); "
                "needed are lists of one length, above 0."
            )
            raise SpecError(msg)
        shape.append(lengths[0])
        held = compute.list_flatten(held)
    if held.null_count:
        msg = f"DATA {spec!r}: column {name!r} has {held.null_count} empty entries in its lists."
        raise SpecError(msg)
    return np.asarray(held.to_numpy(zero_copy_only=False)).reshape(shape)
