"""The samples of a RUN: who is in which row, kept as one Parquet object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError, ToposcopeError
from toposcope.inputs.limits import refuse_bomb, refuse_larger
from toposcope.store.objects import Objects, content_hash

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES = "samples.parquet"


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of a RUN, in stored order.

    Parameters
    ----------
    ids
        (n,) stable ids; runs are paired by them.
    indices
        (n,) positions in the data source.
    labels
        (n,) integer classes, or None.
    class_names
        Names of the classes, position = label.
    texts
        Beginnings of samples that are text, for the report; read on demand by `Run.texts`.
    """

    ids: NDArray[np.str_]
    indices: NDArray[np.int64]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    texts: tuple[str, ...] | None = None


def sample_hash(ids: NDArray[np.str_]) -> str:
    """Hash of sample ids in order."""
    return content_hash("\n".join(ids.tolist()).encode())


def pack_samples(samples: Samples) -> bytes:
    """Samples as a Parquet object; equal samples give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = len(samples.ids)
    labels = [None] * n if samples.labels is None else samples.labels
    columns = {
        "id": pa.array(samples.ids.tolist(), pa.string()),
        "index": pa.array(samples.indices, pa.int64()),
        "label": pa.array(labels, pa.int64()),
    }
    if samples.texts is not None:
        columns["text"] = pa.array(samples.texts, pa.string())
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def read_samples(
    objects: Objects, class_names: Sequence[str], *, expected: str | None = None
) -> Samples:
    """Samples of a RUN, without their texts.

    Parameters
    ----------
    objects
        The RUN.
    class_names
        Names of the classes, position = label.
    expected
        Recorded hash of the file; None in RUNs of schema 1.

    Raises
    ------
    DamagedError
        When they cannot be read, or are not those that were written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = objects.where(SAMPLES)
    try:
        raw = objects.map(SAMPLES)
        if expected is not None and content_hash(raw.data) != expected:
            msg = f"{where} does not match its recorded hash: the RUN is damaged."
            raise DamagedError(msg)
        file = pq.ParquetFile(pa.BufferReader(raw))
        refuse_larger(file.metadata.num_rows, "SAMPLES", what=where)
        refuse_bomb(len(raw), 24 * file.metadata.num_rows, what=where)
        table = file.read(columns=["id", "index", "label"])
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        if isinstance(error, ToposcopeError):
            raise
        msg = f"{where} cannot be read ({str(error)[:200]}): the RUN is damaged."
        raise DamagedError(msg) from error
    kinds = [pa.string(), pa.int64(), pa.int64()]
    if table.column_names != ["id", "index", "label"] or table.schema.types != kinds:
        msg = (
            f"{where} is damaged: needed are the columns id (string), index and label (int64); it "
            f"has {', '.join(f'{one.name} ({one.type})' for one in table.schema)[:200]}."
        )
        raise DamagedError(msg)
    label = table["label"]
    if table["id"].null_count or table["index"].null_count:
        msg = f"{where} is damaged: a sample has no id or no index."
        raise DamagedError(msg)
    return Samples(
        ids=np.array(table["id"].to_pylist(), dtype=str),
        indices=_whole_numbers(table["index"]),
        labels=None if label.null_count else _whole_numbers(label),
        class_names=tuple(class_names),
    )


def _whole_numbers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """An int64 column without missing values; Arrow's own way loads pandas, 0.6 CPU seconds."""
    parts = [
        np.frombuffer(one.buffers()[1], np.int64, len(one), 8 * one.offset)
        for one in column.chunks
        if len(one)
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def read_texts(objects: Objects, rows: Sequence[int]) -> list[str] | None:
    """Beginnings of some samples of a RUN; None when the data are no texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(objects.map(SAMPLES)))
        if "text" not in file.schema_arrow.names:
            return None
        return list(file.read(columns=["text"])["text"].take(list(rows)).to_pylist())
    except (OSError, pa.ArrowException, ValueError) as error:
        msg = f"{objects.where(SAMPLES)} cannot be read ({str(error)[:200]}): the RUN is damaged."
        raise DamagedError(msg) from error
