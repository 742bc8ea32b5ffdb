"""Data that is items by position: torch Datasets and everything that looks like one.

An item is a sample, a tuple (sample, label, ...) or a dict with usual keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.files import usual_name
from toposcope.activations.data.pictures import pixels, stacker
from toposcope.activations.data.source import DataSource, kind_of, labels_of, tell
from toposcope.activations.data.text import LABEL_KEYS, TEXT_KEYS, from_texts
from toposcope.activations.data.values import plain
from toposcope.activations.reasons import reason_of
from toposcope.errors import SpecError
from toposcope.inputs.labels import read_class_names
from toposcope.store.objects import content_hash

X_KEYS = ("image", "images", "img", "x", "data", "input", "pixel_values", "input_ids", *TEXT_KEYS)
PROBED = 32
"""Items that are read to hash a Dataset and to try its list of labels."""
WITHOUT = "pass a Dataset of the samples alone"


def from_items(dataset: Any, class_names: Any, *, name: str, spec: str) -> DataSource:
    """A source over the items of a Dataset, read when they are needed.

    Parameters
    ----------
    dataset
        Something with a length and positions.
    class_names
        Names of the classes, position = label.
    name, spec
        As in `DataSource`.

    Raises
    ------
    SpecError
        When it is empty, an item cannot be read, or labels do not fit.
    """
    try:
        n = len(dataset)
    except Exception as error:  # that of a stream, or of the user's own
        msg = (
            f"DATA {spec!r} ({type(dataset).__name__}) has no length: {reason_of(error)}. Needed "
            "are items by position: list(...) of a stream that fits in memory."
        )
        raise SpecError(msg) from error
    if n == 0:
        msg = f"DATA {spec!r} is empty."
        raise SpecError(msg)

    def item(index: int) -> Any:
        try:
            return dataset[index]
        except Exception as error:  # whatever the Dataset of a user raises
            msg = (
                f"DATA {spec!r} ({type(dataset).__name__}): item {index} of {n} cannot be read: "
                f"{reason_of(error)}."
            )
            raise SpecError(msg) from error

    first = item(0)
    x_key, y_key, rest = _keys(first, spec)

    def part(index: int, key: Any) -> Any:
        whole = item(index)
        if key is None:
            return whole
        try:
            return whole[key]
        except (KeyError, IndexError, TypeError) as error:
            msg = f"DATA {spec!r}: item {index} has no {key!r}, and item 0 has."
            raise SpecError(msg) from error

    left_out = {"parts of every item": rest}
    few = np.unique(np.linspace(0, n - 1, PROBED).astype(int)).tolist()
    y = None if y_key is None else _labels(dataset, n, few, lambda i: part(i, y_key))
    labels, names = labels_of(y, n, class_names, spec=spec, without=WITHOUT)
    tell(spec, left_out)
    about: dict[str, Any] = {"name": name, "spec": spec}
    if isinstance(part(0, x_key), str):
        texts = [part(i, x_key) for i in range(n)]
        odd = next((i for i, text in enumerate(texts) if not isinstance(text, str)), None)
        if odd is not None:
            kind = type(texts[odd]).__name__
            msg = f"DATA {spec!r}: item {odd} is {kind} and item 0 is text; needed is one kind."
            raise SpecError(msg)
        return from_texts(texts, labels, class_names=names, left_out=left_out, **about)

    def one(index: int) -> NDArray[Any]:
        values = numbers(part(index, x_key), f"DATA {spec!r}: item {index}")
        if x_key == "input_ids":
            no_pads(item(index), index, spec)
        return values

    probe = content_hash(b"".join(one(int(index)).tobytes() for index in few))
    example = one(0)
    return DataSource(
        n=n,
        kind=kind_of(example.dtype, example.shape),
        read=stacker(one, spec),
        labels=labels,
        class_names=names,
        content=f"{len(few)} of {n} items:{probe}",
        left_out=left_out,
        **about,
    )


def _keys(first: Any, spec: str) -> tuple[Any, Any, list[Any]]:
    """Where in an item the sample is, where its label, and what else there is."""
    if isinstance(first, Mapping):
        named = [key for key in first if isinstance(key, str)]
        x_key = usual_name(named, X_KEYS)
        if x_key is None:
            msg = (
                f"DATA {spec!r}: items are dicts of {', '.join(map(repr, first))}; none of "
                f"{', '.join(X_KEYS)} is there. Wrap the Dataset: items (sample, label)."
            )
            raise SpecError(msg)
        y_key = usual_name(named, LABEL_KEYS)
        return x_key, y_key, [key for key in first if key not in (x_key, y_key)]
    if isinstance(first, tuple | list) and len(first) == 1:
        return 0, None, []
    if isinstance(first, tuple | list) and len(first) > 1:
        return 0, 1, [f"[{position}]" for position in range(2, len(first))]
    return None, None, []


def _labels(dataset: Any, n: int, few: list[int], label: Callable[[int], Any]) -> list[Any] | None:
    """A label of every item; None where no item has one.

    `targets` saves reading every item, which may decode a picture; it is believed where it says
    what the items say (a target_transform makes it say something else).
    """
    known = getattr(dataset, "targets", getattr(dataset, "labels", None))
    if known is not None and np.shape(known)[:1] == (n,):
        listed = [_one_label(known[i]) for i in range(n)]
        if all(_same(listed[i], _one_label(label(i))) for i in few):
            return listed
    found = [_one_label(label(i)) for i in range(n)]
    return None if all(one is None for one in found) else found


def _one_label(value: Any) -> Any:
    """A label out of its array or tensor of one entry, which MedMNIST and others give."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if getattr(value, "shape", None) in ((), (1,)):
        return value.reshape(-1)[0].item() if hasattr(value, "reshape") else value
    return value


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(np.all(a == b))


