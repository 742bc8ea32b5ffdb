"""Data that is a Hugging Face dataset: from the hub or its cache, or a folder saved to disk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.files import expanded, no_labels, pick_key, split_of
from toposcope.activations.data.items import no_pads
from toposcope.activations.data.pictures import pixels, stacker
from toposcope.activations.data.source import DataSource, kind_of, labels_of, tell
from toposcope.activations.data.text import LABEL_KEYS, TEXT_KEYS, from_texts
from toposcope.errors import MissingExtraError, SpecError
from toposcope.store.objects import content_hash
from toposcope.types import near_matches

OPTIONS = ("split", "x", "y", "config", "revision")
X_COLUMNS = (*TEXT_KEYS, "image", "img", "pixel_values", "x", "input_ids")
SAVED = ("state.json", "dataset_dict.json")
"""What `save_to_disk` leaves in a folder: one of these says that it did."""
PROBED = 32


def from_hub(spec: str) -> DataSource:
    """`hf:DATASET[#split=NAME,x=COLUMN,y=COLUMN,config=NAME,revision=COMMIT]`."""
    body = spec.partition(":")[2]
    where, _, tail = body.partition("#")
    options: dict[str, str] = {}
    for part in filter(None, tail.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in OPTIONS:
            accepted = ", ".join(f"{option}=…" for option in OPTIONS)
            msg = f"DATA {spec!r}: option {part!r} cannot be understood; accepted: {accepted}."
            raise SpecError(msg)
        options[key] = value
    dataset = _load(where, options, spec)
    folder = expanded(where)
    name, split = split_of(folder) if folder.exists() else (where, "")
    if isinstance(dataset, Mapping):
        dataset, split = _one_split(dataset, options.get("split"), spec)
        name = f"{name}/{split}"
    elif options.get("split"):
        split = options["split"]
        if str(dataset.split) != split:
            msg = f"DATA {spec!r}: the folder holds one split, {dataset.split}. Leave split= out."
            raise SpecError(msg)
        name = f"{name}/{split}"
    return from_dataset(dataset, options, name=name, spec=spec, split=split)


def _load(where: str, options: Mapping[str, str], spec: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        msg = f"DATA {spec!r} needs the datasets package: pip install 'toposcope[hf]'"
        raise MissingExtraError(msg) from error
    folder = expanded(where)
    quiet = datasets.utils.logging.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        if any((folder / name).is_file() for name in SAVED):
            return datasets.load_from_disk(str(folder))
        return datasets.load_dataset(
            str(folder) if folder.exists() else where,
            options.get("config"),
            split=options.get("split"),
            revision=options.get("revision"),
        )
    except Exception as error:  # every builder raises its own kinds
        reason = " ".join(str(error).split()) or type(error).__name__
        msg = (
            f"DATA {spec!r}: the dataset cannot be loaded: {type(error).__name__}: {reason[:400]}. "
            "Give the id of a dataset on the hub (or in the local cache when offline), or a folder "
            "written by save_to_disk."
        )
        raise SpecError(msg) from error
    finally:
        if quiet:
            datasets.enable_progress_bars()


def _one_split(splits: Mapping[str, Any], asked: str | None, spec: str) -> tuple[Any, str]:
    if asked is None and len(splits) == 1:
        asked = next(iter(splits))
    if asked is None or asked not in splits:
        have = ", ".join(f"{name} ({len(rows):,})" for name, rows in splits.items())
        start = spec.partition("#")[0]
        msg = f"DATA {spec!r}: the dataset has the splits {have}. Name one: {start}#split=NAME."
        raise SpecError(msg)
    return splits[asked], asked


def from_dataset(
    dataset: Any, options: Mapping[str, str], *, name: str, spec: str, split: str = ""
) -> DataSource:
    """A source over a `datasets.Dataset`, rows read when they are needed.

    Parameters
    ----------
    dataset
        A `datasets.Dataset` (one split).
    options
        `x` and `y`: names of columns. Without them the usual names are looked for; `y=` (nothing)
        leaves the labels out.
    name, spec, split
        As in `DataSource`.
    """
    columns = list(dataset.column_names)
    if not hasattr(dataset, "__len__"):
        msg = f"DATA {spec!r} is a stream; needed are rows by position: take some into a Dataset."
        raise SpecError(msg)
    n = len(dataset)
    if not n:
        msg = f"DATA {spec!r}: the dataset has no rows."
        raise SpecError(msg)
    x_key = pick_key(columns, options, "x", X_COLUMNS, spec, needed=True, what="column")
    y_key = pick_key(columns, options, "y", LABEL_KEYS, spec, needed=False, what="column")
    assert x_key is not None
    labels, class_names = _labels(dataset, y_key, spec)
    used = (x_key,) if y_key is None else (x_key, y_key)
    about: dict[str, Any] = {"name": name, "spec": spec, "split": split, "columns": used}
    about["left_out"] = {"columns": [column for column in columns if column not in used]}
    about["ids_of"] = lambda key: _ids(dataset, key, columns, spec)
    tell(spec, about["left_out"])
    held = dataset.select_columns([x_key])
    if getattr(dataset.features[x_key], "dtype", "") in ("string", "large_string"):
        texts = from_texts(list(held[:][x_key]), labels, class_names=class_names, **about)
        return replace(texts, revision=_revision(dataset))
    masks = dataset if x_key == "input_ids" and "attention_mask" in columns else None

    def one(index: int) -> NDArray[Any]:
        where = f"DATA {spec!r}: row {index}, column {x_key!r}"
        try:
            value = held[index][x_key]
        except Exception as error:  # a picture is decoded here, by plug-ins of their own kinds
            reason = " ".join(str(error).split())
            msg = f"{where} cannot be read: {type(error).__name__}: {reason[:300]}."
            raise SpecError(msg) from error
        if masks is not None:
            no_pads(masks[index], index, spec)
        return _numbers(value, where)

    few = np.unique(np.linspace(0, n - 1, PROBED).astype(int))
    parts = [one(int(index)).tobytes() for index in few]
    parts.append(b"" if labels is None else labels.tobytes())
    return DataSource(
        n=n,
        kind=kind_of(one(0).dtype, one(0).shape),
        read=stacker(one, spec),
        labels=labels,
        class_names=class_names,
        content=f"{len(few)} of {n} items:{content_hash(b''.join(parts))}",
        revision=_revision(dataset),
        **about,
    )


def _labels(
    dataset: Any, y_key: str | None, spec: str
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    if y_key is None:
        return None, ()
    names = getattr(dataset.features[y_key], "names", None) or ()
    values = list(dataset.select_columns([y_key])[:][y_key])
    named = spec.startswith("hf:")
    without = no_labels(spec) if named else f"pass dataset.remove_columns({y_key!r})"
    return labels_of(values, len(values), names, spec=spec, without=without)


def _ids(dataset: Any, key: str, columns: Sequence[str], spec: str) -> list[Any]:
    if key not in columns:
        msg = f"DATA {spec!r}: ids={key!r} is no column. " + near_matches(key, columns)
        raise SpecError(msg)
    return list(dataset.select_columns([key])[:][key])


def _numbers(value: Any, where: str) -> NDArray[Any]:
    """A picture or nested list of numbers as an array; pictures in RGB."""
    if hasattr(value, "convert"):
        return pixels(value, where)
    try:
        values = np.asarray(value)
    except (ValueError, TypeError) as error:
        msg = f"{where} is no array of one shape: {error}."
        raise SpecError(msg) from error
    if values.dtype.kind not in "fiub" or values.ndim == 0 or not values.size:
        msg = (
            f"{where} holds {type(value).__name__} of shape {values.shape}; needed is text, a "
            "picture or a list of numbers."
        )
        raise SpecError(msg)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _revision(dataset: Any) -> str:
    """Commit of a dataset from the hub, which its cache files carry in their path; else ""."""
    for entry in getattr(dataset, "cache_files", ()):
        match = re.search(r"[/\\]([0-9a-f]{40})[/\\]", str(entry.get("filename", "")))
        if match:
            return match.group(1)
    return ""
