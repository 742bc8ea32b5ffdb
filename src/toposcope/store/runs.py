"""RUN folders: activations on disk that survive a kill and never lie.

A shard of activations is put first, its tick (rows, sample-id hash, content hash) last; a shard
without its tick is garbage. Readers check the content hash on first touch.
The layout is documented in docs/architecture.md; `SCHEMA_VERSION` changes with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import (
    DamagedError,
    ParameterMismatchError,
    SchemaVersionError,
    StoreError,
    UsageError,
)
from toposcope.store.folders import RUN, refuse_other_kind, what_is_no_run
from toposcope.store.objects import (
    LocalObjects,
    content_hash,
    lock_folder,
    put,
    put_json,
    read_json,
)
from toposcope.store.shards import map_shard, shard_header
from toposcope.types import ActivationSet

SCHEMA_VERSION = 1
CHUNK_BYTES = 64 << 20
"""Size of a chunk over all layers: one buffer of it is held while capturing."""

LayerPlan = Mapping[str, Mapping[str, Any]]


def twin_of(run: Path | str) -> Path:
    """Where the RUN of a network's random-init twin lies: inside the RUN of the network."""
    return Path(run) / "twin"


def sample_hash(ids: NDArray[np.str_]) -> str:
    """Hash of sample ids in order."""
    return content_hash("\n".join(ids.tolist()).encode())


def folder_name(layer: str) -> str:
    """File-system name of a layer address: percent-encoded, since names are hostile input."""
    name = quote(layer, safe="@[]-_.~") or "_root"
    if set(name) == {"."}:
        name = name.replace(".", "%2E")
    return name if len(name) <= 200 else name[:160] + "~" + content_hash(layer.encode())


def call_of(layer: str) -> str:
    """Call number in a layer address: `block@2` -> "2", `block` -> "0"."""
    _, at, call = layer.rpartition("@")
    return call if at and call.isdigit() else "0"


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


