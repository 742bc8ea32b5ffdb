"""Parts of an analysis on disk: one Parquet file per task, and the tables they are compacted into.

Every task puts one part: long tidy rows, in which a diagram is a row with the lists `births` and
`deaths` and a loop a row with the list `samples`. When all tasks are ticked off, the parts are
compacted into tables in canonical order; compaction is pure and can be done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError, ToposcopeError
from toposcope.inputs.limits import refuse_larger
from toposcope.store.objects import Place, content_hash, get_checked, objects_in
from toposcope.store.seals import AGAIN

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

KEY_COLUMNS = ["layer", "depth", "label", "cloud", "homology_dimension", "statistic"]
TABLE_COLUMNS = [
    *KEY_COLUMNS[:4],
    "replicate",
    *KEY_COLUMNS[4:],
    "value",
    "status",
    "reason",
    "points",
]
VALIDITY_COLUMNS = [
    "layer",
    "depth",
    "label",
    "replicate",
    "check",
    "condition",
    *TABLE_COLUMNS[5:],
]
DIAGRAM, LOOP = "diagram", "loop"
OK = "ok"
TABLES = ("table", "diagrams", "loops", "validity")
"""What parts are compacted into, in the order in which their values are hashed."""


def part_schema() -> pa.Schema:
    """Columns of a part: the tidy row, and what diagrams, loops and checks need beyond it."""
    import pyarrow as pa

    numbers = pa.list_(pa.float64())
    return pa.schema(
        [
            ("layer", pa.string()),
            ("depth", pa.float64()),
            ("label", pa.string()),
            ("cloud", pa.string()),
            ("replicate", pa.int64()),
            ("homology_dimension", pa.int64()),
            ("statistic", pa.string()),
            ("value", pa.float64()),
            ("status", pa.string()),
            ("reason", pa.string()),
            ("points", pa.int64()),
            ("check", pa.string()),
            ("condition", pa.string()),
            ("births", numbers),
            ("deaths", numbers),
            ("samples", pa.list_(pa.int64())),
        ]
    )


class Rows:
    """Collects the rows of one task; every row shares the place given here."""

    def __init__(self, **place: object) -> None:
        self._place = place
        self.rows: list[dict[str, Any]] = []

    def twin(self, **place: object) -> Rows:
        """Empty rows of the same place but for what is given."""
        return Rows(**{**self._place, **place})

    def value(
        self,
        statistic: str,
        value: float,
        *,
        homology_dimension: int | None = None,
        reason: str = "",
        **more: object,
    ) -> None:
        """Add one number; a non-finite one is recorded as undefined, for the reason given."""
        row: dict[str, Any] = {
            **self._place,
            "statistic": statistic,
            "homology_dimension": homology_dimension,
            "value": float(value),
            "status": OK,
            "reason": "",
            **more,
        }
        if row["status"] == OK and not np.isfinite(row["value"]):
            reason = reason or f"{statistic} is {float(value):g}"
            row |= {"value": None, "status": "undefined", "reason": reason}
        self.rows.append(row)

    def found(self, statistic: str) -> float | None:
        """A number of a cloud that is there already; None where it could not be computed."""
        values = (row["value"] for row in self.rows if row["statistic"] == statistic)
        return next((value for value in values if value is not None), None)

    def missing(
        self,
        statistic: str,
        status: str,
        reason: str,
        *,
        homology_dimension: int | None = None,
        **more: object,
    ) -> None:
        """Add a number that could not be computed, and why."""
        self.rows.append(
            {
                **self._place,
                "statistic": statistic,
                "homology_dimension": homology_dimension,
                "value": None,
                "status": status,
                "reason": reason,
                **more,
            }
        )

    def diagram(self, pairs: NDArray[np.float64], homology_dimension: int, **more: object) -> None:
        """Add one diagram."""
        self.rows.append(
            {
                **self._place,
                "statistic": DIAGRAM,
                "homology_dimension": homology_dimension,
                "value": None,
                "status": OK,
                "reason": "",
                "births": pairs[:, 0],
                "deaths": pairs[:, 1],
                **more,
            }
        )

    def loop(self, birth: float, death: float, samples: Sequence[int]) -> None:
        """Add the samples on one H1 loop."""
        self.rows.append(
            {
                **self._place,
                "statistic": LOOP,
                "homology_dimension": 1,
                "value": None,
                "status": OK,
                "reason": "",
                "births": [birth],
                "deaths": [death],
                "samples": list(samples),
            }
        )


def part_bytes(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The rows of one task as a Parquet file."""
    import pyarrow as pa

    return parquet_bytes(pa.Table.from_pylist(list(rows), schema=part_schema()))


