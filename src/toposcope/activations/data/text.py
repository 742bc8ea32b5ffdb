"""Data that is text: lists of strings in memory, and files of one JSON object per line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.files import (
    damaged,
    file_hash,
    no_labels,
    pick_key,
    split_of,
    split_spec,
)
from toposcope.activations.data.source import DataSource, labels_of, tell
from toposcope.errors import SpecError, UsageError
from toposcope.inputs.limits import limit, refuse_bomb, refuse_larger
from toposcope.store.objects import content_hash
from toposcope.types import near_matches

TEXT_KEYS = ("text", "sentence", "question", "content")
LABEL_KEYS = ("label", "labels", "y", "class", "target")


def is_texts(value: object) -> bool:
    """Whether something is a sequence of strings.

    Examples
    --------
    >>> is_texts(["a", "b"]), is_texts("ab"), is_texts(np.array(["a"])), is_texts([1])
    (True, False, True, False)
    """
    if isinstance(value, np.ndarray):
        if value.ndim != 1 or value.dtype.kind not in "UO":
            return False
        value = value.tolist()
    good = isinstance(value, list | tuple) and len(value) > 0
    return good and all(isinstance(one, str) for one in value)  # type: ignore[attr-defined]


def from_texts(
    texts: Sequence[str] | NDArray[Any],
    y: Any,
    *,
    name: str,
    spec: str,
    class_names: Any = (),
    content: str = "",
    split: str = "",
    columns: tuple[str, ...] = (),
    without: str = "pass the texts alone",
    left_out: Mapping[str, Any] | None = None,
    ids_of: Callable[[str], Any] | None = None,
) -> DataSource:
    """A source over strings in memory.

    Raises
    ------
    SpecError
        When there are none, one of them is empty or no text, or labels do not fit.

    Examples
    --------
    >>> source = from_texts(["one", "two"], np.array(["odd", "even"]), name="t", spec="t")
    >>> source.batch(np.array([1])).tolist(), source.kind, source.class_names
    (['two'], 'text', ('even', 'odd'))
    """
    # Objects, not fixed-width strings: one long text would widen all of them.
    held = np.empty(len(texts), dtype=object)
    odd = [position for position, text in enumerate(texts) if not isinstance(text, str)]
    if odd:
        msg = (
            f"{spec}: {len(odd)} of {len(held)} entries are no text, the first "
            f"({texts[odd[0]]!r}) at position {odd[0]}. Leave such rows out."
        )
        raise SpecError(msg)
    held[:] = [str(text) for text in texts]
    if not len(held):
        msg = f"{spec}: there are no texts in it."
        raise SpecError(msg)
    blank = [position for position, text in enumerate(held) if not text.strip()]
    if blank:
        msg = (
            f"{spec}: {len(blank)} of {len(held)} texts are empty, the first at position "
            f"{blank[0]}. Leave such rows out: nothing can be captured of them."
        )
        raise SpecError(msg)
    labels, names = labels_of(y, len(held), class_names, spec=spec, without=without)
    if not content:
        joined = "\x1f".join(held).encode(errors="surrogatepass")
        content = "texts:" + content_hash(joined + (b"" if labels is None else labels.tobytes()))
    return DataSource(
        name=name,
        n=len(held),
        kind="text",
        read=lambda indices: held[indices],
        labels=labels,
        class_names=names,
        content=content,
        spec=spec,
        split=split,
        columns=columns,
        left_out=left_out or {},
        ids_of=ids_of,
    )


def from_jsonl(spec: str) -> DataSource:
    """`jsonl:FILE[.gz][#x=KEY,y=KEY]`: one object per line with a text and perhaps a label."""
    path, options = split_spec(spec, ("x", "y"))
    rows = list(_objects(path, spec))
    if not rows:
        msg = f"DATA {spec!r}: {path} has no lines."
        raise SpecError(msg)
    keys = {key for _, row in rows for key in row}
    x_key = pick_key(keys, options, "x", TEXT_KEYS, spec, needed=True, what="key")
    y_key = pick_key(keys, options, "y", LABEL_KEYS, spec, needed=False, what="key")
    assert x_key is not None
    for number, row in rows:
        if not isinstance(row.get(x_key), str):
            msg = f"DATA {spec!r}: line {number} of {path} has no text under {x_key!r}."
            raise SpecError(msg)
    left_out = {"keys": sorted(keys - {x_key, y_key})}
    tell(spec, left_out)
    name, split = split_of(path)
    return from_texts(
        [row[x_key] for _, row in rows],
        None if y_key is None else [row.get(y_key) for _, row in rows],
        name=name,
        spec=spec,
        content=file_hash(path),
        split=split,
        columns=(x_key,) if y_key is None else (x_key, y_key),
        without=no_labels(spec),
        left_out=left_out,
        ids_of=lambda key: _ids(rows, key, sorted(keys), spec),
    )


def _ids(
    rows: Sequence[tuple[int, dict[str, Any]]], key: str, keys: Sequence[str], spec: str
) -> list[Any]:
    if key not in keys:
        msg = f"DATA {spec!r}: ids={key!r} is no key in the file. " + near_matches(key, keys)
        raise SpecError(msg)
    return [row.get(key) for _, row in rows]


def _objects(path: Path, spec: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a file, gzipped or not; blank lines are skipped."""
    opened = gzip.open if path.suffix == ".gz" else open
    number = unpacked = 0
    what = f"DATA {spec!r}: {path}"
    try:
        packed, longest = path.stat().st_size, limit("LINE")
        with opened(path, "rb") as stream:
            while raw := stream.readline(longest + 1):
                number += 1
                unpacked += len(raw)
                refuse_larger(len(raw), "LINE", what=f"{what}, line {number}")
                refuse_bomb(packed, unpacked, what=what)
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    msg = (
                        f"DATA {spec!r}: line {number} of {path} is {type(row).__name__}; needed "
                        'is an object such as {"text": "...", "label": 0}.'
                    )
                    raise SpecError(msg)
                yield number, row
    except UnicodeDecodeError as error:
        raise damaged(spec, path, error) from error
    except (ValueError, RecursionError) as error:  # a number of 5000 digits is a bare ValueError
        if isinstance(error, UsageError):
            raise
        msg = f"DATA {spec!r}: line {number} of {path} is not JSON: {error}."
        raise SpecError(msg) from error
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(spec, path, error) from error
