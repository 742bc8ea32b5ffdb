"""RUN folders: activations on disk that survive a kill and never lie.

A shard of activations is put first, its tick (layer, rows, sample-id hash, content hash, whose RUN)
last; a shard without its tick is garbage. Readers check the content hash on first touch. run.json
holds the hash of samples.parquet, and its own hash stands in every tick and in capture.json: a file
of another RUN fits nowhere. The layout is documented in docs/storage.md; `SCHEMA_VERSION` changes
with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
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
from toposcope.inputs.signatures import checked, store, whole_of
from toposcope.store.commands import plain_command
from toposcope.store.folders import MARKS, RUN, refuse_other_kind, what_is_no
from toposcope.store.objects import (
    Objects,
    Place,
    checked_place,
    content_hash,
    find_json,
    local_folder,
    objects_in,
    path_to,
    put_json_at,
)
from toposcope.store.samples import (
    SAMPLES,
    Samples,
    pack_samples,
    read_samples,
    read_texts,
    sample_hash,
)
from toposcope.store.shapes import expect
from toposcope.store.shards import STORED_TYPES, let_go, map_shard, shard_header
from toposcope.types import ActivationSet

SCHEMA_VERSION = 2
"""1: ticks say neither their layer nor their RUN, and nothing vouches for samples.parquet."""
CHUNK_BYTES = 64 << 20
"""Size of a chunk over all layers: one buffer of it is held while capturing."""

LayerPlan = Mapping[str, Mapping[str, Any]]

PLAN, SUMMARY = MARKS[RUN], "capture.json"
AGAIN = "The RUN is damaged: capture again into a new folder, or bring a copy of the file."
PLAN_SHAPE = {
    "schema": int,
    "spec": {"class_names?": [str], "name?": (str, type(None)), "model?": (str, type(None))},
    "layers": [{"name": str, "shape": [int], "dtype": str}],
    "chunk_rows": int,
    "samples": str,
    "content?": str,
}
TICK_SHAPE = {
    "rows": [int],
    "samples": str,
    "content": str,
    "values": str,
    "layer?": str,
    "run?": str,
}
SUMMARY_SHAPE = {
    "n?": int,
    "top1?": (float, int, type(None)),
    "nonfinite?": {str: int},
    "depends_on?": {str: [str]},
    "truncated?": (int, type(None)),
    "run?": str,
}
TWIN = "twin"
"""Where the RUN of a network's first random-init twin lies: inside the RUN of the network."""


@checked(run=store, number=whole_of(0))
def twin_of(run: Path | str, number: int = 0) -> Path:
    """Folder of the RUN of a network's random-init twin: twin, twin_2, twin_3 and so on."""
    return Path(run) / (TWIN if number == 0 else f"{TWIN}_{number + 1}")


def is_twin(folder: str) -> bool:
    """Whether a folder inside a RUN is named as a random-init twin's."""
    return re.fullmatch(rf"{TWIN}(_[0-9]+)?", folder) is not None


@checked(run=store)
def twins_of(run: Path | str) -> list[Path]:
    """Folders of the random-init twins that were captured, in order."""
    found: list[Path] = []
    while objects_in(path := twin_of(run, len(found))).exists(SUMMARY):
        found.append(path)
    return found


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