def numbers(value: Any, where: str) -> NDArray[Any]:
    """Numbers of one sample, or the pixels of a picture: grey (h, w), else (h, w, 3)."""
    if hasattr(value, "convert") and hasattr(value, "mode"):
        if value.mode == "F":
            return np.asarray(value)
        if value.mode == "RGBA":
            return np.asarray(value)  # four channels, as the Dataset made them
        return pixels(value, where, grey=True)
    try:
        values = np.asarray(plain(value))
    except (ValueError, TypeError) as error:
        msg = f"{where} ({type(value).__name__}) is no array: {error}."
        raise SpecError(msg) from error
    if values.dtype.kind not in "fiub" or values.ndim == 0 or not values.size:
        msg = (
            f"{where} is {type(value).__name__}, not numbers or an image: {values.dtype} of shape "
            f"{values.shape}. Needed are items x or (x, label), x an array, picture or text."
        )
        raise SpecError(msg)
    return values


def no_pads(item: Mapping[str, Any], index: int, spec: str) -> None:
    """Refuse token ids with pads among them: no array of ids tells which they are."""
    mask = item.get("attention_mask")
    if mask is not None and not np.asarray(mask).all():
        msg = (
            f"DATA {spec!r}: item {index} has pads in its attention_mask, which arrays of ids do "
            "not carry. Pass the texts and hf:MODEL, or ids cut to one length."
        )
        raise SpecError(msg)


def class_names_of(dataset: Any, spec: str) -> tuple[str, ...]:
    """Names of the classes that a Dataset carries, those inside it looked through.

    `Subset` has them in its `dataset`; the parts of a `ConcatDataset` must agree, since label 1 of
    all of them is one class.
    """
    where = f"DATA {spec!r}"
    own = getattr(dataset, "classes", None)
    if own is None or callable(own):
        own = getattr(dataset, "class_to_idx", None)
    if isinstance(own, Mapping):
        by_name = all(isinstance(value, int) for value in own.values())
        pairs = {v: k for k, v in own.items()} if by_name else dict(own)
        own = (
            [pairs[i] for i in range(len(pairs))] if set(pairs) == set(range(len(pairs))) else None
        )
    if isinstance(own, (list, tuple, np.ndarray)):
        return read_class_names(own, where=where, error=SpecError)
    parts = getattr(dataset, "datasets", None)
    if isinstance(parts, (list, tuple)):
        named = [class_names_of(part, spec) for part in parts]
        if len(set(filter(None, named))) > 1:
            two = sorted(set(filter(None, named)))[:2]
            msg = (
                f"{where}: its parts name their classes differently ({', '.join(two[0][:4])} and "
                f"{', '.join(two[1][:4])}), and label 0 of all of them would be one class. Give "
                "the Dataset an attribute classes with the names, position = label."
            )
            raise SpecError(msg)
        return named[0] if named and len(set(named)) == 1 else ()
    inner = getattr(dataset, "dataset", None)
    return () if inner is None else class_names_of(inner, spec)
