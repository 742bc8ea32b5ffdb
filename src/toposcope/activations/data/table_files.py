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


SEPARATORS = (";", "\t", "|")
FORMS = (
    (b"\xff\xfe", "is UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16 text; save it as UTF-8"),
    (b"PK\x03\x04", "is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook; save the sheet as CSV"),
    (b"\xfd7zXZ", "is compressed with xz; accepted are .gz and .bz2, or unpack it"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; accepted are .gz and .bz2, or unpack it"),
    (b"PAR1", "is a Parquet file; write parquet:FILE"),
)
"""Beginnings of files that are often given a name of CSV, and what to do with each."""


def from_csv(spec: str) -> DataSource:
    """`csv:FILE[.gz][#x=COLUMN,y=COLUMN,header=yes|no]`, with a line of column names."""
    import pyarrow as pa

    path, options = split_spec(spec, ("x", "y", "header"))
    _refuse_other_forms(path, spec)
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


def _refuse_other_forms(path: Path, spec: str) -> None:
    """Refuse files that are no table with commas, by what their beginning shows."""
    try:
        with path.open("rb") as stream:
            head = stream.read(6)
    except OSError as error:
        raise damaged(spec, path, error) from error
    form = next((told for mark, told in FORMS if head.startswith(mark)), None)
    if form is not None:
        msg = f"DATA {spec!r}: {path} {form}."
        raise SpecError(msg)
    if path.suffix in (".gz", ".bz2"):
        return
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        line = stream.readline(1 << 16).strip()
        second = stream.readline(1 << 16).strip()
    if line.lower().startswith("sep="):
        line, second = second, ""
    if line.startswith("#") and "," not in line and "," in second:
        msg = (
            f"DATA {spec!r}: the first line of {path} ({line[:40]!r}) is a remark, where names of "
            "columns are needed. Leave it out: pandas.read_csv(FILE, comment='#').to_csv(...)."
        )
        raise SpecError(msg)
    mark = next((one for one in SEPARATORS if one in line and "," not in line), None)
    if mark is None and "," not in line and " " in line:
        rows = [len(one.split()) for one in (line, second)]
        mark = " " if rows[0] == rows[1] and _holds_numbers(second) else None
    if mark is not None:
        comma = ", decimal=','" if "," in second else ""
        msg = (
            f"DATA {spec!r}: the first line of {path} ({line[:40]!r}) is parted by {mark!r}; "
            f"needed are commas: pandas.read_csv(FILE, sep={mark!r}{comma}).to_csv(..., "
            "index=False)."
        )
        raise SpecError(msg)


def _holds_numbers(line: str) -> bool:
    return any(NUMBER.fullmatch(cell) for cell in line.split())


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
