"""Parts of an analysis on disk: one Parquet file per task, and the tables they are compacted into.

Every task puts one part: long tidy rows, in which a diagram is a row with the lists `births` and
`deaths` and a loop a row with the list `samples`. When all tasks are ticked off, the parts are
compacted into tables in canonical order; compaction is pure and can be done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError
from toposcope.store.objects import Place, content_hash, get_checked, objects_in, put_json_at

if TYPE_CHECKING:
    import pyarrow as pa

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
SEAL = "done.json"
"""What is put when all tables are: their hashes, and the digest over their values."""

AGAIN = "Run the command that made it again: tables are made anew from the parts of their tasks."
"""What to do about a damaged table."""


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


def table_of(part: bytes) -> pa.Table:
    """The rows of a part; its bytes have been held against their hash."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(part))


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
    import pyarrow as pa

    objects = objects_in(place)
    try:
        if expected is None:
            return table_of(objects.get(name))
        return table_of(get_checked(objects, name, expected, again=AGAIN))
    except (OSError, pa.ArrowInvalid) as error:
        msg = f"{objects.where(name)} cannot be read ({error}). {AGAIN}"
        raise DamagedError(msg) from error


def compact(place: Place, parts: Iterable[bytes]) -> str:
    """Write the tables of an analysis from its parts, in the order given; returns their digest.

    The digest covers every value and nothing else, so it is the same after a kill and a resume.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    tables = [table_of(part) for part in parts]
    whole = pa.concat_tables(tables) if tables else part_schema().empty_table()
    kind = whole["statistic"]
    is_diagram, is_loop = pc.equal(kind, DIAGRAM), pc.equal(kind, LOOP)
    is_check = pc.is_valid(whole["check"])
    numbers = whole.filter(pc.invert(pc.or_(pc.or_(is_diagram, is_loop), is_check)))
    shapes = whole.drop_columns(["value", "check", "condition"])
    outputs = {
        "table": numbers.select(TABLE_COLUMNS),
        "diagrams": shapes.filter(is_diagram).drop_columns(["samples"]),
        "loops": shapes.filter(is_loop).drop_columns(["status", "reason"]),
        "validity": whole.filter(is_check).select(VALIDITY_COLUMNS),
    }
    objects = objects_in(place)
    hashes = {name: put_table(objects, f"{name}.parquet", table) for name, table in outputs.items()}
    digest = content_hash(repr([_value_hash(table) for table in outputs.values()]).encode())
    put_json_at(objects, SEAL, {"digest": digest, "files": hashes})
    return digest


def _value_hash(table: pa.Table) -> str:
    """Hash of the values of a table, independent of the Parquet writer."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=max(len(table), 1))
    return content_hash(sink.getvalue())
