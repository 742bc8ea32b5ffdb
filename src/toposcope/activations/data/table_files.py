"""Files that hold a table: CSV and Parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toposcope.activations.data.files import (
    damaged,
    file_hash,
    refuse_unpacked,
    split_of,
    split_spec,
)
from toposcope.activations.data.source import DataSource
from toposcope.activations.data.tables import from_table
from toposcope.errors import SpecError, UsageError
from toposcope.inputs.limits import refuse_bomb, refuse_larger

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def from_csv(spec: str) -> DataSource:
    """`csv:FILE[.gz][#x=COLUMN,y=COLUMN,header=yes|no]`, with a line of column names."""
    import pyarrow as pa

    path, options = split_spec(spec, ("x", "y", "header"))
    header = options.get("header", "")
    if header not in ("", "yes", "no"):
        msg = f"DATA {spec!r}: header={header!r}; needed is yes or no."
        raise SpecError(msg)
    try:
        refuse_larger(path.stat().st_size, "TABLE", what=f"DATA {spec!r}: {path}")
        refuse_unpacked(path, spec)
        table = _read(path, named=header != "no")
        names = [str(name).strip() for name in table.column_names]
    except UsageError:
        raise
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        raise damaged(spec, path, error) from error
    bad = [str(f.name) for f in table.schema if pa.types.is_binary(f.type)]
    if bad:
        msg = f"DATA {spec!r}: column {bad[0]!r} holds bytes that are not UTF-8; save it as UTF-8."
        raise SpecError(msg)
    if header == "no":
        names = [str(position) for position in range(len(names))]
    elif not header:
        _check_header(names, spec)
    name, split = split_of(path)
    return from_table(
        table.rename_columns(names),
        options,
        name=name,
        spec=spec,
        split=split,
        content=file_hash(path),
    )


def _read(path: Path, *, named: bool) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    # Text stays text: words such as NA or null are not missing values.
    with pa.input_stream(str(path), compression="detect") as stream:
        return csv.read_csv(
            stream,
            read_options=csv.ReadOptions(autogenerate_column_names=not named),
            convert_options=csv.ConvertOptions(strings_can_be_null=False),
        )


def _refuse_wide(metadata: Any, path: Path, spec: str) -> None:
    """Refuse a table that becomes too large: a column of one value takes no room in a file."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    stored = sum(group.total_byte_size for group in groups)
    unpacked = max(stored, 8 * metadata.num_rows * metadata.num_columns)
    refuse_larger(unpacked, "TABLE", what=f"DATA {spec!r}: {path}")
    refuse_bomb(path.stat().st_size, unpacked, what=f"DATA {spec!r}: {path}")


def _check_header(names: Sequence[str], spec: str) -> None:
    """Refuse a first line with numbers in it: it may be a sample.

    Columns called 0, 1, 2, ... are what pandas writes of an array and pass.
    """
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    if not numbers or numbers == [str(position) for position in range(len(numbers))]:
        return
    start, _, tail = spec.partition("#")
    more = f",{tail}" if tail else ""
    msg = (
        f"DATA {spec!r}: the first line ({', '.join(names[:6])}{', …' * (len(names) > 6)}) has "
        f"numbers where names of columns stand. Write {start}#header=no{more} if it is the first "
        f"row (columns are then called 0, 1, 2, …), or {start}#header=yes{more} if these are names."
    )
    raise SpecError(msg)


def from_parquet(spec: str) -> DataSource:
    """`parquet:FILE[#x=COLUMN,y=COLUMN]`."""
    import pyarrow as pa
    from pyarrow import parquet

    path, options = split_spec(spec, ("x", "y"))
    try:
        file = parquet.ParquetFile(path)
        _refuse_wide(file.metadata, path, spec)
        table = file.read()
    except UsageError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(spec, path, error) from error
    name, split = split_of(path)
    return from_table(table, options, name=name, spec=spec, split=split, content=file_hash(path))