@dataclass(eq=False)
class Run:
    """A RUN, open for reading (`Run.open`) or for writing (`Run.begin`, as a context)."""

    objects: Objects
    spec: dict[str, Any]
    samples: Samples
    layers: dict[str, dict[str, Any]]
    chunk_rows: int
    schema: int = SCHEMA_VERSION
    whose: str = ""
    _lock: ExitStack = field(default_factory=ExitStack)
    _checked: dict[tuple[str, int], NDArray[Any]] = field(default_factory=dict)
    _sample_hashes: dict[int, str] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        place: Place,
        *,
        spec: Mapping[str, Any],
        samples: Samples,
        layers: LayerPlan,
        chunk_rows: int,
    ) -> Self:
        """Create a RUN, or resume one that was begun with the same parameters."""
        objects = objects_in(place)
        refuse_other_kind(objects, RUN, "capture()")
        packed = pack_samples(samples)
        plan = {
            "schema": SCHEMA_VERSION,
            "spec": dict(spec),
            # A list: sorted JSON keys would lose the order of the network.
            "layers": [{"name": name, **entry} for name, entry in layers.items()],
            "chunk_rows": chunk_rows,
            "samples": sample_hash(samples.ids),
            "content": content_hash(packed),
        }
        plan = json.loads(json.dumps(plan))  # tuples become lists, as they will when read back
        with ExitStack() as stack:
            stack.enter_context(objects.lock())
            begun = _find_plan(objects)
            if begun is not None:
                _refuse_other_parameters(objects, begun, plan)
                read_samples(objects, (), expected=begun.get("content"))
            else:
                objects.put(SAMPLES, packed)
                put_json_at(objects, PLAN, plan)
            kept = begun or plan
            # What readers will see: the spec that was written first, with its command.
            return cls(
                objects,
                plan["spec"],
                samples,
                _layers(kept),
                chunk_rows,
                schema=kept["schema"],
                whose=whose_is(objects),
                _lock=stack.pop_all(),
            )

    @classmethod
    def open(cls, place: Place) -> Self:
        """Open a RUN for reading."""
        objects = objects_in(place)
        plan = _find_plan(objects)
        if plan is None:
            raise StoreError(what_is_no(RUN, objects))
        class_names = plan["spec"].get("class_names", [])
        samples = read_samples(objects, class_names, expected=plan.get("content"))
        if sample_hash(samples.ids) != plan["samples"]:
            msg = f"{objects.where(SAMPLES)} does not match run.json. {AGAIN}"
            raise DamagedError(msg)
        return cls(
            objects,
            plan["spec"],
            samples,
            _layers(plan),
            plan["chunk_rows"],
            schema=plan["schema"],
            whose=whose_is(objects),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.close()

    @property
    def path(self) -> Path:
        """The RUN folder, or its URL in a path.

        Raises
        ------
        StoreError
            When the RUN lies in objects of another kind.
        """
        return path_to(self.objects) or local_folder(self.objects)

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

    def shard_name(self, layer: str, index: int) -> str:
        """Name of the object that holds one chunk of one layer."""
        return f"{_chunk_name(layer, index)}.safetensors"

    def tick_name(self, layer: str, index: int) -> str:
        """Name of the object that says that a chunk is whole."""
        return _tick_name(layer, index)

    def has_chunk(self, layer: str, index: int) -> bool:
        """Whether this chunk was written and ticked off."""
        return self.objects.exists(_tick_name(layer, index))

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
        self.objects.put(self.shard_name(layer, index), header, body)
        tick = {
            "rows": [start, stop],
            "samples": self._samples_of(index),
            "content": content_hash(header, body),
            "values": content_hash(body),
            "layer": layer,
            "run": self.whose,
        }
        put_json_at(self.objects, _tick_name(layer, index), tick)

    def tick(self, layer: str, index: int) -> dict[str, Any]:
        """The manifest of one chunk."""
        tick = find_json(self.objects, _tick_name(layer, index))
        if tick is None:
            msg = (
                f"layer {layer!r} has no chunk {index} in {self.objects.where()}: the capture is "
                "not complete. Run the same capture command again; it continues where it stopped."
            )
            raise StoreError(msg)
        where = self.objects.where(_tick_name(layer, index))
        expect(tick, TICK_SHAPE, where=where, again=AGAIN)
        _, start, stop = self.chunks[index]
        if tick["rows"] != [start, stop] or tick["samples"] != self._samples_of(index):
            msg = f"{where} belongs to other samples than this RUN: it was moved or swapped."
            raise DamagedError(msg)
        old = self.schema < SCHEMA_VERSION
        for name, own in (("layer", layer), ("run", self.whose)):
            said = tick.get(name)
            if said != own and not (old and said is None):
                msg = (
                    f"{where} belongs to another {name} than it lies in: it was moved or swapped. "
                    f"{AGAIN}"
                )
                raise DamagedError(msg)
        return dict(tick)

    def shard(self, layer: str, index: int) -> NDArray[Any]:
        """Rows of one chunk as a read-only memory map, its hash checked on first touch."""
        known = self._checked.get((layer, index))
        if known is not None:
            return known
        values = self.mapped(layer, index)
        # Its pages were needed for the hash; rows that are read come back one by one. Without this
        # a worker shows the whole of every layer it looked at as its own memory.
        let_go(values)
        self._checked[layer, index] = values
        return values

    def mapped(self, layer: str, index: int) -> NDArray[Any]:
        """Rows of one chunk, checked now and kept by nobody."""
        tick, plan = self.tick(layer, index), self.layers[layer]
        want = tick["rows"][1] - tick["rows"][0], *plan["shape"]
        name = self.shard_name(layer, index)
        return map_shard(self.objects, name, tick["content"], shape=want, dtype=plan["dtype"])

    def read(self, layer: str, rows: NDArray[np.intp] | None = None) -> NDArray[Any]:
        """(n, ...) activations of one layer, or those of `rows` in the order given."""
        if layer not in self.layers:
            known = ", ".join(self.addresses)
            msg = f"{self.objects.where()} has no layer {layer!r}; it has {known}."
            raise StoreError(msg)
        if rows is None:
            return np.concatenate([self.shard(layer, i) for i, _, _ in self.chunks])
        rows = np.asarray(rows, dtype=np.intp)
        if rows.size and (rows.min() < 0 or rows.max() >= self.n):
            msg = f"read(): rows {rows.min()}..{rows.max()} of a RUN with {self.n} samples."
            raise UsageError(msg)
        plan = self.layers[layer]
        chunk_of = rows // self.chunk_rows
        touched = np.unique(chunk_of)
        for index in touched[:1]:  # whether a layer has the size it says, before room is made
            self.shard(layer, int(index))
        out = np.empty((len(rows), *plan["shape"]), dtype=plan["dtype"])
        for index in touched:
            here = chunk_of == index
            out[here] = self.shard(layer, int(index))[rows[here] - index * self.chunk_rows]
        return out

    def texts(self, rows: Sequence[int]) -> list[str] | None:
        """Beginnings of some samples; None when the data are no texts."""
        return read_texts(self.objects, rows)

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
        put_json_at(self.objects, SUMMARY, {**summary, "run": self.whose})

    @property
    def summary(self) -> dict[str, Any] | None:
        """What `finish` sealed, or None while the capture is not complete."""
        summary: dict[str, Any] | None = find_json(self.objects, SUMMARY)
        if summary is None:
            return None
        where = self.objects.where(SUMMARY)
        expect(summary, SUMMARY_SHAPE, where=where, again=AGAIN)
        said = summary.pop("run", None)
        if said != self.whose and not (said is None and self.schema < SCHEMA_VERSION):
            msg = f"{where} belongs to another RUN than it lies in: it was swapped. {AGAIN}"
            raise DamagedError(msg)
        return summary


@checked("open", place=checked_place)
def open_run(place: Place) -> ActivationSet:
    """Activations of a complete RUN, read lazily from its shards (`ts.open`).

    Of a RUN behind a URL, `run` is that URL in a path. Of one in objects of a kind of your own it
    is None, and it is treated as arrays in memory are.
    """
    run = Run.open(place)
    summary = run.summary
    if summary is None:
        msg = (
            f"the capture in {run.objects.where()} is not complete. Run its command again to "
            f"continue: {plain_command(run.spec.get('command')) or 'the same toposcope capture …'}"
        )
        raise StoreError(msg)
    return ActivationSet(
        layers=run.addresses,
        sample_ids=run.samples.ids,
        read=run.read,
        labels=run.samples.labels,
        class_names=run.samples.class_names,
        run=path_to(run.objects),
        attrs={**run.spec, **summary},
        pseudo=tuple(name for name in run.layers if name.startswith("@")),
    )


def _chunk_name(layer: str, index: int) -> str:
    return f"acts/{call_of(layer)}/{folder_name(layer)}/{index:06d}"


def _tick_name(layer: str, index: int) -> str:
    return f"{_chunk_name(layer, index)}.json"


def _find_plan(objects: Objects) -> dict[str, Any] | None:
    """What run.json says; None where there is none."""
    plan = find_json(objects, PLAN)
    if plan is None:
        return None
    where = objects.where(PLAN)
    _check_schema(objects, expect(plan, {}, where=where, again=AGAIN))
    expect(plan, PLAN_SHAPE, where=where, again=AGAIN)
    names = [entry["name"] for entry in plan["layers"]]
    kept = {kind.name for kind in STORED_TYPES}
    odd = [entry for entry in plan["layers"] if entry["dtype"] not in kept or _odd(entry["shape"])]
    if odd or plan["chunk_rows"] < 1 or len(set(names)) < len(names) or _short(plan):
        what = f"layer {odd[0]}" if odd else "its chunks, a layer twice or the hash of its samples"
        msg = f"{where} is damaged: {what[:200]}. {AGAIN}"
        raise DamagedError(msg)
    return dict(plan)


def _odd(shape: Sequence[int]) -> bool:
    return len(shape) > 8 or any(not 0 <= size < 1 << 40 for size in shape)


def _short(plan: Mapping[str, Any]) -> bool:
    return plan["schema"] >= SCHEMA_VERSION and "content" not in plan


def whose_is(objects: Objects) -> str:
    """Hash of the run.json of a RUN: what everything made from it carries."""
    try:
        return content_hash(objects.get(PLAN))
    except FileNotFoundError as error:
        raise StoreError(what_is_no(RUN, objects)) from error


def _layers(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        entry["name"]: {k: v for k, v in entry.items() if k != "name"} for entry in plan["layers"]
    }


def _check_schema(objects: Objects, plan: Mapping[str, Any]) -> None:
    version = plan.get("schema")
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        msg = (
            f"{objects.where()} has schema version {str(version)[:40]}; this toposcope reads "
            f"versions 1 to {SCHEMA_VERSION}. Capture again into a new folder, or install the "
            "toposcope that wrote it (see versions in run.json)."
        )
        raise SchemaVersionError(msg)


def _refuse_other_parameters(
    objects: Objects, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    _check_schema(objects, old)
    before, after = {**old["spec"], **old}, {**new["spec"], **new}
    # The command is kept for people; two spellings of one command are the same capture.
    # The same samples may be packed into other bytes by another version of Parquet.
    ignored = {"spec", "command", "schema", "content"}
    keys = (before.keys() | after.keys()) - ignored
    different = sorted(key for key in keys if before.get(key) != after.get(key))
    if not different:
        return
    shown = "; ".join(f"{k}: {before.get(k)!r} -> {after.get(k)!r}"[:200] for k in different)
    msg = (
        f"{objects.where()} was begun with other parameters ({shown}). Use another folder with -o, "
        "or delete this one."
    )
    raise ParameterMismatchError(msg)
