"""The samples of a RUN: who is in which row, kept as one Parquet object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError
from toposcope.store.objects import Objects, content_hash

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


def read_samples(objects: Objects, class_names: Sequence[str]) -> Samples:
    """Samples of a RUN, without their texts.

    Raises
    ------
    DamagedError
        When they cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        whole = pa.BufferReader(objects.map(SAMPLES))
        table = pq.read_table(whole, columns=["id", "index", "label"])
    except (OSError, pa.ArrowInvalid) as error:
        msg = f"{objects.where(SAMPLES)} cannot be read ({error}): the RUN is damaged."
        raise DamagedError(msg) from error
    label = table["label"]
    return Samples(
        ids=np.array(table["id"].to_pylist(), dtype=str),
        indices=table["index"].to_numpy(),
        labels=None if label.null_count else label.to_numpy(),
        class_names=tuple(class_names),
    )


def read_texts(objects: Objects, rows: Sequence[int]) -> list[str] | None:
    """Beginnings of some samples of a RUN; None when the data are no texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(objects.map(SAMPLES)))
    if "text" not in file.schema_arrow.names:
        return None
    return list(file.read(columns=["text"])["text"].take(list(rows)).to_pylist())