@dataclass(eq=False)
class Run:
    """A RUN folder, open for reading (`Run.open`) or for writing (`Run.begin`, as a context)."""

    path: Path
    spec: dict[str, Any]
    samples: Samples
    layers: dict[str, dict[str, Any]]
    chunk_rows: int
    _lock: IO[str] | None = None
    _checked: dict[tuple[str, int], NDArray[Any]] = field(default_factory=dict)
    _sample_hashes: dict[int, str] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        path: Path | str,
        *,
        spec: Mapping[str, Any],
        samples: Samples,
        layers: LayerPlan,
        chunk_rows: int,
    ) -> Self:
        """Create a RUN, or resume one that was begun with the same parameters."""
        path = Path(path)
        refuse_other_kind(path, RUN, "capture()")
        path.mkdir(parents=True, exist_ok=True)
        lock = lock_folder(path)
        plan = {
            "schema": SCHEMA_VERSION,
            "spec": dict(spec),
            # A list: sorted JSON keys would lose the order of the network.
            "layers": [{"name": name, **entry} for name, entry in layers.items()],
            "chunk_rows": chunk_rows,
            "samples": sample_hash(samples.ids),
        }
        plan = json.loads(json.dumps(plan))  # tuples become lists, as they will when read back
        try:
            if (path / "run.json").exists():
                _refuse_other_parameters(path, read_json(path / "run.json"), plan)
            else:
                _put_samples(path / "samples.parquet", samples)
                put_json(path / "run.json", plan)
        except BaseException:
            lock.close()
            raise
        return cls(path, plan["spec"], samples, _layers(plan), chunk_rows, lock)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a RUN for reading."""
        path = Path(path)
        if not (path / "run.json").exists():
            raise StoreError(what_is_no_run(path))
        plan = read_json(path / "run.json")
        _check_schema(path, plan)
        samples = _read_samples(path / "samples.parquet", plan["spec"].get("class_names", []))
        if sample_hash(samples.ids) != plan["samples"]:
            msg = f"{path / 'samples.parquet'} does not match run.json: the RUN is damaged."
            raise DamagedError(msg)
        return cls(path, plan["spec"], samples, _layers(plan), plan["chunk_rows"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.samples.ids)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Layer addresses in network order, pseudo-layers left out."""
        return tuple(name for name in self.layers if not name.startswith("@"))

    @property
    def chunks(self) -> list[tuple[int, int, int]]:
        """(index, first row, past-last row) of every chunk."""
        starts = range(0, self.n, self.chunk_rows)
        return [(i, a, min(a + self.chunk_rows, self.n)) for i, a in enumerate(starts)]

    def shard_path(self, layer: str, index: int) -> Path:
        """File of one chunk of one layer; its tick has the suffix .json."""
        return self.path / "acts" / call_of(layer) / folder_name(layer) / f"{index:06d}.safetensors"

    def has_chunk(self, layer: str, index: int) -> bool:
        """Whether this chunk was written and ticked off."""
        return self.shard_path(layer, index).with_suffix(".json").exists()

    def _samples_of(self, index: int) -> str:
        """Hash of the sample ids of a chunk, computed once for all layers."""
        if index not in self._sample_hashes:
            _, start, stop = self.chunks[index]
            self._sample_hashes[index] = sample_hash(self.samples.ids[start:stop])
        return self._sample_hashes[index]

    def write_chunk(self, layer: str, index: int, values: NDArray[Any]) -> None:
        """Put the rows of one chunk of one layer; the tick comes last."""
        _, start, stop = self.chunks[index]
        plan = self.layers[layer]
        want = (stop - start, *plan["shape"])
        if values.shape != want or values.dtype != np.dtype(plan["dtype"]):
            msg = (
                f"write_chunk(): layer {layer!r} chunk {index} is {values.dtype}{values.shape}, "
                f"planned {plan['dtype']}{want}. The model's output changed shape between batches."
            )
            raise StoreError(msg)
        values = np.ascontiguousarray(values)
        header, body = shard_header(values), values.reshape(-1).view(np.uint8)
        path = self.shard_path(layer, index)
        put(path, header, body)
        tick = {
            "rows": [start, stop],
            "samples": self._samples_of(index),
            "content": content_hash(header, body),
            "values": content_hash(body),
        }
        put_json(path.with_suffix(".json"), tick)

    def tick(self, layer: str, index: int) -> dict[str, Any]:
        """The manifest of one chunk."""
        path = self.shard_path(layer, index).with_suffix(".json")
        if not path.exists():
            msg = (
                f"layer {layer!r} has no chunk {index} in {self.path}: the capture is not "
                "complete. Run the same capture command again; it continues where it stopped."
            )
            raise StoreError(msg)
        tick = read_json(path)
        _, start, stop = self.chunks[index]
        if tick["rows"] != [start, stop] or tick["samples"] != self._samples_of(index):
            msg = f"{path} belongs to other samples than this RUN: it was moved or swapped."
            raise DamagedError(msg)
        return dict(tick)

    def shard(self, layer: str, index: int) -> NDArray[Any]:
        """Rows of one chunk as a read-only memory map, its hash checked on first touch."""
        known = self._checked.get((layer, index))
        if known is not None:
            return known
        tick = self.tick(layer, index)
        plan = self.layers[layer]
        path = self.shard_path(layer, index)
        values = map_shard(LocalObjects(path.parent), path.name, tick["content"])
        want = (tick["rows"][1] - tick["rows"][0], *plan["shape"])
        if values.shape != tuple(want) or values.dtype != np.dtype(plan["dtype"]):
            msg = f"{self.shard_path(layer, index)} holds {values.dtype}{values.shape}, not {want}."
            raise DamagedError(msg)
        self._checked[layer, index] = values
        return values

    def read(self, layer: str, rows: NDArray[np.intp] | None = None) -> NDArray[Any]:
        """(n, ...) activations of one layer, or those of `rows` in the order given."""
        if layer not in self.layers:
            msg = f"{self.path} has no layer {layer!r}; it has {', '.join(self.addresses)}."
            raise StoreError(msg)
        if rows is None:
            return np.concatenate([self.shard(layer, i) for i, _, _ in self.chunks])
        rows = np.asarray(rows, dtype=np.intp)
        if rows.size and (rows.min() < 0 or rows.max() >= self.n):
            msg = f"read(): rows {rows.min()}..{rows.max()} of a RUN with {self.n} samples."
            raise UsageError(msg)
        plan = self.layers[layer]
        out = np.empty((len(rows), *plan["shape"]), dtype=plan["dtype"])
        chunk_of = rows // self.chunk_rows
        for index in np.unique(chunk_of):
            here = chunk_of == index
            out[here] = self.shard(layer, int(index))[rows[here] - index * self.chunk_rows]
        return out

    def texts(self, rows: Sequence[int]) -> list[str] | None:
        """Beginnings of some samples; None when the data are no texts."""
        import pyarrow.parquet as pq

        path = self.path / "samples.parquet"
        if "text" not in pq.read_schema(path).names:
            return None
        return list(pq.read_table(path, columns=["text"])["text"].take(list(rows)).to_pylist())

    def layer_hash(self, layer: str) -> str:
        """Hash of all values of a layer, from its ticks; independent of any clock."""
        ticks = [self.tick(layer, i)["values"] for i, _, _ in self.chunks]
        plan = self.layers[layer]
        return content_hash(json.dumps([layer, plan["shape"], plan["dtype"], ticks]).encode())

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Seal a complete capture with its summary (n, top1, overhead …)."""
        for layer in self.layers:
            for index, _, _ in self.chunks:
                self.tick(layer, index)
        put_json(self.path / "capture.json", dict(summary))

    @property
    def summary(self) -> dict[str, Any] | None:
        """What `finish` sealed, or None while the capture is not complete."""
        path = self.path / "capture.json"
        return dict(read_json(path)) if path.exists() else None


def open_run(path: Path | str) -> ActivationSet:
    """Activations of a complete RUN, read lazily from its shards (`ts.open`)."""
    run = Run.open(path)
    summary = run.summary
    if summary is None:
        msg = (
            f"the capture in {path} is not complete. Run its command again to continue: "
            f"{run.spec.get('command', 'the same toposcope capture …')}"
        )
        raise StoreError(msg)
    return ActivationSet(
        layers=run.addresses,
        sample_ids=run.samples.ids,
        read=run.read,
        labels=run.samples.labels,
        class_names=run.samples.class_names,
        run=run.path,
        attrs={**run.spec, **summary},
        pseudo=tuple(name for name in run.layers if name.startswith("@")),
    )


def _layers(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        entry["name"]: {k: v for k, v in entry.items() if k != "name"} for entry in plan["layers"]
    }


def _check_schema(path: Path, plan: Mapping[str, Any]) -> None:
    if plan.get("schema") != SCHEMA_VERSION:
        msg = (
            f"{path} has schema version {plan.get('schema')!r}; this toposcope reads version "
            f"{SCHEMA_VERSION}. Capture again into a new folder, or install the toposcope that "
            "wrote it (see versions in run.json)."
        )
        raise SchemaVersionError(msg)


def _refuse_other_parameters(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    _check_schema(path, old)
    before, after = {**old["spec"], **old}, {**new["spec"], **new}
    # The command is kept for people; two spellings of one command are the same capture.
    ignored = {"spec", "command"}
    keys = (before.keys() | after.keys()) - ignored
    different = sorted(key for key in keys if before.get(key) != after.get(key))
    if not different:
        return
    shown = "; ".join(f"{k}: {before.get(k)!r} -> {after.get(k)!r}"[:200] for k in different)
    msg = (
        f"{path} was begun with other parameters ({shown}). Use another folder with -o, or delete "
        "this one."
    )
    raise ParameterMismatchError(msg)


def _put_samples(path: Path, samples: Samples) -> None:
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
    put(path, sink.getvalue().to_pybytes())


def _read_samples(path: Path, class_names: list[str]) -> Samples:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["id", "index", "label"])
    except (OSError, pa.ArrowInvalid) as error:
        msg = f"{path} cannot be read ({error}): the RUN is damaged."
        raise DamagedError(msg) from error
    label = table["label"]
    return Samples(
        ids=np.array(table["id"].to_pylist(), dtype=str),
        indices=table["index"].to_numpy(),
        labels=None if label.null_count else label.to_numpy(),
        class_names=tuple(class_names),
    )