def table_of(part: bytes, *, where: str = "a table") -> pa.Table:
    """The rows of a part; its bytes have been held against their hash.

    Raises
    ------
    DamagedError
        For bytes that are no table, or one that unpacks to more than `limit("TABLE")` bytes.
    """
    with readable(where):
        return opened_table(part, where=where).read()


def opened_table(part: bytes, *, where: str, coded: bool = False) -> pq.ParquetFile:
    """A table to be read column by column, with strings as codes where that is asked for.

    What it would unpack to has been looked at; read it inside `readable`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(part))
    groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
    refuse_larger(sum(group.total_byte_size for group in groups), "TABLE", what=where)
    if not coded:
        return file
    strings = [one.name for one in file.schema_arrow if one.type == pa.string()]
    return pq.ParquetFile(pa.BufferReader(part), metadata=file.metadata, read_dictionary=strings)


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turn what Parquet stumbles over into an error that names the table."""
    import pyarrow as pa

    try:
        yield
    except ToposcopeError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        msg = f"{where} is no readable table ({str(error)[:200]}). {AGAIN}"
        raise DamagedError(msg) from error


def put_table(place: Place, name: str, table: pa.Table) -> str:
    """Put a whole table as a Parquet object; returns the hash of its bytes."""
    data = parquet_bytes(table.combine_chunks())
    objects_in(place).put(name, data)
    return content_hash(data)


def parquet_bytes(table: pa.Table) -> bytes:
    """A table of any columns as the bytes of a part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue().to_pybytes())


def read_table(place: Place, name: str, expected: str | None = None) -> pa.Table:
    """Read a table; with its recorded hash, damage is found before any number is used.

    Raises
    ------
    DamagedError
        When it is missing, or its bytes are not those that were put.
    """
    objects = objects_in(place)
    where = objects.where(name)
    try:
        if expected is None:
            return table_of(objects.get(name), where=where)
        return table_of(get_checked(objects, name, expected, again=AGAIN), where=where)
    except OSError as error:
        msg = f"{where} cannot be read ({error}). {AGAIN}"
        raise DamagedError(msg) from error


def compact(place: Place, parts: Iterable[bytes]) -> str:
    """Write the tables of an analysis from its parts, in the order given; returns their digest.

    The digest covers every value and nothing else, so it is the same after a kill and a resume. The
    place is to be sealed afterwards.
    """
    import pyarrow as pa

    batches: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
    left = iter(parts)
    while together := list(islice(left, BATCH)):
        # One chunk: to filter 500 of 56 rows took ten times as long.
        whole = pa.concat_tables(map(table_of, together)).combine_chunks()
        for name, rows in _sorted_out(whole).items():
            batches[name].append(rows)
    objects, hashes = objects_in(place), []
    for name, empty in _sorted_out(part_schema().empty_table()).items():
        rows = batches.pop(name)
        table = pa.concat_tables(rows).combine_chunks() if rows else empty
        del rows
        put_table(objects, f"{name}.parquet", table)
        hashes.append(_value_hash(table))
    return _digest(hashes)


BATCH = 500
"""Parts that are sorted out together, so that the bytes of all are never held at once."""


def _sorted_out(whole: pa.Table) -> dict[str, pa.Table]:
    """Rows of parts by the table that they belong to, in the order of `TABLES`."""
    import pyarrow.compute as pc

    kind = whole["statistic"]
    is_diagram, is_loop = pc.equal(kind, DIAGRAM), pc.equal(kind, LOOP)
    is_check = pc.is_valid(whole["check"])
    numbers = whole.filter(pc.invert(pc.or_(pc.or_(is_diagram, is_loop), is_check)))
    shapes = whole.drop_columns(["value", "check", "condition"])
    return {
        "table": numbers.select(TABLE_COLUMNS),
        "diagrams": shapes.filter(is_diagram).drop_columns(["samples"]),
        "loops": shapes.filter(is_loop).drop_columns(["status", "reason"]),
        "validity": whole.filter(is_check).select(VALIDITY_COLUMNS),
    }


def digest_of(tables: Iterable[pa.Table]) -> str:
    """Hash over the values of the tables of an analysis, in the order of `TABLES`."""
    return _digest([_value_hash(table) for table in tables])


def _digest(hashes: list[str]) -> str:
    return content_hash(repr(hashes).encode())


def _value_hash(table: pa.Table) -> str:
    """Hash of the values of a table, independent of the Parquet writer."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=max(len(table), 1))
    return content_hash(sink.getvalue())
